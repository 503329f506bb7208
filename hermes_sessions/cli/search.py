"""The verb that searches: titles and transcripts, the best first, with what stands around each match."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from ..results import MATCH_END, MATCH_START, Hit, Hits
from .base import Home, json_option, moment, redact_option
from .projects import find_project
from .terminal import Bar, ago, print_json, visible, warn
from .text import SOURCES

MARKS = str.maketrans("", "", MATCH_START + MATCH_END)


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Leave out the first so many.")
@click.option("--scope", type=click.Choice(("all", "title", "content")), default="all", show_default=True)
@click.option("--profile", help="Only sessions of this profile.")
@click.option("--project", help="Only sessions of this project, by its id or name.")
@click.option("--source", type=click.Choice(SOURCES), help="Only sessions that began there.")
@click.option("--archived/--no-archived", default=None, help="Only archived ones, or none of them.")
@click.option("--role", type=click.Choice(("user", "assistant", "tool", "system")), help="Who said it.")
@click.option("--since", callback=moment, metavar="DATE", help="Only what was said at or after this date.")
@click.option("--until", callback=moment, metavar="DATE", help="Only what was said before this date.")
@click.option("--agent/--no-agent", default=True, help="With the agents' conversations.  [default: with]")
@click.option("--hidden", is_flag=True, help="Also what the sidebar hides: scheduled jobs.")
@redact_option
@json_option
@click.pass_obj
def search(
    home: Home, /, *, text: tuple[str, ...], project: str | None, redact: bool, as_json: bool, **how: Any
) -> None:
    """Find conversations: words, "phrases", -without, begin*, parts of identifiers, 中文.

    Exits with 1 if nothing is found.
    """
    with home.open() as sessions:
        project_id = None if project is None else find_project(sessions, project).project_id
        with Bar("Reading transcripts") as bar:
            sessions.complete_search(progress=bar)
        hits = sessions.search(" ".join(text), project_id=project_id, redact=redact, **how)
    print_hits(hits, as_json)
    warn([*_missing(hits), *hits.warnings])
    sys.exit(0 if hits else 1)


def print_hits(hits: Hits, as_json: bool) -> None:
    """Print what was found, as JSON or for people."""
    if as_json:
        found = [hit.as_dict() | {"last_message_at": hit.summary.last_message_at} for hit in hits]
        print_json({"hits": found, "partial": hits.partial, "missing": hits.missing})
        return
    for hit in hits:
        click.secho(visible(hit.title.translate(MARKS)), bold=True)
        click.echo(f"  {_where(hit)}")
        if hit.match == "content":
            click.echo(f"  {_marked(hit.snippet)}")


def _where(hit: Hit) -> str:
    place = "" if hit.message_index is None else f", message {hit.message_index}"
    source = "" if hit.source == "webui" else f", {hit.source}"
    return f"{hit.segment_id}{place}{source}, {ago(hit.summary.last_message_at, time.time())}"


def _marked(snippet: str) -> str:
    """Return a snippet whose matches stand out, on a terminal that can show it."""
    parts = snippet.replace(MATCH_END, MATCH_START).split(MATCH_START)
    return "".join(
        click.style(visible(part), fg="yellow", bold=True) if at % 2 else visible(part)
        for at, part in enumerate(parts)
    )


def _missing(hits: Hits) -> list[str]:
    return [f"{hits.missing} sessions could not be searched"] if hits.missing else []
