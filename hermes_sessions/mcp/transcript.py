"""The messages of a conversation as text for a model, read a few at a time in either direction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ..errors import NotFound
from ..messages import Message, cards_by_message, mask_all, message_lines, read_message
from ..repository import SessionRepository
from ..results import MessagePage
from ..times import local_minute
from .text import block, line, shorten_result, shorten_step

Tools = Literal["short", "full", "none"]

PAGE = 20  # messages that are read at once


class ShownMessage(NamedTuple):
    """A message as text. `is_whole` is whether the text is all that it holds."""

    number: int
    heading: str
    text: str
    is_whole: bool


class MessageReader:
    """The messages of one conversation, as `tools` says how much of the tools is shown.

    The message at index `at` is read immediately, because the caller will probably need it.
    """

    def __init__(self, sessions: SessionRepository, session_id: str, tools: Tools, at: int) -> None:
        self._sessions, self._id, self.tools = sessions, session_id, tools
        self._first = sessions.messages(session_id, after=max(0, at), limit=1)
        self.total = self._first.total

    def forward(self, index: int) -> Iterator[ShownMessage]:
        """Yield the messages from an index on that have something to show."""
        while index < self.total:
            page = self._sessions.messages(self._id, after=index, limit=PAGE)
            yield from self._shown(page)
            if not page.messages:
                return
            index = page.end

    def backward(self, index: int) -> Iterator[ShownMessage]:
        """Yield the messages before an index that have something to show, the last one first."""
        while index > 0:
            page = self._sessions.messages(self._id, before=index, limit=PAGE)
            yield from self._shown(page, backward=True)
            if not page.messages:
                return
            index = page.offset

    def whole(self, index: int) -> ShownMessage:
        """Return one message with everything that it holds."""
        page = self._first
        if page.offset != index or not page.messages:
            page = self._sessions.messages(self._id, after=index, limit=1)
        for message in shown_messages(page, "full"):
            return message
        raise NotFound(f"there is no message {index} any more")

    def _shown(self, page: MessagePage, *, backward: bool = False) -> Iterator[ShownMessage]:
        messages = shown_messages(page, self.tools, backward=backward)
        return (each for each in messages if each.text or self.tools != "none")


def shown_messages(page: MessagePage, tools: Tools, *, backward: bool = False) -> Iterator[ShownMessage]:
    """Yield the messages of a page as text, in either order; each is read when it is asked for."""
    cards = cards_by_message(page.tool_calls)
    numbered = list(enumerate(page.messages, page.offset))
    for index, raw in reversed(numbered) if backward else numbered:
        yield _shown_message(index, read_message(mask_all(raw), mask_all(cards.get(index, []))), tools)


def _shown_message(index: int, message: Message, tools: Tools) -> ShownMessage:
    at = local_minute(message.sent_at)
    heading = f"[{index}] {line(message.stated_role or '?', 30)}" + (f", {at}" if at else "")
    whole = "\n".join(message_lines(message, block, block))
    text = whole if tools == "full" else _shortened(message, tools)
    return ShownMessage(index, heading, block(text), text == whole)


def _shortened(message: Message, tools: Tools) -> str:
    if tools == "none":
        return "\n".join(message_lines(message._replace(calls=(), results=(), reasoning=()), block))
    return "\n".join(message_lines(message, shorten_result, shorten_step))
