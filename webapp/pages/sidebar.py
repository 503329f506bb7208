"""The sidebar beside every page: what its filters and its search leave of the sessions, grouped by day."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flask import Flask, g, request, url_for

from hermes_sessions.config import agent_profiles
from hermes_sessions.errors import InvalidValue, SessionsError, StorageError, Unreadable
from hermes_sessions.fields import LARGEST_INTEGER
from hermes_sessions.results import Hit, Project

from ..request_context import hiding_agents, redacting, sessions, settings_problem
from .sidebar_rows import Group, by_day, found_in, state

SESSIONS_A_PAGE = 50
ARCHIVED: Mapping[str, bool | None] = {"0": False, "1": True, "all": None}
SHOWN_WORDS = {"0": "Current", "1": "Archived", "all": "All"}
CLASSES = {
    "webui": "Web",
    "cli": "Command line",
    "messaging": "Messengers",
    "api": "API",
    "tool": "Sub-agents",
    "other": "Other",
}
FOOT_PAGES = (
    ("pages.list_projects", "Projects", "folder"),
    ("pages.show_import", "Import", "upload"),
    ("pages.show_findings", "Health", "stethoscope"),
    ("spending.show", "Usage", "chart-column"),
    ("pages.list_trash", "Trash", "trash-2"),
)
HELP_KEYS = (
    ("/", "Search"),
    ("j k", "Next and previous conversation"),
    ("Enter", "Open it"),
    ("e", "Archive, or take out of the archive"),
    ("p", "Pin or unpin"),
    ("r", "Rename"),
    ("m", "Move to a project"),
    ("x", "Select; then choose what to do with all selected"),
    ("#", "Delete"),
    ("z", "Take back the last act"),
    ("f", "Find in the open conversation"),
    ("Esc", "Leave the search, the selection or a field"),
    ("?", "Show these keys"),
)
FILTERS = ("profile", "project_id", "source")


@dataclass(frozen=True, slots=True)
class Sidebar:
    """What the sidebar shows: the sessions by day, or what a search found; `count` says in words how many.

    `more` is the address of the next page. `warnings` say what the list cannot show, `problem` why there is
    none.
    """

    groups: Sequence[Group] = ()
    hits: Sequence[Hit] = ()
    count: str = ""
    more: str | None = None
    projects: Mapping[str, Project] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    problem: str | None = None


def register(app: Flask) -> None:
    """Give the templates of `app` the sidebar."""
    app.jinja_env.globals.update(
        sidebar=current,
        list_link=link,
        beside=beside,
        kept_filters=kept_filters,
        session_link=session_link,
        hit_link=hit_link,
        searched=searched,
        profiles=_profiles,
        foot_pages=FOOT_PAGES,
        help_keys=HELP_KEYS,
        source_classes=CLASSES,
        shown_words=SHOWN_WORDS,
    )
    app.jinja_env.filters.update(state=state, found=found_in)


# ---- what it shows --------------------------------------------------------------------------------------


def current() -> Sidebar:
    """Return the sidebar of this request; an error is shown in it: the page beside it may be fine."""
    if "sidebar" not in g:
        try:
            g.sidebar = read()
        except SessionsError as error:
            g.sidebar = Sidebar(projects=read_projects()[0], problem=str(error))
    found: Sidebar = g.sidebar
    return found


def read(limit: int = SESSIONS_A_PAGE) -> Sidebar:
    """Return the sidebar that the query asks for; raise `InvalidValue` for a filter that cannot be."""
    projects, problem = read_projects()
    shown = _hits(limit, words) if (words := searched()) else _listed(limit)
    warnings = [*shown.warnings, *filter(None, [problem, settings_problem()])]
    return replace(shown, projects=projects, warnings=warnings)


def _listed(limit: int) -> Sidebar:
    found = sessions().list(limit=limit, cursor=request.args.get("cursor") or None, **filters())
    count = f"{found.total:,} conversation{'' if found.total == 1 else 's'}"
    more = link(cursor=found.next_cursor) if found.next_cursor else None
    return Sidebar(by_day(found.items), count=count, more=more, warnings=found.warnings)


def _hits(limit: int, words: str) -> Sidebar:
    offset = whole("offset") or 0
    found = sessions().search(words, limit=limit + 1, offset=offset, redact=redacting(), **filters())
    beyond = len(found) > limit
    total = offset + min(len(found), limit)
    count = f"{total:,} found" if not beyond else f"The best {total:,}"
    late = f"{found.missing:,} conversation{'s are' if found.missing != 1 else ' is'} still being indexed."
    warnings = [*found.warnings, *([late] if found.missing else [])]
    more = link(offset=str(offset + limit)) if beyond else None
    return Sidebar(hits=found[:limit], count=count, more=more, warnings=warnings)


def searched() -> str:
    """Return what is searched for in all conversations."""
    return request.args.get("q", "").strip()


def whole(name: str, most: int = LARGEST_INTEGER) -> int | None:
    """Return a number of the query, None if it has none; raise `InvalidValue`."""
    text = request.args.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and int(text) <= most):
        raise InvalidValue(f"{name} must be a whole number of at most {most}")
    return int(text)


def tag() -> str:
    """Return what the sidebar depends on, as an entity tag: store, projects, query, settings and the day."""
    query = sorted(request.args.items(multi=True))
    settings = (redacting(), hiding_agents(), settings_problem())
    today = datetime.now().astimezone().date()
    depends = (sessions().version(), read_projects(), query, settings, today)
    return hashlib.sha256(repr(depends).encode()).hexdigest()[:32]


def filters() -> dict[str, Any]:
    """Return the filters of the query, as arguments of `list` and `count`."""
    chosen: dict[str, Any] = {name: request.args.get(name) or None for name in FILTERS}
    archived = request.args.get("archived", "0")
    if archived not in ARCHIVED:
        raise InvalidValue(f"archived must be one of {', '.join(ARCHIVED)}")
    return chosen | {"archived": ARCHIVED[archived], "agent": not hiding_agents()}


def read_projects() -> tuple[dict[str, Project], str | None]:
    """Return the projects by id; if they cannot be read, why: the sessions can still be shown."""
    try:
        return {project.project_id: project for project in sessions().projects.list()}, None
    except (Unreadable, StorageError) as error:
        return {}, str(error)


# ---- addresses ------------------------------------------------------------------------------------------


def link(**changes: str | None) -> str:
    """Return the address of the list with this request's filters, changed; it begins at the first page."""
    return url_for("pages.list_sessions", **kept_filters(**changes))


def beside(endpoint: str, **values: Any) -> str:
    """Return an address of a page or a form that keeps this request's filters in the list beside it."""
    return url_for(endpoint, **kept_filters(), **values)


def session_link(session_id: str, **more: Any) -> str:
    """Return the address of a session that keeps this request's filters beside it."""
    return beside("pages.show_session", session_id=session_id, **more)


def hit_link(hit: Hit) -> str:
    """Return the address of the message that was found, with its words marked; of a title, the session's."""
    if hit.message_index is None:
        return session_link(hit.session_id)
    more = {"at": hit.message_index, "find": searched(), "_anchor": f"m{hit.message_index}"}
    return session_link(hit.segment_id, **more)


def kept_filters(**changes: str | None) -> dict[str, Any]:
    """Return this request's filters, changed, as they stand in a query."""
    given = {name: request.args.get(name) for name in (*FILTERS, "archived")} | {"q": searched()}
    return {name: value for name, value in {**given, **changes}.items() if value}


def _profiles() -> list[str]:
    """Return the profiles to choose from: those with an agent, and the one that is chosen."""
    chosen = request.args.get("profile")
    try:
        return sorted({*agent_profiles(sessions().config), *filter(None, [chosen])})
    except StorageError:  # the list tells of it
        return []
