"""Errors as answers: one table of statuses; JSON for the API, a page for browsers, details for the log."""

from collections.abc import Mapping

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from hermes_sessions.errors import (
    AgentUnavailable,
    Conflict,
    InvalidId,
    InvalidValue,
    NotFound,
    ReadOnly,
    SessionsError,
    StorageError,
    Unreadable,
)

from .api import routing as wire
from .pages import rendering as render

# The nearest class of an error decides. 500 for a file that is no session: the request was right and asking
# again will not help. 503 for a full disk or a lock: it may.
STATUS: Mapping[type, int] = {
    InvalidId: 400,
    InvalidValue: 400,
    NotFound: 404,
    Conflict: 409,
    ReadOnly: 403,
    Unreadable: 500,
    StorageError: 503,
    AgentUnavailable: 503,
    SessionsError: 500,
}
WORDS = {
    404: "there is nothing at this address",
    405: "this address takes another method",
    413: "the body is larger than 20 MB",
}
LARGEST_DROPPED, DROPPED_AT_ONCE = 200 * 1024 * 1024, 1024 * 1024
UNEXPECTED = "something went wrong in the server; its log says what"


def register(app: Flask) -> None:
    """Answer every error of `app` here."""
    app.register_error_handler(SessionsError, _library_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _library_error(error: SessionsError) -> Response:
    words, status = told(error)
    return _refusal(status, words)


def told(error: SessionsError) -> tuple[str, int]:
    """Return the words and the status of an error of the library; log what is no client's."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if status >= 500:
        current_app.logger.error("%s %s: %s", request.method, request.path, error, exc_info=error)
    return str(error), status


def _http_error(error: HTTPException) -> BaseResponse:
    if error.code is None or error.code < 400:  # a redirect
        return BaseResponse.force_type(error.get_response())
    if error.code == 413:
        _read_to_the_end()
    refusal = _refusal(error.code, WORDS.get(error.code) or error.description or error.name)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            refusal.headers[name] = value
    return refusal


def _read_to_the_end() -> None:
    """Read and drop a large body: a client that is still sending would see a broken pipe, not the answer."""
    unread = request.environ["wsgi.input"]
    for _ in range(LARGEST_DROPPED // DROPPED_AT_ONCE):
        if not unread.read(DROPPED_AT_ONCE):
            return


def _unexpected_error(error: Exception) -> Response:
    current_app.logger.error("%s %s", request.method, request.path, exc_info=error)
    return _refusal(500, UNEXPECTED)


def _refusal(status: int, words: str) -> Response:
    if request.path.startswith("/api/") or request.path == "/health":
        return wire.answer({"error": words}, status)
    return render.page("error.html", status, words=words, code=status)
