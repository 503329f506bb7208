"""The SQL of lists: the web UI's sessions and the agents' conversations in one order, filtered and paged.

Makes statements and reads their rows; `lists`, `conversations` and `usage` run them. Portable SQL.
"""

import functools
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from ..fields import clean_text
from ..json_text import decode
from ..model import Summary, list_entry
from ..origins import lineage_of
from ..results import Filters, Sort
from ..tag_names import tag_filter
from . import postgresql
from .database import parameter
from .orders import KEYS, AnyPlace, SortedPlace
from .row_values import entry_values, summary
from .schema import (
    AGENT_CONVERSATIONS,
    AGENT_SESSIONS,
    CONVERSATION_TAGS,
    HELD_SEGMENTS,
    KEPT_PARENTS,
    SESSIONS,
    SUMMARY_COLUMNS,
    TRASHED,
)

# A statement is made once for each shape of a list and takes its values as parameters: building one for each
# call took three times as long as running it.

WITH_TAG, WITHOUT_TAG = "with_tag_", "without_tag_"  # the beginnings of parameters' names
FILTERED = ("profile", "project_id", "source", "archived")  # each has an index in the order of lists
ORDER = ("unpinned", "age", "session_id")
SORTED = "sorted"  # stands among the names of parameters for a list in another order

Select: TypeAlias = sa.Select[Any] | sa.CompoundSelect[Any]
Parameters: TypeAlias = dict[str, Any]


class View(NamedTuple):
    """What a list shows from outside the tables.

    `profile` names the agent whose lineage the web UI's sessions get; `workspace` is shown for agents'
    conversations without one. With `agents_of` they are those of this profile alone.
    """

    profile: str = "default"
    workspace: str = ""
    agents_of: str | None = None


class ListRequest(NamedTuple):
    """Which part of which list to read: at most `limit` items (None: all), those that follow `after`."""

    filters: Filters = Filters()
    view: View = View()
    after: AnyPlace | None = None
    limit: int | None = None
    sort: Sort = "activity"


# ---- pages ----------------------------------------------------------------------------------------------


def page_query(request: ListRequest, dialect: str) -> tuple[Select, Parameters]:
    """Return the query of a part of a list for a database of this dialect, and its parameters."""
    filters, view, after, limit, sort = request
    parameters = filter_parameters(filters) | {"view_profile": view.profile, "view_workspace": view.workspace}
    parameters |= _after_parameters(after, parameters.get("unpinned"))
    if limit is not None:
        parameters["most"] = limit
    parameters |= _agents_parameter(view)
    shape = lists_agents(filters), filters.hidden, frozenset(parameters)
    if sort != "activity":
        return _sorted_statement(sort, *shape), parameters
    return _page_statement(dialect, *shape), parameters


def _after_parameters(after: AnyPlace | None, unpinned: int | None) -> Parameters:
    """Return the parameters of `_behind`, in a list whose rows all have this value of `unpinned`, if any.

    Such a list is compared by the rest of the order: beside an equality, SQLite would sort by all of it.
    """
    if isinstance(after, SortedPlace):
        return {"after_key": after.key, "after_session_id": after.session_id}
    if after is None or (unpinned is not None and after.unpinned < unpinned):
        return {}
    compared = ORDER if after.unpinned != unpinned else ORDER[1:]
    return {f"after_{name}": getattr(after, name) for name in compared}


def _agents_parameter(view: View) -> Parameters:
    return {} if view.agents_of is None else {"agents_of": clean_text(view.agents_of)}


def lists_agents(filters: Filters) -> bool:
    """Whether a list can hold agents' conversations: none is in a project, pinned or interrupted."""
    can_match = not filters.project_id and not filters.pinned and not filters.interrupted
    return bool(filters.agent) and can_match


@functools.cache
def _page_statement(dialect: str, with_agents: bool, hidden: bool, parameters: frozenset[str]) -> Select:
    sessions = sessions_query(hidden, parameters)
    if not with_agents:
        return _first_of(sessions, parameters)
    halves: list[sa.Select[Any]] = [sessions, _listed_conversations(hidden, parameters)]
    # Both halves come out of an index in this order, and are merged. SQLite does so unless each has an order
    # of its own, PostgreSQL only if each has.
    if dialect == postgresql.NAME:
        halves = [sa.select(_first_of(half, parameters).subquery()) for half in halves]
    return _first_of(sa.union_all(*halves), parameters)


def _first_of(query: Select, parameters: Collection[str]) -> Select:
    """Return a query in the order of lists, with its first rows alone if there is a limit."""
    ordered: Select = query.order_by(*(query.selected_columns[name] for name in ORDER))
    return ordered.limit(sa.bindparam("most", type_=sa.Integer)) if "most" in parameters else ordered


@functools.cache
def _sorted_statement(sort: Sort, with_agents: bool, hidden: bool, parameters: frozenset[str]) -> Select:
    """Return the query of a list in another order: an index alone tells which rows to read."""
    halves = [_keys(SESSIONS, sort, hidden, parameters)]
    if with_agents:
        once = (*_of_agents(parameters), *listed_once(parameters))
        halves.append(_keys(AGENT_CONVERSATIONS, sort, hidden, parameters).where(*once))
    keys = sa.union_all(*halves)
    keys = keys.order_by(*(keys.selected_columns[name] for name in ("key", "session_id")))
    if "most" in parameters:
        keys = keys.limit(sa.bindparam("most", type_=sa.Integer))
    page = keys.cte("page")
    query: Select = _rows_of(page, SESSIONS, sessions_query(True, ()))
    if with_agents:
        query = _rows_of(page, SESSIONS, sessions_query(True, ())).union_all(
            _rows_of(page, AGENT_CONVERSATIONS, conversations_query())
        )
    return query.order_by(*(query.selected_columns[name] for name in ("age", "session_id")))


def _keys(table: sa.Table, sort: Sort, hidden: bool, parameters: Collection[str]) -> sa.Select[Any]:
    key = KEYS[sort](table.c)
    profile = sa.literal("") if table is SESSIONS else table.c.profile
    query = sa.select(key.label("key"), table.c.session_id, profile.label("profile"))
    query = query.where(*conditions(table, hidden, {*parameters, SORTED}))
    if "after_key" not in parameters:
        return query
    after = (sa.bindparam("after_key", type_=key.type), parameter("after_", table.c.session_id))
    return query.where(sa.tuple_(key, table.c.session_id) > sa.tuple_(*after))


def _rows_of(page: sa.CTE, table: sa.Table, query: sa.Select[Any]) -> sa.Select[Any]:
    """Return the query of the rows of a page, with the key in place of the age."""
    profile = sa.literal("") if table is SESSIONS else table.c.profile
    of_page = sa.and_(page.c.session_id == table.c.session_id, page.c.profile == profile)
    *columns, unpinned, _ = query.selected_columns
    return query.with_only_columns(*columns, unpinned, page.c.key.label("age")).join(page, of_page)


def sessions_query(hidden: bool, parameters: Collection[str]) -> sa.Select[Any]:
    """Return the query of the web UI's sessions that match, each with its lineage."""
    has_lineage = sa.and_(
        AGENT_SESSIONS.c.session_id == SESSIONS.c.session_id,
        AGENT_SESSIONS.c.profile == sa.bindparam("view_profile", type_=sa.String),
    )
    return (
        sa.select(*SUMMARY_COLUMNS, AGENT_SESSIONS.c.lineage, _NOT_KEPT, SESSIONS.c.unpinned, SESSIONS.c.age)
        .select_from(SESSIONS.outerjoin(AGENT_SESSIONS, has_lineage))
        .where(*conditions(SESSIONS, hidden, parameters), *_behind(SESSIONS, parameters))
    )


def conversations_query() -> sa.Select[Any]:
    """Return the query of all agents' conversations, with the columns of `sessions_query`."""
    columns, conversations = map(_conversation_column, SUMMARY_COLUMNS), AGENT_CONVERSATIONS.c
    return sa.select(
        *columns, conversations.lineage, _kept_parent(), conversations.unpinned, conversations.age
    )


_NOT_KEPT = sa.type_coerce(sa.null(), KEPT_PARENTS.c.lineage.type).label("kept")


def _kept_parent() -> sa.ColumnElement[Any]:
    """Return what a file keeps of the parent of a conversation that has none in the agent's file, or NULL."""
    conversation = AGENT_CONVERSATIONS.c
    is_child = KEPT_PARENTS.c.child_id.in_([conversation.session_id, conversation.root_id])
    kept = sa.select(KEPT_PARENTS.c.lineage).where(is_child).limit(1).scalar_subquery()
    # SQLite answers this once for all rows; only few homes keep any.
    other = KEPT_PARENTS.alias("any_kept").c
    any_is_kept = sa.exists().where(other.child_id >= "")
    return sa.case((sa.and_(conversation.parent_session_id.is_(None), any_is_kept), kept)).label("kept")


def _listed_conversations(hidden: bool, parameters: Collection[str]) -> sa.Select[Any]:
    return conversations_query().where(
        *conditions(AGENT_CONVERSATIONS, hidden, parameters),
        *_behind(AGENT_CONVERSATIONS, parameters),
        *_of_agents(parameters),
        *listed_once(parameters),
    )


def _of_agents(parameters: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    if "agents_of" in parameters:
        yield AGENT_CONVERSATIONS.c.profile == sa.bindparam("agents_of", type_=sa.String)


def _conversation_column(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return what a conversation has for a column of a session; only a conversation's `other` is NULL."""
    conversations = AGENT_CONVERSATIONS.c
    computed: dict[str, sa.ColumnElement[Any]] = {
        "pinned": sa.false(),
        "is_cli_session": sa.true(),
        "sent_at": conversations.updated_at,
        "workspace": sa.func.coalesce(
            conversations.workspace, sa.bindparam("view_workspace", type_=sa.String)
        ),
    }
    value = computed.get(column.name, conversations.get(column.name))
    return (sa.null() if value is None else value).label(column.name)


# ---- conditions -----------------------------------------------------------------------------------------


def filter_parameters(filters: Filters) -> Parameters:
    """Return the parameters of `conditions`: the filters that were given, as the columns have them."""
    given = {name: getattr(filters, name) for name in (*FILTERED, *FIGURES)}
    given |= {
        "unpinned": None if filters.pinned is None else int(not filters.pinned),
        "latest": None if filters.since is None else -filters.since,
        "before": None if filters.until is None else -filters.until,
        "agents_only": filters.agent == "only" or None,
        **_project_parameters(filters.project_id),
        **_tag_parameters(filters.tag),
    }
    return {
        name: clean_text(str(value)) if isinstance(value, str) else value
        for name, value in given.items()
        if value is not None
    }


def _project_parameters(project_id: str | None) -> Parameters:
    return {"project_id": None, "unassigned": True} if project_id == "" else {}


def _tag_parameters(tag: str | None) -> Parameters:
    wanted, unwanted = tag_filter(tag) if tag is not None else ([], [])
    named = {f"{WITH_TAG}{number}": key for number, key in enumerate(wanted)}
    return named | {f"{WITHOUT_TAG}{number}": key for number, key in enumerate(unwanted)}


def conditions(
    table: sa.Table, hidden: bool, parameters: Collection[str]
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what a row must fulfil to match the filters that have a parameter."""
    filtered = [table.c[name] for name in FILTERED if name in parameters]
    tags = sorted(name for name in parameters if name.startswith((WITH_TAG, WITHOUT_TAG)))
    is_scan = bool(tags) or SORTED in parameters or not FIGURES.isdisjoint(parameters)
    for column in filtered:
        yield (unindexed(column) if is_scan else column) == parameter("", column)
    if not hidden:
        # No equality beside another one: SQLite would read all visible rows of every profile.
        has_index = filtered or is_scan
        yield table.c.hidden.is_distinct_from(sa.true()) if has_index else table.c.hidden == sa.false()
    yield from (condition(table.c) for name, condition in _OTHERS.items() if name in parameters)
    yield from (_has_tag(table, name) for name in tags)
    if table is SESSIONS:
        yield from (condition for name, condition in _OF_SESSIONS.items() if name in parameters)


def _has_tag(table: sa.Table, name: str) -> sa.ColumnElement[bool]:
    """Return the condition on a tag: rows are found in the order of lists, and each is looked up by its id.

    The other way round, a tag of 5,000 conversations would mean to read and to sort as many rows.
    """
    tagged, session_id = CONVERSATION_TAGS.c, unindexed(table.c.session_id)
    with_tag = tagged.tag == sa.bindparam(name, type_=sa.String)
    if table is SESSIONS:
        ids = sa.select(tagged.session_id).where(with_tag, tagged.profile == "")
        has = session_id.in_(ids)
    else:
        ids = sa.select(tagged.profile, tagged.session_id).where(with_tag)
        has = sa.tuple_(unindexed(table.c.profile), session_id).in_(ids)
    # PostgreSQL would join a bare `IN`, and look each row of the list up in the table.
    return has.is_(sa.true()) if name.startswith(WITH_TAG) else ~has


def unindexed(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return the value of a column in a form for which no index of it is used."""
    return sa.func.nullif(column, sa.null(), type_=column.type)


# An index of each of these would cost every change of a session a page. The one of all conversations has all
# that can be filtered by: reading it whole takes 4 ms for 20,000 sessions, reading their rows 100.
FIGURES = frozenset({"model", "min_messages", "min_cost", "interrupted"})
_OTHERS: Mapping[str, Callable[[Any], sa.ColumnElement[bool]]] = {
    "unpinned": lambda columns: columns.unpinned == parameter("", columns.unpinned),
    "model": lambda columns: columns.model == parameter("", columns.model),
    "min_messages": lambda columns: (
        columns.message_count >= sa.bindparam("min_messages", type_=sa.BigInteger)
    ),
    "min_cost": lambda columns: columns.estimated_cost >= sa.bindparam("min_cost", type_=sa.Double),
    # `age` is minus the time of the last activity.
    "latest": lambda columns: columns.age <= sa.bindparam("latest", type_=sa.Double),
    "before": lambda columns: columns.age > sa.bindparam("before", type_=sa.Double),
}
_OF_SESSIONS: Mapping[str, sa.ColumnElement[bool]] = {
    "interrupted": SESSIONS.c.interrupted == parameter("", SESSIONS.c.interrupted),
    "agents_only": sa.false(),
    "unassigned": SESSIONS.c.project_id.is_(None),
}


def listed_once(parameters: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the conditions that keep a list from showing an agent's conversation twice.

    A session of the web UI, in its folder or in the trash, takes the place of the agent's conversation of
    the same id, or of the one whose latest segment it holds. Where profiles were copied, the copy that was
    active last is listed.
    """
    conversation = AGENT_CONVERSATIONS.c
    for column in (SESSIONS.c.session_id, TRASHED.c.session_id, HELD_SEGMENTS.c.segment_id):
        yield ~sa.exists().where(column == conversation.session_id)
    if not {"profile", "agents_of"}.intersection(parameters):
        other = AGENT_CONVERSATIONS.alias("other")
        newer = sa.tuple_(other.c.age, other.c.profile) < sa.tuple_(conversation.age, conversation.profile)
        yield ~sa.exists().where(other.c.session_id == conversation.session_id, newer)


def _behind(table: sa.Table, parameters: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    if order := [table.c[name] for name in ORDER if f"after_{name}" in parameters]:
        yield sa.tuple_(*order) > sa.tuple_(*(parameter("after_", column) for column in order))


# ---- counts and sums ------------------------------------------------------------------------------------


def count_query(filters: Filters, view: View, dialect: str) -> tuple[sa.Select[Any], Parameters]:
    """Return the query that counts all that match in a database of this dialect, and its parameters."""
    parameters = filter_parameters(filters) | _agents_parameter(view)
    few_are_left_out = parameters.keys() <= {"archived", "agents_of"} and filters.archived is not True
    # PostgreSQL counts an index row by row whatever is asked.
    of_sessions = _all_but_few if few_are_left_out and dialect != postgresql.NAME else _count_of_sessions
    with_agents = lists_agents(filters)
    return _count_statement(of_sessions, with_agents, filters.hidden, frozenset(parameters)), parameters


@functools.cache
def _count_statement(
    of_sessions: Callable[[bool, Collection[str]], sa.Select[Any]],
    with_agents: bool,
    hidden: bool,
    parameters: frozenset[str],
) -> sa.Select[Any]:
    sessions = of_sessions(hidden, parameters)
    if not with_agents:
        return sessions
    matching = conditions(AGENT_CONVERSATIONS, hidden, parameters)
    others = _number_of(AGENT_CONVERSATIONS, *matching, *_of_agents(parameters), *listed_once(parameters))
    return sa.select(sessions.scalar_subquery() + others.scalar_subquery())


def _number_of(table: sa.Table, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(table).where(*where)


def _count_of_sessions(hidden: bool, parameters: Collection[str]) -> sa.Select[Any]:
    return _number_of(SESSIONS, *conditions(SESSIONS, hidden, parameters))


def _all_but_few(hidden: bool, parameters: Collection[str]) -> sa.Select[Any]:
    """Return the query of the number of sessions less the hidden and, if it is filtered, the archived ones.

    SQLite counts a whole table by the pages of an index: 50,000 sessions in 0.02 ms, and one by one in 2.6.
    """
    left_out = [] if hidden else [SESSIONS.c.hidden == sa.true()]
    if "archived" in parameters:
        # No equality beside another one: see `conditions`.
        left_out.append(sa.and_(SESSIONS.c.archived == sa.true(), *conditions(SESSIONS, hidden, {SORTED})))
    numbers = [_number_of(SESSIONS), *(_number_of(SESSIONS, each) for each in left_out)]
    return sa.select(functools.reduce(operator.sub, (each.scalar_subquery() for each in numbers)))


def columns_query(
    filters: Filters, own: Mapping[str, sa.ColumnElement[Any]], *where: sa.ColumnElement[bool]
) -> tuple[Select, Parameters]:
    """Return the query of some columns of all that match, in no order, and its parameters.

    `own` has the columns by name, as they are computed for the web UI's sessions, which must also fulfil
    `where`; an agent's conversation has the columns of the same names.
    """
    parameters = filter_parameters(filters)
    columns = [column.label(name) for name, column in own.items()]
    sessions = sa.select(*columns).where(*conditions(SESSIONS, filters.hidden, parameters), *where)
    if not lists_agents(filters):
        return sessions, parameters
    matching = conditions(AGENT_CONVERSATIONS, filters.hidden, parameters)
    of_agent = (_conversation_column(SESSIONS.c[name]) for name in own)
    others = sa.select(*of_agent).where(*matching, *listed_once(parameters))
    return sessions.union_all(others), parameters


def ids_query(filters: Filters) -> tuple[sa.Select[Any], Parameters]:
    """Return the query of the ids of the web UI's sessions that match, and its parameters."""
    parameters = filter_parameters(filters)
    query = sa.select(SESSIONS.c.session_id).where(*conditions(SESSIONS, filters.hidden, parameters))
    return query, parameters


def values_query(column: Literal["model", "profile"]) -> sa.CompoundSelect[Any]:
    """Return the query of the models or the profiles of all conversations, each once."""
    return sa.union(
        *(
            sa.select(table.c[column]).where(table.c[column].is_not(None))
            for table in (SESSIONS, AGENT_CONVERSATIONS)
        )
    )


# ---- rows -----------------------------------------------------------------------------------------------


_SOURCE_TAG, _PARENT = (
    [column.name for column in SUMMARY_COLUMNS].index(name) for name in ("source_tag", "parent_session_id")
)
_OTHER, _LINEAGE = len(SUMMARY_COLUMNS) - 1, len(SUMMARY_COLUMNS)


def summary_of(row: Sequence[Any]) -> Summary:
    """Return the conversation of a row of a list, given as the driver's own tuple or as SQLAlchemy's row."""
    *values, lineage, kept, _, _ = row
    values[_OTHER] = _decoded(values[_OTHER])
    lineage, kept = _decoded(lineage), _decoded(kept)
    if values[_OTHER] is None:  # an agent's conversation
        values[_OTHER] = {"raw_source": values[_SOURCE_TAG]}
        if kept:
            values[_PARENT], lineage = kept["parent_session_id"], {**lineage, **kept}
        return summary(values, lineage, of_agent=True)
    return summary(values, lineage)


def _decoded(column: Any) -> Any:
    """Return the value of a column of JSON, which some drivers and SQLAlchemy decode themselves."""
    return decode(column) if isinstance(column, str) else column


def entry_of(row: tuple[Any, ...], active_streams: Collection[str]) -> dict[str, Any]:
    """Return the list entry of a row of a list, given as the driver's own tuple."""
    other, lineage = row[_OTHER], row[_LINEAGE]
    if isinstance(other, str):  # some drivers decode JSON themselves
        other = decode(other)
    if other is None:  # an agent's conversation
        other = {"raw_source": row[_SOURCE_TAG]}
    if isinstance(lineage, str):
        lineage = decode(lineage)
    values = entry_values(row)
    if kept := row[_LINEAGE + 1]:
        lineage = {**lineage, **(decode(kept) if isinstance(kept, str) else kept)}
    return list_entry(values, other, lineage_of(other, lineage), active_streams)
