"""JSON routes of projects."""

from functools import partial
from typing import cast

from flask import Blueprint

from hermes_sessions.results import Project

from .. import actions
from ..request_context import active_profile, sessions
from . import routing, schemas
from .arguments import UNCHANGED
from .entries import report_of

blueprint = Blueprint("projects", __name__)
get, post = partial(routing.get, blueprint), partial(routing.post, blueprint)


@get("/api/projects")
def list_projects(all_profiles: bool = False) -> schemas.Projects:
    """List the projects of the active profile, or of all profiles."""
    projects, active = sessions().projects.list(), active_profile()
    listed = [each for each in projects if all_profiles or each.profile == active]
    return {
        "projects": [_entry(project) for project in listed],
        "all_profiles": all_profiles,
        "active_profile": active,
        "other_profile_count": len(projects) - len(listed),
    }


@post("/api/projects/create")
def create_project(
    name: str, color: str | None = None, profile: str | None = None
) -> schemas.SuccessWithProject:
    """Create a project. `color` is `#` and 3 to 8 hex digits; the default profile is the active one."""
    project = sessions().projects.create(name, color, profile=profile or active_profile())
    return {"ok": True, "project": _entry(project)}


@post("/api/projects/rename")
def rename_project(project_id: str, name: str, color: str | None = UNCHANGED) -> schemas.SuccessWithProject:
    """Set the name of a project, and its colour if `color` is sent; null removes the colour."""
    given = {} if color is UNCHANGED else {"color": color}
    return {"ok": True, "project": _entry(actions.rename_project(project_id, name, **given))}


@post("/api/projects/delete")
def delete_project(project_id: str) -> schemas.Success:
    """Delete a project. Its conversations are kept, without a project."""
    sessions().projects.delete(project_id)
    return {"ok": True}


@post("/api/projects/restore")
def restore_project(project_id: str) -> schemas.ManyChanged:
    """Bring back a project that was deleted in the last 30 days, with its sessions.

    Sessions that are in another project since stay there.
    """
    return report_of(sessions().projects.restore(project_id))


def _entry(project: Project) -> schemas.Project:
    return cast(schemas.Project, project.as_dict())
