"""What typed operators mean: filters, conditions of messages, names of projects and models, and lists."""

from collections.abc import Iterator
from typing import Any

import pytest

from hermes_sessions import Filters, SessionRepository
from hermes_sessions.errors import StorageError
from hermes_sessions.index import View, database, lists
from hermes_sessions.results import FilterFields, Project
from hermes_sessions.search.conditions import (
    KnownNames,
    MessageConditions,
    has_words,
    listed,
    narrowed,
    reasons_for_none,
)
from hermes_sessions.search.language import Conditions, parse

from ..support.make import started

NOW = 1_777_000_000.0
PROJECTS = [
    Project(name.lower() + "-id", name, None, NOW, "default") for name in ("Garden", "Taxes", "Ｗｉｄｅ")
]
PROJECTS += [Project("twin1", "Twin", None, NOW, "default"), Project("twin2", "Twin", None, NOW, "default")]
MODELS = ["claude-opus-4.6", "gpt-5", "gpt-5-mini", "Hermes-4"]
TAGS = ["Work", "in progress"]
KNOWN = KnownNames(lambda: PROJECTS, lambda: MODELS, lambda: dict.fromkeys(TAGS, 1), lambda: ["default"])


def filters_of(text: str, **given: Any) -> Filters:
    """Return the filters of a query that a caller narrowed before."""
    result = narrowed(parse(text, NOW).conditions, Filters(**given), KNOWN)
    assert not result.warnings
    return result.filters


FILTERS: list[tuple[str, FilterFields, FilterFields]] = [
    ("rent", {}, {}),
    ("rent", {"archived": False, "agent": True}, {"archived": False, "agent": True}),
    ("profile:work source:cli", {}, {"profile": "work", "source": "cli"}),
    ("profile:work", {"profile": "home"}, {"profile": "work"}),
    ("is:pinned is:interrupted -is:archived", {}, {"pinned": True, "interrupted": True, "archived": False}),
    ("is:archived", {"archived": False}, {"archived": True}),
    ("source:cron", {}, {"source": "cron", "hidden": True}),
    ("is:agent", {}, {"agent": "only"}),
    ("-is:agent", {"agent": True}, {"agent": False}),
    ("cost:>=2 messages:>=5", {"min_cost": 1, "min_messages": 9}, {"min_cost": 2.0, "min_messages": 9}),
    ("project:garden-id", {}, {"project_id": "garden-id"}),
    ("project:GARDEN", {}, {"project_id": "garden-id"}),
    ("project:wide", {}, {"project_id": "ｗｉｄｅ-id"}),
    ("model:gpt-5", {}, {"model": "gpt-5"}),
    ("model:GPT-5-mini", {}, {"model": "gpt-5-mini"}),
    ("model:opus", {}, {"model": "claude-opus-4.6"}),
    ("model:hermes-4", {}, {"model": "Hermes-4"}),
    ("tag:WORK", {}, {"tag": "WORK"}),
    ("tag:#work -tag:done", {"tag": "x"}, {"tag": "x,work,-done"}),
    ('-tag:unknown tag:"in progress"', {}, {"tag": "in progress,-unknown"}),
]


@pytest.mark.parametrize(("text", "given", "expected"), FILTERS)
def test_operators_narrow_the_filters(text: str, given: FilterFields, expected: FilterFields) -> None:
    assert filters_of(text, **given) == Filters(**expected)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("project:nothing", "There is no project nothing."),
        ("project:twin", "Several projects are named twin. Use an id: twin1, twin2."),
        ("tag:work tag:home", "No conversation has the tag home."),
        ("model:llama", "No conversation has a model llama."),
        ("model:gpt", "Several models have gpt in their names. Use one of these: gpt-5, gpt-5-mini."),
    ],
)
def test_a_name_that_nothing_has_is_a_warning(text: str, warning: str) -> None:
    result = narrowed(parse(text, NOW).conditions, Filters(), KNOWN)

    assert result.warnings == (warning,)
    assert result.matches_nothing


def test_projects_that_cannot_be_read_are_a_warning() -> None:
    def unreadable() -> Iterator[Project]:
        raise StorageError("projects.json cannot be read")

    known = KNOWN._replace(projects=unreadable)

    assert narrowed(Conditions(project="x"), Filters(), known).warnings == ("projects.json cannot be read",)
    assert not narrowed(Conditions(), Filters(), known).warnings


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ({}, []),
        ({"profile": "default", "model": "gpt-5", "project_id": "garden-id", "tag": "work,-gone"}, []),
        ({"project_id": "", "archived": True, "since": 1.0, "until": 2.0}, []),
        ({"project_id": "Garden"}, ["There is no project Garden."]),
        ({"profile": "work"}, ["No conversation has the profile work."]),
        ({"model": "gpt"}, ["No conversation has the model gpt."]),
        ({"tag": "work,gone"}, ["No conversation has the tag gone."]),
        (
            {"profile": "p", "tag": "t"},
            ["No conversation has the profile p.", "No conversation has the tag t."],
        ),
    ],
)
def test_filters_that_nothing_can_match_say_why(given: FilterFields, reasons: list[str]) -> None:
    assert reasons_for_none(Filters(**given), KNOWN) == reasons


def test_projects_that_cannot_be_read_are_the_reason() -> None:
    def unreadable() -> Iterator[Project]:
        raise StorageError("projects.json cannot be read")

    known = KNOWN._replace(projects=unreadable)

    assert reasons_for_none(Filters(project_id="x"), known) == ["projects.json cannot be read"]


def test_times_are_those_of_the_messages_and_of_a_list_those_of_the_last_activity() -> None:
    typed = parse("after:2026-01-01 before:2026-02-01 role:user tool:x has:error", NOW).conditions
    since, until = typed.since, typed.until
    assert since
    result = narrowed(typed, Filters(since=since - 9, until=since + 9), KNOWN)

    assert result.messages == MessageConditions("user", since, since + 9, ("x",), frozenset({"error"}))
    assert (result.filters.since, result.filters.until) == (None, None)
    assert (result.list_filters.since, result.list_filters.until) == (since, since + 9)
    assert until
    assert not result.lists
    assert narrowed(Conditions(pinned=True), Filters(), KNOWN).lists


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rent", True),
        ("-rent is:pinned", True),
        ("title:rent", True),
        ("is:pinned role:user", False),
        ("", False),
    ],
)
def test_a_query_of_operators_alone_has_no_words(text: str, expected: bool) -> None:
    assert has_words(parse(text, NOW)) == expected


def test_a_list_by_operators_is_paged_by_offset(sessions: SessionRepository) -> None:
    started(sessions, model="opus")
    ids = [started(sessions, model="gpt-5", pinned=at == 1) for at in range(4)]
    with database.reading(sessions._home.engine) as connection:
        assert sorted(lists.models(connection)) == ["gpt-5", "opus"]
        known = KNOWN._replace(models=lambda: lists.models(connection))
        filters = narrowed(parse("model:gpt", NOW).conditions, Filters(), known).list_filters
        whole = [each.session_id for each in listed(connection, View(), filters, 0, 9)]
        pages = [listed(connection, View(), filters, offset, 3) for offset in (0, 3, 6)]

    assert sorted(whole) == sorted(ids)
    assert whole[0] == ids[1]
    assert [each.session_id for page in pages for each in page] == whole
    assert [len(page) for page in pages] == [3, 1, 0]
