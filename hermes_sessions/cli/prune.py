"""The verb `prune`: sessions moved to the trash by a rule, after they were shown."""

from __future__ import annotations

from typing import Any

import click

from ..messages import mask_all
from .base import (
    DAY,
    confirm,
    exit_with,
    filter_options,
    json_option,
    redact_option,
    refuse_without_terminal,
    time_option,
    yes_option,
)
from .chosen import print_failures
from .home import SelectedHome
from .projects import find_project_id, project_names
from .terminal import Bar, print_json, report
from .text import delete_question, print_sessions


@click.command()
@click.option("--older-than", "days", type=click.FloatRange(0), help="Days since they were last active.")
@click.option("--fewer-than", type=click.IntRange(1), help="Only sessions with fewer messages than this.")
@filter_options
@time_option("--since", help="Only sessions last active at or after this date.")
@time_option("--until", help="Only sessions last active before this date.")
@click.option("--agent", is_flag=True, help="Include the agents' own conversations.")
@click.option("--hidden", is_flag=True, help="Include empty sessions and scheduled jobs.")
@click.option("--dry-run", is_flag=True, help="List what would be deleted.")
@yes_option
@redact_option
@json_option
@click.pass_obj
def prune(
    home: SelectedHome,
    /,
    *,
    days: float | None,
    project: str | None,
    dry_run: bool,
    yes: bool,
    redact: bool,
    as_json: bool,
    **rule: Any,
) -> None:
    """Move sessions to the trash by a rule, after showing them.

    Say at least --older-than, --fewer-than or a filter. All that is given must apply. Pinned sessions are
    kept unless --pinned is given, and those that wait for an answer unless --interrupted is.
    """
    refuse_without_terminal(yes or dry_run)
    with home.open() as sessions:
        rule |= {"older_than": None if days is None else days * DAY}
        rule["project_id"] = find_project_id(sessions, project)
        found = sessions.prune(**rule, dry_run=True)
        shown = [sessions.summary(each) for each in found.done]
        if dry_run and as_json:
            print_json(found.as_dict())
            exit_with(found.failed)
        if not as_json:
            names = project_names(sessions)
            print_sessions(shown, names, redact)
        if dry_run or not shown:
            report(found.as_dict(), "" if shown else "Nothing to delete.", as_json)
            exit_with(found.failed)
        confirm(delete_question(shown), yes=yes)
        still = set(sessions.prune(**rule, dry_run=True).done)
        with Bar("Deleting sessions") as bar:
            done = sessions.delete_many([each for each in found.done if each in still], progress=bar)
    print_failures(done.failed)
    text = f"{len(done.done)} moved to the trash. `hermes-sessions restore ID` brings one back."
    report(mask_all(done.as_dict()), text, as_json)
    exit_with(done.failed)
