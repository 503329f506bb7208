"""The verb `serve`."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from .running import run, start_program


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
    finally:
        server.terminate()
        server.communicate(timeout=30)

    assert len(answer["sessions"]) == 47


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
