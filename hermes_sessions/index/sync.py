"""Brings the index in line with the session files and the trash: scan, plan, read what changed, store.

Files are read outside of transactions and without the sessions' locks. A row that was changed since the scan
is left to whoever changed it.
"""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from .. import files, modes
from ..errors import StorageError, storing
from ..model import Signature
from ..results import SyncReport
from ..sidecars import NamedFile, ReadFile, ReadFiles, UnreadableFile, summaries, trash
from ..sidecars import folder as folders
from . import database, drift, hosts, index_state, own_changes, rows, transcripts_read, trash_rows
from .drift import SyncPlan
from .hosts import ThisHost
from .index_state import IndexState
from .row_values import Indexed
from .schema import METADATA

# Files read between two commits: what is stored is not read again after a kill. One thread reads them:
# two that read and one that stores took up to a third more processor time, since they hand over Python's
# lock at every row. Whoever opens the home can let several processes read them.
FILES_PER_COMMIT = 500
MANY_ROWS = 1000  # stored at once, after which a database's statistics are of another index
DRAFT_SECONDS = 86_400  # after which an unused draft is dropped

Progress = Callable[[int, int], None]


class _Scan(NamedTuple):
    """The files of a folder and the rows of the index, each by id; and from when they are.

    `folder_time` is the folder's modification time and `scanned_at` the clock's, both before the scan.
    """

    folder: Path
    folder_time: int
    scanned_at: int
    files: dict[str, Signature]
    rows: dict[str, Signature]


# ---- the sessions folder --------------------------------------------------------------------------------


def expect_folder(engine: Engine, folder: Path) -> None:
    """Create the sessions folder of a new home.

    If the index knows sessions, a missing folder more likely means that a disk is not mounted: it is left
    missing, and the next scan raises `StorageError`. One that cannot be read is for lists to warn about.
    """
    with database.reading(engine) as connection:
        is_new = rows.is_empty(connection)
    if is_new and folders.problem(folder) is None:
        create_folder(folder)


def check_folder(engine: Engine, folder: Path) -> None:
    """Raise `StorageError` if all files are gone and the folder seems to be that of another disk."""
    if not folders.has_files(folder):
        with database.reading(engine) as connection:
            drift.plan_sync({}, rows.signatures(connection), may_be_empty=_is_home(folder))


def create_folder(folder: Path) -> None:
    """Create the sessions folder if it is missing; raise `StorageError`."""
    with storing("cannot create the sessions folder"):
        modes.make_folder(folder)


def forget_old(engine: Engine) -> None:
    """Forget the drafts that nobody changed for a day, and changes that every program has read since."""
    before = time.time_ns() - DRAFT_SECONDS * 1_000_000_000
    with database.reading(engine) as connection:
        unused, outdated = rows.old_drafts(connection, before), own_changes.outdated(connection)
    if unused:
        with database.writing(engine) as connection:
            rows.drop_old_drafts(connection, before)
    if outdated:
        with database.writing(engine) as connection:
            own_changes.forget_outdated(connection)


# ---- is the index current? ------------------------------------------------------------------------------


class Moment(NamedTuple):
    """When a folder was last changed, and what the clock said when that was read, in nanoseconds."""

    folder_time: int
    scanned_at: int


def moment_of(folder: Path) -> Moment:
    """Return the moment of a folder that is about to be examined; raise `StorageError`."""
    scanned_at = time.time_ns()
    return Moment(_folder_time(folder), scanned_at)


def agrees(state: IndexState, moment: Moment, host: ThisHost | None) -> bool:
    """Whether the folder's modification time, read before the state, is the one that the index knows."""
    now = time.time_ns()
    if host and not drift.is_past_caches(moment.folder_time, state.scanned_at, now):
        return False
    return drift.is_current(moment.folder_time, state.folder_time, state.scanned_at, now)


def is_proven(state: IndexState, moment: Moment) -> bool:
    """Whether it is that of a scan after which any change would show in it."""
    return state.folder_time == moment.folder_time and files.is_settled(moment.folder_time, state.scanned_at)


def settle(engine: Engine, state: IndexState, moment: Moment) -> None:
    """Store that an index of this state was in line with the folder, once that proves it to other processes.

    It only spares them a comparison: whoever holds the lock is not waited for.
    """
    if not is_proven(state, moment) and files.is_settled(*moment):
        with suppress(StorageError), database.writing_at_once(engine) as connection:
            index_state.note_in_line(connection, state, moment.scanned_at)


def confirm(engine: Engine, folder: Path) -> bool:
    """Whether the folder holds what the index knows, after a write of this program changed the folder's time.

    Of several hosts, any may have written: this one has only to see the same names and inodes.

    Another program's write in the same tick of the clock would have left a new inode. Inodes come with the
    names, without a `stat` for each file: 20,000 in 11 ms, where a scan takes 150 ms. On layered file
    systems whose folders give other inodes than `stat`, they differ, and a scan follows.
    """
    scanned_at = hosts.now(engine)
    folder_time = _folder_time(folder)
    with database.reading(engine) as connection:
        if index_state.read(connection).known_time != folder_time:
            return False
        known = rows.inodes(connection)
    if folders.scan_inodes(folder) != known:
        return False
    _note_scan(engine, folder_time, scanned_at)
    return True


def trash_time(folder: Path) -> int:
    """Return when the trash last changed, in nanoseconds; 0 if there is none."""
    with storing("cannot read the trash"):
        try:
            return files.folder_time(folder)
        except FileNotFoundError:
            return 0


# ---- bringing it in line --------------------------------------------------------------------------------


def sync_trash(engine: Engine, folder: Path) -> None:
    """Store which sessions are in the trash, if it changed."""
    read_at, modified_at = hosts.now(engine), trash_time(folder)
    with database.reading(engine) as connection:
        if index_state.read(connection).trash_time == modified_at:
            return
        known = trash_rows.trashed(connection)
    present = trash.held(folder)
    settled_at = modified_at if files.is_settled(modified_at, read_at) else None
    if present != known:
        with database.writing(engine) as connection:
            trash_rows.put_trashed(connection, present, settled_at)
    elif settled_at is not None:  # only spares the next call the reading, as in `_note_scan`
        with suppress(StorageError), database.writing(engine) as connection:
            trash_rows.put_trashed(connection, present, settled_at)


def is_trash_wrong(connection: Connection, folder: Path) -> bool:
    """Whether the index is said to be in line with the trash, and is not."""
    in_line = index_state.read(connection).trash_time == trash_time(folder)
    return in_line and trash_rows.trashed(connection) != trash.held(folder)


def read_trash_again(engine: Engine, folder: Path) -> None:
    """Store which sessions are in the trash, even if it seems not to have changed."""
    present = trash.held(folder)
    with database.writing(engine) as connection:
        trash_rows.put_trashed(connection, present, None)


def sync(
    engine: Engine,
    folder: Path,
    progress: Progress | None = None,
    *,
    read: ReadFiles = summaries.read_each,
    also: Collection[str] = (),
) -> SyncReport:
    """Read the files that changed, and those of the sessions `also`, and forget those that are gone.

    `progress(done, total)` counts files, and `read` reads them. Raises `StorageError`, also if every file is
    gone and the folder seems to be that of another disk.
    """
    scan = _scan(engine, folder)
    plan = drift.plan_sync(scan.files, scan.rows, may_be_empty=_is_home(folder))
    more = (scan.files.keys() & set(also)).difference(plan.added, plan.changed)
    plan = plan._replace(changed=(*plan.changed, *more))
    return _apply(engine, scan, plan, progress, read)


def are_indexed(engine: Engine, folder: Path, session_ids: Collection[str]) -> bool:
    """Whether the index has the present versions of these sessions' files."""
    present = folders.versions(folder, session_ids)
    with database.reading(engine) as connection:
        return present == rows.signatures(connection, session_ids)


def sync_named(
    engine: Engine, folder: Path, moment: Moment, state: IndexState, session_ids: Collection[str]
) -> bool:
    """Read those of a few files that changed, and forget those that are gone, all in one transaction.

    Since `moment`, and since the index was in line with the folder, no other file has changed; `state` is
    that of the index. Returns False if all files must be scanned.
    """
    with database.reading(engine) as connection:
        names = {*session_ids, *rows.unread(connection)}
        known = rows.signatures(connection, names)
    present = folders.versions(folder, names)
    plan = drift.plan_sync(present, known, may_be_empty=True)
    if plan.removed and not folders.has_files(folder):
        return False  # perhaps the disk is not mounted any more
    if any(plan):
        _apply_at_once(engine, _Scan(folder, moment.folder_time, moment.scanned_at, present, known), plan)
    elif moment.folder_time != state.folder_time or files.is_settled(*moment):
        _note_scan(engine, moment.folder_time, moment.scanned_at)
    return True


def rebuild(
    engine: Engine,
    folder: Path,
    progress: Progress | None = None,
    *,
    read: ReadFiles = summaries.read_each,
) -> SyncReport:
    """Read every file, and forget those that are gone; arguments as of `sync`. Raises `StorageError`."""
    scan = _scan(engine, folder)
    plan = drift.plan_rebuild(scan.files, scan.rows)
    return _apply(engine, scan, plan, progress, read)


def _scan(engine: Engine, folder: Path) -> _Scan:
    scanned_at = hosts.now(engine)
    folder_time = _folder_time(folder)
    present = folders.scan(folder)
    with database.reading(engine) as connection:
        return _Scan(folder, folder_time, scanned_at, present, rows.signatures(connection))


def _is_home(folder: Path) -> bool:
    """Whether an empty sessions folder is that of a home, where the web UI has deleted the last session.

    Other files of the home are there then: a folder that a disk is to be mounted on has none in or beside it.
    """
    known = (folder / "_index.json", *(folder.parent / name for name in ("projects.json", "sessions.db")))
    return folder.is_dir() and any(path.exists() for path in known)


def _folder_time(folder: Path) -> int:
    """Return when the folder last changed; 0 if there is none, as in a home that only an agent wrote to."""
    with storing("cannot read the sessions folder"):
        try:
            return files.folder_time(folder)
        except FileNotFoundError:
            return 0


def _apply(
    engine: Engine, scan: _Scan, plan: SyncPlan, progress: Progress | None, read: ReadFiles
) -> SyncReport:
    named, stored = _named(scan, plan), set[str]()
    with closing(read(scan.folder, named)) as results:  # which ends the processes that read
        for at, some in enumerate(database.chunks(named, FILES_PER_COMMIT)):
            stored.update(_store(engine, scan, list(islice(results, len(some)))))
            if progress:
                progress(at * FILES_PER_COMMIT + len(some), len(named))
    learn_sizes_after(engine, len(stored))
    removed = _forget(engine, scan, folders.gone(scan.folder, plan.removed, scan.files))
    _note_scan(engine, scan.folder_time, scan.scanned_at)
    with database.reading(engine) as connection:
        unreadable = len(rows.unreadable(connection))
    added, changed = len(stored.intersection(plan.added)), len(stored.intersection(plan.changed))
    return SyncReport(added, changed, removed, unreadable)


def _apply_at_once(engine: Engine, scan: _Scan, plan: SyncPlan) -> None:
    read = _read_now(engine, scan, list(summaries.read_each(scan.folder, _named(scan, plan))))
    gone = folders.gone(scan.folder, plan.removed, scan.files)
    with database.writing(engine) as connection:
        _put(connection, scan, read)
        _drop(connection, scan, gone)
        index_state.note_scan(connection, scan.folder_time, scan.scanned_at)


def _named(scan: _Scan, plan: SyncPlan) -> list[NamedFile]:
    return [NamedFile(session_id, scan.files[session_id]) for session_id in plan.added + plan.changed]


def learn_sizes_after(engine: Engine, stored: int) -> None:
    """Let the database count what its tables hold if so many rows are new that it no longer knows."""
    if stored >= MANY_ROWS:
        with suppress(StorageError):  # lists are right without it
            database.learn_sizes(engine, METADATA.tables)


def _note_scan(engine: Engine, folder_time: int, scanned_at: int) -> None:
    """Store when the folder was scanned. That only spares the next call a scan, so it may fail."""
    with suppress(StorageError), database.writing(engine) as connection:
        index_state.note_scan(connection, folder_time, scanned_at)


class _ReadNow(NamedTuple):
    """What was read of some files, by id, and what became there of messages of this program."""

    sessions: dict[str, Indexed]
    unreadable: list[UnreadableFile]
    judged: dict[str, own_changes.Judged]


def _store(engine: Engine, scan: _Scan, found: Sequence[ReadFile]) -> list[str]:
    """Store what was read of some files, and return the ids of the sessions that were stored."""
    read = _read_now(engine, scan, found)
    with database.writing(engine) as connection:
        return _put(connection, scan, read)


def _read_now(engine: Engine, scan: _Scan, found: Sequence[ReadFile]) -> _ReadNow:
    unreadable = [item for item in found if isinstance(item, UnreadableFile)]
    readable = [item for item in found if item is not None and not isinstance(item, UnreadableFile)]
    sessions = {summary.session_id: Indexed(summary, stored, draft=False) for summary, stored in readable}
    return _ReadNow(sessions, unreadable, transcripts_read.judged(engine, scan.folder, sessions))


def _put(connection: Connection, scan: _Scan, read: _ReadNow) -> list[str]:
    unchanged = _unchanged(connection, scan, read.sessions)
    read_now = [read.sessions[session_id] for session_id in unchanged]
    own_changes.notice(connection, read_now, read.judged)
    rows.put(connection, read_now)
    for file in read.unreadable:
        rows.put_unreadable(connection, *file)
    return unchanged


def _forget(engine: Engine, scan: _Scan, session_ids: Sequence[str]) -> int:
    """Delete the rows of sessions without a file, and return how many there were."""
    if not session_ids:
        return 0
    with database.writing(engine) as connection:
        return _drop(connection, scan, session_ids)


def _drop(connection: Connection, scan: _Scan, session_ids: Sequence[str]) -> int:
    unchanged = _unchanged(connection, scan, session_ids)
    if unchanged:
        rows.drop(connection, unchanged)
    return len(unchanged)


def _unchanged(connection: Connection, scan: _Scan, session_ids: Collection[str]) -> list[str]:
    """Return those of the sessions whose rows nobody changed since the scan."""
    present = rows.signatures(connection, session_ids)
    return [name for name in session_ids if present.get(name) == scan.rows.get(name)]
