"""What a sidecar says: a session, a summary, a page of messages, or single messages.

Holds no lock and knows no database. `editing` writes.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .. import files, origins
from ..errors import NotFound, Unreadable, storing
from ..fields import FIELDS, TIMES, is_unreadable_time, other_keys, read_metadata
from ..json_text import Malformed, decode
from ..message_range import MessageRange
from ..messages import Message, RawMessage, cards_by_message, read_message
from ..model import Session, Signature, Stored, Summary
from ..results import MessagePage
from ..settings import resolve_workspace
from ..times import last_message_at
from . import document, marks
from .document import Member, Span
from .marks import Stretch
from .outline import Loaded, Outline, opened, outline_opened, unreadable

LARGEST_INDEXED = 4096  # bytes of the value of a key that is not a field


# ---- whole files ----------------------------------------------------------------------------------------


def session(loaded: Loaded, given: Sequence[Any] = ()) -> Session:
    """Return everything that a file says; raise `Unreadable` where a value cannot be decoded.

    Its first messages are those of `given` as far as these have the same text, which is not decoded.
    """
    rest = (member for member in loaded.members if member.key != "messages")
    values = _values(loaded.path, partial(_view, loaded.data), rest if given else loaded.members)
    return Session(
        **_metadata(loaded.session_id, loaded.signature, values),
        extra=other_keys(values),
        messages=_messages_like(loaded, given) if given else _list(values.get("messages")),
        tool_calls=_list(values.get("tool_calls")),
        signature=loaded.signature,
    )


def _messages_like(loaded: Loaded, given: Sequence[Any]) -> list[Any]:
    array = document.list_of(loaded.data, loaded.members, "messages")
    if array is None:
        return []
    if loaded.known is not None:
        given = given[: loaded.known.total]
    same, end = document.beginning_of(loaded.data, array, given)
    if loaded.data.startswith(document.AFTER_ITEMS, end):
        return [*given[:same]]
    others = memoryview(loaded.data)[end + 1 : array.end]  # after the bracket or the comma
    with unreadable(loaded.path):
        return [*given[:same], *decode(b"".join((b"[", others)))]


STATED = {"session_id", "message_count", *TIMES}


class Stated(NamedTuple):
    """What a file states beside its messages: its id, their number, and which times cannot be read."""

    session_id: str | None
    message_count: int | None
    unreadable_times: Sequence[str]


def stated(loaded: Loaded) -> Stated:
    """Return what a file states of itself, which need not be true."""
    wanted = (member for member in loaded.members if member.key in STATED)
    values = _values(loaded.path, partial(_view, loaded.data), wanted)
    session_id, count = (values.get(name) for name in ("session_id", "message_count"))
    return Stated(
        session_id if isinstance(session_id, str) else None,
        count if isinstance(count, int) and not isinstance(count, bool) else None,
        [name for name in values if name in TIMES and is_unreadable_time(values[name])],
    )


def message_count(loaded: Loaded) -> int:
    """Return how many messages a file has."""
    return len(message_texts(loaded))


def marks_hold(loaded: Loaded, packed: bytes) -> bool:
    """Whether these marks are those of messages of the file."""
    array = document.list_of(loaded.data, loaded.members, "messages")
    if array is None:
        return not packed
    with unreadable(loaded.path):
        starts = [span.start - array.start for span in document.items(loaded.data, array)]
    return marks.hold(packed, starts)


def message_texts(loaded: Loaded) -> list[memoryview]:
    """Return the text of each message; a value that is not a list reads as an empty one."""
    array = document.list_of(loaded.data, loaded.members, "messages")
    with unreadable(loaded.path):
        return document.item_texts(loaded.data, array) if array else []


def read_agent_transcript(path: Path) -> dict[str, Any] | None:
    """Return the JSON object of the agent's own file of a session, None without one; raise `Unreadable`."""
    with storing("cannot read the agent's transcript"):
        try:
            transcript = decode(files.read(path))
        except FileNotFoundError:
            return None
        except Malformed as error:
            raise Unreadable(path, str(error)) from error
    if not isinstance(transcript, dict):
        raise Unreadable(path, "not a JSON object")
    return transcript


# ---- summaries ------------------------------------------------------------------------------------------


def read_summary(path: Path, session_id: str | None = None) -> tuple[Summary, Stored]:
    """Return the `summary` of a file, read once; the file's name is the session's id unless given.

    Raises `NotFound`, `Unreadable` or `StorageError`.
    """
    name = session_id or path.stem
    with opened(path, name) as file:
        return summary(outline_opened(file, path, name))


def summary(source: Outline) -> tuple[Summary, Stored]:
    """Return what a list shows of a file, and what the index keeps beside it; raise `Unreadable`."""
    sent_at = sent_before(source, source.total)
    version, transcript, _, tool_calls, marked = source.stored
    values = source.values
    if values is None:
        values = _values(source.path, source.read, filter(_is_indexed, source.members))
    metadata = _metadata(source.session_id, version, values)
    shown = Summary(
        **metadata,
        extra=other_keys(values),
        message_count=source.total,
        last_message_at=sent_at or metadata["updated_at"],
    )
    return shown.displayable(), Stored(version, transcript, sent_at, tool_calls, marked)


def value_of(source: Outline, key: str) -> Any:
    """Return the value of one key of a file, None if the file does not have it."""
    member = document.find(source.members, key)
    return None if member is None else source.decoded(source.read(member.value, member.end))


def _is_indexed(member: Member) -> bool:
    return member.key in FIELDS or (
        member.key != "messages" and is_indexed(member.key, member.end - member.value)
    )


def is_indexed(name: str, size: int) -> bool:
    """Whether the index holds the value of a key that is not a field, of so many bytes in the file."""
    return size <= origins.LARGEST_INDEXED.get(name, LARGEST_INDEXED)


def _metadata(session_id: str, signature: Signature, values: Mapping[str, Any]) -> dict[str, Any]:
    metadata = read_metadata(session_id, values, signature.mtime_ns / 1e9)
    if metadata["workspace"]:
        metadata["workspace"] = resolve_workspace(metadata["workspace"])
    return metadata


def _values(
    path: Path, read: Callable[[int, int], bytes | memoryview], wanted: Iterable[Member]
) -> dict[str, Any]:
    with unreadable(path):
        return document.values(read, wanted)


def _view(data: bytes, start: int, end: int) -> memoryview:
    return memoryview(data)[start:end]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# ---- messages -------------------------------------------------------------------------------------------


def last_user_message(source: Outline) -> tuple[int, dict[str, Any]] | None:
    """Return the index and the last message whose role is `user`, None without one."""
    numbered = zip(reversed(range(source.total)), _newest_first(source, source.total), strict=True)
    for index, message in numbered:
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
            yield source.decoded(text)
        end = first


def page(source: Outline, wanted: MessageRange) -> MessagePage:
    """Return some messages of a file."""
    start, end = wanted.bounds(source.total)
    texts = texts_between(source, start, end)
    with unreadable(source.path):
        messages = [decode(text) for text in texts]
    return MessagePage(messages, start, source.total, tool_calls(source))


def tool_calls(source: Outline) -> list[Any]:
    """Return the session's own list of calls; a value that is not a list reads as an empty one."""
    place = source.stored.tool_calls
    return _list(source.decoded(source.read(*place))) if place else []


def messages_from(source: Outline, index: int, limit: int | None = None) -> list[Any]:
    """Return the messages from this index on, at most `limit`."""
    end = source.total if limit is None else min(index + limit, source.total)
    return [source.decoded(text) for text in texts_between(source, index, end)]


def texts_from(source: Outline, start: int) -> Iterator[bytes | memoryview]:
    """Yield the text of each message from index `start` on, reading once what lies between two marks."""
    while start < source.total:
        first, texts = _texts_around(source, start, start + 1)
        yield from texts[start - first :]
        start = first + len(texts)


def texts_between(source: Outline, start: int, end: int) -> Sequence[bytes | memoryview]:
    """Return the texts of the messages from index `start` up to, not including, `end`."""
    if start >= end:
        return []
    first, texts = _texts_around(source, start, end)
    return texts[start - first : end - first]


def message(source: Outline, index: int) -> Message:
    """Read one message, with its calls in the session's own list; raise `NotFound` without such an index."""
    if index >= source.total:
        raise NotFound(f"session {source.path.stem} has no message {index}")
    (text,) = texts_between(source, index, index + 1)
    raw = source.decoded(text)
    found = read_message(raw)
    return found if found.calls else read_message(raw, _cards_of(source, index))


def _cards_of(source: Outline, index: int) -> Sequence[RawMessage]:
    """Return the calls of one message in the session's own list."""
    place = source.stored.tool_calls
    text = source.read(*place) if place else b""
    # Most messages have none there: to decode a megabyte of calls takes six times as long as to search it.
    if not text or (index and not re.search(rb'"assistant_msg_idx"\s*:\s*%d\b' % index, text)):
        return ()
    return cards_by_message(_list(source.decoded(text))).get(index, ())


def end_of_message(source: Outline, index: int) -> int:
    """Return where in the file a message ends."""
    begin, stretch, text = _array_around(source, index, index + 1)
    with unreadable(source.path):
        spans = document.items(text, Span(0, len(text)))
    _check_count(source, stretch, len(spans))
    return begin + spans[index - stretch.first].end


def _texts_around(source: Outline, start: int, end: int) -> tuple[int, Sequence[bytes | memoryview]]:
    """Return the fewest texts that include messages `start` to `end`, and the index of the first."""
    if source.texts is not None:
        return 0, source.texts
    _, stretch, text = _array_around(source, start, end)
    with unreadable(source.path):
        texts = document.item_texts(text, Span(0, len(text)))
    _check_count(source, stretch, len(texts))
    return stretch.first, texts


def _array_around(source: Outline, start: int, end: int) -> tuple[int, Stretch, bytes]:
    """Return a stretch of messages as an array, and where in the file the array would begin."""
    if not source.stored.transcript or source.stored.marks is None:
        raise ValueError("the outline does not say where its messages are")
    begin, behind = source.stored.transcript
    stretch = marks.around(source.stored.marks, start, end, source.total, behind - begin)
    text = source.read(begin + stretch.start, begin + stretch.end)
    end = len(text)
    while end and text[end - 1] in b", \t\r\n":  # not `rstrip`, which would copy a third of a megabyte
        end -= 1
    array = b"".join((b"[", memoryview(text)[:end], b"]"))
    return begin + stretch.start - 1, stretch, array


def _check_count(source: Outline, stretch: Stretch, count: int) -> None:
    if count != stretch.total:
        raise Unreadable(source.path, "its messages are not where they were: it was overwritten in place")
