"""A closed turn, what was put back, and a restored version are undone as a whole, or not at all."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import Conflict, NotFound, SessionRepository
from hermes_sessions.findings import Finding

from ..cli.running import run
from ..support.make import turns, write_document
from ..support.web import error, reply
from ..support.web_ui import OpenSession

WAITING = {"active_stream_id": "gone", "pending_user_message": "Hello?", "pending_started_at": 1e9}

Case = Callable[[SessionRepository], Callable[[], object]]  # prepares session s1, and returns the change


def path_of(sessions: SessionRepository) -> Path:
    return sessions.config.sessions_dir / "s1.json"


def a_turn(sessions: SessionRepository) -> Callable[[], object]:
    write_document(sessions, "s1", messages=turns(2), ours={"deep": ["kept", 1]}, **WAITING)
    sessions.sync()
    sessions.update("s1", title="Mine")  # which another program may still overwrite
    return lambda: sessions.recover("s1")


def a_turn_that_the_agent_knows(sessions: SessionRepository) -> Callable[[], object]:
    core = sessions.config.hermes_home / "sessions/session_s1.json"
    core.parent.mkdir(exist_ok=True)
    core.write_text(json.dumps({"messages": turns(4)}))
    write_document(sessions, "s1", messages=[], **WAITING)
    return lambda: sessions.recover("s1")


def a_turn_of_a_file_without_times(sessions: SessionRepository) -> Callable[[], object]:
    path = write_document(sessions, "s1", messages=[{"role": "user", "content": "x"}], **WAITING)
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({key: document[key] for key in document if not key.endswith("d_at")}))
    os.utime(path, (1.6e9, 1.6e9))
    return lambda: sessions.recover("s1")


def a_title_and_a_pin(sessions: SessionRepository) -> Callable[[], object]:
    write_document(sessions, "s1", title="Theirs", messages=turns(2))
    sessions.sync()
    theirs = OpenSession(path_of(sessions))
    sessions.update("s1", title="Mine", pinned=True)
    theirs.save()
    return lambda: sessions.lost.put_back("s1")


def added_messages(sessions: SessionRepository) -> Callable[[], object]:
    write_document(sessions, "s1", messages=turns(2))
    sessions.sync()
    theirs = OpenSession(path_of(sessions))
    sessions.append("s1", [{"role": "user", "content": "mine"}], title="Mine too")
    theirs.save(messages=[*theirs.values["messages"], {"role": "user", "content": "theirs"}])
    return lambda: sessions.lost.put_back("s1")


def removed_messages(sessions: SessionRepository) -> Callable[[], object]:
    write_document(sessions, "s1", messages=turns(6))
    sessions.sync()
    theirs = OpenSession(path_of(sessions))
    sessions.truncate("s1", 2)
    theirs.save(messages=[*theirs.values["messages"], {"role": "user", "content": "theirs"}])
    path_of(sessions).with_suffix(".json.bak").write_bytes(path_of(sessions).read_bytes())
    return lambda: sessions.lost.put_back("s1")


def shortened_here(sessions: SessionRepository) -> Callable[[], object]:
    write_document(sessions, "s1", messages=turns(8))
    sessions.truncate("s1", 6)
    sessions.truncate("s1", 2)
    return lambda: sessions.restore("s1")


def shortened_there(sessions: SessionRepository) -> Callable[[], object]:
    write_document(sessions, "s1", messages=turns(6))
    sessions.sync()
    theirs = OpenSession(path_of(sessions))
    sessions.update("s1", title="Mine")
    theirs.save(messages=turns(2))
    return lambda: sessions.restore("s1")


def only_a_backup(sessions: SessionRepository) -> Callable[[], object]:
    write_document(sessions, "s1", messages=turns(6))
    sessions.truncate("s1", 2)
    path_of(sessions).unlink()
    return lambda: sessions.restore("s1")


CASES: list[Case] = [
    *(a_turn, a_turn_that_the_agent_knows, a_turn_of_a_file_without_times),
    *(a_title_and_a_pin, added_messages, removed_messages),
    *(shortened_here, shortened_there, only_a_backup),
]
cases = pytest.mark.parametrize("prepare", CASES)


def everything(sessions: SessionRepository) -> dict[str, Any]:
    """Return all files of the sessions with their times, what is found wrong, and what lists say."""
    config, found = sessions.config, dict[str, Any]()
    for folder in (config.sessions_dir, config.backups_dir, config.trash_dir):
        for path in folder.glob("*"):
            is_journal = path.suffix == ".jsonl"  # whose time says nothing
            found[f"{folder.name}/{path.name}"] = path.read_bytes(), is_journal or path.stat().st_mtime_ns
    findings: list[Finding] = sorted(sessions.check(deep=True), key=str)
    return found | {"findings": findings, "lost": list(sessions.lost.list()), "list": list(sessions.list())}


def change_to_undo(sessions: SessionRepository) -> str:
    change = sessions.change_to_undo("s1")
    assert change is not None
    return change


@cases
def test_the_latest_change_is_undone_by_command_and_by_request(
    sessions: SessionRepository, client: FlaskClient, prepare: Case
) -> None:
    change = prepare(sessions)
    sessions.sync()
    before, there_was = everything(sessions), path_of(sessions).exists()
    change()
    home = sessions.config.hermes_home
    assert run(home, "undo-change", "s1").stdout == "s1: undone\n"
    assert everything(sessions) == before
    change()
    answer = reply(client.post("/api/session/undo_change", json={"session_id": "s1"}))
    assert (answer["session"] is not None) == there_was
    assert everything(sessions) == before
    error(client.post("/api/session/undo_change", json={"session_id": "s1"}), 404)
    again = run(home, "undo-change", "s1", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout) == {
        "undone": [],
        "failed": {"s1": "no change of session s1 can be undone"},
    }


def test_a_change_of_what_was_changed_since_is_refused_by_command_and_by_request(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    a_turn(sessions)()
    sessions.append("s1", turns(2))
    before = everything(sessions)
    result = run(sessions.config.hermes_home, "undo-change", "s1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "session s1 was changed since; nothing was undone" in result.stderr
    error(client.post("/api/session/undo_change", json={"session_id": "s1"}), 409)
    assert everything(sessions) == before


@cases
def test_an_undo_brings_back_everything(sessions: SessionRepository, prepare: Case) -> None:
    change = prepare(sessions)
    sessions.sync()
    before = everything(sessions)
    change()
    changed = everything(sessions)
    assert changed != before
    assert sessions.check(deep=True) != before["findings"], "it was mended"
    token = change_to_undo(sessions)
    sessions.undo_change("s1", token)
    assert everything(sessions) == before
    sessions.rebuild()
    assert everything(sessions) == before, "also with every file read again"
    assert list(sessions.config.undo_dir.iterdir()) == [], "nothing is kept longer than it is needed"
    with pytest.raises(NotFound, match="cannot be undone any more"):
        sessions.undo_change("s1", token)
    change()
    sessions.undo_change("s1", change_to_undo(sessions))
    assert everything(sessions) == before, "it can be done and undone again"


@cases
def test_what_was_changed_since_is_not_undone(sessions: SessionRepository, prepare: Case) -> None:
    change = prepare(sessions)
    sessions.sync()
    change()
    token = change_to_undo(sessions)
    sessions.append("s1", [{"role": "user", "content": "later"}])
    after = everything(sessions)
    with pytest.raises(Conflict, match="was changed since; nothing was undone"):
        sessions.undo_change("s1", token)
    assert everything(sessions) == after
    sessions.delete("s1")
    with pytest.raises(Conflict, match="was changed since; nothing was undone"):
        sessions.undo_change("s1", token)


def test_a_version_that_another_program_wrote_since_is_not_overwritten(sessions: SessionRepository) -> None:
    a_turn(sessions)()
    OpenSession(path_of(sessions)).save(title="Theirs")
    theirs = path_of(sessions).read_bytes()
    with pytest.raises(Conflict):
        sessions.undo_change("s1", change_to_undo(sessions))
    assert path_of(sessions).read_bytes() == theirs


def test_a_backup_that_another_program_wrote_since_is_not_overwritten(sessions: SessionRepository) -> None:
    change = shortened_there(sessions)
    sessions.sync()
    change()
    backup = path_of(sessions).with_suffix(".json.bak")
    backup.write_text("theirs")
    after = everything(sessions)
    with pytest.raises(Conflict):
        sessions.undo_change("s1", change_to_undo(sessions))
    assert everything(sessions) == after


def test_an_undo_is_of_the_change_that_it_names(sessions: SessionRepository) -> None:
    a_turn(sessions)()
    first = change_to_undo(sessions)
    sessions.update("s1", active_stream_id="gone too", pending_user_message="Again?")
    sessions.recover("s1")
    second = change_to_undo(sessions)
    assert first != second
    with pytest.raises(NotFound):
        sessions.undo_change("s1", first)
    sessions.undo_change("s1", second)
    assert sessions.get("s1").pending_user_message == "Again?"


def test_nothing_is_undone_where_less_would_come_back(sessions: SessionRepository) -> None:
    a_turn(sessions)()
    token = change_to_undo(sessions)
    (kept,) = sessions.config.undo_dir.glob("*.kept")
    kept.unlink()
    assert sessions.change_to_undo("s1") is None
    after = everything(sessions)
    with pytest.raises(Conflict, match="is not kept any more; nothing was undone"):
        sessions.undo_change("s1", token)
    assert everything(sessions) == after


def test_a_change_that_fails_keeps_nothing(sessions: SessionRepository) -> None:
    write_document(sessions, "s1", messages=turns(2), read_only=True, **WAITING)
    with pytest.raises(Exception, match="read-only"):
        sessions.recover("s1")
    assert list(sessions.config.undo_dir.iterdir()) == []
    assert sessions.change_to_undo("s1") is None


def test_what_is_kept_is_private_and_is_deleted_with_the_session(sessions: SessionRepository) -> None:
    a_turn(sessions)()
    folder = sessions.config.undo_dir
    assert folder.stat().st_mode & 0o077 == 0
    sessions.delete("s1")
    sessions.erase("s1")
    assert list(folder.iterdir()) == []
    a_turn(sessions)()
    assert len(list(folder.glob("*.kept"))) == 1
    sessions.purge(older_than=0)
    assert list(folder.glob("*.kept")) == []
    assert sessions.change_to_undo("s1") is None
