"""A conversation where it is read: parts of its transcript, what is found in it, the forms that change it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flask import Blueprint, Response, abort, request, url_for

from hermes_sessions.changes import is_interrupted
from hermes_sessions.errors import InvalidValue, NotFound, SessionsError
from hermes_sessions.fields import check_whole, clean_text, is_id
from hermes_sessions.messages import Message, read_message, read_messages
from hermes_sessions.model import Summary
from hermes_sessions.results import MessagePage

from ..request_context import masker, sessions
from . import find as finding
from . import rendering as render
from . import sidebar, transcript
from . import transcript_version as seen

reading = Blueprint("reading", __name__)

MESSAGES_A_PAGE = 50
# A page begins with no tool's answer whose call stands on the page before, unless more than these follow.
MOST_ANSWERS = 50
SEARCHED_AT_ONCE = 500
MOST_HITS = 500
LONGEST_WORDS = 200
# Browsers lay plain text out with a style of their own, and complain of a policy that allows none.
PLAIN_TEXT = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Window:
    """Messages that follow each other: those from index `offset` to the one before `end`, of `total`."""

    messages: list[Any]
    offset: int
    total: int
    tool_calls: list[Any]

    @property
    def end(self) -> int:
        """The index after the last message."""
        return self.offset + len(self.messages)


# ---- parts of the transcript ----------------------------------------------------------------------------


def window(session_id: str) -> Window:
    """Return the messages that the query asks for: `before` or `after` an index, around `at`, or the last."""
    before, after, at = (_whole(name) for name in ("before", "after", "at"))
    if after is not None:
        before = after + 1 + MESSAGES_A_PAGE
    elif at is not None:
        before = at + 1 + MESSAGES_A_PAGE // 2
    page = sessions().messages(session_id, before=before, limit=MESSAGES_A_PAGE + MOST_ANSWERS)
    end = page.offset + len(page.messages)
    start = max(0, end - MESSAGES_A_PAGE) if after is None else min(after + 1, end)
    start = _with_its_call(page, start)
    return Window(page.messages[start - page.offset :], start, page.total, page.tool_calls)


def _with_its_call(page: MessagePage, start: int) -> int:
    """Return where to begin so that the call is there which the message at `start` may answer."""
    first = start
    while first > page.offset and _is_answer(page.messages, first - page.offset):
        first -= 1
    return start if _is_answer(page.messages, first - page.offset) else first


def _is_answer(messages: list[Any], place: int) -> bool:
    return place < len(messages) and read_message(messages[place]).is_answer


def _whole(name: str) -> int | None:
    """Return a whole number of the query or the form, None if it is not there."""
    text = request.values.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InvalidValue(f"{name} must be a whole number")
    return check_whole(name, int(text))


@dataclass(frozen=True, slots=True)
class Related:
    """Another conversation that this one came from, or goes on in; `words` say how."""

    words: str
    session_id: str
    title: str
    earlier: bool


def related(session: Summary) -> list[Related]:
    """Return the conversations that lead to a session, and those that it leads to."""
    chain = list(sessions().segments(session.session_id)) if session.of_agent else []
    place = chain.index(session.session_id) if session.session_id in chain else 0
    found = [
        *(("Continued from", each, True) for each in chain[max(0, place - 1) : place]),
        ("Begun by", session.lineage.get("_parent_lineage_root_id"), True),
        ("Forked from", None if session.of_agent else session.parent_session_id, True),
        *(("Continues in", each, False) for each in chain[place + 1 : place + 2]),
    ]
    return [_related(words, each, earlier) for words, each, earlier in found if each and is_id(each)]


def _related(words: str, session_id: str, earlier: bool) -> Related:
    try:
        title = masker()(sessions().summary(session_id).title)
    except SessionsError:  # deleted since, or unreadable: its own page says so
        title = session_id
    return Related(words, session_id, title or "Untitled", earlier)


def values(session: Summary) -> dict[str, Any]:
    """Return what the template of messages needs, for the window that the query asks for."""
    shown = seen.state(session)  # before they are read: what comes meanwhile was not seen
    found = window(session.session_id)
    look = transcript.Look(masker(), _picture_of(session.session_id))
    return {
        "session": session,
        "window": found,
        "messages": transcript.shown(found.messages, found.offset, look, found.tool_calls),
        "interrupted": is_interrupted(session),
        "seen": shown,
        "at": _whole("at"),
    }


def _picture_of(session_id: str) -> Callable[[int, int], str]:
    return lambda index, number: url_for(
        "reading.show_picture", session_id=session_id, index=index, number=number
    )


@reading.get("/session/<session_id>/messages")
def show_messages(session_id: str) -> Response:
    """Show messages alone, for a page that has the others; nothing new of a session that is gone."""
    try:
        summary = sessions().summary(session_id)
    except NotFound:
        if "after" in request.args:
            return Response(status=204)
        raise
    return render.page("messages.html", **values(summary))


@reading.get("/session/<session_id>/messages/<int:index>")
def show_message(session_id: str, index: int) -> Response:
    """Show all of a message as plain text."""
    text = clean_text(masker()(_message(session_id, index).whole))
    return Response(text.encode(), mimetype="text/plain", headers={"Content-Security-Policy": PLAIN_TEXT})


@reading.get("/session/<session_id>/messages/<int:index>/pictures/<int:number>")
def show_picture(session_id: str, index: int, number: int) -> Response:
    """Show a picture of a message."""
    found = _message(session_id, index).pictures
    file = found[number].content() if number < len(found) else None
    if file is None:
        raise NotFound("there is no picture that could be shown")
    response = Response(file, mimetype=f"image/{found[number].kind}")
    response.add_etag()
    response.make_conditional(request)
    return response


def _message(session_id: str, index: int) -> Message:
    page = sessions().messages(session_id, before=check_whole("index", index) + 1, limit=1)
    if index >= page.total:
        raise NotFound(f"session {session_id} has {page.total} messages")
    return next(message for _, message in read_messages(page.messages, page.tool_calls, page.offset))


# ---- find -----------------------------------------------------------------------------------------------


@reading.get("/session/<session_id>/find")
def find(session_id: str) -> Response:
    """Show which messages hold the words of the query."""
    return render.page("find.html", **_found(session_id))


@reading.get("/session/<session_id>/hits")
def show_hits(session_id: str) -> Response:
    """Show them alone, for the page that asks while somebody types."""
    return render.page("hits.html", **_found(session_id))


def _found(session_id: str) -> dict[str, Any]:
    words = request.args.get("words", "").strip()
    if len(words) > LONGEST_WORDS:
        raise InvalidValue(f"words must have at most {LONGEST_WORDS} characters")
    hits = list(islice(_hits(session_id, words), MOST_HITS + 1)) if words else []
    return {
        "session": sessions().summary(session_id),
        "words": words,
        "hits": hits[:MOST_HITS],
        "more": len(hits) > MOST_HITS,
    }


def _hits(session_id: str, words: str) -> Iterator[finding.Hit]:
    """Yield the hits of a whole transcript, some messages at a time."""
    offset, total = 0, sessions().messages(session_id, limit=0).total
    while offset < total:
        page = sessions().messages(session_id, before=offset + SEARCHED_AT_ONCE, limit=SEARCHED_AT_ONCE)
        new = page.messages[offset - page.offset :]
        yield from finding.hits(new, offset, words, masker(), page.tool_calls)
        offset, total = page.offset + max(1, len(page.messages)), page.total


# ---- changing -------------------------------------------------------------------------------------------


def _keep() -> int:
    keep = _whole("keep")
    if keep is None:
        raise InvalidValue("keep is missing")
    return keep


@reading.post("/session/<session_id>/fork")
def fork(session_id: str) -> Response:
    """Make a new session of the first messages and show it."""
    keep = _keep()
    seen.check_kept(session_id)
    made = sessions().fork(session_id, keep=keep)
    return render.see_other(sidebar.session_link(made.session_id, done="fork"))


@reading.get("/session/<session_id>/truncate")
def ask_to_truncate(session_id: str) -> Response:
    """Say what would go, and ask; with `seen`, only if the conversation is the one that was shown."""
    if "seen" in request.args:
        seen.check_unchanged(session_id)
    session, keep = sessions().summary(session_id), _keep()
    if keep > session.message_count:
        abort(404)
    return render.page("truncate.html", session=session, keep=keep, seen=seen.state(session))


@reading.post("/session/<session_id>/truncate")
def truncate(session_id: str) -> Response:
    """Drop the messages after the first `keep`."""
    seen.check_unchanged(session_id)
    sessions().truncate(session_id, _keep())
    return render.see_other(sidebar.session_link(session_id, done="truncate", undo=session_id))


@reading.get("/session/<session_id>/retry")
def show_retried(session_id: str) -> Response:
    """Lead to the session: the page that took a turn back was loaded again."""
    return render.see_other(sidebar.session_link(session_id))


@reading.post("/session/<session_id>/retry")
def retry(session_id: str) -> Response:
    """Drop the last turn and show what its user wrote, to send it again."""
    seen.check_unchanged(session_id)
    removed = sessions().retry(session_id)
    return render.page("removed.html", session=sessions().summary(session_id), removed=removed)
