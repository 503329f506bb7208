"""Errors as responses: JSON for the API, a page for browsers, details in the log."""

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from hermes_sessions.errors import SessionsError, Unreadable

from .api.encoding import json_response
from .error_statuses import log_if_internal, status_of
from .pages.rendering import mask, page
from .request_context import forbid_list, reference

MESSAGES = {
    404: "There is no page at this address.",
    405: "This address does not accept this HTTP method.",
    413: "The request body is larger than 20 MB.",
}
UNEXPECTED = "An unexpected error occurred. The server's log has the details under {}."
UNEXPECTED_ON_A_PAGE = "An unexpected error occurred."  # which names the reference in a sentence of its own
MOST_DRAINED, DRAINED_AT_ONCE = 200 * 1024 * 1024, 1024 * 1024


def register(app: Flask) -> None:
    """Answer every error of `app` here."""
    app.register_error_handler(SessionsError, _library_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _library_error(error: SessionsError) -> Response:
    log_if_internal(error)
    return _error_response(status_of(error), str(error), is_damaged=isinstance(error, Unreadable))


def _http_error(error: HTTPException) -> BaseResponse:
    if error.code is None or error.code < 400:  # a redirect
        return BaseResponse.force_type(error.get_response())
    if error.code == 413:
        _drain_body()
    response = _error_response(error.code, MESSAGES.get(error.code) or error.description or error.name)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _drain_body() -> None:
    """Read and discard a large body: a client still sending would see a broken pipe, not the answer."""
    body = request.environ["wsgi.input"]
    for _ in range(MOST_DRAINED // DRAINED_AT_ONCE):
        if not body.read(DRAINED_AT_ONCE):
            return


def _unexpected_error(error: Exception) -> Response:
    current_app.logger.error("%s: %s %s", reference(), request.method, request.path, exc_info=error)
    told = UNEXPECTED.format(reference()) if _is_for_programs() else UNEXPECTED_ON_A_PAGE
    return _error_response(500, told)


def _error_response(status: int, message: str, *, is_damaged: bool = False) -> Response:
    if _is_for_programs():
        return json_response({"error": message}, status)
    try:
        return _error_page(status, message, is_damaged=is_damaged)
    except Exception as error:  # the list beside it can be what fails
        current_app.logger.error("%s: the error page: %s", reference(), error, exc_info=error)
        forbid_list()
        return _error_page(status, message, is_damaged=is_damaged)


def _error_page(status: int, message: str, *, is_damaged: bool) -> Response:
    told = reference() if status == 500 and not is_damaged else None
    values = {"message": mask(message), "code": status, "reference": told, "is_damaged": is_damaged}
    return page("error.html", status, **values)


def _is_for_programs() -> bool:
    return request.path.startswith("/api/") or request.path == "/health"
