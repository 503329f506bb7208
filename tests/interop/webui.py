"""Runs the web UI of a checkout over a home, and asks it and our server alike by HTTP.

`HERMES_WEBUI_CHECKOUT` names the folder of the checkout. `HERMES_WEBUI_PYTHON` is the Python that has what
its server needs; without it, the Python of the tests is used.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

CHECKOUT = Path(os.environ.get("HERMES_WEBUI_CHECKOUT", "")).absolute()
GIVEN = bool(os.environ.get("HERMES_WEBUI_CHECKOUT"))
PYTHON = os.environ.get("HERMES_WEBUI_PYTHON") or sys.executable
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 120, 20, 60

beside_the_webui = [
    pytest.mark.webui_checkout,
    pytest.mark.slow,
    pytest.mark.skipif(not GIVEN, reason="HERMES_WEBUI_CHECKOUT names no checkout of the web UI"),
]


def is_head() -> bool:
    """Return whether the checkout restores shortened sessions at its start, as the web UI of August does."""
    return (CHECKOUT / "api/session_recovery.py").exists()


class Refused(Exception):
    """An answer with a status of 400 or more."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{status}: {words}")
        self.status = status


class Client:
    """A server's JSON routes."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return the answer to `GET`. Raises `Refused`."""
        return self._ask(Request(f"{self.url}{path}?{urlencode(query)}"))

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Return the answer to `POST`. Raises `Refused`."""
        headers = {"Content-Type": "application/json"}
        return self._ask(Request(self.url + path, json.dumps(body).encode(), headers))

    def _ask(self, request: Request) -> dict[str, Any]:
        try:
            with urlopen(request, timeout=ANSWER_SECONDS) as answer:
                found: dict[str, Any] = json.loads(answer.read())
        except HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode(errors="replace")) from error
        return found


def environment(home: Path, port: int) -> dict[str, str]:
    """Return the environment in which the web UI knows no home but `home` and no model's key."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HERMES_") and not name.endswith("_API_KEY")
    }
    return kept | {
        "HOME": str(home),
        "HERMES_HOME": str(home),
        "HERMES_BASE_HOME": str(home),
        "HERMES_WEBUI_STATE_DIR": str(home / "webui"),
        "HERMES_WEBUI_DEFAULT_WORKSPACE": str(workspace(home)),
        "HERMES_WEBUI_HOST": "127.0.0.1",
        "HERMES_WEBUI_PORT": str(port),
        "HERMES_WEBUI_PASSWORD": "",
        "HERMES_WEBUI_SKIP_ONBOARDING": "1",
    }


def workspace(home: Path) -> Path:
    """Return a folder that both servers accept as a workspace; it is created."""
    folder = home / "workspace"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def running(home: Path) -> Iterator[Client]:
    """Run the web UI over `home` for the block. Its output is in `webui.log` beside the home."""
    port = free_port()
    with (home.parent / "webui.log").open("ab") as log:
        server = subprocess.Popen(
            [PYTHON, str(CHECKOUT / "server.py")],
            cwd=CHECKOUT,
            env=environment(home, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        client = Client(f"http://127.0.0.1:{port}")
        _wait(server, client, home.parent / "webui.log")
        yield client
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def free_port() -> int:
    """Return a port that nobody listened on a moment ago; the web UI does not choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(server: subprocess.Popen[bytes], client: Client, log: Path) -> None:
    """Wait until it answers. Raises `AssertionError` with what it printed if it ends or takes too long."""
    end = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        try:
            client.get("/health")
            return
        except (Refused, URLError, HTTPException, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the web UI did not start:\n{log.read_text(errors='replace')[-3000:]}")
