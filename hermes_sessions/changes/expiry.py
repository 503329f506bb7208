"""Permanent deletion: of what the trash or the backups kept long enough, and of what is left of a session."""

from collections.abc import Collection, Iterable
from contextlib import suppress

from ..errors import NotFound, Unreadable
from ..fields import check_id
from ..index import database, own_changes, tags
from ..sidecars import TrashEntry, backups, journal, reading, trash
from . import undoing
from .store import Store
from .tags import TagStore


def expired(store: Store, time_ns: int) -> list[TrashEntry]:
    """Return what was deleted, or kept as a backup, before a time (nanoseconds since the epoch).

    The latest backup of a session that exists is kept.
    """
    return [
        *trash.deleted_before(store.trash_dir, time_ns),
        *backups.expired(store.sessions_dir, store.backups_dir, time_ns),
    ]


def purge(store: Store, tag_store: TagStore, time_ns: int) -> int:
    """Delete permanently what `expired` returns, and return how many files.

    Journals of changes, and what is kept to undo one, are deleted too, and not counted. A journal of changes
    that were lost is kept.
    """
    old = expired(store, time_ns)
    ids = _ids_of(old)
    _purge_journals(store, time_ns)
    undoing.expire(store, time_ns)
    for entry in old:
        trash.remove(entry)
    _forget_tags(store, tag_store, ids)
    return len(old)


def _ids_of(entries: Iterable[TrashEntry]) -> set[str]:
    """Return the ids under which the sessions of these files may have tags."""
    ids: set[str] = set()
    for entry in entries:
        ids.add(entry.session_id)
        with suppress(NotFound, Unreadable):  # it can be deleted nevertheless
            ids.update(tags.held_ids(reading.read_summary(entry.path, entry.session_id)[0]))
    return ids


def _forget_tags(store: Store, tag_store: TagStore, ids: Collection[str]) -> None:
    """Remove the tags of these ids, unless a session or an agent still has one, or the trash."""
    if not tag_store.has_any(ids):
        return
    with database.reading(store.engine) as connection:
        used = tags.used_ids(connection, ids)
    kept = {entry.session_id for entry in trash.entries(store.trash_dir)}
    tag_store.forget([each for each in ids if each not in used | kept])


def _purge_journals(store: Store, time_ns: int) -> None:
    old = [each for each in journal.of_folder(store.backups_dir) if each.written_at < time_ns]
    if not old:
        return
    with database.reading(store.engine) as connection:
        lost = {each.session_id for each in own_changes.lost(connection)}
    for each in old:
        if each.session_id not in lost:
            journal.remove(each.path)


def _with_segments(found: list[TrashEntry], store: Store) -> list[TrashEntry]:
    held = {segment for entry in found for segment in trash.segments(entry)}
    if not held:
        return found
    return [*found, *(e for e in trash.entries(store.trash_dir) if e.session_id in held and e not in found)]


def erase(store: Store, tag_store: TagStore, session_id: str) -> int:
    """Delete permanently what the trash has of a session and its segments, and its backups unless it exists.

    Returns how many files; raises `NotFound` if there is nothing.
    """
    found = _with_segments(trash.of_session(check_id(session_id), store.trash_dir), store)
    if not store.path_of(session_id).exists():
        journal.remove(journal.path_of(session_id, store.backups_dir))
        undoing.forget(store, session_id)
        kept = trash.entries(store.backups_dir)
        found += [entry for entry in kept if entry.session_id == session_id]
    if not found:
        raise NotFound(f"no session {session_id} in the trash")
    ids = _ids_of(found)
    for entry in reversed(found):
        trash.remove(entry)
    _forget_tags(store, tag_store, ids)
    return len(found)
