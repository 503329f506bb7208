"""How PostgreSQL runs the queries of lists over 5,000 sessions and as many agents' conversations.

As on SQLite, a page comes out of indexes in its order, and nothing reads a whole table of conversations.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from psycopg import ClientCursor
from sqlalchemy import Connection, event

from hermes_sessions import Filters, SessionRepository
from hermes_sessions.index import database, facets, lists, usage
from hermes_sessions.index.list_queries import ListRequest, View
from hermes_sessions.index.orders import KEYS, SortedPlace
from hermes_sessions.index.row_values import Place
from hermes_sessions.results import Sort

from ..support.many_rows import START, fill
from ..support.postgresql import Server

pytestmark = pytest.mark.slow

ROWS, PAGE = 5000, 51
MIDDLE = START + 60 * ROWS / 2
TABLES = ("sessions", "agent_conversations", "agent_sessions")

Node = dict[str, Any]


@pytest.fixture(scope="module")
def many(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionRepository]:
    """A repository whose index has many rows."""
    home = tmp_path_factory.mktemp("many")
    with server.database() as url, SessionRepository.open(hermes_home=home, database_url=url) as sessions:
        fill(sessions, ROWS)
        yield sessions


def steps(sessions: SessionRepository, run: Callable[[Connection], object]) -> Iterator[Node]:
    """Yield the steps by which PostgreSQL runs the queries of a call, with how many rows each gives.

    Once with a plan for the values of this call, and once with the one for any values, which it makes after
    some calls on one connection.
    """
    seen: list[tuple[str, Any]] = []

    def see(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    with database.reading(sessions._home.engine) as connection:
        event.listen(connection, "before_cursor_execute", see)
        run(connection)
        event.remove(connection, "before_cursor_execute", see)
        for statement, parameters in seen:
            (plan,) = connection.exec_driver_sql(f"{EXPLAIN} {statement}", parameters).scalar_one()
            yield from _all_of(plan["Plan"])
            yield from _all_of(_plan_for_any(connection, statement, parameters))


EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"
_PARAMETER = re.compile(r"%\((\w+)\)s")


def _plan_for_any(connection: Connection, statement: str, parameters: dict[str, Any]) -> Node:
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement).replace("%%", "%")
    driver: Any = connection.connection.driver_connection
    with ClientCursor(driver) as cursor:  # EXECUTE takes its values as text
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(f"PREPARE prepared AS {numbered}".encode())
        values = f"({', '.join(f'%({name})s' for name in names)})" if names else ""
        cursor.execute(f"{EXPLAIN} EXECUTE prepared{values}".encode(), parameters)
        ((plan,),) = cursor.fetchall()[0]
        cursor.execute("DEALLOCATE prepared; SET LOCAL plan_cache_mode = auto")
    node: Node = plan["Plan"]
    return node


def _all_of(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _all_of(child)


def whole_tables(found: list[Node]) -> list[Node]:
    """Return the steps that read a table of conversations without an index."""
    scans = [each for each in found if each.get("Relation Name") in TABLES]
    assert scans
    return [each for each in scans if "Index" not in each["Node Type"]]


FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"hidden": True},
    {"profile": "work"},
    {"source": "messaging"},
    {"profile": "work", "source": "cli"},
    {"archived": True},
    {"archived": False},
    {"project_id": "p3"},
    {"project_id": ""},
    {"pinned": True},
    {"pinned": False},
    {"model": "model 3"},
    {"tag": "work"},
    {"tag": "-work"},
    {"since": MIDDLE},
    {"until": MIDDLE},
    {"min_messages": 150},
    {"min_cost": 1.0},
    {"interrupted": True},
    {"interrupted": False},
    {"agent": "only"},
)


@pytest.mark.parametrize("agent", [False, True])
@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_page_comes_out_of_indexes_in_its_order(
    many: SessionRepository, filters: dict[str, Any], agent: bool
) -> None:
    for after in (None, Place(1, -MIDDLE, "s2500")):
        request = ListRequest(Filters(**{"agent": agent, **filters}), View("default", "/srv"), after, PAGE)
        found = list(steps(many, partial(lists.read_summaries, request=request)))
        assert whole_tables(found) == []
        for step in found:
            if "Sort" in step["Node Type"]:  # of the pages of both stores at most
                assert step["Plans"][0]["Actual Rows"] <= 2 * PAGE


@pytest.mark.parametrize("agent", [False, True])
@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_count_reads_indexes_alone(many: SessionRepository, filters: dict[str, Any], agent: bool) -> None:
    found = list(
        steps(many, lambda connection: lists.count(connection, Filters(**{"agent": agent, **filters})))
    )
    assert whole_tables(found) == []


@pytest.mark.parametrize("sort", KEYS)
@pytest.mark.parametrize("after", [False, True])
def test_another_order_is_read_off_an_index_of_each_store(
    many: SessionRepository, sort: Sort, after: bool
) -> None:
    # Most rows follow: those of any title, and whose figures are below these.
    keys: dict[Sort, str | float] = {"title": "a", "messages": -190.0, "cost": -4.5}
    place = SortedPlace(sort, keys.get(sort, -MIDDLE), "s1") if after else None
    request = ListRequest(Filters(agent=True), View(), place, PAGE, sort)
    found = list(steps(many, lambda connection: lists.read_summaries(connection, request)))
    assert whole_tables(found) == []
    read = [each for each in found if each.get("Relation Name") in TABLES and each["Actual Rows"] > PAGE]
    assert {each["Node Type"] for each in read} == {"Index Only Scan"}


def test_the_numbers_of_filters_are_read_off_indexes(many: SessionRepository) -> None:
    found = list(steps(many, lambda connection: facets.read(connection, agent=True)))
    assert whole_tables(found) == []


def test_sums_read_each_table_once(many: SessionRepository) -> None:
    found = list(steps(many, lambda connection: usage.usage(connection, Filters(agent=True), ["day"])))
    read = [each for each in whole_tables(found) if each["Actual Rows"]]
    assert all(each["Actual Loops"] == 1 for each in read)


def test_lists_are_planned_once(many: SessionRepository) -> None:
    engine = many._home.engine
    for _ in range(20):
        with database.reading(engine) as connection:
            lists.read_summaries(connection, ListRequest(Filters(agent=True), limit=PAGE))
    with database.reading(engine) as connection:
        count = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%agent_conversations%%'"
        assert connection.exec_driver_sql(count).scalar_one()
