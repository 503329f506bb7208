"""The trash: deleted sessions kept as files, each named by its id, when it was deleted and why.

`<id>.<nanoseconds since the epoch>.<why>.json`. Holds no lock and knows no database.
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .. import files
from ..errors import Conflict, NotFound, Unreadable, storing
from ..fields import check_id
from ..model import Moved, Stored
from ..results import Trashed
from . import reading
from .reading import Written

DELETED, AGENTS, REPLACED, RESCUED = "deleted", "agent", "replaced", "rescued"
BESIDE = frozenset({REPLACED, RESCUED})  # what lies there although nobody deleted the session
_NAME = re.compile(r"(?P<id>[A-Za-z0-9_-]{1,128})\.(?P<at>[0-9]{1,20})\.(?P<why>[a-z]+)\.json")


class Entry(NamedTuple):
    """One file in the trash; `deleted_at` in nanoseconds since the epoch."""

    path: Path
    session_id: str
    deleted_at: int
    why: str


def put(folder: Path, session_id: str, trash: Path, why: str = DELETED) -> Written:
    """Move a session's file into the trash; raise `NotFound`."""
    path = reading.path_of(folder, session_id)
    with storing(f"cannot delete session {session_id}"):
        target = _new_path(session_id, trash, why)
        before = files.folder_time(folder)
        try:
            files.move(path, target)
        except FileNotFoundError:
            raise NotFound(f"no session {session_id}") from None
        with files.made():
            after = files.folder_time(folder)
            return Written(Stored(files.signature_of(target.lstat())), Moved(before, after))


def rescue(path: Path, session_id: str, trash: Path) -> None:
    """Move a version of a session that has no place into the trash."""
    with storing(f"cannot keep a version of session {session_id} in the trash"):
        files.move_aside(path, _new_path(session_id, trash, RESCUED))


def write(session_id: str, text: bytes, trash: Path, why: str = AGENTS) -> None:
    """Write a session that has no file of its own into the trash."""
    with storing(f"cannot keep session {session_id} in the trash"):
        target = _new_path(session_id, trash, why)
        files.replace(target, lambda file: file.write(text))


def _new_path(session_id: str, trash: Path, why: str) -> Path:
    trash.mkdir(parents=True, exist_ok=True)
    return trash / f"{check_id(session_id)}.{time.time_ns()}.{why}.json"


def entries(trash: Path) -> list[Entry]:
    """Return what lies in the trash, the latest first."""
    with storing("cannot look into the trash"):
        try:
            names = os.listdir(trash)  # noqa: PTH208  # there is no limit to how many there are
        except FileNotFoundError:
            return []
    found = [entry for name in names if (entry := _entry(trash / name)) is not None]
    return sorted(found, key=lambda entry: (-entry.deleted_at, entry.session_id))


def _entry(path: Path) -> Entry | None:
    match = _NAME.fullmatch(path.name)
    return Entry(path, match["id"], int(match["at"]), match["why"]) if match else None


def ids(trash: Path) -> set[str]:
    """Return the ids of the sessions that lie in the trash."""
    return {entry.session_id for entry in entries(trash)}


def newest(session_id: str, trash: Path) -> Entry | None:
    """Return what was deleted last of a session, or else rescued; None if nothing of it is in the trash."""
    check_id(session_id)
    found = of_session(session_id, trash)
    return next((entry for entry in found if entry.why != RESCUED), found[0] if found else None)


def of_session(session_id: str, trash: Path) -> list[Entry]:
    """Return what lies in the trash of a session, the latest first."""
    return [entry for entry in entries(trash) if entry.session_id == session_id]


def describe(entry: Entry) -> Trashed:
    """Return what an entry holds; one that cannot be read says so as its title."""
    with storing("cannot look into the trash"):
        size = entry.path.stat().st_size
    try:
        found, _ = reading.read_summary(entry.path, entry.session_id)
        title, count = found.title, found.message_count
    except Unreadable:
        title, count = "(cannot be read)", 0
    return Trashed(entry.session_id, title, count, entry.deleted_at / 1e9, entry.why, size)


def give_back(entry: Entry, folder: Path) -> Written:
    """Move an entry back among the sessions; raise `Conflict` if there is one of its id."""
    path = reading.path_of(folder, entry.session_id)
    with storing(f"cannot restore session {entry.session_id}"):
        before = files.folder_time(folder)
        try:
            moved = files.move_new(entry.path, path)
        except FileExistsError:
            raise Conflict(f"there is a session {entry.session_id}: delete or fork it first") from None
        except FileNotFoundError:
            raise NotFound(f"no session {entry.session_id} in the trash") from None
        with files.made():
            after = files.folder_time(folder)
            return Written(Stored(files.signature_of(moved)), Moved(before, after))


def purge(trash: Path, before: int) -> Iterator[Entry]:
    """Erase for good what was deleted before a time (nanoseconds since the epoch), one after the other."""
    for entry in old(trash, before):
        _erase(entry)
        yield entry


def erase(trash: Path, session_id: str) -> int:
    """Erase for good all that there is of a session; return how many files, or raise `NotFound`."""
    check_id(session_id)
    found = of_session(session_id, trash)
    if not found:
        raise NotFound(f"no session {session_id} in the trash")
    for entry in reversed(found):
        _erase(entry)
    return len(found)


def _erase(entry: Entry) -> None:
    with storing(f"cannot erase session {entry.session_id}"):
        entry.path.unlink(missing_ok=True)


def old(trash: Path, before: int) -> list[Entry]:
    """Return what was deleted before a time (nanoseconds since the epoch)."""
    return [entry for entry in entries(trash) if entry.deleted_at < before]
