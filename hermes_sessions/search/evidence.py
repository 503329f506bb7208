"""Which conversations have a word: in which of their sessions, in how many messages, in the title.

Conversations are given by number, as `Numbers` has them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import TypeAlias

from sqlalchemy import Connection

from ..errors import AgentUnavailable
from ..index import ListedConversation
from . import tables
from .expressions import words_expression
from .forms import ClauseForms
from .request import SearchRequest
from .roster import Roster
from .stores import AgentStore, Stores
from .tables import MessageFilter, Occurrence

_Counts: TypeAlias = Mapping[int, int]
# The messages that have a word, by the conversation and the id of the segment.
Occurrences: TypeAlias = Mapping[tuple[int, str], Sequence[Occurrence]]


class Found:
    """The conversations that have a word: in how many messages, and whose titles do.

    Those of the web UI are not yet filtered. `numbers` are those of the web UI's messages in order, None if
    they are too many. `in_sessions` is how many messages of which sessions of an agent have it, by profile.
    """

    def __init__(
        self,
        counts: _Counts,
        titles: Collection[int] = frozenset(),
        numbers: Sequence[int] | None = (),
        in_sessions: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self.counts, self.titles, self.numbers, self.in_sessions = counts, titles, numbers, in_sessions or {}

    @cached_property
    def keys(self) -> frozenset[int]:
        """The conversations that have the word anywhere."""
        return frozenset(self.counts).union(self.titles)


class Conversations:
    """The conversations that pass the filters of a request, as the index has them now."""

    def __init__(self, index: Connection, roster: Roster) -> None:
        self._index, self._roster = index, roster
        self.numbers = roster.numbers

    def among(self, wanted: Set[int]) -> dict[int, ListedConversation]:
        """Return those of some conversations that pass the filters."""
        return self._roster.among(self._index, wanted)

    def of_sessions(self, profile: str, of_sessions: Mapping[str, int]) -> dict[int, int]:
        """Add up what an agent's sessions have, by conversation, for those that pass the filters."""
        known = self._roster.of_segments(self._index, profile, of_sessions.keys())
        sums: dict[int, int] = {}
        for number, count in zip(map(known.__getitem__, of_sessions), of_sessions.values(), strict=True):
            if number is not None:
                sums[number] = sums.get(number, 0) + count
        return sums

    def segments_with(self, found: Found, number: int) -> list[str]:
        """Return the sessions of a conversation of an agent that have a word; none for one of the web UI."""
        of_profile = found.in_sessions.get(self.numbers.key(number)[0], ())
        return [each for each in self._roster.segments_of(number) if each in of_profile]


class EvidenceFinder:
    """Finds the conversations that have a word, in all stores and in titles."""

    def __init__(
        self, search_index: Connection, stores: Stores, conversations: Conversations, request: SearchRequest
    ) -> None:
        self._search_index, self._stores = search_index, stores
        self._conversations, self._request = conversations, request
        self._found: dict[ClauseForms, Found] = {}
        self.failures: list[AgentUnavailable] = []

    def find(self, clause: ClauseForms) -> Found:
        """Return the conversations that may be results and have a clause, where the request searches."""
        known = self._found.get(clause)
        if known is None:
            known = self._found[clause] = self._find(clause)
        return known

    def _find(self, clause: ClauseForms) -> Found:
        self._request.check_wanted()
        searched_in, wanted = self._request.searched_in, self._request.messages
        in_titles = "title" in searched_in and not wanted.is_of_messages
        titles = self._titles(clause, wanted) if in_titles else ()
        return self._messages(clause, wanted, titles) if "content" in searched_in else Found({}, titles)

    def near(self, one: ClauseForms, other: ClauseForms) -> _Counts:
        """Return how many messages of which conversations have two clauses close to each other."""
        if "content" not in self._request.searched_in or one.in_title or other.in_title:
            return {}
        self._request.check_wanted()
        one, other, wanted = one.in_messages, other.in_messages, self._request.messages
        of_agents = self._in_sessions(lambda store: store.count_near(one, other, wanted))
        return {**self._stores.web.count_near(one, other, wanted), **self._of_conversations(of_agents)}

    def find_anywhere(self, clause: ClauseForms) -> frozenset[int]:
        """Return the conversations that have a clause in any message or in the title."""
        everything = MessageFilter()
        return self._messages(clause, everything, self._titles(clause, everything)).keys

    def _messages(self, clause: ClauseForms, wanted: MessageFilter, titles: Collection[int]) -> Found:
        if clause.in_title:
            return Found({}, titles)
        clause = clause.in_messages
        counts, numbers = self._stores.web.find(clause, wanted)
        in_sessions = self._in_sessions(lambda store: store.count(clause, wanted))
        of_agents = self._of_conversations(in_sessions)
        return Found({**counts, **of_agents} if of_agents else counts, titles, numbers, in_sessions)

    def _in_sessions(self, count: Callable[[AgentStore], Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
        """Return how many messages of which sessions of agents are counted, by profile."""
        counts: dict[str, Mapping[str, int]] = {}
        for profile, store in self._stores.agents.items():
            try:
                counts[profile] = count(store)
            except AgentUnavailable as error:
                self.failures.append(error)
        return counts

    def _of_conversations(self, in_sessions: Mapping[str, Mapping[str, int]]) -> _Counts:
        """Return how many messages of which conversations of agents are counted."""
        counts: dict[int, int] = {}
        for profile, of_sessions in in_sessions.items():  # no two have a conversation in common
            counts |= self._conversations.of_sessions(profile, of_sessions)
        return counts

    def _titles(self, clause: ClauseForms, wanted: MessageFilter) -> Collection[int]:
        if not clause.alternatives:
            return ()
        entries = tables.find_titles(self._search_index, words_expression(clause))
        found = self._conversations.numbers.of_entries(entries)
        if wanted.since is None and wanted.until is None:
            return found
        listed = self._conversations.among(found)
        return {number for number, each in listed.items() if _is_between(each.active_at, wanted)}

    # ---- the messages themselves ------------------------------------------------------------------------

    def occurrences(self, clauses: Sequence[ClauseForms], keys: Sequence[int]) -> list[Occurrences]:
        """Return for each clause the messages of some conversations that have it."""
        found = [self.find(clause) for clause in clauses]
        of_web = self._web_numbers(clauses, found, keys)
        messages = self._stores.web.occurrences({each for numbers in of_web for each in numbers})
        return [
            self._by_segment(numbers, messages) | self._agent_occurrences(clause, each, keys)
            for clause, each, numbers in zip(clauses, found, of_web, strict=True)
        ]

    def _web_numbers(
        self, clauses: Sequence[ClauseForms], found: Sequence[Found], keys: Sequence[int]
    ) -> list[Sequence[int]]:
        """Return for each clause the numbers of the web UI's messages that have it, of some sessions."""
        numbers: list[Sequence[int]] = []
        for clause, each in zip(clauses, found, strict=True):
            of_web = [key for key in keys if self._conversations.numbers.key(key)[0] == tables.WEB_UI]
            entries = [key for key in of_web if key in each.counts]
            if each.numbers is None:
                wanted = self._request.messages
                numbers.append(self._stores.web.numbers_in(clause.in_messages, wanted, entries))
            else:
                numbers.append([*_of_entries(each.numbers, entries)])
        return numbers

    def _by_segment(
        self, numbers: Iterable[int], messages: Mapping[int, Occurrence]
    ) -> dict[tuple[int, str], list[Occurrence]]:
        of_sessions: dict[int, list[Occurrence]] = defaultdict(list)
        for number in numbers:
            if number in messages:
                of_sessions[number >> tables.SEQUENCE_BITS].append(messages[number])
        return {
            (entry, self._conversations.numbers.key(entry)[1]): each for entry, each in of_sessions.items()
        }

    def _agent_occurrences(
        self, clause: ClauseForms, found: Found, keys: Sequence[int]
    ) -> dict[tuple[int, str], Sequence[Occurrence]]:
        occurrences: dict[tuple[int, str], Sequence[Occurrence]] = {}
        for profile, store in self._stores.agents.items():
            of_segment = {
                segment: key
                for key in keys
                if self._conversations.numbers.key(key)[0] == profile
                for segment in self._conversations.segments_with(found, key)
            }
            try:
                of_sessions = store.occurrences(clause.in_messages, self._request.messages, list(of_segment))
            except AgentUnavailable as error:
                self.failures.append(error)
                continue
            occurrences.update(((of_segment[each], each), of_sessions[each]) for each in of_sessions)
        return occurrences


def _of_entries(numbers: Sequence[int], entries: Iterable[int]) -> Iterator[int]:
    """Yield those of some numbers, in order, that are of the messages of some entries."""
    for entry in entries:
        first, last = tables.numbers_of(entry)
        at = bisect_left(numbers, first)
        while at < len(numbers) and numbers[at] <= last:
            yield numbers[at]
            at += 1


def _is_between(at: float, wanted: MessageFilter) -> bool:
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)
