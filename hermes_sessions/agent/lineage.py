"""Groups the agent's session rows into conversations: which segments continue each other, who is whose child.

Pure functions. Each takes time linear in the number of rows, whatever the rows claim about their parents.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, TypedDict, TypeVar

from ..origins import CHILD
from ..sources import source_class, source_label

T = TypeVar("T")

# The reasons for ending a session after which a later session continues it.
CONTINUED = frozenset({"compression", "cli_close"})


class ChainFields(TypedDict, total=False):
    """What a list entry says about a conversation's segments and parent; keys without a value are absent."""

    relationship_type: str
    _parent_lineage_root_id: str
    _lineage_root_id: str
    _lineage_tip_id: str
    _compression_segment_count: int


class LineageFields(ChainFields, total=False):
    """What a list entry says about one session's place in a chain, or about its parent."""

    parent_session_id: str | None
    parent_title: str | None
    parent_source: str | None


class ConversationRow(ChainFields):
    """A conversation with the keys that the web UI's own reader of the agent's sessions returns.

    `message_count` is the number that the agent stored, `actual_message_count` the number of messages in the
    file. Times are seconds since the epoch.
    """

    id: str
    source: str | None
    raw_source: str | None
    session_source: str
    source_label: str
    title: str | None
    model: str | None
    parent_session_id: str | None
    started_at: float | None
    ended_at: float | None
    end_reason: str | None
    message_count: int
    actual_message_count: int
    last_activity: float | None


class Segment(NamedTuple):
    """One row of the agent's `sessions` table, with two values computed from its messages.

    `counted` is the row's own `message_count`. `message_count` and `last_activity` are computed from the
    messages in the file. Times are seconds since the epoch.
    """

    id: str
    source: str | None = None
    title: str | None = None
    model: str | None = None
    parent_session_id: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    end_reason: str | None = None
    counted: int = 0
    message_count: int = 0
    last_activity: float | None = None


class Chain(NamedTuple):
    """Segments that continue each other, oldest first."""

    segments: tuple[Segment, ...]

    @property
    def root(self) -> Segment:
        """The first segment."""
        return self.segments[0]

    @property
    def tip(self) -> Segment | None:
        """The latest segment with messages, None if no segment has any."""
        return next((segment for segment in reversed(self.segments) if segment.message_count), None)


class Conversation(NamedTuple):
    """A chain as lists show it: the segments up to the latest one with messages.

    `parent_root_id` is the first segment of the parent conversation, None without a parent.
    """

    segments: tuple[Segment, ...]
    parent_root_id: str | None = None

    @property
    def head(self) -> Segment:
        """The first segment."""
        return self.segments[0]

    @property
    def tip(self) -> Segment:
        """The latest segment with messages, whose id identifies the conversation."""
        return self.segments[-1]

    @property
    def active_at(self) -> float:
        """The time of the last activity in seconds since the epoch, 0 if no row has a time."""
        return self.tip.last_activity or self.tip.started_at or self.head.started_at or 0.0

    def chain_fields(self) -> ChainFields:
        """Return the list entry's keys about segments and parent."""
        fields: ChainFields = {}
        if len(self.segments) > 1:
            fields["_lineage_root_id"] = self.head.id
            fields["_lineage_tip_id"] = self.tip.id
            fields["_compression_segment_count"] = len(self.segments)
        if self.parent_root_id is not None:
            fields["relationship_type"] = CHILD
            fields["_parent_lineage_root_id"] = self.parent_root_id
        return fields

    def as_row(self) -> ConversationRow:
        """Return the conversation with the web UI's keys."""
        return {
            "id": self.tip.id,
            "source": self.head.source,
            "raw_source": self.head.source,
            "session_source": source_class(self.head.source),
            "source_label": source_label(self.head.source),
            "title": self.head.title,
            "model": self.tip.model,
            "parent_session_id": self.head.parent_session_id,
            "started_at": self.head.started_at,
            "ended_at": self.tip.ended_at,
            "end_reason": self.tip.end_reason,
            "message_count": self.tip.counted,
            "actual_message_count": self.tip.message_count,
            "last_activity": self.tip.last_activity,
            **self.chain_fields(),
        }


# ---- chains ---------------------------------------------------------------------------------------------


def is_listed(segment: Segment, exclude_sources: Collection[str] = ()) -> bool:
    """Whether lists show a row: it has a source, which is neither the web UI nor excluded."""
    return bool(segment.source) and segment.source != "webui" and segment.source not in exclude_sources


def continues(parent: Segment, child: Segment) -> bool:
    """Whether `child` continues `parent`: it began after `parent` had ended for one of `CONTINUED`."""
    if parent.id == child.id or parent.end_reason not in CONTINUED:
        return False
    return parent.ended_at is None or (child.started_at is not None and child.started_at >= parent.ended_at)


def chains(segments: Mapping[str, Segment]) -> list[Chain]:
    """Return the chains, with every segment in exactly one.

    If several segments continue the same one, the one that began last belongs to its chain.
    """
    following: dict[str, Segment] = {}
    for segment in segments.values():
        parent = _get_parent(segments, segment.parent_session_id)
        if parent is not None and continues(parent, segment):
            rival = following.get(parent.id)
            if rival is None or _start_order(rival) < _start_order(segment):
                following[parent.id] = segment
    return [Chain(tuple(_walk(root, following))) for root in _roots(segments, following)]


def _get_parent(by_id: Mapping[str, T], parent_id: str | None) -> T | None:
    """Look up a parent. A row with an empty id is never a parent."""
    return by_id.get(parent_id) if parent_id else None


def _start_order(segment: Segment) -> tuple[float, str]:
    return segment.started_at or 0.0, segment.id


def _walk(root: Segment, following: Mapping[str, Segment]) -> Iterator[Segment]:
    """Yield the segments of a chain from its root on. A cycle ends before it reaches the root again."""
    segment: Segment | None = root
    while segment is not None:
        yield segment
        segment = following.get(segment.id)
        if segment is root:
            return


def _roots(segments: Mapping[str, Segment], following: Mapping[str, Segment]) -> Iterator[Segment]:
    """Yield the first segment of every chain. The first one of a cycle is the one that began earliest."""
    continuing = {segment.id for segment in following.values()}
    reached: set[str] = set()
    for segment in segments.values():
        if segment.id not in continuing:
            reached.update(each.id for each in _walk(segment, following))
            yield segment
    for segment in segments.values():
        if segment.id not in reached:
            cycle = list(_walk(segment, following))
            reached.update(each.id for each in cycle)
            yield min(cycle, key=_start_order)


# ---- conversations and parents --------------------------------------------------------------------------


def conversations(segments: Mapping[str, Segment]) -> list[Conversation]:
    """Return the conversations that have messages, newest activity first, ties ordered by id."""
    all_chains = chains(segments)
    root_of = _root_ids(all_chains)
    candidates = (_conversation(chain, root_of) for chain in all_chains)
    with_messages = (each for each in candidates if each is not None)
    return sorted(with_messages, key=lambda each: (-each.active_at, each.tip.id))


def _root_ids(all_chains: Collection[Chain]) -> dict[str, str]:
    """Return by segment id the id of the first segment of its chain."""
    return {segment.id: chain.root.id for chain in all_chains for segment in chain.segments}


def _conversation(chain: Chain, root_of: Mapping[str, str]) -> Conversation | None:
    if chain.tip is None:
        return None
    up_to_tip = chain.segments[: chain.segments.index(chain.tip) + 1]
    return Conversation(up_to_tip, _parent_root_id(chain, root_of))


def _parent_root_id(chain: Chain, root_of: Mapping[str, str]) -> str | None:
    """Return the first segment of the parent's chain, None if there is no parent outside the chain."""
    root_id = _get_parent(root_of, chain.root.parent_session_id)
    return None if root_id == chain.root.id else root_id


def lineage_fields(segments: Mapping[str, Segment]) -> dict[str, LineageFields]:
    """Return by id what a list entry says about a session's place in a chain, or about its parent.

    Sessions that are neither a continuation nor a child are left out.
    """
    all_chains = chains(segments)
    root_of = _root_ids(all_chains)
    fields: dict[str, LineageFields] = {}
    for chain in all_chains:
        for index, segment in enumerate(chain.segments[1:], start=1):
            fields[segment.id] = {
                "parent_session_id": segment.parent_session_id,
                "_lineage_root_id": chain.root.id,
                "_compression_segment_count": index + 1,
            }
        parent_root_id = _parent_root_id(chain, root_of)
        if parent_root_id is not None:
            fields[chain.root.id] = _child_fields(chain.root, segments, segments[parent_root_id])
    return fields


def _child_fields(child: Segment, segments: Mapping[str, Segment], parent_root: Segment) -> LineageFields:
    parent = segments[child.parent_session_id or ""]
    return {
        "relationship_type": CHILD,
        "parent_session_id": parent.id,
        "parent_title": parent.title or parent_root.title,
        "parent_source": parent.source,
        "_parent_lineage_root_id": parent_root.id,
    }


# ---- families -------------------------------------------------------------------------------------------


def families(segments: Mapping[str, Segment]) -> dict[str, str]:
    """Return the family of each id: all rows connected through their parents.

    A family is named after its oldest ancestor, which may be an id without a row. What the functions above
    return for a row depends on its family alone.
    """
    named: dict[str, str] = {}
    for start in segments:
        path: dict[str, None] = {}
        at = start
        while at not in named and at not in path and at in segments:
            path[at] = None
            at = segments[at].parent_session_id or at
        name = named.get(at) or (min(_cycle(path, at)) if at in path else at)
        named.update(dict.fromkeys(path, name))
    return named


def _cycle(path: Mapping[str, None], start: str) -> list[str]:
    """Return the ids of the cycle at the end of a path that came back to `start`."""
    ids = list(path)
    return ids[ids.index(start) :]
