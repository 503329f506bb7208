"""Every Hermes conversation in one place: the web UI's sidecars, through an index that can be rebuilt."""

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
from .model import Session, Signature, Summary, title_from
from .repository import SessionRepository
from .results import Finding, Hit, Hits, MessagePage, Page, Project, Removed, SyncReport, Trashed, Usage

__all__ = [
    "AgentUnavailable",
    "Conflict",
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
    "StorageError",
    "Summary",
    "SyncReport",
    "Trashed",
    "Unreadable",
    "Usage",
    "title_from",
]
