"""Which conversations a list with some filters shows: asked once, and again of those that changed since."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Set

from sqlalchemy import Connection

from ..index import MANY_IDS, ListedConversation, database, listed_conversations, listed_sessions
from ..results import Filters
from .numbers import Numbers
from .plan import SyncedState, changed_since, state_of
from .tables import WEB_UI

MOST_ROSTERS = 2  # that are kept: each can have all conversations


class Roster:
    """What a list shows in a `state` of the index, as far as somebody asked. Thread-safe."""

    def __init__(self, filters: Filters, numbers: Numbers, state: SyncedState) -> None:
        self.numbers, self.state, self._filters = numbers, state, filters
        self._learning = threading.Lock()
        self._listed: dict[int, ListedConversation | None] = {}
        self._of_segments: dict[str, dict[str, int | None]] = defaultdict(dict)  # by profile and id
        self._segments: dict[int, tuple[str, ...]] = {}  # that were asked for, of the conversations listed

    def followed_by(self, state: SyncedState, changed: Collection[str]) -> Roster:
        """Return the roster of a later state, which knows the same but of the conversations that changed."""
        later = Roster(self._filters, self.numbers, state)
        of_web = self.numbers.of_web_ids(changed)
        with self._learning:
            later._listed = self._listed.copy()
            later._of_segments.update((profile, of.copy()) for profile, of in self._of_segments.items())
            later._segments = self._segments.copy()
        for number in [each for numbers in of_web.values() for each in numbers]:
            later._listed.pop(number, None)
        if len(of_web) < len(changed) or any(later._is_of_agents(each) for each in changed):
            later._forget_agents()
        return later

    def _is_of_agents(self, session_id: str) -> bool:
        return any(session_id in known for known in self._of_segments.values())

    def _forget_agents(self) -> None:
        """Forget every conversation of an agent: which of them has a session is not known by its id."""
        self._of_segments.clear()
        self._segments.clear()
        self._listed = {
            number: listed for number, listed in self._listed.items() if self.numbers.key(number)[0] == WEB_UI
        }

    def among(self, index: Connection, wanted: Set[int]) -> dict[int, ListedConversation]:
        """Return those of some conversations that the list shows."""
        known = self._listed
        if not known.keys() >= wanted:
            self._learn(index, [number for number in wanted if number not in known])
        return {number: listed for number in wanted if (listed := known[number]) is not None}

    def of_segments(self, index: Connection, profile: str, session_ids: Set[str]) -> Mapping[str, int | None]:
        """Return the conversations of an agent's sessions by session id.

        It is None for a session whose conversation the list does not show. There can be others in it.
        """
        if not self._of_segments[profile].keys() >= session_ids:
            with self._learning:
                known = self._of_segments[profile]
                unknown = [each for each in session_ids if each not in known]
                self._learn_segments(index, profile, unknown)
        return self._of_segments[profile]

    def segments_of(self, number: int) -> Collection[str]:
        """Return those sessions of an agent's conversation whose conversation was asked for."""
        return self._segments.get(number, ())

    def _learn(self, index: Connection, wanted: Collection[int]) -> None:
        with self._learning:
            unknown = [number for number in wanted if number not in self._listed]  # by another thread since
            keys = {number: self.numbers.key(number) for number in unknown}
            of_web = [number for number, (profile, _) in keys.items() if profile == WEB_UI]
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
        known = self._of_segments[profile]
        for each in unknown:
            of = numbers[found[each].session_id] if each in found else None
            if of is not None and each not in known:
                self._segments[of] = (*self._segments.get(of, ()), each)
            known[each] = of


class Rosters:
    """The rosters of late, by the filters of the list. Thread-safe."""

    def __init__(self) -> None:
        self._choosing = threading.Lock()
        self._rosters: OrderedDict[Filters, Roster] = OrderedDict()

    def of(self, index: Connection, filters: Filters, numbers: Numbers) -> Roster:
        """Return the roster of the present state of the index, as `index` reads it."""
        with self._choosing:
            known = self._rosters.pop(filters, None)
            with database.errors_of(index.engine):
                roster = _present(index, known if known and known.numbers is numbers else None)
            self._rosters[filters] = roster = roster or Roster(filters, numbers, state_of(index))
            while len(self._rosters) > MOST_ROSTERS:
                self._rosters.popitem(last=False)
            return roster


def _present(index: Connection, known: Roster | None) -> Roster | None:
    """Return the roster that follows a known one in the present state of the index, None if none can."""
    if known is None:
        return None
    state = state_of(index)
    if state.version == known.state.version:
        return known
    changed = changed_since(index, known.state)
    return None if changed is None else known.followed_by(state, changed)
