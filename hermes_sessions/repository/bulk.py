"""The calls that change, delete and restore many sessions, each of which reports what became of each."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from .. import changes
from ..errors import InvalidValue
from ..home import Chosen
from ..index import Progress
from ..metadata import MetadataFields
from ..model import Summary
from ..pruning import PruneRule, check_ids, prune_rule
from ..results import BulkReport, FilterFields, Filters, combined_filters
from .base import HomeCalls


class BulkCalls(HomeCalls):
    """The calls about many sessions."""

    def update_many(
        self,
        ids_or_filters: Chosen,
        *,
        dry_run: bool = False,
        touch: bool = True,
        extra: Mapping[str, Any] | None = None,
        remove: Collection[str] = (),
        any_project: bool = False,
        progress: Progress | None = None,
        **metadata: Unpack[MetadataFields],
    ) -> BulkReport:
        """Set the same fields of many sessions, as `update` does of one; one failure stops no other.

        The sessions are given by their ids, or by the `Filters` of `list`. Without `touch`, those that have
        the values already are left alone. With `dry_run` nothing changes, and the report says what would.
        `progress(done, total)` counts sessions. With `any_project`, `project_id` may name a project that does
        not exist: so a reversal brings back what a session had. A conversation that only an agent has is
        among the failures: import it to change it. Raises `InvalidValue` and `NotFound` for the values,
        before anything is changed, and `StorageError` if the sessions cannot be listed.
        """
        change = self._home.checked_change(metadata, extra, remove, any_project=any_project)
        ids = self._selected(ids_or_filters)
        before: Sequence[Summary] = ()
        if dry_run:
            would_update = partial(self._home.would_update, self._home.store, change=change, touch=touch)
            outcomes = changes.each_alone(ids, would_update, progress)
        else:
            self._lifetime.check_change(frees_room=False)
            before, _ = self._home.chosen(ids)
            update = partial(self._home.update_if_needed, change=change, touch=touch)
            outcomes = changes.each_together(self._home.store, ids, update, progress)
        undo = changes.earlier_values(before, outcomes.changed, metadata, self.projects)
        return replace(BulkReport.of(outcomes.changed, outcomes.failed), undo=undo)

    def delete_many(
        self,
        ids_or_filters: Chosen | None = None,
        *,
        everywhere: bool = False,
        dry_run: bool = False,
        progress: Progress | None = None,
        **keywords: Unpack[FilterFields],
    ) -> BulkReport:
        """Move many sessions to the trash, as `delete` does one; one failure stops no other.

        The sessions are given by their ids, or by the filters of `list`, as `Filters` or as keywords.
        `everywhere` deletes the agent's copies too, as `delete_everywhere` does. With `dry_run` nothing
        changes, and the report says what would. Its `agents` are the conversations that only an agent has or
        that are deleted from one. `progress(done, total)` counts sessions; `restore_many(report.done)` brings
        all back. Raises `InvalidValue` for the selection, `StorageError` if the sessions cannot be listed.
        """
        if isinstance(ids_or_filters, Filters | None):
            chosen = combined_filters(ids_or_filters, keywords, call=self.delete_many)
            if ids_or_filters is None and chosen.matches_all:
                raise InvalidValue("say which sessions: ids, Filters, or keywords such as archived=True")
            ids: Sequence[str] = self._selected(chosen)
        elif keywords:
            raise InvalidValue("give ids or filters, not both")
        else:
            ids = self._selected(ids_or_filters)
        return self._delete(ids, everywhere=everywhere, dry_run=dry_run, progress=progress)

    def prune(
        self,
        filters: Filters | None = None,
        *,
        older_than: float | None = None,
        fewer_than: int | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
        **keywords: Unpack[FilterFields],
    ) -> BulkReport:
        """Move sessions to the trash by a rule: last active `older_than` seconds ago, `fewer_than` messages.

        Of the sessions that `list` returns for the same filters, those go to which all that is given applies.
        Pinned ones stay unless `pinned=True`, and those in which a message waits for its answer unless
        `interrupted=True`; so does one that no longer fits when it is its turn, which is a failure then.
        `dry_run`, `progress` and the report are those of `delete_many`. Raises `InvalidValue` for no rule.
        """
        chosen = combined_filters(filters, keywords, call=self.prune)
        rule = prune_rule(chosen, older_than, fewer_than, time.time())
        ids = [each.session_id for each in self._home.page(chosen) if rule.applies(each)]
        return self._delete(ids, rule, dry_run=dry_run, progress=progress)

    def restore_many(
        self, session_ids: Iterable[str], *, undoing: bool = False, progress: Progress | None = None
    ) -> BulkReport:
        """Restore many deleted sessions, as `restore` does one; one failure stops no other.

        One that exists is a failure, `Conflict`, also if there is a backup from before it was shortened.
        Whoever restores a session decides to keep it. With `undoing`, nothing is decided: if it had come back
        after an earlier deletion, `lost.list` says so again.
        """
        restore = partial(changes.restore_deleted_session, self._home.store, undoing=undoing)
        outcomes = changes.each_alone(check_ids(session_ids), restore, progress)
        return BulkReport.of(outcomes.done, outcomes.failed)

    def _selected(self, ids_or_filters: Chosen) -> list[str]:
        if isinstance(ids_or_filters, Filters):
            return [each.session_id for each in self._home.page(ids_or_filters)]
        return check_ids(ids_or_filters)

    def _delete(
        self,
        ids: Sequence[str],
        rule: PruneRule | None = None,
        *,
        everywhere: bool = False,
        dry_run: bool,
        progress: Progress | None,
    ) -> BulkReport:
        home = self._home
        if dry_run:
            would_delete = partial(home.would_delete, everywhere=everywhere)
            outcomes = changes.each_alone(ids, would_delete, progress)
        elif everywhere:
            self._lifetime.check_change(frees_room=True)
            outcomes = changes.each_alone(ids, home.delete_everywhere, progress)
        else:
            self._lifetime.check_change(frees_room=True)
            delete = partial(home.delete_here, only_if=rule and rule.applies)
            outcomes = changes.each_together(home.store, ids, delete, progress)
        return BulkReport.of(outcomes.done, outcomes.failed, agents=outcomes.changed)
