"""The row of a session and the session of a row: which column holds what, without any SQL."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from ..fields import PENDING_FIELDS
from ..model import SUMMARY_SETTERS, Signature, Stored, Summary
from ..origins import Copied, lineage_of
from ..tag_names import SEPARATOR
from ..title_keys import title_key
from .schema import COLUMN_FIELDS, OTHER_FIELDS, SUMMARY_COLUMNS

Values: TypeAlias = dict[str, Any]


class Place(NamedTuple):
    """The position of a session in the order of lists, which all three fields ascend in."""

    unpinned: int
    age: float
    session_id: str


class Indexed(NamedTuple):
    """A session's row: its summary, what is known of its file, and whether it is a draft, without a file."""

    summary: Summary
    stored: Stored
    draft: bool


COPIED_COLUMNS = (  # in the order of `Copied`
    *("copy_of", "copied_messages", "copied_input_tokens", "copied_output_tokens", "copied_cost"),
)
VERSION_COLUMNS = ("session_id", *Signature._fields)
_OWN_COLUMNS = ("session_id", *COLUMN_FIELDS)
_own_of, _others_of = attrgetter(*_OWN_COLUMNS), attrgetter(*OTHER_FIELDS)


def joined(names: Iterable[str]) -> str | None:
    """Return the names of tags as a column has them."""
    return SEPARATOR.join(names) or None


def divided(column: str | None) -> tuple[str, ...]:
    """Return the names of tags that a column has."""
    return tuple(column.split(SEPARATOR)) if column else ()


def column_values(indexed: Indexed) -> Values:
    """Return the values of the columns of a session's row."""
    summary, stored = indexed.summary, indexed.stored
    other = {
        name: value
        for name, value in zip(OTHER_FIELDS, _others_of(summary), strict=True)
        if value is not None and value != []
    }
    start, end = stored.transcript or (None, None)
    calls_start, calls_end = stored.tool_calls or (None, None)
    return {
        **dict(zip(_OWN_COLUMNS, _own_of(summary), strict=True)),
        "other": {**summary.extra, **other},
        "message_count": summary.message_count,
        "sent_at": stored.sent_at,
        "hidden": summary.hidden or indexed.draft,
        "draft": indexed.draft,
        "interrupted": summary.is_interrupted(),
        "source": str(summary.source),
        **order_values(summary),
        **dict(zip(Signature._fields, stored.signature, strict=True)),
        "transcript_start": start,
        "transcript_end": end,
        "tool_calls_start": calls_start,
        "tool_calls_end": calls_end,
        "marks": stored.marks,
        "tags": joined(summary.tags),
        **_copied_values(summary),
    }


def _copied_values(summary: Summary) -> Values:
    copied = Copied.read(summary.extra) or (None,) * len(COPIED_COLUMNS)
    return dict(zip(COPIED_COLUMNS, copied, strict=True))


def order_values(summary: Summary) -> Values:
    """Return the columns that lists are sorted by and that no field of a session holds."""
    return {**place_of(summary)._asdict(), "title_key": title_key(summary.title)}


def place_of(summary: Summary) -> Place:
    """Return the position of a session in lists: pinned first, then by latest activity, then by id."""
    return Place(0 if summary.pinned else 1, -summary.last_message_at, summary.session_id)


_FLAGS = ("pinned", "archived", "is_cli_session")
_PUT_COLUMNS = [SUMMARY_SETTERS[name] for name in (*_OWN_COLUMNS, "message_count")]
_PUT_FLAGS = [(SUMMARY_SETTERS[name], _OWN_COLUMNS.index(name)) for name in _FLAGS]
_PUT_OTHERS = [(name, SUMMARY_SETTERS[name]) for name in OTHER_FIELDS]
_UPDATED_AT = _OWN_COLUMNS.index("updated_at")


def summary(row: Sequence[Any], lineage: dict[str, Any] | None = None, *, of_agent: bool = False) -> Summary:
    """Return the session of a row of `SUMMARY_COLUMNS`, with what these columns do not hold.

    Flags may be numbers, as in the driver's own tuples.
    """
    *_, sent_at, names, other = row
    made = object.__new__(Summary)
    for put, value in zip(_PUT_COLUMNS, row, strict=False):
        put(made, value)
    for put, at in _PUT_FLAGS:
        put(made, bool(row[at]))
    for name, put in _PUT_OTHERS:
        put(made, other.pop(name, None))
    SUMMARY_SETTERS["pending_attachments"](made, made.pending_attachments or [])
    SUMMARY_SETTERS["last_message_at"](made, sent_at or row[_UPDATED_AT])
    SUMMARY_SETTERS["extra"](made, other)
    SUMMARY_SETTERS["lineage"](made, lineage_of(other, lineage))
    SUMMARY_SETTERS["of_agent"](made, of_agent)
    SUMMARY_SETTERS["tags"](made, divided(names))
    return made


_SENT_AT, _TAGS = len(SUMMARY_COLUMNS) - 3, len(SUMMARY_COLUMNS) - 2
_ENTRY_NAMES = [column.name for column in SUMMARY_COLUMNS[:_SENT_AT]]
_NOT_IN_COLUMNS = {name: None for name in OTHER_FIELDS if name not in PENDING_FIELDS}


def entry_values(row: Sequence[Any]) -> dict[str, Any]:
    """Return the fields by name of a row of `SUMMARY_COLUMNS`, for `list_entry`.

    `row` is the driver's own tuple, whose flags may be numbers. Fields of its last column, `other`, are None.
    """
    values = dict(zip(_ENTRY_NAMES, row, strict=False))
    values["last_message_at"] = row[_SENT_AT] or values["updated_at"]
    if row[_TAGS]:
        values["tags"] = list(divided(row[_TAGS]))
    for flag in _FLAGS:
        values[flag] = bool(values[flag])
    values.update(_NOT_IN_COLUMNS)
    return values
