"""How often very common words occur in each session, kept until the search index changes.

SQLite takes 80 ms to count a word of 350,000 messages, and each letter that is typed into the search box asks
for the words before it again.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TypeAlias
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from . import tables
from .tables import Matches, MessageFilter

MOST_KEPT = 8  # about a megabyte each, with 20,000 sessions

_Asked: TypeAlias = tuple[str | None, MessageFilter]


class CommonWords:
    """The counts of one search index, the last `MOST_KEPT` that were asked for. Thread-safe."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._changes = 0
        self._counts: OrderedDict[_Asked, Mapping[int, int]] = OrderedDict()

    def find(
        self, connection: Connection, expression: str | None, wanted: MessageFilter, expected: int
    ) -> Matches:
        """Return what `tables.find_matches` does."""
        changes, asked = tables.count_changes(connection), (expression, wanted)
        with self._changing:
            if changes != self._changes:
                self._counts.clear()
                self._changes = changes
            if (known := self._counts.get(asked)) is not None:
                self._counts.move_to_end(asked)
                return Matches(known, None)
        found = tables.find_matches(connection, expression, wanted, expected)
        if found.numbers is None:
            self._keep(changes, asked, found.counts)
        return found

    def _keep(self, changes: int, asked: _Asked, counts: Mapping[int, int]) -> None:
        with self._changing:
            if changes == self._changes:
                self._counts[asked] = counts
                while len(self._counts) > MOST_KEPT:
                    self._counts.popitem(last=False)


_KEPT: WeakKeyDictionary[Engine, CommonWords] = WeakKeyDictionary()


def common_words_of(connection: Connection) -> CommonWords:
    """Return the counts that are kept of a search index."""
    return _KEPT.setdefault(connection.engine, CommonWords())
