"""Matches of common words after changes: as if they were found anew, at the price of what changed."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from hermes_sessions import SessionRepository, StorageError
from hermes_sessions.index import database
from hermes_sessions.search import changed_entries, common_words, sync, tables
from hermes_sessions.search.changed_entries import Change, ChangedEntries
from hermes_sessions.search.common_words import CommonWords
from hermes_sessions.search.indexed_text import IndexedText
from hermes_sessions.search.tables import WEB_UI, Matches, MessageFilter, SearchEntry

from ..support.efforts import examples
from ..support.make import message, write_document


def keep_all(monkeypatch: pytest.MonkeyPatch, most_numbers: int = tables.MOST_NUMBERS) -> None:
    """Let each word be common enough to be kept and brought up to date."""
    monkeypatch.setattr(common_words, "LEAST_KEPT", 0)
    monkeypatch.setattr(common_words, "MESSAGES_PER_SESSION", 1)
    monkeypatch.setattr(tables, "MOST_NUMBERS", most_numbers)


def check_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare all matches from now on with those that are found anew on the same connection."""
    find, find_matches = CommonWords.find, tables.find_matches

    def checked(
        words: CommonWords,
        connection: Connection,
        expression: str | None,
        wanted: MessageFilter,
        expected: int,
    ) -> Matches:
        matches = find(words, connection, expression, wanted, expected)
        anew = find_matches(connection, expression, wanted, expected)
        assert matches.counts == anew.counts
        if matches.numbers is not None:
            assert [*matches.numbers] == [*(anew.numbers or ())]
        return matches

    monkeypatch.setattr(CommonWords, "find", checked)


class Asked:
    """What the search index was asked for: all messages with which words, and those of how many sessions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.anew: list[str | None] = []
        self.again: list[tuple[str | None, int]] = []
        find_matches, numbers_in = tables.find_matches, tables.numbers_in

        def found(connection: Connection, expression: str | None, *given: Any) -> Matches:
            self.anew.append(expression)
            return find_matches(connection, expression, *given)

        def found_in(connection: Connection, expression: str | None, wanted: Any, entries: Any) -> list[int]:
            self.again.append((expression, len(entries)))
            return numbers_in(connection, expression, wanted, entries)

        monkeypatch.setattr(tables, "find_matches", found)
        monkeypatch.setattr(tables, "numbers_in", found_in)

    def take(self) -> tuple[list[str | None], list[tuple[str | None, int]]]:
        """Return what was asked since the last time."""
        taken = (self.anew[:], self.again[:])
        self.anew.clear()
        self.again.clear()
        return taken


# ---- any series of changes --------------------------------------------------------------------------------

IDS = ("a", "b", "c")
TEXTS = ("amber", "amber brook", "brook ambers", "cliff")
QUESTIONS = ("amber", "amb", "amber brook", "brook role:user", "-cliff amber")
CHANGES = ("append", "append", "change", "shorten", "delete", "clear", "foreign write", "foreign delete")

steps = st.tuples(
    st.sampled_from((0, 0, 1)),  # by which repository
    st.sampled_from(CHANGES),
    st.sampled_from(IDS),
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3),
    st.sampled_from(((0,), (0,), (1,), (0, 1))),  # which of them search afterwards
)


@given(st.lists(steps, max_size=12), st.sampled_from([0, 2, tables.MOST_NUMBERS]))
@examples(0.5)
def test_matches_are_those_that_are_found_anew(series: list[tuple[Any, ...]], most_numbers: int) -> None:
    with TemporaryDirectory() as home, pytest.MonkeyPatch.context() as monkeypatch, ExitStack() as stack:
        keep_all(monkeypatch, most_numbers)
        check_matches(monkeypatch)
        repositories = [stack.enter_context(SessionRepository.open(hermes_home=home)) for _ in range(2)]
        for by, change, session_id, texts, searching in series:
            make_change(repositories[by], change, session_id, texts)
            for at in searching:
                for question in QUESTIONS:
                    repositories[at].search(question)


def make_change(sessions: SessionRepository, change: str, session_id: str, texts: list[str]) -> None:
    messages = [message(text) for text in texts]
    exists = (sessions.config.sessions_dir / f"{session_id}.json").exists()
    if change == "clear":
        sessions._home.searcher._indexes.clear()
    elif change == "foreign write" or (not exists and change == "append"):
        write_document(sessions, session_id, title="One", messages=messages)
    elif exists:
        change_existing(sessions, change, session_id, messages)


def change_existing(
    sessions: SessionRepository, change: str, session_id: str, messages: list[dict[str, Any]]
) -> None:
    if change == "append":
        sessions.append(session_id, messages)
    elif change == "change":
        session = sessions.get(session_id)
        session.messages[len(session.messages) // 2 :] = messages
        sessions.save(session)
    elif change == "shorten":
        sessions.truncate(session_id, len(messages) - 1)
    elif change == "delete":
        sessions.delete(session_id)
    else:
        (sessions.config.sessions_dir / f"{session_id}.json").unlink()


# ---- what a change costs ----------------------------------------------------------------------------------


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionRepository]:
    """A home with three sessions that have a word, each of whose matches is compared."""
    keep_all(monkeypatch, 0)
    check_matches(monkeypatch)
    with SessionRepository.open(hermes_home=tmp_path / "home") as opened:
        for session_id in IDS:
            write_document(opened, session_id, title=session_id, messages=[message("amber")])
        opened.complete_search()
        yield opened


def found(sessions: SessionRepository, text: str = '"amber"') -> dict[str, int]:
    """Return the sessions that have a word, and how many messages of each."""
    sessions.complete_search()
    hits = sessions.search(text, scope="content", passages=9)
    return {hit.session_id: len(hit.passages) for hit in hits}


@pytest.mark.parametrize("text", ['"amber"', "amb"])
def test_after_an_append_one_session_is_asked_and_nothing_counted(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert found(sessions, text) == {"a": 1, "b": 1, "c": 1}
    asked = Asked(monkeypatch)
    found(sessions, text)
    _, without_change = asked.take()
    for number in range(2, 5):
        sessions.append("b", [message("amber")])
        assert found(sessions, text) == {"a": 1, "b": number, "c": 1}
        anew, again = asked.take()
        assert '"amber"' not in anew
        assert not [each for each in anew if "*" in str(each)]
        assert [entries for each, entries in again if (each, entries) not in without_change] in ([1], [1, 1])


def test_a_session_that_comes_or_goes_is_asked_alone(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(sessions)
    asked = Asked(monkeypatch)
    session = sessions.new(title="new")
    sessions.append(session.session_id, [message("amber"), message("amber")])
    assert found(sessions) == {"a": 1, "b": 1, "c": 1, session.session_id: 2}
    sessions.delete("a")
    assert found(sessions) == {"b": 1, "c": 1, session.session_id: 2}
    changed = sessions.get("b")
    changed.messages[:] = [message("brook"), message("amber"), message("amber")]
    sessions.save(changed)
    assert found(sessions) == {"b": 2, "c": 1, session.session_id: 2}
    assert asked.take()[0] == []


def test_all_is_found_anew_when_the_index_was_cleared_or_much_changed(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(sessions)
    asked = Asked(monkeypatch)
    sessions._home.searcher._indexes.clear()
    assert found(sessions) == {"a": 1, "b": 1, "c": 1}
    assert len(asked.take()[0]) == 1
    monkeypatch.setattr(common_words, "MESSAGES_PER_SESSION", 3)
    sessions.append("a", [message("amber")])
    assert found(sessions)["a"] == 2
    assert asked.take()[0] == []
    for session_id in IDS:
        sessions.append(session_id, [message("amber")])
    assert found(sessions) == {"a": 3, "b": 2, "c": 2}
    assert len(asked.take()[0]) == 1


def test_a_new_file_of_the_index_has_nothing_kept(sessions: SessionRepository) -> None:
    found(sessions)
    for path in sessions.config.state_dir.glob("search.db*"):
        path.unlink()
    write_document(sessions, "a", title="a", messages=[message("amber"), message("amber")])
    assert found(sessions) == {"a": 2, "b": 1, "c": 1}


# ---- other processes and threads, failures ----------------------------------------------------------------

_APPEND = """
import sys
from hermes_sessions import SessionRepository
with SessionRepository.open(hermes_home=sys.argv[1]) as sessions:
    sessions.append(sys.argv[2], [{"role": "user", "content": "amber"}])
    sessions.complete_search()
"""


@pytest.mark.slow
def test_two_processes_that_change_in_turns_miss_nothing(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = sessions.config.state_dir.parent
    found(sessions)
    asked = Asked(monkeypatch)
    for number in (2, 3):
        subprocess.run([sys.executable, "-c", _APPEND, str(home), "a"], check=True)
        assert found(sessions) == {"a": number, "b": number - 1, "c": 1}
        assert len(asked.take()[0]) == 1
        sessions.append("b", [message("amber")])
        assert found(sessions) == {"a": number, "b": number, "c": 1}
        assert asked.take()[0] == []
    sessions.append("c", [message("amber")])
    sessions.complete_search()
    subprocess.run([sys.executable, "-c", _APPEND, str(home), "b"], check=True)
    sessions.append("c", [message("amber")])
    assert found(sessions) == {"a": 3, "b": 4, "c": 3}
    assert len(asked.take()[0]) == 1


def fail(*_: object) -> None:
    raise StorageError("the disk is full")


def test_a_transaction_that_failed_leaves_nothing(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(sessions)
    index = sessions._home.searcher._indexes.current
    with index.reading() as connection:
        before, words = tables.count_changes(connection), common_words.common_words_of(connection)
    known = words._changed.between(0, before, 9)
    write_document(sessions, "a", title="a", messages=[message("amber too"), message("amber")])
    with monkeypatch.context() as patched:
        patched.setattr(tables, "set_signature", fail)  # after a message was removed
        with pytest.raises(StorageError):
            sessions.complete_search()
    with index.reading() as connection:
        assert tables.count_changes(connection) == before
    assert words._changed.between(before, before + 1, 9) is None
    assert words._changed.between(0, before, 9) == known
    # The number of the change that was taken back is that of one by another process.
    with SessionRepository.open(hermes_home=sessions.config.state_dir.parent) as other:
        write_document(other, "b", title="b", messages=[message("amber"), message("amber")])
        other.complete_search()
        assert found(sessions) == found(other) == {"a": 2, "b": 2, "c": 1}


@pytest.mark.slow
def test_matches_are_right_while_another_thread_adds_messages(sessions: SessionRepository) -> None:
    def add() -> None:
        for number in range(30):
            sessions.append(IDS[number % 3], [message("amber")])

    with ThreadPoolExecutor(3) as pool:
        adding = pool.submit(add)
        while not adding.done():
            for searching in [pool.submit(sessions.search, "amber") for _ in range(2)]:
                searching.result()
        adding.result()
    assert found(sessions) == dict.fromkeys(IDS, 9)  # of 11, as many as were asked for


# ---- the state that a connection sees ---------------------------------------------------------------------


class Index:
    """The file of a search index, changed and asked as `SearchIndex` does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with database.writing(engine) as connection:
            tables.create_tables(connection)
            self.entries = [tables.add_entry(connection, (WEB_UI, each), "") for each in IDS]

    def add(self, entry: SearchEntry, *texts: str) -> None:
        messages = [
            tables.indexed_message(at, IndexedText("user", text, None, 0, ()))
            for at, text in enumerate(texts)
        ]
        with database.writing(self.engine) as connection:
            changes = changed_entries.note_changes(connection)
            tables.add_messages(connection, [(entry, messages)])
        common_words.common_words_of(connection).remember(changes)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    keep_all(monkeypatch)
    check_matches(monkeypatch)
    engine = database.make_engine(tmp_path / "search.db")
    yield Index(engine)
    engine.dispose()


def asking(connection: Connection) -> Matches:
    words = common_words.common_words_of(connection)
    return words.find(connection, '"amber"', MessageFilter(), 1)


def test_a_search_that_began_before_a_change_finds_what_was_there(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, third = index.entries
    index.add(one, "amber")
    index.add(third, "amber")
    asked = Asked(monkeypatch)
    with database.reading(index.engine) as earlier:
        assert tables.count_changes(earlier) == 2
        index.add(other, "amber", "amber")
        for _ in range(2):
            with database.reading(index.engine) as later:
                assert asking(later).counts == {one.number: 1, other.number: 2, third.number: 1}
            assert asking(earlier).counts == {one.number: 1, third.number: 1}
    assert asked.anew == ['"amber"']
    assert [entries for _, entries in asked.again] == [1, 1]


def test_numbers_are_replaced_in_order_and_left_out_if_they_become_too_many(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_NUMBERS", 4)
    one, other, third = index.entries
    for entry in (one, third):
        index.add(entry, "amber")
    numbered = []
    for texts in (["brook"], ["amber", "amber"], ["amber"]):
        with database.reading(index.engine) as connection:
            numbered.append(asking(connection).numbers)
        index.add(other, *texts)
    with database.reading(index.engine) as connection:
        assert asking(connection).numbers is None
    index.add(one, "amber")
    with database.reading(index.engine) as connection:
        assert asking(connection) == ({one.number: 2, other.number: 3, third.number: 1}, None)
    assert [len(each) for each in numbered if each is not None] == [2, 2, 4]


def test_one_transaction_may_remove_and_add_messages(index: Index) -> None:
    one = index.entries[0]
    index.add(one, "amber", "amber")
    with database.reading(index.engine) as connection:
        assert asking(connection).counts == {one.number: 2}
    with database.writing(index.engine) as connection:
        changes = changed_entries.note_changes(connection)
        tables.remove_messages_from(connection, one, 1)
        content = IndexedText("user", "amber amber", None, 0, ())
        tables.add_messages(connection, [(one, [tables.indexed_message(1, content)])])
    common_words.common_words_of(connection).remember(changes)
    assert [each.number for each in changes] == [2, 3]
    with database.reading(index.engine) as connection:
        assert asking(connection).counts == {one.number: 2}


# ---- which entries changed --------------------------------------------------------------------------------


def test_entries_that_differ_are_those_of_all_changes_between_two_states() -> None:
    changed = ChangedEntries()
    changed.add([Change(5, [1]), Change(6, [2, 3]), Change(7, [1])])
    assert changed.between(4, 7, 9) == [1, 3, 2]
    assert changed.between(7, 6, 9) == [1]
    assert changed.between(5, 6, 9) == [1, 3, 2]  # 1 changed later
    assert changed.between(4, 7, 2) is None
    assert changed.between(3, 7, 9) is None
    assert changed.between(7, 8, 9) is None


@pytest.mark.parametrize("between", [Change(8, None), Change(9, [1]), Change(3, [1])])
def test_changes_of_other_processes_and_of_all_end_what_is_known(between: Change) -> None:
    changed = ChangedEntries()
    changed.add([Change(6, [1]), Change(7, [1])])
    changed.add([between])
    changed.add([Change(between.number + 1, [2])])
    assert changed.between(between.number, between.number + 1, 9) == [2]
    assert changed.between(6, between.number + 1, 9) is None
    assert changed.reaches(between.number)
    assert not changed.reaches(between.number - 2)


def test_the_last_entries_that_changed_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_entries, "MOST_REMEMBERED", 2)
    changed = ChangedEntries()
    changed.add([Change(number, [number]) for number in range(4)])
    changed.add([Change(number, [3]) for number in range(4, 50)])
    assert changed.between(1, 49, 9) == [3, 2]
    assert changed.between(0, 49, 9) is None


def test_changes_are_noted_where_somebody_asked_for_them(index: Index) -> None:
    with database.writing(index.engine) as connection:
        tables.clear_messages(connection)
        noted = changed_entries.note_changes(connection)
        tables.clear_messages(connection)
    assert noted == [Change(2, None)]


def test_every_transaction_of_the_index_says_what_it_changed(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered: list[Change] = []
    remember = CommonWords.remember

    def noted(words: CommonWords, changes: list[Change]) -> None:
        remembered.extend(changes)
        remember(words, changes)

    monkeypatch.setattr(CommonWords, "remember", noted)
    monkeypatch.setattr(sync, "is_large", lambda _: True)  # in several transactions
    write_document(sessions, "a", title="a", messages=[message("brook"), message("amber")])
    sessions.complete_search()
    assert [len(each.entries or ()) for each in remembered] == [1, 1]
    assert found(sessions) == {"a": 1, "b": 1, "c": 1}
