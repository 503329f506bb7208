"""What is found wrong in a home, what a repair did about it, and what a backup holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .fields import UNTITLED
from .results import AsDict, LostField


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds beside its manifest: how many files and bytes, and whether the index is among them.

    `skipped` names what was not a regular file: pipes, sockets, folders, links to nowhere.
    """

    files: int
    bytes: int
    skipped: tuple[str, ...]
    index: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of verifying a backup, a sentence each.

    `problems` are what is missing, changed or unreadable; `notes` are worth knowing and no fault.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]


class FindingKind(StrEnum):
    """What a finding of `check` is about."""

    UNREADABLE_FOLDER = "unreadable folder"
    UNREADABLE_TRASH = "unreadable trash"
    UNREADABLE_FILE = "unreadable file"
    NO_INDEX = "no index yet"
    ROW_WITHOUT_FILE = "row without file"
    FILE_WITHOUT_ROW = "file without row"
    STALE_ROW = "stale row"
    WRONG_COUNT_IN_INDEX = "wrong count in the index"
    WRONG_ROW = "wrong row"
    WRONG_MIRROR = "wrong mirror"
    WRONG_COUNT_IN_FILE = "wrong count in the file"
    ID_DIFFERS = "id differs"
    UNREADABLE_TIME = "unreadable time"
    DEBRIS = "debris"
    UNSEEN_VERSION = "unseen version"
    UNSEEN_PROJECTS = "unseen projects"
    UNSEEN_TAGS = "unseen tags"
    COPY_IN_TRASH = "copy in the trash"
    BACKUP_WITHOUT_SESSION = "backup without session"
    UNREADABLE_BACKUP = "unreadable backup"
    LONGER_BACKUP = "backup has more"
    LOST_UPDATE = "lost update"
    INTERRUPTED_TURN = "interrupted turn"
    UNREADABLE_PROJECTS = "unreadable projects"
    UNREADABLE_TAGS = "unreadable tags"
    UNKNOWN_PROJECT = "unknown project"
    AGENT_UNAVAILABLE = "agent unavailable"
    AGENT_NOT_LISTED = "agent's sessions not listed"
    AGENT_COLUMN_MISSING = "agent's column missing"
    AGENT_INDEX_MISSING = "agent's index missing"
    AGENT_DAMAGED = "agent's database damaged"
    AGENT_FULL_TEXT_DAMAGED = "agent's full-text table damaged"
    DAMAGED_INDEX = "damaged index"
    RESCUED_VERSION = "rescued version"
    OLD_TRASH = "trash over its age"
    OLD_REVISION = "old revision"

    @property
    def is_of_agents_file(self) -> bool:
        """Whether it is that an agent's database cannot be read, at all or in part."""
        return self in (FindingKind.AGENT_DAMAGED, FindingKind.AGENT_UNAVAILABLE)

    @property
    def is_repairable(self) -> bool:
        """Whether `repair` fixes it: the index follows the files, and no version of a session is lost."""
        return self in REPAIRED_IN_INDEX or self in REPAIRED_IN_FOLDERS


REPAIRED_IN_INDEX = frozenset(
    {
        *(FindingKind.NO_INDEX, FindingKind.ROW_WITHOUT_FILE, FindingKind.FILE_WITHOUT_ROW),
        *(FindingKind.STALE_ROW, FindingKind.WRONG_COUNT_IN_INDEX),
        *(FindingKind.WRONG_ROW, FindingKind.WRONG_MIRROR),
    }
)
REPAIRED_IN_FOLDERS = frozenset({FindingKind.DEBRIS, FindingKind.UNSEEN_VERSION, FindingKind.COPY_IN_TRASH})


@dataclass(frozen=True, slots=True)
class Finding(AsDict):
    """A problem that `check` found: its kind, the session it is about, what it means, and what fixes it.

    A `note` is worth knowing, and not a problem. `field` is what another program has overwritten, of a lost
    update. `title` is that of the session as the index has it, also while its file cannot be read; None if
    the index does not know it.
    """

    kind: FindingKind
    session_id: str | None
    meaning: str
    remedy: str
    note: bool = False
    field: LostField | None = None
    title: str | None = None

    @property
    def name(self) -> str | None:
        """What a person knows the session by: its title, or else the name of its file; None of no session."""
        if self.title is not None:
            return self.title or UNTITLED
        return None if self.session_id is None else f"{self.session_id}.json"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields and the name for JSON."""
        return {**AsDict.as_dict(self), "name": self.name}


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What `repair` found, what of it was repaired, which is nothing unless `applied`, and what is left."""

    applied: bool
    found: tuple[Finding, ...]
    repaired: tuple[Finding, ...]
    left: tuple[Finding, ...]

    @property
    def repairable(self) -> tuple[Finding, ...]:
        """The findings that can be repaired without a decision."""
        return tuple(finding for finding in self.found if finding.kind.is_repairable)

    @property
    def text(self) -> str:
        """The report in words, as of `repair_text`."""
        return repair_text(len(self.repaired), self.left)


def repair_text(repaired: int, left: Iterable[Finding]) -> str:
    """Return in words what a repair did: ``3 repaired, 1 left: interrupted turn``. Notes do not count."""
    kinds = [finding.kind for finding in left if not finding.note]
    done = f"{repaired:,} repaired" if repaired else "nothing to repair"
    if not kinds:
        return f"{done}, nothing left"
    return f"{done}, {len(kinds):,} left: {', '.join(sorted(set(kinds)))}"
