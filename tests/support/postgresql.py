"""A PostgreSQL server of the tests' own, from Debian's package, on a socket in a folder that goes with it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

from hermes_sessions import SessionRepository

# Durability costs time, and the machine will not lose power within a test.
OPTIONS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=300"

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
        owned_by_the_server(folder)
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        log, sockets = self.folder / "log", f"-k {self.folder} {OPTIONS}"
        self._run("pg_ctl", "start", "--wait", f"--log={log}", f"--options={sockets}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `immediate` as a power failure would."""
        self._run("pg_ctl", "stop", f"--mode={mode}")

    def new_database(self) -> str:
        """Make a database, and return its URL."""
        name = f"home{next(self._numbers)}"
        self.sql("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def new_index(self) -> str:
        """Make a database with the tables of an empty index, in a tenth of the time of an upgrade."""
        if self._template is None:
            self._template = f"home{next(self._numbers)}"
            self.sql("postgres", f"CREATE DATABASE {self._template}")
            with tempfile.TemporaryDirectory() as home:
                SessionRepository.open(hermes_home=home, database_url=self.url(self._template)).close()
            self.sql(self._template, "UPDATE index_state SET home_id = NULL; DELETE FROM host_states")
        name = f"home{next(self._numbers)}"
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return self.url(name)

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
    # Not in pytest's folder, which only its own user may enter; and a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="hermes-pg-"))
    server = Server(found, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)
