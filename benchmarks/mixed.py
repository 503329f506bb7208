"""How long each kind of request takes while eight people work: lists, pages, searches, and renamed sessions.

python -m benchmarks.mixed [--sessions 5000 | --home DIR] [--seconds 60] [--rate 35] [--clients 8]
    [--workers 1]

Beside it, the same requests at the same moments to a handler that returns the same bytes from memory. A time
counts from the moment at which the request was due; one column leaves out what its client still waited for.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from hermes_sessions import SessionRepository

from . import homes
from .clients import KINDS, Answer, Kind, Load, percentile, percentile_from_sending, request_of, run, schedule
from .serving import served, serving

AIMS: dict[Kind, float] = {"list": 60, "open": 60, "search": 200, "rename": 80, "page": 300}


def main() -> None:
    """Print the table."""
    asked = _arguments()
    load = Load(asked.clients, asked.rate, asked.seconds, asked.without)
    with tempfile.TemporaryDirectory(prefix="mixed-", dir=asked.work) as name:
        home = Path(name, "home")
        ids = prepare(home, asked.home, asked.sessions)
        print(f"{load.clients} clients, {load.rate:g} requests/s, {load.seconds:g} s, {len(ids):,} sessions")
        for line in _lines(home, Path(name), ids, load, asked.workers):
            print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixed", description=__doc__)
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--home", type=Path, help="a home to copy in the place of a made-up one")
    parser.add_argument("--work", type=Path, help="the working folder, whose disk is measured")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=35)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument("--without", choices=KINDS, help="a kind that nobody asks for")
    return parser.parse_args()


def prepare(home: Path, source: Path | None, count: int) -> list[str]:
    """Write a home, or copy one, and return its ids, recent ones first; all its texts are searchable."""
    if source is None:
        homes.generate(home, count)
    else:
        shutil.copytree(source, home, copy_function=_linked)  # with its indexes: nothing is left to index
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.complete_search()  # or what is measured is the indexing in the background
        return [each.session_id for each in sessions.list() if each.session_id != homes.LARGE]


def _linked(source: str, target: str) -> None:
    """Link a sidecar, which is only ever replaced, so that the index still knows it; copy anything else."""
    if source.endswith(".json"):
        homes.link(Path(source), Path(target))
    else:
        shutil.copy2(source, target)


def _lines(home: Path, work: Path, ids: list[str], load: Load, workers: int) -> Iterator[str]:
    requests = schedule(ids, load)
    answers = work / "answers"
    answers.mkdir()
    with serving(home, "--workers", str(workers)) as url:
        keep_answers(url, ids, answers)
        ours = run(url, requests)
    with served([sys.executable, "-m", "benchmarks.bare_answers", str(answers)]) as url:
        floor = run(url, requests)
    yield (
        "\n| request | number | median, ms | p90 | p99 | slowest | p99 from sending | bare handler, p99 "
        "| p99 at most | |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|"
    for kind in KINDS:
        if kind != load.without:
            yield _line(kind, ours, floor)


def _line(kind: Kind, ours: list[Answer], floor: list[Answer]) -> str:
    number = sum(each.kind == kind for each in ours)
    median, p90, p99, slowest = (percentile(ours, kind, share) for share in (0.5, 0.9, 0.99, 1))
    met = "met" if p99 <= AIMS[kind] else "**not met**"
    sent, bare = percentile_from_sending(ours, kind, 0.99), percentile(floor, kind, 0.99)
    figures = " | ".join(f"{each:.1f}" for each in (median, p90, p99, slowest, sent, bare))
    return f"| {kind} | {number:,} | {figures} | {AIMS[kind]:g} | {met} |"


def keep_answers(url: str, ids: list[str], folder: Path) -> None:
    """Ask once for each kind of request, for the bytes that the bare handler returns."""
    for kind in KINDS:
        path, body = request_of(kind, random.Random(1), ids)
        headers = {"Content-Type": "application/json"} if body else {}
        asked = urllib.request.Request(url + path, data=body, headers=headers)
        with urllib.request.urlopen(asked, timeout=120) as response:
            (folder / kind).write_bytes(response.read())
        (folder / f"{kind}.path").write_text(json.dumps(path.partition("?")[0]))


if __name__ == "__main__":
    main()
