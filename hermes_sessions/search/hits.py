"""Makes hits of ranked matches: reads the messages from their files, and cuts the snippets."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..errors import NotFound, StorageError, Unreadable
from ..hits import Hit, Passage
from ..index import View
from ..messages import Message
from ..model import Summary
from .forms import ClauseForms
from .indexed_text import shown_text
from .run import AgentMessage, RankedMatch, RankedPage
from .snippets import Matcher, Snippet, make_snippet
from .tables import WEB_UI

# Reads one of the web UI's messages by session id and position; raises `NotFound` if it is gone.
ReadMessage = Callable[[str, int], Message]


class HitOptions(NamedTuple):
    """What making hits depends on: how messages are read, how credentials are masked, and the list's view.

    `reader` returns what reads the messages of the web UI's sessions that it is given.
    """

    reader: Callable[[Collection[str]], ReadMessage]
    mask: Callable[[str], str]
    view: View


class MadeHits(NamedTuple):
    """Hits, and the words that were probably meant and that their titles and messages show.

    `unread` says why messages could not be read to be cited.
    """

    hits: list[Hit]
    corrections: frozenset[str]
    unread: Sequence[str]


def make_hits(page: RankedPage, options: HitOptions) -> MadeHits:
    """Return the hits of a page.

    A match whose session or message was deleted in the meantime is left out. If a file cannot be read, the
    snippet is empty and nothing is cited.
    """
    of_web = [match.segment_id for match in page.matches if match.key[0] == WEB_UI]
    source = _HitSource(page, options.reader(of_web), options.mask, {})
    matchers: dict[Sequence[ClauseForms], Matcher] = {}  # those of a stage have the same
    made = []
    for match in page.matches:
        matcher = matchers.get(match.clauses)
        if matcher is None:
            matcher = matchers[match.clauses] = Matcher(match.clauses)
        hit = _hit(match, matcher, source)
        if hit is not None:
            made.append(hit)
    corrections = frozenset().union(*(shown for _, shown in made))
    return MadeHits([hit for hit, _ in made], corrections, list(source.unread.values()))


def listed_hits(summaries: Sequence[Summary], offset: int, mask: Callable[[str], str]) -> list[Hit]:
    """Return conversations that were not searched as hits, the first of them at `offset` of a list."""
    return [
        Hit(
            session_id=summary.session_id,
            title=mask(summary.title),
            match="title",
            snippet=mask(summary.title),
            message_index=None,
            source=summary.source,
            score=round(1 / (1 + place), 6),
            segment_id=summary.session_id,
            summary=summary,
            marked_title=mask(summary.title),
        )
        for place, summary in enumerate(summaries, offset)
    ]


class _HitSource(NamedTuple):
    """What hits are made of: a page of matches, and how their messages are read and masked.

    `unread` says of the sessions whose files could not be read why.
    """

    page: RankedPage
    read_message: ReadMessage
    mask: Callable[[str], str]
    unread: dict[str, str]


def _hit(match: RankedMatch, matcher: Matcher, source: _HitSource) -> tuple[Hit, frozenset[str]] | None:
    summary = source.page.summaries.get(match.conversation_id)
    if summary is None:
        return None
    title = source.mask(summary.title)
    in_title = matcher.corrections(title)
    marked_title, forms = matcher.marked(title)
    position, snippet = match.number, Snippet(marked_title, forms)
    passages: list[Passage] = []
    if position is not None:
        try:
            position, message = _message(match, match.segment_id, position, source)
        except (KeyError, NotFound):
            return None
        snippet = make_snippet(shown_text(message), matcher, source.mask)
        if match.places and match.segment_id not in source.unread:  # the first of them is this message
            best = Passage(match.segment_id, position, message.author, message.sent_at, snippet.text)
            passages = [best, *_passages(match, matcher, source)]
    hit = Hit(
        session_id=summary.session_id,
        title=title,
        match="title" if match.in_title else "content",
        snippet=snippet.text,
        message_index=position,
        source=summary.source,
        score=round(match.score, 6),
        segment_id=match.segment_id,
        summary=summary,
        marked_title=marked_title,
        missing=match.missing,
        forms=snippet.forms,
        passages=tuple(passages),
    )
    return hit, in_title | snippet.corrections


def _passages(match: RankedMatch, matcher: Matcher, source: _HitSource) -> Iterator[Passage]:
    """Yield the messages to cite after the best one, but those that were deleted in the meantime."""
    for segment_id, number in match.places[1:]:
        with suppress(KeyError, NotFound):
            position, message = _message(match, segment_id, number, source)
            snippet = make_snippet(shown_text(message), matcher, source.mask)
            yield Passage(segment_id, position, message.author, message.sent_at, snippet.text)


def _message(match: RankedMatch, segment_id: str, number: int, source: _HitSource) -> AgentMessage:
    """Return a message and its position, an empty message if its file cannot be read."""
    if match.key[0] != WEB_UI:
        return source.page.agent_messages[match.key[0], number]
    try:
        return AgentMessage(number, source.read_message(segment_id, number))
    except (Unreadable, StorageError) as error:
        source.unread[segment_id] = str(error)
        return AgentMessage(number, Message())
