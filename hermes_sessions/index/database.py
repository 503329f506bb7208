"""Database engines: connections, transactions, and the errors of drivers. Knows no table.

Only what sets up an engine for SQLite is about SQLite; the rest holds for any database.
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
    """Return a new engine for an SQLAlchemy URL or the path of an SQLite file; raise `InvalidValue`.

    For SQLite: WAL, a busy timeout, foreign keys, and transactions that begin when asked to, writing ones
    with `BEGIN IMMEDIATE`. The listeners are those of this engine alone.
    """
    try:
        # A path cannot be put into a URL unchanged: "?" and "%" have a meaning there.
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
# A database in memory is its connection: there is one, and threads wait for it.
_IN_MEMORY: dict[str, Any] = {
    "poolclass": QueuePool,
    "pool_size": 1,
    "max_overflow": 0,
    "connect_args": {"check_same_thread": False},
}


def _set_up_connection(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # or the driver would begin transactions itself
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        _use_wal(connection)
    # No fsync for each row: a commit that a power failure loses is drift, which the next sync repairs.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. When two do so at once, SQLite fails one of them without waiting, so this waits."""
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
        # Not before the first write: the file of a newer version of this program is only read.
        _use_wal(driver)
        connection.info["wal"] = True
    # `exec_driver_sql` would take ten times as long for these few microseconds, at every call.
    driver.execute("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give out a connection whose reads see one state of the database; raise `StorageError`."""
    with _errors_of(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give out a connection in a transaction, committed at the end of the block unless that raises."""
    with _errors_of(engine), engine.connect().execution_options(write=True) as connection, connection.begin():
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
def _errors_of(engine: Engine) -> Iterator[None]:
    """Turn a database's errors into `StorageError`; errors of this program pass."""
    try:
        yield
    except (OperationalError, PoolTimeout, sqlite3.OperationalError) as error:
        raise StorageError(f"{_name(engine)} failed: {driver_text(error)}") from error
    except (DatabaseError, sqlite3.DatabaseError) as error:
        # SQLite reports a corrupt file as DatabaseError; its subclasses mean a wrong statement.
        if type(error) not in (DatabaseError, sqlite3.DatabaseError):
            raise
        raise Damaged(f"{_name(engine)} is corrupt ({driver_text(error)}). {_REBUILD}") from error
    except UnicodeDecodeError as error:  # SQLite's message quotes the corrupt bytes
        raise Damaged(f"{_name(engine)} is corrupt. {_REBUILD}") from error


_REBUILD = "Delete it: it will be rebuilt from the session files"


def _name(engine: Engine) -> str:
    """Return what to call a database in an error: an SQLite file by its name, without folders."""
    is_file = engine.dialect.name == "sqlite" and engine.url.database
    return Path(engine.url.database or "").name if is_file else "the database"


def driver_text(error: Exception) -> str:
    """Return the text of a driver's error, without what SQLAlchemy adds to it."""
    return str(getattr(error, "orig", None) or error)
