"""Which sessions the last changes of a search index were about, as far as this process made them.

Sessions are given by the numbers of their entries, changes by what `tables.count_changes` is after them.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from itertools import islice, takewhile
from typing import NamedTuple

from sqlalchemy import Connection

MOST_REMEMBERED = 1_000  # sessions
_NOTED = "changes of the transaction"  # in what SQLAlchemy keeps of a connection


class Change(NamedTuple):
    """A change of indexed messages, and the entries that it is about, None for all."""

    number: int
    entries: Collection[int] | None


def note_changes(connection: Connection) -> list[Change]:
    """Return a list that gets the changes of the transaction that has just begun on a connection."""
    noted: list[Change] = []
    connection.info[_NOTED] = noted
    return noted


def note_change(connection: Connection, change: Change) -> None:
    """Note a change for whoever asked `note_changes`; it counts once it is committed."""
    if (noted := connection.info.get(_NOTED)) is not None:
        noted.append(change)


class ChangedEntries:
    """The entries that this process changed last, each with the number of its last change.

    All changes after `_since` and up to `_upto` are known. Not thread-safe.
    """

    def __init__(self) -> None:
        self._last_changes: OrderedDict[int, int] = OrderedDict()  # in the order of their numbers
        self._since = self._upto = -1

    def add(self, changes: Iterable[Change]) -> None:
        """Remember the changes of a transaction that was committed."""
        for number, entries in changes:
            if entries is None or number != self._upto + 1:  # else another process changed something between
                self._last_changes.clear()
                self._since = number if entries is None else number - 1
            self._upto = number
            for entry in entries or ():
                self._last_changes[entry] = number
                self._last_changes.move_to_end(entry)
        while len(self._last_changes) > MOST_REMEMBERED:
            _, self._since = self._last_changes.popitem(last=False)

    def reaches(self, number: int) -> bool:
        """Whether all changes after the one of a number are known, but those of other processes of late."""
        return number >= self._since

    def between(self, one: int, other: int, most: int) -> list[int] | None:
        """Return the entries that differ between two states of the index, and maybe some that do not.

        None if not all changes between them are known, or if the entries are more than `most`.
        """
        first, last = min(one, other), max(one, other)
        if not self._since <= first <= last <= self._upto:
            return None
        later = takewhile(lambda each: each[1] > first, reversed(self._last_changes.items()))
        entries = [entry for entry, _ in islice(later, most + 1)]
        return entries if len(entries) <= most else None
