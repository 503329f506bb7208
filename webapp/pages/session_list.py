"""The start page with the list of conversations, and the list alone for its script."""

from flask import Blueprint, Response, g, request, url_for

from ..query_values import whole_number
from ..request_context import sessions
from . import links, rendering, sidebar

blueprint = Blueprint("list", __name__)

MOST_SESSIONS = 200  # that the script can ask for at once
PASSAGES = 3  # of each conversation among the results


@blueprint.get("/")
def show() -> Response:
    """Show a page of the list, with the filters of the query."""
    # An invalid filter is an error here; beside another page it is a warning.
    g.sidebar = sidebar.read(passages=PASSAGES)
    if _is_first_run(g.sidebar):
        return rendering.page("first_run.html", home=sessions().config.home_name)
    return rendering.page("list.html")


def _is_first_run(shown: sidebar.Sidebar) -> bool:
    """Whether the home has no conversation at all; only asked of the index if the list shows none."""
    if shown.groups or shown.warnings or links.is_filtered() or links.search_text():
        return False
    return not sessions().count(agent=True, hidden=True)


@blueprint.get("/sidebar")
def show_sidebar() -> Response:
    """Return the sidebar alone: `limit` sessions, or status 304 if nothing changed since `If-None-Match`.

    With `results=1`, the results of a search follow it as the start page shows them.
    """
    limit = whole_number(request.args, "limit", MOST_SESSIONS) or sidebar.SESSIONS_A_PAGE
    with_results = request.args.get("results") == "1"
    g.sidebar = sidebar.read(limit, _client_has, PASSAGES if with_results else 0)
    template = "sidebar_and_results.html" if with_results else "sidebar.html"
    response = Response(status=304) if g.sidebar.unchanged else rendering.page(template)
    response.set_etag(sidebar.etag(g.sidebar.version), weak=True)
    return response


def _client_has(version: str) -> bool:
    """Whether the client has the sidebar of this version of the store already."""
    return request.if_none_match.contains_weak(sidebar.etag(version))


@blueprint.get("/favicon.ico")
def show_icon() -> Response:
    """Redirect to the icon: browsers ask for it here beside plain text, which cannot name another address."""
    return rendering.see_other(url_for("static", filename="icon.svg"))
