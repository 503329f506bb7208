"""The types of the index's columns where databases differ: text sorted by its bytes, and any JSON."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import JSON, Dialect, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

from .. import json_text
from . import postgresql

# SQLite sorts by bytes, and takes names of any length. A server's own collation would give other orders, on
# which two hosts need not agree.
_BY_BYTES = Text(collation="C")
TEXT = Text().with_variant(_BY_BYTES, postgresql.NAME)


def name_type(length: int) -> String:
    """Return the type of names that are seldom longer than `length` characters, and may be."""
    return String(length).with_variant(_BY_BYTES, postgresql.NAME)


class Json(TypeDecorator[Any]):
    """A JSON value as text: PostgreSQL's own types refuse NaN and the character NUL, which files can have."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return SQLAlchemy's type for SQLite, whose JSON is text, and text for PostgreSQL."""
        return dialect.type_descriptor(_BY_BYTES if dialect.name == postgresql.NAME else self.impl_instance)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Return a value as the database's driver takes it."""
        if dialect.name != postgresql.NAME or (value is None and self._none_is_null):
            return value
        return json.dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Return what was stored."""
        return (
            json_text.decode(value) if isinstance(value, str) and dialect.name == postgresql.NAME else value
        )

    @property
    def _none_is_null(self) -> bool:
        return bool(getattr(self.impl_instance, "none_as_null", False))
