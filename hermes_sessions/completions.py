"""What a shell can complete: the names that the index and the list of projects have, as they are now.

With `sqlite3` alone, and without bringing the index up to date: a shell asks at each key, and to load
SQLAlchemy takes longer than people wait. An index elsewhere, or none, completes nothing.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

from . import json_text
from .config import Config

MOST = 100  # that a shell offers
_LAST = "\U0010ffff"  # comes after all text that begins so: SQLite compares text by its bytes

_BY_ID = """
    SELECT session_id, title FROM {table} WHERE session_id >= :begin AND session_id < :end LIMIT :most
"""
_BY_TITLE = """
    SELECT session_id, title FROM {table} WHERE session_id IN (
        SELECT session_id FROM {table} WHERE title_key >= :key AND title_key < :key_end)
    AND substr(title, 1, length(:begin)) = :begin LIMIT :most
"""
_LATEST = """
    SELECT session_id, title FROM {table} WHERE hidden = 0 ORDER BY unpinned, age, session_id LIMIT :most
"""
_TABLES = ("sessions", "agent_conversations")
_NAMES = {
    "tag": "SELECT DISTINCT name FROM conversation_tags ORDER BY name",
    "model": "SELECT DISTINCT model FROM sessions UNION SELECT DISTINCT model FROM agent_conversations",
    "profile": "SELECT DISTINCT profile FROM sessions UNION SELECT DISTINCT profile FROM agent_conversations",
}


class Completion(NamedTuple):
    """What a shell may put in place of what was typed, and what it says beside it."""

    value: str
    help: str = ""


def sessions(config: Config, typed: str) -> list[Completion]:
    """Return ids that begin as typed, then titles that do; of nothing typed, the sessions listed first."""
    return _read(config, lambda connection: list(_sessions(connection, typed)))


def _sessions(connection: sqlite3.Connection, typed: str) -> Iterator[Completion]:
    key = typed.casefold()
    values = {"begin": typed, "end": typed + _LAST, "key": key, "key_end": key + _LAST, "most": MOST}
    by_id = _BY_ID if typed else _LATEST
    for table in _TABLES:
        for session_id, title in connection.execute(by_id.format(table=table), values):
            yield Completion(session_id, title)
    for table in _TABLES if typed else ():
        for session_id, title in connection.execute(_BY_TITLE.format(table=table), values):
            yield Completion(title, session_id)


def names(config: Config, kind: str, typed: str) -> list[Completion]:
    """Return the tags, models or profiles that begin as typed."""
    return _read(config, lambda connection: _names(connection, kind, typed))


def _names(connection: sqlite3.Connection, kind: str, typed: str) -> list[Completion]:
    found = (name for (name,) in connection.execute(_NAMES[kind]) if name and name.startswith(typed))
    return [Completion(name) for name in found][:MOST]


def projects(config: Config, typed: str) -> list[Completion]:
    """Return the names of projects that begin as typed; none if their file cannot be read."""
    try:
        records = json_text.decode(config.projects_file.read_bytes())
    except (OSError, ValueError):
        return []
    listed = records if isinstance(records, list) else []
    names = (each.get("name") for each in listed if isinstance(each, dict))
    return [Completion(name) for name in names if isinstance(name, str) and name.startswith(typed)]


def _read(config: Config, read: Callable[[sqlite3.Connection], list[Completion]]) -> list[Completion]:
    """Return what `read` returns of the index, nothing if it is not there or cannot be read."""
    path = config.index
    if isinstance(path, str):
        return []
    try:
        place = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=0.1)) as connection:
            return read(connection)
    except sqlite3.Error:
        return []
