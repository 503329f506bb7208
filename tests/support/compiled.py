"""What is compiled, kept between applications and repositories: thousands would compile the same again."""

import uuid
from collections.abc import Callable
from typing import Any

from alembic.config import Config as AlembicConfig
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from hermes_sessions.index import upgrades


class Templates(BytecodeCache):
    """Compiled templates in memory."""

    def __init__(self) -> None:
        """Begin empty."""
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket, whose key holds the template's name and whose checksum its text."""
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._compiled[bucket.key] = bucket.bytecode_to_string()


class _Statements(LRUCache[Any, Any]):
    """Compiled SQL of engines whose dialects say and read the same."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_any_engine(key), default)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(_of_any_engine(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_of_any_engine(key), value)


def _of_any_engine(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return SQLAlchemy's key of a statement, which begins with the dialect: each engine has its own."""
    dialect, *statement = key
    return ((dialect.name, dialect.driver, dialect._json_deserializer), *statement)


_statements = _Statements(1000)


def share_statements() -> None:
    """Let all engines of this process keep their compiled SQL together: a sixth of the time of tests."""
    original = Engine.__init__

    def made(engine: Engine, *args: Any, **keywords: Any) -> None:
        original(engine, *args, **keywords)
        if engine._compiled_cache is not None:
            engine._compiled_cache = _statements

    setattr(Engine, "__init__", made)  # noqa: B010  # mypy knows no method that is assigned to


def share_rules() -> None:
    """Let all applications of this process keep what Werkzeug compiles of their 130 rules: 25 of 30 ms."""
    original = Rule._compile_builder
    builders: dict[Any, Callable[..., tuple[str, str]]] = {}

    def compiled(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            return original(rule, append_unknown)
        key = rule.rule, tuple(rule._trace), append_unknown
        if key not in builders:
            builders[key] = original(rule, append_unknown)
        return builders[key]

    setattr(Rule, "_compile_builder", compiled)  # noqa: B010  # as above


migrate_by_alembic = upgrades._to_newest
_statements_of_alembic: list[tuple[str, Any]] = []


def share_migrations() -> None:
    """Make each new index by the statements that Alembic executed for the first: 1 ms instead of 35."""
    setattr(upgrades, "_to_newest", migrate)  # noqa: B010  # as above


def migrate(script: AlembicConfig) -> None:
    """Upgrade an index as the library does, but a new one by the statements of the first."""
    connection: Connection = script.attributes["connection"]
    own = script.get_main_option("script_location") == str(upgrades.migrations_folder())
    if not own or connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
        migrate_by_alembic(script)
    elif not _statements_of_alembic:
        _statements_of_alembic.extend(_executed(connection, lambda: migrate_by_alembic(script)))
    else:
        for statement, parameters in _statements_of_alembic:
            connection.exec_driver_sql(statement, parameters)
        connection.exec_driver_sql("UPDATE index_state SET store_id = ?", (uuid.uuid4().hex,))


def _executed(connection: Connection, call: Callable[[], None]) -> list[tuple[str, Any]]:
    """Return the statements of a call that change the database, with their parameters."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().startswith(("SELECT", "PRAGMA")):
            found.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return found
