"""Which conversations have a word: in which of their sessions, in how many messages, in the title."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection

from ..errors import AgentUnavailable
from ..index import ListedConversation, database, listed_conversations, listed_sessions, lists
from ..results import Filters
from . import tables
from .expressions import words_expression
from .forms import ClauseForms
from .request import SearchRequest
from .stores import MessageStore
from .tables import WEB_UI, MessageFilter, Occurrence

Key: TypeAlias = tuple[str, str]  # a profile, WEB_UI for the web UI, and the id of a conversation or session


class Found(NamedTuple):
    """The conversations that have a word: in how many messages, in which segments, and whose titles do.

    Those of the web UI are not yet filtered. `segments` has only the agents' conversations.
    """

    counts: Mapping[Key, int]
    titles: Collection[Key] = frozenset()
    segments: Mapping[Key, Collection[str]] = {}

    def has(self, key: Key) -> bool:
        """Whether a conversation has the word anywhere."""
        return key in self.counts or key in self.titles

    @property
    def keys(self) -> set[Key]:
        """The conversations that have the word anywhere."""
        return {*self.counts, *self.titles}

    def segments_of(self, key: Key) -> Collection[str]:
        """Return the sessions of a conversation whose messages have the word."""
        if key[0] == WEB_UI:
            return (key[1],) if key in self.counts else ()
        return self.segments.get(key, ())


class Conversations:
    """The conversations to which sessions belong, of those that pass the filters. Each is asked for once."""

    def __init__(self, index: Connection, filters: Filters) -> None:
        self._index, self._filters = index, filters
        self._known: dict[str, dict[str, ListedConversation | None]] = defaultdict(dict)

    def of(self, profile: str, session_ids: Iterable[str]) -> Mapping[str, ListedConversation | None]:
        """Return the conversations of sessions, by session id; None for those that no list shows."""
        known = self._known[profile]
        new = [each for each in session_ids if each not in known]
        if new:
            listed = self._listed(profile, new)
            known.update((each, listed.get(each)) for each in new)
        return known

    def _listed(self, profile: str, session_ids: Sequence[str]) -> dict[str, ListedConversation]:
        # An error of the index must not become one of the agents whose snapshots are open around it.
        with database.errors_of(self._index.engine):
            if profile == WEB_UI:
                return listed_sessions(self._index, self._filters, session_ids)
            return listed_conversations(self._index, self._filters, profile, session_ids)

    def all(self, filters: Filters) -> Iterator[Key]:
        """Yield every conversation that passes these filters, in the order of lists."""
        with database.errors_of(self._index.engine):
            for each in lists.all_summaries(self._index, filters):
                profile = each.profile if each.of_agent else WEB_UI
                yield profile, each.session_id

    def among(self, keys: Iterable[Key]) -> dict[Key, ListedConversation]:
        """Return those of some conversations that pass the filters."""
        by_profile: dict[str, list[str]] = defaultdict(list)
        for profile, session_id in keys:
            by_profile[profile].append(session_id)
        return {
            (profile, session_id): listed
            for profile, session_ids in by_profile.items()
            for known in (self.of(profile, session_ids),)
            for session_id in session_ids
            if (listed := known[session_id]) is not None and listed.session_id == session_id
        }


class EvidenceFinder:
    """Finds the conversations that have a word, in all stores and in titles."""

    def __init__(
        self,
        search_index: Connection,
        stores: Sequence[MessageStore],
        conversations: Conversations,
        request: SearchRequest,
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
        searched_in, wanted = self._request.searched_in, self._request.messages
        messages = self._messages(clause, wanted) if "content" in searched_in else Found({})
        in_titles = "title" in searched_in and not wanted.is_of_messages
        return messages._replace(titles=self._titles(clause, wanted)) if in_titles else messages

    def near(self, one: ClauseForms, other: ClauseForms) -> Found:
        """Return the conversations that have two clauses close to each other in a message."""
        if "content" not in self._request.searched_in or one.in_title or other.in_title:
            return Found({})
        wanted = self._request.messages
        return self._by_conversation(
            lambda store: store.count_near(one.in_messages, other.in_messages, wanted)
        )

    def find_anywhere(self, clause: ClauseForms) -> set[Key]:
        """Return the conversations that have a clause in any message or in the title."""
        everything = MessageFilter()
        return {*self._messages(clause, everything).counts, *self._titles(clause, everything)}

    def _messages(self, clause: ClauseForms, wanted: MessageFilter) -> Found:
        if clause.in_title:
            return Found({})
        return self._by_conversation(lambda store: store.count(clause.in_messages, wanted))

    def _by_conversation(self, count: Callable[[MessageStore], Mapping[str, int]]) -> Found:
        counts: dict[Key, int] = {}
        segments: dict[Key, list[str]] = {}
        for store in self._stores:
            try:
                of_sessions = count(store)
            except AgentUnavailable as error:
                self.failures.append(error)
                continue
            if store.profile == WEB_UI:
                counts.update(
                    ((WEB_UI, session_id), messages) for session_id, messages in of_sessions.items()
                )
                continue
            conversations = self._conversations.of(store.profile, of_sessions)
            for session_id, messages in of_sessions.items():
                listed = conversations[session_id]
                if listed is not None:
                    key = store.profile, listed.session_id
                    counts[key] = counts.get(key, 0) + messages
                    segments.setdefault(key, []).append(session_id)
        return Found(counts, frozenset(), segments)

    def occurrences(
        self, profile: str, clause: ClauseForms, session_ids: Collection[str]
    ) -> Mapping[str, Sequence[Occurrence]]:
        """Return the messages of sessions of one store that have a clause, in order, by session id."""
        (store,) = (each for each in self._stores if each.profile == profile)
        try:
            return store.occurrences(clause.in_messages, self._request.messages, session_ids)
        except AgentUnavailable as error:
            self.failures.append(error)
            return {}

    def _titles(self, clause: ClauseForms, wanted: MessageFilter) -> Collection[Key]:
        if not clause.alternatives:
            return ()
        found = tables.find_titles(self._search_index, words_expression(clause))
        if wanted.since is None and wanted.until is None:
            return found
        listed = self._conversations.among(found)
        return {key for key, each in listed.items() if _is_between(each.active_at, wanted)}


def _is_between(at: float, wanted: MessageFilter) -> bool:
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)
