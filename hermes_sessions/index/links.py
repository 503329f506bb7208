"""Which agents' conversations lists show otherwise because of a session of another id.

A session that holds a segment hides the agent's conversation that ends with it, and one that keeps the parent
of a conversation gives it its lineage.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from . import tags
from .among import Among
from .database import chunks
from .schema import AGENT_CONVERSATIONS, AGENT_SESSIONS, HELD_SEGMENTS, KEPT_PARENTS, SESSIONS

_HELD = sa.select(HELD_SEGMENTS).where(Among(HELD_SEGMENTS.c.session_id))
_KEPT = sa.select(KEPT_PARENTS).where(Among(KEPT_PARENTS.c.session_id))
_LISTED = sa.select(AGENT_CONVERSATIONS.c.session_id).where(Among(AGENT_CONVERSATIONS.c.session_id))
_MIRRORED = (
    sa.select(SESSIONS.c.session_id)
    .join(AGENT_SESSIONS, AGENT_SESSIONS.c.session_id == SESSIONS.c.session_id)
    .where(Among(SESSIONS.c.session_id))
)


class Link(NamedTuple):
    """A session that holds a segment of an agent, or keeps a `lineage` (as JSON) for an agent's session."""

    session_id: str
    agent_session: str
    lineage: str | None = None


def links_of(connection: Connection, session_ids: Collection[str]) -> set[Link]:
    """Return the links of these sessions."""
    found: set[Link] = set()
    for some in chunks(session_ids):
        found.update(Link(*row) for row in connection.execute(_HELD, {"ids": some}))
        for session_id, child_id, lineage in connection.execute(_KEPT, {"ids": some}).all():
            found.add(Link(session_id, child_id, json.dumps(lineage, sort_keys=True)))
    return found


def conversations_of(connection: Connection, links: Iterable[Link]) -> list[str]:
    """Return the ids of the agents' conversations that lists may show otherwise if these links change."""
    held = {link.agent_session for link in links if link.lineage is None}
    children = {link.agent_session for link in links if link.lineage is not None}
    relatives = tags.relatives(connection, children) if children else {}
    return conversations_among(connection, held.union(*relatives.values()))


def conversations_among(connection: Connection, ids: Collection[str]) -> list[str]:
    """Return those of the ids that conversations of the agents have."""
    return _among(connection, _LISTED, ids)


def sessions_among(connection: Connection, ids: Collection[str]) -> list[str]:
    """Return those of the ids that sessions of the web UI and mirrored sessions of the agents have."""
    return _among(connection, _MIRRORED, ids)


def _among(connection: Connection, query: sa.Select[Any], ids: Collection[str]) -> list[str]:
    found: dict[str, None] = {}
    for some in chunks(ids):
        found |= dict.fromkeys(connection.execute(query, {"ids": some}).scalars())
    return list(found)
