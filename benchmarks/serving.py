"""A server in a process of its own, for as long as a benchmark needs it, and what it holds."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ADDRESS = re.compile(r"http://127\.0\.0\.1:[1-9][0-9]*")
PROGRAM = "from hermes_sessions.cli import main; main()"


@contextmanager
def serving(home: Path, *options: str) -> Iterator[str]:
    """Serve a home, and give out the address."""
    with process([*serve_command(home), *options]) as (_, url):
        yield url


def serve_command(home: Path) -> list[str]:
    """Return the command that serves a home at any free port."""
    return [sys.executable, "-c", PROGRAM, "--hermes-home", str(home), "serve", "--port", "0"]


@contextmanager
def served(command: Sequence[str]) -> Iterator[str]:
    """Run a server, and give out the address that it prints."""
    with process(command) as (_, url):
        yield url


@contextmanager
def process(command: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Run a server, and give out the id of its process and the address that it prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            yield server.pid, next(found[0] for line in server.stdout if (found := ADDRESS.search(line)))
        finally:
            server.terminate()


def resident(master: int) -> float:
    """Return the resident memory of a server's worker, which answers, in MB; of a single one."""
    processes = subprocess.run(["ps", "-ax", "-o", "ppid=,rss="], check=True, capture_output=True, text=True)
    of_parents = (line.split() for line in processes.stdout.splitlines())
    return next(int(rss) / 1000 for parent, rss in of_parents if int(parent) == master)


class Held(NamedTuple):
    """What the process that answers holds: open descriptors, threads, and resident memory in MB."""

    descriptors: int
    threads: int
    memory: float


def held(master: int) -> Held:
    """Return what the worker of a server holds; only on Linux."""
    worker = Path("/proc", Path(f"/proc/{master}/task/{master}/children").read_text().split()[0])
    descriptors = sum(1 for _ in (worker / "fd").iterdir())
    threads = sum(1 for _ in (worker / "task").iterdir())
    return Held(descriptors, threads, resident(master))
