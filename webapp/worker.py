"""A worker process of gunicorn: serves its connections, and ends its streams when it stops."""

import os
import resource
import time
from types import FrameType
from typing import Any
from urllib.parse import quote

from flask import Flask
from gunicorn.workers.base import Worker as BaseWorker

from . import live
from .connections import MOST_CONNECTIONS, LogEntry, Server

PARENT_SECONDS = 1.0


class Worker(BaseWorker):
    """A process that accepts connections, and a thread for each request that runs."""

    _servers: tuple[Server, ...] = ()

    def run(self) -> None:
        """Serve until the worker has to stop or its master has ended, then let running requests finish."""
        most = most_connections()
        listeners: list[Any] = self.sockets  # gunicorn's own, each with a socket inside
        self._servers = tuple(
            Server(self.wsgi, each.sock, threads=self.cfg.threads, most=most, log=self._log_request)
            for each in listeners
        )
        while self.alive and self.ppid == os.getppid():
            self.notify()
            for server in self._servers:
                server.poll()
        self._end_streams()
        until = time.monotonic() + self.cfg.graceful_timeout
        for server in self._servers:
            server.stop(until - time.monotonic())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the running requests."""
        super().handle_exit(sig, frame)
        self._end_streams()
        for server in self._servers:
            server.pull_trigger()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop now."""
        self._end_streams()
        super().handle_quit(sig, frame)

    def _end_streams(self) -> None:
        app = getattr(self, "wsgi", None)  # a signal can arrive before the application is made
        if isinstance(app, Flask) and live.EXTENSION in app.extensions:
            live.close(app)

    def _log_request(self, entry: LogEntry) -> None:
        if self.cfg.accesslog:
            self.log.access_log.info("%s", log_line(entry, self.log.now()))


def log_line(entry: LogEntry, now: str) -> str:
    """Return a request's line of the log, without the query: it can contain what was searched for.

    The path is quoted: a line break in it could forge a line.
    """
    path = quote(entry.path.encode("latin-1", "replace"))
    took = f"{entry.seconds * 1000:.0f}ms"
    return f'{entry.address} {now} "{entry.method} {path}" {entry.status} {entry.sent} {took}'


def most_connections() -> int:
    """Return how many connections a worker may have: half of its descriptors are for files and databases."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if descriptors < 0 else max(4, min(MOST_CONNECTIONS, descriptors // 2))


def raise_descriptors() -> None:
    """Raise the limit on open files as far as this process may: macOS starts programs with 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MOST_CONNECTIONS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
