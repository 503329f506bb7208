"""The search index: the tables of its file, and the SQL over them.

`search.db` holds the words of the web UI's transcripts and of every title, in SQLite's FTS5. It is built from
other files and can be deleted at any time. Newer messages have higher numbers, so that a query returns the
newest matches first without sorting.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection

from ..index import database
from ..model import Signature
from .indexed_text import IndexedText
from .query import MOST_WORDS
from .words import distinct_words, is_expandable, split_unspaced

FORMAT = 3  # of the file: a file of another format is replaced
WEB_UI = ""  # stands for a profile in the entries of the web UI's sessions
# New messages get numbers from here upwards; messages older than all that are indexed, from here downwards.
FIRST_NUMBER = 1 << 31
LAST_NUMBER = (1 << 63) - 1

_OPTIONS = "tokenize = \"unicode61 remove_diacritics 2\", content = ''"  # no text is stored, only its words
_TABLES = (
    "CREATE TABLE state (token TEXT NOT NULL)",
    "INSERT INTO state VALUES ('')",
    """CREATE TABLE entries (
        number INTEGER PRIMARY KEY, profile TEXT NOT NULL, session_id TEXT NOT NULL, title TEXT NOT NULL,
        size INTEGER, mtime_ns INTEGER, inode INTEGER, UNIQUE (profile, session_id)
    )""",
    """CREATE TABLE messages (
        number INTEGER PRIMARY KEY, entry INTEGER NOT NULL, position INTEGER NOT NULL, role TEXT NOT NULL,
        sent_at REAL, digest INTEGER NOT NULL
    )""",
    "CREATE INDEX messages_of_entry ON messages (entry, position)",
    "CREATE TABLE words (word TEXT PRIMARY KEY) WITHOUT ROWID",
    f"CREATE VIRTUAL TABLE texts USING fts5 (text, {_OPTIONS})",
    f"CREATE VIRTUAL TABLE titles USING fts5 (title, {_OPTIONS})",
)

# What fails if a full-text table is corrupt.
_TRIALS = (
    "INSERT INTO texts (texts) VALUES ('integrity-check')",
    "INSERT INTO titles (titles) VALUES ('integrity-check')",
    "SELECT rowid FROM texts WHERE texts MATCH 'a' LIMIT 1",
    "SELECT rowid FROM titles WHERE titles MATCH 'a' LIMIT 1",
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
    """A message to index, and its position in the transcript."""

    position: int
    content: IndexedText
    digest: int


class MessageMatch(NamedTuple):
    """A message that matches. `relevance` is higher for a better match, `number` for a newer message."""

    session_id: str
    position: int
    sent_at: float | None
    relevance: float
    number: int


class TitleMatch(NamedTuple):
    """A session whose title matches; `profile` is WEB_UI for the web UI's sessions, else the agent's."""

    profile: str
    session_id: str
    relevance: float
    number: int


class MessageFilter(NamedTuple):
    """Which messages may match; None is no limit.

    `role` is who sent them, `since` and `until` when (seconds since the epoch, half-open), and `depth` how
    many messages at the beginning of each session are searched.
    """

    role: str | None = None
    since: float | None = None
    until: float | None = None
    depth: int | None = None


# ---- the file -------------------------------------------------------------------------------------------


def read_format(connection: Connection) -> int:
    """Return the format of the file, 0 for an empty one."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def create_tables(connection: Connection) -> None:
    """Create the tables in an empty file."""
    for statement in _TABLES:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")


def synced_version(connection: Connection) -> str:
    """Return the version of the index of sessions that the search index agrees with, empty for none."""
    return str(connection.exec_driver_sql("SELECT token FROM state").scalar_one())


def set_synced_version(connection: Connection, version: str) -> None:
    """Store the version of the index of sessions that the search index agrees with."""
    connection.exec_driver_sql("UPDATE state SET token = ?", (version,))


# ---- sessions -------------------------------------------------------------------------------------------


def all_entries(connection: Connection) -> dict[EntryKey, SearchEntry]:
    """Return every entry by its key."""
    rows = _select(
        connection, "SELECT profile, session_id, number, title, size, mtime_ns, inode FROM entries"
    )
    return {
        (profile, session_id): SearchEntry(number, title, _signature(*version))
        for profile, session_id, number, title, *version in rows
    }


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
    connection.exec_driver_sql(statement, (number, split_unspaced(title)))
    add_words(connection, distinct_words(title))


def set_title(connection: Connection, entry: SearchEntry, title: str) -> None:
    """Store another title of a session."""
    _remove_title(connection, entry)
    connection.exec_driver_sql("UPDATE entries SET title = ? WHERE number = ?", (title, entry.number))
    _index_title(connection, entry.number, title)


def remove_entry(connection: Connection, entry: SearchEntry) -> None:
    """Remove a session with its title and messages."""
    _remove_title(connection, entry)
    connection.exec_driver_sql("DELETE FROM messages WHERE entry = ?", (entry.number,))
    connection.exec_driver_sql("DELETE FROM entries WHERE number = ?", (entry.number,))


def _remove_title(connection: Connection, entry: SearchEntry) -> None:
    # FTS5 stores no text here, so it must be given the text that it is to forget.
    connection.exec_driver_sql(
        "INSERT INTO titles (titles, rowid, title) VALUES ('delete', ?, ?)",
        (entry.number, split_unspaced(entry.title)),
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
    return IndexedMessage(position, content, int.from_bytes(digest, signed=True))


def message_digests(connection: Connection, entry: SearchEntry) -> list[int]:
    """Return the digests of a session's messages in order."""
    statement = "SELECT digest FROM messages WHERE entry = ? ORDER BY position"
    return [digest for (digest,) in _select(connection, statement, (entry.number,))]


def remove_messages_from(connection: Connection, entry: SearchEntry, position: int) -> None:
    """Remove a session's messages from a position on.

    Their words stay in the index, where no message has their numbers any more, until `clear_messages`.
    """
    statement = "DELETE FROM messages WHERE entry = ? AND position >= ?"
    connection.exec_driver_sql(statement, (entry.number, position))


def next_number(connection: Connection) -> int:
    """Return the number for the next message, which is higher than all numbers ever used."""
    # Numbers of removed messages count too: their words are still indexed and would find the new message.
    highest = connection.exec_driver_sql("SELECT max(id) FROM texts_docsize").scalar()
    return FIRST_NUMBER if highest is None else max(FIRST_NUMBER, int(highest) + 1)


def numbers_before_all(connection: Connection, count: int) -> int:
    """Return the first of `count` numbers that are lower than all numbers ever used."""
    lowest = connection.exec_driver_sql("SELECT min(id) FROM texts_docsize").scalar()
    return min(FIRST_NUMBER, FIRST_NUMBER if lowest is None else int(lowest)) - count


def add_messages(
    connection: Connection, entry: SearchEntry, messages: Sequence[IndexedMessage], first: int
) -> None:
    """Store messages of a session, numbered from `first` on."""
    rows = [
        (number, entry.number, each.position, each.content.role, each.content.sent_at, each.digest)
        for number, each in enumerate(messages, first)
    ]
    texts = [(number, split_unspaced(each.content.text)) for number, each in enumerate(messages, first)]
    if rows:
        connection.exec_driver_sql("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.exec_driver_sql("INSERT INTO texts (rowid, text) VALUES (?, ?)", texts)


def add_words(connection: Connection, words: Iterable[str]) -> None:
    """Store words, so that they are found by their parts."""
    rows = [(word,) for word in words if is_expandable(word)]
    if rows:
        connection.exec_driver_sql("INSERT OR IGNORE INTO words VALUES (?)", rows)


def words_of(messages: Iterable[IndexedMessage]) -> set[str]:
    """Return the words of messages, each once."""
    words: set[str] = set()
    for each in messages:
        words |= distinct_words(each.content.text)
    return words


def count_texts(connection: Connection) -> tuple[int, int]:
    """Return how many indexed texts belong to removed messages, and how many to present ones."""
    texts = int(connection.exec_driver_sql("SELECT count(*) FROM texts_docsize").scalar_one())
    messages = int(connection.exec_driver_sql("SELECT count(*) FROM messages").scalar_one())
    return texts - messages, messages


def clear_messages(connection: Connection) -> None:
    """Remove every message, so that all are read and indexed again."""
    for statement in (
        "INSERT INTO texts (texts) VALUES ('delete-all')",
        "DELETE FROM messages",
        "UPDATE entries SET size = NULL, mtime_ns = NULL, inode = NULL",
        "UPDATE state SET token = ''",
    ):
        connection.exec_driver_sql(statement)


# ---- damage ---------------------------------------------------------------------------------------------


def faults(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with the tables of a file that SQLite calls sound."""
    if read_format(connection) != FORMAT:
        return  # an empty file, or one that is replaced
    stored = {sql for (sql,) in _select(connection, "SELECT sql FROM sqlite_master")}
    if not stored.issuperset(each for each in _TABLES if each.startswith("CREATE")):
        yield "its schema is malformed"
    synced_version(connection)
    texts = (text for key, entry in all_entries(connection).items() for text in (*key, entry.title))
    if not all(isinstance(text, str) for text in texts):
        yield "an entry is malformed"
    _select(connection, "SELECT word FROM words")
    for statement in _TRIALS:
        connection.exec_driver_sql(statement)


# ---- queries --------------------------------------------------------------------------------------------


def find_messages(
    connection: Connection, expression: str, wanted: MessageFilter, before: int | None, most: int
) -> list[MessageMatch]:
    """Return the newest `most` messages that match, of those with numbers below `before` (None: all).

    Ranking all 34,000 matches of a common word takes 59 ms, ranking the newest 2,000 of them 4 ms.
    """
    conditions, parameters = ["texts MATCH ?"], [expression]
    for condition, value in _conditions(wanted, before):
        conditions.append(condition)
        parameters.append(value)
    statement = (
        "SELECT e.session_id, m.position, m.sent_at, -bm25(texts), m.number FROM texts "  # noqa: S608  # below
        "CROSS JOIN messages AS m ON m.number = texts.rowid CROSS JOIN entries AS e ON e.number = m.entry "
        f"WHERE {' AND '.join(conditions)} ORDER BY texts.rowid DESC LIMIT ?"
    )
    return [MessageMatch(*row) for row in _select(connection, statement, (*parameters, most))]


def _conditions(wanted: MessageFilter, before: int | None) -> Iterator[tuple[str, Any]]:
    conditions = {
        "texts.rowid < ?": LAST_NUMBER if before is None else before,
        "m.role = ?": wanted.role,
        "m.sent_at >= ?": wanted.since,
        "m.sent_at < ?": wanted.until,
        "m.position < ?": wanted.depth,
    }
    return ((condition, value) for condition, value in conditions.items() if value is not None)


def find_titles(connection: Connection, expression: str, before: int | None, most: int) -> list[TitleMatch]:
    """Return the latest `most` sessions whose titles match, of those numbered below `before` (None: all)."""
    statement = (
        "SELECT e.profile, e.session_id, -bm25(titles), e.number FROM titles "
        "CROSS JOIN entries AS e ON e.number = titles.rowid "
        "WHERE titles MATCH ? AND titles.rowid < ? ORDER BY titles.rowid DESC LIMIT ?"
    )
    parameters = (expression, LAST_NUMBER if before is None else before, most)
    return [TitleMatch(*row) for row in _select(connection, statement, parameters)]


def find_words(connection: Connection, pattern: str) -> list[str]:
    """Return at most `MOST_WORDS` words that a LIKE pattern matches, shortest first."""
    statement = "SELECT word FROM words WHERE word LIKE ? ORDER BY length(word), word LIMIT ?"
    return [word for (word,) in _select(connection, statement, (pattern, MOST_WORDS))]


def _select(
    connection: Connection, statement: str, parameters: tuple[object, ...] = ()
) -> list[tuple[Any, ...]]:
    # Stores are read side by side: an error must not become that of a store whose block surrounds the call.
    with database.errors_of(connection.engine):
        return database.driver_tuples(connection.exec_driver_sql(statement, parameters))
