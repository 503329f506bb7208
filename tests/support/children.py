"""Functions for child processes, in a module that is quick to import."""

import os
import signal
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
