"""Backups: a consistent copy of a state folder, with a manifest of it.

Holds no lock and asks nobody to stop: a sidecar is replaced atomically, so an opened one is whole.
"""

import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from sqlalchemy import Engine

from .. import files, modes
from ..changes import session_without_messages
from ..config import Config
from ..errors import InvalidValue, storing
from ..findings import BackupReport
from ..index import Progress, database, rows
from ..model import Summary
from ..sidecars import editing
from .manifest import (
    BACKUPS,
    FOLDERS,
    FORMAT,
    INDEX,
    SESSIONS,
    TRASH,
    FileContent,
    Manifest,
    ManifestEntry,
    content_of,
    open_regular,
    printable,
    why_unreadable,
    write_manifest,
)


def create_backup(
    config: Config, engine: Engine, folder: Path, progress: Progress | None = None
) -> BackupReport:
    """Copy a state folder into `folder`, which must be new or empty: all of it, or nothing.

    `progress(done, total)` counts files; the total grows when the trash is listed. Raises `InvalidValue` for
    a folder that cannot be used, `StorageError`. A kill leaves `<folder>.tmp.<pid>.<letters>` behind.
    """
    with storing("cannot read the backup's folder"):
        target = _check_new(config, folder)
    with storing("cannot make the backup"):
        temporary = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp.{os.getpid()}.", dir=target.parent))
        try:
            report = _fill(_BackupWriter(temporary, progress), config, engine)
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        files.sync_folder(target.parent)
    return report


def _check_new(config: Config, folder: Path) -> Path:
    """Return where to make the backup, links resolved; raise `InvalidValue`."""
    try:
        inside = files.is_inside(folder, (config.state_dir, config.sessions_dir, config.trash_dir))
        target = folder.resolve()
    except ValueError as error:  # a loop of links, a NUL
        raise InvalidValue("the backup's folder is not a possible path") from error
    if inside:
        raise InvalidValue("a backup must be outside of the state folder")
    if not target.parent.is_dir():  # not made: a disk that is not mounted would look like this
        raise InvalidValue("the folder for the backup does not exist")
    if target.is_mount():
        raise InvalidValue("the backup's folder is a whole disk: name a new folder in it")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidValue("the backup's folder must be new or empty")
    return target


def _fill(writer: "_BackupWriter", config: Config, engine: Engine) -> BackupReport:
    """Copy everything, in an order in which nothing that moves is missed.

    The index is first: a draft in it may get a file later, and then the file is copied too. What is deleted
    while the sessions are copied is in the trash by then, and what was restored before the trash was listed
    is found among the sessions, which are listed again. Backups are first and last in the same way: restored
    ones leave their folder, and a session that is shortened gets one.
    """
    index = writer.copy_index(engine)
    drafts = [] if index else _drafts(engine)
    for name in FOLDERS:
        # Without the original's time: the index knows it, and would not scan a folder that was restored.
        (writer.target / name).mkdir(modes.FOLDER)
    places = {SESSIONS: config.sessions_dir, TRASH: config.trash_dir, BACKUPS: config.backups_dir}
    for name in (BACKUPS, SESSIONS, TRASH, SESSIONS, BACKUPS):
        writer.copy_all(name, _listed(places[name], name))
    for draft in drafts:
        writer.write_session(draft)
    settings = config.state_dir / "settings.json"
    single = (config.projects_file, config.tags_file, config.last_workspace_file, settings)
    writer.copy_all("", single)
    return writer.finish(index=index)


def _drafts(engine: Engine) -> list[Summary]:
    """Return the drafts of an index that is not copied: they are nowhere else, and become files."""
    with database.reading(engine) as connection:
        return rows.drafts(connection)


def _listed(folder: Path, name: str) -> list[Path]:
    with storing(f"cannot list {name}"):
        try:
            names = os.listdir(folder)  # noqa: PTH208  # there is no limit to how many there are
        except FileNotFoundError:
            if name == SESSIONS:  # a disk that is not mounted, perhaps: no backup of nothing
                raise
            return []
    return [folder / each for each in sorted(names) if _is_kept(name, each)]


def _is_kept(folder: str, name: str) -> bool:
    """Whether a file is the user's, not one that is being written or something else."""
    return name.endswith((".json", ".json.bak")) if folder == SESSIONS else ".tmp." not in name


class _BackupWriter:
    """Makes a backup in the folder `target`, and knows what is in it so far."""

    def __init__(self, target: Path, progress: Progress | None) -> None:
        self.target = target
        self._entries: dict[str, ManifestEntry] = {}
        self._skipped: set[str] = set()
        self._progress = progress
        self._done = self._total = 0

    def copy_index(self, engine: Engine) -> bool:
        """Copy the index if it is SQLite's, and return whether it is."""
        if engine.dialect.name != "sqlite":
            return False
        copy = self.target / INDEX
        modes.keep_private(copy)  # VACUUM takes an empty file
        with database.reading(engine) as connection:
            # Beneath SQLAlchemy and as bytes, for the reasons in `upgrades`.
            cursor = connection.connection.cursor()
            cursor.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(copy),))
        with copy.open("rb") as file:
            _keep_index_mode(engine, file)
            os.fsync(file.fileno())
            self._add(INDEX, content_of(file))
        return True

    def copy_all(self, folder: str, paths: Iterable[Path]) -> None:
        """Copy those of these files into a folder of the backup that are not in it yet."""
        named = ((f"{folder}/{path.name}" if folder else path.name, path) for path in paths)
        known = self._entries.keys() | self._skipped
        new = [(name, path) for name, path in named if name not in known]
        self._total += len(new)
        for name, path in new:
            with storing(f"cannot back up {printable(name)}"):
                self._copy(name, path)
            self._done += 1
            if self._progress:
                self._progress(self._done, self._total)

    def write_session(self, draft: Summary) -> None:
        """Write the file of a session without messages, unless it got one since, which was copied."""
        name = f"{SESSIONS}/{draft.session_id}.json"
        if name in self._entries or name in self._skipped:
            return
        text = io.BytesIO(editing.new_text(session_without_messages(draft)))
        with open(self.target / name, "xb", opener=modes.create_file) as copy:  # for the opener
            content = content_of(text, copy)
            copy.flush()
            os.fsync(copy.fileno())
        self._add(name, content)

    def _copy(self, name: str, path: Path) -> None:
        try:
            descriptor = open_regular(path)
        except FileNotFoundError:  # removed since it was listed
            return
        if descriptor is None:
            self._skipped.add(name)
            return
        with (
            os.fdopen(descriptor, "rb") as source,
            open(self.target / name, "xb", opener=modes.create_file) as copy,  # for the opener
        ):
            content = content_of(source, copy)
            copy.flush()
            _keep_status(os.fstat(descriptor), copy)
            os.fsync(copy.fileno())
        self._add(name, content)

    def _add(self, name: str, content: FileContent) -> None:
        readable = why_unreadable(self.target / name) is None if _is_session(name) else None
        self._entries[name] = ManifestEntry(name, *content, readable)

    def finish(self, *, index: bool) -> BackupReport:
        """Write the manifest, which completes the backup."""
        for name in FOLDERS:
            files.sync_folder(self.target / name)
        entries, skipped = [*self._entries.values()], sorted(map(printable, self._skipped))
        write_manifest(self.target, Manifest(FORMAT, time.time(), skipped, entries))
        return BackupReport(len(entries), sum(entry.size for entry in entries), tuple(skipped), index)


def _keep_index_mode(engine: Engine, copy: IO[bytes]) -> None:
    original = Path(engine.url.database or "")
    if original.is_file():
        os.fchmod(copy.fileno(), modes.allowed(original.stat().st_mode))


def _keep_status(status: os.stat_result, copy: IO[bytes]) -> None:
    os.fchmod(copy.fileno(), modes.allowed(status.st_mode))
    os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def _is_session(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return folder == SESSIONS and file.endswith(".json") and not file.startswith(("_", "."))
