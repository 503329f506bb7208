"""The JSON routes that look after a home: projects, the trash, what is wrong, usage, health."""

import time
from functools import partial
from typing import Any

from flask import Blueprint

from hermes_sessions.errors import InvalidValue, NotFound
from hermes_sessions.model import UNTITLED
from hermes_sessions.results import Project, total_usage

from . import wire
from .store import masked, masker, sessions
from .wire import Answer

care = Blueprint("care", __name__)
get, post = partial(wire.get, care), partial(wire.post, care)

STARTED = time.monotonic()
UNCHANGED: Any = object()


# ---- projects -------------------------------------------------------------------------------------------


@get("/api/projects")
def list_projects() -> Answer:
    return {"projects": [_project(project) for project in sessions().projects.list()]}


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


def _project(project: Project) -> dict[str, Any]:
    return project.as_dict() | {"name": masker()(project.name)}


# ---- the trash ------------------------------------------------------------------------------------------


@get("/api/trash")
def list_trash() -> Answer:
    return {"trash": [masked(each.as_dict()) for each in sessions().trash()]}


@post("/api/trash/purge")
def purge_trash(session_id: str | None = None, all: bool = False) -> Answer:  # the field's name
    """Erase for good one deleted session, with every copy of it that lies in the trash, or all of them."""
    if all == (session_id is not None):
        raise InvalidValue("say either which session_id, or all: true")
    purged = sessions().purge(older_than=0) if session_id is None else sessions().erase(session_id)
    return {"ok": True, "purged": purged}


# ---- empty sessions -------------------------------------------------------------------------------------


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


# ---- the home -------------------------------------------------------------------------------------------


@get("/api/usage")
def add_up_usage(
    by: str = "day", since: float | None = None, agent: bool = True, hidden: bool = True
) -> Answer:
    found = sessions().usage(by=by, since=since, agent=agent, hidden=hidden)
    total = total_usage(found).as_dict()
    return {"by": by, "since": since, "usage": [each.as_dict() for each in found], "total": total}


@get("/api/check")
def list_findings(deep: bool = False) -> Answer:
    return {"findings": [finding.as_dict() for finding in sessions().check(deep=deep)]}


@post("/api/repair")
def repair_home(apply: bool = False) -> Answer:
    """Return what could be mended without asking; with `apply` mend it and return what is still wrong."""
    findings = [finding.as_dict() for finding in sessions().repair(apply=apply)]
    return {"applied": apply, "findings": findings}


@get("/health")
def show_health() -> Answer:
    uptime = round(time.monotonic() - STARTED, 1)
    return {"status": "ok", "sessions": sessions().count(), "uptime_seconds": uptime}
