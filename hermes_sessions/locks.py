"""Locks between threads and between processes: one for each session, and others by the name of a file."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from . import modes
from .errors import Locked, StorageError, storing

if TYPE_CHECKING:
    from filelock import FileLock

STRIPES, LOCK_SECONDS = 64, 30.0
PROJECTS_LOCK, TAGS_LOCK, SETTINGS_LOCK = "projects", "tags", "settings"


def stripe_of(name: str) -> int:
    """Return which of the locks belongs to a name."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) % STRIPES


class HomeLocks(Protocol):
    """The locks of one home by their names, against every program that changes it."""

    def held(self, name: str, seconds: float = LOCK_SECONDS) -> AbstractContextManager[None]:
        """Return a context that holds a lock; it raises `Locked` after so many seconds, or `StorageError`."""

    def between_hosts(self, name: str, seconds: float = LOCK_SECONDS) -> AbstractContextManager[None]:
        """Return a context as `held` does, for what a lock file beside it protects on one machine."""

    def close(self) -> None:
        """Close whatever connections the locks need."""


class FileLocks(NamedTuple):
    """Locks as files of a folder, for the programs of one machine; without a folder they hold nothing."""

    folder: Path | None

    def held(self, name: str, seconds: float = LOCK_SECONDS) -> AbstractContextManager[None]:
        """Return a context that holds a lock; errors as of `HomeLocks`."""
        return file_lock(self.folder and self.folder / f"{name}.lock", seconds)

    def between_hosts(self, name: str, seconds: float = LOCK_SECONDS) -> AbstractContextManager[None]:
        """Return a context that holds nothing: the home belongs to one machine."""
        del name, seconds
        return nullcontext()

    def close(self) -> None:
        """Do nothing: each file is closed with its lock."""


class SessionLocks:
    """A fixed number of locks for all sessions: each a mutex against threads, and a home's lock."""

    def __init__(self, locks: HomeLocks) -> None:
        self.of_home = locks
        self._mutexes = [threading.Lock() for _ in range(STRIPES)]

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold the lock that belongs to a name; raise `StorageError` after waiting for 30 seconds."""
        stripe = stripe_of(name)
        mutex = self._mutexes[stripe]
        if not mutex.acquire(timeout=LOCK_SECONDS):
            raise StorageError("another thread has held the lock for 30 seconds. Try again")
        try:
            with self.of_home.held(f"{stripe:02}"):
                yield
        finally:
            mutex.release()


@contextmanager
def file_lock(path: Path | None, seconds: float | None = None) -> Iterator[None]:
    """Hold a lock file, None for no lock at all; raise `Locked` after some seconds (None: 30)."""
    if path is None:
        return (yield)
    from filelock import FileLock, Timeout

    modes.keep_private(path)
    seconds = LOCK_SECONDS if seconds is None else seconds
    lock = FileLock(path, timeout=seconds, mode=modes.FILE, poll_interval=0.005)
    with storing(f"cannot lock {path.name}"):
        try:
            lock.acquire()
        except Timeout as error:  # which is an OSError
            held = f"the lock {path.name} for {seconds:.0f} seconds"
            raise Locked(f"another program has held {held}. Try again") from error
    try:
        yield
    finally:
        _release(lock)


def _release(lock: FileLock) -> None:
    """Release a lock. If that fails, force it, which closes the file and so ends the lock."""
    try:
        lock.release()
    except OSError:
        with suppress(OSError):
            lock.release(force=True)
