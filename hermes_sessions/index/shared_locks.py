"""The locks of a home whose index several hosts can use: advisory locks of its database, else lock files.

Locks of a network file system hold between hosts only where it and both hosts support them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property

from sqlalchemy import Connection, Engine

from ..config import Config
from ..errors import Locked
from ..locks import LOCK_SECONDS, FileLocks, HomeLocks
from . import database, postgresql


def locks_of(config: Config) -> HomeLocks:
    """Return the locks of a home by its configuration."""
    url = config.database_url
    if url is None or not database.is_shared(url):
        return FileLocks(config.locks_dir)
    return DatabaseLocks(url)


def locks_at(place: Config, locks: HomeLocks) -> HomeLocks:
    """Return the locks for an index at a place, which may be elsewhere, of a home that has `locks`.

    Those in a database are the same at every place: other hosts hold them.
    """
    return locks if isinstance(locks, DatabaseLocks) else locks_of(place)


class DatabaseLocks:
    """Locks by name in PostgreSQL, each of which ends with the connection, such as that of a killed program.

    The connections are not those of queries: whoever holds a lock needs one of these as well.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _engine(self) -> Engine:
        return database.make_engine(self._url).execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def held(self, name: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold a lock; errors as of `HomeLocks`."""
        with database.errors_of(self._engine):
            connection = self._engine.connect()
        try:
            self._acquire(connection, name, seconds)
            yield
        finally:
            postgresql.release_locks(connection)

    def between_hosts(self, name: str, seconds: float = LOCK_SECONDS) -> AbstractContextManager[None]:
        """Return what `held` does."""
        return self.held(name, seconds)

    def _acquire(self, connection: Connection, name: str, seconds: float) -> None:
        try:
            with database.errors_of(self._engine):
                postgresql.acquire_lock(connection, zlib.crc32(name.encode()), seconds)
        except Locked as error:
            held = f"the lock {name} for {seconds:.0f} seconds"
            raise Locked(f"another program has held {held}. Try again") from error

    def close(self) -> None:
        """Close every connection."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
