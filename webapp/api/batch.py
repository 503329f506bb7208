"""JSON routes that change several sessions at once."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint

from hermes_sessions.errors import InvalidValue, SessionsError
from hermes_sessions.model import Summary

from .. import actions
from ..error_statuses import log_if_internal, status_of
from ..request_context import sessions
from . import routing, schemas
from .entries import list_entry

blueprint = Blueprint("batch", __name__)
post = partial(routing.post, blueprint)

MOST_SESSIONS = 500


@post("/api/sessions/batch")
def change_sessions(
    session_ids: list[str], action: actions.BatchAction, project_id: str | None = None
) -> schemas.Batch:
    """Do the same to up to 500 sessions.

    `project_id` is for the action `move`; null takes the sessions out of their projects. One failure does not
    stop the others: each result says what was done, or why it was not.
    """
    if len(session_ids) > MOST_SESSIONS:
        raise InvalidValue(f"session_ids must be at most {MOST_SESSIONS}; these are {len(session_ids)}")
    change = actions.batch_action(action, project_id)
    results = [_result(session_id, change) for session_id in dict.fromkeys(session_ids)]
    return {"ok": all(result["ok"] for result in results), "results": results}


def _result(session_id: str, change: Callable[[str], Summary | None]) -> schemas.BatchResult:
    try:
        summary = change(session_id)
    except SessionsError as error:
        log_if_internal(error)
        return {"session_id": session_id, "ok": False, "error": str(error), "status": status_of(error)}
    return {"session_id": session_id, "ok": True, "session": list_entry(summary) if summary else None}


@post("/api/sessions/cleanup")
def clean_untitled() -> schemas.Cleaned:
    """Move sessions that have neither a title nor messages to the trash."""
    return {"ok": True, "cleaned": sessions().delete_empty()}


@post("/api/sessions/cleanup_zero_message")
def clean_empty() -> schemas.Cleaned:
    """Move sessions without messages to the trash, whatever their titles."""
    return {"ok": True, "cleaned": sessions().delete_empty(arranged=True)}
