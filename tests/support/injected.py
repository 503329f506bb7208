"""Faults put into one process: what the system and SQLite can answer, at any use of a file below a folder."""

import builtins
import errno
import fcntl
import io
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import sqlalchemy as sa
from sqlalchemy import Engine

from hermes_sessions import files

ERRNOS = tuple(
    getattr(errno, name)
    for name in "EIO ENOSPC EACCES EMFILE EROFS EDQUOT EPERM ELOOP ENFILE ESTALE ENOTDIR ETIMEDOUT".split()
)


class Counter:
    """Counts the uses of a faulty function; the first `spared` of them work."""

    def __init__(self, spared: int = 0) -> None:
        """Begin at none."""
        self.spared, self.failed = spared, 0

    def fails(self) -> bool:
        """Whether this use fails."""
        self.spared -= 1
        self.failed += self.spared < 0
        return self.spared < 0


class _FailingWrites:
    """An open file whose writes fail."""

    def __init__(self, file: Any, fail: Callable[[], None]) -> None:
        self._file, self._fail = file, fail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_FailingWrites":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, _text: bytes) -> int:
        self._fail()
        return int(self._file.write(_text))


def _is_below(folder: Path, what: object) -> bool:
    if isinstance(what, int):
        try:
            what = os.readlink(f"/proc/self/fd/{what}")  # noqa: PTH115  # Path.readlink may be faulty
        except OSError:
            return False
    return isinstance(what, str | bytes | os.PathLike) and os.fsdecode(what).startswith(str(folder))


_MODULES: Mapping[str, Any] = {"os": os, "io": io, "builtins": builtins, "fcntl": fcntl, "files": files}
SYSTEM_CALLS = (
    "os.open os.stat os.lstat os.fstat os.listdir os.scandir os.rename os.replace os.link os.unlink os.mkdir "
    "os.fsync os.fchmod os.pread fcntl.flock io.open builtins.open files._rename write"
).split()


@contextmanager
def system_fault(folder: Path, call: str, number: int, counter: Counter) -> Iterator[None]:
    """Let a function of the system fail with this error number for what lies below a folder."""
    if call == "write":
        with _failing_writes(folder, number, counter):
            yield
        return
    module, name = call.split(".")
    original = getattr(_MODULES[module], name)

    def faulty(*args: Any, **keywords: Any) -> Any:
        if args and _is_below(folder, args[0]) and counter.fails():
            what = args[0] if isinstance(args[0], int) else str(args[0])
            raise OSError(number, os.strerror(number), *([] if isinstance(what, int) else [what]))
        return original(*args, **keywords)

    with mock.patch.object(_MODULES[module], name, faulty):
        yield


@contextmanager
def _failing_writes(folder: Path, number: int, counter: Counter) -> Iterator[None]:
    original = io.open

    def fail() -> None:
        if counter.fails():
            raise OSError(number, os.strerror(number))

    def faulty(name: Any, mode: str = "r", *args: Any, **keywords: Any) -> Any:
        file = original(name, mode, *args, **keywords)
        writes = _is_below(folder, name) and set(mode) & set("wxa+")
        return _FailingWrites(file, fail) if writes else file

    with mock.patch.object(io, "open", faulty), mock.patch.object(builtins, "open", faulty):
        yield


class DriverFault(NamedTuple):
    """An error of SQLite's driver, and where it is raised: when a transaction begins, or at a statement."""

    name: str
    error: Exception
    at: str = "do_execute"


DRIVER_FAULTS = (
    DriverFault("locked", sqlite3.OperationalError("database is locked"), "begin"),
    DriverFault("locked at a statement", sqlite3.OperationalError("database is locked")),
    DriverFault("disk", sqlite3.OperationalError("disk I/O error")),
    DriverFault("full", sqlite3.OperationalError("database or disk is full")),
    DriverFault("no table", sqlite3.OperationalError("no such table: sessions")),
    DriverFault("read-only", sqlite3.OperationalError("attempt to write a readonly database"), "begin"),
    DriverFault("no file", sqlite3.OperationalError("unable to open database file"), "begin"),
    DriverFault("malformed", sqlite3.DatabaseError("database disk image is malformed")),
    DriverFault("constraint", sqlite3.IntegrityError("UNIQUE constraint failed")),
    DriverFault("programming", sqlite3.ProgrammingError("Cannot operate on a closed database.")),
    DriverFault("interface", sqlite3.InterfaceError("bad parameter or other API misuse")),
    DriverFault("internal", sqlite3.InternalError("internal")),
    DriverFault("data", sqlite3.DataError("string or blob too big")),
    DriverFault("no support", sqlite3.NotSupportedError("not supported")),
)


@contextmanager
def driver_fault(engines: Collection[Engine], fault: DriverFault, counter: Counter) -> Iterator[None]:
    """Let these engines fail in this way, and not those that examine a file which they make suspect."""

    def fail(*arguments: Any) -> None:
        of = arguments[0 if fault.at == "begin" else -1].engine
        if any(of is each for each in engines) and counter.fails():
            raise fault.error

    names = (fault.at,) if fault.at == "begin" else ("do_execute", "do_execute_no_params", "do_executemany")
    for name in names:
        sa.event.listen(Engine, name, fail)
    try:
        yield
    finally:
        for name in names:
            sa.event.remove(Engine, name, fail)
