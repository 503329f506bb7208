"""How texts are divided into words, and how words are compared."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions.search.words import distinct_words, fold, index_form, is_expandable, pairs_of, words_of

INDEXED = {
    "Rent is PAID": "Rent is PAID",  # SQLite lowers ASCII itself
    "Łódź": "lodz",
    "İstanbul ısı": "istanbul isi",
    "Straße STRAẞE": "strasse strasse",
    "Œuvre Ærø": "oeuvre aero",
    "Ǣ ǽ": "ae ae",
    "oﬃce ＡＢＣ": "office abc",
    "Größe": "grosse",
    "تذكرة الأولى": "تذكره الاولي",
    "ёлка": "елка",
    "会话列": " 会话 话列 列 ",
    "검색": " 검색 색 ",
    "ｶﾞｽ": " ガス ス ",
    "a\u200bb": "ab",
    "party🎉yes": "party \U000ff389 yes",
    "30°C ©": "30°c ©",
}


@pytest.mark.parametrize("text", INDEXED)
def test_a_text_is_indexed_in_one_form_of_its_letters(text: str) -> None:
    assert index_form(text) == INDEXED[text]


@given(st.text())
def test_folding_keeps_every_character_at_its_position(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert len(fold(composed)) == len(composed)


@given(st.text())
def test_the_form_of_an_index_is_folded_once_and_for_all(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words


def test_words_are_folded_and_each_occurs_once() -> None:
    assert distinct_words("get_cli_Sessions, get") == {"get", "cli", "sessions"}
    assert distinct_words("Café Größe 🎉") == {"cafe", "grosse"}
    assert words_of("v3.14.2-rc1") == ["v3", "14", "2", "rc1"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [("rent", True), ("ab", False), ("12345", False), ("x" * 65, False), ("会话列", False), ("kb50", True)],
)
def test_numbers_and_short_and_long_words_are_not_found_by_their_parts(word: str, expected: bool) -> None:
    assert is_expandable(word) is expected


def test_a_run_without_spaces_has_its_pairs_once() -> None:
    assert pairs_of("ABAB") == ["AB", "BA"]
    assert pairs_of("A") == []
