"""The JSON API through its WSGI interface: every route and every error."""

import itertools
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hermes_sessions import Filters, SessionRepository
from hermes_sessions.errors import (
    Conflict,
    InvalidId,
    InvalidValue,
    NewerDatabase,
    NotFound,
    ReadOnly,
    SessionsError,
    StorageError,
    Unreadable,
)
from hermes_sessions.index import Freshness, lists
from webapp.api import encoding
from webapp.api.filters import FilterArguments
from webapp.api.openapi import document

from ..interop.test_samples import expected
from ..support.make import folder_of, message, snapshot, started, turns, write, write_document
from ..support.web import KEY, POSTS, error, reply, settings

# ---- reading --------------------------------------------------------------------------------------------


def test_the_list_equals_the_web_uis_in_fields_and_order(reader: FlaskClient) -> None:
    body = reply(reader.get("/api/sessions"))

    assert body["sessions"] == expected("may", "all_sessions")
    assert body["cli_count"] == sum(entry["is_cli_session"] for entry in body["sessions"])
    assert body["total"] == 47
    assert body["next_cursor"] is None
    assert body["warnings"] == []
    assert isinstance(body["server_time"], float)
    assert re.fullmatch(r"[+-]\d{4}", body["server_tz"])


def test_all_pages_together_are_the_whole_list(reader: FlaskClient) -> None:
    whole = reply(reader.get("/api/sessions"))["sessions"]
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = reply(reader.get("/api/sessions", query_string={"limit": 10, "cursor": cursor}))
        found += page["sessions"]
        cursor = page["next_cursor"]
    assert found == whole


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 47),
        ("hidden=1", 48),
        ("hidden=0", 47),
        ("archived=1", 5),
        ("archived=false", 42),
        ("profile=work", 14),
        ("profile=work&archived=0", 14),
        ("project_id=c7fdec99108d", 4),
        ("source=webui", 47),
        ("source=cli", 0),
        ("archived=&limit=", 47),
        ("pinned=1", 4),
        ("pinned=0", 43),
        ("model=gpt-5.4-mini", 15),
        ("interrupted=yes", 2),
        ("interrupted=no", 45),
        ("min_cost=0.5", 19),
        ("min_messages=3", 40),
        ("since=1777025183", 18),
        ("until=1777025183&model=gpt-5.4-mini&min_messages=3", 8),
        ("unknown=1", 47),
    ],
)
def test_the_list_is_filtered(reader: FlaskClient, query: str, count: int) -> None:
    body = reply(reader.get(f"/api/sessions?{query}"))
    assert (len(body["sessions"]), body["total"]) == (count, count)


def test_the_routes_take_all_filters_of_the_library() -> None:
    declared = {*FilterArguments.__annotations__, "agent"}

    assert declared == {field.name for field in fields(Filters)}
    for path in ("/api/sessions", "/api/sessions/search"):
        parameters = {each["name"] for each in document()["paths"][path]["get"]["parameters"]}
        assert declared <= parameters


@pytest.mark.parametrize("query", ["", "quarterly"])
def test_a_search_is_filtered(reader: FlaskClient, query: str) -> None:
    for filters, field, value in (
        ("pinned=1", "pinned", True),
        ("model=hermes-4-70b", "model", "hermes-4-70b"),
    ):
        body = reply(reader.get(f"/api/sessions/search?q={query}&{filters}"))
        assert all(hit[field] == value for hit in body["sessions"])
        assert bool(body["sessions"]) or query


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=١", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("cursor=nonsense", "cursor"),
        ("archived=maybe", "archived"),
        ("pinned=maybe", "pinned"),
        ("interrupted=2", "interrupted"),
        ("since=yesterday", "since"),
        ("until=nan", "until"),
        ("min_cost=-1", "min_cost"),
        ("min_messages=1.5", "min_messages"),
        ("source=mars", "source"),
        ("hidden=2", "hidden"),
    ],
)
def test_an_invalid_query_of_the_list_is_refused(reader: FlaskClient, query: str, named: str) -> None:
    assert named in error(reader.get(f"/api/sessions?{query}"), 400)


def test_agent_made_sessions_are_counted(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions, is_cli_session=True)
    started(sessions)
    assert reply(client.get("/api/sessions"))["cli_count"] == 1


def test_an_unreadable_file_is_named_in_a_warning(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions)
    write(sessions, "broken", "{")

    body = reply(client.get("/api/sessions"))
    assert len(body["sessions"]) == 1
    assert "broken.json cannot be read" in body["warnings"][0]
    assert "broken.json cannot be read" in client.get("/").text
    assert "broken.json" in error(client.get("/api/session?session_id=broken"), 500)
    page = client.get("/session/broken")
    assert page.status_code == 500
    assert "broken.json cannot be read" in page.text


# ---- the entity tag -------------------------------------------------------------------------------------


def test_an_unchanged_list_is_not_sent_again(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions)
    tag = client.get("/api/sessions").headers["ETag"]

    def status(path: str = "/api/sessions") -> int:
        return client.get(path, headers={"If-None-Match": tag}).status_code

    again = client.get("/api/sessions", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert status("/api/sessions?limit=5") == 200
    sessions.update(session_id, title="other")
    assert status() == 200


def test_the_etag_changes_when_another_program_writes_a_file(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    tag = client.get("/api/sessions").headers["ETag"]
    write_document(sessions, "foreign", title="From elsewhere", messages=turns(2))
    answer = client.get("/api/sessions", headers={"If-None-Match": tag})
    assert [entry["title"] for entry in reply(answer)["sessions"]] == ["From elsewhere"]


def test_the_etag_changes_with_the_settings(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions, title=f"Uses {KEY}")
    tag = client.get("/api/sessions").headers["ETag"]
    settings(sessions, '{"api_redact_enabled": false}')
    answer = client.get("/api/sessions", headers={"If-None-Match": tag})
    assert reply(answer)["sessions"][0]["title"] == f"Uses {KEY}"


def test_an_unchanged_list_is_not_read(
    sessions: SessionRepository, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(sessions)
    tag = client.get("/api/sessions").headers["ETag"]
    monkeypatch.setattr(lists, "read_entries", lambda *_: pytest.fail("the list was read"))
    assert client.get("/api/sessions", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("path", ["/api/sessions", "/sidebar", "/"])
@pytest.mark.parametrize("tagged", [False, True])
def test_a_list_asks_once_whether_the_index_is_current(
    sessions: SessionRepository,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    tagged: bool,
) -> None:
    started(sessions)
    tag = client.get(path).headers.get("ETag", "")
    asked, current = itertools.count(), Freshness.current
    monkeypatch.setattr(Freshness, "current", lambda self: current(self) if next(asked) < 9 else None)

    response = client.get(path, headers={"If-None-Match": tag} if tagged else {})

    assert response.status_code == (304 if tagged and tag else 200)
    assert next(asked) == 1


# ---- one session ----------------------------------------------------------------------------------------


def test_a_whole_session_is_its_sidecar(reader: FlaskClient, may: Path) -> None:
    for path in sorted((may / "webui/sessions").glob("[!_]*.json")):
        sidecar = json.loads(path.read_bytes())
        session = reply(reader.get(f"/api/session?session_id={path.stem}"))["session"]
        for key in (
            "session_id",
            "messages",
            "tool_calls",
            "title",
            "pending_attachments",
            "pending_started_at",
        ):
            assert session[key] == sidecar[key]
        assert session["message_count"] == len(sidecar["messages"])
        assert (session["_messages_truncated"], session["_messages_offset"]) == (False, 0)


def test_a_session_without_its_messages(reader: FlaskClient) -> None:
    session = reply(reader.get("/api/session?session_id=df8748bd091c&messages=0"))["session"]
    assert session["message_count"] == 98
    assert session["pending_attachments"] == session["messages"] == session["tool_calls"] == []
    assert (session["_messages_offset"], session["_messages_truncated"]) == (0, False)


def test_a_page_of_visible_messages(sessions: SessionRepository, client: FlaskClient) -> None:
    results = [{"role": "tool", "content": f"result {index}"} for index in range(5)]
    said = [message("a"), message("b", "assistant"), *results, message("c"), message("d", "assistant")]
    calls = [{"name": "terminal", "assistant_msg_idx": 1, "tid": "t"}]
    write_document(sessions, "tools", messages=said, tool_calls=calls)
    query = "/api/session?session_id=tools&resolve_model=0&msg_limit=3"
    shown = reply(client.get(f"{query}&expand_renderable=1"))["session"]
    assert shown["messages"] == said[1:]
    assert (shown["_messages_offset"], shown["_messages_truncated"], shown["message_count"]) == (1, True, 9)
    assert shown["tool_calls"] == [calls[0] | {"assistant_msg_idx": 0}]
    assert shown["_msg_limit_max"] == 500
    assert reply(client.get(query))["session"]["messages"] == said[-3:], "as the web UI of May asks"
    earlier = reply(client.get(f"{query}&expand_renderable=1&msg_before=1"))["session"]
    assert (earlier["messages"], earlier["tool_calls"]) == (said[:1], [])


def test_a_session_that_was_set_aside_names_the_one_that_continues_it(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write_document(sessions, "first", pre_compression_snapshot=True)
    write_document(sessions, "second", pre_compression_snapshot=True, parent_session_id="first")
    write_document(sessions, "third", parent_session_id="second")
    for query in ("messages=0", "messages=1", "msg_limit=1"):
        first = reply(client.get(f"/api/session?session_id=first&{query}"))["session"]
        assert first["continuation_session_id"] == "third"
        third = reply(client.get(f"/api/session?session_id=third&{query}"))["session"]
        assert "continuation_session_id" not in third


@pytest.mark.parametrize(
    ("query", "wanted", "offset"),
    [
        ("msg_limit=10", slice(88, 98), 88),
        ("msg_limit=1000", slice(0, 98), 0),
        ("msg_limit=10&msg_before=30", slice(20, 30), 20),
        ("msg_limit=10&msg_before=5", slice(0, 5), 0),
        ("msg_before=5", slice(0, 5), 0),
        ("msg_limit=10&msg_before=1000", slice(88, 98), 88),
        ("msg_limit=10&msg_before=0", slice(0, 0), 0),
        ("msg_limit=10&msg_before=-3", slice(0, 0), 0),
        ("msg_limit=many", slice(0, 98), 0),
        ("msg_limit=10&msg_before=1.5", slice(88, 98), 88),
        ("msg_limit=0", slice(97, 98), 97),
        ("msg_limit=-5", slice(97, 98), 97),
        (f"msg_limit={'9' * 5000}", slice(0, 98), 0),
    ],
)
def test_a_page_of_messages(reader: FlaskClient, may: Path, query: str, wanted: slice, offset: int) -> None:
    whole = json.loads((may / "webui/sessions/df8748bd091c.json").read_bytes())
    session = reply(reader.get(f"/api/session?session_id=df8748bd091c&{query}"))["session"]
    assert session["messages"] == whole["messages"][wanted]
    assert session["tool_calls"] == whole["tool_calls"]
    assert (session["_messages_offset"], session["_messages_truncated"]) == (offset, offset > 0)
    assert session["message_count"] == 98


def test_a_page_of_messages_decodes_no_other_messages(
    sessions: SessionRepository, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = started(sessions, 40)
    monkeypatch.setattr(sessions, "get", lambda _: pytest.fail("the whole session was decoded"))
    body = reply(client.get(f"/api/session?session_id={session_id}&msg_limit=2"))
    assert [each["content"] for each in body["session"]["messages"]] == ["message 38", "message 39"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 400, "session_id is missing"),
        ("session_id=", 400, "session_id is missing"),
        ("session_id=../secret", 400, "session_id"),
        ("session_id=" + "a" * 129, 400, "session_id"),
        ("session_id=a%00b", 400, "session_id"),
        ("session_id=nobody", 404, "no session nobody"),
        ("session_id=df8748bd091c&messages=some", 400, "messages"),
    ],
)
def test_an_invalid_query_of_a_session_is_refused(
    reader: FlaskClient, query: str, status: int, words: str
) -> None:
    assert words in error(reader.get(f"/api/session?{query}"), status)


def test_status_and_usage(reader: FlaskClient) -> None:
    status = reply(reader.get("/api/session/status?session_id=40da32ec6de1"))
    assert status["session_id"] == "40da32ec6de1"
    assert (status["title"], status["model"], status["profile"]) == ("Untitled", "hermes-4-70b", "default")
    assert (status["message_count"], status["agent_running"]) == (24, False)
    assert (status["hermes_home"], status["personality"]) == ("default", None)
    usage = reply(reader.get("/api/session/usage?session_id=40da32ec6de1"))
    assert (usage["input_tokens"], usage["output_tokens"]) == (131704, 35858)
    assert (usage["total_tokens"], usage["estimated_cost"]) == (131704 + 35858, 0.091272)
    shared = ("input_tokens", "output_tokens", "total_tokens", "estimated_cost")
    assert {name: status[name] for name in shared} == {name: usage[name] for name in shared}


def test_the_status_is_running_while_the_file_names_a_stream(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write_document(sessions, "busy", active_stream_id="s1", pending_user_message="do it", profile="work")
    status = reply(client.get("/api/session/status?session_id=busy"))
    assert (status["agent_running"], status["hermes_home"]) == (True, "work")


@pytest.mark.parametrize("path", ["/api/session/status", "/api/session/usage", "/api/session/export"])
def test_routes_of_one_session_refuse_unknown_and_invalid_ids(client: FlaskClient, path: str) -> None:
    error(client.get(path), 400)
    error(client.get(f"{path}?session_id=a/b"), 400)
    error(client.get(f"{path}?session_id=nobody"), 404)


def test_an_export_is_an_attachment_that_imports_again(filled: FlaskClient) -> None:
    response = filled.get("/api/session/export?session_id=df8748bd091c")
    disposition = response.headers["Content-Disposition"]
    assert disposition == "attachment; filename=hermes-df8748bd091c.json"
    exported = reply(response)
    imported = reply(filled.post("/api/session/import", json=exported))["session"]
    assert imported["session_id"] != "df8748bd091c"
    assert (imported["title"], imported["message_count"]) == (exported["title"], 98)
    assert "format" in error(filled.get("/api/session/export?session_id=df8748bd091c&format=exe"), 400)


def test_a_hit_has_its_match_as_plain_text_too(sessions: SessionRepository, client: FlaskClient) -> None:
    write_document(sessions, "s", title="Boats", messages=[message("the **quick** zebra"), message("zebra")])
    sessions.sync()
    sessions.complete_search()
    hit = reply(client.get("/api/sessions/search?q=zebra&content=1&depth=5"))["sessions"][0]
    assert (hit["match_type"], hit["match_preview"]) == ("content", hit["snippet"].strip("\x02\x03"))
    (titled,) = reply(client.get("/api/sessions/search?q=boats&depth=many"))["sessions"]
    assert titled["match_type"] == "title"
    assert "match_preview" not in titled
    early = reply(client.get("/api/sessions/search?q=quick&depth=-2"))
    assert (early["count"], early["query"]) == (1, "quick")
    assert "\x02" not in early["sessions"][0]["match_preview"]
    assert "quick zebra" in early["sessions"][0]["match_preview"].replace("*", "")


@pytest.mark.parametrize(
    ("stored", "shows_agents", "redacts"),
    [
        ("{}", False, True),
        ('{"show_cli_sessions": true, "api_redact_enabled": false, "theme": "dark"}', True, False),
        ('{"show_cli_sessions": "yes", "api_redact_enabled": null}', False, True),
        ("no JSON", False, True),
    ],
)
def test_the_settings_that_are_followed(
    sessions: SessionRepository, client: FlaskClient, stored: str, shows_agents: bool, redacts: bool
) -> None:
    settings(sessions, stored)
    expected = {"show_cli_sessions": shows_agents, "api_redact_enabled": redacts}
    assert reply(client.get("/api/settings")) == expected


def test_settings_are_changed_in_the_web_uis_file(sessions: SessionRepository, client: FlaskClient) -> None:
    path = sessions.config.state_dir / "settings.json"
    assert reply(client.post("/api/settings", json={"theme": "dark"})) == reply(client.get("/api/settings"))
    assert not path.exists(), "nothing that is followed here was sent"
    on = reply(client.post("/api/settings", json={"show_cli_sessions": True}))
    assert on == {"show_cli_sessions": True, "api_redact_enabled": True}
    path.write_text('{"password_hash": "x", "show_cli_sessions": true, "n": 1.0}')
    path.chmod(0o600)
    off = reply(client.post("/api/settings", json={"show_cli_sessions": False, "api_redact_enabled": False}))
    assert (
        off == reply(client.get("/api/settings")) == {"show_cli_sessions": False, "api_redact_enabled": False}
    )
    stored = json.loads(path.read_text())
    assert (stored["password_hash"], stored["n"], stored["api_redact_enabled"]) == ("x", 1.0, False)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "show_cli_sessions" in error(client.post("/api/settings", json={"show_cli_sessions": "yes"}), 400)
    path.write_text("no JSON")
    assert "settings.json" in error(client.post("/api/settings", json={"show_cli_sessions": True}), 500)
    assert path.read_text() == "no JSON"


def test_projects_are_listed(reader: FlaskClient) -> None:
    projects = reply(reader.get("/api/projects"))["projects"]
    assert [project["name"] for project in projects] == ["Atlas", "Kitchen", "Büro / 事務所"]
    assert projects[0].keys() == {"project_id", "name", "color", "created_at", "profile"}


def test_health(reader: FlaskClient) -> None:
    body = reply(reader.get("/health"))
    assert (body["status"], body["sessions"]) == ("ok", 47)
    assert body["uptime_seconds"] >= 0
    assert body["active_streams"] == 0


# ---- changing -------------------------------------------------------------------------------------------


def test_a_new_session_is_a_draft_until_it_has_a_message(
    sessions: SessionRepository, client: FlaskClient, tmp_path: Path
) -> None:
    body = {"workspace": str(tmp_path), "model": "m", "model_provider": " Some ", "profile": "work"}
    session = reply(client.post("/api/session/new", json=body))["session"]
    assert (session["title"], session["model"], session["model_provider"]) == ("Untitled", "m", "some")
    assert (session["workspace"], session["profile"]) == (str(tmp_path.resolve()), "work")
    assert session["messages"] == []
    assert not list(folder_of(sessions).iterdir())
    assert reply(client.get("/api/sessions"))["sessions"] == []
    assert reply(client.get(f"/api/session?session_id={session['session_id']}"))


def test_a_new_session_needs_nothing(client: FlaskClient) -> None:
    assert reply(client.post("/api/session/new"))["session"]["session_id"]


@pytest.mark.parametrize(
    ("title", "stored"),
    [
        ("  A name \n", "A name"),
        ("", "Untitled"),
        (" \t ", "Untitled"),
        ("x" * 200, "x" * 80),
        ("y" * 79 + "  z", "y" * 79),
        ("日本語の敬語チェック", "日本語の敬語チェック"),
    ],
)
def test_rename(sessions: SessionRepository, client: FlaskClient, title: str, stored: str) -> None:
    session_id = started(sessions)
    body = {"session_id": session_id, "title": title}
    before = sessions.update(session_id, title="Before").title
    answer = reply(client.post("/api/session/rename", json=body))
    session = answer["session"]
    assert (session["title"], answer["title_before"]) == (stored, before)
    assert "messages" not in session
    assert json.loads((folder_of(sessions) / f"{session_id}.json").read_bytes())["title"] == stored


def test_update_changes_only_the_fields_that_are_sent(
    sessions: SessionRepository, client: FlaskClient, tmp_path: Path
) -> None:
    session_id = started(sessions, model="old", model_provider="one")
    body: dict[str, Any] = {"session_id": session_id, "model": "new", "title": "ignored"}
    session = reply(client.post("/api/session/update", json=body))["session"]
    assert (session["model"], session["model_provider"], session["title"]) == ("new", "one", "Untitled")
    body = {"session_id": session_id, "workspace": str(tmp_path), "model_provider": None}
    session = reply(client.post("/api/session/update", json=body))["session"]
    assert (session["workspace"], session["model_provider"]) == (str(tmp_path.resolve()), None)
    assert session["messages"] == turns(4)


@pytest.mark.parametrize(("name", "field"), [("pin", "pinned"), ("archive", "archived")])
def test_pin_and_archive_do_not_count_as_activity(
    sessions: SessionRepository, client: FlaskClient, name: str, field: str
) -> None:
    session_id = started(sessions)
    before = sessions.summary(session_id)
    for body, wanted in (({}, True), ({field: False}, False), ({field: True}, True)):
        answer = reply(client.post(f"/api/session/{name}", json={"session_id": session_id, **body}))
        assert answer["ok"] is True
        assert answer["session"][field] is wanted
        assert answer["session"]["updated_at"] == before.updated_at


def test_move(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions)
    before = sessions.summary(session_id)
    project = sessions.projects.create("Atlas")
    body = {"session_id": session_id, "project_id": project.project_id}
    moved = reply(client.post("/api/session/move", json=body))["session"]
    assert (moved["project_id"], moved["updated_at"]) == (project.project_id, before.updated_at)
    error(client.post("/api/session/move", json={**body, "project_id": "nowhere"}), 404)
    error(client.post("/api/session/move", json={**body, "session_id": "nobody"}), 404)
    assert sessions.summary(session_id).project_id == project.project_id
    for nothing in (None, ""):
        moved = reply(client.post("/api/session/move", json={**body, "project_id": nothing}))["session"]
        assert moved["project_id"] is None


def test_toolsets(sessions: SessionRepository, client: FlaskClient) -> None:
    body: dict[str, Any] = {"session_id": started(sessions)}
    for toolsets in (["web", "terminal"], None):
        answer = reply(client.post("/api/session/toolsets", json={**body, "toolsets": toolsets}))
        assert answer == {"ok": True, "enabled_toolsets": toolsets}


def test_delete_moves_to_the_trash_and_succeeds_for_a_deleted_session(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    body = {"session_id": started(sessions)}
    assert reply(client.post("/api/session/delete", json=body)) == {"ok": True}
    assert reply(client.post("/api/session/delete", json=body)) == {"ok": True}
    assert len(list(sessions.config.trash_dir.iterdir())) == 1
    error(client.post("/api/session/delete", json={"session_id": "../x"}), 400)


@pytest.mark.parametrize(("keep", "left"), [(4, 4), ("4", 4), (0, 0), ("0", 0), (9, 6)])
def test_truncate(sessions: SessionRepository, client: FlaskClient, keep: int | str, left: int) -> None:
    session_id = started(sessions, 6, title="Trip")
    answer = reply(client.post("/api/session/truncate", json={"session_id": session_id, "keep_count": keep}))
    assert (answer["ok"], answer["session"]["title"]) == (True, "Trip")
    assert answer["session"]["messages"] == turns(6)[:left]
    assert sessions.get(session_id).messages == turns(6)[:left]


def test_clear_also_removes_the_title(sessions: SessionRepository, client: FlaskClient) -> None:
    calls = [{"name": "ls", "assistant_msg_idx": 1}]
    document = {"title": "Trip", "messages": turns(4), "tool_calls": calls, "manual_title": True}
    write_document(sessions, "one", **document)

    answer = reply(client.post("/api/session/clear", json={"session_id": "one"}))
    assert (answer["ok"], answer["session"]["title"], answer["session"]["message_count"]) == (
        (True, "Untitled", 0)
    )
    cleared = json.loads((folder_of(sessions) / "one.json").read_bytes())
    assert {name: cleared[name] for name in document} == {
        "title": "Untitled",
        "messages": [],
        "tool_calls": [],
        "manual_title": False,
    }
    assert sessions.restore("one").title == "Trip"
    restored = sessions.get("one")
    assert (restored.messages, restored.tool_calls, restored.extra["manual_title"]) == (turns(4), calls, True)


def test_clear_of_a_session_without_messages_removes_its_title(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write_document(sessions, "named", title="Named", messages=[])
    for _ in range(2):
        session = reply(client.post("/api/session/clear", json={"session_id": "named"}))["session"]
        assert session["title"] == sessions.summary("named").title == "Untitled"


def test_branch_and_duplicate(sessions: SessionRepository, client: FlaskClient) -> None:
    origin = started(sessions, 6, title="Trip", pinned=True)
    branch = reply(client.post("/api/session/branch", json={"session_id": origin, "keep_count": 2}))
    assert branch.keys() == {"session_id", "title", "parent_session_id"}
    assert (branch["title"], branch["parent_session_id"]) == ("Trip (fork)", origin)
    assert sessions.summary(branch["session_id"]).message_count == 2
    body = {"session_id": origin, "title": "  Other ", "keep_count": None}
    named = reply(client.post("/api/session/branch", json=body))
    assert named["title"] == "Other"
    assert sessions.summary(named["session_id"]).message_count == 6
    named = reply(client.post("/api/session/branch", json={"session_id": origin, "keep_count": "2"}))
    assert sessions.summary(named["session_id"]).message_count == 2
    copy = reply(client.post("/api/session/duplicate", json={"session_id": origin}))["session"]
    assert (copy["title"], copy["pinned"], copy["message_count"]) == ("Trip (copy)", False, 6)
    assert copy["messages"] == turns(6)


def test_an_import_is_answered_with_its_messages(sessions: SessionRepository, client: FlaskClient) -> None:
    body = {"session_id": "elsewhere", "title": "Brought", "messages": turns(2), "pinned": True}
    answer = reply(client.post("/api/session/import", json=body))
    session = answer["session"]
    assert (answer["ok"], session["title"], session["pinned"]) == (True, "Brought", True)
    assert session["messages"] == turns(2)
    assert session["session_id"] != "elsewhere"
    assert sessions.get(session["session_id"]).messages == turns(2)


def test_retry_and_undo(sessions: SessionRepository, client: FlaskClient) -> None:
    body = {"session_id": started(sessions, 4)}
    answer = reply(client.post("/api/session/retry", json=body))
    assert answer == {"ok": True, "last_user_text": "message 2", "removed_count": 2}
    answer = reply(client.post("/api/session/undo", json=body))
    assert answer == {"ok": True, "removed_count": 2, "removed_preview": "message 0"}
    before = snapshot(sessions)
    assert reply(client.post("/api/session/undo", json=body)) == {"error": "Nothing to undo."}
    answer = reply(client.post("/api/session/retry", json=body))
    assert answer == {"error": "No previous message to retry."}
    assert snapshot(sessions) == before
    for name in ("undo", "retry"):
        unknown = client.post(f"/api/session/{name}", json={"session_id": "nobody"})
        assert error(unknown, 404) == "Session not found"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "messages"),
        ({"messages": "text"}, "messages"),
        ({"messages": ["text"]}, "messages have no role"),
        ({"messages": ["text"], "session_id": "s"}, "messages[0]"),
        ({"messages": [], "tool_calls": {"a": 1}}, "tool_calls"),
        ({"messages": [message()], "title": 7}, "title"),
        ({"messages": [message()], "pinned": "yes"}, "pinned"),
    ],
)
def test_an_invalid_import_is_refused(
    sessions: SessionRepository, client: FlaskClient, body: Any, named: str
) -> None:
    assert named in error(client.post("/api/session/import", json=body), 400)
    assert sessions.count(hidden=True) == 0


def test_projects_are_created_renamed_and_deleted(sessions: SessionRepository, client: FlaskClient) -> None:
    made = reply(client.post("/api/projects/create", json={"name": " Atlas ", "color": "#22c55e"}))["project"]
    assert (made["name"], made["color"]) == ("Atlas", "#22c55e")
    body = {"project_id": made["project_id"], "name": "Other"}
    renamed = reply(client.post("/api/projects/rename", json=body))["project"]
    assert (renamed["name"], renamed["color"]) == ("Other", "#22c55e")
    renamed = reply(client.post("/api/projects/rename", json={**body, "color": None}))["project"]
    assert renamed["color"] is None
    session_id = started(sessions, project_id=made["project_id"])
    assert reply(client.post("/api/projects/delete", json=body)) == {"ok": True}
    assert sessions.summary(session_id).project_id is None
    for name in ("rename", "delete"):
        error(client.post(f"/api/projects/{name}", json=body), 404)


@pytest.mark.parametrize("name", ["create", "rename"])
def test_the_name_of_a_project_is_cut(sessions: SessionRepository, client: FlaskClient, name: str) -> None:
    body = {
        "project_id": sessions.projects.create("Atlas").project_id,
        "name": "x" * 127 + " yz",
    }
    made = reply(client.post(f"/api/projects/{name}", json=body))["project"]
    assert made["name"] == "x" * 127


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a", "color": "red"}, "color"),
        ({"name": "a", "color": '#fff" onload="alert(1)'}, "color"),
    ],
)
def test_an_invalid_project_is_refused(
    sessions: SessionRepository, client: FlaskClient, body: Any, named: str
) -> None:
    assert named in error(client.post("/api/projects/create", json=body), 400)
    assert sessions.projects.list() == []


def test_cleanup_deletes_empty_sessions_but_no_drafts(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    draft = sessions.new().session_id
    write_document(sessions, "untitled", title="Untitled", messages=[])
    write_document(sessions, "named", title="Named", messages=[])
    write_document(sessions, "waiting", title="Untitled", messages=[], pending_user_message="wait for me")
    write_document(sessions, "used", title="Untitled", messages=turns(2))

    assert reply(client.post("/api/sessions/cleanup", json={})) == {"ok": True, "cleaned": 1}
    assert reply(client.post("/api/sessions/cleanup")) == {"ok": True, "cleaned": 0}
    assert reply(client.post("/api/sessions/cleanup_zero_message")) == {"ok": True, "cleaned": 1}
    left = {summary.session_id for summary in sessions.list(hidden=True).items}
    assert left == {draft, "waiting", "used"}
    assert len(list(sessions.config.trash_dir.iterdir())) == 2


# ---- bodies ---------------------------------------------------------------------------------------------

Wrong = tuple[Any, ...]
MISSING = object()
ALSO_READ = ("/api/settings", "/api/session/draft")  # by GET
NO_ID: Wrong = (MISSING, 7, None, ["a"], {"a": 1}, True, "", "../x", "a" * 129, "a\0b")
NO_TEXT: Wrong = (7, True, [], {})
NO_FLAG: Wrong = (1, None, "true", [], {})
NO_COUNT: Wrong = (-1, 1.5, True, "two", "-1", "1.0", "", "9" * 5000, [], 2**63)
NO_PROJECT: Wrong = (MISSING, 7, None, True, [])
ALONE = {"session_id": NO_ID}

# Each route, its fields, and what each must not be.
WRONG: dict[str, dict[str, Wrong]] = {
    "session/new": {
        "workspace": NO_TEXT,
        "model": (*NO_TEXT, "x" * 257),
        "model_provider": NO_TEXT,
        "profile": NO_TEXT,
        "project_id": NO_TEXT,
        "enabled_toolsets": ("web", [""], [1], *NO_TEXT),
        "prev_session_id": NO_TEXT,
    },
    "session/rename": {**ALONE, "title": (MISSING, None, *NO_TEXT)},
    "session/update": {**ALONE, "workspace": NO_TEXT, "model": NO_TEXT, "model_provider": NO_TEXT},
    "session/pin": {**ALONE, "pinned": NO_FLAG},
    "session/archive": {**ALONE, "archived": NO_FLAG},
    "session/move": {**ALONE, "project_id": NO_TEXT},
    "session/toolsets": {**ALONE, "toolsets": (MISSING, "web", [""], [1], *NO_TEXT)},
    "session/delete": ALONE,
    "session/clear": ALONE,
    "session/truncate": {**ALONE, "keep_count": (MISSING, None, *NO_COUNT)},
    "session/branch": {**ALONE, "keep_count": NO_COUNT, "title": NO_TEXT},
    "session/duplicate": ALONE,
    "session/retry": ALONE,
    "session/undo": ALONE,
    "session/draft": {**ALONE, "text": NO_TEXT, "files": ("a", {}, 7)},
    "projects/create": {"name": (MISSING, None, "", *NO_TEXT), "color": (*NO_TEXT, "red", "#12")},
    "projects/rename": {"project_id": NO_PROJECT, "name": (MISSING, None, *NO_TEXT), "color": NO_TEXT},
    "projects/delete": {"project_id": NO_PROJECT},
}
RIGHT = {"title": "t", "project_id": "", "toolsets": None, "keep_count": 1, "name": "n"}


@pytest.mark.parametrize(
    ("path", "field"), [(path, field) for path, fields in WRONG.items() for field in fields]
)
def test_an_invalid_field_is_named_and_changes_nothing(
    sessions: SessionRepository, client: FlaskClient, path: str, field: str
) -> None:
    right = {**RIGHT, "session_id": started(sessions)}
    before = snapshot(sessions)
    for wrong in WRONG[path][field]:
        body = {name: right[name] for name in WRONG[path] if name in right} | {field: wrong}
        sent = {name: value for name, value in body.items() if value is not MISSING}
        assert field in error(client.post(f"/api/{path}", json=sent), 400)
    assert snapshot(sessions) == before
    assert (sessions.count(hidden=True), sessions.projects.list()) == (1, [])


@pytest.mark.parametrize("path", [path for path in POSTS if "cleanup" not in path])
def test_a_body_must_be_a_json_object(reader: FlaskClient, path: str) -> None:
    for data in ("[]", "7", "null", '"text"', "{", "nonsense", "\xff", '{"a":' * 100_000):
        data_bytes = data.encode("latin-1")
        assert "body" in error(reader.post(path, data=data_bytes, content_type="application/json"), 400)
        assert "body" in error(reader.post(path, data=data_bytes, content_type=None), 400)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert "JSON" in error(reader.post(path, data=b"{}", content_type=kind), 415)


def test_a_body_of_no_declared_type_is_read_as_json(sessions: SessionRepository, client: FlaskClient) -> None:
    data = json.dumps({"session_id": started(sessions), "title": "Named"})
    session = reply(client.post("/api/session/rename", data=data, content_type=None))["session"]
    assert session["title"] == "Named"


def test_unknown_fields_are_ignored(sessions: SessionRepository, client: FlaskClient) -> None:
    body = {"session_id": started(sessions), "pinned": True, "messages": [], "title": 7}
    session = reply(client.post("/api/session/pin", json=body))["session"]
    assert (session["message_count"], session["title"]) == (4, "Untitled")


def test_a_body_over_20_mb_is_refused(client: FlaskClient) -> None:
    data = b" " * (20 * 1024 * 1024 + 1)
    words = error(client.post("/api/session/import", data=data, content_type="application/json"), 413)
    assert "20 MB" in words


@pytest.mark.parametrize("path", [path for path in POSTS if path not in ALSO_READ])
def test_routes_that_write_refuse_get(reader: FlaskClient, path: str) -> None:
    response = reader.get(path)
    error(response, 405)
    assert "POST" in response.headers["Allow"]


def test_an_unknown_address(client: FlaskClient) -> None:
    error(client.get("/api/nothing"), 404)
    page = client.get("/nothing")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is no page at <code>/nothing</code>" in page.text


# ---- errors ---------------------------------------------------------------------------------------------

ERRORS: list[tuple[Exception, int]] = [
    (InvalidId("words"), 400),
    (InvalidValue("words"), 400),
    (NotFound("words"), 404),
    (Conflict("words"), 409),
    (ReadOnly("words"), 403),
    (Unreadable(Path("/secret/place/words.json"), "odd"), 500),
    (StorageError("words"), 503),
    (NewerDatabase("words"), 503),
    (SessionsError("words"), 500),
]


@pytest.mark.parametrize(("raised", "status"), ERRORS, ids=lambda value: type(value).__name__)
def test_every_error_has_its_status(app: Flask, raised: Exception, status: int) -> None:
    def fail() -> str:
        raise raised

    app.add_url_rule("/api/fails", "fails", fail)
    app.add_url_rule("/fails", "fails_too", fail)
    words = error(app.test_client().get("/api/fails"), status)
    assert "words" in words
    page = app.test_client().get("/fails")
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert re.search("[Ww]ords", page.text)
    assert "secret" not in words + page.text


def test_a_bug_is_logged_and_not_shown(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> str:
        raise RuntimeError("at /secret/place")

    app.add_url_rule("/api/fails", "fails", fail)
    words = error(app.test_client().get("/api/fails"), 500)
    assert "secret" not in words
    assert "at /secret/place" in caplog.text


def test_changing_a_read_only_session_is_refused(sessions: SessionRepository, client: FlaskClient) -> None:
    write_document(sessions, "locked", title="Kept", read_only=True, messages=turns(2))
    error(client.post("/api/session/rename", json={"session_id": "locked", "title": "x"}), 403)
    reply(client.post("/api/session/pin", json={"session_id": "locked"}))


def test_unreadable_projects_are_an_error_and_stay(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions, title="Still here")
    sessions.config.projects_file.write_text("{")
    error(client.get("/api/projects"), 500)
    error(client.post("/api/projects/create", json={"name": "a"}), 500)
    page = client.get("/").text
    assert "Still here" in page
    assert "projects.json cannot be read" in page
    assert sessions.config.projects_file.read_text() == "{"


def test_a_list_that_cannot_be_read_is_an_error(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions)
    sessions.config.sessions_dir.rename(sessions.config.state_dir / "unmounted")
    words = error(client.get("/api/sessions"), 503)
    assert str(sessions.config.state_dir) not in words
    page = client.get("/")
    assert page.status_code == 503
    assert "no conversations" not in page.text
    assert error(client.get("/health"), 503)


# ---- odd sidecars ---------------------------------------------------------------------------------------

ODD = """{"session_id": "odd", "title": "half \\ud83d", "estimated_cost": NaN, "created_at": 1e300,
"updated_at": 9e18, "context_length": 123456789012345678901234567890,
"messages": ["text", 7, null, [1], {}, {"role": 5, "content": 6}, {"role": "user"},
{"role": "user", "content": {"a": "\\ud83d"}},
{"role": "user", "content": [1, "x", {"type": 3}, {"text": "y"}]},
{"role": "assistant", "content": NaN, "timestamp": Infinity},
{"role": "assistant", "content": [], "_ts": "soon"},
{"role": "tool", "content": null, "name": 7}, {"role": "user", "content": "\\ud83d half", "timestamp": 1e18},
{"role": "assistant", "tool_calls": [1, null, {}, {"function": "f"},
{"function": {"name": 1, "arguments": {"a": 1}}},
{"function": {"name": "n", "arguments": "{broken"}}, {"name": "n", "args": [1]}], "reasoning": {"a": 1}},
{"role": "assistant", "tool_calls": 7, "attachments": "x", "reasoning_content": ["r"]},
{"role": "user", "content": "see", "attachments": [1, null, {}, {"name": "/home/me/a.png"},
{"path": "C:\\\\b.txt"}, "c/d/"]},
{"role": "user", "content": [{"type": "text", "text": 5}, {"type": "image_url", "image_url": 7}]},
{"role": "assistant", "content": 123456789012345678901234567890,
"timestamp": 12345678901234567890123456789012345}]}"""


def test_odd_messages_break_neither_the_api_nor_the_page(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write(sessions, "odd", ODD)
    for path in ("", "&messages=0", "&msg_limit=9"):
        assert reply(client.get(f"/api/session?session_id=odd{path}"))["session"]["message_count"] == 18
    listed = reply(client.get("/api/sessions"))["sessions"]
    assert listed[0]["title"] == "half \ufffd"
    exported = reply(client.get("/api/session/status?session_id=odd"))
    assert exported["message_count"] == 18
    assert client.get("/").status_code == 200
    page = client.get("/session/odd")
    assert page.status_code == 200
    assert page.text.count("<article") == 18
    for name in ("a.png", "b.txt", "<bdi>d</bdi>"):
        assert name in page.text
    assert "/home/me" not in page.text


def test_encoded_numbers_and_texts_are_valid_for_browsers() -> None:
    value = {"a": [float("nan"), float("inf")], "b\ud83d": "\ud83d\ude00 \ude00", "c": 10**30}
    decoded = json.loads(encoding.encode(value), parse_constant=pytest.fail)
    assert decoded == {"a": [None, None], "b\ufffd": "😀 \ufffd", "c": 10**30}


def test_an_export_is_valid_json_for_browsers(sessions: SessionRepository, client: FlaskClient) -> None:
    write(
        sessions, "nan", '{"session_id": "nan", "messages": [{"role": "user", "content": "NaN", "at": NaN}]}'
    )
    exported = reply(client.get("/api/session/export?session_id=nan"))
    assert exported["messages"] == [{"role": "user", "content": "NaN", "at": None}]


def test_an_export_of_lines_with_nan_is_json_in_each_line(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    messages = '{"role": "user", "content": "\u2028NaN", "at": NaN}, {"role": "user", "content": "2"}'
    write(sessions, "nan", f'{{"session_id": "nan", "messages": [{messages}]}}')
    lines = client.get("/api/session/export?session_id=nan&format=jsonl").data.decode().split("\n")
    assert lines == [
        '{"role":"user","content":"\u2028NaN","at":null}',
        '{"role":"user","content":"2"}',
        "",
    ]


def test_an_export_of_a_lone_surrogate_is_lossless(sessions: SessionRepository, client: FlaskClient) -> None:
    write(
        sessions, "half", r'{"session_id": "half", "messages": [{"role": "user", "content": "\ud83d half"}]}'
    )
    exported = reply(client.get("/api/session/export?session_id=half"))
    assert exported["messages"][0]["content"] == "\ud83d half"


# ---- a disk that is not mounted -------------------------------------------------------------------------


def test_a_missing_folder_is_an_unavailable_store_for_every_route(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, title="Rent")
    folder = sessions.config.sessions_dir
    folder.rename(folder.with_name("elsewhere"))
    for path in (
        "sessions?id=",
        "session?session_id=",
        "session/status?session_id=",
        "session/draft?session_id=",
    ):
        for name in (session_id, "unknown"):
            assert "Is a disk not mounted?" in error(client.get(f"/api/{path}{name}"), 503)
    changes = {"rename": {"title": "New"}, "draft": {"text": "half a"}}
    for name in ("rename", "draft", "delete", "undo", "duplicate", "pin"):
        body = {"session_id": session_id, **changes.get(name, {})}
        assert "disk" in error(client.post(f"/api/session/{name}", json=body), 503)
    folder.with_name("elsewhere").rename(folder)
    assert reply(client.get(f"/api/session?session_id={session_id}"))["session"]["title"] == "Rent"
    error(client.get("/api/session?session_id=unknown"), 404)


def test_a_search_whose_client_is_gone_ends_early(filled: FlaskClient) -> None:
    gone = {"waitress.client_disconnected": lambda: True}
    answer = filled.get("/api/sessions/search?q=the", environ_overrides=gone).get_json()
    assert not answer["sessions"]
    assert "nobody waits for it" in answer["warnings"][0]
    assert filled.get("/api/sessions/search?q=the").get_json()["sessions"]
