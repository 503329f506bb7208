"""What models write in place of arguments: each wrong one is answered with what to do, and stops nothing."""

from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository, StorageError
from hermes_sessions.mcp import BackgroundHome
from hermes_sessions.mcp.calls import Toolbox

from .asking import Model, model

SEARCH, LIST, READ = "search_conversations", "list_conversations", "read_conversation"
WRONG: list[tuple[str, dict[str, Any], str]] = [
    (SEARCH, {}, "Query is missing"),
    (SEARCH, {"query": ""}, "Query is missing"),
    (SEARCH, {"query": None}, "Query is missing"),
    (SEARCH, {"query": ["a"]}, "Query must be text"),
    (SEARCH, {"query": True}, "Query must be text"),
    (SEARCH, {"q": "disk"}, "There is no parameter q. There are query, limit"),
    (SEARCH, {"query": "disk", "limit": "many"}, "Limit must be a whole number"),
    (SEARCH, {"query": "disk", "limit": float("nan")}, "Limit must be a whole number"),
    (SEARCH, {"query": "disk", "source": "telegram"}, "Source must be one of webui, cli"),
    (SEARCH, {"query": "disk", "role": "human"}, "Role must be one of user, assistant"),
    (SEARCH, {"query": "disk", "since": "last Tuesday"}, "is not a date; write it as 2026-01-31"),
    (SEARCH, {"query": "disk", "project": "Nowhere"}, "No project Nowhere. Projects: "),
    (SEARCH, {"query": "-disk"}, ""),
    (LIST, {"archived": "maybe"}, "Archived must be true or false"),
    (LIST, {"tag": ","}, "ag"),
    (LIST, {"until": "2026-13"}, "is not a date"),
    (READ, {"id": "0000"}, "No session 0000. Find its id with search_conversations"),
    (READ, {"id": "no such title"}, "Find its id with"),
    (READ, {"id": 12345678}, "No session 12345678"),
    (READ, {"id": "../../etc/passwd"}, "Find its id with"),
    (READ, {"id": "\ud800"}, ""),
    (READ, {"id": "2d393c4b5e6a", "at": "first"}, "At must be a whole number"),
    (READ, {"id": "2d393c4b5e6a", "tools": "some"}, "Tools must be one of short, full, none"),
    ("usage", {"by": "moon"}, "By must be one of day, week"),
    ("usage", {"by": "day,day"}, "By must be one or two of"),
    ("usage", {"by": "tool", "since": "7d"}, ""),
    ("no_such_tool", {}, "There is no such tool. There are search_conversations"),
    ("list_projects", {"random_string": "x"}, '"Atlas", id '),
]

# What is meant is clear.
MENDED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (SEARCH, {"query": "disk", "limit": "2", "offset": -4}, {"query": "disk", "limit": 2}),
    (SEARCH, {"query": "disk", "limit": 10**30}, {"query": "disk", "limit": 50}),
    (SEARCH, {"query": "disk", "limit": 0}, {"query": "disk", "limit": 1}),
    (SEARCH, {"query": " disk ", "role": "User", "project": ""}, {"query": "disk", "role": "user"}),
    (LIST, {"archived": "True", "limit": 3.0}, {"archived": True, "limit": 3}),
    (READ, {"id": "2d393c4b5e6a", "at": 99}, {"id": "2d393c4b5e6a", "at": 15}),
    (READ, {"id": "2d393c4b5e6a", "at": -99}, {"id": "2d393c4b5e6a", "at": 0}),
    (READ, {"id": "2d393c4b5e6a", "max_tokens": 1}, {"id": "2d393c4b5e6a", "max_tokens": 1_000}),
    (READ, {"id": "2d393c4b5e6a", "at": 2, "part": 99}, {"id": "2d393c4b5e6a", "at": 2, "part": 2}),
    (READ, {"id": "2d393c4b5e6a", "at": 2, "part": -1}, {"id": "2d393c4b5e6a", "at": 2, "part": 1}),
    ("usage", {"by": " Model , month"}, {"by": "model,month"}),
    (LIST, {"project": "atlas"}, {"project": "Atlas"}),
    (LIST, {"limit": 10**400, "offset": 10**9}, {"offset": 500}),
]


@pytest.mark.parametrize(("tool", "arguments", "answer"), WRONG)
def test_a_wrong_argument_is_answered(demo: Path, tool: str, arguments: dict[str, Any], answer: str) -> None:
    toolbox = Toolbox(BackgroundHome(lambda _: SessionRepository.open(hermes_home=demo)), allow_changes=False)
    said = toolbox.call(tool, arguments)

    assert not said.is_error
    assert answer in said.text
    assert said.text.strip()
    assert str(demo) not in said.text


@pytest.mark.parametrize(("tool", "written", "meant"), MENDED)
def test_what_is_clear_is_mended(
    agent: Model, tool: str, written: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert agent.ask(tool, **written) == agent.ask(tool, **meant)


def test_wrong_ids_in_a_row_do_not_stop_a_right_one(agent: Model) -> None:
    for wrong in ("one1", "two2", "three", "four"):
        assert not agent.call(READ, id=wrong).is_error

    assert "id 2d393c4b5e6a" in agent.ask(READ, id="2d393c4b5e6a")


def test_a_fault_of_the_disk_is_an_error_without_paths(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageError("cannot read the index: Input/output error") from OSError(5, "EIO", str(demo))

    monkeypatch.setattr(SessionRepository, "list", fail)
    with model(demo) as agent:
        assert agent.call(LIST) == ("Cannot read the index: Input/output error.", True)


def test_a_crash_is_an_error_that_says_nothing_of_the_server(
    demo: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError(f"bad thing at {demo}")

    monkeypatch.setattr(SessionRepository, "list", crash)
    with model(demo) as agent:
        assert agent.call(LIST) == ("list_conversations failed. The server's log says why.", True)
    assert "bad thing" in caplog.text


def test_a_home_that_does_not_exist_yet_is_answered_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    toolbox = Toolbox(
        BackgroundHome(lambda _: SessionRepository.open(hermes_home=folder, create=False)),
        allow_changes=False,
    )
    before = toolbox.call(LIST, {})
    SessionRepository.open(hermes_home=folder).close()
    after = toolbox.call(LIST, {})

    assert not before.is_error
    assert str(tmp_path) not in before.text
    assert after == ("None.", False)


def test_every_tool_has_a_function() -> None:
    tools = Toolbox(BackgroundHome(lambda _: SessionRepository.open()), allow_changes=True).tools

    assert all(":" in each.run for each in tools)
