"""Whether anything was committed to the index, as SQLite itself counts: without a query, in microseconds."""

import itertools
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, event

from . import database

_NUMBERS = itertools.count(1)  # of the connections of this process


class Commits(NamedTuple):
    """The number that SQLite changes with every commit of anybody, and of what it is the number.

    It counts for one connection alone: `connection` and the `inode` of the file say which.
    """

    inode: int
    connection: int
    number: int


class CommitCounter:
    """Counts the commits to an index by a connection of its own, which never writes. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._path = database.file_of(engine)
        self._lock = threading.Lock()
        self._connection: Any = None
        self._inode = self._opened = 0  # of the file that is open, and the number of the connection
        # Whoever disposes of the engine is about to put another file in the place of this one.
        event.listen(engine, "engine_disposed", lambda _: self._release())

    def read(self) -> Commits | None:
        """Return the number of now; None where there is none: another database, or a file that is gone."""
        with suppress(OSError, *database.DRIVER_ERRORS), self._lock:
            path = self._path
            if path is None:
                return None
            inode = os.stat(path).st_ino  # noqa: PTH116  # a Path takes as long as the call
            connection = self._connection
            if connection is None or inode != self._inode:
                connection = self._open(path, inode)
            (number,) = connection.execute("PRAGMA data_version").fetchone()
            return Commits(inode, self._opened, number)
        return None

    def _open(self, path: Path, inode: int) -> Any:
        self._close()
        self._connection = database.connect_alone(path)
        self._inode, self._opened = inode, next(_NUMBERS)
        return self._connection

    def close(self) -> None:
        """Close the connection, for ever."""
        self._path = None
        self._release()

    def _release(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
