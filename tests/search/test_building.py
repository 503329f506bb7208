"""A server's search index, built by a child process: whole, also if the child fails, and stopped at once."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.config import Config
from hermes_sessions.processes import Child
from hermes_sessions.search import building, sync

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
