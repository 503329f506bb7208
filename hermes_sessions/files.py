"""Files on disk: reading, atomic replacement, durable renames.

Knows nothing of sessions. A file is replaced as usual: a temporary file in the same folder, `fsync`, rename,
`fsync` of the folder. If the caller states which version it replaces, the old and the new file are exchanged
instead, so that the old one can be checked before it is deleted.
"""

import ctypes
import errno
import os
import re
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from . import modes
from .errors import Unconfirmed
from .fields import LARGEST_INTEGER
from .model import UNKNOWN_VERSION, Signature

COPY_BYTES = 1 << 20
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # a disk without hard links
NO_FLAGS = (*NO_LINKS, errno.EINVAL)  # or a rename that cannot exchange files

# The kernel's clock for files ticks every 1 to 10 ms, so a change right after a scan can have its time.
TICK_NS = 50_000_000
# Some disks store whole seconds, or every other one. A time that is not a whole second is of another disk.
COARSE_TICK_NS, SECOND_NS = 2_100_000_000, 1_000_000_000

Write = Callable[[IO[bytes]], object]


class Changed(Exception):
    """The file is not the stated version, and was not changed."""


class Replaced(NamedTuple):
    """The `stat` of a file that was written, and the folder's modification times before and after, in ns.

    `folder_after` is None if its times say that another program changed the folder in between.
    """

    stat: os.stat_result
    folder_before: int
    folder_after: int | None


class _Draft(NamedTuple):
    """A new file, complete and on the disk, under its temporary name."""

    path: Path
    stat: os.stat_result
    folder_before: int
    folder_unchanged: bool


def signature_of(status: os.stat_result) -> Signature:
    """Return the version of a file from its `stat`."""
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino & LARGEST_INTEGER)


def is_settled(modified_at: int, read_at: int) -> bool:
    """Whether any change after `read_at` would show in the modification time.

    A change within the same tick of the kernel's clock leaves the modification time as it was.
    """
    tick = TICK_NS if modified_at % SECOND_NS else COARSE_TICK_NS
    return read_at - modified_at > tick


# ---- reading ----------------------------------------------------------------------------------------------


class NotRegular(OSError):
    """Something else than a file has the name: a folder, a pipe or a device."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file for reading; raise `NotRegular`, `FileNotFoundError` or another `OSError`.

    A pipe would wait for its other end, for ever.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        yield file


def open_regular(path: Path, flags: int = 0) -> int:
    """Return a descriptor of a regular file for reading; raises as `opened`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | flags)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NotRegular(errno.EINVAL, "it is not a regular file")


def read(path: Path) -> bytes:
    """Return what a regular file holds; raises as `opened`."""
    with opened(path) as file:
        return file.read()


# ---- writing ----------------------------------------------------------------------------------------------


def replace(path: Path, write: Write) -> Replaced:
    """Replace a file by what `write` writes, whatever it holds; if anything fails, leave it unchanged.

    Errors of `write` and of the system are raised after the temporary file has been deleted.
    """
    with _drafted(path, write) as draft:
        draft.path.replace(path)
        return _confirmed(path.parent, draft)


def create(path: Path, write: Write) -> Replaced:
    """Write a new file as `replace` does; raise `FileExistsError` if something has its name."""
    with _drafted(path, write) as draft:
        _rename_new(draft.path, path)
        return _confirmed(path.parent, draft)


def replace_version(
    path: Path, known: Signature, write: Write, prepare: Callable[[], None] | None = None
) -> Replaced:
    """Replace a file as `replace` does; raise `Changed` if it is not the version `known`.

    Even a version that another program writes during the call is not lost. The caller holds a lock against
    other callers. `prepare` is called just before the change.
    """
    with _drafted(path, write) as draft:
        _expect(path, known)
        if prepare:
            prepare()
        _swap_in(draft, path, known)
        return _confirmed(path.parent, draft)


def remove_version(path: Path, known: Signature) -> tuple[int, int]:
    """Delete a file durably; raise `Changed` if it is not the version `known`.

    Returns the folder's modification times before and after, in ns. Even a version that another program
    writes during the call is not lost. The caller holds a lock against other callers.
    """
    _expect(path, known)
    before, aside = folder_time(path.parent), _new_aside(path, NO_INODE, known)
    try:
        path.rename(aside.path)
    except FileNotFoundError:
        raise Changed from None
    if signature_of(aside.path.stat()) != known:
        with confirming(), suppress(FileExistsError):  # written again: the earlier version stays aside
            _rename_new(aside.path, path)
        raise Changed
    with suppress(OSError):  # a file that stays is deleted by `changes.leftovers`
        aside.path.unlink()
    with confirming():
        after = folder_time(path.parent)
        sync_folder(path.parent)
        return before, after


def put_in_place(kept: Path, path: Path, known: Signature | None) -> None:
    """Rename a file over the version `known` as `replace_version` does, or, of None, as `create` does."""
    if known is None:
        _rename_new(kept, path)
    else:
        _swap_in(_Draft(kept, kept.stat(), 0, folder_unchanged=False), path, known)


@contextmanager
def _drafted(path: Path, write: Write) -> Iterator[_Draft]:
    """Write a temporary file beside `path`, and keep it open, so that no other file gets its inode."""
    folder, before = path.parent, folder_time(path.parent)
    temporary = folder / f"{path.stem}.tmp.{os.getpid()}.{threading.get_ident()}"
    try:
        with open(temporary, "wb", opener=modes.create_file) as file:  # the method has no opener
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
    """Give a new file what the file that it replaces has, if any; never more than its owner needs."""
    with suppress(FileNotFoundError):
        os.fchmod(file.fileno(), modes.allowed(path.stat().st_mode))


def _confirmed(folder: Path, draft: _Draft) -> Replaced:
    with confirming():
        after = folder_time(folder)
        sync_folder(folder)
        return Replaced(draft.stat, draft.folder_before, after if draft.folder_unchanged else None)


@contextmanager
def confirming() -> Iterator[None]:
    """Raise `Unconfirmed` for an `OSError` of the block, which comes after the change itself."""
    try:
        yield
    except OSError as error:
        raise Unconfirmed(error.errno, error.strerror or type(error).__name__) from error


# ---- exchanging files -------------------------------------------------------------------------------------


class Aside(NamedTuple):
    """A file set aside beside `<stem>.json` by an exchange. Its name says how to tell what it is.

    `new_inode` is the inode of the new file, and `known` the version that was to be replaced. If it is
    neither, it is a version that another program wrote.

    The name does not contain `.tmp.`: the web UI deletes such files when they are an hour old, and an old
    version was last changed long ago.
    """

    path: Path
    stem: str
    new_inode: int
    known: Signature

    def is_foreign(self) -> bool:
        """Whether this may be the only copy of another program's version; raise `OSError` if it is gone.

        Reliable unless files are exchanged under this name again: while `replace_version` has the new file
        open, no other file gets its inode.
        """
        version = signature_of(self.path.stat())
        return version.inode != self.new_inode and version != self.known


NO_INODE = 0  # nothing takes the place of the file that is set aside
_ASIDE = re.compile(r"(?P<stem>[A-Za-z0-9_-]{1,128})\.swap\.\d+\.(?P<new_inode>\d+)\.(\d+)\.(-?\d+)\.(\d+)")


def parse_aside(path: Path) -> Aside | None:
    """Return what the name of a file set aside by an exchange says, None for any other name."""
    match = _ASIDE.fullmatch(path.name)
    if not match:
        return None
    return Aside(path, match["stem"], int(match["new_inode"]), Signature(*map(int, match.groups()[2:])))


def _new_aside(path: Path, new_inode: int, known: Signature) -> Aside:
    numbers = (time.time_ns(), new_inode, *known)  # the time makes the name unique
    name = ".".join([path.stem, "swap", *map(str, numbers)])
    return Aside(path.with_name(name), path.stem, new_inode, known)


def _expect(path: Path, known: Signature) -> None:
    try:
        version = signature_of(path.stat())
    except FileNotFoundError:
        raise Changed from None
    if version != known:
        raise Changed


def _swap_in(draft: _Draft, path: Path, known: Signature) -> None:
    """Put a new file in the place of the version `known`, or raise `Changed`.

    If the process is killed in here, a file is left aside whose name says what it may be. So another
    program's version is never taken for a temporary file: `changes.leftovers` keeps it.
    """
    aside = _new_aside(path, signature_of(draft.stat).inode, known)
    draft.path.rename(aside.path)
    try:
        _rename(aside.path, path, EXCHANGE)
    except OSError as error:
        if error.errno in NO_FLAGS:
            _replace_if_known(aside, path)
            return
        _discard(aside)
        if error.errno == errno.ENOENT:
            raise Changed from None
        raise
    try:
        foreign = aside.is_foreign()
    except OSError:
        _swap_back(aside, path)
        raise
    if foreign:
        _swap_back(aside, path)
        raise Changed
    with suppress(OSError):  # a file that stays is deleted by `changes.leftovers`
        aside.path.unlink()


def _replace_if_known(aside: Aside, path: Path) -> None:
    """Replace a file right after checking its version: the best that is possible without an exchange."""
    try:
        _expect(path, aside.known)
        aside.path.replace(path)
    except (OSError, Changed):
        _discard(aside)
        raise


def _swap_back(aside: Aside, path: Path) -> None:
    """Put another program's version back in its place.

    If that program wrote again in between, its newest version is kept in place, and the earlier one stays
    aside. If it deleted the file, its version stays aside too. `changes.leftovers` keeps both.
    """
    with confirming(), suppress(FileNotFoundError):
        _rename(aside.path, path, EXCHANGE)
    with suppress(OSError):
        if aside.is_foreign():
            _rename(aside.path, path, EXCHANGE)
        else:
            aside.path.unlink()


def _discard(aside: Aside) -> None:
    """Delete a new file that was not put in place, unless it is another program's version."""
    with suppress(OSError):
        if not aside.is_foreign():
            aside.path.unlink()


EXCHANGE, NEW_NAME = "exchange", "new name"
_AT_CWD = -100
_LINUX = {EXCHANGE: 2, NEW_NAME: 1}  # renameat2(2)
_MACOS = {EXCHANGE: 2, NEW_NAME: 4}  # renamex_np(2)
_libc = ctypes.CDLL(None, use_errno=True)


def _rename(path: Path, target: Path, how: str) -> None:
    """Exchange two files, or rename one to a new name, which `os.rename` cannot do.

    Raises `FileExistsError` if the new name exists, and an `OSError` of `NO_FLAGS` if the system or the disk
    cannot do it.
    """
    one, other = os.fsencode(path), os.fsencode(target)
    try:
        if sys.platform == "darwin":
            failed = _libc.renamex_np(one, other, _MACOS[how])
        else:
            failed = _libc.renameat2(_AT_CWD, one, _AT_CWD, other, _LINUX[how])
    except AttributeError:  # a C library from before 2018
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


# ---- moving -----------------------------------------------------------------------------------------------


def move(path: Path, target: Path) -> None:
    """Move a file durably to a name that does not exist, by copying it if that is on another disk.

    Whatever `path` names at that moment is moved. If the process is killed while it copies, the file is left
    aside, and `changes.leftovers` completes the move.
    """
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_by_copy(path, target)
    with confirming():
        sync_folder(target.parent)
        sync_folder(path.parent)


def _move_by_copy(path: Path, target: Path) -> None:
    aside = _new_aside(path, 0, UNKNOWN_VERSION)
    path.rename(aside.path)
    try:
        move_aside(aside.path, target)
    except Unconfirmed:  # it was copied, but perhaps not durably
        raise
    except BaseException:
        with suppress(FileExistsError):  # a new file has its name: this one stays aside
            _rename_new(aside.path, path)
        raise


def move_aside(path: Path, target: Path) -> None:
    """Move a file that is aside durably to a name that does not exist.

    If the process is killed between copying and deleting, it is in both places, and recognised as a copy.
    """
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(path, target)
        with suppress(OSError):  # a file that stays is deleted by `changes.leftovers`
            path.unlink()
    with confirming():
        sync_folder(target.parent)


def move_new(path: Path, target: Path) -> os.stat_result:
    """Move a file durably to a new name, and return its `stat`; raise `FileExistsError` if the name exists.

    To another disk it is copied. If the process is killed after that, it is in both places, and
    `changes.leftovers` completes the move.
    """
    moved = path.stat()
    elsewhere = moved.st_dev != target.parent.stat().st_dev
    if elsewhere:
        moved = copy(path, target)
    else:
        _rename_new(path, target)
    with confirming():
        sync_folder(target.parent)
        if elsewhere:
            path.unlink(missing_ok=True)
        sync_folder(path.parent)
    return moved


def _rename_new(path: Path, target: Path) -> None:
    """Rename a file unless the new name exists; by a hard link where the system has no such rename."""
    try:
        _rename(path, target, NEW_NAME)
    except OSError as error:
        if error.errno not in NO_FLAGS:
            raise
        _link(path, target)
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _link(path: Path, target: Path) -> None:
    """Give a file a second name, or rename it where the disk has no hard links."""
    try:
        os.link(path, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        path.rename(target)


def copy(path: Path, target: Path) -> os.stat_result:
    """Copy a file and its permissions to a new name; return the `stat` of the copy."""
    with opened(path) as source:
        return create(target, lambda file: _copy(source, file)).stat


def _copy(source: IO[bytes], file: IO[bytes]) -> None:
    os.fchmod(file.fileno(), modes.allowed(os.fstat(source.fileno()).st_mode))
    shutil.copyfileobj(source, file, COPY_BYTES)


def is_same(path: Path, other: Path) -> bool:
    """Whether two files hold the same bytes; raise `OSError` if one cannot be read."""
    with opened(path) as one, opened(other) as two:
        while (chunk := one.read(COPY_BYTES)) == two.read(COPY_BYTES):
            if not chunk:
                return True
    return False


# ---- folders ----------------------------------------------------------------------------------------------


def is_inside(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a path is one of these folders or in one, links resolved; raise `ValueError` for no path."""
    try:
        target = path.resolve()
    except RuntimeError as error:  # a loop of links
        raise ValueError(str(error)) from error
    return any(target.is_relative_to(folder.resolve()) for folder in folders)


def folder_time(folder: Path) -> int:
    """Return when a file of the folder was last added, replaced or deleted, in nanoseconds."""
    return folder.stat().st_mtime_ns


def sync_folder(folder: Path) -> None:
    """Make the renames within a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
