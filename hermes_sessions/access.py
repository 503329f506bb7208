"""The access of a repository to its home, also while nothing can be written there.

A home is opened with its indexes in the state folder. If that cannot be written, or its disk is full, they
are in the user's cache, or else in memory, until it can be written again.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from .changes import LostUpdates, ProjectMembers, Projects
from .config import Config
from .errors import Damaged, SessionsError, StorageError
from .home import OpenHome
from .index import Lifetime, Progress, placing, shared_locks

RETRY_SECONDS = 5.0  # between two attempts of reads to return to the state folder


class HomeAccess:
    """The open home of one repository: which one it is can change with every call. Thread-safe."""

    def __init__(self, config: Config, *, read_only: bool) -> None:
        """Open a home without reading its files; with `read_only`, write nothing there."""
        self._config = config = placing.of_this_host(config)
        self._asked = read_only
        self._changing = threading.RLock()
        self._next_attempt = 0.0
        self._follows_files = False
        self.lifetime = Lifetime()
        self.lifetime.renew = self._renew
        self._locks = shared_locks.locks_of(config)
        self.projects = Projects(config, ProjectMembers(self._current), self._locks, self.lifetime)
        self.lost = LostUpdates(self)
        restriction = placing.restriction_of(config, asked=read_only)
        self.lifetime.restriction = restriction
        self._places = placing.elsewhere(config, restriction) if restriction else [config]
        self.home = self._open()

    def start(self, progress: Progress | None) -> None:
        """Bring the index in line with the files; after an error the home is closed."""
        try:
            self._start(progress)
        except BaseException:
            self.close()
            raise

    def _current(self) -> OpenHome:
        return self.home

    def follow_files(self) -> None:
        """Watch the sessions folder from now on, for a process that lives long."""
        if not self._follows_files:
            self._follows_files = True
            self._follow()

    def _follow(self) -> None:
        if self._follows_files:
            self.home.freshness.follow_files()

    def close(self) -> None:
        """Close every connection; from now on public calls raise `Closed`."""
        self.lifetime.ended = True
        self.home.close()
        self._locks.close()

    # ---- elsewhere --------------------------------------------------------------------------------------

    def explain_absence(self) -> None:
        """Raise `StorageError` if the folder of the sessions is missing, or empty and not a home's."""
        self.home.check_folder()

    def survive(self, error: StorageError, home: OpenHome, *, reads: bool) -> None:
        """Begin a new index for a corrupt one, or for a read one that can be written.

        `home` is the one that the call used. Raises the error if the call must not be made again.
        """
        if isinstance(error, Damaged):
            home.rebuild_damaged(error)
        elif reads:
            self._retreat(error, home)
        if not reads:
            raise error

    def _retreat(self, error: StorageError, left: OpenHome) -> None:
        with self._changing:
            if left is not self.home:  # another thread was faster
                return
            self._leave(error)
            self.home = self._open()
            left.close()
            self._start(None)
            self._follow()

    def _open(self) -> OpenHome:
        """Return the home with its index at the first of the places where it can be opened."""
        while True:
            try:
                return self._open_at(self._places[0])
            except StorageError as error:
                self._leave(error)

    def _open_at(self, place: Config) -> OpenHome:
        locks = shared_locks.locks_at(place, self._locks)
        return OpenHome(place, self.lifetime, self.projects, locks)

    def _start(self, progress: Progress | None) -> None:
        while True:
            try:
                self.home.start(progress)
            except StorageError as error:
                self._leave(error)
                self.home.close()
                self.home = self._open()
            else:
                return

    def _leave(self, error: StorageError) -> None:
        """Turn to the next place for the index if an error is about this one; else raise the error."""
        restriction = placing.restriction_after(self._places[0], error)
        if restriction is None or (len(self._places) == 1 and self.lifetime.restriction is not None):
            raise error
        if self.lifetime.restriction is None:
            self.lifetime.restriction = restriction
            self._places = placing.elsewhere(self._config, restriction)
        else:
            self._places = self._places[1:]

    # ---- and back ---------------------------------------------------------------------------------------

    def renew_sometimes(self) -> None:
        """Return to the state folder if it can be written again, looking every few seconds."""
        if time.monotonic() >= self._next_attempt:
            self._renew()

    def _renew(self) -> None:
        """Return to the state folder if it can be written again."""
        if self._asked or not self._changing.acquire(blocking=False):
            return
        try:
            self._next_attempt = time.monotonic() + RETRY_SECONDS
            if self.lifetime.restriction is not None and not self._is_restricted():
                with suppress(SessionsError):
                    self._return()
        finally:
            self._changing.release()

    def _is_restricted(self) -> bool:
        is_read_only = placing.restriction_of(self._config, asked=False) is not None
        return is_read_only or placing.lacks_room(self._config.state_dir)

    def _return(self) -> None:
        home = self._open_at(self._config)
        try:
            home.start(None)
        except BaseException:
            home.close()
            raise
        left, self.home = self.home, home
        self.lifetime.restriction, self._places = None, [self._config]
        left.close()
        self._follow()
