"""The agent's `state.db`, read through an engine of its own: one short connection a call, none kept.

SQLite itself is meant. The file is never opened but by SQLite, and nothing writes to it but `Agent.delete`.
"""

import json
import os
import sqlite3
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from .. import json_text
from ..errors import AgentUnavailable, Conflict, StorageError
from . import lineage
from .snapshot import ALWAYS_SAID, Schema, Snapshot, look_up

READ_SECONDS, WRITE_SECONDS = 1.0, 5.0  # how long another program's lock is waited for


class Seen(NamedTuple):
    """What `stat` says of the files that a list of the agent's sessions depends on.

    `changed_at` is the newest of their modification times, in nanoseconds.
    """

    versions: str
    changed_at: int


class Agent:
    """The agent of one profile, by its `state.db`; rows are plain dicts with the web UI's keys.

    Whatever reads raises `AgentUnavailable` where the file is absent, empty, damaged, locked or refused.
    """

    def __init__(self, path: Path, profile: str = "default") -> None:
        self.path, self.profile = path, profile
        self._jobs = path.parent / "cron" / "jobs.json"
        # As text: for each poll of a list a Path for each file took as long as the looks themselves.
        self._looked_at = (str(path), f"{path}-wal", str(self._jobs))
        self._engine = _engine(path, "ro", READ_SECONDS)
        self._schema: tuple[object, Schema] | None = None

    def close(self) -> None:
        """Dispose of the engine; no connection is open between calls."""
        self._engine.dispose()

    # ---- what people ask for ----------------------------------------------------------------------------

    def sessions(
        self, limit: int | None = 200, exclude_sources: Collection[str] | None = ("cron",)
    ) -> list[dict[str, Any]]:
        """Return the conversations, the newest activity first, at most `limit` (None: all).

        A chain of segments is one row; `exclude_sources` are sources to leave out (None: none). Without a
        `source` column the agent's sessions cannot be told from the web UI's: none are returned.
        """
        excluded = exclude_sources or ()
        with self.reading() as snapshot:
            rows = {row.segment.id: row.segment for row in snapshot.rows(snapshot.said())}
        listed = {each.id: each for each in rows.values() if lineage.is_listed(each, excluded)}
        return [shown.as_row() for shown in lineage.conversations(listed)[:limit]]

    def messages(self, session_id: str) -> list[dict[str, Any]]:
        """Return a session's messages as `role`, `content` and `timestamp`, in the order of their arrival.

        `SessionRepository.messages` has everything that the agent keeps of them.
        """
        with self.reading() as snapshot:
            found = snapshot.messages(snapshot.message_ids(session_id))
        return [{key: message.get(key) for key in ALWAYS_SAID} for message in found]

    def lineage(self, session_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return for each id its place in a chain, or whose child it is; ids without either are left out."""
        wanted = set(session_ids)
        with self.reading() as snapshot:
            told = lineage.metadata(snapshot.family(wanted))
        return {session_id: told[session_id] for session_id in sorted(wanted & told.keys())}

    def conversation(self, session_id: str) -> list[str]:
        """Return the ids that a session's id stands for: of a conversation's latest segment, all of them."""
        with self.reading() as snapshot:
            return snapshot.conversation(session_id)

    def delete(self, session_id: str, copied: Mapping[str, int] | None = None) -> bool:
        """Delete a session and its messages for good, and return whether there was one.

        The id that lists show of a conversation stands for all its segments. Children that are no segments
        stay, as sessions without a parent. `copied` tells how many messages of each session were copied
        before: with more than those `Conflict` is raised. Raises `StorageError` if the database refuses.
        Nothing is deleted then.
        """
        self._check_file()
        engine = _engine(self.path, "rw", WRITE_SECONDS)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                deleted = _delete(Snapshot(connection, self._schema_of(connection)), session_id, copied)
                connection.exec_driver_sql("COMMIT")
                return deleted
        except (DatabaseError, sqlite3.DatabaseError) as error:
            raise StorageError(f"the agent's session was not deleted: {_words(error)}") from error
        finally:
            engine.dispose()

    # ---- what the mirror asks for -----------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator["Snapshot"]:
        """Give out one state of the file for the block, on a connection that is closed at its end."""
        self._check_file()
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                yield Snapshot(connection, self._schema_of(connection))
        except (DatabaseError, sqlite3.DatabaseError, UnicodeDecodeError) as error:
            self._schema = None  # a column that was looked up may be gone
            raise self._unavailable(_words(error)) from error

    def seen(self) -> Seen:
        """Return what the files look like, without opening one.

        An empty `-wal` is none: every reader leaves one behind. `-shm` says nothing and is not looked at.
        """
        database, wal, jobs = map(_version, self._looked_at)
        files = (database, None if wal and not wal[0] else wal, jobs)
        return Seen(json.dumps(files), max((version[1] for version in files if version), default=0))

    def job_names(self) -> dict[str, str]:
        """Return the names of the scheduled jobs by id; none if the agent's list of them cannot be read."""
        with suppress(OSError, json_text.Malformed):
            found = json_text.decode(self._jobs.read_bytes())
            jobs = found.get("jobs") if isinstance(found, dict) else found
            named = [job for job in jobs if isinstance(job, dict)] if isinstance(jobs, list) else []
            return {str(job["id"]): str(job["name"]) for job in named if job.get("id") and job.get("name")}
        return {}

    def _check_file(self) -> int:
        """Return the file's inode; raise `AgentUnavailable` where there is no file with content."""
        try:
            status = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise self._unavailable("there is none", absent=True) from None
        except OSError as error:
            raise self._unavailable(error.strerror or type(error).__name__) from error
        if not stat.S_ISREG(status.st_mode):
            raise self._unavailable("it is no file")
        if not status.st_size:
            raise self._unavailable("it is empty")
        return status.st_ino

    def _unavailable(self, reason: str, *, absent: bool = False) -> AgentUnavailable:
        whose = "" if self.profile == "default" else f" of profile {self.profile}"
        return AgentUnavailable(f"the agent's state.db{whose} cannot be read: {reason}", absent=absent)

    def _schema_of(self, connection: Connection) -> Schema:
        """Return the columns, looked up once for each change of the schema."""
        version = (connection.exec_driver_sql("PRAGMA schema_version").scalar(), self._check_file())
        known = self._schema  # which another thread may forget meanwhile
        if known is None or known[0] != version:
            schema = look_up(connection)
            for table, needed in ((schema.sessions, "id"), (schema.messages, "session_id")):
                if needed not in table.c:
                    raise self._unavailable(f"it has no table {table.name} with a column {needed}")
            self._schema = known = (version, schema)
        return known[1]


def _engine(path: Path, mode: str, seconds: float) -> Engine:
    """Return an engine that opens the file anew for each call, by a URI, so that SQLite creates nothing."""
    uri = f"file:{quote(os.fsencode(path))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=seconds, isolation_level=None)
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        return connection

    return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _version(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # see `_looked_at`
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _words(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)  # the driver's own words


def _delete(snapshot: Snapshot, session_id: str, copied: Mapping[str, int] | None) -> bool:
    names = snapshot.conversation(session_id)
    if copied is not None:
        present = snapshot.said(names)
        if any(present[name].messages > copied.get(name, 0) for name in names if name in present):
            raise Conflict(f"the agent is still writing in session {session_id}")
    return snapshot.delete(names) > 0
