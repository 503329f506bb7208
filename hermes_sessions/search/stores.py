"""What a search asks of the messages of the web UI, which its index holds, and of those of each agent."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from . import tables
from .common_words import common_words_of
from .expressions import near_expression, words_expression
from .forms import ClauseForms
from .tables import Matches, MessageFilter, Occurrence


class AgentStore(Protocol):
    """The messages of one agent."""

    @property
    def profile(self) -> str:
        """The profile of the agent."""
        ...

    def count(self, clause: ClauseForms, wanted: MessageFilter) -> Mapping[str, int]:
        """Return how many messages have a clause, by the ids of the sessions that have any."""
        ...

    def count_near(self, one: ClauseForms, other: ClauseForms, wanted: MessageFilter) -> dict[str, int]:
        """Return how many messages have two clauses close to each other, by the ids of their sessions."""
        ...

    def occurrences(
        self, clause: ClauseForms, wanted: MessageFilter, session_ids: Collection[str]
    ) -> Mapping[str, Sequence[Occurrence]]:
        """Return the messages of sessions that have a clause, in order, by session id."""
        ...


class WebMessages:
    """The messages of the web UI's sessions; the sessions are given by the numbers of their entries."""

    def __init__(self, search_index: Connection) -> None:
        self._search_index, self._common_words = search_index, common_words_of(search_index)

    def find(self, clause: ClauseForms, wanted: MessageFilter) -> Matches:
        """Return which messages have a clause."""
        expression = words_expression(clause) or None
        return self._common_words.find(self._search_index, expression, wanted, clause.texts)

    def count_near(self, one: ClauseForms, other: ClauseForms, wanted: MessageFilter) -> Mapping[int, int]:
        """Return how many messages have two clauses close to each other, by session."""
        expression = near_expression(one, other)
        return tables.find_matches(self._search_index, expression, wanted).counts if expression else {}

    def numbers_in(
        self, clause: ClauseForms, wanted: MessageFilter, entries: Collection[int]
    ) -> Sequence[int]:
        """Return the numbers of the messages of sessions that have a clause, in order."""
        return tables.numbers_in(self._search_index, words_expression(clause) or None, wanted, entries)

    def occurrences(self, numbers: Collection[int]) -> Mapping[int, Occurrence]:
        """Return messages by their numbers."""
        return tables.occurrences(self._search_index, numbers)


class Stores(NamedTuple):
    """All that have messages: the web UI, and the agents by profile."""

    web: WebMessages
    agents: Mapping[str, AgentStore]
