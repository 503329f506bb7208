"""The order of search results, decided from values alone.

1. Stages come in the order of `Stage`: all words, then words that contain them, then words that were probably
   meant, then some of the words.
2. Within a stage, conversations come by their quality: mostly their relevance, a little how recent they are.
3. Relevance adds up how often the words occur, whether the title has them, and how close they are to each
   other. Each word weighs by how rare it is.
"""

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import IntEnum
from heapq import nlargest
from itertools import repeat
from typing import NamedTuple

from .tables import Occurrence

RELEVANCE, RECENCY = 0.95, 0.05  # their shares of a conversation's quality
HALF_LIFE_SECONDS = 30 * 86_400.0  # a conversation of this age has half the recency of one of now
# What they weigh beside the words themselves.
TITLE, CLOSENESS, NEARNESS, AS_TYPED = 1.2, 0.6, 0.8, 0.3
# So many messages with a word count half as much as any number, in a conversation of usual length; a longer
# one may have it by chance.
SATURATION, USUAL_MESSAGES = 1.0, 12.0
LEAST_SHARE = 0.34  # of the weight of all words, that a conversation with only some of them must have
LONG_MESSAGE = 2_000  # characters, in which words may be far from each other


class Stage(IntEnum):
    """How the words of a query occur in a conversation."""

    WORDS = 0
    PARTS = 1
    CORRECTED = 2
    SOME = 3


BEST = 1 - 2**-50  # the highest quality that adding a stage does not round to the next one


def score(stage: Stage, quality: float) -> float:
    """Return the score that orders results, the highest first; `quality` is from 0 to 1."""
    return len(Stage) - stage - 1 + min(quality, BEST)


def rarity(conversations: int, total: int) -> float:
    """Return what a word weighs that so many of all conversations have."""
    return (
        math.log(1 + (total - conversations + 0.5) / (conversations + 0.5))
        if total >= conversations
        else 0.05
    )


class Evidence(NamedTuple):
    """Who has a word: what it adds to relevance at most, how many messages of whom have it, whose titles do.

    Conversations are given by number here and below.
    """

    weight: float
    messages: Mapping[int, int]
    titles: Collection[int] = ()


def relevance(words: Sequence[Evidence], lengths: Mapping[int, int]) -> dict[int, float]:
    """Return how much of the words conversations have, in messages and titles; `lengths` are in messages."""
    return _summed(lengths, [(each, TITLE * each.weight) for each in words])


def bonus(extras: Sequence[Evidence], lengths: Mapping[int, int]) -> dict[int, float]:
    """Return what else speaks for conversations: words close to each other, or as they were typed."""
    in_messages = [each._replace(messages=_without(each.messages, each.titles)) for each in extras]
    return _summed(lengths, [(each, each.weight) for each in in_messages])


def _without(messages: Mapping[int, int], titles: Collection[int]) -> Mapping[int, int]:
    return {key: count for key, count in messages.items() if key not in titles} if titles else messages


def _summed(lengths: Mapping[int, int], words: Sequence[tuple[Evidence, float]]) -> dict[int, float]:
    """Return what conversations have of words, each of which is given with what a title with it adds.

    A common word has 20,000 conversations. Whole columns take a third of the time of one after another.
    """
    usual = [SATURATION * (0.5 + 0.5 * length / USUAL_MESSAGES) for length in lengths.values()]
    sums = [0.0] * len(lengths)
    places = {key: at for at, key in enumerate(lengths)} if any(each.titles for each, _ in words) else {}
    for (weight, messages, titles), of_title in words:
        counts = map(messages.get, lengths, repeat(0))
        sums = [
            had + weight * count / (count + most) if count else had
            for had, count, most in zip(sums, counts, usual, strict=True)
        ]
        for key in places.keys() & titles:
            sums[places[key]] += of_title
    return dict(zip(lengths, sums, strict=True))


def shares(weights: Sequence[float]) -> list[float]:
    """Return weights as parts of 1."""
    total = sum(weights) or 1.0
    return [weight / total for weight in weights]


class Closest(NamedTuple):
    """The message around which the words are closest, and how close: from 0 to 1."""

    occurrence: Occurrence
    closeness: float


def closest(words: Sequence[tuple[float, Sequence[Occurrence]]], count: int = 1) -> list[Closest]:
    """Return the best messages of a session; `words` are the weight of each word and the messages with it."""
    total = sum(weight for weight, _ in words)
    distinct = {each.position: each for _, messages in words for each in messages}
    nearness = dict.fromkeys(distinct, 0.0)
    for weight, messages in words:
        if messages:
            _add_nearness(nearness, weight, [each.position for each in messages])
    closeness = {
        position: near / total / _length_factor(distinct[position].length) if total else 0.0
        for position, near in nearness.items()
    }
    best = nlargest(count, closeness, key=closeness.__getitem__)
    return [Closest(distinct[position], closeness[position]) for position in best]


def _add_nearness(nearness: dict[int, float], weight: float, positions: Sequence[int]) -> None:
    """Add how near a word is to each message: its weight if that has it, less for each message between."""
    having = frozenset(positions)
    for position in nearness:
        if position in having:
            nearness[position] += weight
            continue
        at = bisect_left(positions, position)
        distance = min(abs(each - position) for each in positions[max(0, at - 1) : at + 1])
        nearness[position] += weight / (1 + distance)


def _length_factor(length: int) -> float:
    return 1 + math.log1p(length / LONG_MESSAGE) / 4


def quality(relevance: Mapping[int, float], active_at: Iterable[float], now: float) -> dict[int, float]:
    """Return how good conversations are, from 0 to below 1.

    `active_at` has the time of each in the same order; times are in seconds since the epoch.
    """
    half_life = HALF_LIFE_SECONDS
    qualities = [
        RELEVANCE * relevant / (1 + relevant)
        + RECENCY * (half_life / (half_life + (now - at)) if at < now else 1.0)
        for relevant, at in zip(relevance.values(), active_at, strict=True)
    ]
    return dict(zip(relevance, qualities, strict=True))
