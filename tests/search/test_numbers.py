"""What a search keeps between two searches: numbers of conversations, what lists show, common words."""

import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection

from hermes_sessions import SessionRepository
from hermes_sessions.index import database
from hermes_sessions.search import common_words, roster, tables
from hermes_sessions.search.indexed_text import IndexedText
from hermes_sessions.search.numbers import Numbers
from hermes_sessions.search.one_at_a_time import OneAtATime
from hermes_sessions.search.tables import WEB_UI, MessageFilter

from ..support.agent_db import add_session, keep_full_text, new_state, writing
from ..support.make import message


@pytest.fixture
def search_index(tmp_path: Path) -> Iterator[Connection]:
    """An empty search index, in a transaction that ends with the test."""
    engine = database.make_engine(tmp_path / "search.db")
    with database.writing(engine) as connection:
        tables.create_tables(connection)
        yield connection
    engine.dispose()


def test_entries_keep_their_numbers_and_new_ones_are_learned(search_index: Connection) -> None:
    numbers = Numbers()
    one = tables.add_entry(search_index, (WEB_UI, "one"), "").number
    numbers.read(search_index)
    assert numbers.key(one) == (WEB_UI, "one")
    work = tables.add_entry(search_index, ("work", "two"), "").number
    numbers.read(search_index)
    assert numbers.of_agent(("work", "two")) == work
    assert numbers.of_web() == [one]
    assert numbers.of_entries([one, work]) == {one, work}


def test_a_session_that_came_back_has_another_number(search_index: Connection) -> None:
    numbers = Numbers()
    first = tables.add_entry(search_index, (WEB_UI, "one"), "")
    numbers.read(search_index)
    tables.remove_entry(search_index, first)
    second = tables.add_entry(search_index, (WEB_UI, "one"), "")
    numbers.read(search_index)
    assert numbers.key(first.number) == numbers.key(second.number) == (WEB_UI, "one")
    assert numbers.of_web() == [first.number, second.number]


def test_an_agents_conversation_keeps_the_number_that_it_had_before_its_entry(
    search_index: Connection,
) -> None:
    numbers = Numbers()
    before, other = numbers.of_agent(("work", "a")), numbers.of_agent(("work", "b"))
    assert {before, other} == {-1, -2}
    entry = tables.add_entry(search_index, ("work", "a"), "").number
    numbers.read(search_index)
    assert numbers.of_agent(("work", "a")) == before
    assert numbers.of_entries([entry]) == {before}
    assert numbers.key(before) == numbers.key(entry) == ("work", "a")


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[SessionRepository]:
    """A home without an agent, in which each word counts as very common."""
    with SessionRepository.open(hermes_home=tmp_path / "home") as opened:
        yield opened


def found(sessions: SessionRepository, text: str) -> list[str]:
    return sorted(hit.title for hit in sessions.search(text))


@pytest.mark.parametrize("most", [0, tables.MOST_NUMBERS])
def test_a_word_is_found_after_each_change(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(tables, "MOST_NUMBERS", most)
    one = sessions.save(sessions.new(title="One")).session_id
    two = sessions.save(sessions.new(title="Two")).session_id
    assert found(sessions, "heron") == []
    sessions.append(one, [message("a heron")])
    assert found(sessions, "heron") == ["One"]
    sessions.append(two, [message("another heron")])
    assert found(sessions, "heron") == found(sessions, "heron") == ["One", "Two"]
    sessions.truncate(one, 0)
    assert found(sessions, "heron") == ["Two"]
    sessions.update(two, archived=True)
    assert [hit.title for hit in sessions.search("heron", archived=False)] == []
    assert found(sessions, "heron") == ["Two"]
    sessions.delete(two)
    assert found(sessions, "heron") == []
    sessions.restore(two)
    assert found(sessions, "heron") == ["Two"]


def noting_matches(
    monkeypatch: pytest.MonkeyPatch, *, without_numbers: Collection[str] = ()
) -> list[str | None]:
    """Return the expressions that are looked for from now on; of some, the numbers are too many."""
    asked: list[str | None] = []
    find_matches = tables.find_matches

    def noted(
        connection: Connection, expression: str | None, wanted: MessageFilter, expected: int
    ) -> tables.Matches:
        asked.append(expression)
        matches = find_matches(connection, expression, wanted, expected)
        return matches._replace(numbers=None) if expression in without_numbers else matches

    monkeypatch.setattr(tables, "find_matches", noted)
    return asked


class Kept(NamedTuple):
    """Matches that are kept of an index with one message, its entry, and what was looked for."""

    words: common_words.CommonWords
    entry: tables.SearchEntry
    asked: list[str | None]


def keeping(
    search_index: Connection, monkeypatch: pytest.MonkeyPatch, *, most_counts: int, always: int
) -> Kept:
    """Return what keeps so few matches, all of them without numbers."""
    monkeypatch.setattr(tables, "MOST_NUMBERS", 0)
    monkeypatch.setattr(common_words, "MOST_COUNTS_KEPT", most_counts)
    monkeypatch.setattr(common_words, "ALWAYS_KEPT", always)
    entry = tables.add_entry(search_index, (WEB_UI, "one"), "")
    add(search_index, entry, 0, "amber brook cliff")
    return Kept(common_words.CommonWords(), entry, noting_matches(monkeypatch))


def test_few_counts_are_kept_and_none_of_an_earlier_state(
    search_index: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, entry, asked = keeping(search_index, monkeypatch, most_counts=2, always=0)
    for word in ("amber", "brook", "amber", "cliff", "amber", "brook"):
        assert words.find(search_index, word, MessageFilter(), 1) == ({entry.number: 1}, None)
    assert asked == ["amber", "brook", "cliff", "brook"]
    add(search_index, entry, 1, "amber")
    assert words.find(search_index, "amber", MessageFilter(), 1) == ({entry.number: 2}, None)
    assert words.find(search_index, "amber", MessageFilter(role="user"), 1).counts == {entry.number: 2}
    assert words.find(search_index, "amber", MessageFilter(role="tool"), 1).counts == {}


def test_the_matches_of_one_question_are_kept_however_many_they_count(
    search_index: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, _, asked = keeping(search_index, monkeypatch, most_counts=0, always=2)
    for word in ("amber", "brook", "amber", "brook", "cliff", "brook", "amber"):
        words.find(search_index, word, MessageFilter(), 1)
    assert asked == ["amber", "brook", "cliff", "amber"]


def test_of_matches_with_too_many_numbers_those_without_stay(
    search_index: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common_words, "LEAST_KEPT", 0)
    monkeypatch.setattr(common_words, "MOST_NUMBERS_KEPT", 3)
    entry = tables.add_entry(search_index, (WEB_UI, "one"), "")
    for position, text in enumerate(("amber brook cliff", "amber brook", "amber")):
        add(search_index, entry, position, text)
    words, asked = common_words.CommonWords(), noting_matches(monkeypatch, without_numbers=["amber"])
    for word in ("amber", "brook", "cliff", "brook", "brook*", "amber", "cliff"):
        words.find(search_index, word, MessageFilter(), 1)
    assert asked == ["amber", "brook", "cliff", "brook*", "cliff"]


def add(connection: Connection, entry: tables.SearchEntry, position: int, text: str) -> None:
    content = IndexedText("user", text, None, 0, ())
    tables.add_messages(connection, [(entry, [tables.indexed_message(position, content)])])


# ---- after a change ---------------------------------------------------------------------------------------


def calls_of(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[tuple[Any, ...]]:
    """Return a list that gets the arguments of each call of a function from now on."""
    calls: list[tuple[Any, ...]] = []
    function = getattr(module, name)

    def noted(*given: Any) -> Any:
        calls.append(given)
        return function(*given)

    monkeypatch.setattr(module, name, noted)
    return calls


_RENAME = """
import sys
from hermes_sessions import SessionRepository
with SessionRepository.open(hermes_home=sys.argv[1]) as sessions:
    sessions.update(sys.argv[2], title="needle renamed", archived=True)
"""


@pytest.mark.slow
def test_a_search_sees_what_another_process_changed_and_asks_for_that_alone(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [sessions.save(sessions.new(title=f"needle {number}")).session_id for number in range(12)]
    assert len(sessions.search("needle", archived=False)) == len(ids)
    listed, compared = (
        calls_of(monkeypatch, roster, "listed_sessions"),
        calls_of(monkeypatch, tables, "all_entries"),
    )
    assert len(sessions.search("needle", archived=False)) == len(ids)
    assert listed == compared == []
    home = sessions.config.state_dir.parent
    subprocess.run([sys.executable, "-c", _RENAME, str(home), ids[3]], check=True)
    assert len(sessions.search("needle", archived=False)) == len(ids) - 1
    assert [len(session_ids) for _, _, session_ids in listed] == [1]
    assert compared == []
    assert found(sessions, "renamed") == ["needle renamed"]


def test_a_conversation_of_an_agent_that_changed_is_listed_anew(tmp_path: Path) -> None:
    state = new_state(tmp_path / "state.db")
    with writing(state) as db:
        keep_full_text(db)
        add_session(db, "a", "needle")
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        sessions.save(sessions.new(title="needle too"))
        for _ in range(2):
            assert len(sessions.search("needle", tag="done")) == 0
            assert len(sessions.search("needle", tag="-done")) == 2
            sessions.tag("a", "done")
            assert [hit.session_id for hit in sessions.search("needle", tag="done")] == ["a"]
            assert found(sessions, "needle tag:done") != found(sessions, "needle -tag:done")
            sessions.untag("a", "done")


def test_another_title_leaves_the_common_words_as_they_are(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_NUMBERS", 0)
    session = sessions.save(sessions.new(title="first"))
    sessions.append(session.session_id, [message("needle")])
    sessions.complete_search()
    assert found(sessions, "needle") == ["first"]
    searched = calls_of(monkeypatch, tables, "find_matches")
    sessions.update(session.session_id, title="second")
    assert found(sessions, "needle") == ["second"]
    assert '"needle"' not in [expression for _, expression, *_ in searched]


def test_threads_that_want_the_same_do_it_one_at_a_time() -> None:
    work = OneAtATime()
    done: list[str] = []

    def find(key: str) -> None:
        with work.holding(key):
            if key not in done:
                time.sleep(0.005)  # long enough for the others to come
                done.append(key)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(find, ["amber", "brook"] * 4))
    assert sorted(done) == ["amber", "brook"]
