"""What the full-text index lacks: the sessions that there are beside those that it knows, and what to do."""

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..index import AGENT_CONVERSATIONS, SESSIONS, database
from ..model import Signature
from .tables import OWN, Entry


class Listed(NamedTuple):
    """A session as the sessions' index has it; `signature` is None for an agent's conversation."""

    title: str
    signature: Signature | None


class Stale(NamedTuple):
    """A session to read; its messages are in as of the version `known`, None for none; `size` in bytes."""

    session_id: str
    known: Signature | None
    size: int


class Plan(NamedTuple):
    """What to do so that the index agrees with the sessions: by profile and id, the oldest first."""

    added: list[tuple[tuple[str, str], str]]
    retitled: list[tuple[Entry, str]]
    dropped: list[Entry]
    stale: list[Stale]


def plan(listed: Mapping[tuple[str, str], Listed], known: Mapping[tuple[str, str], Entry]) -> Plan:
    """Return what to do; `listed` comes oldest first."""
    found = Plan([], [], [entry for key, entry in known.items() if key not in listed], [])
    for key, (title, signature) in listed.items():
        entry = known.get(key)
        if entry is None:
            found.added.append((key, title))
        elif entry.title != title:
            found.retitled.append((entry, title))
        indexed = entry.signature if entry else None
        if signature is not None and signature != indexed:
            found.stale.append(Stale(key[1], indexed, signature.size))
    return found


def listed(connection: Connection) -> dict[tuple[str, str], Listed]:
    """Return every session with a file and every conversation of an agent, the oldest first."""
    sessions = sa.select(
        SESSIONS.c.session_id, SESSIONS.c.title, SESSIONS.c.size, SESSIONS.c.mtime_ns, SESSIONS.c.inode
    )
    listed: list[tuple[float, tuple[str, str], Listed]] = []
    own = database.driver_tuples(
        connection.execute(sessions.add_columns(SESSIONS.c.age).where(SESSIONS.c.draft == sa.false()))
    )
    for session_id, title, size, mtime_ns, inode, age in own:
        listed.append((-age, (OWN, session_id), Listed(title, Signature(size, mtime_ns, inode))))
    conversations = AGENT_CONVERSATIONS.c
    columns = (conversations.age, conversations.profile, conversations.session_id, conversations.title)
    for age, profile, session_id, title in database.driver_tuples(connection.execute(sa.select(*columns))):
        listed.append((-age, (profile, session_id), Listed(title, None)))
    return {key: each for _, key, each in sorted(listed, key=lambda row: row[0])}
