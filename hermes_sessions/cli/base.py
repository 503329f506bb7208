"""What the verbs share: their common options, acting on several items, and exit codes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

import click

from ..errors import InvalidValue, SessionsError
from ..sources import Source
from ..times import parse_time
from .complete import complete_models, complete_profiles, complete_projects, complete_tags
from .terminal import visible

DAY = 86_400  # seconds

Item = TypeVar("Item")
Result = TypeVar("Result")

VerbFunction = TypeVar("VerbFunction", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
redact_option = click.option(
    "--redact/--no-redact", default=True, help="Mask passwords, keys and tokens.  [default: mask]"
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
off_option = click.option("--off", is_flag=True, help="Undo it.")
no_agent_option = click.option(
    "--agent/--no-agent", default=True, help="Include the agents' conversations.  [default: include]"
)


def filter_options(verb: VerbFunction) -> VerbFunction:
    """Add the options that select sessions, for the verbs that list and search them."""
    options = (
        click.option("--profile", help="Only sessions of this profile.", shell_complete=complete_profiles),
        click.option(
            "--project",
            help="Only sessions of this project (id or name).",
            shell_complete=complete_projects,
        ),
        click.option(
            "--source",
            type=click.Choice([source.value for source in Source]),
            help="Only sessions from this source.",
        ),
        click.option(
            "--archived/--no-archived", default=None, help="Only archived sessions, or only others."
        ),
        click.option("--pinned/--no-pinned", default=None, help="Only pinned sessions, or only others."),
        click.option("--model", help="Only sessions with this model.", shell_complete=complete_models),
        click.option(
            "--tag",
            metavar="NAME",
            multiple=True,
            shell_complete=complete_tags,
            callback=lambda _context, _option, names: ",".join(names) or None,
            help="Only sessions with this tag, or with all of several; -NAME: without it.",
        ),
        click.option(
            "--min-cost", type=click.FloatRange(0), help="Only sessions that cost at least so many dollars."
        ),
        click.option(
            "--min-messages", type=click.IntRange(0), help="Only sessions with at least so many messages."
        ),
        click.option(
            "--interrupted/--no-interrupted",
            default=None,
            help="Only sessions in which a message still waits for its answer, or only others.",
        ),
    )
    for option in reversed(options):
        verb = option(verb)
    return verb


def time_option(*names: str, help: str) -> Callable[[Any], Any]:
    """Return an option for a date, which the verb gets as `parse_time` reads it: in seconds."""
    return click.option(*names, callback=_parse_time, metavar="DATE", help=help)


def _parse_time(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else parse_time(value, time.time())
    except InvalidValue as error:
        raise click.BadParameter(visible(str(error))) from error


def apply_to_each(
    items: Iterable[Item], name_of: Callable[[Item], str], act: Callable[[Item], Result]
) -> tuple[dict[str, Result], dict[str, str]]:
    """Act on every item, going on after a failure, whose error is printed.

    Returns the results and the error messages, each by the item's name.
    """
    results: dict[str, Result] = {}
    failures: dict[str, str] = {}
    for item in items:
        name = name_of(item)
        try:
            results[name] = act(item)
        except SessionsError as error:
            failures[name] = str(error)
            click.echo(f"Error: {visible(name)}: {visible(str(error))}", err=True)
    return results, failures


def refuse_without_terminal(is_agreed: bool, *, can_show: bool = True) -> None:
    """End with a wrong use, exit 2, if something must be asked first and nobody is there to answer.

    `can_show` is whether the verb has a --dry-run.
    """
    if not is_agreed and not sys.stdin.isatty():
        shown = ", or --dry-run to see what it would do" if can_show else ""
        raise click.UsageError(f"Nobody can be asked here. Add --yes{shown}.")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed, unless it was agreed to; end the program after a no, exit 1."""
    if not yes:
        click.confirm(question, abort=True, err=True)


def exit_with(problems: object) -> NoReturn:
    """End the program with 1 if there are problems, else with 0."""
    raise SystemExit(1 if problems else 0)
