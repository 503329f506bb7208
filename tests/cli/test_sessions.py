"""The verbs that read and change sessions."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from hermes_sessions import SessionRepository
from hermes_sessions.cli.text import LIST_COLUMNS

from ..support.make import folder_of, message, started, turns, write, write_document
from .running import done, ids, parsed, run


def test_list_is_the_oracles(may: Path) -> None:
    oracle = Path(__file__).parents[1] / "samples/webui-may-2026/expected/all_sessions.json"
    expected = [entry["session_id"] for entry in json.loads(oracle.read_text("utf-8"))]

    lines = done(may, "list").splitlines()
    listed = parsed(may, "list")

    assert lines[0].split() == ["ID", "ACTIVE", "MESSAGES", "PROFILE", "PROJECT", "STATE", "TITLE"]
    assert [line.split()[0] for line in lines[1:]] == ids(listed) == expected
    assert (listed["total"], listed["next_cursor"], listed["warnings"]) == (len(expected), None, [])


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ([], {}),
        (["--profile", "work"], {"profile": "work"}),
        (["--project", "Atlas"], {"project_id": "dda173cf256d"}),
        (["--project", "dda173cf256d"], {"project_id": "dda173cf256d"}),
        (["--source", "webui"], {"source": "webui"}),
        (["--source", "cli"], {"source": "cli"}),
        (["--archived"], {"archived": True}),
        (["--no-archived"], {"archived": False}),
        (["--hidden"], {"hidden": True}),
        (["--pinned"], {"pinned": True}),
        (["--no-pinned"], {"pinned": False}),
        (["--model", "gpt-5.4-mini"], {"model": "gpt-5.4-mini"}),
        (["--min-cost", "0.5"], {"min_cost": 0.5}),
        (["--min-messages", "3"], {"min_messages": 3}),
        (["--interrupted"], {"interrupted": True}),
        (["--no-interrupted"], {"interrupted": False}),
        (["--since", "1777000000"], {"since": 1_777_000_000}),
        (["--until", "2026-04-24"], {"until": datetime(2026, 4, 24).astimezone().timestamp()}),
        (["--limit", "3"], {"limit": 3}),
        (
            ["--profile", "work", "--archived", "--hidden"],
            {"profile": "work", "archived": True, "hidden": True},
        ),
    ],
)
def test_list_filters(may_to_read: Path, words: list[str], filters: dict[str, Any]) -> None:
    listed = parsed(may_to_read, "list", *words)

    with SessionRepository.open(hermes_home=may_to_read) as sessions:
        page = sessions.list(**filters)
    assert ids(listed) == [summary.session_id for summary in page.items]
    assert listed["total"] == page.total


def test_list_goes_on_where_it_ended(may: Path) -> None:
    listed = parsed(may, "list", "--limit", "20")
    found = ids(listed)
    while listed["next_cursor"]:
        listed = parsed(may, "list", "--limit", "20", "--cursor", listed["next_cursor"])
        found += ids(listed)

    assert found == ids(parsed(may, "list"))
    result = run(may, "list", "--limit", "20")
    assert "20 of 47 sessions. For more, add: --after " in result.stderr
    assert len(result.stdout.splitlines()) == 21


def put_into_lost_project(sessions: SessionRepository, session_id: str, project_id: str) -> None:
    """Put a session into a project that does not exist, as another program can."""
    document = json.loads((folder_of(sessions) / f"{session_id}.json").read_bytes())
    write(sessions, session_id, json.dumps(document | {"project_id": project_id}))


def test_list_names_projects_and_states(home: Path, sessions: SessionRepository) -> None:
    project = sessions.projects.create("Büro / 事務所")
    started(sessions, title="Rent", pinned=True, archived=True, project_id=project.project_id, profile="work")
    put_into_lost_project(sessions, started(sessions, title="Lost"), "gone")

    rows = [re.split(r"  +", line) for line in done(home, "list").splitlines()]

    assert rows[0][3:] == ["PROFILE", "PROJECT", "STATE", "TITLE"]
    assert rows[1][2:] == ["4", "work", "Büro / 事務所", "pinned archived", "Rent"]
    assert rows[2][3:] == ["gone", "Lost"]


def test_list_aligns_wide_characters(home: Path, sessions: SessionRepository) -> None:
    for name in ("事務所", "Atlas"):
        started(sessions, title="x", project_id=sessions.projects.create(name).project_id)

    lines = done(home, "list").splitlines()

    assert len({cell_len(line) - cell_len("TITLE" if "TITLE" in line else "x") for line in lines}) == 1


def test_list_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert done(tmp_path / "new", "list").split() == list(LIST_COLUMNS)
    assert parsed(tmp_path / "new", "list")["sessions"] == []


@pytest.mark.parametrize(
    "words",
    [
        *("list", "search x", "usage", "check", "sync", "trash --csv", "projects list", "delete x --yes"),
        *("open x", "tags", "show x", "export x", "pin --where x", "purge --yes", "list --after x --ids"),
    ],
)
def test_a_misspelt_home_is_not_made(tmp_path: Path, words: str) -> None:
    result = run(tmp_path / "mispelt", *words.split())

    assert result.exit_code == 1
    assert f"no Hermes home at {tmp_path / 'mispelt'}" in result.stderr
    assert not (tmp_path / "mispelt").exists()


def test_list_says_what_it_cannot_show(home: Path, sessions: SessionRepository) -> None:
    write(sessions, "broken", "{")

    result = run(home, "list", "--json")

    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: broken.json cannot be read: ")
    assert len(json.loads(result.stdout)["warnings"]) == 1


def test_sums_say_what_they_lack(home: Path, sessions: SessionRepository) -> None:
    write(sessions, "broken", "{")
    (sessions.config.hermes_home / "state.db").write_bytes(b"no database" * 999)

    result = run(home, "usage", "--json")
    said = json.loads(result.stdout)["warnings"]

    assert result.exit_code == 0
    assert len(said) == 2
    assert "broken.json" in said[0]
    assert "state.db" in said[1]
    assert result.stderr.count("Warning: ") == 2
    with SessionRepository.open(hermes_home=home) as again:
        assert list(again.usage().warnings) == said == list(again.list(agent=True, hidden=True).warnings)
    assert run(home, "usage").stderr == result.stderr


def test_list_goes_on_without_names_of_projects(home: Path, sessions: SessionRepository) -> None:
    put_into_lost_project(sessions, started(sessions, title="Rent"), "p1")
    sessions.config.projects_file.write_text("[")

    result = run(home, "list")

    assert result.exit_code == 0
    assert "p1" in result.stdout
    assert result.stderr.startswith("Warning: projects.json cannot be read")


# ---- one session ----------------------------------------------------------------------------------------


def test_show_prints_messages_tools_and_what_waits(home: Path, sessions: SessionRepository) -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "terminal", "arguments": '{"command": "ls"}'},
    }
    long = "\n".join(f"line {number}" for number in range(20))
    messages = [
        message("List it", at=1_777_000_000),
        message("", "assistant", tool_calls=[call, "odd"]),
        message(long, "tool", tool_call_id="c1"),
        message([{"type": "text", "text": "Done."}], "assistant"),  # type: ignore[arg-type]  # as models send it
    ]
    write_document(
        sessions,
        "s1",
        title="Files",
        pending_user_message="And now?",
        parent_session_id="s0",
        messages=messages,
    )

    shown = done(home, "show", "s1")

    assert shown.startswith("Files\nid         s1\nmessages   4\n")
    assert re.search(r"^parent     s0$", shown, re.MULTILINE)
    assert re.search(r"^user, 2026-04-2\d \d\d:\d\d\nList it$", shown, re.MULTILINE)
    assert '[calls terminal {"command": "ls"}]' in shown
    assert "line 7\n[12 more lines]\n" in shown
    assert shown.endswith("Done.\n\nunanswered: And now?\n")


def test_show_takes_a_part(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions, 10)

    shown = parsed(home, "show", session_id, "--messages", "2", "--before", "6")

    assert [each["content"] for each in shown["messages"]] == ["message 4", "message 5"]
    assert (shown["message_count"], shown["_messages_offset"], shown["_messages_truncated"]) == (10, 4, True)
    assert "\n[8 earlier messages]\n" in done(home, "show", session_id, "--messages", "2")
    forward = parsed(home, "show", session_id, "--messages", "2", "--after", "6")
    assert [each["content"] for each in forward["messages"]] == ["message 6", "message 7"]
    assert done(home, "show", session_id, "--messages", "2", "--after", "6").endswith(
        "\n[2 later messages]\n"
    )
    assert "\n[1 later message]\n" in done(home, "show", session_id, "--before", "9")
    whole = parsed(home, "show", session_id)
    assert whole["messages"] == turns(10)
    assert (whole["_messages_truncated"], whole["pending_attachments"]) == (False, [])


def test_show_survives_odd_messages(home: Path, sessions: SessionRepository) -> None:
    write_document(sessions, "s1", title="Odd", messages=["text", 7, {"content": None}, {"tool_calls": {}}])

    assert "\n?\ntext\n\n?\n7\n\n?\n\n" in done(home, "show", "s1")


# ---- changes --------------------------------------------------------------------------------------------


def test_rename(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions)

    assert done(home, "rename", session_id, "  Taxes 2026 ") == f"{session_id}: renamed to Taxes 2026\n"
    assert sessions.summary(session_id).title == "Taxes 2026"
    assert parsed(home, "rename", session_id, " ")["title"] == "Untitled"


def test_too_long_a_title_is_cut(home: Path, sessions: SessionRepository) -> None:
    assert parsed(home, "rename", started(sessions), "x" * 501)["title"] == "x" * 80


@pytest.mark.parametrize(
    ("verb", "field", "word"), [("pin", "pinned", "pinned"), ("archive", "archived", "archived")]
)
def test_pin_and_archive(home: Path, sessions: SessionRepository, verb: str, field: str, word: str) -> None:
    session_id = started(sessions)
    before = sessions.summary(session_id)

    assert done(home, verb, session_id) == f"{session_id}: {word}\n"
    after = sessions.summary(session_id)
    assert (getattr(after, field), after.updated_at) == (True, before.updated_at)
    assert done(home, verb, session_id, "--off") == f"{session_id}: no longer {word}\n"
    assert parsed(home, verb, session_id, "--off")["sessions"][0][field] is False


def test_move(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions)
    project = sessions.projects.create("Atlas")

    assert done(home, "move", session_id, "Atlas") == f"{session_id}: moved to Atlas\n"
    assert (
        parsed(home, "move", session_id, project.project_id)["sessions"][0]["project_id"]
        == project.project_id
    )
    assert done(home, "move", session_id, "--none") == f"{session_id}: in no project\n"
    assert sessions.summary(session_id).project_id is None
