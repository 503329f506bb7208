"""Searching the messages of one state of an agent's `state.db`, by the full-text tables that the agent keeps.

Speaks SQLite to whatever release wrote the file: where a table is missing, the latest messages are gone
through.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from ..agent import Snapshot
from ..index import database
from .query import Closeness, Query, expression, short_texts, trigrams
from .tables import LAST_NUMBER, Limits

WORDS, TRIGRAMS = "messages_fts", "messages_fts_trigram"
SCANNED = 20_000  # messages that are gone through where the agent keeps no index: about a tenth of a second
MOST_TRIGRAMS = 200  # that one short text stands for
# Behind every text that begins with another: of all the characters that there are, the last.
_LAST = "\U0010ffff"


class AgentMatch(NamedTuple):
    """A message that matches: of which session, its own id, and how well (higher is better)."""

    session_id: str
    message_id: int
    sent_at: float | None
    relevance: float


class TextSource(NamedTuple):
    """Where messages are looked for, in SQL: tables, how good a match is, and what numbers them."""

    tables: str
    relevance: str
    number: str


class Found(NamedTuple):
    """The newest messages that match, and why there may be more, None if there are not."""

    matches: list[AgentMatch]
    warning: str | None = None


def indexes(snapshot: Snapshot) -> frozenset[str]:
    """Return which of the agent's full-text tables are there."""
    found = snapshot.connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)", (WORDS, TRIGRAMS)
    )
    return frozenset(found.scalars())


class Window(NamedTuple):
    """The newest `most` messages with ids below `before` (None: of all)."""

    most: int
    before: int | None = None


def search(snapshot: Snapshot, query: Query, closeness: Closeness, limits: Limits, window: Window) -> Found:
    """Return the messages of a window that match.

    A query in a script without spaces is asked once, for parts of words.
    """
    parts = query.is_unspaced or closeness is Closeness.PART
    if query.is_unspaced and closeness is not Closeness.WORD:
        return Found([])
    present = indexes(snapshot)
    table = TRIGRAMS if parts else WORDS
    if table not in present:
        return _scan(snapshot, query, limits, window) if parts or not present else Found([])
    try:
        text = _trigrams(snapshot, query) if parts else expression(query, closeness, {})
        return Found([] if text is None else _matches(snapshot, table, text, limits, window))
    except OperationalError as error:  # made with a tokenizer that is not here, or damaged
        found = _scan(snapshot, query, limits, window)
        return found._replace(warning=f"the agent's index {table} cannot be used: {error.orig}")


def _matches(snapshot: Snapshot, table: str, text: str, limits: Limits, window: Window) -> list[AgentMatch]:
    joined = f"{table} CROSS JOIN messages AS m ON m.id = {table}.rowid"
    conditions = [f"{table} MATCH :text", f"{table}.rowid < :before", *_wanted(snapshot, limits)]
    parameters = {"text": text, **_parameters(limits, window)}
    return _read(snapshot, TextSource(joined, f"-bm25({table})", f"{table}.rowid"), conditions, parameters)


def _wanted(snapshot: Snapshot, limits: Limits) -> Iterator[str]:
    columns = snapshot.schema.messages.c
    if "active" in columns:
        yield "m.active IS NOT 0"
    if limits.role is not None and "role" in columns:
        yield "m.role = :role"
    if limits.since is not None and "timestamp" in columns:
        yield "m.timestamp >= :since"
    if limits.until is not None and "timestamp" in columns:
        yield "m.timestamp < :until"


def _parameters(limits: Limits, window: Window) -> dict[str, Any]:
    before = LAST_NUMBER if window.before is None else window.before
    return {
        "role": limits.role,
        "since": limits.since,
        "until": limits.until,
        "before": before,
        "most": window.most,
    }


def _trigrams(snapshot: Snapshot, query: Query) -> str | None:
    """Return the expression for the index of trigrams; a shorter text stands for those that begin with it."""
    short = short_texts(query)
    if not short:
        return trigrams(query, {})
    connection = snapshot.connection
    # In a database of this connection's own, in memory: nothing is written to the agent's.
    connection.exec_driver_sql("PRAGMA temp_store = MEMORY")
    connection.exec_driver_sql(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.trigrams USING fts5vocab (main, {TRIGRAMS}, row)"
    )
    return trigrams(query, {text: _beginning_with(connection, text.lower()) for text in short})


def _beginning_with(connection: Connection, text: str) -> list[str]:
    found = connection.exec_driver_sql(
        "SELECT term FROM temp.trigrams WHERE term >= ? AND term < ? ORDER BY doc DESC LIMIT ?",
        (text, text + _LAST, MOST_TRIGRAMS),
    )
    return [str(term) for term in found.scalars()]


def _scan(snapshot: Snapshot, query: Query, limits: Limits, window: Window) -> Found:
    """Go through the latest messages; letters of ASCII match in any case."""
    if "content" not in snapshot.schema.messages.c:
        return Found([], "the agent's messages have no column content: they cannot be searched")
    newest = snapshot.last_message()
    wanted = {f"wanted{at}": _like(term.text) for at, term in enumerate(query.wanted)}
    unwanted = {f"unwanted{at}": _like(term.text) for at, term in enumerate(query.unwanted)}
    conditions = [
        "m.id > :oldest",
        "m.id < :before",
        *(f"m.content LIKE :{name} ESCAPE '\\'" for name in wanted),
        *(f"m.content NOT LIKE :{name} ESCAPE '\\'" for name in unwanted),
        *_wanted(snapshot, limits),
    ]
    parameters = {"oldest": newest - SCANNED, **wanted, **unwanted, **_parameters(limits, window)}
    matches = _read(snapshot, TextSource("messages AS m", "0.0", "m.id"), conditions, parameters)
    warning = f"only the agent's last {SCANNED:,} messages were searched: it keeps no full-text index"
    return Found(matches, warning if newest > SCANNED else None)


def _like(text: str) -> str:
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _read(
    snapshot: Snapshot, source: TextSource, conditions: Sequence[str], parameters: Mapping[str, Any]
) -> list[AgentMatch]:
    """Return the matching messages, the newest first."""
    sent_at = "m.timestamp" if "timestamp" in snapshot.schema.messages.c else "NULL"
    statement = (  # of names and conditions that are written in this module
        f"SELECT m.session_id, m.id, {sent_at}, {source.relevance} FROM {source.tables} "  # noqa: S608
        f"WHERE {' AND '.join(conditions)} ORDER BY {source.number} DESC LIMIT :most"
    )
    found = database.driver_tuples(snapshot.connection.exec_driver_sql(statement, dict(parameters)))
    return [_match(row) for row in found]


def _match(row: Sequence[Any]) -> AgentMatch:
    session_id, message_id, sent_at, relevance = row
    known = float(sent_at) if isinstance(sent_at, int | float) else None
    return AgentMatch(str(session_id), message_id, known, relevance)
