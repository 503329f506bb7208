"""The operations that are measured on one home, each with its floors."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from hermes_sessions import SessionRepository
from hermes_sessions.processes import available
from hermes_sessions.repository import follow_files

from . import searching, web
from .floors import Floors
from .homes import LARGE, MIDDLE, SMALL
from .timing import Action, Case, Figure, Floor, Size, measure

SIZES = {SMALL: "12 messages", MIDDLE: "2,000 messages", LARGE: "50 MB"}
MESSAGE = {"role": "user", "content": "How is the deployment going? " * 8, "timestamp": 1_790_000_000.0}
SELECT_50, SELECT_ALL = "SQL, 50 rows", "SQL, all rows"


def run(home: Path, work: Path) -> Iterator[list[Figure]]:
    """Measure what concerns the files of a home of our own; `work` is a folder for what the floors write."""
    state_dir = home / "webui"
    with SessionRepository.open(state_dir) as sessions:
        size = Size(sessions.count(hidden=True))
        yield [searching.build(sessions, size)]  # or the background would be measured with all that follows
        floors = Floors(state_dir, work / "floors")
        try:
            for case in _cases(sessions, floors, state_dir, work):
                yield measure(case, size)
            yield from searching.run(sessions, size)
        finally:
            floors.close()
    yield from _memory(state_dir, work, size)
    yield [web.memory(home, size)]


def lists(home: Path, work: Path) -> Iterator[list[Figure]]:
    """Measure the first import of a home, its lists, and lists after changes, without a search index."""
    state_dir = home / "webui"
    with SessionRepository.open(state_dir) as sessions, closing(Floors(state_dir, work / "floors")) as floors:
        size = Size(sessions.count(hidden=True))
        folder = state_dir / "sessions"
        opening, listing = _opening(floors, state_dir, work), _lists(sessions, floors)
        for case in itertools.chain(opening, listing, _after_writes(sessions, floors, folder)):
            yield measure(case, size)


def searches(home: Path, _work: Path) -> Iterator[list[Figure]]:
    """Measure the search over the sidecars of a home."""
    with SessionRepository.open(home / "webui") as sessions:
        size = Size(sessions.count(hidden=True))
        yield [searching.build(sessions, size)]
        yield from searching.run(sessions, size)


def _cases(sessions: SessionRepository, floors: Floors, state_dir: Path, work: Path) -> Iterator[Case]:
    yield from _opening(floors, state_dir, work)
    yield from _lists(sessions, floors)
    yield from _reading(sessions, floors, state_dir / "sessions")
    yield from _writing(sessions, floors)
    yield from _after_writes(sessions, floors, state_dir / "sessions")


def _opening(floors: Floors, state_dir: Path, work: Path) -> Iterator[Case]:
    numbers = itertools.count()

    opened: list[SessionRepository] = []

    def first_import(processes: int) -> None:
        url = f"sqlite:///{work / f'import{next(numbers)}.db'}"
        opened.append(SessionRepository.open(state_dir, database_url=url, processes=processes))

    def close() -> None:  # the index of texts, built in the background from then on, is no part of it
        opened.pop().close()

    scanned = Floor("read, find the top-level keys", floors.read_and_scan_all)
    both = [Floor("read every file", floors.read_all), scanned]
    yield Case("first import, one process", partial(first_import, 1), both, 3, finish=close)
    shared = partial(first_import, available())  # as the command line and `serve` do
    yield Case("first import, all processors", shared, [replace(scanned, aim=3)], 5, finish=close)
    connect = [Floor("connect, one row, one stat", floors.connect)]
    yield Case("open, nothing changed", lambda: SessionRepository.open(state_dir).close(), connect)
    program = f"import hermes_sessions as h; h.SessionRepository.open({str(state_dir)!r}).close()"
    bare = [Floor("Python that imports sqlite3", _python("import sqlite3"))]
    yield Case("open in a new process", _python(program), bare, 10)


def _python(program: str) -> Action:
    return lambda: subprocess.run([sys.executable, "-c", program], check=True)


def _lists(sessions: SessionRepository, floors: Floors) -> Iterator[Case]:
    half = sessions.list(limit=max(1, sessions.count() // 2))
    one = [Floor("one stat, one row", floors.stat_and_state)]
    yield Case(
        "list(limit=50)", lambda: sessions.list(limit=50), [Floor(SELECT_50, floors.first_rows, aim=8)], 100
    )
    yield Case(
        "list(limit=50) from the middle on",
        lambda: sessions.list(limit=50, cursor=half.next_cursor),
        [Floor(SELECT_50, floors.rows_after(half.items[-1].session_id))],
        100,
    )
    yield Case("list(), all", sessions.list, [Floor(SELECT_ALL, floors.all_rows)], 10)
    yield Case("count()", sessions.count, [Floor("SQL, count", floors.count)], 100)
    yield Case("version()", sessions.version, one, 200)
    yield from web.lists(sessions, one[0], Floor(SELECT_ALL, floors.all_rows, aim=2))


def _reading(sessions: SessionRepository, floors: Floors, folder: Path) -> Iterator[Case]:
    row = [Floor("one stat, one row", floors.stat_and_row(SMALL))]
    yield Case("summary()", lambda: sessions.summary(SMALL), row, 200)
    for name, size in SIZES.items():
        parsers = [
            Floor("read, json", floors.read_json(name)),
            Floor("read, msgspec", floors.read_msgspec(name)),
        ]
        yield Case(f"get(), {size}", partial(sessions.get, name), parsers, 5 if name == LARGE else 20)
    last = [
        Floor("seek, read those bytes, parse", floors.read_end(LARGE, 30), aim=5),
        Floor("read, msgspec", floors.read_msgspec(LARGE)),
    ]
    page = partial(sessions.messages, LARGE, limit=30)
    yield Case("messages(limit=30), 50 MB", page, last, 10)
    replaced = partial(_change_from_outside, folder, LARGE)
    anew = [Floor(floor.name, floor.run) for floor in last]
    yield Case("messages(limit=30), 50 MB, replaced by another program", page, anew, 5, replaced)


def _writing(sessions: SessionRepository, floors: Floors) -> Iterator[Case]:
    for name, size in SIZES.items():
        times = 15 if name == LARGE else 50

        def writes(aim: float | None, name: str = name) -> list[Floor]:
            return [
                Floor("copy, fsync, rename, fsync folder, one row", floors.write(name), aim),
                Floor("the same, folder not synced", floors.write_loosely(name)),
            ]

        title, message = {SMALL: (2, 2), LARGE: (1.3, None)}.get(name, (None, None))
        append = partial(sessions.append, name, [MESSAGE])
        yield Case(f"update(title), {size}", _renaming(sessions, name), writes(title), times)
        yield Case(f"append(one message), {size}", append, writes(message), times)
        if name == MIDDLE:
            yield Case(f"save(one more message), {size}", _saving(sessions, name), writes(2.5), 20)


def _renaming(sessions: SessionRepository, name: str) -> Action:
    numbers = itertools.count()
    return lambda: sessions.update(name, title=f"Title {next(numbers)}")


def _saving(sessions: SessionRepository, name: str) -> Action:
    held = sessions.get(name)

    def save() -> None:
        nonlocal held
        held = sessions.save(replace(held, messages=[*held.messages, MESSAGE]))

    return save


def _after_writes(sessions: SessionRepository, floors: Floors, folder: Path) -> Iterator[Case]:
    page, stats = partial(sessions.list, limit=50), Floor("stat of every file", floors.stat_all)

    def unchanged(seconds: float, aim: float | None = None) -> Floor:
        """The same list, after as long a pause: right after another one it takes half the time."""
        return Floor("the same, nothing changed", page, aim, partial(time.sleep, seconds))

    rename, change = _renaming(sessions, SMALL), partial(_change_from_outside, folder, SMALL)
    yield Case("list(limit=50) right after an own write", page, [unchanged(0)], 50, rename)
    later = _then(rename, partial(time.sleep, 3))
    yield Case("list(limit=50) 3 s after an own write", page, [unchanged(3, aim=2), stats], 7, later)
    yield Case("sync() of one changed file", sessions.sync, [stats], 10, change)
    follow_files(sessions)
    pause = partial(time.sleep, 0.1)
    each_tenth = _then(_each(10, change), pause)
    often = "list(limit=50) ten times a second, another program writes once"
    yield Case(often, page, [unchanged(0.1, aim=2)], 100, each_tenth)
    first = "list(limit=50), the first after another program's write"
    yield Case(first, page, [unchanged(0.1), stats], 20, _then(change, pause))


def _then(first: Action, second: Action) -> Action:
    def both() -> None:
        first()
        second()

    return both


def _each(number: int, action: Action) -> Action:
    """Return what does something at each so many calls."""
    calls = itertools.count(1)
    return lambda: next(calls) % number == 0 and action()


def _change_from_outside(folder: Path, name: str) -> None:
    """Replace a file as another program does, without a lock of ours."""
    path, temporary = folder / f"{name}.json", folder / "outside.tmp"
    temporary.write_bytes(path.read_bytes())
    temporary.replace(path)


def _memory(state_dir: Path, work: Path, size: Size) -> Iterator[list[Figure]]:
    present, absent = f"sqlite:///{state_dir / 'sessions.db'}", f"sqlite:///{work / 'memory.db'}"
    loaded, largest = "libraries loaded", "libraries loaded, largest file read"
    for name, operation, url, floor_name, floor in (
        ("memory, list(limit=50)", "page", present, loaded, "nothing"),
        ("memory, list(), all", "list", present, loaded, "nothing"),
        ("memory, first import", "page", absent, largest, "read"),
    ):
        ours, least = _peak(operation, state_dir, url), _peak(floor, state_dir, url)
        yield [Figure(name, size, ours, ours, floor_name, least, "MB")]


def _peak(operation: str, state_dir: Path, url: str) -> float:
    program = Path(__file__).with_name("memory.py")
    # The library that this process measures, wherever it came from.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, str(program), operation, str(state_dir), url]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
