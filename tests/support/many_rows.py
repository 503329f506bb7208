"""An index with thousands of rows and no files: how a database runs a query depends on how many there are."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from hermes_sessions import SessionRepository
from hermes_sessions.index import database
from hermes_sessions.index.schema import (
    AGENT_CONVERSATIONS,
    AGENT_SESSIONS,
    CHANGE_LOG,
    CONVERSATION_TAGS,
    METADATA,
    SESSIONS,
)

START = 1_780_000_000.0
OTHER = {f"key {number}": "x" * 20 for number in range(15)}  # as large as those of real sessions
SOURCES = ("webui", "cli", "messaging", "cron")


def fill(sessions: SessionRepository, count: int) -> None:
    """Add rows of `count` sessions of the web UI, and of as many conversations of two agents."""
    with database.writing(sessions._home.engine) as connection:
        for table, rows in (
            (SESSIONS, map(_session, range(count))),
            (AGENT_SESSIONS, map(_segment, range(count))),
            (AGENT_CONVERSATIONS, map(_conversation, range(count))),
            (CONVERSATION_TAGS, _tags(count)),
            (CHANGE_LOG, ({"stamp": 1, "session_id": f"s{number}"} for number in range(count))),
        ):
            connection.execute(sa.insert(table), list(rows))
    database.learn_sizes(sessions._home.engine, METADATA.tables)


def _shared(number: int) -> dict[str, Any]:
    """Return what rows of both stores have; a tenth is hidden, and a tenth archived."""
    at = START + 60 * number
    return {
        "title": f"Title {number * 7919 % 5000}",
        "title_key": f"title {number * 7919 % 5000}",
        "model": f"model {number % 9}",
        "profile": "work" if number % 5 == 0 else "default",
        "created_at": at - 3600,
        "updated_at": at,
        "archived": number % 10 == 1,
        "hidden": number % 10 == 2,
        "source": SOURCES[number % 4],
        "input_tokens": number,
        "output_tokens": number,
        "estimated_cost": None if number % 3 else number / 1000,
        "message_count": number % 200,
        "age": -at,
    }


def _session(number: int) -> dict[str, Any]:
    return {
        **_shared(number),
        "session_id": f"s{number}",
        "pinned": number % 50 == 0,
        "unpinned": int(number % 50 != 0),
        "project_id": f"p{number % 20}" if number % 2 else None,
        "is_cli_session": False,
        "interrupted": number % 100 == 3,
        "draft": False,
        "other": OTHER,
        "tags": "work" if number % 7 == 0 else None,
        "size": 100,
        "mtime_ns": number,
        "inode": number,
    }


def _segment(number: int) -> dict[str, Any]:
    return {
        "session_id": f"a{number}",
        "profile": "work" if number % 5 == 0 else "default",
        "counted": 3,
        "message_count": 3,
        "last_activity": START + 60 * number,
        "archived": False,
        "input_tokens": 1,
        "output_tokens": 1,
        "family": f"a{number}",
    }


def _conversation(number: int) -> dict[str, Any]:
    return {
        **_shared(number),
        "session_id": f"a{number}",
        "root_id": f"a{number}",
        "unpinned": 1,
        "lineage": OTHER,
        "tags": "work" if number % 7 == 0 else None,
    }


def _tags(count: int) -> Iterator[dict[str, Any]]:
    for number in range(0, count, 7):
        profile = "work" if number % 5 == 0 else "default"
        yield {"profile": "", "session_id": f"s{number}", "tag": "work", "name": "work"}
        yield {"profile": profile, "session_id": f"a{number}", "tag": "work", "name": "work"}
