"""The verb `watch`: changes as they come."""

from __future__ import annotations

import json
from contextlib import suppress

import click

from ..errors import NotFound
from ..feed import Changes
from ..repository import SessionRepository
from .base import json_option, redact_option
from .home import SelectedHome
from .terminal import masked, visible

INCOMPLETE = "More may have changed. Read the list again."


@click.command()
@click.option("--since", metavar="TOKEN", help="Begin with the changes since a token that --json printed.")
@click.option("--timeout", type=click.FloatRange(0), help="End after so many seconds without a change.")
@redact_option
@json_option
@click.pass_obj
def watch(
    home: SelectedHome, /, *, since: str | None, timeout: float | None, redact: bool, as_json: bool
) -> None:
    """Print changes of sessions as they come, until Ctrl+C.

    With --json, each line is an object with the ids that `changed` or were `removed`, and a `token`.
    """
    with suppress(KeyboardInterrupt), home.open() as sessions:
        for changes in sessions.watch(since, timeout=timeout):
            if as_json:
                click.echo(json.dumps(changes.as_dict()))
            else:
                _print(sessions, changes, redact)


def _print(sessions: SessionRepository, changes: Changes, redact: bool) -> None:
    if not changes.complete:
        click.echo(INCOMPLETE, err=True)
    for session_id in changes.changed:
        with suppress(NotFound):  # deleted since: the next changes say so
            title = masked(sessions.summary(session_id).title, redact)
            click.echo(f"changed  {visible(session_id)}  {visible(title)}")
    for session_id in changes.removed:
        click.echo(f"removed  {visible(session_id)}")
