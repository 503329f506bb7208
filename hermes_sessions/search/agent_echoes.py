"""What of an agent's messages repeats other conversations: calls of search tools, and their results.

The agent's full-text tables have the calls of a message and its text as one. So a message that has both is
looked at again: its text without these calls is indexed for one search, in a temporary database in memory.
Nothing is written to the agent's file.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ..index import database
from ..messages import Message, read_message
from .echoes import NAMED, is_echo

WORDS, TRIGRAMS = "messages_fts", "messages_fts_trigram"
MOST_ECHOES = 40_000  # messages that name such a tool, the latest: a call and its result are two
# The agent's full-text tables, and for each the one of the texts without calls, with its options.
_OWN_TABLES = {WORDS: ("own_words", "text"), TRIGRAMS: ("own_trigrams", "text, tokenize = trigram")}


class Echoes(NamedTuple):
    """The ids of messages in which no word is found, and of those in which words outside the calls are."""

    whole: frozenset[int] = frozenset()
    partly: frozenset[int] = frozenset()


class EchoFilter:
    """Leaves the echoes out of what is found over one connection."""

    def __init__(self, connection: Connection, echoes: Echoes) -> None:
        self._connection, self._echoes = connection, echoes
        self._indexed: dict[str, set[int]] = defaultdict(set)  # in each of our own tables

    def of_messages(self) -> Iterator[str]:
        """Yield the condition that a message `m` is not an echo as a whole."""
        if self._echoes.whole:
            yield f"m.id NOT IN ({_list(self._echoes.whole)})"

    def of_matches(self, table: str, expression: str) -> Iterator[str]:
        """Yield the condition that a match in a full-text table is not in calls of search tools alone."""
        if found := self._matching(table, expression, self._echoes.partly):
            name = self._indexing(table, found)
            if repeated := found - self._matching(f"temp.{name}", expression, found):
                yield f"{table}.rowid NOT IN ({_list(repeated)})"

    def _matching(self, table: str, expression: str, numbers: Collection[int]) -> set[int]:
        """Return which of these messages match in a full-text table."""
        if not numbers:
            return set()
        # The `+`: else FTS5 would be asked once for each of the numbers.
        match = f"{table.removeprefix('temp.')} MATCH ? AND +rowid IN ({_list(numbers)})"
        rows = _rows(self._connection, f"SELECT rowid FROM {table} WHERE {match}", (expression,))  # noqa: S608
        return {number for (number,) in rows}

    def _indexing(self, table: str, numbers: Collection[int]) -> str:
        """Index the own texts of these messages, and return the name of the table that has them."""
        name, columns = _OWN_TABLES[table]
        if name not in self._indexed:
            self._connection.exec_driver_sql("PRAGMA temp_store = MEMORY")
            self._connection.exec_driver_sql(f"CREATE VIRTUAL TABLE temp.{name} USING fts5 ({columns})")
        new = set(numbers) - self._indexed[name]
        if new:
            insert = f"INSERT INTO temp.{name} (rowid, text) VALUES (?, ?)"  # noqa: S608
            texts = [(number, _own_text(message)) for number, _, message in _messages(self._connection, new)]
            self._connection.exec_driver_sql(insert, texts)
        self._indexed[name] |= new
        return name


def _list(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def read_echoes(connection: Connection, columns: Collection[str]) -> Echoes:
    """Return the echoes among the messages, of which the table has these columns."""
    if not {"tool_calls", "content"} <= set(columns):
        return Echoes()
    whole, partly, calls = set[int](), set[int](), set[tuple[object, str]]()
    for message_id, session_id, message in _messages(connection, _calling(connection)):
        echoes = [call for call in message.calls if is_echo(call)]
        calls.update((session_id, call.call_id) for call in echoes if call.call_id)
        if echoes:
            (partly if _own_text(message) else whole).add(message_id)
    if {"tool_call_id", "role"} <= set(columns):
        whole.update(_answers(connection, calls))
    return Echoes(frozenset(whole), frozenset(partly))


def _calling(connection: Connection) -> Collection[int]:
    """Return the ids of the messages that name a search tool."""
    statement = f"SELECT rowid FROM {WORDS} WHERE {WORDS} MATCH ? ORDER BY rowid DESC LIMIT ?"  # noqa: S608
    return [number for (number,) in _rows(connection, statement, (NAMED, MOST_ECHOES))]


def _messages(connection: Connection, numbers: Collection[int]) -> Iterator[tuple[int, object, Message]]:
    """Yield the id, the session's id and what is read of each of these messages that calls tools."""
    rows = _rows(
        connection,
        # As bytes: Python would refuse all rows for a single character that is not valid.
        "SELECT id, session_id, CAST(content AS BLOB), CAST(tool_calls AS BLOB) FROM messages "
        "WHERE id IN (SELECT value FROM json_each(?)) AND tool_calls IS NOT NULL",
        (json.dumps(sorted(numbers)),),
    )
    for message_id, session_id, content, calls in rows:
        text = (content or b"").decode("utf-8", "replace")
        yield message_id, session_id, read_message({"content": text, "tool_calls": _decoded(calls)})


def _decoded(calls: bytes) -> Any:
    try:
        return json.loads(calls.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return []


def _own_text(message: Message) -> str:
    """Return what is left of a message without its calls of search tools, as the agent indexes it."""
    others = (f"{call.name} {call.arguments_line}" for call in message.calls if not is_echo(call))
    return " ".join(filter(None, [*message.texts, *others]))


def _rows(connection: Connection, statement: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
    return database.driver_tuples(connection.exec_driver_sql(statement, parameters))


def _answers(connection: Connection, calls: Collection[tuple[object, str]]) -> Iterator[int]:
    """Yield the ids of the messages that answer calls, which are given with the ids of their sessions."""
    sessions, call_ids = (json.dumps(sorted({str(each[at]) for each in calls})) for at in (0, 1))
    rows = _rows(
        connection,
        "SELECT m.id, m.session_id, m.tool_call_id FROM messages AS m "
        "WHERE m.session_id IN (SELECT value FROM json_each(?)) AND m.role = 'tool' "
        "AND m.tool_call_id IN (SELECT value FROM json_each(?))",
        (sessions, call_ids),
    )
    return (number for number, *call in rows if tuple(call) in calls)
