"""Backups: a consistent copy of a state folder with a manifest of it, and what is wrong with one.

`create` holds no lock and asks nobody to stop: a sidecar is replaced atomically, so an opened one is whole.
"""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from sqlalchemy import Engine

from .. import files, json_text
from ..config import Config
from ..errors import InvalidValue, NotFound, StorageError, Unreadable, storing
from ..index import database
from ..sidecars import load

FORMAT = 1
MANIFEST, INDEX, SESSIONS, TRASH = "manifest.json", "sessions.db", "sessions", "trash"
COPY_BYTES = 1 << 20
_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # of a link

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What a backup holds beside its manifest: how many files and bytes, and whether the index is among them.

    `skipped` names what was no regular file: pipes, sockets, folders, links to nowhere.
    """

    files: int
    bytes: int
    skipped: tuple[str, ...]
    index: bool


class _Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file as it was copied; `readable` only of a session's."""

    path: str
    size: int
    sha256: str
    readable: bool | None = None


class _Manifest(msgspec.Struct, frozen=True):
    """What a backup consists of; `created_at` in seconds since the epoch."""

    format: int
    created_at: float
    skipped: list[str]
    files: list[_Entry]


class _Content(NamedTuple):
    """A file's bytes, by what tells them from others."""

    size: int
    sha256: str


# ---- making one -------------------------------------------------------------------------------------------


def create(config: Config, engine: Engine, folder: Path, progress: Progress | None = None) -> Report:
    """Copy a state folder into `folder`, which must be new or empty; all of it is there in the end, or none.

    `progress(done, total)` counts files; the total grows when the trash is listed. Raises `InvalidValue` for
    a folder that cannot be used, `StorageError`. A kill leaves `<folder>.tmp.<pid>.<letters>` behind.
    """
    with storing("cannot look at the backup's folder"):
        target = _check_new(config, folder)
        mode = (target if target.exists() else config.state_dir).stat().st_mode
    with storing("cannot make the backup"):
        temporary = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp.{os.getpid()}.", dir=target.parent))
        try:
            report = _fill(_Run(temporary, progress), config, engine)
            temporary.chmod(_usable(mode))
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        files.sync_folder(target.parent)
    return report


def _check_new(config: Config, folder: Path) -> Path:
    """Return where the backup goes, links resolved; raise `InvalidValue`."""
    try:
        target = folder.resolve()
    except (RuntimeError, ValueError) as error:  # a loop of links, a NUL
        raise InvalidValue("the backup's folder is no path that exists or could") from error
    kept = (config.state_dir, config.sessions_dir, config.trash_dir)
    if any(target.is_relative_to(path.resolve()) for path in kept):
        raise InvalidValue("a backup must lie outside of the state folder")
    if not target.parent.is_dir():  # not made: a disk that is not mounted would look like this
        raise InvalidValue("the folder in which the backup is to lie does not exist")
    if target.is_mount():
        raise InvalidValue("the backup's folder is a disk of its own: name a new folder in it")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidValue("the backup's folder must be new or empty")
    return target


def _usable(mode: int) -> int:
    """Return a folder's permissions such that its owner can remove what is in it."""
    return mode & 0o777 | 0o700


def _fill(run: "_Run", config: Config, engine: Engine) -> Report:
    """Copy everything, each after what it could turn into.

    The index goes first: a draft of it may get a file later, and then the file is seen. What is deleted
    while the sessions are copied is in the trash by then, and what was taken out of the trash before it was
    listed is among the sessions again.
    """
    index = run.copy_index(engine)
    for name, path in ((SESSIONS, config.sessions_dir), (TRASH, config.trash_dir)):
        _make_folder(run.target / name, path)
        run.copy_all(name, _listed(path, name))
    run.copy_all(SESSIONS, _listed(config.sessions_dir, SESSIONS))
    single = (config.projects_file, config.last_workspace_file, config.state_dir / "settings.json")
    run.copy_all("", single)
    return run.finish(index=index)


def _make_folder(copy: Path, original: Path) -> None:
    """Make a folder with the permissions of the original.

    Not its time: the index knows that one, and a restored folder must be looked at.
    """
    copy.mkdir(mode=0o700)
    with suppress(FileNotFoundError):  # there need be no trash
        copy.chmod(_usable(original.stat().st_mode))


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


class _Run:
    """A backup being made in the folder `target`, and what is in it so far."""

    def __init__(self, target: Path, progress: Progress | None) -> None:
        self.target = target
        self._entries: dict[str, _Entry] = {}
        self._skipped: set[str] = set()
        self._progress = progress
        self._done = self._total = 0

    def copy_index(self, engine: Engine) -> bool:
        """Copy the index if it is SQLite's, and return whether it is."""
        if engine.dialect.name != "sqlite":
            return False
        copy = self.target / INDEX
        with database.reading(engine) as connection:
            # Beneath SQLAlchemy and as bytes, for the reasons in `upgrades`.
            cursor = connection.connection.cursor()
            cursor.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(copy),))
        with copy.open("rb") as file:
            _keep_index_mode(engine, file)
            os.fsync(file.fileno())
            self._add(INDEX, _content(file))
        return True

    def copy_all(self, folder: str, paths: Iterable[Path]) -> None:
        """Copy those of these files into a folder of the backup that are not in it yet."""
        named = ((f"{folder}/{path.name}" if folder else path.name, path) for path in paths)
        known = self._entries.keys() | self._skipped
        new = [(name, path) for name, path in named if name not in known]
        self._total += len(new)
        for name, path in new:
            with storing(f"cannot back up {_shown(name)}"):
                self._copy(name, path)
            self._done += 1
            if self._progress:
                self._progress(self._done, self._total)

    def _copy(self, name: str, path: Path) -> None:
        try:
            descriptor = _open(path)
        except FileNotFoundError:  # gone since it was listed
            return
        if descriptor is None:
            self._skipped.add(name)
            return
        with os.fdopen(descriptor, "rb") as source, (self.target / name).open("xb") as copy:
            content = _content(source, copy)
            copy.flush()
            _keep_status(os.fstat(descriptor), copy)
            os.fsync(copy.fileno())
        self._add(name, content)

    def _add(self, name: str, content: _Content) -> None:
        readable = _why_unreadable(self.target / name) is None if _is_session(name) else None
        self._entries[name] = _Entry(name, *content, readable)

    def finish(self, *, index: bool) -> Report:
        """Write the manifest, which makes a backup of what is there."""
        for name in (SESSIONS, TRASH):
            files.sync_folder(self.target / name)
        entries, skipped = [*self._entries.values()], sorted(map(_shown, self._skipped))
        manifest = msgspec.to_builtins(_Manifest(FORMAT, time.time(), skipped, entries))
        text = json_text.encode(manifest, MANIFEST)
        files.replace(self.target / MANIFEST, lambda file: file.write(text))
        return Report(len(entries), sum(entry.size for entry in entries), tuple(skipped), index)


def _keep_index_mode(engine: Engine, copy: IO[bytes]) -> None:
    original = Path(engine.url.database or "")
    if original.is_file():
        os.fchmod(copy.fileno(), original.stat().st_mode & 0o777)


def _keep_status(status: os.stat_result, copy: IO[bytes]) -> None:
    os.fchmod(copy.fileno(), status.st_mode & 0o777)
    os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


# ---- looking at one ---------------------------------------------------------------------------------------


def verify(folder: Path) -> list[str]:
    """Read a whole backup and return what is wrong with it, in words; nothing if nothing is.

    Raises `NotFound` without such a folder, `InvalidValue` for what is none, `StorageError` where it cannot
    be listed.
    """
    _check_folder(folder)
    try:
        manifest = _manifest(folder)
    except (NotFound, Unreadable, StorageError) as error:
        return [str(error)]
    listed = {entry.path: entry for entry in manifest.files}
    found = _found(folder)
    faults = [f"{_shown(name)} is missing" for name in listed if name not in found]
    faults += [f"{_shown(name)} is no part of the backup" for name in sorted(found - listed.keys())]
    for name, entry in listed.items():
        if name in found:
            faults += _faults(folder / name, entry)
    return sorted(faults)


def notes(folder: Path) -> list[str]:
    """Return in words what a backup lacked when it was made, without reading it; errors as of `verify`.

    Raises `NotFound` or `Unreadable` for the manifest too.
    """
    _check_folder(folder)
    manifest = _manifest(folder)
    unread = [entry.path for entry in manifest.files if entry.readable is False]
    index = any(entry.path == INDEX for entry in manifest.files)
    return [
        *(f"{_shown(name)} could not be read as a session when it was copied either" for name in unread),
        *(f"{name} was not copied: not a file" for name in manifest.skipped),
        *([] if index else ["the index was not copied: another database holds it"]),
    ]


def _check_folder(folder: Path) -> None:
    with storing("cannot look at the backup"):
        if not folder.exists():
            raise NotFound("no such backup")
        if not folder.is_dir():
            raise InvalidValue("a backup is a folder")


def _manifest(folder: Path) -> _Manifest:
    path = folder / MANIFEST
    with storing(f"{MANIFEST} cannot be read"):
        try:
            descriptor = _open(path, os.O_NOFOLLOW)
        except FileNotFoundError:
            raise NotFound(f"{MANIFEST} is missing") from None
        if descriptor is None:
            raise Unreadable(path, "not a file")
        with os.fdopen(descriptor, "rb") as file:
            return _parsed(path, file.read())


def _parsed(path: Path, text: bytes) -> _Manifest:
    try:
        document = json_text.decode(text)
        if isinstance(document, dict) and document.get("format") != FORMAT:
            raise Unreadable(path, "not of a format that this version knows")
        return msgspec.convert(document, _Manifest)
    except (json_text.Malformed, msgspec.ValidationError) as error:
        raise Unreadable(path, str(error)) from error


def _found(folder: Path) -> set[str]:
    """Return the relative names of all that lies where a backup has files, but for the manifest.

    Another folder counts as one name: nothing below it is looked at.
    """
    with storing("cannot list the backup"):
        names = set(os.listdir(folder)) - {MANIFEST}  # noqa: PTH208  # there is no limit to how many
        for below in (SESSIONS, TRASH):
            path = folder / below
            if path.is_dir() and not path.is_symlink():
                names.remove(below)
                names.update(f"{below}/{name}" for name in os.listdir(path))  # noqa: PTH208  # as above
    return names


def _faults(path: Path, entry: _Entry) -> Iterator[str]:
    """Tell what is wrong with one file of a backup."""
    name = _shown(entry.path)
    try:
        content = _read(path)
    except OSError as error:
        yield f"{name} cannot be read: {error.strerror or type(error).__name__}"
        return
    if content is None:
        yield f"{name} is not a file"
        return
    if content.size != entry.size:
        yield f"{name} has {content.size} bytes instead of {entry.size}"
    elif content.sha256 != entry.sha256:
        yield f"{name} has another checksum"
    if entry.readable and (reason := _why_unreadable(path)):
        yield f"{name} cannot be read as a session: {reason}"
    if entry.path == INDEX and (reason := _why_damaged(path)):
        yield f"{name} is damaged: {reason}"


def _read(path: Path) -> _Content | None:
    descriptor = _open(path, os.O_NOFOLLOW)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return _content(file)


def _why_damaged(path: Path) -> str | None:
    """Return what SQLite finds wrong with an index that nothing writes to, None if nothing."""
    place = "file://" + quote(os.fsencode(path.absolute()))
    as_it_is = {"mode": "ro", "immutable": "1", "uri": "true"}  # immutable: no file is made beside it
    url = sa.URL.create("sqlite", database=place, query=as_it_is)
    engine = database.make_engine(url.render_as_string(hide_password=False))
    try:
        with database.reading(engine) as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    except StorageError as error:
        return str(getattr(error.__cause__, "orig", None) or error.__cause__)
    except UnicodeDecodeError:  # the driver's, of words of SQLite's that quote the damage
        return "its schema is malformed"
    finally:
        engine.dispose()
    return None if found == "ok" else " ".join(found.split())


# ---- both -------------------------------------------------------------------------------------------------


def _open(path: Path, flags: int = 0) -> int | None:
    """Open a regular file for reading, None for what is none; raise `FileNotFoundError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | flags)  # or a pipe would wait for its end
    except OSError as error:
        if error.errno == errno.ENXIO or (error.errno in _NOWHERE and path.is_symlink()):
            return None  # a socket, or a link to nowhere
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _content(source: IO[bytes], copy: IO[bytes] | None = None) -> _Content:
    """Read a file from where it is to its end, and write it to `copy`."""
    size, digest = 0, hashlib.sha256()
    while chunk := source.read(COPY_BYTES):
        size += len(chunk)
        digest.update(chunk)
        if copy:
            copy.write(chunk)
    return _Content(size, digest.hexdigest())


def _is_session(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return folder == SESSIONS and file.endswith(".json") and not file.startswith(("_", "."))


def _why_unreadable(path: Path) -> str | None:
    """Return why a file is not one of a session, None if it is."""
    try:
        load(path)
    except Unreadable as error:
        return error.reason
    return None


def _shown(name: str) -> str:
    """Return a file's name as text that can be shown: bytes that are no UTF-8 become `\\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode()
