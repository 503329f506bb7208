"""The sample conversations of the agent: its `state.db` and its scheduled jobs.

Uses sqlite3 itself, since an agent would have written this file. The tables have the columns that are read.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from .. import modes
from .agent_subjects import AGENT_SUBJECTS
from .sessions import age_of
from .subjects import MODELS, Model, Subject
from .transcript import Document, choose_words, make_transcript, spending_of

JOBS: Mapping[str, str] = {"digest": "Morning digest", "backup": "Weekly backup"}
OLDER_SECONDS = 7_000  # than the web UI's newest conversation

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


class AgentConversation(NamedTuple):
    """A conversation with the agent, or one segment of it; `parent` is the id of the one before."""

    id: str
    source: str
    title: str | None
    model: Model
    messages: Sequence[Document]
    tags: Sequence[str] = ()
    parent: str | None = None


# ---- conversations --------------------------------------------------------------------------------------


def make_conversations(count: int, seed: int, now: float) -> Iterator[AgentConversation]:
    """Yield `count` conversations, newest first; that of a sub-agent belongs to the one before it."""
    parent = None
    for number in range(count):
        rng = Random(f"{seed} agent {number}")
        subject = AGENT_SUBJECTS[number % len(AGENT_SUBJECTS)]
        conversation = _make_conversation(rng, subject, now - OLDER_SECONDS - age_of(number, count))
        yield conversation._replace(parent=parent) if subject.source == "tool" else conversation
        parent = conversation.id


def _make_conversation(rng: Random, subject: Subject, ended_at: float) -> AgentConversation:
    messages, _ = make_transcript(rng, subject, choose_words(rng), ended_at)
    started = time.strftime("%Y%m%d_%H%M%S", time.gmtime(messages[0]["timestamp"]))
    job = next((job for job, name in JOBS.items() if name == subject.title), "")
    prefix, title = (f"cron_{job}_", None) if job else ("", subject.title)
    name = f"{prefix}{started}_{rng.getrandbits(24):06x}"
    return AgentConversation(name, subject.source, title, rng.choice(MODELS), messages, subject.tags)


def _segments(conversation: AgentConversation) -> Iterator[tuple[AgentConversation, str | None]]:
    """Yield each segment and how it ended: a long conversation is divided, as if it had been compressed."""
    half = len(conversation.messages) // 2
    if conversation.parent or half < 4:
        yield conversation, None
        return
    first_id = f"{conversation.id}_1"
    earlier, later = conversation.messages[:half], conversation.messages[half:]
    yield conversation._replace(id=first_id, messages=earlier), "compression"
    yield conversation._replace(parent=first_id, title=None, messages=later), None


# ---- files ----------------------------------------------------------------------------------------------


def write_agent(home: Path, conversations: Iterable[AgentConversation]) -> None:
    """Write `state.db` and `cron/jobs.json` into a home that has neither."""
    modes.make_folder(home / "cron")
    jobs = {"jobs": [{"id": job, "name": name} for job, name in JOBS.items()]}
    for name in ("cron/jobs.json", "state.db"):
        modes.keep_private(home / name)
    (home / "cron" / "jobs.json").write_text(json.dumps(jobs), "utf-8")
    with closing(sqlite3.connect(home / "state.db")) as database:
        database.executescript(f"PRAGMA journal_mode = WAL; {_TABLES}")
        with database:
            for conversation in conversations:
                for segment, end_reason in _segments(conversation):
                    _write_segment(database, segment, end_reason)


def _write_segment(database: sqlite3.Connection, segment: AgentConversation, end_reason: str | None) -> None:
    times = [float(message["timestamp"]) for message in segment.messages]
    spent = spending_of(segment.messages, segment.model)
    values = {
        "id": segment.id,
        "source": segment.source,
        "title": segment.title,
        "model": segment.model.name,
        "parent_session_id": segment.parent,
        "started_at": times[0],
        "ended_at": times[-1] if end_reason else None,
        "end_reason": end_reason,
        "message_count": len(segment.messages),
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "estimated_cost_usd": spent.cost,
    }
    _insert(database, "sessions", values)
    for message in segment.messages:
        columns = {name: message[name] for name in _MESSAGE_COLUMNS if name in message}
        if "tool_calls" in columns:
            columns["tool_calls"] = json.dumps(columns["tool_calls"], ensure_ascii=False)
        _insert(database, "messages", {"session_id": segment.id, **columns})


def _insert(database: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)  # noqa: S608  # names are constants of this file
