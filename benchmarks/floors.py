"""The floors: the same results by bare means, the fewest calls of the system and of SQLite that give them."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

Rows = list[tuple[Any, ...]]


class Floors:
    """What the floors work on: the files, the index by `sqlite3`, a scratch folder with its own table."""

    def __init__(self, state_dir: Path, scratch: Path) -> None:
        self._folder = state_dir / "sessions"
        self._database = state_dir / "sessions.db"
        self._index = sqlite3.connect(self._database, isolation_level=None)
        self._scratch = scratch
        scratch.mkdir()
        self._own = self._create_table(scratch / "floor.db")

    def _create_table(self, path: Path) -> sqlite3.Connection:
        own = sqlite3.connect(path, isolation_level=None)
        own.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")
        own.execute("CREATE TABLE rows (id TEXT PRIMARY KEY, at)")
        ids = self._index.execute("SELECT session_id, 0 FROM sessions").fetchall()
        own.execute("BEGIN")
        own.executemany("INSERT INTO rows VALUES (?, ?)", ids)
        own.execute("COMMIT")
        return own

    def close(self) -> None:
        """Close both databases."""
        self._index.close()
        self._own.close()

    # ---- whole folders -------------------------------------------------------------------------------------

    def read_all(self) -> None:
        """Read every file and nothing else."""
        for path in self._folder.iterdir():
            path.read_bytes()

    def read_and_scan_all(self) -> None:
        """Read every file and find its top-level keys."""
        for path in self._folder.iterdir():
            msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])

    def stat_all(self) -> None:
        """Look at every file."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                entry.stat()

    # ---- the index -----------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Open the index, read one row, look at the folder."""
        connection = sqlite3.connect(self._database)
        connection.execute("SELECT * FROM index_state").fetchone()
        self._folder.stat()
        connection.close()

    def first_rows(self, limit: int = 50) -> Rows:
        """Select the first rows in the order of the list; -1 is all."""
        return self._index.execute(
            "SELECT * FROM sessions WHERE hidden = 0 ORDER BY unpinned, age, session_id LIMIT ?", (limit,)
        ).fetchall()

    def all_rows(self) -> Rows:
        """Select every row in the order of the list."""
        return self.first_rows(-1)

    def rows_after(self, session_id: str) -> Callable[[], Rows]:
        """Prepare to select 50 rows from behind this session on."""
        place = self._index.execute(
            "SELECT unpinned, age, session_id FROM sessions WHERE session_id = ?", (session_id,)
        ).fetchone()
        query = (
            "SELECT * FROM sessions WHERE hidden = 0 AND (unpinned, age, session_id) > (?, ?, ?) "
            "ORDER BY unpinned, age, session_id LIMIT 50"
        )
        return lambda: self._index.execute(query, place).fetchall()

    def count(self) -> Any:
        """Count the rows that the list shows."""
        return self._index.execute("SELECT count(*) FROM sessions WHERE hidden = 0").fetchone()

    def stat_and_state(self) -> None:
        """Look at the folder and read the one row that tells how far the index is."""
        self._folder.stat()
        self._index.execute("SELECT * FROM index_state").fetchone()

    def stat_and_row(self, session_id: str) -> Callable[[], Any]:
        """Prepare to look at a session's file and select its row."""
        path, query = self._path(session_id), "SELECT * FROM sessions WHERE session_id = ?"

        def run() -> Any:
            path.stat()
            return self._index.execute(query, (session_id,)).fetchone()

        return run

    # ---- one session ---------------------------------------------------------------------------------------

    def read_json(self, session_id: str) -> Callable[[], Any]:
        """Prepare to read and parse a file with the standard library."""
        return lambda: json.loads(self._path(session_id).read_bytes())

    def read_msgspec(self, session_id: str) -> Callable[[], Any]:
        """Prepare to read and parse a file with msgspec."""
        return lambda: msgspec.json.decode(self._path(session_id).read_bytes())

    def read_end(self, session_id: str, count: int) -> Callable[[], Any]:
        """Prepare to read and parse the bytes of the last `count` messages alone, their place being known."""
        start, end = self._place_of_last(session_id, count)

        def run() -> Any:
            with self._path(session_id).open("rb") as file:
                file.seek(start)
                return json.loads(b"[" + file.read(end - start) + b"]")

        return run

    def _place_of_last(self, session_id: str, count: int) -> tuple[int, int]:
        data = self._path(session_id).read_bytes()
        messages = msgspec.json.decode(data, type=dict[str, msgspec.Raw])["messages"]
        first, *_, last = map(bytes, msgspec.json.decode(messages, type=list[msgspec.Raw])[-count:])
        return data.rindex(first), data.rindex(last) + len(last)

    def write(self, session_id: str) -> Callable[[], None]:
        """Prepare to copy a file, sync it, rename it over another, sync the folder and commit one row."""
        return lambda: self._replace(session_id, sync_folder=True)

    def write_loosely(self, session_id: str) -> Callable[[], None]:
        """Prepare to do the same without syncing the folder, as the web UI does."""
        return lambda: self._replace(session_id, sync_folder=False)

    def _replace(self, session_id: str, *, sync_folder: bool) -> None:
        temporary, target = self._scratch / "floor.tmp", self._scratch / f"{session_id}.json"
        with self._path(session_id).open("rb") as source, temporary.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        if sync_folder:
            _sync_folder(self._scratch)
        self._own.execute("UPDATE rows SET at = at + 1 WHERE id = ?", (session_id,))

    def _path(self, session_id: str) -> Path:
        return self._folder / f"{session_id}.json"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
