"""The manifest of a backup: its files with their sizes and checksums, and how a file of a backup is read."""

import errno
import hashlib
import os
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from .. import files, json_text
from ..errors import NotFound, Unreadable, storing
from ..sidecars import load

FORMAT = 1
MANIFEST, INDEX = "manifest.json", "sessions.db"
SESSIONS, TRASH, BACKUPS = FOLDERS = ("sessions", "trash", "backups")
COPY_BYTES = 1 << 20
_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # of a link


class ManifestEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file as it was copied; `readable` only of a session's."""

    path: str
    size: int
    sha256: str
    readable: bool | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What a backup consists of; `created_at` in seconds since the epoch."""

    format: int
    created_at: float
    skipped: list[str]
    files: list[ManifestEntry]


class FileContent(NamedTuple):
    """The size of a file in bytes, and its checksum."""

    size: int
    sha256: str


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a backup into its folder."""
    text = json_text.encode(msgspec.to_builtins(manifest), MANIFEST)
    files.replace(folder / MANIFEST, lambda file: file.write(text))


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup; raise `NotFound`, `Unreadable`, `StorageError`."""
    path = folder / MANIFEST
    with storing(f"{MANIFEST} cannot be read"):
        try:
            descriptor = open_regular(path, os.O_NOFOLLOW)
        except FileNotFoundError:
            raise NotFound(f"{MANIFEST} is missing") from None
        if descriptor is None:
            raise Unreadable(path, "not a file")
        with os.fdopen(descriptor, "rb") as file:
            return _parsed(path, file.read())


def _parsed(path: Path, text: bytes) -> Manifest:
    try:
        document = json_text.decode(text)
        if isinstance(document, dict) and document.get("format") != FORMAT:
            raise Unreadable(path, "not of a format that this version knows")
        return msgspec.convert(document, Manifest)
    except (json_text.Malformed, msgspec.ValidationError) as error:
        raise Unreadable(path, str(error)) from error


def open_regular(path: Path, flags: int = 0) -> int | None:
    """Open a regular file for reading, None for anything else; raise `FileNotFoundError`."""
    try:
        return files.open_regular(path, flags)
    except files.NotRegular:
        return None
    except OSError as error:
        if error.errno == errno.ENXIO or (error.errno in _NOWHERE and path.is_symlink()):
            return None  # a socket, or a link to nowhere
        raise


def content_of(source: IO[bytes], copy: IO[bytes] | None = None) -> FileContent:
    """Read an open file to its end, writing it to `copy`; return what was read."""
    size, digest = 0, hashlib.sha256()
    while chunk := source.read(COPY_BYTES):
        size += len(chunk)
        digest.update(chunk)
        if copy:
            copy.write(chunk)
    return FileContent(size, digest.hexdigest())


def why_unreadable(path: Path) -> str | None:
    """Return why a file cannot be read as a session, None if it can."""
    try:
        load(path)
    except Unreadable as error:
        return error.reason
    return None


def printable(name: str) -> str:
    """Return a file's name as text that can be shown: bytes that are not UTF-8 become `\\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode()
