"""What the shell gives is UTF-8, whatever the locale says: arguments, the environment and standard input.

Python decodes the bytes of the command line by the locale. In one such as POSIX, a title would become lone
surrogates, which no other program can read.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click


class Utf8Text(click.types.StringParamType):
    """Text of the command line, refused if it is not UTF-8. Paths may have any bytes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text; end with a usage error if its bytes were not UTF-8."""
        text = super().convert(value, param, ctx)
        if is_utf8(text):
            return text
        return self.fail(f"{os.fsencode(text)!r} is not UTF-8 text.", param, ctx)


def is_utf8(text: str) -> bool:
    """Whether a text of the shell was UTF-8: Python decodes any other byte as a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def accept_only_utf8(command: click.Command) -> click.Command:
    """Make every text parameter of a command, and of the commands below it, a `Utf8Text`; return it."""
    for parameter in command.params:
        if parameter.type is click.STRING:
            parameter.type = Utf8Text()
    for below in getattr(command, "commands", {}).values():
        accept_only_utf8(below)
    return command


def use_utf8() -> None:
    """Start this program again in Python's UTF-8 mode if the locale has another encoding."""
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # itself
