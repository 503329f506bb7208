"""What a search asks of a store of messages: which sessions match, and where. The store of the web UI."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from sqlalchemy import Connection

from . import tables
from .expressions import near_expression, words_expression
from .forms import ClauseForms
from .tables import WEB_UI, MessageFilter, Occurrence


class MessageStore(Protocol):
    """The messages of the web UI, or of one agent."""

    @property
    def profile(self) -> str:
        """The profile of the agent, `WEB_UI` for the web UI."""
        ...

    def count(self, clause: ClauseForms, wanted: MessageFilter) -> dict[str, int]:
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
    """The messages of the web UI's sessions, which the search index holds."""

    profile = WEB_UI

    def __init__(self, search_index: Connection) -> None:
        self._search_index = search_index

    def count(self, clause: ClauseForms, wanted: MessageFilter) -> dict[str, int]:
        """Return how many messages have a clause, by the ids of the sessions that have any."""
        return tables.count_matches(self._search_index, words_expression(clause) or None, wanted)

    def count_near(self, one: ClauseForms, other: ClauseForms, wanted: MessageFilter) -> dict[str, int]:
        """Return how many messages have two clauses close to each other, by the ids of their sessions."""
        expression = near_expression(one, other)
        return tables.count_matches(self._search_index, expression, wanted) if expression else {}

    def occurrences(
        self, clause: ClauseForms, wanted: MessageFilter, session_ids: Collection[str]
    ) -> Mapping[str, Sequence[Occurrence]]:
        """Return the messages of sessions that have a clause, in order, by session id."""
        return tables.matches_in(self._search_index, words_expression(clause) or None, wanted, session_ids)
