"""The trash, backups and interrupted turns through the repository: whatever was destroyed can be had back."""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hermes_sessions import Conflict, InvalidValue, NotFound, SessionRepository
from hermes_sessions.config import resolve
from hermes_sessions.sidecars import backups

from ..support.make import folder_of, message, snapshot, started, turns, write, write_document

DAY = 86_400.0


def test_a_deleted_session_is_listed_in_the_trash_and_comes_back_as_it_was(
    sessions: SessionRepository,
) -> None:
    session_id = started(sessions, 6, title="Rent")
    before = snapshot(sessions)
    summary = sessions.summary(session_id)
    sessions.delete(session_id)
    (kept,) = sessions.trash()
    assert (kept.session_id, kept.title, kept.message_count, kept.why) == (session_id, "Rent", 6, "deleted")
    assert kept.size == len(before[f"{session_id}.json"])
    with pytest.raises(NotFound):
        sessions.get(session_id)
    assert sessions.list(hidden=True).total == 0

    assert sessions.restore(session_id) == summary
    assert snapshot(sessions) == before
    assert sessions.trash() == []
    assert [each.session_id for each in sessions.list().items] == [session_id]


def test_the_latest_of_what_was_deleted_comes_back(sessions: SessionRepository) -> None:
    for title in ("first", "second"):
        write_document(sessions, "s", title=title, messages=turns(2))
        sessions.delete("s")
    assert [each.title for each in sessions.trash()] == ["second", "first"]
    assert sessions.restore("s").title == "second"
    sessions.delete("s")
    assert [each.title for each in sessions.trash()] == ["second", "first"]


def test_nothing_is_restored_over_a_session(sessions: SessionRepository) -> None:
    write_document(sessions, "s", title="old", messages=turns(4))
    sessions.delete("s")
    write_document(sessions, "s", title="new", messages=turns(1))
    before = snapshot(sessions)
    with pytest.raises(Conflict, match="there is a session s"):
        sessions.restore("s")
    assert snapshot(sessions) == before
    assert [each.title for each in sessions.trash()] == ["old"]


def test_what_is_nowhere_cannot_be_restored(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    for unknown in ("nobody", session_id):
        with pytest.raises(NotFound, match="nothing to restore"):
            sessions.restore(unknown)


def test_a_sync_or_a_rebuild_brings_nothing_back_from_the_trash(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    started(sessions)
    sessions.delete(session_id)
    sessions.sync()
    sessions.rebuild()
    assert session_id not in [each.session_id for each in sessions.list(hidden=True, agent=True).items]
    assert len(sessions.trash()) == 1


def test_a_file_that_is_no_session_is_kept_and_given_back_too(sessions: SessionRepository) -> None:
    write(sessions, "broken", "{")
    sessions.delete("broken")
    (kept,) = sessions.trash()
    assert kept.title == "(cannot be read)"
    path = next(sessions.config.trash_dir.iterdir())
    assert path.read_text() == "{"


def test_purge_erases_only_what_is_older(sessions: SessionRepository) -> None:
    for number in range(3):
        write_document(sessions, f"s{number}", title="t", messages=turns(1))
        sessions.delete(f"s{number}")
    for number, days in ((0, 31), (1, 10)):
        age(sessions, f"s{number}", days)
    assert [each.session_id for each in sessions.would_purge()] == ["s0"]
    assert sessions.purge() == 1
    assert {each.session_id for each in sessions.trash()} == {"s1", "s2"}
    assert sessions.purge(older_than=9 * DAY) == 1
    assert sessions.purge(older_than=0) == 1
    assert sessions.trash() == []
    for wrong in (-1, float("nan"), "x", True):
        with pytest.raises(InvalidValue, match="older_than"):
            sessions.purge(older_than=wrong)  # type: ignore[arg-type]  # that is what is refused


def age(sessions: SessionRepository, session_id: str, days: float) -> None:
    """Make what lies in the trash of a session so many days older."""
    for path in sessions.config.trash_dir.glob(f"{session_id}.*"):
        name, at, *rest = path.name.split(".")
        path.rename(path.with_name(".".join((name, str(int(at) - int(days * DAY * 1e9)), *rest))))


def test_thousands_lie_in_the_trash_and_none_is_forgotten(sessions: SessionRepository) -> None:
    trash = sessions.config.trash_dir
    for number in range(1500):
        (trash / f"s{number}.{number + 1}.deleted.json").write_text('{"messages": []}')
    assert len(sessions.trash()) == 1500
    assert sessions.restore("s7").session_id == "s7"


def test_a_shortened_session_gets_its_messages_back(sessions: SessionRepository) -> None:
    session_id = started(sessions, 6, title="Rent")
    sessions.truncate(session_id, 2)
    assert sessions.restore(session_id).message_count == 6
    assert [said["content"] for said in sessions.get(session_id).messages] == [
        said["content"] for said in turns(6)
    ]
    (kept,) = sessions.trash()
    assert (kept.why, kept.message_count) == ("replaced", 2)
    assert not list(sessions.config.backups_dir.glob("*.json"))
    with pytest.raises(Conflict):
        sessions.restore(session_id)


def test_a_backup_with_fewer_messages_than_the_session_replaces_nothing(sessions: SessionRepository) -> None:
    session_id = started(sessions, 4)
    sessions.truncate(session_id, 3)
    sessions.append(session_id, turns(5))
    before = snapshot(sessions)
    with pytest.raises(Conflict, match="no more messages"):
        sessions.restore(session_id)
    assert snapshot(sessions) == before


# ---- interrupted turns ----------------------------------------------------------------------------------


def test_the_samples_interrupted_turns_are_recovered(may: Path) -> None:
    core = json.loads((may / "sessions/session_01f133aceefe.json").read_bytes())
    with SessionRepository.open(hermes_home=may) as sessions:
        for session_id in ("01f133aceefe", "6e9160d23644"):
            assert sessions.recover(session_id, alive=("stream0", "stream1")) is None
            assert sessions.get(session_id).messages == []
            assert sessions.recover(session_id) is not None
            assert sessions.recover(session_id) is None
        taken, waited = sessions.get("01f133aceefe"), sessions.get("6e9160d23644")
    assert taken.messages == core["messages"]
    assert taken.extra["unsent_message"] == "Rotate the staging keys, please."
    user, last = waited.messages
    assert (user["content"], user["_recovered"]) == ("Rotate the staging keys, please.", True)
    assert (user["attachments"], user["timestamp"]) == (["keys.txt"], 1777599301)
    assert (last["content"], last["_error"]) == ("**Previous turn did not complete.**", True)
    for session in (taken, waited):
        assert not session.waiting
        assert session.pending_attachments == []


def test_reading_recovers_nothing(may: Path) -> None:
    before = {path: path.read_bytes() for path in (may / "webui/sessions").iterdir()}
    with SessionRepository.open(hermes_home=may) as sessions:
        for session_id in ("01f133aceefe", "6e9160d23644"):
            sessions.summary(session_id)
            sessions.get(session_id)
            sessions.messages(session_id)
        sessions.list(hidden=True)
        sessions.sync()
    assert {path: path.read_bytes() for path in (may / "webui/sessions").iterdir()} == before


def test_a_turn_that_another_server_finished_meanwhile_is_left_alone(sessions: SessionRepository) -> None:
    session_id = interrupted(sessions, [message("hello")])
    sessions.update(session_id, active_stream_id=None, pending_user_message=None)
    assert sessions.recover(session_id) is None
    assert len(sessions.get(session_id).messages) == 1


def interrupted(sessions: SessionRepository, messages: list[dict[str, object]]) -> str:
    """Store a session with these messages whose last turn waits for a stream."""
    write_document(
        sessions, "s", title="t", pending_user_message="and?", active_stream_id="st", messages=messages
    )
    return "s"


def test_an_agents_transcript_that_cannot_be_read_changes_nothing(may: Path) -> None:
    (may / "sessions/session_01f133aceefe.json").write_text("{")
    with SessionRepository.open(hermes_home=may) as sessions:
        before = snapshot(sessions)
        with pytest.raises(Exception, match="cannot be read"):
            sessions.recover("01f133aceefe")
        assert snapshot(sessions) == before


@pytest.mark.parametrize("profile", ["../..", "work", "/etc"])
def test_a_profile_is_no_way_out_of_the_home(sessions: SessionRepository, profile: str) -> None:
    session_id = interrupted(sessions, [])
    sessions.update(session_id, profile=profile)
    recovered = sessions.recover(session_id)
    assert recovered is not None
    assert recovered.message_count == 2


# ---- what is wrong --------------------------------------------------------------------------------------


def kinds(sessions: SessionRepository, *, deep: bool = False) -> set[str]:
    """Return the kinds of what `check` finds, less what a home without an agent always has."""
    return {str(finding.kind) for finding in sessions.check(deep=deep)} - {"agent unavailable"}


def drop_row(sessions: SessionRepository) -> None:
    """Forget a session's row, as a crash before its transaction would."""
    execute(sessions, "DELETE FROM sessions WHERE session_id = 's'")


def execute(sessions: SessionRepository, statement: str) -> None:
    """Change the index behind the repository's back."""
    with sessions._home.engine.begin() as connection:
        connection.exec_driver_sql(statement)


def remove_file(sessions: SessionRepository) -> None:
    """Lose a session's file."""
    (folder_of(sessions) / "s.json").unlink()


def replace_file(sessions: SessionRepository) -> None:
    """Change a session's file as another program does."""
    write_document(sessions, "s", title="other", messages=turns(3))


def break_file(sessions: SessionRepository) -> None:
    """Damage a session's file and index that."""
    write(sessions, "s", "{")
    sessions.sync()


def forget_count(sessions: SessionRepository) -> None:
    """Make the row say that there is no message."""
    execute(sessions, "UPDATE sessions SET message_count = 0 WHERE session_id = 's'")


def say_another_count(sessions: SessionRepository) -> None:
    """Make the file say another number of messages."""
    write_document(sessions, "s", message_count=77, messages=turns(3))
    sessions.sync()


def say_no_time(sessions: SessionRepository) -> None:
    """Let the file state its creation, and a message when it was sent, in words."""
    messages = [*turns(2), {**message("third"), "timestamp": "soon"}]
    write_document(sessions, "s", title="t", created_at="last week", messages=messages)
    sessions.list()


def say_another_id(sessions: SessionRepository) -> None:
    """Make the file say another id."""
    write(sessions, "s", '{"session_id": "t", "messages": []}')
    sessions.sync()


def leave_debris(sessions: SessionRepository) -> None:
    """Leave what a crashed write leaves, long ago."""
    path = folder_of(sessions) / "s.tmp.1.2"
    path.write_text("{")
    os.utime(path, (1, 1))


def orphan_backup(sessions: SessionRepository) -> None:
    """Leave a backup whose session is gone."""
    shutil.copy(folder_of(sessions) / "s.json", folder_of(sessions) / "gone.json.bak")


def shorten(sessions: SessionRepository) -> None:
    """Shorten the session, which leaves a backup."""
    sessions.truncate("s", 1)


def interrupt(sessions: SessionRepository) -> None:
    """Leave a turn without its answer."""
    sessions.update("s", pending_user_message="and?", active_stream_id="st")


def break_projects(sessions: SessionRepository) -> None:
    """Damage the list of projects."""
    sessions.config.projects_file.write_text("{")


def assign_nowhere(sessions: SessionRepository) -> None:
    """Put the session into a project that does not exist, as another program can."""
    document = json.loads((folder_of(sessions) / "s.json").read_bytes())
    write(sessions, "s", json.dumps(document | {"project_id": "nowhere"}))
    sessions.sync()


def fill_trash(sessions: SessionRepository) -> None:
    """Delete something long ago."""
    write_document(sessions, "old", messages=turns(1))
    sessions.delete("old")
    age(sessions, "old", 40)


def link_to_trash(sessions: SessionRepository) -> None:
    """Leave a second name in the trash, as a broken-off move does where no rename refuses a taken name."""
    sessions.config.trash_dir.mkdir(exist_ok=True)
    trashed = sessions.config.trash_dir / f"s.{time.time_ns()}.deleted.json"
    trashed.hardlink_to(folder_of(sessions) / "s.json")
    sessions.list()


def rescue(sessions: SessionRepository) -> None:
    """Keep another program's version of the session in the trash."""
    sessions.config.trash_dir.mkdir(exist_ok=True)
    (sessions.config.trash_dir / "s.1900000000000000000.rescued.json").write_text(
        '{"messages": [], "theirs": 1}'
    )
    sessions.list()


WRONG: dict[str, tuple[Callable[[SessionRepository], None], bool, bool]] = {
    # kind: what makes it, whether only a deep check finds it, whether repair mends it
    "file without row": (drop_row, False, True),
    "row without file": (remove_file, False, True),
    "stale row": (replace_file, False, True),
    "unreadable file": (break_file, False, False),
    "wrong count in the index": (forget_count, True, True),
    "wrong count in the file": (say_another_count, True, False),
    "id differs": (say_another_id, True, False),
    "unreadable time": (say_no_time, True, False),
    "debris": (leave_debris, False, True),
    "copy in the trash": (link_to_trash, False, True),
    "rescued version": (rescue, False, False),
    "backup without session": (orphan_backup, False, False),
    "backup has more": (shorten, False, False),
    "interrupted turn": (interrupt, False, False),
    "unreadable projects": (break_projects, False, False),
    "unknown project": (assign_nowhere, False, False),
    "trash over its age": (fill_trash, False, False),
}


@pytest.mark.parametrize("kind", WRONG)
def test_check_finds_what_is_wrong_and_repair_mends_what_it_may(
    sessions: SessionRepository, kind: str
) -> None:
    make, only_deep, mendable = WRONG[kind]
    started(sessions)
    write_document(sessions, "s", title="t", messages=turns(3))
    sessions.sync()
    assert kinds(sessions, deep=True) == set()
    make(sessions)
    files = snapshot(sessions)
    assert kinds(sessions) == (set() if only_deep else {kind})
    found = [finding for finding in sessions.check(deep=True) if finding.kind == kind]
    assert found
    assert all(finding.meaning and finding.remedy for finding in found)
    assert snapshot(sessions) == files, "a check changes nothing"

    planned = sessions.repair()
    assert {finding.kind for finding in planned.repairable} == ({kind} if mendable else set())
    assert (planned.applied, planned.repaired, planned.left) == (False, (), planned.found)
    assert kinds(sessions, deep=True) == {kind}, "saying is not doing"
    report = sessions.repair(apply=True)
    assert kinds(sessions, deep=True) == (set() if mendable else {kind})
    assert (report.applied, report.found) == (True, planned.found)
    assert report.repaired == planned.repairable
    assert report.left == tuple(sessions.check(deep=True))
    kept = {name: text for name, text in files.items() if ".tmp." not in name}
    assert snapshot(sessions) == kept, "no session's file is touched"


def test_a_home_that_was_never_opened_is_said_to_be_once(may: Path) -> None:
    with SessionRepository(resolve(hermes_home=may)) as sessions:
        found = [finding for finding in sessions.check() if finding.remedy == "hermes-sessions sync"]
        assert [finding.kind for finding in found] == ["no index yet"]
        files = len([path for path in folder_of(sessions).glob("*.json") if path.name[0] != "_"])
        assert found[0].meaning == f"none of the {files} files is in the index"
        assert "no index yet" in {finding.kind for finding in sessions.repair().repairable}
        report = sessions.repair(apply=True)
        assert [finding.kind for finding in report.repaired] == ["no index yet"]
        assert report.left == tuple(sessions.check(deep=True))


def test_a_shortened_session_with_a_rescued_version_gets_its_messages_back(
    sessions: SessionRepository,
) -> None:
    write_document(sessions, "s", title="t", messages=turns(3))
    sessions.truncate("s", 1)
    rescue(sessions)
    assert sessions.restore("s").message_count == 3


def test_check_tells_of_the_agent(may: Path) -> None:
    with SessionRepository.open(hermes_home=may) as sessions:
        assert "agent unavailable" not in {finding.kind for finding in sessions.check()}
        (may / "state.db").write_bytes(b"no database at all, by any means" * 40)
        (finding,) = [each for each in sessions.check() if each.kind == "agent unavailable"]
        assert "not a database" in finding.meaning
        assert not finding.note
        (may / "state.db").unlink()
        (finding,) = [each for each in sessions.check() if each.kind == "agent unavailable"]
        assert finding.note


def test_why_says_where_a_session_is_and_what_hides_it(may: Path) -> None:
    with SessionRepository.open(hermes_home=may) as sessions:

        def said(session_id: str) -> str:
            return "\n".join(sessions.why(session_id))

        assert "lists: shown" in said("0b459ca1c79c")
        assert "shown with `agent`" in said("resumed")
        assert "earlier segment" in said("chain1_seg0")
        assert "scheduled job" in said("cron_nightly_20260429_085905")
        assert "agent's copy of a web session" in said("20260423_185711_42e0c9")
        assert "no such session" in said("nobody")
        sessions.delete("resumed")
        assert "in the trash; `restore`" in said("resumed")
        draft = sessions.new()
        assert "draft" in said(draft.session_id)
        shorter = replace(sessions.get("0b459ca1c79c"), messages=turns(1))
        sessions.save(shorter)
        assert "backup:" in said("0b459ca1c79c")


def test_a_file_that_another_program_copies_into_the_trash_is_shown_once_it_is_whole(
    sessions: SessionRepository,
) -> None:
    session_id = started(sessions, 3, title="Rent")
    sessions.delete(session_id)
    (path,) = sessions.config.trash_dir.glob("*.json")
    content = path.read_bytes()
    path.write_bytes(content[:40])
    assert [each.title for each in sessions.trash()] == ["(cannot be read)"]

    path.write_bytes(content)

    assert [(each.title, each.message_count) for each in sessions.trash()] == [("Rent", 3)]


ONE, OTHER = "0123456789ab4def8123456789abcdef", "f" * 12 + "4abc9" + "0" * 15


@pytest.mark.parametrize(
    ("live", "kept", "expected"),
    [
        (ONE, None, True),
        (ONE, OTHER, True),
        (ONE, ONE, False),  # it lost messages after it was shortened
        (None, None, False),
        (None, ONE, False),
        ("x" * 32, None, False),
        (ONE, "x", False),
        (7, None, False),
    ],
)
def test_a_longer_version_is_superseded_by_a_later_shortening(
    live: object, kept: object, expected: bool
) -> None:
    assert backups.is_superseded(live, kept) is expected
