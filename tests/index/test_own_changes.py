"""Which of this program's changes another program has overwritten unread: a table of cases."""

from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.index import database, own_changes
from hermes_sessions.index.own_changes import OwnChange, judge

OURS = {
    "title": "B",
    "pinned": True,
    "archived": False,
    "project_id": None,
    "message_count": 4,
    "model": "m",
    "workspace": "/",
}
RENAMED = OwnChange("title", ["A"], "B")
PINNED = OwnChange("pinned", [False], True)


@pytest.mark.parametrize(
    ("changes", "theirs", "outcomes"),
    [
        # The other program had read the change: it keeps the value, whatever else it writes.
        ([RENAMED], {"message_count": 6}, {"title": "kept"}),
        ([RENAMED, PINNED], {"archived": True}, {"title": "kept", "pinned": "kept"}),
        # It wrote what it had in memory from before.
        ([RENAMED], {"title": "A", "message_count": 6}, {"title": "lost"}),
        ([RENAMED], {"title": "A"}, {"title": "lost"}),
        ([PINNED], {"pinned": False, "message_count": 6}, {"pinned": "lost"}),
        ([PINNED], {"pinned": False, "title": "C"}, {"pinned": "lost"}),
        ([RENAMED, PINNED], {"title": "A", "pinned": False}, {"title": "lost", "pinned": "lost"}),
        ([OwnChange("title", ["A", "Z"], "B")], {"title": "A"}, {"title": "lost"}),
        # Somebody decided otherwise in it.
        ([RENAMED], {"title": "C"}, {"title": "superseded"}),
        ([PINNED], {"pinned": False}, {"pinned": "superseded"}),
        ([RENAMED, PINNED], {"pinned": False}, {"title": "kept", "pinned": "superseded"}),
        ([OwnChange("project_id", ["p"], None)], {"project_id": "q"}, {"project_id": "superseded"}),
        # What is lost stays lost until somebody decides, or it has our value again.
        ([OwnChange("pinned", [False], True, 1.0)], {"pinned": False}, {"pinned": "lost"}),
        ([OwnChange("pinned", [False], True, 1.0)], {}, {"pinned": "kept"}),
    ],
)
def test_what_became_of_a_change(
    changes: list[OwnChange], theirs: dict[str, Any], outcomes: dict[str, str]
) -> None:
    assert judge(changes, OURS, OURS | theirs) == outcomes


def test_without_the_version_before_any_earlier_value_is_a_loss() -> None:
    assert judge([PINNED], None, OURS | {"pinned": False}) == {"pinned": "lost"}


@pytest.mark.sqlite("its plans")
def test_what_lists_ask_at_every_change_reads_no_session_that_is_not_in_the_trash(
    sessions: SessionRepository,
) -> None:
    engine = database.make_engine(sessions.config.index)
    queries = {"ix_own_changes_lost_at": own_changes._LOST, "SEARCH sessions": own_changes._CAME_BACK}
    with database.reading(engine) as connection:
        for used, query in queries.items():
            text = query.params(done=1).compile(connection.engine, compile_kwargs={"literal_binds": True})
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
            assert any(used in step for step in plan)
            assert not [step for step in plan if step.startswith("SCAN") and "trashed_sessions" not in step]
    engine.dispose()
