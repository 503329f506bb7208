"""The production server: gunicorn's master, and workers that open the repository, never across a fork."""

import errno
import socket
import subprocess
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from hermes_sessions import announcement, modes
from hermes_sessions.config import Config, ServerConfig
from hermes_sessions.errors import InvalidValue, storing
from hermes_sessions.processes import available
from hermes_sessions.repository import SessionRepository, follow_files

from . import live
from .app import create_app
from .memory import give_back_freed, keep_what_is_loaded
from .request_context import is_read_only
from .security.hosts import is_loopback
from .security.passwords import stored_password
from .security.proxies import parse_network
from .worker import Worker, raise_descriptors

# An open stream holds a thread as long as its page is open: 64 of them leave 32 for everything else.
THREADS = live.MOST_STREAMS + 32
STOP_SECONDS = 10


def serve(config: Config, server: ServerConfig) -> None:
    """Serve the home of `config` until SIGTERM or SIGINT, then end the process; port 0 takes a free port.

    Prints the address once it listens. Before that, raises `InvalidValue` if other machines can reach the
    address and there is no password, or if a trusted proxy is no address or network, and `StorageError` if
    the home or the port cannot be used.
    """
    for each in server.trusted_proxies:
        parse_network(each)
    password = server.password or stored_password(config.state_dir)
    if password is None and not is_loopback(server.host):
        raise InvalidValue(
            f"other machines can reach {server.host}, so a password is needed: set one with "
            "`serve --set-password` or HERMES_WEBUI_PASSWORD"
        )
    with _open(config) as sessions:  # before the workers: reports what is wrong, and imports a new home
        if not is_read_only(sessions):
            sessions.purge()
        folder = sessions.own_folder
    if server.access_log not in (None, "-"):
        modes.keep_private(Path(str(server.access_log)))
    raise_descriptors()
    _Server(config, server, _listen(server), folder).run()


def _open(config: Config) -> SessionRepository:
    return SessionRepository.open(
        config.state_dir,
        hermes_home=config.hermes_home,
        profile=config.profile,
        database_url=config.database_url,
        processes=available(),
    )


def _listen(server: ServerConfig) -> socket.socket:
    """Listen on the first free port; gunicorn would retry for five seconds if it is taken."""
    first, last = server.ports[0], server.ports[-1]
    named = f"port {first}" if first == last else f"the ports {first} to {last}"
    with storing(f"cannot listen on {server.host}, {named}"):
        for port in server.ports:
            try:
                return _bind(server.host.strip("[]"), port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or port == last:
                    raise
    raise AssertionError("there is at least one port")


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _open_browser(url: str) -> None:
    """Show a page in the user's browser, in a process of its own: some browsers keep their caller waiting."""
    try:
        webbrowser.get()
    except webbrowser.Error:
        sys.stdout.write("No browser was found on this machine. Open the address in one.\n")
        sys.stdout.flush()
        return
    quiet = subprocess.DEVNULL
    with storing("cannot start the browser"):
        subprocess.Popen([sys.executable, "-m", "webbrowser", url], stdout=quiet, stderr=quiet)


class _Server(BaseApplication):
    """A gunicorn server: a master that restarts workers that die, and workers with threads."""

    def __init__(self, config: Config, server: ServerConfig, listener: socket.socket, folder: Path) -> None:
        self._folder = folder  # of what a server keeps
        self._config, self._server = config, server
        self._url, self._port = _url(listener), listener.getsockname()[1]
        self._descriptor = listener.detach()  # gunicorn makes its own socket from it
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
            "graceful_timeout": STOP_SECONDS,
            "loglevel": "warning",
            "proc_name": "hermes-sessions",
            "control_socket_disable": True,  # it would be in the user's home
            "when_ready": self._announce,
            "worker_exit": self._close,
            "on_exit": self._withdraw,
        }
        known = self.cfg.settings  # older releases have no control socket
        for name, value in settings.items():
            if name in known:
                self.cfg.set(name, value)

    def load(self) -> Any:  # gunicorn and Flask spell the types of WSGI differently
        """Return the application, made in the worker."""
        give_back_freed()
        self._repository = _open(self._config)
        follow_files(self._repository)
        hosts = {self._server.host, *self._server.hosts}
        if not is_loopback(self._server.host):
            hosts.add(socket.gethostname())
        app = create_app(
            self._repository,
            password=self._server.password,
            hosts=hosts,
            trusted_proxies=self._server.trusted_proxies,
        )
        keep_what_is_loaded()
        return app

    def _announce(self, _arbiter: object) -> None:
        """Say where the server listens, and why not where it usually does; open the browser if asked."""
        usual = self._server.ports[0]
        if usual not in (0, self._port):
            sys.stdout.write(
                f"Port {usual} is taken, perhaps by the web UI, so this is port {self._port}. "
                "Choose another with --port.\n"
            )
        with suppress(OSError):  # a full disk: the verb `open` does not find it, and all else works
            announcement.announce(self._folder, self._local_url)
        sys.stdout.write(f"Serving on {self._url} (stop with Ctrl+C)\n")
        sys.stdout.flush()
        if self._server.opens_browser:
            _open_browser(self._local_url)

    @property
    def _local_url(self) -> str:
        """The address for a browser on this machine."""
        return self._url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")

    def _withdraw(self, _arbiter: object) -> None:
        with suppress(OSError):
            announcement.withdraw(self._folder)

    def _close(self, _arbiter: object, _worker: object) -> None:
        if self._repository is not None:
            self._repository.close()
