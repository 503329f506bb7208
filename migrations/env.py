"""Runs the revisions, on the connection that the caller passes or on HERMES_SESSIONS_DATABASE_URL."""

import os
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, String, TypeDecorator
from sqlalchemy.types import TypeEngine

from hermes_sessions.index import make_engine, models, writing


def _differs(
    where: MigrationContext, _: object, __: object, found: TypeEngine[Any], meant: TypeEngine[Any]
) -> bool | None:
    """Compare a type of our own by what it is in PostgreSQL; None lets Alembic compare."""
    if not isinstance(meant, TypeDecorator) or where.dialect.name == "sqlite":
        return None
    return not all(isinstance(each, String) for each in (found, meant.load_dialect_impl(where.dialect)))


def run(connection: Connection) -> None:
    """Run the revisions in the connection's transaction: all of them, or none."""
    context.configure(
        connection=connection,
        target_metadata=models.Base.metadata,
        render_as_batch=True,
        transactional_ddl=True,
        compare_server_default=True,
        compare_type=_differs,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = make_engine(os.environ["HERMES_SESSIONS_DATABASE_URL"])
    with writing(engine) as own:
        run(own)
    engine.dispose()
