"""The command `python -m benchmarks.startup`: how long the program takes to start.

Ours and its floor, the import that it cannot do without, run in turns. The figures are the fastest run of
each, since what slows down a start is another program. Wall-clock and processor time are added, so that
neither can hide the other.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hermes_sessions.demo import write_home

PROGRAM = str(Path(sys.executable).with_name("hermes-sessions"))
# With compiled modules on the disk, as in any installation, whatever the shell says.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True)
class Start:
    """A command, the import that it cannot do without, and how many times as long it may take."""

    words: Sequence[str]
    floor: str
    aim: float


STARTS = (
    Start(("--help",), "import click", 2.0),
    Start(("--version",), "import click", 2.0),
    Start(("list", "--limit", "5"), "import sqlalchemy.orm", 1.4),
)


def main() -> None:
    """Measure each start and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="runs of each command (default: 20)")
    runs = parser.parse_args().runs
    print("| command | ours | floor | its time | ratio | aim | |\n|---|--:|---|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        write_home(home, sessions=1000)
        for start in STARTS:
            print(_row(start, home, runs), flush=True)


def _row(start: Start, home: Path, runs: int) -> str:
    ours, floor = _fastest(
        [PROGRAM, "--hermes-home", str(home), *start.words], [sys.executable, "-c", start.floor], runs
    )
    ratio = ours / floor
    return (
        f"| `hermes-sessions {' '.join(start.words)}` | {1000 * ours:.0f} ms "
        f'| `python -c "{start.floor}"` | {1000 * floor:.0f} ms '
        f"| {ratio:.2f} | {start.aim:g} | {'met' if ratio <= start.aim else '**not met**'} |"
    )


def _fastest(ours: Sequence[str], floor: Sequence[str], runs: int) -> tuple[float, float]:
    """Return the seconds of the fastest run of both commands, after one that fills the caches."""
    for command in (ours, floor):
        _seconds(command)
    pairs = [(_seconds(ours), _seconds(floor)) for _ in range(runs)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def _seconds(command: Sequence[str]) -> float:
    """Return the wall-clock time and the processor time of a command, together."""
    before, began = _processor_seconds(), time.perf_counter()
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began + _processor_seconds() - before


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
