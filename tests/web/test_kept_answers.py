"""Answers that are kept: sent again while nothing changes, never after a change nor to anybody else."""

import json
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import quote

import pytest
from flask import request
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.repository import follow_files
from hermes_sessions.search.sync import SearchIndex
from webapp import create_app, kept_answers

from ..support.agent_db import add_message, add_session, new_state, writing
from ..support.make import message, started, write_document
from ..support.web import KEY, reply

LIST = "/api/sessions?limit=50&agent=1"
LONG_AGO = 1_777_000_000
PASSWORD = "correct horse"


class Served(NamedTuple):
    """A client of an application, and the addresses that the application itself was asked for."""

    client: FlaskClient
    asked: list[str]

    def is_kept(self, path: str, **headers: str) -> bool:
        """Whether the next answer is a kept one."""
        before = len(self.asked)
        assert self.client.get(path, headers=headers).status_code in (200, 304)
        return len(self.asked) == before


def serve(sessions: SessionRepository, password: str | None = None) -> Served:
    app, asked = create_app(sessions, password=password), list[str]()
    app.before_request(lambda: asked.append(request.path))
    return Served(app.test_client(), asked)


def without_clock(data: bytes) -> Any:
    return {name: value for name, value in json.loads(data).items() if name != "server_time"}


@pytest.fixture(scope="module")
def old_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose files were all changed long ago: what was changed just now is not kept."""
    home = tmp_path_factory.mktemp("kept") / "home"
    home.mkdir()
    with writing(new_state(home / "state.db")) as db:
        add_session(db, "agent_1", "asked", "answered", title="Of the agent")
    with SessionRepository.open(hermes_home=home) as sessions:
        write_document(
            sessions, "first", title="First", messages=[message(f"text {KEY} {'word ' * 200}")] * 9
        )
        write_document(sessions, "second", title="Second", messages=[message("hello")])
    for path in (*home.rglob("*"), home):
        os.utime(path, (LONG_AGO, LONG_AGO))
    SessionRepository.open(hermes_home=home).close()
    return home


@pytest.fixture
def sessions(tmp_path: Path, old_home: Path) -> Iterator[SessionRepository]:
    home = shutil.copytree(old_home, tmp_path / "home")
    with SessionRepository.open(hermes_home=home) as repository:
        follow_files(repository)
        yield repository


@pytest.fixture
def served(sessions: SessionRepository) -> Served:
    return serve(sessions)


def page_of(session_id: str) -> str:
    return f"/api/session?session_id={session_id}&msg_limit=5"


PATHS = [
    LIST,
    "/api/sessions",
    page_of("first"),
    page_of("agent_1"),
    "/api/session?session_id=first&messages=0",
    "/api/sessions/search?q=first+or+text+or+hello+or+more+or+agent",
]


@pytest.mark.parametrize("path", PATHS)
def test_the_same_request_gets_the_same_answer_without_asking_the_application(
    served: Served, path: str
) -> None:
    given = [served.client.get(path) for _ in range(4)]
    assert served.is_kept(path)
    assert len({json.dumps(without_clock(each.data)) for each in given}) == 1
    assert all(int(each.headers["Content-Length"]) == len(each.data) for each in given)
    headers = [{**each.headers, "Content-Length": ""} for each in given]
    assert all(each == headers[0] for each in headers)
    times = [each.json["server_time"] for each in given if each.json and "server_time" in each.json]
    assert times == sorted(set(times)), "each has the time at which it was sent"


def test_an_unchanged_list_is_kept_too(served: Served) -> None:
    tag = served.client.get(LIST).headers["ETag"]
    given = [served.client.get(LIST, headers={"If-None-Match": tag}) for _ in range(3)]
    assert [(each.status_code, each.data, each.headers["ETag"]) for each in given] == [(304, b"", tag)] * 3
    assert served.is_kept(LIST, **{"If-None-Match": tag})
    assert not served.is_kept(LIST, **{"If-None-Match": 'W/"another"'})


# ---- changes --------------------------------------------------------------------------------------------


def _elsewhere(home: Path, change: Callable[[SessionRepository], object]) -> None:
    with SessionRepository.open(hermes_home=home) as other:
        change(other)


def _say(home: Path) -> None:
    with writing(home / "state.db") as db:
        add_message(db, "agent_1", "one more", timestamp=LONG_AGO + 500)


def _write(home: Path, name: str, text: str) -> None:
    (home / "webui" / name).write_text(text)


def _write_in_place(home: Path) -> None:
    path = home / "webui/sessions/first.json"
    path.write_text(path.read_text().replace("First", "Third"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "renamed": lambda home: _elsewhere(home, lambda other: other.update("first", title="Renamed")),
    "appended": lambda home: _elsewhere(home, lambda other: other.append("first", [message("more")])),
    "tagged": lambda home: _elsewhere(home, lambda other: other.tag("first", "urgent")),
    "tags.json": lambda home: _write(home, "tags.json", '{"tags": {"first": ["urgent"]}}'),
    "new": lambda home: _elsewhere(home, lambda other: started(other, title="New")),
    "in place": _write_in_place,
    "agent": _say,
    "unmasked": lambda home: _write(home, "settings.json", '{"api_redact_enabled": false}'),
    "workspace": lambda home: _write(home, "last_workspace.txt", str(home)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_another_program_changes_is_in_the_next_answer(
    served: Served, sessions: SessionRepository, name: str
) -> None:
    before = {path: [served.client.get(path) for _ in range(3)][-1] for path in PATHS}
    CHANGES[name](sessions.config.hermes_home)
    after = {path: without_clock(served.client.get(path).data) for path in PATHS}
    fresh = serve(sessions).client
    assert after == {path: without_clock(fresh.get(path).data) for path in PATHS}
    assert after != {path: without_clock(each.data) for path, each in before.items()}
    again = {path: without_clock(served.client.get(path).data) for path in PATHS}
    assert again == after


def test_a_search_depends_on_the_names_of_projects(served: Served, sessions: SessionRepository) -> None:
    path = f"/api/sessions/search?q={quote('hello project:Alpha')}"
    project = sessions.projects.create("Alpha")
    sessions.update("second", project_id=project.project_id)
    found = [reply(served.client.get(path))["count"] for _ in range(3)]
    assert found == [1, 1, 1]
    _elsewhere(sessions.config.hermes_home, lambda other: other.projects.rename(project.project_id, "Beta"))
    assert reply(served.client.get(path))["count"] == 0


def test_a_search_is_asked_again_the_next_minute(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/api/sessions/search?q=hello"
    for _ in range(3):
        reply(served.client.get(path))
    assert served.is_kept(path)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 60_000_000_000)
    assert not served.is_kept(path)


def test_a_search_that_lacks_a_session_is_not_kept(served: Served) -> None:
    path = "/api/sessions/search?q=hello"
    with mock.patch.object(SearchIndex, "catch_up", return_value=1):
        for _ in range(3):
            assert reply(served.client.get(path))["missing"] == 1
        assert not served.is_kept(path)


def test_what_is_deleted_is_found_no_longer(served: Served, sessions: SessionRepository) -> None:
    for _ in range(3):
        reply(served.client.get(page_of("first")))
    _elsewhere(sessions.config.hermes_home, lambda other: other.delete("first"))
    reply(served.client.get(page_of("first")), 404)


@pytest.mark.slow
def test_what_another_process_renames_is_in_the_next_answer(
    served: Served, sessions: SessionRepository
) -> None:
    for _ in range(3):
        served.client.get(LIST)
    rename = "s.update('first', title='Renamed')"
    program = f"from hermes_sessions import SessionRepository as S\nwith S.open() as s: {rename}"
    environment = os.environ | {"HERMES_HOME": str(sessions.config.hermes_home)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    titles = {each["session_id"]: each["title"] for each in reply(served.client.get(LIST))["sessions"]}
    assert titles["first"] == "Renamed"


def test_what_was_changed_a_moment_ago_is_not_kept(served: Served, sessions: SessionRepository) -> None:
    """A second change within the same tick of the clock would leave no sign."""
    write_document(sessions, "second", title="Second", messages=[message("changed")])
    assert not any(served.is_kept(page_of("second")) for _ in range(3))


# ---- whose answer it is ---------------------------------------------------------------------------------


def test_nothing_kept_is_sent_to_whoever_is_not_logged_in(sessions: SessionRepository) -> None:
    served = serve(sessions, PASSWORD)
    assert served.client.post("/login", data={"password": PASSWORD}).status_code == 303
    cookie = served.client.get_cookie("hermes_login")
    assert cookie is not None
    for _ in range(3):
        reply(served.client.get(LIST))
    assert served.is_kept(LIST)
    stranger = served.client.application.test_client()
    reply(stranger.get(LIST), 401)
    served.client.post("/logout")
    stranger.set_cookie("hermes_login", cookie.value)  # the same request as before
    reply(stranger.get(LIST), 401)


def test_what_is_kept_depends_on_every_header(served: Served) -> None:
    path = page_of("first")
    plain = {served.client.get(path).data for _ in range(3)}
    packed = {served.client.get(path, headers={"Accept-Encoding": "gzip"}).data for _ in range(3)}
    assert plain == {zlib.decompress(each, 31) for each in packed}
    for _ in range(3):
        served.client.get("/api/sessions")
    served.client.set_cookie("hermes_profile", "work")
    assert not served.is_kept("/api/sessions")
    reply_of_another_site = served.client.get(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert reply_of_another_site.status_code == 403
    assert served.client.get(path, headers={"Host": "evil.example"}).status_code == 403


def test_no_more_is_kept_than_there_is_room_for(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_answers, "MOST_BYTES", 20_000)
    served = serve(sessions)
    numbers = range(1, 60)
    for number in numbers:
        served.client.get(f"{LIST}&x={number}")
    kept = [number for number in numbers if served.is_kept(f"{LIST}&x={number}")]
    assert len(kept) < 30
