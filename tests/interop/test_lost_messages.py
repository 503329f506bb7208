"""Messages that the web UI overwrites from its memory, or writes again, are noticed, named and put back."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import NotFound, SessionRepository
from hermes_sessions.index import own_changes
from hermes_sessions.sidecars import journal

from ..cli.running import run
from ..support.make import folder_of, message, started, turns, write, write_document
from ..support.web import error, reply
from ..support.web_ui import HEAD, MAY, OpenSession

LATER = 1_900_000_000.0


@pytest.fixture(params=[MAY, HEAD])
def web_ui(request: pytest.FixtureRequest) -> str:
    """Each version of the web UI."""
    return str(request.param)


def more(*texts: str) -> list[dict[str, Any]]:
    """Return messages that are sent later."""
    return [message(text, at=LATER + number) for number, text in enumerate(texts)]


def texts(sessions: SessionRepository, session_id: str) -> list[str]:
    """Return what the messages of a session say."""
    return [each["content"] for each in sessions.get(session_id).messages]


def open_in(sessions: SessionRepository, session_id: str, version: str = HEAD) -> OpenSession:
    """Open a session in the web UI."""
    return OpenSession(folder_of(sessions) / f"{session_id}.json", version)


def begun(sessions: SessionRepository, count: int = 4) -> tuple[str, list[str]]:
    """Return a session and what its messages say."""
    session_id = started(sessions, count, title="Talk")
    return session_id, texts(sessions, session_id)


def say(session: OpenSession, *said: str) -> None:
    """Add messages in the web UI."""
    session.save(messages=[*session.values["messages"], *(message(text, at=LATER + 50) for text in said)])


# ---- added ----------------------------------------------------------------------------------------------


def test_added_messages_that_were_overwritten_are_said_and_put_back(
    sessions: SessionRepository, web_ui: str
) -> None:
    session_id, before = begun(sessions)
    theirs = open_in(sessions, session_id, web_ui)
    sessions.append(session_id, more("ours 1", "ours 2"))
    say(theirs, "theirs 1", "theirs 2")  # as many as ours

    said = "2 messages that you added were overwritten by another program"
    (lost,) = sessions.lost.list()
    assert (lost.session_id, lost.field, lost.ours, lost.meaning) == (session_id, "messages", 2, said)
    (warning,) = sessions.list().warnings
    assert said in warning
    assert f"`hermes-sessions put-back {session_id}`" in warning
    assert [each.meaning for each in sessions.check() if each.kind == "lost update"] == [said]
    assert any(said in line for line in sessions.why(session_id))

    summary = sessions.lost.put_back(session_id)
    assert summary is not None
    assert summary.message_count == 8
    assert texts(sessions, session_id) == [*before, "theirs 1", "theirs 2", "ours 1", "ours 2"]
    assert (sessions.lost.list(), sessions.list().warnings) == ([], ())
    say(theirs, "theirs 3")  # from the same memory once more
    assert [each.ours for each in sessions.lost.list()] == [2]
    sessions.lost.put_back(session_id)
    assert texts(sessions, session_id)[-3:] == ["theirs 3", "ours 1", "ours 2"]


def test_nothing_is_said_once_the_other_program_has_read_it(sessions: SessionRepository, web_ui: str) -> None:
    session_id, before = begun(sessions)
    sessions.append(session_id, more("ours"))
    theirs = open_in(sessions, session_id, web_ui)
    say(theirs, "theirs")
    assert sessions.list().warnings == ()
    theirs.save(messages=theirs.values["messages"][:2])  # and removes it
    assert (sessions.list().warnings, texts(sessions, session_id)) == ((), before[:2])


def test_a_part_that_is_left_tells_that_it_was_read(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions)
    sessions.append(session_id, more("ours 1", "ours 2"))
    theirs = open_in(sessions, session_id)
    theirs.save(messages=theirs.values["messages"][:5])
    assert sessions.lost.list() == []


def test_several_appends_are_judged_one_by_one(sessions: SessionRepository) -> None:
    session_id, before = begun(sessions)
    sessions.append(session_id, more("read"))
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("not read"))
    sessions.update(session_id, pinned=True)
    say(theirs, "theirs")
    assert {each.field: each.ours for each in sessions.lost.list()} == {"messages": 1, "pinned": True}
    restored = sessions.lost.put_back(session_id)
    assert restored is not None
    assert restored.pinned
    assert texts(sessions, session_id) == [*before, "read", "theirs", "not read"]


def test_an_append_after_a_loss_keeps_both(sessions: SessionRepository) -> None:
    session_id, before = begun(sessions)
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("ours 1"))
    say(theirs, "theirs")
    sessions.append(session_id, more("ours 2"))
    assert [each.ours for each in sessions.lost.list()] == [1]
    say(theirs, "theirs again")
    assert [each.ours for each in sessions.lost.list()] == [2]
    sessions.lost.put_back(session_id)
    assert texts(sessions, session_id) == [*before, "theirs", "theirs again", "ours 1", "ours 2"]


def test_calls_of_messages_are_put_back_with_them(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id)
    ours = {"name": "ls", "assistant_msg_idx": 5}
    sessions.append(session_id, more("ours 1", "ours 2"), tool_calls=[ours, {"name": "anywhere"}])
    call = {"name": "cat", "assistant_msg_idx": 4}
    theirs.save(messages=[*theirs.values["messages"], *more("theirs")], tool_calls=[call])
    sessions.lost.put_back(session_id)
    moved = {**ours, "assistant_msg_idx": 6}
    assert sessions.get(session_id).tool_calls == [call, moved, {"name": "anywhere"}]


def test_a_message_that_was_edited_gets_its_place_back(sessions: SessionRepository) -> None:
    session_id, before = begun(sessions)
    theirs = open_in(sessions, session_id)
    session = sessions.get(session_id)
    session.messages[1] = message("edited", "assistant", at=LATER)
    sessions.save(session)
    say(theirs, "theirs")
    (lost,) = sessions.lost.list()
    assert "1 message that you added was overwritten" in lost.meaning
    assert "1 message that you removed is back" in lost.meaning
    sessions.lost.put_back(session_id)
    assert texts(sessions, session_id) == [before[0], "edited", *before[2:], "theirs"]


def test_theirs_can_be_kept(sessions: SessionRepository, web_ui: str) -> None:
    session_id, before = begun(sessions)
    theirs = open_in(sessions, session_id, web_ui)
    sessions.append(session_id, more("ours"))
    say(theirs, "theirs")
    assert sessions.list().warnings
    sessions.lost.keep_theirs(session_id)
    say(theirs, "theirs again")
    assert (sessions.list().warnings, texts(sessions, session_id)[4:]) == ((), ["theirs", "theirs again"])
    with pytest.raises(NotFound, match="overwritten"):
        sessions.lost.put_back(session_id)
    assert len(before) == 4


def test_the_other_program_may_give_it_back_itself(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("ours"))
    ours = (folder_of(sessions) / f"{session_id}.json").read_bytes()
    say(theirs, "theirs")
    assert sessions.lost.list()
    theirs.path.unlink()
    theirs.path.write_bytes(ours)
    assert sessions.lost.list() == []


# ---- removed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["undo", "retry", "truncate"])
def test_removed_messages_that_are_back_are_removed_again(
    sessions: SessionRepository, web_ui: str, how: str
) -> None:
    session_id, before = begun(sessions, 6)
    theirs = open_in(sessions, session_id, web_ui)
    getattr(sessions, how)(session_id, *([4] if how == "truncate" else []))
    say(theirs, "theirs 1", "theirs 2")

    (lost,) = sessions.lost.list()
    assert (lost.field, lost.theirs, lost.meaning) == ("messages", 2, "2 messages that you removed are back")
    summary = sessions.lost.put_back(session_id)
    assert summary is not None
    assert texts(sessions, session_id) == [*before[:4], "theirs 1", "theirs 2"]
    assert sessions.lost.list() == []
    assert texts_of_restored(sessions, session_id) == [*before, "theirs 1", "theirs 2"]


def texts_of_restored(sessions: SessionRepository, session_id: str) -> list[str]:
    """Restore the version before, and return what it says."""
    sessions.restore(session_id)
    return texts(sessions, session_id)


def test_an_overwritten_clear_says_the_messages(sessions: SessionRepository, web_ui: str) -> None:
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id, web_ui)
    sessions.clear(session_id, title="Untitled")
    say(theirs, "theirs")
    lost = {each.field: each.meaning for each in sessions.lost.list()}
    assert lost["messages"] == "4 messages that you removed are back"
    assert "Untitled" in lost["title"]
    (warning,) = sessions.list().warnings
    assert f"{lost['messages']}, and {lost['title']}. To put it back" in warning, "one call puts both back"
    sessions.lost.put_back(session_id)
    assert (texts(sessions, session_id), sessions.summary(session_id).title) == (["theirs"], "Untitled")
    assert sessions.lost.list() == []


def test_what_was_sent_again_after_a_retry_is_no_loss(sessions: SessionRepository, web_ui: str) -> None:
    session_id, before = begun(sessions)
    last = sessions.get(session_id).messages[2]["content"]
    sessions.retry(session_id)
    theirs = open_in(sessions, session_id, web_ui)
    theirs.save(messages=[*theirs.values["messages"], message(last, at=LATER)])
    assert sessions.lost.list() == []
    say(theirs, "another answer")
    assert sessions.lost.list() == []
    assert len(before) == 4


def test_removed_and_added_are_both_put_back(sessions: SessionRepository) -> None:
    session_id, before = begun(sessions, 6)
    theirs = open_in(sessions, session_id)
    sessions.undo(session_id)
    sessions.append(session_id, more("ours"))
    say(theirs, "theirs")
    (lost,) = sessions.lost.list()
    assert (lost.ours, lost.theirs) == (1, 2)
    sessions.lost.put_back(session_id)
    assert texts(sessions, session_id) == [*before[:4], "theirs", "ours"]


@pytest.mark.parametrize("summary", [[], [message("a summary", "system")]])
def test_what_the_model_is_given_loses_the_removed_messages_too(
    sessions: SessionRepository, summary: list[dict[str, Any]]
) -> None:
    context = [*summary, *turns(4)]
    path = write_document(sessions, "talk", title="Talk", messages=turns(4), context_messages=context)
    document = json.loads(path.read_text())
    sessions.undo("talk")
    document["messages"] += more("theirs")
    document["context_messages"] += more("theirs")
    write(sessions, "talk", json.dumps(document))
    sessions.lost.put_back("talk")
    session = sessions.get("talk")
    assert session.messages == [*turns(4)[:2], *more("theirs")]
    assert session.extra["context_messages"] == [*summary, *session.messages]


def test_without_the_version_before_all_that_were_removed_go_again(sessions: SessionRepository) -> None:
    session_id, before = begun(sessions, 6)
    theirs = open_in(sessions, session_id)
    sessions.truncate(session_id, 1)
    for path in sessions.config.backups_dir.glob("*.json"):
        path.unlink()
    say(theirs, "theirs")
    sessions.lost.put_back(session_id)
    assert texts(sessions, session_id) == [before[0], "theirs"]


def test_without_the_version_before_what_follows_the_removed_stays(sessions: SessionRepository) -> None:
    session_id, before = begun(sessions)
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("ours"))
    sessions.truncate(session_id, 3)
    for path in sessions.config.backups_dir.glob("*.json"):
        path.unlink()
    say(theirs, "theirs")  # in the place of ours
    sessions.lost.put_back(session_id)
    assert texts(sessions, session_id) == [*before[:3], "theirs"]


def test_a_restored_version_is_not_expected_to_be_short(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions, 6)
    theirs = open_in(sessions, session_id)
    sessions.undo(session_id)
    sessions.restore(session_id)
    say(theirs, "theirs")
    assert sessions.lost.list() == []


# ---- what is kept for it --------------------------------------------------------------------------------


def test_a_version_of_this_program_is_never_judged(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("ours"))
    with SessionRepository.open(sessions.config.state_dir) as other:
        other.update(session_id, title="Renamed")
        other.rebuild()
        assert other.lost.list() == []
    sessions.sync()
    say(theirs, "theirs")
    assert {each.field for each in sessions.lost.list()} == {"messages", "title"}


def test_a_loss_is_known_to_other_processes_and_after_a_rebuild(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("ours"))
    say(theirs, "theirs")
    with SessionRepository.open(sessions.config.state_dir) as other:
        assert len(other.lost.list()) == 1
        other.rebuild()
        assert len(other.lost.list(session_id)) == 1


def test_what_is_kept_is_private_bounded_and_erased(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LARGEST", 4000)
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id)
    path = journal.path_of(session_id, sessions.config.backups_dir)
    for number in range(50):
        sessions.append(session_id, more(f"{number:0>100}"))
        assert path.stat().st_size <= 4000
    assert path.stat().st_mode & 0o777 == 0o600
    sessions.append(session_id, more("x" * 5000))  # which is not kept
    say(theirs, "theirs")
    assert 1 < sessions.lost.list()[0].ours < 50
    sessions.lost.put_back(session_id)
    assert texts(sessions, session_id)[-1] == f"{49:0>100}"
    sessions.delete(session_id)
    assert path.exists()
    sessions.erase(session_id)
    assert not path.exists()


def test_what_was_kept_for_a_month_is_purged_unless_it_was_lost(sessions: SessionRepository) -> None:
    lost, read = (started(sessions, title=title) for title in ("Lost", "Read"))
    theirs = open_in(sessions, lost)
    for session_id in (lost, read):
        sessions.append(session_id, more("ours"))
    say(theirs, "theirs")
    assert sessions.lost.list()
    sessions.purge(older_than=0)
    left = [path.name for path in sessions.config.backups_dir.glob(f"*{journal.ENDING}")]
    assert left == [f"{lost}{journal.ENDING}"]


def test_a_line_that_was_cut_off_hides_no_other(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("ours 1"))
    path = journal.path_of(session_id, sessions.config.backups_dir)
    for torn in (b'\n{"at": 1, "start', b"\n[]", b"\n7", b'\n{"at": "x", "start": 1}', b"\n\xff"):
        path.write_bytes(path.read_bytes() + torn)
    sessions.append(session_id, more("ours 2"))
    say(theirs, "theirs")
    assert [each.ours for each in sessions.lost.list()] == [2]


def test_a_refused_append_is_not_expected(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions)
    sessions.append(session_id, more("ours"))
    path = journal.path_of(session_id, sessions.config.backups_dir)
    before = path.read_bytes()
    folder = folder_of(sessions)
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    with pytest.raises(NotFound):
        sessions.append(session_id, more("refused"))
    assert path.read_bytes() == before


def test_many_losses_are_counted_and_the_latest_named(sessions: SessionRepository) -> None:
    ids = [started(sessions, title=f"Talk {number}") for number in range(5)]
    for session_id in ids:
        theirs = open_in(sessions, session_id)
        sessions.append(session_id, more("ours"))
        say(theirs, "theirs")
        assert session_id in sessions.list().warnings[0]
    assert "2 more changes were overwritten earlier" in sessions.list().warnings[-1]


def test_the_command_line_puts_messages_back(sessions: SessionRepository) -> None:
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("ours"))
    say(theirs, "theirs")
    home: Path = sessions.config.hermes_home
    assert f"hermes-sessions put-back {session_id}" in run(home, "list").stderr
    shown = json.loads(run(home, "put-back", session_id, "--json").stdout)
    assert shown == {"put_back": [session_id], "failed": {}}
    assert texts(sessions, session_id)[-2:] == ["theirs", "ours"]


def test_the_api_puts_back_and_keeps(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id, before = begun(sessions)
    theirs, body = open_in(sessions, session_id), {"session_id": session_id}
    for route in ("put_back", "keep_theirs"):
        error(client.post(f"/api/session/{route}", json=body), 404)
    sessions.append(session_id, more("ours"))
    say(theirs, "theirs")
    back = reply(client.post("/api/session/put_back", json=body))
    assert (back["ok"], back["session"]["message_count"]) == (True, len(before) + 2)
    say(theirs, "theirs again")
    kept = reply(client.post("/api/session/keep_theirs", json=body))
    assert (kept["ok"], kept["session"]["message_count"]) == (True, len(before) + 2)
    error(client.post("/api/session/put_back", json=body), 404)
    sessions.delete(session_id)
    theirs.save()
    assert reply(client.post("/api/session/put_back", json=body)) == {"ok": True, "session": None}
    assert sessions.count() == 0


def test_the_page_says_what_putting_back_does(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id, _ = begun(sessions)
    theirs = open_in(sessions, session_id)
    sessions.append(session_id, more("ours"))
    say(theirs, "theirs")
    page = client.get(f"/session/{session_id}").text
    assert "1 message that you added was overwritten by another program." in page
    assert "Put back adds your messages at the end." in page
    done = client.post(f"/session/{session_id}/put-back", follow_redirects=True).text
    assert "Put back." in done
    assert "overwritten by another program" not in done


def test_a_title_that_is_saved_is_marked_as_one_that_is_set(sessions: SessionRepository) -> None:
    for name in ("saved", "updated"):
        write_document(sessions, name, title="Untitled", manual_title=False, llm_title_generated=True)
    sessions.save(replace(sessions.get("saved"), title="Mine"))
    sessions.update("updated", title="Mine")
    for name in ("saved", "updated"):
        extra = sessions.get(name).extra
        assert (extra["manual_title"], extra["llm_title_generated"]) == (True, False)


def test_a_deleted_session_that_is_copied_back_with_its_old_time_is_named(
    sessions: SessionRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, _ = begun(sessions)
    path, copy = folder_of(sessions) / f"{session_id}.json", tmp_path / "copy"
    shutil.copy2(path, copy)
    os.utime(copy, (1, 1))
    sessions.delete(session_id)
    shutil.copy2(copy, path)
    assert not sessions.lost.list()  # a process that deletes it has perhaps not yet removed its row
    monkeypatch.setattr(own_changes, "DELETING_NS", 0)
    (lost,) = sessions.lost.list()
    assert lost.field == "deleted"
    assert lost.lost_at > 1_700_000_000
    sessions.lost.put_back(session_id)
    sessions.restore(session_id)
    assert (sessions.lost.list(), sessions.list().warnings) == ([], ())
