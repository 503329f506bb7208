"""Files left by a write or move that was interrupted: found, told apart, and removed or kept in the trash.

A *temporary* file (`.tmp.`) never had a session's name, and nobody needs it. A file *aside* (`.swap.`) had
that name, or was about to get it: its own name says which versions are known. Any other version goes to the
trash, since it may be the only copy of what another program wrote. A file *in the trash* that equals the
session in its place is half of a move between two disks; on one disk it is a deletion that another program
has undone, and stays.

Whether a file aside is known is decided under its session's lock, while nobody exchanges files.
"""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .. import files
from ..errors import storing
from ..files import Aside
from ..index import database, trash_rows
from ..locks import PROJECTS_LOCK, TAGS_LOCK
from ..sidecars import TrashEntry, folder, trash
from .store import Store

DEBRIS_SECONDS = 3600  # far longer than a write takes; the web UI waits as long


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What interrupted writes and moves left in the folders of a home.

    `debris` nobody needs; `only_copies` may be the only copies of another program's versions; `moved` lie in
    the trash and, the same, in their place.
    """

    debris: list[Path] = field(default_factory=list)
    only_copies: list[Aside] = field(default_factory=list)
    moved: list[TrashEntry] = field(default_factory=list)


def has_unreadable_folder(store: Store) -> bool:
    """Whether the sessions folder or the trash cannot be read."""
    problems = (folder.problem(store.sessions_dir), trash.problem(store.trash_dir))
    return any(problems)


def find_leftovers(store: Store) -> Leftovers:
    """Return what interrupted writes left, changing nothing; raise `StorageError`."""
    found = Leftovers()
    with storing("cannot scan for files left by an interrupted write"):
        for folder in _folders(store):
            names = _names(folder)
            found.debris.extend(_temporaries(folder, names))
            for aside in _asides(folder, names):
                with _locked(store, aside) as exists:
                    if exists and _is_only_copy(store, aside):
                        found.only_copies.append(aside)
                    elif exists:
                        found.debris.append(aside.path)
        for entry in _half_moved(store):
            with store.lock(entry.session_id):
                if _is_in_place(store, entry):
                    found.moved.append(entry)
    return found


def settle_leftovers(store: Store) -> None:
    """Remove what nobody needs, and move what may be an only copy to the trash; raise `StorageError`."""
    with storing("cannot remove files left by an interrupted write"):
        for folder in _folders(store):
            names = _names(folder)
            for path in _temporaries(folder, names):
                path.unlink(missing_ok=True)
            for aside in _asides(folder, names):
                with _locked(store, aside) as exists:
                    if exists:
                        _settle(store, aside)
        for entry in _half_moved(store):
            with store.lock(entry.session_id):
                if _is_in_place(store, entry):
                    entry.path.unlink()


def _folders(store: Store) -> tuple[Path, ...]:
    config = store.config
    return config.state_dir, store.sessions_dir, store.trash_dir, store.backups_dir, config.undo_dir


def _names(folder: Path) -> list[str]:
    """Return the few names in a folder that a write or a move may have left, in order."""
    try:
        names = os.listdir(folder)  # noqa: PTH208  # a Path for each of 20,000 takes three times as long
    except FileNotFoundError:  # a home need not have a trash
        return []
    return sorted(name for name in names if ".tmp." in name or ".swap." in name)


# ---- temporary files --------------------------------------------------------------------------------------


def _temporaries(folder: Path, names: list[str]) -> Iterator[Path]:
    limit = time.time() - DEBRIS_SECONDS
    for name in names:
        if ".tmp." in name and _modified_before(folder / name, limit):
            yield folder / name


def _modified_before(path: Path, limit: float) -> bool:
    try:
        return path.stat().st_mtime < limit
    except FileNotFoundError:
        return False


# ---- files aside ------------------------------------------------------------------------------------------


def _asides(folder: Path, names: list[str]) -> Iterator[Aside]:
    for name in names:
        if ".swap." in name and (aside := files.parse_aside(folder / name)) is not None:
            yield aside


@contextmanager
def _locked(store: Store, aside: Aside) -> Iterator[bool]:
    """Hold the lock under which a file was put aside, and say whether the file still exists."""
    with _lock(store, aside):
        yield os.path.lexists(aside.path)


def _lock(store: Store, aside: Aside) -> AbstractContextManager[None]:
    config = store.config
    if aside.path.parent != config.state_dir:
        return store.lock(aside.stem)
    is_of_tags = aside.stem == config.tags_file.stem
    return store.locks.of_home.held(TAGS_LOCK if is_of_tags else PROJECTS_LOCK)


def _settle(store: Store, aside: Aside) -> None:
    if not _is_only_copy(store, aside):
        aside.path.unlink()
    elif aside.path.parent == store.config.sessions_dir:
        trash.rescue(aside.path, aside.stem, store.trash_dir)
    # Projects and tags stay where they are: the trash is for sessions. `check` names them.


def _is_only_copy(store: Store, aside: Aside) -> bool:
    entries = trash.of_session(aside.stem, store.trash_dir)
    others = (aside.path.with_name(f"{aside.stem}.json"), *(entry.path for entry in entries))
    return aside.is_foreign() and not any(_is_same(aside.path, other) for other in others)


def _is_same(path: Path, other: Path) -> bool:
    try:
        both_files = path.is_file() and other.is_file()
        return both_files and path.stat().st_size == other.stat().st_size and files.is_same(path, other)
    except FileNotFoundError:  # another program has just removed one
        return False


# ---- moves ------------------------------------------------------------------------------------------------


def _half_moved(store: Store) -> list[TrashEntry]:
    """Return what seems to be in the trash and in place: to be compared again under the session's lock."""
    with database.reading(store.engine) as connection:
        in_both = set(trash_rows.ids_also_in_trash(connection))
    entries = trash.entries(store.trash_dir) if in_both else []
    return [entry for entry in entries if entry.session_id in in_both and _is_in_place(store, entry)]


def _is_in_place(store: Store, entry: TrashEntry) -> bool:
    place = store.path_of(entry.session_id)
    return _is_same(entry.path, place) and _can_be_half_moved(entry.path, place)


def _can_be_half_moved(path: Path, place: Path) -> bool:
    """Whether a move can leave both: it copies between disks, or gives the file a second name first."""
    try:
        one, other = path.stat(), place.stat()
    except FileNotFoundError:  # another program has just removed one
        return False
    return one.st_dev != other.st_dev or one.st_ino == other.st_ino
