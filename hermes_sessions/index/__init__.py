"""The SQL index over sessions and conversations: schema, rows, lists, sums, sync, upgrades."""

from . import (
    damage,
    database,
    derived,
    index_state,
    lists,
    own_changes,
    placing,
    rows,
    sync,
    tag_counts,
    tag_sync,
    tags,
    transcripts_read,
    trash_rows,
    upgrades,
    usage,
)
from .boundary import Lifetime, Survivor, only_sessions_errors, public_calls, survived
from .conversations import (
    ListedConversation,
    find_conversation,
    listed_conversations,
    listed_sessions,
    listed_summaries,
    sessions_with_parents,
)
from .database import make_engine, writing
from .drift import is_settled
from .freshness import AgentMirrors, CurrentIndex, Freshness, MirrorStatus
from .list_queries import ListRequest, View, listed_once
from .lists import LARGEST_PAGE, Entries, Lists, list_request
from .own_transcripts import Judgement, Own, Theirs, judge
from .row_values import Indexed, Place, order_values, place_of
from .schema import AGENT_CONVERSATIONS, AGENT_HOMES, AGENT_SESSIONS, SESSIONS
from .sync import Progress

__all__ = [
    "AGENT_CONVERSATIONS",
    "AGENT_HOMES",
    "AGENT_SESSIONS",
    "LARGEST_PAGE",
    "SESSIONS",
    "AgentMirrors",
    "CurrentIndex",
    "Entries",
    "Freshness",
    "Indexed",
    "Judgement",
    "Lifetime",
    "ListRequest",
    "ListedConversation",
    "Lists",
    "MirrorStatus",
    "Own",
    "Place",
    "Progress",
    "Survivor",
    "Theirs",
    "View",
    "damage",
    "database",
    "derived",
    "find_conversation",
    "index_state",
    "is_settled",
    "judge",
    "list_request",
    "listed_conversations",
    "listed_once",
    "listed_sessions",
    "listed_summaries",
    "lists",
    "make_engine",
    "models",
    "only_sessions_errors",
    "order_values",
    "own_changes",
    "place_of",
    "placing",
    "public_calls",
    "rows",
    "sessions_with_parents",
    "survived",
    "sync",
    "tag_counts",
    "tag_sync",
    "tags",
    "transcripts_read",
    "trash_rows",
    "upgrades",
    "usage",
    "writing",
]
