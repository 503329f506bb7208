"""The SQL over the state of the index: its version, and when it was last in line with the folders."""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection

from ..model import FolderTimes
from . import change_log
from .schema import INDEX_STATE


class IndexState(NamedTuple):
    """The version of the index, which changes with every change of a row, and when it was last in line.

    `folder_time` and `trash_time` are the modification times of the folders that the index agrees with, None
    if that is unknown; `scanned_at` is when the last scan of the sessions folder began. All in nanoseconds.
    `tags_version` is the version of `tags.json`, as of `tag_sync`, and `tags_warning` why it cannot be read.
    """

    version: str
    folder_time: int | None
    scanned_at: int
    trash_time: int | None
    tags_version: str | None
    tags_warning: str | None


_STATE = sa.select(*(INDEX_STATE.c[name] for name in ("store_id", "generation", *IndexState._fields[1:])))
_NEXT = {"generation": INDEX_STATE.c.generation + 1}
_MOVED = {
    "folder_time": sa.case(
        (
            INDEX_STATE.c.folder_time == sa.bindparam("before", type_=BigInteger),
            sa.bindparam("after", type_=BigInteger),
        ),
        else_=INDEX_STATE.c.folder_time,
    )
}
_NEXT_GENERATION, _FOLDER_MOVED, _NEXT_AND_MOVED = (
    sa.update(INDEX_STATE).values(each) for each in (_NEXT, _MOVED, _NEXT | _MOVED)
)


def read(connection: Connection) -> IndexState:
    """Return the state of the index."""
    store_id, generation, *others = connection.execute(_STATE).one()
    return IndexState(f"{store_id}-{generation}", *others)


def note_scan(connection: Connection, folder_time: int, scanned_at: int) -> None:
    """Store the folder's modification time before a scan, and when the scan began, in nanoseconds."""
    connection.execute(sa.update(INDEX_STATE).values(folder_time=folder_time, scanned_at=scanned_at))


def note_in_line(connection: Connection, known: IndexState, scanned_at: int) -> None:
    """Store when the folder was examined, unless it was changed since the index had this state."""
    same = INDEX_STATE.c.folder_time == known.folder_time
    connection.execute(sa.update(INDEX_STATE).where(same).values(scanned_at=scanned_at))


def next_generation(connection: Connection, changed: Iterable[str] = ()) -> None:
    """Give the index a new version, and note the conversations that lists show otherwise than before."""
    connection.execute(_NEXT_GENERATION)
    change_log.note(connection, changed)


def note_write(
    connection: Connection, moved: FolderTimes | None, changed: Iterable[str], *, is_new: bool = True
) -> None:
    """Note when the folder was last changed by a write of this program; if `is_new`, as `next_generation`."""
    if moved is not None and moved.after is not None:
        connection.execute(_NEXT_AND_MOVED if is_new else _FOLDER_MOVED, moved._asdict())
        if is_new:
            change_log.note(connection, changed)
    elif is_new:
        next_generation(connection, changed)
