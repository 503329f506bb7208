"""Reads the summaries of many files, with their errors as values; in several processes if that is faster.

Knows no database, so that a process which is started for it is ready in a tenth of a second.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .. import processes
from ..errors import InvalidId, NotFound, StorageError, Unreadable
from ..model import UNKNOWN_VERSION, Signature, Stored, Summary
from . import reading
from .outline import path_of

# What is worth a process, which takes a tenth of a second to start: about a third of a second of reading.
MANY_FILES, MANY_BYTES = 1_000, 100_000_000
AT_ONCE = 50  # files that a process is given: their names fit into a pipe twice
BYTES_AT_ONCE = 4_000_000  # of several of them


class NamedFile(NamedTuple):
    """The file of a session that is to be read, and the version that a scan found."""

    session_id: str
    signature: Signature


class UnreadableFile(NamedTuple):
    """A file that cannot be read, and why."""

    session_id: str
    signature: Signature
    reason: str


ReadSummary: TypeAlias = Callable[[Path], tuple[Summary, Stored]]  # raises as `reading.read_summary`
ReadFile: TypeAlias = tuple[Summary, Stored] | UnreadableFile | None  # None: it is gone
ReadFiles: TypeAlias = Callable[[Path, Sequence[NamedFile]], Generator[ReadFile]]  # in any order


def read_each(
    folder: Path, files: Sequence[NamedFile], read: ReadSummary = reading.read_summary
) -> Generator[ReadFile]:
    """Yield what each file says; `read` reads one."""
    return (_read(folder, file, read) for file in files)


def read_in_processes(count: int) -> ReadFiles:
    """Return a `read_each` that shares many files among so many processes."""
    return read_each if count < 2 else partial(_read_shared, count)


def _read_shared(count: int, folder: Path, files: Sequence[NamedFile]) -> Generator[ReadFile]:
    if len(files) < MANY_FILES and sum(file.signature.size for file in files) < MANY_BYTES:
        yield from read_each(folder, files)
        return
    groups = [*_groups(files)]
    with processes.Pool(partial(_read_group, folder), min(count, len(groups))) as pool:
        yield from chain.from_iterable(pool.results_as_they_come(groups))


def _groups(files: Sequence[NamedFile]) -> Iterator[list[NamedFile]]:
    """Divide files among the processes, the largest ones first: the last to be read delay nobody."""
    group, size = list[NamedFile](), 0
    for file in sorted(files, key=lambda each: -each.signature.size):
        size += file.signature.size
        if group and (len(group) == AT_ONCE or size > BYTES_AT_ONCE):
            yield group
            group, size = [], file.signature.size
        group.append(file)
    yield group


def _read_group(folder: Path, files: Sequence[NamedFile]) -> list[ReadFile]:
    return list(read_each(folder, files))


def _read(folder: Path, file: NamedFile, read: ReadSummary) -> ReadFile:
    try:
        return read(path_of(folder, file.session_id))
    except NotFound:  # deleted since the scan
        return None
    except Unreadable as error:
        return UnreadableFile(*file, error.reason)
    except InvalidId:
        return UnreadableFile(*file, "its name is not a session id")
    except StorageError as error:  # may pass: an unknown version makes the next sync try again
        return UnreadableFile(file.session_id, UNKNOWN_VERSION, str(error))
