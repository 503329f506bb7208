"""Every Hermes conversation in one place: the web UI's sidecars, through an index that can be rebuilt.

The public names load their modules when they are first used: SQLAlchemy with `SessionRepository`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import (
        AgentUnavailable,
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
    from .messages import title_from
    from .model import Session, Signature, Summary
    from .repository import SessionRepository
    from .results import (
        Filters,
        Finding,
        Hit,
        Hits,
        MessagePage,
        Page,
        Project,
        Removed,
        SyncReport,
        Trashed,
        Usage,
    )
    from .sources import Source

__all__ = [
    "AgentUnavailable",
    "Conflict",
    "Filters",
    "Finding",
    "Hit",
    "Hits",
    "InvalidId",
    "InvalidValue",
    "MessagePage",
    "NewerDatabase",
    "NotFound",
    "Page",
    "Project",
    "ReadOnly",
    "Removed",
    "Session",
    "SessionRepository",
    "SessionsError",
    "Signature",
    "Source",
    "StorageError",
    "Summary",
    "SyncReport",
    "Trashed",
    "Unreadable",
    "Usage",
    "title_from",
]

_NAMES = {
    "errors": (
        "AgentUnavailable Conflict InvalidId InvalidValue NewerDatabase NotFound ReadOnly SessionsError "
        "StorageError Unreadable"
    ),
    "messages": "title_from",
    "model": "Session Signature Summary",
    "repository": "SessionRepository",
    "results": "Filters Finding Hit Hits MessagePage Page Project Removed SyncReport Trashed Usage",
    "sources": "Source",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
