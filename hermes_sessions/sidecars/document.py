"""The JSON text of a sidecar: the positions of its keys and messages, and edits that keep all other bytes.

Takes bytes and returns positions and edits; touches no file. The syntax is RFC 8259 and what Python's `json`
accepts beyond it: NaN, Infinity, lone surrogates.
"""

import codecs
import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from .. import json_text
from ..json_text import Malformed, decode

BOM = codecs.BOM_UTF8
_SPACE = re.compile(rb"[ \t\r\n]*")
# Possessive quantifiers: backtracking finds nothing here, and took 130 bytes of memory per byte of a key.
KEY = re.compile(rb'[ \t\r\n]*("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r\n]*:[ \t\r\n]*')
_MEMBER = re.compile(rb"[ \t\r\n]*[{,]" + KEY.pattern)
# Small, because Python stores a whole step in the width of its widest character, and most steps are ASCII.
# Ordinary sessions take a quarter longer in steps of 64 kB, and 50 MB three times as long in steps of 1 MB.
_UTF8_STEP = 1 << 13
_BEFORE_ITEMS, _BETWEEN_ITEMS, AFTER_ITEMS = b"[\n    ", b",\n    ", b"\n  ]"
_LEAD, _LEAD_END = len(b"[\n  [\n    "), len(b"\n  ]\n]")
_ITEMS_AT_ONCE = 64
_SMALL, _LONGEST_LEAD = 4096, 64
# Created once: looking up a type takes longer than decoding a small value.
_MEMBERS, _ITEMS = msgspec.json.Decoder(dict[str, msgspec.Raw]), msgspec.json.Decoder(list[msgspec.Raw])
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Span(NamedTuple):
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int


class Member(NamedTuple):
    """A top-level key: the positions of its opening quote, its value, and the end of its value."""

    key: str
    start: int
    value: int
    end: int


class Edit(NamedTuple):
    """Replace the bytes from `start` to `end` by `text`."""

    start: int
    end: int
    text: bytes


# ---- reading --------------------------------------------------------------------------------------------


def members(data: bytes) -> tuple[Member, ...]:
    """Return the top-level members of a whole document in the order of the text; raise `Malformed`."""
    check_utf8(data)
    return members_of_valid(data)


def members_of_valid(data: bytes) -> tuple[Member, ...]:
    """Return the `members` of a document that is known to be UTF-8."""
    opening = _opening(data)
    try:
        members = _members_fast(data, opening)
    except msgspec.DecodeError:  # `json` accepts more; the scan finds out
        members = list(_scan(data, opening + 1))
    except RecursionError:
        raise Malformed("nested too deeply") from None
    check_unique(members)
    return tuple(members)


def head_members(data: bytes) -> tuple[Member, ...]:
    """Return the members up to `messages`, whose `end` is then its `value`; raise `Malformed`.

    `data` is the beginning of a document, at least up to that value.
    """
    opening = _opening(data)
    with suppress(msgspec.DecodeError, Malformed, RecursionError):
        members = _members_fast(data + b"0}", opening)  # callers give the text up to the value
        if members[-1].key == "messages" and members[-1].value == len(data):
            return (*members[:-1], members[-1]._replace(end=len(data)))
    members = list(_scan(data, opening + 1, stop="messages"))
    check_unique(members)
    return tuple(members)


def find(members: Iterable[Member], key: str) -> Member | None:
    """Return the member of this key, None without it."""
    for member in members:
        if member.key == key:
            return member
    return None


def span_of(members: Iterable[Member], key: str) -> Span | None:
    """Return where the value of this key lies, None without it."""
    member = find(members, key)
    return Span(member.value, member.end) if member else None


def list_of(data: bytes, members: Iterable[Member], key: str) -> Span | None:
    """Return where the list under this key lies, None without it or if it is something else."""
    span = span_of(members, key)
    return span if span and data.startswith(b"[", span.start) else None


def tail_members(data: bytes, offset: int) -> tuple[Member, ...]:
    """Return the members after `messages`; `data` begins right behind its value, at byte `offset`."""
    start = _SPACE.match(data).end()  # type: ignore[union-attr]  # it matches the empty text too
    if data[start : start + 1] == b"}":
        return ()
    if data[start : start + 1] != b",":
        raise Malformed(f"no comma at byte {offset + start}")
    shifted = (
        Member(each.key, each.start + offset, each.value + offset, each.end + offset)
        for each in _scan(data, start + 1)
    )
    return tuple(shifted)


def items(data: bytes, array: Span) -> list[Span]:
    """Return where each item of the array at `array` lies; raise `Malformed` if it is not an array."""
    if data[array.start : array.start + 1] != b"[":
        raise Malformed("messages is not a list")
    try:
        raws = _ITEMS.decode(memoryview(data)[array.start : array.end])
    except msgspec.DecodeError:
        return _items_slow(data, array.start + 1)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    return located(data, array.start + 1, raws)


def located(data: bytes, at: int, texts: Iterable[bytes]) -> list[Span]:
    """Return the spans of consecutive items; the first begins at `at`, or after the space there."""
    spans: list[Span] = []
    start = _skip_space(data, at)
    for text in texts:
        end = start + len(text)
        spans.append(Span(start, end))
        if data.startswith(_BETWEEN_ITEMS, end):  # the usual layout
            start = end + len(_BETWEEN_ITEMS)
        else:
            start = _skip_space(data, _skip_space(data, end) + 1)
    return spans


def item_texts(data: bytes, array: Span) -> list[memoryview]:
    """Return the text of each item of the array at `array`, in half the time that `items` takes."""
    view = memoryview(data)
    if data[array.start : array.start + 1] == b"[":
        with suppress(msgspec.DecodeError, RecursionError):  # which `items` explains
            raws = _ITEMS.decode(view[array.start : array.end])
            return [memoryview(raw) for raw in raws]
    return [view[span.start : span.end] for span in items(data, array)]


def beginning_of(data: bytes, array: Span, given: Sequence[Any]) -> tuple[int, int]:
    """Return how many items at the beginning have the usual text of those given, and where the last one ends.

    It is compared piece by piece: each fits into the processor's cache.
    """
    same, at, between = 0, array.start, _BEFORE_ITEMS
    for start in range(0, len(given), _ITEMS_AT_ONCE):
        items = [*given[start : start + _ITEMS_AT_ONCE]]
        laid_out = json_text.encode_exact([items])
        if laid_out is None or not data.startswith(between, at):
            break
        text, begin = memoryview(laid_out)[_LEAD:-_LEAD_END], at + len(between)
        end = begin + len(text)
        if not (data.startswith(text, begin) and data.startswith((_BETWEEN_ITEMS, AFTER_ITEMS), end)):
            break
        same, at, between = same + len(items), end, _BETWEEN_ITEMS
    return same, at


def values(read: Callable[[int, int], bytes | memoryview], wanted: Iterable[Member]) -> dict[str, Any]:
    """Return the values of these members by key, the small ones decoded at once; raise `Malformed`."""
    small: list[bytes | memoryview] = []
    decoded: dict[str, Any] = {}
    for member in wanted:
        decoded[member.key] = None  # keeps the order
        if member.end - member.value <= _SMALL:
            small.append(read(member.start, member.end))
        else:
            decoded[member.key] = decode(read(member.value, member.end))
    return decoded | _small_values(small)


def _small_values(texts: Sequence[bytes | memoryview]) -> dict[str, Any]:
    try:
        known: dict[str, Any] = msgspec.json.decode(b"{" + b",".join(texts) + b"}")
    except (msgspec.DecodeError, RecursionError):
        known = {}
        for text in texts:
            known |= decode(b"".join((b"{", text, b"}")))
    return known


def list_texts(text: bytes | memoryview) -> list[msgspec.Raw] | None:
    """Return the items' texts of a whole list, None for anything else or what msgspec refuses."""
    if text[:1] != b"[":
        return None
    try:
        return _ITEMS.decode(text)
    except _REFUSED:
        return None


def is_plain(text: bytes | memoryview) -> bool:
    """Whether msgspec can decode this value; `json` is slower and accepts a little more."""
    try:
        msgspec.json.decode(text)
    except _REFUSED:
        return False
    return True


def object_laid_out(text: bytes) -> dict[str, Any] | None:
    """Return an object in the layout that `json_text.encode` gives, None for any other text."""
    try:
        value: dict[str, Any] = msgspec.json.decode(text)
        return value if msgspec.json.format(text, indent=2) == text else None
    except _REFUSED:
        return None


def _opening(data: bytes) -> int:
    at = _skip_space(data, len(BOM) if data.startswith(BOM) else 0)
    if data[at : at + 1] != b"{":
        raise Malformed("not a JSON object" if data.strip() else "empty")
    return at


def _members_fast(data: bytes, opening: int) -> list[Member]:
    raws = _MEMBERS.decode(memoryview(data)[opening:])
    members, at = [], opening
    for key, raw in raws.items():
        view, lead = memoryview(raw), _lead(key) if len(key) <= _LONGEST_LEAD else None
        if lead and data.startswith(lead, at + 1) and data.startswith(view, at + 1 + len(lead)):
            start, value = at + 4, at + 1 + len(lead)
        else:
            match = _MEMBER.match(data, at)
            start, value = (match.start(1), match.end()) if match else (at, at)
        # A repeated key is noticed here: msgspec keeps its first position and its last value.
        if not data.startswith(view, value):
            raise Malformed("a key occurs twice")
        at = value + len(view)
        members.append(Member(key, start, value, at))
    if members and not data.startswith(b"}", _skip_space(data, at)):
        raise Malformed("a key occurs twice")
    return members


@functools.lru_cache(1024)
def _lead(key: str) -> bytes | None:
    """Return the text between a brace or comma and a member's value in the usual layout.

    None for a key that is written with escapes.
    """
    return b'\n  "%s": ' % key.encode() if key.isidentifier() else None


def _scan(data: bytes, at: int, stop: str | None = None) -> Iterator[Member]:
    # In Latin-1 every byte is one character, so positions in the text are positions in the file.
    text = data.decode("latin-1")
    at = _skip_space(data, at)
    while data[at : at + 1] != b"}":
        match = KEY.match(data, at)
        if match is None:
            raise Malformed(f"no key at byte {at}")
        key = decode(match[1])
        if key == stop:
            yield Member(key, match.start(1), match.end(), match.end())
            return
        end = value_end(text, match.end())
        yield Member(key, match.start(1), match.end(), end)
        at = _after_comma(data, end, b"}")
    if stop is None and data[_skip_space(data, at + 1) :]:
        raise Malformed(f"more text after the object, at byte {at + 1}")


def _items_slow(data: bytes, at: int) -> list[Span]:
    text, spans = data.decode("latin-1"), []
    at = _skip_space(data, at)
    while data[at : at + 1] != b"]":
        end = value_end(text, at)
        spans.append(Span(at, end))
        at = _after_comma(data, end, b"]")
    return spans


def _nothing(_: str) -> None:
    """Return nothing for a number, whose value does not matter here, however many digits it has."""


_POSITIONS = json.JSONDecoder(parse_int=_nothing, parse_float=_nothing)


def value_end(text: str, at: int) -> int:
    """Return where the value ends that begins at `at` of a Latin-1 text; raise `Malformed`."""
    try:
        return _POSITIONS.raw_decode(text, at)[1]
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as error:
        raise Malformed(str(error)) from None


def _after_comma(data: bytes, end: int, closing: bytes) -> int:
    at = _skip_space(data, end)
    if data[at : at + 1] == closing:
        return at
    if data[at : at + 1] != b",":
        raise Malformed(f"no comma at byte {at}")
    at = _skip_space(data, at + 1)
    if data[at : at + 1] == closing:
        raise Malformed(f"a comma too many at byte {at}")
    return at


def _skip_space(data: bytes, at: int) -> int:
    return _SPACE.match(data, at).end()  # type: ignore[union-attr]  # it matches the empty text too


def check_utf8(data: bytes) -> None:
    """Raise `Malformed` for bytes that are not UTF-8."""
    whole_characters(data, final=True)


def whole_characters(data: bytes, *, final: bool) -> int:
    """Return how many bytes are whole characters of UTF-8; fewer than all only if they are not `final`.

    Raises `Malformed` for bytes that are not UTF-8.
    """
    if data.isascii():
        return len(data)
    view, at, size = memoryview(data), 0, len(data)
    try:
        while at < size:
            last = at + _UTF8_STEP >= size
            at += codecs.utf_8_decode(view[at : at + _UTF8_STEP], "strict", final and last)[1]
            if last:
                break
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
    return at


def check_unique(members: Sequence[Member]) -> None:
    """Raise `Malformed` if two members have the same key."""
    if len({member.key for member in members}) < len(members):
        raise Malformed("a key occurs twice")


# ---- writing --------------------------------------------------------------------------------------------


def set_keys(
    members: Sequence[Member],
    values: Mapping[str, bytes],
    data_end: int,
    removed: Collection[str] = (),
) -> list[Edit]:
    """Return the edits that give each key its value in its place, and take the keys `removed` out.

    New keys go right before `messages`. `data_end` is where a document without any member has its closing
    brace.
    """
    if removed and members and all(member.key in removed for member in members):
        texts = [_member_text(key, text) for key, text in values.items()]
        return [Edit(members[0].start, members[-1].end, b",\n  ".join(texts))]
    places = {member.key: member for member in members}
    edits, added = [], []
    for key, text in values.items():
        if key in places:
            edits.append(Edit(places[key].value, places[key].end, text))
        else:
            added.append(_member_text(key, text))
    if added:
        edits.append(_insertion(members, added, data_end))
    return sorted([*edits, *_removals(members, removed)])


def _removals(members: Sequence[Member], removed: Collection[str]) -> Iterator[Edit]:
    """Yield an edit for each run of removed members, which takes the comma after it, or else before it."""
    kept: Member | None = None
    run: Member | None = None
    for member in members:
        if member.key in removed:
            run = run or member
            continue
        if run is not None:
            yield Edit(run.start, member.start, b"")
        kept, run = member, None
    if run is not None and kept is not None:
        yield Edit(kept.end, members[-1].end, b"")


def _insertion(members: Sequence[Member], added: Sequence[bytes], data_end: int) -> Edit:
    for member in members:
        if member.key == "messages":
            return Edit(member.start, member.start, b"".join(text + b",\n  " for text in added))
    if members:
        return Edit(members[-1].end, members[-1].end, b"".join(b",\n  " + text for text in added))
    return Edit(data_end, data_end, b"\n  " + b",\n  ".join(added) + b"\n")


def _member_text(key: str, value: bytes) -> bytes:
    return json_text.encode(key, "key") + b": " + value


def array_of(texts: Iterable[bytes | memoryview]) -> bytes:
    """Return the top-level array of these items, each laid out at depth 2."""
    items = b",\n    ".join(texts)
    return b"[\n    " + items + b"\n  ]" if items else b"[]"


def new_document(values: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a whole document with these members in this order."""
    return b"{\n  " + b",\n  ".join(_member_text(key, text) for key, text in values) + b"\n}"


def moved(place: tuple[int, int], edits: Iterable[Edit]) -> Span:
    """Return where a range lies after the edits, of which none covers its start or its end."""
    start, end = place
    for edit in edits:
        growth = len(edit.text) - (edit.end - edit.start)
        if edit.start < place[0]:
            start += growth
        if edit.start < place[1]:
            end += growth
    return Span(start, end)
