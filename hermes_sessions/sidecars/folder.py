"""The folder of sidecars: whether it can be read, its files, their backups, and the list of the web UI."""

import errno
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from .. import files, json_text
from ..errors import storing
from ..model import Signature, Summary

WEB_UI_BACKUP = ".json.bak"
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def problem(folder: Path) -> str | None:
    """Return why the sessions folder cannot be read, a sentence; None if it can be, or if there is none."""
    return unreadable(folder, "The sessions folder")


def unreadable(folder: Path, name: str) -> str | None:
    """Return the sentence that a folder of this name cannot be read; None if it can be, or if there is none.

    The folder's own `stat` does not tell: it needs no right to the folder, and a change of rights leaves the
    modification time as it was. To open `.` takes the rights to list it and to open its files.
    """
    try:
        os.close(os.open(f"{folder}/.", os.O_RDONLY | os.O_DIRECTORY))
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{name} cannot be read: {error.strerror or type(error).__name__}"
    return None


def scan(folder: Path) -> dict[str, Signature]:
    """Return the version of every file in `folder` that could be a session's, by its name, reading none.

    Without the folder there are none: whoever knows sessions asks whether a disk is not mounted.
    """
    with storing("cannot list the sessions"), suppress(FileNotFoundError):
        return {name: _version(entry) for name, entry in _entries(folder)}
    return {}


def versions(folder: Path, names: Collection[str]) -> dict[str, Signature]:
    """Return the version of each of these sessions' files that exists, by id."""
    found: dict[str, Signature] = {}
    with storing("cannot examine the sessions"):
        for name in names:
            path = folder / f"{name}.json"
            with suppress(FileNotFoundError):
                path.lstat()
                found[name] = _version(path)
    return found


def gone(folder: Path, names: Collection[str], present: Mapping[str, Signature]) -> list[str]:
    """Return those of some names, which a listing did not have, under which opening finds no file either.

    The listing of a network file system may be older than a file. To open the folder makes its client ask
    the server: it does so for whatever is opened, and not for every `stat`. Where upper and lower case are
    the same, a name also opens the file that is `present` under another.
    """
    with storing("cannot examine the sessions"):
        with suppress(FileNotFoundError):
            os.close(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        inodes = {version.inode for version in present.values()}
        opened = {name: _opened_inode(folder, name) for name in names}
    return [name for name, inode in opened.items() if inode is None or inode in inodes]


def _opened_inode(folder: Path, name: str) -> int | None:
    """Return the inode of what a name opens, None for nothing, 0 for what it cannot open, such as a link."""
    try:
        descriptor = os.open(folder / f"{name}.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return None if error.errno in _NOT_THERE else 0
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def has_files(folder: Path) -> bool:
    """Whether there is any file that `scan` would find."""
    with storing("cannot list the sessions"), suppress(FileNotFoundError):
        return next(_entries(folder), None) is not None
    return False


def scan_inodes(folder: Path) -> dict[str, int]:
    """Return the inode of every file that `scan` would find, as the folder itself states it."""
    with storing("cannot list the sessions"):
        return {name: entry.inode() for name, entry in _entries(folder)}


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.endswith(".json") and not name.startswith(("_", ".")):
                stem = name.removesuffix(".json")
                yield (stem if stem.isascii() else _printable(stem)), entry


def _printable(name: str) -> str:
    """Return a file's name as text that can be shown and stored: bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _version(entry: os.DirEntry[str] | Path) -> Signature:
    try:
        return files.signature_of(entry.stat())
    except OSError:  # removed since, or a link to nowhere: whoever reads it reports it
        return Signature(0, 0, 0)


def web_ui_backups(folder: Path) -> list[Path]:
    """Return the backups that the web UI has made of sessions, by name."""
    names: list[str] = []
    with storing("cannot list the backups"), suppress(FileNotFoundError):
        names = os.listdir(folder)  # noqa: PTH208  # a Path for each of 20,000 files takes three times as long
    return [folder / name for name in sorted(names) if name.endswith(WEB_UI_BACKUP)]


def write_index_file(folder: Path, summaries: Collection[Summary]) -> int:
    """Write `_index.json`, the list that the web UI reads first, and return how many sessions it has."""
    newest_first = sorted(summaries, key=lambda summary: -summary.updated_at)
    text = json_text.encode([summary.as_dict() for summary in newest_first], "_index.json")
    with storing("cannot write _index.json"):
        files.replace(folder / "_index.json", lambda file: file.write(text))
    return len(newest_first)
