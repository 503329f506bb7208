"""What lies where in a whole document: its members, the marks of its messages, and how many they are.

A document that is in memory is surveyed at once; one that is too large for that is read piece by piece, and
only the message at hand and a quarter of a megabyte are held.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ..json_text import Malformed, decode
from . import document, marks
from .document import BOM, Member, Span

Read = Callable[[int, int], bytes]
PIECE = 1 << 18
_SPACE = re.compile(r"[ \t\r\n]*")
_KEY = re.compile(document.KEY.pattern.decode())
_BETWEEN_OBJECTS = "},\n    {"
_BEHIND_VALUES = tuple(",]} \t\r\n")


class Survey(NamedTuple):
    """The members of a document, the marks of its messages, and their count."""

    members: tuple[Member, ...]
    marks: bytes
    total: int


def whole(data: bytes) -> Survey:
    """Survey a document that is in memory; raise `Malformed`."""
    return of_members(data, document.members(data))


def of_members(data: bytes, found: tuple[Member, ...]) -> Survey:
    """Survey a document whose members are known; raise `Malformed`."""
    array = document.list_of(data, found, "messages")
    if array is None:
        return Survey(found, b"", 0)
    if array.end - array.start <= marks.STEP:
        return Survey(found, b"", len(document.item_texts(data, array)))
    return Survey(found, *_marked(document.items(data, array), array.start))


def piecewise(read: Read, size: int, piece: int = PIECE) -> Survey:
    """Survey a document of `size` bytes, `piece` or more of them read at a time; raise `Malformed`."""
    text = _Text(read, size, piece)
    found: list[Member] = []
    marked = b"", 0
    text.open()
    while not text.closes("}"):
        key, start, value = text.key()
        if text.peek() != "[":
            end = text.value().end
        elif key == "messages":
            marked = _marked(text.items(), value)
            end = text.at
        else:
            end = text.skip_items()
        found.append(Member(key, start, value, end))
        text.separator("}")
    text.finish()
    document.check_unique(found)
    return Survey(tuple(found), *marked)


def _marked(messages: Iterable[Span], begin: int) -> tuple[bytes, int]:
    return marks.extended(b"", 0, (Span(start - begin, end - begin) for start, end in messages))


class _Text:
    """A cursor over a text that is read as it moves on, and checked to be UTF-8.

    In Latin-1 every byte is one character, so positions in the text are positions in the file.
    """

    def __init__(self, read: Read, size: int, piece: int) -> None:
        self.at = 0
        self._read, self._size, self._piece = read, size, piece
        self._base, self._text = 0, ""
        self._cut = b""  # the beginning of a character whose end is not read yet

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
        """Return the next character that is no space, "" at the end."""
        while True:
            end = _SPACE.match(self._text, self.at - self._base).end()  # type: ignore[union-attr]  # always
            self.at = self._base + end
            if end < len(self._text) or not self._more():
                return self._text[end : end + 1]

    def closes(self, closing: str) -> bool:
        """Whether the object or array ends here."""
        return self.peek() == closing

    def key(self) -> tuple[str, int, int]:
        """Return a key, where it begins and where its value does, and move there."""
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
        """Return where the value lies that begins here, and move behind it."""
        self.peek()
        while True:
            try:
                end = self._base + document.value_end(self._text, self.at - self._base)
            except Malformed:  # or not read yet
                if not self._more():
                    raise
                continue
            # What is read of a number can be one itself: 1 of 1e5.
            if self._text.startswith(_BEHIND_VALUES, end - self._base) or not self._more():
                break
        start, self.at = self.at, end
        return Span(start, end)

    def items(self) -> Iterator[Span]:
        """Return where each item of the array lies that begins here, and move behind it."""
        self.peek()
        self.at += 1
        seen = 0
        while not self.closes("]"):
            held = self._base + len(self._text)
            if held > seen:  # once for each piece: where it is of no use, it takes time
                yield from self._items_held()
                seen = held
            yield self.value()
            self.separator("]")
        self.at += 1

    def _items_held(self) -> Sequence[Span]:
        """Return where the objects lie that are laid out as usual and held, all but the last, and move on.

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
        """Move behind the array that begins here, and return where that is."""
        for _ in self.items():
            continue
        return self.at

    def separator(self, closing: str) -> None:
        """Move to the next item or member, or to what closes the last one."""
        found = self.peek()
        if found == closing:
            return
        if found != ",":
            raise Malformed(f"no comma at byte {self.at}")
        self.at += 1
        if self.peek() == closing:
            raise Malformed(f"a comma too many at byte {self.at}")

    def finish(self) -> None:
        """Expect nothing more behind the object."""
        self.at += 1
        if self.peek():
            raise Malformed(f"more text after the object, at byte {self.at}")

    def _more(self) -> bool:
        """Read on, as much again as is still held, and drop what lies behind; False at the end."""
        end = self._base + len(self._text)
        held = self._text[self.at - self._base :]
        data = self._read(end, min(self._size, end + max(self._piece, len(held))))
        characters = self._cut + data
        final = end + len(data) == self._size
        self._cut = characters[document.whole_characters(characters, final=final) :]
        self._base, self._text = self.at, held + data.decode("latin-1")
        return bool(data)
