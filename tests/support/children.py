"""Functions for child processes, in a module that is quick to import."""

import os
import signal
import time
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


def waiting_for(path: Path, name: str) -> str:
    """Return a name; the one called first only when a file exists."""
    until = time.monotonic() + 30
    while name == "first" and not path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return name
