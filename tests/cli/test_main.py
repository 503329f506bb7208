"""The program as a whole: exit codes, its own options, what strangers wrote, pipes and terminals."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_sessions import SessionRepository
from hermes_sessions.cli.home import SelectedHome
from hermes_sessions.cli.main import main

from ..support.make import message, started, turns, write
from .running import NASTY, OBEYED, PROGRAM, Completed, done, ids, parsed, run, run_program, start_program

SECRET = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ["--help"]),
        (0, ["--version"]),
        (0, ["list", "-h"]),
        (1, ["show", "unknown"]),
        (1, ["rename", "unknown", "x"]),
        (1, ["pin", "unknown"]),
        (1, ["archive", "unknown"]),
        (1, ["move", "unknown", "--none"]),
        (1, ["move", "unknown", "no such project"]),
        (1, ["delete", "unknown", "--yes"]),
        (2, ["delete", "unknown"]),
        (1, ["export", "unknown"]),
        (1, ["list", "--project", "unknown"]),
        (1, ["projects", "rename", "unknown", "x"]),
        (1, ["projects", "delete", "unknown", "--yes"]),
        (2, ["projects", "delete", "unknown"]),
        (2, []),
        (2, ["unknown"]),
        (2, ["list", "--unknown"]),
        (2, ["list", "--limit", "0"]),
        (2, ["list", "--cursor", "x"]),
        (2, ["list", "--source", "x"]),
        (2, ["show"]),
        (1, ["show", "../x"]),
        (1, ["show", "x" * 129]),
        (2, ["show", ""]),
        (2, ["show", "x", "--messages", "-1"]),
        (2, ["rename", "x"]),
        (2, ["move", "x"]),
        (1, ["move", "x", "y", "--none"]),
        (2, ["delete"]),
        (2, ["import"]),
        (2, ["import", "no such file"]),
        (2, ["projects"]),
        (2, ["projects", "create", " "]),
        (2, ["projects", "create", "x", "--color", "red"]),
        (2, ["db"]),
        (2, ["db", "unknown"]),
        (2, ["demo"]),
        (2, ["demo", ".", "--sessions", "0"]),
        (2, ["serve", "--port", "65536"]),
    ],
)
def test_exit_codes(home: Path, code: int, words: list[str]) -> None:
    result = run(home, *words)

    assert result.exit_code == code
    assert bool(result.stderr) == bool(code)
    assert "Traceback" not in result.stderr


def test_what_the_disk_refuses_is_a_problem(home: Path, sessions: SessionRepository, tmp_path: Path) -> None:
    session_id = started(sessions)
    (tmp_path / "file").write_text("")

    assert run(home, "export", session_id, "--output", str(tmp_path / "none" / "x.json")).exit_code == 1
    assert run(tmp_path / "file", "list").exit_code == 1
    assert run(home, "demo", str(tmp_path / "file" / "x")).exit_code == 1


@pytest.mark.sqlite("where its file lies")
def test_state_dir_and_profile(tmp_path: Path) -> None:
    state = tmp_path / "elsewhere"
    runner = CliRunner()
    document = json.dumps({"title": "Here", "messages": turns(1)})
    words = ["--state-dir", str(state), "--hermes-home", str(tmp_path / "home"), "--profile", "work"]

    assert runner.invoke(main, [*words, "import", "-"], input=document).exit_code == 0
    assert "Here" in runner.invoke(main, [*words, "list"]).stdout
    assert (state / "sessions.db").exists()
    assert not (tmp_path / "home").exists()
    assert SelectedHome(None, str(tmp_path), "work").config().profile == "work"


# ---- text of strangers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show", "s1"], ["show", "s1", "--json"]])
def test_nothing_of_a_session_reaches_the_terminal_raw(
    home: Path, sessions: SessionRepository, words: list[str]
) -> None:
    session = {"title": NASTY, "workspace": f"/{NASTY}", "project_id": NASTY, "source_label": NASTY}
    said = [message(NASTY, NASTY, tool_calls=[{"function": {"name": NASTY, "arguments": NASTY}}])]
    text = json.dumps({**session, "pending_user_message": NASTY, "messages": said})
    write(sessions, "s1", text)
    write(sessions, f"odd{NASTY[:-4]}".replace("/", "").replace("\0", ""), "{")

    result = run(home, *words)

    assert result.exit_code == 0
    assert not OBEYED.search(result.stdout + result.stderr)
    assert "[bold red]x[/] :smile:" in result.stdout


def test_nothing_in_an_error_or_a_report_reaches_the_terminal_raw(
    home: Path, sessions: SessionRepository
) -> None:
    session_id = started(sessions)
    sessions.projects.create("\x1b[31m")
    nasty_file = home / "\x1b[2J.json"
    nasty_file.write_text("{")

    results = [
        run(home, "rename", session_id, "\x1b[31mred"),
        run(home, "move", session_id, "\x1b[31m"),
        run(home, "projects", "list"),
        run(home, "projects", "create", "\x1b[32m"),
        run(home, "projects", "rename", "\x1b[31m", "\x1b[33m"),
        run(home, "projects", "delete", "\x1b[33m", "--yes"),
        run(home, "list", "--project", "\x1b[34m"),
        run(home, "import", str(nasty_file)),
        run(home, "delete", "\x1b[35m", "--yes"),
    ]

    assert [result.exit_code for result in results] == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    assert not OBEYED.search("".join(result.stdout + result.stderr for result in results))


def test_secrets_are_masked_unless_asked_for(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions, 0)
    sessions.append(session_id, [message(f"my key is {SECRET}")], title=f"Key {SECRET}")
    changed = run(home, "rename", session_id, f"Key {SECRET}", "--json").stdout

    verbs = [
        ["list"],
        ["list", "--json"],
        ["show", session_id],
        ["show", session_id, "--json"],
        ["export", session_id],
    ]

    for words in verbs:
        masked, whole = done(home, *words), done(home, *words, "--no-redact")
        assert SECRET not in masked
        assert "sk-abc...6789" in masked
        assert SECRET in whole
    assert SECRET not in changed


# ---- a real process -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        *(["list"], ["list", "--json"], ["list", "--csv"], ["list", "--ids"], ["show", "{id}"]),
        *(["export", "{id}"], ["tags", "--csv"], ["completion", "bash"], ["--help"]),
    ],
)
def test_a_closed_pipe_ends_quietly(may: Path, words: list[str]) -> None:
    session_id = ids(parsed(may, "list"))[0]
    reader, writer = os.pipe()
    os.close(reader)

    process = start_program(
        may, *(word.format(id=session_id) for word in words), stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)

    assert process.communicate(timeout=60)[1] == b""


@pytest.mark.slow
def test_head_ends_a_long_list_quietly(crowd: Path) -> None:
    command = f"set -o pipefail; '{PROGRAM}' --hermes-home '{crowd}' list --json | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert (result.stdout, result.stderr) == ("{\n", "")


@pytest.mark.slow
def test_exit_codes_of_the_process(may: Path) -> None:
    assert run_program(may, "list").code == 0
    missing = run_program(may, "show", "unknown")
    assert missing == Completed("", "Error: no session unknown\n", 1)
    assert run_program(may, "show", "../x").code == 1
    assert run_program(may, "show", "").code == 2
