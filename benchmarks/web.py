"""The operations of the web front end, asked for in this process; and the memory of a server of its own."""

import itertools
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from werkzeug.test import EnvironBuilder

from hermes_sessions import SessionRepository
from webapp import create_app

from .homes import LARGE
from .serving import process, resident, serve_command
from .timing import Action, Case, Figure, Floor, Size

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
    yield Case(f"whole list as JSON{whose}", _made_anew(ask, path, {}), [rows], 10)
    packed = _made_anew(ask, path, {"Accept-Encoding": "zstd"})
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
        getattr(answer, "close", lambda: None)()  # a finished answer that was kept is a plain list
        return seen["status"], seen["headers"]

    return ask


def _made_anew(ask: Ask, path: str, headers: dict[str, str]) -> Action:
    """Ask with another query each time, whose answer the server has not kept."""
    numbers, separator = itertools.count(), "&" if "?" in path else "?"

    def run() -> None:
        _expecting(ask, 200, f"{path}{separator}_={next(numbers)}", headers)()

    return run


def _expecting(ask: Ask, status: int, path: str, headers: dict[str, str]) -> Action:
    def run() -> None:
        found, _ = ask(path, headers)
        if found != status:
            raise SystemExit(f"{path}: {found} instead of {status}")

    return run


def memory(home: Path, size: Size) -> Figure:
    """Measure what a server holds after the whole list, and a session of 50 MB by pages and as a whole."""
    with process(serve_command(home)) as (master, address):
        for path in (LIST, f"/session/{LARGE}", f"/api/session?session_id={LARGE}&msg_limit=30"):
            for _ in range(3):
                urllib.request.urlopen(address + path).read()
        worker = resident(master)
    return Figure(
        "memory of the server, after pages of 50 MB", size, worker, worker, "", None, "MB", most=LARGEST_MB
    )
