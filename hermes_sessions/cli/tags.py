"""The verbs `tag`, `untag` and `tags ...`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..messages import mask, mask_all
from .base import confirm, exit_with, json_option, redact_option, refuse_without_terminal, yes_option
from .chosen import SessionChoice, choose, nothing_chosen, print_failures, where_option
from .complete import complete_ids, complete_sessions_and_tags, complete_tags
from .groups import OrderedGroup
from .home import SelectedHome
from .output import Output, output_options, print_csv
from .terminal import Bar, masked, print_json, print_table, report, visible

if TYPE_CHECKING:
    from ..repository import SessionRepository
    from ..results import BulkReport

words_argument = click.argument(
    "words", metavar="ID NAME...", nargs=-1, required=True, shell_complete=complete_sessions_and_tags
)


def others_option(name: str) -> Callable[[Any], Any]:
    """Return the option for more sessions than the first."""
    return click.option(
        name,
        "others",
        metavar="ID",
        multiple=True,
        shell_complete=complete_ids,
        help="Another session; repeatable.",
    )


@click.command()
@words_argument
@others_option("--to")
@where_option
@json_option
@click.pass_obj
def tag(
    home: SelectedHome, words: tuple[str, ...], others: tuple[str, ...], where: str | None, as_json: bool
) -> None:
    """Add tags to a session, of the web UI or of the agent.

    Words with # before them in a title are tags as well. With --where, all words are tags; with - in place of
    the ID, the ids are read from standard input, one on each line.
    """
    selection, names = _divided(words, others, where)
    with home.open() as sessions:
        _change(sessions, sessions.tag_many, selection, names, as_json)


@click.command()
@words_argument
@others_option("--from")
@where_option
@json_option
@click.pass_obj
def untag(
    home: SelectedHome, words: tuple[str, ...], others: tuple[str, ...], where: str | None, as_json: bool
) -> None:
    """Remove tags from a session.

    The words are those of the verb tag.
    """
    selection, names = _divided(words, others, where)
    with home.open() as sessions:
        _change(sessions, sessions.untag_many, selection, names, as_json)


def _divided(
    words: tuple[str, ...], others: tuple[str, ...], where: str | None
) -> tuple[SessionChoice, tuple[str, ...]]:
    """Return the sessions and the tags that the command line names."""
    ids, names = (others, words) if where is not None else ((words[0], *others), words[1:])
    if not names:
        raise click.UsageError("Missing argument 'NAME...'.")
    return SessionChoice(ids, where).check(), names


def _change(
    sessions: SessionRepository,
    change: Callable[..., BulkReport],
    selection: SessionChoice,
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Change the tags of sessions and print what they have now."""
    chosen = choose(sessions, selection)
    with Bar("Changing tags") as bar:
        report = change(chosen.ids, *names, progress=bar)
    changed = sessions.find_many([each for each in chosen.ids if each not in report.failed]).summaries
    failed = {**chosen.failed, **report.failed}
    if as_json:
        entries = [mask_all({"session_id": each.session_id, "tags": list(each.tags)}) for each in changed]
        print_json({"sessions": entries, "failed": mask_all(failed)})
    else:
        nothing_chosen(chosen)
        for each in changed:
            click.echo(visible(f"{each.session_id}: {mask(', '.join(each.tags)) or 'no tags'}"))
    print_failures(failed)
    exit_with(failed)


@click.group(cls=OrderedGroup, invoke_without_command=True)
@redact_option
@output_options("json", "csv")
@click.pass_context
def tags(context: click.Context, redact: bool, output: Output) -> None:
    """List, rename, merge and remove tags."""
    if context.invoked_subcommand:
        return
    home: SelectedHome = context.obj
    with home.open() as sessions:
        counts = sessions.tags()
    if output == "json":
        print_json({masked(name, redact): count for name, count in counts.items()})
        return
    if output == "csv":
        print_csv(("tag", "sessions"), [(masked(name, redact), count) for name, count in counts.items()])
        return
    print_table(("SESSIONS", "TAG"), [(str(count), masked(name, redact)) for name, count in counts.items()])


@tags.command("rename")
@click.argument("old", shell_complete=complete_tags)
@click.argument("new", shell_complete=complete_tags)
@json_option
@click.pass_obj
def rename_tag(home: SelectedHome, old: str, new: str, as_json: bool) -> None:
    """Give a tag another name, or merge it with the tag of that name."""
    with home.open() as sessions:
        changed = sessions.rename_tag(old, new)
    _report(changed, f"{old} is now {new}", as_json)


@tags.command("remove")
@click.argument("name", shell_complete=complete_tags)
@yes_option
@json_option
@click.pass_obj
def remove_tag(home: SelectedHome, name: str, yes: bool, as_json: bool) -> None:
    """Remove a tag from all sessions."""
    refuse_without_terminal(yes, can_show=False)
    with home.open() as sessions:
        count = sessions.count(tag=name, agent=True, hidden=True)
        where = f"{count} session{'' if count == 1 else 's'}"
        confirm(f"Remove the tag {visible(mask(name))} from {where}?", yes=yes)
        changed = sessions.remove_tag(name)
    _report(changed, f"{name} is removed", as_json)


def _report(changed: BulkReport, outcome: str, as_json: bool) -> None:
    count = f"{len(changed.done)} session{'' if len(changed.done) == 1 else 's'}"
    report(mask_all(changed.as_dict()), mask(f"{outcome} in {count}"), as_json)
    print_failures(changed.failed)
    exit_with(changed.failed)
