"""Files on disk: atomic replacement, folders made durable, and locks between threads and processes.

Knows nothing of sessions. The sequence is the usual one: a temporary file in the same folder, `fsync`,
rename, `fsync` of the folder.
"""

import errno
import os
import shutil
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from filelock import FileLock, Timeout

from .errors import StorageError, Unconfirmed, storing

STRIPES = 64
LOCK_SECONDS = 30.0
COPY_BYTES = 1 << 20
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # of a disk without second names


class Replaced(NamedTuple):
    """What `replace` did: the new file's `stat`, and the folder's modification times around it.

    `folder_after` is None when somebody else changed the folder meanwhile, as far as its times tell.
    """

    stat: os.stat_result
    folder_before: int
    folder_after: int | None


def replace(
    path: Path, write: Callable[[IO[bytes]], object], prepare: Callable[[], None] | None = None
) -> Replaced:
    """Replace `path` with what `write` writes, or leave it as it is; `prepare` runs just before the rename.

    An error of `write` or of the system passes through after the temporary file is gone.
    """
    folder = path.parent
    temporary = folder / f"{path.stem}.tmp.{os.getpid()}.{threading.get_ident()}"
    before = folder_time(folder)
    try:
        with temporary.open("wb") as file:
            created = folder_time(folder)
            write(file)
            _keep_mode(path, file)
            file.flush()
            os.fsync(file.fileno())
            written = os.fstat(file.fileno())
            undisturbed = folder_time(folder) == created
        if prepare:
            prepare()
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    with made():
        stat, after = path.stat(), folder_time(folder)
        if stat.st_ino != written.st_ino:  # another program was there since: its version is none of ours
            stat = written
        sync_folder(folder)
        return Replaced(stat, before, after if undisturbed else None)


@contextmanager
def made() -> Iterator[None]:
    """Turn an `OSError` of the block into `Unconfirmed`: what the block is about was done before it."""
    try:
        yield
    except OSError as error:
        raise Unconfirmed(error.errno, error.strerror or type(error).__name__) from error


def _keep_mode(path: Path, file: IO[bytes]) -> None:
    with suppress(FileNotFoundError):
        os.fchmod(file.fileno(), path.stat().st_mode & 0o777)


def move(path: Path, target: Path) -> None:
    """Move a file to a name that does not exist yet, durably; to another disk by copy."""
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with path.open("rb") as source:
            replace(target, lambda file: _copy(source, file))
        path.unlink()
    with made():
        sync_folder(target.parent)
        sync_folder(path.parent)


def move_new(path: Path, target: Path) -> None:
    """Move a file to a name that nothing has, durably; to another disk by copy; else `FileExistsError`."""
    if path.stat().st_dev != target.parent.stat().st_dev:
        near = target.with_name(f"{target.stem}.tmp.{os.getpid()}.{threading.get_ident()}")
        with path.open("rb") as source:
            replace(near, lambda file: _copy(source, file))
        try:
            _link(near, target)
        finally:
            near.unlink(missing_ok=True)
    else:
        _link(path, target)
    with made():
        sync_folder(target.parent)
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def _link(path: Path, target: Path) -> None:
    """Give a file a second name, or where the disk has none that name alone."""
    try:
        os.link(path, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        path.rename(target)


def _copy(source: IO[bytes], file: IO[bytes]) -> None:
    os.fchmod(file.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
    shutil.copyfileobj(source, file, COPY_BYTES)


def folder_time(folder: Path) -> int:
    """Return when an entry of `folder` was last added, replaced or removed, in nanoseconds."""
    return folder.stat().st_mtime_ns


def sync_folder(folder: Path) -> None:
    """Make renames within `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Locks:
    """A fixed set of locks, each held against threads by a mutex and against processes by a locked file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mutexes = [threading.Lock() for _ in range(STRIPES)]

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold the lock that `name` falls on; `StorageError` after half a minute of waiting."""
        stripe = zlib.crc32(name.encode()) % STRIPES
        mutex = self._mutexes[stripe]
        if not mutex.acquire(timeout=LOCK_SECONDS):
            raise StorageError("locked too long by another thread")
        try:
            with file_lock(self._folder / f"{stripe:02}.lock"):
                yield
        finally:
            mutex.release()


@contextmanager
def file_lock(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file `path` against every other holder; `StorageError` after `seconds` of waiting."""
    lock = FileLock(path, timeout=seconds, poll_interval=0.005)
    with storing("cannot lock"):
        try:
            lock.acquire()
        except Timeout as error:  # an OSError too
            raise StorageError("locked too long by another program") from error
    try:
        yield
    finally:
        _release(lock)


def _release(lock: FileLock) -> None:
    """Give a lock back; if the system refuses that, once more, which closes the file and so ends the lock."""
    try:
        lock.release()
    except OSError:
        with suppress(OSError):
            lock.release(force=True)
