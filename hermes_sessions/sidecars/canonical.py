"""A document in the layout that the web UI and this library write, surveyed in one pass; none other.

Nothing is taken on trust: what lies before and behind the lists is laid out anew and compared, and a list
ends where its text is a whole list. So what is told here is what `document` and `survey` would tell.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from . import document, marks
from .document import Span

# The longest text before or behind the lists: none of its values is too large for the index then.
LONGEST = 4096
_MESSAGES, _TOOL_CALLS = b'\n  "messages": ', b',\n  "tool_calls": '
_LIST_BEGIN, _BETWEEN_ITEMS, _LIST_END = b"[\n    ", b",\n    ", b"\n  ]"


class Laid(NamedTuple):
    """What a document says beside its lists, where those lie, and the texts and marks of its messages."""

    values: dict[str, Any]
    transcript: Span
    tool_calls: Span | None
    messages: Sequence[bytes | memoryview]
    marks: bytes


def read(data: bytes) -> Laid | None:
    """Survey a document, None for one in another layout; raise `Malformed` for what is no UTF-8."""
    document.check_utf8(data)
    start = data.find(_MESSAGES, 0, LONGEST) + len(_MESSAGES)
    head = _small_object(data[:start] + b"null\n}") if start >= len(_MESSAGES) else None
    if head is None:
        return None
    transcript = Span(start, _end_of_messages(data, start))
    messages = document.list_texts(memoryview(data)[start : transcript.end])
    lists = None if messages is None else _tool_calls(data, transcript.end)
    if messages is None or lists is None:
        return None
    tool_calls, at = lists
    tail = _tail(data, at)
    if tail is None or not head.keys().isdisjoint(tail) or "tool_calls" in head or "tool_calls" in tail:
        return None
    del head["messages"]
    return Laid(head | tail, transcript, tool_calls, messages, _marks(data, transcript, messages))


def _small_object(text: bytes) -> dict[str, Any] | None:
    """Return a short object of this layout in which no key comes twice, else None."""
    found = document.object_laid_out(text) if len(text) <= LONGEST else None
    # In this layout, a key begins a line at this depth and nothing else does.
    return found if found is not None and text.count(b'\n  "') == len(found) else None


def _end_of_messages(data: bytes, start: int) -> int:
    """Return where they should end: looked for from behind, since what lies there is short."""
    end = data.rfind(_LIST_END + _TOOL_CALLS, start)
    return end + len(_LIST_END) if end >= 0 else _end_of_list(data, start)


def _end_of_list(data: bytes, start: int) -> int:
    return start + 2 if data.startswith(b"[]", start) else data.find(_LIST_END, start) + len(_LIST_END)


def _tool_calls(data: bytes, at: int) -> tuple[Span | None, int] | None:
    """Return where the list of tool calls lies that may come at `at`, and where the rest begins."""
    if not data.startswith(_TOOL_CALLS, at):
        return None, at
    start = at + len(_TOOL_CALLS)
    end = _end_of_list(data, start)
    text = memoryview(data)[start:end]
    # A small one is decoded as all small values are, and what is wrong in it told.
    if document.list_texts(text) is None or (end - start <= LONGEST and not document.is_plain(text)):
        return None
    return Span(start, end), end


def _tail(data: bytes, at: int) -> dict[str, Any] | None:
    if data.startswith(b",", at):
        return _small_object(b"{" + data[at + 1 :]) if len(data) - at <= LONGEST else None
    return {} if data[at:] == b"\n}" else None


def _marks(data: bytes, transcript: Span, messages: Sequence[bytes | memoryview]) -> bytes:
    start, end = transcript
    if end - start <= marks.STEP:
        return b""
    if data.startswith(_LIST_BEGIN + _BETWEEN_ITEMS.join(messages) + _LIST_END, start):
        lengths = list(map(len, messages))
        return marks.laid_out(lengths, len(_LIST_BEGIN), len(_BETWEEN_ITEMS))
    spans = document.items(data, transcript)
    return marks.extended(b"", 0, (Span(each.start - start, each.end - start) for each in spans))[0]
