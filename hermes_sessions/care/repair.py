"""Repair of a home: what needs no decision is fixed, and each session file is read once."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from ..changes import settle_leftovers
from ..findings import REPAIRED_IN_FOLDERS, REPAIRED_IN_INDEX, Finding, FindingKind, RepairReport
from ..index import sync, tag_sync, upgrades
from ..sidecars import summaries
from .checks import Checks, titled
from .contents import Contents

# For these, a sync reads the session's file.
UNSYNCED = frozenset({FindingKind.FILE_WITHOUT_ROW, FindingKind.STALE_ROW})


def plan_repair(checks: Checks) -> RepairReport:
    """Return what a repair would find, changing nothing."""
    found = tuple(checks.all(deep=True))
    return RepairReport(applied=False, found=found, repaired=(), left=found)


def apply_repair(checks: Checks) -> RepairReport:
    """Fix what needs no decision, and return what was found, what of it was repaired, and what is left.

    Only the index and what interrupted writes left are changed, after a copy of the index. The files that the
    index lacks are examined while it is synced, so that none is read twice.
    """
    contents = Contents(checks.store)
    databases = list(checks.databases())
    files, leftovers, others = list(checks.files()), list(checks.leftovers()), list(checks.others())
    contents.read_all(_synced(checks.session_ids(), files))
    mended = [*files, *contents.index_findings(), *checks.copies(), *leftovers]
    titles = checks.titles([*mended, *others])  # before rows go and come
    _apply(checks, contents, mended)
    unchanged = [*databases, *contents.findings, *checks.backups(contents)]
    found = [*mended, *unchanged, *others]
    left = [
        *checks.files(),
        *contents.index_findings(),
        *checks.copies(),
        *checks.leftovers(),
        *unchanged,
        *checks.others(),
    ]
    repaired = [finding for finding in found if finding.kind.is_repairable and finding not in left]
    return _report(found, repaired, left, checks.titles(left), titles)


def _report(
    found: Sequence[Finding],
    repaired: Sequence[Finding],
    left: Sequence[Finding],
    after: Mapping[str, str],
    before: Mapping[str, str],
) -> RepairReport:
    """Return what a repair did, with the titles that the index has after it and had before it."""
    earlier = {**after, **before}
    return RepairReport(
        applied=True,
        found=tuple(titled(found, earlier)),
        repaired=tuple(titled(repaired, earlier)),
        left=tuple(titled(left, after)),
    )


def _synced(session_ids: Collection[str], findings: Collection[Finding]) -> list[str]:
    """Return the sessions whose files a sync does not read."""
    if any(finding.kind is FindingKind.NO_INDEX for finding in findings):
        return []
    unsynced = {finding.session_id for finding in findings if finding.kind in UNSYNCED}
    return [session_id for session_id in session_ids if session_id not in unsynced]


def _apply(checks: Checks, contents: Contents, findings: Collection[Finding]) -> None:
    store, kinds = checks.store, {finding.kind for finding in findings}
    upgrades.keep_copy(store.config, store.engine)
    if kinds & REPAIRED_IN_INDEX:
        wrong, read = contents.wrongly_indexed, partial(summaries.read_each, read=contents.read_summary)
        sync.sync(store.engine, store.sessions_dir, read=read, also=wrong)
        sync.read_trash_again(store.engine, store.trash_dir)
        tag_sync.read_again(store.engine, store.config.tags_file)
    if FindingKind.WRONG_MIRROR in kinds:
        checks.mirrored.rebuild()
    if kinds & REPAIRED_IN_FOLDERS:
        settle_leftovers(store)
        sync.read_trash_again(store.engine, store.trash_dir)
