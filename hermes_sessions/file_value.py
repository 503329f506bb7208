"""What was made of a small file's content, made again only when the file changes."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from . import files
from .model import Signature

T = TypeVar("T")


class FileValue(Generic[T]):
    """The value that `make` makes of a file, also of a missing one. Thread-safe.

    What `make` raises is not remembered, nor what it made of a file that may change again without a sign.
    """

    def __init__(self, path: Path, make: Callable[[], T]) -> None:
        self._path, self._make = str(path), make
        self._known: tuple[Signature | None, T] | None = None

    def get(self) -> T:
        """Return the value of the current file; raise what `make` raises."""
        known, read_at = self._known, time.time_ns()  # read once: another thread may replace it
        try:
            version = files.signature_of(os.stat(self._path))  # noqa: PTH116  # a Path takes as long as the call
        except FileNotFoundError:
            version = None
        except OSError:
            return self._make()
        if known is not None and known[0] == version:
            return known[1]
        value = self._make()
        if version is None or files.is_settled(version.mtime_ns, read_at):
            self._known = (version, value)
        return value
