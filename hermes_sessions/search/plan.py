"""What the search index lacks: which titles to add, change or remove, and whose messages to read."""

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..index import AGENT_CONVERSATIONS, SESSIONS, database
from ..model import Signature
from .tables import WEB_UI, EntryKey, SearchEntry


class ListedSession(NamedTuple):
    """A session according to the index of sessions; `signature` is None for an agent's conversation."""

    title: str
    signature: Signature | None


class StaleSession(NamedTuple):
    """A session whose file is to be read.

    `indexed` is the version of the file whose messages are in the search index, None if none are. `size` is
    the size of the file in bytes.
    """

    session_id: str
    indexed: Signature | None
    size: int


class SearchPlan(NamedTuple):
    """What to do so that the search index agrees with the index of sessions, oldest sessions first."""

    added: list[tuple[EntryKey, str]]
    retitled: list[tuple[SearchEntry, str]]
    removed: list[SearchEntry]
    stale: list[StaleSession]


def make_plan(
    listed: Mapping[EntryKey, ListedSession], entries: Mapping[EntryKey, SearchEntry]
) -> SearchPlan:
    """Compare the sessions that there are, oldest first, with the entries of the search index."""
    plan = SearchPlan([], [], [entry for key, entry in entries.items() if key not in listed], [])
    for key, (title, signature) in listed.items():
        entry = entries.get(key)
        if entry is None:
            plan.added.append((key, title))
        elif entry.title != title:
            plan.retitled.append((entry, title))
        indexed = entry.signature if entry else None
        if signature is not None and signature != indexed:
            plan.stale.append(StaleSession(key[1], indexed, signature.size))
    return plan


def read_listed(connection: Connection) -> dict[EntryKey, ListedSession]:
    """Return every session with a file and every conversation of an agent, oldest first."""
    by_age = sorted([*_sessions(connection), *_conversations(connection)], key=lambda row: -row[0])
    return {key: listed for _, key, listed in by_age}


_Aged = tuple[float, EntryKey, ListedSession]  # with the row's `age`, minus the time of the last activity


def _sessions(connection: Connection) -> list[_Aged]:
    columns = (SESSIONS.c[name] for name in ("age", "session_id", "title", "size", "mtime_ns", "inode"))
    query = sa.select(*columns).where(SESSIONS.c.draft == sa.false())
    return [
        (age, (WEB_UI, session_id), ListedSession(title, Signature(*version)))
        for age, session_id, title, *version in database.driver_tuples(connection.execute(query))
    ]


def _conversations(connection: Connection) -> list[_Aged]:
    columns = (AGENT_CONVERSATIONS.c[name] for name in ("age", "profile", "session_id", "title"))
    return [
        (age, (profile, session_id), ListedSession(title, None))
        for age, profile, session_id, title in database.driver_tuples(connection.execute(sa.select(*columns)))
    ]
