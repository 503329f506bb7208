"""The agent's `state.db`: reading it, the lineage of its sessions, and their mirror in the index."""

from .agents import Agents, WholeConversation
from .lineage import Segment, continues
from .mirror import never_existed
from .mirror_rows import MirrorState, find_agent_session, mirror_states
from .snapshot import Snapshot, content_of
from .state import Agent, FileVersions
from .statements import MESSAGE_COLUMNS, SESSION_COLUMNS

__all__ = [
    "MESSAGE_COLUMNS",
    "SESSION_COLUMNS",
    "Agent",
    "Agents",
    "FileVersions",
    "MirrorState",
    "Segment",
    "Snapshot",
    "WholeConversation",
    "content_of",
    "continues",
    "find_agent_session",
    "mirror_states",
    "never_existed",
]
