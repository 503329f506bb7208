"""Both web UIs beside this program over one home: what each does, and what must hold all the same."""

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import NotFound, SessionRepository

from ..cli.running import run
from ..support.agent_db import add_message, add_session, new_state, writing
from ..support.make import folder_of, message, snapshot, started, turns, write_document
from ..support.web_ui import HEAD, MAY, OpenSession, shown_by_head, start_head

Shorten = Callable[[SessionRepository, str], object]
SHORTENINGS: dict[str, tuple[Shorten, int]] = {  # and how many of six messages are left
    "undo": (lambda sessions, name: sessions.undo(name), 4),
    "retry": (lambda sessions, name: sessions.retry(name), 4),
    "truncate": (lambda sessions, name: sessions.truncate(name, 3), 3),
    "clear": (lambda sessions, name: sessions.clear(name), 0),
    "save": (lambda sessions, name: sessions.save(replace(sessions.get(name), messages=turns(2))), 2),
}


def backups_of(sessions: SessionRepository, session_id: str) -> list[Path]:
    """Return the longer versions of a session, the latest first."""
    return sorted(sessions.config.backups_dir.glob(f"{session_id}.*.json"), reverse=True)


def restart_head(sessions: SessionRepository) -> list[str]:
    """Let the head restore what it thinks was lost."""
    return start_head(sessions.config.state_dir, sessions.config.state_db("default"))


# ---- longer versions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", SHORTENINGS)
def test_the_head_does_not_revert_a_shortening(sessions: SessionRepository, how: str) -> None:
    shorten, left = SHORTENINGS[how]
    session_id = started(sessions, 6)
    shorten(sessions, session_id)
    sessions.append(session_id, turns(1))
    assert restart_head(sessions) == []
    assert sessions.summary(session_id).message_count == left + 1
    assert snapshot(sessions).keys() == {f"{session_id}.json"}


@pytest.mark.parametrize("how", SHORTENINGS)
def test_the_heads_own_backup_does_not_revert_a_shortening(sessions: SessionRepository, how: str) -> None:
    shorten, left = SHORTENINGS[how]
    path = folder_of(sessions) / f"{started(sessions, 9)}.json"
    OpenSession(path).save(messages=turns(6))  # which makes a backup
    assert path.with_suffix(".json.bak").exists()
    shorten(sessions, path.stem)
    assert restart_head(sessions) == []
    assert sessions.summary(path.stem).message_count == left


@pytest.mark.parametrize("how", SHORTENINGS)
@pytest.mark.parametrize("since", [[], ["since"]])
def test_the_head_shows_no_removed_message_that_the_agent_keeps(
    sessions: SessionRepository, how: str, since: list[str]
) -> None:
    shorten, left = SHORTENINGS[how]
    path = folder_of(sessions) / f"{started(sessions, 6)}.json"
    agent = new_state(sessions.config.state_db("default"))
    with writing(agent) as db:
        add_session(db, path.stem, source="webui")
        for each in turns(6):
            add_message(db, path.stem, each["content"], each["role"], each["timestamp"])
    shorten(sessions, path.stem)
    sessions.append(path.stem, [message(text, at=turns(9)[8]["timestamp"]) for text in since])
    kept = [each["content"] for each in turns(6)[:left]]
    assert shown_by_head(path, agent) == kept + since
    sessions.restore(path.stem)
    assert shown_by_head(path, agent) == [each["content"] for each in turns(6)]


@pytest.mark.parametrize(("times", "cut"), [([5, 6, 7], 6.0), ([5, None, 7], 5.0), ([None] * 3, 0.0)])
def test_a_shortened_session_says_where_it_was_cut(
    sessions: SessionRepository, times: list[float | None], cut: float
) -> None:
    for name in ("truncated", "saved"):
        write_document(sessions, name, title=name, messages=[message(at=at) for at in times])
    sessions.truncate("truncated", 2)
    session = sessions.get("saved")
    sessions.save(replace(session, messages=session.messages[:2]))
    for name in ("truncated", "saved"):
        said = sessions.get(name).extra
        assert (said["truncation_watermark"], said["truncation_boundary"]) == (cut, cut)
        assert sessions.summary(name).extra == said


@pytest.mark.parametrize("name", SHORTENINGS)
def test_a_shortening_outlives_a_save_of_may_and_a_start_of_the_head(
    sessions: SessionRepository, name: str
) -> None:
    path = folder_of(sessions) / f"{started(sessions, 8)}.json"
    OpenSession(path).save(messages=turns(6))  # the head keeps its own backup of eight
    assert path.with_suffix(".json.bak").exists()
    sessions.sync()
    shorten, left = SHORTENINGS[name]
    shorten(sessions, path.stem)
    OpenSession(path, MAY).save()
    document = json.loads(path.read_bytes())
    assert "intentional_shrink_generation" not in document
    assert restart_head(sessions) == []
    sessions.sync()
    assert sessions.get(path.stem).messages == turns(left)
    assert sessions.restore(path.stem).message_count == 6


def test_what_the_head_lost_it_still_restores(sessions: SessionRepository) -> None:
    path = folder_of(sessions) / f"{started(sessions, 6)}.json"
    sessions.truncate(path.stem, 5)
    sessions.append(path.stem, turns(4))
    OpenSession(path).save(messages=turns(2))
    assert restart_head(sessions) == [path.stem]
    assert sessions.summary(path.stem).message_count == 9


def test_every_shortening_can_be_undone_one_after_the_other(sessions: SessionRepository) -> None:
    session_id = started(sessions, 8)
    for keep in (6, 5, 1):
        sessions.truncate(session_id, keep)
    assert len(backups_of(sessions, session_id)) == 3
    restored = []
    while backups_of(sessions, session_id):
        restored.append(sessions.restore(session_id).message_count)
    assert restored == [5, 6, 8]
    assert sessions.get(session_id).messages == turns(8)


def test_a_backup_of_the_web_ui_is_restored_too_and_left_alone_before(sessions: SessionRepository) -> None:
    path = folder_of(sessions) / f"{started(sessions, 6)}.json"
    OpenSession(path).save(messages=turns(2))
    backup = path.with_suffix(".json.bak").read_bytes()
    sessions.sync()
    sessions.update(path.stem, title="Other")
    assert path.with_suffix(".json.bak").read_bytes() == backup
    assert "backup has more" in {finding.kind for finding in sessions.check()}
    assert any(path.with_suffix(".json.bak").name in line for line in sessions.why(path.stem))
    assert sessions.restore(path.stem).message_count == 6


def test_backups_are_private(sessions: SessionRepository) -> None:
    path = folder_of(sessions) / f"{started(sessions, 6)}.json"
    path.chmod(0o644)
    sessions.truncate(path.stem, 1)
    (backup,) = backups_of(sessions, path.stem)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (backup, backup.parent)]
    assert modes == [0o600, 0o700]


def test_a_refused_shortening_keeps_no_backup(sessions: SessionRepository) -> None:
    session_id = started(sessions, 6)
    session = sessions.get(session_id)
    write_document(sessions, session_id, title="Theirs", messages=turns(7))
    with pytest.raises(Exception, match="changed since"):
        sessions.save(replace(session, messages=turns(2)))
    assert backups_of(sessions, session_id) == []


# ---- deleted sessions -----------------------------------------------------------------------------------


def test_a_deleted_session_leaves_nothing_that_the_head_restores(
    sessions: SessionRepository, tmp_path: Path
) -> None:
    path = folder_of(sessions) / f"{started(sessions, 6)}.json"
    with writing(new_state(tmp_path / "home" / "state.db")) as agent:
        add_session(agent, path.stem, source="webui")
    OpenSession(path).save(messages=turns(2))  # leaves a backup
    sessions.delete(path.stem)
    assert snapshot(sessions) == {}
    assert restart_head(sessions) == []
    assert sessions.count() == 0
    assert not [finding for finding in sessions.check() if finding.session_id == path.stem]
    assert sessions.restore(path.stem).message_count == 2
    assert sessions.restore(path.stem).message_count == 6, "its backup came back with it"


def test_a_session_that_the_web_ui_deleted_can_be_had_from_its_backup(sessions: SessionRepository) -> None:
    path = folder_of(sessions) / f"{started(sessions, 6)}.json"
    sessions.truncate(path.stem, 1)
    started(sessions)
    OpenSession(path).delete()
    (finding,) = [finding for finding in sessions.check() if finding.kind == "backup without session"]
    assert finding.note, "it was deleted on purpose"
    assert sessions.restore(path.stem).message_count == 6
    assert backups_of(sessions, path.stem) == []


def test_backups_are_purged_with_the_trash_but_for_the_latest(sessions: SessionRepository) -> None:
    kept, deleted = started(sessions, 6), started(sessions, 6)
    for session_id in (kept, deleted):
        sessions.truncate(session_id, 4)
        sessions.truncate(session_id, 2)
    sessions.delete(deleted)
    assert {entry.session_id for entry in sessions.would_purge(older_than=0)} == {kept, deleted}
    assert sessions.purge(older_than=0) == 4
    (left,) = sorted(sessions.config.backups_dir.glob("*.json"))
    assert (left.name.partition(".")[0], len(json.loads(left.read_text())["messages"])) == (kept, 4)
    assert sessions.restore(kept).message_count == 4


def test_erasing_a_deleted_session_erases_its_backups(sessions: SessionRepository) -> None:
    session_id = started(sessions, 6)
    sessions.truncate(session_id, 1)
    with pytest.raises(NotFound):
        sessions.erase(session_id)
    sessions.delete(session_id)
    assert sessions.erase(session_id) == 2
    assert backups_of(sessions, session_id) == []


# ---- the last session -----------------------------------------------------------------------------------


def test_the_last_session_deleted_by_the_web_ui_leaves_an_empty_list(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    path = folder_of(sessions) / f"{started(sessions)}.json"
    assert sessions.count() == 1
    OpenSession(path).delete()
    assert sessions.list().items == []
    assert client.get("/api/sessions").get_json()["sessions"] == []
    assert client.get("/health").status_code == 200


# ---- profiles -------------------------------------------------------------------------------------------


def test_no_profile_is_the_default_one_everywhere(sessions: SessionRepository, client: FlaskClient) -> None:
    write_document(sessions, "theirs", title="Theirs", profile=None, messages=turns(2))
    created = sessions.new(title="Ours", profile=None)
    saved = sessions.save(replace(created, messages=turns(1), profile=None))  # type: ignore[arg-type]  # as they
    sessions.update("theirs", profile=None)
    imported = sessions.import_document({"title": "In", "profile": None, "messages": turns(1)})
    copies = [sessions.duplicate("theirs"), sessions.fork("theirs")]
    for session_id in ("theirs", *(each.session_id for each in (saved, imported, *copies))):
        assert sessions.summary(session_id).profile == sessions.get(session_id).profile == "default"
    assert sessions.count(profile="default") == sessions.count() == 5
    shown = client.get("/api/sessions").get_json()["sessions"]
    assert {each["profile"] for each in shown} == {"default"}
    body = {"title": "New", "profile": None}
    assert client.post("/api/session/new", json=body).get_json()["session"]["profile"] == "default"


# ---- lost updates ---------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[dict[str, Any], str]] = {  # what is set here, and how its loss is named
    "title": ({"title": "Mine"}, 'your title "Mine"'),
    "pinned": ({"pinned": True}, "your pin"),
    "archived": ({"archived": True}, "your archiving"),
    "project_id": ({"project_id": "p"}, "your move to a project"),
}


@pytest.fixture(params=[MAY, HEAD])
def web_ui(request: pytest.FixtureRequest) -> str:
    """Each version of the web UI."""
    return str(request.param)


def in_project(sessions: SessionRepository, values: dict[str, Any]) -> dict[str, Any]:
    """Return values with the id of a project that exists."""
    wanted = "project_id" in values
    return values | ({"project_id": sessions.projects.create("P").project_id} if wanted else {})


@pytest.mark.parametrize("field", CHANGES)
def test_a_lost_update_is_noticed_said_and_put_back(
    sessions: SessionRepository, web_ui: str, field: str
) -> None:
    values, named = in_project(sessions, CHANGES[field][0]), CHANGES[field][1]
    session_id = started(sessions, 4, title="Theirs")
    theirs = OpenSession(folder_of(sessions) / f"{session_id}.json", web_ui)
    sessions.update(session_id, touch=False, **values)
    theirs.save(messages=turns(6))

    (warning,) = sessions.list().warnings
    assert named in warning
    assert session_id in warning
    (lost,) = sessions.lost.list()
    assert (lost.session_id, lost.field, lost.ours) == (session_id, field, values[field])
    (finding,) = [finding for finding in sessions.check() if finding.kind == "lost update"]
    assert named in finding.meaning
    assert any(named in line for line in sessions.why(session_id))

    restored = sessions.lost.put_back(session_id)
    assert restored is not None
    assert (getattr(restored, field), restored.message_count) == (values[field], 6)
    assert sessions.list().warnings == ()
    assert sessions.lost.list() == []
    theirs.save(messages=turns(8))  # from the same memory once more
    assert len(sessions.list().warnings) == 1


def test_theirs_can_be_kept(sessions: SessionRepository) -> None:
    session_id = started(sessions, title="Theirs")
    theirs = OpenSession(folder_of(sessions) / f"{session_id}.json")
    sessions.update(session_id, title="Mine")
    theirs.save()
    assert sessions.list().warnings
    sessions.lost.keep_theirs(session_id)
    theirs.save(messages=turns(6))
    assert (sessions.list().warnings, sessions.summary(session_id).title) == ((), "Theirs")
    with pytest.raises(NotFound, match="overwritten"):
        sessions.lost.put_back(session_id)


def test_what_somebody_changes_in_the_web_ui_is_no_loss(sessions: SessionRepository, web_ui: str) -> None:
    path = folder_of(sessions) / f"{started(sessions, title='First')}.json"
    sessions.update(path.stem, title="Second", pinned=True)
    for change in ({"pinned": False}, {"title": "Third"}, {"messages": turns(8)}, {"pinned": True}):
        OpenSession(path, web_ui).save(**change)
        assert sessions.list().warnings == (), change
    assert sessions.lost.list() == []


def test_a_loss_is_known_to_other_processes_and_after_a_rebuild(sessions: SessionRepository) -> None:
    path = folder_of(sessions) / f"{started(sessions, title='Theirs')}.json"
    theirs = OpenSession(path)
    sessions.update(path.stem, title="Mine")
    sessions.rebuild()
    theirs.save()
    with SessionRepository.open(sessions.config.state_dir) as other:
        assert len(other.lost.list()) == 1
    sessions.rebuild()
    assert len(sessions.lost.list(path.stem)) == 1


def test_an_update_of_a_session_that_was_overwritten_unseen_notices_it(sessions: SessionRepository) -> None:
    path = folder_of(sessions) / f"{started(sessions, title='Theirs')}.json"
    theirs = OpenSession(path)
    sessions.update(path.stem, title="Mine")
    theirs.save(messages=turns(6))
    sessions.update(path.stem, archived=True)
    assert [each.field for each in sessions.lost.list()] == ["title"]


def test_many_losses_are_said_shortly(sessions: SessionRepository) -> None:
    for number in range(5):
        path = folder_of(sessions) / f"{started(sessions, title='Theirs')}.json"
        theirs = OpenSession(path)
        sessions.update(path.stem, title=f"Mine {number}")
        theirs.save()
    warnings = sessions.list().warnings
    assert len(warnings) == 4
    assert "2 more" in warnings[-1]


def test_a_session_that_came_back_is_named_and_deleted_again(
    sessions: SessionRepository, web_ui: str
) -> None:
    session_id = started(sessions, title="Gone")
    theirs = OpenSession(folder_of(sessions) / f"{session_id}.json", web_ui)
    sessions.delete(session_id)
    theirs.save(messages=turns(6))
    page = sessions.list(agent=True)
    assert [each.session_id for each in page] == [session_id]
    assert session_id in page.warnings[0]
    assert "deleted" in page.warnings[0]
    assert "lost update" in {finding.kind for finding in sessions.check()}
    assert sessions.lost.put_back(session_id) is None
    assert (sessions.count(), sessions.list().warnings) == (0, ())
    assert sorted(each.message_count for each in sessions.trash()) == [4, 6]


def test_a_session_that_came_back_as_it_was_stays_deleted_in_the_next_process(
    sessions: SessionRepository,
) -> None:
    session_id = started(sessions, title="Gone")
    path = folder_of(sessions) / f"{session_id}.json"
    before = path.read_bytes()
    sessions.delete(session_id)
    path.write_bytes(before)
    assert session_id in sessions.list().warnings[0]
    with SessionRepository.open(hermes_home=sessions.config.hermes_home) as later:
        assert session_id in later.list().warnings[0]
        later.repair(apply=True)
        assert [each.field for each in later.lost.list()] == ["deleted"]
        assert later.lost.put_back(session_id) is None
        assert (later.count(), later.list().warnings) == (0, ())


def test_nothing_is_said_of_a_session_that_came_back_and_was_deleted_and_restored(
    sessions: SessionRepository,
) -> None:
    session_id = started(sessions, title="Gone")
    theirs = OpenSession(folder_of(sessions) / f"{session_id}.json")
    sessions.delete(session_id)
    theirs.save(messages=turns(6))
    sessions.lost.put_back(session_id)
    assert sessions.restore(session_id).message_count == 6
    assert (sessions.lost.list(), sessions.list().warnings) == ([], ())
    assert [each.why for each in sessions.trash()] == ["replaced"]


def test_a_session_that_came_back_can_be_kept(sessions: SessionRepository) -> None:
    session_id = started(sessions, title="Gone")
    theirs = OpenSession(folder_of(sessions) / f"{session_id}.json")
    sessions.delete(session_id)
    theirs.save(messages=turns(6))
    assert sessions.list().warnings
    sessions.lost.keep_theirs(session_id)
    assert (sessions.count(), sessions.list().warnings) == (1, ())
    assert [each.why for each in sessions.trash()] == ["replaced"]


def test_the_page_says_what_was_lost_and_puts_it_back(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, title="Theirs <b>")
    theirs = OpenSession(folder_of(sessions) / f"{session_id}.json")
    sessions.update(session_id, title="Mine <b>")
    theirs.save()
    page = client.get(f"/session/{session_id}").text
    assert "Your title &#34;Mine &lt;b&gt;&#34; was overwritten by another program." in page
    assert "Put back" in page
    assert "Mine" in client.get("/").text
    done = client.post(f"/session/{session_id}/put-back", follow_redirects=True).text
    assert "Put back." in done
    assert "overwritten by another program" not in done
    assert sessions.summary(session_id).title == "Mine <b>"
    sessions.delete(session_id)
    theirs.save()
    assert "Delete again" in client.get(f"/session/{session_id}").text
    assert "again" in client.post(f"/session/{session_id}/put-back", follow_redirects=True).text
    assert sessions.count() == 0


def test_the_command_line_puts_back(sessions: SessionRepository) -> None:
    path = folder_of(sessions) / f"{started(sessions, title='Theirs')}.json"
    theirs = OpenSession(path)
    sessions.update(path.stem, title="Mine")
    theirs.save()
    home = sessions.config.hermes_home
    assert 'your title "Mine" was overwritten' in run(home, "list").stderr
    done = run(home, "put-back", path.stem)
    assert (done.exit_code, done.stdout) == (0, f"{path.stem}: put back\n")
    assert sessions.summary(path.stem).title == "Mine"
    assert run(home, "put-back", path.stem).exit_code == 1
