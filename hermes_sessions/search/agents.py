"""Searches the messages in one state of an agent's `state.db`, through the full-text tables of the agent.

Written for SQLite and for every release of the agent. Without such a table, the latest messages are scanned.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ..agent import Snapshot
from ..index import database
from .query import MatchMode, Query, fts_expression, short_texts, trigram_expression
from .tables import LAST_NUMBER, MessageFilter

WORDS, TRIGRAMS = "messages_fts", "messages_fts_trigram"
SCANNED = 20_000  # messages that are scanned without a full-text table: about a tenth of a second
MOST_TRIGRAMS = 200  # that one short term stands for
_LAST_CHARACTER = "\U0010ffff"  # sorts after every text that begins with the characters before it


class AgentMatch(NamedTuple):
    """A message that matches. `relevance` is higher for a better match; `sent_at` is in seconds."""

    session_id: str
    message_id: int
    sent_at: float | None
    relevance: float


class AgentMatches(NamedTuple):
    """The newest messages that match, and why there may be more; None if there are no more.

    `unusable` says which full-text table of the file the messages were searched without.
    """

    matches: list[AgentMatch]
    warning: str | None = None
    unusable: str | None = None


class MatchWindow(NamedTuple):
    """The newest `most` matches whose message ids are below `before`, None for the newest of all."""

    most: int
    before: int | None = None


class _Selection(NamedTuple):
    """The parts of a SELECT over messages that depend on how they are searched."""

    tables: str
    relevance: str
    number: str


def search_agent(
    snapshot: Snapshot, query: Query, mode: MatchMode, wanted: MessageFilter, window: MatchWindow
) -> AgentMatches:
    """Return the messages of a window that match.

    A query in an unspaced script is searched once, in mode WORD, as parts of words: in the other modes it
    matches nothing.
    """
    by_parts = query.is_unspaced or mode is MatchMode.SUBSTRING
    if query.is_unspaced and mode is not MatchMode.WORD:
        return AgentMatches([])
    tables = full_text_tables(snapshot)
    table = TRIGRAMS if by_parts else WORDS
    if table not in tables:
        return _scan(snapshot, query, wanted, window) if by_parts or not tables else AgentMatches([])
    try:
        text = _expression(snapshot, query, mode, by_parts=by_parts)
        return AgentMatches([] if text is None else _matches(snapshot, table, text, wanted, window))
    except database.DATABASE_ERRORS as error:  # damaged, or made with a tokenizer that this SQLite lacks
        reason = database.driver_text(error)
        matches = _scan(snapshot, query, wanted, window)
        return matches._replace(unusable=f"its full-text table {table} cannot be used: {reason}")


def _expression(snapshot: Snapshot, query: Query, mode: MatchMode, *, by_parts: bool) -> str | None:
    """Return the FTS5 expression for any form of a query; None if nothing can match."""
    forms = [
        _trigram_expression(snapshot, each) if by_parts else fts_expression(each, mode, {})
        for each in query.forms
    ]
    return " OR ".join(f"({form})" for form in forms if form is not None) or None


def full_text_tables(snapshot: Snapshot) -> frozenset[str]:
    """Return which of the agent's full-text tables the file has."""
    tables = snapshot.connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)", (WORDS, TRIGRAMS)
    )
    return frozenset(tables.scalars())


def _matches(
    snapshot: Snapshot, table: str, text: str, wanted: MessageFilter, window: MatchWindow
) -> list[AgentMatch]:
    tables = f"{table} CROSS JOIN messages AS m ON m.id = {table}.rowid"
    conditions = [f"{table} MATCH :text", f"{table}.rowid < :before", *_conditions(snapshot, wanted)]
    parameters = {"text": text, **_parameters(wanted, window)}
    return _select(snapshot, _Selection(tables, f"-bm25({table})", f"{table}.rowid"), conditions, parameters)


def _conditions(snapshot: Snapshot, wanted: MessageFilter) -> Iterator[str]:
    columns = snapshot.schema.messages.c
    if "active" in columns:
        yield "m.active IS NOT 0"
    if wanted.role is not None and "role" in columns:
        yield "m.role = :role"
    if wanted.since is not None and "timestamp" in columns:
        yield "m.timestamp >= :since"
    if wanted.until is not None and "timestamp" in columns:
        yield "m.timestamp < :until"


def _parameters(wanted: MessageFilter, window: MatchWindow) -> dict[str, object]:
    before = LAST_NUMBER if window.before is None else window.before
    return {
        "role": wanted.role,
        "since": wanted.since,
        "until": wanted.until,
        "before": before,
        "most": window.most,
    }


# ---- trigrams -------------------------------------------------------------------------------------------


def _trigram_expression(snapshot: Snapshot, query: Query) -> str | None:
    """Return the expression for the table of trigrams; a short term stands for the trigrams it begins."""
    short = short_texts(query)
    if not short:
        return trigram_expression(query, {})
    connection = snapshot.connection
    # The table is in a temporary database in memory: nothing is written to the agent's file.
    connection.exec_driver_sql("PRAGMA temp_store = MEMORY")
    connection.exec_driver_sql(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.trigrams USING fts5vocab (main, {TRIGRAMS}, row)"
    )
    completions = {text: _beginning_with(connection, text.lower()) for text in short}
    return trigram_expression(query, completions)


def _beginning_with(connection: Connection, text: str) -> list[str]:
    trigrams = connection.exec_driver_sql(
        "SELECT term FROM temp.trigrams WHERE term >= ? AND term < ? ORDER BY doc DESC LIMIT ?",
        (text, text + _LAST_CHARACTER, MOST_TRIGRAMS),
    )
    return [str(trigram) for trigram in trigrams.scalars()]


# ---- without a full-text table --------------------------------------------------------------------------


def _scan(snapshot: Snapshot, query: Query, wanted: MessageFilter, window: MatchWindow) -> AgentMatches:
    """Search the latest messages one by one; only ASCII letters match in either case."""
    if "content" not in snapshot.schema.messages.c:
        return AgentMatches(
            [], "The agent's messages cannot be searched: its state.db has no column messages.content"
        )
    newest = snapshot.last_message()
    parameters = {"oldest": newest - SCANNED, **_parameters(wanted, window)}
    forms = [_containing(form, f"form{at}_", parameters) for at, form in enumerate(query.forms)]
    conditions = [
        "m.id > :oldest",
        "m.id < :before",
        f"({' OR '.join(forms)})",
        *_conditions(snapshot, wanted),
    ]
    matches = _select(snapshot, _Selection("messages AS m", "0.0", "m.id"), conditions, parameters)
    return AgentMatches(matches, _INCOMPLETE if newest > SCANNED else None)


_INCOMPLETE = (
    f"Only the agent's latest {SCANNED:,} messages were searched, because its state.db has no full-text index"
)


def _containing(query: Query, prefix: str, parameters: dict[str, object]) -> str:
    """Return the condition that a message contains a query, and add its parameters, named with a prefix."""
    conditions: list[str] = []
    for operator, terms in (("LIKE", query.required), ("NOT LIKE", query.excluded)):
        for term in terms:
            name = f"{prefix}{len(conditions)}"
            parameters[name] = _like(term.text)
            conditions.append(f"m.content {operator} :{name} ESCAPE '\\'")
    return " AND ".join(conditions)


def _like(text: str) -> str:
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _select(
    snapshot: Snapshot, selection: _Selection, conditions: Sequence[str], parameters: Mapping[str, object]
) -> list[AgentMatch]:
    """Return the matching messages, newest first."""
    sent_at = "m.timestamp" if "timestamp" in snapshot.schema.messages.c else "NULL"
    statement = (  # made of the names and conditions in this module alone
        f"SELECT m.session_id, m.id, {sent_at}, {selection.relevance} FROM {selection.tables} "  # noqa: S608
        f"WHERE {' AND '.join(conditions)} ORDER BY {selection.number} DESC LIMIT :most"
    )
    rows = database.driver_tuples(snapshot.connection.exec_driver_sql(statement, dict(parameters)))
    return [_match(row) for row in rows]


def _match(row: Sequence[Any]) -> AgentMatch:
    session_id, message_id, sent_at, relevance = row
    known = float(sent_at) if isinstance(sent_at, int | float) else None
    return AgentMatch(str(session_id), message_id, known, relevance)
