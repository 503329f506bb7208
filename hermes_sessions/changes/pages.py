"""A page of a session's messages, read alone: by the marks beside its row, which the first read fills in."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from ..errors import StorageError, Unreadable
from ..index import Indexed
from ..results import MessagePage
from ..sidecars import Outline, reading
from . import store as writing
from .store import Store

T = TypeVar("T")


def page(store: Store, session_id: str, before: int | None, limit: int | None) -> MessagePage:
    """Return the `limit` messages of a file that end before index `before`; None is all, and the end.

    Raises `NotFound` for a session without a file, `InvalidId`, `Unreadable`, `StorageError`.
    """
    return _read(store, session_id, lambda source: reading.page(source, before, limit))


def message(store: Store, session_id: str, index: int) -> Any:
    """Return one message alone; errors as of `page`, and `NotFound` if there are not so many."""
    return _read(store, session_id, lambda source: reading.message(source, index))


def _read(store: Store, session_id: str, read: Callable[[Outline], T]) -> T:
    path = reading.path_of(store.config.sessions_dir, session_id)
    with suppress(StorageError, Unreadable):  # of the index, or of what it knows: the file decides
        found = _by_marks(store, writing.row_of(store, session_id), session_id, read)
        if found is None:
            with store.locks.held(session_id):
                row = writing.marked(store, writing.current(store, session_id))
            found = _by_marks(store, row, session_id, read)
        if found is not None:
            return found
    with reading.surveyed(path, session_id) as source:
        return read(source)


def _by_marks(store: Store, row: Indexed | None, session_id: str, read: Callable[[Outline], T]) -> T | None:
    """Return what is read by what the index knows of a file; None if it does not know this version of it."""
    if row is None or row.draft or row.stored.marks is None:
        return None
    folder, count = store.config.sessions_dir, row.summary.message_count
    with reading.remembered(folder, session_id, row.stored, count) as source:
        return read(source) if source else None
