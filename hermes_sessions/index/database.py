"""The index's engine: connections, transactions, and the driver's errors as ours. Knows no table.

SQLite itself is meant in `make_engine`; everything else holds for any database of SQLAlchemy's.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from .. import json_text
from ..errors import Damaged, InvalidValue, StorageError

BUSY_MS = 5000
IDS_PER_QUERY = 500  # in one `IN (...)`: far below every database's limit on parameters

T = TypeVar("T")


def make_engine(where: str | Path) -> Engine:
    """Return an engine of our own for an SQLAlchemy URL or an SQLite file; `InvalidValue` for what is none.

    On SQLite: WAL, a busy timeout, foreign keys, and transactions that begin when we say so, for a write
    with `BEGIN IMMEDIATE`. The listeners are on this engine alone.
    """
    try:
        # A path is no part of a URL as it stands: "?" and "%" mean something there.
        parsed = (
            sa.URL.create("sqlite", database=str(where)) if isinstance(where, Path) else sa.make_url(where)
        )
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed, pool_pre_ping=True, json_deserializer=json_text.decode)
        memory = parsed.database in (None, "", ":memory:")
        options = _IN_MEMORY if memory else _IN_A_FILE
        engine = sa.create_engine(parsed, json_deserializer=json_text.decode, **options)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise InvalidValue("database_url must be an SQLAlchemy URL whose driver is installed") from error
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    return engine


_IN_A_FILE: dict[str, Any] = {"pool_size": 8, "max_overflow": 64}
# There the database is its connection: there is one, and threads wait for it.
_IN_MEMORY: dict[str, Any] = {
    "poolclass": QueuePool,
    "pool_size": 1,
    "max_overflow": 0,
    "connect_args": {"check_same_thread": False},
}


def _set_up_connection(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # or the driver would begin transactions behind our back
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        _use_wal(connection)
    # A lost commit after a power cut is drift, which the next sync heals: no fsync per row.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; where two do so at once, SQLite refuses one without waiting, so the wait is here."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.005)
        else:
            return


def _begin(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    write = connection.get_execution_options().get("write")
    if write and not connection.info.get("wal"):
        # Only now if the file held something: one of a newer version is looked at and left as it is.
        _use_wal(driver)
        connection.info["wal"] = True
    # Not `exec_driver_sql`: its frame around these few microseconds takes ten times as long, at every call.
    driver.execute("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give out a connection for reads that see one state; the database's errors become `StorageError`."""
    with storing_rows(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give out a connection in a write transaction, committed at the end of the block unless it raises."""
    with storing_rows(), engine.connect().execution_options(write=True) as connection, connection.begin():
        yield connection


def chunks(values: Iterable[T], size: int = IDS_PER_QUERY) -> Iterator[list[T]]:
    """Yield the values in lists of at most `size`, by default as many as one `IN (...)` may take."""
    ordered = list(values)
    return (ordered[at : at + size] for at in range(0, len(ordered), size))


def driver_tuples(result: sa.CursorResult[Any]) -> list[tuple[Any, ...]]:
    """Return every row of a result as the driver's own tuple, and close the result.

    SQLAlchemy's rows take twice as long to make, and the garbage collector has to visit each of them.
    """
    cursor: Any = result.cursor
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    result.close()
    return rows


def parameter(prefix: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    """Return a statement's parameter for a value of this column, named `prefix` and the column's name."""
    return sa.bindparam(f"{prefix}{column.name}", type_=column.type)


@contextmanager
def storing_rows() -> Iterator[None]:
    """Turn what the database refuses in the block into a `StorageError`; our own mistakes pass."""
    try:
        yield
    except (OperationalError, PoolTimeout, sqlite3.OperationalError) as error:
        raise StorageError(f"the index refused: {_words(error)}") from error
    except (DatabaseError, sqlite3.DatabaseError) as error:
        if type(error) not in (DatabaseError, sqlite3.DatabaseError):  # a bug of ours, not to be dressed up
            raise
        raise Damaged(f"the index is damaged: {_words(error)}; delete it, it is made anew") from error
    except UnicodeDecodeError as error:  # of SQLite's own message, which quotes what is damaged
        raise Damaged("the index is damaged; delete it, it is made anew") from error


def _words(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)  # the driver's own words
