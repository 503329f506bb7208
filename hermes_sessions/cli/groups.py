"""Groups of verbs: one in the order of its definitions, one that imports a verb only when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .encoding import accept_only_utf8

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class OrderedGroup(click.Group):
    """A group that lists its verbs in the order in which they are defined."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the verbs."""
        del ctx
        return list(self.commands)


class Verb(NamedTuple):
    """Where the command of a verb is, as ``module:name`` in this package, and its help in one line."""

    place: str
    summary: str


class LazyGroup(OrderedGroup):
    """A group whose verbs are rows of a table: help and completion read the table and import no verb.

    To import all verbs takes several times as long as to print the help, which needs a line of each.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, Verb], **options: Any) -> None:
        super().__init__(*args, **options)
        self.verbs = verbs
        # Placeholders: from these names click suggests one for a verb that is misspelt.
        self.commands = {name: click.Command(name, short_help=verb.summary) for name, verb in verbs.items()}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a verb, importing its module; None for a name that is not in the table."""
        del ctx
        if cmd_name not in self.verbs:
            return None
        module, _, name = self.verbs[cmd_name].place.partition(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), name)
        return accept_only_utf8(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs and their summaries."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in self.verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the verbs and the options that begin with `incomplete`."""
        from click.shell_completion import CompletionItem

        verbs = [
            CompletionItem(name, help=verb.summary)
            for name, verb in self.verbs.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


def commands(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """Yield a context for a command and each of its subcommands, in the order in which help lists them."""
    context = click.Context(command, info_name=name, parent=parent)
    yield context
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            if (found := command.get_command(context, verb)) and not found.hidden:
                yield from commands(found, verb, context)
