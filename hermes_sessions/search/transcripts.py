"""Reads the messages of sidecars for the search index, a few at a time: a large file is never in memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..errors import NotFound, StorageError, Unreadable
from ..messages import Message, RawMessage, cards_by_message, read_message, read_messages
from ..model import Signature
from ..sidecars import LARGEST_AT_ONCE, Outline, outlined, path_of, reading
from .indexed_text import NO_TEXT, CallsBefore, indexed_text
from .plan import StaleSession
from .tables import IndexedMessage, indexed_message

MESSAGES_AT_ONCE = 50  # in memory, of a large file
LOOKED_BACK = 20  # messages before the first that is indexed, for the calls that it may answer
BATCH_BYTES = LARGEST_AT_ONCE  # stored in one transaction: a few hundredths of a second
BATCH_FILES = 200  # whose names fit into the pipe to a process twice


class PreparedSession(NamedTuple):
    """All messages of a version of a session's file, ready to be stored."""

    stale: StaleSession
    signature: Signature
    messages: Sequence[IndexedMessage]


def is_large(batch: Sequence[StaleSession]) -> bool:
    """Whether a batch is a file that is read piece by piece, and stored in several transactions."""
    return len(batch) == 1 and batch[0].size > BATCH_BYTES


def prepare(folder: Path, batch: Sequence[StaleSession]) -> list[PreparedSession]:
    """Return the messages of small files; files that cannot be read, and a large one, are left out."""
    return (
        []
        if is_large(batch)
        else [prepared for stale in batch if (prepared := _prepared(folder, stale)) is not None]
    )


def _prepared(folder: Path, stale: StaleSession) -> PreparedSession | None:
    with suppress(NotFound, Unreadable, StorageError), outlined(path_of(folder, stale.session_id)) as source:
        return PreparedSession(stale, source.stored.signature, list(messages_of(source, 0)))
    return None


def messages_of(source: Outline, first: int) -> Iterator[IndexedMessage]:
    """Yield a file's messages from position `first` on."""
    cards = _cards(source)
    start = max(0, first - LOOKED_BACK)
    before = CallsBefore()
    for position, message in _messages(source, start, cards):
        if position >= first:
            content = NO_TEXT if message is None else indexed_text(message, before)
            yield indexed_message(position, content)
        if message is not None and message.calls:
            before.add(message)


def _messages(
    source: Outline, first: int, cards: Mapping[int, Sequence[RawMessage]]
) -> Iterator[tuple[int, Message | None]]:
    """Yield messages with their positions, None for one that cannot be decoded."""
    for position, text in enumerate(reading.texts_from(source, first), first):
        yield position, _message(source, text, cards.get(position, ()))


def _cards(source: Outline) -> Mapping[int, Sequence[RawMessage]]:
    """Return the calls in the session's own list, by the position of their message."""
    try:
        return cards_by_message(reading.tool_calls(source))
    except Unreadable:  # the messages can be searched without them
        return {}


def _message(source: Outline, text: bytes | memoryview, cards: Sequence[RawMessage]) -> Message | None:
    try:
        return read_message(source.decoded(text), cards)
    except Unreadable:
        return None


def added_messages(source: Outline, first: int) -> list[IndexedMessage]:
    """Return a file's messages from position `first` on, which are known to be few."""
    start = max(0, first - LOOKED_BACK)
    read = read_messages(reading.messages_from(source, start), reading.tool_calls(source), start)
    before, added = CallsBefore(), list[IndexedMessage]()
    for position, message in read:
        if position >= first:
            added.append(indexed_message(position, indexed_text(message, before)))
        before.add(message)
    return added


def in_chunks(messages: Iterator[IndexedMessage]) -> Iterator[list[IndexedMessage]]:
    """Yield messages in lists of at most `MESSAGES_AT_ONCE`."""
    while chunk := list(islice(messages, MESSAGES_AT_ONCE)):
        yield chunk


def count_unchanged(messages: Iterable[IndexedMessage], digests: Sequence[int]) -> int:
    """Return how many messages, from the first on, have the digests that are indexed."""
    if not digests:
        return 0  # without reading the first messages in vain
    unchanged = 0
    for message, digest in zip(messages, digests, strict=False):
        if message.digest != digest:
            break
        unchanged += 1
    return unchanged


def in_batches(stale: Sequence[StaleSession]) -> Iterator[list[StaleSession]]:
    """Yield at most `BATCH_FILES` at a time, of at most `BATCH_BYTES` together; a larger file is alone."""
    batch: list[StaleSession] = []
    size = 0
    for each in stale:
        size += each.size
        if batch and (size > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], each.size
        batch.append(each)
    if batch:
        yield batch
