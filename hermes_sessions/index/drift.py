"""Whether the index still agrees with the files, and what to do where it does not: decisions only."""

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import StorageError
from ..model import Signature

# The kernel's clock for files ticks every 1 to 10 ms: a change right after a look can bear its time.
TICK_NS = 50_000_000
# Some disks keep whole seconds, or every other one; a time that is no whole second is not of such a disk.
COARSE_TICK_NS, SECOND_NS = 2_100_000_000, 1_000_000_000
# After a write of our own, how long the folder's new time is trusted before one scan confirms it.
GRACE_NS = 2_000_000_000


class Plan(NamedTuple):
    """The ids whose files the index has to read anew, and those that it has to drop."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def is_current(folder_time: int, known_time: int | None, scanned_at: int, now: int) -> bool:
    """Whether the folder holds what the index last saw, judged by its modification time alone.

    All times in nanoseconds: `known_time` is the folder's at the last scan or own write, `scanned_at` when
    the last scan began.
    """
    if folder_time != known_time:
        return False
    if is_settled(folder_time, scanned_at):
        return True
    written_since = folder_time > scanned_at
    return written_since and 0 <= now - folder_time < GRACE_NS


def is_settled(changed_at: int, looked_at: int) -> bool:
    """Whether a change after the look would show in the modification time that the look saw.

    Both in nanoseconds. A change within the same tick of the kernel's clock leaves the time as it was.
    """
    tick = TICK_NS if changed_at % SECOND_NS else COARSE_TICK_NS
    return looked_at - changed_at > tick


def plan(files: Mapping[str, Signature], rows: Mapping[str, Signature]) -> Plan:
    """Return what to do so that the rows agree with the files.

    Raises `StorageError` if every file seems gone: rather a folder that is not mounted than a wish to
    forget everything.
    """
    if rows and not files:
        raise StorageError(
            f"the sessions folder is empty, but {len(rows)} sessions are known: is a disk not mounted? "
            "If they are really gone, rebuild the index"
        )
    return Plan(
        added=tuple(session_id for session_id in files if session_id not in rows),
        changed=tuple(
            session_id
            for session_id, signature in files.items()
            if rows.get(session_id, signature) != signature
        ),
        removed=tuple(session_id for session_id in rows if session_id not in files),
    )
