"""A page of a session's messages, read without the others, by the marks beside its row."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..errors import StorageError, Unreadable
from ..index import Indexed
from ..message_range import MessageRange
from ..messages import Message
from ..results import MessagePage
from ..sidecars import Outline, outlined, outlined_as_known, reading
from .store import Store

T = TypeVar("T")


def read_page(store: Store, session_id: str, wanted: MessageRange) -> MessagePage:
    """Return some messages of a file.

    Raises `NotFound` for a session without a file, `InvalidId`, `Unreadable`, `StorageError`.
    """
    return _read(store, session_id, store.row, lambda source: reading.page(source, wanted))


def message_reader(store: Store, session_ids: Collection[str]) -> Callable[[str, int], Message]:
    """Return a function that reads one message of one of these sessions, by its index.

    Raises errors as `read_page` does, and `NotFound` if there are not so many messages. The rows of all the
    sessions are read at once.
    """
    rows: Mapping[str, Indexed] = {}
    with suppress(StorageError):
        rows = store.rows_of(session_ids)
    return lambda session_id, index: _read(
        store, session_id, rows.get, lambda source: reading.message(source, index)
    )


def _read(
    store: Store, session_id: str, row: Callable[[str], Indexed | None], read: Callable[[Outline], T]
) -> T:
    path = store.path_of(session_id)
    # If the index, or what it knows of the file, is no use, the file alone decides.
    with suppress(StorageError, Unreadable):
        result = _by_marks(path, row(session_id), read)
        if result is None:
            with store.lock(session_id):
                current = store.with_marks(store.current(session_id))
            result = _by_marks(path, current, read)
        if result is not None:
            return result
    with outlined(path) as source:
        return read(source)


def _by_marks(path: Path, row: Indexed | None, read: Callable[[Outline], T]) -> T | None:
    """Return what is read by a row's marks; None if the row is not that of the file's present version."""
    if row is None or row.draft or row.stored.marks is None:
        return None
    with outlined_as_known(path, row.stored, row.summary.message_count) as source:
        return read(source) if source else None
