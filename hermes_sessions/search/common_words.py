"""Which messages have common words, kept until the search index changes.

SQLite takes 80 ms to count a word of 350,000 messages, and each letter that is typed into the search box asks
for the words before it again.
"""

import threading
from collections import OrderedDict
from typing import TypeAlias
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from . import tables
from .one_at_a_time import OneAtATime
from .tables import Matches, MessageFilter

MOST_COUNTS_KEPT = 240_000  # of sessions, of all that is kept: 15 MB
ALWAYS_KEPT = 8  # matches, however many they count: one question asks for as many
MOST_NUMBERS_KEPT = 1_000_000  # of messages, of all that is kept: 8 MB
LEAST_KEPT = 2_000  # messages; fewer are soon found again

_Asked: TypeAlias = tuple[str | None, MessageFilter]


class CommonWords:
    """The matches of one search index that were asked for last. Thread-safe."""

    def __init__(self) -> None:
        self._changing, self._finding = threading.Lock(), OneAtATime()
        self._changes = 0
        self._matches: OrderedDict[_Asked, Matches] = OrderedDict()

    def find(
        self, connection: Connection, expression: str | None, wanted: MessageFilter, expected: int
    ) -> Matches:
        """Return what `tables.find_matches` does."""
        changes, asked = tables.count_changes(connection), (expression, wanted)
        with self._finding.holding((changes, asked)):
            if (known := self._get(changes, asked)) is not None:
                return known
            found = tables.find_matches(connection, expression, wanted, expected)
            if found.numbers is None or len(found.numbers) >= LEAST_KEPT:
                self._keep(changes, asked, found)
            return found

    def _get(self, changes: int, asked: _Asked) -> Matches | None:
        with self._changing:
            if changes != self._changes:
                self._matches.clear()
                self._changes = changes
            if (known := self._matches.get(asked)) is not None:
                self._matches.move_to_end(asked)
            return known

    def _keep(self, changes: int, asked: _Asked, found: Matches) -> None:
        with self._changing:
            if changes == self._changes:
                self._matches[asked] = found
                self._make_room_for_counts()
                self._make_room_for_numbers()

    def _make_room_for_counts(self) -> None:
        """Forget the matches that were asked for longest ago, if they count too much."""
        total = sum(len(each.counts) for each in self._matches.values())
        while total > MOST_COUNTS_KEPT and len(self._matches) > ALWAYS_KEPT:
            _, forgotten = self._matches.popitem(last=False)
            total -= len(forgotten.counts)

    def _make_room_for_numbers(self) -> None:
        """Forget the matches with numbers that were asked for longest ago, if all numbers are too many."""
        numbered = {asked: len(each.numbers) for asked, each in self._matches.items() if each.numbers}
        total = sum(numbered.values())
        for asked, count in numbered.items():
            if total <= MOST_NUMBERS_KEPT:
                break
            del self._matches[asked]
            total -= count


_KEPT: WeakKeyDictionary[Engine, CommonWords] = WeakKeyDictionary()


def common_words_of(connection: Connection) -> CommonWords:
    """Return the matches that are kept of a search index."""
    return _KEPT.setdefault(connection.engine, CommonWords())
