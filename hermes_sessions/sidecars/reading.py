"""One sidecar, `<folder>/<id>.json`, read.

Holds no lock and knows no database. `editing` writes.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .. import files, json_text
from ..errors import NotFound, Unreadable, storing
from ..fields import FIELDS, check_id, other_keys, read_metadata
from ..json_text import Malformed
from ..messages import Message, cards_by_message, read_message
from ..model import Moved, Session, Signature, Stored, Summary
from ..results import MessagePage
from ..times import last_message_at
from . import canonical, document, layout, marks
from .document import Member, Span
from .layout import Read, Survey
from .marks import Stretch

LARGEST_AT_ONCE = 1 << 20
STATED = ("session_id", "message_count")
LARGEST_INDEXED = 4096


class Loaded(NamedTuple):
    """A file's whole text with the version and the members that it had."""

    session_id: str
    path: Path
    data: bytes
    signature: Signature
    members: tuple[Member, ...]


class Outline(NamedTuple):
    """A version of a file: what lies where, how many messages there are, and a way to read a range of it.

    `members` are those that whoever made this asked for.
    """

    session_id: str
    path: Path
    stored: Stored
    total: int
    members: tuple[Member, ...]
    read: Read

    @property
    def signature(self) -> Signature:
        """The version."""
        return self.stored.signature


class Written(NamedTuple):
    """The version that a write left, and the folder's times around it."""

    stored: Stored
    moved: Moved

    def sent(self, at: float | None) -> "Written":
        """Return this with the time at which the last message was sent (seconds since the epoch)."""
        return self._replace(stored=self.stored._replace(sent_at=at))


def path_of(folder: Path, session_id: str) -> Path:
    """Return where the sidecar of this id would be; raise `InvalidId`, `NotFound` for a reserved name."""
    if check_id(session_id).startswith("_"):
        raise NotFound(f"no session {session_id}")
    return folder / f"{session_id}.json"


def signature(folder: Path, session_id: str) -> Signature | None:
    """Return the present version of a session's file, None without one."""
    with storing(f"cannot look at session {session_id}"):
        try:
            return files.signature_of(path_of(folder, session_id).stat())
        except FileNotFoundError:
            return None


# ---- reading --------------------------------------------------------------------------------------------


def load(folder: Path, session_id: str) -> Loaded:
    """Read a session's whole file; raise `NotFound`, `Unreadable` or `StorageError`."""
    return load_file(path_of(folder, session_id), session_id)


def load_file(path: Path, session_id: str) -> Loaded:
    """Read a file that holds a session, wherever it lies; errors as of `load`."""
    with opened(path, session_id) as file:
        data = _read_all(file)
    with unreadable(path):
        return Loaded(session_id, path, data, file.signature, document.members(data))


class Opened(NamedTuple):
    """A file that is open for reading, and its version then."""

    descriptor: int
    signature: Signature


@contextmanager
def opened(path: Path, session_id: str) -> Iterator[Opened]:
    """Open a file for reading; raise `NotFound`, `Unreadable` for what is no file, `StorageError`."""
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


def _read_all(file: Opened) -> bytes:
    """Read a file to its end, in one call if that is where its version says."""
    data = os.read(file.descriptor, file.signature.size + 1)
    if len(data) != file.signature.size:
        while more := os.read(file.descriptor, LARGEST_AT_ONCE):
            data += more
    return data


def session(loaded: Loaded) -> Session:
    """Return everything that a file says; raise `Unreadable` where a value cannot be decoded."""
    values = _values(loaded.path, partial(_view, loaded.data), loaded.members)
    return Session(
        **_metadata(loaded.session_id, loaded.signature, values),
        extra=other_keys(values),
        messages=_list(values.get("messages")),
        tool_calls=_list(values.get("tool_calls")),
        signature=loaded.signature,
    )


def stated(loaded: Loaded) -> tuple[str | None, int | None]:
    """Return the id and the count of messages that a file states beside its messages, None for none."""
    said = (member for member in loaded.members if member.key in STATED)
    values = _values(loaded.path, partial(_view, loaded.data), said)
    session_id, count = (values.get(name) for name in STATED)
    return (
        session_id if isinstance(session_id, str) else None,
        count if isinstance(count, int) and not isinstance(count, bool) else None,
    )


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object of a file of the agent's, None without one; raise `Unreadable`."""
    with storing("cannot read the agent's transcript"):
        try:
            found = json_text.decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except Malformed as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(found, dict):
        raise Unreadable(path, "not a JSON object")
    return found


# ---- outlines -------------------------------------------------------------------------------------------


@contextmanager
def surveyed(path: Path, session_id: str) -> Iterator[Outline]:
    """Outline a file by reading it once, a large one piece by piece; errors as of `load`."""
    with opened(path, session_id) as file:
        yield _survey(path, session_id, file)


def _survey(path: Path, session_id: str, file: Opened) -> Outline:
    size = file.signature.size
    with unreadable(path):
        if size <= LARGEST_AT_ONCE:
            data = _read_all(file)
            return _outline(session_id, path, file.signature, layout.whole(data), partial(_part, data))
        read = partial(read_range, file.descriptor)
        return _outline(session_id, path, file.signature, layout.piecewise(read, size), read)


def outline(loaded: Loaded) -> Outline:
    """Outline a file that is in memory."""
    with unreadable(loaded.path):
        found = layout.of_members(loaded.data, loaded.members)
    return _outline(loaded.session_id, loaded.path, loaded.signature, found, partial(_part, loaded.data))


def _outline(session_id: str, path: Path, signature: Signature, found: Survey, read: Read) -> Outline:
    return Outline(session_id, path, places(signature, found), found.total, found.members, read)


def places(signature: Signature, found: Survey) -> Stored:
    """Return what the index keeps of a version of a file that was surveyed."""
    transcript, tool_calls = (document.span_of(found.members, key) for key in ("messages", "tool_calls"))
    return Stored(signature, transcript, None, tool_calls, found.marks)


@contextmanager
def remembered(folder: Path, session_id: str, known: Stored, count: int) -> Iterator[Outline | None]:
    """Outline a file by what the index knows of it, nothing read; None if it is not the version known.

    `count` is how many messages that version has.
    """
    path = path_of(folder, session_id)
    with opened(path, session_id) as file:
        read = partial(read_range, file.descriptor)
        yield Outline(session_id, path, known, count, (), read) if file.signature == known.signature else None


def _part(data: bytes, start: int, end: int) -> bytes:
    return data[start:end]


def _view(data: bytes, start: int, end: int) -> memoryview:
    return memoryview(data)[start:end]


def read_range(descriptor: int, start: int, end: int) -> bytes:
    """Return the bytes of an open file from `start` up to `end`; raise `OSError` if it has become shorter."""
    data = os.pread(descriptor, end - start, start)
    if len(data) < end - start:
        raise OSError(errno.EIO, "the file became shorter while it was read")
    return data


def summary(source: Outline) -> tuple[Summary, Stored]:
    """Return what a list shows of a file, and what the index keeps beside it; raise `Unreadable`."""
    small = (
        member
        for member in source.members
        if member.key in FIELDS or (member.key != "messages" and member.end - member.value <= LARGEST_INDEXED)
    )
    values = _values(source.path, source.read, small)
    stored = source.stored._replace(sent_at=sent_before(source, source.total))
    return _shown(source.session_id, values, source.total, stored), stored


def read_summary(path: Path, session_id: str) -> tuple[Summary, Stored]:
    """Return the `summary` of a file, read once; errors as of `load`."""
    with opened(path, session_id) as file:
        if file.signature.size > LARGEST_AT_ONCE:
            return summary(_survey(path, session_id, file))
        data = _read_all(file)
    with unreadable(path):
        laid = canonical.read(data)
        if laid is None:
            found = layout.whole(data)
            return summary(_outline(session_id, path, file.signature, found, partial(_part, data)))
        sent_at = last_message_at(map(json_text.decode, reversed(laid.messages)))
    stored = Stored(file.signature, laid.transcript, sent_at, laid.tool_calls, laid.marks)
    return _shown(session_id, laid.values, len(laid.messages), stored), stored


def _shown(session_id: str, values: Mapping[str, Any], message_count: int, stored: Stored) -> Summary:
    metadata = _metadata(session_id, stored.signature, values)
    shown = Summary(
        **metadata,
        extra=other_keys(values),
        message_count=message_count,
        last_message_at=stored.sent_at or metadata["updated_at"],
    )
    return shown.displayable()


def message_count(loaded: Loaded) -> int:
    """Return how many messages a file has."""
    return len(message_texts(loaded))


def last_user_message(source: Outline) -> tuple[int, dict[str, Any]] | None:
    """Return the index and the last message whose role is `user`, None without one."""
    found = zip(reversed(range(source.total)), _newest_first(source, source.total), strict=True)
    for index, message in found:
        if isinstance(message, dict) and message.get("role") == "user":
            return index, message
    return None


def sent_before(source: Outline, index: int) -> float | None:
    """Return when the last of the first `index` messages was sent, None if none of them says."""
    return last_message_at(_newest_first(source, index))


def _newest_first(source: Outline, end: int) -> Iterator[Any]:
    while end:
        first, texts = _texts_around(source, end - 1, end)
        for text in reversed(texts[: end - first]):
            yield decode(source, text)
        end = first


def page(source: Outline, before: int | None, limit: int | None) -> MessagePage:
    """Return the `limit` messages that end before index `before`; None is all, and the end."""
    end = source.total if before is None else min(before, source.total)
    start = 0 if limit is None else max(0, end - limit)
    first, texts = _texts_around(source, start, end) if start < end else (start, [])
    with unreadable(source.path):
        messages = [json_text.decode(text) for text in texts[start - first : end - first]]
    return MessagePage(messages, start, source.total, tool_calls(source))


def tool_calls(source: Outline) -> list[Any]:
    """Return the session's own list of calls; a value that is no list reads as an empty one."""
    place = source.stored.tool_calls
    return _list(decode(source, source.read(*place))) if place else []


def messages_from(source: Outline, index: int) -> list[Any]:
    """Return the messages from this index on."""
    return [decode(source, text) for text in texts_between(source, index, source.total)]


def texts_between(source: Outline, start: int, end: int) -> Sequence[memoryview]:
    """Return the texts of the messages from index `start` up to, not including, `end`."""
    if start >= end:
        return []
    first, texts = _texts_around(source, start, end)
    return texts[start - first : end - first]


def message(source: Outline, index: int) -> Message:
    """Read one message, with its calls in the session's own list; raise `NotFound` without such an index."""
    if index >= source.total:
        raise NotFound(f"session {source.path.stem} has no message {index}")
    first, texts = _texts_around(source, index, index + 1)
    raw = decode(source, texts[index - first])
    found = read_message(raw)
    return found if found.calls else read_message(raw, cards_by_message(tool_calls(source)).get(index, ()))


def end_of_message(source: Outline, index: int) -> int:
    """Return where in the file a message ends."""
    begin, stretch, text = _array_around(source, index, index + 1)
    with unreadable(source.path):
        spans = document.items(text, Span(0, len(text)))
    _check_count(source, stretch, len(spans))
    return begin + spans[index - stretch.first].end


def _texts_around(source: Outline, start: int, end: int) -> tuple[int, Sequence[memoryview]]:
    """Return the least texts to read that hold messages `start` to `end`, and the index of the first."""
    _, stretch, text = _array_around(source, start, end)
    with unreadable(source.path):
        texts = document.item_texts(text, Span(0, len(text)))
    _check_count(source, stretch, len(texts))
    return stretch.first, texts


def _array_around(source: Outline, start: int, end: int) -> tuple[int, Stretch, bytes]:
    """Return a stretch of messages as an array of its own, and where in the file that would begin."""
    if not source.stored.transcript or source.stored.marks is None:
        raise ValueError("the outline does not say where its messages are")
    begin, behind = source.stored.transcript
    stretch = marks.around(source.stored.marks, start, end, source.total, behind - begin)
    text = source.read(begin + stretch.start, begin + stretch.end)
    end = len(text)
    while end and text[end - 1] in b", \t\r\n":  # in place: a page is often a third of a megabyte
        end -= 1
    array = b"".join((b"[", memoryview(text)[:end], b"]"))
    return begin + stretch.start - 1, stretch, array


def _check_count(source: Outline, stretch: Stretch, found: int) -> None:
    if found != stretch.total:
        raise Unreadable(source.path, "its messages are not where they were: it was overwritten in place")


def _metadata(session_id: str, signature: Signature, values: Mapping[str, Any]) -> dict[str, Any]:
    metadata = read_metadata(session_id, values, signature.mtime_ns / 1e9)
    if metadata["workspace"]:
        metadata["workspace"] = resolve_workspace(metadata["workspace"])
    return metadata


def resolve_workspace(workspace: str) -> str:
    """Return the folder's absolute path, `~` expanded; one that cannot be resolved stays as it is."""
    try:
        # Not by `Path`, in which a third of the time to index a small session went into this line.
        expanded = os.path.expanduser(workspace)  # noqa: PTH111
        return workspace if expanded.startswith("~") else os.path.realpath(expanded)
    except (OSError, ValueError):  # the working folder is gone, a NUL
        return workspace


def value_of(source: Outline, member: Member) -> Any:
    """Return the value of a member; raise `Unreadable`."""
    return decode(source, source.read(member.value, member.end))


def message_texts(loaded: Loaded) -> list[memoryview]:
    """Return the text of each message; a value that is no list reads as an empty one."""
    array = document.list_of(loaded.data, loaded.members, "messages")
    with unreadable(loaded.path):
        return document.item_texts(loaded.data, array) if array else []


def _values(
    path: Path, read: Callable[[int, int], bytes | memoryview], wanted: Iterable[Member]
) -> dict[str, Any]:
    with unreadable(path):
        return document.values(read, wanted)


def decode(source: Loaded | Outline, text: bytes | memoryview) -> Any:
    """Return the value of a piece of a file; raise `Unreadable`."""
    with unreadable(source.path):
        return json_text.decode(text)


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Turn what the block finds malformed into `Unreadable`."""
    try:
        yield
    except Malformed as error:
        raise Unreadable(path, str(error)) from error


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
