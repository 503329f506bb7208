"""Whether a server stays as it was: eight clients and two writers for half an hour, and what it holds.

python -m benchmarks.soak [--minutes 30] [--sessions 5000 | --home DIR] [--into docs/performance.md]

One writer replaces sidecars as the web UI does, the other changes sessions through the library, each once a
second and in a process of its own. Only on Linux.
"""

import argparse
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

from hermes_sessions import SessionRepository

from .clients import KINDS, Answer, Load, percentile, run, schedule
from .mixed import prepare
from .serving import Held, held, process, serve_command

START, END = "<!-- soak -->", "<!-- /soak -->"
MORE_DESCRIPTORS, MORE_THREADS = 4, 2
MORE_MEMORY, SLOWER = 1.05, 1.5  # times: the last third of the minutes against the first


class Minute(NamedTuple):
    """What the server held at the end of a minute, and how its clients were answered in it."""

    held: Held
    answers: list[Answer]


def main() -> None:
    """Print a line for each minute, and the verdict; exit with 1 if something grew."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="soak-", dir=asked.work) as name:
        home = Path(name, "home")
        ids = prepare(home, asked.home, asked.sessions)
        minutes = []
        for minute in _minutes(home, ids, asked):
            minutes.append(minute)
            print(_line(len(minutes), minute), flush=True)
    found = growth(minutes)
    text = table(minutes, found)
    print(f"\n{text}")
    if asked.into is not None:
        _replace(asked.into, text)
    sys.exit(bool(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--home", type=Path, help="a home to copy in the place of a made-up one")
    parser.add_argument("--work", type=Path, help="the working folder, whose disk is used")
    parser.add_argument("--rate", type=float, default=35, help="requests a second of all clients")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--into", type=Path, help=f"replaces what is between {START} and {END} in a file")
    return parser.parse_args()


def _minutes(home: Path, ids: list[str], asked: argparse.Namespace) -> Iterator[Minute]:
    load = Load(asked.clients, asked.rate)
    with process(serve_command(home)) as (server, url), _writers(home, ids):
        run(url, schedule(ids, load, seed=0))  # warm: what is kept once is no growth
        for number in range(1, asked.minutes + 1):
            answers = run(url, schedule(ids, load, seed=number))
            yield Minute(held(server), answers)


# ---- writers ---------------------------------------------------------------------------------------------


@contextmanager
def _writers(home: Path, ids: list[str]) -> Iterator[None]:
    """Let two processes write until the end of the block."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writers = [context.Process(target=each, args=(home, ids, stop)) for each in (_web_ui, _library)]
    for each in writers:
        each.start()
    try:
        yield
    finally:
        stop.set()
        for each in writers:
            each.join(30)


def _web_ui(home: Path, ids: list[str], stop: Event) -> None:
    """Replace sidecars with one more message, as a program does that knows nothing of an index."""

    def write(session_id: str) -> None:
        path = home / "webui" / "sessions" / f"{session_id}.json"
        document = json.loads(path.read_bytes())
        message = {"role": "user", "content": "one more", "timestamp": time.time()}
        document["messages"] = [*document["messages"][-200:], message]
        temporary = path.with_suffix(f".tmp.{os.getpid()}")
        temporary.write_text(json.dumps(document, ensure_ascii=False, indent=2))
        temporary.replace(path)

    _once_a_second(write, ids[100:300], stop)


def _library(home: Path, ids: list[str], stop: Event) -> None:
    """Add a message through the library."""
    with SessionRepository.open(hermes_home=home) as sessions:
        message = {"role": "user", "content": "one more"}
        _once_a_second(lambda each: sessions.append(each, [message]), ids[300:500], stop)


def _once_a_second(write: Callable[[str], object], ids: Sequence[str], stop: Event) -> None:
    rng = random.Random(5)
    while not stop.wait(1.0):
        write(rng.choice(ids))


# ---- the verdict -----------------------------------------------------------------------------------------


def growth(minutes: Sequence[Minute]) -> list[str]:
    """Return what grew from the first third of the minutes to the last, in words; nothing if all is flat."""
    third = max(1, len(minutes) // 3)
    first, last = minutes[:third], minutes[-third:]
    limits: list[tuple[str, Callable[[Minute], float], Callable[[float], float]]] = [
        ("descriptors", lambda each: each.held.descriptors, lambda value: value + MORE_DESCRIPTORS),
        ("threads", lambda each: each.held.threads, lambda value: value + MORE_THREADS),
        ("memory", lambda each: each.held.memory, lambda value: value * MORE_MEMORY),
        ("p99", _slowest, lambda value: value * SLOWER),
    ]
    return [
        f"{name} grew from {before:,.0f} to {after:,.0f}"
        for name, figure, most in limits
        if (after := _middle(last, figure)) > most(before := _middle(first, figure))
    ]


def _middle(minutes: Sequence[Minute], figure: Callable[[Minute], float]) -> float:
    return statistics.median(map(figure, minutes))


def _slowest(minute: Minute) -> float:
    """Return the slowest percent over all kinds."""
    times = sorted(each.milliseconds for each in minute.answers)
    return times[int(len(times) * 0.99)]


def table(minutes: Sequence[Minute], found: Sequence[str]) -> str:
    """Return the Markdown table: at most ten minutes, evenly spread, and the verdict."""
    step = max(1, len(minutes) // 10)
    shown = [number for number in range(1, len(minutes) + 1) if number % step == 0]
    lines = [
        "| minute | descriptors | threads | memory, MB | "
        + " | ".join(f"{kind}, p99 ms" for kind in KINDS)
        + " |",
        "|--:" * (4 + len(KINDS)) + "|",
        *(_line(number, minutes[number - 1]) for number in shown),
    ]
    verdict = "Flat." if not found else f"Not flat: {'; '.join(found)}."
    return "\n".join([*lines, "", verdict])


def _line(number: int, minute: Minute) -> str:
    slowest = " | ".join(f"{percentile(minute.answers, kind, 0.99):,.0f}" for kind in KINDS)
    descriptors, threads, memory = minute.held
    return f"| {number} | {descriptors} | {threads} | {memory:.1f} | {slowest} |"


def _replace(path: Path, text: str) -> None:
    before, start, rest = path.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise SystemExit(f"{path} has no {START} and {END}")
    path.write_text(f"{before}{start}\n{text}\n{end}{after}")


if __name__ == "__main__":
    main()
