"""What is specific to an index in PostgreSQL: its connections, its locks, and what its errors mean.

Works with any driver: it recognises errors by their SQLSTATE, as the SQL standard and Appendix A of
PostgreSQL's manual define it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from .. import json_text
from ..locks import LOCK_SECONDS

NAME = "postgresql"
# As other programs write it, without a driver: the one that our extra installs.
_NAMES, _DRIVER = ("postgresql", "postgres"), "postgresql+psycopg"
# Other programs may use advisory locks in the same database; this first number sets ours apart.
_OURS = 0x48534553
_NAMED = _OURS + 1  # that of the locks with names
_LOCK_MS = 5000  # how long a change waits for the changes of other programs, as with SQLite
# lock_not_available, deadlock_detected, serialization_failure: another try can succeed.
_BUSY = frozenset({"55P03", "40P01", "40001"})
_REASONS = {
    "08": "the connection was lost",
    "28": "it refused the user or the password",
    "42501": "its user may not do this",
    "3D": "there is no database of this name",
    "53100": "its disk is full",
    "53300": "it has no connection left",
    "57P": "it is stopping or starting",
}
_LONGEST_STATE = 5
# What is said of a connection that was refused, to which the driver gives no SQLSTATE, and the one it has. A
# server that speaks another language is one that cannot be reached.
_REFUSALS = {
    'database ".*" does not exist': "3D",
    'role ".*" does not exist|password authentication failed|no password supplied|pg_hba.conf': "28",
    "too many (clients|connections)|remaining connection slots": "53300",
    "the database system is (starting up|shutting down|in recovery)": "57P",
}
_WRONG_URL = re.compile("invalid (URI query parameter|connection option|[a-z_]+ value)")
_COPIES = "hermes_sessions_before_"  # how the names of schemas begin that hold copies of the tables


class AdvisoryLock(IntEnum):
    """The locks of an index, by their numbers: changes of rows, and changes of the schema."""

    WRITE = 1
    UPGRADE = 2


def is_meant(url: sa.URL) -> bool:
    """Whether a URL is that of a PostgreSQL database."""
    return url.get_backend_name() in _NAMES


def make_engine(url: sa.URL) -> Engine:
    """Return a new engine for an index in PostgreSQL.

    Reads see one state of the database from their first query on. Changes come one after another, and each
    query of a change sees what the changes before it left.
    """
    engine = sa.create_engine(
        url.set(drivername=_DRIVER) if url.drivername in _NAMES else url,
        pool_pre_ping=True,
        pool_use_lifo=True,  # the connection that was used last has prepared most statements
        isolation_level="REPEATABLE READ",
        json_deserializer=json_text.decode,
    )
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    return engine


# A list takes a millisecond, and to compile its plan would take a hundred. Where an index has the order,
# nothing is sorted: the server underestimates how many rows a `NOT EXISTS` leaves, and would sort what it
# takes for a few. And indexes are in memory: to read a page of one takes no seek.
_PLANNING = "SET jit = off; SET enable_sort = off; SET random_page_cost = 1.1"


def _set_up_connection(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PLANNING)
    connection.commit()


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get("write"):
        return
    driver: Any = connection.connection.driver_connection
    wait = f"SET LOCAL lock_timeout = {_LOCK_MS}"
    driver.execute(f"{wait}; SELECT pg_advisory_xact_lock({_OURS}, {AdvisoryLock.WRITE})")


def write_options() -> dict[str, Any]:
    """Return the options of a connection that changes rows: after its lock it sees what is there by then."""
    return {"write": True, "isolation_level": "READ COMMITTED"}


def is_busy(error: BaseException) -> bool:
    """Whether PostgreSQL ended a query because of another program's, so that another try can succeed."""
    return _sqlstate(error) in _BUSY


def reason_of(error: BaseException) -> str | None:
    """Return why a query failed, in words that name no host, user or path; None if it was not PostgreSQL's.

    The driver's own text stays in the cause.
    """
    driver_error = getattr(error, "orig", error)
    if not hasattr(driver_error, "sqlstate"):
        return None
    state = driver_error.sqlstate
    if state is None:
        return _why_refused(str(driver_error))
    known = (_REASONS.get(state[:length]) for length in range(_LONGEST_STATE, 1, -1))
    return next(filter(None, known), None) or f"PostgreSQL's error {state}"


def _why_refused(text: str) -> str:
    """Return why there is no connection, by the text of the driver, which itself can name hosts and paths."""
    if _WRONG_URL.search(text):
        return "its URL has a parameter that PostgreSQL does not know, or one with a wrong value"
    known = (_REASONS[state] for words, state in _REFUSALS.items() if re.search(words, text))
    return next(known, "it cannot be reached")


def is_of_url(error: BaseException) -> bool:
    """Whether the driver refused the URL, of which it says what it says of a wrong statement."""
    return _sqlstate(error) is None and bool(_WRONG_URL.search(str(getattr(error, "orig", error))))


def is_of_driver(error: BaseException) -> bool:
    """Whether an error is the driver's own: of a statement that was executed beneath SQLAlchemy."""
    return hasattr(error, "sqlstate")


def _sqlstate(error: BaseException) -> str | None:
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state if isinstance(state, str) else None


@contextmanager
def upgrade_lock(engine: Engine) -> Iterator[None]:
    """Hold the lock of whoever changes the schema, against every host; raises the driver's errors."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        _acquire(connection, _OURS, AdvisoryLock.UPGRADE, LOCK_SECONDS)
        yield
    finally:
        release_locks(connection)


def acquire_lock(connection: Connection, number: int, seconds: float) -> None:
    """Acquire the lock of a number below 2^32, held until `release_locks`; raises the driver's errors.

    The connection must not begin transactions.
    """
    _acquire(connection, _NAMED, number, seconds)


def _acquire(connection: Connection, kind: int, number: int, seconds: float) -> None:
    signed = number - (1 << 32) if number >> 31 else number
    milliseconds = max(1, round(seconds * 1000))  # 0 would wait for ever
    connection.exec_driver_sql(f"SET lock_timeout = {milliseconds}")
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({kind}, {signed})")


def release_locks(connection: Connection) -> None:
    """Release the locks that a connection holds, and return it; a lost connection holds none."""
    try:
        connection.exec_driver_sql("SELECT pg_advisory_unlock_all(); RESET lock_timeout")
    except SQLAlchemyError:
        connection.invalidate()
    except BaseException:  # an interrupt: whoever got the connection next would hold the locks too
        connection.invalidate()
        raise
    finally:
        connection.close()


def copy_in(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all with the same columns, with `COPY`: in a fifth of the time of an `INSERT` for each."""
    driver: Any = connection.connection.driver_connection
    names = list(rows[0])
    quoted = ", ".join(f'"{name}"' for name in names)
    makers = [(name, _bound(connection, table.c[name])) for name in names]
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({quoted}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([make(row[name]) if make else row[name] for name, make in makers])


def _bound(connection: Connection, column: sa.Column[Any]) -> Callable[[Any], Any] | None:
    """Return what makes a value of a column one of the driver's, None if it is one."""
    return column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)


def vacuum(connection: Connection, tables: Iterable[str]) -> None:
    """Bring the statistics of tables up to date, and the maps by which an index alone answers a query."""
    alone = connection.execution_options(isolation_level="AUTOCOMMIT")
    alone.exec_driver_sql(f"VACUUM (ANALYZE) {', '.join(tables)}")


def keep_copy(connection: Connection) -> None:
    """Copy every table into a new schema, `hermes_sessions_before_<when>`, in place of the copy before."""
    inspector = sa.inspect(connection)
    for schema in inspector.get_schema_names():
        if schema.startswith(_COPIES):
            connection.execute(sa.text(f'DROP SCHEMA "{schema}" CASCADE'))
    schema = _COPIES + time.strftime("%Y%m%dt%H%M%S")
    connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    for table in inspector.get_table_names():
        connection.execute(sa.text(f'CREATE TABLE {schema}."{table}" AS TABLE "{table}"'))
