"""The verb `help`: the help of another verb, and the query language."""

from __future__ import annotations

from collections.abc import Iterable

import click

from ..query_help import NOTES, OPERATORS, WORDS, Syntax

QUERY = "query"
_SHELL = "Quote a query for the shell: hermes-sessions search 'budget -draft'."


@click.command("help")
@click.argument("topic", required=False)
@click.pass_context
def show_help(context: click.Context, topic: str | None) -> None:
    """Explain a verb, or what can be typed to search.

    TOPIC is a verb, or `query` for what can be typed to search.
    """
    program = context.find_root()
    if topic == QUERY:
        click.echo(query_help(program))
        return
    if topic is None:
        click.echo(program.get_help())
        return
    command = (
        program.command.get_command(program, topic) if isinstance(program.command, click.Group) else None
    )
    if command is None:
        raise click.UsageError(f"There is no verb or topic {topic}.")
    click.echo(command.get_help(click.Context(command, info_name=topic, parent=program)))


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
