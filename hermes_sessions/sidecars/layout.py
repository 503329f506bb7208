"""The layout of a document: where its members and lists are, and the count and marks of its messages.

A document in memory is surveyed at once. One that is too large for that is read piece by piece, and only the
message at hand and a quarter of a megabyte are held.

In the usual layout, which the web UI and this library write, one pass finds the places and reads the values
as well. Nothing is taken on trust there: the text before and after the lists is laid out again and
compared, and a list ends where its text is a whole list. So the result is that of the members, one by one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..json_text import Malformed, decode
from . import document, marks
from .document import BOM, Member, Span

Read = Callable[[int, int], bytes]
LARGEST_AT_ONCE = 1 << 20
PIECE = 1 << 18
# The longest text before or after the lists of the usual layout: all of its values fit into the index.
LONGEST = 4096
_SPACE = re.compile(r"[ \t\r\n]*")
_KEY = re.compile(document.KEY.pattern.decode())
_BETWEEN_OBJECTS = "},\n    {"
_BEHIND_VALUES = tuple(",]} \t\r\n")
_MESSAGES, _TOOL_CALLS = b'\n  "messages": ', b',\n  "tool_calls": '
_LIST_BEGIN, _BETWEEN_ITEMS, _LIST_END = b"[\n    ", b",\n    ", b"\n  ]"


class Survey(NamedTuple):
    """Where the lists of a document are, None for a missing one, and the count and marks of its messages.

    `members` are its members. They are empty if it has the usual layout, where `values` are those beside the
    lists, and `texts` those of the messages.
    """

    transcript: Span | None
    tool_calls: Span | None
    total: int
    marks: bytes
    members: tuple[Member, ...] = ()
    values: Mapping[str, Any] | None = None
    texts: Sequence[bytes | memoryview] | None = None


def survey(read: Read, size: int) -> Survey:
    """Survey a document of `size` bytes, of which `read` returns a range; raise `Malformed`."""
    if size > LARGEST_AT_ONCE:
        return survey_pieces(read, size)
    data = read(0, size)
    return survey_usual(data) or survey_members(data, document.members(data))


def survey_members(data: bytes, members: tuple[Member, ...]) -> Survey:
    """Survey a document in memory whose members are known; raise `Malformed`."""
    array = document.list_of(data, members, "messages")
    if array is None:
        return _survey(members, b"", 0)
    if array.end - array.start <= marks.STEP:
        return _survey(members, b"", len(document.item_texts(data, array)))
    return _survey(members, *_marked(document.items(data, array), array.start))


def _survey(members: tuple[Member, ...], marked: bytes, total: int) -> Survey:
    transcript, tool_calls = (document.span_of(members, key) for key in ("messages", "tool_calls"))
    return Survey(transcript, tool_calls, total, marked, members)


def _marked(messages: Iterable[Span], begin: int) -> tuple[bytes, int]:
    return marks.extended(b"", 0, (Span(start - begin, end - begin) for start, end in messages))


# ---- the usual layout -----------------------------------------------------------------------------------


def survey_usual(data: bytes) -> Survey | None:
    """Survey a document in one pass, None for one in another layout; raise `Malformed` for invalid UTF-8."""
    document.check_utf8(data)
    start = data.find(_MESSAGES, 0, LONGEST) + len(_MESSAGES)
    head = _small_object(data[:start] + b"null\n}") if start >= len(_MESSAGES) else None
    if head is None:
        return None
    transcript = Span(start, _end_of_messages(data, start))
    texts = document.list_texts(memoryview(data)[start : transcript.end])
    lists = None if texts is None else _tool_calls(data, transcript.end)
    if texts is None or lists is None:
        return None
    tool_calls, at = lists
    tail = _tail(data, at)
    if tail is None or not head.keys().isdisjoint(tail) or "tool_calls" in head or "tool_calls" in tail:
        return None
    del head["messages"]
    marked = _usual_marks(data, transcript, texts)
    return Survey(transcript, tool_calls, len(texts), marked, values=head | tail, texts=texts)


def _small_object(text: bytes) -> dict[str, Any] | None:
    """Return a short object of this layout in which no key occurs twice, else None."""
    found = document.object_laid_out(text) if len(text) <= LONGEST else None
    # In this layout, a key begins a line at this depth and nothing else does.
    return found if found is not None and text.count(b'\n  "') == len(found) else None


def _end_of_messages(data: bytes, start: int) -> int:
    """Return where the messages should end, searched from the end of the text, which is near."""
    end = data.rfind(_LIST_END + _TOOL_CALLS, start)
    return end + len(_LIST_END) if end >= 0 else _end_of_list(data, start)


def _end_of_list(data: bytes, start: int) -> int:
    return start + 2 if data.startswith(b"[]", start) else data.find(_LIST_END, start) + len(_LIST_END)


def _tool_calls(data: bytes, at: int) -> tuple[Span | None, int] | None:
    """Return where the list of tool calls is, if it begins at `at`, and where the rest begins."""
    if not data.startswith(_TOOL_CALLS, at):
        return None, at
    start = at + len(_TOOL_CALLS)
    end = _end_of_list(data, start)
    text = memoryview(data)[start:end]
    # A small one is decoded as all small values are, and refused as they are.
    if document.list_texts(text) is None or (end - start <= LONGEST and not document.is_plain(text)):
        return None
    return Span(start, end), end


def _tail(data: bytes, at: int) -> dict[str, Any] | None:
    if data.startswith(b",", at):
        return _small_object(b"{" + data[at + 1 :]) if len(data) - at <= LONGEST else None
    return {} if data[at:] == b"\n}" else None


def _usual_marks(data: bytes, transcript: Span, texts: Sequence[bytes | memoryview]) -> bytes:
    start, end = transcript
    if end - start <= marks.STEP:
        return b""
    if data.startswith(_LIST_BEGIN + _BETWEEN_ITEMS.join(texts) + _LIST_END, start):
        lengths = list(map(len, texts))
        return marks.laid_out(lengths, len(_LIST_BEGIN), len(_BETWEEN_ITEMS))
    return _marked(document.items(data, transcript), start)[0]


# ---- piece by piece -------------------------------------------------------------------------------------


def survey_pieces(read: Read, size: int, piece: int = PIECE) -> Survey:
    """Survey a document of `size` bytes, `piece` or more of them read at a time; raise `Malformed`."""
    cursor = _Cursor(read, size, piece)
    members: list[Member] = []
    marked = b"", 0
    cursor.open()
    while not cursor.closes("}"):
        key, start, value = cursor.key()
        if cursor.peek() != "[":
            end = cursor.value().end
        elif key == "messages":
            marked = _marked(cursor.items(), value)
            end = cursor.at
        else:
            end = cursor.skip_items()
        members.append(Member(key, start, value, end))
        cursor.separator("}")
    cursor.finish()
    document.check_unique(members)
    return _survey(tuple(members), *marked)


class _Cursor:
    """A cursor over a text that is read as the cursor moves, and checked to be UTF-8.

    In Latin-1 every byte is one character, so positions in the text are positions in the file.
    """

    def __init__(self, read: Read, size: int, piece: int) -> None:
        self.at = 0
        self._read, self._size, self._piece = read, size, piece
        self._base, self._text = 0, ""
        self._cut = b""  # the first bytes of a character that is not completely read

    def open(self) -> None:
        """Move to the first member."""
        while len(self._text) < len(BOM) and self._more():
            pass
        if self._text.startswith(BOM.decode("latin-1")):
            self.at = len(BOM)
        if self.peek() != "{":
            raise Malformed("not a JSON object" if self.peek() else "empty")
        self.at += 1

    def peek(self) -> str:
        """Return the next character that is not space, "" at the end."""
        while True:
            end = _SPACE.match(self._text, self.at - self._base).end()  # type: ignore[union-attr]  # always
            self.at = self._base + end
            if end < len(self._text) or not self._more():
                return self._text[end : end + 1]

    def closes(self, closing: str) -> bool:
        """Whether the object or array ends here."""
        return self.peek() == closing

    def key(self) -> tuple[str, int, int]:
        """Return a key and the positions of the key and its value, and move to the value."""
        self.peek()
        while True:
            match = _KEY.match(self._text, self.at - self._base)
            if match and match.end() < len(self._text):
                break
            if not self._more():
                raise Malformed(f"no key at byte {self.at}")
        key = decode(match[1].encode("latin-1"))
        start, self.at = self._base + match.start(1), self._base + match.end()
        return key, start, self.at

    def value(self) -> Span:
        """Return the span of the value that begins here, and move past it."""
        self.peek()
        while True:
            try:
                end = self._base + document.value_end(self._text, self.at - self._base)
            except Malformed:  # or not read yet
                if not self._more():
                    raise
                continue
            # A number can continue in the next piece: 1 of 1e5.
            if self._text.startswith(_BEHIND_VALUES, end - self._base) or not self._more():
                break
        start, self.at = self.at, end
        return Span(start, end)

    def items(self) -> Iterator[Span]:
        """Return the span of each item of the array that begins here, and move past the array."""
        self.peek()
        self.at += 1
        tried = 0
        while not self.closes("]"):
            held = self._base + len(self._text)
            if held > tried:  # once for each piece: where it finds nothing, it takes time
                yield from self._items_held()
                tried = held
            yield self.value()
            self.separator("]")
        self.at += 1

    def _items_held(self) -> Sequence[Span]:
        """Return the spans of the objects in memory, all but the last, and move past them.

        Three times as fast as one by one. None are returned in any other layout.
        """
        start = self.at - self._base
        end = self._text.rfind(_BETWEEN_OBJECTS, start) + 1
        data = b"".join((b"[", self._text[start:end].encode("latin-1"), b"]"))
        texts = document.list_texts(data) if end else None
        if not texts:
            return ()
        begin, self.at = self.at - 1, self._base + end + len(_BETWEEN_OBJECTS) - 2
        return [Span(begin + each.start, begin + each.end) for each in document.located(data, 1, texts)]

    def skip_items(self) -> int:
        """Move past the array that begins here, and return the position."""
        for _ in self.items():
            continue
        return self.at

    def separator(self, closing: str) -> None:
        """Move to the next item or member, or to what closes the last one."""
        character = self.peek()
        if character == closing:
            return
        if character != ",":
            raise Malformed(f"no comma at byte {self.at}")
        self.at += 1
        if self.peek() == closing:
            raise Malformed(f"a comma too many at byte {self.at}")

    def finish(self) -> None:
        """Raise `Malformed` if anything follows the object."""
        self.at += 1
        if self.peek():
            raise Malformed(f"more text after the object, at byte {self.at}")

    def _more(self) -> bool:
        """Read as much again as is still needed, and drop what was passed; False at the end."""
        end = self._base + len(self._text)
        held = self._text[self.at - self._base :]
        data = self._read(end, min(self._size, end + max(self._piece, len(held))))
        characters = self._cut + data
        final = end + len(data) == self._size
        self._cut = characters[document.whole_characters(characters, final=final) :]
        self._base, self._text = self.at, held + data.decode("latin-1")
        return bool(data)
