"""The mapped classes: a session's row read through the ORM, and every table of the schema mapped once."""

import sqlalchemy as sa
from sqlalchemy.orm import Session as OrmSession

from hermes_sessions import SessionRepository
from hermes_sessions.index import database, models, schema

from ..support.make import started


def test_a_session_is_read_through_its_mapped_class(sessions: SessionRepository) -> None:
    session_id = started(sessions, 3, title="Mapped")
    engine = database.make_engine(sessions.config.index)
    with OrmSession(engine) as orm:
        row = orm.scalars(sa.select(models.SessionRow).where(schema.SESSIONS.c.title == "Mapped")).one()
        values = {name: getattr(row, name) for name in ("session_id", "message_count", "pinned")}
    engine.dispose()

    assert values == {"session_id": session_id, "message_count": 3, "pinned": False}


def test_every_table_is_mapped_once() -> None:
    mapped = [mapper.local_table for mapper in models.Base.registry.mappers]

    assert sorted(table.name for table in mapped) == sorted(schema.METADATA.tables)  # type: ignore[attr-defined]  # each is a Table
