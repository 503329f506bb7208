"""The examples of `docs/migrating.md` for a proxy before the web UI and this program, run by that proxy."""

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "migrating.md"
OURS = (
    "/api/sessions /api/sessions/search?q=x /api/sessions/events /api/sessions/batch /api/projects "
    "/api/session?session_id=a /api/session/rename /api/session/pin /api/session/archive /api/session/move "
    "/api/session/delete /api/session/duplicate /api/session/branch /api/session/export?session_id=a "
    "/api/session/import /api/session/import_cli /api/projects/create /api/trash /api/usage"
).split()
THEIRS = (
    "/ /static/app.js /api/settings /api/session/new /api/session/draft /api/session/truncate "
    "/api/session/undo /api/session/retry /api/session/clear /api/session/status /api/chat/start "
    "/api/chat/stream /api/sessions/gateway/stream /api/sessionsx /api/file/session"
).split()


class Upstream(BaseHTTPRequestHandler):
    """A program behind the proxy: it answers with its name and what it got; `/api/settings` needs a login."""

    def do_GET(self) -> None:
        """Answer."""
        refused = self.path == "/api/settings" and "login=yes" not in self.headers.get("Cookie", "")
        name = getattr(self.server, "name", "")
        body = f"{name} {self.path} {self.headers['Host']} {self.headers.get('X-Forwarded-For')}".encode()
        self.send_response(401 if refused else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Read the body and answer."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(name: str) -> Iterator[int]:
    """Run an upstream, and give out its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        server.name = name  # type: ignore[attr-defined]  # which the handler reads
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def example(language: str, port: int, web_ui: int, ours: int) -> str:
    """Return an example of the document, with these ports."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    text = (
        found[0]
        .replace("127.0.0.1:8787", f"127.0.0.1:{web_ui}")
        .replace("127.0.0.1:8788", f"127.0.0.1:{ours}")
    )
    return text.replace("listen 80", f"listen 127.0.0.1:{port}").replace(
        "hermes.example.org {", f"http://:{port} {{\n    bind 127.0.0.1"
    )


def command(proxy: str, folder: Path, text: str) -> list[str]:
    """Write the configuration of a proxy, and return the command that runs it."""
    if proxy == "caddy":
        (folder / "Caddyfile").write_text("{\n    admin off\n}\n" + text)
        return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    temporary = "\n".join(f"{kind}_temp_path {folder};" for kind in NGINX_TEMPORARY)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log;\nevents {{}}\n"
        f"http {{ access_log off; {temporary}\n{text}\n}}"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")]


NGINX_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def running(arguments: list[str], port: int) -> Iterator[None]:
    """Run a proxy until the block ends."""
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if process.poll() is not None or probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            assert process.poll() is None
            yield
        finally:
            process.terminate()


def ask(port: int, path: str, *, login: bool = True, body: bytes | None = None) -> tuple[int, list[str]]:
    """Ask the proxy; return the status and the words of the answer."""
    headers = {"Host": "hermes.example.org", **({"Cookie": "login=yes"} if login else {})}
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", body, headers), timeout=30) as answer:
            return answer.status, answer.read().decode().split()
    except HTTPError as error:
        with error:
            return error.code, []


@pytest.mark.slow
@pytest.mark.parametrize(("proxy", "language"), [("nginx", "nginx"), ("caddy", "caddyfile")])
def test_an_example_sends_each_route_where_the_document_says(
    tmp_path: Path, proxy: str, language: str
) -> None:
    if not shutil.which(proxy, path="/usr/local/bin:/usr/bin:/usr/sbin"):
        pytest.skip(f"{proxy} is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving("web-ui") as web_ui, serving("ours") as ours:
        arguments = command(proxy, tmp_path, example(language, port, web_ui, ours))
        with running(arguments, port):
            for wanted, paths in (("ours", OURS), ("web-ui", THEIRS)):
                for path in paths:
                    status, (name, reached, host, client) = ask(port, path)
                    assert (status, name, reached) == (200, wanted, path)
                    assert (host, client) == ("hermes.example.org", "127.0.0.1")
            status, (name, *_) = ask(port, "/api/session/rename", body=b'{"title": "x"}')
            assert (status, name) == (200, "ours")
            assert ask(port, "/api/sessions", login=False)[0] == 401
            assert ask(port, "/", login=False)[0] == 200
