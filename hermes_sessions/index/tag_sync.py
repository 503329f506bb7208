"""Brings the index in line with `tags.json`, which is read outside of transactions."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from .. import files
from ..errors import StorageError, Unreadable
from ..model import Signature
from ..sidecars import tags as tags_file
from . import database, index_state, tags

NO_FILE = "none"
_ENCODED = re.compile(r"[0-9]+-(?P<mtime>[0-9]+)-[0-9]+")
UNSETTLED = "?"  # after a version whose file may yet change without a sign, see `files.is_settled`


class _Reading(NamedTuple):
    """What the file has for the ids of which the index has something else, and the version to note."""

    changed: Mapping[str, Sequence[str]]
    version: str
    warning: str | None = None


def version_of(path: Path) -> str:
    """Return the version of the file as the index stores it, whatever is in its place."""
    try:
        return encoded(tags_file.version_of(path))
    except StorageError as error:  # said with the tags, and no reason not to list conversations
        return str(error)


def encoded(version: Signature | None) -> str:
    """Return a version as the index stores it, None for that of no file."""
    return NO_FILE if version is None else "-".join(map(str, version))


def modified_at(version: str) -> int | None:
    """Return the modification time in a version, 0 for that of no file; None if `stat` failed."""
    if version == NO_FILE:
        return 0
    match = _ENCODED.fullmatch(version)
    return int(match["mtime"]) if match else None


def sync(engine: Engine, path: Path, *, again: bool = False) -> None:
    """Store what the file holds if it changed, or `again`.

    If it cannot be read, the index keeps what it has, with a warning for lists to show. Raises
    `StorageError`, `Locked` if another program holds the lock of the index for more than a second.
    """
    read_at, version = time.time_ns(), version_of(path)
    with database.reading(engine) as connection:
        state = index_state.read(connection)
        if state.tags_version == version and not again:
            return
        known = tags.file_tags(connection)
    found = _read(path, known, version, read_at)
    if found.changed or (found.version, found.warning) != (state.tags_version, state.tags_warning):
        database.wait_to_write(engine)
        with database.writing(engine) as connection:
            _store(connection, found)


def _read(path: Path, known: Mapping[str, Sequence[str]], version: str, read_at: int) -> _Reading:
    try:
        read = tags_file.read(path)
    except (Unreadable, StorageError) as error:
        return _Reading({}, version, f"{error}. Tags are as they were last read")
    is_settled = read.version is None or files.is_settled(read.version.mtime_ns, read_at)
    noted = encoded(read.version) + ("" if is_settled else UNSETTLED)
    return _Reading(changes_of(known, read.names()), noted)


def changes_of(
    known: Mapping[str, Sequence[str]], found: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Return what the file has for each id of which the index has something else."""
    storable = {each: names for each, names in found.items() if tags.is_storable(each)}
    gone = dict.fromkeys(known.keys() - storable.keys(), ())
    return gone | {each: names for each, names in storable.items() if list(names) != known.get(each)}


def _store(connection: Connection, found: _Reading) -> None:
    before = index_state.read(connection).tags_warning
    changed = tags.put_file_tags(connection, found.changed)
    tags.note_file(connection, found.version, found.warning)
    if found.changed or found.warning != before:
        index_state.next_generation(connection, changed)


def read_again(engine: Engine, path: Path) -> None:
    """Store what the file holds even if it seems unchanged, and make the table for filters again."""
    sync(engine, path, again=True)
    with database.writing(engine) as connection:
        tags.store_again(connection)


def is_wrong(connection: Connection, path: Path) -> bool:
    """Whether the index is said to be in line with the file, and is not, or contradicts itself."""
    if not tags.are_stored_twice(connection):
        return True
    in_line = (index_state.read(connection).tags_version or "").removesuffix(UNSETTLED) == version_of(path)
    try:
        return in_line and bool(changes_of(tags.file_tags(connection), tags_file.read(path).names()))
    except (Unreadable, StorageError):
        return False  # another check reports it, and the index keeps what it has


def record(
    engine: Engine,
    path: Path,
    before: Signature | None,
    after: Signature,
    changed: Mapping[str, Sequence[str]],
) -> None:
    """Store what this program has written into the file, in the place of the version `before`.

    Reads the file if the index has another version.
    """
    with database.writing(engine) as connection:
        if index_state.read(connection).tags_version == encoded(before):
            _store(connection, _Reading(changed, encoded(after)))
            return
    sync(engine, path)
