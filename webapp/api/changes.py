"""JSON routes that change one session."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Blueprint, Response

from hermes_sessions.errors import InvalidValue, NotFound
from hermes_sessions.fields import UNTITLED
from hermes_sessions.model import Summary
from hermes_sessions.results import Composed, Removed

from .. import actions
from ..masking import masker
from ..request_context import active_profile, sessions
from . import routing, schemas, web_ui_schemas
from .arguments import UNCHANGED, Count, Document, SessionId
from .encoding import form_response
from .entries import list_entry, whole_session

blueprint = Blueprint("changes", __name__)
get, post = partial(routing.get, blueprint), partial(routing.post, blueprint)


# ---- metadata -------------------------------------------------------------------------------------------


@post("/api/session/new")
def new_session(
    *,
    workspace: str | None = None,
    model: str | None = None,
    model_provider: str | None = None,
    profile: str | None = None,
    project_id: str | None = None,
    enabled_toolsets: list[str] | None = None,
    prev_session_id: str | None = None,
    workspace_inherited_from_prev_session: bool = False,
) -> schemas.ChangedWholeSession:
    """Create an empty session.

    In no project it is a draft, which lists do not show until it has a message or a title. Without a
    workspace it gets the one used last, without a model or a profile the default one. `prev_session_id` names
    the session that was open before: if the workspace was inherited from it and does not exist any more, the
    one used last takes its place.
    """
    inherited = workspace_inherited_from_prev_session and prev_session_id is not None
    session = sessions().new(
        workspace=actions.inherited_workspace(workspace) if inherited else actions.workspace(workspace),
        model=model,
        model_provider=model_provider,
        profile=profile or active_profile(),
        project_id=project_id,
        enabled_toolsets=enabled_toolsets,
    )
    return {"session": whole_session(session)}


@post("/api/session/rename")
def rename_session(session_id: SessionId, title: str) -> schemas.RenamedSession:
    """Set the title of a session: trimmed, at most 80 characters, and `Untitled` if it is empty.

    `title_before` takes that back; it is null where only a mask could be answered.
    """
    before = sessions().summary(session_id).title
    renamed = list_entry(actions.rename(session_id, title))
    return {"session": renamed, "title_before": before if masker()(before) == before else None}


@post("/api/session/update")
def update_session(
    session_id: SessionId,
    workspace: str | None = UNCHANGED,
    model: str | None = UNCHANGED,
    model_provider: str | None = UNCHANGED,
) -> schemas.ChangedWholeSession:
    """Set the workspace, the model or the model's provider. Fields that are not sent stay as they are.

    So do a workspace and a model that are null or empty. The workspace must be a folder that exists, and none
    of the system's.
    """
    given: dict[str, Any] = {"workspace": workspace or UNCHANGED, "model": model or UNCHANGED}
    given["model_provider"] = model_provider
    changes = {name: value for name, value in given.items() if value is not UNCHANGED}
    if "workspace" in changes:
        changes["workspace"] = actions.workspace(changes["workspace"])
    return {"session": _with_messages(sessions().webui.update(session_id, **changes))}


@post("/api/session/pin")
def pin_session(session_id: SessionId, pinned: bool = True) -> schemas.SuccessWithSession:
    """Pin a session to the top of the list, or with `pinned` false unpin it."""
    return {"ok": True, "session": list_entry(actions.pin(session_id, pinned))}


@post("/api/session/archive")
def archive_session(session_id: SessionId, archived: bool = True) -> schemas.SuccessWithSession:
    """Archive a session, or with `archived` false unarchive it."""
    return {"ok": True, "session": list_entry(actions.archive(session_id, archived))}


@post("/api/session/move")
def move_session(session_id: SessionId, project_id: str | None = None) -> schemas.SuccessWithSession:
    """Put a session into a project, or without a `project_id` into none."""
    return {"ok": True, "session": list_entry(actions.move(session_id, project_id))}


@post("/api/session/toolsets")
def set_toolsets(session_id: SessionId, toolsets: list[str] | None) -> schemas.Toolsets:
    """Choose the toolsets that a session may use; null means all."""
    summary = sessions().webui.update(session_id, enabled_toolsets=toolsets)
    return {"ok": True, "enabled_toolsets": summary.enabled_toolsets}


@get("/api/session/draft")
def show_draft(session_id: SessionId) -> web_ui_schemas.Draft | Response:
    """Return what the composer of the web UI holds for a session: text and files that were not sent yet.

    Nothing in it is masked: the client shows it in the composer, where it is edited and saved again.
    """
    composed = sessions().webui.composed(session_id)
    return form_response({"draft": _draft(composed), **_draft(composed)})


@post("/api/session/draft")
def save_draft(
    session_id: SessionId, text: str | None = None, files: list[Any] | None = None
) -> web_ui_schemas.SavedDraft | Response:
    """Store what the composer of the web UI holds for a session. This does not count as activity.

    What is not sent, or null, stays as it is. Text is cut to 50,000 characters, files to 50. As by `GET`,
    nothing in the answer is masked.
    """
    composed, is_new = sessions().webui.compose(session_id, text=text, files=files)
    answer: web_ui_schemas.SavedDraft = {"ok": True, "draft": _draft(composed)}
    return form_response(answer if is_new else {**answer, "unchanged": True})


def _draft(composed: Composed) -> web_ui_schemas.ComposedDraft:
    return {"text": composed.text, "files": composed.files}


# ---- the session as a whole -----------------------------------------------------------------------------


@post("/api/session/delete")
def delete_session(session_id: SessionId) -> schemas.Success:
    """Move a session to the trash, and delete it from the agent too, which keeps messaging conversations.

    The answer is the same for a session that does not exist.
    """
    with suppress(NotFound):
        actions.delete(session_id)
    return {"ok": True}


@post("/api/session/restore")
def restore_session(session_id: SessionId) -> schemas.SuccessWithSession:
    """Restore a deleted session, or the longer version of one that was shortened."""
    return {"ok": True, "session": list_entry(actions.restore(session_id))}


@post("/api/session/put_back")
def put_back(session_id: SessionId) -> schemas.PutBack:
    """Make the changes again that another program has overwritten without having read them.

    A title, a pin, an archive flag and a project are set again, messages are added or removed again, and what
    the other program added stays. A session that was deleted, and that another program wrote again, is
    deleted again: `session` is null then. 404 if nothing of the session was overwritten.
    """
    summary = sessions().lost.put_back(session_id)
    return {"ok": True, "session": None if summary is None else list_entry(summary)}


@post("/api/session/keep_theirs")
def keep_theirs(session_id: SessionId) -> schemas.SuccessWithSession:
    """Keep what another program has written over changes that were made here; 404 if there are none."""
    sessions().lost.keep_theirs(session_id)
    return {"ok": True, "session": list_entry(sessions().summary(session_id))}


@post("/api/session/undo_change")
def undo_change(session_id: SessionId) -> schemas.UndoneChange:
    """Take back the latest `recover`, `put_back` or `restore` of a longer version, as a whole.

    Messages, fields, backups and the trash are as they were; `session` is null if it did not exist then. 404
    if there is nothing to undo, 409 if the session was changed since: then nothing is undone.
    """
    sessions().undo_change(session_id)
    with suppress(NotFound):
        return {"ok": True, "session": list_entry(sessions().summary(session_id))}
    return {"ok": True, "session": None}


@post("/api/session/duplicate")
def duplicate_session(session_id: SessionId) -> schemas.ChangedWholeSession:
    """Copy a session and return the copy, whose title ends with " (copy)"."""
    return {"session": whole_session(sessions().duplicate(session_id))}


@post("/api/session/branch")
def branch_session(
    session_id: SessionId, keep_count: Count | None = None, title: str | None = None
) -> schemas.NewFork:
    """Fork a session: create a new one from its first `keep_count` messages, by default all.

    Without a title, the new session gets the old one's with " (fork)".
    """
    named = title if title and title.strip() else None
    fork = list_entry(sessions().fork(session_id, keep=keep_count, title=named))
    return {"session_id": fork["session_id"], "title": fork["title"], "parent_session_id": session_id}


@post("/api/session/import")
def import_session(document: Document) -> schemas.ImportedDocument:
    """Store a session that was exported as JSON, as a new session with a new id.

    A project that does not exist here is left out, and the active profile takes the place of one that does
    not: `warnings` says so.
    """
    imported = sessions().import_export(document, profile=active_profile())
    return {"ok": True, "session": whole_session(imported[0]), "warnings": list(imported.warnings)}


@post("/api/session/import_cli")
def import_agent_session(
    session_id: SessionId, profile: str | None = None, all_profiles: bool = False
) -> schemas.ImportedSession:
    """Import a conversation of the agent, so that it can be changed here.

    If it was imported before, the messages that the agent has added since are appended; if it is in the
    trash, it is restored. One of another profile than the active one needs that `profile` and `all_profiles`.
    """
    active = active_profile()
    if all_profiles and not profile:
        raise InvalidValue("profile is missing, which all_profiles needs")
    if profile and profile != active and not all_profiles:
        raise NotFound(f"no session {session_id} in the profile {active}")
    session, is_new = sessions().webui.import_agent_session(session_id, profile or active)
    return {"session": whole_session(session), "imported": is_new}


# ---- messages -------------------------------------------------------------------------------------------


@post("/api/session/recover")
def recover_session(session_id: SessionId) -> schemas.Recovery:
    """Close an interrupted turn: what the user had typed is kept, marked as not answered.

    This server runs no agents, so it takes the caller's word that no answer is being written.
    """
    summary = sessions().recover(session_id)
    return {"ok": True, "recovered": summary is not None, "session": list_entry(summary) if summary else None}


@post("/api/session/clear")
def clear_session(session_id: SessionId) -> schemas.SuccessWithSession:
    """Remove all messages and the title of a session. `restore` brings them back."""
    return {"ok": True, "session": list_entry(sessions().clear(session_id, title=UNTITLED))}


@post("/api/session/truncate")
def truncate_session(session_id: SessionId, keep_count: Count) -> schemas.SuccessWithWholeSession:
    """Keep the first `keep_count` messages and remove the rest. `restore` brings them back."""
    return {"ok": True, "session": _with_messages(sessions().truncate(session_id, keep_count))}


@post("/api/session/retry")
def retry_turn(session_id: SessionId) -> schemas.RemovedTurn:
    """Remove the last turn and return the user's text, to send it again. `restore` brings the turn back.

    If there is no turn to remove, the answer has only an `error`, with the status 200.
    """
    removed = _removed_turn(sessions().retry, session_id)
    if removed is None:
        return {"error": "No previous message to retry."}
    return {"ok": True, "last_user_text": removed.text, "removed_count": removed.count}


@post("/api/session/undo")
def undo_turn(session_id: SessionId) -> schemas.UndoneTurn:
    """Remove the last turn: the user's last message and what follows it. `restore` brings it back.

    If there is no turn to remove, the answer has only an `error`, with the status 200.
    """
    removed = _removed_turn(sessions().undo, session_id)
    if removed is None:
        return {"error": "Nothing to undo."}
    shown = replace(removed, text=masker()(removed.text))  # masked before it is cut
    return {"ok": True, "removed_count": removed.count, "removed_preview": shown.preview}


def _removed_turn(remove: Callable[[str], Removed], session_id: str) -> Removed | None:
    """Return what `remove` removed, None if there was nothing to remove, in the words that clients know."""
    try:
        return remove(session_id)
    except InvalidValue:
        return None
    except NotFound as error:
        raise NotFound("Session not found") from error


def _with_messages(summary: Summary) -> schemas.WholeSession:
    return whole_session(sessions().get(summary.session_id))
