"""JSON routes that change several sessions at once."""

from contextlib import suppress
from functools import partial
from typing import Unpack

from flask import Blueprint

from hermes_sessions.errors import InvalidValue, NotFound, SessionsError
from hermes_sessions.results import BulkReport

from .. import actions
from ..error_statuses import log_if_internal, status_of
from ..request_context import sessions
from . import batch_schemas, routing, schemas
from .entries import list_entry
from .filters import ChosenArguments, chosen_filters

blueprint = Blueprint("batch", __name__)
post = partial(routing.post, blueprint)

MOST_SESSIONS = 500


@post("/api/sessions/batch")
def change_sessions(
    *,
    action: actions.BatchAction,
    session_ids: list[str] | None = None,
    q: str | None = None,
    project_id: str | None = None,
    tags: list[str] | None = None,
    order: list[str] | None = None,
    undoing: bool = False,
    dry_run: bool = False,
    **arguments: Unpack[ChosenArguments],
) -> batch_schemas.Batch:
    """Do the same to up to 500 sessions: those of `session_ids`, or all that fulfil a query or filters.

    `q` is a query as of a search, and the filters are those of lists; `in_project` is the one that sessions
    are in, `project_id` the one that the action `move` puts them into, null for none. `tags` are for
    `tag` and `untag`; a new one comes before those that come after it in `order`, else last. `unimport`
    deletes the files of imported agent's conversations in which nothing was changed since. With `undoing`,
    `restore` leaves undecided whether to keep a session that came back after an earlier deletion, and `move`
    takes a project that does not exist. One failure does
    not stop the others: each result says what was done, or why not. The steps of `undo`, each of which is the
    body of another such request, bring back what was there before. With `dry_run`, which is not for the
    actions `restore` and `unimport` and has no limit, nothing is changed, and each result says what would be
    done.
    """
    ids = _chosen(session_ids, q, arguments)
    if session_ids is not None or not dry_run:
        _check_count(len(ids if session_ids is None else session_ids))
    report = actions.batch(
        actions.BatchStep(ids, action, project_id, tags or [], order or [], undoing), dry_run=dry_run
    )
    has_entry = session_ids is not None and (dry_run or action != "delete")
    results = [_result(session_id, report.errors.get(session_id), has_entry) for session_id in ids]
    return {"ok": all(result["ok"] for result in results), "results": results, "undo": _undo(action, report)}


def _chosen(session_ids: list[str] | None, q: str | None, arguments: ChosenArguments) -> list[str]:
    if session_ids is not None and (q or arguments):
        raise InvalidValue("send either session_ids, or q and filters")
    if session_ids is not None:
        return list(dict.fromkeys(session_ids))
    if not (q or arguments):
        raise InvalidValue("session_ids is missing")
    return [each.session_id for each in actions.matching(q or "", chosen_filters(arguments))]


def _check_count(count: int) -> None:
    if count > MOST_SESSIONS:
        raise InvalidValue(f"session_ids must be at most {MOST_SESSIONS}; these are {count}")


def _undo(action: actions.BatchAction, report: BulkReport) -> list[batch_schemas.BatchStep]:
    if action == "delete":
        steps = [actions.BatchStep(report.done, "restore", undoing=True)] if report.done else []
    else:
        steps = [step for change in report.undo for step in actions.undoing(change)]
    return [
        {
            "session_ids": list(step.session_ids),
            "action": step.action,
            "project_id": step.project_id,
            "tags": list(step.tags) or None,
            "order": list(step.order) or None,
            "undoing": step.undoing,
        }
        for step in steps
    ]


def _result(session_id: str, error: SessionsError | None, has_entry: bool) -> batch_schemas.BatchResult:
    if error is not None:
        log_if_internal(error)
        return {"session_id": session_id, "ok": False, "error": str(error), "status": status_of(error)}
    with suppress(NotFound):  # deleted since by somebody else
        entry = list_entry(sessions().summary(session_id)) if has_entry else None
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
