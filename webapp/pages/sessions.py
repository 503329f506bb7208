"""The pages for people: the list, one session, the trash, projects, findings; all work without JavaScript."""

import math
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from flask import Blueprint, Response, g, request, url_for

from hermes_sessions.errors import NotFound, SessionsError
from hermes_sessions.repository import RETENTION_SECONDS
from hermes_sessions.results import Finding, Trashed, told_repair

from ..request_context import sessions, settings_problem
from . import conversation as reading
from . import rendering as render
from . import sidebar

pages = Blueprint("pages", __name__)

SESSIONS_A_FETCH = 200
FINDINGS_A_KIND = 50
VERSIONS = ("replaced", "rescued")  # why a version lies in the trash although nobody deleted its session


# ---- sessions -------------------------------------------------------------------------------------------


@pages.get("/")
def list_sessions() -> Response:
    """Show the sessions that the filters in the query leave, a page at a time."""
    g.sidebar = sidebar.read()  # here a filter that cannot be is an error of the request
    return render.page("list.html")


@pages.get("/sidebar")
def show_sidebar() -> Response:
    """Give the page's script the sidebar alone: `limit` sessions, or nothing if its tag is still true."""
    tag = sidebar.tag()  # before the list is read: a change meanwhile makes the next request ask again
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    else:
        limit = sidebar.whole("limit", most=SESSIONS_A_FETCH)
        g.sidebar = sidebar.read(limit or sidebar.SESSIONS_A_PAGE)
        response = render.page("sidebar.html")
    response.set_etag(tag, weak=True)
    return response


@pages.get("/session/<session_id>")
def show_session(session_id: str) -> Response:
    """Show a session's last messages, or those that the query asks for."""
    summary = sessions().summary(session_id)
    projects, problem = sidebar.read_projects()
    return render.page(
        "session.html",
        **reading.values(summary),
        related=reading.related(summary),
        projects=projects,
        warnings=[*filter(None, [problem, settings_problem()])],
    )


@pages.get("/favicon.ico")
def show_icon() -> Response:
    """Lead to the icon: browsers ask for it here beside what is no page, such as a message as plain text."""
    return render.see_other(url_for("static", filename="icon.svg"))


# ---- looking after them ---------------------------------------------------------------------------------


class Discarded(NamedTuple):
    """What lies in the trash of one session, the latest version first; `in_place` if it is there too."""

    session_id: str
    title: str
    versions: Sequence[Trashed]
    in_place: bool


@pages.get("/trash")
def list_trash() -> Response:
    """Show what was deleted, each with buttons that give it back and that erase it."""
    found = sessions().trash()
    return render.page(
        "trash.html",
        trash=[_discarded(versions) for versions in _by_session(found)],
        old=len(sessions().would_purge()),
        days_left=days_left,
    )


def _by_session(found: Iterable[Trashed]) -> list[list[Trashed]]:
    versions: dict[str, list[Trashed]] = {}
    for each in found:
        versions.setdefault(each.session_id, []).append(each)
    return list(versions.values())


def _discarded(versions: Sequence[Trashed]) -> Discarded:
    latest = versions[0]
    # Asked only where nobody deleted the session: it takes 17 ms to find out that one is not there.
    beside = all(each.why in VERSIONS for each in versions)
    return Discarded(
        latest.session_id, latest.title, versions, in_place=beside and _is_there(latest.session_id)
    )


def _is_there(session_id: str) -> bool:
    try:
        return not sessions().summary(session_id).of_agent
    except NotFound:
        return False
    except SessionsError:  # it cannot be read, but it is there
        return True


def days_left(deleted_at: float, now: float | None = None) -> int:
    """Return for how many days more a thing in the trash is kept, at least 0; times in seconds."""
    spent = (time.time() if now is None else now) - deleted_at
    return max(0, math.ceil((RETENTION_SECONDS - spent) / 86_400))


@pages.get("/projects")
def list_projects() -> Response:
    """Show the projects, each with the forms that change it."""
    listed = sessions().projects.list()
    counts = {each.project_id: sessions().count(project_id=each.project_id) for each in listed}
    return render.page("projects.html", listed=listed, counts=counts)


@pages.get("/import")
def show_import() -> Response:
    """Ask for a file to import."""
    return render.page("import.html")


class Kind(NamedTuple):
    """The findings of one kind: some to show, and how many there are."""

    name: str
    note: bool
    shown: Sequence[Finding]
    total: int


@pages.get("/check")
def show_findings() -> Response:
    """Show what is wrong with the home and what would mend it; with `deep=1` every file is read.

    With `mended` it says of a repair that it mended so many.
    """
    deep = request.args.get("deep") == "1"
    count = sidebar.whole("mended")
    found = sessions().check(deep=deep)
    kinds = _kinds(found)
    return render.page(
        "check.html",
        deep=deep,
        said=None if count is None else _sentence(told_repair(count, found)),
        faults=[kind for kind in kinds if not kind.note],
        notes=[kind for kind in kinds if kind.note],
    )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _kinds(findings: Sequence[Finding]) -> list[Kind]:
    by_kind = attrgetter("note", "kind")
    groups = [(key, list(them)) for key, them in groupby(sorted(findings, key=by_kind), by_kind)]
    return [Kind(name, note, them[:FINDINGS_A_KIND], len(them)) for (note, name), them in groups]
