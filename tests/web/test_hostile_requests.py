"""Attacks on the web front end, each as an attacker would send it: nothing is read, changed or let in."""

import gzip
import json
import re
import socket
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from webapp import create_app

from ..support.make import snapshot, started
from ..support.serving import served
from ..support.web import POSTS, error, reply

PASSWORD = "correct horse"
STREAMS = ("/api/sessions/events", "/api/sessions/gateway/stream")


@pytest.fixture
def guarded(sessions: SessionRepository) -> FlaskClient:
    """A client of an application with a password."""
    return create_app(sessions, password=PASSWORD).test_client()


def held(sessions: SessionRepository) -> tuple[Any, ...]:
    """Return all that an attack could change."""
    state_dir = sessions.config.state_dir
    return (
        snapshot(sessions),
        [each.name for each in sessions.projects.list()],
        sorted(str(path.relative_to(state_dir)) for path in state_dir.glob("trash/*")),
    )


# ---- another site's page --------------------------------------------------------------------------------

FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Host": "evil.example:80"},
]
SIMPLE_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_writes_from_other_sites_are_refused(
    headers: dict[str, str], sessions: SessionRepository, client: FlaskClient
) -> None:
    """Cross-site forms and scripts, opaque origins, and names pointed at this machine (rebinding)."""
    session_id = started(sessions)
    before = held(sessions)
    body = {
        "session_id": session_id,
        "session_ids": [session_id],
        "action": "delete",
        "all": True,
        "name": "x",
    }
    for path in POSTS:
        for kind in ("application/json", *SIMPLE_TYPES):
            answer = client.post(path, data=json.dumps(body), content_type=kind, headers=headers)
            assert answer.status_code == 403, (path, kind)
        assert client.post(path, headers=headers).status_code == 403
    assert held(sessions) == before


@pytest.mark.parametrize("kind", SIMPLE_TYPES)
def test_content_types_that_need_no_preflight_are_not_accepted_as_json(
    kind: str, sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions)
    before = held(sessions)
    for path in POSTS:
        data = json.dumps({"session_id": session_id, "all": True})
        error(client.post(path, data=data, content_type=kind), 415)
    assert held(sessions) == before


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_can_neither_read_nor_hold_streams_open(site: str, client: FlaskClient) -> None:
    for path in (*STREAMS, "/api/sessions", "/api/check?deep=1", "/api/openapi.json"):
        error(client.get(path, headers={"Sec-Fetch-Site": site}), 403)
    assert reply(client.get("/health"))["active_streams"] == 0


def test_no_get_changes_anything(sessions: SessionRepository, client: FlaskClient) -> None:
    session_id = started(sessions)
    sessions.delete(started(sessions))
    before = held(sessions)
    for rule in client.application.url_map.iter_rules():
        if "GET" in (rule.methods or set()) and rule.rule not in STREAMS and rule.endpoint != "static":
            path = re.sub(
                r"<(?:\w+:)?(\w+)>", lambda match: session_id if "id" in match[1] else "0", rule.rule
            )
            client.get(f"{path}?session_id={session_id}&apply=1&all=1&action=delete").close()
    assert held(sessions) == before


# ---- the login ------------------------------------------------------------------------------------------


def cookie_of(client: FlaskClient) -> str:
    assert client.post("/login", data={"password": PASSWORD}).status_code == 303
    found = client.get_cookie("hermes_login")
    assert found is not None
    return str(found.value)


def test_a_cookie_with_any_changed_character_is_invalid(guarded: FlaskClient) -> None:
    good = cookie_of(guarded)
    tampered = [
        good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(0, len(good) - 1, 3)
    ]
    tampered += [
        good[:-5],
        good + ".",
        good.partition(".")[0],
        good.replace(".", ""),
        "." * 3,
        "a" * 9_000,
    ]
    plain = guarded.application.test_client(use_cookies=False)
    for value in tampered:
        answer = plain.get("/api/sessions", headers={"Cookie": f"hermes_login={value}"})
        assert answer.status_code == 401, value
    reply(plain.get("/api/sessions", headers={"Cookie": f"hermes_login={good}"}))


def test_the_name_of_a_login_file_is_not_a_valid_cookie(
    sessions: SessionRepository, guarded: FlaskClient
) -> None:
    cookie_of(guarded)
    (file,) = (sessions.config.state_dir / "logins").iterdir()
    for value in (file.name, f"{file.name}.0.0", f"../logins/{file.name}"):
        guarded.set_cookie("hermes_login", value)
        error(guarded.get("/api/sessions"), 401)


def test_headers_of_the_client_do_not_evade_the_login_throttle(guarded: FlaskClient) -> None:
    found = [
        guarded.post(
            "/login",
            data={"password": f"guess {number}"},
            headers={"X-Forwarded-For": f"10.0.0.{number}", "X-Real-IP": f"10.0.0.{number}"},
        ).status_code
        for number in range(10)
    ]
    assert found == [401] * 4 + [429] * 6


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/login?next=/",
        "//login",
        "/static/../api/sessions",
        "/health/../api/sessions",
        "/api//sessions",
    ],
)
def test_pages_without_login_reveal_nothing_else(
    path: str, sessions: SessionRepository, guarded: FlaskClient
) -> None:
    started(sessions, title="Private")
    answer = guarded.get(path, follow_redirects=True)
    assert "Private" not in answer.text
    answer.close()


# ---- paths, names, sizes --------------------------------------------------------------------------------

OUTSIDE = [
    "../settings.json",
    "..%2fsettings.json",
    "%2e%2e/settings.json",
    "..%5csettings.json",
    "/etc/passwd",
    "%00",
    "a%00.json",
    "a%0d%0aSet-Cookie:%20x=1",
    "a" * 129,
    "%ff",
    "\u202e",
    "CON",
    "~root",
    "_index",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_id_is_used_as_a_path(name: str, sessions: SessionRepository, client: FlaskClient) -> None:
    (sessions.config.state_dir / "settings.json").write_text('{"secret": "hunter2"}')
    for path in ("/api/session?session_id=", "/api/session/export?session_id=", "/session/"):
        for ending in ("", "&format=html", "&format=markdown") if "export" in path else ("",):
            answer = client.get(f"{path}{name}{ending}")
            assert answer.status_code in (308, 400, 404), answer.status
            assert "hunter2" not in answer.text
            assert "root:" not in answer.text
            assert "Set-Cookie" not in answer.headers
            assert str(sessions.config.state_dir) not in answer.text
    for at in ("delete", "restore", "rename", "duplicate"):
        given = {"session_id": urllib.parse.unquote(name), "title": "x"}
        assert client.post(f"/api/session/{at}", json=given).status_code in (
            400,
            404,
            200 if at == "delete" else 404,
        )


@pytest.mark.parametrize(
    "name", ["../api.py", "..%2fapi.py", "%2e%2e/app.py", "//etc/passwd", "vendor/../../app.py", "%00"]
)
def test_only_static_files_are_served_below_static(name: str, client: FlaskClient) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code in (308, 404)
    assert "import" not in answer.text
    answer.close()


def test_a_deeply_nested_or_odd_body_is_refused_with_a_message(client: FlaskClient) -> None:
    bodies = [
        b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"session_id": ' + b"9" * 10_000 + b"}",
        b'{"session_id": NaN}',
        b'{"session_id": "\\ud800"}',
        b"\xff\xfe{}",
        b"null",
        b'"text"',
        gzip.compress(b"{}"),
    ]
    for path in POSTS:
        for body in bodies:
            answer = client.post(path, data=body, content_type="application/json")
            assert answer.status_code in (200, 400, 404), (path, body[:20], answer.text)
            assert "Traceback" not in answer.text


def test_a_huge_query_is_refused_or_answered(client: FlaskClient) -> None:
    for query in (
        "limit=" + "9" * 60_000,
        "cursor=" + "A" * 60_000,
        "&".join(f"a{n}=1" for n in range(5_000)),
    ):
        assert client.get(f"/api/sessions?{query}").status_code in (200, 400)
    assert client.get("/?" + "profile=x&" * 5_000).status_code == 200


def raw(url: str, *pieces: bytes) -> bytes:
    """Send bytes as they are, and return the beginning of the answer."""
    host, port = urllib.parse.urlsplit(url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break
        return connection.recv(65_536)


@pytest.mark.slow
def test_malformed_http_is_answered_and_the_server_survives(may: Path) -> None:
    """What no client library sends: two hosts, none, a chunked body without an end, a whole address."""
    head = b"POST /api/session/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with served(may) as url:
        assert b" 403 " in raw(url, b"GET /api/sessions HTTP/1.0\r\n\r\n")
        assert b" 403 " in raw(url, b"GET /api/sessions HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        for twice in (b"Host: localhost\r\nHost: evil.example", b"Host: evil.example\r\nHost: localhost"):
            assert (
                b" 200 "
                not in raw(url, b"GET /api/sessions HTTP/1.1\r\n" + twice + b"\r\n\r\n").split(b"\r\n")[0]
            )
        chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        answer = raw(url, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 22, b"0\r\n\r\n")
        assert b" 413 " in answer.split(b"\r\n")[0]
        smuggled = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
        assert b" 400 " in raw(url, head + smuggled).split(b"\r\n")[0]
        assert b" 200 " in raw(url, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").split(b"\r\n")[0]
