"""Sparse byte offsets of a transcript's messages, packed into one column of the session's row.

A mark is the index of a message and its distance from the start of the transcript, which a change of metadata
does not alter. Between two marks are at most `STEP` bytes or one message, so a page costs its own bytes and
at most twice `STEP`, whatever the sizes. Each mark has eight bytes: bisection finds it without unpacking the
others, appended messages extend the end, and removed messages cut it. A transcript of 50 MB has 9 to 25 kB of
marks, one shorter than `STEP` has none.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from .document import Span

STEP = 1 << 15
_MARK = struct.Struct("<II")
_FARTHEST = 2**32 - 1  # messages beyond it get no marks, and are only slower to read


class Stretch(NamedTuple):
    """The messages between two marks: the index of the first, their number, and where their bytes are."""

    first: int
    total: int
    start: int
    end: int


def extended(packed: bytes, index: int, messages: Iterable[Span]) -> tuple[bytes, int]:
    """Return the marks with those of more messages, the first of which has `index`, and the new count.

    `messages` are distances from the start of the transcript.
    """
    first, begun = _last(packed)
    marks = bytearray(packed)
    number = index
    for start, end in messages:
        if end - begun > STEP and number > first and start <= _FARTHEST:
            marks += _MARK.pack(number, start)
            first, begun = number, start
        number += 1
    return bytes(marks), number


def laid_out(lengths: Iterable[int], begin: int, between: int) -> bytes:
    """Return the marks of messages of these lengths, `between` bytes apart, the first at distance `begin`."""
    starts = list(accumulate((length + between for length in lengths), initial=begin))
    marks, first, begun = bytearray(), 0, 0
    while True:
        # The first message that ends more than a step after the last mark, unless it is the marked one.
        number = max(first + 1, bisect_right(starts, begun + STEP + between) - 1)
        if number >= len(starts) - 1 or starts[number] > _FARTHEST:
            return bytes(marks)
        first, begun = number, starts[number]
        marks += _MARK.pack(first, begun)


def _last(packed: bytes) -> tuple[int, int]:
    if not packed:
        return 0, 0
    index, distance = _MARK.unpack_from(packed, len(packed) - _MARK.size)
    return index, distance


def before(packed: bytes, distance: int) -> bytes:
    """Return the marks of the messages that begin before this distance."""
    count = len(packed) // _MARK.size
    at = bisect_left(range(count), distance, key=lambda at: _MARK.unpack_from(packed, at * _MARK.size)[1])
    return packed[: at * _MARK.size]


def hold(packed: bytes, starts: Sequence[int]) -> bool:
    """Whether each mark is that of a message; `starts` are the distances of all messages."""
    if len(packed) % _MARK.size:
        return False
    marked = list(_MARK.iter_unpack(packed))
    in_order = all(before < after for before, after in pairwise(marked))
    return in_order and all(index < len(starts) and starts[index] == start for index, start in marked)


def around(packed: bytes, start: int, end: int, count: int, length: int) -> Stretch:
    """Return the shortest stretch between marks that holds the messages from index `start` up to `end`.

    `count` and `length` are those of the whole transcript, in messages and bytes; `start` is less than `end`.
    """
    marks = len(packed) // _MARK.size

    def index_of(at: int) -> int:
        return int(_MARK.unpack_from(packed, at * _MARK.size)[0])

    above = bisect_left(range(marks), end, key=index_of)
    below = bisect_right(range(marks), start, hi=above, key=index_of) - 1
    first, begun = _MARK.unpack_from(packed, below * _MARK.size) if below >= 0 else (0, 1)
    behind, ended = _MARK.unpack_from(packed, above * _MARK.size) if above < marks else (count, length - 1)
    return Stretch(first, behind - first, begun, ended)
