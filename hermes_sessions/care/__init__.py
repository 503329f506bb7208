"""Care for a home: checks and their repair, where a session is, backups."""

from .backup import create_backup
from .checks import Checks
from .repair import apply_repair, plan_repair
from .verify import verify_backup
from .why import explain_session

__all__ = [
    "Checks",
    "apply_repair",
    "create_backup",
    "explain_session",
    "plan_repair",
    "verify_backup",
]
