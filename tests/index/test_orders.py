"""Tests the orders of lists: by activity, creation, title, messages, cost and time, in pages of any size."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from hermes_sessions import InvalidValue, SessionRepository, Summary
from hermes_sessions.index import database, lists
from hermes_sessions.index.list_queries import ListRequest, View
from hermes_sessions.index.orders import SORTS, SortedPlace
from hermes_sessions.results import Filters, Sort
from hermes_sessions.title_keys import LONGEST_KEY, title_key

from ..support.agent_db import START, add_message, add_session, new_state, writing
from ..support.efforts import examples
from ..support.make import message, write_document

OTHERS = SORTS[1:]
TITLES = ("Zebra", "äpfel", "Apfel", "apfel 2", "", "Ärger", "日本語", "zoo", "Ζευς", "  Blank")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionRepository]:
    """A home with sessions of both stores; some are equal in what they are sorted by, and one is both's."""
    root = tmp_path_factory.mktemp("orders")
    path = new_state(root / "state.db")
    with writing(path) as connection:
        for number in range(12):
            started, cost = START + number % 4, [None, 0.0, 2.5][number % 3]
            title = TITLES[number % len(TITLES)] or None
            add_session(
                connection,
                f"a{number}",
                title=f"{title} {number}" if title else None,
                started_at=started,
                estimated_cost_usd=cost,
            )
            for said in range(1 + number % 3):
                add_message(connection, f"a{number}", f"message {said}", timestamp=started + said)
    with SessionRepository.open(hermes_home=root) as sessions:
        for number in range(30):
            write_document(
                sessions,
                "a3" if number == 3 else f"w{number}",
                title=TITLES[number % len(TITLES)],
                created_at=START + number % 5,
                updated_at=START + number % 7,
                pinned=number % 9 == 0,
                archived=number % 4 == 0,
                estimated_cost=[None, 0.0, 1.25, 3][number % 4],
                messages=[message(at=START + number % 7)] * (1 + number % 6),
            )
        yield sessions


# What each order says, told in another way.
EXPECTED: Mapping[Sort, Callable[[Summary], tuple[Any, ...]]] = {
    "activity": lambda each: (not each.pinned, -each.last_message_at),
    "created": lambda each: (-each.created_at,),
    "title": lambda each: (title_key(each.title),),
    "messages": lambda each: (-each.message_count,),
    "cost": lambda each: (each.estimated_cost is None, -(each.estimated_cost or 0)),
    "latest": lambda each: (-each.last_message_at,),
}
FILTERS: tuple[dict[str, Any], ...] = (
    {"agent": True},
    {},
    {"agent": True, "archived": False},
    {"agent": True, "min_messages": 2, "hidden": True},
    {"agent": "only"},
    {"pinned": True},
)


def test_the_orders_are_those_of_the_public_type() -> None:
    assert get_args(Sort) == SORTS == tuple(EXPECTED)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_list_is_in_its_order_whatever_the_page(
    home: SessionRepository, sort: Sort, filters: dict[str, Any]
) -> None:
    expected = sorted(home.list(**filters), key=lambda each: (*EXPECTED[sort](each), each.session_id))
    assert expected
    assert list(home.list(sort=sort, **filters)) == expected
    for limit in (1, 4, 100):
        assert list(pages(home, limit, sort, filters)) == expected
    assert home.list(sort=sort, limit=3, **filters).total == len(expected)


def pages(sessions: SessionRepository, limit: int, sort: Sort, filters: dict[str, Any]) -> Iterator[Summary]:
    """Yield a list page by page."""
    cursor = None
    while True:
        page = sessions.list(sort=sort, limit=limit, cursor=cursor, **filters)
        yield from page
        cursor = page.next_cursor
        if cursor is None:
            return


@pytest.mark.parametrize("sort", SORTS)
def test_entries_are_in_the_order_of_the_summaries(home: SessionRepository, sort: Sort) -> None:
    cursor, found = None, []
    while True:
        page = home.entries(list, sort=sort, limit=5, cursor=cursor, agent=True)
        found += [entry["session_id"] for block in page.items for entry in block]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [each.session_id for each in home.list(sort=sort, agent=True)]


def test_an_unknown_order_is_refused(home: SessionRepository) -> None:
    with pytest.raises(InvalidValue, match="sort must be one of activity, created, title, messages, cost"):
        home.list(sort=cast(Sort, "size"))


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


CURSORS: Mapping[str, Callable[[SessionRepository], str | None]] = {
    "of another order": lambda sessions: sessions.list(sort="cost", limit=1).next_cursor,
    "of activity": lambda sessions: sessions.list(limit=1).next_cursor,
    "a number for a title": lambda _: encoded(["title", 1.0, "w1"]),
    "an id that is none": lambda _: encoded(["title", "a", "../w1"]),
    "no text": lambda _: encoded([["title"], "a", "w1"]),
    "another length": lambda _: encoded(["title", "a"]),
    "half a character": lambda _: encoded(["title", "\ud800", "w1"]),
    "no base64": lambda _: "?",
}


@pytest.mark.parametrize("name", CURSORS)
def test_a_cursor_of_another_list_is_refused(home: SessionRepository, name: str) -> None:
    with pytest.raises(InvalidValue, match="cursor must be the next_cursor of a page in the same order"):
        home.list(sort="title", cursor=CURSORS[name](home))


def test_a_figure_must_be_a_number_in_a_cursor(home: SessionRepository) -> None:
    for key in ("1", None, float("inf"), float("nan"), [1]):
        with pytest.raises(InvalidValue, match="cursor"):
            home.list(sort="cost", cursor=encoded(["cost", key, "w1"]))


# ---- titles ---------------------------------------------------------------------------------------------

KEYS = {
    "Ärger": "arger",
    "ÄRGER": "arger",
    " Straße  am\tSee ": "strasse am see",
    "ﬁle": "file",
    "": "",
    "日本語": "日本語",
    "x" * 1_000: "x" * LONGEST_KEY,
}


@pytest.mark.parametrize("title", KEYS)
def test_a_title_is_sorted_without_case_and_marks(title: str) -> None:
    assert title_key(title) == KEYS[title]


@examples(1)
@given(title=st.text())
def test_every_title_has_a_short_key(title: str) -> None:
    key = title_key(title)
    assert len(key) <= LONGEST_KEY
    assert title_key(key)[:50] == key[:50]


def test_a_renamed_session_moves(sessions: SessionRepository) -> None:
    one, two = (sessions.save(sessions.new(title=title)).session_id for title in ("b", "C"))
    assert [each.session_id for each in sessions.list(sort="title")] == [one, two]
    sessions.update(two, title="Ä")
    assert [each.session_id for each in sessions.list(sort="title")] == [two, one]


# ---- by indexes alone -----------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["first page", "behind a cursor"])
@pytest.mark.parametrize(
    "filters", [{}, {"archived": False, "profile": "work", "source": "cli"}, {"hidden": True}]
)
@pytest.mark.parametrize("sort", OTHERS)
def test_another_order_reads_one_index_of_each_store(
    home: SessionRepository, sort: Sort, filters: dict[str, Any], after: bool
) -> None:
    key = "a" if sort == "title" else -1.0
    place = SortedPlace(sort, key, "w1") if after else None
    steps = plan(home, ListRequest(Filters(agent=True, **filters), View(), place, 51, sort))
    reads = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    for table in ("sessions", "agent_conversations"):
        scans = [step for step in reads if step.startswith(f"SCAN {table}")]
        covering = f"SCAN {table} USING COVERING INDEX ix_{table}_"
        if sort == "latest":  # the times are in smaller indexes too
            assert [step.startswith(covering) for step in scans] == [True]
        else:
            assert scans == [f"{covering}all"]
    assert [step for step in reads if "INDEX" not in step and step.split()[1] not in ("page", "1")] == []


def plan(sessions: SessionRepository, request: ListRequest) -> list[str]:
    """Return SQLite's query plan for a list."""
    seen: list[tuple[str, Any]] = []

    def see(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    with database.reading(sessions._home.engine) as connection:
        event.listen(connection, "before_cursor_execute", see)
        try:
            lists.read_summaries(connection, request)
        finally:
            event.remove(connection, "before_cursor_execute", see)
        ((statement, parameters),) = seen
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


def test_an_upgraded_index_sorts_by_title(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        sessions.save(sessions.new(title="Ärger"))
        sessions.save(sessions.new(title="Zebra"))
        with database.writing(sessions._home.engine) as connection:
            connection.exec_driver_sql("UPDATE sessions SET title_key = ''")
            connection.exec_driver_sql("UPDATE index_state SET derivation = 2")
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        assert [each.title for each in sessions.list(sort="title")] == ["Ärger", "Zebra"]
