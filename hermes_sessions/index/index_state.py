"""The SQL over the state of the index: its version, and when it was last in line with the folders."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection

from ..model import FolderTimes
from . import change_log
from .hosts import host_of
from .schema import HOST_STATES, INDEX_STATE


class IndexState(NamedTuple):
    """The version of the index, which changes with every change of a row, and when it was last in line.

    `folder_time` and `trash_time` are the modification times of the folders that the index agrees with, None
    if that is unknown; `scanned_at` is when the last scan of the sessions folder began. All in nanoseconds.
    `tags_version` is the version of `tags.json`, as of `tag_sync`, and `tags_warning` why it cannot be read.

    If several hosts use the home, these times are what this host has seen. `known_time` is the folder's time
    that any of them noted last, or that its write left.
    """

    version: str
    folder_time: int | None
    scanned_at: int
    trash_time: int | None
    tags_version: str | None
    tags_warning: str | None
    known_time: int | None


def _query(times: sa.Table) -> sa.Select[Any]:
    """Return the query of the state, with the times of a table: that of the hosts has some for each."""
    shared = INDEX_STATE.c
    of_times = (times.c[name] for name in ("folder_time", "scanned_at", "trash_time"))
    others = (shared.tags_version, shared.tags_warning, shared.folder_time.label("known_time"))
    return sa.select(shared.store_id, shared.generation, *of_times, *others)


def _moved(times: sa.Table) -> dict[str, sa.ColumnElement[Any]]:
    known, before = times.c.folder_time, sa.bindparam("before", type_=BigInteger)
    return {"folder_time": sa.case((known == before, sa.bindparam("after", type_=BigInteger)), else_=known)}


_IS_HOST = HOST_STATES.c.host == sa.bindparam("this_host")
_STATE = _query(INDEX_STATE)
_STATE_OF_HOST = _query(HOST_STATES).select_from(INDEX_STATE.join(HOST_STATES, _IS_HOST))
# Each step is random, so that a copy of the index that is put back, and then changed in another way, gets no
# version that somebody has kept something of. A number of 64 bits has room for 5 * 10**11 steps at least.
LARGEST_STEP = 2**24
_NEXT = {"generation": INDEX_STATE.c.generation + sa.bindparam("step", type_=BigInteger)}
_NEXT_GENERATION, _FOLDER_MOVED, _NEXT_AND_MOVED = (
    sa.update(INDEX_STATE).values(each) for each in (_NEXT, _moved(INDEX_STATE), _NEXT | _moved(INDEX_STATE))
)
# They set the columns that they are executed with.
_NOTE, _NOTE_FOR_HOST = sa.update(INDEX_STATE), sa.update(HOST_STATES).where(_IS_HOST)
_MOVED_FOR_HOST = sa.update(HOST_STATES).where(_IS_HOST).values(_moved(HOST_STATES))


def _examined(times: sa.Table) -> sa.Update:
    """Return the statement that stores when the folder was examined, if it is still as it was known."""
    scanned_at = sa.bindparam("examined_at", type_=BigInteger)
    is_same = times.c.folder_time == sa.bindparam("known", type_=BigInteger)
    return sa.update(times).where(is_same).values(scanned_at=scanned_at)


_EXAMINED, _EXAMINED_BY_HOST = _examined(INDEX_STATE), _examined(HOST_STATES).where(_IS_HOST)


def read(connection: Connection) -> IndexState:
    """Return the state of the index."""
    host = host_of(connection)
    if host is None:
        row = connection.execute(_STATE).one()
    else:
        row = connection.execute(_STATE_OF_HOST, {"this_host": host.id}).one()
    store_id, generation, *others = row
    return IndexState(f"{store_id}-{generation}", *others)


def note_scan(connection: Connection, folder_time: int, scanned_at: int) -> None:
    """Store the folder's modification time before a scan, and when the scan began, in nanoseconds."""
    _note(connection, {"folder_time": folder_time, "scanned_at": scanned_at})


def note_in_line(connection: Connection, known: IndexState, scanned_at: int) -> None:
    """Store when the folder was examined, unless it was changed since the index had this state."""
    parameters = {"known": known.folder_time, "examined_at": scanned_at}
    connection.execute(_EXAMINED, parameters)
    if host := host_of(connection):
        connection.execute(_EXAMINED_BY_HOST, {**parameters, "this_host": host.id})


def note_trash(connection: Connection, trash_time: int | None) -> None:
    """Store the modification time of the trash that the index agrees with, None if that may still change."""
    _note(connection, {"trash_time": trash_time})


def _note(connection: Connection, times: Mapping[str, int | None]) -> None:
    connection.execute(_NOTE, times)
    if host := host_of(connection):
        connection.execute(_NOTE_FOR_HOST, {**times, "this_host": host.id})


def next_generation(connection: Connection, changed: Iterable[str] = ()) -> None:
    """Give the index a new version, and note the conversations that lists show otherwise than before."""
    connection.execute(_NEXT_GENERATION, _step())
    change_log.note(connection, changed)


def _step() -> dict[str, int]:
    return {"step": 1 + secrets.randbelow(LARGEST_STEP)}


def note_write(
    connection: Connection, moved: FolderTimes | None, changed: Iterable[str], *, is_new: bool = True
) -> None:
    """Note when the folder was last changed by a write of this program; if `is_new`, as `next_generation`."""
    if moved is not None and moved.after is not None:
        statement, step = (_NEXT_AND_MOVED, _step()) if is_new else (_FOLDER_MOVED, {})
        connection.execute(statement, moved._asdict() | step)
        if host := host_of(connection):
            connection.execute(_MOVED_FOR_HOST, {**moved._asdict(), "this_host": host.id})
        if is_new:
            change_log.note(connection, changed)
    elif is_new:
        next_generation(connection, changed)
