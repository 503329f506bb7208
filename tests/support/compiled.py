"""What is compiled, kept between applications and repositories: thousands would compile the same again."""

from typing import Any

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache


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
