"""The answer of `read_conversation`: as many messages as fit, or parts of one, and how to read on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from ..messages import mask
from ..model import Summary
from ..repository import SessionRepository
from .budget import Budget, tokens
from .parts import part_count, parts_within
from .text import block, line, listed, plural, quoted
from .transcript import MessageReader, ShownMessage, Tools

FOOTER_TOKENS = 110  # for the lines that say how to read on
LARGEST_SHARE = 0.6  # of the room, for the message that was asked for, so that some around it fit
LONGEST_WAITING = 120  # characters of a message that waits for its answer
LEAST_CUT = 130  # tokens: less of a message is not worth showing


class ReadRequest(NamedTuple):
    """Which messages are asked for: those from `at` on, or those `around` it; None is the beginning."""

    at: int | None
    around: bool
    part: int | None
    tools: Tools


class TranscriptEnds(NamedTuple):
    """What an answer says where it has the first message, and where it has the last one."""

    before: str
    after: str


def read(sessions: SessionRepository, summary: Summary, heading: str, asked: ReadRequest, most: int) -> str:
    """Return messages of a conversation, in at most about `most` tokens."""
    transcript = MessageReader(sessions, summary.session_id, asked.tools, asked.at or 0)
    ends = _ends(sessions, summary)
    if not transcript.total:
        return listed([heading, "There are no messages.", *ends])
    room = most - FOOTER_TOKENS - tokens(heading) - tokens(ends.before) - tokens(ends.after)
    reader = _Reader(transcript, room, ends)
    at = _index(asked.at, transcript.total)
    if asked.part is not None:
        return listed([heading, *reader.parts(at, asked.part)])
    if asked.at is None or not asked.around:
        return listed([heading, *reader.forward(at)])
    return listed([heading, *reader.around(at)])


def _ends(sessions: SessionRepository, summary: Summary) -> TranscriptEnds:
    """Return how to read the agent's segments before and after one, and what waits for an answer."""
    text = block(mask(summary.pending_user_message or ""))
    waiting = f"Sent and not answered: {quoted(text[:LONGEST_WAITING])}" if text else ""
    segments = list(sessions.segments(summary.session_id)) if summary.of_agent else []
    if summary.session_id not in segments:
        return TranscriptEnds("", waiting)
    at = segments.index(summary.session_id)
    before = f"Before this: id={line(segments[at - 1], 128)}, at=-1" if at else ""
    after = [f"After this: id={line(each, 128)}, at=0" for each in segments[at + 1 : at + 2]]
    return TranscriptEnds(before, listed([*after, waiting]))


def _index(at: int | None, total: int) -> int:
    """Return an index that exists; a negative one counts from the end."""
    index = 0 if at is None else at if at >= 0 else total + at
    return max(0, min(index, total - 1))


class _Reader:
    """Fills the room of one answer with messages."""

    def __init__(self, transcript: MessageReader, room: int, ends: TranscriptEnds) -> None:
        self._transcript, self._tools = transcript, transcript.tools
        self._room, self._budget, self._ends = room, Budget(room), ends
        self._blocks: dict[int, str] = {}

    def parts(self, index: int, part: int) -> list[str]:
        """Return parts of one message, and how to read on."""
        message = self._transcript.whole(index)
        count = part_count(message.text)
        first = max(1, min(part, count))
        text, last = parts_within(message.text, first, self._room - tokens(message.heading) - 20)
        on = f"Go on: at={index}, part={last + 1}" if last < count else f"Message {index} ends here."
        later = f"Later: at={index + 1}, around=false" if index + 1 < self._transcript.total else ""
        numbers = f"parts {first} to {last} of {count:,}"
        return [f"{message.heading}, {numbers}", quoted(text), on, later if last == count else ""]

    def forward(self, index: int) -> list[str]:
        """Return the messages from an index on."""
        following = self._fill(self._transcript.forward(index), self._transcript.total)
        return self._page(index, following)

    def around(self, index: int) -> list[str]:
        """Return the message with an index, and those before and after it."""
        after = self._transcript.forward(index)
        for each in islice(after, 1):
            self._add(each, keep=int(self._room * (1 - LARGEST_SHARE)))
        first = self._fill_backward(index, keep=self._budget.left // 2)
        following = self._fill(after, self._transcript.total)
        return self._page(self._fill_backward(first), following)

    def _fill_backward(self, index: int, keep: int = 0) -> int:
        """Add messages before an index, so that so many tokens are left, and return the first one's."""
        for each in self._transcript.backward(index):
            if not self._add(each, keep=keep):
                return index
            index = each.number
        return 0

    def _fill(self, messages: Iterator[ShownMessage], end: int) -> int:
        """Add messages until one does not fit, and return its index."""
        for each in messages:
            if not self._add(each):
                return each.number
        return end

    def _add(self, message: ShownMessage, keep: int = 0) -> bool:
        """Add a message, cut if it is long, so that so many tokens are left; return whether it fits."""
        room = self._budget.left - keep
        whole = _shown(message.heading, message.text) + self._rest(message)
        shown = whole if tokens(whole) < room else self._cut(message, room - tokens(message.heading) - 30)
        if not shown:
            return False
        self._budget.spend(shown)
        self._blocks[message.number] = shown
        return True

    def _cut(self, message: ShownMessage, room: int) -> str:
        """Return the beginning of a message and how to read on; "" if that is not worth the room."""
        text, last = parts_within(message.text, 1, room)
        if self._blocks and (room < LEAST_CUT or tokens(text) > room):
            return ""
        part = last + 1 if message.is_whole and len(text) < len(message.text) else 1
        return f"{_shown(message.heading, text)}\n[cut: read on with at={message.number}, part={part}]"

    def _rest(self, message: ShownMessage) -> str:
        """Return how to read all of what a tool answered, if only its beginning is shown."""
        is_short = self._tools == "short" and not message.is_whole
        return f"\n[shortened: read it all with at={message.number}, part=1]" if is_short else ""

    def _page(self, first: int, following: int) -> list[str]:
        """Return the messages in order, and how to read those before and after."""
        total = self._transcript.total
        span = max(1, len(self._blocks))
        earlier = f"Earlier: at={max(0, first - span)}, around=false" if first > 0 else self._ends.before
        numbers = f"Messages {first} to {following - 1}, of {plural(total, 'message')} numbered from 0."
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        if following < total:
            return [numbers, *blocks, earlier, f"Later: at={following}, around=false"]
        return [numbers, *blocks, earlier, "This is the end.", self._ends.after]


def _shown(heading: str, text: str) -> str:
    return f"{heading}\n{quoted(text)}" if text else heading
