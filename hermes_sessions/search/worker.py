"""The thread that keeps the full-text index in the background: begun when it is needed, ended at once."""

import threading
import time
from contextlib import suppress

from .. import files
from ..config import Config
from ..errors import Damaged, Locked, StorageError
from ..model import Change
from .sync import SearchSync

# Whoever opens a home for less than this has the processor for itself.
BEGIN_SECONDS = 0.5
STOP_SECONDS = 30.0


class SearchThread:
    """Brings in changes of ours as they come, and all that is missing when asked to, or after a while."""

    def __init__(self, config: Config, index: SearchSync) -> None:
        self._index, self._lock_file = index, config.locks_dir / "search.lock"
        self._beginning = threading.Lock()
        self._wake, self._asked, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = None

    def begin(self) -> None:
        """Look in a while whether something is missing."""
        with self._beginning:
            running = self._thread is not None and self._thread.is_alive()
            if not (running or self._stopping.is_set()):
                self._thread = threading.Thread(target=self._work, name="search-index", daemon=True)
                self._thread.start()

    def note(self, change: Change) -> None:
        """Bring a change of ours into the index."""
        self._index.note(change)
        self.begin()
        self._wake.set()

    def complete(self) -> None:
        """Look now whether something is missing, and bring it in."""
        self._asked.set()
        self.begin()
        self._wake.set()

    def close(self) -> None:
        """Bring in what was noted, and end."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        due = time.monotonic() + BEGIN_SECONDS
        while not self._stopping.is_set():
            self._wake.wait(max(0.0, due - time.monotonic()) if due < float("inf") else None)
            self._wake.clear()
            if time.monotonic() >= due:
                due = float("inf")
                self._asked.set()
            self._attempt()
        with suppress(StorageError):
            self._index.apply_changes()

    def _attempt(self) -> None:
        """Do what is to be done; what stands in the way is said by searches."""
        try:
            self._index.apply_changes()
            if self._asked.is_set() and not self._stopping.is_set():
                self._asked.clear()
                self._complete()
            self.problem = None
        except Damaged:
            self._index.start_anew()
            self.complete()
        except StorageError as error:
            self.problem = f"the search index cannot be kept: {error}"

    def _complete(self) -> None:
        """Bring in what is missing, unless another process does."""
        if self._index.is_behind():
            with suppress(Locked), files.file_lock(self._lock_file, seconds=0):
                self._index.complete(goes_on=lambda: not self._stopping.is_set())
