"""What a search box suggests, and the operators of a query that can be removed one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions.query_help import Suggestions
from hermes_sessions.results import Project
from hermes_sessions.search.conditions import KnownNames
from hermes_sessions.search.language import CHOICES, NEGATABLE, Conditions, parse
from hermes_sessions.search.suggested import LIMITS, suggest
from hermes_sessions.search.tokens import NAMES
from hermes_sessions.search.typed import typed_operators, written

NOW = 1_777_000_000.0  # 24 April 2026
PROJECTS = [
    Project(f"id{at}", name, None, NOW, "default")
    for at, name in enumerate(("Garden", "My garden", "Q“uote”s"))
]
TAGS = {"work": 1_200, "in-progress": 1, "web work": 3}
MODELS = ["gpt-5", "claude-opus-4.6"]
KNOWN = KnownNames(lambda: PROJECTS, lambda: MODELS, lambda: TAGS, lambda: ["work", "default"])


def suggested(typed: str) -> Suggestions:
    """Return what is suggested for a query with the cursor at `|`, else at its end."""
    before, _, after = typed.partition("|")
    return suggest(before + after, len(before), KNOWN, NOW)


def texts(typed: str) -> list[str]:
    """Return the texts of what is suggested."""
    return [each.text for each in suggested(typed).items]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", []),
        ("p", []),
        ("proj", ["project:"]),
        ("budget PRO", ["project:", "profile:"]),
        ("-ta", ["tag:"]),
        ("-so", []),  # a minus makes text of other operators
        ('"proj', []),
        ("budget ", []),
        ("tag:", ["tag:work ", "tag:in-progress ", 'tag:"web work" ']),
        ("-tag:WO", ["tag:work ", 'tag:"web work" ']),
        ("tag:#w", ["tag:work ", 'tag:"web work" ']),
        ("tag:prog", ["tag:in-progress "]),
        ("tag:work", ['tag:"web work" ']),  # what is typed in full is not suggested
        ("project:gard", ["project:Garden ", 'project:"My garden" ']),
        ('project:"my g', ['project:"My garden" ']),
        ("project:q", ["project:id2 "]),
        ("project:no", ["project:none "]),
        ("source:w", ["source:webui "]),
        ("-source:w", []),
        ("-is:pin", ["is:pinned "]),
        ("model:gpt", ["model:gpt-5 "]),
        ("profile:", ["profile:default ", "profile:work "]),
        ("cost:", [f"cost:{each} " for each in LIMITS["cost"]]),
        ("before:y", ["before:yesterday ", "before:today ", "before:1y "]),
        ("nothing:", []),
    ],
)
def test_what_is_suggested(typed: str, expected: list[str]) -> None:
    assert texts(typed) == expected


def test_a_suggestion_takes_the_place_of_what_is_being_typed() -> None:
    found = suggested("a -tag:wo|k b")
    assert ("a -tag:wok b"[found.start : found.end], found.items[0].text) == ("tag:wok", "tag:work")
    phrase = suggested('project:"my| budget')
    assert (phrase.start, phrase.end) == (0, len('project:"my'))


def test_a_suggestion_says_what_it_means() -> None:
    assert suggested("tag:").items[0].meaning == "1,200 conversations"
    assert suggested("projec").items[0].meaning == "in this project, its name or id; in no project"
    dates = suggested("after:7")
    assert (dates.items[0].meaning, dates.takes_date) == ("7 days ago: 17 April 2026", True)
    assert not suggested("tag:").takes_date


def test_every_choice_is_one_that_the_query_language_knows() -> None:
    values = {**CHOICES, **LIMITS}
    assert set(values) <= set(NAMES)
    assert set(NAMES) >= NEGATABLE
    for name, choices in values.items():
        for value in choices:
            assert parse(f"{name}:{value}", NOW).conditions != Conditions()


@given(st.text(max_size=30), st.integers(0, 30))
def test_any_text_is_taken_at_any_place(text: str, at: int) -> None:
    at = min(at, len(text))
    found = suggest(text, at, KNOWN, NOW)
    assert 0 <= found.start <= at <= found.end <= len(text)


@given(st.text(max_size=30))
def test_what_is_written_means_the_value(value: str) -> None:
    text = written("project", value)
    if text is not None:
        assert parse(text, NOW).conditions.project is not None
        assert len(typed_operators(text, NOW)) == 1


# ---- operators to remove ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("rent", []),
        ("a tag:work -tag:done", [("tag:work", "a -tag:done"), ("-tag:done", "a tag:work")]),
        ('project:"My garden" rent', [('project:"My garden"', "rent")]),
        ("NOT tag:x foo", [("-tag:x", "foo")]),
        ("a tag:x OR b", [("tag:x", "a b")]),  # OR does not reach over an operator
        ("-tag:a OR OR", [("-tag:a", "")]),  # alone, OR would be a word to search for
        ("NOT OR tag:a", [("tag:a", "")]),
        ("-(tag:a tag:b)", [("-tag:a", "-(tag:b)"), ("-tag:b", "-(tag:a)")]),
        ("source:nowhere -has:error", []),  # these are text
    ],
)
def test_operators_can_be_removed_one_by_one(query: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.text, each.rest) for each in typed_operators(query, NOW)] == expected


@given(
    st.lists(
        st.sampled_from(["rent", "OR", "NOT", "-tag:a", "tag:b", "(is:pinned)", '"x y"', "-is:agent"]),
        max_size=6,
    )
)
def test_without_an_operator_the_rest_means_what_it_did(words: list[str]) -> None:
    query = " ".join(words)
    before = parse(query, NOW)
    for operator in typed_operators(query, NOW):
        after = parse(operator.rest, NOW)
        assert (after.required, after.excluded) == (before.required, before.excluded)
