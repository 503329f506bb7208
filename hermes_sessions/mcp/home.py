"""The home of a server: opened in the background, so that the handshake need not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import Closed, NotFound, SessionsError

if TYPE_CHECKING:
    from ..repository import SessionRepository

Progress = Callable[[int, int], None]
OPENING_SECONDS = 30.0  # that a call waits: clients give up after a minute
NO_HOME = "there is no Hermes home where this server looks for it. Check its argument --hermes-home"
ENDING_SECONDS = 5.0  # that the end waits for an opening that was stopped


class StillOpening(SessionsError):
    """The home is not open yet: most probably its files are being read for the first time."""


class NoHome(SessionsError):
    """The server's home does not exist."""


class BackgroundHome:
    """A home that a thread opens. Thread-safe."""

    def __init__(self, open_home: Callable[[Progress], SessionRepository]) -> None:
        self._open_home = open_home
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._sessions: SessionRepository | None = None
        self._error: BaseException | None = None
        self._progress = (0, 0)
        self._is_closed = False

    def begin(self) -> None:
        """Begin to open the home, unless that was done before."""
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._open, name="opening", daemon=True)
                self._thread.start()

    def sessions(self) -> SessionRepository:
        """Return the open repository, after waiting for it; after an error, the next call tries again.

        Raises `StillOpening`, `Closed`, and what opening a home raises.
        """
        self.begin()
        thread = self._thread
        if thread is not None:
            thread.join(OPENING_SECONDS)
        with self._lock:
            if self._is_closed:
                raise Closed("the server is ending")
            if self._sessions is not None:
                return self._sessions
            if thread is None or thread.is_alive():
                raise StillOpening(self._state())
            error = self._error
            if self._thread is thread:  # else another call has begun again already
                self._thread = None
        raise error if error is not None else StillOpening(self._state())

    def close(self) -> None:
        """Close the repository, or stop opening it."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        if thread is not None:
            thread.join(ENDING_SECONDS)
        if self._sessions is not None:
            self._sessions.close()

    def _open(self) -> None:
        try:
            sessions = self._open_home(self._report)
        except NotFound:  # whose text has the path
            self._error = NoHome(NO_HOME)
            return
        except BaseException as error:  # noqa: BLE001  # raised again where the home is asked for
            self._error = error
            return
        with self._lock:
            self._sessions = sessions

    def _report(self, done: int, total: int) -> None:
        if self._is_closed:
            raise Closed("the server is ending")
        self._progress = (done, total)

    def _state(self) -> str:
        done, total = self._progress
        far = f": {done:,} of {total:,} conversations are read" if total else ""
        return f"the conversations are still being read for the first time{far}. Ask again in half a minute"
