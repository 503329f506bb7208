"""A change of a session's metadata: its fields and their types as type checkers read them, and its checks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypedDict

from .errors import InvalidValue
from .fields import DERIVED_KEYS, FIELDS, READ_AS, TRANSCRIPT_KEYS, check_extra, check_metadata
from .origins import CHILDREN, COPIED, ORIGINALS, SEGMENTS, STARTED_BY
from .suggestions import did_you_mean


class OtherMetadata(TypedDict, total=False):
    """The fields that `SessionRepository.new` does not name one by one."""

    created_at: float
    updated_at: float
    pinned: bool
    archived: bool
    input_tokens: int
    output_tokens: int
    estimated_cost: float | None
    personality: str | None
    active_stream_id: str | None
    pending_user_message: str | None
    pending_attachments: list[Any]
    pending_started_at: float | None
    compression_anchor_visible_idx: Any
    compression_anchor_message_key: Any
    context_length: int | None
    threshold_tokens: int | None
    last_prompt_tokens: int | None
    parent_session_id: str | None
    is_cli_session: bool
    source_tag: str | None
    session_source: str | None
    source_label: str | None


class MetadataFields(OtherMetadata, total=False):
    """The fields of a session as keywords of a call; a test holds them to `fields.FIELDS`."""

    title: str
    workspace: str | None
    model: str | None
    model_provider: str | None
    profile: str | None
    project_id: str | None
    enabled_toolsets: list[str] | None


class MetadataChange(NamedTuple):
    """Checked values by key, fields and others, and the other keys to remove."""

    values: Mapping[str, Any]
    removed: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be set or removed."""
        return not self.values and not self.removed

    def is_in(self, known: Mapping[str, Any]) -> bool:
        """Whether a session with these keys is already as this change would leave it, for all that is known.

        A list shows a long text cut and an odd one cleaned, which says nothing of the text in the file.
        """
        return self.removed.isdisjoint(known) and all(
            name in known and _is_same(name, value, known[name]) for name, value in self.values.items()
        )


_KEYWORDS = (*FIELDS, "touch", "extra", "remove")  # of `update`


def _is_same(name: str, value: object, known: object) -> bool:
    if isinstance(value, str):
        longest = FIELDS[name].longest if name in FIELDS else 0
        return value == known and "\ufffd" not in value and not 0 < longest <= len(value)
    return value == known and isinstance(value, bool | None) and type(value) is type(known)


# Why a key can neither be set nor removed by a caller.
_OWNED: Mapping[str, str] = {
    **dict.fromkeys(DERIVED_KEYS, "it follows from the session"),
    **dict.fromkeys(TRANSCRIPT_KEYS, "change the transcript with append, truncate, undo, clear or save"),
    **dict.fromkeys(READ_AS.values(), "it keeps the time that the file's own value was read as"),
    **dict.fromkeys(
        (SEGMENTS, ORIGINALS, COPIED, STARTED_BY, CHILDREN), "it keeps where the conversation came from"
    ),
}


def check_fields(metadata: Mapping[str, Any]) -> None:
    """Raise `InvalidValue` for the first keyword that is no field of a session, with what to do about it."""
    for name in metadata:
        if name not in FIELDS:
            raise InvalidValue(_owned(name) or _not_a_field(name))


def _not_a_field(name: str) -> str:
    other = f'To store another key, use update(..., extra={{"{name}": ...}}).'
    return f"{name} is not a field of a session.{did_you_mean(name, _KEYWORDS)} {other}"


def check_others(extra: object, remove: object) -> MetadataChange:
    """Return the keys that are no fields, to set and to remove; raise `InvalidValue` for others."""
    values = {} if extra is None else check_extra(extra)
    removed = _names(remove)
    for name in (*values, *removed):
        if reason := _owned(name):
            raise InvalidValue(reason)
        if name in FIELDS:
            raise InvalidValue(f"{name} is a field of a session: set it as update(..., {name}=...)")
    if twice := sorted(removed & values.keys()):
        raise InvalidValue(f"{twice[0]} is both in extra and in remove")
    return MetadataChange(check_metadata(values), removed)


def _owned(name: str) -> str | None:
    reason = _OWNED.get(name)
    return None if reason is None else f"{name} cannot be set or removed: {reason}"


def _names(remove: object) -> frozenset[str]:
    if isinstance(remove, str) or not isinstance(remove, Iterable):
        raise InvalidValue('remove must be a list of keys, such as ["note"]')
    names: Collection[Any] = list(remove)
    if not all(isinstance(name, str) for name in names):
        raise InvalidValue('remove must be a list of keys, such as ["note"]')
    return frozenset(names)
