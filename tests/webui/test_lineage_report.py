"""Which of the agent's sessions a session continues: the rule, and the database that it reads."""

from typing import Any

import pytest

from hermes_sessions import NotFound, SessionRepository
from hermes_sessions.agent import Segment
from hermes_sessions.webui.lineage_report import lineage_report

from ..support.agent_db import filled_state


def ended(name: str, start: float, parent: str | None = None, source: str = "cli") -> Segment:
    known: dict[str, Any] = {"started_at": start, "ended_at": start + 1, "end_reason": "compression"}
    return Segment(name, source, parent_session_id=parent, **known)


FAMILY = [ended("a", 1), ended("b", 2, "a"), ended("c", 3, "b")]
Expected = tuple[list[str], list[str], bool]
CASES: list[tuple[str, list[Segment], str, Expected]] = [
    ("a chain", FAMILY, "c", (["c", "b", "a"], [], False)),
    ("one that another continues", FAMILY, "b", (["b", "a"], [], True)),
    ("alone", [ended("a", 1)], "a", (["a"], [], False)),
    ("a child", [ended("a", 1), ended("kid", 1.5, "a")], "a", (["a"], ["kid"], False)),
    ("from another source", [ended("a", 1), ended("t", 3, "a", "telegram")], "t", (["t"], [], False)),
    (
        "a child of another source",
        [ended("a", 1), ended("t", 3, "a", "telegram")],
        "a",
        (["a"], ["t"], False),
    ),
    ("two that continue one", [*FAMILY[:2], ended("x", 9, "a")], "b", (["b", "a"], [], True)),
    ("an unknown parent", [ended("b", 2, "gone")], "b", (["b"], [], False)),
    ("a cycle", [ended("p", 5, "q"), ended("q", 5, "p")], "p", (["p"], ["q"], False)),
]


@pytest.mark.parametrize(
    ("family", "wanted", "expected"), [each[1:] for each in CASES], ids=[c[0] for c in CASES]
)
def test_what_a_session_continues(family: list[Segment], wanted: str, expected: Expected) -> None:
    report = lineage_report(wanted, {segment.id: segment for segment in family})
    segments = [each.session_id for each in report.segments]
    assert (segments, [each.session_id for each in report.children], report.manual_review) == expected


def test_a_cycle_of_continuations_ends() -> None:
    never: dict[str, Any] = {"end_reason": "compression"}
    family = {name: Segment(name, "cli", parent_session_id=other, **never) for name, other in ("pq", "qp")}
    report = lineage_report("p", family)
    assert [each.session_id for each in report.segments] == ["p", "q"]
    assert report.manual_review


def test_the_report_of_an_agents_conversation(sessions: SessionRepository) -> None:
    filled_state(sessions.config.state_db("default"))
    report = sessions.webui.lineage_report("c").as_dict()
    assert [each["role"] for each in report["segments"]] == ["tip", "hidden_segment", "hidden_segment"]
    assert (report["lineage_key"], report["tip_session_id"], report["total_segments"]) == ("a", "c", 3)
    (child,) = report["children"]
    assert (child["session_id"], child["role"], child["title"], child["active"]) == (
        "sub",
        "child_session",
        "Helper",
        True,
    )
    for unknown in ("nobody", "../x"):
        with pytest.raises(NotFound, match=unknown):
            sessions.webui.lineage_report(unknown)
