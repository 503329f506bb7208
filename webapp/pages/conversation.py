"""A conversation where it is read: its page, parts of its transcript, its pictures, and find within it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flask import Blueprint, Response, request, url_for

from hermes_sessions.errors import InvalidValue, NotFound, SessionsError
from hermes_sessions.fields import check_whole, clean_text, is_id
from hermes_sessions.lost_words import in_one
from hermes_sessions.messages import Message, message_markdown, read_message, read_messages
from hermes_sessions.model import Summary
from hermes_sessions.results import MessagePage
from hermes_sessions.tag_names import tag_key, title_tags

from .. import request_context
from ..masking import masker
from ..query_values import whole_number
from ..request_context import sessions, settings
from . import find, rendering, sidebar, transcript, transcript_version

blueprint = Blueprint("conversation", __name__)

MESSAGES_A_PAGE = 50
# A page does not begin with a tool's result whose call is on the page before, unless more results follow.
MOST_RESULTS = 50
SEARCHED_AT_ONCE = 500
MOST_HITS = 500
LONGEST_SEARCH = 200
# Browsers show plain text and pictures with a style of their own, which a policy without styles would refuse.
FILE_POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"


# ---- pages ----------------------------------------------------------------------------------------------


@blueprint.get("/session/<session_id>")
def show(session_id: str) -> Response:
    """Show a conversation's last messages, or the ones that the query asks for."""
    summary = sessions().summary(session_id)
    if summary.session_id != session_id:  # one of the segments that it holds
        return rendering.found_at(url_for(".show", session_id=summary.session_id))
    projects, problem = sidebar.read_projects()
    lost = () if summary.of_agent else sessions().lost.list(session_id)
    return rendering.page(
        "session.html",
        **_messages_values(summary),
        first_at=_first_at(summary),
        related=related_sessions(summary),
        agent_share=sessions().agent_share(session_id),
        lost=lost,
        what_was_lost=in_one([each.meaning for each in lost]),
        projects=projects,
        tags_of_title=_in_title(summary),
        warnings=[*filter(None, [problem]), *request_context.warnings()],
    )


def _first_at(summary: Summary) -> float | None:
    """Return when the first message was sent; the conversation's own time if that message has none."""
    messages = sessions().messages(summary.session_id, before=1, limit=1).messages
    sent_at = read_message(messages[0]).sent_at if messages else None
    return summary.created_at if sent_at is None else sent_at


def _in_title(summary: Summary) -> set[str]:
    """Return the tags of a conversation that only a change of its title removes."""
    keys = set(map(tag_key, title_tags(summary.title)))
    return {name for name in summary.tags if tag_key(name) in keys}


@blueprint.get("/session/<session_id>/messages")
def show_messages(session_id: str) -> Response:
    """Return messages alone, for the page's script.

    Of a deleted conversation: 204 to the script that follows it, 404 for the messages that a user asked for.
    """
    try:
        values = _messages_values(sessions().summary(session_id))
    except NotFound:  # also while it is being read
        if "before" not in request.args and "at" not in request.args:
            return Response(status=204)
        raise
    return rendering.page("messages.html", **values)


@blueprint.get("/session/<session_id>/messages/<int:index>")
def show_message(session_id: str, index: int) -> Response:
    """Show the whole text of a message as plain text."""
    text = clean_text(masker()(_message(session_id, index).whole))
    headers = {"Content-Security-Policy": FILE_POLICY}
    return Response(text.encode(), mimetype="text/plain", headers=headers)


@blueprint.get("/session/<session_id>/messages/<int:index>/markdown")
def show_markdown(session_id: str, index: int) -> Response:
    """Show what a message says as Markdown, as its author wrote it."""
    text = message_markdown(_message(session_id, index), settings().mask_credentials)
    headers = {"Content-Security-Policy": FILE_POLICY}
    return Response(text.encode("utf-8", "replace"), mimetype="text/plain", headers=headers)


@blueprint.get("/session/<session_id>/messages/<int:index>/pictures/<int:number>")
def show_picture(session_id: str, index: int, number: int) -> Response:
    """Show a picture of a message."""
    pictures = _message(session_id, index).pictures
    file = pictures[number].content() if number < len(pictures) else None
    if file is None:
        raise NotFound(f"message {index + 1} of this conversation has no picture {number + 1} to show")
    headers = {"Content-Security-Policy": FILE_POLICY}
    response = Response(file, mimetype=f"image/{pictures[number].kind}", headers=headers)
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/session/<session_id>/find")
def find_in_session(session_id: str) -> Response:
    """Show which messages contain the words of the query."""
    return rendering.page("find.html", **_find_values(session_id))


@blueprint.get("/session/<session_id>/hits")
def show_hits(session_id: str) -> Response:
    """Return the hits alone, for the script of a page that asks while somebody types."""
    return rendering.page("find_hits.html", **_find_values(session_id))


# ---- messages -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive messages: those from index `offset` to the one before `end`, of `total`."""

    messages: list[dict[str, Any]]
    offset: int
    total: int
    tool_calls: list[Any]

    @property
    def end(self) -> int:
        """The index after the last message."""
        return self.offset + len(self.messages)


def read_window(session_id: str, query: Mapping[str, str]) -> Window:
    """Return the messages `before` or `after` an index, those around the index `at`, or the last ones."""
    before, after, at = (whole_number(query, name) for name in ("before", "after", "at"))
    if after is not None:
        before = after + 1 + MESSAGES_A_PAGE
    elif at is not None:
        before = at + 1 + MESSAGES_A_PAGE // 2
    page = sessions().messages(session_id, before=before, limit=MESSAGES_A_PAGE + MOST_RESULTS)
    end = page.offset + len(page.messages)
    start = max(0, end - MESSAGES_A_PAGE) if after is None else min(after + 1, end)
    start = _start_of_calls(page, start)
    return Window(page.messages[start - page.offset :], start, page.total, page.tool_calls)


def _start_of_calls(page: MessagePage, start: int) -> int:
    """Return where to begin so that a result at `start` comes with its call, unless that is too far."""
    first = start
    while first > page.offset and _is_result(page.messages, first - page.offset):
        first -= 1
    return start if _is_result(page.messages, first - page.offset) else first


def _is_result(messages: Sequence[Any], place: int) -> bool:
    return place < len(messages) and read_message(messages[place]).is_answer


def _message(session_id: str, index: int) -> Message:
    page = sessions().messages(session_id, before=check_whole("index", index) + 1, limit=1)
    if index >= page.total:
        raise NotFound(f"this conversation has no message {index + 1}, only {page.total}")
    return next(message for _, message in read_messages(page.messages, page.tool_calls, page.offset))


def _messages_values(session: Summary) -> dict[str, Any]:
    """Return the values of the template of messages, for the window that the query asks for."""
    version, window = _read_version_and_window(session)
    view = transcript.View(masker(), _picture_address(session.session_id))
    formatted = whole_number(request.args, "formatted")
    return {
        "session": session,
        "window": window,
        "messages": transcript.shown_messages(
            window.messages, window.offset, view, window.tool_calls, formatted
        ),
        "interrupted": session.is_interrupted(),
        "version": version,
        "at": whole_number(request.args, "at"),
    }


def _read_version_and_window(session: Summary) -> tuple[str, Window]:
    """Return the window that the query asks for, and the version of the transcript in which it was read.

    The version comes from the window where that holds the end. Elsewhere it is read before: a message that
    came later was not shown.
    """
    if not {"before", "after", "at"} & set(request.args):
        window = read_window(session.session_id, request.args)
        return transcript_version.of_messages(session, window.messages, window.total), window
    version = transcript_version.of(session)
    return version, read_window(session.session_id, request.args)


def _picture_address(session_id: str) -> Callable[[int, int], str]:
    return lambda index, number: url_for(
        "pages.conversation.show_picture", session_id=session_id, index=index, number=number
    )


# ---- related conversations ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RelatedSession:
    """A conversation that this one came from, or continues in; `relation` says how."""

    relation: str
    session_id: str
    title: str
    is_earlier: bool


def related_sessions(session: Summary) -> list[RelatedSession]:
    """Return the conversations that lead to a session, and those that it leads to."""
    chain = list(sessions().segments(session.session_id)) if session.of_agent else []
    place = chain.index(session.session_id) if session.session_id in chain else 0
    is_child = session.of_agent or "_parent_lineage_root_id" in session.lineage
    candidates = [
        *(("Continued from", each, True) for each in chain[max(0, place - 1) : place]),
        ("Started by", session.lineage.get("_parent_lineage_root_id"), True),
        ("Forked from", None if is_child else session.parent_session_id, True),
        *(("Continues in", each, False) for each in chain[place + 1 : place + 2]),
    ]
    return [
        RelatedSession(relation, *_found(session_id), is_earlier)
        for relation, session_id, is_earlier in candidates
        if session_id and is_id(session_id)
    ]


def _found(session_id: str) -> tuple[str, str]:
    """Return the id and the title of the session that an id names or that holds it as a segment.

    The title is the id if the session was deleted or cannot be read, which its own page says.
    """
    try:
        summary = sessions().summary(session_id)
    except SessionsError:
        return session_id, session_id
    return summary.session_id, masker()(summary.title) or "Untitled"


# ---- find -----------------------------------------------------------------------------------------------


def _find_values(session_id: str) -> dict[str, Any]:
    words = request.args.get("words", "").strip()
    if len(words) > LONGEST_SEARCH:
        raise InvalidValue(f"words must have at most {LONGEST_SEARCH} characters")
    hits = list(islice(_hits(session_id, words), MOST_HITS + 1)) if words else []
    return {
        "session": sessions().summary(session_id),
        "words": words,
        "hits": hits[:MOST_HITS],
        "has_more": len(hits) > MOST_HITS,
    }


def _hits(session_id: str, words: str) -> Iterator[find.MessageHit]:
    """Yield the hits of a whole transcript, which is read in parts."""
    offset, total = 0, 1
    while offset < total:
        page = sessions().messages(session_id, after=offset, limit=SEARCHED_AT_ONCE)
        yield from find.hits(page.messages, page.offset, words, masker(), page.tool_calls)
        offset, total = page.end, page.total
