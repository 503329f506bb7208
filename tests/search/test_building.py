"""A server's search index, built by a child process: whole, also if the child fails, and stopped at once."""

import os
import queue
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.config import Config
from hermes_sessions.locks import file_lock
from hermes_sessions.processes import Child
from hermes_sessions.search import building, sync, transcripts
from hermes_sessions.search.plan import StaleSession
from hermes_sessions.search.worker import BackgroundIndexer

from ..support.make import message, write_document

pytestmark = pytest.mark.slow  # starting interpreters

SESSIONS = 80  # more than a search reads itself


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a search index, whose files are worth another process."""
    monkeypatch.setattr(sync, "SHARED_BYTES", 0)
    home = tmp_path / "home"
    with SessionRepository.open(hermes_home=home) as sessions:
        for number in range(SESSIONS):
            write_document(sessions, f"s{number:03}", title="Title", messages=[message(f"needle{number}")])
    for path in (home / "webui").glob("search.db*"):
        path.unlink()
    return home


def wait_for(sessions: SessionRepository) -> list[str]:
    """Return the hits for a word of the oldest session as soon as everything is indexed."""
    until = time.monotonic() + 120
    while (hits := sessions.search("needle0")).missing and time.monotonic() < until:
        time.sleep(0.02)
    return [hit.session_id for hit in hits]


def test_a_child_builds_the_index_of_a_home_that_is_open(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole: list[bool] = []
    build = building.build_in_child

    def noted(config: Config, meanwhile: Callable[[float], bool]) -> bool:
        whole.append(build(config, meanwhile))
        return whole[-1]

    monkeypatch.setattr(building, "build_in_child", noted)
    with SessionRepository.open(hermes_home=home, processes=2) as sessions:
        own = sessions.new(title="Own")
        sessions.append(own.session_id, [message("meanwhile")])
        assert wait_for(sessions) == ["s000"]
        assert [hit.session_id for hit in sessions.search("meanwhile")] == [own.session_id]
    assert whole == [True]


def test_a_child_that_is_killed_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []

    def kill(child: Child) -> bool:
        killed.append(child.number)
        os.kill(child.number, signal.SIGKILL)
        return True

    monkeypatch.setattr(Child, "is_ready", kill)
    with SessionRepository.open(hermes_home=home, processes=2) as sessions:
        assert wait_for(sessions) == ["s000"]
    assert killed


# ---- waiting ----------------------------------------------------------------------------------------------


def test_a_search_can_wait_for_the_index(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        assert sessions.search("needle0", wait=0.0).missing
        hits = sessions.search("needle0", wait=60)
        assert ([hit.session_id for hit in hits], hits.missing) == (["s000"], 0)


def test_a_search_that_waited_in_vain_says_what_was_not_searched(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BackgroundIndexer, "_complete", lambda _: None)  # another process holds the lock
    with SessionRepository.open(hermes_home=home) as sessions:
        assert sessions.search("needle0", wait=0.1).missing == SESSIONS
        asked = iter([True, True, True])
        hits = sessions.search("needle0", wait=60, is_wanted=lambda: next(asked, False))
        assert (list(hits), len(hits.warnings)) == ([], 1)


def test_a_search_does_not_wait_for_what_cannot_be_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = transcripts._prepared

    def without_the_first(folder: Path, stale: StaleSession) -> transcripts.PreparedSession | None:
        return None if stale.session_id == "s000" else prepared(folder, stale)

    monkeypatch.setattr(transcripts, "_prepared", without_the_first)
    with SessionRepository.open(hermes_home=home) as sessions:
        hits = sessions.search("needle79", wait=3600)
        assert ([hit.session_id for hit in hits], hits.missing) == (["s079"], 1)


def test_while_an_index_is_built_searches_do_not_compare_all_sessions_each_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    compare = sync.SearchIndex._compare

    def noted(self: sync.SearchIndex) -> list[StaleSession]:
        compared.append(1)
        return compare(self)

    monkeypatch.setattr(sync.SearchIndex, "_compare", noted)
    monkeypatch.setattr(sync, "COMPARED_SECONDS", 600.0)
    monkeypatch.setattr(BackgroundIndexer, "start", lambda _: None)
    with SessionRepository.open(hermes_home=home) as sessions:
        assert [sessions.search("needle0").missing for _ in range(3)] == [SESSIONS] * 3
        assert len(compared) == 1
        write_document(sessions, "new", title="New", messages=[message("a quince")])
        assert sessions.search("quince").missing == SESSIONS + 1
        assert len(compared) == 2
        sessions.complete_search()
        assert sessions.search("quince").missing == 0


def test_of_two_that_complete_an_index_one_waits_for_the_other(home: Path) -> None:
    told: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    with SessionRepository.open(hermes_home=home) as sessions, ThreadPoolExecutor() as pool:
        locks = sessions.config.search_locks_dir
        assert locks is not None
        with file_lock(locks / "search.lock"):  # of another process that builds the index
            completed = pool.submit(sessions.complete_search, progress=lambda *each: told.put(each))
            assert told.get(timeout=120) == (0, SESSIONS)
            assert not completed.done()
        assert completed.result() == 0
    assert [told.get() for _ in range(told.qsize())][-1] == (SESSIONS, SESSIONS)
