"""The index: mapped tables and the SQL over them. It can be rebuilt from the files.

Speaks portable SQL, on a connection that the caller has from `database`.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .model import FIELDS, Moved, Signature, Stored, Summary, clean_text

CHUNK = 500  # ids in one IN (...): far below every database's limit on parameters


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

    # The version of the file that this row was made from, and where its transcript lies in it.
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[int] = mapped_column(BigInteger)
    transcript_start: Mapped[int | None] = mapped_column(BigInteger)
    transcript_end: Mapped[int | None] = mapped_column(BigInteger)

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


class IndexState(Base):
    """The one row that says how far the index is: see `drift` for the two times, in nanoseconds."""

    __tablename__ = "index_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    store_id: Mapped[str] = mapped_column(String(32))
    generation: Mapped[int] = mapped_column(BigInteger)
    folder_time: Mapped[int | None] = mapped_column(BigInteger)
    scanned_at: Mapped[int] = mapped_column(BigInteger)


_rows: sa.Table = SessionRow.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
_bad: sa.Table = UnreadableFile.__table__  # type: ignore[assignment]  # as above
_state: sa.Table = IndexState.__table__  # type: ignore[assignment]  # as above

_COLUMN_FIELDS = tuple(name for name in FIELDS if name in _rows.c)
_OTHER_FIELDS = tuple(name for name in FIELDS if name not in _rows.c)
_SUMMARY_COLUMNS = [
    _rows.c[name] for name in ("session_id", *_COLUMN_FIELDS, "message_count", "sent_at", "other")
]


class Filters(NamedTuple):
    """Which sessions a list shows; None is any, `hidden` adds what the sidebar hides."""

    profile: str | None = None
    project_id: str | None = None
    source: str | None = None
    archived: bool | None = None
    hidden: bool = False


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


# ---- rows -----------------------------------------------------------------------------------------------


def _values(indexed: Indexed) -> dict[str, Any]:
    summary, stored = indexed.summary, indexed.stored
    metadata = summary.metadata()
    other = {name: metadata[name] for name in _OTHER_FIELDS if metadata[name] not in (None, [])}
    start, end = stored.transcript or (None, None)
    return {
        **{name: metadata[name] for name in ("session_id", *_COLUMN_FIELDS)},
        "other": {**summary.extra, **other},
        "message_count": summary.message_count,
        "sent_at": stored.sent_at,
        "hidden": summary.hidden or indexed.draft,
        "draft": indexed.draft,
        "source": summary.source,
        **place_of(summary)._asdict(),
        **stored.signature._asdict(),
        "transcript_start": start,
        "transcript_end": end,
    }


def place_of(summary: Summary) -> Place:
    """Return where a session stands in every list: pinned first, then the newest activity, then by id."""
    return Place(0 if summary.pinned else 1, -summary.last_message_at, summary.session_id)


def _summary(row: Any) -> Summary:
    session_id, *values, message_count, sent_at, other = row
    metadata = dict(zip(_COLUMN_FIELDS, values, strict=True))
    for name in _OTHER_FIELDS:
        metadata[name] = other.pop(name, None)
    metadata["pending_attachments"] = metadata["pending_attachments"] or []
    return Summary(
        session_id=session_id,
        message_count=message_count,
        last_message_at=sent_at or metadata["updated_at"],
        extra=other,
        **metadata,
    )


# ---- queries --------------------------------------------------------------------------------------------

# Statements are made once for each shape and get their values as parameters: to build one anew for each call
# took three times as long as to run it.

_FILTERED = ("profile", "project_id", "source", "archived")
_ORDER = (_rows.c.unpinned, _rows.c.age, _rows.c.session_id)


def page_query(
    filters: Filters, after: Place | None, limit: int | None
) -> tuple[sa.Select[Any], dict[str, Any]]:
    """Return the query of a list, from behind `after` on, and its parameters."""
    parameters = _parameters(filters)
    if after is not None:
        parameters |= {f"after_{name}": value for name, value in after._asdict().items()}
    if limit is not None:
        parameters["most"] = limit
    return _page_statement(filters.hidden, frozenset(parameters)), parameters


@functools.cache
def _page_statement(hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    query = sa.select(*_SUMMARY_COLUMNS).where(*_conditions(hidden, parameters)).order_by(*_ORDER)
    if "after_age" in parameters:
        query = query.where(
            sa.tuple_(*_ORDER) > sa.tuple_(*(_parameter("after_", column) for column in _ORDER))
        )
    if "most" in parameters:
        query = query.limit(sa.bindparam("most", type_=sa.Integer))
    return query


def count_query(filters: Filters) -> tuple[sa.Select[Any], dict[str, Any]]:
    """Return the query that counts the sessions that match, and its parameters."""
    parameters = _parameters(filters)
    return _count_statement(filters.hidden, frozenset(parameters)), parameters


@functools.cache
def _count_statement(hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(_rows).where(*_conditions(hidden, parameters))


def _parameters(filters: Filters) -> dict[str, Any]:
    wanted = ((name, getattr(filters, name)) for name in _FILTERED)
    given = {name: value for name, value in wanted if value is not None}
    return {name: clean_text(value) if isinstance(value, str) else value for name, value in given.items()}


def _conditions(hidden: bool, parameters: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    if not hidden:
        yield _rows.c.hidden == sa.false()
    for name in _FILTERED:
        if name in parameters:
            yield _rows.c[name] == _parameter("", _rows.c[name])


def _parameter(prefix: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(f"{prefix}{column.name}", type_=column.type)


def page(connection: Connection, filters: Filters, after: Place | None, limit: int | None) -> list[Summary]:
    """Return the sessions of `page_query`."""
    return [_summary(row) for row in connection.execute(*page_query(filters, after, limit)).all()]


def count(connection: Connection, filters: Filters) -> int:
    """Return how many sessions match."""
    return int(connection.execute(*count_query(filters)).scalar_one())


def is_empty(connection: Connection) -> bool:
    """Whether the index holds no session at all."""
    return connection.execute(_ANY).first() is None


_ANY = sa.select(sa.literal(1)).select_from(_rows).limit(1)
_STORED_COLUMNS = [
    _rows.c[name] for name in ("draft", "transcript_start", "transcript_end", "size", "mtime_ns", "inode")
]
_GET = sa.select(*_SUMMARY_COLUMNS, *_STORED_COLUMNS).where(_rows.c.session_id == sa.bindparam("id"))
_INODES = sa.union_all(
    sa.select(_rows.c.session_id, _rows.c.inode).where(_rows.c.draft == sa.false()),
    sa.select(_bad.c.session_id, _bad.c.inode),
)
_UNREADABLE = sa.select(_bad.c.session_id, _bad.c.reason).order_by(_bad.c.session_id)
_STATE = sa.select(_state.c.store_id, _state.c.generation, _state.c.folder_time, _state.c.scanned_at)


def get(connection: Connection, session_id: str) -> Indexed | None:
    """Return a session's row, None without one."""
    row = connection.execute(_GET, {"id": session_id}).one_or_none()
    if row is None:
        return None
    *shown, draft, start, end, size, mtime_ns, inode = row
    transcript = None if start is None else (start, end)
    return Indexed(_summary(shown), Stored(Signature(size, mtime_ns, inode), transcript, row.sent_at), draft)


def signatures(connection: Connection, session_ids: Collection[str] | None = None) -> dict[str, Signature]:
    """Return the version of each file that was indexed, readable or not, by id; of all, or of those named."""
    rows = sa.select(_rows.c.session_id, _rows.c.size, _rows.c.mtime_ns, _rows.c.inode)
    rows = rows.where(_rows.c.draft == sa.false())
    bad = sa.select(_bad.c.session_id, _bad.c.size, _bad.c.mtime_ns, _bad.c.inode)
    if session_ids is None:
        queries: list[sa.Select[Any]] = [rows, bad]
    else:
        queries = [
            query.where(query.selected_columns.session_id.in_(some))
            for some in _chunks(session_ids)
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


def ids(connection: Connection, filters: Filters) -> list[str]:
    """Return the ids of the sessions that match, drafts included if hidden ones are."""
    parameters = _parameters(filters)
    query = sa.select(_rows.c.session_id).where(*_conditions(filters.hidden, parameters))
    return list(connection.execute(query, parameters).scalars())


def drop_old_drafts(connection: Connection, before: int) -> None:
    """Forget the drafts of `old_drafts`, less those that became sessions meanwhile."""
    old = (_rows.c.hidden == sa.true(), _rows.c.draft == sa.true(), _rows.c.mtime_ns < before)
    connection.execute(sa.delete(_rows).where(*old))
    _next_generation(connection)


def old_drafts(connection: Connection, before: int) -> list[str]:
    """Return the ids of the drafts that nobody changed since `before` (nanoseconds since the epoch)."""
    drafts = sa.select(_rows.c.session_id).where(_rows.c.hidden == sa.true(), _rows.c.draft == sa.true())
    return list(connection.execute(drafts.where(_rows.c.mtime_ns < before)).scalars())


def state(connection: Connection) -> State:
    """Return how far the index is."""
    store_id, generation, folder_time, scanned_at = connection.execute(_STATE).one()
    return State(f"{store_id}-{generation}", folder_time, scanned_at)


# ---- changes --------------------------------------------------------------------------------------------


_VERSION_COLUMNS = ("session_id", *Signature._fields)
_INSERT = sa.insert(_rows)
_NEXT = sa.update(_state).values(generation=_state.c.generation + 1)
_NEXT_AND_MOVED = _NEXT.values(
    folder_time=sa.case(
        (
            _state.c.folder_time == sa.bindparam("before", type_=BigInteger),
            sa.bindparam("after", type_=BigInteger),
        ),
        else_=_state.c.folder_time,
    )
)


def put(connection: Connection, rows: Sequence[Indexed], moved: Moved | None = None) -> None:
    """Store these rows in the place of whatever was known of their files."""
    _forget(connection, [row.summary.session_id for row in rows])
    if rows:
        connection.execute(_INSERT, [_values(row) for row in rows])
    _next_generation(connection, moved)


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
        _next_generation(connection, moved)
    else:  # a sync was faster, with another version of the file
        put(connection, [new], moved)


@functools.lru_cache
def _change_statement(changed: frozenset[str]) -> sa.Update:
    is_old = (_rows.c[name] == _parameter("old_", _rows.c[name]) for name in _VERSION_COLUMNS)
    return sa.update(_rows).where(*is_old).values({name: _parameter("", _rows.c[name]) for name in changed})


def put_unreadable(connection: Connection, session_id: str, signature: Signature, reason: str) -> None:
    """Store that a file could not be read, in the place of whatever was known of it."""
    _forget(connection, [session_id])
    values = {"session_id": clean_text(session_id), "reason": clean_text(reason), **signature._asdict()}
    connection.execute(sa.insert(_bad).values(values))
    _next_generation(connection)


def drop(connection: Connection, session_ids: Collection[str], moved: Moved | None = None) -> None:
    """Forget these sessions."""
    _forget(connection, session_ids)
    _next_generation(connection, moved)


def scanned(connection: Connection, folder_time: int, scanned_at: int) -> None:
    """Note the folder's time as it was before a scan, and when that began (both in nanoseconds)."""
    connection.execute(sa.update(_state).values(folder_time=folder_time, scanned_at=scanned_at))


def _forget(connection: Connection, session_ids: Collection[str]) -> None:
    for some in _chunks(session_ids):
        connection.execute(sa.delete(_rows).where(_rows.c.session_id.in_(some)))
        connection.execute(sa.delete(_bad).where(_bad.c.session_id.in_(some)))


def _next_generation(connection: Connection, moved: Moved | None = None) -> None:
    if moved is None or moved.after is None:
        connection.execute(_NEXT)
    else:
        connection.execute(_NEXT_AND_MOVED, moved._asdict())


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    ordered = list(values)
    return (ordered[at : at + CHUNK] for at in range(0, len(ordered), CHUNK))
