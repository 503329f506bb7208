"""Live updates of the list: one thread watches the store for all open streams of server-sent events."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from flask import Blueprint, Flask, Response, abort, current_app, request

from hermes_sessions.feed import Changes

from .api import feed_schemas, routing
from .api.encoding import JSON, encode, json_response
from .masking import mask_answer
from .request_context import sessions, settings

blueprint = Blueprint("live", __name__)

ENTRIES_AN_EVENT = 50
MOST_STREAMS = 64
POLL_SECONDS, KEEP_ALIVE_SECONDS = 0.5, 30.0
FALLBACK_POLL_MS = 30_000  # how often a client without a stream should ask
THREAD = "sessions-watch"
EVENTS = "text/event-stream"
NAME = "sessions_changed"  # the web UI's clients listen for events of this name alone
AGENTS_OFF = "The agents' sessions are turned off in the web UI's settings (show_cli_sessions)."
EXTENSION = "hermes_live"

CONNECTED, KEEP_ALIVE = b": connected\n\n", b": keep-alive\n\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # a proxy must pass on each event at once

Entries = list[dict[str, Any]]
Change = dict[str, str]  # `session_id` and `profile`, or empty
ReadChanges = Callable[[str | None], Changes]  # since a token of the change feed


# ---- the watcher ----------------------------------------------------------------------------------------


class Event(NamedTuple):
    """What is sent to every listener; `number` counts the events up to this one.

    `version` is that of the store, `token` the place in its change feed. The texts hold the `entries` of the
    list. `change` also names the sessions that changed since the event before; `whole` is for listeners of
    which it is not known what they have.
    """

    number: int
    version: str
    token: str
    entries: Entries
    whole: bytes
    change: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """One open stream. `is_gone` says whether its client closed the connection."""

    is_gone: Callable[[], bool]


class Watcher:
    """Tells every listener about changes; one thread polls the store for all of them.

    Only the newest event is kept. It holds the whole list: a slow listener can skip the ones before it, and a
    new one begins with it. The lock is never held while the store is read.
    """

    def __init__(
        self,
        version: Callable[[], str],
        changes: ReadChanges,
        entries: Callable[[], Entries],
        logger: logging.Logger,
        *,
        poll_seconds: float = POLL_SECONDS,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        most: int = MOST_STREAMS,
    ) -> None:
        """Watch `version`; the watcher's thread calls `changes` and `entries` for what an event shows.

        `changes` is also called for a listener that has missed events.
        There can be at most `most` listeners.
        """
        self._version, self._changes, self._entries, self._logger = version, changes, entries, logger
        self._poll, self._keep_alive, self._most = poll_seconds, keep_alive_seconds, most
        self._changed = threading.Condition()
        self._listeners: set[Listener] = set()
        self._newest: Event | None = None  # None until the store could be read
        self._published = 0
        self._thread: threading.Thread | None = None
        self._is_ready = False  # whether the thread has tried to read the store
        self._is_closed = False
        self._logged: set[str] = set()

    @property
    def running(self) -> bool:
        """Whether the store is being polled."""
        return self._thread is not None

    @property
    def open_streams(self) -> int:
        """How many listeners there are."""
        return len(self._listeners)

    @property
    def has_room(self) -> bool:
        """Whether another listener may join."""
        with self._changed:
            return not self._is_closed and self._has_room()

    def join(self, is_gone: Callable[[], bool] = lambda: False) -> Listener | None:
        """Return a new listener, which gets the list and every change; None if there are too many already.

        `is_gone` says whether its client closed the connection. It must return at once and not raise: it is
        asked when the place is needed for another listener.
        """
        with self._changed:
            if not self._has_room():
                return None
            if self._thread is None and not self._is_closed:
                self._start()
            listener = Listener(is_gone)
            self._listeners.add(listener)
            self._changed.wait_for(lambda: self._is_ready or self._is_closed)
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a listener, unless it was removed before."""
        with self._changed:
            self._listeners.discard(listener)
            if not self._listeners:
                self._changed.notify_all()

    def events(self, listener: Listener, known: str | None = None) -> Iterator[bytes]:
        """Yield what to send to a listener until it leaves or `close`: events, and keep-alive comments.

        The first event is sent at once, unless the client has got it: `known` is the id of its latest event.
        """
        newest = self._newest  # read once: the thread may replace it at any time
        number = newest.number if newest is not None and newest.token == known else 0
        while True:
            event = self._next(listener, number)
            if self._has_ended(listener):
                return
            if event is None:
                yield KEEP_ALIVE
            else:
                is_next = number and event.number == number + 1
                yield event.change if is_next else self._resumed(event, known)
                number, known = event.number, event.token

    def _resumed(self, event: Event, known: str | None) -> bytes:
        """Return an event for a client that missed those since that of the id `known`, None if it is new."""
        if known is None:
            return event.whole
        missed = Changes(event.token, (), (), complete=False)
        with self._logging_errors():
            missed = self._changes(known)
        return _event(event.version, event.entries, {}, missed)

    def close(self) -> None:
        """End every stream at once and for good.

        A signal handler may call this: nobody holds the lock for long, and the thread that was interrupted
        can take it again.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _next(self, listener: Listener, number: int) -> Event | None:
        """Return the newest event if it is not the one of this number; None when it is time for a comment."""

        def newest() -> Event | None:
            return self._newest if self._newest is not None and self._newest.number != number else None

        with self._changed:
            self._changed.wait_for(lambda: newest() or self._has_ended(listener), self._keep_alive)
            return newest()

    def _has_ended(self, listener: Listener) -> bool:
        return self._is_closed or listener not in self._listeners

    def _has_room(self) -> bool:
        """Whether another listener may join, after removing those whose clients are gone if need be.

        A write to these would fail only at the next keep-alive.
        """
        if len(self._listeners) >= self._most:
            self._listeners -= {listener for listener in self._listeners if listener.is_gone()}
            self._changed.notify_all()
        return len(self._listeners) < self._most

    def _start(self) -> None:
        thread = threading.Thread(target=self._watch, name=THREAD, daemon=True)
        thread.start()  # waits for the lock before it changes anything here
        self._thread = thread

    def _watch(self) -> None:
        shown: Entries | None = None
        with self._logging_errors():
            shown = self._poll_store(None)
        self._set_ready()
        while self._wait_for_next_poll():
            with self._logging_errors():
                shown = self._poll_store(shown)

    def _poll_store(self, shown: Entries | None) -> Entries:
        """Publish the list if it may have changed since it was `shown`, and return it."""
        version, newest = self._version(), self._newest  # before the list: the next poll notices what follows
        if shown is not None and newest is not None and newest.version == version:
            return shown
        changes = self._changes(newest.token if newest is not None else None)
        entries = self._entries()
        self._publish(version, changes, entries, {} if shown is None else changed_session(shown, entries))
        return entries

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
                self._thread, self._is_ready, self._newest = None, False, None
            return not has_ended

    def _publish(self, version: str, changes: Changes, entries: Entries, change: Change) -> None:
        unknown = Changes(changes.token, (), (), complete=False)
        whole, named = (_event(version, entries, *each) for each in (({}, unknown), (change, changes)))
        with self._changed:
            self._published += 1
            self._newest = Event(self._published, version, changes.token, entries, whole, named)
            self._changed.notify_all()


def changed_session(before: Entries, after: Entries) -> Change:
    """Return the session whose entry differs between two lists, and its profile; empty unless it is one."""
    old, new = ({entry["session_id"]: entry for entry in entries} for entries in (before, after))
    differing = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    if len(differing) != 1:
        return {}
    (session_id,) = differing
    entry = new.get(session_id) or old[session_id]
    return {"profile": entry["profile"], "session_id": session_id}


def _event(version: str, entries: Entries, change: Change, changes: Changes) -> bytes:
    known = {name: value for name, value in changes.as_dict().items() if name != "token"}
    data = encode({"type": NAME, "version": version, "sessions": entries, **known, **change})
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (changes.token.encode(), NAME.encode(), data)


# ---- the route ------------------------------------------------------------------------------------------


def register(app: Flask) -> None:
    """Give `app` its watcher, which does nothing until there is a listener."""
    repository = app.extensions["hermes_sessions"]
    app.extensions[EXTENSION] = Watcher(
        repository.version, repository.changes, partial(_entries, app), app.logger
    )


def close(app: Flask) -> None:
    """End every stream of `app` at once and for good; a signal handler may call this."""
    app.extensions[EXTENSION].close()


get = partial(routing.get, blueprint)


@get("/api/sessions/events", media=[EVENTS])
def follow_list() -> Response:
    """Stream an event whenever the list changes, as server-sent events (`text/event-stream`).

    Each event has the name `sessions_changed` and holds the first 50 entries of the list. `session_id` and
    `profile` name the session among them that changed, if it was one. `changed` and `removed` are the ids
    of all sessions that did so since the client's event before, unless `complete` is false: then the list
    is to be read again. The first event is sent at once. The id of an event is a token of
    `/api/sessions/changes`, which a client that connects again sends as `Last-Event-ID`: its first event
    says what it has missed, and is not sent if that is nothing. `version` is that of the store, which
    pages compare with their own. The status is 503 if too many streams are open.
    """
    return _stream()


@get("/api/sessions/gateway/stream", media=(JSON, EVENTS), statuses=[404])
def follow_agents(probe: bool = False) -> feed_schemas.StreamStatus | Response:
    """Stream the events of `/api/sessions/events`, unless the web UI's settings turn agents' sessions off.

    With `probe`, answer as JSON whether a stream can be opened. The status is 404 if the settings have
    `show_cli_sessions: false`.
    """
    enabled = settings().show_agents is not False
    if probe:
        status = _stream_status(enabled=enabled)
        return status if enabled else json_response({**status, "error": AGENTS_OFF}, 404)
    return _stream() if enabled else json_response({"error": AGENTS_OFF}, 404)


def _stream_status(*, enabled: bool) -> feed_schemas.StreamStatus:
    has_room = _watcher().has_room
    return {
        "ok": enabled and has_room,
        "enabled": enabled,
        "watcher_running": has_room,
        "fallback_poll_ms": FALLBACK_POLL_MS,
    }


def _watcher() -> Watcher:
    watcher: Watcher = current_app.extensions[EXTENSION]
    return watcher


def _stream() -> Response:
    if request.method == "HEAD":  # has no body, and so no end that could be noticed
        return Response(mimetype=EVENTS, headers=HEADERS)
    watcher = _watcher()
    # Servers that cannot tell notice it at the next write.
    is_gone = request.environ.get("waitress.client_disconnected", lambda: False)
    listener = watcher.join(is_gone)
    if listener is None:
        abort(503, "Too many pages are following the list. Fetch the list every 30 seconds instead.")
    blocks = chain([CONNECTED], watcher.events(listener, request.headers.get("Last-Event-ID")))
    response = Response(blocks, mimetype=EVENTS, headers=HEADERS)
    response.call_on_close(partial(watcher.leave, listener))  # even if the stream was never begun
    return response


def _entries(app: Flask) -> Entries:
    """Return the first entries of the list as the API answers them."""
    with app.app_context():
        page = sessions().list(limit=ENTRIES_AN_EVENT, agent=settings().includes_agents(None))
        entries: Entries = mask_answer([summary.as_dict() for summary in page.items])
        return entries
