"""Bringing the index in line with the sidecars: look, let `drift` decide, read what changed, store.

Files are read outside of transactions, without the sessions' locks: a row that changed since the look is left
to whoever changed it.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from . import drift, files, sidecar, tables
from .errors import InvalidId, NotFound, StorageError, Unreadable, storing
from .model import Signature, SyncReport
from .tables import Indexed

BATCH = 200
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


def is_current(engine: Engine, folder: Path) -> bool:
    """Whether nothing changed since the last look, by one `stat` of the folder."""
    with storing("cannot look at the sessions folder"):
        folder_time = files.folder_time(folder)
    with tables.reading(engine) as connection:
        state = tables.state(connection)
    return drift.is_current(folder_time, state.folder_time, state.scanned_at, time.time_ns())


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
    with storing("cannot look at the sessions folder"):
        folder_time = files.folder_time(folder)
    found = sidecar.scan(folder)
    with tables.reading(engine) as connection:
        return _Look(folder_time, scanned_at, found, tables.signatures(connection))


def _carry_out(
    engine: Engine, folder: Path, look: _Look, plan: drift.Plan, progress: Progress | None
) -> SyncReport:
    to_read = plan.added + plan.changed
    done = 0
    for at in range(0, len(to_read), BATCH):
        some = to_read[at : at + BATCH]
        done += _store(
            engine, look, [_read(folder, session_id, look.files[session_id]) for session_id in some]
        )
        if progress:
            progress(at + len(some), len(to_read))
    removed = _forget(engine, look, plan.removed)
    with tables.writing(engine) as connection:
        tables.scanned(connection, look.folder_time, look.scanned_at)
        unreadable = len(tables.unreadable(connection))
    changed = min(len(plan.changed), done)
    return SyncReport(done - changed, changed, removed, unreadable)


def _read(folder: Path, session_id: str, signature: Signature) -> Indexed | _Problem | None:
    try:
        summary, stored = sidecar.summary(sidecar.load(folder, session_id))
    except NotFound:  # it went since the look
        return None
    except Unreadable as error:
        return _Problem(session_id, signature, error.reason)
    except InvalidId:
        return _Problem(session_id, signature, "its name is no session id")
    except StorageError as error:  # may pass: an unknown version makes the next sync try again
        return _Problem(session_id, UNKNOWN, str(error))
    return Indexed(summary, stored, draft=False)


def _store(engine: Engine, look: _Look, found: Sequence[Indexed | _Problem | None]) -> int:
    rows = [item for item in found if isinstance(item, Indexed)]
    problems = [item for item in found if isinstance(item, _Problem)]
    with tables.writing(engine) as connection:
        present = tables.signatures(connection, [row.summary.session_id for row in rows])
        fresh = [
            row
            for row in rows
            if present.get(row.summary.session_id) == look.rows.get(row.summary.session_id)
        ]
        tables.put(connection, fresh)
        for problem in problems:
            tables.put_unreadable(connection, *problem)
    return len(fresh)


def _forget(engine: Engine, look: _Look, session_ids: Sequence[str]) -> int:
    if not session_ids:
        return 0
    with tables.writing(engine) as connection:
        present = tables.signatures(connection, session_ids)
        gone = [name for name in session_ids if present.get(name) == look.rows[name]]
        tables.drop(connection, gone)
    return len(gone)
