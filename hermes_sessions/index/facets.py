"""How many conversations each project, tag and state has, all counted at once.

Runs portable SQL on a connection that the caller has from `database` or `freshness`.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..results import Facets
from ..tag_names import tag_key
from .list_queries import SORTED, conditions, listed_once, unindexed
from .schema import AGENT_CONVERSATIONS, CONVERSATION_TAGS, SESSIONS
from .tags import OF_WEB_UI


class _Counted(NamedTuple):
    """Conversations of one project and of the same states; a negative count takes some off."""

    project_id: str | None
    number: int
    archived: bool = False
    interrupted: bool = False


def read(connection: Connection, agent: bool) -> Facets:
    """Return the numbers for lists without hidden conversations, with the agents' ones if `agent`."""
    by_project = connection.execute(_projects_statement()).all()
    groups = [_Counted(project_id, count) for project_id, count, _ in by_project]
    for row in connection.execute(_states_statement()).all():
        groups += _states(_Counted(*row))
    if agent:
        found = connection.execute(_conversations_statement()).all()
        groups += [_Counted(None, count, archived) for archived, count in found]
    active_at = {key: latest for key, _, latest in sorted(by_project, key=_project) if key is not None}
    return replace(_summed(groups), projects_active_at=active_at, tags=_tags(connection, agent))


def _states(group: _Counted) -> list[_Counted]:
    """Return what sessions in some state change of the sums, in which they count as active already."""
    return [group._replace(number=-group.number, archived=False, interrupted=False), group]


def _project(row: Sequence[Any]) -> str:
    """Return what rows of projects are sorted by, whatever the order in which the database has them."""
    return row[0] or ""


def _summed(groups: Iterable[_Counted]) -> Facets:
    projects: Counter[str | None] = Counter()
    archived = interrupted = 0
    for each in groups:
        if each.archived:
            archived += each.number
        else:
            projects[each.project_id] += each.number
            interrupted += each.number if each.interrupted else 0
    named = {key: count for key, count in sorted(projects.items(), key=_project) if key is not None}
    return Facets(projects.total(), archived, interrupted, projects[None], named)


@functools.cache
def _projects_statement() -> sa.Select[Any]:
    """Return the query of the sessions of each project, archived or not, read in the order of an index."""
    project_id, age = SESSIONS.c.project_id, SESSIONS.c.age  # minus the time of the last activity
    query = sa.select(project_id, sa.func.count(), -sa.func.min(age)).group_by(project_id)
    return query.where(*conditions(SESSIONS, False, {SORTED}))


@functools.cache
def _states_statement() -> sa.Select[Any]:
    """Return the query of the sessions in each state: few, so that sorting them into groups costs little."""
    # By the columns themselves, SQLite takes the index of projects, and reads every row.
    project_id, archived, interrupted = (
        unindexed(SESSIONS.c[name]) for name in ("project_id", "archived", "interrupted")
    )
    query = sa.select(project_id, sa.func.count(), archived, interrupted)
    query = query.where(sa.or_(archived == sa.true(), interrupted == sa.true()))
    return query.where(*conditions(SESSIONS, False, {SORTED})).group_by(project_id, archived, interrupted)


@functools.cache
def _conversations_statement() -> sa.Select[Any]:
    archived = unindexed(AGENT_CONVERSATIONS.c.archived)
    shown = conditions(AGENT_CONVERSATIONS, False, {SORTED})
    query = sa.select(archived, sa.func.count()).where(*shown, *listed_once(()))
    return query.group_by(archived)


# ---- tags -----------------------------------------------------------------------------------------------


def _tags(connection: Connection, agent: bool) -> dict[str, int]:
    """Return how many conversations that are not archived have each tag, the most frequent first."""
    counts: Counter[str] = Counter()
    for query, sign in _tag_statements(agent):
        counts.update({key: sign * count for key, count in connection.execute(query).all()})
    names: dict[str, str] = dict(map(tuple, connection.execute(_names_statement()).all()))
    named = ((names[key], count) for key, count in counts.items() if count)
    return dict(sorted(named, key=lambda each: (-each[1], tag_key(each[0]))))


@functools.cache
def _tag_statements(agent: bool) -> tuple[tuple[sa.Select[Any], int], ...]:
    """Return the queries whose numbers are added up, with a sign.

    Few sessions are archived or hidden, so all tags are counted and theirs are taken off: to look up the
    session of each tag would take five times as long.
    """
    tags = CONVERSATION_TAGS.c
    every = sa.select(tags.tag, sa.func.count()).group_by(tags.tag)
    of_sessions = every.where(unindexed(tags.profile) == OF_WEB_UI)
    of_state = (SESSIONS.c.archived == sa.true(), SESSIONS.c.hidden == sa.true())
    left_out = sa.union_all(*(sa.select(SESSIONS.c.session_id).where(each) for each in of_state))
    of_others = every.where(tags.profile == OF_WEB_UI, tags.session_id.in_(left_out))
    statements = [(of_sessions, 1), (of_others, -1)]
    if agent:
        conversation = AGENT_CONVERSATIONS.c
        is_same = sa.and_(tags.profile == conversation.profile, tags.session_id == conversation.session_id)
        of_agents = every.join_from(CONVERSATION_TAGS, AGENT_CONVERSATIONS, is_same)
        shown = conditions(AGENT_CONVERSATIONS, False, {SORTED, "archived"})
        of_agents = of_agents.where(unindexed(tags.profile) != OF_WEB_UI, *shown, *listed_once(()))
        statements.append((of_agents.params(archived=False), 1))
    return tuple(statements)


@functools.cache
def _names_statement() -> sa.Select[Any]:
    """Return the query of a spelling of each tag; nearly always, all conversations have the same."""
    tags, other = CONVERSATION_TAGS.c, CONVERSATION_TAGS.alias("other").c
    name = sa.select(other.name).where(other.tag == tags.tag)
    first = name.order_by(other.profile, other.session_id).limit(1).scalar_subquery()
    return sa.select(tags.tag, first).group_by(tags.tag)
