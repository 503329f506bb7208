"""What is wrong with a search index that SQLite calls sound."""

from collections.abc import Iterator

from sqlalchemy import Connection

from ..index import database
from . import tables

# What fails if a full-text table is corrupt.
_TRIALS = (
    "INSERT INTO texts (texts) VALUES ('integrity-check')",
    "INSERT INTO titles (titles) VALUES ('integrity-check')",
    "SELECT rowid FROM texts WHERE texts MATCH 'a' LIMIT 1",
    "SELECT rowid FROM titles WHERE titles MATCH 'a' LIMIT 1",
)


def faults(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with the tables of a file that SQLite calls sound."""
    if tables.read_format(connection) != tables.FORMAT and not tables.is_readable(connection):
        return  # an empty file, or one that is replaced
    if not tables.has_tables(connection):
        yield "its schema is malformed"
    tables.synced_state(connection)
    texts = (text for key, entry in tables.all_entries(connection).items() for text in (*key, entry.title))
    if not all(isinstance(text, str) for text in texts):
        yield "an entry is malformed"
    database.raw_rows(connection, "SELECT word, stem, texts FROM words")
    for statement in _TRIALS:
        connection.exec_driver_sql(statement)
