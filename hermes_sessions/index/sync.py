"""Bringing the index in line with the sidecars: look, let `drift` decide, read what changed, store.

Files are read outside of transactions, without the sessions' locks: a row that changed since the look is left
to whoever changed it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from .. import files
from ..errors import InvalidId, NotFound, StorageError, Unreadable, storing
from ..model import Signature
from ..results import SyncReport
from ..sidecars import folder as folders
from ..sidecars import reading, trash
from . import database, drift, rows
from .rows import Indexed, State

# Files read between two commits: what is stored is not read again after a kill. They are read in turn, since
# threads, two to read and one to store, took up to a third more of the processor: Python's lock changes
# hands at every row. Processes a library should not start: to fork is unsafe beside threads, to spawn runs
# the main program's module again, or an executable that need not be Python.
BATCH = 500
DRAFT_SECONDS = 86_400
UNKNOWN = Signature(0, 0, 0)

Progress = Callable[[int, int], None]


class _Look(NamedTuple):
    """What the folder holds and what the index knows, with the folder's time and the clock's before."""

    folder_time: int
    scanned_at: int
    files: dict[str, Signature]
    rows: dict[str, Signature]


class _Problem(NamedTuple):
    """A file that could not be read, and why."""

    session_id: str
    signature: Signature
    reason: str


def expect_folder(engine: Engine, folder: Path) -> None:
    """Create the sessions folder of a new home.

    If the index knows sessions, a missing folder more likely means that a disk is not mounted: it is left
    missing, and the next scan raises `StorageError`.
    """
    with database.reading(engine) as connection:
        is_new = rows.is_empty(connection)
    if is_new:
        create_folder(folder)


def create_folder(folder: Path) -> None:
    """Create the sessions folder if it is missing; raise `StorageError`."""
    with storing("cannot create the sessions folder"):
        folder.mkdir(parents=True, exist_ok=True)


def drop_unused_drafts(engine: Engine) -> None:
    """Forget the drafts that nobody changed for a day."""
    before = time.time_ns() - DRAFT_SECONDS * 1_000_000_000
    with database.reading(engine) as connection:
        unused = rows.old_drafts(connection, before)
    if unused:
        with database.writing(engine) as connection:
            rows.drop_old_drafts(connection, before)


def is_current(engine: Engine, folder: Path) -> bool:
    """Whether nothing changed since the last look, by one `stat` of the folder."""
    with database.reading(engine) as connection:
        return current_state(connection, folder) is not None


def current_state(connection: Connection, folder: Path) -> State | None:
    """Return how far the index is if nothing changed since the last look, else None.

    The folder is looked at before the connection's first query, so what the connection sees is no older.
    """
    folder_time = _folder_time(folder)
    state = rows.state(connection)
    current = drift.is_current(folder_time, state.folder_time, state.scanned_at, time.time_ns())
    return state if current else None


def confirm(engine: Engine, folder: Path) -> bool:
    """Whether the folder holds what the index knows, where only writes of our own changed the folder's time.

    Another program's write in the same tick of the clock would have left a new inode under some name, and
    names with inodes come without a `stat` each: 20,000 in 11 ms, where the whole look takes 150. Where the
    folder gives other inodes than `stat`, as some layered disks do, they differ, and the whole look follows.
    """
    scanned_at = time.time_ns()
    folder_time = _folder_time(folder)
    with database.reading(engine) as connection:
        if rows.state(connection).folder_time != folder_time:
            return False
        known = rows.inodes(connection)
    if folders.scan_inodes(folder) != known:
        return False
    _note(engine, folder_time, scanned_at)
    return True


def trash_time(folder: Path) -> int:
    """Return when the trash last changed, in nanoseconds; 0 without one."""
    with storing("cannot look into the trash"):
        try:
            return files.folder_time(folder)
        except FileNotFoundError:
            return 0


def sync_trash(engine: Engine, folder: Path) -> None:
    """Make the index know what lies in the trash."""
    looked_at = time.time_ns()
    changed_at = trash_time(folder)
    with database.reading(engine) as connection:
        if rows.state(connection).trash_time == changed_at:
            return
        known = rows.trashed_ids(connection)
    found = trash.ids(folder)
    settled_at = changed_at if drift.is_settled(changed_at, looked_at) else None
    if found != known:
        with database.writing(engine) as connection:
            rows.put_trashed(connection, found, settled_at)
    elif settled_at is not None:  # only spares the next look, as in `_note`
        with suppress(StorageError), database.writing(engine) as connection:
            rows.put_trashed(connection, found, settled_at)


def sync(engine: Engine, folder: Path, progress: Progress | None = None) -> SyncReport:
    """Read what changed; raise `StorageError` if every file seems gone. `progress` counts files."""
    look = _look(engine, folder)
    return _carry_out(engine, folder, look, drift.plan(look.files, look.rows), progress)


def rebuild(engine: Engine, folder: Path, progress: Progress | None = None) -> SyncReport:
    """Read every file, whatever the index says, and forget what has no file."""
    look = _look(engine, folder)
    plan = drift.Plan(tuple(look.files), (), tuple(look.rows.keys() - look.files.keys()))
    return _carry_out(engine, folder, look, plan, progress)


def _look(engine: Engine, folder: Path) -> _Look:
    scanned_at = time.time_ns()
    folder_time = _folder_time(folder)
    found = folders.scan(folder)
    with database.reading(engine) as connection:
        return _Look(folder_time, scanned_at, found, rows.signatures(connection))


def _folder_time(folder: Path) -> int:
    with storing("cannot look at the sessions folder"):
        return files.folder_time(folder)


def _carry_out(
    engine: Engine, folder: Path, look: _Look, plan: drift.Plan, progress: Progress | None
) -> SyncReport:
    to_read = plan.added + plan.changed
    stored: set[str] = set()
    for at in range(0, len(to_read), BATCH):
        some = to_read[at : at + BATCH]
        found = [_read(folder, session_id, look.files[session_id]) for session_id in some]
        stored.update(_store(engine, look, found))
        if progress:
            progress(at + len(some), len(to_read))
    removed = _forget(engine, look, plan.removed)
    _note(engine, look.folder_time, look.scanned_at)
    with database.reading(engine) as connection:
        unreadable = len(rows.unreadable(connection))
    added, changed = len(stored.intersection(plan.added)), len(stored.intersection(plan.changed))
    return SyncReport(added, changed, removed, unreadable)


def _note(engine: Engine, folder_time: int, scanned_at: int) -> None:
    """Note when the folder was looked at, which only spares the next look: no reason to refuse a list."""
    with suppress(StorageError), database.writing(engine) as connection:
        rows.note_scan(connection, folder_time, scanned_at)


def _read(folder: Path, session_id: str, signature: Signature) -> Indexed | _Problem | None:
    try:
        summary, stored = reading.read_summary(reading.path_of(folder, session_id), session_id)
    except NotFound:  # it went since the look
        return None
    except Unreadable as error:
        return _Problem(session_id, signature, error.reason)
    except InvalidId:
        return _Problem(session_id, signature, "its name is no session id")
    except StorageError as error:  # may pass: an unknown version makes the next sync try again
        return _Problem(session_id, UNKNOWN, str(error))
    return Indexed(summary, stored, draft=False)


def _store(engine: Engine, look: _Look, found: Sequence[Indexed | _Problem | None]) -> list[str]:
    by_id = {item.summary.session_id: item for item in found if isinstance(item, Indexed)}
    problems = [item for item in found if isinstance(item, _Problem)]
    with database.writing(engine) as connection:
        present = rows.signatures(connection, by_id)
        fresh = [session_id for session_id in by_id if present.get(session_id) == look.rows.get(session_id)]
        rows.put(connection, [by_id[session_id] for session_id in fresh])
        for problem in problems:
            rows.put_unreadable(connection, *problem)
    return fresh


def _forget(engine: Engine, look: _Look, session_ids: Sequence[str]) -> int:
    if not session_ids:
        return 0
    with database.writing(engine) as connection:
        present = rows.signatures(connection, session_ids)
        gone = [name for name in session_ids if present.get(name) == look.rows[name]]
        rows.drop(connection, gone)
    return len(gone)
