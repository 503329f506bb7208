"""The values that cross the library's boundary, and the pure rules for the fields of a session."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Self

from .errors import InvalidId, InvalidValue

UNTITLED = "Untitled"
LONGEST_TITLE = 500
TITLE_FROM_MESSAGES = 64
LARGEST_INTEGER = 2**63 - 1
DEEPEST = 100  # far from where Python stops, about 1,000 levels less the callers: not the same for all calls
TRANSCRIPT_KEYS = frozenset({"messages", "tool_calls"})
DERIVED_KEYS = frozenset({"session_id", "message_count", "last_message_at", "is_streaming"})

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Signature(NamedTuple):
    """The version of a sidecar: what `stat` says of the file. A draft has inode 0 and its own clock."""

    size: int
    mtime_ns: int
    inode: int


class Stored(NamedTuple):
    """What the index knows of a sidecar beside its summary.

    Its version; the bytes where the value of `messages` begins and ends (None: unknown, or there is none);
    when its last message was sent (seconds since the epoch, None if none says); where `tool_calls` lies,
    as `transcript`; and the marks of its messages, where None says that neither of these is known.
    """

    signature: Signature
    transcript: tuple[int, int] | None = None
    sent_at: float | None = None
    tool_calls: tuple[int, int] | None = None
    marks: bytes | None = None


class Moved(NamedTuple):
    """The modification times of the sessions folder around a write of ours, in nanoseconds.

    `after` is None if others wrote as well.
    """

    before: int
    after: int | None


class Change(NamedTuple):
    """A write of ours, from one version of a file (None: there was none) to another (None: deleted).

    `kept` is how many messages at its beginning are as they were, None if that is not known.
    """

    session_id: str
    title: str
    before: Signature | None
    after: Signature | None
    kept: int | None


# ---- fields ---------------------------------------------------------------------------------------------


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_INTEGER


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST_INTEGER and math.isfinite(value)


def is_time(value: object) -> bool:
    return _is_number(value) and value >= 0  # type: ignore[operator]  # _is_number has seen that it is one


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) and name for name in value)


class Field(NamedTuple):
    """What a metadata field may hold, and what it reads as when the file holds something else."""

    accepts: Any
    words: str
    default: Any = None
    required: bool = False
    longest: int = 0


def _text(longest: int) -> Field:
    return Field(_is_text, f"text of at most {longest:,} characters, or null", longest=longest)


_FLAG = Field(_is_flag, "true or false", default=False, required=True)
_COUNT = Field(_is_count, f"a whole number from 0 to {LARGEST_INTEGER}", default=0, required=True)
_TIME = Field(is_time, "a time in seconds since the epoch", required=True)
_OPTIONAL_COUNT = Field(_is_count, f"a whole number from 0 to {LARGEST_INTEGER}, or null")
_ANYTHING = Field(lambda _: True, "any JSON value")

# The web UI's metadata in the order in which its Session.save writes them; `session_id` comes first there.
FIELDS: Mapping[str, Field] = {
    "title": Field(
        _is_text,
        f"text of at most {LONGEST_TITLE} characters",
        UNTITLED,
        required=True,
        longest=LONGEST_TITLE,
    ),
    "workspace": _text(4096),
    "model": _text(256),
    "model_provider": _text(256),
    "created_at": _TIME,
    "updated_at": _TIME,
    "pinned": _FLAG,
    "archived": _FLAG,
    "project_id": _text(128),
    "profile": _text(128),
    "input_tokens": _COUNT,
    "output_tokens": _COUNT,
    "estimated_cost": Field(_is_number, "a number, or null"),
    "personality": _text(10_000),
    "active_stream_id": _text(256),
    "pending_user_message": _text(10_000_000),
    "pending_attachments": Field(_is_list, "a list", default=[], required=True),
    "pending_started_at": Field(is_time, "a time in seconds since the epoch, or null"),
    "compression_anchor_visible_idx": _ANYTHING,
    "compression_anchor_message_key": _ANYTHING,
    "context_length": _OPTIONAL_COUNT,
    "threshold_tokens": _OPTIONAL_COUNT,
    "last_prompt_tokens": _OPTIONAL_COUNT,
    "parent_session_id": _text(128),
    "is_cli_session": _FLAG,
    "source_tag": _text(128),
    "session_source": _text(128),
    "source_label": _text(128),
    "enabled_toolsets": Field(_is_names, "a list of names, or null"),
}

# Where a change notes how a time was read that the file says in some other way, such as in words: that stays
# as it is, and what it reads as must not move with each write.
READ_AS: Mapping[str, str] = {name: f"{name}_read_as" for name in ("created_at", "updated_at")}

# What later releases of the web UI add to a list entry when the sidecar has it.
LATER_LISTED = frozenset(
    (
        "cache_read_tokens cache_write_tokens compression_anchor_summary pre_compression_snapshot "
        "context_engine compression_anchor_engine compression_anchor_mode compression_anchor_details "
        "context_engine_state post_compression_context_tokens_estimate compression_recovery "
        "recommended_recovery_action gateway_routing gateway_routing_history manual_title created_workspace "
        "raw_source read_only composer_draft process_wakeup_pause share_token share_created_at"
    ).split()
)
NOT_LISTED = frozenset({"pending_attachments", "pending_started_at", "parent_session_id"})


_KNOWN_KEYS = TRANSCRIPT_KEYS | DERIVED_KEYS | FIELDS.keys()
_DEFAULTS = {name: rule.default for name, rule in FIELDS.items()}


def is_id(text: str) -> bool:
    """Whether `text` can be a session's id."""
    return _ID.fullmatch(text) is not None


def check_id(session_id: object) -> str:
    """Return `session_id` if it is an id, else raise `InvalidId`: before any path is built from it."""
    if isinstance(session_id, str) and is_id(session_id):
        return session_id
    raise InvalidId("session_id must be 1 to 128 of the characters A-Z a-z 0-9 _ -")


def check_metadata(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes as they are stored; raise `InvalidValue` for the first that cannot be."""
    return {name: _checked(name, value) for name, value in changes.items()}


def _checked(name: str, value: Any) -> Any:
    if name in TRANSCRIPT_KEYS or name in DERIVED_KEYS:
        raise InvalidValue(f"{name} cannot be set as metadata")
    rule = FIELDS.get(name, _ANYTHING)
    if not (value is None and not rule.required) and not rule.accepts(value):
        raise InvalidValue(f"{name} must be {rule.words}")
    if rule.longest and value is not None and len(value) > rule.longest:
        raise InvalidValue(f"{name} must be {rule.words}; this one has {len(value):,}")
    if not _is_shallow(value):
        raise InvalidValue(f"{name} must not be nested deeper than {DEEPEST} levels")
    return _normal(name, value)


_NESTED = (dict, list, tuple)


def _is_shallow(value: object, levels: int = DEEPEST) -> bool:
    if not isinstance(value, _NESTED):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


def check_document(document: object) -> dict[str, Any]:
    """Return `document` if it is a JSON object, else raise `InvalidValue`."""
    if isinstance(document, Mapping) and all(isinstance(name, str) for name in document):
        return dict(document)
    raise InvalidValue("the document must be a JSON object")


def check_text(name: str, value: object) -> str | None:
    """Return `value` if it is text or None, else raise `InvalidValue`."""
    if value is None or isinstance(value, str):
        return value
    raise InvalidValue(f"{name} must be text")


def check_flag(name: str, value: object) -> bool | None:
    """Return `value` if it is true, false or None, else raise `InvalidValue`."""
    if value is None or isinstance(value, bool):
        return value
    raise InvalidValue(f"{name} must be true or false")


def check_messages(messages: object, name: str = "messages") -> list[dict[str, Any]]:
    """Return `messages` as a list of objects, or raise `InvalidValue` that says which one is not."""
    if not isinstance(messages, list | tuple):
        raise InvalidValue(f"{name} must be a list of objects")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise InvalidValue(f"{name}[{index}] must be an object")
    return list(messages)


def check_seconds(name: str, value: object) -> float:
    """Return `value` if it is a number of seconds, 0 or more, else raise `InvalidValue`."""
    if is_time(value):
        return float(value)  # type: ignore[arg-type]  # is_time has seen that it is a number
    raise InvalidValue(f"{name} must be a number of seconds, 0 or more")


def check_whole(name: str, value: object, lowest: int = 0, highest: int = LARGEST_INTEGER) -> int:
    """Return `value` if it is a whole number from `lowest` to `highest`, else raise `InvalidValue`."""
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return value
    raise InvalidValue(f"{name} must be a whole number from {lowest} to {highest}")


def _normal(name: str, value: Any) -> Any:
    if name == "model_provider" and value is not None:
        return value.strip().lower() or None
    if name in ("project_id", "parent_session_id"):
        return value or None
    return value


def read_metadata(session_id: str, document: Mapping[str, Any], otherwise_at: float) -> dict[str, Any]:
    """Read the metadata of a sidecar's `document` as arguments of `Summary` or `Session`, less `extra`.

    A missing or wrong value reads as its default; such a time as what was noted of it at the first change
    (`READ_AS`), or else as `otherwise_at` (seconds since the epoch).
    """
    values: dict[str, Any] = {"session_id": session_id, **_DEFAULTS}
    for name, value in document.items():  # half of what is usual is null
        if value is not None and name in FIELDS and FIELDS[name].accepts(value):
            values[name] = _normal(name, value)
    for name, noted in READ_AS.items():
        if values[name] is None:
            found = document.get(noted)
            values[name] = found if is_time(found) else otherwise_at
    values["pending_attachments"] = list(values["pending_attachments"])
    values["profile"] = values["profile"] or "default"
    return values


_ALWAYS_FIT = frozenset({type(None), bool, int, float})  # nearly all


def _fit(value: Any, rule: Field) -> Any:
    if isinstance(value, str):
        return clean_text(value[: rule.longest or None])
    return value if _is_shallow(value) else copy(rule.default)


def other_keys(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `document` holds beside the known metadata, the transcript and what is derived."""
    return {name: value for name, value in document.items() if name not in _KNOWN_KEYS}


def clean_text(text: str) -> str:
    """Return `text` as every database and every screen takes it: lone surrogates and NUL become U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


# ---- messages -------------------------------------------------------------------------------------------


def title_from(messages: Iterable[Any], fallback: str = UNTITLED) -> str:
    """Return the first user message's text, trimmed, at most 64 characters; `fallback` if there is none."""
    for message in messages:
        if isinstance(message, dict) and message.get("role") == "user":
            text = message_text(message).strip()
            if text:
                return text[:TITLE_FROM_MESSAGES]
    return fallback


def suffixed_title(title: str, suffix: str) -> str:
    """Return `title` and `suffix`, the title cut where both would be longer than a title may be."""
    return title[: LONGEST_TITLE - len(suffix)] + suffix


def message_text(message: Mapping[str, Any]) -> str:
    """Return a message's content as text; of a list of parts, the `text` parts joined by a space."""
    content = message.get("content", "")
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, dict) and part.get("type") == "text")
        return " ".join(str(part.get("text", "")) for part in parts)
    return "" if content is None else str(content)


def message_time(message: object) -> float | None:
    """Return when a message was sent (seconds since the epoch) if it says so and is not a tool's answer."""
    if not isinstance(message, dict) or message.get("role") == "tool":
        return None
    for name in ("_ts", "timestamp"):
        value = message.get(name)
        if value and _is_number(value):
            return float(value)
    return None


def last_message_at(messages: Iterable[Any]) -> float | None:
    """Return the time of the last message that has one; `messages` come newest first."""
    return next((at for at in map(message_time, messages) if at is not None), None)


# ---- sources --------------------------------------------------------------------------------------------

_OWN_CLASS = ("webui", "cli", "cron", "tool")
_MESSAGING = ("discord", "slack", "telegram", "weixin", "email", "wecom", "wecom_callback", "matrix")
_SOURCE_CLASSES = {
    **{source: source for source in _OWN_CLASS},
    **dict.fromkeys(_MESSAGING, "messaging"),
    "api_server": "api",
}


_LABELS = {"api_server": "API", "cli": "CLI", "webui": "WebUI", "wecom": "WeCom", "wecom_callback": "WeCom"}


def source_label(source: str | None) -> str:
    """Return a source name in words for people; none is `Agent`."""
    if not source:
        return "Agent"
    return _LABELS.get(source) or " ".join(word.capitalize() for word in source.replace("_", " ").split())


def source_class(source: str | None) -> str:
    """Return the class of a source name: webui, cli, cron, tool, api, messaging or other; none is webui."""
    if not source:
        return "webui"
    return _SOURCE_CLASSES.get(source, "other")


# ---- sessions -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a session says of itself beside its messages; names as in the web UI's JSON, times in seconds."""

    session_id: str
    title: str
    workspace: str | None
    model: str | None
    model_provider: str | None
    created_at: float
    updated_at: float
    pinned: bool
    archived: bool
    project_id: str | None
    profile: str
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
    enabled_toolsets: list[str] | None
    extra: dict[str, Any] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """Return the known fields by name, in the order in which the web UI writes them."""
        return {name: getattr(self, name) for name in ("session_id", *FIELDS)}

    @property
    def source(self) -> str:
        """The class of the source: webui, cli, cron, tool, api, messaging or other."""
        tag = self.source_tag or self.extra.get("source") or self.extra.get("raw_source")
        if self.session_id.startswith("cron_"):
            return "cron"
        if not isinstance(tag, str):
            return "cli" if self.is_cli_session else "webui"
        return source_class(tag)

    @property
    def waiting(self) -> bool:
        """Whether an answer is being written or waited for."""
        return bool(self.active_stream_id or self.pending_user_message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Metadata):
    """A session as a list shows it; `extra` holds its other small keys.

    `lineage` holds what the agent knows of its place in a chain of segments or of its parent, with the web
    UI's keys; it is no part of a session's file. `of_agent` is whether only the agent has the session: it can
    be read, and changed after it was imported.
    """

    message_count: int
    last_message_at: float
    lineage: dict[str, Any] = field(default_factory=dict)
    of_agent: bool = False

    @property
    def hidden(self) -> bool:
        """Whether the sidebar hides it: an empty untitled one, or a scheduled job's."""
        empty = self.title == UNTITLED and not self.message_count and not self.waiting
        return empty or self.source == "cron"

    def as_dict(self, active_streams: Collection[str] = ()) -> dict[str, Any]:
        """Return the list entry that the web UI's client reads; `active_streams` are ids that are alive."""
        entry = _compact(self, self.message_count, self.last_message_at, active_streams)
        return entry | self.lineage

    def displayable(self) -> Self:
        """Return this summary as every database and every screen takes it; the file keeps its own.

        Texts are as `clean_text` has them, no longer than they may be; what is nested deeper than 100 levels
        is left out.
        """
        unfit = {}
        for name, rule in FIELDS.items():
            value = getattr(self, name)
            if type(value) not in _ALWAYS_FIT and (fitting := _fit(value, rule)) != value:
                unfit[name] = fitting
        if self.extra and not _is_shallow(self.extra, DEEPEST + 1):
            unfit["extra"] = {name: value for name, value in self.extra.items() if _is_shallow(value)}
        return replace(self, **unfit) if unfit else self

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return this summary after `changes`, checked metadata or derived fields."""
        known = {item.name for item in fields(self)}
        direct = {name: value for name, value in changes.items() if name in known}
        if "profile" in direct:
            direct["profile"] = direct["profile"] or "default"
        extra = {**self.extra, **other_keys(changes)}
        return replace(self, **direct, extra=extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Metadata):
    """A whole session; `signature` is the version that was read, None for one that was never stored.

    `extra` holds every top-level key that is neither metadata nor `messages` or `tool_calls`.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    tool_calls: list[Any] = field(default_factory=list)
    signature: Signature | None = None

    @property
    def draft(self) -> bool:
        """Whether it is stored without a file, which it gets with its first message."""
        return self.signature is not None and self.signature.inode == 0

    @property
    def message_count(self) -> int:
        """How many messages there are."""
        return len(self.messages)

    @property
    def last_message_at(self) -> float:
        """When the last message was sent, else when the session was last changed."""
        return last_message_at(reversed(self.messages)) or self.updated_at

    def as_dict(self, active_streams: Collection[str] = ()) -> dict[str, Any]:
        """Return the session with its messages as the web UI's client reads it."""
        compact = _compact(self, self.message_count, self.last_message_at, active_streams)
        return compact | pending(self) | {"messages": self.messages, "tool_calls": self.tool_calls}

    def summary(self) -> Summary:
        """Return this session as a list shows it."""
        return Summary(
            **self.metadata(),
            extra=self.extra,
            message_count=self.message_count,
            last_message_at=self.last_message_at,
        )


def pending(session: Metadata) -> dict[str, Any]:
    """Return what an open session shows of an unanswered message beside its list entry."""
    return {
        "pending_attachments": session.pending_attachments,
        "pending_started_at": session.pending_started_at,
    }


def _compact(
    session: Metadata, message_count: int, last_message_at: float, active_streams: Collection[str]
) -> dict[str, Any]:
    entry = {name: value for name, value in session.metadata().items() if name not in NOT_LISTED}
    entry["message_count"] = message_count
    entry["last_message_at"] = last_message_at
    entry["is_streaming"] = bool(session.active_stream_id) and session.active_stream_id in active_streams
    if session.parent_session_id:
        entry["parent_session_id"] = session.parent_session_id
    entry.update((name, session.extra[name]) for name in session.extra.keys() & LATER_LISTED)
    return entry
