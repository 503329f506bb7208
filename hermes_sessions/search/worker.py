"""Updates the search index in a background thread, which starts when it is needed and stops at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from ..config import Config
from ..errors import Damaged, Locked, SessionsError
from ..index import only_sessions_errors
from ..locks import file_lock
from ..model import FileChange

if TYPE_CHECKING:
    from .generations import SearchIndexes

# A process that has a home open for less than this, such as most commands, does no work in the background.
DELAY_SECONDS = 0.5
STOP_SECONDS = 30.0  # how long `close` waits for the thread
LONGEST_BUILD_SECONDS, TELL_SECONDS = 900.0, 1.0  # of another process that builds the index


class BackgroundIndexer:
    """Indexes our own writes as they come, and all that is missing when asked to and once after a delay.

    `problem` says why the index could not be updated, None if it could.
    """

    def __init__(self, config: Config, index: Callable[[], SearchIndexes]) -> None:
        """Update the index that `index` returns; it is not called before there is something to do."""
        self._index, self._config = index, config
        # A database in memory is that of this process.
        self._may_start_child = config.processes > 1 and None not in (config.index_dir, config.search_file)
        locks = config.search_locks_dir
        self._lock_file = None if locks is None else locks / "search.lock"
        self._starting = threading.Lock()
        self._wake, self._requested, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._idle = threading.Event()  # nothing is left of what was asked for
        self._thread: threading.Thread | None = None
        self._noted = False
        self.problem: str | None = None

    def start(self) -> None:
        """Start the thread, which indexes what is missing after a delay."""
        with self._starting:
            running = self._thread is not None and self._thread.is_alive()
            if not (running or self._stopping.is_set()):
                self._thread = threading.Thread(target=self._work, name="search-index", daemon=True)
                self._thread.start()

    def note(self, change: FileChange) -> None:
        """Index one of our own writes."""
        self._index().note(change)
        self._noted = True
        self.start()
        self._wake.set()

    def complete(self) -> None:
        """Index all that is missing now."""
        self._requested.set()
        self.start()
        self._wake.set()

    @contextmanager
    def building(self, tell: Callable[[], None]) -> Iterator[None]:
        """Hold the lock for building the index, so that no two processes read the same files.

        `tell()` is called each second while another process has it. Who has it for very long may be stopped:
        then the block is entered without it.
        """
        until = time.monotonic() + LONGEST_BUILD_SECONDS
        with ExitStack() as stack:
            while time.monotonic() < until:
                try:
                    stack.enter_context(file_lock(self._lock_file, seconds=TELL_SECONDS))
                    break
                except Locked:
                    tell()
            yield

    def complete_within(self, seconds: float) -> None:
        """Index all that is missing, and return when that is done, or after so many seconds."""
        self._idle.clear()
        self.complete()
        self._idle.wait(seconds)

    def close(self) -> None:
        """Index our own writes that are still queued, and stop."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        due = time.monotonic() + DELAY_SECONDS
        while not self._stopping.is_set():
            self._wake.wait(max(0.0, due - time.monotonic()) if due < float("inf") else None)
            self._wake.clear()
            if self._stopping.is_set():
                break
            if time.monotonic() >= due:
                due = float("inf")
                self._requested.set()
            self._update()
            if not self._requested.is_set():
                self._idle.set()
        self._idle.set()
        if self._noted:
            with suppress(SessionsError), only_sessions_errors():
                self._index().apply_changes()

    def _update(self) -> None:
        """Do the work that is waiting; searches report what prevents it."""
        try:
            with only_sessions_errors():
                self._index().apply_changes()
                if self._requested.is_set() and not self._stopping.is_set():
                    self._requested.clear()
                    self._complete()
            self.problem = None
        except Damaged as error:
            self._replace(error)
        except SessionsError as error:
            self.problem = f"The search index cannot be updated: {error}"

    def _replace(self, error: Damaged) -> None:
        """Begin a new search index if it is that which is corrupt, and not the index of sessions."""
        self.problem = str(error)
        with suppress(SessionsError):  # the next search reports it
            self._index().replace(error)
            self.complete()

    def _complete(self) -> None:
        """Index all that is missing, unless another process is doing so."""
        index = self._index()
        if index.is_behind():
            with suppress(Locked), file_lock(self._lock_file, seconds=0):
                if not (index.is_far_behind() and self._has_child_complete()):
                    index.complete(keep_going=lambda: not self._stopping.is_set())

    def _has_child_complete(self) -> bool:
        """Let a child process index what is missing; return whether it did, or is not to go on."""
        if not self._may_start_child:
            return False
        from .building import build_in_child  # noqa: PLC0415  # most programs never build an index

        return build_in_child(self._config, self._index_own_writes)

    def _index_own_writes(self, seconds: float) -> bool:
        """Index our own writes while a child process builds; return whether it should continue."""
        if self._wake.wait(seconds):
            self._wake.clear()
            self._index().apply_changes()
        return not self._stopping.is_set()
