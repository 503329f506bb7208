"""Which host this is of those that use one home, and what time it is for all of them.

A network file system shows a folder to each host through that host's own cache. So what one host found in it
proves nothing to another, and each keeps its own note of when the index was in line with what it sees.
"""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from .. import files, modes
from ..config import Config
from ..errors import storing
from . import database
from .schema import HOST_STATES


class ThisHost(NamedTuple):
    """A host by its id, and a file in the shared folder that tells the time of the folder's disk."""

    id: str
    clock: Path

    def now(self) -> int:
        """Return the time by the clock that gives files their times, in nanoseconds: hosts' own differ."""
        with suppress(OSError):
            os.utime(self.clock)
            return self.clock.stat().st_mtime_ns
        return time.time_ns()


def join(config: Config, engine: Engine) -> None:
    """Let the index, which belongs to a home that several hosts use, know this host."""
    host = ThisHost(_host_id(config), config.home_id_file)
    engine.update_execution_options(host=host)
    with database.reading(engine) as connection:
        known = connection.execute(_THIS, {"host": host.id}).first()
    if known is None:
        with database.writing(engine) as connection:
            if connection.execute(_THIS, {"host": host.id}).first() is None:
                connection.execute(sa.insert(HOST_STATES), {"host": host.id, "scanned_at": 0})


_THIS = sa.select(HOST_STATES.c.host).where(HOST_STATES.c.host == sa.bindparam("host"))


def _host_id(config: Config) -> str:
    """Return the id of this host, which is on its own disk beside its search index."""
    folder = config.search_dir or config.cache_dir
    path = folder / "host-id.txt"
    with storing(f"cannot read or write {path.name}"):
        if not path.exists():
            modes.make_folder(folder)
            with suppress(FileExistsError):  # another process was faster
                files.create(path, lambda file: file.write(uuid.uuid4().hex.encode()))
        return files.read(path).decode("ascii", "replace").strip()[:32]


def host_of(source: Connection | Engine) -> ThisHost | None:
    """Return the host that uses a database, None if the database belongs to one machine."""
    host = source.get_execution_options().get("host")
    return host if isinstance(host, ThisHost) else None


def now(engine: Engine) -> int:
    """Return the time to note for a scan that begins, in nanoseconds."""
    host = host_of(engine)
    return time.time_ns() if host is None else host.now()
