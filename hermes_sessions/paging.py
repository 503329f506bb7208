"""A page of a session's messages, read alone: by the marks beside its row, which the first read fills in."""

from contextlib import suppress

from . import sidecar, writing
from .errors import StorageError, Unreadable
from .results import MessagePage
from .tables import Indexed
from .writing import Store


def page(store: Store, session_id: str, before: int | None, limit: int | None) -> MessagePage:
    """Return the `limit` messages of a file that end before index `before`; None is all, and the end.

    Raises `NotFound` for a session without a file, `InvalidId`, `Unreadable`, `StorageError`.
    """
    path = sidecar.path_of(store.config.sessions_dir, session_id)
    with suppress(StorageError, Unreadable):  # of the index, or of what it knows: the file decides
        found = _by_marks(store, writing.row_of(store, session_id), session_id, before, limit)
        if found is None:
            with store.locks.held(session_id):
                row = writing.marked(store, writing.current(store, session_id))
            found = _by_marks(store, row, session_id, before, limit)
        if found is not None:
            return found
    with sidecar.surveyed(path, session_id) as source:
        return sidecar.page(source, before, limit)


def _by_marks(
    store: Store, row: Indexed | None, session_id: str, before: int | None, limit: int | None
) -> MessagePage | None:
    """Return a page by what the index knows of a file; None if it does not know this version of it."""
    if row is None or row.draft or row.stored.marks is None:
        return None
    folder, count = store.config.sessions_dir, row.summary.message_count
    with sidecar.remembered(folder, session_id, row.stored, count) as source:
        return sidecar.page(source, before, limit) if source else None
