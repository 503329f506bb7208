"""Trying a change again after a conflict: what another program wrote in between is read first."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from ..errors import Conflict

ATTEMPTS = 3

T = TypeVar("T")


def retry_conflicts(attempt: Callable[[], T]) -> T:
    """Return the result of `attempt`, which is called again, twice at most, when it raises `Conflict`."""
    for _ in range(ATTEMPTS - 1):
        with suppress(Conflict):
            return attempt()
    return attempt()
