"""The trash, interrupted turns and findings over HTTP and on the pages."""

import re
import uuid
from pathlib import Path

from flask.testing import FlaskClient

from hermes_sessions import SessionRepository

from ..support.make import started, turns
from ..support.web import KEY, check_inert, error, reply
from ..support.web_ui import OpenSession


def test_the_trash_is_listed_masked_and_restored(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions, 3, title=f"key {KEY}")
    reply(client.post("/api/session/delete", json={"session_id": session_id}))
    (kept,) = reply(client.get("/api/trash"))["trash"]
    assert (kept["session_id"], kept["message_count"], kept["why"]) == (session_id, 3, "deleted")
    assert KEY not in kept["title"]
    restored = reply(client.post("/api/session/restore", json={"session_id": session_id}))
    assert restored["session"]["message_count"] == 3
    assert reply(client.get("/api/trash")) == {"trash": []}
    error(client.post("/api/session/restore", json={"session_id": session_id}), 404)


def test_restore_does_not_overwrite_an_existing_session(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, 3)
    path = sessions.config.sessions_dir / f"{session_id}.json"
    text = path.read_bytes()
    sessions.delete(session_id)
    path.write_bytes(text)
    assert session_id in error(client.post("/api/session/restore", json={"session_id": session_id}), 409)


def test_recover_closes_an_interrupted_turn(filled: FlaskClient) -> None:
    answer = reply(filled.post("/api/session/recover", json={"session_id": "6e9160d23644"}))
    assert (answer["recovered"], answer["session"]["message_count"]) == (True, 2)
    again = reply(filled.post("/api/session/recover", json={"session_id": "6e9160d23644"}))
    assert (again["recovered"], again["session"]) == (False, None)
    error(filled.post("/api/session/recover", json={"session_id": "nobody"}), 404)


def test_findings_reveal_no_path_of_the_server(may: Path, filled: FlaskClient) -> None:
    (may / "webui/sessions/broken.json").write_text("{")
    filled.get("/api/sessions")
    findings = reply(filled.get("/api/check?deep=1"))["findings"]
    assert {"unreadable file", "interrupted turn"} <= {each["kind"] for each in findings}
    assert str(may) not in str(findings)


def test_the_recovery_audit_counts_what_can_be_repaired(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    kept, shortened = started(sessions, 3), started(sessions, 4)
    audit = reply(client.get("/api/session/recovery/audit"))
    nothing = {"ok": 2, "repairable": 0, "unsafe_to_repair": 0}
    assert audit == {"status": "ok", "summary": nothing, "items": []}
    sessions.truncate(shortened, 2)
    audit = reply(client.get("/api/session/recovery/audit"))
    assert audit == {"status": "ok", "summary": nothing, "items": []}, "it was shortened on purpose"
    assert reply(client.post("/api/session/recovery/repair-safe", json={}))["clean"] is True
    (sessions.config.sessions_dir / f"{kept}.json").write_text("{")
    sessions.sync()
    audit = reply(client.get("/api/session/recovery/audit"))
    (item,) = (each for each in audit["items"] if each["session_id"] == kept)
    assert (audit["status"], item["category"]) == ("needs_manual_review", "unsafe_to_repair")
    assert item.keys() == {
        *("session_id", "kind", "category", "recommendation", "live_messages", "bak_messages"),
    }


def test_the_recovery_audit_names_what_the_web_ui_lost_and_not_what_it_shortened(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    lost, undone = started(sessions, 4), started(sessions, 4)
    paths = {name: sessions.config.sessions_dir / f"{name}.json" for name in (lost, undone)}
    OpenSession(paths[lost]).save(messages=turns(2))
    OpenSession(paths[undone]).save(messages=turns(2), intentional_shrink_generation=uuid.uuid4().hex)
    sessions.sync()
    audit = reply(client.get("/api/session/recovery/audit"))
    assert [(each["session_id"], each["kind"]) for each in audit["items"]] == [(lost, "shrunken_live")]
    notes = {each.session_id: each.note for each in sessions.check() if each.kind == "backup has more"}
    assert notes == {lost: False, undone: True}


def test_restore_on_the_trash_page(sessions: SessionRepository, client: FlaskClient) -> None:
    assert "The trash is empty" in client.get("/trash").text
    session_id = started(sessions, 3, title="<b>Rent</b>")
    client.post(f"/session/{session_id}/delete")
    page = client.get("/trash").text
    check_inert(page)
    assert "&lt;b&gt;Rent&lt;/b&gt;" in page
    answer = client.post(f"/trash/{session_id}/restore", follow_redirects=True)
    assert "Restored." in answer.text
    assert "The trash is empty" in client.get("/trash").text


def test_an_interrupted_session_says_so_and_has_a_button(filled: FlaskClient) -> None:
    assert "Interrupted" in filled.get("/").text
    page = filled.get("/session/6e9160d23644").text
    assert "Stop waiting" in page
    shown = re.search(r'data-seen="([^"]*)"', page)
    assert shown
    form = {"seen": shown[1]}
    after = filled.post("/session/6e9160d23644/recover", data=form, follow_redirects=True).text
    assert "Previous turn did not complete" in after
    assert "Stop waiting" not in after
