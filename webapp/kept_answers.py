"""The finished answers to requests that clients repeat, kept as long as nothing that they depend on changes.

A client that polls sends the same request again and again. The answers to two requests with the same headers
differ only if the home, the web UI's settings or the login changed in between. A handler whose answer depends
on nothing else marks it with `keep`; the next such request is answered with it, without asking Flask.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

import msgspec
from flask import Flask, Response, request

from hermes_sessions import SessionRepository
from hermes_sessions.errors import SessionsError

from .request_context import WebUISettings, home_settings, repository_of

MOST_BYTES, LARGEST_ANSWER = 8 * 1024 * 1024, 1024 * 1024
_MARK = "hermes_sessions.kept_answer"  # where a request's environment has the mark of its answer

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
Key = tuple[tuple[str, str], ...]


class Subject(StrEnum):
    """What an answer is about, if not a session."""

    LISTS = auto()
    SEARCHES = auto()


@dataclass(frozen=True)
class SessionSubject:
    """The session that an answer is about."""

    session_id: str


@dataclass(frozen=True)
class State:
    """What an answer depends on beside its request: equal to a later one only if nothing has changed."""

    subject: Subject | SessionSubject
    home: object
    settings: WebUISettings


@dataclass(frozen=True)
class _Mark:
    """What an answer depends on, and where in its body the server's clock is, if it is there."""

    state: State
    clock: slice | None


@dataclass(frozen=True)
class _Answer:
    """A finished answer; with a mark that has a clock, `parts` are what is before and after that."""

    mark: _Mark
    status: str
    headers: list[tuple[str, str]]
    parts: tuple[bytes, bytes]

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self.parts[0]) + len(self.parts[1])

    def body(self) -> bytes:
        """Return the body as of now."""
        before, after = self.parts
        return before if self.mark.clock is None else b"".join((before, clock(), after))


def clock() -> bytes:
    """Return the members of a JSON object that say what the server's clock shows."""
    shown = {"server_time": time.time(), "server_tz": time.strftime("%z")}
    return msgspec.json.encode(shown)[1:-1]


# ---- marking an answer ----------------------------------------------------------------------------------


def state_of(app: Flask, subject: Subject | SessionSubject) -> State | None:
    """Return what an answer about something depends on now.

    None if that cannot be told. Called before the answer reads anything: what changes then is noticed.
    """
    try:
        home = _fingerprint(repository_of(app), subject)
    except SessionsError:  # reading the list or the session says why
        return None
    return None if home is None else State(subject, home, home_settings(app))


def _fingerprint(sessions: SessionRepository, subject: Subject | SessionSubject) -> object:
    match subject:
        case SessionSubject(session_id):
            return sessions.webui.fingerprint(session_id)
        case Subject.LISTS:
            return sessions.webui.fingerprint()
        case Subject.SEARCHES:
            return sessions.webui.search_fingerprint()


def keep(response: Response, state: State | None, clock: slice | None = None) -> Response:
    """Mark the answer to this request as one to keep for the next such request.

    `state` is what it depends on, None if it must not be kept. `clock` is where its body has `clock()`.
    """
    if state is not None:
        request.environ[_MARK] = _Mark(state, clock)
    return response


# ---- keeping answers ------------------------------------------------------------------------------------


class KeptAnswers:
    """The application with its answers kept: the least recently sent ones go when there is no more room."""

    def __init__(self, app: Flask, admits: Callable[[Environ], bool]) -> None:
        """Keep the answers of an application; `admits` says whether a request is of somebody logged in."""
        self._app, self._application, self._admits = app, app.wsgi_app, admits
        self._lock = threading.Lock()
        self._answers: OrderedDict[Key, _Answer] = OrderedDict()
        self._bytes = 0

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a request with a kept answer, or else by the application."""
        key = _key(environ)
        if key is None:
            return self._application(environ, start_response)
        answer = self._valid(key, environ)
        if answer is not None:
            return _send(answer, start_response)
        return self._asked(key, environ, start_response)

    def _valid(self, key: Key, environ: Environ) -> _Answer | None:
        """Return the kept answer to a request if it still holds for whoever asks."""
        with self._lock:
            answer = self._answers.get(key)
            if answer is None:
                return None
            self._answers.move_to_end(key)
        state = answer.mark.state
        is_valid = self._admits(environ) and state_of(self._app, state.subject) == state
        return answer if is_valid else None

    def _asked(self, key: Key, environ: Environ, start_response: Any) -> Iterable[bytes]:
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            started[:] = status, headers
            return start_response(status, headers, *error)

        body = self._application(environ, start)
        mark: _Mark | None = environ.get(_MARK)
        if mark is None:
            return body
        parts = list(body)
        if (close := getattr(body, "close", None)) is not None:
            close()
        status, headers = started
        self._put(key, _answer(mark, status, headers, b"".join(parts)))
        return parts

    def _put(self, key: Key, answer: _Answer | None) -> None:
        if answer is None or answer.size > LARGEST_ANSWER:
            return
        with self._lock:
            self._forget(key)
            self._answers[key] = answer
            self._bytes += _size(key, answer)
            while self._bytes > MOST_BYTES:
                self._forget(next(iter(self._answers)))

    def _forget(self, key: Key) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._bytes -= _size(key, answer)


def _key(environ: Environ) -> Key | None:
    """Return all that an answer can depend on of a request; None for one whose answer is not kept."""
    path = environ.get("PATH_INFO", "")
    if environ["REQUEST_METHOD"] != "GET" or not path.startswith("/api/") or environ.get("CONTENT_LENGTH"):
        return None
    asked = ("", path), ("?", environ.get("QUERY_STRING", "")), (":", environ.get("wsgi.url_scheme", ""))
    return *asked, *((name, value) for name, value in environ.items() if name.startswith("HTTP_"))


def _size(key: Key, answer: _Answer) -> int:
    return answer.size + sum(len(name) + len(value) + 128 for name, value in (*key, *answer.headers))


def _answer(mark: _Mark, status: str, headers: list[tuple[str, str]], body: bytes) -> _Answer | None:
    """Return an answer to keep; None if it has a clock and is compressed."""
    if mark.clock is None:
        return _Answer(mark, status, headers, (body, b""))
    names = {name.lower() for name, _ in headers}
    if "content-encoding" in names:
        return None
    others = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return _Answer(mark, status, others, (body[: mark.clock.start], body[mark.clock.stop :]))


def _send(answer: _Answer, start_response: Any) -> Iterable[bytes]:
    body = answer.body()
    length = [] if answer.mark.clock is None else [("Content-Length", str(len(body)))]
    start_response(answer.status, [*answer.headers, *length])
    return [body]
