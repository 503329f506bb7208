"""Tags over HTTP and on the pages."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository

from ..support.agent_db import filled_state
from ..support.make import started
from ..support.web import error, reply


def post(client: FlaskClient, route: str, **arguments: Any) -> Any:
    """Return the answer of a route that succeeds."""
    return reply(client.post(route, json=arguments))


def get(client: FlaskClient, address: str) -> Any:
    """Return the answer of a route that reads."""
    return reply(client.get(address))


def test_tags_over_http(client: FlaskClient, sessions: SessionRepository) -> None:
    one, other = started(sessions, title="One"), started(sessions, title="Other #home")
    answer = post(client, "/api/session/tags", session_id=one, add=["#work", "urgent"])
    assert (answer["ok"], answer["session"]["tags"]) == (True, ["work", "urgent"])
    answer = post(client, "/api/session/tags", session_id=one, add=["home"], remove=["URGENT"])
    assert answer["session"]["tags"] == ["work", "home"]
    assert get(client, "/api/tags") == {"tags": [{"name": "home", "count": 2}, {"name": "work", "count": 1}]}
    listed = get(client, "/api/sessions?tag=work")
    assert [(each["session_id"], each["tags"]) for each in listed["sessions"]] == [(one, ["work", "home"])]
    assert get(client, "/api/sessions?tag=home,-work")["sessions"][0]["session_id"] == other
    empty = get(client, "/api/sessions?tag=nothing")
    assert (empty["sessions"], empty["warnings"]) == ([], ["No conversation has the tag nothing."])
    assert get(client, f"/api/session?session_id={one}")["session"]["tags"] == ["work", "home"]
    copy = post(client, "/api/session/duplicate", session_id=one)["session"]
    assert copy["tags"] == ["work", "home"]
    branch = post(client, "/api/session/branch", session_id=one)
    assert get(client, f"/api/session?session_id={branch['session_id']}")["session"]["tags"] == [
        "work",
        "home",
    ]
    sessions.delete(branch["session_id"])
    found = get(client, "/api/sessions/search?q=message&tag=work")
    assert {each["session_id"] for each in found["sessions"]} == {one, copy["session_id"]}


def test_a_session_without_tags_answers_as_before(client: FlaskClient, sessions: SessionRepository) -> None:
    started(sessions, title="One")
    (entry,) = get(client, "/api/sessions")["sessions"]
    assert "tags" not in entry


def test_wrong_requests_are_refused(client: FlaskClient, sessions: SessionRepository) -> None:
    one = started(sessions, title="One #x")
    for arguments, status, words in (
        ({"session_id": one, "remove": ["x"]}, 400, "#x stands in the title; rename the conversation"),
        ({"session_id": one, "add": ["a,b"]}, 400, "a tag must be text"),
        ({"session_id": one, "add": "a"}, 400, "add must be"),
        ({"session_id": "unknown", "add": ["a"]}, 404, "no session unknown"),
    ):
        told = error(client.post("/api/session/tags", json=arguments), status)
        assert words in told
    assert sessions.tags() == {"x": 1}
    assert client.get("/api/sessions?tag=,").status_code == 400


def test_a_tag_is_renamed_and_removed_over_http(client: FlaskClient, sessions: SessionRepository) -> None:
    one, other = started(sessions, title="One"), started(sessions, title="Other #old")
    sessions.tag(one, "old")
    answer = post(client, "/api/tags/rename", old="old", new="new")
    failed = [{"session_id": other, "error": "#old stands in the title; rename the conversation"}]
    assert answer == {"ok": True, "changed": [one], "failed": failed}
    assert post(client, "/api/tags/remove", name="new") == {"ok": True, "changed": [one], "failed": []}
    assert sessions.tags() == {"old": 1}


def test_a_batch_is_tagged_at_once(client: FlaskClient, sessions: SessionRepository) -> None:
    one, other = started(sessions, title="One"), started(sessions, title="Other #x")
    answer = post(
        client, "/api/sessions/batch", session_ids=[one, other, "unknown"], action="tag", tags=["x", "y"]
    )
    assert [each["ok"] for each in answer["results"]] == [True, True, False]
    assert [each["session"]["tags"] for each in answer["results"][:2]] == [["x", "y"], ["x", "y"]]
    assert answer["results"][2]["status"] == 404
    answer = post(client, "/api/sessions/batch", session_ids=[one, other], action="untag", tags=["x"])
    assert [each["ok"] for each in answer["results"]] == [True, False]
    assert "#x stands in the title" in answer["results"][1]["error"]
    response = client.post("/api/sessions/batch", json={"session_ids": [one], "action": "tag"})
    assert response.status_code == 400


def test_a_tag_that_is_a_credential_is_masked_and_can_be_removed(
    client: FlaskClient, sessions: SessionRepository
) -> None:
    secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
    one = started(sessions, title="One")
    answer = client.post("/api/session/tags", json={"session_id": one, "add": [secret]})
    assert secret not in answer.text
    assert secret not in client.get("/api/tags").text + client.get("/api/sessions").text
    assert secret not in client.get("/").text + client.get(f"/session/{one}").text
    post(client, "/api/session/tags", session_id=one, remove=reply(answer)["session"]["tags"])
    assert sessions.tags() == {}


@pytest.mark.parametrize("name", ['<img src=x onerror="alert(1)">', "'\"><script>", "{{7*7}}", "שלום", "a&b"])
def test_any_name_is_text_on_the_pages(client: FlaskClient, sessions: SessionRepository, name: str) -> None:
    one = started(sessions, title="One")
    sessions.tag(one, name)
    for address in ("/", f"/session/{one}"):
        page = client.get(address).text
        assert "<img src=x" not in page
        assert "<script>" not in page.partition("chips")[2].partition("</ul>")[0]
        chips = page.partition('class="tags"')[2].partition("</ul>")[0]
        assert not re.search("(?<![0-9a-f])49(?![0-9a-f])", chips), (
            "it was evaluated, and is not part of an id"
        )


def test_the_pages_show_tags_and_change_them(client: FlaskClient, sessions: SessionRepository) -> None:
    one = started(sessions, title="One #home")
    response = client.post(f"/session/{one}/tags", data={"add": "work, in progress,"})
    assert response.location.endswith(f"/session/{one}?done=tag")
    assert sessions.summary(one).tags == ("work", "in progress", "home")
    page = client.get(f"/session/{one}").text
    assert '<a class="tag" href="/?tag=in+progress">' in page
    assert 'name="remove" value="work"' in page
    assert 'name="remove" value="home"' not in page
    assert "stands in the title" in page
    assert '<a class="tag" href="/?tag=home">' in client.get("/").text
    assert client.post(f"/session/{one}/tags", data={"remove": "work"}).location.endswith("done=untag")
    assert sessions.summary(one).tags == ("in progress", "home")
    listed = client.get("/?tag=home,-work").text
    assert "Tag home,-work" in listed
    assert '<input type="hidden" name="tag" value="home,-work">' in listed
    assert f'data-id="{one}"' in listed
    assert "No conversation has the tag nothing." in client.get("/?tag=nothing").text


def test_a_conversation_of_the_agent_is_tagged_on_its_page(
    client: FlaskClient, sessions: SessionRepository
) -> None:
    filled_state(sessions.config.state_db("default"))
    assert 'name="add"' in client.get("/session/c").text
    client.post("/session/c/tags", data={"add": "ours"})
    assert [each.session_id for each in sessions.list(tag="ours", agent=True)] == ["c"]
