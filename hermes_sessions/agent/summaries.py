"""How lists show a conversation of the agent: its `Summary`, made from its segments."""

from collections.abc import Collection, Mapping
from typing import Any

from ..fields import read_metadata
from ..model import Summary
from ..sources import source_class, source_label
from .lineage import Conversation
from .snapshot import AgentSession

# The keys that a list entry of the agent's has beside the fields of every session, as in the web UI's reader.
_NO_LINEAGE: Mapping[str, Any] = dict.fromkeys(
    "parent_session_id parent_title parent_source relationship_type _parent_lineage_root_id _lineage_root_id "
    "_lineage_tip_id _compression_segment_count".split()
)


def summary_of(conversation: Conversation, sessions: Mapping[str, AgentSession], profile: str) -> Summary:
    """Return a conversation as lists show it; tokens and cost are the sums over all its segments.

    `sessions` holds the sessions of its segments by id.
    """
    head, active_at = conversation.head, conversation.active_at
    parts = [sessions[segment.id] for segment in conversation.segments]
    return Summary(
        **read_metadata(conversation.tip.id, _metadata(conversation, parts, profile), active_at),
        extra={"raw_source": _source(conversation)},
        message_count=conversation.tip.message_count,
        last_message_at=active_at,
        of_agent=True,
        lineage={**_NO_LINEAGE, "parent_session_id": head.parent_session_id, **conversation.chain_fields()},
    )


def _metadata(conversation: Conversation, parts: Collection[AgentSession], profile: str) -> dict[str, Any]:
    head, source = conversation.head, _source(conversation)
    *_, latest = parts
    openings = (part.opening for part in parts)
    costs = [part.estimated_cost for part in parts if part.estimated_cost is not None]
    return {
        "title": head.title or next(filter(None, openings), f"{source.title()} Session"),
        "workspace": latest.workspace,
        "model": conversation.tip.model,
        "created_at": head.started_at or conversation.active_at,
        "updated_at": conversation.active_at,
        "archived": latest.archived,
        "profile": profile,
        "input_tokens": sum(part.input_tokens for part in parts),
        "output_tokens": sum(part.output_tokens for part in parts),
        "estimated_cost": sum(costs) if costs else None,
        "parent_session_id": head.parent_session_id,
        "is_cli_session": True,
        "source_tag": source,
        "session_source": source_class(source),
        "source_label": source_label(source),
    }


def _source(conversation: Conversation) -> str:
    return conversation.head.source or "cli"
