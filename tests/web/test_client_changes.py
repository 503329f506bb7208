"""What the web UI's clients change: agents' conversations, workspaces, new sessions, and what they delete."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.settings import is_system_folder
from webapp import create_app

from ..support.agent_db import START, add_session, filled_state, new_state, writing
from ..support.make import folder_of, snapshot, started, turns, write_document
from ..support.web import KEY, error, reply, settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose agents have conversations of the command line, of a messenger, and of another profile."""
    work = tmp_path / "home/profiles/work"
    work.mkdir(parents=True)
    with writing(filled_state(tmp_path / "home/state.db")) as db:
        add_session(db, "chat", "hello", "hi", begun=START + 500, source="telegram", title="Chat")
    with writing(new_state(work / "state.db")) as db:
        add_session(db, "theirs", "only there", begun=START, title="Theirs")
    return tmp_path / "home"


@pytest.fixture
def opened(home: Path) -> Iterator[SessionRepository]:
    with SessionRepository.open(hermes_home=home) as repository:
        settings(repository, '{"show_cli_sessions": true}')
        yield repository


@pytest.fixture
def client(opened: SessionRepository) -> FlaskClient:
    return create_app(opened).test_client()


def post(client: FlaskClient, name: str, **body: Any) -> Any:
    """Return the answer of a route of sessions."""
    return reply(client.post(f"/api/session/{name}", json=body))


# ---- agents' conversations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "stored"),
    [
        ("rename", {"title": "Mine"}, {"title": "Mine"}),
        ("pin", {"pinned": True}, {"pinned": True}),
        ("archive", {}, {"archived": True}),
        ("move", {"project_id": "atlas"}, {}),
        ("update", {"model": "m"}, {"model": "m"}),
        ("toolsets", {"toolsets": ["web"]}, {"enabled_toolsets": ["web"]}),
    ],
)
@pytest.mark.parametrize(("asked", "tip"), [("lone", "lone"), ("c", "c"), ("a", "c"), ("chat", "chat")])
def test_acting_on_an_agents_conversation_imports_it_first(  # noqa: PLR0917  # two tables of cases
    opened: SessionRepository,
    client: FlaskClient,
    name: str,
    values: dict[str, Any],
    stored: dict[str, Any],
    asked: str,
    tip: str,
) -> None:
    if name == "move":
        stored = {"project_id": opened.projects.create("Atlas").project_id}
        values = stored
    whole = opened.get(tip).messages if asked != "a" else None
    answer = post(client, name, session_id=asked, **values)
    assert answer.get("session", {"session_id": tip})["session_id"] == tip
    document = json.loads((folder_of(opened) / f"{tip}.json").read_bytes())
    assert stored.items() <= document.items()
    if whole is not None:
        assert document["messages"][-1]["content"] == whole[-1]["content"]
    listed = [each["session_id"] for each in reply(client.get("/api/sessions"))["sessions"]]
    assert listed.count(tip) == (0 if name == "archived" else 1)


def test_an_invalid_change_imports_nothing(opened: SessionRepository, client: FlaskClient) -> None:
    for name, values, status in (
        ("move", {"project_id": "nowhere"}, 404),
        ("toolsets", {"toolsets": []}, 400),
        ("update", {"workspace": "/nowhere"}, 400),
    ):
        error(client.post(f"/api/session/{name}", json={"session_id": "lone", **values}), status)
    error(client.post("/api/session/pin", json={"session_id": "nobody"}), 404)
    assert snapshot(opened) == {}


def test_a_conversation_in_the_trash_is_not_brought_back_by_a_change(
    opened: SessionRepository, client: FlaskClient
) -> None:
    opened.delete("lone")
    error(client.post("/api/session/pin", json={"session_id": "lone"}), 404)
    assert snapshot(opened) == {}


def test_move_without_a_project_takes_a_session_out_of_it(
    opened: SessionRepository, client: FlaskClient
) -> None:
    project = opened.projects.create("Atlas").project_id
    session_id = started(opened, project_id=project)
    assert post(client, "move", session_id=session_id)["session"]["project_id"] is None


# ---- importing ------------------------------------------------------------------------------------------


def test_import_answers_whether_a_conversation_is_new(opened: SessionRepository, client: FlaskClient) -> None:
    first = post(client, "import_cli", session_id="lone")
    assert (first["imported"], first["session"]["is_cli_session"]) == (True, True)
    assert [each["content"] for each in first["session"]["messages"]] == ["hello", "world"]
    assert post(client, "import_cli", session_id="lone")["imported"] is False


def test_another_profiles_conversation_is_imported_only_when_it_is_asked_for(
    opened: SessionRepository, client: FlaskClient
) -> None:
    refused: list[tuple[dict[str, Any], int]] = [
        ({}, 404),
        ({"profile": "work"}, 404),
        ({"profile": "default", "all_profiles": True}, 404),
        ({"profile": "none", "all_profiles": True}, 404),
        ({"all_profiles": True}, 400),
    ]
    for body, status in refused:
        error(client.post("/api/session/import_cli", json={"session_id": "theirs", **body}), status)
    assert snapshot(opened) == {}
    body = {"session_id": "theirs", "profile": "work", "all_profiles": True}
    assert post(client, "import_cli", **body)["session"]["profile"] == "work"
    for body, status in refused:  # nor what is here already
        error(client.post("/api/session/import_cli", json={"session_id": "theirs", **body}), status)
    client.set_cookie("hermes_profile", "work")
    assert post(client, "import_cli", session_id="theirs")["imported"] is False


@pytest.mark.parametrize("everywhere", [False, True])
def test_importing_what_is_in_the_trash_restores_it(
    opened: SessionRepository, client: FlaskClient, everywhere: bool
) -> None:
    post(client, "rename", session_id="lone", title="Mine")
    opened.append("lone", turns(1))
    (opened.delete_everywhere if everywhere else opened.delete)("lone")
    error(client.post("/api/session/import_cli", json={"session_id": "nobody"}), 404)
    answer = post(client, "import_cli", session_id="lone")
    assert (answer["imported"], answer["session"]["title"]) == (True, "Mine")
    assert [each["content"] for each in answer["session"]["messages"]] == ["hello", "world", "message 0"]
    assert list(opened.trash()) == []


# ---- deleting -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("imported", [False, True])
def test_the_agent_keeps_a_messaging_conversation(
    opened: SessionRepository, client: FlaskClient, imported: bool
) -> None:
    if imported:
        post(client, "import_cli", session_id="chat")
    for session_id in ("chat", "lone"):
        assert post(client, "delete", session_id=session_id) == {"ok": True}
        assert session_id not in [each.session_id for each in opened.list(agent=True)]
    assert (len(opened.agent.messages("chat")), len(opened.agent.messages("lone"))) == (2, 0)
    assert opened.agent_share("chat") == (0, 0)
    assert opened.restore("chat").message_count == 2


# ---- new sessions and workspaces ------------------------------------------------------------------------


def test_a_new_session_in_a_project_is_listed_at_once(opened: SessionRepository, client: FlaskClient) -> None:
    project = opened.projects.create("Atlas").project_id
    body: dict[str, Any] = {"project_id": project, "enabled_toolsets": ["web"], "prev_session_id": "gone"}
    session = post(client, "new", **body)["session"]
    assert (session["project_id"], session["enabled_toolsets"]) == (project, ["web"])
    assert session["session_id"] in [
        each["session_id"] for each in reply(client.get("/api/sessions"))["sessions"]
    ]
    error(client.post("/api/session/new", json={"project_id": "nowhere"}), 404)
    assert len(snapshot(opened)) == 1


def test_a_new_session_gets_the_profile_of_the_client(opened: SessionRepository, client: FlaskClient) -> None:
    client.set_cookie("hermes_profile", "work")
    assert post(client, "new")["session"]["profile"] == "work"
    assert post(client, "new", profile="other")["session"]["profile"] == "other"


@pytest.mark.parametrize(
    "workspace", ["/nowhere", "/etc", "/usr/lib", "/proc/self", "/", "~nobody/x", "a\0b"]
)
def test_a_workspace_must_be_a_folder_and_none_of_the_systems(
    opened: SessionRepository, client: FlaskClient, tmp_path: Path, workspace: str
) -> None:
    session_id = started(opened)
    post(client, "update", session_id=session_id, workspace=str(tmp_path))
    for name, body in (("update", {"session_id": session_id}), ("new", {})):
        words = error(client.post(f"/api/session/{name}", json={**body, "workspace": workspace}), 400)
        assert "workspace must" in words
        assert workspace == "/" or workspace not in words
    assert opened.summary(session_id).workspace == str(tmp_path)
    assert post(client, "new")["session"]["workspace"] == str(tmp_path), "what was refused is not remembered"


@pytest.mark.parametrize("given", [{}, {"workspace": None}, {"workspace": ""}])
def test_an_import_without_a_workspace_gets_the_one_used_last(
    opened: SessionRepository, client: FlaskClient, tmp_path: Path, given: dict[str, Any]
) -> None:
    post(client, "update", session_id=started(opened), workspace=str(tmp_path))
    assert post(client, "import", messages=turns(1), **given)["session"]["workspace"] == str(tmp_path)
    kept = post(client, "import", messages=turns(1), workspace="/of/another/computer")["session"]
    assert kept["workspace"] == "/of/another/computer"


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_workspace_and_no_model_leave_what_a_session_has(
    opened: SessionRepository, client: FlaskClient, tmp_path: Path, nothing: str | None
) -> None:
    session_id = started(opened, model="one", model_provider="some", workspace=str(tmp_path))
    answer = post(client, "update", session_id=session_id, workspace=nothing, model=nothing)["session"]
    kept = ("workspace", "model", "model_provider")
    assert [answer[name] for name in kept] == [str(tmp_path), "one", "some"]
    answer = post(client, "update", session_id=session_id, model="two", model_provider=nothing)["session"]
    assert [answer[name] or None for name in kept] == [str(tmp_path), "two", None]


def test_a_workspace_that_was_inherited_and_is_gone_is_replaced(
    opened: SessionRepository, client: FlaskClient, tmp_path: Path
) -> None:
    session_id = started(opened)
    post(client, "update", session_id=session_id, workspace=str(tmp_path))
    body = {"workspace": "/gone", "prev_session_id": session_id}
    error(client.post("/api/session/new", json=body), 400)
    session = post(client, "new", **body, workspace_inherited_from_prev_session=True)["session"]
    assert session["workspace"] == str(tmp_path)


@pytest.mark.parametrize(
    ("path", "home", "expected"),
    [
        ("/", "/home/a", True),
        ("/etc", "/home/a", True),
        ("/etc/x", "/home/a", True),
        ("/etcetera", "/home/a", False),
        ("/var/lib/hermes/x", "/var/lib/hermes", False),
        ("/var/lib/hermes", "/", True),
        ("/var/tmp/x", "/home/a", False),
        ("/var/folders/q/T", "/home/a", False),
        ("/home/a/etc", "/home/a", False),
        ("/srv/projects", "/home/a", False),
    ],
)
def test_which_folders_are_the_systems(path: str, home: str, expected: bool) -> None:
    assert is_system_folder(path, home) is expected


# ---- drafts ---------------------------------------------------------------------------------------------


def test_a_draft_hides_no_conversation_of_the_agent(
    opened: SessionRepository, client: FlaskClient, home: Path
) -> None:
    session_id = post(client, "new")["session"]["session_id"]
    with writing(home / "state.db") as db:
        add_session(db, session_id, "asked elsewhere", begun=START + 9000, title="Elsewhere")
    (listed,) = [
        each for each in reply(client.get("/api/sessions"))["sessions"] if each["session_id"] == session_id
    ]
    assert listed["title"] == "Elsewhere"
    shown = reply(client.get(f"/api/session?session_id={session_id}"))["session"]
    assert (shown["title"], [each["content"] for each in shown["messages"]]) == (
        "Elsewhere",
        ["asked elsewhere"],
    )
    page = reply(client.get(f"/api/session?session_id={session_id}&msg_limit=5"))["session"]
    assert [each["content"] for each in page["messages"]] == ["asked elsewhere"]
    assert post(client, "rename", session_id=session_id, title="Mine")["session"]["message_count"] == 1


def test_an_empty_session_that_is_pinned_or_filed_is_not_cleaned_up(
    opened: SessionRepository, client: FlaskClient
) -> None:
    write_document(opened, "pinned", title="Untitled", messages=[], pinned=True)
    write_document(opened, "empty", title="Untitled", messages=[])
    assert reply(client.post("/api/sessions/cleanup")) == {"ok": True, "cleaned": 1}
    assert snapshot(opened).keys() == {"pinned.json"}


def test_a_session_with_an_unsent_text_is_not_cleaned_up(
    opened: SessionRepository, client: FlaskClient
) -> None:
    session_id = post(client, "new")["session"]["session_id"]
    post(client, "draft", session_id=session_id, text="half a")
    assert reply(client.post("/api/sessions/cleanup_zero_message"))["cleaned"] == 0
    post(client, "draft", session_id=session_id, text="")
    assert reply(client.post("/api/sessions/cleanup_zero_message"))["cleaned"] == 1


# ---- the composer ---------------------------------------------------------------------------------------


def test_what_the_composer_holds_is_kept_in_the_file_and_is_no_activity(
    opened: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(opened)
    before = opened.summary(session_id)
    text, files = "half a question", [{"name": "a.png"}]
    answer = post(client, "draft", session_id=session_id, text=text, files=files)
    assert answer == {"ok": True, "draft": {"text": text, "files": files}}
    document = json.loads((folder_of(opened) / f"{session_id}.json").read_bytes())
    assert document["composer_draft"] == {"text": text, "files": files}
    assert (document["updated_at"], document["messages"]) == (before.updated_at, turns(4))
    stored = snapshot(opened)
    again = post(client, "draft", session_id=session_id, text=text)
    assert again == {"ok": True, "draft": {"text": text, "files": files}, "unchanged": True}
    assert snapshot(opened) == stored
    shown = reply(client.get(f"/api/session/draft?session_id={session_id}"))
    assert shown == {"text": text, "files": files, "draft": {"text": text, "files": files}}
    assert post(client, "draft", session_id=session_id, text="", files=[])["draft"] == {
        "text": "",
        "files": [],
    }


@pytest.mark.parametrize("text", ["half a question", "x" * 9_000])
def test_what_the_composer_holds_is_no_news_for_a_list(
    opened: SessionRepository, client: FlaskClient, text: str
) -> None:
    session_id, new = started(opened), opened.new().session_id
    version = opened.version()
    for name in (session_id, new):
        post(client, "draft", session_id=name, text=text)
        assert opened.version() == version
    document = json.loads((folder_of(opened) / f"{session_id}.json").read_bytes())
    write_document(opened, **document | {"composer_draft": {"text": text + " more"}})  # as the web UI does
    opened.sync()
    assert opened.webui.composed(session_id).text == text + " more"
    assert opened.version() == version
    opened.append(session_id, turns(1))
    assert opened.version() != version


def test_a_credential_in_the_composer_comes_back_as_it_was_typed_and_is_masked_in_lists(
    opened: SessionRepository, client: FlaskClient
) -> None:
    session_id, text = started(opened, title=f"key {KEY}"), f"use {KEY} and password: hunter2"
    draft = {"text": text, "files": [{"name": f"{KEY}.txt"}]}
    assert post(client, "draft", session_id=session_id, **draft)["draft"] == draft
    assert reply(client.get(f"/api/session/draft?session_id={session_id}"))["draft"] == draft
    for query in ("", "&messages=0", "&msg_limit=2"):
        shown = reply(client.get(f"/api/session?session_id={session_id}{query}"))["session"]
        assert shown["composer_draft"] == draft
        assert KEY not in shown["title"]
    for path in ("/api/sessions", "/api/sessions?sidebar_source=webui", "/api/sessions/search?q=key"):
        answer = client.get(path).text
        assert session_id in answer
        assert KEY not in answer
        assert "hunter2" not in answer
    loaded = reply(client.get(f"/api/session?session_id={session_id}"))["session"]["composer_draft"]
    post(client, "draft", session_id=session_id, text=loaded["text"] + " please")
    assert opened.webui.composed(session_id).text == text + " please"


def test_a_long_text_in_the_composer_is_cut_and_found_in_the_file(
    opened: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(opened)
    post(client, "draft", session_id=session_id, text="x" * 60_000, files=list(range(60)))
    shown = reply(client.get(f"/api/session/draft?session_id={session_id}"))
    assert (shown["text"], shown["files"]) == ("x" * 50_000, list(range(50)))


def test_a_draft_with_text_in_the_composer_outlives_its_day(
    opened: SessionRepository, client: FlaskClient
) -> None:
    session_id = post(client, "new")["session"]["session_id"]
    post(client, "draft", session_id=session_id, text="", files=[])
    assert snapshot(opened) == {}
    post(client, "draft", session_id=session_id, text="think about it")
    assert snapshot(opened).keys() == {f"{session_id}.json"}
    assert opened.count() == 0, "nobody has sent or named anything yet"
    assert reply(client.get(f"/api/session/draft?session_id={session_id}"))["text"] == "think about it"


def test_the_composer_of_other_sessions(opened: SessionRepository, client: FlaskClient) -> None:
    write_document(opened, "odd", title="Odd", messages=turns(1), composer_draft="text")
    write_document(opened, "read-only", title="R", messages=turns(1), read_only=True)
    assert reply(client.get("/api/session/draft?session_id=odd"))["draft"] == {"text": "", "files": []}
    assert post(client, "draft", session_id="read-only", text="a")["draft"]["text"] == "a"
    for session_id in ("lone", "nobody"):  # one of the agent would have to be imported for it
        error(client.post("/api/session/draft", json={"session_id": session_id, "text": "a"}), 404)
        error(client.get(f"/api/session/draft?session_id={session_id}"), 404)


# ---- recovery -------------------------------------------------------------------------------------------


def test_a_safe_repair_repairs_the_index_and_nothing_else(
    opened: SessionRepository, client: FlaskClient
) -> None:
    started(opened)
    before = snapshot(opened)
    answer = post(client, "recovery/repair-safe")
    assert (answer["ok"], answer["clean"], answer["after"]["status"]) == (True, True, "ok")
    assert answer.keys() == {"ok", "clean", "repaired", "before", "backup_repair", "sidecar_repair", "after"}
    (folder_of(opened) / "broken.json").write_text("{")
    refused = reply(client.post("/api/session/recovery/repair-safe", json={}), 409)
    assert (refused["ok"], refused["clean"], refused["after"]["summary"]["unsafe_to_repair"]) == (
        False,
        False,
        1,
    )
    assert refused["error"]
    assert snapshot(opened) == before | {"broken.json": b"{"}


# ---- what an import names and this home lacks -----------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "placed", "said"),
    [
        ({}, (None, "work"), []),
        ({"project_id": None, "profile": None}, (None, "work"), []),
        ({"project_id": "here", "profile": "default"}, ("here", "default"), []),
        ({"project_id": "gone"}, (None, "work"), ["project gone"]),
        ({"profile": "other"}, (None, "work"), ["profile other"]),
        ({"project_id": "gone", "profile": "other"}, (None, "work"), ["project gone", "profile other"]),
    ],
)
def test_an_import_names_only_what_exists(
    opened: SessionRepository, client: FlaskClient, named: Any, placed: Any, said: list[str]
) -> None:
    here = opened.projects.create("Atlas").project_id
    body = {"messages": turns(2), **named}
    if named.get("project_id") == "here":
        body["project_id"] = here
    client.set_cookie("hermes_profile", "work")
    answer = post(client, "import", **body)
    session = opened.get(answer["session"]["session_id"])
    assert (session.project_id, session.profile) == ((here if placed[0] else None), placed[1])
    assert len(answer["warnings"]) == len(said)
    assert all(words in warning for words, warning in zip(said, answer["warnings"], strict=True))
    assert "unknown project" not in {finding.kind for finding in opened.check()}


def test_an_import_without_a_project_needs_no_projects(
    opened: SessionRepository, client: FlaskClient
) -> None:
    opened.config.projects_file.write_text("{")
    assert post(client, "import", messages=turns(2))["warnings"] == []
    error(client.post("/api/session/import", json={"messages": turns(2), "project_id": "a"}), 500)
