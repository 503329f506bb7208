"""The files of the search index: opened when they are needed, and replaced when they cannot be used.

`search.db` is the index. One of an older format that can still be searched is kept as `search.db.old` while a
new `search.db` is filled. While it exists, the new one is not complete. Nothing else records this, so a
process can be killed at any moment.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine

from ..errors import Damaged, StorageError, storing
from ..index import damage, database
from ..locks import file_lock
from . import tables
from .faults import faults

MOST_KNOWN_WORDS = 200_000  # in memory
_BESIDE = ("-wal", "-shm")


class SearchFile(ABC):
    """The file of a search index, `place`; None if there is no place for one. Thread-safe.

    `lock_file` is held while files are replaced.
    """

    def __init__(self, place: Path | None, lock_file: Path | None) -> None:
        self._place, self._lock_file = place, lock_file
        self._opening = threading.Lock()
        self._engine: Engine | None = None
        self._inode: int | None = None
        # Words that the file is known to have, so that they are not stored again.
        self.known_words: set[str] = set()

    @property
    def _path(self) -> Path:
        """Where the file is; raise `StorageError` if there is no place for it."""
        if self._place is None:
            raise StorageError("there is no room for a search index")
        return self._place

    def reading(self) -> AbstractContextManager[Connection]:
        """Return a context that gives out a connection for reads."""
        return database.reading(self._open())

    def wait_to_write(self) -> None:
        """Raise `Locked` if another program writes for more than a second."""
        database.wait_to_write(self._open())

    def writing(self) -> AbstractContextManager[Connection]:
        """Return a context that gives out a connection in a write transaction."""
        return database.writing(self._open())

    def remember(self, words: set[str], engine: Engine) -> None:
        """Count words as known that were committed, unless the file was replaced since."""
        if engine is not self._engine:
            return
        if len(self.known_words) + len(words) > MOST_KNOWN_WORDS:
            self.known_words.clear()
        self.known_words |= words

    def close(self) -> None:
        """Close every connection that is not in use; the next use opens one."""
        if self._engine is not None:
            self._engine.dispose()

    def replace(self) -> None:
        """Set a corrupt file aside; the next use creates an empty one. Raises `StorageError`."""
        with self._opening, file_lock(self._lock_file):
            self.close()
            self._engine = None
            if diagnose(self._path) is not None:  # else another process was faster
                damage.set_aside(self._path)

    def open(self) -> None:
        """Open the file unless it is open, so that it is as the next use needs it; raise `StorageError`."""
        self._open()

    def _open(self) -> Engine:
        """Return the file's engine, a new one if the file was removed or replaced since the last use."""
        with self._opening:
            if self._engine is not None and _inode(self._path) == self._inode:
                return self._engine
            self.close()
            self._engine = None
            engine = database.make_engine(self._path)
            database.diagnose_with(engine, partial(diagnose, self._path))
            try:
                self._prepare(engine)
            except BaseException:
                engine.dispose()
                raise
            self._engine, self._inode = engine, _inode(self._path)
            self.known_words.clear()
            return engine

    @abstractmethod
    def _prepare(self, engine: Engine) -> None:
        """Make the file of an engine one that can be used; raise `StorageError` if it cannot be."""


class CurrentFile(SearchFile):
    """The file of this version of the program: created if it does not exist, replaced if it is another's."""

    def _prepare(self, engine: Engine) -> None:
        if _format_of(engine) == tables.FORMAT:
            return
        with file_lock(self._lock_file):
            engine.dispose()  # its connection may be to a file that another process has replaced since
            if _format_of(engine) not in (0, tables.FORMAT):
                self._clear_away(engine)
            with database.writing(engine) as connection:
                if tables.read_format(connection) == 0:
                    tables.create_tables(connection)

    def _clear_away(self, engine: Engine) -> None:
        """Keep a file of another format if it can answer; one that is kept already is the complete one."""
        older = older_place(self._path)
        with database.reading(engine) as connection:
            can_answer = tables.is_readable(connection)
        database.checkpoint(engine)
        engine.dispose()
        if can_answer and not older.exists():
            _rename(self._path, older)
        else:
            _remove(self._path)


class OlderFile(SearchFile):
    """The file of an older format that is kept beside the current one, `place`, until that is complete."""

    def __init__(self, place: Path | None, lock_file: Path | None) -> None:
        super().__init__(None if place is None else older_place(place), lock_file)

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return self._place is not None and self._place.exists()

    @property
    def name(self) -> str:
        """The name of the file, empty if there is no place for one."""
        return "" if self._place is None else self._place.name

    @property
    def size(self) -> int:
        """The size of the file in bytes, 0 if there is none."""
        return size_of(self._path)

    @property
    def is_corrupt(self) -> bool:
        """Whether something is wrong with the file."""
        return diagnose(self._path) is not None

    def _prepare(self, engine: Engine) -> None:
        """Raise `Damaged` if the file cannot be searched."""
        if not self.exists:  # to open it would create it
            raise Damaged(self.name, "it was removed")
        with database.reading(engine) as connection:
            if not tables.is_readable(connection):
                raise Damaged(self.name, "it has a format that this version cannot read")

    def discard(self) -> None:
        """Remove the file, if there is one; raise `StorageError`."""
        if self.exists:
            with self._opening, file_lock(self._lock_file):
                self.close()
                self._engine = None
                _remove(self._path)


def older_place(place: Path) -> Path:
    """Return where a file of an older format is kept."""
    return place.with_name(f"{place.name}.old")


def _format_of(engine: Engine) -> int:
    with database.reading(engine) as connection:
        return tables.read_format(connection)


@contextmanager
def no_search_index() -> Iterator[Connection]:
    """Give out an empty search index in memory, for a search that cannot use the file."""
    engine = database.make_engine("sqlite://")
    try:
        with database.writing(engine) as connection:
            tables.create_tables(connection)
            yield connection
    finally:
        engine.dispose()


def diagnose(path: Path) -> str | None:
    """Return what is wrong with a search index, None if nothing is."""
    return damage.examine(path, faults)


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _rename(path: Path, target: Path) -> None:
    """Rename an index that is closed here; the database itself last, which has all that its log has."""
    with storing(f"cannot keep the older {path.name}"):
        for suffix in _BESIDE:  # of one that was removed, and whose log was left
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        for suffix in (*_BESIDE, ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))


def _remove(path: Path) -> None:
    """Remove an index; raise `StorageError`. The log of a database that is gone means nothing to SQLite."""
    with storing(f"cannot remove the search index {path.name}"):
        for suffix in ("", *_BESIDE):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
