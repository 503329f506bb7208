"""The SQL index over sessions and conversations: schema, rows, lists, sums, sync, upgrades."""

from . import database, lists, rows, sync, upgrades, usage
from .database import make_engine, writing
from .drift import is_settled
from .lists import Filters, Shown, View
from .rows import Indexed, Place
from .schema import AGENT_CONVERSATIONS, AGENT_HOMES, AGENT_SESSIONS, METADATA, SESSIONS
from .sync import Progress

__all__ = [
    "AGENT_CONVERSATIONS",
    "AGENT_HOMES",
    "AGENT_SESSIONS",
    "METADATA",
    "SESSIONS",
    "Filters",
    "Indexed",
    "Place",
    "Progress",
    "Shown",
    "View",
    "database",
    "is_settled",
    "lists",
    "make_engine",
    "rows",
    "sync",
    "upgrades",
    "usage",
    "writing",
]
