"""Hosts and origins, passwords and logins, masked credentials, and texts that could be markup."""

import json
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hermes_sessions import InvalidValue, SessionRepository
from hermes_sessions.locks import FileLocks
from webapp import create_app, live, set_password
from webapp.security.logins import signing_key
from webapp.security.passwords import stored_password
from webapp.security.throttle import LoginThrottle

from ..support.make import message, started, turns, write_document
from ..support.web import KEY, POSTS, check_inert, error, reply, settings

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def client(sessions: SessionRepository) -> FlaskClient:
    """A client of the application over a new home."""
    return create_app(sessions).test_client()


# ---- hosts, origins, headers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8787", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8787", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("evil.example:8787", 403),
        ("127.0.0.1.nip.example", 403),
        ("192.168.1.5:8787", 403),
        ("localhost:8787@evil.example", 403),
        ("localhost, evil.example", 403),
        ("localhost:port", 403),
        ("", 403),
    ],
)
def test_only_own_host_names_are_answered(client: FlaskClient, host: str, status: int) -> None:
    for path in ("/health", "/api/sessions", "/", "/static/app.css", "/login"):
        with client.get(path, environ_overrides={"HTTP_HOST": host}) as response:
            assert response.status_code == (303 if (path, status) == ("/login", 200) else status)


def test_configured_host_names_are_answered(sessions: SessionRepository) -> None:
    def status(host: str, *hosts: str) -> int:
        return (
            create_app(sessions, hosts=hosts).test_client().get("/health", headers={"Host": host}).status_code
        )

    assert status("hermes.example:80", "Hermes.example") == 200
    assert status("[fd00::1]:8787", "fd00::1") == 200
    for everything in ("0.0.0.0", "::"):
        assert status("192.168.1.5:8787", everything) == 200
        assert status("[fd00::1]", everything) == 200
        assert status("evil.example", everything) == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://localhost:80"}, 200),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://localhost@evil.example"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Origin": "file://localhost"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_only_own_pages_can_write(
    sessions: SessionRepository, client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    session_id = started(sessions)
    answer = client.post("/api/session/pin", json={"session_id": session_id}, headers=headers)
    assert answer.status_code == status
    assert sessions.summary(session_id).pinned is (status == 200)
    answer = client.post(f"/session/{session_id}/archive", headers=headers)
    assert answer.status_code == (303 if status == 200 else 403)
    assert sessions.summary(session_id).archived is (status == 200)
    site = headers.get("Sec-Fetch-Site")
    assert client.get("/", headers=headers).status_code == 200, "a link from another page may lead here"
    read = client.get("/api/sessions", headers=headers).status_code
    assert read == (403 if site in ("cross-site", "same-site") else 200)


@pytest.mark.parametrize(
    "path", ["/", "/api/sessions", "/nothing", "/api/nothing", "/health", "/static/app.css"]
)
def test_every_answer_has_security_headers(client: FlaskClient, path: str) -> None:
    for host in ("localhost", "evil.example"):
        with client.get(path, headers={"Host": host}) as response:
            headers = response.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert not [name for name, _ in headers if name.lower().startswith("access-control-")]


# ---- the password ---------------------------------------------------------------------------------------


@pytest.fixture
def guarded(sessions: SessionRepository) -> FlaskClient:
    """A client of an application with a password."""
    return create_app(sessions, password="correct horse").test_client()


def log_in(client: FlaskClient, password: str = "correct horse", **more: str) -> TestResponse:
    return client.post("/login", data={"password": password, **more})


def test_nothing_is_answered_without_the_password(guarded: FlaskClient, sessions: SessionRepository) -> None:
    session_id = started(sessions, title="Private")
    for path in ("/api/sessions", f"/api/session?session_id={session_id}", "/api/nothing", "/api/projects"):
        error(guarded.get(path), 401)
    for path in POSTS:
        error(guarded.post(path, json={"session_id": session_id}), 401)
    for path in ("/", f"/session/{session_id}", "/nothing"):
        response = guarded.get(path)
        assert response.status_code == 303
        assert response.headers["Location"].startswith("/login?next=")
    assert guarded.post(f"/session/{session_id}/delete").status_code == 303
    assert sessions.summary(session_id).title == "Private"
    for path in ("/health", "/login", "/static/app.css"):
        with guarded.get(path) as open_to_all:
            assert open_to_all.status_code == 200


def test_log_in_and_out(guarded: FlaskClient) -> None:
    response = log_in(guarded, next="/session/abc")
    assert (response.status_code, response.headers["Location"]) == (303, "/session/abc")
    cookie = response.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie
    reply(guarded.get("/api/sessions"))
    assert "Log out" in guarded.get("/").text
    guarded.post("/logout")
    error(guarded.get("/api/sessions"), 401)


def test_the_cookie_is_secure_where_the_connection_is(guarded: FlaskClient) -> None:
    response = guarded.post("/login", data={"password": "correct horse"}, base_url="https://localhost")
    assert "Secure" in response.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb", ""]
)
def test_a_login_redirects_only_to_local_pages(guarded: FlaskClient, target: str) -> None:
    assert log_in(guarded, next=target).headers["Location"] == "/"


def test_a_wrong_password(guarded: FlaskClient) -> None:
    for password in ("", "wrong", "correct horse ", "Correct horse", "\ud83d", "x" * 10_000):
        fresh = guarded.application.test_client()
        response = fresh.post(
            "/login",
            data={"password": password.encode("utf-8", "surrogatepass")},
            environ_overrides={"REMOTE_ADDR": str(len(password))},
        )
        assert response.status_code == 401
        assert "Wrong password." in response.text
        assert "Set-Cookie" not in response.headers


def test_wrong_passwords_are_slowed_down(guarded: FlaskClient) -> None:
    found = [log_in(guarded, "wrong").status_code for _ in range(8)]
    assert found == [401] * 4 + [429] * 4
    response = log_in(guarded)
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    elsewhere = guarded.post(
        "/login", data={"password": "correct horse"}, environ_overrides={"REMOTE_ADDR": "10.0.0.9"}
    )
    assert elsewhere.status_code == 303


@pytest.mark.slow
def test_the_wait_doubles_up_to_a_minute_and_ends_with_success(tmp_path: Path) -> None:
    now = 0.0
    slow = LoginThrottle(tmp_path, FileLocks(tmp_path), lambda: now)
    waits: list[float] = []
    for _ in range(14):
        assert slow.attempt("a") == 0
        waits.append(slow.attempt("a") if len(waits) > 2 else 0)
        now += waits[-1]
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    slow.succeeded("a")
    assert [slow.attempt("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    for number in range(LoginThrottle.ADDRESSES + 100):
        slow.attempt(str(number))
    assert len(json.loads((tmp_path / "web.tries").read_bytes())) == LoginThrottle.ADDRESSES


def test_of_a_hundred_simultaneous_guesses_only_four_are_compared(tmp_path: Path) -> None:
    workers = [LoginThrottle(tmp_path, FileLocks(tmp_path), lambda: 0.0) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda at: workers[at % 4].attempt("10.0.0.1"), range(100)))
    assert sorted(waits)[:5] == [0, 0, 0, 0, 1]


def test_a_clock_set_back_or_a_damaged_file_does_not_lock_the_owner_out(tmp_path: Path) -> None:
    for _ in range(8):
        LoginThrottle(tmp_path, FileLocks(tmp_path), lambda: 5e9).attempt("a")
    assert LoginThrottle(tmp_path, FileLocks(tmp_path), lambda: 1e9).attempt("a") == 0
    (tmp_path / "web.tries").write_text('{"a": 1')
    assert LoginThrottle(tmp_path, FileLocks(tmp_path), lambda: 1e9).attempt("a") == 0


def test_the_addresses_of_one_ipv6_network_wait_together(tmp_path: Path) -> None:
    slow = LoginThrottle(tmp_path, FileLocks(tmp_path), lambda: 0.0)
    for number in range(4):
        assert slow.attempt(f"2001:db8::{number}") == 0
    assert slow.attempt("2001:db8::ffff:1") == 1
    assert slow.attempt("2001:db8:0:1::1") == 0
    assert slow.attempt("::ffff:10.0.0.1") == slow.attempt("::ffff:10.0.0.2") == 0


# ---- the password that is kept --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stored_password_is_required_and_stored_as_a_hash(sessions: SessionRepository) -> None:
    state_dir = sessions.config.state_dir
    set_password(state_dir, "correct horse")
    kept = (state_dir / "web.password").read_text()
    assert kept.startswith("scrypt:")
    assert "correct" not in kept
    assert stat.S_IMODE((state_dir / "web.password").stat().st_mode) == 0o600
    client = create_app(sessions).test_client()
    error(client.get("/api/sessions"), 401)
    assert log_in(client, "wrong").status_code == 401
    assert log_in(client, "x" * 100_000).status_code == 401
    assert log_in(client).status_code == 303
    reply(client.get("/api/sessions"))
    cookie = client.get_cookie("hermes_login")
    assert cookie is not None

    set_password(state_dir, "correct horse")
    stored = stored_password(state_dir)
    assert stored is not None
    assert stored.hashed != kept, "salted"
    later = create_app(sessions).test_client()
    later.set_cookie("hermes_login", cookie.value)
    error(later.get("/api/sessions"), 401)
    given = create_app(sessions, password="given").test_client()
    assert log_in(given).status_code == 401, "what the environment says goes before"
    assert [path.name for path in state_dir.glob("web.password*")] == ["web.password"]


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1001])
def test_a_password_that_is_too_short_or_long_is_refused(sessions: SessionRepository, password: str) -> None:
    with pytest.raises(InvalidValue, match="8 to 1,000 characters"):
        set_password(sessions.config.state_dir, password)
    assert stored_password(sessions.config.state_dir) is None


def test_logging_out_invalidates_the_login_everywhere(
    sessions: SessionRepository, guarded: FlaskClient
) -> None:
    log_in(guarded)
    cookie = guarded.get_cookie("hermes_login")
    assert cookie is not None
    thief = create_app(sessions, password="correct horse").test_client()
    other = create_app(sessions, password="correct horse").test_client()
    thief.set_cookie("hermes_login", cookie.value)
    reply(thief.get("/api/sessions"))
    log_in(other)
    guarded.post("/logout")
    error(thief.get("/api/sessions"), 401)
    reply(other.get("/api/sessions"))
    folder = sessions.config.state_dir / "logins"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (file,) = folder.iterdir()
    assert file.stat().st_size == 0
    os.utime(file, (0, 0))
    log_in(guarded)
    assert file not in folder.iterdir()


def test_a_cookie_of_another_password_key_or_age_is_invalid(
    sessions: SessionRepository, guarded: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(guarded)
    cookie = guarded.get_cookie("hermes_login")
    assert cookie is not None

    def status(app: Flask, value: str) -> int:
        client = app.test_client()
        client.set_cookie("hermes_login", value)
        return client.get("/api/sessions").status_code

    assert status(create_app(sessions, password="correct horse"), cookie.value) == 200, (
        "another worker agrees"
    )
    assert status(create_app(sessions, password="another"), cookie.value) == 401
    assert status(guarded.application, cookie.value + "x") == 401
    assert status(guarded.application, "") == 401
    with SessionRepository.open(hermes_home=tmp_path / "other") as other:
        assert status(create_app(other, password="correct horse"), cookie.value) == 401
    monkeypatch.setattr("webapp.security.logins.LOGIN_SECONDS", -1)
    assert status(guarded.application, cookie.value) == 401


def test_a_login_always_gives_a_new_cookie(guarded: FlaskClient) -> None:
    guarded.set_cookie("hermes_login", "planted")
    log_in(guarded)
    first = guarded.get_cookie("hermes_login")
    log_in(guarded)
    second = guarded.get_cookie("hermes_login")
    assert first is not None
    assert second is not None
    assert len({"planted", first.value, second.value}) == 3


def test_the_signing_key_is_private_and_created_once(sessions: SessionRepository) -> None:
    state_dir = sessions.config.state_dir
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(signing_key, [state_dir] * 8))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert stat.S_IMODE((state_dir / "web.key").stat().st_mode) == 0o600
    assert [path.name for path in state_dir.glob("web.key*")] == ["web.key"]


def test_the_login_page_of_a_server_without_a_password_redirects_to_the_list(client: FlaskClient) -> None:
    for response in (client.get("/login"), log_in(client)):
        assert (response.status_code, response.headers["Location"]) == (303, "/")


# ---- what people must not see ---------------------------------------------------------------------------


def test_credentials_are_masked_everywhere(sessions: SessionRepository, client: FlaskClient) -> None:
    project = sessions.projects.create(f"Project {KEY}")
    session_id = started(
        sessions, 0, title=f"Uses {KEY}", pending_user_message=f"and {KEY}", project_id=project.project_id
    )
    sessions.append(
        session_id,
        [
            message(f"take {KEY}"),
            message("", "assistant", tool_calls=[{"function": {"name": "t", "arguments": KEY}}]),
        ],
        tool_calls=[{"args": KEY}],
    )
    query = f"session_id={session_id}"
    paths = [
        "/api/sessions",
        "/api/projects",
        "/",
        f"/session/{session_id}",
        f"/api/session?{query}",
        f"/api/session?{query}&messages=0",
        f"/api/session?{query}&msg_limit=9",
        *(f"/api/session/{name}?{query}" for name in ("status", "usage", "export")),
    ]
    for path in paths:
        text = client.get(path).text
        assert KEY not in text, path
        assert "sk-abc...wxyz" in text, path
    for name in ("pin", "duplicate", "branch", "retry"):
        text = client.post(f"/api/session/{name}", json={"session_id": session_id}).text
        assert KEY not in text, name
        assert "sk-abc...wxyz" in text, name
    settings(sessions, '{"api_redact_enabled": false}')
    for path in ("/api/sessions", "/", f"/session/{session_id}", f"/api/session/export?{query}"):
        assert KEY in client.get(path).text, path


def test_an_id_that_looks_like_a_credential_is_not_masked(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write_document(sessions, KEY, title="Odd id", model=KEY, messages=turns(2))
    entry = reply(client.get("/api/sessions"))["sessions"][0]
    assert (entry["session_id"], entry["model"]) == (KEY, KEY)


def test_no_field_or_key_of_an_answer_leaves_unmasked(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    routing = {
        "used": {"url": f"postgres://me:{KEY}@db", KEY: 1},
        "password": "hunter2",
        "note": f'a "{KEY}"',
    }
    write_document(
        sessions,
        "odd",
        title="t",
        messages=turns(2),
        gateway_routing=routing,
        share_token="hunter2",
        more={KEY: [KEY]},
    )
    for path in ("/api/session?session_id=odd", "/api/session?session_id=odd&messages=0", "/api/sessions"):
        text = client.get(path).text
        assert KEY not in text, path
        assert "hunter2" not in text, path
    assert KEY not in client.get(f"/api/session?session_id={KEY}").text, "an error that repeats an argument"
    settings(sessions, '{"api_redact_enabled": false}')
    assert KEY in client.get("/api/session?session_id=odd").text


def test_an_event_is_masked(sessions: SessionRepository, app: Flask) -> None:
    write_document(sessions, "odd", title=f"Uses {KEY}", messages=turns(2), gateway_routing={"key": KEY})
    assert KEY not in repr(live._entries(app))


def test_a_mask_that_is_sent_back_changes_nothing(sessions: SessionRepository, client: FlaskClient) -> None:
    title, name = f"Uses {KEY}", f"Project {KEY}"
    session_id = started(sessions, 1, title=title)
    project = sessions.projects.create(name, "#112233")
    shown = reply(client.get("/api/sessions"))["sessions"][0]["title"]
    assert shown == "Uses sk-abc...wxyz"
    assert (
        client.post("/api/session/rename", json={"session_id": session_id, "title": shown}).status_code == 200
    )
    assert client.post(f"/session/{session_id}/rename", data={"title": shown}).status_code == 303
    assert sessions.summary(session_id).title == title
    shown = reply(client.get("/api/projects"))["projects"][0]["name"]
    body = {"project_id": project.project_id, "name": shown, "color": "#445566"}
    assert reply(client.post("/api/projects/rename", json=body))["project"]["color"] == "#445566"
    form = {"name": shown, "color": "#778899"}
    assert client.post(f"/places/projects/{project.project_id}", data=form).status_code == 303
    assert [(each.name, each.color) for each in sessions.projects.list()] == [(name, "#778899")]
    body["name"] = "Typed...1234"
    client.post("/api/projects/rename", json=body)
    assert sessions.projects.list()[0].name == "Typed...1234", "no mask of this name"


def test_without_masking_what_looks_like_a_mask_is_stored(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, 1, title=f"Uses {KEY}")
    settings(sessions, '{"api_redact_enabled": false}')
    client.post("/api/session/rename", json={"session_id": session_id, "title": "Uses sk-abc...wxyz"})
    assert sessions.summary(session_id).title == "Uses sk-abc...wxyz"


def test_no_form_is_filled_with_a_mask(sessions: SessionRepository, client: FlaskClient) -> None:
    title, name = f"Uses {KEY}", f"Project {KEY}"
    session_id = started(sessions, 1, title=title)
    plain_id = started(sessions, 1, title="plain")
    project = sessions.projects.create(name)
    for path in (f"/session/{session_id}", f"/?project_id={project.project_id}"):
        page = client.get(path).text
        fields = re.findall(r"<input[^>]*>", page)
        assert not [field for field in fields if re.search(r'value="[^"]*(\.\.\.|\*\*\*)', field)], path
        assert [field for field in fields if "placeholder" in field and "sk-abc...wxyz" in field], path
    assert 'value="plain"' in client.get(f"/session/{plain_id}").text
    form = {"name": "", "keep": "1", "color": "#112233"}
    client.post(f"/places/projects/{project.project_id}", data=form)
    client.post(f"/session/{session_id}/rename", data={"title": " ", "keep": "1"})
    assert [(each.name, each.color) for each in sessions.projects.list()] == [(name, "#112233")]
    assert sessions.summary(session_id).title == title
    client.post(f"/session/{session_id}/rename", data={"title": "typed", "keep": "1"})
    assert sessions.summary(session_id).title == "typed"


def test_the_preview_of_a_removed_turn_is_masked_before_it_is_cut(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, 0, title="t")
    sessions.append(session_id, [message("x" * 71 + f" {KEY}"), message("ok", "assistant")])
    preview = reply(client.post("/api/session/undo", json={"session_id": session_id}))["removed_preview"]
    assert preview == "x" * 71 + " sk-abc.."


def test_unreadable_settings_mask_and_are_reported(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions, title=f"Uses {KEY}")
    settings(sessions, "{")
    body = reply(client.get("/api/sessions"))
    assert KEY not in body["sessions"][0]["title"]
    assert "settings.json cannot be read" in body["warnings"][0]
    assert "settings.json cannot be read" in client.get("/").text


INJECTIONS = [
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "'\"><svg onload=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    '<a href="javascript:alert(1)">a</a>',
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    '[a](https://x.example "\\" onmouseover=\\"alert(1)")',
    "<style>*{display:none}</style>",
    '<iframe src="https://evil.example"></iframe>',
    "```html onload=alert(1)\n<script>alert(1)</script>\n```",
    "</textarea></title><script>alert(1)</script>",
    "<form action=https://evil.example><input name=password></form>",
    "{{ 7*7 }}{% raw %}",
]


@pytest.mark.parametrize("payload", INJECTIONS)
def test_no_text_becomes_markup(sessions: SessionRepository, client: FlaskClient, payload: str) -> None:
    project = sessions.projects.create(payload[:100])
    calls = [{"function": {"name": payload, "arguments": payload}}]
    session_id = started(
        sessions,
        0,
        title=payload,
        model=payload,
        profile=payload,
        project_id=project.project_id,
        pending_user_message=payload,
    )
    sessions.append(
        session_id,
        [
            message(payload, attachments=[payload], reasoning=payload, tool_calls=calls),
            message(payload, "tool", name=payload),
            message(payload, payload),
        ],
    )
    for path in (
        "/",
        f"/session/{session_id}",
        f"/?profile={payload}&project_id={payload}",
        f"/session/{payload}",
    ):
        check_inert(client.get(path).text)
    check_inert(create_app(sessions, password="p").test_client().get(f"/login?next={payload}").text)


def test_an_invalid_project_colour_is_not_used(sessions: SessionRepository, client: FlaskClient) -> None:
    colors = ['#fff"/><script>', "red;background:url(//x)", "#12345", "#22c55e"]
    entries = [{"project_id": f"p{at}", "name": f"n{at}", "color": color} for at, color in enumerate(colors)]
    sessions.config.projects_file.write_text(json.dumps(entries))
    for entry in entries:
        started(sessions, project_id=entry["project_id"])
    page = client.get("/").text
    assert set(re.findall(r'fill="([^"]*)"', page)) == {"#22c55e", "#8a8f98"}
    check_inert(page)
