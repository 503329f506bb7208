"""Live updates of the list: one thread watches the store for all open streams of server-sent events."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from flask import Blueprint, Flask, Response, abort, current_app, request

from .api import routing, schemas
from .api.encoding import JSON, encode
from .masking import mask_answer
from .request_context import sessions, settings

blueprint = Blueprint("live", __name__)

ENTRIES_AN_EVENT = 50
MOST_STREAMS = 64
POLL_SECONDS, KEEP_ALIVE_SECONDS = 0.5, 30.0
FALLBACK_POLL_MS = 30_000  # how often a client without a stream should ask
THREAD = "sessions-watch"
EVENTS = "text/event-stream"
EXTENSION = "hermes_live"

CONNECTED, KEEP_ALIVE = b": connected\n", b": keep-alive\n\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # a proxy must pass on each event at once

Entries = list[dict[str, Any]]


# ---- the watcher ----------------------------------------------------------------------------------------


class Event(NamedTuple):
    """What is sent to every listener; `number` counts the events up to this one."""

    number: int
    text: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """One open stream.

    `joined_at` is the number of the newest event when it was opened. `is_gone` says whether its client closed
    the connection.
    """

    joined_at: int
    is_gone: Callable[[], bool]


class Watcher:
    """Tells every listener about changes; one thread polls the store for all of them.

    Only the newest event is kept. It holds the whole list, so a slow listener can skip the ones before it.
    The lock is never held while the store is read.
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
        """Watch `version`; the watcher's thread calls `entries` for what an event shows.

        There can be at most `most` listeners.
        """
        self._version, self._entries, self._logger = version, entries, logger
        self._poll, self._keep_alive, self._most = poll_seconds, keep_alive_seconds, most
        self._changed = threading.Condition()
        self._listeners: set[Listener] = set()
        self._newest = Event(0, KEEP_ALIVE)
        self._thread: threading.Thread | None = None
        self._is_ready = False  # whether the thread knows the version that it compares with
        self._is_closed = False
        self._logged: set[str] = set()

    @property
    def running(self) -> bool:
        """Whether the store is being polled."""
        return self._thread is not None

    def join(self, is_gone: Callable[[], bool] = lambda: False) -> Listener | None:
        """Return a new listener, which gets every event from now on; None if there are too many already.

        `is_gone` says whether its client closed the connection. It must return at once and not raise: it is
        asked when the place is needed for another listener.
        """
        with self._changed:
            if len(self._listeners) >= self._most:
                self._remove_gone()
            if len(self._listeners) >= self._most:
                return None
            if self._thread is None and not self._is_closed:
                self._start()
            listener = Listener(self._newest.number, is_gone)
            self._listeners.add(listener)
            self._changed.wait_for(lambda: self._is_ready or self._is_closed)
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a listener, unless it was removed before."""
        with self._changed:
            self._listeners.discard(listener)
            if not self._listeners:
                self._changed.notify_all()

    def events(self, listener: Listener) -> Iterator[bytes]:
        """Yield what to send to a listener, events and keep-alive comments, until it leaves or `close`."""
        number = listener.joined_at
        while (event := self._next(listener, number)) is not None:
            number = event.number
            yield event.text

    def close(self) -> None:
        """End every stream at once and for good.

        A signal handler may call this: nobody holds the lock for long, and the thread that was interrupted
        can take it again.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _next(self, listener: Listener, number: int) -> Event | None:
        def has_ended() -> bool:
            return self._is_closed or listener not in self._listeners

        with self._changed:
            self._changed.wait_for(lambda: has_ended() or self._newest.number != number, self._keep_alive)
            if has_ended():
                return None
            return self._newest if self._newest.number != number else Event(number, KEEP_ALIVE)

    def _remove_gone(self) -> None:
        """Remove listeners whose clients are gone, which a write would notice only at the next keep-alive."""
        self._listeners -= {listener for listener in self._listeners if listener.is_gone()}
        self._changed.notify_all()

    def _start(self) -> None:
        thread = threading.Thread(target=self._watch, name=THREAD, daemon=True)
        thread.start()  # waits for the lock before it changes anything here
        self._thread = thread

    def _watch(self) -> None:
        known: str | None = None  # None counts every version as a change
        with self._logging_errors():
            known = self._version()
        self._set_ready()
        while self._wait_for_next_poll():
            with self._logging_errors():
                current = self._version()  # before the list is read: the next poll notices a later change
                if current != known:
                    self._publish(current, self._entries())
                    known = current

    @contextmanager
    def _logging_errors(self) -> Iterator[None]:
        """Log each different error of the block once, and continue: the store may recover."""
        try:
            yield
        except Exception as error:
            if str(error) not in self._logged:
                self._logged.add(str(error))
                self._logger.error("the list cannot be watched: %s", error, exc_info=error)

    def _set_ready(self) -> None:
        with self._changed:
            self._is_ready = True
            self._changed.notify_all()

    def _wait_for_next_poll(self) -> bool:
        """Wait until the next poll is due; return False to end the thread if there are no listeners."""
        with self._changed:
            has_ended = self._changed.wait_for(lambda: self._is_closed or not self._listeners, self._poll)
            if has_ended:
                self._thread, self._is_ready = None, False
            return not has_ended

    def _publish(self, version: str, entries: Entries) -> None:
        text = _event(version, entries)
        with self._changed:
            self._newest = Event(self._newest.number + 1, text)
            self._changed.notify_all()


# ---- the route ------------------------------------------------------------------------------------------


def register(app: Flask) -> None:
    """Give `app` its watcher, which does nothing until there is a listener."""
    repository = app.extensions["hermes_sessions"]
    app.extensions[EXTENSION] = Watcher(repository.version, partial(_entries, app), app.logger)


def close(app: Flask) -> None:
    """End every stream of `app` at once and for good; a signal handler may call this."""
    app.extensions[EXTENSION].close()


@routing.get(blueprint, "/api/sessions/gateway/stream", media=(JSON, EVENTS))
def follow_sessions(probe: bool = False) -> schemas.StreamStatus | Response:
    """Stream an event whenever the list changes, as server-sent events (`text/event-stream`).

    Each event holds the first 50 entries of the list. Its id is the version of the store: a client that
    connects again with `Last-Event-ID` gets an event at once if it missed a change. With `probe`, answer as
    JSON whether changes are being watched. The status is 503 if too many streams are open.
    """
    watcher: Watcher = current_app.extensions[EXTENSION]
    if probe:
        return {"ok": True, "watcher_running": watcher.running, "fallback_poll_ms": FALLBACK_POLL_MS}
    if request.method == "HEAD":  # has no body, and so no end that could be noticed
        return Response(mimetype=EVENTS, headers=HEADERS)
    # Servers that cannot tell notice it at the next write.
    is_gone = request.environ.get("waitress.client_disconnected", lambda: False)
    listener = watcher.join(is_gone)
    if listener is None:
        abort(503, "Too many pages are following the list. Fetch the list every 30 seconds instead.")
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy, which the stream outlives
    blocks = _stream(app, listener, request.headers.get("Last-Event-ID"))
    response = Response(blocks, mimetype=EVENTS, headers=HEADERS)
    response.call_on_close(partial(watcher.leave, listener))  # even if the stream was never begun
    return response


def _stream(app: Flask, listener: Listener, last_id: str | None) -> Iterator[bytes]:
    """Yield a greeting, an event if the list changed since the version `last_id`, and all later events.

    The ids are versions of the store, so that any process, also a later one, knows what a client missed.
    """
    version = app.extensions["hermes_sessions"].version()  # the listener has joined: nothing is missed
    yield CONNECTED + b"id: " + version.encode() + b"\n\n"
    if last_id not in (None, version):
        yield _event(version, _entries(app))
    yield from app.extensions[EXTENSION].events(listener)


def _event(version: str, entries: Entries) -> bytes:
    data = encode({"type": "sessions_changed", "sessions": entries})
    return b"id: " + version.encode() + b"\ndata: " + data + b"\n\n"


def _entries(app: Flask) -> Entries:
    """Return the first entries of the list as the API answers them."""
    with app.app_context():
        page = sessions().list(limit=ENTRIES_AN_EVENT, agent=settings().includes_agents(None))
        entries: Entries = mask_answer([summary.as_dict() for summary in page.items])
        return entries
