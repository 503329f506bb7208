"""The order of search results: stages, and the quality of conversations within one."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hermes_sessions.search.ranking import (
    HALF_LIFE_SECONDS,
    Evidence,
    Stage,
    bonus,
    closest,
    quality,
    rarity,
    relevance,
    score,
    shares,
)
from hermes_sessions.search.tables import Occurrence

NOW = 1_777_000_000.0
QUALITIES = st.floats(0, 1)


def at(position: int, length: int = 100) -> Occurrence:
    """A message at a position."""
    return Occurrence(position, length)


@given(QUALITIES, QUALITIES)
@example(0.9999999999999999, 0.0)  # which 2 is added to gives 3
@example(1.0, 0.0)
def test_no_quality_outweighs_an_earlier_stage(better: float, worse: float) -> None:
    for earlier, later in pairwise(Stage):
        assert score(earlier, worse) > score(later, better)
        assert score(later, better) >= 0


def test_a_rarer_word_weighs_more() -> None:
    assert rarity(1, 1_000) > rarity(10, 1_000) > rarity(999, 1_000) > 0
    assert rarity(5, 3) > 0  # more than are counted, for a moment


ONE, OTHER = 1, -2


def test_more_messages_with_a_word_count_more_and_less_in_a_longer_conversation() -> None:
    def of(messages: int, length: int) -> float:
        return relevance([Evidence(1.0, {ONE: messages})], {ONE: length})[ONE]

    assert of(5, 10) > of(1, 10) > of(1, 100) > of(0, 10) == 0
    assert of(1_000, 1) < 1


def test_a_word_in_the_title_counts_more_than_in_any_number_of_messages() -> None:
    title = relevance([Evidence(1.0, {}, {ONE})], {ONE: 10})[ONE]
    assert title > relevance([Evidence(1.0, {ONE: 1_000})], {ONE: 10})[ONE]
    assert relevance([Evidence(1.0, {ONE: 3}, {ONE})], {OTHER: 10}) == {OTHER: 0}


@given(st.lists(st.floats(0, 50), max_size=6))
def test_weights_become_parts_of_one(weights: list[float]) -> None:
    assert sum(shares(weights)) == pytest.approx(1.0 if any(weights) else 0.0)


def test_what_else_speaks_for_a_conversation_adds_up() -> None:
    near, typed = Evidence(0.8, {ONE: 2}), Evidence(0.3, {}, {ONE})
    lengths = {ONE: 10, OTHER: 10}
    both, alone = bonus([near, typed], lengths), bonus([near], lengths)
    assert both[ONE] == pytest.approx(alone[ONE] + 0.3)
    assert 0 < alone[ONE] < 0.8
    assert both[OTHER] == 0


def of_one(relevant: float, active_at: float) -> float:
    """The quality of one conversation."""
    return quality({ONE: relevant}, [active_at], NOW)[ONE]


def test_relevance_comes_before_recency_which_breaks_ties() -> None:
    old, new = NOW - 10 * HALF_LIFE_SECONDS, NOW
    assert of_one(2.0, old) > of_one(1.0, new)
    assert of_one(1.0, new) > of_one(1.0, old)


@given(st.floats(0, 100), st.floats(-1e10, 1e10))
def test_quality_is_from_zero_to_below_one(relevant: float, active_at: float) -> None:
    assert 0 <= of_one(relevant, active_at) < 1.000001


CLOSEST = {
    "one word, in the shorter message": ([(1.0, [at(0, 9_000), at(4, 50)])], 4),
    "the message with both": ([(1.0, [at(0), at(7)]), (1.0, [at(3), at(7)])], 7),
    "between two that are near": ([(1.0, [at(0), at(20)]), (1.0, [at(21), at(40)])], 20),
    "of the rarer word": ([(5.0, [at(9)]), (1.0, [at(0)])], 9),
    "not the longer one": ([(1.0, [at(0, 100_000), at(5)]), (1.0, [at(0, 100_000), at(5)])], 5),
}


@pytest.mark.parametrize("name", CLOSEST)
def test_the_best_message_is_where_the_words_are_close(name: str) -> None:
    words, position = CLOSEST[name]
    (best,) = closest(words)
    assert best.occurrence.position == position
    assert 0 < best.closeness <= 1


def test_without_a_message_there_is_no_best_one() -> None:
    assert closest([]) == []
    assert closest([(1.0, [])]) == []


def test_several_messages_come_the_best_first() -> None:
    words = [(1.0, [at(0), at(7)]), (1.0, [at(3), at(7)])]
    assert [each.occurrence.position for each in closest(words, 3)] == [7, 0, 3]
