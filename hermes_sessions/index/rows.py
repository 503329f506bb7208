"""The SQL over single rows of the index: sessions, unreadable files, the trash, the state of the index.

Runs portable SQL on a connection that the caller has from `database`.
"""

import functools
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection
from sqlalchemy.dialects import sqlite

from ..fields import PENDING_FIELDS, clean_text
from ..model import FolderTimes, Signature, Stored, Summary
from ..origins import Copied, children_of, lineage_of, segments_of
from .database import chunks, parameter
from .schema import (
    AGENT_CONVERSATIONS,
    COLUMN_FIELDS,
    HELD_SEGMENTS,
    INDEX_STATE,
    KEPT_PARENTS,
    OTHER_FIELDS,
    SESSIONS,
    SUMMARY_COLUMNS,
    TRASHED,
    UNREADABLE_FILES,
)
from .shown import shows


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


class IndexState(NamedTuple):
    """The version of the index, which changes with every change of a row, and when it was last in line.

    `folder_time` and `trash_time` are the modification times of the folders that the index agrees with, None
    if that is unknown; `scanned_at` is when the last scan of the sessions folder began. All in nanoseconds.
    """

    version: str
    folder_time: int | None
    scanned_at: int
    trash_time: int | None


# ---- rows -----------------------------------------------------------------------------------------------


Values: TypeAlias = dict[str, Any]

COPIED_COLUMNS = (  # in the order of `Copied`
    *("copy_of", "copied_messages", "copied_input_tokens", "copied_output_tokens", "copied_cost"),
)
_VERSION_COLUMNS = ("session_id", *Signature._fields)
_OWN_COLUMNS = ("session_id", *COLUMN_FIELDS)
_own_of, _others_of = attrgetter(*_OWN_COLUMNS), attrgetter(*OTHER_FIELDS)


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
        **dict(zip(Place._fields, place_of(summary), strict=True)),
        **dict(zip(Signature._fields, stored.signature, strict=True)),
        "transcript_start": start,
        "transcript_end": end,
        "tool_calls_start": calls_start,
        "tool_calls_end": calls_end,
        "marks": stored.marks,
        **_copied_values(summary),
    }


def _copied_values(summary: Summary) -> Values:
    copied = Copied.read(summary.extra) or (None,) * len(COPIED_COLUMNS)
    return dict(zip(COPIED_COLUMNS, copied, strict=True))


def place_of(summary: Summary) -> Place:
    """Return the position of a session in lists: pinned first, then by latest activity, then by id."""
    return Place(0 if summary.pinned else 1, -summary.last_message_at, summary.session_id)


def summary(row: Sequence[Any], lineage: dict[str, Any] | None = None, *, of_agent: bool = False) -> Summary:
    """Return the session of a row of `SUMMARY_COLUMNS`, with what these columns do not hold."""
    session_id, *values, message_count, sent_at, other = row
    metadata = dict(zip(COLUMN_FIELDS, values, strict=True))
    for name in OTHER_FIELDS:
        metadata[name] = other.pop(name, None)
    metadata["pending_attachments"] = metadata["pending_attachments"] or []
    return Summary(
        session_id=session_id,
        message_count=message_count,
        last_message_at=sent_at or metadata["updated_at"],
        extra=other,
        lineage=lineage_of(other, lineage),
        of_agent=of_agent,
        **metadata,
    )


_SENT_AT = len(SUMMARY_COLUMNS) - 2
_ENTRY_NAMES = [column.name for column in SUMMARY_COLUMNS[:_SENT_AT]]
_NOT_IN_COLUMNS = {name: None for name in OTHER_FIELDS if name not in PENDING_FIELDS}
_FLAGS = ("pinned", "archived", "is_cli_session")


def entry_values(row: Sequence[Any]) -> dict[str, Any]:
    """Return the fields by name of a row of `SUMMARY_COLUMNS`, for `list_entry`.

    `row` is the driver's own tuple, whose flags may be numbers. Fields of its last column, `other`, are None.
    """
    values = dict(zip(_ENTRY_NAMES, row, strict=False))
    values["last_message_at"] = row[_SENT_AT] or values["updated_at"]
    for flag in _FLAGS:
        values[flag] = bool(values[flag])
    values.update(_NOT_IN_COLUMNS)
    return values


# ---- queries --------------------------------------------------------------------------------------------


def is_empty(connection: Connection) -> bool:
    """Whether the index has no sessions."""
    return connection.execute(_ANY).first() is None


_ANY = sa.select(sa.literal(1)).select_from(SESSIONS).limit(1)
_STORED_COLUMNS = [
    SESSIONS.c[name]
    for name in (
        "draft",
        *("transcript_start", "transcript_end", "tool_calls_start", "tool_calls_end", "marks"),
        *Signature._fields,
    )
]
_EVERY = sa.select(*SUMMARY_COLUMNS, *_STORED_COLUMNS)
_GET = _EVERY.where(SESSIONS.c.session_id == sa.bindparam("id"))
_SIGNATURES = (
    sa.select(*(SESSIONS.c[name] for name in _VERSION_COLUMNS)).where(SESSIONS.c.draft == sa.false()),
    sa.select(*(UNREADABLE_FILES.c[name] for name in _VERSION_COLUMNS)),
)
_INODES = sa.union_all(
    sa.select(SESSIONS.c.session_id, SESSIONS.c.inode).where(SESSIONS.c.draft == sa.false()),
    sa.select(UNREADABLE_FILES.c.session_id, UNREADABLE_FILES.c.inode),
)
_UNREADABLE = sa.select(UNREADABLE_FILES.c.session_id, UNREADABLE_FILES.c.reason).order_by(
    UNREADABLE_FILES.c.session_id
)
_STATE = sa.select(
    *(INDEX_STATE.c[name] for name in ("store_id", "generation", "folder_time", "scanned_at", "trash_time"))
)


def get(connection: Connection, session_id: str) -> Indexed | None:
    """Return a session's row, None if there is none."""
    row = connection.execute(_GET, {"id": session_id}).one_or_none()
    return None if row is None else _indexed(row)


def every(connection: Connection) -> list[Indexed]:
    """Return the rows of all sessions."""
    return [_indexed(row) for row in connection.execute(_EVERY)]


def _indexed(row: Any) -> Indexed:
    *columns, draft, start, end, calls_start, calls_end, marks, size, mtime_ns, inode = row
    transcript = None if start is None else (start, end)
    tool_calls = None if calls_start is None else (calls_start, calls_end)
    stored = Stored(Signature(size, mtime_ns, inode), transcript, row.sent_at, tool_calls, marks)
    return Indexed(summary(columns), stored, draft)


def signatures(connection: Connection, session_ids: Collection[str] | None = None) -> dict[str, Signature]:
    """Return the indexed version of each file, readable or not, by id; None asks for all files."""
    queries: list[sa.Select[Any]] = list(_SIGNATURES)
    if session_ids is not None:
        queries = [
            query.where(query.selected_columns.session_id.in_(some))
            for some in chunks(session_ids)
            for query in _SIGNATURES
        ]
    return {
        session_id: Signature(size, mtime_ns, inode)
        for query in queries
        for session_id, size, mtime_ns, inode in connection.execute(query).all()
    }


def message_counts(connection: Connection) -> dict[str, tuple[Signature, int]]:
    """Return the indexed version of each session and how many messages it has, by id."""
    columns = (SESSIONS.c[name] for name in ("session_id", "message_count", *Signature._fields))
    return {
        session_id: (Signature(*version), count)
        for session_id, count, *version in connection.execute(sa.select(*columns)).all()
    }


def wrong_columns(
    connection: Connection, indexed: Indexed, marks_hold: Callable[[bytes], bool]
) -> dict[str, Any]:
    """Return the columns of a session's row, with their values, that differ from what its file gives.

    Empty without a row of this version of the file. Offsets that are unknown are not wrong, and of several
    right marks `marks_hold` tells which are.
    """
    row = connection.execute(_WHOLE_ROW, {"id": indexed.summary.session_id}).mappings().one_or_none()
    expected = column_values(indexed)
    if row is None or any(row[name] != expected[name] for name in _VERSION_COLUMNS):
        return {}
    differing = {name: row[name] for name, value in expected.items() if row[name] != value}
    return {
        name: value
        for name, value in differing.items()
        if not (name in _OFFSETS and (value is None or (name == "marks" and marks_hold(value))))
    }


_WHOLE_ROW = sa.select(SESSIONS).where(SESSIONS.c.session_id == sa.bindparam("id"))
_OFFSETS = ("transcript_start", "transcript_end", "tool_calls_start", "tool_calls_end", "marks")


def inodes(connection: Connection) -> dict[str, int]:
    """Return the indexed inode of each file, readable or not, by id."""
    return dict(tuple(row) for row in connection.execute(_INODES))


def unreadable_warnings(connection: Connection) -> list[str]:
    """Return a warning for each file that could not be read."""
    return [f"{name} cannot be read: {reason}" for name, reason in unreadable(connection)]


def unreadable(connection: Connection) -> list[tuple[str, str]]:
    """Return the name of each file that could not be read, and why."""
    return [(f"{session_id}.json", reason) for session_id, reason in connection.execute(_UNREADABLE)]


def old_drafts(connection: Connection, before: int) -> list[str]:
    """Return the ids of the drafts last changed before `before` (nanoseconds since the epoch)."""
    return list(connection.execute(sa.select(SESSIONS.c.session_id).where(*_old_drafts(before))).scalars())


def drop_old_drafts(connection: Connection, before: int) -> None:
    """Forget the drafts last changed before `before` (nanoseconds since the epoch)."""
    connection.execute(sa.delete(SESSIONS).where(*_old_drafts(before)))
    next_generation(connection)


def drop_drafts_of_agents(connection: Connection) -> None:
    """Forget the drafts whose ids agents have used for conversations: another program began them there."""
    used = sa.select(AGENT_CONVERSATIONS.c.session_id)
    drafts = (SESSIONS.c.hidden == sa.true(), SESSIONS.c.draft == sa.true())
    connection.execute(sa.delete(SESSIONS).where(*drafts, SESSIONS.c.session_id.in_(used)))


def _old_drafts(before: int) -> Iterator[sa.ColumnElement[bool]]:
    yield SESSIONS.c.hidden == sa.true()  # which an index begins with
    yield SESSIONS.c.draft == sa.true()
    yield SESSIONS.c.mtime_ns < before


def with_pending_message(connection: Connection) -> list[Summary]:
    """Return the sessions in which a message waits for its answer."""
    query = sa.select(*SUMMARY_COLUMNS).where(SESSIONS.c.pending_user_message.is_not(None))
    return [summary(row) for row in connection.execute(query).all()]


def project_ids(connection: Connection) -> list[tuple[str, str]]:
    """Return the id of each session that is in a project, and the project's id."""
    query = sa.select(SESSIONS.c.session_id, SESSIONS.c.project_id).where(SESSIONS.c.project_id.is_not(None))
    return [(session_id, project_id) for session_id, project_id in connection.execute(query).all()]


def copies_of(connection: Connection, session_id: str) -> list[str]:
    """Return the ids of the sessions that are copies of this one."""
    query = sa.select(SESSIONS.c.session_id).where(SESSIONS.c.copy_of == session_id)
    return list(connection.execute(query).scalars())


def holder_of(connection: Connection, segment_id: str) -> str | None:
    """Return the session that holds an agent's segment of another id, None without one."""
    held = HELD_SEGMENTS.c
    query = sa.select(held.session_id).where(held.segment_id == segment_id).order_by(held.session_id)
    return connection.execute(query).scalars().first()


def state(connection: Connection) -> IndexState:
    """Return the state of the index."""
    store_id, generation, *times = connection.execute(_STATE).one()
    return IndexState(f"{store_id}-{generation}", *times)


# ---- changes --------------------------------------------------------------------------------------------


_INSERT = sa.insert(SESSIONS)
_NEXT = {"generation": INDEX_STATE.c.generation + 1}
_MOVED = {
    "folder_time": sa.case(
        (
            INDEX_STATE.c.folder_time == sa.bindparam("before", type_=BigInteger),
            sa.bindparam("after", type_=BigInteger),
        ),
        else_=INDEX_STATE.c.folder_time,
    )
}
_NEXT_GENERATION, _FOLDER_MOVED, _NEXT_AND_MOVED = (
    sa.update(INDEX_STATE).values(each) for each in (_NEXT, _MOVED, _NEXT | _MOVED)
)


def put(connection: Connection, rows: Sequence[Indexed], moved: FolderTimes | None = None) -> None:
    """Store these rows, replacing what was known of their files."""
    values = {row.summary.session_id: column_values(row) for row in rows}
    is_new = _any_shows(connection, values)
    _forget(connection, list(values))
    if rows:
        _insert(connection, list(values.values()))
    held = [values for row in rows for values in _held_values(row.summary)]
    if held:
        connection.execute(sa.insert(HELD_SEGMENTS), held)
    kept = [values for row in rows for values in _kept_values(row.summary)]
    if kept:
        connection.execute(sa.insert(KEPT_PARENTS), kept)
    _note_write(connection, moved, is_new=is_new)


def _any_shows(connection: Connection, rows: Mapping[str, Values]) -> bool:
    """Whether anybody could see the difference between these rows and those that are stored."""
    known = {
        row["session_id"]: dict(row)
        for some in chunks(rows)
        for row in connection.execute(_COMPARED.where(SESSIONS.c.session_id.in_(some))).mappings()
    }
    return any(shows(known.get(session_id), values) for session_id, values in rows.items())


_COMPARED = sa.select(*(column for column in SESSIONS.c if column.name != "marks"))


def _held_values(summary: Summary) -> Iterator[Values]:
    """Yield the rows of the segments that a session holds, other than the one whose id it has."""
    for segment_id in set(segments_of(summary.extra)) - {summary.session_id}:
        yield {"session_id": summary.session_id, "segment_id": clean_text(segment_id[:128])}


def _kept_values(summary: Summary) -> Iterator[Values]:
    """Yield the rows of the agents' sessions whose parent a session is."""
    by_id = {clean_text(child_id[:128]): lineage for child_id, lineage in children_of(summary.extra).items()}
    for child_id, lineage in by_id.items():
        yield {"session_id": summary.session_id, "child_id": child_id, "lineage": lineage}


def _insert(connection: Connection, rows: Sequence[Values]) -> None:
    """Insert rows. SQLite's driver takes them directly, in a third of the time that SQLAlchemy needs."""
    if connection.dialect.name != "sqlite":
        connection.execute(_INSERT, rows)
        return
    statement, order = _prepared_insert()
    for row in rows:
        row["other"] = json.dumps(row["other"])
    connection.exec_driver_sql(statement, list(map(order, rows)))


@functools.cache
def _prepared_insert() -> tuple[str, Callable[[Values], tuple[Any, ...]]]:
    """Return the INSERT as SQLite's SQL, and a function that puts a row's values in the order it needs."""
    compiled = _INSERT.compile(dialect=sqlite.dialect())
    names = compiled.positiontup or ()
    return str(compiled), itemgetter(*names)


def change(connection: Connection, old: Indexed, new: Indexed, moved: FolderTimes | None = None) -> bool:
    """Replace the row `old` by `new`, which was made from it, and say whether it was still there.

    Only changed columns are written, and only their indexes: a rename writes two pages, where deleting and
    inserting the row would write nine.
    """
    before, after = column_values(old), column_values(new)
    # Inside `other`, 1 and true differ, though they are equal in Python.
    values = {name: value for name, value in after.items() if name == "other" or value != before[name]}
    known = {f"old_{name}": before[name] for name in _VERSION_COLUMNS}
    if connection.execute(_change_statement(frozenset(values)), values | known).rowcount:
        _note_write(connection, moved, is_new=shows(before, after))
        return True
    put(connection, [new], moved)  # a sync has stored another version of the file
    return False


@functools.lru_cache
def _change_statement(changed: frozenset[str]) -> sa.Update:
    is_old = (SESSIONS.c[name] == parameter("old_", SESSIONS.c[name]) for name in _VERSION_COLUMNS)
    return (
        sa.update(SESSIONS).where(*is_old).values({name: parameter("", SESSIONS.c[name]) for name in changed})
    )


def put_unreadable(connection: Connection, session_id: str, signature: Signature, reason: str) -> None:
    """Store that a file could not be read, replacing what was known of it."""
    _forget(connection, [session_id])
    values = {"session_id": clean_text(session_id), "reason": clean_text(reason), **signature._asdict()}
    connection.execute(sa.insert(UNREADABLE_FILES).values(values))
    next_generation(connection)


def drop(connection: Connection, session_ids: Collection[str], moved: FolderTimes | None = None) -> None:
    """Forget these sessions."""
    _forget(connection, session_ids)
    _note_write(connection, moved)


def note_scan(connection: Connection, folder_time: int, scanned_at: int) -> None:
    """Store the folder's modification time before a scan, and when the scan began, in nanoseconds."""
    connection.execute(sa.update(INDEX_STATE).values(folder_time=folder_time, scanned_at=scanned_at))


def trashed(connection: Connection) -> dict[str, int | None]:
    """Return the ids of the sessions in the trash, as `trash.held` does, as far as the index knows."""
    found = connection.execute(sa.select(TRASHED.c.session_id, TRASHED.c.deleted_at))
    return dict(tuple(row) for row in found)


def ids_also_in_trash(connection: Connection) -> list[str]:
    """Return the ids of the sessions that have a file and are in the trash too."""
    both = sa.select(SESSIONS.c.session_id).join(TRASHED, SESSIONS.c.session_id == TRASHED.c.session_id)
    return list(connection.execute(both).scalars())


def put_trashed(connection: Connection, present: Mapping[str, int | None], trash_time: int | None) -> None:
    """Store which sessions are in the trash at this modification time of its folder, in nanoseconds."""
    known = trashed(connection)
    for some in chunks(dict(known.items() - present.items())):
        connection.execute(sa.delete(TRASHED).where(TRASHED.c.session_id.in_(some)))
    new = [{"session_id": each, "deleted_at": at} for each, at in present.items() - known.items()]
    if new:
        connection.execute(sa.insert(TRASHED), new)
    connection.execute(sa.update(INDEX_STATE).values(trash_time=trash_time))
    if known != present:
        next_generation(connection)


# Made once: to make four statements takes SQLAlchemy longer than to execute them.
_FORGET = tuple(
    sa.delete(table).where(table.c.session_id.in_(sa.bindparam("session_ids", expanding=True)))
    for table in (SESSIONS, HELD_SEGMENTS, KEPT_PARENTS, UNREADABLE_FILES)
)


def _forget(connection: Connection, session_ids: Collection[str]) -> None:
    for some in chunks(session_ids):
        for statement in _FORGET:
            connection.execute(statement, {"session_ids": some})


def next_generation(connection: Connection) -> None:
    """Give the index a new version."""
    connection.execute(_NEXT_GENERATION)


def _note_write(connection: Connection, moved: FolderTimes | None, *, is_new: bool = True) -> None:
    """Note the folder's modification time after a write of this program, and a new version of the index."""
    if moved is not None and moved.after is not None:
        connection.execute(_NEXT_AND_MOVED if is_new else _FOLDER_MOVED, moved._asdict())
    elif is_new:
        next_generation(connection)
