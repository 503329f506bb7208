"""The verbs that look after a home: the trash, what is wrong and what mends it, backups."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import click

from ..care import backup as backups
from ..index import upgrades
from ..repository import SessionRepository
from ..results import Finding, Trashed, mended, told_repair
from .base import Home, each, json_option, redact_option
from .terminal import Bar, ago, masked, print_json, print_table, report, visible, warn

DAY = 86_400


# ---- the trash ------------------------------------------------------------------------------------------


@click.command()
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
@json_option
@click.pass_obj
def restore(home: Home, session_ids: Sequence[str], as_json: bool) -> None:
    """Give back deleted sessions, or the backup of one that was shortened."""
    with home.open() as sessions:
        done, failed = each(session_ids, str, lambda name: sessions.restore(name).message_count)
    said = "\n".join(f"{name}: given back, {count} messages" for name, count in done.items())
    report({"restored": list(done), "failed": failed}, said, as_json)
    sys.exit(1 if failed else 0)


@click.command()
@redact_option
@json_option
@click.pass_obj
def trash(home: Home, redact: bool, as_json: bool) -> None:
    """List what lies in the trash, the latest first."""
    with home.open() as sessions:
        print_trashed(sessions.trash(), redact, as_json)


def print_trashed(found: Iterable[Trashed], redact: bool, as_json: bool) -> None:
    """Print deleted sessions as JSON or as a table."""
    if as_json:
        print_json(masked([each.as_dict() for each in found], redact))
        return
    rows = [
        (each.session_id, ago(each.deleted_at, time.time()), str(each.message_count), each.why, each.title)
        for each in found
    ]
    print_table(("ID", "DELETED", "MESSAGES", "WHY", "TITLE"), masked(rows, redact))


@click.command()
@click.argument("session_ids", metavar="[ID...]", nargs=-1)
@click.option("--older-than", "days", type=click.FloatRange(0), help="Days in the trash.  [default: 30]")
@click.option("--dry-run", is_flag=True, help="Only list what would be erased.")
@redact_option
@json_option
@click.pass_obj
def purge(
    home: Home,
    /,
    *,
    session_ids: Sequence[str],
    days: float | None,
    dry_run: bool,
    redact: bool,
    as_json: bool,
) -> None:
    """Erase for good what has been in the trash for long, or what is there of the sessions named."""
    if session_ids:
        if dry_run or days is not None:
            raise click.UsageError("name sessions, or say which by --older-than and --dry-run")
        erase(home, session_ids, as_json)
    older_than = None if days is None else days * DAY
    with home.open() as sessions:
        if dry_run:
            print_trashed(sessions.would_purge(older_than=older_than), redact, as_json)
            return
        count = sessions.purge(older_than=older_than)
    report({"purged": count}, f"{count} erased", as_json)


def erase(home: Home, session_ids: Sequence[str], as_json: bool) -> NoReturn:
    """Erase for good what is in the trash of these sessions; leave with 1 if that is nothing of one."""
    with home.open() as sessions:
        done, failed = each(session_ids, str, sessions.erase)
    said = "\n".join(f"{name}: erased" for name in done)
    report({"purged": sum(done.values()), "failed": failed}, said, as_json)
    sys.exit(1 if failed else 0)


# ---- what is wrong --------------------------------------------------------------------------------------


@click.command()
@click.option("--deep", is_flag=True, help="Read and parse every file.")
@json_option
@click.pass_obj
def check(home: Home, deep: bool, as_json: bool) -> None:
    """Say what is wrong and what would mend it, changing nothing; exit with 1 if anything is."""
    old = old_revision(home)
    if old is not None:  # to look further would upgrade it
        print_findings([old], as_json)
    # Not opened: opening syncs, and would mend what is to be found.
    with SessionRepository(home.config()) as sessions:
        print_findings(sessions.check(deep=deep), as_json)


def old_revision(home: Home) -> Finding | None:
    """Return that the index is of an older program, if it is."""
    revision, newest = upgrades.revision(home.config()), upgrades.revisions()[-1]
    if revision in (None, newest):
        return None
    words = f"the index is of revision {revision}, this program's is {newest}; the rest was not checked"
    return Finding("old revision", None, words, "hermes-sessions db upgrade")


@click.command()
@click.option("--apply", is_flag=True, help="Do it, after a copy of the index, and check again.")
@json_option
@click.pass_obj
def repair(home: Home, apply: bool, as_json: bool) -> None:
    """Say what can be mended without asking; with --apply do it."""
    old = None if apply else old_revision(home)
    if old is not None:
        print_findings([old], as_json)
    with SessionRepository(home.config()) as sessions:
        mendable = sessions.repair()
        found = sessions.repair(apply=True) if apply else mendable
    if apply and not as_json:
        click.echo(told_repair(mended(mendable, found), found))
    print_findings(found, as_json)


def print_findings(found: Sequence[Finding], as_json: bool) -> NoReturn:
    """Print findings; leave with 1 if one is more than a note."""
    if as_json:
        print_json([finding.as_dict() for finding in found])
    else:
        for finding in found:
            whose = f" {finding.session_id}:" if finding.session_id else ""
            kind = f"{finding.kind} (note)" if finding.note else finding.kind
            click.echo(visible(f"{kind}:{whose} {finding.meaning}"))
            click.echo(visible(f"    {finding.remedy}"))
        if not found:
            click.echo("nothing found")
    sys.exit(1 if any(not finding.note for finding in found) else 0)


@click.command()
@click.argument("session_id", metavar="ID")
@json_option
@click.pass_obj
def why(home: Home, session_id: str, as_json: bool) -> None:
    """Say where a session is, whether the lists show it, and which rule hides it."""
    with home.open() as sessions:
        said = sessions.why(session_id)
    report({"session_id": session_id, "why": said}, "\n".join(map(visible, said)), as_json)


@click.command()
@click.argument("session_id", metavar="ID")
@click.option("--alive", multiple=True, help="A stream that still runs; may be given several times.")
@json_option
@click.pass_obj
def recover(home: Home, session_id: str, alive: Sequence[str], as_json: bool) -> None:
    """Close the interrupted turn of a session whose stream is dead."""
    with home.open() as sessions:
        found = sessions.recover(session_id, alive=alive)
    said = "nothing to recover" if found is None else f"recovered, {found.message_count} messages"
    result: dict[str, Any] = {"session_id": session_id, "recovered": found is not None}
    report(result, f"{session_id}: {said}", as_json)


# ---- backups --------------------------------------------------------------------------------------------


@click.command()
@click.option("--verify", is_flag=True, help="Read a backup and say what is wrong with it.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def backup(home: Home, verify: bool, folder: Path, as_json: bool) -> None:
    """Copy every session, the trash, the projects and the index into DIR, which must be new or empty."""
    if verify:
        problems = backups.verify(folder)
        warn(() if problems else backups.notes(folder))
        report_problems(problems, as_json)
        return
    with home.open() as sessions, Bar("Copying") as bar:
        made = sessions.backup(folder, progress=bar)
    skipped = "".join(f"\nleft out, no regular file: {visible(name)}" for name in made.skipped)
    report(asdict(made), f"{made.files} files, {made.bytes:,} bytes in {folder}{skipped}", as_json)


def report_problems(problems: Sequence[str], as_json: bool) -> None:
    """Print what is wrong with a backup; leave with 1 if anything is."""
    said = "\n".join(map(visible, problems)) or "all of it is there, as it was copied"
    report({"problems": list(problems)}, said, as_json)
    sys.exit(1 if problems else 0)
