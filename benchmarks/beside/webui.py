"""The process of a web UI: its own functions on a home of its own. Run by its Python, from its checkout.

python webui.py CHECKOUT HOME SMALL MIDDLE TEXT
"""

import io
import os
import sys
from email.message import Message
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlparse

from serving import serve  # type: ignore[import-not-found]  # beside this file, for another Python


class Request:
    """As much of a request of `http.server` as an answer needs."""

    command, request_version, client_address = "GET", "HTTP/1.1", ("127.0.0.1", 1)

    def __init__(self, path: str) -> None:
        self.path, self.headers, self.status = path, Message(), 0
        self.rfile, self.wfile = io.BytesIO(), io.BytesIO()

    def send_response(self, status: int, *_: object) -> None:
        """Note the status."""
        self.status = status

    def send_header(self, *_: object) -> None:
        """Send nothing."""

    def end_headers(self) -> None:
        """Send nothing."""


def main() -> None:
    """Serve the operations of the checkout."""
    checkout, home, small, middle, text = sys.argv[1:]
    os.environ |= {"HERMES_HOME": home, "HERMES_WEBUI_STATE_DIR": str(Path(home, "webui"))}
    sys.path[0] = checkout  # in the place of this folder
    os.chdir(checkout)
    modules = SimpleNamespace(models=import_module("api.models"), routes=import_module("api.routes"))
    serve(_operations(modules, small, middle, text))


def _operations(webui: Any, small: str, middle: str, text: str) -> dict[str, Any]:
    models = webui.models
    models._write_session_index()

    def get(path: str) -> None:
        request = Request(path)
        webui.routes.handle_get(request, urlparse(path))
        if request.status != 200:
            sys.exit(f"{path} answered {request.status}")

    def forget() -> Any:
        models.SESSIONS.clear()
        return lambda: get(last)

    def add(session_id: str) -> Any:
        session = models.get_session(session_id)
        session.messages.append({"role": "user", "content": "How is it going? " * 12, "timestamp": 1.79e9})
        return session.save

    def rename() -> Any:
        session = models.get_session(small)
        session.title = f"Title {len(session.title)} {os.urandom(2).hex()}"
        return session.save

    last = f"/api/session?session_id={middle}&messages=1&msg_limit=30"
    # All messages of each session, as here: by itself the page asks for the first five.
    search = f"/api/sessions/search?q={quote(text)}&content=1&depth=0"
    lists = {name: lambda: models.all_sessions for name in ("poll", "page", "list")}
    return lists | {
        "rename": rename,
        "add": lambda: add(small),
        "add_long": lambda: add(middle),
        "save_long": lambda: add(middle),
        "open": forget,
        "reopen": lambda: lambda: get(last),
        "search": lambda: lambda: get(search),
        "rebuild": lambda: models._write_session_index,
    }


if __name__ == "__main__":
    main()
