"""Sessions moved to the trash and brought back, from there or from the backup of a longer version."""

from pathlib import Path

from ..errors import Conflict, NotFound, storing
from ..index import Indexed
from ..model import Summary
from ..origins import segments_of
from ..results import TrashReason
from ..sidecars import editing, folder, load, outline_of, reading, signature, trash
from .store import Store, after_the_file


def delete_session(store: Store, session_id: str) -> None:
    """Move a session's file to the trash, or forget a draft; raise `NotFound`."""
    with store.lock(session_id):
        store.check_index()
        row = store.row(session_id)
        try:
            written = trash.put(store.path_of(session_id), store.trash_dir, _reason(row))
        except NotFound:
            if row is None or not row.draft:
                raise
            store.forget(session_id)
        else:
            store.forget(session_id, written.moved)


def _reason(row: Indexed | None) -> TrashReason:
    """Return why a session is in the trash: one with several of the agent's segments keeps those hidden."""
    held = segments_of(row.summary.extra) if row is not None else ()
    return TrashReason.AGENT if len(held) > 1 else TrashReason.DELETED


def restore_session(store: Store, session_id: str) -> Summary:
    """Bring back what was deleted last of a session, or else the backup from before it was shortened.

    The id of one of its segments stands for a conversation of the agent. Raises `NotFound` if there is
    neither, `Conflict` if the session exists.
    """
    session_id = _deleted_as(store, session_id)
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


def _deleted_as(store: Store, session_id: str) -> str:
    """Return the id of the session in the trash that holds this one as a segment, else its own."""
    if signature(store.path_of(session_id)) is not None:
        return session_id
    entry = trash.newest(session_id, store.trash_dir)
    return session_id if entry is None else entry.session_id


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
