"""Both sides in turns, a process for each on its own copy of the same home; the medians of each operation."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from .. import homes
from ..homes import MIDDLE, PHRASE, SMALL
from .operations import FLOOR, OPERATIONS, Operation

OURS, FLOORS = "this library", "floor"
SECONDS = 20  # after which an operation is not repeated


class Checkout(NamedTuple):
    """A version of the web UI: where it is, and what the tables call it."""

    path: Path
    name: str

    @classmethod
    def parsed(cls, given: str) -> "Checkout":
        """Read `FOLDER`, or `FOLDER=NAME` where the folder does not say which version it is."""
        folder, _, name = given.partition("=")
        path = Path(folder).resolve()
        return cls(path, name or _commit(path))


def _commit(folder: Path) -> str:
    command = ["git", "-C", str(folder), "log", "-1", "--format=%h of %cs"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or folder.name


class Row(NamedTuple):
    """The medians of an operation in milliseconds: of this library, its floor, and each version by name."""

    operation: Operation
    sessions: int
    times: Mapping[str, float]


def compared(
    sizes: Sequence[int], checkouts: Sequence[Checkout], python: str, work: Path | None
) -> Iterator[Row]:
    """Yield a row for each operation on a home of each size."""
    for sessions in sizes:
        with tempfile.TemporaryDirectory(prefix="beside-", dir=work) as name:
            folder = Path(name)
            homes.generate(folder / "given", sessions)
            with _sides(folder, checkouts, python) as sides:
                for operation in OPERATIONS:
                    yield Row(operation, sessions, _medians(operation, sides))


class _Side(NamedTuple):
    """A process that is measured."""

    requests: IO[str]
    answers: IO[str]

    def milliseconds(self, name: str) -> float:
        """Let it do an operation, and return how long that took."""
        print(name, file=self.requests, flush=True)
        return float(self.answers.readline())


@contextmanager
def _sides(folder: Path, checkouts: Sequence[Checkout], python: str) -> Iterator[dict[str, _Side]]:
    """Start all processes, one after another: the preparation of one would slow another's."""
    program = str(Path(__file__).with_name("webui.py"))
    with ExitStack() as stack:
        commands = {OURS: [sys.executable, "-m", "benchmarks.beside.library", str(folder / "ours")]}
        homes.copy(folder / "given", folder / "ours")
        for number, (path, name) in enumerate(checkouts):
            home = folder / f"webui{number}"
            homes.copy(folder / "given", home)
            commands[name] = [python, program, str(path), str(home), SMALL, MIDDLE, PHRASE]
        yield {name: stack.enter_context(_started(command, folder)) for name, command in commands.items()}


@contextmanager
def _started(command: Sequence[str], folder: Path) -> Iterator[_Side]:
    # An agent of whoever runs this is left alone.
    environment = os.environ | {"HERMES_HOME": str(folder / "nobody")}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            sys.exit(f"{command[0]} {command[1]} did not start")
        yield _Side(process.stdin, process.stdout)
        process.stdin.close()


def _medians(operation: Operation, sides: Mapping[str, _Side]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in (OURS, FLOORS, *sides)}
    started = time.perf_counter()
    for number in range(operation.rounds + 1):
        for name, side in sides.items():
            times[name].append(side.milliseconds(operation.name))
        times[FLOORS].append(sides[OURS].milliseconds(FLOOR + operation.name))
        if number and time.perf_counter() - started > SECONDS:
            break
    # The first round fills caches on all sides.
    return {name: statistics.median(each[1:]) for name, each in times.items()}
