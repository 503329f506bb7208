"""Single conversations by their ids, as lists show them: the web UI's sessions and the agents'.

Runs portable SQL on a connection that the caller has from `database`.
"""

import functools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..model import Summary
from ..origins import lineage_of
from ..results import Filters
from .among import Among
from .database import chunks, driver_tuples
from .list_queries import (
    View,
    conditions,
    conversations_query,
    filter_parameters,
    listed_once,
    lists_agents,
    sessions_query,
    summary_of,
)
from .schema import AGENT_CONVERSATIONS, AGENT_SESSIONS, SESSIONS

ROOT_ID = "_lineage_root_id"  # in a lineage: the id of the first segment
_PROFILE: sa.BindParameter[str] = sa.bindparam("of_profile", type_=sa.String)


class ListedConversation(NamedTuple):
    """A conversation that a list shows: when it was last active (seconds since the epoch), its length."""

    session_id: str
    active_at: float
    message_count: int


# ---- summaries ------------------------------------------------------------------------------------------


@functools.cache
def _conversation_statement(of_one_profile: bool) -> sa.Select[Any]:
    by_id = AGENT_CONVERSATIONS.c.session_id == sa.bindparam("id")
    order = (AGENT_CONVERSATIONS.c.age, AGENT_CONVERSATIONS.c.profile)
    query = conversations_query().where(by_id).order_by(*order).limit(1)
    return query.where(AGENT_CONVERSATIONS.c.profile == _PROFILE) if of_one_profile else query


def find_conversation(connection: Connection, session_id: str, profile: str | None = None) -> Summary | None:
    """Return a conversation of the agent of a profile, None if it does not have it.

    Without a profile, that of the agent where it was active last.
    """
    parameters = {"id": session_id, "view_workspace": None, "of_profile": profile}
    row = connection.execute(_conversation_statement(profile is not None), parameters).first()
    return None if row is None else summary_of(row)


@functools.cache
def _summaries_statements(of_one_profile: bool) -> tuple[sa.Select[Any], sa.Select[Any]]:
    conversations = conversations_query().where(Among(AGENT_CONVERSATIONS.c.session_id))
    if of_one_profile:
        conversations = conversations.where(AGENT_CONVERSATIONS.c.profile == _PROFILE)
    return conversations, sessions_query(True, ()).where(Among(SESSIONS.c.session_id))


def listed_summaries(connection: Connection, view: View, session_ids: Collection[str]) -> dict[str, Summary]:
    """Return conversations as lists show them, by id.

    The web UI's session comes before an agent's conversation, and of several agents' the one that was active
    last. Ids that no list can show are left out.
    """
    parameters = {"view_profile": view.profile, "view_workspace": view.workspace}
    parameters |= {} if view.agents_of is None else {"of_profile": view.agents_of}
    summaries: dict[str, Summary] = {}
    for query in _summaries_statements(view.agents_of is not None):
        for some in chunks(session_ids):
            rows = connection.execute(query, {**parameters, "ids": some}).all()
            # The last one of an id is taken; of equal ages the first profile, as in lists.
            rows = sorted(rows, key=lambda row: (row.age, row.profile), reverse=True)
            summaries |= {row.session_id: summary_of(row) for row in rows}
    return summaries


def with_lineage(connection: Connection, profile: str, summary: Summary) -> Summary:
    """Return a session of the web UI with what a profile's agent knows of its lineage, as lists show it."""
    parameters = {"id": summary.session_id, "of_profile": profile}
    known = connection.execute(_LINEAGE, parameters).scalar_one_or_none()
    return replace(summary, lineage=lineage_of(summary.extra, known)) if known else summary


_LINEAGE = sa.select(AGENT_SESSIONS.c.lineage).where(
    AGENT_SESSIONS.c.session_id == sa.bindparam("id"), AGENT_SESSIONS.c.profile == _PROFILE
)


@functools.cache
def _with_parents_statement() -> sa.Select[Any]:
    sessions = SESSIONS.c
    return sessions_query(True, ()).where(
        sessions.parent_session_id.is_not(None), sessions.draft == sa.false()
    )


def sessions_with_parents(connection: Connection) -> list[Summary]:
    """Return the web UI's sessions whose files name a parent, without what an agent knows of them."""
    rows = connection.execute(_with_parents_statement(), {"view_profile": ""}).all()
    return [summary_of(row) for row in rows]


@functools.cache
def _listed_ids_statement() -> sa.CompoundSelect[Any]:
    conversations = AGENT_CONVERSATIONS.c.session_id
    return sa.union_all(
        sa.select(SESSIONS.c.session_id).where(Among(SESSIONS.c.session_id)),
        sa.select(conversations).where(Among(conversations), *listed_once(())),
    )


def listed_ids(connection: Connection, session_ids: Collection[str]) -> set[str]:
    """Return those of the ids that a list shows which leaves out nothing."""
    statement = _listed_ids_statement()
    return {
        session_id
        for some in chunks(session_ids)
        for session_id in connection.execute(statement, {"ids": some}).scalars()
    }


# ---- which of these does a list show? -------------------------------------------------------------------


MANY_IDS = 1_000  # from which on it is faster to read all rows than to ask for these


@functools.cache
def _all_sessions_statement(hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    matching = conditions(SESSIONS, hidden, parameters)
    return sa.select(SESSIONS.c.session_id, SESSIONS.c.age, SESSIONS.c.message_count).where(*matching)


@functools.cache
def _sessions_statement(hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    return _all_sessions_statement(hidden, parameters).where(Among(SESSIONS.c.session_id))


def listed_sessions(
    connection: Connection, filters: Filters, session_ids: Collection[str]
) -> dict[str, ListedConversation]:
    """Return those of the web UI's sessions that a list with these filters shows, by id."""
    wanted, parameters = set(session_ids), filter_parameters(filters)
    if len(wanted) > MANY_IDS:
        everything = _all_sessions_statement(filters.hidden, frozenset(parameters))
        rows = driver_tuples(connection.execute(everything, parameters))
    else:
        query = _sessions_statement(filters.hidden, frozenset(parameters))
        rows = [
            row
            for some in chunks(wanted)
            for row in driver_tuples(connection.execute(query, {**parameters, "ids": some}))
        ]
    return {
        session_id: ListedConversation(session_id, -age, messages)
        for session_id, age, messages in rows
        if session_id in wanted
    }


def listed_conversations(
    connection: Connection, filters: Filters, profile: str, session_ids: Collection[str]
) -> dict[str, ListedConversation]:
    """Return the conversations to which an agent's sessions belong, by the ids of the sessions.

    Sessions whose conversation no list with these filters shows are left out.
    """
    if not lists_agents(filters) or filters.profile not in (None, profile):
        return {}
    matches = _of_ids(connection, filters, profile, session_ids)
    by_id = {match.listed.session_id: match.listed for match in matches}
    others = [session_id for session_id in session_ids if session_id not in by_id]
    return by_id | _of_earlier_segments(connection, filters, profile, others)


class _RootedConversation(NamedTuple):
    """A conversation that a list shows, and the id of its first segment."""

    root_id: str
    listed: ListedConversation


@functools.cache
def _conversations_statement(hidden: bool, parameters: frozenset[str]) -> sa.Select[Any]:
    conversations = AGENT_CONVERSATIONS.c
    return sa.select(
        conversations.session_id, conversations.lineage, conversations.age, conversations.message_count
    ).where(
        Among(conversations.session_id),
        conversations.profile == _PROFILE,
        *conditions(AGENT_CONVERSATIONS, hidden, parameters),
        *listed_once(parameters),
    )


def _of_ids(
    connection: Connection, filters: Filters, profile: str, session_ids: Iterable[str]
) -> Iterator[_RootedConversation]:
    parameters = filter_parameters(filters)
    query = _conversations_statement(filters.hidden, frozenset(parameters))
    for some in chunks(session_ids):
        rows = connection.execute(query, {**parameters, "of_profile": profile, "ids": some}).all()
        for session_id, lineage, age, messages in rows:
            listed = ListedConversation(session_id, -age, messages)
            yield _RootedConversation(lineage.get(ROOT_ID, session_id), listed)


def _of_earlier_segments(
    connection: Connection, filters: Filters, profile: str, session_ids: Collection[str]
) -> dict[str, ListedConversation]:
    """Return the conversations that begin with the same session; a chain of segments is of one family."""
    # Step by step: as one join, SQLite read all conversations, which took 120 ms.
    by_id, by_family = _segments_statements()
    segments = _segments(connection, by_id, profile, session_ids)
    relatives = _segments(connection, by_family, profile, {row.family for row in segments})
    matches = _of_ids(connection, filters, profile, (row.session_id for row in relatives))
    by_root = {match.root_id: match.listed for match in matches}
    roots = {row.session_id: (row.lineage or {}).get(ROOT_ID, row.session_id) for row in segments}
    return {session_id: by_root[root] for session_id, root in roots.items() if root in by_root}


@functools.cache
def _segments_statements() -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Return the queries of an agent's own sessions by their ids, and by their families."""
    sessions = AGENT_SESSIONS.c
    segments = sa.select(sessions.session_id, sessions.family, sessions.lineage).where(
        sessions.profile == _PROFILE, sessions.source.is_distinct_from("webui")
    )
    return segments.where(Among(sessions.session_id)), segments.where(Among(sessions.family))


def _segments(
    connection: Connection, query: sa.Select[Any], profile: str, values: Iterable[str]
) -> list[sa.Row[Any]]:
    return [
        row
        for some in chunks(values)
        for row in connection.execute(query, {"of_profile": profile, "ids": some}).all()
    ]
