"""What leaves the library's public calls: `SessionsError` alone, and `Closed` once it is closed.

Also which of them may be made while the home cannot be written: `ReadOnly` is raised here alone.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..errors import Closed, NotFound, ReadOnly, StorageError, storing
from ..results import Restriction, RestrictionKind
from .database import DRIVER_ERRORS, driver_text

C = TypeVar("C", bound=type)
_LEAKS = (OSError, *DRIVER_ERRORS)


class Lifetime:
    """Whether a repository is open, shared by it and by what it gives out. Thread-safe.

    `restriction` says why the home cannot be written, None if it can; `renew()` finds out whether that has
    passed, and is called before a call that would be refused.
    """

    def __init__(self) -> None:
        self.ended = False
        self.restriction: Restriction | None = None
        self.renew: Callable[[], object] = lambda: None

    def check(self) -> None:
        """Raise `Closed` after the end."""
        if self.ended:
            raise Closed("this repository was closed. Open the home again with SessionRepository.open()")

    def check_change(self, *, frees_room: bool) -> None:
        """Raise `ReadOnly` or `StorageError` if the home cannot be written; a full disk can be emptied."""
        if self.restriction is not None:
            self.renew()
        restriction = self.restriction
        if restriction is None:
            return
        if restriction.kind is RestrictionKind.READ_ONLY:
            raise ReadOnly(f"Nothing was changed. {restriction}")
        if not frees_room:
            raise StorageError(f"No space left on device: nothing was saved. {restriction}")


def public_calls(reads: Collection[str], *, freeing: str = "") -> Callable[[C], C]:
    """Return a class decorator: public methods raise `SessionsError` alone, and `Closed` after the end.

    All but the `reads` are refused while the home cannot be written, though with a full disk those that are
    `freeing` are not, which need no room on it.
    Objects of the class have a `_lifetime`. `close` may be called at any time.
    """

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        guarded = _guarded_steps(call) if inspect.isgeneratorfunction(call) else _guarded(call)
        if call.__name__ in reads:
            return guarded
        return _changing(guarded, frees_room=call.__name__ in freeing.split())

    return lambda cls: wrap_calls(cls, wrap)


def _changing(call: Callable[..., Any], *, frees_room: bool) -> Callable[..., Any]:
    @functools.wraps(call)
    def changing(self: Any, *args: Any, **keywords: Any) -> Any:
        self._lifetime.check()
        self._lifetime.check_change(frees_room=frees_room)
        return call(self, *args, **keywords)

    return changing


def wrap_calls(cls: C, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> C:
    """Put what `wrap` returns in the place of every public method of a class, also inherited, but `close`."""
    for name, member in inspect.getmembers_static(cls):
        if inspect.isfunction(member) and not name.startswith("_") and name != "close":
            setattr(cls, name, wrap(member))
    return cls


class Survivor(Protocol):
    """What this module needs of the access to a home, and nothing of the `home`."""

    lifetime: Lifetime
    home: Any

    def renew_sometimes(self) -> None:
        """Find out whether what restricts the home has passed, unless that was just done."""

    def explain_absence(self) -> None:
        """Raise `StorageError` if no session can be reached: then none is known not to exist."""

    def survive(self, error: StorageError, home: Any, *, reads: bool) -> None:
        """Make the home usable after an error of a call; raise it if the call must not be made again."""


def survived(reads: Collection[str]) -> Callable[[C], C]:
    """Return a class decorator: a call that meets an index it cannot use is made again with another.

    The index is corrupt, or cannot be written. Only the methods `reads` are called once more: a change may
    have been made in part, and its caller gets the error. Objects of the class have an `_access`.
    """

    return lambda cls: wrap_calls(cls, lambda call: _surviving(call, reads=call.__name__ in reads))


def _surviving(call: Callable[..., Any], *, reads: bool) -> Callable[..., Any]:
    @functools.wraps(call)
    def surviving(self: Any, *args: Any, **keywords: Any) -> Any:
        access: Survivor = self._access
        if access.lifetime.restriction is not None:
            access.renew_sometimes()
        home = access.home
        try:
            return call(self, *args, **keywords)
        except NotFound:
            access.explain_absence()
            raise
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                access.explain_absence()
            access.survive(error, home, reads=reads)
        return call(self, *args, **keywords)

    return surviving


@contextmanager
def only_sessions_errors() -> Iterator[None]:
    """Raise a `StorageError` for an error of the system or of a driver that the block did not expect."""
    try:
        yield
    except _LEAKS as error:
        raise _storage_error(error) from error


def _guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def guarded(self: Any, *args: Any, **keywords: Any) -> Any:
        self._lifetime.check()
        try:  # not `only_sessions_errors`, which would take a microsecond of every call
            return call(self, *args, **keywords)
        except _LEAKS as error:
            raise _storage_error(error) from error

    return guarded


def _guarded_steps(call: Callable[..., Any]) -> Callable[..., Any]:
    """Guard each step of a generator, and the call itself, which need not wait for the first step."""

    @functools.wraps(call)
    def guarded(self: Any, *args: Any, **keywords: Any) -> Iterator[Any]:
        self._lifetime.check()
        return _steps(self._lifetime, call(self, *args, **keywords))

    return guarded


def _steps(lifetime: Lifetime, items: Iterator[Any]) -> Iterator[Any]:
    with only_sessions_errors():
        for item in items:
            yield item
            lifetime.check()


def _storage_error(error: Exception) -> StorageError:
    """Return what callers see of an error that no inner block expected; the error itself is the cause."""
    if not isinstance(error, OSError):
        return StorageError(f"a database failed: {driver_text(error)}")
    try:
        with storing(f"cannot use {_file_name(error)}"):
            raise error
    except StorageError as told:
        return told


def _file_name(error: OSError) -> str:
    """Return the name of the file that an error is about, without its folders."""
    name = error.filename
    return Path(os.fsdecode(name)).name if isinstance(name, str | bytes | os.PathLike) else "a file"
