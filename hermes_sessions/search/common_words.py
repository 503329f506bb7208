"""Which messages have common words, kept from one search to the next.

SQLite takes 80 ms to count a word of 350,000 messages, and each letter that is typed into the search box asks
for the words before it again. After changes that this process made, only the sessions that they are about
are asked again. After those of another process, all is.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from . import tables
from .changed_entries import Change, ChangedEntries
from .one_at_a_time import OneAtATime
from .tables import Matches, MessageFilter

MOST_COUNTS_KEPT = 240_000  # of sessions, of all that is kept: 15 MB
ALWAYS_KEPT = 8  # matches, however many they count: one question asks for as many
MOST_NUMBERS_KEPT = 1_000_000  # of messages, of all that is kept: 8 MB
LEAST_KEPT = 2_000  # messages; fewer are soon found again
# SQLite counts so many messages while it finds those of one session again: matches are brought up to date if
# fewer sessions changed than that makes worth while. Of "deploy*", whose messages it puts together at each
# question, it takes two fifths of the time for any number of sessions.
MESSAGES_PER_SESSION = 400

_Asked: TypeAlias = tuple[str | None, MessageFilter]


class _KeptMatches(NamedTuple):
    """Matches as they are after so many changes of the index."""

    changes: int
    matches: Matches


class CommonWords:
    """The matches of one search index that were asked for last. Thread-safe."""

    def __init__(self) -> None:
        self._changing, self._finding = threading.Lock(), OneAtATime()
        self._changes = 0
        self._changed = ChangedEntries()
        self._matches: OrderedDict[_Asked, _KeptMatches] = OrderedDict()

    def remember(self, changes: Iterable[Change]) -> None:
        """Count the changes of a transaction as known, which was committed."""
        with self._changing:
            self._changed.add(changes)

    def find(
        self, connection: Connection, expression: str | None, wanted: MessageFilter, expected: int
    ) -> Matches:
        """Return what `tables.find_matches` does, as the connection sees the index."""
        changes, asked = tables.count_changes(connection), (expression, wanted)
        with self._finding.holding((changes, asked)):
            kept = self._get(changes, asked)
            if kept is not None and kept.changes == changes:
                return kept.matches
            found = None if kept is None else self._updated(connection, asked, kept, changes)
            if found is None:
                found = tables.find_matches(connection, expression, wanted, expected)
            self._keep(asked, _KeptMatches(changes, found))
            return found

    def _get(self, changes: int, asked: _Asked) -> _KeptMatches | None:
        with self._changing:
            if changes > self._changes:
                self._changes = changes
                self._forget_outdated()
            if (kept := self._matches.get(asked)) is not None:
                self._matches.move_to_end(asked)
            return kept

    def _forget_outdated(self) -> None:
        """Forget matches that can never be brought up to date."""
        for asked, kept in list(self._matches.items()):
            if not self._changed.reaches(kept.changes):
                del self._matches[asked]

    def _updated(
        self, connection: Connection, asked: _Asked, kept: _KeptMatches, changes: int
    ) -> Matches | None:
        """Return kept matches as a connection sees them; None if finding all again takes no longer."""
        most = sum(kept.matches.counts.values()) // MESSAGES_PER_SESSION
        with self._changing:
            changed = self._changed.between(kept.changes, changes, most)
        if changed is None:
            return None
        numbers = tables.numbers_in(connection, *asked, changed)
        return _replaced(kept.matches, changed, numbers, tables.most_numbers(asked[0]))

    def _keep(self, asked: _Asked, found: _KeptMatches) -> None:
        """Keep matches if they are many, unless those of a later state are kept."""
        with self._changing:
            if (kept := self._matches.get(asked)) is not None and kept.changes > found.changes:
                return
            self._matches.pop(asked, None)
            numbers = found.matches.numbers
            if numbers is None or len(numbers) >= LEAST_KEPT:
                self._matches[asked] = found
                self._make_room_for_counts()
                self._make_room_for_numbers()

    def _make_room_for_counts(self) -> None:
        """Forget the matches that were asked for longest ago, if they count too much."""
        total = sum(len(each.matches.counts) for each in self._matches.values())
        while total > MOST_COUNTS_KEPT and len(self._matches) > ALWAYS_KEPT:
            _, forgotten = self._matches.popitem(last=False)
            total -= len(forgotten.matches.counts)

    def _make_room_for_numbers(self) -> None:
        """Forget the matches with numbers that were asked for longest ago, if all numbers are too many."""
        numbered = {
            asked: len(numbers) for asked, each in self._matches.items() if (numbers := each.matches.numbers)
        }
        total = sum(numbered.values())
        for asked, count in numbered.items():
            if total <= MOST_NUMBERS_KEPT:
                break
            del self._matches[asked]
            total -= count


def _replaced(known: Matches, entries: Collection[int], numbers: Sequence[int], most: int) -> Matches:
    """Return matches with those of some entries replaced by others, whose `numbers` are in order.

    They are left out, as `tables.find_matches` does, if they are more than `most` with the others.
    """
    counts = dict(known.counts)
    for entry in entries:
        counts.pop(entry, None)
    counts.update(Counter(number >> tables.SEQUENCE_BITS for number in numbers))
    if known.numbers is None:
        return Matches(counts, None)
    merged = array("q", known.numbers)
    for entry in entries:
        merged[_place_of(entry, merged)] = array("q", numbers[_place_of(entry, numbers)])
    return Matches(counts, merged if len(merged) <= most else None)


def _place_of(entry: int, numbers: Sequence[int]) -> slice:
    """Return where the messages of an entry are among numbers in order."""
    first, last = tables.numbers_of(entry)
    return slice(bisect_left(numbers, first), bisect_right(numbers, last))


_KEPT: WeakKeyDictionary[Engine, CommonWords] = WeakKeyDictionary()


def common_words_of(connection: Connection) -> CommonWords:
    """Return the matches that are kept of the search index that a connection is to."""
    return _KEPT.setdefault(connection.engine, CommonWords())
