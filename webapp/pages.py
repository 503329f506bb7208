"""The pages for people: the list, one session, and the forms that change it; they work without JavaScript."""

from flask import Blueprint, Response, g, request, url_for

from hermes_sessions.errors import InvalidValue
from hermes_sessions.recovery import is_interrupted

from . import render, sidebar, transcript
from .api import cleaned_title, move
from .store import masker, sessions, settings_problem

pages = Blueprint("pages", __name__)

MESSAGES_A_PAGE = 100
DONE = {
    "rename": "Renamed.",
    "pin": "Pinned.",
    "unpin": "No longer pinned.",
    "archive": "Archived.",
    "unarchive": "No longer archived.",
    "move": "Moved.",
    "duplicate": "This is the copy.",
    "import": "Imported: it can be changed here now.",
    "recover": "The interrupted turn is closed.",
    "restore": "Given back.",
    "delete": "Moved to the trash.",
}


# ---- reading --------------------------------------------------------------------------------------------


@pages.get("/")
def list_sessions() -> Response:
    """Show the sessions that the filters in the query leave, a page at a time."""
    g.sidebar = sidebar.read()  # here a filter that cannot be is an error of the request
    return render.page("list.html", done=_done())


def _done() -> str | None:
    return DONE.get(request.args.get("done", ""))


@pages.get("/session/<session_id>")
def show_session(session_id: str) -> Response:
    """Show a session's last messages, or those before the index `before`."""
    summary = sessions().summary(session_id)
    page = sessions().messages(session_id, before=_before(), limit=MESSAGES_A_PAGE)
    projects, problem = sidebar.read_projects()
    return render.page(
        "session.html",
        session=summary,
        page=page,
        messages=transcript.shown(masker()(page.messages), page.offset),
        segments=sessions().segments(session_id) if summary.of_agent else [],
        interrupted=is_interrupted(summary),
        projects=projects,
        warnings=[*filter(None, [problem, settings_problem()])],
        done=_done(),
    )


def _before() -> int | None:
    text = request.args.get("before", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InvalidValue("before must be a whole number")
    return int(text)


@pages.get("/trash")
def list_trash() -> Response:
    """Show what was deleted, each with a button that gives it back."""
    return render.page("trash.html", trash=sessions().trash(), warnings=[], done=_done())


@pages.post("/trash/<session_id>/restore")
def restore(session_id: str) -> Response:
    """Give a deleted session back and show it."""
    sessions().restore(session_id)
    return _show(session_id, "restore")


# ---- changing -------------------------------------------------------------------------------------------


@pages.post("/session/<session_id>/rename")
def rename(session_id: str) -> Response:
    """Give the session the title of the form."""
    sessions().update(session_id, title=cleaned_title(request.form.get("title", "")))
    return _show(session_id, "rename")


@pages.post("/session/<session_id>/pin")
def pin(session_id: str) -> Response:
    """Pin the session, or with `value=0` no longer."""
    pinned = request.form.get("value") != "0"
    sessions().update(session_id, touch=False, pinned=pinned)
    return _show(session_id, "pin" if pinned else "unpin")


@pages.post("/session/<session_id>/archive")
def archive(session_id: str) -> Response:
    """Archive the session, or with `value=0` no longer."""
    archived = request.form.get("value") != "0"
    sessions().update(session_id, touch=False, archived=archived)
    return _show(session_id, "archive" if archived else "unarchive")


@pages.post("/session/<session_id>/move")
def move_session(session_id: str) -> Response:
    """Put the session into the project of the form, or into none."""
    move(session_id, request.form.get("project_id"))
    return _show(session_id, "move")


@pages.post("/session/<session_id>/duplicate")
def duplicate(session_id: str) -> Response:
    """Copy the session and show the copy."""
    return _show(sessions().duplicate(session_id).session_id, "duplicate")


@pages.post("/session/<session_id>/import")
def import_session(session_id: str) -> Response:
    """Store the agent's session as one that can be changed here."""
    sessions().import_agent_session(session_id)
    return _show(session_id, "import")


@pages.post("/session/<session_id>/recover")
def recover(session_id: str) -> Response:
    """Close the session's interrupted turn."""
    sessions().recover(session_id)
    return _show(session_id, "recover")


@pages.post("/session/<session_id>/delete")
def delete(session_id: str) -> Response:
    """Move the session to the trash and show the list."""
    sessions().delete_everywhere(session_id)
    return render.see_other(url_for("pages.list_sessions", done="delete"))


def _show(session_id: str, done: str) -> Response:
    return render.see_other(url_for("pages.show_session", session_id=session_id, done=done))
