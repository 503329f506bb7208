"""Which conversations a list with some filters shows: asked once in each state of the index of sessions."""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection

from ..index import MANY_IDS, ListedConversation, database, index_state, listed_conversations, listed_sessions
from ..results import Filters
from .numbers import Numbers
from .tables import WEB_UI, EntryKey

MOST_ROSTERS = 2  # that are kept: each can have all conversations


class Roster:
    """The conversations that a list shows, as far as somebody asked. Thread-safe."""

    def __init__(self, filters: Filters, numbers: Numbers) -> None:
        self.numbers, self._filters = numbers, filters
        self._learning = threading.Lock()
        self._listed: dict[int, ListedConversation | None] = {}
        self._of_segments: dict[EntryKey, int | None] = {}

    def among(self, index: Connection, wanted: Collection[int]) -> dict[int, ListedConversation]:
        """Return those of some conversations that the list shows."""
        known = self._listed
        unknown = [number for number in wanted if number not in known]
        if unknown:
            self._learn(index, unknown)
        return {number: listed for number in wanted if (listed := known.get(number)) is not None}

    def of_segments(
        self, index: Connection, profile: str, session_ids: Collection[str]
    ) -> Mapping[EntryKey, int | None]:
        """Return the conversations of an agent's sessions by profile and session id.

        It is None for a session whose conversation the list does not show. There can be others in it.
        """
        known = self._of_segments
        unknown = [each for each in session_ids if (profile, each) not in known]
        if unknown:
            with self._learning:
                self._learn_segments(index, profile, unknown)
        return known

    def _learn(self, index: Connection, unknown: Collection[int]) -> None:
        keys = {number: self.numbers.key(number) for number in unknown}
        of_web = [number for number, (profile, _) in keys.items() if profile == WEB_UI]
        with self._learning:
            if of_web:
                self._learn_web(index, of_web if len(of_web) <= MANY_IDS else self.numbers.of_web())
            for profile in {profile for profile, _ in keys.values()} - {WEB_UI}:
                ids = [session_id for of, session_id in keys.values() if of == profile]
                self._learn_segments(index, profile, ids)
            self._listed.update((number, None) for number in unknown if number not in self._listed)

    def _learn_web(self, index: Connection, unknown: Iterable[int]) -> None:
        ids = {number: self.numbers.key(number)[1] for number in unknown}
        with database.errors_of(index.engine):
            listed = listed_sessions(index, self._filters, ids.values())
        self._listed.update((number, listed.get(session_id)) for number, session_id in ids.items())

    def _learn_segments(self, index: Connection, profile: str, unknown: Collection[str]) -> None:
        # An error of the index must not become one of the agents whose snapshots are open around it.
        with database.errors_of(index.engine):
            found = listed_conversations(index, self._filters, profile, unknown)
        numbers: dict[str, int] = {}
        for listed in found.values():
            number = numbers[listed.session_id] = self.numbers.of_agent((profile, listed.session_id))
            self._listed[number] = listed
        for each in unknown:
            of = numbers[found[each].session_id] if each in found else None
            self._of_segments[profile, each] = of


class Rosters:
    """The rosters of late. Thread-safe."""

    def __init__(self) -> None:
        self._choosing = threading.Lock()
        self._rosters: OrderedDict[tuple[str, Filters], Roster] = OrderedDict()

    def of(self, index: Connection, filters: Filters, numbers: Numbers) -> Roster:
        """Return the roster of the present state of the index."""
        with database.errors_of(index.engine):
            key = index_state.read(index).version, filters
        with self._choosing:
            known = self._rosters.pop(key, None)
            if known is None or known.numbers is not numbers:
                known = Roster(filters, numbers)
            self._rosters[key] = known
            while len(self._rosters) > MOST_ROSTERS:
                self._rosters.popitem(last=False)
            return known
