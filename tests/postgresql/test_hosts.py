"""Several processes and hosts over one home and one database: nobody fails, and nothing is lost."""

import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest

from hermes_sessions import Conflict, SessionRepository
from hermes_sessions.errors import Locked
from hermes_sessions.exports import tree
from hermes_sessions.index import folder_watch
from hermes_sessions.settings import change_settings
from hermes_sessions.sidecars import folder as folders
from webapp.security.throttle import LoginThrottle

from ..conftest import copy_sample
from ..support.make import message, started, write_document
from ..support.processes import at_once

T = TypeVar("T")

# How long writers write: 60 in a run by hand, as HERMES_TEST_SECONDS says.
SECONDS = float(os.environ.get("HERMES_TEST_SECONDS", "3"))


def open_and_count(home: Path, url: str) -> int:
    """Open a home in a process of its own, and return how many conversations it lists."""
    with SessionRepository.open(hermes_home=home, database_url=url) as sessions:
        return len(sessions.list(agent=True))


@pytest.mark.slow
def test_eight_processes_open_a_new_home_at_once(tmp_path: Path, url: str) -> None:
    home = copy_sample("may", tmp_path)
    for database in (home / "webui").glob("se*.db*"):
        database.unlink()
    found = at_once(open_and_count, [(home, url)] * 8)
    with SessionRepository.open(hermes_home=home, database_url=url) as sessions:
        assert found == [len(sessions.list(agent=True))] * 8


def test_a_session_that_an_old_listing_lacks_stays(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SessionRepository.open(hermes_home=tmp_path, database_url=url) as sessions:
        old, new, deleted = (started(sessions) for _ in range(3))
        (sessions.config.sessions_dir / f"{deleted}.json").unlink()
        # As a client of a network file system lists a folder by what it knows of it. No disk of ours does.
        real = folders.scan
        monkeypatch.setattr(folders, "scan", lambda folder: {old: real(folder)[old]})
        sessions.sync()
        assert {each.session_id for each in sessions.list()} == {old, new}


@pytest.fixture
def hosts(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SessionRepository]]:
    """Two hosts, each with a disk of its own, and one home, in which one of them has stored a session."""

    def not_on_a_network(_: Path) -> NoReturn:
        raise OSError

    monkeypatch.setattr(folder_watch, "FolderEvents", not_on_a_network)
    with ExitStack() as stack:
        both = []
        for name in ("one", "other"):
            monkeypatch.setenv("HERMES_SESSIONS_CACHE_DIR", str(tmp_path / name))
            opened = SessionRepository.open(hermes_home=tmp_path / "home", database_url=url)
            both.append(stack.enter_context(opened))
        started(both[0])
        for each in both:
            each.list()
        yield both


def test_a_host_does_not_trust_what_another_found(
    hosts: list[SessionRepository], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = hosts
    write_document(one, "new", messages=[message()])
    os.utime(one.config.sessions_dir, (1.7e9, 1.7e9))  # long before any scan
    real = folders.scan
    with monkeypatch.context() as patched:
        patched.setattr(folders, "scan", lambda folder: {k: v for k, v in real(folder).items() if k != "new"})
        assert "new" not in {each.session_id for each in one.list()}
    assert "new" in {each.session_id for each in other.list()}


def test_a_clock_that_is_ahead_hides_no_file(
    hosts: list[SessionRepository], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = hosts
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 5_000_000_000)
    write_document(one, "first", messages=[message()])
    tick = real() + 1_000_000_000  # in which both files come, whenever the list is asked for
    os.utime(one.config.sessions_dir, ns=(tick, tick))
    one.list()
    write_document(one, "second", messages=[message()])
    os.utime(one.config.sessions_dir, ns=(tick, tick))
    assert {each.session_id for each in one.list()} >= {"first", "second"}


class OldView:
    """A folder as a client of a network file system sees it: names and times up to some seconds old."""

    def __init__(self, call: Callable[[Path], T], seconds: float) -> None:
        self._call, self._seconds = call, seconds
        self._seen: dict[Path, tuple[float, Any]] = {}

    def __call__(self, folder: Path) -> Any:
        """Return what was seen of a folder, asked again only when that is too old."""
        at, found = self._seen.get(folder, (float("-inf"), None))
        if time.monotonic() - at > self._seconds:
            at, found = time.monotonic(), self._call(folder)
            self._seen[folder] = (at, found)
        return found


class LocksOfOneMachine:
    """Locks of files where the shared disk has none: they hold on a host's own disk alone."""

    def __init__(self, own: Path) -> None:
        self._real, self._own = fcntl.flock, str(own)

    def __call__(self, file: Any, operation: int) -> None:
        """Lock a file, or do nothing if it is on the shared disk."""
        if str(Path(f"/proc/self/fd/{file}").readlink()).startswith(self._own):
            self._real(file, operation)


def be_a_host(cache: Path, age: float, ahead: float) -> None:
    """Let this process be a host with a disk of its own for its `cache`.

    Its views of folders are `age` old and its clock is `ahead`, in seconds.
    """
    from hermes_sessions import files  # noqa: PLC0415  # in the process that is to be a host

    os.environ["HERMES_SESSIONS_CACHE_DIR"] = str(cache)
    real = time.time_ns
    fcntl.flock = LocksOfOneMachine(cache)
    folders.scan, files.folder_time = OldView(folders.scan, age), OldView(files.folder_time, age)
    time.time_ns = lambda: real() + int(ahead * 1e9)


def write_for_a_while(home: Path, url: str, name: int, seconds: float) -> list[str]:
    """Append to sessions that all writers share, begin some, and list; return the texts that were written."""
    be_a_host(home / f"disk of host {name % 2}", age=10.0 * (name % 2), ahead=5.0 * (name % 2))
    until, written = time.monotonic() + seconds, list[str]()
    with SessionRepository.open(hermes_home=home, database_url=url) as sessions:
        shared = [each.session_id for each in sessions.list()]
        while time.monotonic() < until:
            number = len(written)
            target = shared[number % len(shared)] if number % 5 else started(sessions, 1)
            written.append(f"writer {name} number {number}")
            append_in_time(sessions, target, written[-1])
            sessions.list(limit=10)
    return written


def append_in_time(sessions: SessionRepository, target: str, text: str) -> None:
    """Append a message, as often as it takes until nobody else is faster."""
    for _ in range(100):
        try:
            sessions.append(target, [message(text)])
        except (Conflict, Locked):
            continue
        return
    raise AssertionError("another program was always faster")


@pytest.mark.slow
def test_eight_writers_on_two_hosts_lose_nothing(tmp_path: Path, url: str) -> None:
    with SessionRepository.open(hermes_home=tmp_path, database_url=url) as sessions:
        for number in range(4):
            write_document(sessions, f"shared{number}", messages=[message("first")])
        sessions.sync()
        calls = [(tmp_path, url, name, SECONDS) for name in range(8)]
        written = [text for texts in at_once(write_for_a_while, calls) for text in texts]
        stored = Counter(_texts(sessions.config.sessions_dir))
        assert {text: stored[text] for text in written} == dict.fromkeys(written, 1)
        files = {path.stem for path in sessions.config.sessions_dir.glob("*.json")}
        assert {each.session_id for each in sessions.list(hidden=True)} == files
        assert not sessions.check(deep=True)


def change_settings_often(home: Path, url: str, name: int) -> None:
    """Set keys of the web UI's settings that no other host sets, and count a wrong password for each."""
    be_a_host(home / f"disk of host {name}", age=0.0, ahead=0.0)
    with SessionRepository.open(hermes_home=home, database_url=url) as sessions:
        throttle = LoginThrottle(sessions.own_folder, sessions.locks)
        for number in range(TIMES):
            change_settings(sessions.config, sessions.locks, {f"host {name} number {number}": True})
            throttle.attempt(f"host {name} number {number}")


TIMES = 40


@pytest.mark.slow
def test_two_hosts_that_change_settings_at_once_lose_nothing(tmp_path: Path, url: str) -> None:
    at_once(change_settings_often, [(tmp_path, url, name) for name in range(2)])
    expected = {f"host {name} number {number}" for name in range(2) for number in range(TIMES)}
    for file in ("settings.json", "web.tries"):
        assert json.loads((tmp_path / "webui" / file).read_bytes()).keys() == expected, file


def test_one_host_at_a_time_exports_into_a_folder(
    hosts: list[SessionRepository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = hosts
    folder = tmp_path / "exported"
    folder.mkdir()
    monkeypatch.setattr(tree, "LOCK_SECONDS", 0.1)
    with (
        one.locks.held(f"export {folder.stat().st_ino}"),
        pytest.raises(Locked, match=r"another program has held the lock export \d+ for"),
    ):
        other.export_all(folder)
    assert len(other.export_all(folder).written) == 1


def _texts(folder: Path) -> list[str]:
    documents = (json.loads(path.read_text()) for path in folder.glob("*.json"))
    return [each["content"] for document in documents for each in document["messages"]]
