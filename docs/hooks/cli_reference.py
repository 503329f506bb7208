"""The page "Command line", generated from the parser itself, so that it cannot be out of date."""

from collections.abc import Iterator
from inspect import cleandoc

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from hermes_sessions.cli import main
from hermes_sessions.cli.groups import commands

PROGRAM = "hermes-sessions"
INTRODUCTION = f"""# Command line

The options of `{PROGRAM}` itself stand before the verb: `{PROGRAM} --hermes-home DIR list --limit 20`. Every
verb prints its help with `-h`.

"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    sections = "\n".join(section for command in commands(main, PROGRAM) for section in describe(command))
    files.append(File.generated(config, "reference/cli.md", content=INTRODUCTION + sections))
    return files


def describe(context: click.Context) -> Iterator[str]:
    """Yield the Markdown of one command: heading, usage, help, options."""
    command = context.command
    yield f"## `{context.command_path}`\n"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    yield f"{prose(cleandoc(command.help or ''))}\n"
    rows = [option_row(option, context) for option in command.get_params(context)]
    rows = [row for row in rows if row and "--help" not in row]
    if rows:
        yield "\n".join(["| option | |", "|---|---|", *rows, ""])


def option_row(parameter: click.Parameter, context: click.Context) -> str:
    """Return a row of the table of options, empty for an argument, which the usage names."""
    record = parameter.get_help_record(context)
    return f"| `{record[0].replace('|', '&#124;')}` | {prose(record[1])} |" if record else ""


def prose(text: str) -> str:
    """Return help text as Markdown that shows every character as it is written."""
    text = text.replace("\b\n", "")
    for special in "\\`*_<>|":
        text = text.replace(special, f"\\{special}")
    return text
