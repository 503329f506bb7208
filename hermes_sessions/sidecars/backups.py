"""Longer versions of sessions that were shortened, in a folder of their own, named as in the trash.

The web UI keeps its own beside the sidecars, as `<id>.json.bak`: they are read, and nothing is written there.
When it starts, it puts such a file in the place of a session that has fewer messages, or that was deleted.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from .. import files, modes
from ..errors import Unconfirmed, storing
from ..model import Signature
from ..results import TrashReason
from . import trash
from .folder import WEB_UI_BACKUP, web_ui_backups
from .trash import TrashEntry

GENERATION = "intentional_shrink_generation"  # a key of a file: which of its shortenings was the last


class Backup(NamedTuple):
    """A longer version of a session; `kept_at` in nanoseconds since the epoch."""

    path: Path
    session_id: str
    kept_at: int

    @property
    def name(self) -> str:
        """Its name in the state folder."""
        return f"{self.path.parent.name}/{self.path.name}"


# ---- keeping ----------------------------------------------------------------------------------------------


@contextmanager
def keeping(path: Path, version: Signature, folder: Path) -> Iterator[Callable[[], None]]:
    """Give out a function that keeps this version of a session's file in `folder`, before it is replaced.

    It raises `files.Changed` for another version. What it kept is deleted again if the block fails.
    """
    modes.make_own_folder(folder)
    name = trash.new_path(path.stem, folder, TrashReason.SHORTENED)

    def keep() -> None:
        if _second(path, name) != version:
            raise files.Changed
        files.sync_folder(folder)

    try:
        yield keep
    except Unconfirmed:  # the file was replaced
        raise
    except BaseException:
        with suppress(OSError):
            name.unlink(missing_ok=True)
        raise


def _second(path: Path, name: Path) -> Signature:
    """Give a file a second name, or a copy if the disk has no links; return the version that got it."""
    version = second_name(path, name)
    modes.tighten(name)  # with a link also the file itself, which is about to be replaced
    return version


def second_name(path: Path, name: Path) -> Signature:
    """Give a file a second name, or a copy with its time if the disk has no links; return its version."""
    try:
        os.link(path.resolve(), name)
    except OSError as error:
        if error.errno not in (*files.NO_LINKS, errno.EXDEV):
            raise
        with files.opened(path) as source:
            files.replace(name, lambda file: copy_with_time(source, file))
            return files.signature_of(os.fstat(source.fileno()))
    return files.signature_of(name.stat())


def copy_with_time(source: IO[bytes], file: IO[bytes]) -> None:
    """Write what an open file holds into another one, which gets its modification time too."""
    shutil.copyfileobj(source, file, files.COPY_BYTES)
    file.flush()  # what is written later would be a later modification
    status = os.fstat(source.fileno())
    os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def put_aside(path: Path, folder: Path) -> None:
    """Move the web UI's backup of a session into `folder`, so that the web UI does not restore it.

    It would where the session was deleted, or was shortened and has lost the mark of that: the web UI of May
    drops the mark when it saves.
    """
    backup = path.with_suffix(WEB_UI_BACKUP)
    with storing(f"cannot move the backup of session {path.stem}"):
        if not os.path.lexists(backup):
            return
        modes.make_own_folder(folder)
        with suppress(FileNotFoundError):  # the web UI has removed it since
            try:
                files.move(backup, trash.new_path(path.stem, folder, TrashReason.SHORTENED))
            except Unconfirmed as error:  # of the session, nothing was changed
                raise OSError(error.errno, error.strerror) from None


# ---- finding ----------------------------------------------------------------------------------------------


def of_session(path: Path, folder: Path) -> list[Backup]:
    """Return the longer versions of a session, whose file is `path`, the latest first."""
    kept = (entry for entry in trash.entries(folder) if entry.session_id == path.stem)
    with storing(f"cannot read the backup of session {path.stem}"):
        return _latest_first([*map(_own, kept), *_web_uis([path.with_suffix(WEB_UI_BACKUP)])])


def latest(sessions_dir: Path, folder: Path) -> list[Backup]:
    """Return the latest longer version of each session, by id."""
    with storing("cannot read the backups"):
        found = _latest_first([*map(_own, trash.entries(folder)), *_web_uis(web_ui_backups(sessions_dir))])
    newest = {backup.session_id: backup for backup in reversed(found)}
    return [newest[session_id] for session_id in sorted(newest)]


def _own(entry: TrashEntry) -> Backup:
    return Backup(entry.path, entry.session_id, entry.deleted_at)


def _web_uis(paths: Iterable[Path]) -> Iterator[Backup]:
    for path in paths:
        with suppress(FileNotFoundError):
            yield Backup(path, path.name.removesuffix(WEB_UI_BACKUP), path.stat().st_mtime_ns)


def _latest_first(backups: list[Backup]) -> list[Backup]:
    return sorted(backups, key=lambda backup: (-backup.kept_at, backup.path.name))


_GENERATION = re.compile("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")  # `uuid4().hex`


def is_superseded(live: object, kept: object) -> bool:
    """Whether a session was shortened on purpose since a longer version of it was kept.

    Both are what the files have as `GENERATION`. The web UI of August restores a longer
    version unless this holds.
    """
    return _is_generation(live) and (kept is None or (_is_generation(kept) and kept != live))


def _is_generation(mark: object) -> bool:
    return isinstance(mark, str) and _GENERATION.fullmatch(mark) is not None


def expired(sessions_dir: Path, folder: Path, time_ns: int) -> list[TrashEntry]:
    """Return what was kept before a time (ns since the epoch), but the latest of a session that exists."""
    old, seen = [], set[str]()
    for entry in trash.entries(folder):
        is_latest = entry.session_id not in seen
        seen.add(entry.session_id)
        needed = is_latest and (sessions_dir / f"{entry.session_id}.json").exists()
        if entry.deleted_at < time_ns and not needed:
            old.append(entry)
    return old
