"""The calls that look after a home: backup, check, repair, sync."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import findings, results
from ..config import check_path
from ..index import Progress, only_sessions_errors
from ..results import Filters
from ..sidecars import folder, trash
from .base import HomeCalls

if TYPE_CHECKING:
    from ..care import Checks  # at run time only where it is used: most programs never do


class CareCalls(HomeCalls):
    """The calls that look after a home."""

    def backup(self, folder: str | Path, *, progress: Progress | None = None) -> findings.BackupReport:
        """Copy the home into a new or empty folder, completely or not at all, while others may write to it.

        `progress(done, total)` counts files. Raises `InvalidValue` for the folder, `StorageError`.
        """
        from ..care import create_backup

        return create_backup(self.config, self._home.engine, check_path("folder", folder), progress)

    @staticmethod
    @only_sessions_errors()
    def verify_backup(folder: str | Path) -> findings.Verification:
        """Return what is wrong with a backup that `backup` made."""
        from ..care import verify_backup

        return verify_backup(check_path("folder", folder))

    def why(self, session_id: str) -> Sequence[str]:
        """Return sentences that say where a session is, whether lists show it, and which rule hides it."""
        from ..care import explain_session

        return explain_session(self._home.store, self._home.agents, session_id)

    def check(self, *, deep: bool = False) -> Sequence[findings.Finding]:
        """Return what is wrong with the home, changing nothing; `deep` also reads every file and database."""
        return self._checks().all(deep=deep)

    def repair(self, *, apply: bool = False) -> findings.RepairReport:
        """Report what can be repaired without a decision, and with `apply` repair it.

        Changes only the index, after a copy of it, and files left by interrupted writes. Raises
        `StorageError`.
        """
        from ..care import apply_repair, plan_repair

        if not apply:
            return plan_repair(self._checks())
        self._lifetime.check_change(frees_room=False)
        return apply_repair(self._checks())

    def _checks(self) -> Checks:
        from ..care import Checks

        home = self._home
        return Checks(home.store, home.agents, self.projects, home.searcher.check, trash.expiry_limit(None))

    def write_web_ui_index(self) -> int:
        """Write the web UI's `_index.json`, for a return to it; return how many sessions it lists."""
        return folder.write_index_file(self.config.sessions_dir, self._home.page(Filters(hidden=True)))

    def sync(self, *, progress: Progress | None = None) -> results.SyncReport:
        """Bring the index in line with the files; raise `StorageError`, also if every file is gone."""
        return self._home.sync(progress)

    def rebuild(self, *, progress: Progress | None = None) -> results.SyncReport:
        """Read every file again, and forget sessions without one; raise `StorageError`."""
        return self._home.rebuild(progress)
