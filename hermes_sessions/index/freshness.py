"""Whether the index is current with the files, the trash and the agents' databases, and making it so.

Decides when to read; `sync` reads the files, and whoever keeps the agents' mirrors reads those.
"""

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection, Engine

from ..errors import Locked, StorageError
from ..folder_events import FolderEvents
from ..sidecars import ReadFiles, trash
from ..sidecars import folder as folders
from . import database, index_state, own_changes, rows, sync, tag_sync
from .commits import CommitCounter, Commits
from .folder_watch import FolderWatch
from .hosts import host_of
from .index_state import IndexState
from .sync import Moment, Progress

Versions = TypeVar("Versions")
# How long the index counts as current as long as nothing changes: then whatever is due, such as another
# attempt to read an agent's file that was locked, is done.
CURRENT_SECONDS = 1.0


class MirrorStatus(NamedTuple):
    """Whether the mirrors hold what the agents' files hold, and what lists should warn about."""

    current: bool
    warnings: tuple[str, ...]


class AgentMirrors(Protocol[Versions]):
    """What this module needs of the mirrors of the agents' databases."""

    def file_versions(self) -> Versions:
        """Return the versions of the agents' files, by `stat`."""

    def status(self, connection: Connection, versions: Versions) -> MirrorStatus:
        """Compare the mirrors with the files' versions."""

    def refresh(self) -> None:
        """Bring the mirrors up to date."""


class Outside(NamedTuple, Generic[Versions]):
    """What `stat` says of the files that lists are made from."""

    folder_time: int
    trash_time: int
    tags_version: str
    agents: Versions

    def is_known_to(self, state: IndexState) -> bool:
        """Whether the index has read the trash and the tags as they are now."""
        return (self.trash_time, self.tags_version) == (state.trash_time, state.tags_version)


class Observed(NamedTuple, Generic[Versions]):
    """What everybody changes who changes a list: equal to an earlier one only if nobody did."""

    commits: Commits
    outside: Outside[Versions]


class _FoundCurrent(NamedTuple, Generic[Versions]):
    """What was observed when the index was found current, its version, and until when that counts."""

    observed: Observed[Versions]
    version: str
    until: float


@dataclass(frozen=True, slots=True)
class CurrentIndex:
    """A connection to an index that is current, the version of the index, and warnings about the agents.

    `stale` says why the index is not current: the sessions folder cannot be read, or another program holds
    the lock of the index. `notices` returns what other programs have overwritten. `tags_warning` says why
    `tags.json` cannot be read.
    """

    connection: Connection
    version: str
    agent_warnings: tuple[str, ...]
    notices: Callable[[], tuple[str, ...]]
    stale: tuple[str, ...] = ()
    tags_warning: str | None = None

    def warnings(self, *, agents: bool) -> tuple[str, ...]:
        """Return what a list of the web UI's sessions, and of the `agents`' conversations, should say."""
        return (*self.gaps(), *self.notices(), *(self.agent_warnings if agents else ()))

    def unread(self, *, agents: bool) -> tuple[str, ...]:
        """Return what a sum over the same sessions lacks, or counts as it was last read."""
        return (*self.gaps(), *(self.agent_warnings if agents else ()))

    def gaps(self) -> tuple[str, ...]:
        """Return what a list of the web UI's sessions cannot show."""
        of_tags = (self.tags_warning,) if self.tags_warning else ()
        return (*self.stale, *of_tags, *rows.unreadable_warnings(self.connection))


class Freshness(Generic[Versions]):
    """Keeps the index of one home current: each call that reads a list asks once."""

    def __init__(
        self,
        engine: Engine,
        sessions_dir: Path,
        trash_dir: Path,
        tags_file: Path,
        mirrors: AgentMirrors[Versions],
        *,
        read: ReadFiles,
    ) -> None:
        self._engine, self._mirrors, self._read = engine, mirrors, read
        self._sessions_dir, self._trash_dir, self._tags_file = sessions_dir, trash_dir, tags_file
        self._reading_files = threading.Lock()
        self._watch = FolderWatch(sessions_dir)
        self._was_asked = False
        self._notices: tuple[str, tuple[str, ...]] = ("", ())
        self._commits = CommitCounter(engine)
        self._known: _FoundCurrent[Versions] | None = None

    def refresh(self) -> None:
        """Bring the index in line with the files and the agents, as `current` does; raise `StorageError`."""
        with self.current():
            return

    @contextmanager
    def current(self) -> Iterator[CurrentIndex]:
        """Give out the index, current with the files and the agents; raise `StorageError`.

        All files are examined before the connection's first query, so it sees nothing older than they were.
        """
        if self._unread():
            with self._caught_up(self.catch_up) as index:
                yield index
            return
        until, commits = time.monotonic() + CURRENT_SECONDS, self._commits.read()
        trial, moment = self._trial(), sync.moment_of(self._sessions_dir)
        outside = self._outside(moment)
        in_line = not self._watch.pending or self._forget_own_writes()
        with database.reading(self._engine) as connection:
            state = index_state.read(connection)
            self._end_trial(trial, state, moment)
            in_line = in_line and self._agrees(state, moment)
            status = self._mirrors.status(connection, outside.agents)
            all_else_is = status.current and outside.is_known_to(state)
            if in_line and all_else_is:
                self._note(commits, outside, state, moment, until)
                if self._watch.knows_another(state):
                    self._unless_reading(partial(self._watch.note, state))
                yield self._current(connection, state, status)
                database.end_reading(connection)  # before another writes
                self._settle(state, moment)
                return
        with self._caught_up(self._catch_up_with_files if all_else_is else self.catch_up) as index:
            yield index

    @contextmanager
    def _caught_up(self, catch_up: Callable[[], None]) -> Iterator[CurrentIndex]:
        """Give out the index after reading whatever changed, with a warning about what could not be read."""
        stale, versions = self._unless_prevented(catch_up), self._mirrors.file_versions()
        with database.reading(self._engine) as connection:
            state, status = index_state.read(connection), self._mirrors.status(connection, versions)
            yield self._current(connection, state, status, stale)

    def _unread(self) -> tuple[str, ...]:
        """Return warnings about the sessions folder and the trash if they cannot be read."""
        of_sessions, of_trash = folders.problem(self._sessions_dir), trash.problem(self._trash_dir)
        found = (
            of_sessions and f"{of_sessions}. Its conversations are listed as they were last read.",
            of_trash and f"{of_trash}. Until it can be, nothing can be deleted or restored.",
        )
        return tuple(filter(None, found))

    def _agrees(self, state: IndexState, moment: Moment) -> bool:
        """Whether an index is in line with the folder at a moment, if the watch has nothing to tell since."""
        in_line = sync.agrees(state, moment, host_of(self._engine))
        return in_line or self._watch.vouches(state, moment.folder_time)

    def _settle(self, state: IndexState, moment: Moment) -> None:
        """Let other processes know what the watch says after a write of this program."""
        if self._watch.vouches(state, moment.folder_time):
            sync.settle(self._engine, state, moment)

    def _trial(self) -> FolderEvents | None:
        """Watch the folder in a process that asks twice, so that no later list scans it."""
        asked_before, self._was_asked = self._was_asked, True
        if self._watch.started or not asked_before:
            return None
        trial = self._watch.trial()
        if trial is None:
            self._watch.start()  # not possible now: it is tried again at each change
        return trial

    def _end_trial(self, trial: FolderEvents | None, state: IndexState, moment: Moment) -> None:
        """Go on watching if the folder's time alone proves that the index is in line with it."""
        if trial is not None and sync.is_proven(state, moment):
            self._unless_reading(partial(self._watch.adopt, trial, state))

    def _unless_reading(self, tell_watch: Callable[[], None]) -> None:
        """Tell the watch something, unless another thread is reading what it says has changed."""
        if self._reading_files.acquire(blocking=False):
            try:
                tell_watch()
            finally:
                self._reading_files.release()

    def _note(
        self,
        commits: Commits | None,
        outside: Outside[Versions],
        state: IndexState,
        moment: Moment,
        until: float,
    ) -> None:
        """Note that the index is current, unless a change that is made now might leave no sign of it."""
        if commits is not None and sync.is_proven(state, moment):
            self._known = _FoundCurrent(Observed(commits, outside), state.version, until)

    def current_state(self) -> Observed[Versions] | None:
        """Return what would differ if anybody had changed what a list shows; None if that cannot be told.

        Takes a tenth of the time of `current`, and brings nothing up to date: it is known for a second after
        a call that does. Raises `StorageError`.
        """
        known = self._unchanged()
        return None if known is None else known.observed

    def _unchanged(self) -> _FoundCurrent[Versions] | None:
        """Return what is known of the index if that was found current, and nothing was changed since."""
        known = self._known  # read once: another thread may replace it
        if known is None or time.monotonic() > known.until:
            return None
        return known if self.observe() == known.observed else None

    def observe(self) -> Observed[Versions] | None:
        """Return what can be observed of the index and of the files, current or not.

        None if the watch of the folder has changes to tell, if the folder cannot be read, or if nothing
        counts the commits.
        """
        commits = None if self._watch.pending or self._unread() else self._commits.read()
        return (
            None if commits is None else Observed(commits, self._outside(sync.moment_of(self._sessions_dir)))
        )

    def _outside(self, moment: Moment) -> Outside[Versions]:
        return Outside(
            moment.folder_time,
            sync.trash_time(self._trash_dir),
            tag_sync.version_of(self._tags_file),
            self._mirrors.file_versions(),
        )

    def version(self) -> str:
        """Return the version of the current index; raise `StorageError`."""
        if (known := self._unchanged()) is not None:
            return known.version
        with self.current() as index:
            return index.version

    def _current(
        self, connection: Connection, state: IndexState, status: MirrorStatus, stale: tuple[str, ...] = ()
    ) -> CurrentIndex:
        def notices() -> tuple[str, ...]:
            known, found = self._notices
            if known != state.version:  # once for each version of the index: most lists are of the same
                found = own_changes.warnings(connection)
                self._notices = (state.version, found)
            return found

        version = _version_with(state.version, stale)
        return CurrentIndex(connection, version, status.warnings, notices, stale, state.tags_warning)

    def _forget_own_writes(self) -> bool:
        """Whether no file has changed but those that this program has written, and their rows."""
        if not self._reading_files.acquire(timeout=database.READERS_BUSY_MS / 1000):
            return False  # another thread is reading much that changed
        try:
            return self._watch.forget(partial(sync.are_indexed, self._engine, self._sessions_dir))
        finally:
            self._reading_files.release()

    def catch_up_unless_locked(self, progress: Progress | None = None) -> tuple[str, ...]:
        """Read whatever changed, as `catch_up`; return warnings about what prevents it.

        These are a sessions folder or a trash that cannot be read, and another program's lock.
        """
        return self._unless_prevented(partial(self.catch_up, progress))

    def _unless_prevented(self, catch_up: Callable[[], None]) -> tuple[str, ...]:
        unread = self._unread()
        try:
            database.wait_to_write(self._engine)
            catch_up()
        except Locked as error:
            return (*unread, f"The list is as it was last read: {error}. It is renewed when the lock ends.")
        return unread

    def catch_up(self, progress: Progress | None = None) -> None:
        """Read whatever changed, but not a sessions folder or a trash that cannot be read.

        `progress(done, total)` counts session files. Raises `StorageError`.
        """
        self.catch_up_with_tags()
        if folders.problem(self._sessions_dir) is None:
            self._catch_up_with_files(progress)
        if trash.problem(self._trash_dir) is None:
            sync.sync_trash(self._engine, self._trash_dir)
        self._mirrors.refresh()

    def catch_up_with_tags(self) -> None:
        """Read `tags.json` if it changed, unless another program's lock prevents it; raise `StorageError`."""
        with suppress(Locked):
            tag_sync.sync(self._engine, self._tags_file)

    def _catch_up_with_files(self, progress: Progress | None = None) -> None:
        if self._is_current():
            return
        with self._reading_files:  # of several threads that notice a change, one reads it
            if not self._is_current():
                self._read_files(progress)

    def _is_current(self) -> bool:
        moment = sync.moment_of(self._sessions_dir)
        if self._watch.pending:
            return False
        return self._agrees(self._read_state(), moment)

    def _read_state(self) -> IndexState:
        with database.reading(self._engine) as connection:
            return index_state.read(connection)

    def _read_files(self, progress: Progress | None) -> None:
        if self._watch.started:
            self._read_named(progress)
        elif (trial := self._watch.tried) is not None:
            self._compare_and_watch(trial, progress)
        else:
            self._compare_all(progress)

    def _compare_and_watch(self, trial: FolderEvents, progress: Progress | None) -> None:
        """Compare all files, and go on with a trial that began before: it spares the next comparison."""
        moment, state = sync.moment_of(self._sessions_dir), self._read_state()
        self._compare_all(progress)
        self._watch.adopt(trial, state._replace(folder_time=moment.folder_time))

    def _compare_all(self, progress: Progress | None) -> None:
        if not sync.confirm(self._engine, self._sessions_dir):
            sync.sync(self._engine, self._sessions_dir, progress, read=self._read)

    def _read_named(self, progress: Progress | None) -> None:
        """Read the files that the watch of the folder names, or else all that changed."""
        engine, folder = self._engine, self._sessions_dir
        moment = sync.moment_of(folder)  # before the names: they are complete up to it
        state = self._read_state()
        with self._watch.names(state, moment.folder_time) as names:
            if not self._watch.is_possible:
                self._compare_all(progress)
            elif names is None or not sync.sync_named(engine, folder, moment, state, names):
                sync.sync(engine, folder, progress, read=self._read)

    def follow_files(self) -> None:
        """Watch the sessions folder from now on, so that a list costs what changed and not a scan."""
        with self._reading_files:
            self._watch.start()
            with suppress(StorageError):  # the next list says why
                self._read_named(None)

    def close(self) -> None:
        """End the watch of the sessions folder, and close the connection that counts commits."""
        with self._reading_files:
            self._watch.close()
        self._commits.close()


def _version_with(version: str, stale: tuple[str, ...]) -> str:
    """Return the version of an index that is not current, which is another with each reason for that.

    Whoever has the list already must learn of a warning, and of its end, with which no row changes.
    """
    return f"{version}.{zlib.crc32(repr(stale).encode()):x}" if stale else version
