"""The order of search results, decided from values alone.

1. Stages come in the order of `STAGES`: titles before messages, whole words before parts of words.
2. Within a stage, matches come in windows of growing size, and those of a newer window come first.
3. Within a window, matches come by `quality`: mostly how well the words match, partly how recent they are.

Each conversation is one result, its best match.
"""

from collections.abc import Iterable
from math import ldexp
from typing import NamedTuple

from ..results import MatchedIn
from .query import MatchMode


class Stage(NamedTuple):
    """Where a query is searched, and how its words must match."""

    matched_in: MatchedIn
    mode: MatchMode


STAGES = (
    Stage("title", MatchMode.WORD),
    Stage("title", MatchMode.PREFIX),
    Stage("content", MatchMode.WORD),
    Stage("content", MatchMode.PREFIX),
    Stage("title", MatchMode.SUBSTRING),
    Stage("content", MatchMode.SUBSTRING),
)
RELEVANCE, RECENCY = 0.6, 0.4  # their shares of a match's quality
HALF_LIFE_SECONDS = 30 * 86_400.0  # a match of this age has half the recency of one of now
AGE_UNKNOWN_SECONDS = 10 * HALF_LIFE_SECONDS
# The newest matches are ranked first; another window is read only if these are too few conversations.
FIRST_WINDOW, WINDOW_GROWTH, LARGEST_WINDOW = 500, 4, 32_000


def score(stage: int, window: int, quality: float) -> float:
    """Return the score that orders results, the highest first.

    `stage` and `window` count from 0, and `quality` is from 0 to below 1. A better quality never outweighs a
    newer window, nor a newer window an earlier stage.
    """
    return len(STAGES) - stage + ldexp(1 + quality, -window - 1)


def quality(relevance: float, sent_at: float | None, now: float) -> float:
    """Return how good a match is, from 0 to below 1.

    `relevance` is the rank by FTS5, higher for a better match. `sent_at` (None: unknown) and `now` are in
    seconds since the epoch.
    """
    age = AGE_UNKNOWN_SECONDS if sent_at is None else max(0.0, now - sent_at)
    relevance = max(0.0, relevance)
    recency = HALF_LIFE_SECONDS / (HALF_LIFE_SECONDS + age)
    return RELEVANCE * relevance / (1 + relevance) + RECENCY * recency


def window_size(window: int) -> int:
    """Return how many matches a window has; windows count from 0."""
    return min(FIRST_WINDOW * int(WINDOW_GROWTH**window), LARGEST_WINDOW)


class Candidate(NamedTuple):
    """A match that may become a result.

    `segment_id` is the session that has the message, which an agent's conversation may have several of.
    `message` is the message's position, for an agent's message its id, and None for a title.
    """

    conversation_id: str
    segment_id: str
    profile: str
    message: int | None
    quality: float


class RankedMatch(NamedTuple):
    """The best match of a conversation, with the stage in which it was found and its score."""

    candidate: Candidate
    stage: Stage
    score: float


def best_of_each(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the best candidate of each conversation, best first, ties ordered by id."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        rival = best.get(candidate.conversation_id)
        if rival is None or rival.quality < candidate.quality:
            best[candidate.conversation_id] = candidate
    return sorted(best.values(), key=lambda each: (-each.quality, each.conversation_id))
