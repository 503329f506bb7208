"""What becomes of changes while the server stops, loses a connection, or has no room: files stay right."""

import json
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository, StorageError
from hermes_sessions.index import database

from ..support.make import message, started
from ..support.postgresql import Server, owned_by_the_server
from ..support.threads import wait_until

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'home%'"
FILL = "INSERT INTO rest SELECT repeat('x', 1000) FROM generate_series(1, {rows})"


@pytest.fixture
def sessions(tmp_path: Path, url: str) -> Iterator[SessionRepository]:
    """A repository with an index in PostgreSQL."""
    with SessionRepository.open(hermes_home=tmp_path, database_url=url) as repository:
        yield repository


def test_a_server_that_is_killed(sessions: SessionRepository, server: Server) -> None:
    name = started(sessions, 2, title="Before")
    before = (sessions.config.sessions_dir / f"{name}.json").read_bytes()
    server.stop("immediate")
    try:
        for call in (
            lambda: sessions.update(name, title="After"),
            lambda: sessions.append(name, [message("more")]),
            lambda: sessions.delete(name),
            sessions.list,
            lambda: sessions.projects.create("One"),
        ):
            with pytest.raises(StorageError, match="the database failed: it cannot be reached"):
                call()
        assert (sessions.config.sessions_dir / f"{name}.json").read_bytes() == before
    finally:
        server.start()
    assert sessions.update(name, title="After").title == "After"
    assert [each.title for each in sessions.list()] == ["After"]
    assert not sessions.check(deep=True)


def files_of_sessions(home: Path, number: int) -> None:
    """Write the files of so many sessions, as the web UI would."""
    folder = home / "webui/sessions"
    folder.mkdir(parents=True)
    for each in range(number):
        document = {"title": f"Title {each}", "messages": [message(f"text {each}")]}
        (folder / f"s{each:04}.json").write_text(json.dumps(document))


def check_index(sessions: SessionRepository) -> None:
    """Check that an index has just the sessions that have files."""
    files = {path.stem for path in sessions.config.sessions_dir.glob("*.json")}
    assert {each.session_id for each in sessions.list(hidden=True)} == files
    assert not sessions.check(deep=True)


@pytest.mark.parametrize("at", [1, 600, 1199])
def test_a_server_that_is_killed_during_an_import(tmp_path: Path, server: Server, url: str, at: int) -> None:
    files_of_sessions(tmp_path, 1200)

    def kill(done: int, _: int) -> None:
        if done >= at and not killed:
            killed.append(done)
            server.stop("immediate")

    killed: list[int] = []
    try:
        with pytest.raises(StorageError, match="the database failed"):
            SessionRepository.open(hermes_home=tmp_path, database_url=url, progress=kill)
    finally:
        server.start()
    with SessionRepository.open(hermes_home=tmp_path, database_url=url) as sessions:
        assert sessions.count() == 1200
        check_index(sessions)


class Writer:
    """Appends to some sessions and begins others until it is stopped, whatever becomes of the server."""

    def __init__(self, sessions: SessionRepository, name: str) -> None:
        self._sessions, self.name = sessions, name
        self.stopping = threading.Event()
        self.stored: list[str] = []
        self.failed: list[str] = []

    def run(self) -> None:
        """Write, and note what was stored and what was not."""
        while not self.stopping.is_set():
            text = f"{self.name} {len(self.stored) + len(self.failed)}"
            try:
                self._sessions.append(self.name, [message(text)])
                self.stored.append(text)
            except StorageError:
                self.failed.append(text)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["kill", "cut"])
def test_a_server_that_fails_during_writes(sessions: SessionRepository, server: Server, end: str) -> None:
    writers = [Writer(sessions, started(sessions, 1)) for _ in range(4)]
    with ThreadPoolExecutor() as threads:
        done = [threads.submit(each.run) for each in writers]
        try:
            for round_ in range(1, 4):
                wait_until(lambda: all(len(each.stored) >= 5 * round_ for each in writers))  # noqa: B023
                if end == "kill":
                    server.stop("immediate")
                    wait_until(lambda: all(len(each.failed) >= round_ for each in writers))  # noqa: B023
                    server.start()
                else:
                    server.sql("postgres", CUT)
        finally:
            for each in writers:
                each.stopping.set()
        for future in done:
            future.result()
    check_index(sessions)
    for each in writers:
        counts = Counter(str(one["content"]) for one in sessions.get(each.name).messages)
        assert {text: counts[text] for text in each.stored} == dict.fromkeys(each.stored, 1)
        assert all(counts[text] <= 1 for text in each.failed)


def test_connections_that_are_cut(sessions: SessionRepository, server: Server, url: str) -> None:
    name = started(sessions, 2)
    server.sql("postgres", CUT)
    sessions.append(name, [message("more")])
    assert sessions.summary(name).message_count == 3
    with SessionRepository.open(sessions.config.state_dir, database_url=url) as other:
        assert [each.message_count for each in other.list()] == [3]


def test_a_connection_that_is_cut_while_it_waits(
    sessions: SessionRepository, server: Server, url: str
) -> None:
    name = started(sessions, 2, title="Before")
    waiting = "FROM pg_stat_activity WHERE wait_event = 'advisory'"
    other = database.make_engine(url)
    with ThreadPoolExecutor() as threads, database.writing(other):
        change = threads.submit(sessions.update, name, title="After")
        while server.sql("postgres", f"SELECT count(*) {waiting}") == "0":
            assert not change.done()
        server.sql("postgres", f"SELECT pg_terminate_backend(pid) {waiting}")
        with pytest.raises(StorageError, match="the database failed"):
            change.result()
    other.dispose()
    assert sessions.update(name, title="After").title == "After"


@pytest.fixture
def small_disk(server: Server, tmp_path: Path) -> Iterator[str]:
    """The URL of a database on a disk of 24 MB."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a file system takes root")
    folder = server.folder / "disk"
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], check=True)
    owned_by_the_server(folder)
    try:
        server.sql("postgres", f"CREATE TABLESPACE small LOCATION '{folder}'")
        server.sql("postgres", "CREATE DATABASE small TABLESPACE small")
        yield server.url("small")
        server.sql("postgres", "DROP DATABASE small WITH (FORCE)")
        server.sql("postgres", "DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(server: Server) -> None:
    """Leave no room for another row."""
    server.sql("small", "CREATE TABLE rest (t text)")
    for rows in (1000, 100, 8):
        while _is_possible(server, FILL.format(rows=rows)):
            pass


def _is_possible(server: Server, statement: str) -> bool:
    try:
        server.sql("small", statement)
    except subprocess.CalledProcessError:
        return False
    return True


def change_many_times(sessions: SessionRepository, name: str) -> None:
    """Change a session until it has no room any more."""
    for number in range(1000):
        sessions.update(name, title=f"After {number}", personality="x" * 9000)


def test_an_import_into_a_database_without_room(tmp_path: Path, server: Server, small_disk: str) -> None:
    files_of_sessions(tmp_path, 300)
    fill(server)
    with pytest.raises(StorageError, match="the database failed: its disk is full"):
        SessionRepository.open(hermes_home=tmp_path, database_url=small_disk)
    server.sql("small", "DROP TABLE rest")
    with SessionRepository.open(hermes_home=tmp_path, database_url=small_disk) as sessions:
        assert sessions.count() == 300
        check_index(sessions)


def test_a_database_without_room(tmp_path: Path, server: Server, small_disk: str) -> None:
    with SessionRepository.open(hermes_home=tmp_path, database_url=small_disk) as sessions:
        name = started(sessions, 2, title="Before")
        fill(server)
        with pytest.raises(StorageError, match="the database failed: its disk is full"):
            change_many_times(sessions, name)
        server.sql("small", "DROP TABLE rest")
        stored = sessions.get(name)
        sessions.sync()
        assert [each.title for each in sessions.list()] == [stored.title]
        assert not sessions.check(deep=True)
