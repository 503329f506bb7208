"""Runs the revisions, on the connection that the caller passes or on HERMES_SESSIONS_DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import Connection

from hermes_sessions.index import make_engine, models, writing


def run(connection: Connection) -> None:
    """Run the revisions in the connection's transaction: all of them, or none."""
    context.configure(
        connection=connection,
        target_metadata=models.Base.metadata,
        render_as_batch=True,
        transactional_ddl=True,
        compare_server_default=True,
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
