"""The verbs that read and change sessions: list, show, rename, pin, archive, move."""

from __future__ import annotations

from typing import Any, get_args

import click

from ..messages import mask_all
from ..model import Summary, pending
from ..results import Sort
from .base import filter_options, id_argument, json_option, off_option, redact_option, time_option
from .home import SelectedHome
from .projects import find_project_id, project_names
from .terminal import masked, print_json, print_table, report, visible_text, warn
from .text import LIST_COLUMNS, list_row, print_heading, print_messages

# ---- reading --------------------------------------------------------------------------------------------


@click.command("list")
@click.option("--limit", type=click.IntRange(1), help="List at most this many.")
@click.option("--cursor", help="Continue where a list with --limit ended.")
@click.option(
    "--sort",
    type=click.Choice(get_args(Sort)),
    default="activity",
    help="The order: the latest activity (the default), the creation, the title, the most messages or costs.",
)
@filter_options
@time_option("--since", help="Only sessions last active at or after this date.")
@time_option("--until", help="Only sessions last active before this date.")
@click.option("--agent", is_flag=True, help="Include the agents' own conversations.")
@click.option("--hidden", is_flag=True, help="Include empty sessions and scheduled jobs.")
@redact_option
@json_option
@click.pass_obj
def list_sessions(
    home: SelectedHome, /, *, project: str | None, redact: bool, as_json: bool, **filters: Any
) -> None:
    """List sessions, pinned first, then by last activity.

    With --sort, they are in that order instead. A DATE is 2026-01-31, 2026-01, 2026, yesterday, or 7d for
    the day seven days ago.
    """
    with home.open() as sessions:
        page = sessions.list(project_id=find_project_id(sessions, project), **filters)
        names = {} if as_json else project_names(sessions)
    warn(page.warnings)
    if as_json:
        entries = masked([summary.as_dict() for summary in page.items], redact)
        rest = {"next_cursor": page.next_cursor, "total": page.total, "warnings": page.warnings}
        print_json({"sessions": entries, **rest})
        return
    print_table(LIST_COLUMNS, [list_row(summary, names, redact) for summary in page.items])
    if page.next_cursor:
        count = f"{len(page.items)} of {page.total} sessions"
        click.echo(f"{count}. For more, add: --cursor {page.next_cursor}", err=True)


@click.command()
@id_argument
@click.option("--messages", "limit", type=click.IntRange(0), help="Show only the last messages, this many.")
@click.option("--before", type=click.IntRange(0), help="Show only messages before this index.")
@redact_option
@json_option
@click.pass_obj
def show(home: SelectedHome, /, *, session_id: str, redact: bool, as_json: bool, **part: Any) -> None:
    """Show a session with its messages."""
    with home.open() as sessions:
        summary = sessions.summary(session_id)
        page = sessions.messages(session_id, **part)
        names = {} if as_json else project_names(sessions)
    if as_json:
        place = {"_messages_offset": page.offset, "_messages_truncated": page.offset > 0}
        entry = summary.as_dict() | pending(summary) | {"messages": page.messages}
        print_json(masked(entry, redact) | place)
        return
    print_heading(summary, names, redact)
    print_messages(page, redact)
    if summary.waiting:
        text = masked(summary.pending_user_message or "", redact)
        click.echo(f"\nwaiting for an answer to: {visible_text(text)}")


# ---- changes --------------------------------------------------------------------------------------------


@click.command()
@id_argument
@click.argument("title")
@json_option
@click.pass_obj
def rename(home: SelectedHome, session_id: str, title: str, as_json: bool) -> None:
    """Change the title of a session."""
    with home.open() as sessions:
        summary = sessions.update(session_id, title=title)
    report_change(summary, f"renamed to {mask_all(summary.title)}", as_json)


@click.command()
@id_argument
@off_option
@json_option
@click.pass_obj
def pin(home: SelectedHome, session_id: str, off: bool, as_json: bool) -> None:
    """Keep a session at the top of the list."""
    with home.open() as sessions:
        summary = sessions.update(session_id, touch=False, pinned=not off)
    report_change(summary, "pinned" if summary.pinned else "no longer pinned", as_json)


@click.command()
@id_argument
@off_option
@json_option
@click.pass_obj
def archive(home: SelectedHome, session_id: str, off: bool, as_json: bool) -> None:
    """Move a session to the archive."""
    with home.open() as sessions:
        summary = sessions.update(session_id, touch=False, archived=not off)
    report_change(summary, "archived" if summary.archived else "no longer archived", as_json)


@click.command()
@id_argument
@click.argument("project", required=False)
@click.option("--none", "remove", is_flag=True, help="Remove it from its project.")
@json_option
@click.pass_obj
def move(home: SelectedHome, session_id: str, project: str | None, remove: bool, as_json: bool) -> None:
    """Move a session to a project.

    PROJECT is the project's id or name.
    """
    if (project is None) != remove:
        raise click.UsageError("Name a PROJECT, or give --none to remove the session from its project.")
    with home.open() as sessions:
        target = None if project is None else sessions.projects.find(project)
        summary = sessions.update(session_id, touch=False, project_id=target.project_id if target else None)
    report_change(summary, f"moved to {target.name}" if target else "in no project", as_json)


def report_change(summary: Summary, outcome: str, as_json: bool) -> None:
    """Print a session after a change."""
    report(mask_all(summary.as_dict()), f"{summary.session_id}: {outcome}", as_json)
