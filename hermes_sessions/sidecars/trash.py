"""The trash: deleted sessions kept as files, each named by its id, when it was deleted and why.

`<id>.<nanoseconds since the epoch>.<why>.json`. Holds no lock and knows no database.
"""

import functools
import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from .. import files, modes
from ..errors import Conflict, NotFound, SessionsError, Unreadable, storing
from ..fields import check_id, check_seconds
from ..model import FolderTimes, Stored
from ..origins import segments_of
from ..results import Trashed, TrashReason
from . import folder, reading
from .outline import Written

RETENTION_SECONDS = 30 * 86_400
_NAME = re.compile(r"(?P<id>[A-Za-z0-9_-]{1,128})\.(?P<at>[0-9]{1,20})\.(?P<why>[a-z]+)\.json")
_REASONS = {reason.value: reason for reason in TrashReason}


class TrashEntry(NamedTuple):
    """One file in the trash; `deleted_at` in nanoseconds since the epoch."""

    path: Path
    session_id: str
    deleted_at: int
    why: TrashReason


# ---- into the trash -------------------------------------------------------------------------------------


def put(path: Path, trash: Path, why: TrashReason = TrashReason.DELETED) -> Written:
    """Move a session's file into the trash; raise `NotFound`."""
    session_id = path.stem
    with storing(f"cannot delete session {session_id}"):
        target = new_path(session_id, trash, why)
        before = files.folder_time(path.parent)
        try:
            files.move(path, target)
        except FileNotFoundError:
            raise NotFound(f"no session {session_id}") from None
        with files.confirming():
            after = files.folder_time(path.parent)
            return Written(Stored(files.signature_of(target.lstat())), FolderTimes(before, after))


def rescue(path: Path, session_id: str, trash: Path) -> None:
    """Move a version of a session that another program wrote, and that has no place, into the trash."""
    with storing(f"cannot keep a version of session {session_id} in the trash"):
        files.move_aside(path, new_path(session_id, trash, TrashReason.RESCUED))


def write(session_id: str, text: bytes, trash: Path, why: TrashReason) -> None:
    """Write the text of a session into the trash, in a file that its owner alone can read."""

    def write_private(file: IO[bytes]) -> None:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)

    with storing(f"cannot keep session {session_id} in the trash"):
        files.replace(new_path(session_id, trash, why), write_private)


def new_path(session_id: str, trash: Path, why: TrashReason) -> Path:
    """Return a name in the trash, or in another folder of versions, that no file has."""
    modes.make_own_folder(trash)
    return trash / f"{check_id(session_id)}.{time.time_ns()}.{why}.json"


# ---- what is in the trash -------------------------------------------------------------------------------


def problem(trash: Path) -> str | None:
    """Return why the trash cannot be read, a sentence; None if it can be, or if there is none."""
    return folder.unreadable(trash, "The trash")


def entries(trash: Path) -> list[TrashEntry]:
    """Return what is in the trash, the latest first."""
    with storing(f"cannot list the {trash.name}"):
        try:
            names = os.listdir(trash)  # noqa: PTH208  # there is no limit to how many there are
        except FileNotFoundError:
            return []
    found = [entry for name in names if (entry := _entry(trash / name)) is not None]
    return sorted(found, key=lambda entry: (-entry.deleted_at, entry.session_id))


def _entry(path: Path) -> TrashEntry | None:
    match = _NAME.fullmatch(path.name)
    if not match:
        return None
    why = _REASONS.get(match["why"], TrashReason.DELETED)  # another version may have more reasons
    return TrashEntry(path, match["id"], int(match["at"]), why)


def held(trash: Path) -> dict[str, int | None]:
    """Return the ids of the sessions in the trash, and of the agent's segments that they hold.

    With each is when it was deleted (nanoseconds since the epoch), None if only a version of it is there.
    """
    found: dict[str, int | None] = {}
    for entry in entries(trash):
        if found.get(entry.session_id) is None:
            found[entry.session_id] = None if entry.why.is_version else entry.deleted_at
        for segment in segments(entry):
            found.setdefault(segment, None)
    return found


def segments(entry: TrashEntry) -> Sequence[str]:
    """Return the agent's segments that an entry holds."""
    if entry.why is not TrashReason.AGENT:
        return ()
    try:
        return _segments_in(entry.path, entry.session_id)
    except (NotFound, Unreadable):
        return ()


# A file in the trash is never changed, and no two have the same name. Nothing is kept of one that cannot be
# read: somebody may still be copying it there, or may repair it.
@functools.lru_cache(10_000)
def _segments_in(path: Path, session_id: str) -> Sequence[str]:
    return tuple(segments_of(reading.read_summary(path, session_id)[0].extra))


def newest(session_id: str, trash: Path) -> TrashEntry | None:
    """Return what was deleted last of a session, or else rescued; None if nothing of it is in the trash."""
    check_id(session_id)
    found = of_session(session_id, trash)
    not_rescued = (entry for entry in found if entry.why is not TrashReason.RESCUED)
    return next(not_rescued, found[0] if found else None)


def not_found(session_id: str, trash: Path) -> NotFound:
    """Return the error for a session that does not exist, which says if it is in the trash."""
    with suppress(SessionsError):  # the trash cannot be read: that is another problem
        if newest(session_id, trash) is not None:
            return deleted(session_id)
    return NotFound(f"no session {session_id}")


def deleted(session_id: str) -> NotFound:
    """Return the error for a session that is in the trash."""
    return NotFound(f"session {session_id} is in the trash. Restore it first")


def of_session(session_id: str, trash: Path) -> list[TrashEntry]:
    """Return what is in the trash of a session, or holds it as a segment, the latest first."""
    return [
        entry for entry in entries(trash) if entry.session_id == session_id or session_id in segments(entry)
    ]


def deleted_before(trash: Path, time_ns: int) -> list[TrashEntry]:
    """Return what was deleted before a time (nanoseconds since the epoch)."""
    return [entry for entry in entries(trash) if entry.deleted_at < time_ns]


def describe(entry: TrashEntry) -> Trashed:
    """Return what an entry holds; the title of one that cannot be read says so."""
    with storing(f"cannot read the {entry.path.parent.name}"):
        size = entry.path.stat().st_size
    try:
        title, count = _title_and_count(entry.path, entry.session_id)
    except Unreadable:
        title, count = "(cannot be read)", 0
    return Trashed(entry.session_id, title, count, entry.deleted_at / 1e9, entry.why, size)


@functools.lru_cache(10_000)  # as `_segments_in`
def _title_and_count(path: Path, session_id: str) -> tuple[str, int]:
    summary, _ = reading.read_summary(path, session_id)
    return summary.title, summary.message_count


def mark(entry: TrashEntry, why: TrashReason) -> None:
    """Say another reason of an entry."""
    target = entry.path.with_name(f"{entry.session_id}.{entry.deleted_at}.{why}.json")
    with storing("cannot rename a version in the trash"):
        files.move(entry.path, target)


def keep_as_versions(session_id: str, trash: Path) -> None:
    """Say of what was deleted of a session that exists that it is an earlier version of it."""
    for entry in of_session(session_id, trash):
        if entry.session_id == session_id and not entry.why.is_version:
            mark(entry, TrashReason.REPLACED)


# ---- out of the trash -----------------------------------------------------------------------------------


def move_back(entry: TrashEntry, path: Path) -> Written:
    """Move an entry to its session's place; raise `Conflict` if there is a session."""
    with storing(f"cannot restore session {entry.session_id}"):
        before = files.folder_time(path.parent)
        try:
            moved = files.move_new(entry.path, path)
        except FileExistsError:
            raise Conflict(f"there is a session {entry.session_id}: delete or fork it first") from None
        except FileNotFoundError:
            raise NotFound(f"no session {entry.session_id} in the trash") from None
        with files.confirming():
            after = files.folder_time(path.parent)
            return Written(Stored(files.signature_of(moved)), FolderTimes(before, after))


def remove(entry: TrashEntry) -> None:
    """Delete an entry permanently."""
    with storing(f"cannot erase session {entry.session_id}"):
        entry.path.unlink(missing_ok=True)


def expiry_limit(older_than: float | None) -> int:
    """Return the time so many seconds ago (None: 30 days), in nanoseconds since the epoch."""
    seconds = check_seconds("older_than", RETENTION_SECONDS if older_than is None else older_than)
    return time.time_ns() - int(seconds * 1e9) + 1
