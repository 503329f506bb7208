"""The JSON routes that change a session, or several at once."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Literal

from flask import Blueprint

from hermes_sessions.errors import InvalidValue, NotFound, SessionsError
from hermes_sessions.fields import UNTITLED
from hermes_sessions.model import Summary

from .. import error_responses as failures
from ..request_context import entry_of, masked, masker, sessions
from . import routing as wire
from . import schemas as answers
from .routing import UNCHANGED, Document, SessionId

changes = Blueprint("changes", __name__)
post = partial(wire.post, changes)

LONGEST_TITLE = 80
MOST_AT_ONCE = 500


# ---- one session ----------------------------------------------------------------------------------------


@post("/api/session/new")
def new_session(
    workspace: str | None = None,
    model: str | None = None,
    model_provider: str | None = None,
    profile: str | None = None,
) -> answers.Changed:
    session = sessions().new(workspace=workspace, model=model, model_provider=model_provider, profile=profile)
    return {"session": masked(session.as_dict())}


@post("/api/session/rename")
def rename_session(session_id: SessionId, title: str) -> answers.Changed:
    return {"session": entry_of(sessions().update(session_id, title=cleaned_title(title)))}


def cleaned_title(title: str) -> str:
    """Return a title as it is stored: trimmed, 80 characters, never empty."""
    return title.strip()[:LONGEST_TITLE].strip() or UNTITLED


@post("/api/session/update")
def update_session(
    session_id: SessionId,
    workspace: str | None = UNCHANGED,
    model: str | None = UNCHANGED,
    model_provider: str | None = UNCHANGED,
) -> answers.Changed:
    given: dict[str, Any] = {"workspace": workspace, "model": model, "model_provider": model_provider}
    changes = {name: value for name, value in given.items() if value is not UNCHANGED}
    return {"session": entry_of(sessions().update(session_id, **changes))}


@post("/api/session/pin")
def pin_session(session_id: SessionId, pinned: bool = True) -> answers.DoneSession:
    return {"ok": True, "session": entry_of(sessions().update(session_id, touch=False, pinned=pinned))}


@post("/api/session/archive")
def archive_session(session_id: SessionId, archived: bool = True) -> answers.DoneSession:
    return {"ok": True, "session": entry_of(sessions().update(session_id, touch=False, archived=archived))}


@post("/api/session/move")
def move_session(session_id: SessionId, project_id: str | None) -> answers.DoneSession:
    return {"ok": True, "session": entry_of(move(session_id, project_id))}


def move(session_id: str, project_id: str | None) -> Summary:
    """Put a session into a project, into none for an empty id; `NotFound` if there is no such project."""
    check_project(project_id)
    return sessions().update(session_id, touch=False, project_id=project_id or None)


def check_project(project_id: str | None) -> None:
    """Raise `NotFound` for the id of no project; none is one that all have."""
    if project_id and all(project.project_id != project_id for project in sessions().projects.list()):
        raise NotFound("no such project")


@post("/api/session/toolsets")
def set_toolsets(session_id: SessionId, toolsets: list[str] | None) -> answers.Toolsets:
    summary = sessions().update(session_id, enabled_toolsets=toolsets)
    return {"ok": True, "enabled_toolsets": summary.enabled_toolsets}


@post("/api/session/delete")
def delete_session(session_id: SessionId) -> answers.Done:
    with suppress(NotFound):  # gone is what was asked for
        sessions().delete_everywhere(session_id)
    return {"ok": True}


@post("/api/session/restore")
def restore_session(session_id: SessionId) -> answers.DoneSession:
    return {"ok": True, "session": entry_of(sessions().restore(session_id))}


@post("/api/session/recover")
def recover_session(session_id: SessionId) -> answers.Recovered:
    """Close an interrupted turn; this server runs no streams, so whoever asks says that it is dead."""
    summary = sessions().recover(session_id)
    return {"ok": True, "recovered": summary is not None, "session": entry_of(summary) if summary else None}


@post("/api/session/clear")
def clear_session(session_id: SessionId) -> answers.DoneSession:
    return {"ok": True, "session": entry_of(sessions().clear(session_id))}


@post("/api/session/truncate")
def truncate_session(session_id: SessionId, keep_count: int) -> answers.DoneSession:
    return {"ok": True, "session": entry_of(sessions().truncate(session_id, keep_count))}


@post("/api/session/branch")
def branch_session(
    session_id: SessionId, keep_count: int | None = None, title: str | None = None
) -> answers.Branched:
    named = cleaned_title(title) if title and title.strip() else None
    entry = entry_of(sessions().fork(session_id, keep=keep_count, title=named))
    return {
        "session_id": entry["session_id"],
        "title": entry["title"],
        "parent_session_id": entry["parent_session_id"],
    }


@post("/api/session/duplicate")
def duplicate_session(session_id: SessionId) -> answers.Changed:
    return {"session": entry_of(sessions().duplicate(session_id))}


@post("/api/session/retry")
def retry_turn(session_id: SessionId) -> answers.Retried:
    removed = sessions().retry(session_id)
    return {"ok": True, "last_user_text": masker()(removed.text), "removed_count": removed.count}


@post("/api/session/undo")
def undo_turn(session_id: SessionId) -> answers.Undone:
    removed = sessions().undo(session_id)
    return {"ok": True, "removed_count": removed.count, "removed_preview": masker()(removed.preview)}


@post("/api/session/import")
def import_session(document: Document) -> answers.DoneSession:
    return {"ok": True, "session": entry_of(sessions().import_document(document))}


@post("/api/session/import_cli")
def import_agent_session(session_id: SessionId) -> answers.Imported:
    session, new = sessions().import_agent_session(session_id)
    return {"session": masked(session.as_dict()), "imported": new}


# ---- several at once ------------------------------------------------------------------------------------

Action = Literal["archive", "unarchive", "pin", "unpin", "move", "delete", "restore"]
ACTIONS: Mapping[str, Callable[[str], Summary | None]] = {
    "archive": lambda session_id: sessions().update(session_id, touch=False, archived=True),
    "unarchive": lambda session_id: sessions().update(session_id, touch=False, archived=False),
    "pin": lambda session_id: sessions().update(session_id, touch=False, pinned=True),
    "unpin": lambda session_id: sessions().update(session_id, touch=False, pinned=False),
    "delete": lambda session_id: sessions().delete_everywhere(session_id),
    "restore": lambda session_id: sessions().restore(session_id),
}


@post("/api/sessions/batch")
def change_sessions(session_ids: list[str], action: Action, project_id: str | None = None) -> answers.Batch:
    """Do the same to each session; `ok` only if all was done, and each result says what was or why not."""
    if len(session_ids) > MOST_AT_ONCE:
        raise InvalidValue(f"session_ids must be at most {MOST_AT_ONCE}; these are {len(session_ids)}")
    act = _action(action, project_id)
    results = [_result(session_id, act) for session_id in dict.fromkeys(session_ids)]
    return {"ok": all(result["ok"] for result in results), "results": results}


def _action(action: Action, project_id: str | None) -> Callable[[str], Summary | None]:
    if action != "move":
        return ACTIONS[action]
    check_project(project_id)
    return lambda session_id: sessions().update(session_id, touch=False, project_id=project_id or None)


def _result(session_id: str, act: Callable[[str], Summary | None]) -> answers.Result:
    try:
        summary = act(session_id)
    except SessionsError as error:
        words, status = failures.told(error)
        return {"session_id": session_id, "ok": False, "error": words, "status": status}
    return {"session_id": session_id, "ok": True, "session": entry_of(summary) if summary else None}
