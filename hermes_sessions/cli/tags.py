"""The verbs `tag`, `untag` and `tags ...`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from ..messages import mask, mask_all
from .base import exit_with, id_argument, json_option, redact_option
from .groups import OrderedGroup
from .home import SelectedHome
from .terminal import masked, print_json, print_table, report, visible

if TYPE_CHECKING:
    from ..repository import SessionRepository
    from ..results import BulkReport

names_argument = click.argument("names", metavar="NAME...", nargs=-1, required=True)
to_option = click.option("--to", "others", metavar="ID", multiple=True, help="Another session, any number.")


@click.command()
@id_argument
@names_argument
@to_option
@json_option
@click.pass_obj
def tag(
    home: SelectedHome, session_id: str, names: Sequence[str], others: Sequence[str], as_json: bool
) -> None:
    """Add tags to a session, of the web UI or of the agent.

    Words with # before them in a title are tags as well.
    """
    with home.open() as sessions:
        _change(sessions, sessions.tag_many, [session_id, *others], names, as_json)


@click.command()
@id_argument
@names_argument
@click.option("--from", "others", metavar="ID", multiple=True, help="Another session, any number.")
@json_option
@click.pass_obj
def untag(
    home: SelectedHome, session_id: str, names: Sequence[str], others: Sequence[str], as_json: bool
) -> None:
    """Remove tags from a session."""
    with home.open() as sessions:
        _change(sessions, sessions.untag_many, [session_id, *others], names, as_json)


def _change(
    sessions: SessionRepository,
    change: Callable[..., BulkReport],
    session_ids: Sequence[str],
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Change the tags of sessions and print what they have now."""
    failed = change(session_ids, *names).failed
    changed = [sessions.summary(each) for each in dict.fromkeys(session_ids) if each not in failed]
    if as_json:
        entries = [mask_all({"session_id": each.session_id, "tags": list(each.tags)}) for each in changed]
        print_json({"sessions": entries, "failed": mask_all(dict(failed))})
    else:
        for each in changed:
            click.echo(visible(f"{each.session_id}: {mask(', '.join(each.tags)) or 'no tags'}"))
    _print_errors(failed)
    exit_with(failed)


def _print_errors(failed: Mapping[str, str]) -> None:
    for session_id, reason in failed.items():
        click.echo(f"Error: {visible(session_id)}: {visible(mask(reason))}", err=True)


@click.group(cls=OrderedGroup, invoke_without_command=True)
@redact_option
@json_option
@click.pass_context
def tags(context: click.Context, redact: bool, as_json: bool) -> None:
    """List, rename, merge and remove tags."""
    if context.invoked_subcommand:
        return
    home: SelectedHome = context.obj
    with home.open() as sessions:
        counts = sessions.tags()
    if as_json:
        print_json({masked(name, redact): count for name, count in counts.items()})
        return
    print_table(("SESSIONS", "TAG"), [(str(count), masked(name, redact)) for name, count in counts.items()])


@tags.command("rename")
@click.argument("old")
@click.argument("new")
@json_option
@click.pass_obj
def rename_tag(home: SelectedHome, old: str, new: str, as_json: bool) -> None:
    """Give a tag another name, or merge it with the tag of that name."""
    with home.open() as sessions:
        changed = sessions.rename_tag(old, new)
    _report(changed, f"{old} is now {new}", as_json)


@tags.command("remove")
@click.argument("name")
@json_option
@click.pass_obj
def remove_tag(home: SelectedHome, name: str, as_json: bool) -> None:
    """Remove a tag from all sessions."""
    with home.open() as sessions:
        changed = sessions.remove_tag(name)
    _report(changed, f"{name} is removed", as_json)


def _report(changed: BulkReport, outcome: str, as_json: bool) -> None:
    count = f"{len(changed.done)} session{'' if len(changed.done) == 1 else 's'}"
    report(mask_all(changed.as_dict()), mask(f"{outcome} in {count}"), as_json)
    _print_errors(changed.failed)
    exit_with(changed.failed)
