"""The sidebar beside every page: what its filters and its search leave of the sessions, grouped by day."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from flask import Flask, g, request, url_for

from hermes_sessions.config import agent_profiles
from hermes_sessions.errors import InvalidValue, SessionsError, StorageError, Unreadable
from hermes_sessions.model import Summary
from hermes_sessions.results import Page, Project

from . import render
from .store import hiding_agents, redacting, sessions, settings_problem

SESSIONS_A_PAGE = 50
# A stream that is not ours may still write: a turn sent so lately is not called interrupted.
STREAM_SECONDS = 900
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
    ("Esc", "Leave the search, the selection or a field"),
    ("?", "Show these keys"),
)
FILTERS = ("profile", "project_id", "source")
KEPT = ("q", *FILTERS, "archived")


@dataclass(frozen=True, slots=True)
class Group:
    """Sessions of one day, or the pinned ones; `key` tells groups apart, `name` is for people."""

    key: str
    name: str
    sessions: list[Summary]


@dataclass(frozen=True, slots=True)
class Sidebar:
    """What the sidebar shows; `problem` says why there is no list, `warnings` what the list cannot show."""

    found: Page[Summary]
    groups: list[Group]
    projects: Mapping[str, Project]
    warnings: list[str] = field(default_factory=list)
    problem: str | None = None


# ---- days -----------------------------------------------------------------------------------------------


def by_day(summaries: Iterable[Summary], now: float | None = None) -> list[Group]:
    """Group sessions in the order of the list: the pinned ones, then each day; `now` in seconds."""
    today = datetime.fromtimestamp(time.time() if now is None else now).astimezone()
    return [Group(key, _day_name(key, today), list(them)) for key, them in groupby(summaries, _day_key)]


def _day_key(summary: Summary) -> str:
    if summary.pinned:
        return "pinned"
    when = render.local_time(summary.last_message_at)
    return "" if when is None else when.date().isoformat()


def _day_name(key: str, today: datetime) -> str:
    if key in ("", "pinned"):
        return "Pinned" if key else "Without a date"
    day = datetime.fromisoformat(key).date()
    age = (today.date() - day) // timedelta(days=1)
    if 0 <= age < 7:
        return ("Today", "Yesterday")[age] if age < 2 else day.strftime("%A")
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day.day} {day:%B}{year}"


def state(summary: Summary, now: float | None = None) -> str:
    """Return how a session's turn stands: `streaming`, `interrupted`, `unanswered` or ``."""
    if not summary.active_stream_id:
        return "unanswered" if summary.pending_user_message else ""
    sent = summary.pending_started_at or summary.updated_at
    lately = (time.time() if now is None else now) - sent < STREAM_SECONDS
    return "streaming" if lately or not summary.pending_user_message else "interrupted"


# ---- the request's ---------------------------------------------------------------------------------------


def register(app: Flask) -> None:
    """Give the templates of `app` the sidebar."""
    app.jinja_env.globals.update(
        sidebar=current,
        list_link=link,
        session_link=session_link,
        profiles=_profiles,
        foot_pages=FOOT_PAGES,
        help_keys=HELP_KEYS,
        source_classes=CLASSES,
        shown_words=SHOWN_WORDS,
    )
    app.jinja_env.filters["state"] = state


def current() -> Sidebar:
    """Return the sidebar of this request; an error is shown in it: the page beside it may be fine."""
    if "sidebar" not in g:
        try:
            g.sidebar = read()
        except SessionsError as error:
            g.sidebar = Sidebar(Page([], None, 0), [], {}, problem=str(error))
    found: Sidebar = g.sidebar
    return found


def read(limit: int = SESSIONS_A_PAGE) -> Sidebar:
    """Return the sidebar that the query asks for; raise `InvalidValue` for a filter that cannot be."""
    found = sessions().list(limit=limit, cursor=request.args.get("cursor") or None, **filters())
    projects, problem = read_projects()
    warnings = [*found.warnings, *filter(None, [problem, settings_problem()])]
    return Sidebar(found, by_day(found.items), projects, warnings)


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


def link(**changes: str | None) -> str:
    """Return the address of the list with this request's filters, changed; it begins at the first page."""
    return url_for("pages.list_sessions", **_kept(changes))


def session_link(session_id: str, **more: Any) -> str:
    """Return the address of a session that keeps this request's filters beside it."""
    return url_for("pages.show_session", session_id=session_id, **_kept({}), **more)


def _kept(changes: Mapping[str, str | None]) -> dict[str, Any]:
    given = {name: request.args.get(name) for name in KEPT}
    return {name: value for name, value in {**given, **changes}.items() if value}


def _profiles() -> list[str]:
    """Return the profiles to choose from: those with an agent, and the one that is chosen."""
    chosen = request.args.get("profile")
    try:
        return sorted({*agent_profiles(sessions().config), *filter(None, [chosen])})
    except StorageError:  # the list tells of it
        return []
