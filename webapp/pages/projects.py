"""The projects: a page that lists them, and the forms that create, change and delete them."""

from flask import Blueprint, Response, request, url_for

from .. import actions
from ..request_context import sessions
from . import rendering

blueprint = Blueprint("projects", __name__)


@blueprint.get("/projects")
def show() -> Response:
    """Show the projects, each with its forms and the number of its conversations."""
    projects = sessions().projects.list()
    counts = {project.project_id: sessions().count(project_id=project.project_id) for project in projects}
    return rendering.page("projects.html", projects=projects, counts=counts)


@blueprint.post("/projects")
def create() -> Response:
    """Create a project with the name and the colour of the form."""
    sessions().projects.create(request.form.get("name", ""), request.form.get("color") or None)
    return rendering.see_other(url_for("pages.projects.show", done="project-create"))


@blueprint.post("/projects/<project_id>/rename")
def rename(project_id: str) -> Response:
    """Give a project the name and the colour of the form.

    A form that does not show the name, because it is masked, keeps it while nothing is typed.
    """
    name, color = request.form.get("name", ""), request.form.get("color") or None
    if not name.strip() and "keep" in request.form:
        name = actions.project_name(project_id) or ""
    actions.rename_project(project_id, name, color=color)
    return rendering.see_other(url_for("pages.projects.show", done="project-rename"))


@blueprint.post("/projects/<project_id>/delete")
def delete(project_id: str) -> Response:
    """Delete a project; its conversations are kept."""
    sessions().projects.delete(project_id)
    return rendering.see_other(url_for("pages.projects.show", done="project-delete"))
