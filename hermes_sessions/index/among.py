"""The condition that a column has one of the values of a parameter: one statement, however many there are.

As `IN (...)`, 500 ids are 500 parameters, which SQLAlchemy writes into the statement each time: a third of
the time of an import into PostgreSQL, and a tenth of that of one into SQLite.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler

from . import postgresql


class Among(sa.BinaryExpression[bool]):
    """Whether a column of texts has one of the values that a statement is executed with, as a list.

    A comparison, not a function: SQLite compares the value of a function with 1, and then uses no index.
    """

    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[Any], parameter: str = "ids") -> None:
        super().__init__(column, sa.bindparam(parameter, expanding=True), operators.in_op, type_=sa.Boolean())


@compiles(Among)
def _as_in(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.left.in_(element.right), **options)


@compiles(Among, "sqlite")
def _as_json(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    values = sa.func.json_each(sa.bindparam(element.right.key, type_=_JsonArray)).table_valued("value")
    return compiler.process(element.left.in_(sa.select(values.c.value)), **options)


class _JsonArray(sa.TypeDecorator[Sequence[str]]):
    """A list of texts as the text of a JSON array."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, _dialect: sa.Dialect) -> str:
        return json.dumps([*(value or ())], ensure_ascii=False)


@compiles(Among, postgresql.NAME)
def _as_any(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    array = sa.bindparam(element.right.key, type_=sa.ARRAY(sa.Text))
    return compiler.process(element.left == sa.any_(array), **options)
