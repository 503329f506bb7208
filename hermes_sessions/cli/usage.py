"""The verb `usage`: tokens, cost, messages and sessions added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import click

from ..results import Usage, UsageBy, total_usage
from .base import json_option, no_agent_option, time_option
from .home import SelectedHome
from .projects import project_names
from .terminal import print_json, print_table

NO_KEY = {"day": "no date", "project": "in no project"}


@click.command()
@click.option(
    "--by", type=click.Choice(get_args(UsageBy)), default="day", show_default=True, help="What to add up by."
)
@time_option("--since", help="Only sessions active at or after this date.")
@no_agent_option
@click.option("--hidden/--no-hidden", default=True, help="Include hidden sessions.  [default: include]")
@json_option
@click.pass_obj
def usage(
    home: SelectedHome, /, *, by: UsageBy, as_json: bool, since: float | None, agent: bool, hidden: bool
) -> None:
    """Add up tokens, cost, messages and sessions.

    A session counts on the day of its last activity.
    """
    with home.open() as sessions:
        parts = sessions.usage(by=by, since=since, agent=agent, hidden=hidden)
        names = project_names(sessions) if by == "project" and not as_json else {}
    if as_json:
        print_json(
            {"by": by, "usage": [part.as_dict() for part in parts], "total": total_usage(parts).as_dict()}
        )
        return
    print_usage(by, parts, names)


def print_usage(by: str, parts: Sequence[Usage], names: Mapping[str, str]) -> None:
    """Print sums as a table with their total."""
    rows = [(names.get(part.key or "", part.key or NO_KEY.get(by, "none")), *_cells(part)) for part in parts]
    total = ("total", *_cells(total_usage(parts)))
    print_table((by.upper(), "SESSIONS", "MESSAGES", "INPUT", "OUTPUT", "COST"), [*rows, total])


def _cells(usage: Usage) -> tuple[str, ...]:
    counts = (usage.sessions, usage.messages, usage.input_tokens, usage.output_tokens)
    cost = "" if usage.estimated_cost is None else f"{usage.estimated_cost:,.2f}"
    return (*(f"{count:,}" for count in counts), cost)
