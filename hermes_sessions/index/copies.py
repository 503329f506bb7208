"""The SQL of figures that a copy has in common with another session: sums leave them out.

Of an original and its copies one counts whole: the original while it is here or an agent's, else the copy
with the most tokens. Of the others only what they have beyond the copied figures counts.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from ..results import Filters
from .conversations import listed_conversations
from .schema import AGENT_CONVERSATIONS, AGENT_SESSIONS, HELD_SEGMENTS, SESSIONS, TRASHED

_COPIED = {
    "message_count": SESSIONS.c.copied_messages,
    "input_tokens": SESSIONS.c.copied_input_tokens,
    "output_tokens": SESSIONS.c.copied_output_tokens,
}
_COPIED_COST = sa.func.coalesce(SESSIONS.c.copied_cost, 0.0)


def counted_elsewhere(*, with_agents: bool, continued: Collection[str]) -> sa.ColumnElement[bool]:
    """Return whether a session's copied figures count in another one that sums include.

    `continued` are the ids of `continued_imports`.
    """
    session, other = SESSIONS.c, SESSIONS.alias("other_copy").c
    is_other = (
        session.copy_of != session.session_id
    )  # an import has the id of the conversation that it copies
    reasons: list[sa.ColumnElement[bool]] = [
        sa.and_(is_other, sa.exists().where(other.session_id == session.copy_of)),
        sa.and_(is_other, sa.exists().where(other.copy_of == session.copy_of, _rank(other) < _rank(session))),
    ]
    if continued:  # SQLite scans an empty list once for each use
        reasons.append(session.session_id.in_(continued))
    if with_agents:
        listed = AGENT_CONVERSATIONS.c.session_id
        hidden = (TRASHED.c.session_id == listed, HELD_SEGMENTS.c.segment_id == listed)
        is_listed = (~sa.exists().where(condition) for condition in hidden)
        reasons.append(sa.and_(is_other, sa.exists().where(listed == session.copy_of, *is_listed)))
    return sa.and_(session.copy_of.is_not(None), sa.or_(*reasons))


def _rank(copy: ReadOnlyColumnCollection[str, sa.Column[Any]]) -> sa.Tuple:
    """Return what orders the copies of one session; the first counts whole: that with the most tokens."""
    return sa.tuple_(-copy.input_tokens, -copy.output_tokens, copy.created_at, copy.session_id)


def own_figures(elsewhere: sa.ColumnElement[bool]) -> dict[str, sa.ColumnElement[object]]:
    """Return the figures of a session without those that count in another one, by column."""
    cost = SESSIONS.c.estimated_cost
    own_cost = sa.case((cost > _COPIED_COST, cost - _COPIED_COST))
    figures = {name: _less(SESSIONS.c[name], copied) for name, copied in _COPIED.items()}
    return {
        name: sa.case((elsewhere, own), else_=SESSIONS.c[name])
        for name, own in {**figures, "estimated_cost": own_cost}.items()
    }


def _less(count: sa.ColumnElement[int], copied: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.case((count > copied, count - copied), else_=0)


def adds_something(elsewhere: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return whether a session has anything that does not count in another one."""
    cost = SESSIONS.c.estimated_cost
    nothing = [SESSIONS.c[name] <= copied for name, copied in _COPIED.items()]
    return ~sa.and_(elsewhere, *nothing, sa.or_(cost.is_(None), cost <= _COPIED_COST))


def continued_imports(connection: Connection) -> list[str]:
    """Return the imports of conversations that go on in a segment which they do not hold, and lists show."""
    candidates = (
        sa.select(SESSIONS.c.session_id, AGENT_SESSIONS.c.profile)
        .join(AGENT_SESSIONS, AGENT_SESSIONS.c.session_id == SESSIONS.c.session_id)
        .where(
            SESSIONS.c.copy_of == SESSIONS.c.session_id,
            ~sa.exists().where(AGENT_CONVERSATIONS.c.session_id == SESSIONS.c.session_id),
        )
    )
    by_profile: dict[str, list[str]] = {}
    for session_id, profile in connection.execute(candidates):
        by_profile.setdefault(profile, []).append(session_id)
    everything = Filters(agent=True, hidden=True)
    return [
        session_id
        for profile, ids in by_profile.items()
        for session_id in listed_conversations(connection, everything, profile, ids)
    ]
