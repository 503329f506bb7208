"""The SQL over the sessions in the trash, as the index knows them."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from . import links
from .among import Among
from .database import chunks
from .index_state import next_generation, note_trash
from .schema import SESSIONS, TRASHED


def trashed(connection: Connection) -> dict[str, int | None]:
    """Return the ids of the sessions in the trash, as `trash.held` does, as far as the index knows."""
    found = connection.execute(sa.select(TRASHED.c.session_id, TRASHED.c.deleted_at))
    return dict(tuple(row) for row in found)


def ids_also_in_trash(connection: Connection) -> list[str]:
    """Return the ids of the sessions that have a file and are in the trash too."""
    both = sa.select(SESSIONS.c.session_id).join(TRASHED, SESSIONS.c.session_id == TRASHED.c.session_id)
    return list(connection.execute(both).scalars())


def put_trashed(connection: Connection, present: Mapping[str, int | None], trash_time: int | None) -> None:
    """Store which sessions are in the trash at this modification time of its folder, in nanoseconds."""
    known = trashed(connection)
    for some in chunks(dict(known.items() - present.items())):
        connection.execute(sa.delete(TRASHED).where(Among(TRASHED.c.session_id)), {"ids": some})
    new = [{"session_id": each, "deleted_at": at} for each, at in present.items() - known.items()]
    if new:
        connection.execute(sa.insert(TRASHED), new)
    note_trash(connection, trash_time)
    if known != present:
        moved = [session_id for session_id, _ in known.items() ^ present.items()]
        next_generation(connection, links.conversations_among(connection, moved))
