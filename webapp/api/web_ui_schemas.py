"""The shapes of answers about the composer and about recovery, as the web UI of August has them."""

from typing import Any, Literal, NotRequired, TypedDict

from .schemas import RecoveryAudit, Success


class ComposedDraft(TypedDict):
    """What the composer holds for a session."""

    text: str
    files: list[Any]


class Draft(ComposedDraft):
    """What the composer holds for a session, also as the web UI of August answers it."""

    draft: ComposedDraft


class SavedDraft(Success):
    """What the composer holds now; `unchanged` if it did before."""

    draft: ComposedDraft
    unchanged: NotRequired[Literal[True]]


class BackupRepair(TypedDict):
    """What was restored from backups: nothing, which takes a decision; see `restore`."""

    scanned: int
    restored: int
    orphaned_backups: int
    details: list[Any]


class SidecarRepair(TypedDict):
    """What was made anew from the agent's database: nothing, since lists show the agent's conversations."""

    scanned: int
    materialized: int
    details: list[Any]


class SafeRepair(TypedDict):
    """What was repaired, and what could be recovered before and after; `error` if something is left."""

    ok: bool
    clean: bool
    repaired: int
    before: RecoveryAudit
    backup_repair: BackupRepair
    sidecar_repair: SidecarRepair
    after: RecoveryAudit
    error: NotRequired[str]
