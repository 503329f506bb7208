"""A corrupt index: finding out what is wrong with it, setting it aside, and beginning a new one.

The sessions come back from their files. Drafts are in the index alone: those that can still be read are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from .. import modes
from ..config import Config
from ..errors import storing
from ..locks import file_lock
from . import database, rows, upgrades
from .column_types import Json
from .row_values import Indexed
from .schema import METADATA, SESSIONS

NO_TABLES = "it has no tables"
_BESIDE = ("-wal", "-shm")  # before the database itself: a new one must not get the log of the old


def watch(engine: Engine) -> None:
    """Let an error of the engine lead to `Damaged` where the file of an SQLite index explains it."""
    if path := database.file_of(engine):
        database.diagnose_with(engine, lambda: diagnose(path))


def replace(config: Config, engine: Engine) -> bool:
    """Set a corrupt index aside, and begin a new one; return False if it is sound, such as a newly made one.

    The next list fills it from the files. The old one stays beside it: `sessions.db.<when>.<number>.damaged`.
    Raises `StorageError`.
    """
    path = database.file_of(engine)
    if path is None:
        return False
    with file_lock(upgrades.lock_file(config)):
        engine.dispose()
        reason = diagnose(path)
        if reason is None:  # another process was faster
            return False
        drafts = _readable_drafts(path)
        if reason != NO_TABLES:  # else whoever began a new one did not finish it
            set_aside(path)
    upgrades.upgrade(config, engine)
    with database.writing(engine) as connection:
        rows.put(connection, drafts)
    return True


def set_aside(path: Path) -> None:
    """Rename a corrupt database, in the place of one that was set aside before; raise `StorageError`."""
    with storing(f"cannot set the corrupt {path.name} aside"):
        for old in path.parent.glob(f"{path.name}.*.damaged*"):
            old.unlink(missing_ok=True)
        kept = upgrades.kept_beside(path, "damaged")
        for suffix in (*_BESIDE, ""):
            with suppress(FileNotFoundError):
                _rename(path.with_name(path.name + suffix), kept.with_name(kept.name + suffix))


def _rename(old: Path, new: Path) -> None:
    old.rename(new)
    modes.tighten(new)


# ---- diagnosis ------------------------------------------------------------------------------------------


def diagnose(path: Path) -> str | None:
    """Return what is wrong with an index, None if nothing is, or if it is not one of this program's.

    Reads every row, as lists do.
    """
    return examine(path, _faults)


def examine(path: Path, faults: Callable[[Connection], Iterator[str]]) -> str | None:
    """Return the first of the `faults` of a database, or what keeps SQLite from reading it; None for none."""
    if not path.exists():
        return None
    engine = database.make_engine(path)
    try:
        with engine.connect() as connection:
            result = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
            return next(faults(connection), None) if result == "ok" else " ".join(result.split())
    except (OSError, sa.exc.TimeoutError):
        return None
    except Exception as error:  # noqa: BLE001  # of whatever decodes a malformed value
        return None if database.is_passing(error) else _reason(error)
    finally:
        engine.dispose()


def _reason(error: Exception) -> str:
    """Return the words for an error of the driver, or of decoding, which would quote the corrupt bytes."""
    return database.driver_text(error) if isinstance(error, sa.exc.DBAPIError) else "a value is malformed"


def _faults(connection: Connection) -> Iterator[str]:
    tables = set(sa.inspect(connection).get_table_names())
    if tables <= {"alembic_version"}:
        yield NO_TABLES
    if not tables & (METADATA.tables.keys() - {"sessions"}):
        return  # another program's
    if "alembic_version" not in tables:
        yield "its schema has no revision"
    current = upgrades.read_revision(connection)
    if current is None or not upgrades.is_plausible(connection, current, upgrades.revisions()):
        yield "its revision is malformed"
    elif upgrades.is_older_than_its_tables(connection, current):
        yield "its revision is older than its tables"
    if current == upgrades.revisions()[-1]:
        for table in METADATA.sorted_tables:
            yield from _faults_of(connection, table)
        if connection.execute(sa.select(sa.func.count()).select_from(_STATE)).scalar_one() != 1:
            yield "its state is missing"


_STATE = METADATA.tables["index_state"]


def _faults_of(connection: Connection, table: sa.Table) -> Iterator[str]:
    types = [(column.name, column.nullable, _python_types(column)) for column in table.columns]
    for row in connection.execute(sa.select(table)):
        for value, (name, nullable, allowed) in zip(row, types, strict=True):
            if not (nullable if value is None else isinstance(value, allowed)):
                yield f"a value of {table.name}.{name} is malformed"


def _python_types(column: sa.Column[Any]) -> tuple[type, ...]:
    if isinstance(column.type, Json):
        return (dict,)
    return (int, float) if column.type.python_type is float else (column.type.python_type,)


# ---- what only the index has ----------------------------------------------------------------------------


def _readable_drafts(path: Path) -> list[Indexed]:
    engine = database.make_engine(path)
    drafts: list[Indexed] = []
    try:
        with suppress(Exception), engine.connect() as connection:  # what is malformed can raise anything
            for session_id in _readable_draft_ids(connection):
                with suppress(Exception):
                    drafts.extend(filter(None, [rows.get(connection, session_id)]))
    finally:
        engine.dispose()
    return drafts


def _readable_draft_ids(connection: Connection) -> list[str]:
    """Return the ids up to a corrupt page, and those behind it, from the table and from an index."""
    ids: dict[str, None] = {}
    drafts = sa.select(SESSIONS.c.session_id).where(SESSIONS.c.draft == sa.true())
    places: tuple[sa.ColumnElement[Any], ...] = (sa.literal_column("rowid"), SESSIONS.c.session_id)
    for column in places:
        for order in (column.asc(), column.desc()):
            with suppress(Exception):
                for session_id in connection.execute(drafts.order_by(order)).scalars():
                    ids[session_id] = None
    return list(ids)
