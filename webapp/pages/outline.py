"""The outline of a conversation: what the user said, where tools failed, and the page that is shown of it."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, request

from hermes_sessions.errors import NotFound
from hermes_sessions.fields import clean_text
from hermes_sessions.messages import Landmark, landmarks

from ..masking import masker
from ..query_values import whole_number
from ..request_context import sessions
from . import rendering

blueprint = Blueprint("outline", __name__)

ENTRIES_A_PAGE = 500
READ_AT_ONCE = 500  # messages


@dataclass(frozen=True, slots=True)
class Outline:
    """What the user said in a conversation, and the calls that failed.

    `first` is the place of the first one of `users` that is shown.
    """

    users: list[Landmark]
    failures: list[Landmark]
    first: int

    @property
    def entries(self) -> list[Landmark]:
        """What is shown of `users`, masked."""
        return [_masked(each) for each in self.users[self.first : self.first + ENTRIES_A_PAGE]]

    @property
    def failed(self) -> list[Landmark]:
        """The first failed calls, masked."""
        return [_masked(each) for each in self.failures[:ENTRIES_A_PAGE]]

    @property
    def earlier(self) -> int | None:
        """The index of a message on the page before, None if there is no such page."""
        return self.users[self.first - 1].index if self.first else None

    @property
    def later(self) -> int | None:
        """The index of a message on the page after, None if there is no such page."""
        after = self.first + ENTRIES_A_PAGE
        return self.users[after].index if after < len(self.users) else None


@blueprint.get("/session/<session_id>/outline")
def show(session_id: str) -> Response:
    """Show the outline, at the message of the query."""
    return rendering.page("outline.html", **_values(session_id))


@blueprint.get("/session/<session_id>/landmarks")
def show_landmarks(session_id: str) -> Response:
    """Return the outline alone, for the script of a conversation's page; 204 if that was deleted since."""
    try:
        return rendering.page("landmarks.html", **_values(session_id))
    except NotFound:
        return Response(status=204)


def _values(session_id: str) -> dict[str, Any]:
    summary = sessions().summary(session_id)
    at = whole_number(request.args, "at") or 0
    outline = _outline(summary.session_id, at)
    # The script asks for the places alone when a page opens, and for the words when they are to be read.
    entries = [] if "places" in request.args else outline.entries
    return {"session": summary, "outline": outline, "entries": entries}


def _outline(session_id: str, at: int) -> Outline:
    """Return the outline with the page that holds the message at an index, or what the user said before."""
    found = list(_landmarks(session_id))
    users = [each for each in found if each.kind == "user"]
    place = max(0, bisect_right([each.index for each in users], at) - 1)
    failures = [each for each in found if each.kind == "failure"]
    return Outline(users, failures, place - place % ENTRIES_A_PAGE)


def _landmarks(session_id: str) -> Iterator[Landmark]:
    """Yield the landmarks of a whole transcript, which is read in parts."""
    offset, total = 0, 1
    while offset < total:
        page = sessions().messages(session_id, after=offset, limit=READ_AT_ONCE)
        yield from landmarks(page.messages, page.tool_calls, page.offset)
        offset, total = page.end, page.total


def _masked(landmark: Landmark) -> Landmark:
    return replace(landmark, words=clean_text(masker()(landmark.words)))
