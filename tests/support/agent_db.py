"""Plain factories of the agent's `state.db`, written with SQLite itself as the agent's program does."""

import sqlite3
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# What our code reads, with the types and keys of the agent's 0.19.
SESSIONS = {
    "id": "TEXT PRIMARY KEY",
    "source": "TEXT",
    "model": "TEXT",
    "system_prompt": "TEXT",
    "parent_session_id": "TEXT REFERENCES sessions(id)",
    "started_at": "REAL",
    "ended_at": "REAL",
    "end_reason": "TEXT",
    "message_count": "INTEGER DEFAULT 0",
    "input_tokens": "INTEGER DEFAULT 0",
    "output_tokens": "INTEGER DEFAULT 0",
    "cwd": "TEXT",
    "estimated_cost_usd": "REAL",
    "title": "TEXT",
    "archived": "INTEGER DEFAULT 0",
}
MESSAGES = {
    "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "session_id": "TEXT REFERENCES sessions(id)",
    "role": "TEXT",
    "content": "TEXT",
    "timestamp": "REAL",
    "tool_call_id": "TEXT",
    "tool_calls": "TEXT",
    "tool_name": "TEXT",
    "finish_reason": "TEXT",
    "reasoning": "TEXT",
    "reasoning_content": "TEXT",
    "reasoning_details": "TEXT",
    "codex_reasoning_items": "TEXT",
    "codex_message_items": "TEXT",
    "platform_message_id": "TEXT",
    "active": "INTEGER DEFAULT 1",
}
INDEXES = {
    "idx_sessions_parent": ("sessions", ("parent_session_id",), ""),
    "idx_sessions_title_unique": ("sessions", ("title",), "WHERE title IS NOT NULL"),
    "idx_messages_session": ("messages", ("session_id", "timestamp"), ""),
    "idx_messages_session_active": ("messages", ("session_id", "active", "timestamp"), ""),
}
START = 1_777_000_000.0


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Give out a connection that commits each statement, and close it."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as db:
        yield db


def new_state(
    path: Path, *, without: Collection[str] = (), indexed: bool = True, journal: str = "wal"
) -> Path:
    """Make a `state.db` without sessions; `without` are columns that it has not, as `table.column`."""
    with writing(path) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        for table, columns in (("sessions", SESSIONS), ("messages", MESSAGES)):
            kept = [f"{name} {kind}" for name, kind in columns.items() if f"{table}.{name}" not in without]
            db.execute(f"CREATE TABLE {table} ({', '.join(kept)})")
        for name, (table, names, condition) in INDEXES.items() if indexed else ():
            if not {f"{table}.{each}" for each in names} & set(without):
                unique = "UNIQUE" if "unique" in name else ""
                db.execute(f"CREATE {unique} INDEX {name} ON {table} ({', '.join(names)}) {condition}")
    return path


def add(db: sqlite3.Connection, table: str, **values: Any) -> None:
    """Insert a row; columns that the table has not are left out."""
    present = {name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")}
    kept = {name: value for name, value in values.items() if name in present}
    marks = ", ".join("?" * len(kept))
    db.execute(f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({marks})", list(kept.values()))


def add_session(
    db: sqlite3.Connection, session_id: str, *texts: str, begun: float = START, **values: Any
) -> None:
    """Insert a session of the command line with these messages, ten seconds apart, user and assistant."""
    known = {"source": "cli", "started_at": begun, "message_count": len(texts), "model": "hermes-4"}
    add(db, "sessions", **{"id": session_id, **known, **values})
    for index, text in enumerate(texts):
        add_message(db, session_id, text, ("user", "assistant")[index % 2], begun + 10 * index)


def add_message(
    db: sqlite3.Connection,
    session_id: str,
    content: Any,
    role: str = "user",
    timestamp: float = START,
    **values: Any,
) -> None:
    """Insert a message."""
    add(
        db,
        "messages",
        **{"session_id": session_id, "role": role, "content": content, "timestamp": timestamp, **values},
    )


FULL_TEXT = {"messages_fts": "", "messages_fts_trigram": ", tokenize = 'trigram'"}


def keep_full_text(db: sqlite3.Connection, *tables: str) -> None:
    """Keep the messages in full-text tables, by triggers, as the agent's program does; in both for none."""
    said = " || ' ' || ".join(f"coalesce(new.{name}, '')" for name in ("content", "tool_name", "tool_calls"))
    for table in tables or FULL_TEXT:
        put = f"INSERT INTO {table} (rowid, content) VALUES (new.id, {said});"
        drop = f"DELETE FROM {table} WHERE rowid = old.id;"
        db.execute(f"CREATE VIRTUAL TABLE {table} USING fts5 (content{FULL_TEXT[table]})")
        for event, does in (("INSERT", put), ("DELETE", drop), ("UPDATE", drop + put)):
            db.execute(f"CREATE TRIGGER {table}_{event} AFTER {event} ON messages BEGIN {does} END")


def filled_state(
    path: Path, *, without: Collection[str] = (), indexed: bool = True, journal: str = "wal"
) -> Path:
    """Make a `state.db` with a chain of three, a child of it, a lone session, a scheduled one, a web UI's."""
    path.write_bytes(_filled(frozenset(without), indexed, journal))
    return path


@cache
def _filled(without: frozenset[str], indexed: bool, journal: str) -> bytes:
    """Return the file of `filled_state`: to make one takes 15 ms, and hundreds of tests ask for the same."""
    with TemporaryDirectory() as folder:
        path = new_state(Path(folder, "state.db"), without=without, indexed=indexed, journal=journal)
        _fill(path)
        return path.read_bytes()


def _fill(path: Path) -> None:
    with writing(path) as db:
        closed = {"end_reason": "compression"}
        add_session(db, "a", "one", "two", begun=START, ended_at=START + 100, title="Chain", **closed)
        add_session(
            db, "b", "three", begun=START + 100, ended_at=START + 200, parent_session_id="a", **closed
        )
        add_session(db, "c", "four", "five", begun=START + 200, parent_session_id="b")
        add_session(db, "sub", "help", begun=START + 50, parent_session_id="a", title="Helper", source="tool")
        add_session(db, "lone", "hello", "world", begun=START + 1000, title="Lone", input_tokens=7)
        add_session(db, "cron_daily_1", "tick", begun=START + 2000, source="cron")
        add_session(db, "web", "hi", begun=START + 3000, source="webui")


def dump(path: Path) -> list[str]:
    """Return everything in a database as SQL."""
    with writing(path) as db:
        return list(db.iterdump())


def handles() -> list[str]:
    """Return what open descriptors of this process lead to, less the index of words, opened in a while."""
    return [each for each in all_handles() if "/search." not in each]


def all_handles() -> list[str]:
    """Return what every open descriptor of this process leads to."""
    folder = Path("/proc/self/fd")
    return sorted(f"{each.name} {each.readlink()}" for each in folder.iterdir() if each.is_symlink())


_LOCK = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked_elsewhere(path: Path, statement: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Hold a transaction in another process.

    In the own process SQLite would put off closing every other connection until the transaction ends.
    """
    program = [sys.executable, "-c", _LOCK, str(path), statement]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
        process.communicate()
