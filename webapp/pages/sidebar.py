"""The sidebar beside every page: what its filters and its search leave of the sessions, grouped by day."""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from flask import Flask, g, request

from hermes_sessions import query_help
from hermes_sessions.errors import SessionsError, StorageError, Unreadable
from hermes_sessions.hits import Hit
from hermes_sessions.model import Summary, TurnState, turn_state
from hermes_sessions.repository import ListingQuery, typed_operators
from hermes_sessions.results import Filters, Project, Sort
from hermes_sessions.settings import agent_profiles
from hermes_sessions.sources import Source

from .. import request_context
from ..query_values import whole_number
from ..request_context import sessions, settings
from . import links, list_filters, sidebar_rows
from .addresses import address
from .lost import ShownNotice, shown_notices
from .rendering import counted

SESSIONS_A_PAGE = 50
ARCHIVED_WORDS = {"0": "Active", "1": "Archived", "all": "All"}
# Without scheduled runs, which the list hides.
SOURCE_WORDS: Mapping[str, str] = {
    Source.WEBUI: "Web",
    Source.CLI: "Command line",
    Source.MESSAGING: "Messengers",
    Source.API: "API",
    Source.TOOL: "Sub-agents",
    Source.OTHER: "Other",
}
# Endpoint, words, icon.
PAGES = (
    ("pages.import.show", "Import", "upload"),
    ("pages.health.show", "Health", "stethoscope"),
    ("pages.usage.show", "Usage", "chart-column"),
    ("pages.trash.show", "Trash", "trash-2"),
)
SHORTCUTS = (
    ("/", "Search"),
    ("j k", "Next or previous conversation"),
    ("↑ ↓", "The same, from a conversation in the list"),
    ("← →", "The checkbox, the tags and the menu of a conversation in the list"),
    ("Enter", "Open the conversation"),
    ("e", "Archive or unarchive"),
    ("p", "Pin or unpin"),
    ("r", "Rename"),
    ("m", "Move to a project"),
    ("t", "Tag"),
    ("x", "Select, to change several at once"),
    ("Shift ↑ ↓", "Select the conversations in between"),
    ("#", "Delete"),
    ("z", "Undo the last change"),
    ("f", "Find in the open conversation"),
    ("g Shift+g", "First or latest message"),
    ("u Shift+u", "Your next or previous message"),
    ("n Shift+n", "Next or previous failed tool call"),
    ("o", "Outline of your messages"),
    ("Esc", "Leave the search, the selection or a field"),
    ("?", "Show the keyboard shortcuts"),
)


@dataclass(frozen=True, slots=True)
class Sidebar:
    """What the sidebar shows: the sessions by day, or the hits of a search.

    `count` says in words how many, `sort` is the order (None for the best matches first), `more` is the
    address of the next page, and `held` are the ids of those that the agent has too. `warnings` say what the
    list cannot show, `lost` what another program has overwritten, `problem` why there is no list, and
    `corrections` what was searched in place of what was typed. `version` is that of the store; nothing else
    was read if the sidebar is `unchanged`.
    """

    groups: Sequence[sidebar_rows.DayGroup] = ()
    hits: Sequence[Hit] = ()
    count: str = ""
    sort: Sort | None = None
    more: str | None = None
    projects: Mapping[str, Project] = field(default_factory=dict)
    held: Collection[str] = ()
    warnings: Sequence[str] = ()
    lost: ShownNotice | None = None
    corrections: Sequence[tuple[str, str]] = ()
    problem: str | None = None
    version: str = ""
    unchanged: bool = False


def register(app: Flask) -> None:
    """Give the templates of `app` the sidebar and the addresses of pages."""
    app.jinja_env.globals.update(
        sidebar=current,
        problem_of_list=problem_of_list,
        unreadable_filters=list_filters.unreadable_filters,
        url_for=address,
        list_link=links.list_link,
        beside=links.beside,
        kept_filters=links.kept_filters,
        further_filters=list_filters.further_filters,
        is_filtered=links.is_filtered,
        session_link=links.session_link,
        hit_link=links.hit_link,
        passage_link=links.passage_link,
        search_text=links.search_text,
        search_operators=lambda: typed_operators(links.search_text(), time.time()),
        profiles=_profiles,
        sidebar_pages=PAGES,
        shortcuts=SHORTCUTS,
        source_words=SOURCE_WORDS,
        archived_words=ARCHIVED_WORDS,
        sort_words=list_filters.SORT_WORDS,
        query_help=query_help,
    )
    app.jinja_env.filters.update(turn_state=_turn_state, stamp=_stamp, marked=sidebar_rows.marked_snippet)


def _turn_state(summary: Summary) -> TurnState:
    return turn_state(summary, time.time())


def _stamp(summary: Summary) -> str:
    """Return what grows with each message: the browser compares it with what was opened last."""
    return f"{summary.message_count} {int(summary.last_message_at or 0)}"


def current() -> Sidebar:
    """Return the request's sidebar. It shows its own errors: the page beside it may be fine."""
    if "sidebar" not in g:
        try:
            g.sidebar = read()
        except SessionsError as error:
            g.sidebar = Sidebar(projects=read_projects().by_id, problem=str(error))
    sidebar: Sidebar = g.sidebar
    return sidebar


def problem_of_list() -> str | None:
    """Return why the list of the request cannot be shown, as far as that is known without reading it."""
    if "sidebar" in g:
        known: Sidebar = g.sidebar
        return known.problem
    return next(iter(list_filters.unreadable_filters().values()), None)


def read(
    limit: int = SESSIONS_A_PAGE, unless: Callable[[str], bool] | None = None, passages: int = 0
) -> Sidebar:
    """Return the sidebar that the query asks for; raise `InvalidValue` for an invalid filter.

    The hits of a search cite so many `passages` each. The sidebar is only marked as `unchanged` if
    `unless(version)` is true for the version of the store.
    """
    text = links.search_text()
    filters = list_filters.read_filters()
    listing = sessions().listing_of(text, filters) if text else ListingQuery(filters)
    if listing is not None and not listing.warnings:
        sidebar = _list(listing.filters, limit, unless)
    else:
        sidebar = _search(text, filters, limit, unless, passages)
    projects, problem = read_projects()
    others, lost = shown_notices(sidebar.warnings)
    warnings = [*others, *filter(None, [problem]), *request_context.warnings()]
    return replace(sidebar, projects=projects, warnings=warnings, lost=lost)


def _list(filters: Filters, limit: int, unless: Callable[[str], bool] | None) -> Sidebar:
    cursor = request.args.get("cursor") or None
    sort = list_filters.read_sort()
    page = sessions().list(filters, sort=sort, limit=limit, cursor=cursor, unless=unless)
    by_day = sort == "activity"
    return Sidebar(
        sidebar_rows.by_day(page) if by_day else sidebar_rows.in_order(page, list_filters.SORT_WORDS[sort]),
        count=counted(page.total, "conversation"),
        sort=sort,
        more=links.list_link(cursor=page.next_cursor) if page.next_cursor else None,
        held=sessions().held_by_agent(page),
        warnings=page.warnings,
        version=page.version,
        unchanged=page.unchanged,
    )


def _search(
    text: str, filters: Filters, limit: int, unless: Callable[[str], bool] | None, passages: int
) -> Sidebar:
    # Only the page's script needs a version, to ask again with. It is read before the search: a change in
    # between makes that request search again.
    version = sessions().version() if unless else ""
    if unless and unless(version):
        return Sidebar(version=version, unchanged=True)
    offset = whole_number(request.args, "offset") or 0
    redact = settings().mask_credentials
    hits = sessions().search(
        text,
        filters=filters,
        limit=limit,
        offset=offset,
        redact=redact,
        passages=passages,
        is_wanted=request_context.is_client_there(),
    )
    are = "is" if hits.missing == 1 else "are"
    late = f"{counted(hits.missing, 'conversation')} {are} still being indexed."
    return Sidebar(
        hits=hits,
        count=sidebar_rows.count_of_results(offset, len(hits), hits.total),
        more=links.list_link(offset=str(offset + limit)) if offset + limit < hits.total else None,
        held=sessions().held_by_agent([hit.summary for hit in hits]),
        warnings=[*hits.warnings, *([late] if hits.missing else [])],
        corrections=hits.corrections,
        version=version,
    )


def etag(version: str) -> str:
    """Return the entity tag of the sidebar: it depends on store, projects, query, settings and the date."""
    query = sorted(request.args.items(multi=True))
    today = datetime.now().astimezone().date()
    depends = (version, read_projects(), request_context.active_profile(), query, settings(), today)
    return hashlib.sha256(repr(depends).encode()).hexdigest()[:32]


class KnownProjects(NamedTuple):
    """The projects by id; `problem` says why they cannot be read: the sessions can still be shown."""

    by_id: Mapping[str, Project]
    problem: str | None = None


def read_projects() -> KnownProjects:
    """Return the projects, which are read once for each request."""
    if "projects" not in g:
        try:
            g.projects = KnownProjects({each.project_id: each for each in sessions().projects.list()})
        except (Unreadable, StorageError) as error:
            g.projects = KnownProjects({}, str(error))
    projects: KnownProjects = g.projects
    return projects


def _profiles() -> list[str]:
    """Return the profiles to choose from: those with an agent, and the chosen one."""
    chosen = request.args.get("profile")
    try:
        return sorted({*agent_profiles(sessions().config), *filter(None, [chosen])})
    except StorageError:  # the list warns about it
        return []
