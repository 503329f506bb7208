"""The condition that a column has one of the values of a parameter: one statement, however many there are.

As `IN (...)`, 500 ids are 500 parameters, which took a third of the time of an import into PostgreSQL.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from . import postgresql


class Among(FunctionElement[bool]):
    """Whether a column of texts has one of the values that a statement is executed with, as a list."""

    name = "among"
    type = sa.Boolean()
    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[Any], parameter: str = "ids") -> None:
        self.parameter = parameter
        super().__init__(column, sa.bindparam(parameter, expanding=True))


@compiles(Among)
def _as_in(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    return compiler.process(column.in_(values), **options)


@compiles(Among, postgresql.NAME)
def _as_any(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, _ = element.clauses
    array = sa.bindparam(element.parameter, type_=sa.ARRAY(sa.Text))
    return compiler.process(column == sa.any_(array), **options)
