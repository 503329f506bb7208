"""JSON routes that change several sessions at once."""

from contextlib import suppress
from functools import partial

from flask import Blueprint

from hermes_sessions.errors import InvalidValue, NotFound, SessionsError

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
    session_ids: list[str],
    action: actions.BatchAction,
    project_id: str | None = None,
    tags: list[str] | None = None,
    dry_run: bool = False,
) -> schemas.Batch:
    """Do the same to up to 500 sessions.

    `project_id` is for the action `move`; null takes the sessions out of their projects. `tags` are for `tag`
    and `untag`. One failure does not stop the others: each result says what was done, or why it was not. With
    `dry_run`, which is not for the action `restore`, nothing is changed, and each result says what would be
    done.
    """
    if len(session_ids) > MOST_SESSIONS:
        raise InvalidValue(f"session_ids must be at most {MOST_SESSIONS}; these are {len(session_ids)}")
    ids = list(dict.fromkeys(session_ids))
    report = actions.batch(ids, action, project_id, tags or [], dry_run=dry_run)
    are_gone = action == "delete" and not dry_run
    results = [_result(session_id, report.errors.get(session_id), are_gone) for session_id in ids]
    return {"ok": all(result["ok"] for result in results), "results": results}


def _result(session_id: str, error: SessionsError | None, is_gone: bool) -> schemas.BatchResult:
    if error is not None:
        log_if_internal(error)
        return {"session_id": session_id, "ok": False, "error": str(error), "status": status_of(error)}
    with suppress(NotFound):  # deleted since by somebody else
        entry = None if is_gone else list_entry(sessions().summary(session_id))
        return {"session_id": session_id, "ok": True, "session": entry}
    return {"session_id": session_id, "ok": True, "session": None}


@post("/api/sessions/cleanup")
def clean_untitled() -> schemas.Cleaned:
    """Move sessions that have neither a title nor messages to the trash."""
    return {"ok": True, "cleaned": sessions().delete_empty()}


@post("/api/sessions/cleanup_zero_message")
def clean_empty() -> schemas.Cleaned:
    """Move sessions without messages to the trash, whatever their titles."""
    return {"ok": True, "cleaned": sessions().delete_empty(arranged=True)}
