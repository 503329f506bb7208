"""Faults that the system makes: a read-only or full disk, a locked or damaged index, a killed process."""

import collections
import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import NotFound, SessionRepository, StorageError
from hermes_sessions.index import database
from hermes_sessions.sidecars import editing

from ..support.make import folder_of, message, snapshot, started, turns, write_document
from ..support.programs import need_strace

Change = Callable[[SessionRepository, str], object]

CHANGES: dict[str, Change] = {
    "update": lambda sessions, one: sessions.update(one, title="new"),
    "append": lambda sessions, one: sessions.append(one, turns(2)),
    "truncate": lambda sessions, one: sessions.truncate(one, 1),
    "clear": lambda sessions, one: sessions.clear(one),
    "undo": lambda sessions, one: sessions.undo(one),
    "save": lambda sessions, one: sessions.save(replace(sessions.get(one), title="new")),
    "save shorter": lambda sessions, one: sessions.save(replace(sessions.get(one), messages=[])),
    "fork": lambda sessions, one: sessions.fork(one),
    "duplicate": lambda sessions, one: sessions.duplicate(one),
    "import": lambda sessions, _: sessions.import_document({"messages": turns(2)}),
    "delete": lambda sessions, one: sessions.delete(one),
}


def check_nothing_changed(sessions: SessionRepository, change: Change, fault: str) -> None:
    """Make a change that must fail by the system's fault, and see that it left everything as it was."""
    one = sessions.list().items[0].session_id
    files, listed, whole = snapshot(sessions), sessions.list(hidden=True), sessions.get(one)
    with pytest.raises(StorageError) as refused:
        change(sessions, one)
    assert fault in str(refused.value)
    assert str(sessions.config.state_dir) not in str(refused.value)
    assert refused.value.__cause__ is not None
    assert snapshot(sessions) == files
    assert sessions.list(hidden=True) == listed
    assert sessions.get(one) == whole


@pytest.fixture
def on_disk(disk: Path, tmp_path: Path) -> Iterator[SessionRepository]:
    """A repository whose sessions folder is on that file system, its index elsewhere."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "sessions").symlink_to(disk)
    with SessionRepository.open(state) as sessions:
        yield sessions


def fill(folder: Path) -> Path:
    """Fill a file system to its last byte, and return the file that did it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        file.writelines(itertools.repeat(b"x" * 4096))
    return filler


@pytest.mark.fault
@pytest.mark.parametrize("name", sorted(CHANGES.keys() - {"delete"}))
def test_a_full_disk_changes_nothing(on_disk: SessionRepository, name: str) -> None:
    one = started(on_disk, 3)
    on_disk.append(one, [message("x" * 100_000)])
    filler = fill(folder_of(on_disk))
    check_nothing_changed(on_disk, CHANGES[name], "No space left on device")
    filler.unlink()
    CHANGES[name](on_disk, one)


@pytest.mark.fault
def test_deleting_to_a_full_disk_changes_nothing(disk: Path, tmp_path: Path) -> None:
    with SessionRepository.open(tmp_path / "state") as sessions:
        one = started(sessions, 3)
        sessions.config.trash_dir.rmdir()
        sessions.config.trash_dir.symlink_to(disk)
        filler = fill(disk)
        check_nothing_changed(sessions, CHANGES["delete"], "No space left on device")
        filler.unlink()
        sessions.delete(one)
        assert len(list(disk.iterdir())) == 1


@pytest.mark.fault
@pytest.mark.parametrize("name", CHANGES)
def test_a_read_only_folder_changes_nothing(on_disk: SessionRepository, disk: Path, name: str) -> None:
    one = started(on_disk, 3)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    check_nothing_changed(on_disk, CHANGES[name], "Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    CHANGES[name](on_disk, one)


@pytest.mark.fault
def test_a_full_disk_under_the_index_changes_nothing(disk: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{disk}/sessions.db"
    with SessionRepository.open(tmp_path / "state", database_url=url) as sessions:
        one = started(sessions, 3)
        filler = fill(disk)
        updates = (sessions.update(one, title=f"{step}") for step in range(200))
        with pytest.raises(StorageError):
            collections.deque(updates, maxlen=0)
        filler.unlink()
        title = sessions.get(one).title
        assert sessions.summary(one).title == title
        assert sessions.update(one, title="again").title == "again"


@pytest.fixture
def locked(sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionRepository]:
    """A repository with one session, whose index another program has locked for writing."""
    monkeypatch.setattr(database, "BUSY_MS", 50)
    with SessionRepository.open(sessions.config.state_dir) as impatient:
        started(impatient, 3)
        impatient.sync()
        other = sqlite3.connect(sessions.config.state_dir / "sessions.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(database, "READERS_BUSY_MS", 50)  # of every list: it would wait in vain
        yield impatient
        other.close()


@pytest.mark.parametrize("name", CHANGES)
def test_a_locked_index_changes_nothing(locked: SessionRepository, name: str) -> None:
    check_nothing_changed(locked, CHANGES[name], "locked")


def test_a_locked_index_refuses_a_draft(locked: SessionRepository) -> None:
    with pytest.raises(StorageError, match="locked"):
        locked.new()


def test_a_damaged_index_is_set_aside(sessions: SessionRepository) -> None:
    started(sessions, 3)
    before = sessions.list()
    state = sessions.config.state_dir
    sessions.close()
    for path in state.glob("sessions.db*"):
        path.unlink()
    (state / "sessions.db").write_bytes(b"not a database at all" * 1000)
    with SessionRepository.open(state) as again:
        assert again.list() == before
    assert len(list(state.glob("sessions.db.*.damaged"))) == 1


SHORTEN = """
import sys
from hermes_sessions import SessionRepository
with SessionRepository.open(sys.argv[1]) as sessions:
    sessions.truncate("one", 1)
"""


CLOSE_A_TURN = """
import sys
from hermes_sessions import SessionRepository
with SessionRepository.open(sys.argv[1]) as sessions:
    sessions.recover("one")
"""


def run_without_links(script: str, sessions: SessionRepository) -> None:
    """Run a script over the home on a disk that has no hard links."""
    need_strace()
    inject = [
        "strace",
        "-f",
        "-o",
        os.devnull,
        "-e",
        "trace=link,linkat",
        "-e",
        "inject=link,linkat:error=EPERM",
    ]
    subprocess.run([*inject, sys.executable, "-c", script, str(sessions.config.state_dir)], check=True)


@pytest.mark.fault
def test_a_disk_without_links_keeps_a_copy_of_what_can_be_undone(sessions: SessionRepository) -> None:
    waiting = {"active_stream_id": "gone", "pending_user_message": "Hello?", "pending_started_at": 1e9}
    path = write_document(sessions, "one", title="One", messages=turns(3), **waiting)
    before, written_at = path.read_bytes(), path.stat().st_mtime_ns
    run_without_links(CLOSE_A_TURN, sessions)
    assert path.read_bytes() != before
    sessions.undo_change("one", sessions.change_to_undo("one") or "")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, written_at)


@pytest.mark.fault
def test_a_disk_without_links_gets_its_backup_as_a_copy(sessions: SessionRepository) -> None:
    before = write_document(sessions, "one", title="One", messages=turns(3)).read_bytes()
    run_without_links(SHORTEN, sessions)
    (backup,) = sessions.config.backups_dir.glob("*.json")
    assert backup.read_bytes() == before
    assert sessions.summary("one").message_count == 1


def test_a_session_that_another_program_deletes_during_a_change_stays_deleted(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_document(sessions, "one", title="One", messages=turns(3))

    def splice_then_lose(*arguments: Any, splice: Callable[..., None] = editing._splice) -> None:
        splice(*arguments)
        path.unlink()

    monkeypatch.setattr(editing, "_splice", splice_then_lose)
    with pytest.raises(NotFound):
        sessions.update("one", title="new")
    assert snapshot(sessions) == {}


# A write, sync or rename is where a kill can leave something half done.
KILLED_AT = ("write", "pwrite64", "fsync", "fdatasync", "rename")
CHANGE = """
import sys
from dataclasses import replace
from hermes_sessions import SessionRepository
with SessionRepository.open(sys.argv[1]) as sessions:
    print("open", flush=True)
    session = sessions.get("one")
    sessions.append("one", [{"role": "user", "content": "appended"}])
    print("done", flush=True)
"""


@pytest.mark.fault
@pytest.mark.parametrize("call", KILLED_AT)
def test_a_kill_at_any_write_leaves_the_old_session_or_the_new_one(
    sessions: SessionRepository, call: str
) -> None:
    need_strace()
    write_document(sessions, "one", title="One", messages=turns(2))
    write_document(sessions, "other", title="Other", messages=turns(1))
    sessions.sync()
    untouched = snapshot(sessions)["other.json"]
    for step in range(1, 200):
        before = sessions.get("one").messages
        killed = run_killed(sessions, call, step)
        after = sessions.get("one").messages
        assert after in (before, [*before, {"role": "user", "content": "appended"}])
        assert snapshot(sessions)["other.json"] == untouched
        sessions.sync()
        listed = {summary.session_id: summary.message_count for summary in sessions.list(hidden=True).items}
        assert listed == {"one": len(after), "other": 1}
        if not killed:
            return
    pytest.fail("the program was killed at every one of 200 steps")


def run_killed(sessions: SessionRepository, call: str, step: int) -> bool:
    """Append in a process that is killed at its `step`th system call of this name; return whether it was."""
    inject = [
        "strace",
        "-f",
        "-o",
        os.devnull,
        "-e",
        f"trace={call}",
        "-e",
        f"inject={call}:signal=KILL:when={step}",
    ]
    program = [sys.executable, "-c", CHANGE, str(sessions.config.state_dir)]
    done = subprocess.run([*inject, *program], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return "done" not in done.stdout
