"""The agents' conversations over HTTP and on the pages, and which of their files a server holds open."""

import hashlib
import html
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from webapp import create_app

from ..interop.test_samples import expected
from ..support.serving import address, start, stop
from ..support.web import check_inert, error, reply, settings
from .test_server import fetch

CHAIN = [f"chain1_seg{number}" for number in range(3)]


@pytest.fixture
def repository(may: Path) -> Iterator[SessionRepository]:
    """A repository over the sample of May."""
    with SessionRepository.open(hermes_home=may) as opened:
        yield opened


@pytest.fixture
def client(repository: SessionRepository) -> FlaskClient:
    """A client of the application over the sample of May."""
    return create_app(repository).test_client()


def ids(body: Any) -> list[str]:
    """Return the ids of a list's answer."""
    return [entry["session_id"] for entry in body["sessions"]]


def digest(home: Path) -> str:
    """Return what `state.db` holds, as a checksum."""
    return hashlib.sha256((home / "state.db").read_bytes()).hexdigest()


# ---- the API --------------------------------------------------------------------------------------------


def test_the_settings_decide_whether_the_list_includes_agents(
    repository: SessionRepository, client: FlaskClient
) -> None:
    own = reply(client.get("/api/sessions"))
    assert len(own["sessions"]) == 47
    settings(repository, '{"show_cli_sessions": true}')
    joint = reply(client.get("/api/sessions"))
    agents = {entry["session_id"]: entry for entry in joint["sessions"] if entry["is_cli_session"]}
    shown = [entry for entry in expected("may", "cli_sessions") if entry["source_tag"] != "cron"]
    assert {entry["session_id"] for entry in shown} <= agents.keys()
    assert joint["cli_count"] == len(agents)
    assert len(joint["sessions"]) == joint["total"] == len(agents) + 47
    for entry in shown:
        changed = {"session_source"} if entry["source_tag"] == "matrix" else set()
        if entry["title"].endswith(" Session"):  # there is none, so ours is the beginning of a message
            changed |= {"title"}
            assert not agents[entry["session_id"]]["title"].endswith(" Session")
        kept = {key: value for key, value in entry.items() if key not in changed}
        assert {key: agents[entry["session_id"]][key] for key in kept} == kept


def test_the_lineage_of_an_agents_conversation(client: FlaskClient) -> None:
    report = reply(client.get(f"/api/session/lineage/report?session_id={CHAIN[-1]}"))
    assert [each["session_id"] for each in report["segments"]] == CHAIN[::-1]
    assert (report["found"], report["lineage_key"], report["total_segments"]) == (True, CHAIN[0], 3)
    assert "nobody" in error(client.get("/api/session/lineage/report?session_id=nobody"), 404)
    assert "session_id" in error(client.get("/api/session/lineage/report"), 400)


def test_a_request_can_include_or_exclude_agents(repository: SessionRepository, client: FlaskClient) -> None:
    assert reply(client.get("/api/sessions?agent=1"))["total"] == 88
    settings(repository, '{"show_cli_sessions": true}')
    assert reply(client.get("/api/sessions?agent=0"))["total"] == 47
    assert reply(client.get("/api/sessions?source=messaging"))["total"] == 18
    assert reply(client.get("/api/sessions?source=cli&profile=work"))["total"] == 5


def test_an_unchanged_list_is_not_sent_again_until_the_agent_or_the_settings_change(
    may: Path, repository: SessionRepository, client: FlaskClient
) -> None:
    tag = client.get("/api/sessions?agent=1").headers["ETag"]
    assert client.get("/api/sessions?agent=1", headers={"If-None-Match": tag}).status_code == 304
    with closing(sqlite3.connect(may / "state.db")) as agent, agent:
        agent.execute("UPDATE sessions SET title = 'another' WHERE id = 'resumed'")
    assert client.get("/api/sessions?agent=1", headers={"If-None-Match": tag}).status_code == 200
    tag = client.get("/api/sessions").headers["ETag"]
    settings(repository, '{"show_cli_sessions": true}')
    assert client.get("/api/sessions", headers={"If-None-Match": tag}).status_code == 200


def test_an_agent_session_is_read_from_the_agents_database(client: FlaskClient) -> None:
    for session_id, messages in expected("may", "agent_messages").items():
        session = reply(client.get(f"/api/session?session_id={session_id}"))["session"]
        assert session["is_cli_session"] is True
        said = [
            {key: message[key] for key in ("role", "content", "timestamp")} for message in session["messages"]
        ]
        assert said == messages
        last = reply(client.get(f"/api/session?session_id={session_id}&msg_limit=2"))["session"]
        assert last["messages"] == session["messages"][-2:]
        assert last["_messages_offset"] == len(messages) - 2
        without = reply(client.get(f"/api/session?session_id={session_id}&messages=0"))["session"]
        assert without["messages"] == []
        assert without["message_count"] == len(messages)
    assert reply(client.get("/api/session/status?session_id=resumed"))["title"] == "Closed by hand"


def test_an_import_says_whether_it_is_new(may: Path, client: FlaskClient) -> None:
    before = digest(may)
    first = reply(client.post("/api/session/import_cli", json={"session_id": "child_of_chain1"}))
    again = reply(client.post("/api/session/import_cli", json={"session_id": "child_of_chain1"}))
    assert (first["imported"], again["imported"]) == (True, False)
    assert first["session"] == again["session"]
    assert len(first["session"]["messages"]) == 2
    assert first["session"]["parent_session_id"] == "chain1_seg0"
    assert (may / "webui/sessions/child_of_chain1.json").exists()
    assert digest(may) == before
    assert ids(reply(client.get("/api/sessions?agent=1"))).count("child_of_chain1") == 1
    error(client.post("/api/session/import_cli", json={"session_id": "nobody"}), 404)


def test_changing_an_agent_session_is_refused_with_a_remedy(may: Path, client: FlaskClient) -> None:
    before = digest(may)
    for path, values in (
        ("clear", {}),
        ("truncate", {"keep_count": 1}),
        ("branch", {}),
        ("duplicate", {}),
    ):
        words = error(client.post(f"/api/session/{path}", json={"session_id": "resumed", **values}), 403)
        assert "import" in words
    assert digest(may) == before


def test_delete_removes_a_conversation_from_the_agent_and_keeps_all_of_it_in_the_trash(
    may: Path, client: FlaskClient
) -> None:
    assert reply(client.post("/api/session/delete", json={"session_id": CHAIN[-1]})) == {"ok": True}
    listed = ids(reply(client.get("/api/sessions?agent=1")))
    assert not set(CHAIN) & set(listed)
    assert "child_of_chain1" in listed
    (kept,) = (may / "webui/trash").iterdir()
    assert kept.name.startswith(f"{CHAIN[-1]}.")
    assert [each["session"]["id"] for each in json.loads(kept.read_bytes())["agent_rows"]] == CHAIN
    with closing(sqlite3.connect(may / "state.db")) as agent:
        for table, column in (("sessions", "id"), ("messages", "session_id")):
            query = f"SELECT count(*) FROM {table} WHERE {column} LIKE 'chain1%'"
            assert agent.execute(query).fetchone() == (0,)
    assert reply(client.post("/api/session/delete", json={"session_id": CHAIN[-1]})) == {"ok": True}


@pytest.mark.slow
def test_a_delete_that_the_agents_database_refuses_is_an_error(may: Path, client: FlaskClient) -> None:
    reply(client.post("/api/session/import_cli", json={"session_id": "resumed"}))
    with closing(sqlite3.connect(may / "state.db", isolation_level=None)) as agent:
        agent.execute("BEGIN IMMEDIATE")
        words = error(client.post("/api/session/delete", json={"session_id": "resumed"}), 503)
    assert "resumed is in the trash, but" in words
    assert "locked" in words
    assert "resumed" not in ids(reply(client.get("/api/sessions?agent=1"))), "no ghost"


def test_an_unreadable_agent_database_is_reported(may: Path, client: FlaskClient) -> None:
    (may / "state.db").write_bytes(b"this is no database" * 100)
    body = reply(client.get("/api/sessions?agent=1"))
    assert set(ids(reply(client.get("/api/sessions")))) <= set(ids(body))
    (warning,) = body["warnings"]
    assert "state.db" in warning
    assert "not a database" in warning
    assert str(may) not in warning
    assert "not a database" in client.get("/").text
    assert "not a database" in error(client.get("/api/session?session_id=resumed"), 503)


# ---- pages ----------------------------------------------------------------------------------------------


def test_the_list_page_includes_agents_unless_the_settings_exclude_them(
    repository: SessionRepository, client: FlaskClient
) -> None:
    page = client.get("/").text
    for words in ("Closed by hand", ">CLI<", ">Slack<", "2 segments", "Messengers", "Sub-agents"):
        assert words in page
    settings(repository, '{"show_cli_sessions": false}')
    assert "Closed by hand" not in client.get("/").text


def test_a_conversation_page_links_to_its_segments_and_parents(client: FlaskClient) -> None:
    page = client.get(f"/session/{CHAIN[-1]}").text
    check_inert(page)
    assert related(page) == [("Continued from", CHAIN[-2])]
    assert "Import to edit" in page
    assert "/rename" not in page
    earlier = client.get(f"/session/{CHAIN[0]}").text
    assert "Long refactor 1" in earlier
    assert related(earlier) == [("Continues in", CHAIN[1])]
    assert related(client.get("/session/child_of_chain1").text) == [("Started by", CHAIN[0])]


def related(page: str) -> list[tuple[str, str]]:
    """Return the conversations that a page leads to, and how they are related."""
    return re.findall(r'<p class="related">([^<]*) <a href="/session/([^"]*)">', page)


def test_importing_on_the_page_opens_an_editable_conversation(client: FlaskClient) -> None:
    answer = client.post("/session/resumed/import", follow_redirects=True)
    assert "Imported" in answer.text
    assert "/rename" in answer.text
    assert client.post("/session/resumed/rename", data={"title": "mine"}).status_code == 303
    assert client.get("/").text.count(">Closed by hand</a>") == 1, "the other profile's"


# ---- what stays open ------------------------------------------------------------------------------------


def held(pid: int) -> list[str]:
    """Return what the workers of a server hold open, less the connections of clients that have just left."""
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    links = [link for worker in workers for link in Path(f"/proc/{worker}/fd").iterdir()]
    targets = []
    for link in links:
        with suppress(FileNotFoundError):  # closed since
            targets.append(str(link.readlink()))
    return [target for target in targets if not target.startswith("socket:")]


def test_the_button_says_what_is_erased_from_the_agent(may: Path, client: FlaskClient) -> None:
    words = "The agent loses 3 segments with "
    page = html.unescape(client.get(f"/session/{CHAIN[-1]}").text)
    assert words in page
    client.post(f"/session/{CHAIN[-1]}/import")
    assert words in html.unescape(client.get(f"/session/{CHAIN[-1]}").text)
    page = client.get("/session/0089b5292e96").text
    assert "from the agent" not in page
    assert "The agent loses" not in page


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_a_row_says_whether_a_delete_erases_something_of_the_agent(
    repository: SessionRepository, client: FlaskClient
) -> None:
    repository.import_agent_session(CHAIN[-1])
    shown = client.get("/?limit=500").get_data(as_text=True)
    rows = {row[1]: row[0] for row in re.finditer(r'<li class="row" data-id="([^"]*)".*?>', shown)}
    told = {session_id for session_id, row in rows.items() if "data-held" in row}
    assert told == {name for name in rows if repository.agent_share(name).segments}
    assert 0 < len(told) < len(rows)


@pytest.mark.slow
def test_five_hundred_requests_leave_no_file_open(may: Path) -> None:
    (may / "webui/settings.json").write_text(json.dumps({"show_cli_sessions": True}))
    before = digest(may)
    server = start(may, "--port", "0")
    try:
        url = address(server)
        while fetch(f"{url}/api/sessions/search?q=word")["missing"]:
            pass  # the background opens what it reads
        seen = []
        for _ in range(5):
            for _ in range(50):
                assert fetch(f"{url}/api/sessions")["total"] == 88
                fetch(f"{url}/api/projects")
            seen.append(held(server.pid))
    finally:
        stop(server)
    for targets in seen:
        assert not [target for target in targets if "state.db" in target]
    others = [[target for target in targets if ".db" not in target] for targets in seen]
    assert len({len(targets) for targets in others}) == 1, others
    for name in ("sessions.db", "search.db"):
        index = [sum(name in target for target in targets) for targets in seen]
        assert max(index) <= 3 * 8, "the pool's connections: database, -wal and -shm of each"
    assert digest(may) == before


def test_an_earlier_segment_leads_to_the_conversation_that_was_restored(
    repository: SessionRepository, client: FlaskClient
) -> None:
    assert client.get(f"/session/{CHAIN[0]}").status_code == 200, "the agent still has it"
    repository.delete_everywhere(CHAIN[-1])
    assert client.get(f"/session/{CHAIN[0]}").status_code == 404
    repository.restore(CHAIN[-1])
    answer = client.get(f"/session/{CHAIN[0]}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/session/{CHAIN[-1]}")
    assert client.get(answer.headers["Location"]).status_code == 200
