"""Reads the words of an agent's messages for the vocabulary: all from the agent's index, or the latest."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from ..agent import Agent, Agents, Snapshot, mirror_states
from ..errors import AgentUnavailable
from ..index import database
from .agent_echoes import WORDS

_WORD = re.compile(r"[^\W_]+")
MOST_READ = 2_000  # messages that are read for their words; of more, all words are read from the index


class Unknown(NamedTuple):
    """The messages of an agent whose words are not known: those after `after`, up to `upto`."""

    agent: Agent
    after: int
    upto: int

    @property
    def profile(self) -> str:
        """The profile of the agent."""
        return self.agent.profile

    @property
    def messages(self) -> int:
        """How many messages there are at most."""
        return self.upto - self.after


def unknown(agents: Agents, index: Connection, known: Mapping[str, int]) -> list[Unknown]:
    """Return the agents that have messages whose words are not known, according to their mirrors."""
    states = mirror_states(index).values()
    return [
        Unknown(agents.of_profile(state.profile), known.get(state.profile, 0), state.last_message)
        for state in states
        if state.last_message > known.get(state.profile, 0)
    ]


def read(messages: Unknown) -> Mapping[str, int] | None:
    """Return the words of messages, each with how many messages have it; None if they cannot be read now."""
    try:
        with messages.agent.reading() as snapshot:
            if messages.messages > MOST_READ:
                return _all_words(snapshot)
            return _latest_words(snapshot, messages)
    except AgentUnavailable:  # a search warns of it
        return None


def _all_words(snapshot: Snapshot) -> Mapping[str, int]:
    """Return every word of the agent's own index; without one, words are only found as they are typed."""
    connection = snapshot.connection
    has_words = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if connection.exec_driver_sql(has_words, (WORDS,)).first() is None:
        return {}
    connection.exec_driver_sql("PRAGMA temp_store = MEMORY")  # nothing is written beside the agent's file
    connection.exec_driver_sql(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.all_words USING fts5vocab (main, {WORDS}, row)"
    )
    return dict(database.driver_tuples(connection.exec_driver_sql("SELECT term, doc FROM temp.all_words")))


def _latest_words(snapshot: Snapshot, messages: Unknown) -> Mapping[str, int]:
    columns = [name for name in ("content", "tool_name", "tool_calls") if name in snapshot.schema.messages.c]
    statement = f"SELECT {', '.join(columns) or 'NULL'} FROM messages WHERE id > ? AND id <= ?"  # noqa: S608
    rows = snapshot.connection.exec_driver_sql(statement, (messages.after, messages.upto))
    return Counter(word for row in database.driver_tuples(rows) for word in _words(row))


def _words(values: Iterable[object]) -> set[str]:
    return {word for value in values if isinstance(value, str) for word in agent_words_of(value)}


def agent_words_of(text: str) -> list[str]:
    """Return the words of a text as the agent's index has them: without accents, and with ł and ß."""
    if not text.isascii():
        apart = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize(
            "NFC", "".join(each for each in apart if not unicodedata.combining(each))
        )
    return _WORD.findall(text.lower())
