"""The search index: the tables of its file, and the SQL over them.

`search.db` holds the words of the web UI's transcripts and of every title, in SQLite's FTS5, and the words
that there are. It is built from other files and can be deleted at any time. The number of a message has the
number of its session in its upper bits, so that a match tells its session without another look.
"""

import json
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import repeat
from operator import rshift
from typing import Any, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import Connection

from ..index import database
from ..model import Signature
from .changed_entries import Change, note_change
from .indexed_text import IndexedText
from .words import index_form

# Of the file: to be raised when other tables, or other texts and words, are stored. A file of an older format
# answers until a new one is built, if its tables are the same, and mean the same since `OLDEST_READABLE`.
FORMAT, OLDEST_READABLE = 8, 1
WEB_UI = ""  # stands for a profile in the entries of the web UI's sessions
SEQUENCE_BITS = 24  # of a message's number: how many messages a session can ever have

_OPTIONS = "tokenize = \"unicode61 remove_diacritics 2\", content = ''"  # no text is stored, only its words
_TABLES = (
    "CREATE TABLE state (token TEXT NOT NULL, changes INTEGER NOT NULL)",
    "INSERT INTO state VALUES ('', 0)",
    """CREATE TABLE entries (
        number INTEGER PRIMARY KEY AUTOINCREMENT, profile TEXT NOT NULL, session_id TEXT NOT NULL,
        title TEXT NOT NULL, size INTEGER, mtime_ns INTEGER, inode INTEGER, used INTEGER NOT NULL DEFAULT 0,
        UNIQUE (profile, session_id)
    )""",
    """CREATE TABLE messages (
        number INTEGER PRIMARY KEY, position INTEGER NOT NULL, role TEXT NOT NULL, sent_at REAL,
        digest INTEGER NOT NULL, length INTEGER NOT NULL, features INTEGER NOT NULL
    )""",
    "CREATE TABLE removed (number INTEGER PRIMARY KEY)",
    """CREATE TABLE tools (
        tool TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tool, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE words (
        word TEXT PRIMARY KEY, stem TEXT NOT NULL, texts INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX words_of_stem ON words (stem)",
    "CREATE TABLE vocabularies (profile TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID",
    f"CREATE VIRTUAL TABLE texts USING fts5 (text, {_OPTIONS})",
    f"CREATE VIRTUAL TABLE titles USING fts5 (title, {_OPTIONS})",
)

EntryKey: TypeAlias = tuple[str, str]  # a profile, WEB_UI for the web UI's sessions, and a session id


class SearchEntry(NamedTuple):
    """A session in the search index.

    `signature` is the version of the file whose messages are indexed, None if none are.
    """

    number: int
    title: str
    signature: Signature | None


class IndexedMessage(NamedTuple):
    """A message to index, its position in the transcript, and its text as it is indexed."""

    position: int
    content: IndexedText
    digest: int
    form: str


Added: TypeAlias = tuple[SearchEntry, Sequence[IndexedMessage]]  # messages to add to a session


class MessageFilter(NamedTuple):
    """Which messages may match; None, 0 and nothing are no limit.

    `role` is who sent them, `since` and `until` when (seconds since the epoch, half-open), and `depth` how
    many messages at the beginning of each session are searched. They have all `features` (a sum of
    `Feature`), and call or answer each of `tools`, as of `tool_key`.
    """

    role: str | None = None
    since: float | None = None
    until: float | None = None
    depth: int | None = None
    features: int = 0
    tools: tuple[str, ...] = ()

    @property
    def is_of_messages(self) -> bool:
        """Whether only a message can meet it, and no title."""
        return self.role is not None or bool(self.features or self.tools)


# ---- the file -------------------------------------------------------------------------------------------


def read_format(connection: Connection) -> int:
    """Return the format of the file, 0 for an empty one."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def is_readable(connection: Connection) -> bool:
    """Whether a file is of an older format that this version can search."""
    return OLDEST_READABLE <= read_format(connection) < FORMAT and has_tables(connection)


def has_tables(connection: Connection) -> bool:
    """Whether a file has every table, with the schema of this version."""
    stored = {sql for (sql,) in _select(connection, "SELECT sql FROM sqlite_master")}
    return stored.issuperset(each for each in _TABLES if each.startswith("CREATE"))


def create_tables(connection: Connection) -> None:
    """Create the tables in an empty file."""
    for statement in _TABLES:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")


def synced_state(connection: Connection) -> str:
    """Return the state of the index of sessions that the search index agrees with, empty for none."""
    return str(connection.exec_driver_sql("SELECT token FROM state").scalar_one())


def set_synced_state(connection: Connection, state: str) -> None:
    """Store the state of the index of sessions that the search index agrees with."""
    connection.exec_driver_sql("UPDATE state SET token = ?", (state,))


# ---- sessions -------------------------------------------------------------------------------------------


def all_entries(connection: Connection) -> dict[EntryKey, SearchEntry]:
    """Return every entry by its key."""
    rows = _select(
        connection, "SELECT profile, session_id, number, title, size, mtime_ns, inode FROM entries"
    )
    return dict(map(_keyed_entry, rows))


# The profiles are looked up one after the other: to read those of all entries would take as long as these.
_ENTRIES_OF_IDS = """
WITH RECURSIVE profiles (profile) AS (
    SELECT min(profile) FROM entries
    UNION ALL
    SELECT (SELECT min(e.profile) FROM entries AS e WHERE e.profile > profiles.profile)
    FROM profiles WHERE profiles.profile IS NOT NULL
)
SELECT e.profile, e.session_id, e.number, e.title, e.size, e.mtime_ns, e.inode
FROM profiles CROSS JOIN json_each(?) CROSS JOIN entries AS e
ON e.profile = profiles.profile AND e.session_id = json_each.value
"""


def entries_of(connection: Connection, session_ids: Iterable[str]) -> dict[EntryKey, SearchEntry]:
    """Return the entries of some sessions, in every profile, by their keys."""
    rows = _select(connection, _ENTRIES_OF_IDS, (json.dumps(list(session_ids)),))
    return dict(map(_keyed_entry, rows))


def _keyed_entry(row: tuple[Any, ...]) -> tuple[EntryKey, SearchEntry]:
    profile, session_id, number, title, *version = row
    return (profile, session_id), SearchEntry(number, title, _signature(*version))


def entries_after(connection: Connection, number: int) -> list[tuple[int, str, str]]:
    """Return the number, the profile and the session id of each entry that came after a number, in order."""
    statement = "SELECT number, profile, session_id FROM entries WHERE number > ? ORDER BY number"
    return [(int(at), profile, each) for at, profile, each in _select(connection, statement, (number,))]


def find_entry(connection: Connection, session_id: str) -> SearchEntry | None:
    """Return the entry of one of the web UI's sessions, None if there is none."""
    rows = _select(
        connection,
        "SELECT number, title, size, mtime_ns, inode FROM entries WHERE profile = ? AND session_id = ?",
        (WEB_UI, session_id),
    )
    return SearchEntry(rows[0][0], rows[0][1], _signature(*rows[0][2:])) if rows else None


def _signature(size: int | None, mtime_ns: int | None, inode: int | None) -> Signature | None:
    return None if size is None or mtime_ns is None or inode is None else Signature(size, mtime_ns, inode)


def add_entry(connection: Connection, key: EntryKey, title: str) -> SearchEntry:
    """Store a session with its title and without messages."""
    statement = "INSERT INTO entries (profile, session_id, title) VALUES (?, ?, ?)"
    number = int(connection.exec_driver_sql(statement, (*key, title)).lastrowid)
    _index_title(connection, number, title)
    return SearchEntry(number, title, None)


def _index_title(connection: Connection, number: int, title: str) -> None:
    statement = "INSERT INTO titles (rowid, title) VALUES (?, ?)"
    connection.exec_driver_sql(statement, (number, index_form(title)))


def set_title(connection: Connection, entry: SearchEntry, title: str) -> None:
    """Store another title of a session."""
    _remove_title(connection, entry)
    connection.exec_driver_sql("UPDATE entries SET title = ? WHERE number = ?", (title, entry.number))
    _index_title(connection, entry.number, title)


def remove_entry(connection: Connection, entry: SearchEntry) -> None:
    """Remove a session with its title and messages."""
    _remove_title(connection, entry)
    remove_messages_from(connection, entry, 0)
    connection.exec_driver_sql("DELETE FROM entries WHERE number = ?", (entry.number,))


def _remove_title(connection: Connection, entry: SearchEntry) -> None:
    # FTS5 stores no text here, so it must be given the text that it is to forget.
    connection.exec_driver_sql(
        "INSERT INTO titles (titles, rowid, title) VALUES ('delete', ?, ?)",
        (entry.number, index_form(entry.title)),
    )


def set_signature(connection: Connection, entry: SearchEntry, signature: Signature) -> None:
    """Store the version of the session's file whose messages are now indexed."""
    connection.exec_driver_sql(
        "UPDATE entries SET size = ?, mtime_ns = ?, inode = ? WHERE number = ?", (*signature, entry.number)
    )


# ---- messages -------------------------------------------------------------------------------------------


def indexed_message(position: int, content: IndexedText) -> IndexedMessage:
    """Return a message to index, with the digest that tells it from others."""
    digest = blake2b(f"{content.role}\0{content.text}".encode("utf-8", "replace"), digest_size=8).digest()
    return IndexedMessage(position, content, int.from_bytes(digest, signed=True), index_form(content.text))


def message_digests(connection: Connection, entry: SearchEntry) -> list[int]:
    """Return the digests of a session's messages in order."""
    statement = "SELECT digest FROM messages WHERE number BETWEEN ? AND ? ORDER BY number"
    return [digest for (digest,) in _select(connection, statement, numbers_of(entry.number))]


def numbers_of(entry: int) -> tuple[int, int]:
    """Return the first and the last number that a message of an entry can have."""
    first = entry << SEQUENCE_BITS
    return first, first + (1 << SEQUENCE_BITS) - 1


def remove_messages_from(connection: Connection, entry: SearchEntry, position: int) -> None:
    """Remove a session's messages from a position on.

    Their words stay in the index, where no message has their numbers any more, until `clear_messages`.
    """
    of_entry = "FROM messages WHERE number BETWEEN ? AND ? AND position >= ?"
    parameters = (*numbers_of(entry.number), position)
    numbers = f"SELECT number {of_entry}"
    connection.exec_driver_sql(f"INSERT INTO removed {numbers}", parameters)  # no value in it
    connection.exec_driver_sql(f"DELETE FROM tools WHERE number IN ({numbers})", parameters)  # noqa: S608
    if connection.exec_driver_sql(f"DELETE {of_entry}", parameters).rowcount:  # none after another title
        _count_change(connection, [entry.number])


def add_messages(connection: Connection, added: Sequence[Added]) -> None:
    """Store messages of sessions, of each after those that it has.

    Texts come last, and those of all sessions together: a statement that could be undone alone, as most
    changes of other tables can, makes FTS5 write what it holds in memory, however little that is.
    """
    numbered = [
        pair for entry, messages in added if messages for pair in _numbered(connection, entry, messages)
    ]
    if not numbered:
        return
    _count_change(connection, {entry.number for entry, messages in added if messages})
    rows = [
        (number, position, content.role, content.sent_at, digest, len(content.text), content.features)
        for number, (position, content, digest, _) in numbered
    ]
    tools = [(tool, number) for number, each in numbered for tool in each.content.tools]
    connection.exec_driver_sql("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    if tools:
        connection.exec_driver_sql("INSERT OR IGNORE INTO tools VALUES (?, ?)", tools)
    texts = [(number, each.form) for number, each in numbered]
    connection.exec_driver_sql("INSERT INTO texts (rowid, text) VALUES (?, ?)", texts)


def _numbered(
    connection: Connection, entry: SearchEntry, messages: Sequence[IndexedMessage]
) -> Iterator[tuple[int, IndexedMessage]]:
    """Return messages with the numbers that they get."""
    if not messages:
        return iter(())
    used = "UPDATE entries SET used = used + ? WHERE number = ? RETURNING used"
    last = int(connection.exec_driver_sql(used, (len(messages), entry.number)).scalar_one())
    return enumerate(messages, numbers_of(entry.number)[0] + last - len(messages))


def count_texts(connection: Connection) -> tuple[int, int]:
    """Return how many indexed texts belong to removed messages, and how many to present ones."""
    removed = int(connection.exec_driver_sql("SELECT count(*) FROM removed").scalar_one())
    messages = int(connection.exec_driver_sql("SELECT count(*) FROM messages").scalar_one())
    return removed, messages


def clear_messages(connection: Connection) -> None:
    """Remove every message and word, so that all are read and indexed again."""
    for statement in (
        "INSERT INTO texts (texts) VALUES ('delete-all')",
        *(f"DELETE FROM {table}" for table in ("messages", "removed", "tools", "words", "vocabularies")),  # noqa: S608
        "UPDATE entries SET size = NULL, mtime_ns = NULL, inode = NULL, used = 0",
        "UPDATE state SET token = ''",
    ):
        connection.exec_driver_sql(statement)
    _count_change(connection, None)


def count_changes(connection: Connection) -> int:
    """Return a number that is another one after each change of the messages that are indexed."""
    return int(connection.exec_driver_sql("SELECT changes FROM state").scalar_one())


def _count_change(connection: Connection, entries: Collection[int] | None) -> None:
    """Count a change of the messages of some entries, None for all."""
    statement = "UPDATE state SET changes = changes + 1 RETURNING changes"
    number = int(connection.exec_driver_sql(statement).scalar_one())
    note_change(connection, Change(number, entries))


# ---- queries --------------------------------------------------------------------------------------------


class Occurrence(NamedTuple):
    """A message that matches: its position, and its length in characters."""

    position: int
    length: int


class Matches(NamedTuple):
    """How many messages match, by entry; and the messages' numbers in order, None if they are too many."""

    counts: Mapping[int, int]
    numbers: Sequence[int] | None


_PRESENT = "texts.rowid NOT IN (SELECT number FROM removed)"
_BOTH = "texts CROSS JOIN messages AS m ON m.number = texts.rowid"
MOST_NUMBERS = 20_000  # of messages with a word: of more, it is faster to have SQLite count
# Of messages with the beginning of a word, which SQLite puts together from all words that have it at each
# question: 0.2 s for a first letter. Their numbers are read at once.
MOST_PUT_TOGETHER = 1_000_000


def find_matches(
    connection: Connection, expression: str | None, wanted: MessageFilter, expected: int = 0
) -> Matches:
    """Return which messages match; without an `expression`, every one that is wanted.

    `expected` is about how many match, if that is known: it saves time if there are many.
    """
    numbers, most = None, most_numbers(expression)
    if expected <= most or is_put_together(expression):
        numbers = _some_numbers(connection, expression, wanted, most)
    if numbers is None:
        return Matches(_count_matches(connection, expression, wanted), None)
    return Matches(Counter(map(rshift, numbers, repeat(SEQUENCE_BITS))), numbers)


def most_numbers(expression: str | None) -> int:
    """Return how many messages may match for their numbers to be read: of more, they are counted."""
    return MOST_PUT_TOGETHER if is_put_together(expression) else MOST_NUMBERS


def is_put_together(expression: str | None) -> bool:
    """Whether an expression has the beginning of a word."""
    return expression is not None and "*" in expression


def _some_numbers(
    connection: Connection, expression: str | None, wanted: MessageFilter, most: int
) -> Sequence[int] | None:
    """Return the numbers of the messages that match, in order; None if they are more than `most`."""
    tables, conditions, parameters = _matching(connection, expression, wanted)
    number = _number(expression)
    statement = (
        f"SELECT {number} AS number FROM {tables} WHERE {conditions} ORDER BY {number} LIMIT {most + 1}"  # noqa: S608
    )
    # As one text: half the time of a row for each.
    together = f"SELECT json_group_array(number) FROM ({statement}) AS found"  # noqa: S608
    ((text,),) = _select(connection, together, parameters)
    numbers = array("q", msgspec.json.decode(text, type=list[int]))
    return numbers if len(numbers) <= most else None


def _number(expression: str | None) -> str:
    return "m.number" if expression is None else "texts.rowid"


def _count_matches(
    connection: Connection, expression: str | None, wanted: MessageFilter
) -> Mapping[int, int]:
    tables, conditions, parameters = _matching(connection, expression, wanted)
    entry = f"{_number(expression)} >> {SEQUENCE_BITS}"
    statement = f"SELECT {entry} AS entry, count(*) AS number FROM {tables} WHERE {conditions} GROUP BY 1"  # noqa: S608
    # As one text: of single rows, the driver takes and gives up Python's lock at each.
    arrays = f"SELECT json_group_array(entry), json_group_array(number) FROM ({statement}) AS found"  # noqa: S608
    ((entries, numbers),) = _select(connection, arrays, parameters)
    return dict(zip(*(msgspec.json.decode(each, type=list[int]) for each in (entries, numbers)), strict=True))


def numbers_in(
    connection: Connection, expression: str | None, wanted: MessageFilter, entries: Collection[int]
) -> list[int]:
    """Return the numbers of the messages of some entries that match, in order."""
    if not entries:
        return []
    tables, conditions, parameters = _matching(connection, expression, wanted)
    number, values = _number(expression), json.dumps(sorted(entries))
    if is_put_together(expression):  # at each question, and so once for all of them
        within = f"{number} >> {SEQUENCE_BITS} IN (SELECT value FROM json_each(?))"  # noqa: S608
        given = (*parameters, values)
    else:
        tables = f"json_each(?) CROSS JOIN {tables}"
        first = f"json_each.value << {SEQUENCE_BITS}"
        within = f"{number} BETWEEN {first} AND ({first}) + {(1 << SEQUENCE_BITS) - 1}"
        given = (values, *parameters)
    statement = f"SELECT {number} FROM {tables} WHERE {conditions} AND {within} ORDER BY {number}"  # noqa: S608
    return [number for (number,) in _select(connection, statement, given)]


def occurrences(connection: Connection, numbers: Collection[int]) -> dict[int, Occurrence]:
    """Return messages by their numbers."""
    # As one text: of single rows, the driver takes and gives up Python's lock at each.
    statement = (
        "SELECT json_group_array(number), json_group_array(json_array(position, length)) FROM messages "
        "WHERE number IN (SELECT value FROM json_each(?))"
    )
    ((found, messages),) = _select(connection, statement, (json.dumps(list(numbers)),))
    occurrences = msgspec.json.decode(messages, type=list[Occurrence])
    return dict(zip(msgspec.json.decode(found, type=list[int]), occurrences, strict=True))


def _matching(
    connection: Connection, expression: str | None, wanted: MessageFilter
) -> tuple[str, str, tuple[Any, ...]]:
    """Return the tables, the conditions and the parameters of the messages that match."""
    limits = list(_limits(wanted))
    conditions = [condition for condition, _ in limits]
    values = tuple(value for _, value in limits)
    if expression is None:
        return "messages AS m", " AND ".join(conditions or ["1"]), values
    tables = _BOTH if limits else "texts"
    ((last_removed,),) = _select(connection, "SELECT max(number) FROM removed")
    removed = [] if last_removed is None else [_PRESENT]
    return tables, " AND ".join(["texts MATCH ?", *removed, *conditions]), (expression, *values)


def _limits(wanted: MessageFilter) -> Iterator[tuple[str, Any]]:
    conditions = {
        "m.role = ?": wanted.role,
        "m.sent_at >= ?": wanted.since,
        "m.sent_at < ?": wanted.until,
        "m.position < ?": wanted.depth,
        f"m.features & ? = {wanted.features}": wanted.features or None,
    }
    yield from ((condition, value) for condition, value in conditions.items() if value is not None)
    for tool in wanted.tools:
        yield "m.number IN (SELECT number FROM tools WHERE tool = ?)", tool


def find_titles(connection: Connection, expression: str) -> list[int]:
    """Return the entries whose titles match."""
    statement = "SELECT rowid FROM titles WHERE titles MATCH ?"
    return [number for (number,) in _select(connection, statement, (expression,))]


def count_entries(connection: Connection) -> int:
    """Return how many sessions and conversations there are."""
    return int(connection.exec_driver_sql("SELECT count(*) FROM entries").scalar_one())


def _select(
    connection: Connection, statement: str, parameters: tuple[object, ...] = ()
) -> list[tuple[Any, ...]]:
    return database.raw_rows(connection, statement, parameters)
