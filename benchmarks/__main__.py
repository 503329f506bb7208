"""The command `python -m benchmarks`: makes or copies homes, measures on each, writes Markdown and JSON."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import agent_homes, agent_operations, beside, homes, machine, operations, table
from .timing import Figure

DEFAULT_SESSIONS = (1000, 5000, 20_000, 50_000)


def main() -> None:
    """Measure on every home asked for; rows are printed as they come, since a whole run takes minutes."""
    asked = _arguments()
    if asked.compare:
        _compare(asked)
        return
    figures = []
    where = machine.described(asked.work or Path(tempfile.gettempdir()))
    print(f"{where}\n\n{table.HEAD}")
    for figure in _measured(asked):
        print(table.row(figure), flush=True)
        figures.append(figure)
    if asked.json:
        told = {"machine": where, "figures": table.as_json(figures)}
        asked.json.write_text(json.dumps(told, indent=2) + "\n")
    if asked.into:
        parts = {
            "machine": where,
            "aims": table.aims(figures),
            "growth": table.growth(figures),
            "figures": table.whole(figures),
        }
        asked.into.write_text(table.filled(asked.into.read_text("utf-8"), parts), "utf-8")
    if any(figure.unit == agent_operations.DESCRIPTORS and figure.ratio != 1 for figure in figures):
        sys.exit("descriptors were left open")


def _compare(asked: argparse.Namespace) -> None:
    where = machine.described(asked.work or Path(tempfile.gettempdir()))
    print(f"{where}\n")
    rows = []
    for row in beside.compared(asked.sessions, asked.compare, asked.python, asked.work):
        times = ", ".join(f"{name} {table.amount(time, 'ms')}" for name, time in row.times.items())
        print(f"{row.sessions:,} {row.operation.title}: {times}", flush=True)
        rows.append(row)
    if asked.json:
        found = [{"operation": row.operation.name, "sessions": row.sessions, **row.times} for row in rows]
        asked.json.write_text(json.dumps({"machine": where, "figures": found}, indent=2) + "\n")
    if asked.into:
        parts = {"beside": f"{where}\n\n{beside.tables(rows)}"}
        asked.into.write_text(table.filled(asked.into.read_text("utf-8"), parts), "utf-8")
        image = asked.into.with_name("images") / "beside-the-web-ui.svg"
        image.write_text(beside.chart(beside.TITLE, beside.panels(rows)), "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "--home", type=Path, nargs="+", default=[], help="homes to copy and measure on; they stay as they are"
    )
    add(
        "--sessions",
        type=int,
        nargs="+",
        help="make up homes of so many sessions (default: 1000 5000 20000 50000)",
    )
    add(
        "--agent",
        type=int,
        nargs=2,
        metavar=("SESSIONS", "MESSAGES"),
        help="give each home that is made up a state.db of this size (alone with --sessions 0)",
    )
    add("--small", action="store_true", help="make up sessions of about 1 kB each, not 60")
    add("--no-index", action="store_true", help="make that state.db without indexes on messages")
    add(
        "--only",
        choices=("files", "lists", "searches", "agent"),
        help="measure only the sidecars, of these only import and lists, or only searches; or only state.db",
    )
    add("--json", type=Path, help="also write the figures into this file")
    add("--into", type=Path, help="also put the tables between their marks in this Markdown file")
    given = os.environ.get("HERMES_WEBUI_CHECKOUT")
    add(
        "--compare",
        type=beside.Checkout.parsed,
        nargs="*",
        metavar="FOLDER[=NAME]",
        help="measure checkouts of the web UI beside this library (default: HERMES_WEBUI_CHECKOUT)",
    )
    add(
        "--python",
        default=os.environ.get("HERMES_WEBUI_PYTHON", sys.executable),
        help="the Python that has what the web UI needs (default: HERMES_WEBUI_PYTHON)",
    )
    add("--work", type=Path, help="a folder on the disk to be measured (default: the system's temporary one)")
    asked = parser.parse_args()
    if asked.compare == [] and not given:
        parser.error("name a checkout of the web UI, or set HERMES_WEBUI_CHECKOUT")
    if asked.compare == [] and given:
        asked.compare = [beside.Checkout.parsed(given)]
    if asked.sessions is None:
        asked.sessions = () if asked.home else DEFAULT_SESSIONS
    return asked


def _measured(asked: argparse.Namespace) -> Iterator[Figure]:
    for given in [*asked.home, *asked.sessions]:
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=asked.work) as name:
            home, work = Path(name, "home"), Path(name, "work")
            work.mkdir()
            # An agent is measured where it is asked for; that of whoever runs this is left alone.
            os.environ["HERMES_HOME"] = str(work / "nobody")
            print(f"preparing {given}", file=sys.stderr)
            _prepare(given, home, asked)
            os.sync()  # or the disk is still busy with the home when the first import is measured
            if asked.only != "agent" and homes.has_sidecars(home):
                run = {"lists": operations.lists, "searches": operations.searches}
                for figures in run.get(asked.only, operations.run)(home, work):
                    yield from figures
            if asked.only in (None, "agent") and (home / "state.db").exists():
                for figures in agent_operations.run(home, work):
                    yield from figures


def _prepare(given: Path | int, home: Path, asked: argparse.Namespace) -> None:
    if isinstance(given, Path):
        homes.copy(given, home)
        agent_homes.copy(given, home)
        return
    (homes.generate_small if asked.small else homes.generate)(home, given)
    if asked.agent:
        agent_homes.generate(home, *asked.agent, indexed=not asked.no_index)


if __name__ == "__main__":
    main()
