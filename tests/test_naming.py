"""Which conversation is meant: an id, the beginning of one, a title, a query; and where a list goes on."""

from typing import Any

import pytest
from sqlalchemy import event

from hermes_sessions import InvalidValue, NotFound, SessionRepository
from hermes_sessions.index import database, named
from hermes_sessions.naming import is_named, only_one
from hermes_sessions.results import Sort

from .support.agent_db import filled_state
from .support.make import started, turns, write, write_document

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    ("text", "session_id", "title", "named"),
    [
        ("abcd12", "abcd12", "Rent", True),
        ("abcd", "abcd12", "Rent", True),
        ("abc", "abcd12", "Rent", False),
        ("abc", "abc", "Rent", True),
        ("ABCD", "abcd12", "Rent", False),
        ("bcd12", "abcd12", "Rent", False),
        ("Rent", "abcd12", "Rent", True),
        ("rent", "abcd12", "Rent", False),
        ("Ren", "abcd12", "Rent", False),
        ("", "abcd12", "Rent", False),
        ("abcd12x", "abcd12", "Rent", False),
    ],
)
def test_the_rule(text: str, session_id: str, title: str, named: bool) -> None:
    assert is_named(text, session_id, title) is named


def test_several_are_named_and_refused() -> None:
    assert only_one("x", {"a": "Rent"}) == "a"
    with pytest.raises(NotFound, match="no session x"):
        only_one("x", {})
    with pytest.raises(InvalidValue, match=r'x can be several sessions: 0 "t", 1 "t", .*7 "t", …\. Use'):
        only_one("x", {str(number): "t" for number in range(9)})


@pytest.fixture
def named_home(sessions: SessionRepository) -> SessionRepository:
    """Sessions whose ids and titles are alike, and an agent's conversations."""
    filled_state(sessions.config.hermes_home / "state.db")
    titles = {
        "aaaa1111": "Rent",
        "aaaa2222": f"Key {KEY}",
        "bbbb3333": "aaaa",
        "cccc_4": "Rent",
        "cccc-4": "Tax",
    }
    for session_id, title in titles.items():
        write_document(sessions, session_id, title=title, messages=turns(2))
    write_document(sessions, "hidden01", title="Untitled", messages=[])
    sessions.sync()
    return sessions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("aaaa1111", "aaaa1111"),
        ("aaaa1", "aaaa1111"),
        ("bbbb", "bbbb3333"),
        ("cccc_", "cccc_4"),
        ("cccc-", "cccc-4"),
        ("Tax", "cccc-4"),
        ("Chain", "c"),
        ("a", "a"),
        ("Lone", "lone"),
        ("hidde", "hidden01"),
        ("cron_daily", "cron_daily_1"),
    ],
)
def test_one_is_found(named_home: SessionRepository, text: str, found: str) -> None:
    assert named_home.find(text) == named_home.summary(found)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("aaaa", InvalidValue, ['aaaa1111 "Rent"', 'aaaa2222 "Key sk-abc...6789"', 'bbbb3333 "aaaa"']),
        ("Rent", InvalidValue, ["aaaa1111", "cccc_4"]),
        ("bbb", NotFound, ["no session bbb"]),
        ("rent", NotFound, ["no session rent"]),
        ("No such title", NotFound, ["no session No such title"]),
        ("../bbbb3333", NotFound, ["no session ../bbbb3333"]),
        ("%%%%", NotFound, []),
        ("____", NotFound, []),
        ("x" * 129, NotFound, []),
        ("", InvalidValue, ["say which session"]),
        ("\ud800", InvalidValue, []),
    ],
)
def test_none_or_several_are_refused(
    named_home: SessionRepository, text: str, error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as raised:
        named_home.find(text)
    assert all(word in str(raised.value) for word in words)
    assert KEY not in str(raised.value)


def test_many_are_found_and_one_failure_stops_no_other(named_home: SessionRepository) -> None:
    found = named_home.find_many(["Tax", "aaaa", "lone", "cccc-4", "unknown", "bbbb"])
    assert {each.session_id for each in found.summaries} == {"cccc-4", "lone", "bbbb3333"}
    assert len(found.summaries) == 3
    assert {text: type(error) for text, error in found.errors.items()} == {
        "aaaa": InvalidValue,
        "unknown": NotFound,
    }


def test_who_looks_for_a_deleted_one_is_told_where_it_is(named_home: SessionRepository) -> None:
    named_home.delete("aaaa1111")
    named_home.delete("lone")  # the agent's
    for deleted in ("aaaa1111", "lone"):
        for call in (named_home.find, named_home.summary, named_home.get, named_home.messages):
            with pytest.raises(NotFound, match=f"session {deleted} is in the trash"):
                call(deleted)
        with pytest.raises(NotFound, match="is in the trash"):
            named_home.update(deleted, title="New")


def test_a_deleted_one_is_found_in_the_trash(named_home: SessionRepository) -> None:
    named_home.delete("aaaa1111")
    assert {named_home.find_deleted(text) for text in ("aaaa1111", "aaaa", "Rent")} == {"aaaa1111"}
    named_home.delete("cccc_4")
    with pytest.raises(InvalidValue, match="Rent can be several"):
        named_home.find_deleted("Rent")
    assert named_home.find_deleted("Tax") == "cccc-4"
    with pytest.raises(NotFound):
        named_home.find("Rent")


def test_another_store_that_cannot_be_read_hides_nothing(named_home: SessionRepository) -> None:
    (named_home.config.hermes_home / "state.db").write_bytes(b"damaged" * 999)
    assert named_home.find("Tax").session_id == "cccc-4"


def test_names_are_found_by_an_index(named_home: SessionRepository) -> None:
    seen: list[tuple[str, Any]] = []

    def see(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    with database.reading(named_home._home.engine) as connection:
        event.listen(connection, "before_cursor_execute", see)
        named.candidates(connection, "aaaa")
        named.cursor_after(connection, "lone", "title")
        event.remove(connection, "before_cursor_execute", see)
        plans = [
            [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in seen
        ]
    reads = [step for steps in plans for step in steps if step.startswith(("SCAN", "SEARCH"))]
    assert len(seen) == 4
    assert not [step for step in reads if "INDEX" not in step and "anon_" not in step], reads


# ---- queries ----------------------------------------------------------------------------------------------


def test_a_query_chooses_all_that_match(sessions: SessionRepository) -> None:
    filled_state(sessions.config.hermes_home / "state.db")
    many = [started(sessions, 1, title=f"Budget {number}") for number in range(30)]
    started(sessions, 1, title="Rent")
    sessions.complete_search()
    assert {each.session_id for each in sessions.matching("budget")} == set(many)
    assert [each.title for each in sessions.matching("budget 7")] == ["Budget 7"]
    assert [each.title for each in sessions.matching("-budget is:pinned")] == []
    assert {each.session_id for each in sessions.matching("is:agent")} == {"c", "lone", "sub"}
    assert len(sessions.matching("messages:>0")) == 34
    assert len(sessions.matching("messages:>0", agent=False)) == 31
    with pytest.raises(InvalidValue, match="empty query"):
        sessions.matching(" ")


def test_a_query_chooses_nothing_that_was_not_typed(sessions: SessionRepository) -> None:
    started(sessions, 1, title="Budget of Rotterdam")
    sessions.complete_search()
    found = sessions.matching("budgte")
    assert (list(found), found.warnings[0]) == ([], "Nothing has budgte. Did you mean budget?")
    assert list(sessions.matching("budget amsterdam")) == []
    assert sessions.matching("project:nowhere").warnings == ("There is no project nowhere.",)


# ---- where a list goes on ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["activity", "created", "title", "messages", "cost", "latest"])
def test_a_list_goes_on_after_an_id(named_home: SessionRepository, sort: Sort) -> None:
    named_home.update("cccc-4", pinned=True)
    every = [each.session_id for each in named_home.list(sort=sort, agent=True, hidden=True)]
    assert len(every) > 8
    for at, session_id in enumerate(every):
        cursor = named_home.cursor_after(session_id, sort=sort)
        page = named_home.list(sort=sort, agent=True, hidden=True, cursor=cursor)
        assert [each.session_id for each in page] == every[at + 1 :]


def test_there_is_no_place_after_what_no_list_has(named_home: SessionRepository) -> None:
    with pytest.raises(NotFound):
        named_home.cursor_after("unknown")
    with pytest.raises(InvalidValue):
        named_home.cursor_after("cccc-4", sort="size")  # type: ignore[arg-type]
    write(named_home, "broken", "{")
    with pytest.raises(NotFound):
        named_home.cursor_after("broken")
