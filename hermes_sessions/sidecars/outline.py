"""One sidecar, loaded whole or outlined: its version, what lies where in it, and how to read a range of it.

Holds no lock and knows no database.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .. import files
from ..errors import NotFound, Unreadable, storing
from ..fields import check_id
from ..json_text import Malformed, decode
from ..model import FolderTimes, Signature, Stored
from . import document, layout
from .document import Member
from .layout import LARGEST_AT_ONCE, Read, Survey

LARGEST_TAIL = 4096  # a larger one takes less time together with the messages


class KnownVersion(NamedTuple):
    """What the index knows of a version of a file: where its lists are, and how many messages it has."""

    stored: Stored
    total: int

    def members(self, data: bytes) -> tuple[Member, ...]:
        """Return the members of this version; its messages are passed over where little follows them."""
        place = self.stored.transcript
        if place is None or len(data) - place[1] > LARGEST_TAIL:
            return document.members_of_valid(data)
        *before, messages = document.head_members(data[: place[0]])
        after = document.tail_members(data[place[1] :], place[1])
        return (*before, messages._replace(end=place[1]), *after)

    def describes(self, signature: Signature, members: Sequence[Member]) -> bool:
        """Whether this is known of that version, messages and marks included."""
        place, stored = document.span_of(members, "messages"), self.stored
        return stored.signature == signature and place == stored.transcript and stored.marks is not None


class Loaded(NamedTuple):
    """A file's whole text, with its version and its members, and what the index knows of this version."""

    session_id: str
    path: Path
    data: bytes
    signature: Signature
    members: tuple[Member, ...]
    known: KnownVersion | None = None


class Outline(NamedTuple):
    """A version of a file: what lies where, how many messages there are, and a way to read a range of it.

    `members` are those that were looked up. `values` and `texts` are what a survey of the usual layout has
    read on its way: the values beside the lists, and the text of each message.
    """

    session_id: str
    path: Path
    stored: Stored
    total: int
    members: tuple[Member, ...]
    read: Read
    values: Mapping[str, Any] | None = None
    texts: Sequence[bytes | memoryview] | None = None

    @property
    def signature(self) -> Signature:
        """The version."""
        return self.stored.signature

    def decoded(self, text: bytes | memoryview) -> Any:
        """Return the value of a piece of the file; raise `Unreadable`."""
        try:
            return decode(text)
        except Malformed as error:
            raise Unreadable(self.path, str(error)) from error

    def value(self, member: Member) -> Any:
        """Return the value of a member; raise `Unreadable`."""
        return self.decoded(self.read(member.value, member.end))


class Written(NamedTuple):
    """The version that a write left, and the folder's times around it."""

    stored: Stored
    moved: FolderTimes

    def sent(self, at: float | None) -> "Written":
        """Return this with the time at which the last message was sent (seconds since the epoch)."""
        return self._replace(stored=self.stored._replace(sent_at=at))


class Opened(NamedTuple):
    """A file that is open for reading, and its version then."""

    descriptor: int
    signature: Signature

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`; raise `OSError` if the file has become shorter."""
        data = os.pread(self.descriptor, end - start, start)
        if len(data) < end - start:
            raise OSError(errno.EIO, "the file became shorter while it was read")
        return data

    def read_all(self) -> bytes:
        """Read to the end, in one call if that is where the version says."""
        data = os.read(self.descriptor, self.signature.size + 1)
        if len(data) != self.signature.size:
            while more := os.read(self.descriptor, LARGEST_AT_ONCE):
                data += more
        return data


def path_of(folder: Path, session_id: str) -> Path:
    """Return where the sidecar of this id would be; raise `InvalidId`, `NotFound` for a reserved name."""
    if check_id(session_id).startswith("_"):
        raise NotFound(f"no session {session_id}")
    return folder / f"{session_id}.json"


def signature(path: Path) -> Signature | None:
    """Return the present version of a session's file, None without one."""
    with storing(f"cannot read session {path.stem}"):
        try:
            return files.signature_of(path.stat())
        except FileNotFoundError:
            return None


@contextmanager
def opened(path: Path, session_id: str) -> Iterator[Opened]:
    """Open a file for reading; raise `NotFound`, `Unreadable` for anything but a file, `StorageError`."""
    with storing(f"cannot read session {session_id}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or a pipe would wait for its other end
        except FileNotFoundError:
            raise NotFound(f"no session {session_id}") from None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(path, "not a file")
            yield Opened(descriptor, files.signature_of(status))
        finally:
            os.close(descriptor)


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Turn what the block finds malformed into `Unreadable`."""
    try:
        yield
    except Malformed as error:
        raise Unreadable(path, str(error)) from error


# ---- whole files ----------------------------------------------------------------------------------------


def load(path: Path, session_id: str | None = None, known: KnownVersion | None = None) -> Loaded:
    """Read a whole file, the session's whose id is its name unless given.

    `known` is what the index knows, of this version or another: it spares looking for the same again. Raises
    `NotFound`, `Unreadable` or `StorageError`.
    """
    name = session_id or path.stem
    with opened(path, name) as file:
        data = file.read_all()
    with unreadable(path):
        if known is None or file.signature != known.stored.signature:
            return Loaded(name, path, data, file.signature, document.members(data))
        members = known.members(data)
    described = known.describes(file.signature, members)
    return Loaded(name, path, data, file.signature, members, known if described else None)


def outline_of(loaded: Loaded) -> Outline:
    """Outline a file that was loaded; raise `Unreadable`."""
    read = partial(_part, loaded.data)
    if loaded.known is not None:
        stored, total = loaded.known
        return Outline(loaded.session_id, loaded.path, stored, total, loaded.members, read)
    with unreadable(loaded.path):
        survey = layout.survey_members(loaded.data, loaded.members)
    return _outline(loaded.session_id, loaded.path, loaded.signature, survey, read)


# ---- outlines of open files -----------------------------------------------------------------------------


@contextmanager
def outlined(path: Path, session_id: str | None = None) -> Iterator[Outline]:
    """Outline a file by reading it once, a large one piece by piece; arguments and errors as of `load`."""
    name = session_id or path.stem
    with opened(path, name) as file:
        yield outline_opened(file, path, name)


def outline_opened(file: Opened, path: Path, session_id: str) -> Outline:
    """Outline an open file, which is read into memory unless it is large; raise `Unreadable`."""
    size, read = file.signature.size, file.read
    if size <= LARGEST_AT_ONCE:
        data = file.read_all()
        size, read = len(data), partial(_part, data)
    try:
        survey = layout.survey(read, size)
    except Malformed as error:
        raise Unreadable(path, str(error)) from error
    return _outline(session_id, path, file.signature, survey, read)


@contextmanager
def outlined_as_known(path: Path, known: Stored, count: int) -> Iterator[Outline | None]:
    """Outline a file by what the index knows of it, nothing read; None if it has another version.

    `count` is how many messages the known version has.
    """
    with opened(path, path.stem) as file:
        same = file.signature == known.signature
        yield Outline(path.stem, path, known, count, (), file.read) if same else None


def _outline(session_id: str, path: Path, signature: Signature, survey: Survey, read: Read) -> Outline:
    stored = stored_of(signature, survey)
    return Outline(session_id, path, stored, survey.total, survey.members, read, survey.values, survey.texts)


def stored_of(signature: Signature, survey: Survey) -> Stored:
    """Return what the index keeps of a version of a file that was surveyed."""
    return Stored(signature, survey.transcript, None, survey.tool_calls, survey.marks)


def _part(data: bytes, start: int, end: int) -> bytes:
    return data[start:end]
