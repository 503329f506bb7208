"""Makes hits of ranked matches: reads the messages from their files, and cuts the snippets."""

from collections.abc import Callable
from typing import NamedTuple

from ..errors import NotFound, StorageError, Unreadable
from ..index import View
from ..messages import Message
from ..results import Hit
from .indexed_text import indexed_text
from .ranking import Candidate, RankedMatch
from .run import AgentMessage, RankedPage
from .snippets import make_snippet, match_pattern
from .tables import WEB_UI

# Reads one of the web UI's messages by session id and position; raises `NotFound` if it is gone.
ReadMessage = Callable[[str, int], Message]


class HitOptions(NamedTuple):
    """What making hits depends on: how messages are read, how credentials are masked, and the list's view."""

    read_message: ReadMessage
    mask: Callable[[str], str]
    view: View


def make_hits(page: RankedPage, options: HitOptions) -> list[Hit]:
    """Return the hits of a page.

    A match whose session or message was deleted in the meantime is left out. If a file cannot be read, the
    snippet is empty; opening the session reports why.
    """
    return [hit for match in page.matches if (hit := _hit(match, page, options)) is not None]


def _hit(match: RankedMatch, page: RankedPage, options: HitOptions) -> Hit | None:
    summary = page.summaries.get(match.candidate.conversation_id)
    if summary is None:
        return None
    position, text = match.candidate.message, summary.title
    if position is not None:
        try:
            position, text = _message_text(match.candidate, page, options)
        except (KeyError, NotFound):
            return None
    pattern = match_pattern(page.request.query, match.stage.mode)
    return Hit(
        session_id=summary.session_id,
        title=options.mask(summary.title),
        match=match.stage.matched_in,
        snippet=make_snippet(text, pattern, options.mask),
        message_index=position,
        source=summary.source,
        score=round(match.score, 6),
        segment_id=match.candidate.segment_id,
        summary=summary,
    )


def _message_text(candidate: Candidate, page: RankedPage, options: HitOptions) -> tuple[int, str]:
    """Return a message's position and its text, empty if its file cannot be read."""
    message_id = candidate.message or 0
    try:
        position, message = _message(candidate, page, options)
    except (Unreadable, StorageError):
        return message_id, ""
    return position, indexed_text(message).text


def _message(candidate: Candidate, page: RankedPage, options: HitOptions) -> AgentMessage:
    message_id = candidate.message or 0
    if candidate.profile == WEB_UI:
        return AgentMessage(message_id, options.read_message(candidate.segment_id, message_id))
    return page.agent_messages[candidate.profile, message_id]
