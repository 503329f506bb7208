"""The trash, interrupted turns and findings over HTTP and on the pages."""

import json
import os
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.finding_words import FINDING_WORDS, Mending
from hermes_sessions.findings import FindingKind
from webapp.pages.health import MENDERS

from ..support.make import started, turns, write_document
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


@pytest.mark.parametrize("kind", FindingKind)
def test_every_kind_of_finding_has_words_of_its_own(kind: FindingKind) -> None:
    words = FINDING_WORDS[kind]
    texts = f"{words.title} {words.explanation}"
    assert words.title != kind
    assert not words.title.endswith(".")
    assert words.explanation.endswith(".")
    assert not re.search(r"hermes-sessions|sqlite3|`|--", texts), "commands stand in the remedy"
    assert [each.title for each in FINDING_WORDS.values()].count(words.title) == 1
    assert bool(words.act) == (words.mending in MENDERS)
    if kind.is_repairable:
        assert words.mending is Mending.AUTOMATIC


def buttons(page: str) -> list[dict[str, str]]:
    """Return what the buttons that mend a finding would send."""
    form = (
        r'<form method="post" action="/check/mend">\s*<input type="hidden" name="session_id" value="([^"]*)">'
        r'.*?<button name="mending" value="([^"]*)">([^<]*)'
    )
    found = re.findall(form, page, re.DOTALL)
    return [
        {"session_id": session_id, "mending": mending, "words": words} for session_id, mending, words in found
    ]


def interrupted(sessions: SessionRepository, session_id: str) -> None:
    waiting = {"active_stream_id": "gone", "pending_user_message": "Hello?", "pending_started_at": 1e9}
    write_document(sessions, session_id, title="<b>Rent</b>", messages=turns(2), **waiting)


def shortened(sessions: SessionRepository, session_id: str) -> None:
    write_document(sessions, session_id, title="Long", messages=turns(6))
    sessions.sync()
    OpenSession(sessions.config.sessions_dir / f"{session_id}.json").save(messages=turns(2))


def in_no_project(sessions: SessionRepository, session_id: str) -> None:
    write_document(sessions, session_id, title="Lost", messages=turns(2), project_id="0123456789ab")


def overwritten(sessions: SessionRepository, session_id: str) -> None:
    write_document(sessions, session_id, title="Theirs", messages=turns(2))
    sessions.sync()
    theirs = OpenSession(sessions.config.sessions_dir / f"{session_id}.json")
    sessions.update(session_id, title="Mine")
    theirs.save()


def came_back(sessions: SessionRepository, session_id: str) -> None:
    write_document(sessions, session_id, title="Came back", messages=turns(2))
    sessions.sync()
    theirs = OpenSession(sessions.config.sessions_dir / f"{session_id}.json")
    sessions.delete(session_id)
    theirs.save(messages=turns(4))


MENDED: list[tuple[Callable[[SessionRepository, str], None], str, str]] = [
    (interrupted, "Stop waiting", "Interrupted turn closed."),
    (shortened, "Restore", "Restored with all its messages. The shorter version is in the trash."),
    (in_no_project, "Move out of the project", "Moved out of the project."),
    (overwritten, "Put back", "Put back."),
    (came_back, "Delete again", "Moved to the trash again."),
]


@pytest.mark.parametrize(("harm", "label", "outcome"), MENDED)
def test_a_button_mends_a_finding_and_says_so(
    harm: Callable[[SessionRepository, str], None],
    label: str,
    outcome: str,
    sessions: SessionRepository,
    client: FlaskClient,
) -> None:
    harm(sessions, "s1")
    sessions.sync()
    page = client.get("/check").text
    check_inert(page)
    assert "1 problem found." in page
    (button,) = buttons(page)
    assert (button["words"], button["session_id"]) == (label, "s1")
    title = re.search(r'<a href="/session/s1">([^<]+)</a>', page[page.index("<h1>Health") :])
    assert title
    assert title[1] in ("&lt;b&gt;Rent&lt;/b&gt;", "Long", "Lost", "Theirs", "Came back"), (
        "its title, as a link"
    )
    main = re.sub(
        r'<details class="terminal">.*?</details>', "", page[page.index("<h1>Health") :], flags=re.DOTALL
    )
    assert "hermes-sessions" not in main, "commands are folded"
    after = client.post("/check/mend", data=button, follow_redirects=True).text
    assert outcome in after
    assert "No problem found." in after
    assert buttons(after) == []


def test_a_damaged_file_that_was_never_listed_has_a_name(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    folder = sessions.config.sessions_dir
    write_document(sessions, "untitled", title="", messages=turns(2), project_id="0123456789ab")
    (folder / "never.json").write_text("{")
    sessions.sync()
    names = {"untitled": "Untitled", "never": "never.json"}
    assert {each.session_id: each.name for each in sessions.check()} == names
    assert {each.session_id: each.name for each in sessions.repair(apply=True).left} == names
    answer = reply(client.get("/api/check"))["findings"]
    assert {each["session_id"]: each["name"] for each in answer} == names
    page = client.get("/check").text
    check_inert(page)
    assert '<p class="item-name" dir="auto">never.json</p>' in page, "no page to open"
    assert '<a href="/session/untitled">Untitled</a>' in page
    for text in (page, json.dumps(answer)):
        assert str(sessions.config.hermes_home) not in text


def test_two_lost_fields_of_a_conversation_are_one_entry(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write_document(sessions, "s1", title="Theirs", messages=turns(2))
    sessions.sync()
    theirs = OpenSession(sessions.config.sessions_dir / "s1.json")
    sessions.update("s1", title="Mine", pinned=True)
    theirs.save()
    sessions.sync()
    assert len(sessions.check()) == 2, "who asks for findings gets each field"
    page = client.get("/check").text
    assert "1 problem found." in page
    (button,) = buttons(page)
    both = re.search(r"<p[^>]*>([^<]*were overwritten by another program\.)</p>", page)
    assert both
    assert "your pin" in both[1].lower()
    assert "your title &#34;Mine&#34;" in both[1].lower().replace("mine", "Mine")
    beside = re.search(
        r'<div class="note warning lost" role="alert">(.*?)<form', client.get("/session/s1").text, re.DOTALL
    )
    assert beside
    assert beside[1].strip() == f"<p>{both[1]}</p>"
    after = client.post("/check/mend", data=button, follow_redirects=True).text
    assert "No problem found." in after
    assert sessions.summary("s1").pinned
    assert sessions.summary("s1").title == "Mine"


def test_the_list_leads_to_the_conversation_whose_change_was_overwritten(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    overwritten(sessions, "s1")
    page = client.get("/").text
    check_inert(page)
    (note,) = re.findall(r'<div class="note warning" role="alert">(.*?)</div>', page)
    assert note == (
        '<p><a href="/session/s1" dir="auto">Theirs</a>: your title &#34;Mine&#34; was overwritten by '
        "another program. Open it to put it back.</p>"
    )
    assert reply(client.get("/selection"))["warnings"] == [], "the list says it"
    (warning,) = reply(client.get("/api/sessions"))["warnings"]
    assert "hermes-sessions put-back s1" in warning


def test_the_list_counts_changes_that_were_overwritten_and_leads_to_all_of_them(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    ids = ["s1", "s2", "s3", "s4"]
    for session_id in ids:
        overwritten(sessions, session_id)
    for path in ("/", "/sidebar", "/usage"):
        (note,) = re.findall(r'<div class="note warning" role="alert">(.*?)</div>', client.get(path).text)
        assert note == (
            "<p>Another program has overwritten your changes to 4 conversations. "
            '<a href="/check">See all of them</a></p>'
        )
    page = client.get("/check").text
    assert "4 problems found." in page
    assert [each["session_id"] for each in buttons(page)] == ids[::-1]
    warnings = reply(client.get("/api/sessions"))["warnings"]
    assert len(warnings) == 4, "who asks for them gets the latest three, and how many more there are"


def files_below(folder: Path) -> dict[str, dict[str, Any]]:
    return {str(path.relative_to(folder)): json.loads(path.read_bytes()) for path in folder.rglob("*.json")}


@pytest.mark.parametrize("harm", [harm for harm, _, _ in MENDED])
def test_what_a_button_did_is_undone_on_the_same_page(
    harm: Callable[[SessionRepository, str], None], sessions: SessionRepository, client: FlaskClient
) -> None:
    harm(sessions, "s1")
    sessions.sync()
    before = files_below(sessions.config.state_dir)
    (button,) = buttons(client.get("/check").text)
    after = client.post("/check/mend", data=button | {"deep": "1"}, follow_redirects=True).text
    assert files_below(sessions.config.state_dir) != before
    (form,) = re.findall(r'<form method="post" action="/check/undo">(.*?)</form>', after)
    fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', form))
    undone = client.post("/check/undo", data=fields)
    assert undone.location == "/check?deep=1&done=undo"
    page = client.get(undone.location).text
    assert "Undone." in page
    assert buttons(page) == [button], "the finding is there again"
    now = files_below(sessions.config.state_dir)
    assert now == {name: {**now[name], **had} for name, had in before.items()}, (
        "but for facts left out before"
    )


def test_a_deletion_that_is_undone_leaves_undecided_what_had_come_back(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    came_back(sessions, "s1")
    sessions.sync()
    assert "Delete again" in client.get("/session/s1").text
    done = client.post("/session/s1/put-back", follow_redirects=True).text
    (form,) = re.findall(r'<form method="post" action="(/trash/s1/restore)">(<button.*?)</form>', done)
    assert 'name="undoing" value="1"' in form[1]
    assert "Delete again" in client.post(form[0], data={"undoing": "1"}, follow_redirects=True).text
    step = {"session_ids": ["s1"], "action": "delete"}
    for undo in reply(client.post("/api/sessions/batch", json=step))["undo"]:
        reply(client.post("/api/sessions/batch", json=undo))
    assert [each.field for each in sessions.lost.list()] == ["deleted"]
    client.post("/session/s1/delete")
    client.post("/trash/s1/restore")
    assert sessions.lost.list() == [], "whoever restores it from the trash decides to keep it"


def test_the_notice_of_a_repair_counts_what_the_page_counts(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write_document(sessions, "counted", title="Counted", messages=turns(2), message_count=7)
    interrupted(sessions, "waiting")
    sessions.sync()
    page = client.post("/check/repair", follow_redirects=True).text
    assert "Mended by itself" in page, "the next change of the file corrects its number"
    assert "Nothing to repair, 1 left: interrupted turn." in page
    assert "1 problem found." in page


def test_a_finding_names_its_conversation_while_its_file_cannot_be_read(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    interrupted(sessions, "s1")
    sessions.sync()
    (sessions.config.sessions_dir / "s1.json").write_text("{")
    waiting = [each for each in sessions.check() if each.kind is FindingKind.INTERRUPTED_TURN]
    assert [each.title for each in waiting] == ["<b>Rent</b>"]
    page = client.get("/check").text
    part = page[page.index("A message waits") :]
    assert '<a href="/session/s1">&lt;b&gt;Rent&lt;/b&gt;</a>' in part


def test_mending_what_is_no_longer_wrong_says_that_nothing_was_done(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions)
    form = {"session_id": session_id, "mending": "recover"}
    after = client.post("/check/mend", data=form, follow_redirects=True).text
    assert "Nothing was done: no message waits for an answer any more." in after
    assert client.post("/check/mend", data={**form, "mending": "put_back"}).status_code == 404
    assert client.post("/check/mend", data={**form, "mending": "automatic"}).status_code == 400


def test_a_healthy_home_says_what_was_looked_at_and_folds_what_mends_itself(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions)
    page = client.get("/check").text
    assert "All is well." not in page
    assert "No problem found. Not every file and database was read to its end." in page
    assert ": 1 conversation, whether the list agrees with the names, sizes and times of the files" in page
    assert "what lists read of each database, backups" in page
    assert "All is well." in client.get("/check?deep=1").text
    (sessions.config.sessions_dir / f"{session_id}.json.tmp.1.1").write_text("{")
    os.utime(sessions.config.sessions_dir / f"{session_id}.json.tmp.1.1", (1e9, 1e9))
    page = client.get("/check").text
    assert "No problem found." in page
    assert re.search(r'<details class="folded">\s*<summary>Mended by itself <span class="count">1<', page)
    assert "1 repaired, nothing left." in client.post("/check/repair", follow_redirects=True).text


# ---- the pages of the trash -----------------------------------------------------------------------------


def put_in_trash(sessions: SessionRepository, count: int) -> None:
    """Put sessions s000, s001 and so on into the trash, the last one latest."""
    trash = sessions.config.trash_dir
    trash.mkdir(exist_ok=True)
    for number in range(count):
        text = json.dumps({"session_id": f"s{number:03}", "title": f"Rent {number}", "messages": []})
        (trash / f"s{number:03}.{time.time_ns() - (count - number) * 10**9}.deleted.json").write_text(text)
    sessions.sync()


def rows(page: str) -> list[str]:
    return re.findall(r'<input type="checkbox" name="id" value="([^"]*)"', page)


def test_the_trash_is_paged_and_found_by_title(sessions: SessionRepository, client: FlaskClient) -> None:
    put_in_trash(sessions, 120)
    seen, path = list[str](), "/trash"
    while path:
        page = client.get(path).text
        assert "120 conversations." in page
        seen += rows(page)
        older = re.search(r'href="([^"]*)">Older<', page)
        path = older[1].replace("&amp;", "&") if older else ""
        if len(seen) == 50:
            sessions.erase(seen[-1])  # a cursor is a place, not a row
            text = json.dumps({"title": "Rent", "messages": []})
            (sessions.config.trash_dir / f"again.{time.time_ns()}.deleted.json").write_text(text)
    assert seen == [f"s{number:03}" for number in reversed(range(120))]
    page = client.get("/trash?find=117 RENT").text
    assert rows(page) == ["s117"]
    assert "Nothing in the trash has these words" in client.get("/trash?find=nobody").text
    assert client.get("/trash?cursor=x").status_code == 400


def test_several_are_restored_and_deleted_permanently_after_a_question(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    put_in_trash(sessions, 6)
    act = "/trash/selected"
    restored = client.post(act, data={"id": ["s001", "s004", "nobody"], "act": "restore"}).text
    check_inert(restored)
    assert "2 conversations restored." in restored
    assert "Nothing to restore for session nobody" in restored, "what was not done is said too"
    assert sorted(each.session_id for each in sessions.list()) == ["s001", "s004"]
    undo = re.findall(r'<input type="hidden" name="id" value="([^"]*)">', restored)
    assert "2 conversations moved to the trash." in client.post(act, data={"id": undo, "act": "delete"}).text
    assert sessions.trashed().total == 6
    question = client.post(act, data={"id": ["s001", "s002", "s003"], "act": "ask"}).text
    assert "Delete 3 conversations permanently?" in question
    assert "You cannot undo this." in question
    assert sessions.trashed().total == 6, "the question deletes nothing"
    done = client.post(act, data={"id": ["s001", "s002", "s003"], "act": "erase"}).text
    assert "3 conversations deleted permanently." in done
    assert ">Undo<" not in done
    assert sorted(each.session_id for each in sessions.trashed()) == ["s000", "s004", "s005"]
    assert "select conversations first" in client.post(act, data={"act": "erase"}).text
    assert client.post(act, data={"id": "s000", "act": "x"}).status_code == 400
    assert client.get(act).location == "/trash"
    assert len(re.findall(r'form="selected" checked', client.get("/trash?select=all").text)) == 3


def test_a_restored_conversation_can_be_put_back_into_the_trash(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    put_in_trash(sessions, 1)
    page = client.post("/trash/s000/restore", follow_redirects=True).text
    (again,) = re.findall(
        r'<input type="hidden" name="id" value="([^"]*)"><button name="act" value="delete">Undo', page
    )
    client.post("/trash/selected", data={"id": again, "act": "delete"})
    assert [each.session_id for each in sessions.trashed()] == ["s000"]


def test_a_chain_of_the_agent_is_one_entry_of_the_trash(may: Path) -> None:
    with SessionRepository.open(hermes_home=may) as sessions:
        chain = next(
            each for each in sessions.list(agent="only") if len(sessions.segments(each.session_id)) > 1
        )
        segments = sessions.segments(chain.session_id)
        sessions.delete(chain.session_id)
        other = next(each for each in segments if each != chain.session_id)
        text = json.dumps({"title": "an earlier copy", "messages": []})
        (sessions.config.trash_dir / f"{other}.{time.time_ns()}.replaced.json").write_text(text)
        (entry,) = sessions.trashed()
        assert (entry.session_id, len(entry.versions)) == (chain.session_id, 2)
        assert sessions.erase_many([chain.session_id]).done == (chain.session_id,)
        assert sessions.trashed().total == 0
