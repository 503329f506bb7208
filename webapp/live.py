"""Live news of the list: one watch of the store, shared by every open stream of server-sent events."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from flask import Blueprint, Flask, Response, abort, current_app, request

from .api import routing as wire
from .api import schemas as answers
from .request_context import masked, sessions, showing_agents

stream = Blueprint("live", __name__)

SHOWN = 50
MOST_STREAMS = 64
POLL_SECONDS, KEEP_ALIVE_SECONDS = 0.5, 30.0
FALLBACK_POLL_MS = 30_000  # how often a client asks that has no stream
THREAD = "sessions-watch"
EVENTS = "text/event-stream"

CONNECTED, KEEP_ALIVE = b": connected\n", b": keep-alive\n\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # a proxy must pass on each event at once

Entries = list[dict[str, Any]]


# ---- the watch ------------------------------------------------------------------------------------------


class Event(NamedTuple):
    """What listeners are sent, and how many events there had been with it."""

    number: int
    text: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """One open stream; `joined` is how many events there had been before, `gone` whether nobody reads it."""

    joined: int
    gone: Callable[[], bool]


class Watcher:
    """Tells every listener of a change; one thread asks for all of them, while there is any.

    Only the newest event is kept, for all together: it holds the newest list, so a slow listener skips what
    came before. The lock is never held while the store is asked.
    """

    def __init__(
        self,
        version: Callable[[], str],
        entries: Callable[[], Entries],
        logger: logging.Logger,
        *,
        poll_seconds: float = POLL_SECONDS,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        most: int = MOST_STREAMS,
    ) -> None:
        """Watch `version`; `entries` are what an event shows, asked for in the watch's own thread."""
        self._version, self._entries, self._logger = version, entries, logger
        self._poll, self._keep_alive, self._most = poll_seconds, keep_alive_seconds, most
        self._changed = threading.Condition()
        self._listeners: set[Listener] = set()
        self._newest = Event(0, KEEP_ALIVE)
        self._thread: threading.Thread | None = None
        self._ready = False  # whether the thread knows the version that it compares with
        self._closed = False
        self._logged: set[str] = set()

    @property
    def running(self) -> bool:
        """Whether anybody asks the store for changes."""
        return self._thread is not None

    def join(self, gone: Callable[[], bool] = lambda: False) -> Listener | None:
        """Return a new listener, told of every change from now on; None if there are too many already.

        `gone` says at once, and does not raise, whether its client went: such a one is let go of when its
        place is needed.
        """
        with self._changed:
            if len(self._listeners) >= self._most:
                self._let_go()
            if len(self._listeners) >= self._most:
                return None
            if self._thread is None and not self._closed:
                self._start()
            listener = Listener(self._newest.number, gone)
            self._listeners.add(listener)
            self._changed.wait_for(lambda: self._ready or self._closed)
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener, also one that left before."""
        with self._changed:
            self._listeners.discard(listener)
            if not self._listeners:
                self._changed.notify_all()

    def events(self, listener: Listener) -> Iterator[bytes]:
        """Yield what to send to a listener until it left or the watch ends: news, comments in silences."""
        seen = listener.joined
        while (event := self._next(listener, seen)) is not None:
            seen = event.number
            yield event.text

    def close(self) -> None:
        """End every stream at once and for good.

        A signal handler may call this: nobody holds the lock for long, and the thread that it interrupts may
        take it once more.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self, listener: Listener, seen: int) -> Event | None:
        def over() -> bool:
            return self._closed or listener not in self._listeners

        with self._changed:
            self._changed.wait_for(lambda: over() or self._newest.number != seen, self._keep_alive)
            if over():
                return None
            return self._newest if self._newest.number != seen else Event(seen, KEEP_ALIVE)

    def _let_go(self) -> None:
        """Forget whose client went and end their streams; a write would find out in the next silence only."""
        self._listeners -= {each for each in self._listeners if each.gone()}
        self._changed.notify_all()

    def _start(self) -> None:
        thread = threading.Thread(target=self._watch, name=THREAD, daemon=True)
        thread.start()  # waits for the lock before it changes anything here
        self._thread = thread

    def _watch(self) -> None:
        told: str | None = None  # unknown, so any version is a change
        with self._surviving():
            told = self._version()
        self._let_in()
        while self._goes_on():
            with self._surviving():
                current = self._version()  # before the list: the next look tells of a change meanwhile
                if current != told:
                    self._tell(current, self._entries())
                    told = current

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        """Log what goes wrong in the block, once for each wording, and go on: the store may come back."""
        try:
            yield
        except Exception as error:
            if str(error) not in self._logged:
                self._logged.add(str(error))
                self._logger.error("the list cannot be watched: %s", error, exc_info=error)

    def _let_in(self) -> None:
        with self._changed:
            self._ready = True
            self._changed.notify_all()

    def _goes_on(self) -> bool:
        """Wait until the next look is due; False, and the watch is over, if nobody needs it."""
        with self._changed:
            over = self._changed.wait_for(lambda: self._closed or not self._listeners, self._poll)
            if over:
                self._thread, self._ready = None, False
            return not over

    def _tell(self, version: str, entries: Entries) -> None:
        text = _event(version, entries)
        with self._changed:
            self._newest = Event(self._newest.number + 1, text)
            self._changed.notify_all()


# ---- the application's ----------------------------------------------------------------------------------


def register(app: Flask) -> None:
    """Give `app` its watcher, which does nothing until somebody listens."""
    repository = app.extensions["hermes_sessions"]
    app.extensions["hermes_live"] = Watcher(repository.version, partial(_entries, app), app.logger)


def close(app: Flask) -> None:
    """End every stream of `app` at once and for good, also from a signal handler."""
    app.extensions["hermes_live"].close()


def _sent(app: Flask, listener: Listener, seen: str | None) -> Iterator[bytes]:
    """Yield what a stream sends: its place, and the list if that changed since the place `seen`; then news.

    A place is a version of the store, so that any process, also a later one, knows what a client missed.
    """
    version = app.extensions["hermes_sessions"].version()  # while listening already, so nothing is missed
    yield CONNECTED + b"id: " + version.encode() + b"\n\n"
    if seen not in (None, version):
        yield _event(version, _entries(app))
    yield from app.extensions["hermes_live"].events(listener)


def _hung_up(connection: socket.socket | None) -> bool:
    """Whether the client at the other end closed its connection; False if the server does not give it out."""
    if connection is None:
        return False
    try:
        # Not an SSLSocket's own, which refuses flags: what is asked for is the end of the bytes below it.
        return not socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:  # open, and silent as a client of events is
        return False
    except OSError:  # reset, or closed here already
        return True


def _event(version: str, entries: Entries) -> bytes:
    data = wire.encode({"type": "sessions_changed", "sessions": entries})
    return b"id: " + version.encode() + b"\ndata: " + data + b"\n\n"


def _entries(app: Flask) -> Entries:
    """Return the beginning of the list as the API gives it."""
    with app.app_context():
        return [
            masked(summary.as_dict())
            for summary in sessions().list(limit=SHOWN, agent=showing_agents()).items
        ]


@wire.get(stream, "/api/sessions/gateway/stream", media=(wire.JSON, EVENTS))
def follow_sessions(probe: bool = False) -> answers.Probe | Response:
    """Send an event whenever the list changed, until the client goes; with `probe` say whether that works."""
    watcher: Watcher = current_app.extensions["hermes_live"]
    if probe:
        return {"ok": True, "watcher_running": watcher.running, "fallback_poll_ms": FALLBACK_POLL_MS}
    if request.method == "HEAD":  # has no body, and so no end that could be noticed
        return Response(mimetype=EVENTS, headers=HEADERS)
    listener = watcher.join(partial(_hung_up, request.environ.get("gunicorn.socket")))
    if listener is None:
        abort(503, "too many pages follow the list already; ask for it now and then instead")
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy, which the stream outlives
    sent = _sent(app, listener, request.headers.get("Last-Event-ID"))
    response = Response(sent, mimetype=EVENTS, headers=HEADERS)
    response.call_on_close(partial(watcher.leave, listener))  # also of a stream that was never begun
    return response
