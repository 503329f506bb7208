"""What leaves the library's public calls: `SessionsError` alone, and `Closed` once it is closed."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..errors import Closed, StorageError, storing
from .database import DRIVER_ERRORS, driver_text

C = TypeVar("C", bound=type)
_LEAKS = (OSError, *DRIVER_ERRORS)


class Lifetime:
    """Whether a repository is open, shared by it and by what it gives out. Thread-safe."""

    def __init__(self) -> None:
        self.ended = False

    def check(self) -> None:
        """Raise `Closed` after the end."""
        if self.ended:
            raise Closed("this repository was closed. Open the home again with SessionRepository.open()")


def public_calls(cls: C) -> C:
    """Make every public method of a class raise `SessionsError` alone, and `Closed` after the end.

    Its objects have a `_lifetime`. `close` may be called at any time.
    """
    return wrap_calls(
        cls, lambda call: _guarded_steps(call) if inspect.isgeneratorfunction(call) else _guarded(call)
    )


def wrap_calls(cls: C, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> C:
    """Put what `wrap` returns in the place of every public method of a class but `close`."""
    for name, member in list(vars(cls).items()):
        if inspect.isfunction(member) and not name.startswith("_") and name != "close":
            setattr(cls, name, wrap(member))
    return cls


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
