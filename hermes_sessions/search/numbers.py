"""Numbers that stand for conversations while a search compares them: those of the entries of its index.

Sets and counts of numbers take a quarter of the time and memory of those of keys.
"""

import threading
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from . import tables
from .tables import WEB_UI, EntryKey


class Numbers:
    """The conversations by number, of one search index. Thread-safe; a number never stands for another.

    An agent's conversation that the index does not have yet gets a number below 0, and keeps it.
    """

    def __init__(self) -> None:
        self._growing = threading.Lock()
        self._keys: dict[int, EntryKey] = {}
        self._of_agents: dict[EntryKey, int] = {}
        self._of_web: dict[str, tuple[int, ...]] = {}
        self._numbered_before: dict[int, int] = {}  # by the number of the entry that was made later
        self._upto = 0

    def read(self, connection: Connection) -> None:
        """Learn the entries that were added since the last time."""
        with self._growing:
            for number, *key in tables.entries_after(connection, self._upto):
                self._add(number, (key[0], key[1]))
                self._upto = number

    def _add(self, number: int, key: EntryKey) -> None:
        self._keys[number] = key
        if key[0] == WEB_UI:
            self._of_web[key[1]] = (*self._of_web.get(key[1], ()), number)
            return
        if (known := self._of_agents.setdefault(key, number)) < 0:
            self._numbered_before[number] = known
        else:
            self._of_agents[key] = number

    def key(self, number: int) -> EntryKey:
        """Return the profile and the id of a conversation, the profile `WEB_UI` for one of the web UI."""
        return self._keys[number]

    def of_agent(self, key: EntryKey) -> int:
        """Return the number of a conversation of an agent."""
        known = self._of_agents.get(key)
        if known is not None:
            return known
        with self._growing:
            number = self._of_agents.setdefault(key, -1 - len(self._of_agents))
            self._keys[number] = key
            return number

    def of_entries(self, numbers: Iterable[int]) -> set[int]:
        """Return the numbers of the conversations of these entries."""
        if not self._numbered_before:
            return set(numbers)
        return {self._numbered_before.get(number, number) for number in numbers}

    def of_web(self) -> list[int]:
        """Return the numbers of all sessions of the web UI."""
        with self._growing:
            return [number for numbers in self._of_web.values() for number in numbers]

    def of_web_ids(self, session_ids: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Return the numbers of those ids that are of the web UI's sessions: several if one was removed."""
        with self._growing:
            return {each: self._of_web[each] for each in session_ids if each in self._of_web}


_NUMBERS: WeakKeyDictionary[Engine, Numbers] = WeakKeyDictionary()


def numbers_of(connection: Connection) -> Numbers:
    """Return the numbers of a search index, with all entries that it has now."""
    numbers = _NUMBERS.setdefault(connection.engine, Numbers())
    numbers.read(connection)
    return numbers
