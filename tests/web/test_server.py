"""The production server in a process of its own, with real sockets, stopped by signals."""

import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions.config import ServerConfig, resolve
from hermes_sessions.errors import InvalidValue, StorageError
from webapp import serve
from webapp.security.hosts import is_loopback

from ..support.serving import PROGRAM, address, served, start, stop

STREAM = "/api/sessions/events"


def fetch(url: str, body: Any = None) -> Any:
    """Return the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read())


@pytest.mark.slow
def test_a_home_is_served_on_a_free_port_until_it_is_stopped(may: Path) -> None:
    server = start(may, "--port", "0")
    url = address(server)
    assert fetch(f"{url}/health")["sessions"] == 47
    assert len(fetch(f"{url}/api/sessions")["sessions"]) == 47
    said = stop(server)
    assert server.returncode == 0
    assert "Traceback" not in said
    with pytest.raises(urllib.error.URLError):
        fetch(f"{url}/health")


@pytest.mark.slow
def test_a_starting_server_purges_the_old_trash(may: Path) -> None:
    trash = may / "webui/trash"
    trash.mkdir()
    day = 86_400_000_000_000
    for name, days in (("old", 31), ("young", 29)):
        (trash / f"{name}.{time.time_ns() - days * day}.deleted.json").write_text('{"messages": []}')
    with served(may) as url:
        kept = fetch(f"{url}/api/trash")["trash"]
    assert [entry["session_id"] for entry in kept] == ["young"]


@pytest.mark.slow
def test_many_simultaneous_writes_all_succeed(may: Path) -> None:
    with served(may) as url:
        ids = [entry["session_id"] for entry in fetch(f"{url}/api/sessions")["sessions"]]

        def rename(session_id: str) -> Any:
            body = {"session_id": session_id, "title": f"now {session_id}"}
            return fetch(f"{url}/api/session/rename", body)["session"]["title"]

        with ThreadPoolExecutor(12) as pool:
            assert list(pool.map(rename, ids)) == [f"now {session_id}" for session_id in ids]
        listed = fetch(f"{url}/api/sessions")["sessions"]
    assert {entry["title"] for entry in listed} == {f"now {session_id}" for session_id in ids}
    with sqlite3.connect(may / "webui/sessions.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


@pytest.mark.slow
def test_a_body_that_is_too_large_is_answered_with_an_error(may: Path) -> None:
    with served(may) as url:
        request = urllib.request.Request(
            f"{url}/api/session/import", b" " * (21 * 1024 * 1024), {"Content-Type": "application/json"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        with refused.value as answer:
            assert answer.code == 413
            assert "20 MB" in json.loads(answer.read())["error"]
        assert fetch(f"{url}/health")["status"] == "ok"


@pytest.mark.slow
def test_the_password_of_the_environment_is_required(may: Path) -> None:
    with served(may, HERMES_WEBUI_PASSWORD="p") as url, pytest.raises(urllib.error.HTTPError) as refused:
        fetch(f"{url}/api/sessions")
    with refused.value as answer:
        assert answer.code == 401


@pytest.mark.slow
def test_listening_for_other_machines_requires_a_password(may: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(InvalidValue, match="HERMES_WEBUI_PASSWORD"):
            serve(resolve(hermes_home=may, environ={}), ServerConfig(host, (0,), None))
    assert not (may / "webui/sessions.db").exists(), "refused before anything was opened"
    server = start(may, "--host", "0.0.0.0", "--port", "0")
    said, _ = server.communicate(timeout=20)
    assert server.returncode != 0
    assert "HERMES_WEBUI_PASSWORD" in said
    assert "Traceback" not in said


def test_a_port_in_use_is_reported_at_once(may: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StorageError, match=f"cannot listen on 127.0.0.1, port {port}"):
            serve(resolve(hermes_home=may, environ={}), ServerConfig("127.0.0.1", (port,), None))


@contextmanager
def port_8787_taken() -> Iterator[None]:
    """Hold the web UI's port, unless another program has it already."""
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(socket.create_server(("127.0.0.1", 8787)))
        yield


@pytest.mark.slow
def test_beside_the_web_ui_the_next_free_port_is_taken(may: Path) -> None:
    with port_8787_taken():
        server = start(may)
        try:
            said = server.stdout.readline() if server.stdout else ""
            url = address(server)
            port = int(url.rpartition(":")[2])
            assert 8788 <= port <= 8797
            assert said == (
                f"Port 8787 is taken, perhaps by the web UI, so this is port {port}. "
                "Choose another with --port.\n"
            )
            assert fetch(f"{url}/health")["status"] == "ok"
        finally:
            stop(server)


@pytest.mark.slow
def test_a_port_that_was_chosen_is_not_replaced_by_another(may: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = start(may, HERMES_WEBUI_PORT=str(taken.getsockname()[1]))
        said, _ = server.communicate(timeout=20)
    assert server.returncode == 1
    assert "Address already in use" in said


@pytest.mark.slow
def test_open_shows_the_address_in_the_browser(may: Path, tmp_path: Path) -> None:
    visited, browser = tmp_path / "visited", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >{visited}\n')
    browser.chmod(0o700)
    server = start(may, "--port", "0", "--open", BROWSER=f"{browser} %s")
    try:
        url = address(server)
        for _ in range(400):  # 20 seconds
            if visited.exists() and visited.read_text():
                break
            time.sleep(0.05)
        assert visited.read_text() == f"{url}/\n"
    finally:
        stop(server)


@pytest.mark.slow
def test_a_home_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    server = start(tmp_path / "none", "--port", "0", HOME=str(tmp_path))
    said, _ = server.communicate(timeout=20)
    assert (server.returncode, list(tmp_path.iterdir())) == (1, [])
    assert f"no Hermes home at {tmp_path / 'none'}" in said


@pytest.mark.slow
def test_a_stored_password_allows_listening_for_other_machines(may: Path) -> None:
    state_dir = may / "webui"
    command = [sys.executable, "-c", PROGRAM, "--hermes-home", str(may), "serve", "--set-password"]
    done = subprocess.run(command, input="correct horse\n", capture_output=True, text=True, check=True)
    assert "correct" not in done.stdout + done.stderr
    assert (state_dir / "web.password").read_text().startswith("scrypt:")
    refused = subprocess.run(command, input="short\n", capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "8 to 1,000 characters" in refused.stderr
    server = start(may, "--host", "0.0.0.0", "--port", "0")
    try:
        url = address(server).replace("0.0.0.0", "127.0.0.1")
        with pytest.raises(urllib.error.HTTPError) as asked:
            fetch(f"{url}/api/sessions")
        with asked.value as answer:
            assert answer.code == 401
    finally:
        stop(server)


@pytest.mark.slow
def test_the_host_name_of_a_proxy_is_answered_if_configured(may: Path) -> None:
    def status(url: str, host: str) -> int:
        request = urllib.request.Request(f"{url}/health", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return int(response.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code

    server = start(
        may, "--port", "0", "--hosts", "one.example", HERMES_WEBUI_HOSTS="two.example, three.example"
    )
    try:
        url = address(server)
        found = [status(url, f"{name}.example") for name in ("one", "two", "three", "four")]
    finally:
        stop(server)
    assert found == [200, 200, 200, 403]


@pytest.mark.slow
def test_several_workers_behave_as_one(may: Path) -> None:
    """Logins, writes and news pass from one process to the others; each answer comes from any of them."""
    server = start(may, "--port", "0", "--workers", "3", HERMES_WEBUI_PASSWORD="correct horse")
    try:
        url = address(server)
        form = urllib.parse.urlencode({"password": "correct horse"}).encode()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        opener.open(f"{url}/login", form, timeout=20).close()
        with opener.open(f"{url}{STREAM}", timeout=60) as stream:
            for number in range(12):
                body = json.dumps({"session_id": "51f22612416e", "title": f"now {number}"}).encode()
                request = urllib.request.Request(
                    f"{url}/api/session/rename", body, {"Content-Type": "application/json"}
                )
                opener.open(request, timeout=20).close()
                query = f"{url}/api/session/status?session_id=51f22612416e"
                for _ in range(4):
                    with opener.open(query, timeout=20) as response:
                        assert json.loads(response.read())["title"] == f"now {number}"
            while b"now 11" not in stream.readline():
                pass
        workers = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        assert len(workers) == 3
        opener.open(f"{url}/logout", b"", timeout=20).close()
        for _ in range(6):
            with pytest.raises(urllib.error.HTTPError) as refused:
                opener.open(f"{url}/api/sessions", timeout=20)
            with refused.value as answer:
                assert answer.code == 401
        guesses = []
        for _ in range(8):
            with pytest.raises(urllib.error.HTTPError) as refused:
                opener.open(f"{url}/login", b"password=wrong", timeout=20)
            with refused.value as answer:
                guesses.append(answer.code)
        assert guesses == [401] * 4 + [429] * 4
    finally:
        said = stop(server)
    assert server.returncode == 0
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_access_log_has_a_line_for_each_request_and_no_query(may: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    server = start(may, "--port", "0", "--access-log", str(log), HERMES_WEBUI_PASSWORD="correct horse")
    try:
        url = address(server)
        for path in ("/health?q=hunter2", "/login?next=hunter2", "/%0a127.0.0.1%20-%20made-up"):
            try:
                urllib.request.urlopen(url + path, timeout=20).close()
            except urllib.error.HTTPError as refused:
                refused.close()
    finally:
        stop(server)
    lines = log.read_text().splitlines()
    form = re.compile(r'127\.0\.0\.1 \[.+?\] "GET (\S+)" (\d+) \d+ \d+ms')
    found = [match.groups() for line in lines if (match := form.fullmatch(line))]
    assert len(found) == len(lines)
    assert {("/health", "200"), ("/login", "200"), ("/%0A127.0.0.1%20-%20made-up", "303")} == set(found)
    assert "hunter2" not in log.read_text()


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback_addresses(host: str, own: bool) -> None:
    assert is_loopback(host) is own
