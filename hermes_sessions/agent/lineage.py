"""From the agent's session rows to conversations: which segments continue each other, who is whose child.

Decisions only; everything is linear in the number of rows, whatever their parents claim.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from ..sources import source_class, source_label

T = TypeVar("T")

CONTINUED = frozenset({"compression", "cli_close"})
CHILD = "child_session"


class Segment(NamedTuple):
    """One row of the agent's `sessions` with what its messages say; times in seconds since the epoch.

    `counted` is the row's own `message_count`; `message_count` and `last_activity` are those of the messages
    that are there.
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
    """The segments of one conversation, oldest first."""

    segments: tuple[Segment, ...]

    @property
    def root(self) -> Segment:
        """Where the conversation began."""
        return self.segments[0]

    @property
    def tip(self) -> Segment | None:
        """The latest segment that has messages, None if there is none."""
        return next((segment for segment in reversed(self.segments) if segment.message_count), None)


class Conversation(NamedTuple):
    """A chain as lists show it: its segments up to the latest one with messages.

    `parent_root_id` is the root of the conversation whose child this one is, None for no child.
    """

    segments: tuple[Segment, ...]
    parent_root_id: str | None = None

    @property
    def head(self) -> Segment:
        """The segment that began it."""
        return self.segments[0]

    @property
    def tip(self) -> Segment:
        """The latest segment with messages, whose id the conversation has."""
        return self.segments[-1]

    @property
    def active_at(self) -> float:
        """When something last happened, in seconds since the epoch; 0 if no row says."""
        return self.tip.last_activity or self.tip.started_at or self.head.started_at or 0.0

    def lineage(self) -> dict[str, Any]:
        """Return the keys that tell of segments and parents, only those that say something."""
        found: dict[str, Any] = {}
        if len(self.segments) > 1:
            found["_lineage_root_id"] = self.head.id
            found["_lineage_tip_id"] = self.tip.id
            found["_compression_segment_count"] = len(self.segments)
        if self.parent_root_id is not None:
            found |= {"relationship_type": CHILD, "_parent_lineage_root_id": self.parent_root_id}
        return found

    def as_row(self) -> dict[str, Any]:
        """Return the conversation as the web UI's reader of the agent's sessions has it."""
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
            **self.lineage(),
        }


def is_listed(segment: Segment, exclude_sources: Collection[str] = ()) -> bool:
    """Whether a row is the agent's own by its source: neither the web UI's nor excluded."""
    return bool(segment.source) and segment.source != "webui" and segment.source not in exclude_sources


def continues(parent: Segment, child: Segment) -> bool:
    """Whether `child` goes on where `parent` was closed."""
    if parent.id == child.id or parent.end_reason not in CONTINUED:
        return False
    return parent.ended_at is None or (child.started_at is not None and child.started_at >= parent.ended_at)


def chains(segments: Mapping[str, Segment]) -> list[Chain]:
    """Return every segment in exactly one chain; of several continuations the one that began last goes on."""
    following: dict[str, Segment] = {}
    for segment in segments.values():
        parent = _of(segments, segment.parent_session_id)
        if parent is not None and continues(parent, segment):
            rival = following.get(parent.id)
            if rival is None or _begun(rival) < _begun(segment):
                following[parent.id] = segment
    return [Chain(tuple(_walk(root, following))) for root in _roots(segments, following)]


def _of(found: Mapping[str, T], parent_id: str | None) -> T | None:
    """Look up a parent; a row whose id is empty is nobody's."""
    return found.get(parent_id) if parent_id else None


def _begun(segment: Segment) -> tuple[float, str]:
    return segment.started_at or 0.0, segment.id


def _walk(root: Segment, following: Mapping[str, Segment]) -> Iterator[Segment]:
    """Go from a root to the end of its chain; a circle ends where it began."""
    segment: Segment | None = root
    while segment is not None:
        yield segment
        segment = following.get(segment.id)
        if segment is root:
            return


def _roots(segments: Mapping[str, Segment], following: Mapping[str, Segment]) -> Iterator[Segment]:
    """Find where chains begin; of a circle of continuations its earliest segment."""
    continuing = {segment.id for segment in following.values()}
    reached: set[str] = set()
    for segment in segments.values():
        if segment.id not in continuing:
            reached.update(each.id for each in _walk(segment, following))
            yield segment
    for segment in segments.values():
        if segment.id not in reached:
            circle = list(_walk(segment, following))
            reached.update(each.id for each in circle)
            yield min(circle, key=_begun)


def conversations(segments: Mapping[str, Segment]) -> list[Conversation]:
    """Return the conversations that have messages, the newest activity first; ties by id."""
    found = chains(segments)
    root_of = {segment.id: chain.root.id for chain in found for segment in chain.segments}
    shown = [shown for chain in found if (shown := _conversation(chain, root_of)) is not None]
    return sorted(shown, key=lambda each: (-each.active_at, each.tip.id))


def _conversation(chain: Chain, root_of: Mapping[str, str]) -> Conversation | None:
    if chain.tip is None:
        return None
    up_to_tip = chain.segments[: chain.segments.index(chain.tip) + 1]
    return Conversation(up_to_tip, _parent_root(chain, root_of))


def _parent_root(chain: Chain, root_of: Mapping[str, str]) -> str | None:
    """Return the root under which a chain is a child; a parent within the chain itself makes it none."""
    root = _of(root_of, chain.root.parent_session_id)
    return None if root == chain.root.id else root


def metadata(segments: Mapping[str, Segment]) -> dict[str, dict[str, Any]]:
    """Return by id what lists add to a session: its place in a chain, or whose child it is.

    Ids about which there is nothing to say are left out.
    """
    found = chains(segments)
    root_of = {segment.id: chain.root.id for chain in found for segment in chain.segments}
    told: dict[str, dict[str, Any]] = {}
    for chain in found:
        for index, segment in enumerate(chain.segments[1:], start=1):
            told[segment.id] = {
                "parent_session_id": segment.parent_session_id,
                "_lineage_root_id": chain.root.id,
                "_compression_segment_count": index + 1,
            }
        parent_root = _parent_root(chain, root_of)
        if parent_root is not None:
            told[chain.root.id] = _child(chain.root, segments, segments[parent_root])
    return told


def _child(segment: Segment, segments: Mapping[str, Segment], parent_root: Segment) -> dict[str, Any]:
    parent = segments[segment.parent_session_id or ""]
    return {
        "relationship_type": CHILD,
        "parent_session_id": parent.id,
        "parent_title": parent.title or parent_root.title,
        "parent_source": parent.source,
        "_parent_lineage_root_id": parent_root.id,
    }


def families(segments: Mapping[str, Segment]) -> dict[str, str]:
    """Return for each id the name of its family: all rows that hang together by their parents.

    A family has the name of its oldest ancestor, which need not be there itself. Nothing outside a family can
    change what is said of it.
    """
    named: dict[str, str] = {}
    for start in segments:
        path: dict[str, None] = {}
        at = start
        while at not in named and at not in path and at in segments:
            path[at] = None
            at = segments[at].parent_session_id or at
        name = named.get(at) or (min(_circle(path, at)) if at in path else at)
        named.update(dict.fromkeys(path, name))
    return named


def _circle(path: Mapping[str, None], start: str) -> list[str]:
    """Return the end of a path that came back to `start`: that one alone, or all that it went around."""
    ids = list(path)
    return ids[ids.index(start) :]
