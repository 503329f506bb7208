"""What this program added to transcripts and removed from them: a file per session, with a line per change.

The web UI keeps open sessions in memory and writes them whole, without the changes that it has not read. Its
write leaves no other copy of messages that were added. `backups/<id>.changes.jsonl` has them, whole, and the
first of those that were removed. A line begins with the line break, so that one cut off by a kill ends there.
Holds no lock and knows no database.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import SequenceMatcher
from itertools import accumulate, islice, takewhile
from pathlib import Path
from typing import IO, Any, NamedTuple

from .. import files, modes
from ..errors import Unconfirmed, storing
from ..json_text import Malformed, decode, encode_line
from ..messages import CALLING, message_of_card
from ..times import sent_at

ENDING = ".changes.jsonl"
LARGEST = 8 << 20  # bytes of a journal; beyond it, the oldest changes are forgotten, and a larger one at once
MARKED = 3  # of the messages that a change removed
MOST_COMPARED = 1_000_000  # pairs of messages of two versions that were saved whole
SAME_SECONDS = 1.0  # between the two times of one message


class Mark(NamedTuple):
    """What makes a message the same after another program wrote it again: what it says, and when if known.

    The web UI adds keys of its own, among them the time, and may trim the text.
    """

    digest: str
    sent_at: float | None

    def is_same(self, other: "Mark") -> bool:
        """Whether both may be of one message."""
        return self.digest == other.digest and not self._differs(other)

    def is_certain(self, other: "Mark") -> bool:
        """Whether both are of one message, and of no other that says the same."""
        return self.is_same(other) and None not in (self.sent_at, other.sent_at)

    def _differs(self, other: "Mark") -> bool:
        if self.sent_at is None or other.sent_at is None:
            return False
        return abs(self.sent_at - other.sent_at) >= SAME_SECONDS


class TranscriptChange(NamedTuple):
    """Messages that were added from an index on, in the place of `removed` ones that began with those marked.

    `at` is when, in nanoseconds since the epoch, and tells changes of a session apart. `calls` were added to
    the session's own list of calls.
    """

    at: int
    start: int
    added: Sequence[Any] = ()
    calls: Sequence[Any] = ()
    removed: int = 0
    marks: Sequence[Mark] = ()


def mark_of(message: Any) -> Mark:
    """Return the mark of a message."""
    if not isinstance(message, dict):
        return Mark(_digest(message), None)
    content = message.get("content")
    said = content.strip() if isinstance(content, str) else content
    names = ("role", "tool_calls", "tool_call_id")
    return Mark(_digest([said, *(message.get(name) or None for name in names)]), sent_at(message))


def _digest(value: Any) -> str:
    try:
        text = json.dumps(value, sort_keys=True)
    except RecursionError:  # no message of this program, which would have been refused
        return ""
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def added(index: int, messages: Sequence[Any], calls: Sequence[Any] = ()) -> list[TranscriptChange]:
    """Return the change that adds messages at the end, which is `index`; none without messages."""
    return [TranscriptChange(time.time_ns(), index, messages, calls)] if messages else []


def removed(index: int, first: Iterable[Any], count: int) -> list[TranscriptChange]:
    """Return the change that removes `count` messages from the end; `first` are at least some of them."""
    return [TranscriptChange(time.time_ns(), index, removed=count, marks=_first_marks(first))]


def _first_marks(messages: Iterable[Any]) -> list[Mark]:
    return [mark_of(message) for message in islice(messages, MARKED)]


def between(
    old: Sequence[Any], new: Sequence[Any], calls: Sequence[Any] = (), unchanged: int = 0
) -> list[TranscriptChange]:
    """Return the changes that make `new` of `old`, the last in the transcript first.

    So each has its place in `old`. `calls` are those that were added to the session's own list. `unchanged`
    messages at the beginning are known to be the same.
    """
    begin = unchanged + _common(old[unchanged:], new[unchanged:])
    after = _common(old[begin:][::-1], new[begin:][::-1])
    hunks = _hunks(old[begin : len(old) - after], new[begin : len(new) - after])
    now, changes = time.time_ns(), list[TranscriptChange]()
    for hunk in reversed(hunks):
        gone = old[begin + hunk.start : begin + hunk.end]
        come = slice(begin + hunk.new_start, begin + hunk.new_end)
        change = TranscriptChange(now + len(changes), begin + hunk.start, new[come], removed=len(gone))
        own = _calls_of(calls, come, change.start, is_last=not changes)
        changes.append(change._replace(calls=own, marks=_first_marks(gone)))
    return changes


class _Hunk(NamedTuple):
    """Where old messages are that gave way to new ones, and where those are."""

    start: int
    end: int
    new_start: int
    new_end: int


def _hunks(old: Sequence[Any], new: Sequence[Any]) -> list[_Hunk]:
    if not old and not new:
        return []
    if not old or not new or len(old) * len(new) > MOST_COMPARED:
        return [_Hunk(0, len(old), 0, len(new))]
    digests = [[mark_of(message).digest for message in each] for each in (old, new)]
    blocks = SequenceMatcher(a=digests[0], b=digests[1], autojunk=False).get_opcodes()
    return [
        _Hunk(*places)
        for kind, *places in blocks
        if kind != "equal" or old[slice(*places[:2])] != new[slice(*places[2:])]
    ]


def _calls_of(calls: Sequence[Any], come: slice, start: int, *, is_last: bool) -> list[Any]:
    """Return the calls of new messages, counted from where these were added, and with the last the others."""
    own: list[Any] = []
    for call in calls:
        index = message_of_card(call)
        if index is None and is_last:
            own.append(call)
        elif index is not None and come.start <= index < come.stop:
            own.append({**call, CALLING: index - come.start + start})
    return own


def _common(one: Sequence[Any], other: Sequence[Any]) -> int:
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False)))


# ---- the file -------------------------------------------------------------------------------------------


def path_of(session_id: str, folder: Path) -> Path:
    """Return where the journal of a session is, in the folder of backups."""
    return folder / f"{session_id}{ENDING}"


@contextmanager
def noting(session_id: str, folder: Path, changes: Sequence[TranscriptChange]) -> Iterator[None]:
    """Note changes that the block makes; the note is taken back if the block fails.

    The caller holds the session's lock. Raises `StorageError`. The note is not synced to the disk: whatever
    ends the system ends the other program's memory too.
    """
    lines = b"".join(b"\n" + encode_line(_written(change), "the change") for change in changes)
    if not lines or len(lines) > LARGEST:
        yield
        return
    path = path_of(session_id, folder)
    with storing(f"cannot save session {session_id}"):
        before = _append(path, lines)
    try:
        yield
    except BaseException as error:
        if not isinstance(error.__cause__, Unconfirmed):  # then the change was made
            with suppress(OSError):
                os.truncate(path, before)
        raise


def _append(path: Path, line: bytes) -> int:
    """Write to the end of a journal, and return its size before."""
    modes.make_own_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, modes.FILE)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        before = os.fstat(descriptor).st_size
        if before + len(line) > LARGEST:
            return _append_to_latest(path, line)
        try:
            _write(file, line)
        except BaseException:
            os.ftruncate(descriptor, before)
            raise
        return before


def _append_to_latest(path: Path, line: bytes) -> int:
    """Write to the end of the latest half of a journal, and return the size of that."""
    lines = [b"\n" + each for each in files.read(path).split(b"\n") if each]
    sizes = accumulate(len(each) for each in reversed(lines))
    kept = sum(1 for size in sizes if size <= LARGEST // 2 and size + len(line) <= LARGEST)
    latest = b"".join(lines[len(lines) - kept :])
    files.replace(path, lambda file: file.write(latest + line))
    return len(latest)


def _write(file: IO[bytes], data: bytes) -> None:
    while data:
        data = data[file.write(data) :]


def _written(change: TranscriptChange) -> dict[str, Any]:
    return {name: value for name, value in change._asdict().items() if value or name in ("at", "start")}


def read(session_id: str, folder: Path, since: int = 0) -> list[TranscriptChange]:
    """Return the changes of a session from a time on, in nanoseconds since the epoch; raise `StorageError`.

    What is no change is passed over: a kill may have cut it off.
    """
    with storing(f"cannot read the changes of session {session_id}"):
        try:
            lines = files.read(path_of(session_id, folder)).split(b"\n")
        except FileNotFoundError:
            return []
    found = (_change(line) for line in lines if line)
    return [change for change in found if change is not None and change.at >= since]


def forget_since(session_id: str, folder: Path, since: int) -> None:
    """Forget the changes of a session from a time on (ns), which were undone; raise `OSError`."""
    path = path_of(session_id, folder)
    try:
        lines = [line for line in files.read(path).split(b"\n") if line]
    except FileNotFoundError:
        return
    kept = [line for line in lines if (change := _change(line)) is None or change.at < since]
    if not kept:
        path.unlink(missing_ok=True)
    elif kept != lines:
        text = b"".join(b"\n" + line for line in kept)
        files.replace(path, lambda file: file.write(text))


def _change(line: bytes) -> TranscriptChange | None:
    try:
        values = decode(line)
        marks = [Mark(digest, at) for digest, at in values.pop("marks", ())]
        change = TranscriptChange(**values, marks=marks)
    except (Malformed, TypeError, ValueError, AttributeError):
        return None
    numbers, lists = (change.at, change.start, change.removed), (change.added, change.calls)
    are_lists = all(isinstance(each, list | tuple) for each in lists)
    return change if are_lists and all(isinstance(each, int) for each in numbers) else None


class Journal(NamedTuple):
    """A journal; `written_at` is when it was written last, in nanoseconds since the epoch."""

    path: Path
    session_id: str
    written_at: int


def of_folder(folder: Path) -> list[Journal]:
    """Return the journals in a folder of backups; raise `StorageError`."""
    with storing("cannot list the backups"):
        try:
            names = os.listdir(folder)  # noqa: PTH208  # as many as there are sessions
        except FileNotFoundError:
            return []
        paths = [(folder / name, name.removesuffix(ENDING)) for name in names if name.endswith(ENDING)]
        return [Journal(path, session_id, path.stat().st_mtime_ns) for path, session_id in paths]


def remove(path: Path) -> None:
    """Delete a journal permanently."""
    with storing("cannot delete the changes of a session"):
        path.unlink(missing_ok=True)
