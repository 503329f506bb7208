"""Where a session came from: the keys of its file that name the agent's segments, or the session it copies.

They also name the conversation that started it, and those that it started, whose rows of the agent lose this
when the agent's rows of the session are deleted.

Pure functions over the `extra` of a session. A web UI that does not know these keys keeps or drops them; a
session without them is simply one of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

from .fields import FIELDS

SEGMENTS = "agent_segments"  # {id of a segment: how many of the messages came from it}, oldest first
ORIGINALS = "agent_rows"  # the agent's own rows of these segments, every column; see `agent.originals`
COPIED = "copied_from"  # see `Copied`
STARTED_BY = "agent_parent"  # the id of the first segment of the agent's conversation that started this one
CHILDREN = "agent_children"  # {id of an agent's session: id of the segment of this one that started it}
# What belongs to one session alone, and not to its copies.
NOT_COPIED = (SEGMENTS, ORIGINALS, STARTED_BY, CHILDREN)
# What the index holds even if it is long: a chain of 500 segments takes 20 kB.
LARGEST_INDEXED = {SEGMENTS: 1 << 20, CHILDREN: 1 << 20}  # bytes
CHILD = "child_session"


def segments_of(extra: Mapping[str, Any]) -> list[str]:
    """Return the ids of the agent's segments that a session holds, oldest first."""
    held = extra.get(SEGMENTS)
    return list(held) if isinstance(held, dict) else []


def lineage_of(extra: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the list entry's keys about a session's segments and parent.

    `known` are those that the agent has of it, which the file's come before.
    """
    chain, started_by = _chain_fields(segments_of(extra)), extra.get(STARTED_BY)
    fields = chain or dict(known or {})
    return fields | _parent_fields(started_by) if isinstance(started_by, str) else fields


def _chain_fields(held: Sequence[str]) -> dict[str, Any]:
    if len(held) < 2:
        return {}
    return {
        "_lineage_root_id": held[0],
        "_lineage_tip_id": held[-1],
        "_compression_segment_count": len(held),
    }


def _parent_fields(root_id: str) -> dict[str, Any]:
    return {"relationship_type": CHILD, "_parent_lineage_root_id": root_id}


def children_of(extra: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the list entry's keys about their parent for each session that this one started, by id."""
    children, held = extra.get(CHILDREN), segments_of(extra)
    if not isinstance(children, dict) or not held:
        return {}
    parent = _parent_fields(held[0])
    return {
        child_id: {"parent_session_id": segment_id, **parent}
        for child_id, segment_id in children.items()
        if isinstance(segment_id, str)
    }


class _Figures(Protocol):
    """What a session and its summary have in common here."""

    @property
    def session_id(self) -> str: ...
    @property
    def message_count(self) -> int: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def estimated_cost(self) -> float | None: ...


class Copied(NamedTuple):
    """The session that another one copies, and the figures that both have.

    `session_id` names the first of all copies. Sums count the figures once. `estimated_cost` is in US
    dollars, None if it is unknown.
    """

    session_id: str
    message_count: int
    input_tokens: int
    output_tokens: int
    estimated_cost: float | None

    @classmethod
    def read(cls, extra: Mapping[str, Any]) -> Self | None:
        """Return what a session's file says that it copies, None if it is no copy."""
        said = extra.get(COPIED)
        if not isinstance(said, dict) or not isinstance(said.get("session_id"), str):
            return None
        cost = said.get("estimated_cost")
        return cls(
            said["session_id"][:128],
            _count(said.get("message_count")),
            _count(said.get("input_tokens")),
            _count(said.get("output_tokens")),
            cost if FIELDS["estimated_cost"].accepts(cost) else None,
        )

    @classmethod
    def of(cls, session: _Figures, session_id: str | None = None) -> Self:
        """Return what a copy of a session has in common with it; its id unless given."""
        return cls(
            session_id or session.session_id,
            session.message_count,
            session.input_tokens,
            session.output_tokens,
            session.estimated_cost,
        )

    def at_most(self, other: Self) -> Self:
        """Return the figures that `other` has too."""
        costs = (self.estimated_cost, other.estimated_cost)
        known = [cost for cost in costs if cost is not None]
        return self._replace(
            message_count=min(self.message_count, other.message_count),
            input_tokens=min(self.input_tokens, other.input_tokens),
            output_tokens=min(self.output_tokens, other.output_tokens),
            estimated_cost=min(known) if len(known) == 2 else None,
        )


def _count(value: Any) -> int:
    return value if FIELDS["input_tokens"].accepts(value) else 0
