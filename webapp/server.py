"""The production server: gunicorn with threads, the repository opened in the worker, never across a fork."""

import ctypes
import ipaddress
import socket
import sys
from types import FrameType
from typing import Any
from urllib.parse import quote

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from hermes_sessions.config import Config, ServerConfig
from hermes_sessions.errors import InvalidValue, storing
from hermes_sessions.repository import SessionRepository

from . import live
from .app import create_app
from .security.logins import stored_password

# An open stream holds a thread for as long as its page is open: 64 of them leave 32 for everything else. A
# thread is made when it is first needed, so that few pages take few.
THREADS = live.MOST_STREAMS + 32
STOP_SECONDS = 10
LARGE_ANSWER = 8 << 20
_C_LIBRARY = ctypes.CDLL(None)


def serve(config: Config, server: ServerConfig) -> None:
    """Serve the home of `config` until SIGTERM or SIGINT, then end the process; port 0 takes a free one.

    Prints the address once it listens. Raises, before that, `InvalidValue` for an address that is not this
    machine's own without a password, and `StorageError` if home or port cannot be used.
    """
    asked = server.password or stored_password(config.state_dir)
    if asked is None and not is_loopback(server.host):
        raise InvalidValue(
            f"listening on {server.host} lets other machines in: first set a password, "
            "with serve --set-password or HERMES_WEBUI_PASSWORD"
        )
    with _open(config) as sessions:  # what is wrong with the home is said here; a first import is done here
        sessions.purge()
    _Server(config, server, _listen(server)).run()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _open(config: Config) -> SessionRepository:
    return SessionRepository.open(
        config.state_dir,
        hermes_home=config.hermes_home,
        profile=config.profile,
        database_url=config.database_url,
    )


def _listen(server: ServerConfig) -> socket.socket:
    """Bind here rather than in gunicorn, which would try a port that is taken for five seconds."""
    host = server.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with storing(f"cannot listen on {server.host} port {server.port}"):
        return socket.create_server((host, server.port), family=family, backlog=128)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Worker(ThreadWorker):
    """A worker that ends its streams when it is to stop, which would otherwise wait for them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the running requests."""
        self._end_streams()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop now."""
        self._end_streams()
        super().handle_quit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Whether the master still is; without it a worker stops."""
        alive = super().is_parent_alive()
        if not alive:
            self._end_streams()
        return alive

    def _end_streams(self) -> None:
        app = getattr(self, "wsgi", None)  # a signal may come before there is one
        if isinstance(app, Flask):
            live.close(app)


def _give_memory_back(worker: Worker, request: Any, environ: Any, response: Any) -> None:  # noqa: ARG001  # gunicorn's
    """Return to the system what a large answer took: of a session of 50 MB 150 MB would stay with glibc."""
    trim = getattr(_C_LIBRARY, "malloc_trim", None)  # glibc alone has it, and needs it
    if trim is not None and response.sent > LARGE_ANSWER:
        trim(0)


class AccessLog(Logger):
    """Writes the log of requests: without the query, which may hold what was searched for, on one line."""

    FORMAT = '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> Any:
        """Return what the format names; a path could hold a line break, and so a made-up line."""
        found = dict(super().atoms(resp, req, environ, request_time))
        return found | {"U": quote(str(found["U"]).encode("latin-1", "replace"))}


class _Server(BaseApplication):
    """One gunicorn: a master that restarts a worker which dies, and workers with threads."""

    def __init__(self, config: Config, server: ServerConfig, listener: socket.socket) -> None:
        self._config, self._server = config, server
        self._url = _url(listener)
        self._descriptor = listener.detach()  # gunicorn's from here on: it makes its own socket of it
        self._repository: SessionRepository | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        settings: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "worker_class": Worker,
            "workers": self._server.workers,
            "threads": THREADS,
            "accesslog": self._server.access_log,
            "access_log_format": AccessLog.FORMAT,
            "logger_class": AccessLog,
            "graceful_timeout": STOP_SECONDS,
            "loglevel": "warning",
            "proc_name": "hermes-sessions",
            "control_socket_disable": True,  # it would lie in the user's home
            "when_ready": self._say_where,
            "worker_exit": self._close,
            "post_request": _give_memory_back,
        }
        known = self.cfg.settings  # older releases have no control socket
        for name, value in settings.items():
            if name in known:
                self.cfg.set(name, value)

    def load(self) -> Any:  # gunicorn writes out the types of WSGI, Flask names them
        """Make the application, in the worker."""
        self._repository = _open(self._config)
        hosts = {self._server.host, *self._server.hosts}
        if not is_loopback(self._server.host):
            hosts.add(socket.gethostname())
        return create_app(self._repository, password=self._server.password, hosts=hosts)

    def _say_where(self, _arbiter: object) -> None:
        sys.stdout.write(f"Serving on {self._url} (stop with Ctrl+C)\n")
        sys.stdout.flush()

    def _close(self, _arbiter: object, _worker: object) -> None:
        if self._repository is not None:
            self._repository.close()
