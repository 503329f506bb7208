"""The JSON routes that look after a home: projects, the trash, what is wrong, usage, health."""

import time
from collections.abc import Iterable
from functools import partial
from typing import Any, Literal

from flask import Blueprint

from hermes_sessions.errors import InvalidValue, NotFound
from hermes_sessions.fields import UNTITLED
from hermes_sessions.results import Finding, Project, Usage, mended, total_usage

from ..request_context import masked, masker, sessions
from . import routing as wire
from . import schemas as answers
from .routing import UNCHANGED, SessionId

care = Blueprint("care", __name__)
get, post = partial(wire.get, care), partial(wire.post, care)

By = Literal["day", "model", "source", "project", "profile"]
STARTED = time.monotonic()


# ---- projects -------------------------------------------------------------------------------------------


@get("/api/projects")
def list_projects() -> answers.Projects:
    return {"projects": [_project(project) for project in sessions().projects.list()]}


@post("/api/projects/create")
def create_project(name: str, color: str | None = None) -> answers.DoneProject:
    return {"ok": True, "project": _project(sessions().projects.create(name, color))}


@post("/api/projects/rename")
def rename_project(project_id: str, name: str, color: str | None = UNCHANGED) -> answers.DoneProject:
    given = {} if color is UNCHANGED else {"color": color}
    return {"ok": True, "project": _project(sessions().projects.rename(project_id, name, **given))}


@post("/api/projects/delete")
def delete_project(project_id: str) -> answers.Done:
    sessions().projects.delete(project_id)
    return {"ok": True}


def _project(project: Project) -> Any:
    return project.as_dict() | {"name": masker()(project.name)}


# ---- the trash ------------------------------------------------------------------------------------------


@get("/api/trash")
def list_trash() -> answers.Trash:
    return {"trash": [masked(each.as_dict()) for each in sessions().trash()]}


@post("/api/trash/purge")
def purge_trash(session_id: SessionId | None = None, all: bool = False) -> answers.Purged:  # the field's name
    """Erase for good one deleted session, with every copy of it that lies in the trash, or all of them."""
    if all == (session_id is not None):
        raise InvalidValue("say either which session_id, or all: true")
    purged = sessions().purge(older_than=0) if session_id is None else sessions().erase(session_id)
    return {"ok": True, "purged": purged}


# ---- empty sessions -------------------------------------------------------------------------------------


@post("/api/sessions/cleanup")
def clean_untitled() -> answers.Cleaned:
    return {"ok": True, "cleaned": _clean(untitled_only=True)}


@post("/api/sessions/cleanup_zero_message")
def clean_empty() -> answers.Cleaned:
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
    by: By = "day", since: float | None = None, agent: bool = True, hidden: bool = True
) -> answers.Usage:
    found = sessions().usage(by=by, since=since, agent=agent, hidden=hidden)
    total, *sums = _told([total_usage(found), *found])
    return {"by": by, "since": since, "usage": sums, "total": total}


@get("/api/check")
def list_findings(deep: bool = False) -> answers.Findings:
    return {"findings": _told(sessions().check(deep=deep))}


@post("/api/repair")
def repair_home(apply: bool = False) -> answers.Repaired:
    """Return what could be mended without asking; with `apply` mend it and return what is still wrong."""
    mendable = sessions().repair()
    found = sessions().repair(apply=True) if apply else mendable
    return {"applied": apply, "mended": mended(mendable, found), "findings": _told(found)}


def _told(values: Iterable[Usage | Finding]) -> list[Any]:
    return [value.as_dict() for value in values]


@get("/health")
def show_health() -> answers.Health:
    uptime = round(time.monotonic() - STARTED, 1)
    return {"status": "ok", "sessions": sessions().count(), "uptime_seconds": uptime}
