"""Whether the index agrees with the session files, and which files to read where it does not.

Only decides; `sync` reads files and stores rows. Times are in nanoseconds.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import StorageError
from ..files import is_settled
from ..model import Signature

# How long the folder's time after a write of this program is trusted until a scan confirms it.
GRACE_NS = 2_000_000_000
# How long a client of a network file system may show an old state of a folder: the usual `acdirmax` of NFS.
CACHED_NS = 60_000_000_000


class SyncPlan(NamedTuple):
    """The ids of the sessions whose files to read, new or changed, and of those whose rows to delete."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def is_current(folder_time: int, known_time: int | None, scanned_at: int, now: int) -> bool:
    """Whether the folder holds what the index knows, judged by the folder's modification time alone.

    `known_time` is the folder's time at the last scan or own write, and `scanned_at` when that scan began.
    """
    if folder_time != known_time:
        return False
    if is_settled(folder_time, scanned_at):
        return True
    written_since = folder_time > scanned_at
    return written_since and 0 <= now - folder_time < GRACE_NS


def is_past_caches(folder_time: int, scanned_at: int, now: int) -> bool:
    """Whether a scan of a folder that several hosts use can still be trusted.

    A host may have listed the folder just before its last change, in the same tick of the clock, and have
    kept that. So a folder that had changed shortly before the scan is compared once more.
    """
    return scanned_at < folder_time or scanned_at - folder_time > CACHED_NS or now - scanned_at < CACHED_NS


def plan_sync(
    files: Mapping[str, Signature], rows: Mapping[str, Signature], *, may_be_empty: bool = False
) -> SyncPlan:
    """Return what to do so that the rows agree with the files; both map ids to versions.

    Raises `StorageError` if all files are gone, unless the folder may be empty: more likely a disk is not
    mounted than that somebody wants every session forgotten.
    """
    if rows and not files and not may_be_empty:
        raise StorageError(
            f"the sessions folder is empty, but the index has {len(rows)} sessions. Is a disk not mounted? "
            "If the sessions are really gone, rebuild the index with `hermes-sessions rebuild`"
        )
    return SyncPlan(
        added=tuple(session_id for session_id in files if session_id not in rows),
        changed=tuple(
            session_id
            for session_id, signature in files.items()
            if rows.get(session_id, signature) != signature
        ),
        removed=removed_ids(files, rows),
    )


def plan_rebuild(files: Mapping[str, Signature], rows: Mapping[str, Signature]) -> SyncPlan:
    """Return the plan that reads every file, whatever the index knows."""
    return SyncPlan(added=tuple(files), changed=(), removed=removed_ids(files, rows))


def removed_ids(files: Mapping[str, Signature], rows: Mapping[str, Signature]) -> tuple[str, ...]:
    """Return the ids of the rows that have no file."""
    return tuple(session_id for session_id in rows if session_id not in files)
