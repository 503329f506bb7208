"""The manual page `man/hermes-sessions.1`, made from the parser: `make man` writes it, a test compares it."""

import re
from inspect import cleandoc

import click

from hermes_sessions.cli import main
from hermes_sessions.cli.groups import commands

PROGRAM = "hermes-sessions"

HEAD = f"""\
.\\" Made from the command line's own help by `make man`.
.TH {PROGRAM.upper()} 1
.SH NAME
{PROGRAM} \\- list, read, search, organize and export Hermes conversations
.SH SYNOPSIS
.B {PROGRAM}
.RI [ options ]
.I verb
.RI [ arguments ]
"""
TAIL = """\
.SH ENVIRONMENT
.TP
.B HERMES_HOME
The Hermes home; without it, ~/.hermes.
.TP
.B HERMES_WEBUI_STATE_DIR
The folder of the web UI; without it, webui in the Hermes home.
.TP
.B HERMES_PROFILE
The active profile; without it, default.
.TP
.B NO_COLOR
If it is set, nothing is printed in colour.
.SH EXIT STATUS
0 done, 1 not found or another problem, 2 wrong usage.
"""


def page() -> str:
    """Return the manual page as roff."""
    program, *verbs = commands(main, PROGRAM)
    description = f".SH DESCRIPTION\n{_text(program.command.help)}.SH OPTIONS\n{_options(program)}.SH VERBS\n"
    return HEAD + description + "".join(map(_verb, verbs)) + TAIL


def _verb(context: click.Context) -> str:
    name = context.command_path.removeprefix(f"{PROGRAM} ")
    arguments = (
        each.human_readable_name for each in context.command.params if isinstance(each, click.Argument)
    )
    usage = " ".join([name, *arguments])
    return f".SS {_escaped(usage)}\n{_text(context.command.help)}{_options(context)}"


def _options(context: click.Context) -> str:
    options = [each for each in context.command.params if isinstance(each, click.Option) and not each.hidden]
    return "".join(f".TP\n.B {_escaped(_names(each))}\n{_text(each.help)}" for each in options)


def _names(option: click.Option) -> str:
    """Return an option with the value that it takes: ``--limit NUMBER``."""
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} {'|'.join(map(str, option.type.choices))}"
    kinds = {"integer": "NUMBER", "integer range": "NUMBER", "float": "NUMBER", "float range": "NUMBER"}
    return f"{names} {option.metavar or kinds.get(option.type.name, option.type.name.upper())}"


def _text(text: str | None) -> str:
    """Return paragraphs as roff; one that begins with \\b keeps its lines."""
    return ".PP\n".join(_paragraph(each) for each in re.split(r"\n\s*\n", cleandoc(text or "")))


def _paragraph(paragraph: str) -> str:
    kept = paragraph.removeprefix("\b\n")
    if kept != paragraph:
        return f".nf\n{_escaped(kept)}\n.fi\n"
    return f"{_escaped(' '.join(paragraph.split()))}\n"


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in text.split("\n"))


if __name__ == "__main__":
    click.echo(page(), nl=False)
