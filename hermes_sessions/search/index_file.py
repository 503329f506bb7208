"""The file of the search index: opened when it is needed, and replaced when it cannot be used."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine

from ..config import Config
from ..errors import StorageError, storing
from ..index import damage, database
from ..locks import file_lock
from . import tables

MOST_KNOWN_WORDS = 200_000  # in memory


class SearchFile:
    """The `search.db` of one home. Thread-safe."""

    def __init__(self, config: Config) -> None:
        self._place, locks = config.search_file, config.index_locks_dir
        self._lock_file = None if locks is None else locks / "search-file.lock"
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

    def _open(self) -> Engine:
        """Return the file's engine, a new one if the file was removed or replaced since the last use."""
        with self._opening:
            if self._engine is not None and _inode(self._path) == self._inode:
                return self._engine
            self.close()
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

    def _prepare(self, engine: Engine) -> None:
        """Create the tables in a new file; replace a file of another format."""
        with database.reading(engine) as connection:
            file_format = tables.read_format(connection)
        if file_format == tables.FORMAT:
            return
        with file_lock(self._lock_file):
            if file_format:
                engine.dispose()
                _remove(self._path)
            with database.writing(engine) as connection:
                if tables.read_format(connection) == 0:
                    tables.create_tables(connection)


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
    return damage.examine(path, tables.faults)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _remove(path: Path) -> None:
    with storing(f"cannot remove the search index {path.name}"):
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
