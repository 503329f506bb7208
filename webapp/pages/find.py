"""Find within one conversation: which messages hold the words, and a line around them. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hermes_sessions.fields import clean_text
from hermes_sessions.messages import read_messages

from .transcript import Mask

BEFORE, AFTER = 40, 80  # characters of a line around the words


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that holds the words: its index, who speaks, and the words with what stands around them."""

    index: int
    role: str
    before: str
    words: str
    after: str


def hits(
    messages: Sequence[Any], offset: int, words: str, mask: Mask, tool_calls: Sequence[Any] = ()
) -> Iterator[Hit]:
    """Yield a hit for each message that holds the words, in upper or lower case.

    The first message has index `offset`; `tool_calls` is the session's own list of calls.
    """
    pattern = re.compile(r"\s+".join(map(re.escape, words.split())), re.IGNORECASE)
    for index, message in read_messages(messages, tool_calls, offset):
        for text in message.searchable():
            # Masking takes much longer than looking: only what has the words is masked, and looked at anew.
            if pattern.search(text) and (found := pattern.search(masked := clean_text(mask(text)))):
                yield _hit(index, message.role, masked, found)
                break


def _hit(index: int, role: str, text: str, found: re.Match[str]) -> Hit:
    before = " ".join(text[max(0, found.start() - BEFORE) : found.start()].split("\n"))
    after = " ".join(text[found.end() : found.end() + AFTER].split("\n"))
    return Hit(
        index=index,
        role=role,
        before=("…" if found.start() > BEFORE else "") + before,
        words=found[0],
        after=after + ("…" if found.end() + AFTER < len(text) else ""),
    )
