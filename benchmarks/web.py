"""The operations of the web front end, asked for in this process; and the memory of a server of its own."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from werkzeug.test import EnvironBuilder

from hermes_sessions import SessionRepository
from webapp import create_app

from .homes import LARGE
from .timing import Action, Case, Figure, Floor, Size

PROGRAM = "from hermes_sessions.cli import main; main()"
LARGEST_MB = 150.0
Ask = Callable[[str, dict[str, str]], tuple[int, dict[str, str]]]
LIST = "/api/sessions"


def lists(sessions: SessionRepository, one: Floor, rows: Floor, *, agent: bool = False) -> Iterator[Case]:
    """The list as the old client asks for it, whole and once it has it; `agent` adds those of the agents."""
    path, whose = (f"{LIST}?agent=1", ", agents shown") if agent else (LIST, "")
    ask = _client(sessions)
    _, headers = ask(path, {})
    tag = {"If-None-Match": headers["ETag"]}
    yield Case(f"304 for an unchanged list{whose}", _expecting(ask, 304, path, tag), [one], 200, most=1)
    yield Case(f"whole list as JSON{whose}", _expecting(ask, 200, path, {}), [rows], 10)
    packed = _expecting(ask, 200, path, {"Accept-Encoding": "zstd"})
    yield Case(f"whole list as JSON{whose}, compressed", packed, [replace(rows, aim=None)], 5)


def _client(sessions: SessionRepository) -> Ask:
    """Return what calls the application as a server does: a client for tests takes as long as the answer."""
    app = create_app(sessions)

    def ask(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        seen: dict[str, Any] = {}

        def start(status: str, sent: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
            seen.update(status=int(status[:3]), headers=dict(sent))
            return len

        environ = EnvironBuilder(
            path, headers=list(headers.items()), base_url="http://127.0.0.1/"
        ).get_environ()
        answer = app.wsgi_app(environ, start)
        sum(map(len, answer))
        answer.close()  # type: ignore[attr-defined]  # Werkzeug's has it
        return seen["status"], seen["headers"]

    return ask


def _expecting(ask: Ask, status: int, path: str, headers: dict[str, str]) -> Action:
    def run() -> None:
        found, _ = ask(path, headers)
        if found != status:
            raise SystemExit(f"{path}: {found} instead of {status}")

    return run


def memory(home: Path, size: Size) -> Figure:
    """Measure what a server holds after the whole list, and a session of 50 MB by pages and as a whole."""
    command = [sys.executable, "-c", PROGRAM, "--hermes-home", str(home), "serve", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            address = _address(server)
            for path in (LIST, f"/session/{LARGE}", f"/api/session?session_id={LARGE}&msg_limit=30"):
                for _ in range(3):
                    urllib.request.urlopen(address + path).read()
            held = _resident(server.pid)
        finally:
            server.terminate()
    return Figure(
        "memory of the server, after pages of 50 MB", size, held, held, "", None, "MB", most=LARGEST_MB
    )


def _address(server: "subprocess.Popen[str]") -> str:
    for line in server.stdout or ():
        found = re.search(r"http://\S+:[1-9][0-9]*(?=/)", line)
        if found:
            return found[0]
    raise SystemExit("the server did not start")


def _resident(process: int) -> float:
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        done = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(process)], check=True, capture_output=True, text=True
        )
        return int(done.stdout) / 1000
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1000
