"""The index: mapped tables and the SQL over them. It can be rebuilt from the files.

Speaks portable SQL, on a connection that the caller has from `database`.
"""

import functools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ..fields import FIELDS, LATER_LISTED, NOT_LISTED, clean_text
from ..model import Moved, Signature, Stored, Summary
from .database import chunks


class Base(DeclarativeBase):
    """What Alembic compares with the database."""

    type_annotation_map: ClassVar = {float: sa.Double}


class SessionRow(Base):
    """One session as lists need it; `other` holds the metadata that no list filters, sorts or shows."""

    __tablename__ = "sessions"

    session_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    model_provider: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float]
    updated_at: Mapped[float]
    pinned: Mapped[bool]
    archived: Mapped[bool]
    project_id: Mapped[str | None] = mapped_column(Text)
    profile: Mapped[str] = mapped_column(Text)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated_cost: Mapped[float | None]
    active_stream_id: Mapped[str | None] = mapped_column(Text)
    pending_user_message: Mapped[str | None] = mapped_column(Text)
    parent_session_id: Mapped[str | None] = mapped_column(Text)
    is_cli_session: Mapped[bool]
    source_tag: Mapped[str | None] = mapped_column(Text)
    session_source: Mapped[str | None] = mapped_column(Text)
    source_label: Mapped[str | None] = mapped_column(Text)
    other: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    message_count: Mapped[int] = mapped_column(BigInteger)
    sent_at: Mapped[float | None]

    # What lists filter by: `source` is the source's class.
    hidden: Mapped[bool]
    draft: Mapped[bool]
    source: Mapped[str] = mapped_column(String(32))

    # The order of every list, all ascending: 0 if pinned else 1, minus the time of the last activity, id.
    unpinned: Mapped[int]
    age: Mapped[float]

    # The version of the file that this row was made from, and where its transcript lies in it: see `marks`.
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[int] = mapped_column(BigInteger)
    transcript_start: Mapped[int | None] = mapped_column(BigInteger)
    transcript_end: Mapped[int | None] = mapped_column(BigInteger)
    tool_calls_start: Mapped[int | None] = mapped_column(BigInteger)
    tool_calls_end: Mapped[int | None] = mapped_column(BigInteger)
    marks: Mapped[bytes | None] = mapped_column(sa.LargeBinary)

    __table_args__ = (
        sa.Index("ix_sessions_shown", "hidden", "unpinned", "age", "session_id"),
        sa.Index("ix_sessions_all", "unpinned", "age", "session_id"),
        *(
            sa.Index(f"ix_sessions_{name}", name, "unpinned", "age", "session_id", "hidden")
            for name in ("profile", "project_id", "source", "archived")
        ),
    )


class UnreadableFile(Base):
    """A file of the sessions folder that is no session: kept so that lists can say so."""

    __tablename__ = "unreadable_files"

    session_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[int] = mapped_column(BigInteger)


class TrashedSession(Base):
    """A session that lies in the trash: kept so that the agent's copy of it does not come back in a list."""

    __tablename__ = "trashed_sessions"

    session_id: Mapped[str] = mapped_column(String(255), primary_key=True)


class AgentSessionRow(Base):
    """One row of an agent's `sessions` as last read: its own facts, its family, and what lineage says of it.

    `counted` is its own `message_count`; what its messages amount to stands beside it.
    """

    __tablename__ = "agent_sessions"

    session_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    profile: Mapped[str] = mapped_column(String(255), primary_key=True)
    source: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    parent_session_id: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    end_reason: Mapped[str | None] = mapped_column(Text)
    counted: Mapped[int] = mapped_column(BigInteger)
    message_count: Mapped[int] = mapped_column(BigInteger)
    last_activity: Mapped[float | None]
    archived: Mapped[bool]
    workspace: Mapped[str | None] = mapped_column(Text)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated_cost: Mapped[float | None]
    first: Mapped[int | None] = mapped_column(BigInteger)
    last: Mapped[int | None] = mapped_column(BigInteger)
    family: Mapped[str] = mapped_column(Text)
    lineage: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))

    __table_args__ = (
        sa.Index("ix_agent_sessions_family", "profile", "family"),
        sa.Index("ix_agent_sessions_parent", "profile", "parent_session_id", "ended_at"),
        sa.Index("ix_agent_sessions_recent", "profile", "last_activity"),
    )


class AgentConversationRow(Base):
    """One conversation of an agent as lists show it, by the id of its latest segment."""

    __tablename__ = "agent_conversations"

    session_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    profile: Mapped[str] = mapped_column(String(255), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float]
    updated_at: Mapped[float]
    archived: Mapped[bool]
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated_cost: Mapped[float | None]
    parent_session_id: Mapped[str | None] = mapped_column(Text)
    source_tag: Mapped[str | None] = mapped_column(Text)
    session_source: Mapped[str | None] = mapped_column(Text)
    source_label: Mapped[str | None] = mapped_column(Text)
    message_count: Mapped[int] = mapped_column(BigInteger)
    lineage: Mapped[dict[str, Any]] = mapped_column(sa.JSON)

    hidden: Mapped[bool]
    source: Mapped[str] = mapped_column(String(32))
    unpinned: Mapped[int]
    age: Mapped[float]

    __table_args__ = (
        sa.Index("ix_agent_conversations_shown", "hidden", "unpinned", "age", "session_id"),
        sa.Index("ix_agent_conversations_all", "unpinned", "age", "session_id"),
        *(
            sa.Index(f"ix_agent_conversations_{name}", name, "unpinned", "age", "session_id", "hidden")
            for name in ("profile", "source", "archived")
        ),
    )


class AgentHome(Base):
    """How far the mirror of one profile's agent is; times in nanoseconds since the epoch.

    `seen` is what `stat` said of the files; `looked_at` is when they were last read, `whole_at` when as a
    whole; `warning` is what a list has to say of it, `failed` whether it could not be read.
    """

    __tablename__ = "agent_homes"

    profile: Mapped[str] = mapped_column(String(255), primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    seen: Mapped[str] = mapped_column(Text)
    looked_at: Mapped[int] = mapped_column(BigInteger)
    whole_at: Mapped[int] = mapped_column(BigInteger)
    sessions: Mapped[int] = mapped_column(BigInteger)
    last_message: Mapped[int] = mapped_column(BigInteger)
    fingerprint: Mapped[str | None] = mapped_column(Text)
    warning: Mapped[str | None] = mapped_column(Text)
    failed: Mapped[bool]


class IndexState(Base):
    """The one row that says how far the index is: see `drift` for the times, in nanoseconds."""

    __tablename__ = "index_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    store_id: Mapped[str] = mapped_column(String(32))
    generation: Mapped[int] = mapped_column(BigInteger)
    folder_time: Mapped[int | None] = mapped_column(BigInteger)
    scanned_at: Mapped[int] = mapped_column(BigInteger)
    trash_time: Mapped[int | None] = mapped_column(BigInteger)


SESSIONS: sa.Table = SessionRow.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
_UNREADABLE_FILES: sa.Table = UnreadableFile.__table__  # type: ignore[assignment]  # as above
_INDEX_STATE: sa.Table = IndexState.__table__  # type: ignore[assignment]  # as above
TRASHED: sa.Table = TrashedSession.__table__  # type: ignore[assignment]  # as above
AGENT_SESSIONS: sa.Table = AgentSessionRow.__table__  # type: ignore[assignment]  # as above
AGENT_CONVERSATIONS: sa.Table = AgentConversationRow.__table__  # type: ignore[assignment]  # as above
AGENT_HOMES: sa.Table = AgentHome.__table__  # type: ignore[assignment]  # as above

COLUMN_FIELDS = tuple(name for name in FIELDS if name in SESSIONS.c)
_OTHER_FIELDS = tuple(name for name in FIELDS if name not in SESSIONS.c)
# What `summary` takes.
SUMMARY_COLUMNS = [
    SESSIONS.c[name] for name in ("session_id", *COLUMN_FIELDS, "message_count", "sent_at", "other")
]


class Place(NamedTuple):
    """Where in the order of a list a session stands."""

    unpinned: int
    age: float
    session_id: str


class Indexed(NamedTuple):
    """A session's row: its summary, what is known of its file, and whether it is a draft without one."""

    summary: Summary
    stored: Stored
    draft: bool


class State(NamedTuple):
    """How far the index is; `version` changes with every change of a row."""

    version: str
    folder_time: int | None
    scanned_at: int
    trash_time: int | None


# ---- rows -----------------------------------------------------------------------------------------------


_OWN_COLUMNS = ("session_id", *COLUMN_FIELDS)
_own_of, _others_of = attrgetter(*_OWN_COLUMNS), attrgetter(*_OTHER_FIELDS)


def _values(indexed: Indexed) -> dict[str, Any]:
    summary, stored = indexed.summary, indexed.stored
    other = {
        name: value
        for name, value in zip(_OTHER_FIELDS, _others_of(summary), strict=True)
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
        "source": summary.source,
        **dict(zip(Place._fields, place_of(summary), strict=True)),
        **dict(zip(Signature._fields, stored.signature, strict=True)),
        "transcript_start": start,
        "transcript_end": end,
        "tool_calls_start": calls_start,
        "tool_calls_end": calls_end,
        "marks": stored.marks,
    }


def place_of(summary: Summary) -> Place:
    """Return where a session stands in every list: pinned first, then the newest activity, then by id."""
    return Place(0 if summary.pinned else 1, -summary.last_message_at, summary.session_id)


def summary(row: Sequence[Any], lineage: dict[str, Any] | None = None, *, of_agent: bool = False) -> Summary:
    """Return the session of a row of `SUMMARY_COLUMNS`, with what no column of those tells."""
    session_id, *values, message_count, sent_at, other = row
    metadata = dict(zip(COLUMN_FIELDS, values, strict=True))
    for name in _OTHER_FIELDS:
        metadata[name] = other.pop(name, None)
    metadata["pending_attachments"] = metadata["pending_attachments"] or []
    return Summary(
        session_id=session_id,
        message_count=message_count,
        last_message_at=sent_at or metadata["updated_at"],
        extra=other,
        lineage=lineage or {},
        of_agent=of_agent,
        **metadata,
    )


_SENT_AT = len(SUMMARY_COLUMNS) - 2
_ENTRY_NAMES = [column.name for column in SUMMARY_COLUMNS[:_SENT_AT]]
_UNSAID = {name: None for name in _OTHER_FIELDS if name not in NOT_LISTED}
_LISTED_OTHER = LATER_LISTED | _UNSAID.keys()


def entry(
    row: Sequence[Any], other: Mapping[str, Any], active_streams: Collection[str] = ()
) -> dict[str, Any]:
    """Return what `summary(row).as_dict(active_streams)` does, in a quarter of the time.

    `row` is the driver's own tuple, whose flags may be numbers; its last column comes decoded as `other`.
    """
    found = dict(zip(_ENTRY_NAMES, row, strict=False))
    found["last_message_at"] = row[_SENT_AT] or found["updated_at"]
    for flag in ("pinned", "archived", "is_cli_session"):
        found[flag] = bool(found[flag])
    stream = found["active_stream_id"]
    found["is_streaming"] = bool(stream) and stream in active_streams
    if not found["parent_session_id"]:
        del found["parent_session_id"]
    found.update(_UNSAID)
    for name in other:
        if name in _LISTED_OTHER:
            found[name] = other[name]
    return found


# ---- queries --------------------------------------------------------------------------------------------


def is_empty(connection: Connection) -> bool:
    """Whether the index holds no session at all."""
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
_GET = sa.select(*SUMMARY_COLUMNS, *_STORED_COLUMNS).where(SESSIONS.c.session_id == sa.bindparam("id"))
_INODES = sa.union_all(
    sa.select(SESSIONS.c.session_id, SESSIONS.c.inode).where(SESSIONS.c.draft == sa.false()),
    sa.select(_UNREADABLE_FILES.c.session_id, _UNREADABLE_FILES.c.inode),
)
_UNREADABLE = sa.select(_UNREADABLE_FILES.c.session_id, _UNREADABLE_FILES.c.reason).order_by(
    _UNREADABLE_FILES.c.session_id
)
_STATE = sa.select(
    *(_INDEX_STATE.c[name] for name in ("store_id", "generation", "folder_time", "scanned_at", "trash_time"))
)


def get(connection: Connection, session_id: str) -> Indexed | None:
    """Return a session's row, None without one."""
    row = connection.execute(_GET, {"id": session_id}).one_or_none()
    if row is None:
        return None
    *shown, draft, start, end, calls_start, calls_end, marks, size, mtime_ns, inode = row
    transcript = None if start is None else (start, end)
    tool_calls = None if calls_start is None else (calls_start, calls_end)
    stored = Stored(Signature(size, mtime_ns, inode), transcript, row.sent_at, tool_calls, marks)
    return Indexed(summary(shown), stored, draft)


def signatures(connection: Connection, session_ids: Collection[str] | None = None) -> dict[str, Signature]:
    """Return the version of each file that was indexed, readable or not, by id; of all, or of those named."""
    rows = sa.select(SESSIONS.c.session_id, SESSIONS.c.size, SESSIONS.c.mtime_ns, SESSIONS.c.inode)
    rows = rows.where(SESSIONS.c.draft == sa.false())
    bad = sa.select(
        _UNREADABLE_FILES.c.session_id,
        _UNREADABLE_FILES.c.size,
        _UNREADABLE_FILES.c.mtime_ns,
        _UNREADABLE_FILES.c.inode,
    )
    if session_ids is None:
        queries: list[sa.Select[Any]] = [rows, bad]
    else:
        queries = [
            query.where(query.selected_columns.session_id.in_(some))
            for some in chunks(session_ids)
            for query in (rows, bad)
        ]
    return {
        session_id: Signature(size, mtime_ns, inode)
        for query in queries
        for session_id, size, mtime_ns, inode in connection.execute(query).all()
    }


def inodes(connection: Connection) -> dict[str, int]:
    """Return the inode of each file that was indexed, readable or not, by id."""
    return dict(tuple(row) for row in connection.execute(_INODES))


def unreadable(connection: Connection) -> list[tuple[str, str]]:
    """Return the name and the reason of each file that could not be read."""
    return [(f"{session_id}.json", reason) for session_id, reason in connection.execute(_UNREADABLE)]


def drop_old_drafts(connection: Connection, before: int) -> None:
    """Forget the drafts of `old_drafts`, less those that became sessions meanwhile."""
    old = (SESSIONS.c.hidden == sa.true(), SESSIONS.c.draft == sa.true(), SESSIONS.c.mtime_ns < before)
    connection.execute(sa.delete(SESSIONS).where(*old))
    next_generation(connection)


def old_drafts(connection: Connection, before: int) -> list[str]:
    """Return the ids of the drafts that nobody changed since `before` (nanoseconds since the epoch)."""
    drafts = sa.select(SESSIONS.c.session_id).where(
        SESSIONS.c.hidden == sa.true(), SESSIONS.c.draft == sa.true()
    )
    return list(connection.execute(drafts.where(SESSIONS.c.mtime_ns < before)).scalars())


def waiting(connection: Connection) -> list[Summary]:
    """Return the sessions with a message that waits for its answer."""
    query = sa.select(*SUMMARY_COLUMNS).where(SESSIONS.c.pending_user_message.is_not(None))
    return [summary(row) for row in connection.execute(query).all()]


def assigned(connection: Connection) -> list[tuple[str, str]]:
    """Return the id and the project's id of each session that is in a project."""
    query = sa.select(SESSIONS.c.session_id, SESSIONS.c.project_id).where(SESSIONS.c.project_id.is_not(None))
    return [(session_id, project_id) for session_id, project_id in connection.execute(query).all()]


def state(connection: Connection) -> State:
    """Return how far the index is."""
    store_id, generation, *times = connection.execute(_STATE).one()
    return State(f"{store_id}-{generation}", *times)


# ---- changes --------------------------------------------------------------------------------------------


_VERSION_COLUMNS = ("session_id", *Signature._fields)
_INSERT = sa.insert(SESSIONS)
_NEXT = sa.update(_INDEX_STATE).values(generation=_INDEX_STATE.c.generation + 1)
_NEXT_AND_MOVED = _NEXT.values(
    folder_time=sa.case(
        (
            _INDEX_STATE.c.folder_time == sa.bindparam("before", type_=BigInteger),
            sa.bindparam("after", type_=BigInteger),
        ),
        else_=_INDEX_STATE.c.folder_time,
    )
)


def put(connection: Connection, rows: Sequence[Indexed], moved: Moved | None = None) -> None:
    """Store these rows in the place of whatever was known of their files."""
    _forget(connection, [row.summary.session_id for row in rows])
    if rows:
        _insert(connection, [_values(row) for row in rows])
    next_generation(connection, moved)


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; SQLite's driver takes these values as they are, in a third of the time of SQLAlchemy's."""
    if connection.dialect.name != "sqlite":
        connection.execute(_INSERT, rows)
        return
    statement, order = _prepared_insert(connection.dialect)
    for row in rows:
        row["other"] = json.dumps(row["other"])
    connection.exec_driver_sql(statement, list(map(order, rows)))


@functools.lru_cache(4)
def _prepared_insert(dialect: sa.Dialect) -> tuple[str, Callable[[dict[str, Any]], tuple[Any, ...]]]:
    """Return the insertion in SQLite's own words, and what takes a row's values in their order there."""
    compiled = _INSERT.compile(dialect=dialect)
    names = compiled.positiontup or ()
    return str(compiled), itemgetter(*names)


def change(connection: Connection, old: Indexed, new: Indexed, moved: Moved | None = None) -> None:
    """Store `new` in the place of `old`, the row that it was made from.

    An index is touched only where one of its columns changed: a rename writes two pages, where a deletion and
    an insertion write nine.
    """
    before, after = _values(old), _values(new)
    # In `other` 1 and true are different values, though equal in Python.
    values = {name: value for name, value in after.items() if name == "other" or value != before[name]}
    known = {f"old_{name}": before[name] for name in _VERSION_COLUMNS}
    if connection.execute(_change_statement(frozenset(values)), values | known).rowcount:
        next_generation(connection, moved)
    else:  # a sync was faster, with another version of the file
        put(connection, [new], moved)


def parameter(prefix: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    """Return the parameter of a prepared statement that a value of this column goes into."""
    return sa.bindparam(f"{prefix}{column.name}", type_=column.type)


@functools.lru_cache
def _change_statement(changed: frozenset[str]) -> sa.Update:
    is_old = (SESSIONS.c[name] == parameter("old_", SESSIONS.c[name]) for name in _VERSION_COLUMNS)
    return (
        sa.update(SESSIONS).where(*is_old).values({name: parameter("", SESSIONS.c[name]) for name in changed})
    )


def put_unreadable(connection: Connection, session_id: str, signature: Signature, reason: str) -> None:
    """Store that a file could not be read, in the place of whatever was known of it."""
    _forget(connection, [session_id])
    values = {"session_id": clean_text(session_id), "reason": clean_text(reason), **signature._asdict()}
    connection.execute(sa.insert(_UNREADABLE_FILES).values(values))
    next_generation(connection)


def drop(connection: Connection, session_ids: Collection[str], moved: Moved | None = None) -> None:
    """Forget these sessions."""
    _forget(connection, session_ids)
    next_generation(connection, moved)


def scanned(connection: Connection, folder_time: int, scanned_at: int) -> None:
    """Note the folder's time as it was before a scan, and when that began (both in nanoseconds)."""
    connection.execute(sa.update(_INDEX_STATE).values(folder_time=folder_time, scanned_at=scanned_at))


def trashed(connection: Connection) -> set[str]:
    """Return the ids that the index knows to lie in the trash."""
    return set(connection.execute(sa.select(TRASHED.c.session_id)).scalars())


def in_place_and_trash(connection: Connection) -> list[str]:
    """Return the ids of the sessions that have a row of their own, and lie in the trash too."""
    own = sa.select(SESSIONS.c.session_id).join(TRASHED, SESSIONS.c.session_id == TRASHED.c.session_id)
    return list(connection.execute(own).scalars())


def put_trashed(connection: Connection, session_ids: Collection[str], trash_time: int | None) -> None:
    """Store what lies in the trash, as it was at this modification time of the folder (in nanoseconds)."""
    known, found = trashed(connection), set(session_ids)
    for some in chunks(known - found):
        connection.execute(sa.delete(TRASHED).where(TRASHED.c.session_id.in_(some)))
    if found - known:
        connection.execute(sa.insert(TRASHED), [{"session_id": each} for each in found - known])
    connection.execute(sa.update(_INDEX_STATE).values(trash_time=trash_time))
    if known != found:
        next_generation(connection)


def _forget(connection: Connection, session_ids: Collection[str]) -> None:
    for some in chunks(session_ids):
        connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.session_id.in_(some)))
        connection.execute(sa.delete(_UNREADABLE_FILES).where(_UNREADABLE_FILES.c.session_id.in_(some)))


def next_generation(connection: Connection, moved: Moved | None = None) -> None:
    """Give the index another version, and the sessions folder the time that a write of our own left."""
    if moved is None or moved.after is None:
        connection.execute(_NEXT)
    else:
        connection.execute(_NEXT_AND_MOVED, moved._asdict())
