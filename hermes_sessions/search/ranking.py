"""The order of search results, decided from values alone.

1. Stages come in the order of `Stage`: all words, then words that contain them, then words that were probably
   meant, then some of the words.
2. Within a stage, conversations come by their quality: mostly their relevance, a little how recent they are.
3. Relevance adds up how often the words occur, whether the title has them, and how close they are to each
   other. Each word weighs by how rare it is.
"""

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from .tables import EntryKey, Occurrence

RELEVANCE, RECENCY = 0.95, 0.05  # their shares of a conversation's quality
HALF_LIFE_SECONDS = 30 * 86_400.0  # a conversation of this age has half the recency of one of now
# What they weigh beside the words themselves.
TITLE, CLOSENESS, NEARNESS, AS_TYPED = 1.2, 0.6, 0.8, 0.3
SATURATION = 1.0  # so many messages with a word count half as much as any number
USUAL_MESSAGES = 12.0  # of a conversation; in a longer one, a word may be there by chance
LEAST_SHARE = 0.34  # of the weight of all words, that a conversation with only some of them must have
LONG_MESSAGE = 2_000  # characters, in which words may be far from each other


class Stage(IntEnum):
    """How the words of a query occur in a conversation."""

    WORDS = 0
    PARTS = 1
    CORRECTED = 2
    SOME = 3


def score(stage: Stage, quality: float) -> float:
    """Return the score that orders results, the highest first; `quality` is from 0 to below 1."""
    return len(Stage) - stage - 1 + quality


def rarity(conversations: int, total: int) -> float:
    """Return what a word weighs that so many of all conversations have."""
    return (
        math.log(1 + (total - conversations + 0.5) / (conversations + 0.5))
        if total >= conversations
        else 0.05
    )


class Evidence(NamedTuple):
    """Who has a word: what it adds to relevance at most, how many messages of whom have it, whose titles do.

    `messages` and `titles` have conversations for keys.
    """

    weight: float
    messages: Mapping[EntryKey, int]
    titles: Collection[EntryKey] = ()

    def is_in(self, key: EntryKey) -> bool:
        """Whether a conversation has the word at all."""
        return key in self.messages or key in self.titles


def relevance(words: Sequence[Evidence], key: EntryKey, length: int) -> float:
    """Return how much of the words a conversation of so many messages has, in them and in its title."""
    half, found = half_of(length), 0.0
    for weight, messages, titles in words:  # in a loop: a common word has 20,000 conversations
        count = messages.get(key, 0)
        if count:
            found += weight * count / (count + half)
        if key in titles:
            found += TITLE * weight
    return found


def bonus(extras: Sequence[Evidence], key: EntryKey, length: int) -> float:
    """Return what else speaks for a conversation: words close to each other, or as they were typed."""
    half = half_of(length)
    return sum(
        each.weight if key in each.titles else each.weight * count / (count + half)
        for each in extras
        if (count := each.messages.get(key, 0)) or key in each.titles
    )


def half_of(length: int) -> float:
    """Return how many messages with a word count half as much as any number of them."""
    return SATURATION * (0.5 + 0.5 * length / USUAL_MESSAGES)


def shares(weights: Sequence[float]) -> list[float]:
    """Return weights as parts of 1."""
    total = sum(weights) or 1.0
    return [weight / total for weight in weights]


class Closest(NamedTuple):
    """The message around which the words are closest, and how close: from 0 to 1."""

    occurrence: Occurrence
    closeness: float


def closest(words: Sequence[tuple[float, Sequence[Occurrence]]]) -> Closest | None:
    """Return the best message of a session; `words` are the weight of each word and the messages with it."""
    total = sum(weight for weight, _ in words)
    nearby = [(weight, [each.position for each in messages]) for weight, messages in words if messages]
    best: Closest | None = None
    for occurrence in _distinct(words).values():
        near = sum(weight * _nearness(positions, occurrence.position) for weight, positions in nearby)
        found = Closest(occurrence, near / total / _length_factor(occurrence.length) if total else 0.0)
        if best is None or found.closeness > best.closeness:
            best = found
    return best


def _distinct(words: Sequence[tuple[float, Sequence[Occurrence]]]) -> Mapping[int, Occurrence]:
    return {each.position: each for _, messages in words for each in messages}


def _nearness(positions: Sequence[int], position: int) -> float:
    """Return how near a word is to a message: 1 if the message has it, less for each message between."""
    at = bisect_left(positions, position)
    distance = min(abs(positions[near] - position) for near in (at - 1, at) if 0 <= near < len(positions))
    return 1 / (1 + distance)


def _length_factor(length: int) -> float:
    return 1 + math.log1p(length / LONG_MESSAGE) / 4


def quality(relevance: float, active_at: float, now: float) -> float:
    """Return how good a conversation is, from 0 to below 1; times are in seconds since the epoch."""
    age = max(0.0, now - active_at)
    recency = HALF_LIFE_SECONDS / (HALF_LIFE_SECONDS + age)
    return RELEVANCE * relevance / (1 + relevance) + RECENCY * recency
