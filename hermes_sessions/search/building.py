"""Builds the search index in a process of its own, so that the threads of a server have Python to themselves.

While the child builds, the parent holds the lock for building and indexes its own writes. To each, the other
is just another process that has the home open.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import processes
from ..agent import Agents
from ..config import Config
from ..index import Lifetime, database
from .generations import SearchIndexes

POLL_SECONDS = 0.1  # how soon a write of the parent is indexed, and a request to stop is noticed


def build(config: Config) -> int:
    """Complete the index of a home, unless the parent ends; return how many sessions are still missing."""
    engine = database.make_engine(config.index)
    agents = Agents(config, engine, Lifetime())
    indexes = SearchIndexes(config, engine, agents)
    try:
        return indexes.complete(keep_going=processes.is_awaited)
    finally:
        indexes.close()
        agents.close()
        engine.dispose()


def build_in_child(config: Config, wait: Callable[[float], bool]) -> bool:
    """Let a child process complete the index, and return whether it did.

    `wait(seconds)` also does the parent's own work, and returns whether to go on.
    """
    try:
        child = processes.Child(build, background=True)
    except processes.GONE:
        return False
    try:
        child.send(config)
        while not child.is_ready():
            if not wait(POLL_SECONDS):
                return True
        child.receive()
    except processes.GONE:  # it met an error, or was killed
        return False
    else:
        return True
    finally:
        child.end()
