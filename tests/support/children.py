"""Functions for child processes, in a module that is quick to import."""

import os
import signal
from pathlib import Path
from typing import NamedTuple


class Doubled(NamedTuple):
    """The double of a number, and the process that has computed it."""

    number: int
    process: int


def doubled(number: int) -> Doubled:
    """Return the double of a number."""
    return Doubled(2 * number, os.getpid())


def killed_at(parent: int, number: int) -> int:
    """Return the number, unless it is 5 and this is a child: then the system has killed it."""
    if number == 5 and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def repeated(times: int) -> str:
    """Return a text of so many characters."""
    return "x" * times


def waiting_for(pipe: Path, name: str) -> str:
    """Return a name; the one called first only when somebody has opened a named pipe for writing."""
    if name == "first":
        pipe.read_bytes()
    return name
