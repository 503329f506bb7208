"""Changing several sessions at once over HTTP, purging and repairing: each result is reported."""

import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository

from ..support.make import snapshot, started, write
from ..support.web import KEY, error, reply


def batch(client: FlaskClient, action: str, *session_ids: str, **more: Any) -> Any:
    """Act on several sessions."""
    given = {"session_ids": session_ids, "action": action, **more}
    return reply(client.post("/api/sessions/batch", json=given))


@pytest.mark.parametrize(
    ("action", "flag", "value"),
    [("archive", "archived", True), ("unarchive", "archived", False), ("pin", "pinned", True),
     ("unpin", "pinned", False)],
)  # fmt: skip
def test_flags_are_set_without_changing_the_time(
    action: str, flag: str, value: bool, sessions: SessionRepository, client: FlaskClient
) -> None:
    ids = [started(sessions, **{flag: not value}) for _ in range(3)]
    before = [sessions.summary(each) for each in ids]
    body = batch(client, action, *ids)
    assert body["ok"] is True
    assert [each["session_id"] for each in body["results"]] == ids
    assert all(each["ok"] and each["session"][flag] is value for each in body["results"])
    for old, session_id in zip(before, ids, strict=True):
        assert getattr(sessions.summary(session_id), flag) is value
        assert sessions.summary(session_id).updated_at == old.updated_at


def test_nothing_is_moved_if_the_project_does_not_exist(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    ids = [started(sessions), started(sessions)]
    project = sessions.projects.create("Atlas").project_id
    batch(client, "move", *ids, project_id=project)
    assert sessions.count(project_id=project) == 2
    files = snapshot(sessions)
    given = {"session_ids": ids, "action": "move", "project_id": "nobody"}
    assert error(client.post("/api/sessions/batch", json=given), 404) == "no project nobody"
    assert snapshot(sessions) == files
    assert batch(client, "move", *ids)["ok"]
    assert sessions.count(project_id=project) == 0


def test_deleted_sessions_are_restored_with_the_same_ids(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    ids = [started(sessions, title=f"{number} {KEY}") for number in range(3)]
    files = snapshot(sessions)
    deleted = batch(client, "delete", *ids)
    assert [each["session"] for each in deleted["results"]] == [None] * 3
    assert sessions.count(hidden=True) == 0
    restored = batch(client, "restore", *ids)
    assert restored["ok"]
    assert KEY not in str(restored)
    assert snapshot(sessions) == files


def test_one_failure_does_not_stop_the_others_and_is_reported(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    first, last = started(sessions), started(sessions)
    write(sessions, "broken", "{")
    body = batch(client, "pin", first, "nobody", "../etc/passwd", "broken", last, first)
    assert body["ok"] is False
    told = {each["session_id"]: (each["ok"], each.get("status")) for each in body["results"]}
    assert told == {
        first: (True, None),
        "nobody": (False, 404),
        "../etc/passwd": (False, 400),
        "broken": (False, 500),
        last: (True, None),
    }
    assert all(each["error"] for each in body["results"] if not each["ok"])
    assert str(sessions.config.state_dir) not in str(body)


def test_deleting_twice_is_reported_as_a_failure(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions)
    assert batch(client, "delete", session_id)["ok"]
    again = batch(client, "delete", session_id)
    assert (again["ok"], again["results"][0]["status"]) == (False, 404)


def test_an_agent_s_conversation_is_imported_before_it_is_changed(filled: FlaskClient) -> None:
    listed = reply(filled.get("/api/sessions?agent=1"))["sessions"]
    agents = [each["session_id"] for each in listed if each["is_cli_session"]][:2]
    results = batch(filled, "pin", *agents)["results"]
    assert [(each["session"]["session_id"], each["session"]["pinned"]) for each in results] == [
        (session_id, True) for session_id in agents
    ]
    own = [each["session_id"] for each in reply(filled.get("/api/sessions?agent=0"))["sessions"]]
    assert set(agents) <= set(own)


@pytest.mark.parametrize("action", ["archive", "pin", "move", "delete"])
def test_a_dry_run_changes_nothing_and_says_what_would_fail(
    action: str, sessions: SessionRepository, client: FlaskClient
) -> None:
    one = started(sessions)
    files = snapshot(sessions)
    body = batch(client, action, one, "nobody", dry_run=True)
    assert body["ok"] is False
    assert [(each["session_id"], each["ok"], each.get("status")) for each in body["results"]] == [
        (one, True, None),
        ("nobody", False, 404),
    ]
    assert body["results"][0]["session"]["session_id"] == one
    assert snapshot(sessions) == files


def undo(client: FlaskClient, body: Any) -> None:
    """Take a batch back with the steps of its answer."""
    for step in body["undo"]:
        assert reply(client.post("/api/sessions/batch", json=step))["ok"]


def arranged(sessions: SessionRepository) -> dict[str, Any]:
    """Return what batches change of each session."""
    listed = sessions.list(hidden=True)
    return {each.session_id: (each.pinned, each.archived, each.project_id, each.tags) for each in listed}


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("pin", {}), ("unpin", {}), ("archive", {}), ("unarchive", {}), ("move", {"project_id": "Borealis"}),
        ("move", {}), ("tag", {"tags": ["work", "new"]}), ("untag", {"tags": ["Work", "home"]}),
        ("delete", {}),
    ],
)  # fmt: skip
def test_undo_brings_back_what_each_session_had(
    action: str, more: dict[str, Any], sessions: SessionRepository, client: FlaskClient
) -> None:
    projects = {name: sessions.projects.create(name).project_id for name in ("Atlas", "Borealis")}
    kinds: list[dict[str, Any]] = [{"pinned": True}, {"archived": True}]
    kinds += [{"project_id": each} for each in projects.values()]
    ids = [started(sessions, **kind) for kind in kinds]
    for session_id, tags in zip(ids, (["work"], ["home", "work"], [], ["other"]), strict=True):
        sessions.tag(session_id, *tags)
    before = arranged(sessions)
    given = {"project_id": projects[more["project_id"]]} if "project_id" in more else more
    body = batch(client, action, *ids, **given)
    assert body["ok"]
    assert arranged(sessions) != before
    undo(client, body)
    assert arranged(sessions) == before


@pytest.mark.parametrize(("action", "more"), [("archive", {}), ("move", {"project_id": "Cassini"})])
def test_undo_takes_imports_away_that_nobody_changed_since(
    action: str, more: dict[str, Any], filled: FlaskClient
) -> None:
    full: SessionRepository = filled.application.extensions["hermes_sessions"]

    def listed(agent: int) -> dict[str, Any]:
        found = reply(filled.get(f"/api/sessions?agent={agent}"))["sessions"]
        return {each["session_id"]: each for each in found}

    projects = {name: full.projects.create(name).project_id for name in ("Cassini", "Borealis")}
    before, files = listed(1), snapshot(full)
    agents = [session_id for session_id, each in before.items() if each["is_cli_session"]]
    given = {"project_id": projects[more["project_id"]]} if more else {}
    undo(filled, batch(filled, action, *agents, **given))
    assert snapshot(full) == files
    assert listed(1) == before
    body = batch(filled, action, *agents, **given)
    full.update(agents[0], project_id=projects["Borealis"], title="Changed since")
    undo(filled, body)
    assert set(listed(0)) - set(before) == set()
    assert full.summary(agents[0]).title == "Changed since"
    assert set(snapshot(full)) - set(files) == {f"{agents[0]}.json"}


def test_undo_of_removing_a_masked_tag(sessions: SessionRepository, client: FlaskClient) -> None:
    secret = "token sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
    one = started(sessions)
    sessions.tag(one, "first", secret, "last")
    before = arranged(sessions)
    (shown,) = (each["name"] for each in reply(client.get("/api/tags"))["tags"] if "token" in each["name"])
    assert shown != secret
    body = batch(client, "untag", one, tags=[shown])
    assert secret not in str(body)
    undo(client, body)
    assert arranged(sessions) == before
    reply(client.post("/api/tags/remove", json={"name": shown}))
    reply(client.post("/api/tags/restore", json={"name": shown}))
    assert arranged(sessions) == before
    gone = client.post("/places/tags/delete", data={"name": shown})
    assert secret not in gone.headers["Location"]
    client.post("/places/tags/restore", data={"name": shown})
    assert arranged(sessions) == before


def test_undo_is_only_about_those_that_changed(sessions: SessionRepository, client: FlaskClient) -> None:
    changed, already = started(sessions), started(sessions, archived=True)
    body = batch(client, "archive", changed, already, "nobody")
    steps = [(step["action"], step["session_ids"]) for step in body["undo"]]
    assert steps == [("unarchive", [changed])]
    assert batch(client, "archive", changed, dry_run=True)["undo"] == []


def test_a_batch_takes_the_query_of_a_list(sessions: SessionRepository, client: FlaskClient) -> None:
    project = sessions.projects.create("Atlas").project_id
    inside = {started(sessions, title=f"plan {number}", project_id=project) for number in range(3)}
    other = started(sessions, title="plan 4")
    sessions.complete_search()

    def chosen(**given: Any) -> set[str]:
        body = reply(client.post("/api/sessions/batch", json={"action": "pin", **given}))
        return {each["session_id"] for each in body["results"] if each["ok"]}

    assert chosen(in_project=project, dry_run=True) == inside
    assert chosen(q="plan", dry_run=True) == inside | {other}
    assert sessions.count(pinned=True) == 0
    assert chosen(q="plan", in_project=project) == inside
    assert sessions.count(pinned=True) == 3
    for wrong in ({}, {"session_ids": [other], "q": "plan"}):
        error(client.post("/api/sessions/batch", json={"action": "pin", **wrong}), 400)


def test_a_query_changes_at_most_500_at_once(
    sessions: SessionRepository, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.api.batch.MOST_SESSIONS", 2)
    ids = [started(sessions) for _ in range(3)]
    given = {"action": "pin", "archived": False}
    assert "at most 2; these are 3" in error(client.post("/api/sessions/batch", json=given), 400)
    dry = reply(client.post("/api/sessions/batch", json={**given, "dry_run": True}))
    assert {each["session_id"] for each in dry["results"]} == set(ids)


# ---- the selection of the pages ---------------------------------------------------------------------------


def test_the_selection_is_all_that_the_list_shows(filled: FlaskClient) -> None:
    for query in ("", "?source=cli", "?archived=all&q=the"):
        page = reply(filled.get(f"/selection{query}"))
        sidebar = filled.get(f"/sidebar?{query[1:]}&limit=200").text
        listed = re.findall(r'data-id="([^"]+)"', sidebar)
        assert [each["session_id"] for each in page["sessions"]] == listed
    assert any(each["held"] for each in reply(filled.get("/selection"))["sessions"])
    assert filled.get("/selection?source=nowhere").status_code == 400


def test_what_the_script_knows_of_a_selection_is_masked(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    sessions.tag(started(sessions, model=KEY), KEY)
    assert reply(client.get("/selection"))["sessions"][0]["tags"] == ["sk-abc...wxyz"]
    assert KEY not in client.get("/").text


def test_conversations_are_exported_as_an_archive(sessions: SessionRepository, client: FlaskClient) -> None:
    first, second = started(sessions, title=f"Trip {KEY}"), started(sessions, title="Plan")
    write(sessions, "broken", "{")
    answer = client.post("/export.zip", data={"session_ids": f"{first} nobody {second} broken {first}"})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    names = archive.namelist()
    assert names[0].endswith(f"-{first}.md")
    assert names[1].endswith(f"-{second}.md")
    assert names[2:] == ["not-exported.txt"]
    texts = [archive.read(name).decode() for name in names]
    assert "Plan" in texts[1]
    assert {line.split(":")[0] for line in texts[2].splitlines()} == {"nobody", "broken"}
    assert KEY not in str(names) + str(texts)
    assert str(sessions.config.state_dir) not in texts[2]
    assert client.post("/export.zip", data={}).status_code == 400


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"session_ids": ["a"], "action": "restore", "dry_run": True}, "dry_run is not for restore"),
        ({}, "action is missing"),
        ({"action": "pin"}, "session_ids is missing"),
        ({"session_ids": [], "action": "pin"}, "session_ids must be a non-empty list of names"),
        ({"session_ids": "a", "action": "pin"}, "session_ids must be a non-empty list of names"),
        ({"session_ids": ["a", 1], "action": "pin"}, "session_ids must be a non-empty list of names"),
        ({"session_ids": ["a"] * 501, "action": "pin"}, "session_ids must be at most 500"),
        ({"session_ids": ["a"]}, "action is missing"),
        ({"session_ids": ["a"], "action": "purge"}, "action must be one of"),
        ({"session_ids": ["a"], "action": "move", "project_id": 1}, "project_id must be text"),
    ],
)
def test_an_invalid_batch_is_refused_as_a_whole(
    given: dict[str, Any], words: str, client: FlaskClient
) -> None:
    assert words in error(client.post("/api/sessions/batch", json=given), 400)


# ---- the trash, and mending -----------------------------------------------------------------------------


def test_purging_one_session_deletes_all_its_versions(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    for _ in range(2):
        write(sessions, "twice", '{"session_id": "twice", "messages": []}')
        sessions.delete("twice")
    other = started(sessions)
    sessions.delete(other)
    assert reply(client.post("/api/trash/purge", json={"session_id": "twice"})) == {"ok": True, "purged": 2}
    assert [each.session_id for each in sessions.trash()] == [other]
    error(client.post("/api/trash/purge", json={"session_id": "twice"}), 404)
    error(client.post("/api/trash/purge", json={"session_id": "../../x"}), 400)


def test_the_trash_is_listed_in_pages(sessions: SessionRepository, client: FlaskClient) -> None:
    for session_id in ("one", "twice", "three", "twice"):
        write(sessions, session_id, '{"messages": []}')
        sessions.delete(session_id)
    whole = reply(client.get("/api/trash"))
    assert [each["session_id"] for each in whole.pop("trash")] == ["twice", "three", "twice", "one"]
    assert whole == {}
    first = reply(client.get("/api/trash?limit=2"))
    assert [each["session_id"] for each in first["trash"]] == ["twice", "twice", "three"]
    assert first["total"] == 3
    last = reply(client.get(f"/api/trash?limit=2&cursor={first['next_cursor']}"))
    assert ([each["session_id"] for each in last["trash"]], last["next_cursor"]) == (["one"], None)
    error(client.get("/api/trash?cursor=nowhere"), 400)


@pytest.mark.parametrize(
    "given", [{}, {"all": False}, {"all": True, "session_id": "s"}, {"session_id": None}]
)
def test_purge_requires_an_id_or_all(
    given: dict[str, Any], sessions: SessionRepository, client: FlaskClient
) -> None:
    sessions.delete(started(sessions))
    words = error(client.post("/api/trash/purge", json=given), 400)
    assert words == "send either session_id, or all: true"
    assert len(sessions.trash()) == 1
    assert reply(client.post("/api/trash/purge", json={"all": True})) == {"ok": True, "purged": 1}
    assert sessions.trash() == []


def test_repair_changes_something_only_with_apply(may: Path, filled: FlaskClient) -> None:
    debris = may / "webui/sessions/x.json.tmp.1.1"
    debris.write_text("half")
    os.utime(debris, (0, 0))
    told = reply(filled.post("/api/repair", json={}))
    assert (told["applied"], told["mended"]) == (False, 0)
    assert any("x.json.tmp.1.1" in each["meaning"] for each in told["findings"])
    assert debris.exists()
    done = reply(filled.post("/api/repair", json={"apply": True}))
    assert (done["applied"], done["mended"]) == (True, len(told["findings"]))
    assert not any("x.json.tmp.1.1" in each["meaning"] for each in done["findings"])
    assert not debris.exists()
    assert str(may) not in str(told) + str(done)
