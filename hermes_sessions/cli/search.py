"""The verb `search`: conversations by their titles and messages, best match first."""

from __future__ import annotations

import sys
import time
from typing import Any, get_args

import click

from ..hits import MATCH_END, MATCH_START, Hit, Hits, Scope
from .base import exit_with, filter_options, no_agent_option, redact_option, time_option
from .home import SelectedHome
from .output import Output, output_options, print_csv, print_ids, utc
from .projects import find_project_id
from .terminal import Bar, print_json, visible, warn, when
from .words import WordsCommand

CSV_COLUMNS = (
    *("session_id", "title", "match", "segment_id", "message_index", "source", "last_message_at", "snippet"),
)
WITHOUT_MARKS = str.maketrans("", "", MATCH_START + MATCH_END)


@click.command(cls=WordsCommand)
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="Find at most this many."
)
@click.option("--offset", type=click.IntRange(0), default=0, help="Skip the first matches, this many.")
@click.option("--scope", type=click.Choice(get_args(Scope)), default="all", show_default=True)
@filter_options
@click.option(
    "--role", type=click.Choice(("user", "assistant", "tool", "system")), help="Only messages of this role."
)
@time_option("--since", help="Only messages sent at or after this date.")
@time_option("--until", help="Only messages sent before this date.")
@no_agent_option
@click.option("--hidden", is_flag=True, help="Include scheduled jobs.")
@redact_option
@output_options("json", "csv", "ids")
@click.pass_obj
def search(
    home: SelectedHome,
    /,
    *,
    text: tuple[str, ...],
    project: str | None,
    redact: bool,
    output: Output,
    **options: Any,
) -> None:
    """Search titles and messages.

    TEXT is words, "phrases", -word to exclude it, or word* for its beginning; `hermes-sessions help query`
    has the rest. Parts of identifiers and scripts without spaces (中文) are found too. Options begin with two
    dashes: one dash always excludes a word.

    Exits with 1 if nothing matches.
    """
    with home.open() as sessions:
        project_id = find_project_id(sessions, project)
        with Bar("Reading transcripts") as bar:
            sessions.complete_search(progress=bar)
        hits = sessions.search(" ".join(text), project_id=project_id, redact=redact, **options)
    print_hits(hits, output)
    warn([*_missing(hits), *hits.warnings])
    if output == "table" and sys.stdout.isatty():
        _print_end(hits)
    exit_with(not hits)


def _print_end(hits: Hits) -> None:
    """Say how many conversations match if not all of them are printed."""
    if not hits:
        click.echo("Nothing found.", err=True)
    elif len(hits) < hits.total:
        click.echo(f"{len(hits):,} of {hits.total:,} conversations.", err=True)


def print_hits(hits: Hits, output: Output) -> None:
    """Print hits."""
    if output == "ids":
        print_ids(hit.session_id for hit in hits)
        return
    if output == "csv":
        print_csv(CSV_COLUMNS, map(_csv_row, hits))
        return
    if output == "json":
        entries = [hit.as_dict() | {"last_message_at": hit.summary.last_message_at} for hit in hits]
        found = {"hits": entries, "total": hits.total, "partial": hits.partial, "missing": hits.missing}
        print_json({**found, "corrections": hits.corrections})
        return
    for typed, searched in hits.corrections:
        click.echo(f"Nothing has {visible(typed)}. These have {visible(searched)}.")
    for hit in hits:
        click.secho(visible(hit.title.translate(WITHOUT_MARKS)), bold=True)
        click.echo(f"  {_place(hit)}")
        if hit.message_index is not None:
            click.echo(f"  {_highlighted(hit.snippet)}")
        if hit.missing:
            click.echo(f"  without {', '.join(map(visible, hit.missing))}")


def _csv_row(hit: Hit) -> tuple[object, ...]:
    title, active = hit.title.translate(WITHOUT_MARKS), utc(hit.summary.last_message_at)
    place = (hit.match, hit.segment_id, hit.message_index, hit.source, active)
    return (hit.session_id, title, *place, hit.preview)


def _place(hit: Hit) -> str:
    message = "" if hit.message_index is None else f", message {hit.message_index}"
    source = "" if hit.source == "webui" else f", {hit.source}"
    return f"{hit.segment_id}{message}{source}, {when(hit.summary.last_message_at, time.time())}"


def _highlighted(snippet: str) -> str:
    """Return a snippet with its matches in another colour, on a terminal with colours."""
    parts = snippet.replace(MATCH_END, MATCH_START).split(MATCH_START)
    return "".join(
        click.style(visible(part), fg="yellow", bold=True) if at % 2 else visible(part)
        for at, part in enumerate(parts)
    )


def _missing(hits: Hits) -> list[str]:
    return [f"{hits.missing} sessions could not be searched"] if hits.missing else []
