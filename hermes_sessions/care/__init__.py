"""Care for a home: what is wrong with it, where a session is, backups."""

from . import backup, checks, why
from .backup import Report

__all__ = [
    "Report",
    "backup",
    "checks",
    "why",
]
