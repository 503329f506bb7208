"""The verb that adds up: tokens, cost, messages and sessions, as a table or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from ..results import Usage, total_usage
from .base import Home, json_option, moment
from .projects import project_names
from .terminal import print_json, print_table

BY = ("day", "model", "source", "project", "profile")
NONE = {"day": "no date", "project": "in no project"}


@click.command()
@click.option("--by", type=click.Choice(BY), default="day", show_default=True, help="What to add up for.")
@click.option("--since", callback=moment, metavar="DATE", help="Only sessions active at or after this date.")
@click.option("--agent/--no-agent", default=True, help="With the agents' conversations.  [default: with]")
@click.option("--hidden/--no-hidden", default=True, help="With what the sidebar hides.  [default: with]")
@json_option
@click.pass_obj
def usage(home: Home, /, *, by: str, as_json: bool, since: float | None, agent: bool, hidden: bool) -> None:
    """Add up tokens, cost, messages and sessions; a session counts on the day of its last activity."""
    with home.open() as sessions:
        found = sessions.usage(by=by, since=since, agent=agent, hidden=hidden)
        names = project_names(sessions) if by == "project" and not as_json else {}
    if as_json:
        print_json(
            {"by": by, "usage": [each.as_dict() for each in found], "total": total_usage(found).as_dict()}
        )
        return
    print_usage(by, found, names)


def print_usage(by: str, found: Sequence[Usage], names: Mapping[str, str]) -> None:
    """Print sums as a table with their total."""
    rows = [(names.get(each.key or "", each.key or NONE.get(by, "none")), *_cells(each)) for each in found]
    total = ("total", *_cells(total_usage(found)))
    print_table((by.upper(), "SESSIONS", "MESSAGES", "INPUT", "OUTPUT", "COST"), [*rows, total])


def _cells(usage: Usage) -> tuple[str, ...]:
    counts = (usage.sessions, usage.messages, usage.input_tokens, usage.output_tokens)
    cost = "" if usage.estimated_cost is None else f"{usage.estimated_cost:,.2f}"
    return (*(f"{count:,}" for count in counts), cost)
