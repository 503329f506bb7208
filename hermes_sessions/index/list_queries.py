"""The SQL of lists: the web UI's sessions and the agents' conversations in one order, filtered and paged.

Makes statements and reads their rows; `lists`, `conversations` and `usage` run them. Portable SQL.
"""

import functools
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from ..fields import clean_text
from ..json_text import decode
from ..model import Summary, list_entry
from ..origins import lineage_of
from ..results import Filters
from .database import parameter
from .rows import Place, entry_values, summary
from .schema import (
    AGENT_CONVERSATIONS,
    AGENT_SESSIONS,
    HELD_SEGMENTS,
    KEPT_PARENTS,
    SESSIONS,
    SUMMARY_COLUMNS,
    TRASHED,
)

# A statement is made once for each shape of a list and takes its values as parameters: building one for each
# call took three times as long as running it.

FILTERED = ("profile", "project_id", "source", "archived")
ORDER = ("unpinned", "age", "session_id")

Select: TypeAlias = sa.Select[Any] | sa.CompoundSelect[Any]
Parameters: TypeAlias = dict[str, Any]


class View(NamedTuple):
    """What a list shows from outside the tables.

    `profile` names the agent whose lineage the web UI's sessions get; `workspace` is shown for agents'
    conversations without one.
    """

    profile: str = "default"
    workspace: str = ""


class ListRequest(NamedTuple):
    """Which part of which list to read: at most `limit` items (None: all), those that follow `after`."""

    filters: Filters = Filters()
    view: View = View()
    after: Place | None = None
    limit: int | None = None


# ---- pages ----------------------------------------------------------------------------------------------


def page_query(request: ListRequest) -> tuple[Select, Parameters]:
    """Return the query of a part of a list, and its parameters."""
    filters, view, after, limit = request
    parameters = filter_parameters(filters) | {"view_profile": view.profile, "view_workspace": view.workspace}
    if after is not None:
        parameters |= {f"after_{name}": value for name, value in after._asdict().items()}
    if limit is not None:
        parameters["most"] = limit
    return _page_statement(lists_agents(filters), filters.hidden, frozenset(parameters)), parameters


def lists_agents(filters: Filters) -> bool:
    """Whether a list can hold agents' conversations, which are in no project."""
    return filters.agent and filters.project_id is None


@functools.cache
def _page_statement(with_agents: bool, hidden: bool, parameters: frozenset[str]) -> Select:
    query: Select = sessions_query(hidden, parameters)
    if with_agents:
        # Both halves come out of an index in this order, so SQLite merges them without sorting.
        query = sessions_query(hidden, parameters).union_all(_listed_conversations(hidden, parameters))
    query = query.order_by(*(query.selected_columns[name] for name in ORDER))
    if "most" in parameters:
        query = query.limit(sa.bindparam("most", type_=sa.Integer))
    return query


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
    root_id = conversation.lineage["_lineage_root_id"].as_string()
    is_child = KEPT_PARENTS.c.child_id.in_([conversation.session_id, root_id])
    kept = sa.select(KEPT_PARENTS.c.lineage).where(is_child).limit(1).scalar_subquery()
    # SQLite answers this once for all rows; only few homes keep any.
    other = KEPT_PARENTS.alias("any_kept").c
    any_is_kept = sa.exists().where(other.child_id >= "")
    return sa.case((sa.and_(conversation.parent_session_id.is_(None), any_is_kept), kept)).label("kept")


def _listed_conversations(hidden: bool, parameters: Collection[str]) -> sa.Select[Any]:
    return conversations_query().where(
        *conditions(AGENT_CONVERSATIONS, hidden, parameters),
        *_behind(AGENT_CONVERSATIONS, parameters),
        *listed_once(parameters),
    )


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
    """Return the parameters of `conditions`: the filters that were given, by column."""
    given = ((name, getattr(filters, name)) for name in FILTERED)
    return {
        name: clean_text(str(value)) if isinstance(value, str) else value
        for name, value in given
        if value is not None
    }


def conditions(
    table: sa.Table, hidden: bool, parameters: Collection[str]
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what a row must fulfil to match the filters that have a parameter."""
    filtered = [table.c[name] for name in FILTERED if name in parameters]
    for column in filtered:
        yield column == parameter("", column)
    if not hidden:
        # No equality beside another one: SQLite would read all visible rows of every profile.
        yield table.c.hidden.is_distinct_from(sa.true()) if filtered else table.c.hidden == sa.false()


def listed_once(parameters: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the conditions that keep a list from showing an agent's conversation twice.

    A session of the web UI, in its folder or in the trash, takes the place of the agent's conversation of
    the same id, or of the one whose latest segment it holds. Where profiles were copied, the copy that was
    active last is listed.
    """
    conversation = AGENT_CONVERSATIONS.c
    for column in (SESSIONS.c.session_id, TRASHED.c.session_id, HELD_SEGMENTS.c.segment_id):
        yield ~sa.exists().where(column == conversation.session_id)
    if "profile" not in parameters:
        other = AGENT_CONVERSATIONS.alias("other")
        newer = sa.tuple_(other.c.age, other.c.profile) < sa.tuple_(conversation.age, conversation.profile)
        yield ~sa.exists().where(other.c.session_id == conversation.session_id, newer)


def _behind(table: sa.Table, parameters: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    if "after_age" in parameters:
        order = [table.c[name] for name in ORDER]
        yield sa.tuple_(*order) > sa.tuple_(*(parameter("after_", column) for column in order))


# ---- counts and sums ------------------------------------------------------------------------------------


def count_query(filters: Filters) -> tuple[sa.Select[Any], Parameters]:
    """Return the query that counts the conversations that match, and its parameters."""
    parameters = filter_parameters(filters)
    return _count_statement(lists_agents(filters), filters.hidden, frozenset(parameters)), parameters


@functools.cache
def _count_statement(with_agents: bool, hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    sessions = sa.select(sa.func.count()).select_from(SESSIONS)
    sessions = sessions.where(*conditions(SESSIONS, hidden, parameters))
    if not with_agents:
        return sessions
    others = sa.select(sa.func.count()).select_from(AGENT_CONVERSATIONS)
    others = others.where(*conditions(AGENT_CONVERSATIONS, hidden, parameters), *listed_once(parameters))
    return sa.select(sessions.scalar_subquery() + others.scalar_subquery())


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


# ---- rows -----------------------------------------------------------------------------------------------


_SOURCE_TAG, _PARENT = (
    [column.name for column in SUMMARY_COLUMNS].index(name) for name in ("source_tag", "parent_session_id")
)
_OTHER, _LINEAGE = len(SUMMARY_COLUMNS) - 1, len(SUMMARY_COLUMNS)


def summary_of(row: Any) -> Summary:
    """Return the conversation of a row of a list."""
    *values, lineage, kept, _, _ = row
    if values[_OTHER] is None:  # an agent's conversation
        values[_OTHER] = {"raw_source": row.source_tag}
        if kept:
            values[_PARENT], lineage = kept["parent_session_id"], {**lineage, **kept}
        return summary(values, lineage, of_agent=True)
    return summary(values, lineage)


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
