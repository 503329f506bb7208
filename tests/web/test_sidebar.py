"""The list and the projects as the web UI of August asks for them."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository

from ..support.agent_db import add_message, add_session, new_state, writing
from ..support.make import message, turns, write_document
from ..support.web import KEY, error, reply, settings

LATER = "sidebar_source=webui"  # an argument that only the web UI of August sends


@pytest.fixture
def two_profiles(sessions: SessionRepository, client: FlaskClient) -> FlaskClient:
    """A client of a home with sessions of two profiles, one archived, and an agent's conversation."""
    documents: dict[str, dict[str, Any]] = {
        "mine": {},
        "old": {"archived": True},
        "child": {"parent_session_id": "old"},
        "theirs": {"profile": "work"},
    }
    for name, values in documents.items():
        write_document(sessions, name, title=name, messages=turns(2), **values)
    with writing(new_state(sessions.config.state_db("default"))) as db:
        add_session(db, "shell", "one", "two", title="Shell", message_count=5)
    settings(sessions, '{"show_cli_sessions": true}')
    sessions.sync()
    return client


def listed(client: FlaskClient, query: str, **cookies: str) -> Any:
    for name, value in cookies.items():
        client.set_cookie(name, value)
    return reply(client.get(f"/api/sessions?{query}"))


def ids(body: Any) -> set[str]:
    return {entry["session_id"] for entry in body["sessions"]}


def test_without_its_arguments_the_list_is_whole_and_has_no_counts(two_profiles: FlaskClient) -> None:
    body = listed(two_profiles, "")
    assert ids(body) == {"mine", "old", "child", "theirs", "shell"}
    assert "webui_session_count" not in body
    assert "has_pending_user_message" not in body["sessions"][0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sidebar_source=webui", {"mine", "child"}),
        ("sidebar_source=CLI", {"shell"}),
        ("sidebar_source=other", {"mine", "child", "shell"}),
        ("exclude_hidden=1", {"mine", "child", "shell"}),
        ("include_archived=1&sidebar_source=webui", {"mine", "child", "old"}),
        ("include_archived=1&archived_limit=many", {"mine", "child", "shell", "old"}),
        ("include_archived=1&archived_limit=0", {"mine", "child", "shell"}),
        ("include_archived=1&archived_limit=-3&archived_offset=x", {"mine", "child", "shell"}),
        ("all_profiles=1&sidebar_source=webui", {"mine", "child", "theirs"}),
    ],
)
def test_its_arguments_choose_what_is_listed(
    two_profiles: FlaskClient, query: str, expected: set[str]
) -> None:
    body = listed(two_profiles, query)
    assert ids(body) == expected
    assert body["all_profiles"] is ("all_profiles" in query)
    assert body["include_archived"] is ("include_archived" in query)


def test_the_counts_and_references_beside_the_list(two_profiles: FlaskClient) -> None:
    body = listed(two_profiles, LATER)
    assert (body["webui_session_count"], body["cli_session_count"], body["cli_count"]) == (2, 1, 1)
    counts = ("archived_count", "archived_webui_count", "archived_cli_count")
    assert [body[name] for name in counts] == [1, 1, 0]
    assert (body["active_profile"], body["other_profile_count"]) == ("default", 1)
    (reference,) = body["sidebar_reference_sessions"]
    assert (reference["session_id"], reference["_sidebar_reference_only"]) == ("old", True)
    shell = listed(two_profiles, "sidebar_source=cli")["sessions"][0]
    assert (shell["is_cli_session"], shell["message_count"]) == (True, 5)
    paged = listed(two_profiles, "include_archived=1&archived_limit=5&archived_offset=2")
    assert (paged["archived_limit"], paged["archived_offset"]) == (5, 2)
    assert paged["sidebar_reference_sessions"] == []


@pytest.mark.parametrize(
    ("cookie", "profile"),
    [("work", "work"), ("work.0123abc", "work"), ("../etc", "default"), ("", "default")],
)
def test_the_cookie_chooses_the_profile(two_profiles: FlaskClient, cookie: str, profile: str) -> None:
    body = listed(two_profiles, LATER, hermes_profile=cookie)
    assert body["active_profile"] == profile
    assert ids(body) == ({"theirs"} if profile == "work" else {"mine", "child"})
    agents = {"shell"} if profile == "default" else set()
    assert ids(listed(two_profiles, "")) == {"mine", "old", "child", "theirs"} | agents
    assert ids(listed(two_profiles, "limit=9")) == {"mine", "old", "child", "theirs", "shell"}


def test_credentials_are_masked_and_turned_off_agents_are_not_listed(
    sessions: SessionRepository, two_profiles: FlaskClient
) -> None:
    write_document(sessions, "secret", title=f"the key {KEY}", messages=[message()])
    assert KEY not in two_profiles.get(f"/api/sessions?{LATER}").text
    settings(sessions, '{"show_cli_sessions": false}')
    assert ids(listed(two_profiles, "exclude_hidden=0")) == {"mine", "child", "secret"}


# ---- projects -------------------------------------------------------------------------------------------


def names(client: FlaskClient, query: str = "") -> list[str]:
    return [each["name"] for each in reply(client.get(f"/api/projects{query}"))["projects"]]


def test_projects_are_listed_by_profile(client: FlaskClient, sessions: SessionRepository) -> None:
    sessions.projects.create("Before profiles")
    reply(client.post("/api/projects/create", json={"name": "Mine", "color": "#abc"}))
    made = reply(client.post("/api/projects/create", json={"name": "Asked", "profile": "work"}))["project"]
    assert made["profile"] == "work"
    assert names(client) == ["Before profiles", "Mine"]
    body = reply(client.get("/api/projects"))
    assert (body["active_profile"], body["other_profile_count"], body["all_profiles"]) == (
        "default",
        1,
        False,
    )
    client.set_cookie("hermes_profile", "work")
    reply(client.post("/api/projects/create", json={"name": "There"}))
    assert names(client) == ["Asked", "There"]
    assert names(client, "?all_profiles=1") == ["Before profiles", "Mine", "Asked", "There"]


# ---- the scope of profiles --------------------------------------------------------------------------------


@pytest.fixture
def two_agents(sessions: SessionRepository, client: FlaskClient) -> FlaskClient:
    """A client of a home whose profiles each have a session and an agent with one id in common."""
    for profile in ("default", "work"):
        write_document(
            sessions,
            f"web-{profile}",
            title="Rent",
            profile=profile,
            messages=[message(f"rent of {profile}")],
        )
        sessions.config.state_db(profile).parent.mkdir(parents=True, exist_ok=True)
        with writing(new_state(sessions.config.state_db(profile))) as db:
            add_session(db, f"agent-{profile}", f"rent of {profile}", "two", title="Rent")
            later = 1_700_000_000 + (profile == "work")
            add_session(db, "same", f"same rent of {profile}", "two", title=profile, begun=later)
    settings(sessions, '{"show_cli_sessions": true}')
    sessions.sync()
    return client


WEB = {"web-default", "web-work"}


@pytest.mark.parametrize(
    ("cookie", "listed_agents"),
    [
        (None, {"agent-default", "agent-work", "same"}),
        ("default", {"agent-default", "same"}),
        ("work", {"agent-work", "same"}),
        ("none", set()),
    ],
)
def test_the_list_of_may_has_the_agent_of_the_profile_that_was_chosen(
    two_agents: FlaskClient, cookie: str | None, listed_agents: set[str]
) -> None:
    chosen = {} if cookie is None else {"hermes_profile": cookie}
    body = listed(two_agents, "", **chosen)
    assert ids(body) == WEB | listed_agents
    assert (body["total"], body["cli_count"]) == (len(WEB | listed_agents), len(listed_agents))
    for entry in body["sessions"]:
        if entry["session_id"] == "same" and cookie:
            assert (entry["title"], entry["profile"]) == (cookie, cookie)


def test_an_unchanged_list_is_not_the_list_of_another_profile(two_agents: FlaskClient) -> None:
    two_agents.set_cookie("hermes_profile", "work")
    tag = two_agents.get("/api/sessions").headers["ETag"]
    assert two_agents.get("/api/sessions", headers={"If-None-Match": tag}).status_code == 304
    two_agents.set_cookie("hermes_profile", "default")
    assert two_agents.get("/api/sessions", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("query", "cookie", "profiles"),
    [
        ("", None, {"default", "work"}),
        ("", "work", {"work"}),
        ("", "default", {"default"}),
        ("&all_profiles=0", None, {"default"}),
        ("&all_profiles=0", "work", {"work"}),
        ("&all_profiles=1", "work", {"default", "work"}),
        ("&profile=default", "work", {"default"}),
    ],
)
@pytest.mark.parametrize("words", ["rent", ""])
def test_a_search_has_the_scope_of_the_list(
    two_agents: FlaskClient, words: str, query: str, cookie: str | None, profiles: set[str]
) -> None:
    if cookie:
        two_agents.set_cookie("hermes_profile", cookie)
    body = reply(two_agents.get(f"/api/sessions/search?q={words}&content=1&depth=5{query}"))
    assert {entry["profile"] for entry in body["sessions"]} == profiles


@pytest.mark.parametrize(("profile", "other"), [("default", "work"), ("work", "default")])
def test_of_two_conversations_with_one_id_that_of_the_profile_is_imported(
    two_agents: FlaskClient, sessions: SessionRepository, profile: str, other: str
) -> None:
    two_agents.set_cookie("hermes_profile", profile)
    imported = reply(two_agents.post("/api/session/import_cli", json={"session_id": "same"}))
    session = imported["session"]
    assert (imported["imported"], session["profile"], session["title"]) == (True, profile, profile)
    assert session["messages"][0]["content"] == f"same rent of {profile}"
    with writing(sessions.config.state_db(profile)) as db:
        add_message(db, "same", "three")
    again = reply(two_agents.post("/api/session/import_cli", json={"session_id": "same"}))
    assert [len(again["session"]["messages"]), again["imported"]] == [3, False]
    two_agents.set_cookie("hermes_profile", other)
    error(two_agents.post("/api/session/import_cli", json={"session_id": "same"}), 404)


@pytest.mark.parametrize(("profile", "other"), [("default", "work"), ("work", "default")])
def test_of_two_conversations_with_one_id_the_one_that_was_imported_is_deleted(
    two_agents: FlaskClient, sessions: SessionRepository, profile: str, other: str
) -> None:
    two_agents.set_cookie("hermes_profile", profile)
    reply(two_agents.post("/api/session/import_cli", json={"session_id": "same"}))
    reply(two_agents.post("/api/session/delete", json={"session_id": "same"}))
    left = {}
    for name in (profile, other):
        with writing(sessions.config.state_db(name)) as db:
            left[name] = db.execute("SELECT count(*) FROM messages WHERE session_id = 'same'").fetchone()[0]
    assert left == {profile: 0, other: 2}
