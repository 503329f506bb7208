"""Database engines: connections, transactions, and the errors of drivers. Knows no table.

The set-up for SQLite is here, that for PostgreSQL in `postgresql`; everything else works for both.
"""

import functools
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DisconnectionError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection, QueuePool

from .. import json_text, modes
from ..errors import Damaged, InvalidValue, Locked, SessionsError, StorageError
from . import postgresql

BUSY_MS, READERS_BUSY_MS = 5000, 1000  # how long changes, and lists, wait for another program's lock
DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error)
# What SQLAlchemy and the driver raise for a corrupt file, among others: `OperationalError` is one of them.
DATABASE_ERRORS = (DatabaseError, sqlite3.DatabaseError)
_MEMORY = (None, "", ":memory:")  # what an SQLite URL calls a database without a file
IDS_PER_QUERY = 500  # in one `IN (...)`: far below every database's limit on parameters

T = TypeVar("T")


def make_engine(where: str | Path) -> Engine:
    """Return a new engine for an SQLAlchemy URL or the path of an SQLite file; raise `InvalidValue`.

    For SQLite: WAL, a busy timeout, foreign keys, and transactions that begin when asked to, writing ones
    with `BEGIN IMMEDIATE`. The listeners are those of this engine alone.
    """
    with _wrong_url():
        url = _parsed(where)
        if postgresql.is_meant(url):
            return postgresql.make_engine(url)
        if url.get_backend_name() != "sqlite":
            raise ArgumentError
        options = _IN_MEMORY if url.database in _MEMORY else _IN_A_FILE
        engine = sa.create_engine(url, json_deserializer=json_text.decode, **options)
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    if path := file_of(engine):
        event.listen(engine, "do_connect", lambda *_: modes.keep_private(path))
        _follow_file(engine, str(path))
    return engine


def is_shared(url: str) -> bool:
    """Whether several hosts can use the database of a URL; raise `InvalidValue`."""
    with _wrong_url():
        return postgresql.is_meant(_parsed(url))


def _parsed(where: str | Path) -> sa.URL:
    # A path cannot be put into a URL unchanged: "?" and "%" have a meaning there.
    return sa.URL.create("sqlite", database=str(where)) if isinstance(where, Path) else sa.make_url(where)


@contextmanager
def _wrong_url() -> Iterator[None]:
    try:
        yield
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise InvalidValue(
            "database_url must be an SQLAlchemy URL whose driver is installed: sqlite:///PATH, or "
            "postgresql://USER@HOST/DATABASE with the extra hermes-sessions[postgresql]"
        ) from error


def file_of(engine: Engine) -> Path | None:
    """Return the SQLite file of an engine, None for another database, one in memory, or a URI's."""
    name, query = engine.url.database, engine.url.query
    is_file = engine.dialect.name == "sqlite" and name not in _MEMORY and not query
    return Path(name) if is_file and name else None


def uri_without_traces(path: Path) -> str:
    """Return the URI by which SQLite reads a file and writes nothing, neither to it nor beside it.

    Without a log, the file is read as one that nobody changes: the caller compares its version afterwards.
    With one, by the shared memory that the log's writer left, which is only read.
    """
    unchanging = not any(map(_has_content, (Path(f"{path}-wal"), Path(f"{path}-journal"))))
    return f"file:{quote(os.fsencode(path))}?mode=ro&{'immutable=1' if unchanging else 'readonly_shm=1'}"


def connect_alone(path: Path) -> sqlite3.Connection:
    """Return a connection to an SQLite file, for any thread, outside of engines, that does not wait.

    Not one that can only read: as the last one, it puts what the log holds into the file when it is closed.
    """
    uri = f"file:{quote(os.fsencode(path))}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)


def needs_shared_memory(path: Path) -> bool:
    """Whether an SQLite file has a log, without the shared memory by which alone that can be read."""
    return _has_content(Path(f"{path}-wal")) and not _has_content(Path(f"{path}-shm"))


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


@contextmanager
def reading_without_traces(path: Path) -> Iterator[Connection]:
    """Give out a connection to an SQLite file that is only read, as of `uri_without_traces`."""
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri_without_traces(path), uri=True, isolation_level=None),
        poolclass=NullPool,
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def copy_all(source: Connection, target: Connection) -> None:
    """Replace the content of an SQLite database by that of another."""
    drivers: list[Any] = [each.connection.driver_connection for each in (source, target)]
    drivers[0].backup(drivers[1])


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


def _follow_file(engine: Engine, path: str) -> None:
    """Let the pool of an engine open its file again after another process put a new one in its place.

    Such a process found the file corrupt. A file that was deleted stays in use, as in every other process.
    """

    def note(_: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["inode"] = _inode(path)

    def compare(_: sqlite3.Connection, record: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
        inode = _inode(path)
        if inode is not None and inode != record.info["inode"]:
            raise DisconnectionError

    event.listen(engine, "connect", note)
    event.listen(engine, "checkout", compare)


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino  # noqa: PTH116  # a Path would take as long as the call
    except OSError:
        return None


def diagnose_with(engine: Engine, diagnose: Callable[[], str | None]) -> None:
    """Let `diagnose` say what is wrong with the file of an engine, after an error that damage may explain.

    It returns a reason, None if the file is sound.
    """
    _DIAGNOSES[engine] = diagnose


_DIAGNOSES: WeakKeyDictionary[Engine, Callable[[], str | None]] = WeakKeyDictionary()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give out a connection whose reads see one state of the database; raise `StorageError`."""
    with errors_of(engine), engine.connect() as connection:
        yield connection
        end_reading(connection)


def end_reading(connection: Connection) -> None:
    """Return a connection that has only read before the end of its block.

    PostgreSQL's driver forgets after a rollback, such as that of `close`, which statements it has prepared:
    the server would plan each anew, which takes longer than to run it.
    """
    if connection.dialect.name == postgresql.NAME and not connection.closed:
        connection.commit()
    connection.close()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give out a connection in a transaction, committed at the end of the block unless that raises."""
    options = postgresql.write_options() if engine.dialect.name == postgresql.NAME else {"write": True}
    with errors_of(engine), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def check_writable(engine: Engine) -> None:
    """Raise `StorageError` if a database cannot be written: called before a file is changed."""
    with writing(engine):
        return


def wait_to_write(engine: Engine) -> None:
    """Raise `Locked` if another program holds an SQLite file's lock for writes for more than a second.

    For a write that a reader can do without: any other waits for `BUSY_MS`.
    """
    if engine.dialect.name != "sqlite":
        return
    with errors_of(engine), engine.connect() as connection, _waiting_at_most(connection, READERS_BUSY_MS):
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN IMMEDIATE")
        driver.execute("ROLLBACK")


@contextmanager
def writing_at_once(engine: Engine) -> Iterator[Connection]:
    """Give out a connection as `writing` does; raise `Locked` rather than wait for an SQLite lock."""
    unwaiting = engine.connect().execution_options(write=True)
    with errors_of(engine), unwaiting as connection, _waiting_at_most(connection, 0), connection.begin():
        yield connection


@contextmanager
def _waiting_at_most(connection: Connection, milliseconds: int) -> Iterator[None]:
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA busy_timeout = {milliseconds}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


def learn_sizes(engine: Engine, tables: Iterable[str]) -> None:
    """Let PostgreSQL count what tables hold, and note which of their pages every reader may see.

    Until it does so by itself, it reads whole tables where an index has all that a list needs. SQLite's
    queries are written for its plans without statistics.
    """
    if engine.dialect.name == postgresql.NAME:
        with errors_of(engine), engine.connect() as connection:
            postgresql.vacuum(connection, tables)


def insert_all(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of a table, all with the same columns."""
    if connection.dialect.name == postgresql.NAME and len(rows) > _FEW:
        postgresql.copy_in(connection, table, rows)
    elif rows:
        connection.execute(_insert_into(table), rows)


_insert_into = functools.cache(sa.insert)

_FEW = 10  # rows, for which a `COPY` is no faster


def checkpoint(engine: Engine) -> None:
    """Put what the log of an SQLite file holds into the file itself, as far as no other program reads it."""
    with errors_of(engine), engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


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


def raw_rows(
    connection: Connection, statement: str, parameters: Sequence[object] = ()
) -> list[tuple[Any, ...]]:
    """Return every row of a statement in the driver's own SQL, for many small queries: a tenth of the time.

    They see the same state of the database as the other queries of the connection.
    """
    with errors_of(connection.engine):
        if not connection.in_transaction():
            connection.begin()
        cursor: Any = connection.connection.cursor()
        try:
            rows: list[tuple[Any, ...]] = cursor.execute(statement, parameters).fetchall()
        finally:
            cursor.close()
    return rows


def parameter(prefix: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    """Return a statement's parameter for a value of this column, named `prefix` and the column's name."""
    return sa.bindparam(f"{prefix}{column.name}", type_=column.type)


@contextmanager
def errors_of(engine: Engine) -> Iterator[None]:
    """Turn the errors of a database into `StorageError`; errors of this program pass.

    Around one query of several stores that are read together, it names the store that failed.
    """
    try:
        yield
    except (SessionsError, OSError):
        raise
    except Exception as error:
        reason = _damage(engine, error)
        if reason is not None:
            raise Damaged(_name(engine), reason) from error
        if _sqlite_code(error) in _BUSY or postgresql.is_busy(error):
            raise Locked(f"{_name(engine)} is locked by another program") from error
        of_driver = isinstance(error, DRIVER_ERRORS) or postgresql.is_of_driver(error)
        if of_driver and (not isinstance(error, _WRONG_STATEMENTS) or postgresql.is_of_url(error)):
            raise StorageError(f"{_name(engine)} failed: {driver_text(error)}") from error
        raise


# Faults of this program, which no caller can do anything about: they stay what they are until they leave it.
_WRONG_STATEMENTS = (IntegrityError, ProgrammingError, sqlite3.IntegrityError, sqlite3.ProgrammingError)
# SQLite's result codes for a file that is no database.
_NO_DATABASE = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
# Extended codes of a file that ends too early, though its primary code is that of any I/O error.
_CUT_SHORT = frozenset({sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# Those that say nothing about the content of the file.
_PASSING = frozenset(
    {
        *(*_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR),
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM),
    }
)


def _damage(engine: Engine, error: Exception) -> str | None:
    """Return why the file must be corrupt if an error says so or leads to it, else None.

    A flipped byte in a name of the schema is "no such column", in a value an error of whoever decodes it.
    """
    if isinstance(error, UnicodeDecodeError):  # SQLite's message would quote the corrupt bytes
        return "it contains text that is not UTF-8"
    if is_corrupt_page(error) or _sqlite_code(error) in _NO_DATABASE:
        return driver_text(error)
    if is_passing(error):
        return None
    diagnose = _DIAGNOSES.get(engine)
    return diagnose() if diagnose else None


def is_corrupt_page(error: BaseException) -> bool:
    """Whether SQLite could open a database, but not read some of it, since its content contradicts itself."""
    return _sqlite_code(error) == sqlite3.SQLITE_CORRUPT or _extended_code(error) in _CUT_SHORT


def is_passing(error: Exception) -> bool:
    """Whether an error says nothing about the content of the file: a lock, a full disk, its rights."""
    if _extended_code(error) in _CUT_SHORT:
        return False
    return isinstance(error, PoolTimeout) or _sqlite_code(error) in _PASSING


def is_full(error: BaseException) -> bool:
    """Whether SQLite found no room for what it had to write."""
    return _sqlite_code(error) == sqlite3.SQLITE_FULL


def _sqlite_code(error: BaseException) -> int | None:
    """Return SQLite's primary result code, None for an error that is not SQLite's."""
    code = _extended_code(error)
    return None if code is None else code & 0xFF


def _extended_code(error: BaseException) -> int | None:
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return code if isinstance(code, int) else None


def _name(engine: Engine) -> str:
    """Return what to call a database in an error: an SQLite file by its name, without folders."""
    is_file = engine.dialect.name == "sqlite" and engine.url.database
    return Path(engine.url.database or "").name if is_file else "the database"


def driver_text(error: Exception) -> str:
    """Return the text of a driver's error, without what SQLAlchemy adds to it."""
    return postgresql.reason_of(error) or str(getattr(error, "orig", None) or error)
