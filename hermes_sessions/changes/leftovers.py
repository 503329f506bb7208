"""What a write or a move that was broken off left behind: told apart, erased where it is known, else kept.

A *temporary* file (`.tmp.`) was never in a session's place, and is nobody's. A file *aside* (`.swap.`) was
in that place or was to get it: its name says which versions are known, and any other goes to the trash, since
it may be all that there is of what another program wrote. An *entry of the trash* that is the same as the
session in its place is half of a move between two disks.

Whether a file aside is known is decided under its session's lock, where nobody is changing places.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .. import files
from ..errors import storing
from ..files import Aside
from ..index import database, rows
from ..sidecars import Entry, reading, trash
from .store import Store

DEBRIS_SECONDS = 3600  # far longer than a write takes; the web UI waits as long


class Found(NamedTuple):
    """What lies in the folders of a home; `unseen` are the files aside that may be the only copy."""

    debris: list[Path]
    unseen: list[Aside]
    copies: list[Entry]


def find(store: Store) -> Found:
    """Return what was left behind, changing nothing; raise `StorageError`."""
    found = Found([], [], [])
    with storing("cannot look for what a crash left"):
        for folder in _folders(store):
            names = _names(folder)
            found.debris.extend(_temporaries(folder, names))
            for aside in _asides(folder, names):
                with _still_there(store, aside) as there:
                    if there:
                        _sort_in(found, store, aside)
        for entry in _copies(store):
            with store.locks.held(entry.session_id):
                if _is_in_place(store, entry):
                    found.copies.append(entry)
    return found


def settle(store: Store) -> None:
    """Erase what is known and keep the rest in the trash; raise `StorageError`."""
    with storing("cannot clean up after a crash"):
        for folder in _folders(store):
            names = _names(folder)
            for path in _temporaries(folder, names):
                path.unlink(missing_ok=True)
            for aside in _asides(folder, names):
                with _still_there(store, aside) as there:
                    if there:
                        _settle(store, aside)
        for entry in _copies(store):
            with store.locks.held(entry.session_id):
                if _is_in_place(store, entry):
                    entry.path.unlink()


def _folders(store: Store) -> tuple[Path, ...]:
    return store.config.state_dir, store.config.sessions_dir, store.config.trash_dir


def _names(folder: Path) -> list[str]:
    """Return the few names that a write or a move may have left, in order."""
    try:
        names = os.listdir(folder)  # noqa: PTH208  # a Path for each of 20,000 takes three times as long
    except FileNotFoundError:  # there need be no trash
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
        if ".swap." in name and (aside := files.aside_of(folder / name)) is not None:
            yield aside


@contextmanager
def _still_there(store: Store, aside: Aside) -> Iterator[bool]:
    """Hold the lock under which the file was put aside, and say whether it is there after all."""
    of_projects = aside.path.parent == store.config.state_dir
    lock = files.file_lock(store.config.projects_lock) if of_projects else store.locks.held(aside.stem)
    with lock:
        yield os.path.lexists(aside.path)


def _sort_in(found: Found, store: Store, aside: Aside) -> None:
    if _is_only_copy(store, aside):
        found.unseen.append(aside)
    else:
        found.debris.append(aside.path)


def _settle(store: Store, aside: Aside) -> None:
    if not _is_only_copy(store, aside):
        aside.path.unlink()
    elif aside.path.parent == store.config.sessions_dir:
        trash.rescue(aside.path, aside.stem, store.config.trash_dir)
    # A list of projects stays where it is: the trash is for sessions. `check` names it.


def _is_only_copy(store: Store, aside: Aside) -> bool:
    entries = trash.of_session(aside.stem, store.config.trash_dir)
    others = (aside.path.with_name(f"{aside.stem}.json"), *(entry.path for entry in entries))
    return aside.is_unseen() and not any(_is_same(aside.path, other) for other in others)


def _is_same(path: Path, other: Path) -> bool:
    try:
        both_files = path.is_file() and other.is_file()
        return both_files and path.stat().st_size == other.stat().st_size and files.is_same(path, other)
    except FileNotFoundError:  # another program removed one meanwhile
        return False


# ---- entries of the trash ---------------------------------------------------------------------------------


def _copies(store: Store) -> list[Entry]:
    """Return what seems to be in both places: to be looked at again under the session's lock."""
    with database.reading(store.engine) as connection:
        in_both = set(rows.in_place_and_trash(connection))
    entries = trash.entries(store.config.trash_dir) if in_both else []
    return [entry for entry in entries if entry.session_id in in_both and _is_in_place(store, entry)]


def _is_in_place(store: Store, entry: Entry) -> bool:
    return _is_same(entry.path, reading.path_of(store.config.sessions_dir, entry.session_id))
