"""The agent's `state.db` to measure on: made up, the same for the same arguments, or a copy of one."""

import json
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from .homes import Texts, length

# Written by the agent itself: tables, indexes and triggers are made as they are there.
SAMPLE = Path(__file__).parents[1] / "tests/samples/webui-may-2026/state.db"
THOUSAND = "20260101_000000_001000"  # a session of exactly so many messages, in every home
_FIRST, _SPAN = 1_735_000_000.0, 26_000_000.0
_SOURCES = {"webui": 36, "cli": 26, "cron": 20, "telegram": 15, "discord": 3}
_CONTINUED = 0.12  # how many sessions go on in another
_PROMPT = 14_000  # characters of the prompt that each row begins with

Row = dict[str, Any]


def generate(home: Path, sessions: int, messages: int, *, indexed: bool = True) -> None:
    """Write a `state.db` of so many sessions, their numbers of messages long-tailed, and the named one.

    Without `indexed`, messages have no index. The full text stays empty: nothing that is measured searches.
    """
    with closing(sqlite3.connect(home / "state.db", isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        _create(db, "table")
        _create(db, "index", "sessions" if not indexed else "%")
        rng, texts = random.Random(11), Texts()
        for session, said in _sessions(rng, texts, _counts(rng, sessions, messages)):
            insert(db, "sessions", [session])
            insert(db, "messages", said)
        _create(db, "trigger")
        db.execute("COMMIT")
    _add_thousand(home)


def copy(source: Path, home: Path) -> None:
    """Copy the `state.db` of a home that must stay as it is, if it has one, and add the named session.

    As files, because even a reader of SQLite's leaves files behind.
    """
    if not (source / "state.db").exists():
        return
    before = _versions(source)
    for name in before:
        (home / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, home / name)
    if _versions(source) != before:
        raise SystemExit(f"{source}/state.db was written to while it was copied: end the agent first")
    _add_thousand(home)


def _versions(home: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of each of the agent's files that is there."""
    names = (name for name in ("state.db", "state.db-wal", "cron/jobs.json") if (home / name).exists())
    return {name: ((home / name).stat().st_size, (home / name).stat().st_mtime_ns) for name in names}


def insert(db: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows with the same keys; keys for which the agent's release has no column are left out."""
    if rows:
        names = [name for name in columns(db, table) if name in rows[0]]
        values = ", ".join(f":{name}" for name in names)
        db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})", rows)


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns."""
    return [name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def is_indexed(db: sqlite3.Connection) -> bool:
    """Whether an index finds the messages of a session."""
    query = (
        "SELECT 1 FROM pragma_index_list('messages') AS l, pragma_index_info(l.name) AS i "
        "WHERE i.seqno = 0 AND i.name = 'session_id' AND NOT l.partial"
    )
    return db.execute(query).fetchone() is not None


def _create(db: sqlite3.Connection, kind: str, table: str = "%") -> None:
    with closing(sqlite3.connect(f"file:{SAMPLE}?mode=ro&immutable=1", uri=True)) as sample:
        made_by_sqlite = "SELECT name FROM pragma_table_list WHERE type = 'shadow' OR name LIKE 'sqlite_%'"
        statements = sample.execute(
            "SELECT sql FROM sqlite_schema WHERE type = ? AND tbl_name LIKE ? AND sql IS NOT NULL "
            f"AND name NOT IN ({made_by_sqlite}) ORDER BY rowid",
            (kind, table),
        ).fetchall()
    for (statement,) in statements:
        db.execute(statement)


def _counts(rng: random.Random, sessions: int, messages: int) -> list[int]:
    """Share the messages out, long-tailed."""
    shares = list(accumulate(rng.lognormvariate(2, 1.3) for _ in range(sessions)))
    ends = [round(messages * share / shares[-1]) for share in shares]
    return [end - begin for begin, end in pairwise([0, *ends])]


def _sessions(rng: random.Random, texts: Texts, counts: Sequence[int]) -> Iterator[tuple[Row, list[Row]]]:
    prompt = texts.take(rng, _PROMPT)
    before: Row | None = None
    for number, count in enumerate(counts):
        begun = _FIRST + _SPAN * number / len(counts)
        if before is not None:
            begun = max(begun, before["ended_at"])
        session = _session(rng, texts, number, begun, before)
        said = _messages(rng, texts, session["id"], count, begun)
        ended = (said[-1]["timestamp"] if said else begun) + 1
        continued = rng.random() < _CONTINUED
        if continued:
            session |= {"ended_at": ended, "end_reason": "compression"}
        yield session | {"system_prompt": prompt + session["id"], "message_count": count}, said
        before = session if continued else None


def _session(rng: random.Random, texts: Texts, number: int, begun: float, before: Row | None) -> Row:
    source = before["source"] if before else rng.choices(list(_SOURCES), list(_SOURCES.values()))[0]
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(begun))
    untitled = source == "cron" or before is not None or rng.random() < 0.15
    return {
        "id": f"cron_nightly_{stamp}_{number:x}" if source == "cron" else f"{stamp}_{number:06x}",
        "source": source,
        "model": "hermes-4-70b",
        "parent_session_id": before and before["id"],
        "started_at": begun,
        "ended_at": None,
        "end_reason": None,
        "title": None if untitled else f"{texts.take(rng, 40).strip()} {number}",  # titles are unique
        "input_tokens": rng.randint(1000, 900_000),
        "output_tokens": rng.randint(100, 90_000),
    }


def _messages(rng: random.Random, texts: Texts, session_id: str, count: int, at: float) -> list[Row]:
    said = []
    for number in range(count):
        at += rng.uniform(2, 400)
        said.append(message(session_id, number, at, texts.take(rng, length(rng, number, heavy=False))))
    return said


def message(session_id: str, number: int, at: float, text: str) -> Row:
    """Return a message: a question, a call of a tool, its answer, a question, ..."""
    role = ("user", "assistant", "tool")[number % 3]
    call = f"call_{session_id}_{number // 3}"
    function = {"name": "terminal", "arguments": json.dumps({"command": text[:80]})}
    calls = [{"id": call, "type": "function", "function": function}]
    return {
        "session_id": session_id,
        "role": role,
        "content": text,
        "timestamp": at,
        "tool_calls": json.dumps(calls) if role == "assistant" else None,
        "finish_reason": "tool_calls" if role == "assistant" else None,
        "reasoning": text[:300] if role == "assistant" else None,
        "tool_call_id": call if role == "tool" else None,
        "tool_name": "terminal" if role == "tool" else None,
    }


def _add_thousand(home: Path) -> None:
    rng, texts = random.Random(THOUSAND), Texts()
    with closing(sqlite3.connect(home / "state.db", isolation_level=None)) as db:
        db.execute("BEGIN")
        (begun,) = db.execute("SELECT coalesce(max(timestamp), 0) FROM messages").fetchone()
        session = _session(rng, texts, 0, begun, None)
        named = {"id": THOUSAND, "source": "cli", "title": "A thousand messages", "message_count": 1000}
        insert(db, "sessions", [session | named])
        insert(db, "messages", _messages(rng, texts, THOUSAND, 1000, begun))
        db.execute("COMMIT")
