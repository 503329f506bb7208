"""The JSON routes that the web UI's client speaks: each a few lines over the repository."""

import hashlib
import time
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from hermes_sessions.errors import NotFound
from hermes_sessions.model import UNTITLED, Session, Summary, pending
from hermes_sessions.results import Project, total_usage

from . import wire
from .store import masked, masker, redacting, sessions, settings_problem, showing_agents
from .wire import Answer

api = Blueprint("api", __name__)
get, post = partial(wire.get, api), partial(wire.post, api)

LONGEST_TITLE = 80
STARTED = time.monotonic()
UNCHANGED: Any = object()

STATUS_FIELDS = (
    "session_id title workspace model model_provider profile created_at updated_at last_message_at "
    "message_count active_stream_id pending_user_message"
).split()
USAGE_FIELDS = (
    "session_id title model model_provider profile message_count input_tokens output_tokens estimated_cost "
    "context_length threshold_tokens last_prompt_tokens cache_read_tokens cache_write_tokens"
).split()


def _entry(session: Summary | Session) -> dict[str, Any]:
    """Return the list entry of a session, safe to show."""
    summary = session if isinstance(session, Summary) else session.summary()
    return masked(summary.as_dict())


# ---- reading --------------------------------------------------------------------------------------------


@get("/api/sessions")
def list_sessions(
    *,
    limit: int | None = None,
    cursor: str | None = None,
    profile: str | None = None,
    project_id: str | None = None,
    source: str | None = None,
    archived: bool | None = None,
    agent: bool | None = None,
    hidden: bool = False,
) -> Answer:
    tag = _list_tag()  # before the list is read: a change meanwhile makes the next request ask again
    if request.if_none_match.contains_weak(tag):
        return _tagged(Response(status=304), tag)
    page = sessions().list(
        limit=limit,
        cursor=cursor,
        profile=profile,
        project_id=project_id,
        source=source,
        archived=archived,
        agent=showing_agents() if agent is None else agent,
        hidden=hidden,
    )
    entries = [_entry(summary) for summary in page.items]
    body = {
        "sessions": entries,
        "cli_count": sum(summary.is_cli_session for summary in page.items),
        "server_time": time.time(),
        "server_tz": time.strftime("%z"),
        "next_cursor": page.next_cursor,
        "total": page.total,
        "warnings": [*page.warnings, *filter(None, [settings_problem()])],
    }
    return _tagged(wire.answer(body), tag)


def _list_tag() -> str:
    """Return what a list depends on, as an entity tag: the store, the query and the settings in effect."""
    query = sorted(request.args.items(multi=True))
    settings = (redacting(), showing_agents(), settings_problem())
    return hashlib.sha256(repr((sessions().version(), query, settings)).encode()).hexdigest()[:32]


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)  # weak: the answer also holds the server's time
    return response


@get("/api/session")
def show_session(
    session_id: str, messages: bool = True, msg_limit: int | None = None, msg_before: int | None = None
) -> Answer:
    if not messages:
        summary = sessions().summary(session_id)
        return {"session": masked(summary.as_dict() | pending(summary))}
    if msg_limit is None and msg_before is None:
        whole = sessions().get(session_id).as_dict()
        return {"session": masked(whole) | {"_messages_truncated": False, "_messages_offset": 0}}
    return {"session": _page(session_id, msg_limit, msg_before)}


def _page(session_id: str, limit: int | None, before: int | None) -> dict[str, Any]:
    summary = sessions().summary(session_id)
    page = sessions().messages(session_id, before=before, limit=limit)
    transcript = {"messages": page.messages, "tool_calls": page.tool_calls}
    entry = masked(summary.as_dict() | pending(summary) | transcript)
    return entry | {"_messages_truncated": page.offset > 0, "_messages_offset": page.offset}


@get("/api/session/status")
def show_status(session_id: str) -> Answer:
    entry = _entry(sessions().summary(session_id))
    return {name: entry[name] for name in STATUS_FIELDS} | {"agent_running": entry["is_streaming"]}


@get("/api/session/usage")
def show_usage(session_id: str) -> Answer:
    entry = _entry(sessions().summary(session_id))
    total = entry["input_tokens"] + entry["output_tokens"]
    return {name: entry.get(name) for name in USAGE_FIELDS} | {"total_tokens": total}


@get("/api/session/export")
def export_session(session_id: str, format: str = "json") -> Answer:
    text = sessions().export(session_id, format, redact=redacting())
    response = Response(wire.encode_text(text), mimetype="application/json")
    response.headers.set("Content-Disposition", "attachment", filename=f"hermes-{session_id}.json")
    return response


@get("/api/projects")
def list_projects() -> Answer:
    return {"projects": [_project(project) for project in sessions().projects.list()]}


def _project(project: Project) -> dict[str, Any]:
    return project.as_dict() | {"name": masker()(project.name)}


@get("/api/usage")
def add_up_usage(
    by: str = "day", since: float | None = None, agent: bool = True, hidden: bool = True
) -> Answer:
    found = sessions().usage(by=by, since=since, agent=agent, hidden=hidden)
    total = total_usage(found).as_dict()
    return {"by": by, "since": since, "usage": [each.as_dict() for each in found], "total": total}


@get("/api/trash")
def list_trash() -> Answer:
    return {"trash": [masked(each.as_dict()) for each in sessions().trash()]}


@get("/api/check")
def list_findings(deep: bool = False) -> Answer:
    return {"findings": [finding.as_dict() for finding in sessions().check(deep=deep)]}


@get("/health")
def show_health() -> Answer:
    uptime = round(time.monotonic() - STARTED, 1)
    return {"status": "ok", "sessions": sessions().count(), "uptime_seconds": uptime}


# ---- changing a session ---------------------------------------------------------------------------------


@post("/api/session/new")
def new_session(
    workspace: str | None = None,
    model: str | None = None,
    model_provider: str | None = None,
    profile: str | None = None,
) -> Answer:
    session = sessions().new(workspace=workspace, model=model, model_provider=model_provider, profile=profile)
    return {"session": masked(session.as_dict())}


@post("/api/session/rename")
def rename_session(session_id: str, title: str) -> Answer:
    return {"session": _entry(sessions().update(session_id, title=cleaned_title(title)))}


def cleaned_title(title: str) -> str:
    """Return a title as it is stored: trimmed, 80 characters, never empty."""
    return title.strip()[:LONGEST_TITLE].strip() or UNTITLED


@post("/api/session/update")
def update_session(
    session_id: str,
    workspace: str | None = UNCHANGED,
    model: str | None = UNCHANGED,
    model_provider: str | None = UNCHANGED,
) -> Answer:
    given: dict[str, Any] = {"workspace": workspace, "model": model, "model_provider": model_provider}
    changes = {name: value for name, value in given.items() if value is not UNCHANGED}
    return {"session": _entry(sessions().update(session_id, **changes))}


@post("/api/session/pin")
def pin_session(session_id: str, pinned: bool = True) -> Answer:
    return {"ok": True, "session": _entry(sessions().update(session_id, touch=False, pinned=pinned))}


@post("/api/session/archive")
def archive_session(session_id: str, archived: bool = True) -> Answer:
    return {"ok": True, "session": _entry(sessions().update(session_id, touch=False, archived=archived))}


@post("/api/session/move")
def move_session(session_id: str, project_id: str | None) -> Answer:
    return {"ok": True, "session": _entry(move(session_id, project_id))}


def move(session_id: str, project_id: str | None) -> Summary:
    """Put a session into a project, into none for an empty id; `NotFound` if there is no such project."""
    if project_id and all(project.project_id != project_id for project in sessions().projects.list()):
        raise NotFound("no such project")
    return sessions().update(session_id, touch=False, project_id=project_id or None)


@post("/api/session/toolsets")
def set_toolsets(session_id: str, toolsets: list[str] | None) -> Answer:
    summary = sessions().update(session_id, enabled_toolsets=toolsets)
    return {"ok": True, "enabled_toolsets": summary.enabled_toolsets}


@post("/api/session/delete")
def delete_session(session_id: str) -> Answer:
    with suppress(NotFound):  # gone is what was asked for
        sessions().delete_everywhere(session_id)
    return {"ok": True}


@post("/api/session/restore")
def restore_session(session_id: str) -> Answer:
    return {"ok": True, "session": _entry(sessions().restore(session_id))}


@post("/api/session/recover")
def recover_session(session_id: str) -> Answer:
    """Close an interrupted turn; this server runs no streams, so whoever asks says that it is dead."""
    summary = sessions().recover(session_id)
    return {"ok": True, "recovered": summary is not None, "session": summary and _entry(summary)}


@post("/api/session/clear")
def clear_session(session_id: str) -> Answer:
    return {"ok": True, "session": _entry(sessions().clear(session_id))}


@post("/api/session/truncate")
def truncate_session(session_id: str, keep_count: int) -> Answer:
    return {"ok": True, "session": _entry(sessions().truncate(session_id, keep_count))}


@post("/api/session/branch")
def branch_session(session_id: str, keep_count: int | None = None, title: str | None = None) -> Answer:
    named = cleaned_title(title) if title and title.strip() else None
    entry = _entry(sessions().fork(session_id, keep=keep_count, title=named))
    return {name: entry[name] for name in ("session_id", "title", "parent_session_id")}


@post("/api/session/duplicate")
def duplicate_session(session_id: str) -> Answer:
    return {"session": _entry(sessions().duplicate(session_id))}


@post("/api/session/retry")
def retry_turn(session_id: str) -> Answer:
    removed = sessions().retry(session_id)
    return {"ok": True, "last_user_text": masker()(removed.text), "removed_count": removed.count}


@post("/api/session/undo")
def undo_turn(session_id: str) -> Answer:
    removed = sessions().undo(session_id)
    return {"ok": True, "removed_count": removed.count, "removed_preview": masker()(removed.preview)}


@post("/api/session/import")
def import_session() -> Answer:
    return {"ok": True, "session": _entry(sessions().import_document(wire.json_body()))}


@post("/api/session/import_cli")
def import_agent_session(session_id: str) -> Answer:
    session, new = sessions().import_agent_session(session_id)
    return {"session": masked(session.as_dict()), "imported": new}


# ---- projects and housekeeping --------------------------------------------------------------------------


@post("/api/projects/create")
def create_project(name: str, color: str | None = None) -> Answer:
    return {"ok": True, "project": _project(sessions().projects.create(name, color))}


@post("/api/projects/rename")
def rename_project(project_id: str, name: str, color: str | None = UNCHANGED) -> Answer:
    given = {} if color is UNCHANGED else {"color": color}
    return {"ok": True, "project": _project(sessions().projects.rename(project_id, name, **given))}


@post("/api/projects/delete")
def delete_project(project_id: str) -> Answer:
    sessions().projects.delete(project_id)
    return {"ok": True}


@post("/api/sessions/cleanup")
def clean_untitled() -> Answer:
    return {"ok": True, "cleaned": _clean(untitled_only=True)}


@post("/api/sessions/cleanup_zero_message")
def clean_empty() -> Answer:
    return {"ok": True, "cleaned": _clean(untitled_only=False)}


def _clean(*, untitled_only: bool) -> int:
    """Move empty sessions into the trash and return how many; a draft stays, it is about to be written in."""
    listed = sessions().list(hidden=True).items
    empty = [each for each in listed if not each.message_count and not each.waiting]
    cleaned = [_clean_one(each.session_id) for each in empty if not untitled_only or each.title == UNTITLED]
    return sum(cleaned)


def _clean_one(session_id: str) -> bool:
    try:
        session = sessions().get(session_id)
        if session.messages or session.draft:
            return False
        sessions().delete(session_id)
    except NotFound:
        return False
    return True
