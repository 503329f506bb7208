"""The order of search results: stages, windows, quality, and one result for each conversation."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions.search.query import MatchMode
from hermes_sessions.search.ranking import (
    HALF_LIFE_SECONDS,
    STAGES,
    Candidate,
    best_of_each,
    quality,
    score,
    window_size,
)

NOW = 1_777_000_000.0
QUALITIES = st.floats(0, 1, exclude_max=True)


def candidate(conversation_id: str, quality: float, message: int = 0) -> Candidate:
    return Candidate(conversation_id, conversation_id, "", message, quality)


def test_whole_words_come_before_beginnings_before_parts_and_titles_before_messages() -> None:
    assert [(stage.matched_in, stage.mode) for stage in STAGES] == [
        ("title", MatchMode.WORD),
        ("title", MatchMode.PREFIX),
        ("content", MatchMode.WORD),
        ("content", MatchMode.PREFIX),
        ("title", MatchMode.SUBSTRING),
        ("content", MatchMode.SUBSTRING),
    ]


@given(st.integers(0, len(STAGES) - 1), st.integers(0, 40), QUALITIES, QUALITIES)
def test_no_quality_outweighs_a_newer_window_or_an_earlier_stage(
    stage: int, window: int, low: float, high: float
) -> None:
    assert score(stage, window, low) >= score(stage, window + 1, high)
    assert score(stage, window, low) >= score(stage + 1, 0, high)
    assert (low < high) <= (score(stage, window, low) <= score(stage, window, high))


def test_scores_of_many_windows_stay_numbers() -> None:
    assert score(0, 100_000, 0.5) == len(STAGES)


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (quality(1.0, NOW, NOW), quality(2.0, NOW, NOW)),
        (quality(1.0, NOW - HALF_LIFE_SECONDS, NOW), quality(1.0, NOW, NOW)),
        (quality(1.0, None, NOW), quality(1.0, NOW - HALF_LIFE_SECONDS, NOW)),
        (quality(1.0, NOW, NOW), quality(9.0, NOW - HALF_LIFE_SECONDS, NOW)),
    ],
    ids=["relevance", "age", "unknown age", "much more relevant, though older"],
)
def test_the_better_match_has_the_higher_quality(worse: float, better: float) -> None:
    assert worse < better


def test_quality_is_never_above_one_nor_below_zero() -> None:
    assert quality(-3.0, NOW, NOW) == quality(0.0, NOW, NOW) == quality(0.0, NOW + 99, NOW)
    assert 0 <= quality(0.0, None, NOW) < quality(1e9, NOW, NOW) <= 1


def test_windows_grow_up_to_a_limit() -> None:
    sizes = [window_size(window) for window in range(6)]
    assert sizes == [500, 2_000, 8_000, 32_000, 32_000, 32_000]


def test_each_conversation_has_its_best_match_and_the_best_comes_first() -> None:
    best = best_of_each(
        [candidate("b", 0.3), candidate("a", 0.1), candidate("c", 0.3), candidate("a", 0.5, 7)]
    )
    assert best == [candidate("a", 0.5, 7), candidate("b", 0.3), candidate("c", 0.3)]


@given(st.lists(st.tuples(st.sampled_from("abcd"), QUALITIES)))
def test_results_are_unique_and_sorted(matches: list[tuple[str, float]]) -> None:
    best = best_of_each(candidate(*match) for match in matches)
    assert {each.conversation_id for each in best} == {name for name, _ in matches}
    assert all(first.quality >= second.quality for first, second in pairwise(best))
    assert len({each.conversation_id for each in best}) == len(best)
