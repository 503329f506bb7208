"""Files on disk: atomic replacement, folders made durable, and locks between threads and processes.

Knows nothing of sessions. The sequence is the usual one: a temporary file in the same folder, `fsync`,
rename, `fsync` of the folder. Where a version is stated, old and new file change places instead, so that
what was replaced can be looked at before it goes.
"""

import ctypes
import errno
import os
import re
import shutil
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from .errors import Locked, StorageError, Unconfirmed, storing
from .fields import LARGEST_INTEGER
from .model import UNKNOWN_VERSION, Signature

if TYPE_CHECKING:
    from filelock import FileLock

STRIPES = 64
LOCK_SECONDS = 30.0
COPY_BYTES = 1 << 20
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # of a disk without second names
NO_FLAGS = (*NO_LINKS, errno.EINVAL)  # of a kernel or a disk whose rename can only replace

Write = Callable[[IO[bytes]], object]


class Changed(Exception):
    """The file is not of the version that was stated; it was left as it is."""


class Replaced(NamedTuple):
    """What a write did: the new file's `stat`, and the folder's modification times around it.

    `folder_after` is None when somebody else changed the folder meanwhile, as far as its times tell.
    """

    stat: os.stat_result
    folder_before: int
    folder_after: int | None


class _Draft(NamedTuple):
    """A new file, whole and on the disk, under its temporary name."""

    path: Path
    stat: os.stat_result
    folder_before: int
    undisturbed: bool


def signature_of(status: os.stat_result) -> Signature:
    """Return the version that a `stat` stands for."""
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino & LARGEST_INTEGER)


# ---- writing ----------------------------------------------------------------------------------------------


def replace(path: Path, write: Write) -> Replaced:
    """Replace `path`, whatever it holds, with what `write` writes, or leave it as it is.

    An error of `write` or of the system passes through after the temporary file is gone.
    """
    with _drafted(path, write) as draft:
        draft.path.replace(path)
        return _confirmed(path.parent, draft)


def create(path: Path, write: Write) -> Replaced:
    """Do as `replace`, but raise `FileExistsError` if anything has that name."""
    with _drafted(path, write) as draft:
        _rename_new(draft.path, path)
        return _confirmed(path.parent, draft)


def replace_version(
    path: Path, known: Signature, write: Write, prepare: Callable[[], None] | None = None
) -> Replaced:
    """Do as `replace`, but raise `Changed` if `path` is not the version `known`.

    Not even a version that another program puts there within the call is overwritten unseen. The caller
    holds a lock against whoever else uses this. `prepare` runs just before the change.
    """
    with _drafted(path, write) as draft:
        _expect(path, known)
        if prepare:
            prepare()
        _swap_in(draft, path, known)
        return _confirmed(path.parent, draft)


@contextmanager
def _drafted(path: Path, write: Write) -> Iterator[_Draft]:
    """Write a temporary file beside `path`; it stays open, so that nothing else gets its inode meanwhile."""
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
            yield _Draft(temporary, written, before, folder_time(folder) == created)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _keep_mode(path: Path, file: IO[bytes]) -> None:
    with suppress(FileNotFoundError):
        os.fchmod(file.fileno(), path.stat().st_mode & 0o777)


def _confirmed(folder: Path, draft: _Draft) -> Replaced:
    with made():
        after = folder_time(folder)
        sync_folder(folder)
        return Replaced(draft.stat, draft.folder_before, after if draft.undisturbed else None)


@contextmanager
def made() -> Iterator[None]:
    """Turn an `OSError` of the block into `Unconfirmed`: what the block is about was done before it."""
    try:
        yield
    except OSError as error:
        raise Unconfirmed(error.errno, error.strerror or type(error).__name__) from error


# ---- changing places --------------------------------------------------------------------------------------


class Aside(NamedTuple):
    """A file beside `<stem>.json` that took part in a change of places: how it can be told what it is.

    `ours` is the inode of the new file, `known` the version that it was to replace. What is neither is a
    version of another program that nobody here has seen.

    Its name has no `.tmp.`: the web UI erases such files when they are an hour old, by the time of their last
    change, which of an old version is long ago.
    """

    path: Path
    stem: str
    ours: int
    known: Signature

    def is_unseen(self) -> bool:
        """Whether this may be the only copy of another program's version; raise `OSError` without a file.

        Sound while nobody changes places under this name: inodes are told apart, and the new file's is not
        given to another while `replace_version` has it open.
        """
        found = signature_of(self.path.stat())
        return found.inode != self.ours and found != self.known


_ASIDE = re.compile(r"(?P<stem>[A-Za-z0-9_-]{1,128})\.swap\.\d+\.(?P<ours>\d+)\.(\d+)\.(-?\d+)\.(\d+)")


def aside_of(path: Path) -> Aside | None:
    """Return what a file's name says of the change of places that it was left by, None for another name."""
    match = _ASIDE.fullmatch(path.name)
    if not match:
        return None
    return Aside(path, match["stem"], int(match["ours"]), Signature(*map(int, match.groups()[2:])))


def _new_aside(path: Path, ours: int, known: Signature) -> Aside:
    numbers = (time.time_ns(), ours, *known)  # the time: no name comes twice
    name = ".".join([path.stem, "swap", *map(str, numbers)])
    return Aside(path.with_name(name), path.stem, ours, known)


def _expect(path: Path, known: Signature) -> None:
    try:
        found = signature_of(path.stat())
    except FileNotFoundError:
        raise Changed from None
    if found != known:
        raise Changed


def _swap_in(draft: _Draft, path: Path, known: Signature) -> None:
    """Put a new file in the place of the version `known`, or raise `Changed`.

    Killed anywhere in here, it leaves what lies aside under a name that says what it may be, so a version
    that nobody has seen is not taken for a temporary file: `leftovers` keeps it.
    """
    aside = _new_aside(path, signature_of(draft.stat).inode, known)
    draft.path.rename(aside.path)
    try:
        _rename(aside.path, path, EXCHANGE)
    except OSError as error:
        if error.errno in NO_FLAGS:
            _replace_looking(aside, path)
            return
        _discard(aside)
        if error.errno == errno.ENOENT:
            raise Changed from None
        raise
    try:
        unseen = aside.is_unseen()
    except OSError:
        _swap_back(aside, path)
        raise
    if unseen:
        _swap_back(aside, path)
        raise Changed
    with suppress(OSError):  # it stays as debris, and `leftovers` knows it
        aside.path.unlink()


def _replace_looking(aside: Aside, path: Path) -> None:
    """Replace `path` right after a look at it: all that can be done where files cannot change places."""
    try:
        _expect(path, aside.known)
        aside.path.replace(path)
    except (OSError, Changed):
        _discard(aside)
        raise


def _swap_back(aside: Aside, path: Path) -> None:
    """Give another program's version its place again.

    If that program came once more meanwhile, its newest gets the place, and the one before stays aside. If it
    removed the file, its version stays aside too. `leftovers` keeps both.
    """
    with made(), suppress(FileNotFoundError):
        _rename(aside.path, path, EXCHANGE)
    with suppress(OSError):
        if aside.is_unseen():
            _rename(aside.path, path, EXCHANGE)
        else:
            aside.path.unlink()


def _discard(aside: Aside) -> None:
    """Remove a new file that did not get its place, if that is what lies there."""
    with suppress(OSError):
        if not aside.is_unseen():
            aside.path.unlink()


EXCHANGE, NEW_NAME = "exchange", "new name"
_AT_CWD = -100
_LINUX = {EXCHANGE: 2, NEW_NAME: 1}  # renameat2(2)
_MACOS = {EXCHANGE: 2, NEW_NAME: 4}  # renamex_np(2)
_libc = ctypes.CDLL(None, use_errno=True)


def _rename(path: Path, target: Path, how: str) -> None:
    """Rename as `os.rename` cannot: both names change places, or `FileExistsError` if the target is there.

    Raises an `OSError` of `NO_FLAGS` where the system or the disk cannot.
    """
    one, other = os.fsencode(path), os.fsencode(target)
    try:
        if sys.platform == "darwin":
            failed = _libc.renamex_np(one, other, _MACOS[how])
        else:
            failed = _libc.renameat2(_AT_CWD, one, _AT_CWD, other, _LINUX[how])
    except AttributeError:  # a C library of before 2018
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


# ---- moving -----------------------------------------------------------------------------------------------


def move(path: Path, target: Path) -> None:
    """Move a file to a name that does not exist yet, durably; to another disk by copy.

    What `path` names goes from there at once, whatever it holds by then. Killed while it is copied, it lies
    aside: `leftovers` ends the move.
    """
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_by_copy(path, target)
    with made():
        sync_folder(target.parent)
        sync_folder(path.parent)


def _move_by_copy(path: Path, target: Path) -> None:
    aside = _new_aside(path, 0, UNKNOWN_VERSION)
    path.rename(aside.path)
    try:
        move_aside(aside.path, target)
    except Unconfirmed:  # the copy is there, but perhaps not to stay
        raise
    except BaseException:
        with suppress(FileExistsError):  # another is there since: this one stays aside
            _rename_new(aside.path, path)
        raise


def move_aside(path: Path, target: Path) -> None:
    """Move what lies aside to a name that does not exist yet, durably.

    Killed between copy and removal it is in both places, and is known as a copy the next time.
    """
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(path, target)
        with suppress(OSError):  # it stays as debris, and `leftovers` knows it
            path.unlink()
    with made():
        sync_folder(target.parent)


def move_new(path: Path, target: Path) -> os.stat_result:
    """Move a file to a name that nothing has, durably, and return its `stat`; else `FileExistsError`.

    To another disk by copy, and killed after that it is in both places: `leftovers` ends the move.
    """
    moved = path.stat()
    elsewhere = moved.st_dev != target.parent.stat().st_dev
    if elsewhere:
        moved = copy(path, target)
    else:
        _rename_new(path, target)
    with made():
        sync_folder(target.parent)
        if elsewhere:
            path.unlink(missing_ok=True)
        sync_folder(path.parent)
    return moved


def _rename_new(path: Path, target: Path) -> None:
    """Rename a file unless something has the new name; by a second name where there is no such rename."""
    try:
        _rename(path, target, NEW_NAME)
    except OSError as error:
        if error.errno not in NO_FLAGS:
            raise
        _link(path, target)
        with suppress(OSError):
            path.unlink(missing_ok=True)


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


def copy(path: Path, target: Path) -> os.stat_result:
    """Copy a file and its permissions to a name that nothing has; return the copy's `stat`."""
    with path.open("rb") as source:
        return create(target, lambda file: _copy(source, file)).stat


def _copy(source: IO[bytes], file: IO[bytes]) -> None:
    os.fchmod(file.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
    shutil.copyfileobj(source, file, COPY_BYTES)


def is_same(path: Path, other: Path) -> bool:
    """Whether two files hold the same bytes; raise `OSError` for what cannot be read."""
    with path.open("rb") as one, other.open("rb") as two:
        while (chunk := one.read(COPY_BYTES)) == two.read(COPY_BYTES):
            if not chunk:
                return True
    return False


# ---- folders and locks ------------------------------------------------------------------------------------


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
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=seconds, poll_interval=0.005)
    with storing("cannot lock"):
        try:
            lock.acquire()
        except Timeout as error:  # an OSError too
            raise Locked("locked too long by another program") from error
    try:
        yield
    finally:
        _release(lock)


def _release(lock: "FileLock") -> None:
    """Give a lock back; if the system refuses that, once more, which closes the file and so ends the lock."""
    try:
        lock.release()
    except OSError:
        with suppress(OSError):
            lock.release(force=True)
