"""The agent of one profile: its `state.db`, opened read-only for each call and closed before it returns.

Only SQLite opens the file, and only `Agent.delete` writes to it.
"""

import json
import os
import sqlite3
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.pool import NullPool

from .. import files, json_text
from ..errors import AgentUnavailable, Conflict, StorageError
from ..fields import check_bindable, check_names, check_whole
from ..index import Lifetime, database, public_calls
from . import lineage
from .lineage import ConversationRow, LineageFields
from .originals import Originals, read_originals
from .outlines import KeptOutline
from .snapshot import BASIC_KEYS, Snapshot
from .statements import Schema, read_schema

READ_SECONDS, WRITE_SECONDS = 1.0, 5.0  # how long to wait for another program's lock
READS = "sessions messages lineage conversation reading errors file_versions job_names close".split()

_Version = tuple[int, int, int]  # a file's size, modification time and inode


# So long after a change of the file, every commit before it can be read: one that is written shows only when
# it has reached the disk, which changes the file's times no more.
COMMITTED_NS = 2_000_000_000


class FileVersions(NamedTuple):
    """The versions of the files that a list of the agent's conversations depends on, according to `stat`.

    `encoded` is a JSON text that differs whenever a file does. `modified_at` is the newest of the files'
    modification times, in nanoseconds since the epoch.
    """

    encoded: str
    modified_at: int

    def show_all_commits(self, read_at: int) -> bool:
        """Whether what was read at a time, in nanoseconds, has every commit that these versions show."""
        return files.is_settled(self.modified_at, read_at) and read_at - self.modified_at > COMMITTED_NS


def database_inode(encoded: str) -> int | None:
    """Return the inode of `state.db` according to `FileVersions.encoded`, None if there was no such file."""
    state_db = json.loads(encoded)[0] if encoded else None
    return state_db[2] if state_db else None


@public_calls(READS, freeing="delete")
class Agent:
    """The agent of one profile, by its `state.db`.

    Every method that reads raises `AgentUnavailable` if the file is absent, empty, damaged, locked, or not
    readable.
    """

    def __init__(
        self,
        path: Path,
        profile: str = "default",
        lifetime: Lifetime | None = None,
        *,
        leaves_nothing: bool = False,
    ) -> None:
        """Read this file; with `leaves_nothing` SQLite may create nothing beside it, as it does for a log."""
        self.path, self.profile, self._leaves_nothing = path, profile, leaves_nothing
        self._lifetime = lifetime or Lifetime()
        self._jobs = path.parent / "cron" / "jobs.json"
        # As texts: making a Path for each file at every poll of a list took as long as the `stat` calls.
        self._watched = (str(path), f"{path}-wal", str(self._jobs))
        self._engine = _engine(self._uri, READ_SECONDS)
        self._schema: tuple[object, Schema] | None = None
        self.last_outline: KeptOutline | None = None  # of the last scan, for the next one to compare with
        self.met_damage: tuple[object, str] | None = None  # a corrupt page: of which file, and the error

    @property
    def label(self) -> str:
        """The file's name in messages, such as ``the agent's state.db (profile work)``."""
        return "the agent's state.db" + ("" if self.profile == "default" else f" (profile {self.profile})")

    def close(self) -> None:
        """Dispose of the engine; no connection stays open between calls."""
        self._engine.dispose()

    # ---- the public interface ---------------------------------------------------------------------------

    def sessions(
        self, limit: int | None = 200, exclude_sources: Collection[str] | None = ("cron",)
    ) -> list[ConversationRow]:
        """Return at most `limit` conversations (None: all), newest activity first.

        A chain of segments is one conversation. Conversations from `exclude_sources` (None: no exclusions)
        are left out. The list is empty if the table has no `source` column, because the agent's sessions
        cannot be told from the web UI's then.
        """
        if limit is not None:
            check_whole("limit", limit)
        excluded = check_names("exclude_sources", exclude_sources or ())
        with self.reading() as snapshot:
            segments = [each.segment for each in snapshot.sessions(snapshot.message_stats())]
        listed = {each.id: each for each in segments if lineage.is_listed(each, excluded)}
        return [conversation.as_row() for conversation in lineage.conversations(listed)[:limit]]

    def messages(self, session_id: str) -> list[dict[str, Any]]:
        """Return the messages of a session in order, each with `role`, `content` and `timestamp`.

        `SessionRepository.messages` also returns what else the agent stores about each message.
        """
        check_bindable("session_id", session_id)
        with self.reading() as snapshot:
            messages = snapshot.messages(snapshot.message_ids(session_id))
        return [{key: message.get(key) for key in BASIC_KEYS} for message in messages]

    def lineage(self, session_ids: Iterable[str]) -> dict[str, LineageFields]:
        """Return by id each session's place in a chain, or its parent; ids with neither are left out."""
        wanted = set(check_names("session_ids", session_ids))
        with self.reading() as snapshot:
            fields = lineage.lineage_fields(snapshot.family(wanted))
        return {session_id: fields[session_id] for session_id in sorted(wanted & fields.keys())}

    def conversation(self, session_id: str) -> list[str]:
        """Return the ids of a conversation's segments if `session_id` is its latest, else that id alone."""
        check_bindable("session_id", session_id)
        with self.reading() as snapshot:
            return snapshot.conversation(session_id)

    def delete(self, session_id: str, copied: Originals | None = None) -> bool:
        """Delete a session and its messages permanently, and return whether it existed.

        The id of a conversation, as lists show it, stands for all its segments. Child sessions stay, without
        a parent. `copied` are the rows that were copied before: if they are not those of the file any more,
        this raises `Conflict`. Raises `StorageError` if the database refuses. After an error nothing is
        deleted.
        """
        check_bindable("session_id", session_id)
        self._check_file()
        engine = _engine(lambda: _uri(self.path, "rw"), WRITE_SECONDS)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                deleted = _delete(Snapshot(connection, self._schema_of(connection)), session_id, copied)
                connection.exec_driver_sql("COMMIT")
                return deleted
        except database.DATABASE_ERRORS as error:
            action = f"{_capitalized(self.label)} refused to delete session {session_id}"
            raise StorageError(f"{action}: {database.driver_text(error)}") from error
        finally:
            engine.dispose()

    # ---- for the mirror and for search ------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Give out one state of the file for the block, on a connection that is closed after it."""
        self._check_file()
        before = self._versions() if self._is_only_read else None
        with self.errors(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield Snapshot(connection, self._schema_of(connection))
        if before is not None and self._versions() != before:  # it was read without a lock
            raise self._unavailable("it changed while it was read. Try again")

    @property
    def _is_only_read(self) -> bool:
        """Whether SQLite must not, or cannot, create the files that it shares a log with."""
        return self._leaves_nothing or not os.access(self.path.parent, os.W_OK)

    def _uri(self) -> str:
        if not self._is_only_read:
            return _uri(self.path, "ro")
        if database.needs_shared_memory(self.path):
            name = f"{self.path.name}-wal"
            raise self._unavailable(f"its log {name} can be read only where its folder can be written")
        return database.uri_without_traces(self.path)

    def _versions(self) -> tuple[_Version | None, ...]:
        return tuple(map(_file_version, self._watched[:2]))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise `AgentUnavailable` for an error of the database in the block."""
        try:
            yield
        except (*database.DRIVER_ERRORS, UnicodeDecodeError) as error:
            self._schema = None  # another program may have dropped a column
            unavailable = self._unavailable(database.driver_text(error))
            if database.is_corrupt_page(error):
                self.met_damage = self._identity(), str(unavailable)
            raise unavailable from error

    @property
    def damage(self) -> str | None:
        """The error of the last call that met a corrupt page of this file, which most calls do not read.

        None if no call of this program did, or if the file is another one by now.
        """
        identity, error = self.met_damage or (None, None)
        return error if identity == self._identity() else None

    def _identity(self) -> object:
        """Return the file's inode; if it is read without a lock, its versions: changes look like damage."""
        versions = self._versions()
        return versions if self._is_only_read else versions[0] and versions[0][2]

    def file_versions(self) -> FileVersions:
        """Return the versions of the files, without opening any.

        An empty `-wal` counts as absent, because every reader leaves one behind. `-shm` is ignored, because
        it changes without a change of content.
        """
        state_db, wal, jobs = map(_file_version, self._watched)
        files = (state_db, None if wal and not wal[0] else wal, jobs)
        return FileVersions(json.dumps(files), max((file[1] for file in files if file), default=0))

    def job_names(self) -> dict[str, str]:
        """Return the names of the scheduled jobs by id, empty if the agent's `jobs.json` cannot be read."""
        with suppress(OSError, json_text.Malformed):
            content = json_text.decode(files.read(self._jobs))
            jobs = content.get("jobs") if isinstance(content, dict) else content
            named = [job for job in jobs if isinstance(job, dict)] if isinstance(jobs, list) else []
            return {str(job["id"]): str(job["name"]) for job in named if job.get("id") and job.get("name")}
        return {}

    def _check_file(self) -> int:
        """Return the file's inode; raise `AgentUnavailable` if it is not a regular file with content."""
        try:
            status = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise self._unavailable("there is no such file", absent=True) from None
        except OSError as error:
            raise self._unavailable(error.strerror or type(error).__name__) from error
        if not stat.S_ISREG(status.st_mode):
            raise self._unavailable("it is not a regular file")
        if not status.st_size:
            raise self._unavailable("it is empty")
        return status.st_ino

    def _unavailable(self, reason: str, *, absent: bool = False) -> AgentUnavailable:
        return AgentUnavailable(f"{_capitalized(self.label)} cannot be read: {reason}", absent=absent)

    def _schema_of(self, connection: Connection) -> Schema:
        """Return the columns of the file, read again after each change of the schema."""
        version = (connection.exec_driver_sql("PRAGMA schema_version").scalar(), self._check_file())
        known = self._schema  # read once: another thread may set it to None at any time
        if known is None or known[0] != version:
            schema = read_schema(connection)
            for table, needed in ((schema.sessions, "id"), (schema.messages, "session_id")):
                if needed not in table.c:
                    raise self._unavailable(f"it has no table {table.name} with a column {needed}")
            self._schema = known = (version, schema)
        return known[1]


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(os.fsencode(path))}?mode={mode}"


def _engine(uri: Callable[[], str], seconds: float) -> Engine:
    """Return an engine that opens the file for each call, through a URI, so that SQLite never creates it."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri(), uri=True, timeout=seconds, isolation_level=None)
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        return connection

    return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _file_version(path: str) -> _Version | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # see `_watched`
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _delete(snapshot: Snapshot, session_id: str, copied: Originals | None) -> bool:
    session_ids = snapshot.conversation(session_id)
    if copied is not None and read_originals(snapshot, session_ids) != copied:
        raise Conflict(
            f"Session {session_id} was not deleted: the agent is still adding messages to it. "
            "Try again when its turn has ended."
        )
    return snapshot.delete(session_ids) > 0
