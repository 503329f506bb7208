"""Completion: what a shell is offered, quickly and safely, and the scripts that ask for it."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from hermes_sessions import SessionRepository
from hermes_sessions.cli.main import main

from ..support.agent_db import filled_state
from ..support.make import message, started, turns, write_document
from .running import NASTY, PROGRAM, done, run
from .test_startup import HEAVY

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
TRAP = 'say $(touch "$TRAP") `x` "q"; *'


@pytest.fixture
def full(sessions: SessionRepository) -> SessionRepository:
    """A home with something of every kind to complete."""
    filled_state(sessions.config.hermes_home / "state.db")
    project = sessions.projects.create("Büro work").project_id
    titles = {"aaaa1111": "Rent", "aaaa2222": TRAP, "bbbb3333": f"Rents {KEY}", "cccc4444": f"Rent{NASTY}"}
    titles["eeee5555"] = "Études"
    for session_id, title in titles.items():
        write_document(sessions, session_id, title=title, messages=turns(2), profile="work", model="gpt-x")
    sessions.sync()
    sessions.update("aaaa1111", project_id=project, pinned=True)
    sessions.tag("aaaa1111", "flat", "in progress")
    sessions.list(agent=True)
    return sessions


def offered(home: Path, *words: str) -> dict[str, str | None]:
    """Return what a shell is offered for the last word, and the help beside each."""
    shell = ShellComplete(main, {}, "hermes-sessions", "_HERMES_SESSIONS_COMPLETE")
    items = shell.get_completions(["--hermes-home", str(home), *words[:-1]], words[-1])
    return {item.value: item.help for item in items}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["show", "aaaa"], {"aaaa1111": "Rent", "aaaa2222": TRAP}),
        (["show", "bbbb"], {"bbbb3333": "Rents sk-abc...6789"}),
        (["show", "Ren"], {"Rent": "aaaa1111"}),
        (["show", "Lon"], {"Lone": "lone"}),
        (["show", "lon"], {"lone": "Lone"}),
        (["show", "Ét"], {"Études": "eeee5555"}),
        (["show", "zzzz"], {}),
        (["pin", "aaaa1111", "bbbb"], {"bbbb3333": "Rents sk-abc...6789"}),
        (["delete", "say"], {TRAP: "aaaa2222"}),
        (["list", "--after", "aaaa1"], {"aaaa1111": "Rent"}),
        (["list", "--project", "B"], {"Büro work": None}),
        (["move", "aaaa1111", "Bü"], {"Büro work": None}),
        (["projects", "delete", ""], {"Büro work": None}),
        (["list", "--tag", ""], {"flat": None, "in progress": None}),
        (["tag", "aaaa1"], {"aaaa1111": "Rent"}),
        (["tag", "aaaa1111", "fl"], {"flat": None}),
        (["tags", "rename", "in"], {"in progress": None}),
        (["list", "--profile", "w"], {"work": None}),
        (["list", "--model", "gpt"], {"gpt-x": None}),
        (["list", "--sort", "t"], {"title": None}),
        (["completion", "z"], {"zsh": None}),
    ],
)
def test_a_word_is_completed(
    home: Path, full: SessionRepository, words: list[str], found: dict[str, str | None]
) -> None:
    assert offered(home, *words) == found


def test_nothing_typed_offers_the_first_of_the_list(home: Path, full: SessionRepository) -> None:
    words = list(offered(home, "show", ""))
    assert words[0] == "aaaa1111"
    assert {"bbbb3333", "cccc4444", "c", "lone"} <= set(words)


@pytest.mark.parametrize(
    "damage",
    ["none", pytest.param("index", marks=pytest.mark.sqlite("a corrupt file")), "projects"],
)
def test_what_cannot_be_read_completes_nothing(home: Path, full: SessionRepository, damage: str) -> None:
    full.close()
    if damage == "none":
        home = home / "missing"
    elif damage == "index":
        for file in full.config.state_dir.glob("sessions.db*"):
            file.write_bytes(b"damaged" * 999)
    else:
        full.config.projects_file.write_text("[7, {")
    assert offered(home, "list", "--project", "") == {} or damage == "index"
    assert offered(home, "show", "aaaa") == {} or damage == "projects"
    assert not (Path(home) / "webui").exists() or damage != "none"


# ---- a real shell -----------------------------------------------------------------------------------------

ASK = """
{script}
COMP_WORDS=({words}) COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_hermes_sessions_completion hermes-sessions
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def in_bash(home: Path, *typed: str) -> list[str]:
    """Return what bash would insert for the last word, as it is typed."""
    words = " ".join(shlex.quote(word) for word in ("hermes-sessions", "--hermes-home", str(home), *typed))
    text = ASK.format(script=done(home, "completion", "bash"), words=words)
    path = f"{PROGRAM.parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "TRAP": str(home / "trapped")}
    result = subprocess.run(
        ["bash", "--norc", "-c", text], capture_output=True, text=True, env=environment, check=True
    )
    assert result.stderr == ""
    return [line for line in result.stdout.splitlines() if line]


@pytest.mark.slow
def test_bash_inserts_a_title_as_one_word(home: Path, full: SessionRepository) -> None:
    (inserted,) = in_bash(home, "show", "say")
    command = f'set -f; words=({inserted}); printf %s "${{#words[@]}} ${{words[0]}}"'
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert result.stdout == f"1 {TRAP}"
    assert not (home / "trapped").exists()
    assert in_bash(home, "show", '"say') == []
    assert in_bash(home, "show", "'say") == [TRAP]
    assert in_bash(home, "show", '"Ren') == ["Rent"]
    assert in_bash(home, "list", "--tag", "in\\ pr") == ["in\\ progress"]
    assert in_bash(home, "pro") == ["projects"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_offers_a_title_whole(home: Path, full: SessionRepository) -> None:
    write_document(full, "eeee6666", title="say a, b and c", messages=turns(1))
    full.sync()
    (home / "script.fish").write_text(done(home, "completion", "fish"))
    text = f"source {home}/script.fish; complete -C 'hermes-sessions --hermes-home {home} show say'"
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["fish", "--no-config", "-c", text], capture_output=True, text=True, env=environment, check=True
    )
    assert sorted(result.stdout.splitlines()) == sorted([f"{TRAP}\taaaa2222", "say a, b and c\teeee6666"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_one_that_its_shell_understands(home: Path, shell: str) -> None:
    text = done(home, "completion", shell)
    assert "_HERMES_SESSIONS_COMPLETE" in text
    assert f"{shell}_complete" in text
    if found := shutil.which(shell):
        subprocess.run([found, "-n", "-c", text], check=True, capture_output=True)
    assert run(home, "completion", "tcsh").exit_code == 2


def loaded(home: Path, *words: str) -> tuple[str, set[str]]:
    """Return what a completion prints in a process of its own, and the packages that it imports."""
    code = "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    code += "sys.argv = ['']\nfrom hermes_sessions.cli import main; main(prog_name='hermes-sessions')"
    typed = ["hermes-sessions", "--hermes-home", str(home), *words]
    line = {"COMP_WORDS": shlex.join(typed), "COMP_CWORD": str(len(typed) - 1)}
    environment = {**os.environ, **line, "_HERMES_SESSIONS_COMPLETE": "zsh_complete"}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    *errors, modules = result.stderr.splitlines()
    assert errors == []
    return result.stdout, {name.partition(".")[0] for name in modules.split()}


@pytest.mark.slow
@pytest.mark.sqlite("what is loaded for it")
def test_a_completion_loads_no_database_layer(home: Path, full: SessionRepository) -> None:
    printed, modules = loaded(home, "show", "aaaa")
    assert "aaaa1111" in printed
    assert modules & {*HEAVY, "sqlalchemy", "psycopg"} == set()


def test_a_session_that_was_just_written_is_not_waited_for(home: Path, full: SessionRepository) -> None:
    new = started(full, title="Newest")
    assert new in offered(home, "show", new[:6])
    write_document(full, "dddd5555", title="Foreign", messages=[message()])
    assert offered(home, "show", "dddd") == {}
