"""The command `python -m benchmarks.postgresql`: one home with its index in SQLite and in PostgreSQL.

It starts a server of its own, on a socket in a folder that goes with it. Imports and lists with each index
run in turns.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from hermes_sessions import SessionRepository
from tests.support.postgresql import Server, running

from . import agent_homes, homes, machine

ROUNDS = 30
WARM_UP = 8  # a connection to PostgreSQL plans a statement anew the first five times that it runs it
IMPORTS = 3


def main() -> None:
    """Measure on a home of each size, and print a table for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.postgresql", description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[5000], help="default: 5000")
    parser.add_argument("--small", action="store_true", help="sessions of 1 kB in place of 60 kB")
    parser.add_argument(
        "--agent", type=int, nargs=2, metavar=("SESSIONS", "MESSAGES"), default=[5200, 130_000]
    )
    asked = parser.parse_args()
    print(machine.described(Path(tempfile.gettempdir())))
    with running() as server:
        for sessions in asked.sessions:
            with tempfile.TemporaryDirectory() as folder:
                os.environ["HERMES_SESSIONS_CACHE_DIR"] = str(Path(folder) / "cache")
                home = Path(folder) / "home"
                (homes.generate_small if asked.small else homes.generate)(home, sessions)
                _measure(home, server, sessions, asked.agent)


def _measure(home: Path, server: Server, sessions: int, agent: list[int]) -> None:
    print(f"\n| {sessions:,} sessions | SQLite | PostgreSQL | ratio |\n|---|--:|--:|--:|")
    imports = [[_import(home, index) for index in (nullcontext, server.database)] for _ in range(IMPORTS)]
    _row("first import", *map(min, zip(*imports, strict=True)))
    agent_homes.generate(home, *agent)
    imports = [[_import(home, index) for index in (nullcontext, server.database)] for _ in range(IMPORTS)]
    _row("first import, agent", *map(min, zip(*imports, strict=True)))
    with ExitStack() as stack:
        both = [_opened(home, url) for url in (None, stack.enter_context(server.database()))]
        for each in both:
            stack.enter_context(each)
        _prepare(both)
        for name, arguments in _lists(both[0]):
            times = _in_turns(both, partial(_page, arguments))
            _row(f"list(50{name})", *times)


def _opened(home: Path, url: str | None) -> SessionRepository:
    return SessionRepository.open(hermes_home=home, database_url=url)


def _page(arguments: dict[str, Any], sessions: SessionRepository) -> object:
    return sessions.list(limit=50, **arguments)


def _import(home: Path, index: Callable[[], AbstractContextManager[str | None]]) -> float:
    """Return how many seconds it takes to fill a new index."""
    for path in (home / "webui").iterdir():
        if path.name != "sessions":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with index() as url:
        begun = time.perf_counter()
        sessions = _opened(home, url)
        took = time.perf_counter() - begun
        sessions.close()
    return took


def _prepare(both: list[SessionRepository]) -> None:
    """Give some sessions states and tags, and wait for what would be done beside the lists."""
    ours, _ = both
    some = [each.session_id for each in ours.list(limit=2000)]
    ours.update_many(some[::10], archived=True)
    ours.update_many(some[1::100], pinned=True)
    ours.update_many(some[2::20], project_id=ours.projects.create("One").project_id)
    ours.tag_many(some[::7], "work")
    ours.tag_many(some[3::200], "rare")
    for each in both:
        each.complete_search()
        each.list(agent=True)


def _lists(sessions: SessionRepository) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what to ask for, by a name."""
    middle = sessions.list(limit=1000)[-1]
    project = next(iter(sessions.projects.list()))
    cursor = sessions.list(limit=1000).next_cursor
    yield "", {}
    yield ", cursor", {"cursor": cursor}
    yield ", agent only", {"agent": "only"}
    values: dict[str, Any] = {
        "agent": True,
        "source": "webui",
        "profile": "default",
        "archived": True,
        "pinned": True,
        "interrupted": True,
        "project_id": project.project_id,
        "model": middle.model,
        "since": middle.last_message_at,
        "until": middle.last_message_at,
        "min_messages": 100,
        "min_cost": 0.1,
        "hidden": True,
    }
    for name, value in values.items():
        yield f", {name}", {name: value}
    for tag in ("work", "rare", "-work"):
        yield f", tag {tag}", {"tag": tag}
    for sort in ("title", "cost", "created", "messages"):
        yield f", by {sort}", {"sort": sort}
        yield f", agent, by {sort}", {"sort": sort, "agent": True}


def _in_turns(both: list[SessionRepository], call: Callable[[SessionRepository], object]) -> list[float]:
    for each in both * WARM_UP:
        call(each)
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for each, found in zip(both, times, strict=True):
            begun = time.perf_counter()
            call(each)
            found.append(time.perf_counter() - begun)
    return [statistics.median(each) for each in times]


def _row(name: str, ours: float, theirs: float) -> None:
    unit, scale = ("s", 1) if ours > 0.3 else ("ms", 1000)
    amounts = " | ".join(f"{each * scale:.2f} {unit}" for each in (ours, theirs))
    print(f"| {name} | {amounts} | {theirs / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
