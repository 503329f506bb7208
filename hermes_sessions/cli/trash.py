"""The verbs around the trash: delete, restore, trash, purge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import click

from ..messages import mask_all
from ..results import Trashed
from .base import (
    DAY,
    apply_to_each,
    confirm,
    exit_with,
    json_option,
    redact_option,
    refuse_without_terminal,
    yes_option,
)
from .chosen import (
    SessionChoice,
    choose,
    deleted_id_or_name,
    ids_argument,
    nothing_chosen,
    print_failures,
    read_names,
    where_option,
)
from .home import SelectedHome
from .output import Output, output_options, print_csv, print_ids, utc
from .projects import project_names
from .terminal import Bar, masked, print_json, print_table, report, when
from .text import delete_question, print_sessions

deleted_argument = click.argument("names", metavar="ID...", nargs=-1, required=True)
CSV_COLUMNS = ("session_id", "title", "message_count", "deleted_at", "why", "size")
TRASH_COLUMNS = ("ID", "DELETED", "MESSAGES", "WHY", "TITLE")


@click.command()
@ids_argument
@where_option
@click.option("--dry-run", is_flag=True, help="List what would be deleted.")
@yes_option
@redact_option
@json_option
@click.pass_obj
def delete(
    home: SelectedHome,
    /,
    *,
    names: tuple[str, ...],
    where: str | None,
    dry_run: bool,
    yes: bool,
    redact: bool,
    as_json: bool,
) -> None:
    """Move sessions to the trash, after showing them."""
    selection = SessionChoice(names, where).check()
    refuse_without_terminal(yes or dry_run)
    with home.open() as sessions:
        chosen = choose(sessions, selection)
        print_failures(chosen.failed)
        is_shown = not as_json and (dry_run or not yes)
        if not nothing_chosen(chosen) and is_shown:
            print_sessions(chosen.summaries, project_names(sessions), redact)
        if chosen.summaries and not dry_run:
            confirm(delete_question(chosen.summaries), yes=yes)
        with Bar("Deleting sessions") as bar:
            made = sessions.delete_many(chosen.ids, dry_run=dry_run, progress=bar)
    print_failures(made.failed)
    failed = {**chosen.failed, **made.failed}
    text = "" if dry_run else "\n".join(f"{session_id}: moved to the trash" for session_id in made.done)
    report({"deleted": list(made.done), "failed": mask_all(failed)}, text, as_json)
    exit_with(failed)


@click.command()
@deleted_argument
@json_option
@click.pass_obj
def restore(home: SelectedHome, names: tuple[str, ...], as_json: bool) -> None:
    """Restore deleted sessions, or ones that were shortened.

    A session that was shortened is restored from its backup.
    """
    with home.open() as sessions:
        restored, failed = apply_to_each(
            read_names(names), str, lambda name: sessions.restore(deleted_id_or_name(sessions, name))
        )
    done = [(each.session_id, each.message_count) for each in restored.values()]
    text = "\n".join(f"{session_id}: restored, {count} messages" for session_id, count in done)
    report({"restored": [session_id for session_id, _ in done], "failed": failed}, text, as_json)
    exit_with(failed)


@click.command()
@click.option("--limit", type=click.IntRange(1), help="List at most this many sessions, with all versions.")
@click.option("--cursor", help="Continue after the page that named this cursor.")
@redact_option
@output_options("json", "csv", "ids")
@click.pass_obj
def trash(
    home: SelectedHome, /, *, limit: int | None, cursor: str | None, redact: bool, output: Output
) -> None:
    """List deleted sessions, last deleted first.

    With --limit or --cursor, the versions of a session stand together, and standard error says how to go on.
    """
    with home.open() as sessions:
        if limit is None and cursor is None:
            print_trashed(sessions.trash(), redact, output)
            return
        page = sessions.trashed(limit=limit, cursor=cursor)
    print_trashed([version for each in page for version in each.versions], redact, output)
    if page.next_cursor:
        count = f"{len(page.items)} of {page.total} sessions"
        click.echo(f"{count}. For more, add: --cursor {page.next_cursor}", err=True)


@click.command()
@click.argument("names", metavar="[ID...]", nargs=-1)
@click.option(
    "--older-than", "days", type=click.FloatRange(0), help="Days since they were deleted.  [default: 30]"
)
@click.option("--dry-run", is_flag=True, help="List what would be deleted.")
@yes_option
@redact_option
@json_option
@click.pass_obj
def purge(
    home: SelectedHome,
    /,
    *,
    names: tuple[str, ...],
    days: float | None,
    dry_run: bool,
    yes: bool,
    redact: bool,
    as_json: bool,
) -> None:
    """Delete sessions in the trash permanently, after showing them.

    These are the sessions named, or else all that were deleted more than 30 days ago.
    """
    if names and (dry_run or days is not None):
        raise click.UsageError("Name sessions, or select them by --older-than and --dry-run, not both.")
    refuse_without_terminal(yes or dry_run)
    output: Output = "json" if as_json else "table"
    if names:
        erase(home, names, yes, redact, as_json)
        return
    older_than = None if days is None else days * DAY
    with home.open() as sessions:
        if dry_run or not yes:
            found = sessions.would_purge(older_than=older_than)
            if dry_run or not as_json:
                print_trashed(found, redact, output)
            if dry_run:
                return
            confirm_purge(len(found), yes)
        count = sessions.purge(older_than=older_than)
    report({"purged": count}, f"{count} deleted permanently", as_json)


def confirm_purge(count: int, yes: bool) -> None:
    """Ask before something is deleted that cannot be restored."""
    if count:
        confirm(f"Delete {count} session{'' if count == 1 else 's'} permanently?", yes=yes)


def erase(home: SelectedHome, names: Sequence[str], yes: bool, redact: bool, as_json: bool) -> None:
    """Delete permanently all that the trash holds of these sessions; exit with 1 if one has nothing there."""
    with home.open() as sessions:
        found, unknown = apply_to_each(read_names(names), str, partial(deleted_id_or_name, sessions))
        if not yes:
            ids = set(found.values())
            shown = [entry for entry in sessions.trash() if entry.session_id in ids]
            if not as_json:
                print_trashed(shown, redact, "table")
            confirm_purge(len(shown), yes)
        erased, failed = apply_to_each(dict.fromkeys(found.values()), str, sessions.erase)
    text = "\n".join(f"{session_id}: deleted permanently" for session_id in erased)
    failed = {**unknown, **failed}
    report({"purged": sum(erased.values()), "failed": failed}, text, as_json)
    exit_with(failed)


def print_trashed(entries: Sequence[Trashed], redact: bool, output: Output) -> None:
    """Print deleted sessions."""
    if output == "json":
        print_json(masked([entry.as_dict() for entry in entries], redact))
    elif output == "ids":
        print_ids(dict.fromkeys(entry.session_id for entry in entries))
    elif output == "csv":
        print_csv(CSV_COLUMNS, [_csv_row(entry, redact) for entry in entries])
    else:
        now = time.time()
        rows = [
            (entry.session_id, when(entry.deleted_at, now), str(entry.message_count), entry.why, entry.title)
            for entry in entries
        ]
        print_table(TRASH_COLUMNS, masked(rows, redact), ("WHY", "MESSAGES", "DELETED"))


def _csv_row(entry: Trashed, redact: bool) -> tuple[object, ...]:
    title, deleted = masked(entry.title, redact), utc(entry.deleted_at)
    return (entry.session_id, title, entry.message_count, deleted, entry.why, entry.size)
