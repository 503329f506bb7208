"""The verb `help`: the help of another verb, and the query language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from ..query_help import NOTES, OPERATORS, WORDS, Syntax
from ..suggestions import did_you_mean

QUERY = "query"
_SHELL = "Quote a query for the shell: hermes-sessions search 'budget -draft'."


@click.command("help")
@click.argument("topic", nargs=-1)
@click.pass_context
def show_help(context: click.Context, topic: tuple[str, ...]) -> None:
    """Explain a verb, or what can be typed to search.

    TOPIC is a verb, such as `list` or `tags rename`, or `query` for what can be typed to search.
    """
    program = context.find_root()
    click.echo(query_help(program) if topic == (QUERY,) else _command(program, topic).get_help())


def _command(program: click.Context, names: Sequence[str]) -> click.Context:
    """Return the context of a verb; end with a wrong use for one that there is not."""
    context = program
    for name in names:
        group = context.command
        known = group.list_commands(context) if isinstance(group, click.Group) else []
        command = group.get_command(context, name) if isinstance(group, click.Group) else None
        if command is None:
            topics = [*known, QUERY] if context is program else known
            raise click.UsageError(f"There is no verb or topic {name}.{did_you_mean(name, topics)}")
        context = click.Context(command, info_name=name, parent=context)
    return context


def query_help(context: click.Context) -> str:
    """Return the text about the query language, as wide as the terminal."""
    formatter = context.make_formatter()
    for heading, rows in (("Words", WORDS), ("Operators", OPERATORS)):
        with formatter.section(heading):
            formatter.write_dl(_definitions(rows))
    with formatter.section("Good to know"):
        for note in (*NOTES, _SHELL):
            formatter.write_text(note)
    return formatter.getvalue().strip()


def _definitions(rows: Iterable[Syntax]) -> list[tuple[str, str]]:
    return [(", ".join(row.examples), row.meaning) for row in rows]
