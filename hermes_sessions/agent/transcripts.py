"""One transcript of a conversation's segments: every message once, in order, and which segment it came from.

When the agent compresses a conversation it begins the next segment with a summary, between messages that it
copies from the segment before. The summary is new and stays. A copy is left out if the same message, sent at
the same time, is in an earlier segment; whatever differs stays, since it may be another message.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .. import json_text

Message = dict[str, Any]
# How the agent's summaries begin, of 0.13 and of later releases.
SUMMARY_BEGINNINGS = ("[CONTEXT COMPACTION", "[CONTEXT SUMMARY]:")


class Transcript(NamedTuple):
    """The messages of a conversation; `counts` says by segment how many came from it, oldest first."""

    messages: list[Message]
    counts: dict[str, int]


def joined(segments: Mapping[str, Sequence[Message]]) -> Transcript:
    """Return the messages of these segments, given oldest first, as one transcript."""
    messages: list[Message] = []
    counts: dict[str, int] = {}
    earlier: set[bytes] = set()
    for session_id, own in segments.items():
        marks = [_mark(message) for message in own]
        new = [
            message for message, mark in zip(own, marks, strict=True) if mark is None or mark not in earlier
        ]
        earlier.update(mark for mark in marks if mark is not None)
        messages += new
        counts[session_id] = len(new)
    return Transcript(messages, counts)


def _mark(message: Message) -> bytes | None:
    """Return what only a copy of this message has too; None if that cannot be known."""
    if is_summary(message):
        return json_text.encode_line([message.get("role"), message.get("content")], "message")
    if not message.get("timestamp"):
        return None
    return json_text.encode_line(sorted(message.items(), key=lambda item: item[0]), "message")


def is_summary(message: Message) -> bool:
    """Whether the agent wrote a message as the summary of what came before."""
    content = message.get("content")
    return isinstance(content, str) and content.startswith(SUMMARY_BEGINNINGS)
