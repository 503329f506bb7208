"""Sessions moved to the trash and brought back, from there or from the longer version before a shortening."""

from collections.abc import Callable, Iterable, Sequence

from ..errors import Conflict, NotFound, Unreadable, storing
from ..index import Indexed, sync
from ..model import Summary
from ..origins import segments_of
from ..results import TrashReason
from ..sidecars import (
    Backup,
    Loaded,
    TrashEntry,
    backups,
    editing,
    load,
    outline_of,
    reading,
    signature,
    trash,
)
from .create import is_composed
from .store import Store, after_the_file
from .undoing import undoable


def delete_session(store: Store, session_id: str, only_if: Callable[[Summary], bool] | None = None) -> None:
    """Move a session's file to the trash, or forget a draft; raise `NotFound`.

    Nothing of it stays beside the other sessions: the web UI would restore it from its own backup. Raises
    `Conflict` if `only_if` is false for the session, under its lock.
    """
    with store.lock(session_id):
        if only_if is not None and not only_if(store.current(session_id).summary):
            raise Conflict(f"session {session_id} was changed since it was listed; it was not deleted")
        _delete(store, session_id)


def _delete(store: Store, session_id: str) -> None:
    """Do what `delete_session` does; the caller holds the session's lock."""
    store.check_index()
    row, path = store.row(session_id), store.path_of(session_id)
    backups.put_aside(path, store.backups_dir)
    try:
        written = trash.put(path, store.trash_dir, _reason(row))
    except NotFound:
        if row is None or not row.draft:
            raise
        store.forget(session_id)
    else:
        store.forget(session_id, written.moved)


def delete_empty_sessions(store: Store, summaries: Iterable[Summary], *, arranged: bool) -> int:
    """Move those sessions to the trash in which nothing was written, and return how many.

    They have no messages, and none waits for an answer or lies unsent in the composer. Drafts stay, and so do
    sessions that somebody titled, pinned, archived or filed, unless `arranged`.
    """
    empty = (each.session_id for each in summaries if _may_be_cleaned(each, arranged))
    return sum(_delete_if_still_empty(store, session_id, arranged) for session_id in empty)


def _may_be_cleaned(summary: Summary, arranged: bool) -> bool:
    return summary.empty and (arranged or not (summary.arranged or summary.tags))


def _delete_if_still_empty(store: Store, session_id: str, arranged: bool) -> bool:
    try:
        with store.lock(session_id):
            session = store.session(session_id)  # the file: the index may be older
            if session.draft or is_composed(session) or not _may_be_cleaned(session.summary(), arranged):
                return False
            _delete(store, session_id)
    except NotFound:
        return False
    return True


def _reason(row: Indexed | None) -> TrashReason:
    """Return why a session is in the trash: one with several of the agent's segments keeps those hidden."""
    held = segments_of(row.summary.extra) if row is not None else ()
    return TrashReason.AGENT if len(held) > 1 else TrashReason.DELETED


def restore_session(store: Store, session_id: str) -> Summary:
    """Bring back what was deleted last of a session, or else a longer version from before it was shortened.

    The id of one of its segments stands for a conversation of the agent. Raises `NotFound` if there is
    neither, `Conflict` if the session exists.
    """
    session_id = _deleted_as(store, session_id)
    with store.lock(session_id):
        return _restore(store, session_id)


def _restore(store: Store, session_id: str, *, undoing: bool = False) -> Summary:
    """Do what `restore_session` does; the caller holds the session's lock."""
    entry = trash.newest(session_id, store.trash_dir)
    kept = backups.of_session(store.path_of(session_id), store.backups_dir)
    if kept and (entry is None or entry.why.is_version):
        return _restore_backup(store, session_id, kept)
    if entry is None:
        raise NotFound(f"nothing to restore for session {session_id}, in the trash or as a backup")
    return _move_back(store, entry, settle=not undoing)


def restore_deleted_session(store: Store, session_id: str, *, undoing: bool = False) -> Summary:
    """Do what `restore_session` does for a session that does not exist; raise `Conflict` for one that does.

    So what takes back a deletion twice does not take back an earlier shortening. With `undoing`, a session
    that had come back after an earlier deletion is one again of which nobody has decided whether to keep it.
    """
    session_id = _deleted_as(store, session_id)
    with store.lock(session_id):
        deleted = trash.newest(session_id, store.trash_dir)
        is_there = signature(store.path_of(session_id)) is not None
        if is_there and (deleted is None or deleted.why.is_version):
            raise Conflict(f"session {session_id} is not deleted; nothing was restored")
        return _restore(store, session_id, undoing=undoing)


def _deleted_as(store: Store, session_id: str) -> str:
    """Return the id of the session in the trash that holds this one as a segment, else its own."""
    if signature(store.path_of(session_id)) is not None:
        return session_id
    entry = trash.newest(session_id, store.trash_dir)
    return session_id if entry is None else entry.session_id


def _move_back(store: Store, entry: TrashEntry, *, settle: bool = True) -> Summary:
    """Move a session back; with `settle`, what was deleted of it before becomes an earlier version of it."""
    summary, stored = reading.read_summary(entry.path, entry.session_id)
    store.check_index()
    written = trash.move_back(entry, store.path_of(entry.session_id))
    stored = stored._replace(signature=written.stored.signature)
    restored = store.record_new(summary, written._replace(stored=stored))
    with after_the_file(f"session {entry.session_id} was restored"):
        if settle:
            trash.keep_as_versions(entry.session_id, store.trash_dir)
        elif trash.newest(entry.session_id, store.trash_dir) is not None:
            # What was deleted last of it is an earlier version now: whether it came back follows from that.
            sync.read_trash_again(store.engine, store.trash_dir)
    return restored


def _restore_backup(store: Store, session_id: str, kept: Sequence[Backup]) -> Summary:
    """Put a longer version in the place of a session's file, which goes to the trash."""
    loaded = store.load(session_id)
    with undoable(store, session_id, None if loaded is None else loaded.signature):
        return _put_longer(store, session_id, loaded, kept)


def _put_longer(store: Store, session_id: str, loaded: Loaded | None, kept: Sequence[Backup]) -> Summary:
    if loaded is None:  # another program deleted it
        latest = kept[0]
        return _move_back(store, TrashEntry(latest.path, session_id, latest.kept_at, TrashReason.SHORTENED))
    source = outline_of(loaded)
    backup, longer = _latest_longer(kept, source.total)
    summary, stored = reading.summary(outline_of(longer))
    store.check_index()
    trash.write(session_id, loaded.data, store.trash_dir, TrashReason.REPLACED)
    written = editing.overwrite(source, longer.data, summary.message_count)
    stored = stored._replace(signature=written.stored.signature)
    restored = store.record(summary, written._replace(stored=stored))
    with after_the_file(f"session {session_id} was restored"), storing("its backup cannot be removed"):
        backup.path.unlink(missing_ok=True)
    return restored


def _latest_longer(kept: Sequence[Backup], count: int) -> tuple[Backup, Loaded]:
    """Return the latest version with more than `count` messages; raise `Conflict`, `Unreadable`."""
    damage: Unreadable | None = None
    for backup in kept:
        try:
            loaded = load(backup.path, backup.session_id)
            if reading.message_count(loaded) > count:
                return backup, loaded
        except Unreadable as error:
            damage = damage or error
    if damage is not None:
        raise damage
    raise Conflict(f"the backup of session {kept[0].session_id} has no more messages than the session")
