"""One sidecar, `<folder>/<id>.json`, read; and what else a folder of them holds.

Holds no lock and knows no database. `editing` writes.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from . import document, files
from .document import Malformed, Member
from .errors import NotFound, Unreadable, storing
from .model import (
    FIELDS,
    Moved,
    Session,
    Signature,
    Stored,
    Summary,
    check_id,
    last_message_at,
    other_keys,
    read_metadata,
)
from .results import MessagePage

COPY_BYTES = 1 << 20
STATED = ("session_id", "message_count")
LARGEST_INDEXED = 4096


class Loaded(NamedTuple):
    """A file's whole text with the version and the members that it had."""

    session_id: str
    path: Path
    data: bytes
    signature: Signature
    members: tuple[Member, ...]


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
        before = os.fstat(file.fileno())
        data = file.read()
    with unreadable(path):
        return Loaded(session_id, path, data, files.signature_of(before), document.members(data))


@contextmanager
def opened(path: Path, session_id: str) -> Iterator[IO[bytes]]:
    """Open a file for reading; raise `NotFound`, `Unreadable` for what is no file, `StorageError`."""
    with storing(f"cannot read session {session_id}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or a pipe would wait for its other end
        except FileNotFoundError:
            raise NotFound(f"no session {session_id}") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)  # which `fdopen` leaves open where it is a folder's
            raise Unreadable(path, "not a file")
        with os.fdopen(descriptor, "rb") as file:
            yield file


def session(loaded: Loaded) -> Session:
    """Return everything that a file says; raise `Unreadable` where a value cannot be decoded."""
    values = _values(loaded, loaded.members)
    return Session(
        **_metadata(loaded, values),
        extra=other_keys(values),
        messages=_list(values.get("messages")),
        tool_calls=_list(values.get("tool_calls")),
        signature=loaded.signature,
    )


def summary(loaded: Loaded) -> tuple[Summary, Stored]:
    """Return what a list shows of a file, and what the index keeps beside it."""
    small = (
        member
        for member in loaded.members
        if member.key in FIELDS or (member.key != "messages" and member.end - member.value <= LARGEST_INDEXED)
    )
    values = _values(loaded, small)
    texts, metadata = message_texts(loaded), _metadata(loaded, values)
    sent_at = _last_sent(loaded, texts)
    shown = Summary(
        **metadata,
        extra=other_keys(values),
        message_count=len(texts),
        last_message_at=sent_at or metadata["updated_at"],
    )
    transcript = document.span_of(loaded.members, "messages")
    return shown.displayable(), Stored(loaded.signature, transcript, sent_at)


def message_count(loaded: Loaded) -> int:
    """Return how many messages a file has."""
    return len(message_texts(loaded))


def last_user_message(loaded: Loaded) -> tuple[int, dict[str, Any]] | None:
    """Return the index and the last message whose role is `user`, None without one."""
    texts = message_texts(loaded)
    for index in reversed(range(len(texts))):
        message = decode(loaded, texts[index])
        if isinstance(message, dict) and message.get("role") == "user":
            return index, message
    return None


def sent_before(loaded: Loaded, index: int) -> float | None:
    """Return when the last of the first `index` messages was sent, None if none of them says."""
    return _last_sent(loaded, message_texts(loaded)[:index])


def _last_sent(loaded: Loaded, texts: Sequence[memoryview]) -> float | None:
    return last_message_at(decode(loaded, text) for text in reversed(texts))


def page(loaded: Loaded, before: int | None, limit: int | None) -> MessagePage:
    """Return the `limit` messages that end before index `before`; None is all, and the end."""
    texts = message_texts(loaded)
    end = len(texts) if before is None else min(before, len(texts))
    start = 0 if limit is None else max(0, end - limit)
    messages = [decode(loaded, text) for text in texts[start:end]]
    calls = document.find(loaded.members, "tool_calls")
    values = _values(loaded, [calls]) if calls else {}
    return MessagePage(messages, start, len(texts), _list(values.get("tool_calls")))


def _metadata(loaded: Loaded, values: Mapping[str, Any]) -> dict[str, Any]:
    metadata = read_metadata(loaded.session_id, values, loaded.signature.mtime_ns / 1e9)
    if metadata["workspace"]:
        metadata["workspace"] = resolve_workspace(metadata["workspace"])
    return metadata


def resolve_workspace(workspace: str) -> str:
    """Return the folder's absolute path, `~` expanded; one that cannot be resolved stays as it is."""
    try:
        return str(Path(workspace).expanduser().resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, no such user, a NUL
        return workspace


def message_texts(loaded: Loaded) -> list[memoryview]:
    """Return the text of each message; a value that is no list reads as an empty one."""
    array = document.list_of(loaded.data, loaded.members, "messages")
    with unreadable(loaded.path):
        return document.item_texts(loaded.data, array) if array else []


def _values(loaded: Loaded, wanted: Iterable[Member]) -> dict[str, Any]:
    with unreadable(loaded.path):
        return document.values(loaded.data, wanted)


def decode(loaded: Loaded, text: memoryview) -> Any:
    """Return the value of a piece of a file; raise `Unreadable`."""
    with unreadable(loaded.path):
        return document.decode(text)


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Turn what the block finds malformed into `Unreadable`."""
    try:
        yield
    except Malformed as error:
        raise Unreadable(path, str(error)) from error


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# ---- folders --------------------------------------------------------------------------------------------


def scan(folder: Path) -> dict[str, Signature]:
    """Return the version of every file in `folder` that could be a session's, by its name, reading none."""
    with storing("cannot list the sessions"):
        return {name: _entry_signature(entry) for name, entry in _entries(folder)}


def scan_inodes(folder: Path) -> dict[str, int]:
    """Return the inode of every file that `scan` would find, as the folder itself tells it."""
    with storing("cannot list the sessions"):
        return {name: entry.inode() for name, entry in _entries(folder)}


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.endswith(".json") and not name.startswith(("_", ".")):
                stem = name.removesuffix(".json")
                yield (stem if stem.isascii() else _readable(stem)), entry


def _readable(name: str) -> str:
    """Return a file's name as text that can be shown and stored: bytes that are no UTF-8 become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _entry_signature(entry: os.DirEntry[str]) -> Signature:
    try:
        return files.signature_of(entry.stat())
    except OSError:  # gone since, or a link to nowhere: whoever reads it will say
        return Signature(0, 0, 0)


def _named(folder: Path, part: str) -> list[Path]:
    names = os.listdir(folder)  # noqa: PTH208  # a Path for each of 20,000 files takes three times as long
    return [folder / name for name in sorted(names) if part in name]


def backups(folder: Path) -> list[Path]:
    """Return the backups of shortened sessions."""
    with storing("cannot look for backups"):
        return [path for path in _named(folder, ".json.bak") if path.name.endswith(".json.bak")]


def stated(loaded: Loaded) -> tuple[str | None, int | None]:
    """Return the id and the count of messages that a file states beside its messages, None for none."""
    values = _values(loaded, (member for member in loaded.members if member.key in STATED))
    session_id, count = (values.get(name) for name in STATED)
    return (
        session_id if isinstance(session_id, str) else None,
        count if isinstance(count, int) and not isinstance(count, bool) else None,
    )


def backup(folder: Path, session_id: str) -> Path | None:
    """Return where the backup of a shortened session is, None without one."""
    path = path_of(folder, session_id).with_suffix(".json.bak")
    with storing(f"cannot look at the backup of session {session_id}"):
        return path if path.exists() else None


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object of a file of the agent's, None without one; raise `Unreadable`."""
    with storing("cannot read the agent's transcript"):
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(found, dict):
        raise Unreadable(path, "not a JSON object")
    return found


def write_list(folder: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write `_index.json`, the list that the web UI reads first; `entries` are its list entries."""
    text = json.dumps(entries, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")
    with storing("cannot write _index.json"):
        files.replace(folder / "_index.json", lambda file: file.write(text))
