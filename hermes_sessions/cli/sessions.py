"""The verbs that read and change sessions: list, show, rename, pin, archive, move."""

from __future__ import annotations

import time
from typing import Any, Unpack, get_args

import click

from ..messages import mask_all
from ..metadata import MetadataFields
from ..model import Summary, pending, turn_state
from ..results import Page, Sort
from .base import (
    exit_with,
    filter_options,
    json_option,
    off_option,
    redact_option,
    time_option,
)
from .chosen import (
    SessionChoice,
    choose,
    find_id,
    id_argument,
    ids_argument,
    nothing_chosen,
    print_failures,
    where_option,
)
from .complete import complete_ids, complete_sessions_and_projects
from .home import SelectedHome
from .output import Output, output_options, print_csv, print_ids
from .projects import find_project_id, project_names
from .terminal import Bar, masked, print_json, report, visible, visible_text, warn
from .text import CSV_COLUMNS, csv_row, print_heading, print_messages, print_sessions

# ---- reading --------------------------------------------------------------------------------------------


@click.command("list")
@click.option("--limit", type=click.IntRange(1), help="List at most this many.")
@click.option(
    "--after",
    metavar="ID",
    shell_complete=complete_ids,
    help="Continue after this session.",
)
@click.option("--cursor", help="Continue after a page of --json, with its next_cursor.")
@click.option(
    "--sort",
    type=click.Choice(get_args(Sort)),
    default="activity",
    help="The order: the latest activity, pinned first (the default) or not, the creation, the title, the "
    "most messages or costs.",
)
@filter_options
@time_option("--since", help="Only sessions last active at or after this date.")
@time_option("--until", help="Only sessions last active before this date.")
@click.option("--agent", is_flag=True, help="Include the agents' own conversations.")
@click.option("--hidden", is_flag=True, help="Include empty sessions and scheduled jobs.")
@redact_option
@output_options("json", "csv", "ids")
@click.pass_obj
def list_sessions(
    home: SelectedHome,
    /,
    *,
    project: str | None,
    after: str | None,
    cursor: str | None,
    sort: Sort,
    redact: bool,
    output: Output,
    **filters: Any,
) -> None:
    """List sessions, pinned first, then by last activity.

    --sort puts them in another order. A DATE is 2026-01-31, 2026-01, 2026, yesterday, or 7d for the day seven
    days ago.
    """
    if after is not None and cursor is not None:
        raise click.UsageError("Give --after or --cursor, not both.")
    with home.open() as sessions:
        if after is not None:
            cursor = sessions.cursor_after(find_id(sessions, after), sort=sort)
        filters["project_id"] = find_project_id(sessions, project)
        page = sessions.list(sort=sort, cursor=cursor, **filters)
        names = {} if output in ("json", "ids") else project_names(sessions)
    warn(page.warnings)
    if output == "json":
        entries = masked([summary.as_dict() for summary in page.items], redact)
        rest = {"next_cursor": page.next_cursor, "total": page.total, "warnings": page.warnings}
        print_json({"sessions": entries, **rest})
        return
    if output == "ids":
        print_ids(summary.session_id for summary in page)
    elif output == "csv":
        print_csv(CSV_COLUMNS, [csv_row(summary, names, redact) for summary in page])
    else:
        print_sessions(page, names, redact)
    _say_what_follows(page)


def _say_what_follows(page: Page[Summary]) -> None:
    if page.next_cursor:
        count = f"{len(page.items)} of {page.total} sessions"
        click.echo(f"{count}. For more, add: --after {visible(page[-1].session_id)}", err=True)


@click.command()
@id_argument
@click.option("--messages", "limit", type=click.IntRange(0), help="Show only the last messages, this many.")
@click.option("--before", type=click.IntRange(0), help="Show only messages before this index.")
@click.option(
    "--after", type=click.IntRange(0), help="Show messages from this index on, the first ones of --messages."
)
@redact_option
@json_option
@click.pass_obj
def show(home: SelectedHome, /, *, session_id: str, redact: bool, as_json: bool, **part: Any) -> None:
    """Show a session with its messages.

    ID is the id of a session, at least the first four characters of its id, or its title, wherever a verb
    takes an ID.
    """
    with home.open() as sessions:
        summary = sessions.find(session_id)
        page = sessions.messages(summary.session_id, **part)
        names = {} if as_json else project_names(sessions)
    if as_json:
        place = {"_messages_offset": page.offset, "_messages_truncated": page.offset > 0}
        entry = summary.as_dict() | pending(summary) | {"messages": page.messages}
        print_json(masked(entry, redact) | place)
        return
    print_heading(summary, names, redact)
    print_messages(page, redact)
    if state := turn_state(summary, time.time()):
        text = masked(summary.pending_user_message or "", redact)
        click.echo(f"\n{state}: {visible_text(text)}" if text else f"\n{state}")


# ---- changes --------------------------------------------------------------------------------------------


@click.command()
@id_argument
@click.argument("title")
@json_option
@click.pass_obj
def rename(home: SelectedHome, session_id: str, title: str, as_json: bool) -> None:
    """Change the title of a session."""
    with home.open() as sessions:
        summary = sessions.update(find_id(sessions, session_id), title=title)
    text = f"{summary.session_id}: renamed to {mask_all(summary.title)}"
    report(mask_all(summary.as_dict()), text, as_json)


@click.command()
@ids_argument
@where_option
@off_option
@json_option
@click.pass_obj
def pin(home: SelectedHome, names: tuple[str, ...], where: str | None, off: bool, as_json: bool) -> None:
    """Keep sessions at the top of the list."""
    outcome = "no longer pinned" if off else "pinned"
    change_all(home, SessionChoice(names, where).check(), outcome, as_json, pinned=not off)


@click.command()
@ids_argument
@where_option
@off_option
@json_option
@click.pass_obj
def archive(home: SelectedHome, names: tuple[str, ...], where: str | None, off: bool, as_json: bool) -> None:
    """Move sessions to the archive."""
    outcome = "no longer archived" if off else "archived"
    change_all(home, SessionChoice(names, where).check(), outcome, as_json, archived=not off)


@click.command()
@click.argument("words", metavar="ID... PROJECT", nargs=-1, shell_complete=complete_sessions_and_projects)
@click.option("--none", "remove", is_flag=True, help="Remove them from their projects; no PROJECT then.")
@where_option
@json_option
@click.pass_obj
def move(home: SelectedHome, words: tuple[str, ...], remove: bool, where: str | None, as_json: bool) -> None:
    """Move sessions to a project.

    PROJECT is the project's id or name.
    """
    if remove:
        change_all(home, SessionChoice(words, where).check(), "in no project", as_json, project_id=None)
        return
    *names, project = words or ("",)
    if not project or not (names or where is not None):
        raise click.UsageError("Name sessions and a PROJECT, or remove them from their projects with --none.")
    with home.open() as sessions:
        target = sessions.projects.find(project)
    selection = SessionChoice(tuple(names), where).check()
    change_all(home, selection, f"moved to {target.name}", as_json, project_id=target.project_id)


def change_all(
    home: SelectedHome,
    selection: SessionChoice,
    outcome: str,
    as_json: bool,
    **change: Unpack[MetadataFields],
) -> None:
    """Change fields of the sessions that were chosen, print what became of each, and end the program."""
    with home.open() as sessions:
        chosen = choose(sessions, selection, agents=False)
        with Bar("Changing sessions") as bar:
            changed = sessions.update_many(chosen.ids, touch=False, progress=bar, **change)
        done = [session_id for session_id in chosen.ids if session_id not in changed.failed]
        summaries = sessions.find_many(done).summaries if as_json else ()
    failed = {**chosen.failed, **changed.failed}
    entries = [mask_all(summary.as_dict()) for summary in summaries]
    text = "\n".join(f"{session_id}: {outcome}" for session_id in done)
    report({"sessions": entries, "failed": mask_all(failed)}, text, as_json)
    if not as_json:
        nothing_chosen(chosen)
    print_failures(failed)
    exit_with(failed)
