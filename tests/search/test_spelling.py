"""Words that were probably meant by a misspelt one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions.search.spelling import allowed_mistakes, corrections, distance, first_letters

KNOWN = [("umbrella", 3), ("cinnamon", 1), ("cinnabar", 9), ("violin", 2), ("violet", 5), ("oat", 1)]
MEANT = {
    "umbrela": ["umbrella"],
    "umberlla": ["umbrella"],
    "umbrellla": ["umbrella"],
    "cinamon": ["cinnamon"],
    "violon": ["violin"],
    "viole": ["violet"],
    "mubrella": ["umbrella"],
    "oct": [],
    "1234567": [],
    "zebra": [],
}


@pytest.mark.parametrize("typed", MEANT)
def test_the_nearest_word_is_meant(typed: str) -> None:
    known = [(word, texts) for word, texts in KNOWN if word[0] in first_letters(typed)]
    assert corrections(typed, known) == MEANT[typed]


def test_of_words_that_are_as_near_the_more_frequent_comes_first() -> None:
    assert corrections("patty", [("party", 2), ("pasty", 7)]) == ["pasty", "party"]


@pytest.mark.parametrize(
    ("word", "most"), [("cat", 0), ("bird", 1), ("mouse", 1), ("rabbit", 2), ("123456", 0), ("x" * 25, 0)]
)
def test_longer_words_may_have_more_mistakes(word: str, most: int) -> None:
    assert allowed_mistakes(word) == most


@pytest.mark.parametrize(
    ("one", "other", "mistakes"),
    [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("abc", "abcd", 1),
        ("abcd", "dcba", 3),
    ],
)
def test_letters_are_added_left_out_replaced_or_exchanged(one: str, other: str, mistakes: int) -> None:
    assert distance(one, other, 4) == distance(other, one, 4) == mistakes


@given(st.text("abc", max_size=8), st.text("abc", max_size=8), st.integers(0, 4))
def test_a_distance_above_the_limit_stays_above_it(one: str, other: str, most: int) -> None:
    exact = distance(one, other, 20)
    assert min(distance(one, other, most), most + 1) == min(exact, most + 1)
