"""The trash: what is in it, page by page, and the forms that restore it or delete it permanently."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

from flask import Blueprint, Response, request, url_for

from hermes_sessions.errors import InvalidValue
from hermes_sessions.repository import RETENTION_SECONDS
from hermes_sessions.results import BulkReport

from .. import actions
from ..request_context import sessions
from . import links, rendering

blueprint = Blueprint("trash", __name__)

PAGE = 50  # conversations
TITLES_TO_CONFIRM = 10


@blueprint.get("/trash")
def show() -> Response:
    """Show a page of the trash: of what has the words `find` in its titles, after `cursor`."""
    return _show()


def _show(notice: str | None = None, warnings: Sequence[str] = (), restored: Sequence[str] = ()) -> Response:
    find, cursor = request.args.get("find", "").strip(), request.args.get("cursor")
    page = sessions().trashed(find, limit=PAGE, cursor=cursor)
    return rendering.page(
        "trash.html",
        trash=page,
        find=find,
        cursor=cursor,
        whole=sessions().trashed(limit=0).total if find else page.total,
        all_selected=request.args.get("select") == "all",
        expired=len(sessions().would_purge()),
        days_left=days_left,
        notice=notice,
        warnings=warnings,
        restored=restored,
    )


@blueprint.post("/trash/<session_id>/restore")
def restore(session_id: str) -> Response:
    """Restore a deleted conversation and show it.

    With `undoing=1` this takes its deletion back; with `here=1`, say that the agent does not have it.
    """
    actions.restore_deleted(session_id, undoing=request.form.get("undoing") == "1")
    done = "restore-here" if request.form.get("here") else "restore"
    return rendering.see_other(links.session_link(session_id, done=done, restored=session_id))


@blueprint.post("/trash/<session_id>/erase")
def erase(session_id: str) -> Response:
    """Delete every version of one conversation permanently."""
    sessions().erase(session_id)
    return rendering.see_other(url_for("pages.trash.show", done="purge"))


@blueprint.post("/trash/selected")
def change_selected() -> Response:
    """Restore the conversations named `id`, or delete them permanently after a question that says how many.

    The act `delete` undoes a restore: what the agent has of them stays.
    """
    # The field is not called `action`: it would hide the form's address from scripts.
    ids, action = request.form.getlist("id"), request.form.get("act", "")
    if action != "ask" and action not in _ACTS:
        raise InvalidValue(f"act must be one of ask, {', '.join(_ACTS)}")
    if not ids:
        return _show(notice="Nothing was done: select conversations first.")
    if action == "ask":
        return _ask(ids)
    act, done = _ACTS[action]
    return _outcome(act(ids), done, can_undo=action == "restore")


@blueprint.get("/trash/selected")
def show_after_change() -> Response:
    """Redirect to the trash: somebody reloaded the page that answered a change."""
    return rendering.see_other(url_for("pages.trash.show"))


# Of each act of the form: the call, and what it did in words.
_ACTS: Mapping[str, tuple[Callable[[Sequence[str]], BulkReport], str]] = {
    "restore": (lambda ids: sessions().restore_many(ids), "restored"),
    "erase": (lambda ids: sessions().erase_many(ids), "deleted permanently"),
    "delete": (lambda ids: sessions().delete_many(ids), "moved to the trash"),
}


def _ask(ids: Sequence[str]) -> Response:
    chosen = set(ids)
    titles = [each.title for each in sessions().trashed() if each.session_id in chosen]
    if not titles:
        return _show(notice="Nothing was done: what you selected is no longer in the trash.")
    return rendering.page("trash_erase.html", ids=ids, count=len(titles), titles=titles[:TITLES_TO_CONFIRM])


def _outcome(report: BulkReport, done: str, *, can_undo: bool) -> Response:
    """Say how many were changed, and of each other one why not."""
    notice = f"{rendering.counted(len(report.done), 'conversation')} {done}." if report.done else None
    warnings = [rendering.sentence(rendering.mask(reason)) for reason in report.failed.values()]
    return _show(notice, warnings, report.done if can_undo else ())


@blueprint.post("/trash/purge")
def purge() -> Response:
    """Delete permanently what is older than the retention time, with `all=1` everything."""
    sessions().purge(older_than=0.0 if request.form.get("all") == "1" else None)
    return rendering.see_other(url_for("pages.trash.show", done="purge"))


def days_left(deleted_at: float, now: float | None = None) -> int:
    """Return for how many days more a version is kept, at least 0; times in seconds since the epoch."""
    elapsed = (time.time() if now is None else now) - deleted_at
    return max(0, math.ceil((RETENTION_SECONDS - elapsed) / 86_400))
