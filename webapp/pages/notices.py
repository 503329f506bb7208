"""What a page says about the change that led to it: `?done=` names the notice, others how it is undone."""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, request

from ..request_context import sessions

T = TypeVar("T")

NOTICES = {
    "rename": "Renamed.",
    "pin": "Pinned.",
    "unpin": "Unpinned.",
    "archive": "Archived.",
    "unarchive": "Unarchived.",
    "move": "Moved.",
    "tag": "Tagged.",
    "untag": "Tag removed.",
    "duplicate": "Duplicated. You are viewing the copy.",
    "import": "Imported.",
    "import-many": "Imported. The new conversations are in the list.",
    "import-changed": "Imported, without its project or its profile, which does not exist here.",
    "import-many-changed": "Imported, some without a project or a profile that does not exist here.",
    "fork": "Forked. You are viewing the new conversation.",
    "truncate": "Messages removed.",
    "put-back": "Put back.",
    "delete-again": "Moved to the trash again.",
    "keep-theirs": "Kept as the other program wrote it.",
    "recover": "Interrupted turn closed.",
    "recover-nothing": "Nothing was done: no message waits for an answer any more.",
    "restore": "Restored.",
    "undo": "Undone.",
    "restore-here": "Restored here. The agent no longer has it.",
    "restore-longer": "Restored with all its messages. The shorter version is in the trash.",
    "leave-project": "Moved out of the project.",
    "delete": "Moved to the trash.",
    "delete-everywhere": "Deleted here and from the agent. The trash keeps a copy.",
    "purge": "Deleted permanently.",
    "project-create": "Project created.",
    "project-rename": "Project saved.",
    "project-delete": "Project deleted. Its conversations were kept.",
    "tag-rename": "Tag renamed.",
    "tag-delete": "Tag deleted. Its conversations were kept.",
}


def undoable(session_id: str, change: Callable[[str], T]) -> tuple[T, dict[str, str]]:
    """Make a change of a session, and return its result, and the arguments by which a page offers Undo.

    None if it cannot be undone.
    """
    before = sessions().change_to_undo(session_id)
    result = change(session_id)
    made = sessions().change_to_undo(session_id)
    return result, {"undo_mending": session_id, "undo_change": made} if made and made != before else {}


def register(app: Flask) -> None:
    """Give the templates of `app` the notice of the request."""
    repository = app.extensions["hermes_sessions"]
    app.jinja_env.globals["notice_of_query"] = lambda: NOTICES.get(request.args.get("done", ""))
    app.jinja_env.globals["restriction_of_home"] = lambda: repository.restriction
