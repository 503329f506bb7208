"""What stands in place of a page: the welcome to an empty home, errors beside the list, the login."""

import html
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from webapp import create_app
from webapp.pages import sidebar

from ..support.make import started, write

SIDE = '<aside class="side"'


def text_of(page: str) -> str:
    """Return what a page says, without its elements and without the filters that could be chosen."""
    body = re.sub(r'<form class="finder".*?</form>', "", page.partition("<body")[2], flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))


# ---- no conversation, no agent --------------------------------------------------------------------------


def test_an_empty_home_says_where_it_looked_and_how_to_begin(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    page = client.get("/").text
    assert SIDE in page
    words = text_of(page)
    for part in ("Welcome", "Start a conversation", "Import a file", "hermes-sessions demo"):
        assert part in words
    assert 'href="/import"' in page
    home = sessions.config.hermes_home
    assert f"There are none in {home.name} yet." in words
    assert str(home.parent) not in page
    assert "Welcome" not in client.get("/?archived=all").text


def test_the_usual_home_is_called_as_people_type_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with SessionRepository.open(hermes_home=tmp_path / ".hermes") as sessions:
        assert "<code>~/.hermes</code>" in create_app(sessions).test_client().get("/").text


def test_a_home_whose_conversations_are_all_archived_is_not_new(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    sessions.update(started(sessions, title="Put away"), archived=True)
    assert "Welcome" not in client.get("/").text


def test_without_an_agent_no_page_speaks_of_one(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions, title="Mine")
    for path in ("/", f"/session/{session_id}", "/import", "/check?deep=1", "/usage", "/trash", "/nothing"):
        words = text_of(client.get(path).text)
        assert re.findall(r".{0,60}\bagents?\b.{0,40}", words, re.IGNORECASE) == [], path
    assert sessions.list(agent=True).warnings == ()


# ---- errors ---------------------------------------------------------------------------------------------


def test_an_unknown_address_is_told_beside_the_list(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions, title="Still in the list")
    answer = client.get("/no/<b>such?q=Still")
    assert answer.status_code == 404
    assert SIDE in answer.text
    assert "Still in the list" in answer.text
    assert "There is no page at <code>/no/&lt;b&gt;such</code>." in answer.text
    assert "<b>such" not in answer.text
    assert 'role="search" aria-label="Search instead"' in answer.text


def test_an_unknown_conversation_is_told_beside_the_list(client: FlaskClient) -> None:
    answer = client.get("/session/abcdef")
    assert answer.status_code == 404
    assert SIDE in answer.text
    assert "No conversation has the id abcdef" in text_of(answer.text)
    assert 'href="/trash"' in answer.text


def fail() -> str:
    """Fail as a bug does."""
    raise RuntimeError("at /secret/place")


def test_a_bug_is_told_beside_the_list_under_a_name_of_the_log(
    sessions: SessionRepository, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    started(sessions, title="Still in the list")
    app.add_url_rule("/fails", "fails", fail)
    app.add_url_rule("/api/fails", "api_fails", fail)
    page = app.test_client().get("/fails")
    assert page.status_code == 500
    assert "Still in the list" in page.text
    assert "secret" not in page.text
    assert "Traceback" not in page.text
    name = re.search(r"look for <code>([0-9a-f]{8})</code>", page.text)
    assert name
    assert f"{name[1]}: GET /fails" in caplog.text
    told = re.search(r"under ([0-9a-f]{8})\.", app.test_client().get("/api/fails").get_json()["error"])
    assert told
    assert f"{told[1]}: GET /api/fails" in caplog.text


def test_a_bug_of_the_list_is_told_without_it(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sidebar, "read", fail)
    page = client.get("/trash")
    assert page.status_code == 500
    assert "Something went wrong" in page.text
    assert SIDE not in page.text
    assert caplog.text.count("at /secret/place") >= 2
    assert '<a class="button primary" href="/trash">Try again</a>' in page.text
    assert ">All conversations</a>" in page.text


def test_an_error_shows_the_list_to_nobody_else(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions, title="Private")
    guarded = create_app(sessions, password="correct horse").test_client()
    refused = [
        client.get("/", headers={"Host": "evil.example"}),
        client.get("/nothing", headers={"Host": "evil.example"}),
        client.post("/nothing", headers={"Origin": "https://evil.example"}),
        guarded.get("/static/nothing"),
        guarded.post("/login", headers={"Origin": "https://evil.example"}),
    ]
    for answer in refused:
        assert answer.status_code in (403, 404)
        assert "Private" not in answer.text
        assert SIDE not in answer.text


# ---- the login ------------------------------------------------------------------------------------------


def test_the_login_keeps_where_to_go_and_says_how_long_to_wait(sessions: SessionRepository) -> None:
    client = create_app(sessions, password="correct horse").test_client()
    page = client.get(client.get("/session/abc?q=x").headers["Location"]).text
    assert 'name="next" value="/session/abc?q=x"' in page
    assert 'autocomplete="current-password"' in page
    assert SIDE not in page
    answers = [client.post("/login", data={"password": "no", "next": "/session/abc"}) for _ in range(5)]
    assert "Wrong password." in answers[0].text
    assert 'aria-describedby="problem" aria-invalid="true"' in answers[0].text
    assert answers[4].status_code == 429
    assert re.search(r"Too many wrong passwords\. Try again in \d+ seconds?\.", answers[4].text)
    assert 'name="next" value="/session/abc"' in answers[4].text


def test_the_page_of_a_damaged_file_says_so_and_leads_to_health(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write(sessions, "broken", "{")
    page = client.get("/session/broken")
    assert page.status_code == 500
    main = page.text[page.text.index("<main") :]
    assert "<h1>A file cannot be read</h1>" in main
    assert "broken.json cannot be read" in main
    assert '<a class="button primary" href="/check">Open health</a>' in main
    assert "Try again" not in main, "which would not help"
