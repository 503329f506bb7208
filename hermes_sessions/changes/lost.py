"""Changes of this program that another one has overwritten: what they are, put back, or given up."""

from collections.abc import Sequence
from typing import Any

from ..errors import NotFound
from ..fields import check_id
from ..index import Survivor, database, index_state, own_changes, public_calls, survived
from ..model import Summary
from ..results import LostUpdate
from ..sidecars import trash
from .store import Store

READS = ("list",)


@public_calls(READS)
@survived(READS)
class LostUpdates:
    """The changes that other programs have overwritten without having read them."""

    def __init__(self, access: Survivor) -> None:
        self._access, self._lifetime = access, access.lifetime

    @property
    def _store(self) -> Store:
        store: Store = self._access.home.store
        return store

    def list(self, session_id: str | None = None) -> Sequence[LostUpdate]:
        """Return what was overwritten, of one session or of all; raise `InvalidId`, `StorageError`."""
        if session_id is not None:
            check_id(session_id)
        with self._access.home.freshness.current() as index:
            return own_changes.lost(index.connection, session_id)

    def put_back(self, session_id: str) -> Summary | None:
        """Make again what was overwritten, or delete the session again; return it unless it was deleted.

        Messages that were added here are added at the end. Messages that were removed here are removed again,
        those that the other program added after them stay. The version before is kept as a backup, and
        `undo_change` brings all back as it was. Raises `NotFound` if nothing of the session was overwritten,
        and as `update`, `append` and `delete`.
        """
        from .lost_messages import put_back_fields, put_back_messages  # here, as a list needs none of them
        from .restore import delete_session

        lost = self._lost(session_id)
        fields = {each.field for each in lost}
        if "deleted" in fields:
            delete_session(self._store, session_id)
            return None
        values: dict[str, Any] = {
            each.field: each.ours for each in lost if each.field != own_changes.MESSAGES
        }
        self._access.home.projects.check(values.get("project_id"))
        if own_changes.MESSAGES in fields:
            return put_back_messages(self._store, session_id, values)
        return put_back_fields(self._store, session_id, values)

    def keep_theirs(self, session_id: str) -> None:
        """Keep what the other program wrote, and say no more of it; raises as `list`, `NotFound`.

        The deleted version of a session that was written again stays in the trash, as a version of it.
        """
        lost = self._lost(session_id)
        if any(each.field == "deleted" for each in lost):
            with self._store.lock(session_id):
                trash.keep_as_versions(session_id, self._store.trash_dir)
        with database.writing(self._store.engine) as connection:
            own_changes.forget(connection, session_id, [each.field for each in lost])
            index_state.next_generation(connection)

    def _lost(self, session_id: str) -> Sequence[LostUpdate]:
        lost = self.list(session_id)
        if not lost:
            raise NotFound(f"no change of session {session_id} was overwritten by another program")
        return lost
