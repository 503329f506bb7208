"""What the views of the web UI take and return: its sidebar, a session's lineage, what can be recovered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from .findings import Finding, FindingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SidebarRequest:
    """Which conversations the sidebar of the web UI of August asks for.

    Those of `active_profile` alone unless `all_profiles`, of one of its two lists (`source`) or of both, the
    agents' too if `show_agents`. Archived ones are left out unless `include_archived`, and then there are at
    most `archived_limit` of them after the first `archived_offset`. `shown_background` names the sources,
    among `cron`, `webhook` and `kanban`, whose conversations are listed; of the others those that are in a
    project are, unless `exclude_hidden`. Of several conversations with one contact on a messaging platform
    only the newest is listed, unless `previous_messaging`.
    """

    active_profile: str
    all_profiles: bool = False
    source: Literal["webui", "cli"] | None = None
    show_agents: bool = False
    exclude_hidden: bool = False
    include_archived: bool = False
    archived_limit: int | None = None
    archived_offset: int = 0
    shown_background: frozenset[str] = frozenset()
    previous_messaging: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidebar:
    """The sidebar of the web UI of August.

    `sessions` are list entries. `references` are the archived ancestors of those. The counts are of what is
    listed without a choice of the list; `other_profile_count` counts the web UI's sessions of other profiles.
    `warnings` says what cannot be listed.
    """

    sessions: list[dict[str, Any]]
    references: list[dict[str, Any]]
    webui_count: int
    cli_count: int
    archived_webui_count: int
    archived_cli_count: int
    other_profile_count: int
    warnings: tuple[str, ...] = ()


LineageRole = Literal["tip", "hidden_segment", "child_session"]


@dataclass(frozen=True, slots=True)
class LineageSegment:
    """One of the agent's sessions in a report on a conversation; times are in seconds since the epoch.

    `role` is `tip` for the session asked about, `hidden_segment` for one that it continues, and
    `child_session` for one that was begun from these and continues none of them.
    """

    session_id: str
    role: LineageRole
    title: str | None
    source: str | None
    started_at: float | None
    updated_at: float | None
    end_reason: str | None
    active: bool
    archived: bool = False


@dataclass(frozen=True, slots=True)
class LineageReport:
    """Which of the agent's sessions a session continues, latest first, and which were begun from them.

    `manual_review` is true if the parents form a cycle, or another session continues one of these too.
    """

    session_id: str
    segments: tuple[LineageSegment, ...]
    children: tuple[LineageSegment, ...]
    manual_review: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the report with the web UI's keys."""
        return {
            "mutation": False,
            "found": True,
            "session_id": self.session_id,
            "lineage_key": self.segments[-1].session_id,
            "tip_session_id": self.segments[0].session_id,
            "total_segments": len(self.segments),
            "materialized_segments": len(self.segments),
            "segments": [asdict(each) for each in self.segments],
            "children": [asdict(each) for each in self.children],
            "manual_review": self.manual_review,
        }


Category = Literal["repairable", "unsafe_to_repair"]


@dataclass(frozen=True, slots=True)
class RecoveryItem:
    """A session that is not as its file, its backup or the index says, and what the web UI calls that."""

    session_id: str
    kind: str
    category: Category
    recommendation: str
    live_messages: int = -1
    bak_messages: int = -1


@dataclass(frozen=True, slots=True)
class RecoveryAudit:
    """What could be recovered in a home; `ok` counts the sessions that have a file."""

    ok: int
    items: tuple[RecoveryItem, ...]

    def count(self, category: Category) -> int:
        """Return how many items are of a category."""
        return sum(item.category == category for item in self.items)

    def as_dict(self) -> dict[str, Any]:
        """Return the audit with the web UI's keys."""
        unsafe, repairable = self.count("unsafe_to_repair"), self.count("repairable")
        return {
            "status": "needs_manual_review" if unsafe else "warn" if repairable else "ok",
            "summary": {"ok": self.ok, "repairable": repairable, "unsafe_to_repair": unsafe},
            "items": [asdict(item) for item in self.items],
        }


class _Named(NamedTuple):
    """What the web UI calls a finding."""

    kind: str
    category: Category
    recommendation: str


# A backup with more messages than the session may be what somebody removed: it is nothing to repair without
# asking. If it is known to be that, it is a note.
_RECOVERY: Mapping[FindingKind, _Named] = {
    FindingKind.LONGER_BACKUP: _Named("shrunken_live", "unsafe_to_repair", "manual_review"),
    FindingKind.BACKUP_WITHOUT_SESSION: _Named(
        "orphan_backup_without_state_row", "unsafe_to_repair", "manual_review"
    ),
    FindingKind.UNREADABLE_BACKUP: _Named("malformed_orphan_backup", "unsafe_to_repair", "manual_review"),
    FindingKind.UNREADABLE_FILE: _Named("malformed_session", "unsafe_to_repair", "manual_review"),
    FindingKind.INTERRUPTED_TURN: _Named("interrupted_turn", "unsafe_to_repair", "manual_review"),
    FindingKind.ROW_WITHOUT_FILE: _Named("index_missing_file", "repairable", "rebuild_index"),
    FindingKind.FILE_WITHOUT_ROW: _Named("index_missing_entry", "repairable", "rebuild_index"),
    FindingKind.STALE_ROW: _Named("index_stale_entry", "repairable", "rebuild_index"),
}


def recovery_audit(findings: Iterable[Finding], sessions: int) -> RecoveryAudit:
    """Return the problems of single sessions as the web UI reports them, of so many `sessions`.

    Notes are left out: they are no problems, such as the backup of a session that was shortened on purpose.
    """
    items = (
        RecoveryItem(finding.session_id, *_RECOVERY[finding.kind])
        for finding in findings
        if finding.kind in _RECOVERY and finding.session_id is not None and not finding.note
    )
    return RecoveryAudit(sessions, tuple(items))
