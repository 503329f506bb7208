"""The forms that change something: each does it, and leads to a page that says so."""

from typing import Any

from flask import Blueprint, Flask, Response, request, url_for

from hermes_sessions import json_text
from hermes_sessions.errors import Conflict, InvalidValue
from hermes_sessions.results import mended

from ..api.changes import cleaned_title, move
from ..request_context import sessions
from . import rendering as render
from . import sidebar
from . import transcript_version as seen

acts = Blueprint("acts", __name__)

DONE = {
    "rename": "Renamed.",
    "pin": "Pinned.",
    "unpin": "No longer pinned.",
    "archive": "Archived.",
    "unarchive": "No longer archived.",
    "move": "Moved.",
    "duplicate": "This is the copy.",
    "import": "Imported: it can be changed here now.",
    "fork": "This is the fork.",
    "truncate": "Truncated; a backup of the conversation as it was is kept.",
    "undo": "The last turn is taken back; a backup of the conversation as it was is kept.",
    "recover": "The interrupted turn is closed.",
    "restore": "Given back.",
    "delete": "Moved to the trash.",
    "purge": "Erased for good.",
    "project-create": "The project is there.",
    "project-rename": "The project is changed.",
    "project-delete": "The project is gone; its conversations stay.",
}


def register(app: Flask) -> None:
    """Give the templates of `app` the words for what was done."""
    app.jinja_env.globals["done"] = lambda: DONE.get(request.args.get("done", ""))


# ---- one session ----------------------------------------------------------------------------------------


@acts.post("/session/<session_id>/rename")
def rename(session_id: str) -> Response:
    """Give the session the title of the form."""
    sessions().update(session_id, title=cleaned_title(request.form.get("title", "")))
    return _show(session_id, "rename")


@acts.post("/session/<session_id>/pin")
def pin(session_id: str) -> Response:
    """Pin the session, or with `value=0` no longer."""
    pinned = request.form.get("value") != "0"
    sessions().update(session_id, touch=False, pinned=pinned)
    return _show(session_id, "pin" if pinned else "unpin")


@acts.post("/session/<session_id>/archive")
def archive(session_id: str) -> Response:
    """Archive the session, or with `value=0` no longer."""
    archived = request.form.get("value") != "0"
    sessions().update(session_id, touch=False, archived=archived)
    return _show(session_id, "archive" if archived else "unarchive")


@acts.post("/session/<session_id>/move")
def move_session(session_id: str) -> Response:
    """Put the session into the project of the form, or into none."""
    move(session_id, request.form.get("project_id"))
    return _show(session_id, "move")


@acts.post("/session/<session_id>/duplicate")
def duplicate(session_id: str) -> Response:
    """Copy the session and show the copy."""
    return _show(sessions().duplicate(session_id).session_id, "duplicate")


@acts.post("/session/<session_id>/undo")
def undo(session_id: str) -> Response:
    """Take back the session's last turn, the one that was shown."""
    seen.check_unchanged(session_id)
    sessions().undo(session_id)
    return render.see_other(sidebar.session_link(session_id, done="undo", undo=session_id))


@acts.post("/session/<session_id>/import")
def import_session(session_id: str) -> Response:
    """Store the agent's session as one that can be changed here."""
    sessions().import_agent_session(session_id)
    return _show(session_id, "import")


@acts.post("/session/<session_id>/recover")
def recover(session_id: str) -> Response:
    """Close the session's interrupted turn, the one that was shown."""
    seen.check_unchanged(session_id)
    if sessions().recover(session_id) is None:
        raise Conflict(seen.CHANGED)
    return _show(session_id, "recover")


@acts.post("/session/<session_id>/delete")
def delete(session_id: str) -> Response:
    """Move the session to the trash and show the list."""
    sessions().delete_everywhere(session_id)
    return render.see_other(sidebar.link(done="delete", undo=session_id))


def _show(session_id: str, done: str) -> Response:
    return render.see_other(sidebar.session_link(session_id, done=done))


# ---- the others -----------------------------------------------------------------------------------------


@acts.post("/import")
def import_file() -> Response:
    """Store the form's file, a JSON export, as a new session and show it."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidValue("choose a file to import")
    return _show(sessions().import_document(_document(file.stream.read())).session_id, "import")


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = json_text.decode(text)
    except json_text.Malformed:
        document = None
    if not isinstance(document, dict):
        raise InvalidValue("this file is no exported conversation: it must hold a JSON object")
    return document


@acts.post("/trash/<session_id>/restore")
def restore(session_id: str) -> Response:
    """Give a deleted session back and show it."""
    sessions().restore(session_id)
    return _show(session_id, "restore")


@acts.post("/trash/<session_id>/erase")
def erase(session_id: str) -> Response:
    """Erase for good all that lies in the trash of one session."""
    sessions().erase(session_id)
    return render.see_other(url_for("pages.list_trash", done="purge"))


@acts.post("/trash/purge")
def purge() -> Response:
    """Erase for good what is old in the trash, with `all=1` everything."""
    sessions().purge(older_than=0.0 if request.form.get("all") == "1" else None)
    return render.see_other(url_for("pages.list_trash", done="purge"))


@acts.post("/projects")
def create_project() -> Response:
    """Add a project."""
    sessions().projects.create(request.form.get("name", ""), request.form.get("color") or None)
    return render.see_other(url_for("pages.list_projects", done="project-create"))


@acts.post("/projects/<project_id>/rename")
def rename_project(project_id: str) -> Response:
    """Give a project the name and the colour of the form."""
    color = request.form.get("color") or None
    sessions().projects.rename(project_id, request.form.get("name", ""), color=color)
    return render.see_other(url_for("pages.list_projects", done="project-rename"))


@acts.post("/projects/<project_id>/delete")
def delete_project(project_id: str) -> Response:
    """Remove a project; its conversations stay."""
    sessions().projects.delete(project_id)
    return render.see_other(url_for("pages.list_projects", done="project-delete"))


@acts.post("/check/repair")
def repair() -> Response:
    """Mend what can be mended without asking, and show how much that was and what is left."""
    before = sessions().repair()
    count = mended(before, sessions().repair(apply=True))
    return render.see_other(url_for("pages.show_findings", deep="1", mended=count))
