"""The calls that delete sessions, and those that bring them back from the trash."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial

from .. import changes, results
from ..model import Summary
from ..pruning import check_ids
from ..results import Filters
from ..sidecars import trash, trash_pages
from .base import HomeCalls


class DeletingCalls(HomeCalls):
    """The calls that delete and restore sessions, and empty the trash."""

    def delete(self, session_id: str) -> None:
        """Move a session to the trash; raise `NotFound`, `InvalidId`, `StorageError`, `AgentUnavailable`.

        Of an agent's conversation a copy is moved there, which hides the original; see `agent.delete`.
        """
        changes.delete_here(self._home.store, self._home.agents, session_id)

    def delete_everywhere(self, session_id: str) -> None:
        """Move a session to the trash, and delete the agent's copy of it; raises as `delete`.

        What only the agent has, such as earlier segments, is copied to the trash first: see `agent_share`.
        """
        changes.delete_everywhere(self._home.store, self._home.agents, session_id)

    def delete_empty(self, *, arranged: bool = False) -> int:
        """Move sessions in which nothing was written to the trash, but drafts, and return how many.

        Those that somebody titled, pinned, archived or filed stay, unless `arranged`. Raises `StorageError`.
        """
        everything = self._home.page(Filters(hidden=True))
        return changes.delete_empty_sessions(self._home.store, everything, arranged=arranged)

    def agent_share(self, session_id: str) -> results.AgentShare:
        """Return what `delete_everywhere` would delete from the agent; raise `InvalidId`, `StorageError`."""
        return changes.agent_share(self._home.store, self._home.agents, session_id)

    def held_by_agent(self, summaries: Sequence[Summary]) -> Collection[str]:
        """Return the ids of those sessions of which `delete_everywhere` deletes something from the agent."""
        return changes.held_by_agent(self._home.agents, summaries)

    def restore(self, session_id: str) -> Summary:
        """Restore a deleted session, or else the backup of one that was shortened, which goes to the trash.

        `undo_change` takes back that a longer version was restored, `delete` that a deleted session was.
        Raises `NotFound` if there is neither, `Conflict` if the id is in use, `Unreadable`, `StorageError`.
        """
        return changes.restore_session(self._home.store, session_id)

    def trash(self) -> Sequence[results.Trashed]:
        """Return the sessions in the trash, latest first; raise `StorageError`."""
        return [trash.describe(entry) for entry in trash.entries(self.config.trash_dir)]

    def trashed(
        self, text: str = "", *, limit: int | None = None, cursor: str | None = None
    ) -> results.Page[results.TrashedSession]:
        """Return the conversations in the trash, the latest first, each with all its versions.

        With a `text`, those with all its words in a title. `limit` is the most to return (None: all) and
        `cursor` the `next_cursor` of the page before. Raises `InvalidValue`, `StorageError`.
        """
        store = self._home.store
        return trash_pages.read_page(
            self.config.trash_dir, lambda each: store.path_of(each).exists(), text, limit, cursor
        )

    def purge(self, *, older_than: float | None = None) -> int:
        """Delete what has been in the trash for `older_than` seconds, None for 30 days; return how many."""
        return changes.purge(self._home.store, self._home.tags, trash.expiry_limit(older_than))

    def would_purge(self, *, older_than: float | None = None) -> Sequence[results.Trashed]:
        """Return what `purge` would delete; raises as `purge`."""
        return list(map(trash.describe, changes.expired(self._home.store, trash.expiry_limit(older_than))))

    def erase(self, session_id: str) -> int:
        """Delete permanently what the trash has of a session; return how many files; raise `NotFound`."""
        return changes.erase(self._home.store, self._home.tags, session_id)

    def erase_many(self, session_ids: Iterable[str]) -> results.BulkReport:
        """Delete permanently what the trash has of many sessions; one failure stops no other."""
        erase = partial(changes.erase, self._home.store, self._home.tags)
        outcomes = changes.each_alone(check_ids(session_ids), erase)
        return results.BulkReport.of(outcomes.done, outcomes.failed)
