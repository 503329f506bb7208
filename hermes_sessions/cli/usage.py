"""The verb `usage`: tokens, cost, messages and sessions added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import click

from ..results import Usage, UsageBy, usage_words
from .base import filter_options, no_agent_option, time_option
from .home import SelectedHome
from .output import Output, output_options, print_csv
from .projects import find_project_id, project_names
from .terminal import print_json, print_table, warn

FIGURES = ("sessions", "messages", "input_tokens", "output_tokens", "estimated_cost")


@click.command()
@click.option(
    "--by",
    type=click.Choice(get_args(UsageBy)),
    multiple=True,
    default=["day"],
    help="What to add up by; twice for pairs.  [default: day]",
)
@time_option("--since", help="Only sessions last active at or after this date.")
@time_option("--until", help="Only sessions last active before this date.")
@filter_options
@no_agent_option
@click.option("--hidden/--no-hidden", default=True, help="Include hidden sessions.  [default: include]")
@output_options("json", "csv")
@click.pass_obj
def usage(
    home: SelectedHome, /, *, by: Sequence[UsageBy], output: Output, project: str | None, **filters: Any
) -> None:
    """Add up tokens, cost, messages and sessions.

    A session counts on the day of its last activity, and for each of its tags; in the total, once. A
    warning names what could not be read; its figures are from the last time it could be.
    """
    with home.open() as sessions:
        filters["project_id"] = find_project_id(sessions, project)
        parts, total = sessions.usage(by=by, **filters), sessions.usage_total(**filters)
        names = project_names(sessions) if "project" in by and output != "json" else {}
    warn(parts.warnings)
    if output == "csv":
        print_csv((*by, *FIGURES), [_csv_row(by, part, names) for part in parts])
        return
    if output == "json":
        sums = {"usage": [part.as_dict() for part in parts], "total": total.as_dict()}
        print_json({"by": by, **sums, "warnings": parts.warnings})
        return
    print_usage(by, parts, total, names)


def print_usage(
    by: Sequence[UsageBy], parts: Sequence[Usage], total: Usage, names: Mapping[str, str]
) -> None:
    """Print sums as a table with their total, or the calls of tools."""
    if "tool" in by:
        print_table(("TOOL", "SESSIONS", "CALLS", "FAILED"), [*map(_tool_cells, parts)])
        return
    rows = [(*usage_words(by, part, names), *_cells(part)) for part in parts]
    last = ("total", *([""] * (len(by) - 1)), *_cells(total))
    print_table(
        (*(each.upper() for each in by), "SESSIONS", "MESSAGES", "INPUT", "OUTPUT", "COST"), [*rows, last]
    )


def _csv_row(by: Sequence[UsageBy], part: Usage, names: Mapping[str, str]) -> tuple[object, ...]:
    keys = zip(by, part.keys, strict=True)
    shown = (names.get(key or "", key) if each == "project" else key for each, key in keys)
    return (*shown, *(getattr(part, name) for name in FIGURES))


def _tool_cells(usage: Usage) -> tuple[str, ...]:
    counts = (usage.sessions, usage.calls or 0, usage.failed_calls or 0)
    return (usage.key or "", *(f"{count:,}" for count in counts))


def _cells(usage: Usage) -> tuple[str, ...]:
    counts = (usage.sessions, usage.messages, usage.input_tokens, usage.output_tokens)
    cost = "" if usage.estimated_cost is None else f"{usage.estimated_cost:,.2f}"
    return (*(f"{count:,}" for count in counts), cost)
