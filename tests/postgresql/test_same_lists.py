"""One home with two indexes, in SQLite and in PostgreSQL: every list, sum and feed of changes is the same."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import pytest

from hermes_sessions import Filters, InvalidValue, SessionRepository
from hermes_sessions.demo import write_home
from hermes_sessions.results import Sort, UsageBy

from ..conftest import copy_sample
from ..support.make import message, turns, write_document
from ..support.postgresql import Server

SORTS: tuple[Sort, ...] = get_args(Sort)
PERIODS_AND_COLUMNS: tuple[UsageBy, ...] = tuple(each for each in get_args(UsageBy) if each != "tool")


class Both(NamedTuple):
    """One home, opened with each index."""

    ours: SessionRepository
    theirs: SessionRepository

    def check(self, ask: Callable[..., object], *arguments: object, **keywords: object) -> None:
        """Compare what both answer, as texts: NaN is not equal to itself, and 1 is equal to true."""
        ours, theirs = (repr(ask(each, *arguments, **keywords)) for each in self)
        assert ours == theirs


def hostile(home: Path) -> None:
    """Write files whose values a database may refuse."""
    (home / "webui/sessions").mkdir(parents=True)
    with SessionRepository.open(hermes_home=home) as sessions:
        write_document(sessions, "nul", title="a\0b", model="m\0", project_id="p\0", messages=turns(2))
        write_document(sessions, "nan", messages=turns(2), odd=float("nan"), more=[float("inf"), "\0"])
        write_document(
            sessions, "wide", title="😀" * 500, model="😀" * 256, profile="😀" * 128, messages=turns(2)
        )
        write_document(sessions, "big", input_tokens=2**63 - 1, output_tokens=2**62, messages=turns(1))
        write_document(sessions, "bigger", input_tokens=2**70, weight=10**400, messages=turns(1))
        write_document(sessions, "times", created_at=1e300, updated_at=-5.5, messages=[message("x")])
        write_document(sessions, "x" * 128, title="\ud800 é e\u0301 Zz zz ZZ", messages=turns(1))
        for number, cost in enumerate((0.1, 0.2, 0.3, 1e-9, 1e15)):
            values = {"estimated_cost": cost, "model": "m", "title": f"#cost {number}"}
            write_document(sessions, f"cost{number}", messages=turns(1), **values)
        folder = sessions.config.sessions_dir
    text = json.dumps({"title": "\ud83d", "messages": []})
    for name in ("y" * 250, "a b", "Ü", "%s", "z\x01"):
        (folder / f"{name}.json").write_text(text)
    (folder / "broken.json").write_text("{")


def _sample(month: str) -> Callable[[Path], object]:
    return lambda home: copy_sample(month, home.parent).rename(home)


HOMES: dict[str, Callable[[Path], object]] = {
    "may": _sample("may"),
    "aug": _sample("aug"),
    "demo": lambda home: write_home(home, sessions=60, now=1_790_000_000.0),
    "hostile": hostile,
}


@pytest.fixture(scope="module", params=HOMES)
def both(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    """Each of the homes, opened with both indexes, with an archived one, a pinned one, and some with tags."""
    home = tmp_path_factory.mktemp("both") / "home"
    HOMES[request.param](home)
    with ExitStack() as stack:
        url = stack.enter_context(server.database())
        ours = stack.enter_context(SessionRepository.open(hermes_home=home))
        some = [each.session_id for each in ours.list() if not each.of_agent]
        ours.update_many(some[::5], archived=True)
        ours.update_many(some[1::6], pinned=True)
        ours.tag_many([each.session_id for each in ours.list(agent=True)][::3], "work", "Büro")
        theirs = stack.enter_context(SessionRepository.open(hermes_home=home, database_url=url))
        yield Both(ours, theirs)


_REACHES: tuple[tuple[bool | Literal["only"], bool], ...] = ((False, False), (True, True), ("only", False))


def filters_of(sessions: SessionRepository) -> list[Filters]:
    """Return filters that match something: one for each value of a column, and each kind with each other."""
    everything = sessions.list(agent=True, hidden=True)
    found: list[dict[str, Any]] = [
        {name: value}
        for name in ("profile", "project_id", "source", "model")
        for value in sorted({str(getattr(each, name)) for each in everything if getattr(each, name)})
    ]
    found += [{name: value} for name in ("archived", "pinned", "interrupted") for value in (True, False)]
    middle = everything[len(everything) // 2].last_message_at
    found += [{"since": middle}, {"until": middle}, {"min_cost": 0.01}, {"min_messages": 3}]
    found += [{"tag": "work"}, {"tag": "-work"}, {"tag": "büro,work"}, {"project_id": ""}, {}]
    kinds = {(name, value is False): {name: value} for each in found for name, value in each.items()}
    pairs = [one | other for one, other in combinations(kinds.values(), 2) if one.keys() != other.keys()]
    return [
        Filters(**each, agent=agent, hidden=hidden) for each in [*found, *pairs] for agent, hidden in _REACHES
    ]


def listed(sessions: SessionRepository, filters: Filters) -> object:
    """Return a list and its length."""
    return list(sessions.list(filters)), sessions.count(filters)


def pages(sessions: SessionRepository, sort: Sort) -> list[object]:
    """Return a list by its pages, with their cursors."""
    found: list[object] = []
    cursor = None
    while True:
        page = sessions.list(agent=True, hidden=True, sort=sort, limit=7, cursor=cursor)
        found.append((list(page), page.total, page.next_cursor, page.warnings))
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_lists(both: Both) -> None:
    for filters in filters_of(both.ours):
        both.check(listed, filters)


@pytest.mark.parametrize("sort", SORTS)
def test_pages(both: Both, sort: Sort) -> None:
    both.check(pages, sort)


def test_sums(both: Both) -> None:
    everything = Filters(agent=True, hidden=True)
    for by in (*PERIODS_AND_COLUMNS, *combinations(PERIODS_AND_COLUMNS, 2)):
        both.check(SessionRepository.usage, by=by, filters=everything)
    both.check(SessionRepository.usage_total, filters=everything)
    both.check(SessionRepository.tags)
    both.check(SessionRepository.facets, agent=True)


@pytest.mark.parametrize("name", ["profile", "project_id", "model", "tag"])
def test_what_cannot_exist_is_not_found(both: Both, name: str) -> None:
    for value in ("a\0b", "\0", "\ud800", "x" * 5000):
        both.check(_refusal_or_list, **{name: value})


def _refusal_or_list(sessions: SessionRepository, **filters: Any) -> object:
    try:
        return list(sessions.list(**filters))
    except InvalidValue as error:
        return str(error)


SEARCHES = "the|deploy OR database|model:m|tag:work|project:none the|after:2026-01-01|zz|#work".split("|")


def test_searches(both: Both) -> None:
    for sessions in both:
        sessions.complete_search()
    for text in SEARCHES:
        both.check(SessionRepository.search, text, agent=True)


def test_changes(both: Both) -> None:
    tokens = [sessions.changes().token for sessions in both]
    some = [each.session_id for each in both.ours.list() if not each.of_agent][:3]
    both.ours.update(some[0], title="Another")
    both.theirs.tag(some[1], "new")
    both.ours.append(some[-1], [message("more")])
    for sessions in both:
        sessions.sync()
    found = [sessions.changes(token) for sessions, token in zip(both, tokens, strict=True)]
    assert [set(each.changed) for each in found] == [set(some)] * 2
    both.check(listed, Filters(agent=True))
