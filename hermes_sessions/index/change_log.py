"""The SQL over the log of changes: the ids of the conversations whose list entries changed, in order.

An id is noted in the transaction that changes what lists show of it, whatever the reason: its row, its tags,
the trash, a session that holds it, or what the agent knows of its parents. Whoever knows a position in the
log can ask which ids follow. A position is the number of an entry and its stamp, which is random: in a copy
of the index that was put back, a number has another stamp, so nobody takes its log for a continuation.
"""

import secrets
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from .database import chunks, insert_all
from .schema import CHANGE_LOG

KEPT = 20_000  # entries: about 1 MB
_TRIMMED_EVERY = 64  # entries: to look for old ones takes half as long as to note an id
_NO_ID = ""  # of the entry with which a log begins


class Position(NamedTuple):
    """A place in the log: the number and the stamp of an entry."""

    number: int
    stamp: int


_COLUMNS = CHANGE_LOG.c
_NOTE = sa.insert(CHANGE_LOG)
_NEWEST = sa.select(_COLUMNS.number, _COLUMNS.stamp).order_by(_COLUMNS.number.desc()).limit(1)
_STAMP = sa.select(_COLUMNS.stamp).where(_COLUMNS.number == sa.bindparam("known"))
LATER_IDS = (
    sa.select(_COLUMNS.session_id)
    .where(_COLUMNS.number > sa.bindparam("known", type_=sa.Integer))
    .order_by(_COLUMNS.number)
)
_OLD = _COLUMNS.number <= sa.bindparam("oldest", type_=sa.Integer)
_TRIM = sa.delete(CHANGE_LOG).where(_OLD)


def note(connection: Connection, session_ids: Iterable[str]) -> None:
    """Add ids to the log, and drop its oldest entries.

    Only for `index_state`, which locks its row first: of two transactions, the one that commits first has the
    lower numbers.
    """
    stamp = secrets.randbits(62)
    entries = [{"stamp": stamp, "session_id": each} for each in dict.fromkeys(session_ids)]
    for some in chunks(entries):
        insert_all(connection, CHANGE_LOG, some)
    if len(entries) > 1 or (entries and stamp % _TRIMMED_EVERY == 0):
        connection.execute(_TRIM, {"oldest": newest(connection).number - KEPT})


def begin_again(connection: Connection) -> None:
    """Forget every entry, so that whoever follows the changes reads the whole list again."""
    connection.execute(sa.delete(CHANGE_LOG))
    connection.execute(_NOTE, [{"stamp": secrets.randbits(62), "session_id": _NO_ID}])


def newest(connection: Connection) -> Position:
    """Return the position of the newest entry."""
    row = connection.execute(_NEWEST).first()
    return Position(0, 0) if row is None else Position(*row)


def ids_after(connection: Connection, position: Position) -> list[str] | None:
    """Return the ids noted since a position, each once, in the order of their latest changes.

    None if the log does not have the position, or no longer.
    """
    known = {"known": position.number}
    if connection.execute(_STAMP, known).scalar_one_or_none() != position.stamp:
        return None
    noted = connection.execute(LATER_IDS, known).scalars().all()
    latest_first = [each for each in dict.fromkeys(reversed(noted)) if each != _NO_ID]
    return latest_first[::-1]
