"""The HTTP status of each error of the library, and which of the errors are logged."""

from collections.abc import Mapping

from flask import current_app, request

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

from .request_context import reference

# The nearest class of an error decides. A damaged file is a 500: asking again does not help. A full disk or a
# lock is a 503: asking again may help.
STATUSES: Mapping[type, int] = {
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


def status_of(error: SessionsError) -> int:
    """Return the HTTP status that answers an error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def log_if_internal(error: SessionsError) -> None:
    """Log an error of the library unless the client caused it."""
    if status_of(error) >= 500:
        where = (reference(), request.method, request.path)
        current_app.logger.error("%s: %s %s: %s", *where, error, exc_info=error)
