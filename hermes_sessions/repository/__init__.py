"""The repository: one object for every conversation of a home, which checks arguments and delegates.

One module per group of calls; `SessionRepository` is all of them.
"""

from __future__ import annotations

from ..home import existing
from ..index import public_calls, survived, upgrades
from ..search import TypedOperator, typed_operators
from ..sidecars import trash
from .bulk import BulkCalls
from .care import CareCalls
from .changing import ChangingCalls
from .choosing import ChoosingCalls
from .creating import CreatingCalls
from .deleting import DeletingCalls
from .exporting import ExportingCalls
from .following import FollowingCalls
from .reading import ListingQuery
from .tagging import TaggingCalls

__all__ = [
    "RETENTION_SECONDS",
    "ListingQuery",
    "SessionRepository",
    "TypedOperator",
    "existing",
    "follow_files",
    "typed_operators",
    "upgrades",
]

RETENTION_SECONDS = trash.RETENTION_SECONDS

# The calls of a repository that may be made again with another index: they change no session.
READS = (
    "list entries count facets usage usage_total tags version changes watch search complete_search summary "
    "get messages segments export iter_messages export_zip trash trashed would_purge backup why check repair "
    "write_web_ui_index sync rebuild find find_many find_deleted matching cursor_after suggest listing_of "
    "removed_masked_tags change_to_undo"
).split()
BULK = ("update_many", "delete_many", "prune")
# Those that write nothing to the home (`repair` unless it applies, and `BULK` on a dry run): any other is
# refused if it is read-only.
HARMLESS = {*READS, "agent_share", "held_by_agent", "export_all", *BULK} - {"write_web_ui_index"}
# Those of the others that need no room on the disk.
FREEING = "delete delete_everywhere delete_empty restore restore_many purge erase erase_many"


@public_calls(HARMLESS, freeing=FREEING)
@survived(READS)
class SessionRepository(
    ExportingCalls,
    FollowingCalls,
    ChoosingCalls,
    CreatingCalls,
    ChangingCalls,
    TaggingCalls,
    DeletingCalls,
    BulkCalls,
    CareCalls,
):
    """Every conversation of one Hermes home. Thread-safe; several processes may have one home open."""


def follow_files(sessions: SessionRepository) -> None:
    """Let a repository that stays open, such as a server's, watch its folder instead of scanning it."""
    sessions._access.follow_files()
