"""The forms of a conversation: each makes one change and leads to a page that says so.

A form that removes messages sends back the version of the transcript that its page showed.
"""

from flask import Blueprint, Response, abort, request

from hermes_sessions.errors import Conflict, InvalidValue
from hermes_sessions.tag_names import SEPARATOR

from .. import actions
from ..query_values import whole_number
from ..request_context import sessions
from . import links, notices, rendering, transcript_version

blueprint = Blueprint("forms", __name__)


def _show(session_id: str, done: str, **undo: str) -> Response:
    """Redirect to a conversation, with a notice, whose button undoes what was done."""
    return rendering.see_other(links.session_link(session_id, done=done, **undo))


def _is_on() -> bool:
    return request.form.get("value") != "0"


# ---- metadata -------------------------------------------------------------------------------------------


@blueprint.post("/session/<session_id>/rename")
def rename(session_id: str) -> Response:
    """Set the title. A form that does not show it, because it is masked, keeps it while nothing is typed."""
    title = request.form.get("title", "")
    if title.strip() or "keep" not in request.form:
        actions.rename(session_id, title)
    return _show(session_id, "rename")


@blueprint.post("/session/<session_id>/pin")
def pin(session_id: str) -> Response:
    """Pin the conversation, or with `value=0` unpin it."""
    actions.pin(session_id, _is_on())
    return _show(session_id, "pin" if _is_on() else "unpin")


@blueprint.post("/session/<session_id>/archive")
def archive(session_id: str) -> Response:
    """Archive the conversation, or with `value=0` unarchive it."""
    actions.archive(session_id, _is_on())
    return _show(session_id, "archive" if _is_on() else "unarchive")


@blueprint.post("/session/<session_id>/move")
def move(session_id: str) -> Response:
    """Put the conversation into the project of the form, or into none."""
    actions.move(session_id, request.form.get("project_id"))
    return _show(session_id, "move")


@blueprint.post("/session/<session_id>/tags")
def tag(session_id: str) -> Response:
    """Remove the tags that a button of the form names, else add those of its field, apart by commas."""
    removed = request.form.getlist("remove")
    names = () if removed else request.form.get("add", "").split(SEPARATOR)
    actions.tag(session_id, [name for name in names if name.strip()], removed)
    return _show(session_id, "untag" if removed else "tag")


# ---- the conversation as a whole ------------------------------------------------------------------------


@blueprint.post("/session/<session_id>/duplicate")
def duplicate(session_id: str) -> Response:
    """Copy the conversation and show the copy."""
    return _show(sessions().duplicate(session_id).session_id, "duplicate")


@blueprint.post("/session/<session_id>/fork")
def fork(session_id: str) -> Response:
    """Create a conversation from the first `keep` messages and show it."""
    keep = _keep()
    transcript_version.check_beginning(session_id)
    return _show(sessions().fork(session_id, keep=keep).session_id, "fork")


@blueprint.post("/session/<session_id>/import")
def import_session(session_id: str) -> Response:
    """Import a conversation of the agent, so that it can be changed."""
    session, _ = sessions().import_agent_session(session_id)
    return _show(session.session_id, "import")


@blueprint.post("/session/<session_id>/delete")
def delete(session_id: str) -> Response:
    """Move the conversation to the trash and show the list."""
    erases = sessions().agent_share(session_id).segments > 0
    actions.delete(session_id)
    done = "delete-everywhere" if erases else "delete"
    return rendering.see_other(links.list_link(done=done, undo=session_id))


# ---- what another program has overwritten ---------------------------------------------------------------


@blueprint.post("/session/<session_id>/put-back")
def put_back(session_id: str) -> Response:
    """Make again what another program has overwritten, or delete the conversation again."""
    put_back, undo = notices.undoable(session_id, sessions().lost.put_back)
    if put_back is None:
        return rendering.see_other(links.list_link(done="delete-again", undo=session_id))
    return _show(session_id, "put-back", **undo)


@blueprint.post("/session/<session_id>/keep-theirs")
def keep_theirs(session_id: str) -> Response:
    """Keep what another program has written over a change made here."""
    sessions().lost.keep_theirs(session_id)
    return _show(session_id, "keep-theirs")


# ---- messages -------------------------------------------------------------------------------------------


@blueprint.post("/session/<session_id>/recover")
def recover(session_id: str) -> Response:
    """Close the interrupted turn."""
    transcript_version.check(session_id)
    closed, undo = notices.undoable(session_id, sessions().recover)
    if closed is None:
        raise Conflict(transcript_version.CHANGED)
    return _show(session_id, "recover", **undo)


@blueprint.post("/session/<session_id>/undo-change")
def undo_change(session_id: str) -> Response:
    """Bring back what the conversation was before the change of the form, as a whole."""
    sessions().undo_change(session_id, request.form.get("change", ""))
    return _show(session_id, "undo")


@blueprint.get("/session/<session_id>/retry")
def show_after_retry(session_id: str) -> Response:
    """Redirect to the conversation: somebody reloaded the page that answered `retry`."""
    return rendering.see_other(links.session_link(session_id))


@blueprint.post("/session/<session_id>/retry")
def retry(session_id: str) -> Response:
    """Remove the last turn and show what the user had written, to send it again."""
    transcript_version.check(session_id)
    removed = sessions().retry(session_id)
    return rendering.page("removed_turn.html", session=sessions().summary(session_id), removed=removed)


@blueprint.get("/session/<session_id>/truncate")
def confirm_truncate(session_id: str) -> Response:
    """Ask before messages are removed."""
    if "seen" in request.args:
        transcript_version.check(session_id)
    session, keep = sessions().summary(session_id), _keep()
    if keep > session.message_count:
        abort(404)
    return rendering.page("truncate.html", session=session, keep=keep, version=transcript_version.of(session))


@blueprint.post("/session/<session_id>/truncate")
def truncate(session_id: str) -> Response:
    """Remove the messages after the first `keep`."""
    transcript_version.check(session_id)
    sessions().truncate(session_id, _keep())
    return _show(session_id, "truncate", undo_messages=session_id)


@blueprint.post("/session/<session_id>/restore")
def restore(session_id: str) -> Response:
    """Bring back the messages that were removed."""
    actions.restore(session_id)
    return _show(session_id, "restore")


def _keep() -> int:
    keep = whole_number(request.values, "keep")
    if keep is None:
        raise InvalidValue("keep is missing")
    return keep
