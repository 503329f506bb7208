"""Edits of one sidecar: what to change in its text, and the file written anew with all else as it was.

Holds no lock and knows no database. Every write states the version that it replaces.
"""

import errno
import marshal
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from . import document, files, sidecar
from .document import Edit, Member, Span
from .errors import Conflict, Unreadable, storing
from .files import Replaced
from .model import Moved, Session, Signature, Stored
from .sidecar import Loaded, Written

COPY_BYTES = 1 << 20


class Outline(NamedTuple):
    """A version of a file as an editor needs it: its members, and a way to read the bytes of a range."""

    path: Path
    signature: Signature
    members: tuple[Member, ...]
    read: Callable[[int, int], bytes]


# ---- outlines and edits -----------------------------------------------------------------------------------


@contextmanager
def outlined(folder: Path, session_id: str, known: Stored, keys: Collection[str]) -> Iterator[Outline]:
    """Outline a file for setting `keys`, its transcript unread; `Conflict` if it is not the version known."""
    path = sidecar.path_of(folder, session_id)
    with sidecar.opened(path, session_id) as file:
        descriptor = file.fileno()
        if files.signature_of(os.fstat(descriptor)) != known.signature:
            raise _changed_meanwhile(session_id)
        with sidecar.unreadable(path):
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
    path = source.path
    keep = partial(_keep_backup, path, source.signature) if backup else None

    def put(write: files.Write) -> Replaced:
        try:
            return files.replace_version(path, source.signature, write, keep)
        except files.Changed:
            raise _changed_meanwhile(path.stem) from None

    return _write(path, source, edits, put)


def copy(source: Outline, edits: Sequence[Edit], session_id: str) -> Written:
    """Write a file with `edits` as the new session `session_id`; raise `Conflict` if that exists."""
    path = sidecar.path_of(source.path.parent, session_id)
    return _write(path, source, edits, partial(_create, path))


def _no_bytes(start: int, end: int) -> bytes:  # noqa: ARG001  # a reader of nothing
    return b""


def create(folder: Path, session_id: str, text: bytes) -> Written:
    """Write a new session's file; raise `Conflict` if it exists."""
    path = sidecar.path_of(folder, session_id)
    empty = Outline(path, Signature(0, 0, 0), (), _no_bytes)
    written = _write(path, empty, [Edit(0, 0, text)], partial(_create, path))
    transcript = document.span_of(document.members(text), "messages")
    return written._replace(stored=written.stored._replace(transcript=transcript))


def _write(
    path: Path, source: Outline, edits: Sequence[Edit], put: Callable[[files.Write], Replaced]
) -> Written:
    if source.read(0, min(3, source.signature.size)) == document.BOM:
        edits = [Edit(0, 3, b""), *edits]  # or the web UI could not read the file
    with storing(f"cannot save session {path.stem}"):
        done = put(partial(_splice, source, sorted(edits)))
    old = document.span_of(source.members, "messages")
    transcript = Span(*(document.moved(position, edits) for position in old)) if old else None
    moved = Moved(done.folder_before, done.folder_after)
    return Written(Stored(files.signature_of(done.stat), transcript), moved)


def _splice(source: Outline, edits: Sequence[Edit], file: IO[bytes]) -> None:
    at = 0
    for edit in edits:
        if edit.start < at:
            raise ValueError(f"edits overlap at byte {edit.start}")
        _copy_range(source, at, edit.start, file)
        file.write(edit.text)
        at = edit.end
    _copy_range(source, at, source.signature.size, file)


def _copy_range(source: Outline, start: int, end: int, file: IO[bytes]) -> None:
    for at in range(start, end, COPY_BYTES):
        file.write(source.read(at, min(at + COPY_BYTES, end)))


def _create(path: Path, write: files.Write) -> Replaced:
    try:
        return files.create(path, write)
    except FileExistsError:
        raise Conflict(f"session {path.stem} exists already") from None


def _keep_backup(path: Path, version: Signature) -> None:
    """Keep this version of a file as its backup; raise `Changed`, and leave the backup before this one."""
    temporary = path.with_suffix(f".tmp.bak.{os.getpid()}.{threading.get_ident()}")
    temporary.unlink(missing_ok=True)  # of a crashed process that had the same number
    try:
        if _second(path, temporary) != version:
            raise files.Changed
        temporary.replace(path.with_name(f"{path.name}.bak"))
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _second(path: Path, name: Path) -> Signature:
    """Give a file a second name, or a copy where the disk has none; return the version that has it."""
    try:
        os.link(path, name)
    except OSError as error:
        if error.errno not in files.NO_LINKS:
            raise
        with path.open("rb") as source:
            files.replace(name, lambda file: shutil.copyfileobj(source, file, COPY_BYTES))
            return files.signature_of(os.fstat(source.fileno()))
    return files.signature_of(name.stat())


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
    texts = sidecar.message_texts(loaded)
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
    """Return the edit that keeps the first `keep` messages, none if there are no more."""
    array = document.list_of(loaded.data, loaded.members, "messages")
    spans = document.items(loaded.data, array) if array else []
    return [document.keep_items(array, spans, keep)] if array and keep < len(spans) else []


def kept_tool_calls(loaded: Loaded, keep: int) -> dict[str, bytes]:
    """Return `tool_calls` without what belongs to a message from index `keep` on; nothing if all stays."""
    array = document.list_of(loaded.data, loaded.members, "tool_calls")
    spans = document.items(loaded.data, array) if array else []
    kept = [span for span in spans if _belongs(loaded, span, keep)]
    if len(kept) == len(spans):
        return {}
    return {"tool_calls": document.array_of([loaded.data[span.start : span.end] for span in kept])}


def _belongs(loaded: Loaded, card: Span, keep: int) -> bool:
    value = sidecar.decode(loaded, memoryview(loaded.data)[card.start : card.end])
    index = value.get("assistant_msg_idx") if isinstance(value, dict) else None
    return not isinstance(index, int) or index < keep
