"""The verbs around the trash: delete, restore, trash, purge."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import click

from ..results import Trashed
from .base import DAY, apply_to_each, exit_with, ids_argument, json_option, redact_option
from .home import SelectedHome
from .terminal import masked, print_json, print_table, report, when


@click.command()
@ids_argument
@json_option
@click.pass_obj
def delete(home: SelectedHome, session_ids: Sequence[str], as_json: bool) -> None:
    """Move sessions to the trash."""
    with home.open() as sessions:
        deleted, failed = apply_to_each(session_ids, str, sessions.delete)
    text = "\n".join(f"{session_id}: moved to the trash" for session_id in deleted)
    report({"deleted": list(deleted), "failed": failed}, text, as_json)
    exit_with(failed)


@click.command()
@ids_argument
@json_option
@click.pass_obj
def restore(home: SelectedHome, session_ids: Sequence[str], as_json: bool) -> None:
    """Restore deleted sessions, or ones that were shortened.

    A session that was shortened is restored from its backup.
    """
    with home.open() as sessions:
        restored, failed = apply_to_each(session_ids, str, sessions.restore)
    text = "\n".join(f"{name}: restored, {found.message_count} messages" for name, found in restored.items())
    report({"restored": list(restored), "failed": failed}, text, as_json)
    exit_with(failed)


@click.command()
@redact_option
@json_option
@click.pass_obj
def trash(home: SelectedHome, redact: bool, as_json: bool) -> None:
    """List deleted sessions, last deleted first."""
    with home.open() as sessions:
        print_trashed(sessions.trash(), redact, as_json)


@click.command()
@click.argument("session_ids", metavar="[ID...]", nargs=-1)
@click.option(
    "--older-than", "days", type=click.FloatRange(0), help="Days since they were deleted.  [default: 30]"
)
@click.option("--dry-run", is_flag=True, help="List what would be deleted.")
@redact_option
@json_option
@click.pass_obj
def purge(
    home: SelectedHome,
    /,
    *,
    session_ids: Sequence[str],
    days: float | None,
    dry_run: bool,
    redact: bool,
    as_json: bool,
) -> None:
    """Delete sessions in the trash permanently.

    These are the sessions named, or else all that were deleted more than 30 days ago.
    """
    if session_ids:
        if dry_run or days is not None:
            raise click.UsageError("Name sessions, or select them by --older-than and --dry-run, not both.")
        erase(home, session_ids, as_json)
        return
    older_than = None if days is None else days * DAY
    with home.open() as sessions:
        if dry_run:
            print_trashed(sessions.would_purge(older_than=older_than), redact, as_json)
            return
        count = sessions.purge(older_than=older_than)
    report({"purged": count}, f"{count} deleted permanently", as_json)


def erase(home: SelectedHome, session_ids: Sequence[str], as_json: bool) -> None:
    """Delete permanently all that the trash holds of these sessions; exit with 1 if one has nothing there."""
    with home.open() as sessions:
        erased, failed = apply_to_each(session_ids, str, sessions.erase)
    text = "\n".join(f"{session_id}: deleted permanently" for session_id in erased)
    report({"purged": sum(erased.values()), "failed": failed}, text, as_json)
    exit_with(failed)


def print_trashed(entries: Iterable[Trashed], redact: bool, as_json: bool) -> None:
    """Print deleted sessions as JSON or as a table."""
    if as_json:
        print_json(masked([entry.as_dict() for entry in entries], redact))
        return
    now = time.time()
    rows = [
        (entry.session_id, when(entry.deleted_at, now), str(entry.message_count), entry.why, entry.title)
        for entry in entries
    ]
    print_table(("ID", "DELETED", "MESSAGES", "WHY", "TITLE"), masked(rows, redact))
