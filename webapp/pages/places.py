"""Projects, tags and states as places of the sidebar: links to their conversations, and forms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import nlargest
from typing import Any, Literal

from flask import Blueprint, Flask, Response, g, request, url_for

from hermes_sessions.errors import SessionsError
from hermes_sessions.results import Facets, Project

from .. import actions
from ..request_context import active_profile, sessions, settings
from . import links, rendering, sidebar
from .list_filters import NO_PROJECT

blueprint = Blueprint("places", __name__)

MOST_PROJECTS, MOST_TAGS = 4, 5  # that are shown before somebody asks for all
# What a project can be coloured with from its menu: each has a contrast of 3 to the sidebar in both themes.
PALETTE: Sequence[tuple[str, str]] = (
    ("Teal", "#0d9488"),
    ("Blue", "#2563eb"),
    ("Orange", "#c2570c"),
    ("Purple", "#9333ea"),
    ("Red", "#dc2626"),
    ("Green", "#15923f"),
    ("Pink", "#db2777"),
    ("Grey", "#6b7280"),
)
Kind = Literal["view", "project", "tag"]
VIEWS: Sequence[tuple[str, Mapping[str, str]]] = (
    ("All", {}),
    ("Interrupted", {"interrupted": "1"}),
    ("Archived", {"archived": "1"}),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A link to conversations that have something in common.

    `key` is the id of a project, or the name of a tag. `count` is how many they are, None if that cannot be
    read. `chosen` is whether the list shows them; the link then leads to all conversations.
    """

    kind: Kind
    key: str
    name: str
    count: int | None
    href: str
    chosen: bool
    color: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """The places that are shown; `whole` is whether these are all, and the numbers are of all there are."""

    views: Sequence[Place]
    unassigned: Place
    projects: Sequence[Place]
    tags: Sequence[Place]
    project_count: int
    tag_count: int
    whole: bool

    @property
    def hidden_count(self) -> tuple[int, int]:
        """How many projects and tags are not shown."""
        return self.project_count - len(self.projects), self.tag_count - len(self.tags)

    @property
    def chosen(self) -> Place | None:
        """The project or the tag whose conversations the list shows."""
        return next((each for each in (*self.projects, *self.tags) if each.chosen), None)


def register(app: Flask) -> None:
    """Give the templates of `app` the places of a request, and the colours of projects."""
    app.jinja_env.globals.update(places_of_request=current, palette=PALETTE, no_project=NO_PROJECT)


# ---- decisions ------------------------------------------------------------------------------------------


def shown_projects(
    projects: Iterable[Project], facets: Facets, chosen: str | None, profile: str | None, most: int | None
) -> list[Project]:
    """Return the projects to show, in the order of their names: those active last, and the chosen one.

    `profile` is the one whose projects are shown, None for all profiles; `most` None shows all.
    """
    listed = [each for each in projects if profile in (None, each.profile) or each.project_id == chosen]
    ids = _first({each.project_id: _active_at(each, facets) for each in listed}, chosen, most)
    return sorted((each for each in listed if each.project_id in ids), key=lambda each: _order(each.name))


def shown_tags(counts: Mapping[str, int], chosen: str | None, most: int | None) -> list[str]:
    """Return the tags to show, in the order of their names: the most frequent, and the chosen one."""
    return sorted(_first(counts, chosen if chosen in counts else None, most), key=_order)


def _first(ranks: Mapping[str, float], chosen: str | None, most: int | None) -> set[str]:
    if most is None:
        return set(ranks)
    if len(ranks) == most + 1:  # the link to all would take the place of the last one
        most += 1
    best = nlargest(most, ranks, key=lambda each: (each == chosen, ranks[each]))
    return set(best)


def _active_at(project: Project, facets: Facets) -> float:
    return max(project.created_at, facets.projects_active_at.get(project.project_id, 0.0))


def _order(name: str) -> tuple[str, str]:
    return name.casefold(), name


# ---- the places of a request ----------------------------------------------------------------------------


def current() -> Places | None:
    """Return the request's places; None for the next rows of a list, which leave them as they are."""
    if request.endpoint == "pages.list.show_sidebar" and {"cursor", "offset"} & request.args.keys():
        return None
    if "places" not in g:
        g.places = _read(whole=request.args.get("places") == "all")
    places: Places = g.places
    return places


def _read(whole: bool) -> Places:
    counted, known = _facets(), sidebar.read_projects().by_id.values()
    facets, active, at = counted or Facets(), active_profile(), request.args
    profile = None if whole else active
    projects = shown_projects(known, facets, at.get("project_id"), profile, None if whole else MOST_PROJECTS)
    tags = shown_tags(facets.tags, at.get("tag"), None if whole else MOST_TAGS)
    read = Places(
        views=[
            _place("view", name, name, number, filters)
            for (name, filters), number in zip(VIEWS, _numbers(facets), strict=True)
        ],
        unassigned=_place("project", "", "No project", facets.unassigned, {"project_id": NO_PROJECT}),
        projects=[_project(each, facets, active) for each in projects],
        tags=[_place("tag", name, name, facets.tags[name], {"tag": name}) for name in tags],
        project_count=len(known),
        tag_count=len(facets.tags),
        whole=whole,
    )
    return read if counted else _uncounted(read)


def _numbers(facets: Facets) -> tuple[int, int, int]:
    """Return the numbers of `VIEWS`."""
    return facets.total, facets.interrupted, facets.archived


def _uncounted(read: Places) -> Places:
    """Return places without their numbers, which could not be read."""
    unknown = partial(replace, count=None)
    return replace(
        read,
        views=list(map(unknown, read.views)),
        unassigned=unknown(read.unassigned),
        projects=list(map(unknown, read.projects)),
    )


def _facets() -> Facets | None:
    """Return the counts, None if they cannot be read: the list says why."""
    try:
        return sessions().facets(agent=settings().show_agents is not False, version=sidebar.current().version)
    except SessionsError:
        return None


def _project(project: Project, facets: Facets, active: str) -> Place:
    count = facets.projects.get(project.project_id, 0)
    place = _place("project", project.project_id, project.name, count, {"project_id": project.project_id})
    return replace(place, color=project.color, profile=project.profile if project.profile != active else None)


def _place(kind: Kind, key: str, name: str, count: int, filters: Mapping[str, str]) -> Place:
    """Return a place; the link of the chosen one leads back to all conversations."""
    chosen = _is_chosen(filters)
    leads_to: dict[str, Any] = {} if chosen else dict(filters)
    href = url_for("pages.list.show", sort=links.kept_filters().get("sort"), **leads_to)
    return Place(kind, key, name, count, href, chosen)


def _is_chosen(filters: Mapping[str, str]) -> bool:
    if not filters:
        return not (links.is_filtered() or links.search_text())
    return all(request.args.get(name) == value for name, value in filters.items())


@blueprint.get("/places")
def show() -> Response:
    """Return the places alone, for the script that shows all of them."""
    return rendering.page("places.html")


@blueprint.get("/projects")
def show_list() -> Response:
    """Redirect to the list, which has the projects beside it: bookmarks lead here."""
    return rendering.found_at(url_for("pages.list.show"))


# ---- forms ----------------------------------------------------------------------------------------------


@blueprint.post("/places/projects")
def create_project() -> Response:
    """Create a project with the name of the form."""
    projects = sessions().projects
    _, color = PALETTE[len(projects.list()) % len(PALETTE)]
    projects.create(request.form.get("name", ""), color, profile=active_profile())
    return rendering.see_other(links.list_link(done="project-create"))


@blueprint.post("/places/projects/<project_id>")
def change_project(project_id: str) -> Response:
    """Give a project the name and the colour of the form.

    A form that does not show the name, because it is masked, keeps it while nothing is typed.
    """
    name, color = request.form.get("name", ""), request.form.get("color") or None
    if not name.strip() and "keep" in request.form:
        name = actions.project_name(project_id) or ""
    actions.rename_project(project_id, name, color=color)
    return rendering.see_other(links.list_link(done="project-rename"))


@blueprint.post("/places/projects/<project_id>/delete")
def delete_project(project_id: str) -> Response:
    """Delete a project; its conversations are kept."""
    sessions().projects.delete(project_id)
    undo = {"done": "project-delete", "undo_project": project_id}
    return rendering.see_other(links.list_link(project_id=None, **undo))


@blueprint.post("/places/projects/<project_id>/restore")
def restore_project(project_id: str) -> Response:
    """Bring back a deleted project with its conversations."""
    sessions().projects.restore(project_id)
    return rendering.see_other(links.list_link(done="restore"))


@blueprint.post("/places/tags/rename")
def rename_tag() -> Response:
    """Give the tag of the form another name, or merge it with the tag of that name."""
    new = request.form.get("new", "")
    sessions().rename_tag(actions.known_tag(request.form.get("name", "")), new)
    return rendering.see_other(links.list_link(tag=new, done="tag-rename"))


@blueprint.post("/places/tags/delete")
def delete_tag() -> Response:
    """Remove the tag of the form from all conversations."""
    name = actions.known_tag(request.form.get("name", ""))
    sessions().remove_tag(name)
    return rendering.see_other(links.list_link(tag=None, done="tag-delete", undo_tag=rendering.mask(name)))


@blueprint.post("/places/tags/restore")
def restore_tag() -> Response:
    """Give the tag of the form back to the conversations that had it before it was deleted or renamed."""
    actions.restore_tag(request.form.get("name", ""))
    return rendering.see_other(links.list_link(done="restore"))
