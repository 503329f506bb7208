"""How long it takes to make all texts searchable, beside FTS5 alone; and how long lists take while it runs.

python -m benchmarks.indexing [--sessions 3000] [--rounds 3] [--work DIR]

Ours reads the files, finds the texts and stores what a search needs beside the words; the floor inserts the
same texts, which are in memory, into a table of FTS5. Then a client asks a server for the list of 50 twenty
times a second while it builds the index, and for as long again afterwards.
"""

import argparse
import os
import sqlite3
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from hermes_sessions import SessionRepository
from hermes_sessions.index.database import chunks
from hermes_sessions.processes import available

from . import homes
from .searching import texts_of
from .serving import serving

TABLE = (
    "CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2', content = '')"
)
TEXTS_AT_ONCE = 600
A_SECOND = 20


def main() -> None:
    """Print both tables."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="indexing-", dir=asked.work) as name:
        home = Path(name, "home")
        homes.generate(home, asked.sessions)
        os.sync()
        for line in (*_building(home, asked.rounds), "", *_lists(home)):
            print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.indexing", description=__doc__)
    parser.add_argument("--sessions", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="the working folder, whose disk is measured")
    return parser.parse_args()


# ---- beside FTS5 -----------------------------------------------------------------------------------------


def _building(home: Path, rounds: int) -> Iterator[str]:
    folder = home / "webui" / "sessions"
    texts, size = list(texts_of(folder)), sum(each.stat().st_size for each in folder.glob("*.json")) / 1e6
    ours, floor = [], []
    for _ in range(rounds):
        ours.append(_build(home))
        floor.append(_insert(texts, home / "floor.db"))
    one, other = statistics.median(ours), statistics.median(floor)
    length = sum(len(each.encode()) for each in texts) / 1e6
    yield f"{len(texts):,} texts of {length:,.0f} MB, in files of {size:,.0f} MB"
    yield f"index of all texts {one:.1f} s, FTS5 alone {other:.1f} s: {one / other:.1f} times"
    yield f"{size / one:.0f} MB of the files a second"


def _build(home: Path) -> float:
    """Return the seconds that it takes to make everything searchable, after the first import."""
    _forget_indexes(home)
    with SessionRepository.open(hermes_home=home, processes=available()) as sessions:
        started = time.perf_counter()
        sessions.complete_search()
        return time.perf_counter() - started


def _insert(texts: Sequence[str], path: Path) -> float:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as index:
        index.execute("PRAGMA journal_mode = wal")
        index.execute("PRAGMA synchronous = normal")
        index.execute(TABLE)
        started = time.perf_counter()
        for some in chunks([(text,) for text in texts], TEXTS_AT_ONCE):
            with index:
                index.executemany("INSERT INTO texts (text) VALUES (?)", some)
        return time.perf_counter() - started


# ---- lists at the same time ------------------------------------------------------------------------------


def _lists(home: Path) -> Iterator[str]:
    _forget_indexes(home)
    yield "| list of 50 | number | median, ms | p90 | p99 |"
    yield "|---|--:|--:|--:|--:|"
    with serving(home) as url:
        during = []
        while not _is_built(home):
            during.append(_ask(url))
        afterwards = [_ask(url) for _ in range(max(200, len(during)))]
    for name, times in (("while the index is built", during), ("afterwards", afterwards)):
        at = statistics.quantiles(times, n=100, method="inclusive")
        yield f"| {name} | {len(times)} | {at[49]:.1f} | {at[89]:.1f} | {at[98]:.1f} |"


def _forget_indexes(home: Path) -> None:
    for path in (home / "webui").glob("*.db*"):
        path.unlink()


def _ask(url: str) -> float:
    started = time.perf_counter()
    with urllib.request.urlopen(f"{url}/api/sessions?limit=50&_={started}") as answer:  # none that was kept
        answer.read()
    spent = time.perf_counter() - started
    time.sleep(max(0.0, 1 / A_SECOND - spent))
    return spent * 1000


def _is_built(home: Path) -> bool:
    """Whether the search index has every version of a file that the index of sessions has."""
    with closing(sqlite3.connect(home / "webui" / "search.db")) as index:
        index.execute("ATTACH ? AS sessions", (str(home / "webui" / "sessions.db"),))
        missing = (
            "SELECT 1 FROM sessions.sessions AS s WHERE s.hidden = 0 AND NOT EXISTS ("
            "SELECT 1 FROM entries AS e WHERE e.session_id = s.session_id "
            "AND (e.size, e.mtime_ns) = (s.size, s.mtime_ns)) LIMIT 1"
        )
        try:
            return not index.execute(missing).fetchall()
        except sqlite3.OperationalError:  # it has no tables yet
            return False


if __name__ == "__main__":
    main()
