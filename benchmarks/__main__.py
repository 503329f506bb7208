"""The command `python -m benchmarks`: makes or copies homes, measures on each, prints a Markdown table."""

import argparse
import json
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import homes, operations, table
from .timing import Figure

DEFAULT_SESSIONS = (5000, 20_000)


def main() -> None:
    """Measure on every home asked for; rows are printed as they come, since a whole run takes minutes."""
    asked = _arguments()
    figures = []
    print(f"{_machine()}\n\n{table.HEAD}")
    for figure in _measured(asked):
        print(table.row(figure), flush=True)
        figures.append(figure)
    if asked.json:
        asked.json.write_text(json.dumps(table.as_json(figures), indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "--home", type=Path, nargs="+", default=[], help="homes to copy and measure on; they stay as they are"
    )
    add("--sessions", type=int, nargs="+", help="make up homes of so many sessions (default: 5000 20000)")
    add("--json", type=Path, help="also write the figures into this file")
    add("--work", type=Path, help="a folder on the disk to be measured (default: the system's temporary one)")
    asked = parser.parse_args()
    if asked.sessions is None:
        asked.sessions = () if asked.home else DEFAULT_SESSIONS
    return asked


def _machine() -> str:
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} processors"
    )


def _measured(asked: argparse.Namespace) -> Iterator[Figure]:
    for given in [*asked.home, *asked.sessions]:
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=asked.work) as name:
            home, work = Path(name, "home"), Path(name, "work")
            work.mkdir()
            print(f"preparing {given}", file=sys.stderr)
            if isinstance(given, Path):
                homes.copy(given, home)
            else:
                homes.generate(home, given)
            for figures in operations.run(home, work):
                yield from figures


if __name__ == "__main__":
    main()
