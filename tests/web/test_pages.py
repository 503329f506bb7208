"""The pages without a browser: the list, one session, and the forms that change it."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hermes_sessions import SessionRepository, Summary
from webapp.masking import masker
from webapp.pages import rendering, sidebar_rows

from ..support.make import started, turns, write_document
from ..support.web import KEY, reply, settings


def titles(page: str) -> list[str]:
    return re.findall(r'class="row-title" dir="auto" href="/session/([^"?]+)["?]', page)


def test_the_list_page_shows_the_sessions_in_order(reader: FlaskClient) -> None:
    query = "/api/sessions?archived=0&agent=1&limit=50"
    wanted = [entry["session_id"] for entry in reply(reader.get(query))["sessions"]]
    page = reader.get("/")
    assert page.status_code == 200
    assert titles(page.text) == wanted
    page = reader.get("/?source=webui")
    assert titles(page.text) == [
        entry["session_id"] for entry in reply(reader.get("/api/sessions?archived=0"))["sessions"]
    ]
    for words in ("Pinned", "Interrupted", "98 messages", "data-short", "gpt-5.4-mini", "Büro / 事務所"):
        assert words in page.text


def test_the_list_page_filters_and_keeps_the_filters(reader: FlaskClient) -> None:
    assert len(titles(reader.get("/?archived=1").text)) == 5
    assert len(titles(reader.get("/?project_id=c7fdec99108d").text)) == 4
    page = reader.get("/?profile=work&source=webui").text
    assert len(titles(page)) == 14
    assert 'href="/?source=webui"' in page
    assert 'href="/?profile=work"' in page
    assert re.search(r'href="/session/\w+\?profile=work&amp;source=webui"', page)
    assert len(titles(reader.get("/?profile=work&source=cli").text)) == 5
    assert "No conversation matches" in reader.get("/?profile=nobody").text
    for query in ("archived=x", "cursor=x"):
        assert reader.get(f"/?{query}").status_code == 400


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("pinned=1", "Pinned: yes"),
        ("interrupted=1", "Interrupted: yes"),
        ("model=gpt-5.4-mini", "Model gpt-5.4-mini"),
        ("min_cost=0.5", "From $0.5"),
        ("min_messages=3", "At least 3 messages"),
        ("since=1777025183", "Since 1777025183"),
        ("until=12345", "Before 12345"),
    ],
)
def test_the_list_page_takes_filters_that_have_no_field(reader: FlaskClient, query: str, words: str) -> None:
    page = reader.get(f"/?archived=all&{query}").text
    listed = reply(reader.get(f"/api/sessions?limit=50&agent=1&{query}"))["sessions"]
    name, _, value = query.partition("=")

    assert titles(page) == [each["session_id"] for each in listed]
    assert re.search(rf'<a class="chip" href="/\?archived=all">{re.escape(words)}<', page), "removes it"
    assert f'<input type="hidden" name="{name}" value="{value}">' in page, "stays when the form is sent"
    assert not listed or re.search(rf'href="/session/\w+\?{re.escape(query)}&amp;archived=all"', page)
    assert ("No conversation matches" in page) == (not listed)


@pytest.mark.parametrize(
    "query",
    [
        *("pinned=x", "interrupted=2", "archived=x", "source=x", "sort=x"),
        *("since=soon", "until=-1", "min_cost=nan", "min_cost=x", "min_messages=1.5"),
    ],
)
def test_an_invalid_filter_of_the_list_page_is_named(reader: FlaskClient, query: str) -> None:
    answer = reader.get(f"/?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text.lower(), "where it begins a sentence, too"
    beside = reader.get(f"/usage?{query}")
    assert beside.status_code == 200
    assert re.search(r'class="note warning only-narrow".*Show the list without it', beside.text)
    for page in (answer.text, beside.text):
        assert query not in "".join(re.findall(r'(?:href|action)="[^"]*"', page)), "no link leads to it"
        name, _, value = query.partition("=")
        assert f'<input type="hidden" name="{name}" value="{value}">' not in page, "nor does a search"


def test_the_last_page_has_no_next_page(reader: FlaskClient) -> None:
    first = reader.get("/?archived=all&source=webui").text
    assert len(titles(first)) == 47
    assert 'rel="next"' not in first


def test_all_pages_of_the_list_page_are_linked(sessions: SessionRepository, client: FlaskClient) -> None:
    for number in range(120):
        write_document(sessions, f"s{number:03}", title="t", updated_at=number, messages=turns(1, number))
    found: list[str] = []
    path: str | None = "/"
    while path:
        page = client.get(path).text
        found += titles(page)
        link = re.search(r'rel="next" href="([^"]*)"', page)
        path = link and link[1].replace("&amp;", "&")
    assert found == [f"s{number:03}" for number in reversed(range(120))]


def test_an_empty_home_says_so(client: FlaskClient) -> None:
    assert "No conversations yet." in client.get("/").text


FORMS: list[tuple[str, dict[str, str], str, Any]] = [
    ("rename", {"title": "  New name "}, "title", "New name"),
    ("rename", {"title": ""}, "title", "Untitled"),
    ("pin", {"value": "1"}, "pinned", True),
    ("pin", {"value": "0"}, "pinned", False),
    ("archive", {"value": "1"}, "archived", True),
    ("archive", {"value": "0"}, "archived", False),
    ("move", {"project_id": ""}, "project_id", None),
]


@pytest.mark.parametrize("case", FORMS, ids=str)
def test_the_forms_that_change_one_field(
    sessions: SessionRepository, client: FlaskClient, case: tuple[str, dict[str, str], str, Any]
) -> None:
    name, form, field, wanted = case
    session_id = started(sessions)
    response = client.post(f"/session/{session_id}/{name}", data=form)
    assert response.status_code == 303
    assert response.headers["Location"].startswith(f"/session/{session_id}?done=")
    assert getattr(sessions.summary(session_id), field) == wanted
    assert 'role="status"' in client.get(response.headers["Location"]).text
    assert client.post(f"/session/nobody/{name}", data=form).status_code == 404
    assert client.post(f"/session/a.b/{name}", data=form).status_code == 400


def test_move_duplicate_and_delete_by_form(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions, title="Trip")
    project = sessions.projects.create("Atlas")
    client.post(f"/session/{session_id}/move", data={"project_id": project.project_id})
    assert sessions.summary(session_id).project_id == project.project_id
    assert client.post(f"/session/{session_id}/move", data={"project_id": "nowhere"}).status_code == 404
    assert "Trip (copy)" in client.post(f"/session/{session_id}/duplicate", follow_redirects=True).text
    page = client.post(f"/session/{session_id}/delete", follow_redirects=True).text
    assert "Moved to the trash." in page
    assert f"/session/{session_id}" not in page
    assert client.post(f"/session/{session_id}/delete").status_code == 404


# The same table as in `tests/web/static/text.test.js`.
@pytest.mark.parametrize(
    ("stamp", "now", "words"),
    [
        ("2026-11-28T14:13:05+01:00", "2026-11-28T22:59:00Z", "14:13"),
        ("2026-11-28T00:00:00+01:00", "2026-11-28T22:59:00Z", "00:00"),
        ("2026-11-28T23:30:00+01:00", "2026-11-28T12:00:00Z", "23:30"),
        ("2026-11-28T14:13:05+01:00", "2026-11-28T23:00:00Z", "Yesterday"),
        ("2025-12-31T23:59:59-05:30", "2026-01-01T06:00:00Z", "Yesterday"),
        ("2026-09-21T14:13:05+02:00", "2026-11-28T12:00:00Z", "21 Sep"),
        ("2026-11-26T23:59:59+00:00", "2026-11-28T12:00:00Z", "26 Nov"),
        ("2026-11-29T00:00:00+00:00", "2026-11-28T12:00:00Z", "29 Nov"),
        ("2025-09-21T14:13:05+00:00", "2026-11-28T12:00:00Z", "21 Sep 2025"),
        ("2027-01-03T14:13:05+00:00", "2026-11-28T12:00:00Z", "3 Jan 2027"),
    ],
)
def test_times_in_short(stamp: str, now: str, words: str) -> None:
    at = datetime.fromisoformat(stamp)
    assert rendering.short_time(at, datetime.fromisoformat(now).timestamp()) == words


# The same table as in `tests/web/static/text.test.js`.
@pytest.mark.parametrize(
    ("stamp", "now", "words"),
    [
        ("2026-11-28T14:13:05+01:00", "2026-11-28T13:13:30Z", "14:13 · just now"),
        ("2026-11-28T14:13:05+01:00", "2026-11-28T15:14:00Z", "14:13 · 2 hours ago"),
        ("2026-11-28T09:05:00+00:00", "2026-11-29T10:00:00Z", "Yesterday, 09:05 · 1 day ago"),
        ("2026-09-21T14:13:05+02:00", "2026-11-28T12:00:00Z", "21 Sep, 14:13 · 2 months ago"),
    ],
)
def test_times_to_the_minute(stamp: str, now: str, words: str) -> None:
    at = datetime.fromisoformat(stamp)
    assert rendering.long_time(at, datetime.fromisoformat(now).timestamp()) == words


def test_the_list_is_grouped_by_period(sessions: SessionRepository) -> None:
    now = datetime(2026, 11, 28, 12).astimezone().timestamp()
    days = (("pinned", 50), ("soon", -1), ("now", 0), ("yesterday", 1), ("two", 2), ("week", 7), ("eight", 8))
    for name, age in (*days, ("month", 30), ("october", 31), ("january", 320), ("older", 430)):
        said = turns(1, now - age * 86_400)
        write_document(sessions, name, title=name, messages=said, pinned=name == "pinned")
    sessions.sync()
    groups = sidebar_rows.by_day(sessions.list(), now)
    assert [(group.name, [each.title for each in group.sessions]) for group in groups] == [
        ("Pinned", ["pinned"]),
        ("Today", ["soon", "now"]),
        ("Yesterday", ["yesterday"]),
        ("Previous 7 days", ["two", "week"]),
        ("Previous 30 days", ["eight", "month"]),
        ("October", ["october"]),
        ("January", ["january"]),
        ("September 2025", ["older"]),
    ]


def test_a_time_shows_the_exact_one_in_its_tooltip() -> None:
    assert str(rendering.moment(None)) == str(rendering.moment(1e300)) == ""
    at = datetime(2025, 9, 21, 14, 13, 5).astimezone()
    assert str(rendering.moment(at.timestamp())) == (
        f'<time datetime="{at.isoformat()}" title="2025-09-21 14:13:05 UTC{at:%z}" data-short>'
        "21 Sep 2025</time>"
    )


@pytest.mark.slow
def test_one_application_serves_many_threads(sessions: SessionRepository, app: Flask) -> None:
    ids = [started(sessions) for _ in range(8)]
    barrier = threading.Barrier(8)

    def work(session_id: str) -> list[int]:
        client = app.test_client()
        barrier.wait()
        calls: list[Callable[[], TestResponse]] = [
            lambda: client.get("/api/sessions"),
            lambda: client.post("/api/session/rename", json={"session_id": session_id, "title": "x"}),
            lambda: client.get(f"/session/{session_id}"),
        ]
        return [call().status_code for call in calls * 5]

    with ThreadPoolExecutor(8) as pool:
        assert {status for statuses in pool.map(work, ids) for status in statuses} == {200}


def test_masking_follows_the_settings(sessions: SessionRepository, app: Flask) -> None:
    for text, wanted in (("{}", "sk-abc...wxyz"), ('{"api_redact_enabled": false}', KEY)):
        settings(sessions, text)
        with app.test_request_context("/"):
            assert masker()(KEY) == wanted


def test_the_page_of_a_deleted_session_gets_no_new_messages(client: FlaskClient) -> None:
    assert client.get("/session/gone/messages?after=3").status_code == 204
    assert client.get("/session/gone/messages").status_code == 204
    assert client.get("/session/gone/messages?before=3").status_code == 404


def test_also_if_its_file_goes_while_it_is_being_read(
    client: FlaskClient, sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = SessionRepository.summary

    def and_then_gone(self: SessionRepository, session_id: str) -> Summary:
        found = summary(self, session_id)
        (sessions.config.sessions_dir / f"{session_id}.json").unlink()
        return found

    monkeypatch.setattr(SessionRepository, "summary", and_then_gone)
    for query, status in (("after=2", 204), ("before=2", 404)):
        session_id = started(sessions, 4)
        assert client.get(f"/session/{session_id}/messages?{query}").status_code == status
