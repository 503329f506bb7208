"""The repository: one object for every conversation of a home, which checks arguments and delegates.

One module per group of calls; `SessionRepository` is all of them.
"""

from __future__ import annotations

from ..home import FREEING, HARMLESS, READS, RETENTION_SECONDS, existing
from ..index import public_calls, survived, upgrades
from ..search import TypedOperator, typed_operators
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
