"""Tests the schema: created once by several processes, upgraded after a copy, not touched if it is newer."""

import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory

from hermes_sessions import InvalidValue, NewerDatabase, SessionRepository, StorageError
from hermes_sessions.config import Config, resolve
from hermes_sessions.index import database, schema, upgrades

from ..support import compiled
from ..support.postgresql import Server
from ..support.processes import at_once

pytestmark = pytest.mark.sqlite("its file and its schema")

ROOT = Path(__file__).parents[2]
HEAD = upgrades.revisions()[-1]
HEADER = (
    f'"""Made by a test."""\nimport sqlalchemy as sa\nfrom alembic import op\n\ndown_revision = "{HEAD}"\n'
)
ADDS_A_COLUMN = """
revision = "9998"
def upgrade():
    op.add_column("sessions", sa.Column("colour", sa.Text))
def downgrade():
    op.drop_column("sessions", "colour")
"""
FAILS = """
revision = "9998"
def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO half VALUES (1)")
    op.add_column("sessions", sa.Column("colour", sa.Text))
    op.execute("DELETE FROM sessions")
    {failure}
def downgrade():
    pass
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The configuration of a home with three sidecars and no index."""
    config = resolve(hermes_home=tmp_path / "home")
    write_sidecars(config.sessions_dir, 3)
    return config


def write_sidecars(folder: Path, count: int) -> None:
    """Write this many sessions as the web UI leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        document = {
            "title": f"t{number}",
            "updated_at": number,
            "messages": [{"role": "user", "content": "a"}],
        }
        (folder / f"s{number:03}.json").write_text(json.dumps(document))


@pytest.fixture(autouse=True)
def alembic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upgrade as the library does, each time."""
    monkeypatch.setattr(upgrades, "_to_newest", compiled.migrate_by_alembic)


def open_and_list(config: Config) -> list[str]:
    """Return the ids that a new repository lists."""
    with SessionRepository.open(config.state_dir) as sessions:
        return [summary.session_id for summary in sessions.list().items]


def with_revision(tmp_path: Path, text: str) -> Path:
    """Return a copy of the migrations with one more."""
    copy = tmp_path / "migrations"
    shutil.copytree(upgrades.migrations_folder(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "versions" / "9998_made_by_a_test.py").write_text(HEADER + text)
    return copy


def upgrade_with(config: Config, migrations: Path) -> str | None:
    """Upgrade the index with other migrations, and return its revision."""
    engine = database.make_engine(config.index)
    try:
        upgrades.upgrade(config, engine, migrations)
    finally:
        engine.dispose()
    return upgrades.revision(config)


def rename(config: Config, session_id: str) -> str:
    """Rename a session in a new repository, and return the title in its list."""
    with SessionRepository.open(config.state_dir) as sessions:
        sessions.update(session_id, title="new")
        return next(one.title for one in sessions.list().items if one.session_id == session_id)


def copies(config: Config) -> list[Path]:
    """Return the copies made by upgrades."""
    return list(config.state_dir.glob("sessions.db.*.bak"))


def dump(path: Path) -> list[str]:
    """Return all that is in a database, as SQL."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def query(path: Path, sql: str) -> list[Any]:
    """Return the first column of a query's rows."""
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute(sql).fetchall()]
    finally:
        connection.commit()
        connection.close()


def index_of(config: Config) -> Path:
    """Return the path of the index."""
    return config.state_dir / "sessions.db"


# ---- a new home -------------------------------------------------------------------------------------------


def test_a_new_home(tmp_path: Path) -> None:
    config = resolve(hermes_home=tmp_path / "not" / "there" / "yet")
    assert open_and_list(config) == []
    assert upgrades.revision(config) == HEAD
    assert copies(config) == []


def test_the_statements_that_other_tests_share_make_the_same_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = (compiled.migrate_by_alembic, compiled.migrate, compiled.migrate)
    homes = [resolve(hermes_home=tmp_path / str(number)) for number in range(len(ways))]
    for config, way in zip(homes, ways, strict=True):
        monkeypatch.setattr(upgrades, "_to_newest", way)
        upgrades.upgrade_index(config)

    dumps = ["\n".join(dump(index_of(config))) for config in homes]
    assert len({re.sub(r"'[0-9a-f]{32}'", "?", text) for text in dumps}) == 1
    assert len(set(dumps)) == len(ways), "each index has an identity of its own"


def test_the_revision_before_the_first_upgrade(config: Config) -> None:
    assert upgrades.revision(config) is None


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 8])
def test_processes_that_open_a_new_home_at_once(config: Config, count: int) -> None:
    write_sidecars(config.sessions_dir, 40)
    found = at_once(open_and_list, [(config,)] * count)
    expected = [f"s{number:03}" for number in reversed(range(40))]
    assert found == [expected] * count
    assert sorted(query(index_of(config), "SELECT session_id FROM sessions")) == sorted(expected)
    assert query(index_of(config), "SELECT count(*) FROM index_state") == [1]
    assert copies(config) == []


@pytest.mark.slow
def test_processes_that_write_to_an_index_in_another_journal_mode(config: Config) -> None:
    """A restored copy has another journal mode: `VACUUM INTO` does not write WAL."""
    write_sidecars(config.sessions_dir, 8)
    listed = open_and_list(config)
    query(index_of(config), "PRAGMA journal_mode = DELETE")
    assert at_once(rename, [(config, session_id) for session_id in listed]) == ["new"] * 8
    assert query(index_of(config), "PRAGMA journal_mode") == ["wal"]


@pytest.mark.slow
def test_alembic_is_loaded_only_for_an_upgrade(config: Config) -> None:
    code = (
        "import sys; from hermes_sessions import SessionRepository\n"
        "with SessionRepository.open(sys.argv[1]) as sessions: sessions.list()\n"
        "print('alembic' in sys.modules)"
    )
    for expected in ("True\n", "False\n"):
        ran = subprocess.run(
            [sys.executable, "-c", code, str(config.state_dir)], capture_output=True, text=True, check=True
        )
        assert ran.stdout == expected


# ---- from one revision to the next ------------------------------------------------------------------------


def test_an_upgrade_keeps_the_rows_and_a_copy(config: Config, tmp_path: Path) -> None:
    listed = open_and_list(config)
    before = dump(index_of(config))
    assert upgrade_with(config, with_revision(tmp_path, ADDS_A_COLUMN)) == "9998"
    assert query(index_of(config), "SELECT count(*) FROM sessions WHERE colour IS NULL") == [3]
    (copy,) = copies(config)
    assert dump(copy) == before
    index_of(config).unlink()
    copy.rename(index_of(config))
    assert open_and_list(config) == listed


def test_rows_that_are_only_in_the_write_ahead_log_are_in_the_copy(config: Config, tmp_path: Path) -> None:
    with SessionRepository.open(config.state_dir) as sessions:
        sessions.update("s000", title="new")
        upgrade_with(config, with_revision(tmp_path, ADDS_A_COLUMN))
    (copy,) = copies(config)
    assert "new" in query(copy, "SELECT title FROM sessions")


@pytest.mark.fault
def test_no_upgrade_without_room_for_the_copy(disk: Path, tmp_path: Path) -> None:
    small = resolve(disk, database_url=f"sqlite:///{tmp_path / 'roomy.db'}")
    write_sidecars(small.sessions_dir, 1)
    with SessionRepository.open(disk, database_url=small.database_url) as sessions:
        for _ in range(200):
            sessions.new(personality="x" * 9000)
    before = dump(tmp_path / "roomy.db")
    with pytest.raises(StorageError, match="disk is full"):
        upgrade_with(small, with_revision(tmp_path, ADDS_A_COLUMN))
    assert dump(tmp_path / "roomy.db") == before
    assert copies(small) == []


def test_a_copy_in_a_folder_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    config = resolve(tmp_path / os.fsdecode(b"caf\xe9"))
    write_sidecars(config.sessions_dir, 1)
    open_and_list(config)
    upgrades.downgrade_index(config)
    assert query(copies(config)[0], "SELECT session_id FROM sessions") == ["s000"]


def test_no_copy_of_an_index_without_rows(tmp_path: Path) -> None:
    config = resolve(hermes_home=tmp_path / "home")
    assert open_and_list(config) == []
    assert upgrade_with(config, with_revision(tmp_path, ADDS_A_COLUMN)) == "9998"
    assert copies(config) == []


def test_no_copy_where_there_is_nothing_to_upgrade(config: Config) -> None:
    open_and_list(config)
    open_and_list(config)
    upgrades.upgrade_index(config)
    assert copies(config) == []


@pytest.mark.slow
def test_processes_that_upgrade_at_once_leave_one_copy(config: Config, tmp_path: Path) -> None:
    open_and_list(config)
    migrations = with_revision(tmp_path, ADDS_A_COLUMN)
    assert at_once(upgrade_with, [(config, migrations)] * 4) == ["9998"] * 4
    assert len(copies(config)) == 1


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ('raise RuntimeError("half way")', RuntimeError),
        ('op.execute("SELECT * FROM nowhere")', StorageError),
    ],
)
@pytest.mark.parametrize("opened_before", [True, False])
def test_a_failing_revision_leaves_the_database_as_it_was(
    config: Config, tmp_path: Path, failure: str, error: type[Exception], opened_before: bool
) -> None:
    if opened_before:
        open_and_list(config)
    before = dump(index_of(config)) if opened_before else []
    with pytest.raises(error, match=r"half way|no such table: nowhere"):
        upgrade_with(config, with_revision(tmp_path, FAILS.format(failure=failure)))
    if opened_before:
        assert dump(index_of(config)) == before
    else:
        assert query(index_of(config), "SELECT name FROM sqlite_master") == []
    assert open_and_list(config) == ["s002", "s001", "s000"]


def test_downgrade_to_nothing_and_back(config: Config) -> None:
    listed = open_and_list(config)
    upgrades.downgrade_index(config)
    assert set(query(index_of(config), "SELECT name FROM sqlite_master WHERE type = 'table'")) <= {
        "alembic_version"
    }
    assert upgrades.revision(config) is None
    assert len(copies(config)) == 1
    upgrades.downgrade_index(config)  # there is nothing more to take away
    assert open_and_list(config) == listed
    assert upgrades.revision(config) == HEAD


def test_downgrade_of_a_home_without_an_index(config: Config) -> None:
    upgrades.downgrade_index(config)
    assert upgrades.revision(config) is None


def test_upgrade_of_an_index(config: Config) -> None:
    upgrades.upgrade_index(config)
    assert upgrades.revision(config) == HEAD


# ---- databases that are not ours to touch -----------------------------------------------------------------


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
@pytest.mark.parametrize(
    "call", [open_and_list, upgrades.upgrade_index, upgrades.downgrade_index], ids=lambda call: call.__name__
)
def test_a_newer_database_is_refused_and_not_touched(config: Config, journal_mode: str, call: Any) -> None:
    open_and_list(config)
    query(index_of(config), "UPDATE alembic_version SET version_num = '9999'")
    query(index_of(config), f"PRAGMA journal_mode = {journal_mode}")
    before = index_of(config).read_bytes()
    with pytest.raises(NewerDatabase, match=f"revision 9999, newer than {HEAD}"):
        call(config)
    assert index_of(config).read_bytes() == before
    assert copies(config) == []
    assert upgrades.revision(config) == "9999"


def test_a_database_that_a_later_program_upgraded_is_refused(config: Config, tmp_path: Path) -> None:
    open_and_list(config)
    upgrade_with(config, with_revision(tmp_path, ADDS_A_COLUMN))
    before = index_of(config).read_bytes()
    with pytest.raises(NewerDatabase, match="9998"):
        open_and_list(config)
    assert index_of(config).read_bytes() == before


@pytest.mark.parametrize(
    "garbage",
    [b"not a database at all " * 500, bytes(8192), b"SQLite format 3\0" + b"\xff" * 8000],
    ids=["text", "zeros", "header"],
)
def test_a_file_that_is_not_a_database(config: Config, garbage: bytes) -> None:
    index_of(config).write_bytes(garbage)
    with pytest.raises(StorageError, match=r"sessions\.db is corrupt \(.*\)\. Its next use rebuilds"):
        upgrades.upgrade_index(config)
    assert index_of(config).read_bytes() == garbage
    assert open_and_list(config) == ["s002", "s001", "s000"]
    (aside,) = config.state_dir.glob("sessions.db.*.damaged")
    assert aside.read_bytes() == garbage


def test_a_database_of_another_program_keeps_its_content(config: Config, tmp_path: Path) -> None:
    theirs = tmp_path / "state.db"
    query(theirs, "CREATE TABLE sessions (id TEXT PRIMARY KEY, source TEXT)")
    query(theirs, "INSERT INTO sessions VALUES ('a', 'cli')")
    before = dump(theirs)
    with pytest.raises(StorageError, match="table sessions already exists"):
        SessionRepository.open(config.state_dir, database_url=f"sqlite:///{theirs}")
    assert dump(theirs) == before


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/x", "postgresql+nosuch://host/x"])
def test_a_url_without_a_driver(config: Config, url: str) -> None:
    with pytest.raises(
        InvalidValue, match="database_url must be an SQLAlchemy URL whose driver is installed"
    ):
        SessionRepository.open(config.state_dir, database_url=url)


def test_an_index_elsewhere(config: Config, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    with SessionRepository.open(config.state_dir, database_url=url) as sessions:
        assert sessions.count() == 3
    assert not index_of(config).exists()
    assert query(tmp_path / "elsewhere.db", "SELECT count(*) FROM sessions") == [3]


# ---- the migrations themselves ----------------------------------------------------------------------------


def _as_alembic_sees(folder: Path) -> list[str]:
    script = AlembicConfig()
    script.set_main_option("script_location", str(folder))
    walked = ScriptDirectory.from_config(script).walk_revisions()
    return [revision.revision for revision in walked][::-1]


def test_revisions_are_read_from_file_names(tmp_path: Path) -> None:
    assert upgrades.revisions() == _as_alembic_sees(upgrades.migrations_folder())
    longer = with_revision(tmp_path, ADDS_A_COLUMN)
    assert upgrades.revisions(longer) == _as_alembic_sees(longer) == [*upgrades.revisions(), "9998"]


@pytest.mark.slow
def test_models_and_migrations_describe_the_same_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_models(f"sqlite:///{tmp_path / 'scratch.db'}", monkeypatch)


@pytest.mark.slow
def test_they_do_in_postgresql_too(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with server.database() as url:
        check_models(url, monkeypatch)


def check_models(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what `make migrations` does: the settings of pyproject.toml, the database of the environment."""
    monkeypatch.setenv("HERMES_SESSIONS_DATABASE_URL", url)
    printed = io.StringIO()
    script = AlembicConfig(toml_file=ROOT / "pyproject.toml", stdout=printed)
    command.upgrade(script, "head")
    command.check(script)
    command.downgrade(script, "base")
    command.upgrade(script, "head")
    command.check(script)
    assert printed.getvalue().count("No new upgrade operations detected") == 2


def test_interrupted_sessions_are_found_after_an_upgrade(config: Config) -> None:
    with SessionRepository.open(config.state_dir) as sessions:
        wanted = sessions.new(
            title="Interrupted", pending_user_message="Hi", active_stream_id="stream"
        ).session_id
        others = sessions.count()
        sessions.new(title="Not")
    script = AlembicConfig()
    script.set_main_option("script_location", str(upgrades.migrations_folder()))
    engine = database.make_engine(config.index)
    with database.writing(engine) as connection:
        script.attributes["connection"] = connection
        command.downgrade(script, "0007")
    engine.dispose()

    with SessionRepository.open(config.state_dir) as sessions:
        assert [each.session_id for each in sessions.list(interrupted=True)] == [wanted]
        assert sessions.count(interrupted=False) == others


def test_the_models_make_what_the_migrations_make(config: Config, tmp_path: Path) -> None:
    """Beyond `alembic check`: indexes with their columns in order, keys, and what may be NULL."""
    open_and_list(config)
    described = []
    modelled = database.make_engine(tmp_path / "models.db")
    migrated = database.make_engine(config.index)
    with database.writing(modelled) as connection:
        schema.METADATA.create_all(connection)
    for engine in (modelled, migrated):
        inspector = sa.inspect(engine)
        described.append(
            {
                name: (
                    [(one["name"], str(one["type"]), one["nullable"]) for one in inspector.get_columns(name)],
                    sorted((str(one["name"]), one["column_names"]) for one in inspector.get_indexes(name)),
                    inspector.get_pk_constraint(name)["constrained_columns"],
                )
                for name in schema.METADATA.tables
            }
        )
        engine.dispose()
    assert described[0] == described[1]
