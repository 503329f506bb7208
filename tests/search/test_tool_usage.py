"""Tests the calls of tools added up: of both stores, by every filter, failed ones among them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import AgentUnavailable, InvalidValue, SessionRepository

from ..support.agent_db import START, add_message, add_session, new_state, writing
from ..support.make import message, write_document

FAILED = '{"exit_code": 1, "output": ""}'


def call(name: str, call_id: str) -> dict[str, Any]:
    """A call of a tool, as the web UI stores it."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[SessionRepository]:
    """A home in which both stores call tools."""
    path = new_state(tmp_path / "state.db")
    with writing(path) as connection:
        add_session(connection, "a", title="Of the agent", started_at=START)
        add_message(connection, "a", "Do it", timestamp=START)
        add_message(connection, "a", "done", role="tool", timestamp=START + 1, tool_name="terminal")
        add_message(connection, "a", FAILED, role="tool", timestamp=START + 2, tool_name="terminal")
        add_message(connection, "a", "text", role="tool", timestamp=START + 3, tool_name="read_file")
    with SessionRepository.open(hermes_home=tmp_path) as opened:
        write_document(
            opened,
            "w",
            messages=[
                message("Do it"),
                message("", role="assistant", tool_calls=[call("terminal", "1"), call("Terminal", "2")]),
                message("done", role="tool", tool_call_id="1", name="terminal"),
                message(FAILED, role="tool", tool_call_id="2", name="terminal"),
            ],
        )
        write_document(
            opened,
            "called",
            archived=True,
            messages=[message("", role="assistant", tool_calls=[call("browser", "1")])],
        )
        yield opened


def counted(
    sessions: SessionRepository, **filters: Any
) -> dict[str | None, tuple[int, int | None, int | None]]:
    """Return sessions, calls and failed calls by tool."""
    return {
        each.key: (each.sessions, each.calls, each.failed_calls)
        for each in sessions.usage(by="tool", **filters)
    }


def test_calls_and_failures_of_both_stores_are_added_up(sessions: SessionRepository) -> None:
    found = sessions.usage(by="tool")
    assert counted(sessions) == {"terminal": (2, 4, 2), "read_file": (1, 1, 0), "browser": (1, 1, 0)}
    assert [each.key for each in found] == ["terminal", "browser", "read_file"]
    assert {(each.messages, each.total_tokens, each.estimated_cost) for each in found} == {(0, 0, None)}
    assert all(each.keys == (each.key,) for each in found)


def test_an_answer_that_names_only_the_id_of_its_call_is_of_the_tool_called(
    sessions: SessionRepository,
) -> None:
    asked = message("", role="assistant", tool_calls=[call("terminal", "3"), call("write_file", "4")])
    sessions.append("w", [asked])
    sessions.complete_search()
    sessions.append("w", [message(FAILED, role="tool", tool_call_id="3")])
    sessions.append("w", [message(FAILED, role="tool", tool_call_id="4")])
    found = counted(sessions, agent=False)
    assert (found["terminal"], found["write_file"]) == ((1, 3, 2), (1, 1, 1))
    assert [hit.session_id for hit in sessions.search("tool:write_file has:error")] == ["w"]


def test_the_filters_are_those_of_lists(sessions: SessionRepository) -> None:
    assert counted(sessions, agent=False) == {"terminal": (1, 2, 1), "browser": (1, 1, 0)}
    assert counted(sessions, agent="only", hidden=True) == {"terminal": (1, 2, 1), "read_file": (1, 1, 0)}
    assert counted(sessions, archived=True) == {"browser": (1, 1, 0)}
    assert counted(sessions, tag="none") == {}
    sessions.append("w", [message("more", role="tool", name="terminal")])
    assert counted(sessions, agent=False)["terminal"] == (1, 3, 1)
    sessions.delete("w")
    assert counted(sessions, agent=False) == {"browser": (1, 1, 0)}


def test_tools_cannot_be_divided_further(sessions: SessionRepository) -> None:
    with pytest.raises(InvalidValue, match="by must be tool alone"):
        sessions.usage(by=["tool", "day"])


def test_an_agent_that_cannot_be_read_is_no_zero(sessions: SessionRepository) -> None:
    (sessions.config.hermes_home / "state.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(AgentUnavailable):
        sessions.usage(by="tool")
    assert counted(sessions, agent=False) == {"terminal": (1, 2, 1), "browser": (1, 1, 0)}


def test_an_agent_without_names_of_tools_counts_nothing(tmp_path: Path) -> None:
    with writing(new_state(tmp_path / "state.db")) as connection:
        add_session(connection, "a", title="Old", started_at=START)
        add_message(connection, "a", "done", role="tool")
        connection.execute("ALTER TABLE messages DROP COLUMN tool_name")
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        assert sessions.usage(by="tool") == []


@pytest.mark.parametrize(
    "content",
    [
        FAILED,
        '{"isError": true}',
        '{"output": "", "returncode": 2}',
        "fatal: not a git repository",
        '\0json:[{"type": "text", "text": "Error: no such file"}]',
        b"Error: \xff",
    ],
)
def test_both_stores_judge_a_failure_by_the_same_rule(tmp_path: Path, content: str | bytes) -> None:
    with writing(new_state(tmp_path / "state.db")) as connection:
        add_session(connection, "a", "Do it")
        add_message(connection, "a", "0 errors", role="tool", tool_name="terminal")
        add_message(connection, "a", None, role="tool", tool_name="terminal")
        add_message(connection, "a", content, role="tool", tool_name="terminal")
    with SessionRepository.open(hermes_home=tmp_path) as opened:
        assert counted(opened) == {"terminal": (1, 3, 1)}
        assert [hit.session_id for hit in opened.search("has:error")] == ["a"]
