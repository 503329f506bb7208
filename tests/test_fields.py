"""Tests the pure rules for the fields of a session: titles, checks, what a list entry holds."""

from typing import Any

import pytest

from hermes_sessions import InvalidValue
from hermes_sessions.fields import clean_title, suffixed_title, with_clean_title


@pytest.mark.parametrize(
    ("title", "clean"),
    [
        ("Plan", "Plan"),
        ("  A name \n", "A name"),
        ("", "Untitled"),
        (" \t ", "Untitled"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 80),
        ("y" * 79 + "  z", "y" * 79),
        (" " * 100 + "z", "z"),
        ("日本語" * 40, ("日本語" * 40)[:80]),
    ],
)
def test_a_title_is_trimmed_cut_and_never_empty(title: str, clean: str) -> None:
    assert clean_title(title) == clean
    assert clean_title(clean) == clean


@pytest.mark.parametrize("title", [None, 7, b"x", ["x"]])
def test_a_title_is_text(title: Any) -> None:
    with pytest.raises(InvalidValue, match="title must be text"):
        clean_title(title)


@pytest.mark.parametrize(
    ("title", "suffixed"),
    [
        ("Plan", "Plan (fork)"),
        ("", "Untitled (fork)"),
        ("x" * 73, "x" * 73 + " (fork)"),
        ("x" * 500, "x" * 73 + " (fork)"),
        ("x" * 70 + "   y", "x" * 70 + " (fork)"),
    ],
)
def test_a_suffix_has_its_place_within_80_characters(title: str, suffixed: str) -> None:
    assert suffixed_title(title, " (fork)") == suffixed


def test_changes_without_a_title_get_none() -> None:
    assert with_clean_title({"pinned": True}) == {"pinned": True}
    assert with_clean_title({"title": " ", "pinned": True}) == {"title": "Untitled", "pinned": True}
