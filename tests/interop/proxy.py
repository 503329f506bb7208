"""A proxy before both servers: what is about stored conversations goes to us, everything else to the web UI.

    python proxy.py PORT OURS THEIRS [TABLE]

`OURS` and `THEIRS` are addresses such as http://127.0.0.1:8788. `TABLE` is a regular expression of the paths
that go to us, by default all that we can answer. It prints a line when it listens, and then one for each
request: who answered, the status, the method and the path.
"""

import http.client
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# What needs the web UI's own process: a conversation that it starts is in its memory, not yet in a file.
THEIRS = (
    *("/api/session/new", "/api/session/draft", "/api/session/yolo", "/api/session/stream"),
    *("/api/session/compress", "/api/session/title", "/api/session/worktree", "/api/session/anchor-scene"),
    *("/api/session/conversation-rounds", "/api/session/handoff-summary", "/api/session/toolsets"),
)
OURS = ("/api/session", "/api/projects")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "origin", "referer"}
TIMEOUT = 90
CHUNK = 65_536


def is_ours(path: str) -> bool:
    """Return whether a request of this path goes to us."""
    return path.startswith(OURS) and not path.startswith(THEIRS)


class Handler(BaseHTTPRequestHandler):
    """Passes one request on and its answer back, as it comes: event streams too."""

    ours = theirs = table = ""

    def pass_on(self) -> None:
        """Ask the server that a request is for."""
        path = urlsplit(self.path).path
        mine = bool(re.fullmatch(self.table, path)) if self.table else is_ours(path)
        server = self.ours if mine else self.theirs
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # Both servers refuse a change from a page of another host than their own.
        kept = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        origin = {"Origin": server} if self.headers.get("Origin") else {}
        connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=TIMEOUT)
        try:
            connection.request(self.command, self.path, body or None, kept | origin)
            answer = connection.getresponse()
            sys.stdout.write(f"{'ours' if mine else 'theirs'} {answer.status} {self.command} {self.path}\n")
            sys.stdout.flush()
            self.answer(answer)
        except (BrokenPipeError, ConnectionResetError):  # the browser went to another page
            self.close_connection = True
        finally:
            connection.close()

    def answer(self, answer: http.client.HTTPResponse) -> None:
        """Send an answer on. The end of the connection is its end, so that its length need not be known."""
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while chunk := answer.read1(CHUNK):
            self.wfile.write(chunk)
            self.wfile.flush()

    do_GET = do_POST = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = pass_on  # noqa: N815  # its names

    def log_message(self, *_: object) -> None:
        """Say nothing: `pass_on` does."""


def main(port: int, ours: str, theirs: str, table: str = "") -> None:
    """Listen on 127.0.0.1 until the process is ended."""
    Handler.ours, Handler.theirs, Handler.table = ours, theirs, table
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"listening on http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:5])
