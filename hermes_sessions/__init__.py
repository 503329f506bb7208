"""Every Hermes conversation in one place: the web UI's sidecars, through an index that can be rebuilt.

The public names load their modules when they are first used: SQLAlchemy with `SessionRepository`.
"""

from typing import TYPE_CHECKING

from .loading import load_on_use

if TYPE_CHECKING:
    from .errors import (
        AgentUnavailable,
        Closed,
        Conflict,
        InvalidId,
        InvalidValue,
        NewerDatabase,
        NotFound,
        ReadOnly,
        SessionsError,
        StorageError,
        Unreadable,
    )
    from .feed import Changes
    from .findings import Finding, RepairReport
    from .hits import Hit, Hits
    from .messages import title_from
    from .model import Session, Signature, Summary
    from .repository import SessionRepository
    from .results import (
        AgentShare,
        BulkReport,
        ExportReport,
        Facets,
        Filters,
        LostUpdate,
        MessagePage,
        Page,
        Project,
        Removed,
        SyncReport,
        Trashed,
        Usage,
    )
    from .sources import Source
    from .sums import Sums

__all__ = [
    "AgentShare",
    "AgentUnavailable",
    "BulkReport",
    "Changes",
    "Closed",
    "Conflict",
    "ExportReport",
    "Facets",
    "Filters",
    "Finding",
    "Hit",
    "Hits",
    "InvalidId",
    "InvalidValue",
    "LostUpdate",
    "MessagePage",
    "NewerDatabase",
    "NotFound",
    "Page",
    "Project",
    "ReadOnly",
    "Removed",
    "RepairReport",
    "Session",
    "SessionRepository",
    "SessionsError",
    "Signature",
    "Source",
    "StorageError",
    "Summary",
    "Sums",
    "SyncReport",
    "Trashed",
    "Unreadable",
    "Usage",
    "title_from",
]

_NAMES = {
    "errors": (
        "AgentUnavailable Closed Conflict InvalidId InvalidValue NewerDatabase NotFound ReadOnly "
        "SessionsError StorageError Unreadable"
    ),
    "feed": "Changes",
    "findings": "Finding RepairReport",
    "hits": "Hit Hits",
    "messages": "title_from",
    "model": "Session Signature Summary",
    "repository": "SessionRepository",
    "results": (
        "AgentShare BulkReport ExportReport Facets Filters LostUpdate MessagePage Page Project Removed "
        "SyncReport Trashed Usage"
    ),
    "sources": "Source",
    "sums": "Sums",
}
if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = load_on_use(__name__, _NAMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
