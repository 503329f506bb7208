"""The verbs that look after a home: check, repair, why, recover, backup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from ..finding_words import by_conversation, words_of
from ..findings import Finding
from ..model import Summary
from ..repository import SessionRepository, upgrades
from .base import apply_to_each, exit_with, json_option
from .chosen import (
    SessionChoice,
    choose,
    choose_ids,
    id_argument,
    id_or_name,
    ids_argument,
    nothing_chosen,
    print_failures,
    read_names,
    where_option,
)
from .home import SelectedHome
from .terminal import Bar, print_json, report, visible, warn

# ---- problems -------------------------------------------------------------------------------------------


NO_PROBLEMS = "No problems found."
NOT_READ = "Files and databases were not read to their end: check --deep does that."


@click.command()
@click.option("--deep", is_flag=True, help="Read every file and every database to its end.")
@json_option
@click.pass_obj
def check(home: SelectedHome, deep: bool, as_json: bool) -> None:
    """Report problems, changing nothing but a corrupt index.

    That one is built again from the files.

    Exits with 1 if there are any.
    """
    outdated = upgrades.outdated(home.config())
    if outdated:
        print_findings([outdated], as_json)
        return
    # Opening syncs, which would hide problems.
    with home.open_without_sync() as sessions:
        findings = sessions.check(deep=deep)
    print_findings(findings, as_json, NO_PROBLEMS if deep else f"{NO_PROBLEMS} {NOT_READ}")


@click.command()
@click.option("--apply", is_flag=True, help="Repair them, after a copy of the index, and check again.")
@json_option
@click.pass_obj
def repair(home: SelectedHome, apply: bool, as_json: bool) -> None:
    """Report problems that can be repaired, or repair them."""
    outdated = None if apply else upgrades.outdated(home.config())
    if outdated:
        print_findings([outdated], as_json)
        return
    with home.open_without_sync() as sessions:
        repaired = sessions.repair(apply=apply)
    if apply and not as_json:
        click.echo(repaired.text)
    print_findings(repaired.left if apply else repaired.repairable, as_json)


def print_findings(findings: Sequence[Finding], as_json: bool, none: str = NO_PROBLEMS) -> None:
    """Print findings; exit with 1 if one is more than a note."""
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        click.echo("\n".join(_finding_lines(findings)) or none)
    exit_with([finding for finding in findings if not finding.note])


def _finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the findings, lost changes of a session as one, and with the first of each sort its meaning."""
    explained = set[str]()
    for finding in by_conversation(findings):
        yield finding_text(finding)
        words = words_of(finding)
        if words.title not in explained:
            explained.add(words.title)
            yield f"    {words.title}. {words.explanation}"


def finding_text(finding: Finding) -> str:
    """Return a finding as two lines: what it is about and its meaning, and what to do."""
    kind = f"{finding.kind} (note)" if finding.note else finding.kind
    session = f" {finding.session_id}{_name(finding)}:" if finding.session_id else ""
    return f"{visible(f'{kind}:{session} {finding.meaning}')}\n    {visible(finding.remedy)}"


def _name(finding: Finding) -> str:
    """Return what follows the id: the session's name, unless that is all that the meaning begins with."""
    said_anyway = finding.name is None or finding.meaning.startswith(finding.name)
    return "" if said_anyway else f" ({finding.name})"


@click.command()
@id_argument
@json_option
@click.pass_obj
def why(home: SelectedHome, session_id: str, as_json: bool) -> None:
    """Explain where a session is and why lists hide it."""
    with home.open() as sessions:
        session_id = id_or_name(sessions, session_id)
        reasons = sessions.why(session_id)
    report({"session_id": session_id, "why": reasons}, "\n".join(map(visible, reasons)), as_json)


@click.command()
@ids_argument
@where_option
@click.option("--alive", multiple=True, metavar="STREAM", help="A stream that is still running; repeatable.")
@json_option
@click.pass_obj
def recover(
    home: SelectedHome, names: tuple[str, ...], where: str | None, alive: Sequence[str], as_json: bool
) -> None:
    """Close the interrupted turns of sessions.

    A turn is interrupted if its stream no longer runs: --where is:interrupted finds all.
    """
    choice = SessionChoice(names, where).check()
    with home.open() as sessions:
        chosen = choose(sessions, choice, agents=False)
        print_failures(chosen.failed)
        done, failed = apply_to_each(chosen.ids, str, partial(sessions.recover, alive=alive))
    outcomes = {
        session_id: "no interrupted turn" if each is None else f"recovered, {each.message_count} messages"
        for session_id, each in done.items()
    }
    text = "\n".join(f"{session_id}: {outcome}" for session_id, outcome in outcomes.items())
    failed = {**chosen.failed, **failed}
    recovered = [session_id for session_id, each in done.items() if each is not None]
    report({"recovered": recovered, "failed": failed}, text, as_json)
    if not as_json:
        nothing_chosen(chosen)
    exit_with(failed)


@click.command("put-back")
@ids_argument
@where_option
@click.option("--keep-theirs", is_flag=True, help="Keep what the other program wrote, and say no more of it.")
@json_option
@click.pass_obj
def put_back(
    home: SelectedHome, names: tuple[str, ...], where: str | None, keep_theirs: bool, as_json: bool
) -> None:
    """Make the changes again that another program has overwritten.

    A title, a pin, an archive flag or a project is set again. Messages that you added are added at the end,
    and messages that you removed are removed again; what the other program added stays, and a backup is kept.
    A session that you deleted, and that another program wrote again, is deleted again.
    """
    choice = SessionChoice(names, where).check()
    with home.open() as sessions:
        change = sessions.lost.keep_theirs if keep_theirs else sessions.lost.put_back
        ids, unknown = choose_ids(sessions, choice)
        done, failed = apply_to_each(ids, str, change)
    failed = {**unknown, **failed}
    text = "\n".join(
        f"{session_id}: {_put_back_text(summary, keep_theirs=keep_theirs)}"
        for session_id, summary in done.items()
    )
    report({"kept" if keep_theirs else "put_back": list(done), "failed": failed}, text, as_json)
    exit_with(failed)


def _put_back_text(summary: Summary | None, *, keep_theirs: bool) -> str:
    if keep_theirs:
        return "kept as the other program wrote it"
    return "moved to the trash again" if summary is None else "put back"


@click.command("undo-change")
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@json_option
@click.pass_obj
def undo_change(home: SelectedHome, names: tuple[str, ...], as_json: bool) -> None:
    """Take back what recover, put-back or restore did to sessions.

    The latest such change of each session is undone as a whole: its messages, its fields, its backups and its
    trash are as they were. A restore is one if it brought a longer version back. If a session was changed
    since, nothing of it is undone. Changes are kept for 30 days.
    """
    with home.open() as sessions:
        ids, unknown = apply_to_each(read_names(names), str, partial(id_or_name, sessions))
        done, failed = apply_to_each(dict.fromkeys(ids.values()), str, sessions.undo_change)
    failed = {**unknown, **failed}
    text = "\n".join(f"{session_id}: undone" for session_id in done)
    report({"undone": list(done), "failed": failed}, text, as_json)
    exit_with(failed)


# ---- backups --------------------------------------------------------------------------------------------


@click.command()
@click.option("--verify", is_flag=True, help="Check the backup in DIR instead of making one.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def backup(home: SelectedHome, verify: bool, folder: Path, as_json: bool) -> None:
    """Copy everything to a folder, or verify such a copy.

    A backup holds every session, the trash, the projects and the index. DIR must be new or empty.
    """
    if verify:
        verify_backup(folder, as_json)
        return
    with home.open() as sessions, Bar("Copying") as bar:
        made = sessions.backup(folder, progress=bar)
    skipped = "".join(f"\nskipped {visible(name)}: not a regular file" for name in made.skipped)
    report(asdict(made), f"{made.files} files, {made.bytes:,} bytes in {folder}{skipped}", as_json)


def verify_backup(folder: Path, as_json: bool) -> None:
    """Print what is wrong with a backup; exit with 1 if anything is."""
    verification = SessionRepository.verify_backup(folder)
    warn(verification.notes)
    text = "\n".join(map(visible, verification.problems)) or "The backup is complete and unchanged."
    report({"problems": list(verification.problems)}, text, as_json)
    exit_with(verification.problems)
