"""A transcript that another program overwrote, with what this program changed made again: pure functions.

Messages that were added go to the end, or to the place of removed ones that are back; what the other program
added stays in between. The calls in the session's own list follow their messages.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..index import Judgement, Own
from ..messages import CALLING, message_of_card
from ..sidecars import TranscriptChange
from .context import same_in

Transcript = tuple[list[Any], list[Any]]


class _Piece(NamedTuple):
    """A message, and where it is from: its index in the file, or the one of this program that was lost."""

    message: Any
    source: int | None
    own: Own | None = None


def mended(
    messages: Sequence[Any],
    calls: Sequence[Any],
    judgement: Judgement,
    lengths: Mapping[int, int],
    changes: Sequence[TranscriptChange],
) -> Transcript:
    """Return the messages and calls of a file with what was lost made again.

    `lengths` is how many messages of a change are back, by its `at`; `changes` are all that were judged.
    """
    gone = indexes_back(judgement, lengths)
    in_place = {change.start: change.at for change in judgement.back if change.added}
    pieces: list[_Piece] = []
    for index, message in enumerate(messages):
        if index in in_place:
            pieces += _lost(judgement, {in_place[index]})
        if index not in gone:
            pieces.append(_Piece(message, index))
    others = {each.at for each in judgement.missing}.difference(in_place.values())
    pieces += _lost(judgement, others)
    return [piece.message for piece in pieces], [
        *_kept_calls(calls, pieces),
        *_lost_calls(changes, pieces, calls),
    ]


def indexes_back(judgement: Judgement, lengths: Mapping[int, int]) -> set[int]:
    """Return the indexes of the messages that were removed and are back; `lengths` as of `mended`."""
    ranges = (range(change.start, change.start + lengths[change.at]) for change in judgement.back)
    return {index for indexes in ranges for index in indexes}


def without(context: Sequence[Any], messages: Sequence[Any], gone: Collection[int]) -> list[Any]:
    """Return what the model is given less the messages with the indexes `gone`, as far as it has them."""
    places = range(len(messages)) if len(context) == len(messages) else same_in(context, messages)
    left_out = {places[index] for index in gone}
    return [item for place, item in enumerate(context) if place not in left_out]


def _lost(judgement: Judgement, wanted: set[int]) -> list[_Piece]:
    return [_Piece(own.message, None, own) for own in judgement.missing if own.at in wanted]


def _kept_calls(calls: Sequence[Any], pieces: Sequence[_Piece]) -> Iterator[Any]:
    """Yield the calls of the file, less those of messages that go."""
    places = {piece.source: place for place, piece in enumerate(pieces) if piece.source is not None}
    for call in calls:
        index = message_of_card(call)
        if index is None:
            yield call
        elif index in places:
            yield _moved(call, places[index])


def _lost_calls(
    changes: Sequence[TranscriptChange], pieces: Sequence[_Piece], present: Sequence[Any]
) -> Iterator[Any]:
    """Yield the calls that were added with the messages that were lost."""
    own = {
        (piece.own.at, piece.own.number): place for place, piece in enumerate(pieces) if piece.own is not None
    }
    lost = {at for at, _ in own}
    for change in changes:
        for call in change.calls if change.at in lost else ():
            index = message_of_card(call)
            place = None if index is None else own.get((change.at, index - change.start))
            if place is not None:
                yield _moved(call, place)
            elif index is None and call not in present:
                yield call


def _moved(call: Any, place: int) -> Any:
    return call if call[CALLING] == place else {**call, CALLING: place}
