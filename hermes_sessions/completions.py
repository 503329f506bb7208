"""What a shell can complete: the names that the index and the list of projects have, as they are now.

With the database's driver alone, and without bringing the index up to date: a shell asks at each key, and to
load SQLAlchemy takes longer than people wait. An index that cannot be read, or none, completes nothing.
"""

import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import json_text
from .config import Config
from .title_keys import title_key

if TYPE_CHECKING:
    import psycopg

MOST = 100  # that a shell offers
SECONDS = 2  # that a shell waits for a server's database
_LAST = "\U0010ffff"  # comes after all text that begins so: the index compares text by its bytes

_BY_ID = """
    SELECT session_id, title FROM {table} WHERE session_id >= :begin AND session_id < :end
    ORDER BY session_id LIMIT :most
"""
_BY_TITLE = """
    SELECT session_id, title FROM {table} WHERE session_id IN (
        SELECT session_id FROM {table} WHERE title_key >= :key AND title_key < :key_end)
    AND substr(title, 1, length(:begin)) = :begin ORDER BY session_id LIMIT :most
"""
_LATEST = """
    SELECT session_id, title FROM {table} WHERE hidden = false ORDER BY unpinned, age, session_id LIMIT :most
"""
_TABLES = ("sessions", "agent_conversations")
_NAMES = {
    "tag": "SELECT DISTINCT name FROM conversation_tags ORDER BY 1",
    "model": "SELECT model FROM sessions UNION SELECT model FROM agent_conversations ORDER BY 1",
    "profile": "SELECT profile FROM sessions UNION SELECT profile FROM agent_conversations ORDER BY 1",
}
_OWNER = "SELECT home_id FROM index_state"  # the id of the home whose database it is
_PARAMETER = re.compile(r":(\w+)")
_SCHEME = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")  # it may name a driver, as SQLAlchemy takes it

Query = Callable[[str, Mapping[str, object]], Iterable[tuple[Any, ...]]]


class Completion(NamedTuple):
    """What a shell may put in place of what was typed, and what it says beside it."""

    value: str
    help: str = ""


def sessions(config: Config, typed: str) -> list[Completion]:
    """Return ids that begin as typed, then titles that do; of nothing typed, the sessions listed first."""
    return _read(config, lambda query: list(_sessions(query, typed)))


def _sessions(query: Query, typed: str) -> Iterator[Completion]:
    key = title_key(typed)
    values = {"begin": typed, "end": typed + _LAST, "key": key, "key_end": key + _LAST, "most": MOST}
    by_id = _BY_ID if typed else _LATEST
    for table in _TABLES:
        for session_id, title in query(by_id.format(table=table), values):
            yield Completion(session_id, title)
    for table in _TABLES if typed else ():
        for session_id, title in query(_BY_TITLE.format(table=table), values):
            yield Completion(title, session_id)


def names(config: Config, kind: str, typed: str) -> list[Completion]:
    """Return the tags, models or profiles that begin as typed."""
    return _read(config, lambda query: _names(query, kind, typed))


def _names(query: Query, kind: str, typed: str) -> list[Completion]:
    found = (name for (name,) in query(_NAMES[kind], {}) if name and name.startswith(typed))
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


def _read(config: Config, read: Callable[[Query], list[Completion]]) -> list[Completion]:
    """Return what `read` returns of the index, nothing if it is not there or cannot be read."""
    index = config.index
    if isinstance(index, Path):
        return _read_file(index, read)
    url, is_server = _SCHEME.subn("postgresql://", index)
    return _within(SECONDS, lambda: _read_server(config, url, read)) if is_server else []


def _read_file(path: Path, read: Callable[[Query], list[Completion]]) -> list[Completion]:
    try:
        place = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=0.1)) as connection:
            return read(connection.execute)
    except (sqlite3.Error, UnicodeError):  # what was typed need not be UTF-8
        return []


def _read_server(config: Config, url: str, read: Callable[[Query], list[Completion]]) -> list[Completion]:
    """Return what `read` returns of a server's database, nothing if that is another home's."""
    try:
        import psycopg  # noqa: PLC0415  # only for an index in PostgreSQL, and it need not be installed
    except ImportError:
        return []
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=SECONDS) as connection:
            owners = connection.execute(_OWNER).fetchall()
            is_ours = owners == [(config.home_id_file.read_text("ascii").strip(),)]
            return read(partial(_ask_server, connection)) if is_ours else []
    except (psycopg.Error, OSError, UnicodeError):
        return []


def _ask_server(
    connection: "psycopg.Connection[Any]", statement: str, values: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    return connection.execute(_PARAMETER.sub(r"%(\1)s", statement).encode(), values).fetchall()


def _within(seconds: float, ask: Callable[[], list[Completion]]) -> list[Completion]:
    """Return what a call returns, nothing if it takes longer: to look up a host's name has no limit."""
    found: list[Completion] = []
    thread = threading.Thread(target=lambda: found.extend(ask()), daemon=True)  # or the program would wait
    thread.start()
    thread.join(seconds)
    return [] if thread.is_alive() else found
