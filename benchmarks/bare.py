"""The floor of `load`: a handler of Flask's that answers with the bytes of a file, in the server that we use.

python -m benchmarks.bare FILE STATUS
"""

import socket
import sys
from pathlib import Path
from typing import Any

from flask import Flask, Response
from gunicorn.app.base import BaseApplication

from webapp.server import THREADS
from webapp.worker import Worker


def make_app(body: bytes, status: int) -> Flask:
    """Return an application with one answer."""
    app = Flask(__name__)

    @app.get("/")
    def answer() -> Response:
        return Response(body, status, mimetype="application/json")

    return app


class Bare(BaseApplication):
    """The server as `serve` sets it up, without an access log or a home."""

    def __init__(self, app: Flask, listener: socket.socket) -> None:
        self._app, self._port = app, listener.getsockname()[1]
        self._descriptor = listener.detach()
        super().__init__()

    def load_config(self) -> None:
        """Set what `serve` sets."""
        settings: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "worker_class": Worker,
            "threads": THREADS,
            "loglevel": "warning",
            "control_socket_disable": True,
            "when_ready": lambda _: print(f"http://127.0.0.1:{self._port}", flush=True),
        }
        for name in settings.keys() & self.cfg.settings.keys():
            self.cfg.set(name, settings[name])

    def load(self) -> Any:
        """Return the application."""
        return self._app


if __name__ == "__main__":
    path, status = sys.argv[1:]
    Bare(make_app(Path(path).read_bytes(), int(status)), socket.create_server(("127.0.0.1", 0))).run()
