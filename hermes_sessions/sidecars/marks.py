"""Sparse byte offsets of a transcript's messages, packed to lie beside the session's row.

A mark is the index of a message and its distance from where the transcript begins, which a change of
metadata leaves as it is. Between two marks lie at most `STEP` bytes or one message, so that a page costs its
own bytes and at most twice `STEP`, whatever the sizes. Eight bytes of fixed width each: found by bisection
with the rest left packed, more messages add to their end, fewer cut it. A transcript of 50 MB has 9 to 25 kB
of them, and one of less than `STEP` none.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from .document import Span

STEP = 1 << 15
_MARK = struct.Struct("<II")
_FARTHEST = 2**32 - 1  # what comes behind it is not marked, only slower


class Stretch(NamedTuple):
    """The messages between two marks: the index of the first, how many, and where their bytes are."""

    first: int
    total: int
    start: int
    end: int


def extended(packed: bytes, index: int, messages: Iterable[Span]) -> tuple[bytes, int]:
    """Return the marks with those of the messages from `index` on, and how many messages there are then.

    `messages` are distances from where the transcript begins.
    """
    first, begun = _last(packed)
    found = bytearray(packed)
    number = index
    for start, end in messages:
        if end - begun > STEP and number > first and start <= _FARTHEST:
            found += _MARK.pack(number, start)
            first, begun = number, start
        number += 1
    return bytes(found), number


def laid_out(lengths: Iterable[int], begin: int, between: int) -> bytes:
    """Return the marks of messages of these lengths, `between` bytes apart, the first at distance `begin`."""
    starts = list(accumulate((length + between for length in lengths), initial=begin))
    found, first, begun = bytearray(), 0, 0
    while True:
        # The first that ends more than a step behind the last mark, if that is not the marked one itself.
        number = max(first + 1, bisect_right(starts, begun + STEP + between) - 1)
        if number >= len(starts) - 1 or starts[number] > _FARTHEST:
            return bytes(found)
        first, begun = number, starts[number]
        found += _MARK.pack(first, begun)


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


def around(packed: bytes, start: int, end: int, count: int, length: int) -> Stretch:
    """Return the least that the marks can tell of the messages from index `start` up to `end`.

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
