"""Which of the agent's sessions a session continues, as the web UI reports it. Pure functions."""

from collections.abc import Iterator, Mapping

from ..agent import Segment, continues
from ..webui_values import LineageReport, LineageRole, LineageSegment


def continues_here(parent: Segment, child: Segment) -> bool:
    """Whether a session continues another one of the same source; of another source it is a child of it."""
    same = not parent.source or not child.source or parent.source == child.source
    return same and continues(parent, child)


def lineage_report(session_id: str, family: Mapping[str, Segment]) -> LineageReport:
    """Return the report on a session; `family` holds it and all that are connected with it, by id."""
    path = list(_continued(family[session_id], family))
    known = {segment.id for segment in path}
    begun = sorted(
        (each for each in family.values() if each.parent_session_id in known and each.id not in known),
        key=lambda each: (-(each.started_at or 0), each.id),
    )
    rivals = [each for each in begun if _continues_its_parent(each, family)]
    is_cycle = path[-1].parent_session_id in known and _continues_its_parent(path[-1], family)
    return LineageReport(
        session_id,
        (_row(path[0], "tip"), *(_row(segment, "hidden_segment") for segment in path[1:])),
        tuple(_row(each, "child_session") for each in begun if each not in rivals),
        bool(rivals) or is_cycle,
    )


def _continued(segment: Segment, family: Mapping[str, Segment]) -> Iterator[Segment]:
    """Yield a session, the one that it continues, and so on."""
    seen: set[str] = set()
    while segment.id not in seen:
        seen.add(segment.id)
        yield segment
        if not _continues_its_parent(segment, family):
            return
        segment = family[segment.parent_session_id or ""]


def _continues_its_parent(segment: Segment, family: Mapping[str, Segment]) -> bool:
    parent = family.get(segment.parent_session_id or "")
    return parent is not None and continues_here(parent, segment)


def _row(segment: Segment, role: LineageRole) -> LineageSegment:
    return LineageSegment(
        segment.id,
        role,
        segment.title,
        segment.source,
        segment.started_at,
        segment.started_at if segment.ended_at is None else segment.ended_at,
        segment.end_reason,
        segment.ended_at is None,
    )
