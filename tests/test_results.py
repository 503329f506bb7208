"""Tests the values of results: filters and how they combine, pages as sequences."""

import time
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from hermes_sessions import Filters, InvalidValue, Page, SessionRepository, Source
from hermes_sessions.results import FilterFields, combined_filters
from hermes_sessions.sources import SourceName
from hermes_sessions.times import parse_time

from .support.make import started, turns, write_document


def test_the_keywords_are_the_fields_of_filters() -> None:
    assert list(FilterFields.__annotations__) == [field.name for field in fields(Filters)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("profile", 5),
        ("project_id", []),
        ("source", b"cli"),
        ("source", "nonsense"),
        ("source", "telegram"),
        ("source", ""),
        ("archived", "yes"),
        ("archived", 0),
        ("pinned", "yes"),
        ("pinned", 1),
        ("interrupted", "no"),
        ("model", 5),
        ("since", "2026-01-31"),
        ("since", -1),
        ("since", True),
        ("until", float("nan")),
        ("until", float("inf")),
        ("min_cost", "1"),
        ("min_cost", -0.5),
        ("min_cost", float("nan")),
        ("min_messages", 1.5),
        ("min_messages", -1),
        ("min_messages", 2**63),
        ("agent", None),
        ("agent", 1),
        ("agent", "all"),
        ("hidden", "x"),
    ],
)
def test_a_wrong_filter_is_named(sessions: SessionRepository, name: str, value: Any) -> None:
    wrong: dict[str, Any] = {name: value}
    for call in (sessions.list, sessions.count, sessions.usage, Filters):
        with pytest.raises(InvalidValue, match=f"^{name} must be "):
            call(**wrong)
    with pytest.raises(InvalidValue, match=f"^{name} must be "):
        sessions.search("x", **wrong)


def test_an_unknown_source_is_told_which_there_are() -> None:
    with pytest.raises(InvalidValue, match="webui, cli, cron, tool, api, messaging, other"):
        Filters(source="mars")  # type: ignore[arg-type]  # which is what is tested


@pytest.mark.parametrize("source", [*Source, *map(str, Source), None])
def test_a_source_may_be_a_member_or_its_text(source: SourceName | Source | None) -> None:
    assert Filters(source=source).source == source


CASES: list[tuple[Filters | None, FilterFields, Filters]] = [
    (None, {}, Filters()),
    (None, {"agent": True}, Filters(agent=True)),
    (Filters(profile="work"), {}, Filters(profile="work")),
    (Filters(profile="work"), {"hidden": True}, Filters(profile="work", hidden=True)),
    (Filters(profile="work", agent=True), {"profile": "home"}, Filters(profile="home", agent=True)),
    (Filters(profile="work"), {"profile": None}, Filters()),
]


@pytest.mark.parametrize(("filters", "keywords", "expected"), CASES)
def test_a_keyword_replaces_the_field_of_filters(
    filters: Filters | None, keywords: FilterFields, expected: Filters
) -> None:
    assert combined_filters(filters, keywords, call=SessionRepository.list) == expected


def test_the_default_holds_only_without_filters() -> None:
    default = Filters(agent=True, hidden=True)

    assert combined_filters(None, {"hidden": False}, default, call=SessionRepository.list) == Filters(
        agent=True
    )
    assert combined_filters(Filters(), {}, default, call=SessionRepository.list) == Filters()


def test_filters_are_frozen_and_of_their_class(sessions: SessionRepository) -> None:
    filters: Any = Filters()
    with pytest.raises(FrozenInstanceError):
        filters.profile = "work"
    wrong: Any = {"profile": "work"}
    with pytest.raises(InvalidValue, match="filters must be"):
        sessions.list(wrong)
    unknown: Any = {"colour": "x"}
    with pytest.raises(InvalidValue, match="colour"):
        sessions.list(**unknown)


MISTAKES: dict[str, tuple[str, str]] = {
    "list": ("agnet", "list() has no argument agnet. Did you mean agent?"),
    "count": ("source_", "count() has no argument source_. Did you mean source?"),
    "usage": ("untill", "usage() has no argument untill. Did you mean until?"),
    "search": ("ofset", "search() has no argument ofset. Did you mean offset?"),
}


@pytest.mark.parametrize("call", MISTAKES)
def test_a_keyword_that_a_call_does_not_have_is_named_with_what_was_meant(
    sessions: SessionRepository, call: str
) -> None:
    name, told = MISTAKES[call]
    wrong: Any = {name: 1}
    texts: Any = ["word"] if call == "search" else []
    with pytest.raises(InvalidValue) as caught:
        getattr(sessions, call)(*texts, **wrong)
    assert str(caught.value) == told


def test_a_keyword_like_none_of_a_call_is_answered_with_those_that_it_takes(
    sessions: SessionRepository,
) -> None:
    unknown: Any = {"colour": "x"}
    with pytest.raises(InvalidValue, match=r"^count\(\) has no argument colour\. It takes agent, archived, "):
        sessions.count(**unknown)


def test_calls_take_filters_and_keywords_alike(sessions: SessionRepository) -> None:
    work, home = started(sessions, profile="work"), started(sessions, profile="home")
    both = Filters(archived=False)

    assert [each.session_id for each in sessions.list(Filters(profile="work"))] == [work]
    assert [each.session_id for each in sessions.list(both, profile="home")] == [home]
    assert sessions.count(both) == 2
    assert sessions.count(both, profile="home") == 1
    assert [hit.session_id for hit in sessions.search("message", filters=Filters(profile="home"))] == [home]
    assert [hit.session_id for hit in sessions.search("message", filters=both, profile="work")] == [work]
    assert [each.sessions for each in sessions.usage(filters=both, profile="home", by="profile")] == [1]


@pytest.mark.parametrize(
    "filters",
    [{"model": "opus"}, {"pinned": True}, {"min_messages": 5}, {"min_cost": 1}, {"interrupted": True}],
)
def test_a_search_takes_the_filters_of_a_list(sessions: SessionRepository, filters: FilterFields) -> None:
    started(sessions)
    waiting = {"pending_user_message": "Hi", "active_stream_id": "stream"}
    wanted = started(sessions, 6, model="opus", pinned=True, estimated_cost=1.5, **waiting)

    assert [each.session_id for each in sessions.list(**filters)] == [wanted]
    assert [hit.session_id for hit in sessions.search("message", **filters)] == [wanted]


def test_the_times_of_a_search_are_those_of_its_messages(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    sent = sessions.get(session_id).messages[0]["timestamp"]
    sessions.append(session_id, [{"role": "user", "content": "later", "timestamp": sent + 1000}])

    assert [hit.message_index for hit in sessions.search("message", until=sent + 1)] == [0]
    assert list(sessions.list(until=sent + 1)) == []


def test_a_project_that_does_not_exist_is_an_empty_list_with_a_warning(sessions: SessionRepository) -> None:
    empty = sessions.projects.create("Empty").project_id
    started(sessions)

    for page in (sessions.list(project_id="gone"), sessions.entries(len, project_id="gone")):
        assert (page.total, page.warnings) == (0, ("There is no project gone.",))
    assert sessions.list(project_id=empty).warnings == ()
    sessions.config.projects_file.write_text("{")
    (warning,) = sessions.list(project_id="gone").warnings
    assert "projects.json" in warning


def test_a_page_is_a_sequence() -> None:
    page = Page(["a", "b", "c"], "next", 9)

    assert (len(page), list(page), page[0], page[-1], page[1:]) == (3, ["a", "b", "c"], "a", "c", ["b", "c"])
    assert "b" in page
    assert not Page([], None, 0)


def test_a_page_has_the_version_of_the_index(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    page = sessions.list()
    assert page.version == sessions.version() == sessions.entries(len).version

    sessions.update(session_id, title="Other")
    assert sessions.list().version not in ("", page.version)


def test_a_list_is_not_read_for_a_caller_that_has_its_version(sessions: SessionRepository) -> None:
    started(sessions)
    version = sessions.version()
    asked: list[str] = []

    def has_it(offered: str) -> bool:
        asked.append(offered)
        return True

    for page in (sessions.list(unless=has_it), sessions.entries(len, unless=has_it)):
        assert (page.unchanged, page.items, page.version) == (True, [], version)
    assert asked == [version, version]
    fresh = sessions.list(unless=lambda offered: offered != version)
    assert (fresh.unchanged, len(fresh)) == (False, 1)


NONE: dict[str, FilterFields] = {
    "No conversation has the profile nobody.": {"profile": "nobody"},
    "No conversation has the model none.": {"model": "none"},
    "No time is after 2026-02-01 00:00 and before 2026-01-01 00:00.": {
        "since": parse_time("2026-02-01", time.time()),
        "until": parse_time("2026-01-01", time.time()),
    },
}


@pytest.mark.parametrize("reason", NONE)
def test_what_nothing_can_match_is_said_by_every_call(sessions: SessionRepository, reason: str) -> None:
    write_document(sessions, "one", title="A garden", messages=turns(1))
    given = NONE[reason]

    assert (sessions.list(**given).total, sessions.list(**given).warnings) == (0, (reason,))
    assert sessions.entries(list, **given).warnings == (reason,)
    assert sessions.usage(**given).warnings == (reason,)
    for text in ("garden", "is:pinned"):
        hits = sessions.search(text, **given)
        assert (list(hits), hits.warnings) == ([], (reason,))
