"""What a search keeps between two searches: numbers of conversations, what lists show, common words."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from hermes_sessions import SessionRepository
from hermes_sessions.index import database
from hermes_sessions.search import common_words, tables
from hermes_sessions.search.indexed_text import IndexedText
from hermes_sessions.search.numbers import Numbers
from hermes_sessions.search.tables import WEB_UI, MessageFilter

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


def test_few_counts_are_kept_and_none_of_an_earlier_state(
    search_index: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_NUMBERS", 0)
    monkeypatch.setattr(common_words, "MOST_KEPT", 2)
    entry = tables.add_entry(search_index, (WEB_UI, "one"), "")
    add(search_index, entry, 0, "amber brook cliff")
    words = common_words.CommonWords()
    asked: list[str | None] = []
    find_matches = tables.find_matches

    def noted(
        connection: Connection, expression: str | None, wanted: MessageFilter, expected: int
    ) -> tables.Matches:
        asked.append(expression)
        return find_matches(connection, expression, wanted, expected)

    monkeypatch.setattr(tables, "find_matches", noted)
    for word in ("amber", "brook", "amber", "cliff", "amber", "brook"):
        assert words.find(search_index, word, MessageFilter(), 1) == ({entry.number: 1}, None)
    assert asked == ["amber", "brook", "cliff", "brook"]
    add(search_index, entry, 1, "amber")
    assert words.find(search_index, "amber", MessageFilter(), 1) == ({entry.number: 2}, None)
    assert words.find(search_index, "amber", MessageFilter(role="user"), 1).counts == {entry.number: 2}
    assert words.find(search_index, "amber", MessageFilter(role="tool"), 1).counts == {}


def add(connection: Connection, entry: tables.SearchEntry, position: int, text: str) -> None:
    content = IndexedText("user", text, None, 0, ())
    tables.add_messages(connection, [(entry, [tables.indexed_message(position, content)])])
