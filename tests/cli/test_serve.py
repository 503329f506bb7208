"""The verb `serve`."""

import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.announcement import announce, announced_url, withdraw

from ..support.make import started
from .running import done, run, start_program


def test_serve_without_flask_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("webapp", "hermes_sessions.webapp"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flask", None)

    result = run(home, "serve")

    assert result.exit_code == 1
    assert "pip install 'hermes-sessions[web]'" in result.stderr


@pytest.mark.slow
def test_serve_answers_until_it_is_stopped(may: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start_program(
        may, "serve", "--port", str(port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        answer = fetched(f"http://127.0.0.1:{port}/api/sessions", server)
        page = done(may, "open", "51f2", "--print")
        listed = fetched(page.strip().replace("/session/", "/api/session?session_id="), server)
    finally:
        server.terminate()
        server.communicate(timeout=30)

    assert len(answer["sessions"]) == 47
    assert page == f"http://127.0.0.1:{port}/session/51f22612416e\n"
    assert listed["session"]["session_id"] == "51f22612416e"
    assert not list(may.rglob("server.json"))
    assert "No server is running over this home" in run(may, "open", "51f2", "--print").stderr


@pytest.mark.parametrize(
    ("announced", "url"),
    [
        ('{"url": "http://127.0.0.1:1/", "pid": MINE, "host": "HERE"}', "http://127.0.0.1:1/"),
        ('{"url": "http://127.0.0.1:1/", "pid": 4194304999, "host": "HERE"}', None),
        ('{"url": "http://127.0.0.1:1/", "pid": 0, "host": "HERE"}', None),
        ('{"url": "http://127.0.0.1:1/", "pid": -1, "host": "HERE"}', None),
        ('{"url": "file:///etc/passwd", "pid": MINE, "host": "HERE"}', None),
        ('{"url": 7, "pid": MINE, "host": "HERE"}', None),
        ('{"url": "http://127.0.0.1:1/", "pid": MINE, "host": "another"}', None),
        ('{"url": "http://127.0.0.1:1/", "pid": MINE}', None),
        ("[]", None),
        ("{", None),
    ],
)
def test_an_announcement_is_believed_while_its_server_runs(
    tmp_path: Path, announced: str, url: str | None
) -> None:
    assert announced_url(tmp_path) is None
    text = announced.replace("MINE", str(os.getpid())).replace("HERE", platform.node())
    (tmp_path / "server.json").write_text(text)
    assert announced_url(tmp_path) == url


def test_a_server_takes_back_only_what_it_announced(tmp_path: Path) -> None:
    announce(tmp_path, "http://127.0.0.1:1/")
    assert announced_url(tmp_path) == "http://127.0.0.1:1/"
    assert (tmp_path / "server.json").stat().st_mode & 0o777 == 0o600
    withdraw(tmp_path)
    assert not list(tmp_path.iterdir())
    other = {"url": "http://127.0.0.1:1/", "pid": 1, "host": platform.node()}
    (tmp_path / "server.json").write_text(json.dumps(other))
    withdraw(tmp_path)
    assert announced_url(tmp_path) == "http://127.0.0.1:1/"


def test_open_takes_an_address(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions, title="Rent")
    page = done(home, "open", "Rent", "--print", "--url", "https://hermes.example/chat/")
    assert page == f"https://hermes.example/chat/session/{session_id}\n"
    assert run(home, "open", "unknown", "--print").exit_code == 1


def fetched(url: str, server: subprocess.Popen[bytes]) -> Any:
    """Return the JSON at `url` as soon as the server listens."""
    for _ in range(200):
        assert server.poll() is None, server.communicate()[0].decode()
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")
