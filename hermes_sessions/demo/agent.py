"""The agent's `state.db` and scheduled jobs of a made-up home, with as many columns as the demo has use for.

SQLite itself is meant: this is the file that an agent would have written.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

JOBS: Mapping[str, str] = {"digest": "Morning digest", "backup": "Weekly backup"}
SEGMENT_SECONDS = 3600.0

_TABLES = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, model TEXT, system_prompt TEXT, parent_session_id TEXT,
    started_at REAL NOT NULL, ended_at REAL, end_reason TEXT, message_count INTEGER DEFAULT 0,
    input_tokens INTEGER DEFAULT 0, output_tokens INTEGER DEFAULT 0, estimated_cost_usd REAL, title TEXT,
    archived INTEGER NOT NULL DEFAULT 0, cwd TEXT
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, role TEXT NOT NULL, content TEXT,
    tool_call_id TEXT, tool_calls TEXT, timestamp REAL NOT NULL, reasoning TEXT,
    active INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX sessions_parent ON sessions (parent_session_id);
CREATE INDEX sessions_title ON sessions (title);
CREATE INDEX messages_session ON messages (session_id, active, timestamp);
"""
_MESSAGE_COLUMNS = ("role", "content", "tool_call_id", "tool_calls", "timestamp", "reasoning")


class Told(NamedTuple):
    """What a conversation with the agent is made from."""

    id: str
    source: str
    title: str | None
    model: str
    messages: Sequence[Mapping[str, Any]]
    parent: str | None = None


def write_agent(home: Path, conversations: Iterable[Told]) -> None:
    """Write `state.db` and `cron/jobs.json` into a home that has neither."""
    (home / "cron").mkdir(parents=True)
    jobs = {"jobs": [{"id": job, "name": name} for job, name in JOBS.items()]}
    (home / "cron" / "jobs.json").write_text(json.dumps(jobs), "utf-8")
    with closing(sqlite3.connect(home / "state.db")) as database:
        database.executescript(f"PRAGMA journal_mode = WAL; {_TABLES}")
        with database:
            for told in conversations:
                for segment in _segments(told):
                    _write(database, *segment)


def _segments(told: Told) -> Iterator[tuple[Told, str | None]]:
    """Cut a long conversation where an agent would have summed it up; give each part with how it ended."""
    half = len(told.messages) // 2
    if told.parent or half < 4:
        yield told, None
    else:
        yield told._replace(id=f"{told.id}_1", messages=told.messages[:half]), "compression"
        yield told._replace(parent=f"{told.id}_1", title=None, messages=told.messages[half:]), None


def _write(database: sqlite3.Connection, told: Told, end_reason: str | None) -> None:
    times = [float(message["timestamp"]) for message in told.messages]
    size = sum(len(str(message["content"])) for message in told.messages)
    values = {
        "id": told.id,
        "source": told.source,
        "title": told.title,
        "model": told.model,
        "parent_session_id": told.parent,
        "started_at": times[0],
        "ended_at": times[-1] if end_reason else None,
        "end_reason": end_reason,
        "message_count": len(told.messages),
        "input_tokens": 2000 + 3 * size,
        "output_tokens": size // 4,
        "estimated_cost_usd": round(size / 1e5, 6),
    }
    _insert(database, "sessions", values)
    for message in told.messages:
        said = {name: message[name] for name in _MESSAGE_COLUMNS if name in message}
        if "tool_calls" in said:
            said["tool_calls"] = json.dumps(said["tool_calls"], ensure_ascii=False)
        _insert(database, "messages", {"session_id": told.id, **said})


def _insert(database: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)  # noqa: S608  # names of this file
