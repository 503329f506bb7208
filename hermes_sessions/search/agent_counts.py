"""How often common words occur in each session of an agent, kept until the agent's file changes.

SQLite takes 70 ms to count a word of 40,000 messages of an agent, and each letter that is typed into the
search box asks for the words before it again.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from ..agent import Agent
from .agent_echoes import Echoes
from .agent_sessions import MessageSessions
from .forms import ClauseForms
from .one_at_a_time import OneAtATime
from .tables import MessageFilter

LEAST_KEPT = 500  # sessions; fewer are soon counted
MOST_KEPT = 16  # half a megabyte each, with 5,000 sessions

Asked: TypeAlias = tuple[ClauseForms, MessageFilter]


class AgentFileState(NamedTuple):
    """The state of an agent's file before it is read: its versions, and whether they show every change."""

    versions: str
    is_settled: bool


def state_of(agent: Agent) -> AgentFileState:
    """Return the state of an agent's file, to be asked for before the file is opened."""
    versions, read_at = agent.file_versions(), time.time_ns()
    return AgentFileState(versions.encoded, versions.show_all_commits(read_at))


class AgentCounts:
    """The counts of one agent's sessions, the last `MOST_KEPT` that were asked for. Thread-safe.

    `counting` is held by what was asked, so that no two threads count the same.
    """

    def __init__(self) -> None:
        self._changing, self.counting = threading.Lock(), OneAtATime()
        self._versions = ""
        self._counts: OrderedDict[Asked, Mapping[str, int]] = OrderedDict()
        self._sessions: MessageSessions | None = None
        self._echoes: Echoes | None = None

    def sessions(self, state: AgentFileState) -> MessageSessions | None:
        """Return the sessions of all messages in this state of the file, None if they are not known."""
        with self._changing:
            return self._sessions if state.is_settled and state.versions == self._versions else None

    def keep_sessions(self, state: AgentFileState, sessions: MessageSessions) -> None:
        """Keep the sessions of all messages, unless the file was in another state by the last `get`."""
        with self._changing:
            if state.is_settled and state.versions == self._versions:
                self._sessions = sessions

    def echoes(self, state: AgentFileState) -> Echoes | None:
        """Return what repeats other conversations in this state of the file, None if it is not known."""
        with self._changing:
            return self._echoes if state.is_settled and state.versions == self._versions else None

    def keep_echoes(self, state: AgentFileState, echoes: Echoes) -> None:
        """Keep what repeats other conversations, as `keep_sessions` does."""
        with self._changing:
            if state.is_settled and state.versions == self._versions:
                self._echoes = echoes

    def has_any(self, state: AgentFileState) -> bool:
        """Whether a common word was counted in this state of the file."""
        with self._changing:
            return state.is_settled and state.versions == self._versions and bool(self._counts)

    def get(self, state: AgentFileState, asked: Asked) -> Mapping[str, int] | None:
        """Return the counts that were asked for in this state of the file, None if they are not known."""
        if not state.is_settled:
            return None
        with self._changing:
            if state.versions != self._versions:
                self._counts.clear()
                self._sessions = self._echoes = None
                self._versions = state.versions
            if (known := self._counts.get(asked)) is not None:
                self._counts.move_to_end(asked)
            return known

    def keep(self, state: AgentFileState, asked: Asked, counts: Mapping[str, int]) -> None:
        """Keep what was counted in a state of the file, unless it was another one by the last `get`."""
        with self._changing:
            if not state.is_settled or state.versions != self._versions or len(counts) < LEAST_KEPT:
                return
            self._counts[asked] = counts
            while len(self._counts) > MOST_KEPT:
                self._counts.popitem(last=False)


_KEPT: WeakKeyDictionary[Agent, AgentCounts] = WeakKeyDictionary()


def counts_of(agent: Agent) -> AgentCounts:
    """Return the counts that are kept of an agent."""
    return _KEPT.setdefault(agent, AgentCounts())
