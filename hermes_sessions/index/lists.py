"""The queries of lists: the web UI's sessions and the agents' conversations in one order, filtered and paged.

Speaks portable SQL, on a connection that the caller has from `database`.
"""

import functools
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..fields import clean_text
from ..json_text import decode
from ..model import Summary, list_entry
from .database import chunks
from .rows import Place, entry_values, parameter, summary
from .schema import AGENT_CONVERSATIONS, AGENT_SESSIONS, SESSIONS, SUMMARY_COLUMNS, TRASHED

# Statements are made once for each shape and get their values as parameters: to build one anew for each call
# took three times as long as to run it.

AT_ONCE = 500  # rows of a whole list in memory, beside what is made of them

FILTERED = ("profile", "project_id", "source", "archived")
ORDER = ("unpinned", "age", "session_id")
ROOT = "_lineage_root_id"


class Filters(NamedTuple):
    """Which sessions a list shows; None is any.

    `hidden` adds what the sidebar hides, `agent` the conversations of the agents.
    """

    profile: str | None = None
    project_id: str | None = None
    source: str | None = None
    archived: bool | None = None
    hidden: bool = False
    agent: bool = False


class View(NamedTuple):
    """What a list takes from outside the tables.

    The profile whose agent tells the lineage of the web UI's sessions, and the workspace of agent sessions
    that name none.
    """

    profile: str = "default"
    workspace: str = ""


DEFAULT_VIEW = View()


def page_query(
    filters: Filters, after: Place | None, limit: int | None, view: View = DEFAULT_VIEW
) -> tuple[sa.Select[Any] | sa.CompoundSelect[Any], dict[str, Any]]:
    """Return the query of a list, from behind `after` on, and its parameters."""
    parameters = _parameters(filters) | {"view_profile": view.profile, "view_workspace": view.workspace}
    if after is not None:
        parameters |= {f"after_{name}": value for name, value in after._asdict().items()}
    if limit is not None:
        parameters["most"] = limit
    return _page_statement(_joint(filters), filters.hidden, frozenset(parameters)), parameters


def _joint(filters: Filters) -> bool:
    """Whether agents' conversations can be among the sessions: they are in no project."""
    return filters.agent and filters.project_id is None


@functools.cache
def _page_statement(
    joint: bool, hidden: bool, parameters: frozenset[str]
) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    query: sa.Select[Any] | sa.CompoundSelect[Any] = _listed_sessions(hidden, parameters)
    if joint:
        # Both halves come out of an index in this order, so that SQLite merges them: no sort, at any size.
        query = _listed_sessions(hidden, parameters).union_all(_listed_conversations(hidden, parameters))
    query = query.order_by(*(query.selected_columns[name] for name in ORDER))
    if "most" in parameters:
        query = query.limit(sa.bindparam("most", type_=sa.Integer))
    return query


def _listed_sessions(hidden: bool, parameters: Collection[str]) -> sa.Select[Any]:
    told = sa.and_(
        AGENT_SESSIONS.c.session_id == SESSIONS.c.session_id,
        AGENT_SESSIONS.c.profile == sa.bindparam("view_profile", type_=sa.String),
    )
    return (
        sa.select(*SUMMARY_COLUMNS, AGENT_SESSIONS.c.lineage, SESSIONS.c.unpinned, SESSIONS.c.age)
        .select_from(SESSIONS.outerjoin(AGENT_SESSIONS, told))
        .where(*_conditions(SESSIONS, hidden, parameters), *_behind(SESSIONS, parameters))
    )


def _conversations() -> sa.Select[Any]:
    conversations = AGENT_CONVERSATIONS.c
    shown = map(_conversation_column, SUMMARY_COLUMNS)
    return sa.select(*shown, conversations.lineage, conversations.unpinned, conversations.age)


def _listed_conversations(hidden: bool, parameters: Collection[str]) -> sa.Select[Any]:
    return _conversations().where(
        *_conditions(AGENT_CONVERSATIONS, hidden, parameters),
        *_behind(AGENT_CONVERSATIONS, parameters),
        *_shown_once(parameters),
    )


def _conversation_column(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return what a conversation has for a column of a session; `other` is NULL for conversations alone."""
    conversations = AGENT_CONVERSATIONS.c
    given: dict[str, sa.ColumnElement[Any]] = {
        "pinned": sa.false(),
        "is_cli_session": sa.true(),
        "sent_at": conversations.updated_at,
        "workspace": sa.func.coalesce(
            conversations.workspace, sa.bindparam("view_workspace", type_=sa.String)
        ),
    }
    found = given.get(column.name, conversations.get(column.name))
    return (sa.null() if found is None else found).label(column.name)


def _shown_once(parameters: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    """What the web UI has, or had until it was deleted, is shown as its own or not at all.

    Where profiles were copied, the copy that was active last is shown.
    """
    conversation = AGENT_CONVERSATIONS.c
    for table in (SESSIONS, TRASHED):
        yield ~sa.exists().where(table.c.session_id == conversation.session_id)
    if "profile" not in parameters:
        other = AGENT_CONVERSATIONS.alias("other")
        newer = sa.tuple_(other.c.age, other.c.profile) < sa.tuple_(conversation.age, conversation.profile)
        yield ~sa.exists().where(other.c.session_id == conversation.session_id, newer)


def _behind(table: sa.Table, parameters: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    if "after_age" in parameters:
        order = [table.c[name] for name in ORDER]
        yield sa.tuple_(*order) > sa.tuple_(*(parameter("after_", column) for column in order))


def count_query(filters: Filters) -> tuple[sa.Select[Any], dict[str, Any]]:
    """Return the query that counts the sessions that match, and its parameters."""
    parameters = _parameters(filters)
    return _count_statement(_joint(filters), filters.hidden, frozenset(parameters)), parameters


@functools.cache
def _count_statement(joint: bool, hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    counted = sa.select(sa.func.count()).select_from(SESSIONS)
    counted = counted.where(*_conditions(SESSIONS, hidden, parameters))
    if not joint:
        return counted
    others = sa.select(sa.func.count()).select_from(AGENT_CONVERSATIONS)
    others = others.where(*_conditions(AGENT_CONVERSATIONS, hidden, parameters), *_shown_once(parameters))
    return sa.select(counted.scalar_subquery() + others.scalar_subquery())


def matching(
    filters: Filters, names: Collection[str]
) -> tuple[sa.Select[Any] | sa.CompoundSelect[Any], dict[str, Any]]:
    """Return the query of these columns of all that match, in no order, and its parameters."""
    parameters, columns = _parameters(filters), [SESSIONS.c[name] for name in names]
    found = sa.select(*columns).where(*_conditions(SESSIONS, filters.hidden, parameters))
    if not _joint(filters):
        return found, parameters
    conditions = _conditions(AGENT_CONVERSATIONS, filters.hidden, parameters)
    others = sa.select(*map(_conversation_column, columns)).where(*conditions, *_shown_once(parameters))
    return found.union_all(others), parameters


def _parameters(filters: Filters) -> dict[str, Any]:
    wanted = ((name, getattr(filters, name)) for name in FILTERED)
    given = {name: value for name, value in wanted if value is not None}
    return {name: clean_text(value) if isinstance(value, str) else value for name, value in given.items()}


def _conditions(
    table: sa.Table, hidden: bool, parameters: Collection[str]
) -> Iterator[sa.ColumnElement[bool]]:
    wanted = [table.c[name] for name in FILTERED if name in parameters]
    for column in wanted:
        yield column == parameter("", column)
    if not hidden:
        # No equality where there is another: SQLite would go through all that is shown, of every profile.
        yield table.c.hidden.is_distinct_from(sa.true()) if wanted else table.c.hidden == sa.false()


def page(
    connection: Connection,
    filters: Filters,
    after: Place | None,
    limit: int | None,
    view: View = DEFAULT_VIEW,
) -> list[Summary]:
    """Return the sessions of `page_query`."""
    found = connection.execute(*page_query(filters, after, limit, view)).all()
    return [_listed(row) for row in found]


def entries(
    connection: Connection,
    filters: Filters,
    after: Place | None,
    limit: int | None,
    view: View = DEFAULT_VIEW,
    *,
    active_streams: Collection[str] = (),
) -> Iterator[list[dict[str, Any]]]:
    """Give out `as_dict(active_streams)` of the sessions of `page`, made from rows, some at a time."""
    with closing(connection.execute(*page_query(filters, after, limit, view))) as result:
        driver: Any = result.cursor  # its tuples cost a third of SQLAlchemy's rows; JSON in them is text
        while rows := driver.fetchmany(AT_ONCE):
            yield [_entry(row, active_streams) for row in rows]


def _entry(row: tuple[Any, ...], active_streams: Collection[str]) -> dict[str, Any]:
    other, lineage = row[_OTHER], row[_LINEAGE]
    other = {"raw_source": row[_SOURCE_TAG]} if other is None else _value(other)  # None: a conversation
    return list_entry(entry_values(row), other, {} if lineage is None else _value(lineage), active_streams)


def _value(column: Any) -> Any:
    return decode(column) if isinstance(column, str) else column  # some drivers decode JSON themselves


_SOURCE_TAG = [column.name for column in SUMMARY_COLUMNS].index("source_tag")
_OTHER, _LINEAGE = len(SUMMARY_COLUMNS) - 1, len(SUMMARY_COLUMNS)


def _listed(row: Any) -> Summary:
    *shown, lineage, _, _ = row
    if shown[-1] is None:  # `other`: a conversation
        shown[-1] = {"raw_source": row.source_tag}
        return summary(shown, lineage, of_agent=True)
    return summary(shown, lineage)


_CONVERSATION = (
    _conversations()
    .where(AGENT_CONVERSATIONS.c.session_id == sa.bindparam("id"))
    .order_by(AGENT_CONVERSATIONS.c.age, AGENT_CONVERSATIONS.c.profile)
    .limit(1)
)


def conversation(connection: Connection, session_id: str) -> Summary | None:
    """Return an agent's conversation, in the profile where it was active last; None if there is none."""
    found = connection.execute(_CONVERSATION, {"id": session_id, "view_workspace": None}).first()
    return None if found is None else _listed(found)


class Shown(NamedTuple):
    """A conversation that a list shows, and when it was last active (seconds since the epoch)."""

    session_id: str
    active_at: float


_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)


@functools.cache
def _shown_statement(hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    shown = sa.select(SESSIONS.c.session_id, SESSIONS.c.age)
    return shown.where(SESSIONS.c.session_id.in_(_IDS), *_conditions(SESSIONS, hidden, parameters))


def shown(connection: Connection, filters: Filters, session_ids: Collection[str]) -> dict[str, Shown]:
    """Return which of these of the web UI's sessions a list with these filters shows."""
    parameters = _parameters(filters)
    query = _shown_statement(filters.hidden, frozenset(parameters))
    return {
        session_id: Shown(session_id, -age)
        for some in chunks(session_ids)
        for session_id, age in connection.execute(query, {**parameters, "ids": some}).all()
    }


def conversations_of(
    connection: Connection, filters: Filters, profile: str, session_ids: Collection[str]
) -> dict[str, Shown]:
    """Return for each of an agent's sessions the conversation that it belongs to, if a list shows that."""
    if not _joint(filters) or filters.profile not in (None, profile):
        return {}
    found = {session_id: shown for session_id, _, shown in _of_ids(connection, filters, profile, session_ids)}
    others = [session_id for session_id in session_ids if session_id not in found]
    return found | _of_earlier_segments(connection, filters, profile, others)


@functools.cache
def _conversations_statement(hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    conversations = AGENT_CONVERSATIONS.c
    return sa.select(conversations.session_id, conversations.lineage, conversations.age).where(
        conversations.session_id.in_(_IDS),
        conversations.profile == sa.bindparam("of_profile", type_=sa.String),
        *_conditions(AGENT_CONVERSATIONS, hidden, parameters),
        *_shown_once(parameters),
    )


def _of_ids(
    connection: Connection, filters: Filters, profile: str, session_ids: Iterable[str]
) -> Iterator[tuple[str, str, Shown]]:
    """Yield the conversations that have these ids: the id, that of the first segment, and what is shown."""
    parameters = _parameters(filters)
    query = _conversations_statement(filters.hidden, frozenset(parameters))
    for some in chunks(session_ids):
        found = connection.execute(query, {**parameters, "of_profile": profile, "ids": some})
        for session_id, lineage, age in found.all():
            yield session_id, lineage.get(ROOT, session_id), Shown(session_id, -age)


def _of_earlier_segments(
    connection: Connection, filters: Filters, profile: str, session_ids: Collection[str]
) -> dict[str, Shown]:
    """Return the conversations whose chains began with the same session; all of a chain are one family."""
    # One step after the other: as a join, SQLite went through all conversations, which took 120 ms.
    segments = _of_agent(connection, _BY_ID, profile, session_ids)
    relatives = _of_agent(connection, _BY_FAMILY, profile, {row.family for row in segments})
    found = _of_ids(connection, filters, profile, (row.session_id for row in relatives))
    by_root = {root: shown for _, root, shown in found}
    roots = {row.session_id: (row.lineage or {}).get(ROOT, row.session_id) for row in segments}
    return {session_id: by_root[root] for session_id, root in roots.items() if root in by_root}


_SEGMENTS = sa.select(AGENT_SESSIONS.c.session_id, AGENT_SESSIONS.c.family, AGENT_SESSIONS.c.lineage).where(
    AGENT_SESSIONS.c.profile == sa.bindparam("of_profile", type_=sa.String),
    AGENT_SESSIONS.c.source.is_distinct_from("webui"),
)
_BY_ID = _SEGMENTS.where(AGENT_SESSIONS.c.session_id.in_(_IDS))
_BY_FAMILY = _SEGMENTS.where(AGENT_SESSIONS.c.family.in_(_IDS))


def _of_agent(
    connection: Connection, query: sa.Select[Any], profile: str, values: Iterable[str]
) -> list[sa.Row[Any]]:
    """Return id, family and lineage of an agent's own sessions, asked for by one of these queries."""
    return [
        row
        for some in chunks(values)
        for row in connection.execute(query, {"of_profile": profile, "ids": some}).all()
    ]


_NAMED_CONVERSATIONS = _conversations().where(AGENT_CONVERSATIONS.c.session_id.in_(_IDS))
_NAMED_SESSIONS = _listed_sessions(True, ()).where(SESSIONS.c.session_id.in_(_IDS))


def summaries(connection: Connection, view: View, session_ids: Collection[str]) -> dict[str, Summary]:
    """Return sessions as lists show them, the web UI's or the agents' that were active last, by id."""
    parameters = {"view_profile": view.profile, "view_workspace": view.workspace}
    found: dict[str, Summary] = {}
    for query in (_NAMED_CONVERSATIONS, _NAMED_SESSIONS):  # where both have one, the web UI's
        for some in chunks(session_ids):
            rows = connection.execute(query, {**parameters, "ids": some}).all()
            found |= {row.session_id: _listed(row) for row in sorted(rows, key=lambda row: -row.age)}
    return found


def count(connection: Connection, filters: Filters) -> int:
    """Return how many sessions match."""
    return int(connection.execute(*count_query(filters)).scalar_one())


def ids(connection: Connection, filters: Filters) -> list[str]:
    """Return the ids of the web UI's sessions that match, drafts included if hidden ones are."""
    parameters = _parameters(filters)
    query = sa.select(SESSIONS.c.session_id).where(*_conditions(SESSIONS, filters.hidden, parameters))
    return list(connection.execute(query, parameters).scalars())
