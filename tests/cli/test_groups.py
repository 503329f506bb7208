"""The table of verbs: its names and summaries are those of the commands, in help and completion."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from docs.hooks import manual_page
from hermes_sessions.cli.main import VERBS, main

from .running import run

PACKAGE = Path(__file__).parents[2] / "hermes_sessions" / "cli"


@pytest.fixture
def context() -> click.Context:
    """A context of the program, without a verb."""
    return click.Context(main, info_name="hermes-sessions")


@pytest.mark.parametrize("name", VERBS)
def test_a_row_of_the_table_is_the_command(context: click.Context, name: str) -> None:
    command = main.get_command(context, name)

    assert command is not None
    assert command.name == name
    assert (command.help or "").partition("\n")[0] == VERBS[name].summary


def test_a_name_that_is_not_in_the_table_is_no_command(context: click.Context) -> None:
    assert main.get_command(context, "unknown") is None


def test_every_command_of_the_package_can_be_reached(context: click.Context) -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py") if "@click.command(" in path.read_text("utf-8")}
    reached = {verb.place.partition(":")[0] for verb in VERBS.values()}

    assert modules <= reached


def test_help_lists_the_verbs_in_the_order_of_the_table(context: click.Context) -> None:
    _, _, listed = CliRunner().invoke(main, ["--help"]).stdout.partition("Commands:\n")
    rows = [line.split(maxsplit=1) for line in listed.splitlines()]

    assert [(name, summary) for name, summary in rows] == [
        (name, verb.summary) for name, verb in VERBS.items()
    ]


def test_a_misspelt_verb_gets_a_suggestion(tmp_path: Path) -> None:
    result = run(tmp_path, "lst")

    assert result.exit_code == 2
    assert "list" in result.stderr


@pytest.mark.parametrize(("typed", "meant"), [("serch", "search"), ("exprot", "export"), ("tgas", "tags")])
def test_help_suggests_a_verb_too(tmp_path: Path, typed: str, meant: str) -> None:
    for words in ([typed], ["help", typed], ["help", "projects", "lst"]):
        result = run(tmp_path, *words)
        assert result.exit_code == 2
        assert (meant if typed in words else "list") in result.stderr
    assert "-n" not in run(tmp_path, "help", meant).stderr


def test_help_of_a_verb_is_the_verbs_own(tmp_path: Path) -> None:
    for words in (["list"], ["projects", "delete"], ["tags"]):
        assert run(tmp_path, "help", *words).stdout == run(tmp_path, *words, "--help").stdout


def test_the_manual_page_is_up_to_date() -> None:
    written = (PACKAGE.parents[1] / "man" / "hermes-sessions.1").read_text("utf-8")
    assert written == manual_page.page(), "run: make man"


def completions(*words: str) -> Iterator[tuple[str, str | None]]:
    """Yield what a shell would offer for the last word, and the help beside it."""
    shell = ShellComplete(main, {}, "hermes-sessions", "_HERMES_SESSIONS_COMPLETE")
    for item in shell.get_completions([*words[:-1]], words[-1]):
        yield item.value, item.help


def test_a_shell_completes_verbs_and_options() -> None:
    assert list(completions("re")) == [
        (name, VERBS[name].summary) for name in ("rename", "restore", "rebuild", "repair", "recover")
    ]
    assert "--hermes-home" in dict(completions("--"))
    assert dict(completions("projects", "")) == {
        "list": "List projects and how many sessions each has.",
        "create": "Create a project.",
        "rename": "Change the name of a project, and its colour.",
        "delete": "Delete a project, keeping its sessions.",
    }
    assert dict(completions("list", "--source", "c")).keys() == {"cli", "cron"}
