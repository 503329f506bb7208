"""One sidecar, `<folder>/<id>.json`: read, spliced, created, moved to the trash; and a folder's scan.

Holds no lock and knows no database. Every write states the signature that it replaces.
"""

import errno
import json
import marshal
import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from . import document, files
from .document import Edit, Malformed, Member, Span
from .errors import Conflict, NotFound, Unreadable, storing
from .model import (
    FIELDS,
    LARGEST_INTEGER,
    MessagePage,
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

COPY_BYTES = 1 << 20
DEBRIS_SECONDS = 3600
LARGEST_INDEXED = 4096


class Loaded(NamedTuple):
    """A file's whole text with the version and the members that it had."""

    session_id: str
    path: Path
    data: bytes
    signature: Signature
    members: tuple[Member, ...]


class Outline(NamedTuple):
    """A version of a file as an editor needs it: its members, and a way to read the bytes of a range."""

    path: Path
    signature: Signature
    members: tuple[Member, ...]
    read: Callable[[int, int], bytes]


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


def signature_of(status: os.stat_result) -> Signature:
    """Return the version that a `stat` stands for."""
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino & LARGEST_INTEGER)


def signature(folder: Path, session_id: str) -> Signature | None:
    """Return the present version of a session's file, None without one."""
    with storing(f"cannot look at session {session_id}"):
        try:
            return signature_of(path_of(folder, session_id).stat())
        except FileNotFoundError:
            return None


# ---- reading --------------------------------------------------------------------------------------------


def load(folder: Path, session_id: str) -> Loaded:
    """Read a whole file; raise `NotFound`, `Unreadable` or `StorageError`."""
    path = path_of(folder, session_id)
    with _open(path, session_id) as file:
        before = os.fstat(file.fileno())
        data = file.read()
    with _unreadable(path):
        return Loaded(session_id, path, data, signature_of(before), document.members(data))


@contextmanager
def _open(path: Path, session_id: str) -> Iterator[IO[bytes]]:
    with storing(f"cannot read session {session_id}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or a pipe would wait for its other end
        except FileNotFoundError:
            raise NotFound(f"no session {session_id}") from None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable(path, "not a file")
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
    texts, metadata = _message_texts(loaded), _metadata(loaded, values)
    sent_at = _last_sent(loaded, texts)
    shown = Summary(
        **metadata,
        extra=other_keys(values),
        message_count=len(texts),
        last_message_at=sent_at or metadata["updated_at"],
    )
    member = document.find(loaded.members, "messages")
    return shown.displayable(), Stored(
        loaded.signature, Span(member.value, member.end) if member else None, sent_at
    )


def message_count(loaded: Loaded) -> int:
    """Return how many messages a file has."""
    return len(_message_texts(loaded))


def last_user_message(loaded: Loaded) -> tuple[int, dict[str, Any]] | None:
    """Return the index and the last message whose role is `user`, None without one."""
    texts = _message_texts(loaded)
    for index in reversed(range(len(texts))):
        message = _decode(loaded, texts[index])
        if isinstance(message, dict) and message.get("role") == "user":
            return index, message
    return None


def sent_before(loaded: Loaded, index: int) -> float | None:
    """Return when the last of the first `index` messages was sent, None if none of them says."""
    return _last_sent(loaded, _message_texts(loaded)[:index])


def _last_sent(loaded: Loaded, texts: Sequence[memoryview]) -> float | None:
    return last_message_at(_decode(loaded, text) for text in reversed(texts))


def page(loaded: Loaded, before: int | None, limit: int | None) -> MessagePage:
    """Return the `limit` messages that end before index `before`; None is all, and the end."""
    texts = _message_texts(loaded)
    end = len(texts) if before is None else min(before, len(texts))
    start = 0 if limit is None else max(0, end - limit)
    messages = [_decode(loaded, text) for text in texts[start:end]]
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


def _message_spans(loaded: Loaded) -> list[Span]:
    """Return where each message lies; a value that is no list reads as an empty one."""
    member = document.find(loaded.members, "messages")
    if member is None or loaded.data[member.value : member.value + 1] != b"[":
        return []
    return document.items(loaded.data, Span(member.value, member.end))


def _message_texts(loaded: Loaded) -> list[memoryview]:
    """Return the text of each message; a value that is no list reads as an empty one."""
    member = document.find(loaded.members, "messages")
    if member is None or loaded.data[member.value : member.value + 1] != b"[":
        return []
    return document.item_texts(loaded.data, Span(member.value, member.end))


def _values(loaded: Loaded, wanted: Iterable[Member]) -> dict[str, Any]:
    with _unreadable(loaded.path):
        return document.values(loaded.data, wanted)


def _decode(loaded: Loaded, text: memoryview) -> Any:
    with _unreadable(loaded.path):
        return document.decode(text)


@contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except Malformed as error:
        raise Unreadable(path, str(error)) from error


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# ---- editing --------------------------------------------------------------------------------------------


@contextmanager
def opened(folder: Path, session_id: str, known: Stored, keys: Collection[str]) -> Iterator[Outline]:
    """Outline a file for setting `keys`, its transcript unread; `Conflict` if it is not the version known."""
    path = path_of(folder, session_id)
    with _open(path, session_id) as file:
        descriptor = file.fileno()
        if signature_of(os.fstat(descriptor)) != known.signature:
            raise _changed_meanwhile(session_id)
        with _unreadable(path):
            members = _members_around(descriptor, known, keys)
        yield Outline(path, known.signature, members, partial(_read_range, descriptor))


def outline(loaded: Loaded) -> Outline:
    """Outline a file that is in memory."""
    return Outline(loaded.path, loaded.signature, loaded.members, lambda start, end: loaded.data[start:end])


def _members_around(descriptor: int, known: Stored, keys: Collection[str]) -> tuple[Member, ...]:
    transcript, size = known.transcript, known.signature.size
    if transcript is None:
        return document.members(_read_range(descriptor, 0, size))
    start, end = transcript
    head = document.head_members(_read_range(descriptor, 0, start))
    found = (*head[:-1], head[-1]._replace(end=end))
    if {member.key for member in found}.issuperset(keys):
        return found
    return found + document.tail_members(_read_range(descriptor, end, size), end)


def _read_range(descriptor: int, start: int, end: int) -> bytes:
    data = os.pread(descriptor, end - start, start)
    if len(data) < end - start:
        raise OSError(errno.EIO, "the file became shorter while it was read")
    return data


def set_keys(source: Outline, values: Mapping[str, bytes]) -> list[Edit]:
    """Return the edits that give each key its value in its place, new ones right before `messages`."""
    closing = 0 if source.members else source.read(0, source.signature.size).rindex(b"}")
    return document.set_keys(source.members, values, closing)


def append(source: Outline, lists: Mapping[str, Sequence[Any]], values: Mapping[str, bytes]) -> list[Edit]:
    """Return the edits that add to the end of `lists` and set `values`; `Unreadable` for what is no list."""
    edits, new_lists = [], {}
    for key, items in lists.items():
        texts = _item_texts(key, items)
        member = document.find(source.members, key)
        if member is None:
            new_lists[key] = document.array_of(texts)
        elif texts:
            edits.append(_extension(source, member, texts))
    return [*edits, *set_keys(source, {**new_lists, **values})]


def _item_texts(key: str, items: Sequence[Any]) -> list[bytes]:
    return [document.encode(item, f"{key}[{index}]", depth=2) for index, item in enumerate(items)]


def _extension(source: Outline, member: Member, texts: Sequence[bytes]) -> Edit:
    last = _end_of_items(source, member)
    if last is None:
        return Edit(member.value, member.end, document.array_of(texts))
    return Edit(last, last, b",\n    " + b",\n    ".join(texts))


def _end_of_items(source: Outline, member: Member) -> int | None:
    """Return where the last item of a list ends, None for an empty list or null."""
    beginning = source.read(member.value, min(member.value + 4, member.end))
    if beginning == b"null":
        return None
    if not beginning.startswith(b"["):
        raise Unreadable(source.path, f"{member.key} is no list")
    closing, start, text = member.end - 1, member.end - 1, b""
    while not text:  # the space before `]` is a few bytes in any file that a program wrote
        start = max(member.value, start - 64)
        text = source.read(start, closing).rstrip()
    last = start + len(text)
    return None if last == member.value + 1 else last


def rewrite(source: Outline, edits: Sequence[Edit], *, backup: bool = False) -> Written:
    """Replace a file by itself with `edits`; raise `Conflict` if it is no longer the version outlined.

    With `backup` the old file stays as `<id>.json.bak`.
    """

    def prepare() -> None:
        if signature_of(source.path.stat()) != source.signature:
            raise _changed_meanwhile(source.path.stem)
        if backup:
            _keep_backup(source.path)

    return _write(source.path, source, edits, prepare)


def copy(source: Outline, edits: Sequence[Edit], session_id: str) -> Written:
    """Write a file with `edits` as the new session `session_id`; raise `Conflict` if that exists."""
    path = path_of(source.path.parent, session_id)
    return _write(path, source, edits, partial(_check_absent, path))


def _no_bytes(start: int, end: int) -> bytes:  # noqa: ARG001  # a reader of nothing
    return b""


def create(folder: Path, session_id: str, text: bytes) -> Written:
    """Write a new session's file; raise `Conflict` if it exists."""
    path = path_of(folder, session_id)
    empty = Outline(path, Signature(0, 0, 0), (), _no_bytes)
    written = _write(path, empty, [Edit(0, 0, text)], partial(_check_absent, path))
    member = document.find(document.members(text), "messages")
    transcript = Span(member.value, member.end) if member else None
    return written._replace(stored=written.stored._replace(transcript=transcript))


def _write(path: Path, source: Outline, edits: Sequence[Edit], prepare: Callable[[], None]) -> Written:
    if source.read(0, min(3, source.signature.size)) == document.BOM:
        edits = [Edit(0, 3, b""), *edits]  # or the web UI could not read the file
    with storing(f"cannot save session {path.stem}"):
        done = files.replace(path, partial(_splice, source, sorted(edits)), prepare)
    member = document.find(source.members, "messages")
    transcript = (
        Span(document.moved(member.value, edits), document.moved(member.end, edits)) if member else None
    )
    moved = Moved(done.folder_before, done.folder_after)
    return Written(Stored(signature_of(done.stat), transcript), moved)


def _splice(source: Outline, edits: Sequence[Edit], file: IO[bytes]) -> None:
    at = 0
    for edit in edits:
        _copy_range(source, at, edit.start, file)
        file.write(edit.text)
        at = edit.end
    _copy_range(source, at, source.signature.size, file)


def _copy_range(source: Outline, start: int, end: int, file: IO[bytes]) -> None:
    for at in range(start, end, COPY_BYTES):
        file.write(source.read(at, min(at + COPY_BYTES, end)))


def _check_absent(path: Path) -> None:
    if path.exists():
        raise Conflict(f"session {path.stem} exists already")


def _keep_backup(path: Path) -> None:
    """Keep the present file as the backup: a second name for it, so nothing is copied."""
    temporary = path.with_suffix(f".tmp.bak.{os.getpid()}.{threading.get_ident()}")
    os.link(path, temporary)
    temporary.replace(path.with_name(f"{path.name}.bak"))


def _changed_meanwhile(session_id: str) -> Conflict:
    return Conflict(f"session {session_id} was changed by somebody else; nothing was saved")


# ---- whole documents ------------------------------------------------------------------------------------


def new_text(session: Session) -> bytes:
    """Return a new file in the web UI's layout: metadata, `messages`, `tool_calls`, then the rest."""
    extra = session.extra.items()
    return document.new_document(
        [
            *((name, document.encode(value, name)) for name, value in session.metadata().items()),
            *((name, document.encode(value, name)) for name, value in extra if not _is_container(value)),
            ("message_count", document.encode(session.message_count, "message_count")),
            ("messages", document.array_of(_item_texts("messages", session.messages))),
            ("tool_calls", document.array_of(_item_texts("tool_calls", session.tool_calls))),
            *((name, document.encode(value, name)) for name, value in extra if _is_container(value)),
        ]
    )


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list)


def changed_keys(old: Session, new: Session) -> dict[str, Any]:
    """Return the metadata and other keys of `new` whose values differ from those of `old`."""
    before = old.metadata() | old.extra
    return {
        name: value
        for name, value in (new.metadata() | new.extra).items()
        if not _same(value, before.get(name, _ABSENT))
    }


def saved(loaded: Loaded, old: Session, new: Session, values: Mapping[str, bytes]) -> list[Edit]:
    """Return the edits that set `values` and the transcript of `new`; what is unchanged keeps its bytes."""
    lists: dict[str, bytes] = {}
    if not _same(new.tool_calls, old.tool_calls):
        _check_replaceable(loaded, "tool_calls")
        lists["tool_calls"] = document.array_of(_item_texts("tool_calls", new.tool_calls))
    if len(new.messages) != len(old.messages) or not _same(new.messages, old.messages):
        _check_replaceable(loaded, "messages")
        lists["messages"] = document.array_of(_new_texts(loaded, old.messages, new.messages))
    return set_keys(outline(loaded), {**values, **lists})


_ABSENT = object()


def _check_replaceable(loaded: Loaded, key: str) -> None:
    member = document.find(loaded.members, key)
    if member and not loaded.data.startswith((b"[", b"null"), member.value):
        raise Unreadable(loaded.path, f"{key} is no list")


def _new_texts(loaded: Loaded, old: Sequence[Any], new: Sequence[Any]) -> Iterator[bytes | memoryview]:
    texts = _message_texts(loaded)
    for index, message in enumerate(new):
        if index < len(old) and _same(message, old[index]):
            yield texts[index]
        else:
            yield document.encode(message, f"messages[{index}]", depth=2)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: unlike `==`, 1 is not true, nor 1.0, and NaN is NaN."""
    try:
        return marshal.dumps(one, 2) == marshal.dumps(other, 2)
    except ValueError:  # something that JSON does not have; `encode` will name it
        return False


def truncated(loaded: Loaded, keep: int) -> list[Edit]:
    """Return the edits that keep the first `keep` messages, and of `tool_calls` those of a kept message."""
    member = document.find(loaded.members, "messages")
    spans = _message_spans(loaded)
    if member is None or keep >= len(spans):
        return []
    edits = [document.keep_items(Span(member.value, member.end), spans, keep)]
    cards = document.find(loaded.members, "tool_calls")
    if cards and loaded.data[cards.value : cards.value + 1] == b"[":
        edits += _kept_cards(loaded, Span(cards.value, cards.end), keep)
    return edits


def _kept_cards(loaded: Loaded, cards: Span, keep: int) -> list[Edit]:
    spans = document.items(loaded.data, cards)
    kept = [span for span in spans if _belongs(loaded, span, keep)]
    if len(kept) == len(spans):
        return []
    return [Edit(*cards, document.array_of([loaded.data[span.start : span.end] for span in kept]))]


def _belongs(loaded: Loaded, card: Span, keep: int) -> bool:
    value = _decode(loaded, memoryview(loaded.data)[card.start : card.end])
    index = value.get("assistant_msg_idx") if isinstance(value, dict) else None
    return not isinstance(index, int) or index < keep


# ---- folders --------------------------------------------------------------------------------------------


def scan(folder: Path) -> dict[str, Signature]:
    """Return the version of every file in `folder` that could be a session's, by its name, reading none."""
    found = {}
    with storing("cannot list the sessions"), os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.endswith(".json") and not name.startswith(("_", ".")):
                stem = name[:-5]
                found[stem if stem.isascii() else _readable(stem)] = _entry_signature(entry)
    return found


def scan_inodes(folder: Path) -> dict[str, int]:
    """Return the inode of every file that `scan` would find, as the folder itself tells it."""
    found = {}
    with storing("cannot list the sessions"), os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.endswith(".json") and not name.startswith(("_", ".")):
                stem = name[:-5]
                found[stem if stem.isascii() else _readable(stem)] = entry.inode()
    return found


def _readable(name: str) -> str:
    """Return a file's name as text that can be shown and stored: bytes that are no UTF-8 become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _entry_signature(entry: os.DirEntry[str]) -> Signature:
    try:
        return signature_of(entry.stat())
    except OSError:  # gone since, or a link to nowhere: whoever reads it will say
        return Signature(0, 0, 0)


def remove_debris(folder: Path) -> None:
    """Remove the temporary files that crashed writes left more than an hour ago."""
    limit = time.time() - DEBRIS_SECONDS
    with storing("cannot clean up the sessions' folder"):
        names = os.listdir(folder)  # noqa: PTH208  # a Path for each of 20,000 files takes three times as long
        for path in [folder / name for name in names if ".tmp." in name]:
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()


def to_trash(folder: Path, session_id: str, trash: Path) -> Written:
    """Move a session's file into `trash` under a name that tells when; raise `NotFound`."""
    path = path_of(folder, session_id)
    target = trash / f"{session_id}.{time.time_ns()}.json"
    with storing(f"cannot delete session {session_id}"):
        trash.mkdir(parents=True, exist_ok=True)
        before = files.folder_time(folder)
        try:
            files.move(path, target)
        except FileNotFoundError:
            raise NotFound(f"no session {session_id}") from None
        after = files.folder_time(folder)
        return Written(Stored(signature_of(target.stat())), Moved(before, after))


def in_trash(session_id: str, trash: Path) -> bool:
    """Whether a session of this id was deleted and is in the trash."""
    with storing("cannot look into the trash"):
        return next(trash.glob(f"{session_id}.*.json"), None) is not None


def write_list(folder: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write `_index.json`, the list that the web UI reads first; `entries` are its list entries."""
    text = json.dumps(entries, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")
    with storing("cannot write _index.json"):
        files.replace(folder / "_index.json", lambda file: file.write(text))
