"""Undos that are killed or overtaken by another program, and notes that say what they should not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import Conflict, NotFound, SessionRepository
from hermes_sessions.changes import undoing
from hermes_sessions.changes.store import Store

from ..support.make import write_document
from ..support.programs import need_strace
from ..support.web_ui import OpenSession
from .test_undoing import (
    CASES,
    Case,
    a_turn,
    change_to_undo,
    everything,
    only_a_backup,
    path_of,
    removed_messages,
    shortened_here,
)

UNDO = """
import sys
from hermes_sessions import SessionRepository
with SessionRepository.open(sys.argv[1]) as sessions:
    sessions.undo_change("s1", sys.argv[2])
print("done")
"""
CALLS = ("rename", "renameat2", "unlink", "fsync")  # between which what is on the disk differs


def is_killed(sessions: SessionRepository, call: str, step: int) -> bool:
    """Undo in a process that is killed at its `step`th system call of this name; return whether it was."""
    inject = f"inject={call}:signal=KILL:when={step}"
    tracing = ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
    undo = [sys.executable, "-c", UNDO, str(sessions.config.state_dir), change_to_undo(sessions)]
    done = subprocess.run([*tracing, *undo], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return "done" not in done.stdout


def settle(sessions: SessionRepository) -> None:
    """Remove what a killed write left, as the next opening does, and an opening an hour later."""
    SessionRepository.open(sessions.config.state_dir).close()
    for path in sessions.config.state_dir.rglob("*.tmp.*"):
        path.unlink()


@pytest.mark.fault
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("prepare", [shortened_here, only_a_backup, removed_messages])
def test_an_undo_that_is_killed_anywhere_can_be_done_again(
    sessions: SessionRepository, prepare: Case, call: str
) -> None:
    need_strace()
    change = prepare(sessions)
    sessions.sync()
    before = everything(sessions)
    for step in range(1, 60):
        change()
        killed = is_killed(sessions, call, step)
        settle(sessions)
        if (token := sessions.change_to_undo("s1")) is not None:
            sessions.undo_change("s1", token)
        assert everything(sessions) == before, f"killed at {call} {step}"
        if not killed:
            return
    pytest.fail("the program was killed at every step")


def then(call: Callable[..., Any], follows: Callable[[], object]) -> Callable[..., Any]:
    """Return a function that does the same, and then what another program does at that moment."""

    def both(*arguments: Any, **keywords: Any) -> Any:
        result = call(*arguments, **keywords)
        follows()
        return result

    return both


def test_what_another_program_writes_right_after_a_change_is_not_undone(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    recover = a_turn(sessions)
    monkeypatch.setattr(Store, "saved", then(Store.saved, lambda: write_document(sessions, "s1", title="T")))
    recover()
    theirs = path_of(sessions).read_bytes()
    with pytest.raises(Conflict, match="was changed since; nothing was undone"):
        sessions.undo_change("s1", change_to_undo(sessions))
    assert path_of(sessions).read_bytes() == theirs


def test_a_change_that_another_program_prevents_cannot_be_undone(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    recover = a_turn(sessions)
    write = then(Store.check_index, lambda: write_document(sessions, "s1", title="T"))
    monkeypatch.setattr(Store, "check_index", write)
    with pytest.raises(Conflict):
        recover()
    assert sessions.change_to_undo("s1") is None
    assert list(sessions.config.undo_dir.iterdir()) == []


@pytest.mark.parametrize("prepare", CASES)
def test_an_undo_that_another_program_overtakes_changes_nothing(
    sessions: SessionRepository, prepare: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(sessions)()
    token = change_to_undo(sessions)
    after: dict[str, Any] = {}

    def write() -> None:
        OpenSession(path_of(sessions)).save(title="Theirs")
        after.update(files_of(sessions))

    monkeypatch.setattr(undoing, "_is_kept", then(undoing._is_kept, write))
    with pytest.raises(Conflict, match="nothing was undone"):
        sessions.undo_change("s1", token)
    assert files_of(sessions) == after


def files_of(sessions: SessionRepository) -> dict[str, bytes]:
    """Return what the files of sessions, of backups, and of the trash hold."""
    config = sessions.config
    folders = (config.sessions_dir, config.backups_dir, config.trash_dir)
    return {str(path): path.read_bytes() for folder in folders for path in folder.glob("*")}


# ---- notes ----------------------------------------------------------------------------------------------

VERSION = [1, 2, 3]
HOSTILE: list[Any] = [
    {"files": [["sessions", "../settings.json", None, None, VERSION]]},
    {"files": [["sessions", "s2.json", None, None, VERSION]]},
    {"files": [["sessions", "s1.json\0", None, None, VERSION]]},
    {"files": [["sessions", "s1.json/../s2.json", None, None, VERSION]]},
    {"files": [["/etc", "s1.json", None, None, VERSION]]},
    {"files": [["..", "s1.json", None, None, VERSION]]},
    {"files": [["trash", "/etc/passwd", None, None, VERSION]]},
    {"files": [[["sessions"], "s1.json", None, None, VERSION]]},
    {"files": [["sessions", 7, None, None, VERSION]]},
    {"files": [["sessions", "s1.json", "../sessions/s2.json", VERSION, VERSION]]},
    {"files": [["sessions", "s1.json", None, VERSION, VERSION]]},
    {"files": [["sessions", "s1.json", "s1.1.0.kept", "abc", VERSION]]},
    {"files": [["sessions", "s1.json"]]},
    {"files": 7},
    {"at": float("inf")},
    {"own": [{"session_id": "s2"}]},
    {"own": {"x": 1}},
    {"own": 7},
]


@pytest.mark.parametrize("values", [*HOSTILE, "[]", "{", '{"key": "s1"}', "[" * 100_000], ids=str)
def test_a_note_of_anything_else_undoes_nothing(sessions: SessionRepository, values: Any) -> None:
    write_document(sessions, "s2", title="Other")
    recover = a_turn(sessions)
    recover()
    (note,) = sessions.config.undo_dir.glob("*.json")
    told = json.loads(note.read_bytes())
    note.write_text(values if isinstance(values, str) else json.dumps(told | values))
    before = files_of(sessions)
    assert sessions.change_to_undo("s1") is None
    with pytest.raises(NotFound, match="cannot be undone any more"):
        sessions.undo_change("s1", str(told["at"]))
    assert files_of(sessions) == before
    sessions.update("s1", active_stream_id="gone", pending_user_message="Again?")
    recover()
    assert sessions.change_to_undo("s1") is not None, "the next change is noted in its place"
    assert len(list(sessions.config.undo_dir.iterdir())) == 2


def test_what_a_killed_change_kept_is_deleted_with_the_session(sessions: SessionRepository) -> None:
    a_turn(sessions)()
    (note,) = sessions.config.undo_dir.glob("*.json")
    note.write_text("{")
    write_document(sessions, "s2")
    other = sessions.config.undo_dir / "s2.1.0.kept"
    other.write_text("of another session")
    sessions.delete("s1")
    sessions.erase("s1")
    assert list(sessions.config.undo_dir.iterdir()) == [other]


def test_what_is_kept_can_be_read_by_its_owner_alone(sessions: SessionRepository) -> None:
    recover = shortened_here(sessions)
    path_of(sessions).chmod(0o644)
    recover()
    kept = list(sessions.config.undo_dir.iterdir())
    assert kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    assert Path(sessions.config.undo_dir).stat().st_mode & 0o077 == 0
