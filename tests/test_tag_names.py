"""Tests of what is a tag: names, spellings, words in titles, and filters."""

import pytest

from hermes_sessions import InvalidValue
from hermes_sessions.tag_names import check_tag_filter, check_tags, read_tag, tag_filter, tag_key, title_tags


@pytest.mark.parametrize(
    ("title", "tags"),
    [
        ("Fix the build #work", ["work"]),
        ("#Work, #home and #work again", ["Work", "home"]),
        ("(#x) [#y] “#z”", ["x", "y", "z"]),
        ("#日本 #हिन्दी #نمایه‌سازی", ["日本", "हिन्दी", "نمایه‌سازی"]),
        ("修复 #标签。", ["标签"]),
        ("#2026-plans #v2 #in_progress", ["2026-plans", "v2", "in_progress"]),
        ("#work-, #work_", ["work"]),
        ("#a.b", ["a"]),
        ("Close #42 and #007", []),  # numbers of issues
        ("C# and F#", []),
        ("a#b ##c #_d # e &#f https://x/#g", []),
        (f"#{'x' * 51}", []),
        ("nothing", []),
    ],
)
def test_words_of_a_title_are_tags(title: str, tags: list[str]) -> None:
    assert title_tags(title) == tags


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("work", "work"),
        ("  #Work ", "Work"),
        ("in  progress", "in progress"),
        ("42", "42"),
        ("cafe\u0301", "caf\u00e9"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("x" * 50, "x" * 50),
        ("x" * 51, None),
        ("x" + " " * 1_000, None),
        ("", None),
        ("#", None),
        ("a,b", None),
        ("-done", None),
        ("a\nb", None),
        ("a\0b", None),
        ("\u202eabc", None),  # it would turn the text around it
        ("\ud800", None),
        ("\u200d\u200c", None),  # nothing would be seen of it
        (None, None),
        (3, None),
        (["a"], None),
    ],
)
def test_a_name_is_stored_without_what_surrounds_it_or_refused(given: object, stored: str | None) -> None:
    assert read_tag(given) == stored
    if stored is None:
        with pytest.raises(InvalidValue, match="a tag must be text of 1 to 50 characters"):
            check_tags([given])
    else:
        assert check_tags([given]) == [stored]
        assert read_tag(stored) == stored


@pytest.mark.parametrize(
    ("one", "other"),
    [("Work", "wORK"), ("straße", "STRASSE"), ("Caf\u00e9", "cafe\u0301"), ("ΣΊΣΥΦΟΣ", "σίσυφος")],
)
def test_spellings_of_one_tag_have_one_key(one: str, other: str) -> None:
    assert tag_key(one) == tag_key(other)
    assert check_tags([one, other]) == [read_tag(one)]


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("work", ["work"], []),
        ("#Work", ["work"], []),
        ("Work, -Done, #home,work", ["work", "home"], ["done"]),
        ("-done", [], ["done"]),
        ("in progress", ["in progress"], []),
        ("x" * 60, ["x" * 60], []),  # which no conversation has
    ],
)
def test_a_filter_names_tags_and_those_to_exclude(text: str, wanted: list[str], unwanted: list[str]) -> None:
    assert tag_filter(text) == (wanted, unwanted)
    check_tag_filter(text)


@pytest.mark.parametrize("text", ["", " ", ",", "-", "#", ",".join(map(str, range(51)))])
def test_a_filter_of_no_tag_or_of_too_many_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="tag must name 1 to 50 tags"):
        check_tag_filter(text)
