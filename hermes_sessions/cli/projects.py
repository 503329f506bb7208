"""The verbs `projects ...`, and the projects that other verbs name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import StorageError, Unreadable
from ..messages import mask
from .base import confirm, json_option, redact_option, refuse_without_terminal, yes_option
from .complete import complete_projects
from .groups import OrderedGroup
from .home import SelectedHome
from .output import Output, output_options, print_csv, print_ids
from .terminal import masked, print_json, print_table, report, visible, warn

if TYPE_CHECKING:
    from ..repository import SessionRepository
    from ..results import Project

color_option = click.option("--color", help="Colour as # and 3 to 8 hex digits.")


@click.group(cls=OrderedGroup)
def projects() -> None:
    """List, create, rename and delete projects.

    A PROJECT is named by its id or its name.
    """


@projects.command("list")
@redact_option
@output_options("json", "csv", "ids")
@click.pass_obj
def list_projects(home: SelectedHome, redact: bool, output: Output) -> None:
    """List projects and how many sessions each has."""
    with home.open() as sessions:
        counted = [
            (project, sessions.count(project_id=project.project_id)) for project in sessions.projects.list()
        ]
    if output == "ids":
        print_ids(project.project_id for project, _ in counted)
        return
    if output == "csv":
        cells = [(each.project_id, masked(each.name, redact), each.color, count) for each, count in counted]
        print_csv(("project_id", "name", "color", "sessions"), cells)
        return
    if output == "json":
        entries = [project.as_dict() | {"sessions": count} for project, count in counted]
        print_json([entry | {"name": masked(entry["name"], redact)} for entry in entries])
        return
    rows = [
        (project.project_id, str(count), project.color or "", masked(project.name, redact))
        for project, count in counted
    ]
    print_table(("ID", "SESSIONS", "COLOUR", "NAME"), rows)


@projects.command("create")
@click.argument("name")
@color_option
@json_option
@click.pass_obj
def create_project(home: SelectedHome, name: str, color: str | None, as_json: bool) -> None:
    """Create a project."""
    with home.open() as sessions:
        project = sessions.projects.create(name, color)
    report(_entry(project), f"{project.project_id}: {mask(project.name)}", as_json)


@projects.command("rename")
@click.argument("project", shell_complete=complete_projects)
@click.argument("name")
@color_option
@json_option
@click.pass_obj
def rename_project(home: SelectedHome, project: str, name: str, color: str | None, as_json: bool) -> None:
    """Change the name of a project, and its colour."""
    colored = {} if color is None else {"color": color}
    with home.open() as sessions:
        target = sessions.projects.find(project)
        renamed = sessions.projects.rename(target.project_id, name, **colored)
    report(_entry(renamed), f"{renamed.project_id}: {mask(renamed.name)}", as_json)


@projects.command("delete")
@click.argument("project", shell_complete=complete_projects)
@yes_option
@json_option
@click.pass_obj
def delete_project(home: SelectedHome, project: str, yes: bool, as_json: bool) -> None:
    """Delete a project, keeping its sessions."""
    refuse_without_terminal(yes, can_show=False)
    with home.open() as sessions:
        target = sessions.projects.find(project)
        count = sessions.count(project_id=target.project_id, hidden=True)
        kept = f"Its {count} session{'' if count == 1 else 's'} will be in no project. " if count else ""
        confirm(f"{kept}Delete the project {visible(mask(target.name))}?", yes=yes)
        sessions.projects.delete(target.project_id)
    report({"deleted": target.project_id}, f"{target.project_id}: deleted {mask(target.name)}", as_json)


def _entry(project: Project) -> dict[str, object]:
    return project.as_dict() | {"name": mask(project.name)}


def find_project_id(sessions: SessionRepository, project: str | None) -> str | None:
    """Return the id of a project given by id or name; None if no project is given."""
    return None if project is None else sessions.projects.find(project).project_id


def project_names(sessions: SessionRepository) -> dict[str, str]:
    """Return each project's name by its id; if projects.json cannot be read, warn and return none."""
    try:
        return {project.project_id: project.name for project in sessions.projects.list()}
    except (Unreadable, StorageError) as error:
        warn([str(error)])
        return {}
