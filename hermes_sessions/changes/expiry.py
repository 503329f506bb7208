"""Permanent deletion: of what the trash or the backups kept long enough, and of what is left of a session."""

from ..errors import NotFound
from ..fields import check_id
from ..sidecars import TrashEntry, backups, trash
from .store import Store


def expired(store: Store, time_ns: int) -> list[TrashEntry]:
    """Return what was deleted, or kept as a backup, before a time (nanoseconds since the epoch).

    The latest backup of a session that exists is kept.
    """
    return [
        *trash.deleted_before(store.trash_dir, time_ns),
        *backups.expired(store.sessions_dir, store.backups_dir, time_ns),
    ]


def purge(store: Store, time_ns: int) -> int:
    """Delete permanently what `expired` returns, and return how many files."""
    old = expired(store, time_ns)
    for entry in old:
        trash.remove(entry)
    return len(old)


def erase(store: Store, session_id: str) -> int:
    """Delete permanently what is in the trash of a session, and its backups unless it exists.

    Returns how many files; raises `NotFound` if there is nothing.
    """
    found = trash.of_session(check_id(session_id), store.trash_dir)
    if not store.path_of(session_id).exists():
        kept = trash.entries(store.backups_dir)
        found += [entry for entry in kept if entry.session_id == session_id]
    if not found:
        raise NotFound(f"no session {session_id} in the trash")
    for entry in reversed(found):
        trash.remove(entry)
    return len(found)
