"""The verbs `projects ...`, and a project found by its id or name."""

from __future__ import annotations

import click

from ..errors import InvalidValue, NotFound, Unreadable
from ..repository import SessionRepository
from ..results import Project
from .base import Home, Verbs, json_option
from .terminal import print_json, print_table, report, warn


@click.group(cls=Verbs)
def projects() -> None:
    """List, create, rename and delete projects."""


@projects.command("list")
@json_option
@click.pass_obj
def list_projects(home: Home, as_json: bool) -> None:
    """List the projects and how many sessions each has."""
    with home.open() as sessions:
        found = sessions.projects.list()
        counts = [sessions.count(project_id=project.project_id) for project in found]
    if as_json:
        print_json(
            [project.as_dict() | {"sessions": count} for project, count in zip(found, counts, strict=True)]
        )
        return
    rows = [
        (project.project_id, str(count), project.color or "", project.name)
        for project, count in zip(found, counts, strict=True)
    ]
    print_table(("ID", "SESSIONS", "COLOUR", "NAME"), rows)


@projects.command("create")
@click.argument("name")
@click.option("--color", help="# and 3 to 8 hex digits.")
@json_option
@click.pass_obj
def create_project(home: Home, name: str, color: str | None, as_json: bool) -> None:
    """Add a project."""
    with home.open() as sessions:
        project = sessions.projects.create(name, color)
    report(project.as_dict(), f"{project.project_id}: {project.name}", as_json)


@projects.command("rename")
@click.argument("project")
@click.argument("name")
@click.option("--color", help="# and 3 to 8 hex digits.")
@json_option
@click.pass_obj
def rename_project(home: Home, project: str, name: str, color: str | None, as_json: bool) -> None:
    """Give a PROJECT, named by its id or name, another NAME."""
    colored = {} if color is None else {"color": color}
    with home.open() as sessions:
        found = find_project(sessions, project)
        renamed = sessions.projects.rename(found.project_id, name, **colored)
    report(renamed.as_dict(), f"{renamed.project_id}: {renamed.name}", as_json)


@projects.command("delete")
@click.argument("project")
@json_option
@click.pass_obj
def delete_project(home: Home, project: str, as_json: bool) -> None:
    """Delete a PROJECT, named by its id or name; its sessions stay."""
    with home.open() as sessions:
        found = find_project(sessions, project)
        sessions.projects.delete(found.project_id)
    report({"deleted": found.project_id}, f"{found.project_id}: deleted {found.name}", as_json)


def find_project(sessions: SessionRepository, wanted: str) -> Project:
    """Return the project of this id, else of this name; raise `NotFound`, `InvalidValue` for several."""
    known = sessions.projects.list()
    found = [project for project in known if project.project_id == wanted]
    found = found or [project for project in known if project.name == wanted]
    if not found:
        raise NotFound(f"no project {wanted}")
    if len(found) > 1:
        ids = ", ".join(project.project_id for project in found)
        raise InvalidValue(f"several projects are named {wanted}; use an id: {ids}")
    return found[0]


def project_names(sessions: SessionRepository) -> dict[str, str]:
    """Return each project's name by its id; if they cannot be read, that is said and the list goes on."""
    try:
        return {project.project_id: project.name for project in sessions.projects.list()}
    except Unreadable as error:
        warn([str(error)])
        return {}
