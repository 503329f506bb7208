"""Searches the messages in one state of an agent's `state.db`, through the full-text tables of the agent.

Written for SQLite and for every release of the agent. Without such a table, the latest messages are scanned.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from ..agent import Agent, Snapshot, content_of
from ..index import database
from ..messages import read_message
from .agent_counts import AgentFileState, counts_of
from .agent_echoes import TRIGRAMS, WORDS, Echoes, EchoFilter, read_echoes
from .agent_sessions import MessageSessions, message_sessions
from .echoes import names_search_tool
from .emoji import has_emoji
from .expressions import (
    near_expression,
    phrase_expression,
    short_texts,
    trigram_expression,
    words_expressions,
)
from .forms import ClauseForms, Phrase, TermForms
from .indexed_text import Feature
from .tables import MessageFilter, Occurrence

SCANNED = 20_000  # messages that are scanned without a full-text table: about a tenth of a second
LONGEST_SCANNED = 5_000  # characters; a pattern of LIKE has at most 50,000 bytes
MOST_TRIGRAMS = 200  # that one short term stands for
LEAST_NUMBERS = 2_000  # messages with a word; fewer are soon looked up
_EDGES = re.compile(r"\A[\W_]+|[\W_]+\Z")
_LAST_CHARACTER = "\U0010ffff"  # sorts after every text that begins with the characters before it

# What the columns of a message show of its features, as far as they do. The agent puts a NUL before the parts
# of a message, at which LIKE and GLOB stop, and instr does not.
_FEATURES = {
    Feature.CODE: "instr(m.content, '```')",
    Feature.IMAGE: "instr(m.content, '\"image')",
    Feature.ATTACHMENT: "instr(m.content, '\"image')",
    # As bytes: Python would refuse the row for a single character that is not valid.
    Feature.ERROR: "(m.role = 'tool' AND says_failure(CAST(m.content AS BLOB)))",
}
# The text of a message, without that NUL.
_TEXT = (
    "CASE instr(m.content, char(0)) WHEN 1 THEN CAST(substr(CAST(m.content AS BLOB), 2) AS TEXT) "
    "ELSE m.content END"
)


class _Selection(NamedTuple):
    """The messages that have a clause: the tables to read, the conditions, and their parameters.

    `number` is the column of the messages' ids in the table that is read first.
    """

    tables: str
    conditions: tuple[str, ...]
    parameters: dict[str, object]
    number: str = "m.id"

    @property
    def full_text(self) -> str | None:
        """The full-text table that is read first, None for a scan of the messages."""
        table = self.tables.split()[0]
        return None if table == "messages" else table

    @property
    def expression(self) -> str:
        """What is looked for in the full-text table."""
        return str(self.parameters.get("text", ""))

    @property
    def is_anything(self) -> bool:
        """Whether no word is looked for."""
        return self == _ANYTHING


_ANYTHING = _Selection("messages AS m", ("1",), {})
_COUNTED = ("m.session_id, count(*)", "GROUP BY m.session_id")


def _full_text(table: str, expression: str) -> _Selection:
    tables = f"{table} CROSS JOIN messages AS m ON m.id = {table}.rowid"
    return _Selection(tables, (f"{table} MATCH :text",), {"text": expression}, f"{table}.rowid")


def _counts(rows: Iterable[tuple[Any, ...]]) -> dict[str, int]:
    return {session_id: count for session_id, count in rows if isinstance(session_id, str)}


class AgentMessages:
    """The messages of one agent, in one state of its file.

    `state` is that of the file before it was opened. `warn` takes what could not be searched, a sentence.
    """

    def __init__(
        self, agent: Agent, state: AgentFileState, snapshot: Snapshot, warn: Callable[[str], None]
    ) -> None:
        self.profile, self._agent, self._snapshot, self._warn_of = agent.profile, agent, snapshot, warn
        self._state, self._known_counts = state, counts_of(agent)
        self._has_warned = False
        self._unusable: set[str] = set()
        self._spans: dict[str, tuple[int, int]] = {}
        _add_failures(snapshot.connection)

    def count(self, clause: ClauseForms, wanted: MessageFilter) -> Mapping[str, int]:
        """Return how many messages have a clause, by the ids of the sessions that have any."""
        with self._known_counts.counting.holding((clause, wanted)):
            known = self._known_counts.get(self._state, (clause, wanted))
            return self._count(clause, wanted) if known is None else known

    def _count(self, clause: ClauseForms, wanted: MessageFilter) -> dict[str, int]:
        with self._agent.errors():
            counts = self._count_numbers(clause, wanted)
            if counts is None:
                counts = _counts(self._select(clause, wanted, *_COUNTED))
        if not self._has_warned:  # the next search is to say so too
            self._known_counts.keep(self._state, (clause, wanted), counts)
        return counts

    def _count_numbers(self, clause: ClauseForms, wanted: MessageFilter) -> dict[str, int] | None:
        """Count by the numbers of the messages alone; None if that is not possible, or not worth it."""
        is_known = self._known_counts.has_any(self._state)
        if wanted != MessageFilter() or not clause.alternatives or not is_known:
            return None
        try:
            numbers = self._numbers(clause)
            if numbers is None or len(numbers) < LEAST_NUMBERS:
                return None
            sessions = self._message_sessions()
        except database.DATABASE_ERRORS:  # the other way meets it again, and says so
            return None
        return None if sessions is None else sessions.count_by_session(numbers)

    def _numbers(self, clause: ClauseForms) -> Sequence[int] | None:
        """Return the ids of the messages that have a clause, None without a full-text table."""
        selection = next(self._selections(clause), _ANYTHING)
        table = selection.full_text
        if table is None:
            return None
        matches = [f"{table} MATCH :text", *self._echoes.of_matches(table, selection.expression)]
        statement = f"SELECT json_group_array(rowid) FROM {table} WHERE {' AND '.join(matches)}"  # noqa: S608
        ((text,),) = self._rows(statement, selection.parameters)
        return msgspec.json.decode(text, type=list[int])

    def _message_sessions(self) -> MessageSessions | None:
        """Return the sessions of all messages that are searched: read when a second word is common."""
        with self._known_counts.counting.holding("sessions"):
            known = self._known_counts.sessions(self._state)
            if known is None and (known := self._read_message_sessions()) is not None:
                self._known_counts.keep_sessions(self._state, known)
            return known

    def _read_message_sessions(self) -> MessageSessions | None:
        text = "typeof(m.session_id) = 'text'"
        conditions = " AND ".join([text, *self._limits(MessageFilter()), *self._without_echoes(_ANYTHING)])
        # As one text: of single rows, the driver takes and gives up Python's lock at each.
        ((numbers, session_ids),) = self._rows(
            "SELECT json_group_array(m.id), json_group_array(m.session_id) "  # noqa: S608
            f"FROM messages AS m WHERE {conditions}",
            {},
        )
        ids = msgspec.json.decode(numbers, type=list[int])
        return message_sessions(dict(zip(ids, json.loads(session_ids), strict=True)))

    def _warn(self, sentence: str) -> None:
        self._has_warned = True
        self._warn_of(sentence)

    def count_near(self, one: ClauseForms, other: ClauseForms, wanted: MessageFilter) -> dict[str, int]:
        """Return how many messages have two clauses close to each other, by the ids of their sessions."""
        expression = near_expression(one, other)
        with self._agent.errors():
            if not expression or WORDS not in self._tables - self._unusable:
                return {}
            statement = self._statement(_full_text(WORDS, expression), wanted, *_COUNTED)
            return _counts(self._rows(statement, {"text": expression, **_parameters(wanted)}))

    def occurrences(
        self, clause: ClauseForms, wanted: MessageFilter, session_ids: Collection[str]
    ) -> Mapping[str, Sequence[Occurrence]]:
        """Return the messages of sessions that have a clause, in order; their positions are their ids."""
        occurrences: dict[str, list[Occurrence]] = {each: [] for each in session_ids}
        with self._agent.errors():
            for session_id, number in self._messages_of(clause, wanted, session_ids):
                occurrences[session_id].append(Occurrence(number, 0))
        return occurrences

    def _messages_of(
        self, clause: ClauseForms, wanted: MessageFilter, session_ids: Collection[str]
    ) -> list[tuple[Any, ...]]:
        """Return the session and the id of each message; looks only between those of a session."""
        spans = [(each, *self._spans[each]) for each in self._with_spans(session_ids)]
        if not spans:
            return []
        session_id, first, last = (f"json_extract(span.value, '$[{at}]')" for at in range(3))
        within = f"AND {{number}} BETWEEN {first} AND {last} AND m.session_id = {session_id} ORDER BY m.id"
        outer = "json_each(:spans) AS span CROSS JOIN "
        columns = "m.session_id, m.id"
        return self._select(clause, wanted, columns, within, outer=outer, spans=json.dumps(spans))

    def _with_spans(self, session_ids: Collection[str]) -> Iterator[str]:
        """Yield the sessions that have messages, whose first and last ids are known then."""
        unknown = [each for each in session_ids if each not in self._spans]
        if unknown:
            rows = self._rows(
                "SELECT session_id, min(id), max(id) FROM messages "
                "WHERE session_id IN (SELECT value FROM json_each(:sessions)) GROUP BY session_id",
                {"sessions": json.dumps(unknown)},
            )
            self._spans.update((session_id, (first, last)) for session_id, first, last in rows)
        return (each for each in session_ids if each in self._spans)

    def _select(
        self,
        clause: ClauseForms,
        wanted: MessageFilter,
        columns: str,
        rest: str,
        outer: str = "",
        **parameters: object,
    ) -> list[tuple[Any, ...]]:
        for selection in self._selections(clause):
            try:
                statement = self._statement(selection, wanted, columns, rest, outer)
                return self._rows(statement, {**selection.parameters, **_parameters(wanted), **parameters})
            except database.DATABASE_ERRORS as error:  # damaged, or a tokenizer that this SQLite lacks
                table = selection.full_text
                if table is None:
                    raise
                self._unusable.add(table)
                self._warn(f"its full-text table {table} cannot be used: {database.driver_text(error)}")
        return []

    def _statement(
        self, selection: _Selection, wanted: MessageFilter, columns: str, rest: str, outer: str = ""
    ) -> str:
        echoes = () if selection.is_anything else self._without_echoes(selection)
        conditions = " AND ".join([*selection.conditions, *self._limits(wanted), *echoes])
        rest = rest.format(number=selection.number)
        return f"SELECT {columns} FROM {outer}{selection.tables} WHERE {conditions} {rest}"  # noqa: S608

    def _rows(self, statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        result = self._snapshot.connection.exec_driver_sql(statement, dict(parameters))
        return database.driver_tuples(result)

    @property
    def _columns(self) -> frozenset[str]:
        return frozenset(self._snapshot.schema.messages.c.keys())

    # ---- which messages have a clause -------------------------------------------------------------------

    def _selections(self, clause: ClauseForms) -> Iterator[_Selection]:
        """Yield the ways to find a clause, the best first; the next is for when one fails."""
        if not clause.alternatives:
            yield _ANYTHING
            return
        by_parts = any(forms.is_unspaced for forms in clause.alternatives)
        table = TRIGRAMS if by_parts else WORDS
        if table in self._tables - self._unusable:
            expression = self._trigrams(clause) if by_parts else self._words(clause)
            if not expression:
                return
            yield _full_text(table, expression)
        if "content" in self._columns:
            yield self._scan(clause)
        else:
            self._warn("it cannot be searched: it has no column messages.content")

    @cached_property
    def _tables(self) -> frozenset[str]:
        tables = self._snapshot.connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)", (WORDS, TRIGRAMS)
        )
        return frozenset(tables.scalars())

    @staticmethod
    def _words(clause: ClauseForms) -> str:
        """Return the expression for the agent's index of words, which has letters as they were typed."""
        typed = {
            phrase_expression(Phrase(text, forms.term.prefix))
            for forms in clause.alternatives
            for text in (forms.term.typed, forms.term.text)
        }
        return " OR ".join(dict.fromkeys([*words_expressions(clause), *sorted(typed)]))

    def _trigrams(self, clause: ClauseForms) -> str:
        short = short_texts(clause)
        if not short:
            return trigram_expression(clause, {})
        connection = self._snapshot.connection
        # The table is in a temporary database in memory: nothing is written to the agent's file.
        connection.exec_driver_sql("PRAGMA temp_store = MEMORY")
        connection.exec_driver_sql(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.trigrams USING fts5vocab (main, {TRIGRAMS}, row)"
        )
        return trigram_expression(clause, {text: self._completions(text.lower()) for text in short})

    def _completions(self, text: str) -> list[str]:
        """Return the most frequent trigrams that begin with a text, or hold an emoji anywhere."""
        condition, parameters = "term >= ? AND term < ?", [text, text + _LAST_CHARACTER]
        if has_emoji(text):
            condition, parameters = "instr(term, ?)", [text]
        statement = (
            f"SELECT term FROM temp.trigrams WHERE {condition} ORDER BY doc DESC LIMIT {MOST_TRIGRAMS}"  # noqa: S608
        )
        found = self._snapshot.connection.exec_driver_sql(statement, tuple(parameters))
        return [str(trigram) for trigram in found.scalars()]

    def _scan(self, clause: ClauseForms) -> _Selection:
        """Read the latest messages one by one; only ASCII letters match in either case."""
        newest = self._snapshot.last_message()
        if newest > SCANNED:
            self._warn(
                f"only its latest {SCANNED:,} messages were searched, because it has no full-text index"
            )
        texts = list(dict.fromkeys(text for forms in clause.alternatives for text in _scanned(forms)))
        likes = [_like(text) for text in texts if len(text) <= LONGEST_SCANNED]
        # One parameter for all: SQLite takes at most 1,000 conditions that are joined by OR.
        contains = f"EXISTS (SELECT 1 FROM json_each(:likes) AS l WHERE {_TEXT} LIKE l.value ESCAPE '\\')"  # noqa: S608
        parameters: dict[str, object] = {"likes": json.dumps(likes), "oldest": newest - SCANNED}
        return _Selection("messages AS m", ("m.id > :oldest", contains), parameters)

    # ---- which messages may match -----------------------------------------------------------------------

    def _limits(self, wanted: MessageFilter) -> Iterator[str]:
        """Yield conditions; one on a column that the file lacks is left out."""
        columns = self._columns
        if "active" in columns:  # a message that was summarised away is still part of the conversation
            yield "(m.active IS NOT 0" + (" OR m.compacted IS 1)" if "compacted" in columns else ")")
        if wanted.role is not None and "role" in columns:
            yield "m.role = :role"
        if "timestamp" in columns:
            if wanted.since is not None:
                yield "m.timestamp >= :since"
            if wanted.until is not None:
                yield "m.timestamp < :until"
        yield from (sql for feature, sql in _FEATURES.items() if wanted.features & feature)
        for at, _ in enumerate(wanted.tools):
            yield f"({' OR '.join(self._uses_tool(at))})"

    def _without_echoes(self, selection: _Selection) -> Iterator[str]:
        """Yield conditions that leave out what repeats other conversations: no word is found in it."""
        if "tool_name" in self._columns:
            yield f"(m.tool_name IS NULL OR NOT ({names_search_tool('m.tool_name')}))"
        yield from self._echoes.of_messages()
        if selection.full_text is not None:
            yield from self._echoes.of_matches(selection.full_text, selection.expression)

    def _uses_tool(self, at: int) -> Iterator[str]:
        yield f"lower(m.tool_name) = :tool{at}" if "tool_name" in self._columns else "0"
        if "tool_calls" in self._columns:
            yield f"m.tool_calls LIKE :calls{at} ESCAPE '\\'"

    @cached_property
    def _echoes(self) -> EchoFilter:
        known = self._known_counts.echoes(self._state)
        if known is None:
            self._known_counts.keep_echoes(self._state, known := self._read_echoes())
        return EchoFilter(self._snapshot.connection, known)

    def _read_echoes(self) -> Echoes:
        """Return the calls of search tools and their results: they repeat other conversations."""
        if WORDS not in self._tables:
            return Echoes()
        try:
            return read_echoes(self._snapshot.connection, self._columns)
        except database.DATABASE_ERRORS:  # a damaged table: the search itself says so
            return Echoes()


# ---- tools ----------------------------------------------------------------------------------------------


def count_tools(snapshot: Snapshot) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the results of tools in each session, and how many of them say that the call failed.

    By session id and name. What an earlier release of the agent does not store is not counted.
    """
    columns = frozenset(snapshot.schema.messages.c.keys())
    if not {"role", "tool_name", "content"} <= columns:
        return {}
    _add_failures(snapshot.connection)
    is_active = "AND (m.active IS NOT 0 OR m.compacted IS 1) " if {"active", "compacted"} <= columns else ""
    result = snapshot.connection.exec_driver_sql(
        f"SELECT m.session_id, m.tool_name, count(*), sum({_FEATURES[Feature.ERROR]}) FROM messages AS m "  # noqa: S608
        f"WHERE m.role = 'tool' AND m.tool_name <> '' {is_active}GROUP BY 1, 2"
    )
    return {
        (session_id, tool): (calls, failed or 0)
        for session_id, tool, calls, failed in database.driver_tuples(result)
        if isinstance(session_id, str) and isinstance(tool, str)
    }


def _add_failures(connection: Connection) -> None:
    """Give the statements on a connection the rule which results say that a call failed."""
    driver: Any = connection.connection.driver_connection
    driver.create_function("says_failure", 1, _says_failure, deterministic=True)


def _says_failure(content: bytes | None) -> bool:
    """Whether the content of a tool's result, as the agent stores it, says that the call failed."""
    text = (content or b"").decode("utf-8", "replace")
    message = read_message({"role": "tool", "content": content_of(text)})
    return any(result.failed for result in message.results)


# ---- values ---------------------------------------------------------------------------------------------


def _parameters(wanted: MessageFilter) -> dict[str, object]:
    tools = {f"tool{at}": tool for at, tool in enumerate(wanted.tools)}
    calls = {f"calls{at}": _like(f'"{tool}"') for at, tool in enumerate(wanted.tools)}
    return {"role": wanted.role, "since": wanted.since, "until": wanted.until, **tools, **calls}


def _scanned(forms: TermForms) -> list[str]:
    """Return the texts that stand for a term, without punctuation around it, composed and decomposed."""
    texts = [_EDGES.sub("", text) or text for text in (forms.term.text, forms.term.typed)]
    return [*texts, *(unicodedata.normalize("NFD", text) for text in texts), *forms.corrections]


def _like(text: str) -> str:
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
