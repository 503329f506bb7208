"""Find within one conversation: which messages contain the words, and the text around them. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hermes_sessions.fields import clean_text
from hermes_sessions.messages import read_messages

from .transcript import Mask

BEFORE, AFTER = 40, 80  # characters of the text around the words


@dataclass(frozen=True, slots=True)
class MessageHit:
    """A message that contains the words: its index, its role, and the words with the text around them."""

    index: int
    role: str
    before: str
    words: str
    after: str


def hits(
    messages: Sequence[Any], offset: int, words: str, mask: Mask, tool_calls: Sequence[Any] = ()
) -> Iterator[MessageHit]:
    """Yield a hit for each message that contains the words, in upper or lower case.

    The first message has index `offset`; `tool_calls` is the session's own list of calls.
    """
    pattern = re.compile(r"\s+".join(map(re.escape, words.split())), re.IGNORECASE)
    for index, message in read_messages(messages, tool_calls, offset):
        for text in message.searchable():
            # Masking takes much longer than searching: only a text that matches is masked and searched again.
            if pattern.search(text) and (match := pattern.search(masked := clean_text(mask(text)))):
                yield _hit(index, message.role, masked, match)
                break


def _hit(index: int, role: str, text: str, match: re.Match[str]) -> MessageHit:
    before = " ".join(text[max(0, match.start() - BEFORE) : match.start()].split("\n"))
    after = " ".join(text[match.end() : match.end() + AFTER].split("\n"))
    return MessageHit(
        index=index,
        role=role,
        before=("…" if match.start() > BEFORE else "") + before,
        words=match[0],
        after=after + ("…" if match.end() + AFTER < len(text) else ""),
    )
