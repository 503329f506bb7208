"""The floor of `mixed`: a handler of Flask's that answers each kind of request with the bytes of a file.

python -m benchmarks.bare_answers FOLDER
"""

import json
import socket
import sys
from pathlib import Path

from flask import Flask, Response, request

from .bare import Bare


def make_app(folder: Path) -> Flask:
    """Return an application that answers the paths that the folder names, and what lies below."""
    app = Flask(__name__)
    answers = {
        json.loads(each.read_text()): each.with_suffix("").read_bytes() for each in folder.glob("*.path")
    }
    page = next(body for path, body in answers.items() if path.startswith("/session/"))

    @app.route("/<path:_>", methods=["GET", "POST"])
    def answer(_: str) -> Response:
        return Response(answers.get(request.path, page), mimetype="application/json")

    return app


if __name__ == "__main__":
    Bare(make_app(Path(sys.argv[1])), socket.create_server(("127.0.0.1", 0))).run()
