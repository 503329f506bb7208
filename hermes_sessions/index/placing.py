"""Where the indexes of a home go: into its state folder, or elsewhere if nothing can be written there.

Decides by what the system says before a write, and by the error of one that failed. Writes nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Engine

from .. import folder_events
from ..config import INDEX_FILE, Config
from ..errors import Damaged, InvalidValue, Locked, NewerDatabase, SessionsError, StorageError
from ..locks import file_lock
from ..results import Restriction, RestrictionKind
from ..sidecars import folder as folders
from . import database, upgrades
from .schema import INDEX_STATE

_FULL = (errno.ENOSPC, errno.EDQUOT)
_PROBE = b"\0" * 65_536  # what an index needs to be opened: a shared memory file of 32 kB, and a few pages


# ---- why nothing can be written -------------------------------------------------------------------------


def restriction_of(config: Config, *, asked: bool) -> Restriction | None:
    """Return why a home is to be opened read-only, as `asked` or because it must be; None if it need not."""
    if asked:
        reason = f"The Hermes home {config.hermes_home.name} is open read-only, as its caller asked."
        return Restriction(RestrictionKind.READ_ONLY, reason, "Open it without read_only to change it.")
    found = next(_unwritable(config), None)
    return None if found is None else _read_only(config, *found)


def _unwritable(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the name of each file or folder of a home that cannot be written, and why.

    A sessions folder that cannot even be read is another fault, which lists warn of: the indexes stay where
    they are, since a new one elsewhere could not be filled.
    """
    of_sessions = () if folders.problem(config.sessions_dir) else (config.sessions_dir,)
    for folder in (_nearest(config.state_dir), config.state_dir, *of_sessions, config.state_dir / "locks"):
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            yield folder.name, _why(folder)
    index = None if config.database_url else config.state_dir / INDEX_FILE
    if index is not None and index.is_file() and not os.access(index, os.W_OK):
        yield index.name, _why(index)


def _nearest(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that exists."""
    return next(each for each in (folder, *folder.parents) if _exists(each) or each == each.parent)


def _exists(path: Path) -> bool:
    """Whether a file exists, as far as this user may know: not in a folder that others may not enter."""
    try:
        return path.exists()
    except PermissionError:
        return False


def _why(path: Path) -> str:
    is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    return os.strerror(errno.EROFS if is_read_only else errno.EACCES)


def _read_only(config: Config, name: str, why: str) -> Restriction:
    home = f"The Hermes home {config.hermes_home.name}"
    reason = f"{home} is open read-only, because {name} cannot be written ({why})."
    remedy = "To change conversations, make it writable for this user."
    return Restriction(RestrictionKind.READ_ONLY, reason, remedy)


def restriction_after(config: Config, error: StorageError) -> Restriction | None:
    """Return why an index could not be opened or brought in line, None if that is not about writing it."""
    if isinstance(error, Damaged | Locked | NewerDatabase):
        return None
    folder = config.index_dir
    if is_full(error) or (folder is not None and lacks_room(folder)):
        reason = f"The disk of the Hermes home {config.hermes_home.name} is full, so nothing can be saved."
        remedy = "Delete conversations in the trash permanently, or make room in another way."
        return Restriction(RestrictionKind.FULL, reason, remedy)
    if not config.is_indexed_elsewhere:
        return restriction_of(config, asked=False)
    if folder is not None and (blocked := next(_blocked(folder), None)):
        return _read_only(config, folder.name, _why(blocked))
    return None


def _blocked(folder: Path) -> Iterator[Path]:
    """Yield what keeps this user, unlike the one who made it, from having an index in a folder of a cache."""
    enter = os.W_OK | os.X_OK
    needed = ((_nearest(folder), enter), (folder / "locks", enter), (folder / INDEX_FILE, os.W_OK))
    for path, access in needed:
        if _exists(path) and not os.access(path, access):
            yield path


def is_full(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that a disk or a quota is full."""
    cause: BaseException | None = error
    while cause is not None:
        if database.is_full(cause) or (isinstance(cause, OSError) and cause.errno in _FULL):
            return True
        cause = cause.__cause__
    return False


def lacks_room(folder: Path) -> bool:
    """Whether a folder's disk cannot take what an index needs to be opened.

    Tried with a file that has no name, where the system has such files: SQLite reports a full disk in several
    ways, and `statvfs` does not know about quotas.
    """
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except (AttributeError, OSError) as error:
        return (isinstance(error, OSError) and error.errno in _FULL) or _is_nearly_full(folder)
    try:
        return os.write(descriptor, _PROBE) < len(_PROBE)
    except OSError as error:
        return error.errno in _FULL
    finally:
        os.close(descriptor)


def _is_nearly_full(folder: Path) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < len(_PROBE)


# ---- where the indexes go instead -----------------------------------------------------------------------


def elsewhere(config: Config, restriction: Restriction) -> list[Config]:
    """Return the places for the indexes of a home that cannot be written, in the order to try them."""
    read_only = restriction.kind is RestrictionKind.READ_ONLY
    url = config.database_url if read_only and not _is_inside(config) else None
    changed = replace(config, database_url=url, read_only=read_only)
    places = (_cache_folder(config), None)
    return [replace(changed, index_dir=place, search_dir=place) for place in places]


def of_this_host(config: Config) -> Config:
    """Return the places of a home that several hosts use: each has its own full-text index, on its own disk.

    Raises `InvalidValue` if that would be on a disk that hosts share, where SQLite corrupts its files.
    """
    if not config.database_url or not database.is_shared(config.database_url):
        return config
    folder = _cache_folder(config)
    if folder_events.is_of_network(_nearest(folder)):
        raise InvalidValue(
            "The search index needs a folder on a disk of this machine, and the user's cache is not on one. "
            "Set HERMES_SESSIONS_CACHE_DIR to such a folder"
        )
    return replace(config, search_dir=folder)


def _is_inside(config: Config) -> bool:
    """Whether the index that a caller named is a file in the home."""
    engine = database.make_engine(config.index)
    path = database.file_of(engine)
    homes = (config.hermes_home, config.state_dir)
    return path is not None and any(path.absolute().is_relative_to(home) for home in homes)


def _cache_folder(config: Config) -> Path:
    """Return the folder of a home's own in the user's cache, the same under every name of the home."""
    home, state = map(os.path.realpath, (config.hermes_home, config.state_dir))
    name = hashlib.sha256(os.fsencode(f"{home}\0{state}")).hexdigest()[:16]
    return config.cache_dir / name


def take_over(config: Config, engine: Engine) -> None:
    """Fill a new index elsewhere with what the home's own index has, which saves reading every file.

    Drafts are there alone. If it cannot be read without writing to the home, the files are read instead.
    """
    path, source = database.file_of(engine), config.state_dir / INDEX_FILE
    if not config.is_indexed_elsewhere or config.database_url or not source.is_file():
        return
    upgrades.create_folders(config)
    with file_lock(upgrades.lock_file(config)):
        if path is None or not path.exists():
            with suppress(*database.DRIVER_ERRORS, SessionsError, OSError):
                _copy_index(source, engine)


def _copy_index(source: Path, engine: Engine) -> None:
    with database.reading_without_traces(source) as own, database.reading(engine) as connection:
        if upgrades.read_revision(own) in upgrades.revisions():
            own.rollback()
            database.copy_all(own, connection)
        else:
            return
    with database.writing(engine) as connection:  # or two indexes would have one version
        connection.execute(sa.update(INDEX_STATE).values(store_id=uuid.uuid4().hex))
