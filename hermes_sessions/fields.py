"""The fields of a session: their names, types, checks and defaults, the same for every caller."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, NamedTuple

from .errors import InvalidId, InvalidValue

UNTITLED = "Untitled"
LONGEST_TITLE = 80  # of a new title; see `clean_title`
LONGEST_PROJECT_NAME = 128
LONGEST_STORED_TITLE = 500  # of a title that a file already has, from another program
LARGEST_INTEGER = 2**63 - 1
LARGEST_SECONDS = 1e11  # the year 5138; a larger time is in milliseconds, or in smaller units
DEEPEST = 100  # Python stops at about 1,000 levels less those of the callers, so not always at the same
TRANSCRIPT_KEYS = frozenset({"messages", "tool_calls"})
DERIVED_KEYS = frozenset({"session_id", "message_count", "last_message_at", "is_streaming"})

_DIGITS = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_INTEGER


def is_number(value: object) -> bool:
    """Whether a value is a finite number that every database can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST_INTEGER and math.isfinite(value)


def text_of(value: object) -> str | None:
    """Return a value of another program if it is a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def count_of(value: object) -> int:
    """Return a value of another program if it is a whole number from 0 on, else 0."""
    return value if isinstance(value, int) and value >= 0 else 0


def is_time(value: object) -> bool:
    """Whether a value can be a time in seconds since the epoch."""
    return is_number(value) and value >= 0  # type: ignore[operator]  # is_number has checked it


def read_time(value: object) -> float | None:
    """Return the time that a file's value means, in seconds since the epoch; None if it means none.

    A number is in seconds, above 1e11 in milliseconds, above 1e14 in microseconds. Text is such a number, or
    a date with a time as in ISO 8601; without a time zone it is local.
    """
    if isinstance(value, str):
        value = _time_of_text(value.strip())
    if not is_time(value):
        return None
    at: float = value  # type: ignore[assignment]  # is_time has checked it
    while at > LARGEST_SECONDS:
        at /= 1000
    return at


def is_unreadable_time(value: object) -> bool:
    """Whether a value that should be a time means none; null, 0 and an empty text say that none is known."""
    return value not in (None, 0, "") and read_time(value) is None


def _time_of_text(text: str) -> float | None:
    try:
        return float(text) if _DIGITS.fullmatch(text) else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):  # no date, or none that the system's calendar has
        return None


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) and name for name in value)


class Field(NamedTuple):
    """The rule for a metadata field.

    `accepts(value)` says whether it may hold a value, `allowed` says it in words. A file's value that is not
    accepted reads as `default`. Null is allowed unless `required`; text has at most `longest` characters.
    """

    accepts: Callable[[object], bool]
    allowed: str
    default: Any = None
    required: bool = False
    longest: int = 0


def _text(longest: int) -> Field:
    return Field(_is_text, f"text of at most {longest:,} characters, or null", longest=longest)


_FLAG = Field(_is_flag, "true or false", default=False, required=True)
_COUNT = Field(_is_count, f"a whole number from 0 to {LARGEST_INTEGER}", default=0, required=True)
_TIME = Field(is_time, "a time in seconds since the epoch", required=True)
_OPTIONAL_TIME = Field(is_time, "a time in seconds since the epoch, or null")
_OPTIONAL_COUNT = Field(_is_count, f"a whole number from 0 to {LARGEST_INTEGER}, or null")
_ANYTHING = Field(lambda _: True, "any JSON value")

# In the order in which the web UI's Session.save writes them, after `session_id`.
FIELDS: Mapping[str, Field] = {
    "title": Field(
        _is_text,
        f"text of at most {LONGEST_STORED_TITLE} characters",
        UNTITLED,
        required=True,
        longest=LONGEST_STORED_TITLE,
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
    "estimated_cost": Field(is_number, "a number, or null"),
    "personality": _text(10_000),
    "active_stream_id": _text(256),
    "pending_user_message": _text(10_000_000),
    "pending_attachments": Field(_is_list, "a list", default=[], required=True),
    "pending_started_at": _OPTIONAL_TIME,
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

TIMES = frozenset({"created_at", "updated_at", "pending_started_at"})  # read by `read_time`

# A file may hold a time that means none, such as a word. It is kept, and the first change of the file notes
# beside it, under these names, which time it was read as: otherwise that would change with each write.
READ_AS: Mapping[str, str] = {name: f"{name}_read_as" for name in ("created_at", "updated_at")}

# Keys that later releases of the web UI show in a list entry if the sidecar has them.
COMPOSED = "composer_draft"  # what its composer holds that was not sent yet: {text, files}
LATER_LISTED = frozenset(
    (
        "cache_read_tokens cache_write_tokens compression_anchor_summary pre_compression_snapshot "
        "context_engine compression_anchor_engine compression_anchor_mode compression_anchor_details "
        "context_engine_state post_compression_context_tokens_estimate compression_recovery "
        "recommended_recovery_action gateway_routing gateway_routing_history manual_title created_workspace "
        "raw_source read_only composer_draft process_wakeup_pause share_token share_created_at "
        "worktree_path worktree_branch worktree_repo_root worktree_created_at "
        "compression_recovery_source_session_id compression_recovery_action"
    ).split()
)
# Fields that only an open session shows, beside its list entry.
PENDING_FIELDS = frozenset({"pending_attachments", "pending_started_at"})


_KNOWN_KEYS = TRANSCRIPT_KEYS | DERIVED_KEYS | FIELDS.keys()
_DEFAULTS = {name: rule.default for name, rule in FIELDS.items()}


def is_id(text: str) -> bool:
    """Whether `text` can be a session's id."""
    return _ID.fullmatch(text) is not None


def check_id(session_id: object) -> str:
    """Return `session_id` if it is an id, else raise `InvalidId`. Call it before making a path from one."""
    if isinstance(session_id, str) and is_id(session_id):
        return session_id
    raise InvalidId("session_id must be 1 to 128 of the characters A-Z a-z 0-9 _ and -")


def check_metadata(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes as they are stored; raise `InvalidValue` for the first that is not allowed."""
    return {name: _checked(name, value) for name, value in changes.items()}


def _checked(name: str, value: Any) -> Any:
    if name in TRANSCRIPT_KEYS or name in DERIVED_KEYS:
        raise InvalidValue(f"{name} cannot be set as metadata")
    rule = FIELDS.get(name, _ANYTHING)
    if not (value is None and not rule.required) and not rule.accepts(value):
        raise InvalidValue(f"{name} must be {rule.allowed}")
    if rule.longest and value is not None and len(value) > rule.longest:
        raise InvalidValue(f"{name} must be {rule.allowed}; it has {len(value):,}")
    if not is_shallow(value):
        raise InvalidValue(f"{name} must not be nested deeper than {DEEPEST} levels")
    return _normal(name, value)


_NESTED = (dict, list, tuple)


def is_shallow(value: object, levels: int = DEEPEST) -> bool:
    """Whether the lists and objects of a value are nested at most `levels` deep."""
    if not isinstance(value, _NESTED):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(is_shallow(each, levels - 1) for each in inner)


def check_document(document: object) -> dict[str, Any]:
    """Return `document` if it is a JSON object, else raise `InvalidValue`."""
    if isinstance(document, Mapping) and all(isinstance(name, str) for name in document):
        return dict(document)
    raise InvalidValue("the document must be a JSON object")


def check_extra(extra: object) -> dict[str, Any]:
    """Return the other keys of a session if they are a JSON object's, else raise `InvalidValue`."""
    if isinstance(extra, dict) and all(isinstance(name, str) for name in extra):
        return extra
    raise InvalidValue("extra must be a dict whose keys are text")


def check_text(name: str, value: object) -> str | None:
    """Return `value` if it is text or None, else raise `InvalidValue`."""
    if value is None or isinstance(value, str):
        return value
    raise InvalidValue(f"{name} must be text")


def check_bindable(name: str, value: object) -> str:
    """Return `value` if it is text that a database can compare, else raise `InvalidValue`."""
    if isinstance(value, str) and (value.isascii() or clean_text(value) == value):
        return value
    raise InvalidValue(f"{name} must be text without half characters (lone surrogates)")


def check_names(name: str, values: object) -> list[str]:
    """Return `values` as a list of texts that a database can compare, else raise `InvalidValue`."""
    if not isinstance(values, Iterable):
        raise InvalidValue(f"{name} must be a list of texts")
    return [check_bindable(name, value) for value in values]


def check_flag(name: str, value: object) -> None:
    """Raise `InvalidValue` unless `value` is true or false."""
    if not isinstance(value, bool):
        raise InvalidValue(f"{name} must be true or false")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise `InvalidValue` unless `value` is one of the texts in `choices`."""
    allowed = list(map(str, choices))
    if value not in allowed:
        raise InvalidValue(f"{name} must be one of {', '.join(allowed)}")


def check_one_or_two(name: str, value: object, choices: Iterable[str]) -> list[str]:
    """Return one or two different ones of the texts in `choices` as a list; raise `InvalidValue`."""
    allowed = list(map(str, choices))
    given = [value] if isinstance(value, str) else value
    if (
        not isinstance(given, list | tuple)
        or not 1 <= len(given) <= 2
        or len(set(map(str, given))) < len(given)
    ):
        raise InvalidValue(f"{name} must be one or two of {', '.join(allowed)}")
    for each in given:
        check_choice(name, each, allowed)
    return [*given]


def check_messages(messages: object, name: str = "messages") -> list[dict[str, Any]]:
    """Return `messages` as a list of objects; raise `InvalidValue` that names the first that is not one."""
    if not isinstance(messages, list | tuple):
        raise InvalidValue(f"{name} must be a list of objects")
    if not {dict}.issuperset(map(type, messages)):
        _check_objects(messages, name)
    return list(messages)


def _check_objects(messages: Sequence[object], name: str) -> None:
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            example = ', such as {"role": "user", "content": "Hello"}' if name == "messages" else ""
            raise InvalidValue(f"{name}[{index}] must be an object{example}")


def check_new_messages(
    messages: object, known: Sequence[Any] = (), unchanged: int = 0
) -> list[dict[str, Any]]:
    """Return `messages` as a list of objects with a role; one that `known` has may lack it.

    `known` are the messages of a file, which another program may have written, and the first `unchanged` are
    the same in both. Raises `InvalidValue`.
    """
    checked = check_messages(messages)
    for index, message in enumerate(checked[unchanged:], unchanged):
        if not text_of(message.get("role")) and message not in known:
            raise InvalidValue(f'messages[{index}] has no role. Give it one, such as "role": "user"')
    return checked


def check_seconds(name: str, value: object) -> float:
    """Return `value` if it is a number of seconds, 0 or more, else raise `InvalidValue`."""
    if is_time(value):
        return float(value)  # type: ignore[arg-type]  # is_time has checked it
    raise InvalidValue(f"{name} must be a number of seconds, 0 or more")


def check_amount(name: str, value: object) -> float:
    """Return `value` if it is a finite number, 0 or more, else raise `InvalidValue`."""
    if is_number(value) and value >= 0:  # type: ignore[operator]  # is_number has checked it
        return float(value)  # type: ignore[arg-type]
    raise InvalidValue(f"{name} must be a number, 0 or more")


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
    """Return the metadata of a sidecar's document as arguments of `Summary` or `Session`, without `extra`.

    A missing or wrong value reads as its default; a missing or wrong time as the one noted under `READ_AS`,
    else as `otherwise_at` (seconds since the epoch).
    """
    values: dict[str, Any] = {"session_id": session_id, **_DEFAULTS}
    for name, value in document.items():  # in a usual file, half of the values are null
        if value is not None and name in FIELDS:
            if name in TIMES:
                values[name] = read_time(value)
            elif FIELDS[name].accepts(value):
                values[name] = _normal(name, value)
    for name, noted in READ_AS.items():
        if values[name] is None:
            at = document.get(noted)
            values[name] = at if is_time(at) else otherwise_at
    values["pending_attachments"] = list(values["pending_attachments"])
    values["profile"] = read_profile(values["profile"])
    return values


def read_profile(stored: str | None) -> str:
    """Return the profile that a session is read with: the web UI writes null for the default one."""
    return stored or "default"


ALWAYS_DISPLAYABLE = frozenset({type(None), bool, int, float})  # most values


def displayable(name: str, value: Any) -> Any:
    """Return a field's value in a form that every database and screen can take; see `Summary.displayable`."""
    if type(value) in ALWAYS_DISPLAYABLE:
        return value
    if isinstance(value, str):
        return clean_text(value[: FIELDS[name].longest or None])
    return value if is_shallow(value) else copy(FIELDS[name].default)


def other_keys(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a document that are neither metadata, nor transcript, nor derived from them."""
    return {name: value for name, value in document.items() if name not in _KNOWN_KEYS}


def clean_text(text: str) -> str:
    """Return text that every database and screen can take: NUL and lone surrogates become U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def clean_title(title: object) -> str:
    """Return the title that a session gets: trimmed, cut to 80 characters, `Untitled` if empty.

    Not for titles that files already have: reading and saving a whole session keeps a longer one.
    Raises `InvalidValue` for anything but text.
    """
    if not isinstance(title, str):
        raise InvalidValue("title must be text")
    return title.strip()[:LONGEST_TITLE].rstrip() or UNTITLED


def suffixed_title(title: str, suffix: str) -> str:
    """Return the clean title with a suffix, shortened so that both together are at most 80 characters."""
    return clean_title(title)[: LONGEST_TITLE - len(suffix)].rstrip() + suffix


def with_clean_title(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the changes with their title, if they have one, cleaned by `clean_title`."""
    return {**changes, "title": clean_title(changes["title"])} if "title" in changes else changes
