"""Verification of a backup: every file compared with the manifest, the sessions and the index read."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from ..errors import InvalidValue, NotFound, StorageError, Unreadable, storing
from ..findings import Verification
from ..index import database
from .manifest import (
    FOLDERS,
    INDEX,
    MANIFEST,
    FileContent,
    Manifest,
    ManifestEntry,
    content_of,
    open_regular,
    printable,
    read_manifest,
    why_unreadable,
)


def verify_backup(folder: Path) -> Verification:
    """Read a whole backup and return what is wrong with it; if nothing is, what it lacked when it was made.

    Raises `NotFound` if the folder does not exist, `InvalidValue` if it is not a folder, `StorageError` if it
    cannot be listed.
    """
    _check_folder(folder)
    try:
        manifest = read_manifest(folder)
    except (NotFound, Unreadable, StorageError) as error:
        return Verification((str(error),), ())
    problems = tuple(sorted(_problems(folder, manifest)))
    return Verification(problems, () if problems else tuple(_notes(manifest)))


def _check_folder(folder: Path) -> None:
    with storing("cannot read the backup"):
        if not folder.exists():
            raise NotFound("no such backup")
        if not folder.is_dir():
            raise InvalidValue("a backup is a folder")


def _problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    listed = {entry.path: entry for entry in manifest.files}
    present = _names(folder)
    for name in listed.keys() - present:
        yield f"{printable(name)} is missing"
    for name in present - listed.keys():
        yield f"{printable(name)} is not part of the backup"
    for name in listed.keys() & present:
        yield from _problems_of(folder / name, listed[name])


def _notes(manifest: Manifest) -> Iterator[str]:
    for entry in manifest.files:
        if entry.readable is False:
            name = printable(entry.path)
            yield f"{name} could not be read as a session when it was copied either"
    for name in manifest.skipped:
        yield f"{name} was not copied: not a file"
    if all(entry.path != INDEX for entry in manifest.files):
        yield "the index was not copied: another database holds it"


def _names(folder: Path) -> set[str]:
    """Return the relative names of all that lies where a backup has files, but for the manifest.

    Another folder counts as one name: nothing below it is looked at.
    """
    with storing("cannot list the backup"):
        names = set(os.listdir(folder)) - {MANIFEST}  # noqa: PTH208  # there is no limit to how many
        for below in FOLDERS:
            path = folder / below
            if path.is_dir() and not path.is_symlink():
                names.remove(below)
                names.update(f"{below}/{name}" for name in os.listdir(path))  # noqa: PTH208  # as above
    return names


def _problems_of(path: Path, entry: ManifestEntry) -> Iterator[str]:
    """Compare one file of a backup with its entry."""
    name = printable(entry.path)
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
    if entry.readable and (reason := why_unreadable(path)):
        yield f"{name} cannot be read as a session: {reason}"
    if entry.path == INDEX and (reason := _why_damaged(path)):
        yield f"{name} is damaged: {reason}"


def _read(path: Path) -> FileContent | None:
    descriptor = open_regular(path, os.O_NOFOLLOW)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return content_of(file)


def _why_damaged(path: Path) -> str | None:
    """Return what SQLite finds wrong with an index that nothing writes to, None if nothing."""
    place = "file://" + quote(os.fsencode(path.absolute()))
    unchanged = {"mode": "ro", "immutable": "1", "uri": "true"}  # immutable: no file is made beside it
    url = sa.URL.create("sqlite", database=place, query=unchanged)
    engine = database.make_engine(url.render_as_string(hide_password=False))
    try:
        with database.reading(engine) as connection:
            result = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    except StorageError as error:
        return str(getattr(error.__cause__, "orig", None) or error.__cause__)
    except UnicodeDecodeError:  # the driver's, at a message of SQLite's that quotes the damage
        return "its schema is malformed"
    finally:
        engine.dispose()
    return None if result == "ok" else " ".join(result.split())
