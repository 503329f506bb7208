"""What all changes of a home share: its places, index, and locks; rows that match files; rows after a write.

No transaction is open while a file is read or written.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine

from ..config import Config
from ..errors import Locked, NotFound, StorageError
from ..fields import FIELDS, check_id, check_metadata, displayable, other_keys
from ..index import Indexed, database, own_changes, rows, tags, transcripts_read
from ..locks import SessionLocks
from ..metadata import MetadataChange
from ..model import FileChange, FolderTimes, Metadata, Session, Signature, Stored, Summary
from ..settings import resolve_workspace
from ..sidecars import (
    KnownVersion,
    Loaded,
    TranscriptChange,
    Written,
    editing,
    journal,
    load,
    path_of,
    reading,
    signature,
    trash,
)
from .retry import retry_conflicts

T = TypeVar("T")


class ChangedRow(NamedTuple):
    """The row of a file that was changed, what it replaces, and the folder's times.

    `kept` is how many messages at the beginning did not change, None if that is not known.
    """

    old: Indexed
    new: Indexed
    moved: FolderTimes
    kept: int | None
    transcript: Sequence[TranscriptChange] = ()

    @property
    def file_change(self) -> FileChange:
        """What the search index needs to know of the change."""
        summary, before, after = self.new.summary, self.old.stored.signature, self.new.stored.signature
        return FileChange(summary.session_id, summary.title, before, after, self.kept)


class ForgottenRow(NamedTuple):
    """A draft, or a session whose file was moved to the trash, and the folder's times."""

    session_id: str
    moved: FolderTimes | None = None

    @property
    def file_change(self) -> FileChange:
        """What the search index needs to know of the change."""
        return FileChange(self.session_id, "", None, None, None)


class Store:
    """The sessions of one home, each by its file and its row.

    `notify` is called with every change of a file, after its row was stored.
    """

    def __init__(
        self, config: Config, engine: Engine, locks: SessionLocks, notify: Callable[[FileChange], None]
    ) -> None:
        self.config, self.engine = config, engine
        self.sessions_dir, self.trash_dir = config.sessions_dir, config.trash_dir
        self.backups_dir = config.backups_dir
        self.locks, self.notify = locks, notify
        self._watched: dict[str, list[Signature]] = {}

    def lock(self, session_id: str) -> AbstractContextManager[None]:
        """Return a context that holds a session's lock; raise `InvalidId`, and `StorageError` on entering."""
        return self.locks.held(check_id(session_id))

    def lock_of_stripe(self, name: str) -> AbstractContextManager[None]:
        """Return a context that holds the lock which a name, even one that is no id, shares with others."""
        return self.locks.held(name)

    def path_of(self, session_id: str) -> Path:
        """Return where a session's file would be; raise `InvalidId`, `NotFound` for a reserved name."""
        return path_of(self.sessions_dir, session_id)

    # ---- reading ----------------------------------------------------------------------------------------

    def row(self, session_id: str) -> Indexed | None:
        """Return a session's row without comparing it with the file, None without one."""
        with database.reading(self.engine) as connection:
            return rows.get(connection, session_id)

    def rows_of(self, session_ids: Collection[str]) -> dict[str, Indexed]:
        """Return the rows of some sessions by id, as `row` does."""
        with database.reading(self.engine) as connection:
            return rows.some(connection, session_ids)

    def draft(self, session_id: str) -> Indexed | None:
        """Return the row of a draft, None for any other session."""
        row = self.row(session_id)
        return row if row is not None and row.draft else None

    def load(self, session_id: str) -> Loaded | None:
        """Return a session's file, None without one; raise `InvalidId`, `Unreadable`, `StorageError`."""
        try:
            return load(self.path_of(session_id))
        except NotFound:
            return None

    def load_indexed(self, session_id: str) -> tuple[Loaded | None, Indexed | None]:
        """Return the same, and the row of this version, None for one that the index does not know."""
        row, path = self.row(session_id), self.path_of(session_id)
        known = None if row is None or row.draft else KnownVersion(row.stored, row.summary.message_count)
        try:
            loaded = load(path, known=known)
        except NotFound:
            return None, None
        return loaded, row if loaded.known else None

    def summary(self, session_id: str) -> Summary:
        """Return a session without messages; raise `NotFound`, `InvalidId`, `Unreadable`, `StorageError`."""
        version = signature(self.path_of(session_id))
        row = self.row(session_id)
        if row and (row.stored.signature == version if version else row.draft):
            return row.summary
        with self.lock(session_id):
            return self.current(session_id).summary

    def session(self, session_id: str) -> Session:
        """Return a whole session; errors as of `summary`."""
        loaded = self.load(session_id)
        if loaded is not None:
            return reading.session(loaded)
        row = self.draft(session_id)
        if row is None:
            raise trash.not_found(session_id, self.trash_dir)
        return replace(session_without_messages(row.summary), signature=row.stored.signature)

    # ---- rows that match their files: the caller holds the session's lock -------------------------------

    def current(self, session_id: str) -> Indexed:
        """Return the row of a session, made anew if it does not match the file; errors as of `summary`."""
        return self._matching(self.path_of(session_id), self.row(session_id))

    def change(self, session_id: str, change: Callable[[Indexed], T]) -> T:
        """Return what `change` does to a session's current row, under the session's lock.

        It is called again if another program, which has no lock, replaced the file in between. Raises
        `StorageError` before a file is touched if the index cannot be written.
        """
        path = self.path_of(session_id)
        with self.locks.held(session_id):
            return retry_conflicts(lambda: change(self._current_for_change(path)))

    def _current_for_change(self, path: Path) -> Indexed:
        with database.writing(self.engine) as connection:
            row = rows.get(connection, path.stem)
        return self._matching(path, row)

    def _matching(self, path: Path, row: Indexed | None) -> Indexed:
        version = signature(path)
        if version is None and (row is None or not row.draft):
            raise trash.not_found(path.stem, self.trash_dir)
        if row is not None and (version is None or row.stored.signature == version):
            return row
        return self._read_anew(path)

    def _read_anew(self, path: Path) -> Indexed:
        read = Indexed(*reading.read_summary(path), draft=False)
        with database.reading(self.engine) as connection:
            (row,) = rows.with_tags(connection, [read])
        with suppress(Locked):  # it only spares the next call the reading
            database.wait_to_write(self.engine)
            self._put(row)
        return row

    def with_marks(self, row: Indexed) -> Indexed:
        """Return a current row with the marks of its messages.

        A row lacks them if an earlier version stored it, or when a list of messages was added to its file.
        """
        if row.draft or row.stored.marks is not None:
            return row
        return self._read_anew(self.path_of(row.summary.session_id))

    # ---- rows after a write -----------------------------------------------------------------------------

    def check_index(self) -> None:
        """Raise `StorageError` if the index cannot be written: called before a file is touched."""
        database.check_writable(self.engine)

    def put_draft(self, session: Session) -> Session:
        """Store a session without a file, and return it with its version."""
        version = Signature(0, time.time_ns(), 0)
        self._put(Indexed(session.summary().displayable(), Stored(version), draft=True))
        return replace(session, signature=version)

    def saved(self, session: Session) -> Summary:
        """Return a session that was saved as lists show it, with its tags, which it does not know itself."""
        summary = session.summary()
        with (
            after_the_file(f"session {session.session_id} was saved"),
            database.reading(self.engine) as connection,
        ):
            return replace(summary, tags=tags.tags_of_sessions(connection, [summary])[summary.session_id])

    def record_new(self, summary: Summary, written: Written) -> Summary:
        """Store the row of a file that was written under a new id."""
        recorded = self.record(summary, written)
        self.notify(FileChange(recorded.session_id, recorded.title, None, written.stored.signature, 0))
        return recorded

    def noting(self, session_id: str, changes: Sequence[TranscriptChange]) -> AbstractContextManager[None]:
        """Return a context in which a transcript is changed; raise `StorageError` on entering."""
        return journal.noting(session_id, self.backups_dir, changes)

    @contextmanager
    def watching(self, session_id: str) -> Iterator[Sequence[Signature]]:
        """Give out the versions of a session's file that are written here in the block, the last one last.

        The caller holds the session's lock. A version is added before its row is stored.
        """
        self._watched[session_id] = versions = list[Signature]()
        try:
            yield versions
        finally:
            del self._watched[session_id]

    def _tell(self, session_id: str, version: Signature) -> None:
        self._watched.get(session_id, []).append(version)

    def record(
        self,
        summary: Summary,
        written: Written,
        old: Metadata | None = None,
        transcript: Sequence[TranscriptChange] = (),
        row: Indexed | None = None,
    ) -> Summary:
        """Store the row of a file that was written, in the place of any other; return the session as listed.

        `old` is what the file said before, None for a file that is new or was brought back. `transcript`
        are the changes of its transcript. `row` is that of the version before, if it was there.
        The search index notices by itself that its version of the file is an old one.
        """
        small = {name: value for name, value in summary.extra.items() if _is_small(name, value)}
        last = written.stored.sent_at or summary.updated_at
        listed = replace(summary, last_message_at=last, extra=small).displayable()
        new, lost = Indexed(listed, written.stored, draft=False), False
        self._tell(listed.session_id, written.stored.signature)
        with self._index_after_file(f"session {listed.session_id} was saved") as connection:
            if old is not None and row is not None and rows.hold_the_same(row.summary, listed):
                new = new._replace(summary=replace(listed, tags=row.summary.tags))
                changed, lost = _put_changed(
                    connection, ChangedRow(row, new, written.moved, None, transcript)
                )
                new = changed.new
            else:
                new, lost = _put_written(connection, new, written.moved, old, transcript)
        if lost:
            self._settle(new)
        return new.summary

    def record_change(
        self,
        old: Indexed,
        change: MetadataChange,
        written: Written,
        kept: int | None,
        transcript: Sequence[TranscriptChange] = (),
    ) -> Summary:
        """Store the row of a file that was changed, in the place of `old`; return the session as listed.

        `change` has derived fields too, `transcript` are the changes of the transcript. `kept` is how many
        messages at the beginning did not change, None if that is not known.
        """
        changed = changed_row(old, change, written, kept, transcript)
        (stored,) = self.put_after_files(f"session {old.summary.session_id} was saved", [changed])
        return stored.new.summary

    def put_after_files(self, done: str, changes: Sequence[ChangedRow | ForgottenRow]) -> list[ChangedRow]:
        """Store the rows of files that were changed, drop those of files that are gone, in one transaction.

        Returns the rows as they are stored. An error says what was `done`.
        """
        stored: list[ChangedRow] = []
        lost: list[Indexed] = []
        for change in changes:
            if isinstance(change, ChangedRow):
                self._tell(change.new.summary.session_id, change.new.stored.signature)
        with self._index_after_file(done) as connection:
            for change in changes:
                if isinstance(change, ForgottenRow):
                    _drop(connection, change)
                else:
                    row, is_lost = _put_changed(connection, change)
                    stored.append(row)
                    lost += [row.new] if is_lost else []
        for each in lost:
            self._settle(each)
        for change in changes:
            self.notify(change.file_change)
        return stored

    def _settle(self, row: Indexed) -> None:
        """Find out whether messages that were lost are, after a change of the transcript."""
        session_id = row.summary.session_id
        with database.reading(self.engine) as connection:
            known = own_changes.remembered(connection, [session_id]).get(session_id)
        judgement = transcripts_read.still_lost(self.sessions_dir, row, known) if known else None
        if judgement is not None:
            with self._index_after_file(f"session {session_id} was saved") as connection:
                own_changes.settle(connection, session_id, judgement)

    def forget(self, session_id: str, moved: FolderTimes | None = None) -> None:
        """Drop the row of a draft, or of a session whose file was moved to the trash."""
        self.put_after_files(f"session {session_id} was deleted", [ForgottenRow(session_id, moved)])

    def _put(self, row: Indexed) -> None:
        judged = transcripts_read.judged(self.engine, self.sessions_dir, {row.summary.session_id: row})
        with database.writing(self.engine) as connection:
            own_changes.notice(connection, [row], judged)
            rows.put(connection, [row])

    @contextmanager
    def _index_after_file(self, done: str) -> Iterator[Connection]:
        try:
            with database.writing(self.engine) as connection:
                yield connection
        except StorageError as error:
            raise _after_the_file(done, error) from error


@contextmanager
def after_the_file(done: str) -> Iterator[None]:
    """Say in a `StorageError` of the block that the file was written and what comes next: a sync."""
    try:
        yield
    except StorageError as error:
        raise _after_the_file(done, error) from error


def _after_the_file(done: str, error: StorageError) -> StorageError:
    return StorageError(f"{done}, but {error}; the next sync updates the list")


def checked_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata in the form in which it is stored, a workspace as an absolute path.

    Raises `InvalidValue` for the first value that a field does not accept.
    """
    checked = check_metadata(values)
    if checked.get("workspace"):
        checked["workspace"] = resolve_workspace(checked["workspace"])
    return checked


def session_without_messages(summary: Summary) -> Session:
    """Return a session with the metadata of a summary."""
    return Session(**summary.metadata(), extra=summary.extra)


def changed_row(
    old: Indexed,
    change: MetadataChange,
    written: Written,
    kept: int | None,
    transcript: Sequence[TranscriptChange],
) -> ChangedRow:
    """Return the row of a file that was changed, as `Store.record_change` describes it."""
    new = Indexed(_listed_after(old.summary, change, written), written.stored, draft=False)
    return ChangedRow(old, new, written.moved, kept, transcript)


def _put_changed(connection: Connection, changed: ChangedRow) -> tuple[ChangedRow, bool]:
    """Store a row, and return it with its tags, and whether earlier changes of its transcript were lost."""
    changed = changed._replace(new=rows.retagged(connection, changed.old, changed.new))
    old, new = changed.old, changed.new
    if not rows.change(connection, old, new, changed.moved):
        own_changes.not_read(connection, new.summary.session_id, new.stored.signature)
    return changed, own_changes.remember(connection, old.summary, new.summary, changed.transcript)


def _put_written(
    connection: Connection,
    row: Indexed,
    moved: FolderTimes,
    old: Metadata | None,
    transcript: Sequence[TranscriptChange],
) -> tuple[Indexed, bool]:
    """Store a row in the place of any other; `old` and the result as of `Store.record` and `_put_changed`."""
    (row,) = rows.put(connection, [row], moved)
    if old is None:
        own_changes.forget(connection, row.summary.session_id)
        return row, False
    own_changes.not_read(connection, row.summary.session_id, row.stored.signature)
    return row, own_changes.remember(connection, old, row.summary, transcript)


def _drop(connection: Connection, gone: ForgottenRow) -> None:
    rows.drop(connection, [gone.session_id], gone.moved)
    own_changes.forget(connection, gone.session_id)


def _listed_after(old: Summary, change: MetadataChange, written: Written) -> Summary:
    """Return a listed session after a change: only what changed is made fit for a list again."""
    changes = change.values
    listed = {name: displayable(name, value) if name in FIELDS else value for name, value in changes.items()}
    updated_at = changes.get("updated_at", old.updated_at)
    summary = old.changed({**listed, "last_message_at": written.stored.sent_at or updated_at}, change.removed)
    large = {name for name, value in other_keys(changes).items() if not _is_small(name, value)}
    if not large:
        return summary
    return replace(summary, extra={name: value for name, value in summary.extra.items() if name not in large})


def _is_small(name: str, value: Any) -> bool:
    return reading.is_indexed(name, len(editing.encode(value, name)))
