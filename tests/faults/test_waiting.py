"""A program that holds the lock of an index: lists, searches and sessions answer from what is known."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest import mock

import pytest

from hermes_sessions import SessionRepository, StorageError
from hermes_sessions.index import database
from webapp import create_app

from ..support.agent_db import locked_elsewhere
from ..support.make import message, turns, write_document

READS: dict[str, Callable[[SessionRepository], object]] = {
    "list": lambda sessions: [each.session_id for each in sessions.list()],
    "count": lambda sessions: sessions.count(),
    "entries": lambda sessions: len(sessions.entries(list).items),
    "version": lambda sessions: sessions.version() != "",
    "usage": lambda sessions: sessions.usage() is not None,
    "summary": lambda sessions: sessions.summary("one").message_count,
    "get": lambda sessions: len(sessions.get("one").messages),
    "messages": lambda sessions: len(sessions.messages("one").messages),
}
ANSWERS = {"list": ["one"], "count": 1, "entries": 1, "summary": 3, "get": 3, "messages": 3}


@pytest.fixture
def waiting(sessions: SessionRepository) -> SessionRepository:
    """A repository whose index knows a session of two messages, which has three by now."""
    write_document(sessions, "one", title="One", messages=turns(2))
    sessions.complete_search()
    sessions.list()
    write_document(sessions, "one", title="One", messages=[*turns(2), message(content="quince")])
    return sessions


@contextmanager
def locked(sessions: SessionRepository, name: str) -> Iterator[None]:
    """Hold the lock of a database in another process for the block, in which nobody waits for it for long."""
    held = locked_elsewhere(sessions.config.state_dir / name)
    with held, mock.patch.object(database, "READERS_BUSY_MS", 50):
        yield


@pytest.mark.parametrize("name", READS)
def test_reads_answer_while_the_index_is_locked(waiting: SessionRepository, name: str) -> None:
    with locked(waiting, "sessions.db"):
        assert READS[name](waiting) == ANSWERS.get(name, True)


def test_a_list_says_that_it_is_not_current(waiting: SessionRepository) -> None:
    with locked(waiting, "sessions.db"):
        (warning,) = waiting.list().warnings
        assert "sessions.db is locked by another program" in warning
        hits = waiting.search("message")
        assert [hit.session_id for hit in hits] == ["one"]
        assert warning in hits.warnings
        answer = create_app(waiting).test_client().get("/api/sessions").get_json()
        assert warning in answer["warnings"]
        assert create_app(waiting).test_client().get("/").status_code == 200
    assert waiting.list().warnings == ()
    assert waiting.list()[0].message_count == 3


def test_a_search_answers_while_its_index_is_locked(waiting: SessionRepository) -> None:
    with locked(waiting, "search.db"):
        hits = waiting.search("message")
        assert [hit.session_id for hit in hits] == ["one"]
        assert hits.missing
    assert waiting.search("quince").missing == 0


def test_completing_the_search_index_outlasts_a_program_that_writes_it(
    waiting: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 50)  # of connections that are opened from now on
    waiting._home.searcher._indexes.close()
    with ThreadPoolExecutor() as pool:
        with locked(waiting, "search.db"):
            missing = pool.submit(waiting.complete_search)
            with pytest.raises(TimeoutError):
                missing.result(timeout=0.3)  # longer than a search would wait
        assert missing.result() == 0
    assert [hit.session_id for hit in waiting.search("quince")] == ["one"]


def test_a_home_opens_while_its_index_is_locked(waiting: SessionRepository) -> None:
    waiting.close()
    with (
        locked(waiting, "sessions.db"),
        SessionRepository.open(waiting.config.state_dir) as again,
    ):
        assert [each.session_id for each in again.list()] == ["one"]


@pytest.mark.slow
def test_a_list_waits_a_second_and_then_answers(waiting: SessionRepository) -> None:
    with locked_elsewhere(waiting.config.state_dir / "sessions.db"):
        assert [each.session_id for each in waiting.list()] == ["one"]


@pytest.mark.slow
def test_a_change_waits_and_then_says_that_the_index_is_locked(waiting: SessionRepository) -> None:
    with (
        locked_elsewhere(waiting.config.state_dir / "sessions.db"),
        pytest.raises(StorageError, match=r"sessions\.db is locked by another program"),
    ):
        waiting.update("one", title="Another")
    assert waiting.update("one", title="Another").title == "Another"
