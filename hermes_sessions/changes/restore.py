"""Sessions moved to the trash and brought back, from there or from the backup of a longer version."""

from pathlib import Path

from ..errors import Conflict, NotFound, storing
from ..model import Summary
from ..results import TrashReason
from ..sidecars import editing, folder, load, outline_of, reading, trash
from .store import Store, after_the_file


def delete_session(store: Store, session_id: str) -> None:
    """Move a session's file to the trash, or forget a draft; raise `NotFound`."""
    with store.lock(session_id):
        store.check_index()
        row = store.row(session_id)
        try:
            written = trash.put(store.path_of(session_id), store.trash_dir)
        except NotFound:
            if row is None or not row.draft:
                raise
            store.forget(session_id)
        else:
            store.forget(session_id, written.moved)


def restore_session(store: Store, session_id: str) -> Summary:
    """Bring back what was deleted last of a session, or else the backup from before it was shortened.

    Raises `NotFound` if there is neither, `Conflict` if the session exists.
    """
    with store.lock(session_id):
        entry = trash.newest(session_id, store.trash_dir)
        path = store.path_of(session_id)
        backup = folder.backup_of(path)
        if backup is not None and (entry is None or entry.why.is_version):
            return _restore_backup(store, session_id, backup)
        if entry is None:
            raise NotFound(f"nothing to restore for session {session_id}, in the trash or as a backup")
        summary, stored = reading.read_summary(entry.path, session_id)
        store.check_index()
        written = trash.move_back(entry, path)
        stored = stored._replace(signature=written.stored.signature)
        return store.record_new(summary, written._replace(stored=stored))


def _restore_backup(store: Store, session_id: str, backup: Path) -> Summary:
    """Put a backup in the place of its session's file, which goes to the trash."""
    kept = load(backup, session_id)
    summary, stored = reading.summary(outline_of(kept))
    loaded = store.load(session_id)
    if loaded is None:
        raise NotFound(f"no session {session_id}")
    source = outline_of(loaded)
    if summary.message_count <= source.total:
        raise Conflict(f"the backup of session {session_id} has no more messages than the session")
    store.check_index()
    trash.write(session_id, loaded.data, store.trash_dir, TrashReason.REPLACED)
    written = editing.overwrite(source, kept.data, summary.message_count)
    stored = stored._replace(signature=written.stored.signature)
    restored = store.record(summary, written._replace(stored=stored))
    with after_the_file(f"session {session_id} was restored"), storing("its backup cannot be removed"):
        backup.unlink(missing_ok=True)
    return restored
