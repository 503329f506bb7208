"""A PostgreSQL server of the tests' own, from Debian's package, on a socket in a folder that goes with it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import quote

from hermes_sessions import SessionRepository

from .processes import is_running

# Durability costs time, and the machine will not lose power within a test. The log holds each new database: a
# gigabyte of it, the default, would lie in memory.
OPTIONS = (
    "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=300 "
    "-c max_wal_size=64MB -c min_wal_size=32MB"
)

PREFIX = "hermes-pg-"  # of a server's folder, before the number of the process that runs the tests
USER = "postgres"  # of Debian's package: a server refuses to run as root


def programs() -> Path | None:
    """Return the folder of the newest server's programs, None without one."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name))
    return Path(found).resolve().parent if found else (folders[-1] if folders else None)


def owned_by_the_server(folder: Path) -> None:
    """Give a folder to the user as whom the server runs."""
    if os.geteuid() == 0:
        owner = pwd.getpwnam(USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)


class Server:
    """A running server, and the names of the databases that were made in it."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self.folder, self._numbers = programs, folder, count()
        self._template: str | None = None
        self._user = None if os.geteuid() else USER

    def prepare(self) -> None:
        """Make the files of a server without databases."""
        owned_by_the_server(self.folder)
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        log, sockets = self.folder / "log", f"-k {self.folder} {OPTIONS}"
        self._run("pg_ctl", "start", "--wait", f"--log={log}", f"--options={sockets}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `immediate` as a power failure would."""
        self._run("pg_ctl", "stop", f"--mode={mode}")

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give out the URL of an empty database, which goes at the end: each takes 8 MB, in memory."""
        with self._made("") as url:
            yield url

    @contextmanager
    def index(self) -> Iterator[str]:
        """Give out the URL of a database with empty tables, in a tenth of the time of an upgrade."""
        self._template = self._template or self._new_template()
        with self._made(f"TEMPLATE {self._template}") as url:
            yield url

    @contextmanager
    def _made(self, options: str) -> Iterator[str]:
        name = f"home{next(self._numbers)}"
        self.sql("postgres", f"CREATE DATABASE {name} {options}")
        try:
            yield self.url(name)
        finally:
            self.sql("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def _new_template(self) -> str:
        name = f"home{next(self._numbers)}"
        self.sql("postgres", f"CREATE DATABASE {name}")
        with tempfile.TemporaryDirectory() as home:
            SessionRepository.open(hermes_home=home, database_url=self.url(name)).close()
        self.sql(name, "UPDATE index_state SET home_id = NULL; DELETE FROM host_states")
        return name

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@/{name}?host={quote(str(self.folder))}"

    def sql(self, name: str, statement: str) -> str:
        """Run a statement in a database, and return what it prints."""
        options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", f"--host={self.folder}"]
        command = [*options, "--username=postgres", f"--dbname={name}", f"--command={statement}"]
        done = subprocess.run([self._programs / "psql", *command], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def _run(self, program: str, *arguments: str) -> None:
        command: list[str | Path] = [self._programs / program, f"--pgdata={self.folder / 'data'}", *arguments]
        with (self.folder / "output").open("w") as output:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                cwd=self.folder,
            )
        assert done.returncode == 0, (self.folder / "output").read_text()


@contextmanager
def running() -> Iterator[Server]:
    """Run a server until the end of the block."""
    found = programs()
    assert found is not None, "PostgreSQL's server is not installed"
    _remove_left_behind(found)
    # Not in pytest's folder, which only its own user may enter; and a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    server = Server(found, folder)
    server.prepare()
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


def _remove_left_behind(programs: Path) -> None:
    """Stop the servers of tests that were killed, and remove their folders: they would stay in memory."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = int(folder.name.removeprefix(PREFIX).partition("-")[0])
        if not is_running(pid):
            with suppress(AssertionError):  # it does not run
                Server(programs, folder).stop("immediate")
            shutil.rmtree(folder, ignore_errors=True)  # other tests may do the same
