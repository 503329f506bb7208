"""The agent's `state.db`, read only: its sessions, their lineage, and the mirror of them in the index."""

from . import agents, mirror, mirror_rows
from .agents import Agents
from .snapshot import MESSAGE_COLUMNS, SESSION_COLUMNS, Snapshot
from .state import Agent

__all__ = [
    "MESSAGE_COLUMNS",
    "SESSION_COLUMNS",
    "Agent",
    "Agents",
    "Snapshot",
    "agents",
    "mirror",
    "mirror_rows",
]
