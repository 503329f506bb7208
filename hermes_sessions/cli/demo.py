"""The verb `demo`: a sample home to try things on."""

from __future__ import annotations

from pathlib import Path

import click

from .base import json_option
from .terminal import Bar, report


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--sessions", default=60, show_default=True, type=click.IntRange(1), help="Number of sessions.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same conversations.")
@json_option
def demo(folder: Path, sessions: int, seed: int, as_json: bool) -> None:
    """Write a sample Hermes home, dated up to now, to try things on.

    DIR must be new or empty.
    """
    from ..demo import write_home

    with Bar("Writing sessions") as bar:
        of_agent = write_home(folder, sessions=sessions, seed=seed, progress=bar)
    written = f"{sessions} session{'' if sessions == 1 else 's'}, and {of_agent} of the agent,"
    text = f"Wrote {written} to {folder}. To use them, add: --hermes-home {folder}"
    report({"hermes_home": str(folder), "sessions": sessions, "agent_sessions": of_agent}, text, as_json)
