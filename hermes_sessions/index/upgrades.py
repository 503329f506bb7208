"""The revision of the index's schema: reading it, and upgrading the index once, after a copy."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from operator import ne
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from .. import modes
from ..config import INDEX_FILE, Config
from ..errors import Damaged, NewerDatabase, StorageError, storing
from ..findings import Finding, FindingKind
from ..locks import file_lock
from . import database, postgresql
from .boundary import only_sessions_errors
from .schema import METADATA

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

_REVISION = re.compile("[0-9]{4}")
_REVISION_FILE = re.compile(r"(?P<revision>\d+)_\w+\.py")


def migrations_folder() -> Path:
    """Return the folder of the migrations."""
    return Path(str(resources.files("hermes_sessions.migrations")))


def revisions(migrations: Path | None = None) -> list[str]:
    """Return the revisions that this program knows, oldest first.

    They are taken from the names of the files, so Alembic is loaded only if there is something to upgrade.
    """
    folder = (migrations or migrations_folder()) / "versions"
    found = map(_REVISION_FILE.fullmatch, (path.name for path in folder.iterdir()))
    return sorted(match["revision"] for match in found if match)


@only_sessions_errors()
def revision(config: Config) -> str | None:
    """Return the revision of the index of `config`, None if it has none yet; raise `StorageError`."""
    with _engine_for(config) as engine:
        if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
            return None  # a connection would create the file
        with database.reading(engine) as connection:
            return read_revision(connection)


def outdated(config: Config) -> Finding | None:
    """Return a finding if the index of `config` has an older revision than the newest, else None."""
    try:
        current, newest = revision(config), revisions()[-1]
    except StorageError:  # opening the index begins a new one, or one elsewhere, or says why it cannot
        return None
    if current in (None, newest):
        return None
    meaning = f"the index has revision {current}, this program needs {newest}; nothing else was checked"
    return Finding(FindingKind.OLD_REVISION, None, meaning, "hermes-sessions db upgrade")


def upgrade(config: Config, engine: Engine, migrations: Path | None = None) -> None:
    """Upgrade an index to the newest revision, once, even if several processes try.

    An SQLite index that holds sessions is first copied beside itself. Raises `NewerDatabase` if the revision
    is unknown, `StorageError`.
    """
    known = revisions(migrations)
    create_folders(config)
    if _is_newest(engine, known):
        return
    with _upgrade_lock(config, engine):
        if not _is_newest(engine, known):
            _migrate(config, engine, migrations, _to_newest)


@only_sessions_errors()
def upgrade_index(config: Config) -> None:
    """Upgrade the index of `config` to the newest revision; raises as `upgrade`."""
    with _engine_for(config) as engine:
        upgrade(config, engine)


@only_sessions_errors()
def downgrade_index(config: Config) -> None:
    """Remove all tables from the index of `config`, which the next opening fills from the files again."""
    create_folders(config)
    with _engine_for(config) as engine, _upgrade_lock(config, engine):
        _is_newest(engine, revisions())
        _migrate(config, engine, None, _to_nothing)


@contextmanager
def _engine_for(config: Config) -> Iterator[Engine]:
    engine = database.make_engine(config.index)
    try:
        yield engine
    finally:
        engine.dispose()


def create_folders(config: Config) -> None:
    """Create the folders that an index needs, and make the files of this program private."""
    if config.is_indexed_elsewhere:
        _create_index_folders(config)
        return
    if config.search_dir != config.index_dir:
        _create_search_folders(config)
    with storing("cannot create the state folder"):
        modes.make_folder(config.state_dir)
        for folder in (config.trash_dir, config.backups_dir, config.state_dir / "locks"):
            modes.make_own_folder(folder)
        for database_file in config.state_dir.glob("se*.db*"):  # also logs and copies of an earlier version
            modes.tighten(database_file)


def _create_index_folders(config: Config) -> None:
    with storing("cannot create a folder for the index in the user's cache"):
        for folder in (config.index_dir, config.index_locks_dir):
            if folder is not None:
                modes.make_own_folder(folder)


def _create_search_folders(config: Config) -> None:
    with storing("cannot create a folder for the search index in the user's cache"):
        for folder in (config.search_dir, config.search_locks_dir):
            if folder is not None:
                modes.make_own_folder(folder)


def lock_file(config: Config) -> Path | None:
    """Return the lock of whoever upgrades or replaces the index; None for an index in memory."""
    folder = config.index_locks_dir
    return None if folder is None else folder / "upgrade.lock"


def _upgrade_lock(config: Config, engine: Engine) -> AbstractContextManager[None]:
    """Return the lock of whoever upgrades an index: that of the database, if several hosts can use it."""
    if engine.dialect.name == postgresql.NAME:
        return postgresql.upgrade_lock(engine)
    return file_lock(lock_file(config))


def _is_newest(engine: Engine, known: list[str]) -> bool:
    with database.reading(engine) as connection:
        current = read_revision(connection)
        path = database.file_of(engine)
        if path is not None and current is not None and not is_plausible(connection, current, known):
            raise Damaged(path.name, "its revision is malformed")
    if current is not None and current not in known:
        raise NewerDatabase(
            f"the index has revision {current}, newer than {known[-1]} of this program. "
            "Use the newer program, or delete the index: it will be rebuilt from the session files"
        )
    return current == known[-1]


def is_plausible(connection: Connection, current: str, known: Sequence[str]) -> bool:
    """Whether a revision can be what a program wrote, and not one that was damaged.

    Revisions are four digits, and each adds to the tables. So an unknown one, of a newer program, comes with
    tables or columns that this program does not know; without any, it must differ from every known one in
    more than a character.
    """
    if current in known:
        return True
    changed = (sum(map(ne, current, each)) for each in known)
    return bool(_REVISION.fullmatch(current)) and (min(changed) > 1 or bool(_difference(connection).unknown))


def is_older_than_its_tables(connection: Connection, current: str) -> bool:
    """Whether an index has all of the newest tables and columns, and the revision of an earlier one."""
    return current in revisions()[:-1] and not _difference(connection).missing


class _Difference(NamedTuple):
    """The tables and columns of an index that this program does not know, and those that it lacks."""

    unknown: set[str]
    missing: set[str]


def _difference(connection: Connection) -> _Difference:
    inspector = sa.inspect(connection)
    found = {
        f"{table}.{column['name']}"
        for table in inspector.get_table_names()
        if table != "alembic_version"
        for column in inspector.get_columns(table)
    }
    own = {f"{table.name}.{column.name}" for table in METADATA.tables.values() for column in table.columns}
    return _Difference(found - own, own - found)


def read_revision(connection: Connection) -> str | None:
    """Return the revision of an index, None if it has none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    query = sa.select(sa.column("version_num", sa.String)).select_from(sa.table("alembic_version"))
    return connection.execute(query).scalar_one_or_none()


def _to_newest(script: AlembicConfig) -> None:
    from alembic import command

    command.upgrade(script, "head")


def _to_nothing(script: AlembicConfig) -> None:
    from alembic import command

    command.downgrade(script, "base")


def _migrate(
    config: Config, engine: Engine, migrations: Path | None, move: Callable[[AlembicConfig], None]
) -> None:
    from alembic.config import Config as NewConfig

    keep_copy(config, engine)
    script = NewConfig()
    script.set_main_option("script_location", str(migrations or migrations_folder()).replace("%", "%%"))
    with database.writing(engine) as connection:
        script.attributes["connection"] = connection
        move(script)


def keep_copy(config: Config, engine: Engine) -> None:
    """Copy an index that holds sessions: an SQLite file beside itself, tables of PostgreSQL into a schema.

    Raises `StorageError`.
    """
    if not _holds_rows(engine):
        return
    if engine.dialect.name == postgresql.NAME:
        with database.writing(engine) as connection:
            postgresql.keep_copy(connection)
    elif config.index_dir is not None:
        _keep_file(config.index_dir, engine)


def _keep_file(folder: Path, engine: Engine) -> None:
    copy = kept_beside(folder / INDEX_FILE, "bak")
    modes.keep_private(copy)  # VACUUM takes an empty file
    try:
        with database.reading(engine) as connection:
            # By the driver: VACUUM cannot run in a transaction, and SQLAlchemy always begins one. The path
            # as bytes, since a folder's name need not be UTF-8.
            cursor = connection.connection.cursor()
            cursor.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(copy),))
    except BaseException:
        copy.unlink(missing_ok=True)  # it is incomplete
        raise


def kept_beside(path: Path, why: str) -> Path:
    """Return a new name for a version of a database that is kept: `<name>.<when>.<number>.<why>`."""
    return path.with_name(f"{path.name}.{time.strftime('%Y%m%dT%H%M%S')}.{uuid.uuid4().hex[:6]}.{why}")


def _holds_rows(engine: Engine) -> bool:
    with database.reading(engine) as connection:
        if not sa.inspect(connection).has_table("sessions"):
            return False
        any_row = sa.select(sa.literal(1)).select_from(sa.table("sessions")).limit(1)
        return connection.execute(any_row).scalar() is not None
