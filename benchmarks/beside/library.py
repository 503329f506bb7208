"""The process of this library on a home of its own, and of its floors: each floor is an operation too.

python -m benchmarks.beside.library HOME
"""

import itertools
import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hermes_sessions import SessionRepository
from hermes_sessions.errors import Locked

from ..floors import Floors
from ..homes import MIDDLE, PHRASE, SMALL
from ..operations import MESSAGE
from .operations import FLOOR
from .serving import Prepared, serve


def main() -> None:
    """Serve our operations and their floors."""
    home = Path(sys.argv[1])
    with SessionRepository.open(hermes_home=home) as sessions:
        _complete_search(sessions)
        floors = Floors(home / "webui", home / "floors")
        index = sqlite3.connect(home / "webui" / "search.db")
        try:
            serve(_operations(sessions) | _floors(floors, index))
        finally:
            index.close()
            floors.close()


def _complete_search(sessions: SessionRepository) -> None:
    """Index all texts, or what is measured is the indexing in the background, with which it takes turns."""
    for _ in range(100):
        with suppress(Locked):
            sessions.complete_search()
            return
    sys.exit("search.db stays locked")


def _operations(sessions: SessionRepository) -> dict[str, Prepared]:
    numbers = itertools.count()

    def opened() -> str:
        page = sessions.messages(MIDDLE, limit=30)
        return json.dumps([sessions.summary(MIDDLE).title, page.messages], ensure_ascii=False)

    def save() -> Callable[[], object]:
        held = sessions.get(MIDDLE)
        return partial(sessions.save, replace(held, messages=[*held.messages, MESSAGE]))

    def rename() -> Callable[[], object]:
        return partial(sessions.update, SMALL, title=f"Title {next(numbers)}")

    return {
        "poll": lambda: sessions.version,
        "page": lambda: partial(sessions.list, limit=50),
        "list": lambda: sessions.list,
        "rename": rename,
        "add": lambda: partial(sessions.append, SMALL, [MESSAGE]),
        "add_long": lambda: partial(sessions.append, MIDDLE, [MESSAGE]),
        "save_long": save,
        "open": lambda: opened,
        "reopen": lambda: opened,
        "search": lambda: partial(sessions.search, f'"{PHRASE}"', agent=False),
        "rebuild": lambda: sessions.rebuild,
    }


def _floors(floors: Floors, index: sqlite3.Connection) -> dict[str, Prepared]:
    query = "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT 20"
    runs: dict[str, Callable[[], Any]] = {
        "poll": floors.stat_and_state,
        "page": floors.first_rows,
        "list": floors.all_rows,
        "rename": floors.write(SMALL),
        "add": floors.write(SMALL),
        "add_long": floors.write(MIDDLE),
        "save_long": floors.write(MIDDLE),
        "search": lambda: index.execute(query, (f'"{PHRASE}"',)).fetchall(),
        "rebuild": floors.read_and_scan_all,
    }
    read = {name: lambda: floors.read_end(MIDDLE, 30) for name in ("open", "reopen")}
    return {FLOOR + name: partial(_as_it_is, run) for name, run in runs.items()} | {
        FLOOR + name: prepare for name, prepare in read.items()
    }


def _as_it_is(run: Callable[[], Any]) -> Callable[[], Any]:
    return run


if __name__ == "__main__":
    main()
