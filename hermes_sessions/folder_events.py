"""Which files of a folder changed, as Linux tells those who watch it: inotify, read without a thread.

Linux queues an event before the system call that it is about returns. Whoever reads the queue therefore knows
of every change that was made before. Watchers with a thread of their own hear of it a moment later, when a
list may have been read already.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Of inotify(7).
_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_OF_FILES = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_OF_FOLDER = 0x400 | 0x800  # it was deleted, or moved
_LOST = _OF_FOLDER | 0x2000 | 0x4000 | 0x8000  # or unmounted; too many events; the watch has ended
_FOLDER_ONLY = 0x0100_0000
_EVENT = struct.Struct("iIII")  # the watch, what happened, a cookie, the length of the name
_BUFFER = 65_536
# File systems on which nobody else can change a file than the programs of this machine.
LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "tmpfs", "overlay"})
OF_NETWORK = frozenset("nfs nfs4 cifs smb3 9p afs ceph glusterfs lustre gfs2 ocfs2".split())

_libc = ctypes.CDLL(None, use_errno=True)


class FolderEvents:
    """A watch of one folder, closed with its last reference like a file.

    Every other process, such as a child after a fork, learns nothing from it.
    """

    _descriptor = -1

    def __init__(self, folder: Path) -> None:
        """Watch a folder; raise `OSError` where that is not possible, or cannot tell of every change."""
        if not (sys.platform == "linux" and is_local(folder)):
            raise OSError(f"not every change of {folder.name} can be told")
        self._folder, self._process = folder, os.getpid()
        self._descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            mask = _OF_FILES | _OF_FOLDER | _FOLDER_ONLY
            _checked(_libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask))
            self._identity = _identity(folder)
        except BaseException:
            self.close()
            raise

    def pending(self) -> bool:
        """Whether there are changes that `take` has not returned yet."""
        if os.getpid() != self._process:
            return True
        poll = select.poll()  # one object must not be used by two threads at once
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def take(self) -> set[bytes] | None:
        """Return the names of the files that changed since the last call.

        None if that is not known: there were too many, or the folder is another one.
        """
        if os.getpid() != self._process:
            return None
        names: set[bytes] = set()
        for kind, name in self._read():
            if kind & _LOST:
                return None
            names.add(name)
        return names if _identity(self._folder) == self._identity else None

    def _read(self) -> Iterator[tuple[int, bytes]]:
        with suppress(BlockingIOError):  # there are no more
            while True:
                yield from _events(os.read(self._descriptor, _BUFFER))

    def close(self) -> None:
        """End the watch; that of a parent goes on."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


def _events(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what happened to which name; the name is empty for the folder itself."""
    at = 0
    while at < len(block):
        _, kind, _, length = _EVENT.unpack_from(block, at)
        at += _EVENT.size
        yield kind, block[at : at + length].rstrip(b"\0")
        at += length


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def is_local(folder: Path) -> bool:
    """Whether a folder is on a disk of this machine, as its table of mounts says: see `LOCAL`."""
    return _file_system(folder) in LOCAL


def is_of_network(folder: Path) -> bool:
    """Whether a folder is on a disk that other hosts may use; False where the system does not say."""
    kind = _file_system(folder)
    return kind in OF_NETWORK or kind.startswith("fuse.")


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on, empty where the system does not say."""
    try:
        mounts = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return ""
    return _type_of(os.fsencode(os.path.realpath(folder)), mounts)


def _type_of(path: bytes, mounts: bytes) -> str:
    """Return the type of the file system that a path is on: of the longest mount point, the last one."""
    longest, found = b"", b""
    for line in mounts.splitlines():
        before, _, after = line.partition(b" - ")
        point = before.split()[4].decode("unicode_escape").encode("latin-1")
        inside = path == point or path.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= len(longest):
            longest, found = point, after.split()[0]
    return found.decode("ascii", "replace")
