"""What the search index lacks: which titles to add, change or remove, and whose messages to read."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..index import AGENT_CONVERSATIONS, SESSIONS, change_log, database, index_state
from ..model import Signature
from .tables import WEB_UI, EntryKey, SearchEntry

MOST_COMPARED = 1_000  # sessions that changed; of more, all are compared


class SyncedState(NamedTuple):
    """A state of the index of sessions: its version, and how far its log of changes went."""

    version: str
    position: change_log.Position

    @property
    def encoded(self) -> str:
        """The state as a text."""
        return f"{self.version} {self.position.number} {self.position.stamp}"

    @classmethod
    def decode(cls, encoded: str) -> "SyncedState | None":
        """Return the state that a text stands for, None for another text."""
        match encoded.split(" "):
            case version, number, stamp if number.isdecimal() and stamp.isdecimal():
                return cls(version, change_log.Position(int(number), int(stamp)))
        return None


def state_of(connection: Connection) -> SyncedState:
    """Return the present state of the index of sessions."""
    return SyncedState(index_state.read(connection).version, change_log.newest(connection))


def changed_since(connection: Connection, state: SyncedState | None) -> list[str] | None:
    """Return the ids that changed since a state of the index; None if they are not known, or too many."""
    ids = None if state is None else change_log.ids_after(connection, state.position)
    return None if ids is None or len(ids) > MOST_COMPARED else ids


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


def read_listed(
    connection: Connection, session_ids: Collection[str] | None = None
) -> dict[EntryKey, ListedSession]:
    """Return the sessions with a file and the conversations of agents, oldest first: all, or some."""
    by_age = sorted(
        [*_sessions(connection, session_ids), *_conversations(connection, session_ids)],
        key=lambda row: -row[0],
    )
    return {key: listed for _, key, listed in by_age}


_Aged = tuple[float, EntryKey, ListedSession]  # with the row's `age`, minus the time of the last activity
_SESSIONS = sa.select(
    *(SESSIONS.c[name] for name in ("age", "session_id", "title", "size", "mtime_ns", "inode"))
).where(SESSIONS.c.draft == sa.false())
_CONVERSATIONS = sa.select(
    *(AGENT_CONVERSATIONS.c[name] for name in ("age", "profile", "session_id", "title"))
)
_IDS: sa.BindParameter[Sequence[str]] = sa.bindparam("ids", expanding=True)


def _sessions(connection: Connection, session_ids: Collection[str] | None) -> list[_Aged]:
    return [
        (age, (WEB_UI, session_id), ListedSession(title, Signature(*version)))
        for age, session_id, title, *version in _rows(connection, _SESSIONS, session_ids)
    ]


def _conversations(connection: Connection, session_ids: Collection[str] | None) -> list[_Aged]:
    return [
        (age, (profile, session_id), ListedSession(title, None))
        for age, profile, session_id, title in _rows(connection, _CONVERSATIONS, session_ids)
    ]


def _rows(
    connection: Connection, query: sa.Select[Any], session_ids: Collection[str] | None
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, all or those of some sessions."""
    if session_ids is None:
        yield from database.driver_tuples(connection.execute(query))
        return
    some = query.where(query.selected_columns.session_id.in_(_IDS))
    for ids in database.chunks(session_ids):
        yield from database.driver_tuples(connection.execute(some, {"ids": ids}))
