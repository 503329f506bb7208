"""Permanent deletion: of what the trash or the backups kept long enough, and of what is left of a session."""

from ..errors import NotFound
from ..fields import check_id
from ..index import database, own_changes
from ..sidecars import TrashEntry, backups, journal, trash
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
    """Delete permanently what `expired` returns, and return how many files.

    Journals of changes are deleted too, and not counted. One of changes that were lost is kept.
    """
    old = expired(store, time_ns)
    _purge_journals(store, time_ns)
    for entry in old:
        trash.remove(entry)
    return len(old)


def _purge_journals(store: Store, time_ns: int) -> None:
    old = [each for each in journal.of_folder(store.backups_dir) if each.written_at < time_ns]
    if not old:
        return
    with database.reading(store.engine) as connection:
        lost = {each.session_id for each in own_changes.lost(connection)}
    for each in old:
        if each.session_id not in lost:
            journal.remove(each.path)


def erase(store: Store, session_id: str) -> int:
    """Delete permanently what is in the trash of a session, and its backups unless it exists.

    Returns how many files; raises `NotFound` if there is nothing.
    """
    found = trash.of_session(check_id(session_id), store.trash_dir)
    if not store.path_of(session_id).exists():
        journal.remove(journal.path_of(session_id, store.backups_dir))
        kept = trash.entries(store.backups_dir)
        found += [entry for entry in kept if entry.session_id == session_id]
    if not found:
        raise NotFound(f"no session {session_id} in the trash")
    for entry in reversed(found):
        trash.remove(entry)
    return len(found)
