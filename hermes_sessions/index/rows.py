"""The SQL over single rows of the index: sessions and unreadable files.

Runs portable SQL on a connection that the caller has from `database`. `row_values` says what a row holds.
"""

import functools
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from ..fields import UNTITLED, clean_text
from ..messages import mask
from ..model import UNKNOWN_VERSION, FolderTimes, Signature, Stored, Summary
from ..origins import children_of, segments_of
from . import links, postgresql, tags
from .among import Among
from .database import chunks, parameter
from .index_state import next_generation, note_write
from .row_values import VERSION_COLUMNS, Indexed, Values, column_values, summary
from .schema import (
    AGENT_CONVERSATIONS,
    HELD_SEGMENTS,
    KEPT_PARENTS,
    SESSIONS,
    SUMMARY_COLUMNS,
    UNREADABLE_FILES,
)
from .shown import shows

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
_GET_SOME = _EVERY.where(Among(SESSIONS.c.session_id))
_SIGNATURES = (
    sa.select(*(SESSIONS.c[name] for name in VERSION_COLUMNS)).where(SESSIONS.c.draft == sa.false()),
    sa.select(*(UNREADABLE_FILES.c[name] for name in VERSION_COLUMNS)),
)
_ALL_SIGNATURES = sa.union_all(*_SIGNATURES)
_SIGNATURES_OF = sa.union_all(
    *(query.where(Among(query.selected_columns.session_id)) for query in _SIGNATURES)
)
_INODES = sa.union_all(
    sa.select(SESSIONS.c.session_id, SESSIONS.c.inode).where(SESSIONS.c.draft == sa.false()),
    sa.select(UNREADABLE_FILES.c.session_id, UNREADABLE_FILES.c.inode),
)
_UNREADABLE = sa.select(*(UNREADABLE_FILES.c[name] for name in ("session_id", "title", "reason"))).order_by(
    UNREADABLE_FILES.c.session_id
)
_UNREAD = sa.select(UNREADABLE_FILES.c.session_id).where(
    *(UNREADABLE_FILES.c[name] == value for name, value in UNKNOWN_VERSION._asdict().items())
)


def get(connection: Connection, session_id: str) -> Indexed | None:
    """Return a session's row, None if there is none."""
    row = connection.execute(_GET, {"id": session_id}).one_or_none()
    return None if row is None else _indexed(row)


def some(connection: Connection, session_ids: Collection[str]) -> dict[str, Indexed]:
    """Return the rows of those of some sessions that have one, by id."""
    found = (
        _indexed(row) for ids in chunks(session_ids) for row in connection.execute(_GET_SOME, {"ids": ids})
    )
    return {row.summary.session_id: row for row in found}


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
    if session_ids is None:
        found = connection.execute(_ALL_SIGNATURES).all()
    else:
        of_some = (connection.execute(_SIGNATURES_OF, {"ids": some}) for some in chunks(session_ids))
        found = [row for rows in of_some for row in rows]
    return {session_id: Signature(size, mtime_ns, inode) for session_id, size, mtime_ns, inode in found}


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
    expected = column_values(with_tags(connection, [indexed])[0])
    if row is None or any(row[name] != expected[name] for name in VERSION_COLUMNS):
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


class UnreadableRow(NamedTuple):
    """A file that could not be read, by its session id, and why; `title` is the last one known, if any is."""

    session_id: str
    title: str | None
    reason: str

    def __str__(self) -> str:
        titled = f' ("{mask(self.title)}")' if self.title else ""
        return f"{self.session_id}.json{titled} cannot be read: {self.reason}"


def unreadable_warnings(connection: Connection) -> list[str]:
    """Return a warning for each file that could not be read."""
    return list(map(str, unreadable(connection)))


def unread(connection: Connection) -> list[str]:
    """Return the ids of the files that could not be read for a reason that may pass."""
    return list(connection.execute(_UNREAD).scalars())


def unreadable(connection: Connection) -> list[UnreadableRow]:
    """Return each file that could not be read."""
    return [UnreadableRow(*row) for row in connection.execute(_UNREADABLE)]


def drafts(connection: Connection) -> list[Summary]:
    """Return the sessions that have no file yet."""
    return [_indexed(row).summary for row in connection.execute(_EVERY.where(SESSIONS.c.draft == sa.true()))]


def old_drafts(connection: Connection, before: int) -> list[str]:
    """Return the ids of the drafts last changed before `before` (nanoseconds since the epoch)."""
    return list(connection.execute(sa.select(SESSIONS.c.session_id).where(*_old_drafts(before))).scalars())


def drop_old_drafts(connection: Connection, before: int) -> None:
    """Forget the drafts last changed before `before` (nanoseconds since the epoch)."""
    dropped = old_drafts(connection, before)
    connection.execute(sa.delete(SESSIONS).where(*_old_drafts(before)))
    next_generation(connection, dropped)


def drop_drafts_of_agents(connection: Connection) -> Sequence[str]:
    """Forget the drafts whose ids agents have used for conversations, and return the ids.

    Another program began the conversations there.
    """
    used = sa.select(AGENT_CONVERSATIONS.c.session_id)
    drafts = (SESSIONS.c.hidden == sa.true(), SESSIONS.c.draft == sa.true(), SESSIONS.c.session_id.in_(used))
    dropped = connection.execute(sa.select(SESSIONS.c.session_id).where(*drafts)).scalars().all()
    connection.execute(sa.delete(SESSIONS).where(*drafts))
    tags.forget(connection, tags.OF_WEB_UI, dropped)
    return dropped


def _old_drafts(before: int) -> Iterator[sa.ColumnElement[bool]]:
    yield SESSIONS.c.hidden == sa.true()  # which an index begins with
    yield SESSIONS.c.draft == sa.true()
    yield SESSIONS.c.mtime_ns < before
    yield SESSIONS.c.tags.is_(None)


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


# ---- changes --------------------------------------------------------------------------------------------


_INSERT = sa.insert(SESSIONS)


def put(
    connection: Connection, rows: Sequence[Indexed], moved: FolderTimes | None = None
) -> Sequence[Indexed]:
    """Store these rows with their tags, replacing what was known of their files, and return them."""
    rows = with_tags(connection, rows)
    values = {row.summary.session_id: column_values(row) for row in rows}
    changed = _shown(connection, values)
    before = links.links_of(connection, list(values))
    _forget_rows(connection, list(values))
    if before:
        _forget_links(connection, list(values))
    if rows:
        _insert(connection, list(values.values()))
    held = [values for row in rows for values in _held_values(row.summary)]
    if held:
        connection.execute(sa.insert(HELD_SEGMENTS), held)
    kept = [values for row in rows for values in _kept_values(row.summary)]
    if kept:
        connection.execute(sa.insert(KEPT_PARENTS), kept)
    tags.put_of_sessions(connection, [row.summary for row in rows])
    after = links.links_of(connection, list(values)) if held or kept else set()
    linked = links.conversations_of(connection, before ^ after)
    note_write(connection, moved, [*changed, *linked], is_new=bool(changed))
    return rows


def with_tags(connection: Connection, rows: Sequence[Indexed]) -> Sequence[Indexed]:
    """Return rows with the tags of their sessions, which no session's own file has."""
    found = tags.tags_of_sessions(connection, [row.summary for row in rows])
    return [_tagged(row, found[row.summary.session_id]) for row in rows]


def _tagged(row: Indexed, names: tuple[str, ...]) -> Indexed:
    if row.summary.tags == names:
        return row
    return row._replace(summary=replace(row.summary, tags=names))


def _shown(connection: Connection, rows: Mapping[str, Values]) -> list[str]:
    """Return the ids of the rows whose difference from those that are stored anybody could see."""
    known = {
        row["session_id"]: dict(row)
        for some in chunks(rows)
        for row in connection.execute(_COMPARED, {"ids": some}).mappings()
    }
    return [session_id for session_id, values in rows.items() if shows(known.get(session_id), values)]


_COMPARED = sa.select(*(column for column in SESSIONS.c if column.name != "marks")).where(
    Among(SESSIONS.c.session_id)
)


def _held_values(summary: Summary) -> Iterator[Values]:
    """Yield the rows of the segments that a session holds, other than the one whose id it has."""
    for segment_id in set(segments_of(summary.extra)) - {summary.session_id}:
        yield {"session_id": summary.session_id, "segment_id": clean_text(segment_id[:128])}


def _kept_values(summary: Summary) -> Iterator[Values]:
    """Yield the rows of the agents' sessions whose parent a session is."""
    by_id = {clean_text(child_id[:128]): lineage for child_id, lineage in children_of(summary.extra).items()}
    for child_id, lineage in by_id.items():
        yield {"session_id": summary.session_id, "child_id": child_id, "lineage": lineage}


def hold_the_same(old: Summary, new: Summary) -> bool:
    """Whether two versions of a session hold the same segments of the agents', and have the same children."""
    segments = segments_of(old.extra) == segments_of(new.extra)
    return segments and children_of(old.extra) == children_of(new.extra)


def _insert(connection: Connection, rows: Sequence[Values]) -> None:
    """Insert rows. The drivers take them directly, in a third of the time that SQLAlchemy needs."""
    if connection.dialect.name == postgresql.NAME:
        postgresql.copy_in(connection, SESSIONS, rows)
        return
    for row in rows:
        row["other"] = json.dumps(row["other"])
    statement, order = _prepared_insert()
    connection.exec_driver_sql(statement, list(map(order, rows)))


@functools.cache
def _prepared_insert() -> tuple[str, Callable[[Values], tuple[Any, ...]]]:
    """Return the INSERT as SQLite's SQL, and a function that puts a row's values in the order it needs."""
    compiled = _INSERT.compile(dialect=sqlite.dialect())
    names = compiled.positiontup or ()
    return str(compiled), itemgetter(*names)


def retagged(connection: Connection, old: Indexed, new: Indexed) -> Indexed:
    """Return a row that was made from `old` with the tags that its title and its segments give it."""
    return new if tags.are_same(old.summary, new.summary) else with_tags(connection, [new])[0]


def change(connection: Connection, old: Indexed, new: Indexed, moved: FolderTimes | None = None) -> bool:
    """Replace the row `old` by `new`, which is `retagged`, and say whether it was still there.

    Only changed columns are written, and only their indexes: a rename writes two pages, where deleting and
    inserting the row would write nine.
    """
    before, after = column_values(old), column_values(new)
    # Inside `other`, 1 and true differ, though they are equal in Python.
    values = {name: value for name, value in after.items() if name == "other" or value != before[name]}
    if not tags.are_same(old.summary, new.summary):  # whatever another process has stored since
        values["tags"] = after["tags"]
        tags.put_of_sessions(connection, [new.summary])
    known = {f"old_{name}": before[name] for name in VERSION_COLUMNS}
    if connection.execute(_change_statement(frozenset(values)), values | known).rowcount:
        note_write(connection, moved, [new.summary.session_id], is_new=shows(before, after))
        return True
    put(connection, [new], moved)  # a sync has stored another version of the file
    return False


@functools.lru_cache
def _change_statement(changed: frozenset[str]) -> sa.Update:
    is_old = (SESSIONS.c[name] == parameter("old_", SESSIONS.c[name]) for name in VERSION_COLUMNS)
    return (
        sa.update(SESSIONS).where(*is_old).values({name: parameter("", SESSIONS.c[name]) for name in changed})
    )


def put_unreadable(connection: Connection, session_id: str, signature: Signature, reason: str) -> None:
    """Store that a file could not be read, replacing what was known of it."""
    stored_id = clean_text(session_id)
    before, title = links.links_of(connection, [session_id]), _last_title(connection, stored_id)
    _forget(connection, [session_id])
    values = {"session_id": stored_id, "reason": clean_text(reason), "title": title}
    connection.execute(sa.insert(UNREADABLE_FILES).values(values | signature._asdict()))
    next_generation(connection, [stored_id, *links.conversations_of(connection, before)])


def _last_title(connection: Connection, session_id: str) -> str | None:
    """Return the title that a file had when it could last be read, None if it had none."""
    titles = connection.execute(_TITLES, {"id": session_id}).scalars()
    return next((title for title in titles if title not in (None, "", UNTITLED)), None)


_TITLES = sa.union_all(
    *(
        sa.select(table.c.title).where(table.c.session_id == sa.bindparam("id"))
        for table in (SESSIONS, UNREADABLE_FILES)
    )
)


def drop(connection: Connection, session_ids: Collection[str], moved: FolderTimes | None = None) -> None:
    """Forget these sessions."""
    before = links.links_of(connection, session_ids)
    _forget(connection, session_ids)
    note_write(connection, moved, [*session_ids, *links.conversations_of(connection, before)])


def _forget(connection: Connection, session_ids: Collection[str]) -> None:
    _forget_rows(connection, session_ids)
    _forget_links(connection, session_ids)
    tags.forget(connection, tags.OF_WEB_UI, session_ids)


def _forget_rows(connection: Connection, session_ids: Collection[str]) -> None:
    _delete(connection, _OF_FILES, session_ids)


def _forget_links(connection: Connection, session_ids: Collection[str]) -> None:
    _delete(connection, _OF_LINKS, session_ids)


def _delete(connection: Connection, statements: Sequence[sa.Delete], session_ids: Collection[str]) -> None:
    for some in chunks(session_ids):
        for statement in statements:
            connection.execute(statement, {"ids": some})


def _deletions(*tables: sa.Table) -> tuple[sa.Delete, ...]:
    return tuple(sa.delete(table).where(Among(table.c.session_id)) for table in tables)


# Made once: to make a statement takes SQLAlchemy longer than to execute it.
_OF_FILES, _OF_LINKS = _deletions(SESSIONS, UNREADABLE_FILES), _deletions(HELD_SEGMENTS, KEPT_PARENTS)
