"""Which sessions a verb is about: ids, beginnings, titles, standard input, a query; and what asks first."""

import json
import os
import pty
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository

from ..support.agent_db import filled_state
from ..support.make import snapshot, turns, write_document
from .running import done, parsed, run, start_program

REFUSED = "Nobody can be asked here. Add --yes"


@pytest.fixture
def named(sessions: SessionRepository) -> SessionRepository:
    """A home with two sessions that are called alike, a third, and an agent's conversations."""
    filled_state(sessions.config.hermes_home / "state.db")
    for session_id, title in {"aaaa1111": "Rent", "aaaa2222": "Rent of #home", "bbbb3333": "Tax"}.items():
        write_document(sessions, session_id, title=title, messages=turns(2))
    sessions.sync()
    return sessions


@pytest.mark.parametrize(
    ("words", "session_id"),
    [
        (["show", "Tax"], "bbbb3333"),
        (["show", "bbbb"], "bbbb3333"),
        (["show", "Chain"], "c"),
        (["rename", "bbbb", "New"], "bbbb3333"),
        (["why", "Tax"], "bbbb3333"),
        (["agent", "import", "Lone"], "lone"),
    ],
)
def test_a_session_is_named_by_what_people_call_it(
    home: Path, named: SessionRepository, words: list[str], session_id: str
) -> None:
    assert parsed(home, *words)["session_id"] == session_id


def test_an_export_and_the_agents_messages_are_named_so(home: Path, named: SessionRepository) -> None:
    assert json.loads(done(home, "export", "Tax"))["session_id"] == "bbbb3333"
    assert parsed(home, "agent", "show", "Chain") == parsed(home, "agent", "show", "c")


@pytest.mark.parametrize(
    "words", ["show aaaa", "pin aaaa", "delete aaaa --yes", "tag aaaa work", "export aaaa"]
)
def test_what_can_be_several_is_refused_with_the_candidates(
    home: Path, named: SessionRepository, words: str
) -> None:
    before = snapshot(named)
    result = run(home, *words.split())
    assert result.exit_code in (1, 2)
    assert 'aaaa1111 "Rent", aaaa2222 "Rent of #home"' in result.stderr
    assert (snapshot(named), named.tags()) == (before, {"home": 1})


@pytest.mark.parametrize(
    ("words", "stdin", "changed"),
    [
        (["pin", "aaaa1", "Tax"], None, {"aaaa1111", "bbbb3333"}),
        (["pin", "-"], "aaaa1\n\n  Tax  \r\naaaa1\n", {"aaaa1111", "bbbb3333"}),
        (["pin", "-", "bbbb"], "aaaa1", {"aaaa1111", "bbbb3333"}),
        (["pin", "-"], "", set()),
        (["pin", "--where", "rent"], None, {"aaaa1111", "aaaa2222"}),
        (["pin", "--where", "tag:home"], None, {"aaaa2222"}),
        (["pin", "--where", "rent -home"], None, {"aaaa1111"}),
        (["pin", "--where", "nothing"], None, set()),
        (["pin", "--where", "message"], None, {"aaaa1111", "aaaa2222", "bbbb3333"}),
    ],
)
def test_a_change_takes_several(
    home: Path, named: SessionRepository, words: list[str], stdin: str | None, changed: set[str]
) -> None:
    result = run(home, *words, "--json", stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert {each["session_id"] for each in found["sessions"] if each["pinned"]} == changed
    assert {each.session_id for each in named.list(pinned=True)} == changed


def test_one_failure_stops_no_other(home: Path, named: SessionRepository) -> None:
    result = run(home, "archive", "unknown", "Lone", "Tax")
    assert (result.exit_code, result.stdout) == (1, "bbbb3333: archived\n")
    assert result.stderr.splitlines()[0] == "Error: unknown: no session unknown"
    assert "lone" in result.stderr
    assert "Import it" in result.stderr or "import it" in result.stderr


def test_move_takes_several_and_the_project_last(home: Path, named: SessionRepository) -> None:
    project = named.projects.create("Flat").project_id
    assert done(home, "move", "aaaa1", "Tax", "Flat").splitlines() == [
        "aaaa1111: moved to Flat",
        "bbbb3333: moved to Flat",
    ]
    assert done(home, "move", "--where", "tag:home", "Flat") == "aaaa2222: moved to Flat\n"
    assert named.count(project_id=project) == 3
    assert len(parsed(home, "move", "--none", "--where", "project:Flat")["sessions"]) == 3
    assert named.count(project_id=project) == 0


def test_tags_of_several(home: Path, named: SessionRepository) -> None:
    lines = done(home, "tag", "--where", "rent", "flat").splitlines()
    assert sorted(lines) == ["aaaa1111: flat", "aaaa2222: flat, home"]
    result = run(home, "tag", "-", "done", stdin="lone\nTax\n")
    assert (result.exit_code, result.stdout) == (0, "lone: done\nbbbb3333: done\n")
    assert named.tags() == {"done": 2, "flat": 2, "home": 1}
    lines = done(home, "untag", "--where", "tag:flat", "flat").splitlines()
    assert sorted(lines) == ["aaaa1111: no tags", "aaaa2222: home"]


@pytest.mark.parametrize(
    "words",
    [
        ["pin"],
        ["pin", "Tax", "--where", "rent"],
        ["pin", "--where", ""],
        ["pin", "--where", " "],
        ["delete", "--where", "", "--yes"],
        ["move", "Tax"],
        ["move", "--where", "rent"],
        ["tag", "Tax"],
        ["tag", "--where", "rent"],
        ["list", "--after", "Tax", "--cursor", "x"],
        ["restore"],
        ["recover"],
        ["put-back"],
        ["put-back", "Tax", "--where", "rent"],
    ],
)
def test_a_wrong_use_changes_nothing(home: Path, named: SessionRepository, words: list[str]) -> None:
    before = snapshot(named)
    assert run(home, *words).exit_code == 2
    assert snapshot(named) == before


def test_turns_are_closed_and_changes_put_back_by_name_and_by_query(
    home: Path, named: SessionRepository
) -> None:
    cut = {"active_stream_id": "s", "pending_user_message": "And now?"}
    for session_id in ("cut11111", "cut22222"):
        write_document(named, session_id, title=f"Cut {session_id[-1]}", messages=turns(2), **cut)
    assert done(home, "recover", "Tax") == "bbbb3333: no interrupted turn\n"
    assert parsed(home, "recover", "Cut 1", "--alive", "s") == {"recovered": [], "failed": {}}
    assert parsed(home, "recover", "--where", "is:interrupted -2") == {
        "recovered": ["cut11111"],
        "failed": {},
    }
    assert parsed(home, "recover", "Tax", "cut2")["recovered"] == ["cut22222"]
    assert parsed(home, "put-back", "--where", "zqxjkvbw") == {"put_back": [], "failed": {}}
    result = run(home, "put-back", "Tax", "unknown")
    assert result.exit_code == 1
    assert "bbbb3333" in result.stdout + result.stderr


def test_a_query_with_a_typing_mistake_deletes_nothing(home: Path, named: SessionRepository) -> None:
    result = run(home, "delete", "--where", "messgae", "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Warning: Nothing has messgae. Did you mean message?" in result.stderr
    assert named.count() == 3


# ---- what asks --------------------------------------------------------------------------------------------

DESTRUCTIVE = [
    ["delete", "Tax"],
    ["delete", "--where", "rent", "--json"],
    ["purge"],
    ["purge", "gone1234"],
    ["prune", "--fewer-than", "5"],
    ["tags", "remove", "flat"],
    ["projects", "delete", "Flat"],
]


@pytest.mark.parametrize("words", DESTRUCTIVE)
def test_without_a_terminal_it_is_refused_unless_agreed_to(
    home: Path, named: SessionRepository, words: list[str]
) -> None:
    named.projects.create("Flat")
    named.tag("bbbb3333", "flat")
    write_document(named, "gone1234", title="Gone", messages=turns(1))
    named.delete("gone1234")
    result = run(home, *words, stdin="y\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert REFUSED in result.stderr
    assert (named.count(), len(named.trash()), named.tags()) == (3, 1, {"flat": 1, "home": 1})
    assert [project.name for project in named.projects.list()] == ["Flat"]
    assert run(home, *words, "--yes").exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["delete", "--where", "rent"], ("Move 2 sessions to the trash? [y/N]", "Rent of #home")),
        (["delete", "Lone"], ("Move 1 session, 1 of them the agent's, to the trash? [y/N]", "lone")),
        (["tags", "remove", "home"], ("Remove the tag home from 1 session? [y/N]", "")),
    ],
)
def test_it_asks_on_a_terminal(
    home: Path, named: SessionRepository, words: list[str], said: tuple[str, str], tmp_path: Path
) -> None:
    question, shown = said
    keyboard, terminal = pty.openpty()
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = start_program(home, *words, stdin=terminal, stdout=out, stderr=err)
        os.close(terminal)
        os.write(keyboard, b"n\n")
        code = process.wait(timeout=60)
    os.close(keyboard)
    assert question in (tmp_path / "err").read_text()
    assert shown in (tmp_path / "out").read_text()
    assert (code, named.count(), named.tags()) == (1, 3, {"home": 1})


def test_a_dry_run_shows_and_deletes_nothing(home: Path, named: SessionRepository) -> None:
    assert "Tax" in done(home, "delete", "Tax", "--dry-run")
    found = parsed(home, "delete", "--where", "rent", "--dry-run")
    assert sorted(found["deleted"]) == ["aaaa1111", "aaaa2222"]
    assert named.count() == 3


def test_what_is_in_the_trash_is_named_so(home: Path, named: SessionRepository) -> None:
    done(home, "delete", "Tax", "aaaa1", "--yes")
    assert parsed(home, "restore", "Tax") == {"restored": ["bbbb3333"], "failed": {}}
    result = run(home, "purge", "-", "--yes", stdin="aaaa\n")
    assert (result.exit_code, result.stdout) == (0, "aaaa1111: deleted permanently\n")
    assert parsed(home, "trash") == []


def test_the_next_page_is_named_by_the_last_id(home: Path, named: SessionRepository) -> None:
    listed: list[Any] = parsed(home, "list", "--sort", "title", "--agent")["sessions"]
    ids = [each["session_id"] for each in listed]
    for at, session_id in enumerate(ids):
        rest = done(home, "list", "--sort", "title", "--agent", "--after", session_id, "--ids").split()
        assert rest == ids[at + 1 :]
    assert run(home, "list", "--after", "unknown").exit_code == 1
