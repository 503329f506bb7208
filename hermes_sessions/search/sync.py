"""Keeps the search index in line with the sessions: by our own writes, and by comparing versions of files.

Files are read outside of transactions. What was read is stored only if no other process was faster.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from ..agent import Agents
from ..config import Config
from ..errors import Locked, NotFound, StorageError, Unreadable
from ..index import Progress, database, index_state, rows
from ..model import FileChange, Signature
from ..processes import Pool
from ..sidecars import Outline, outlined, outlined_as_known, path_of
from . import agent_words, tables, vocabulary
from .changed_entries import note_changes
from .common_words import common_words_of
from .index_file import SearchFile
from .plan import (
    SearchPlan,
    StaleSession,
    SyncedState,
    changed_since,
    make_plan,
    read_listed,
    state_of,
)
from .stems import Stemmer
from .tables import WEB_UI, Added, EntryKey, IndexedMessage, SearchEntry
from .transcripts import (
    PreparedSession,
    added_messages,
    count_unchanged,
    in_batches,
    in_chunks,
    is_large,
    messages_of,
    prepare,
)
from .words import distinct_words

# What a search indexes itself before it answers. More is left to the background, and the answer says so.
INLINE_BYTES, INLINE_FILES = 4_000_000, 50
PATIENCE_SECONDS = 0.25  # how long a search waits for a file that is being indexed
COMPLETING_SECONDS = 300.0  # how long completing the index tries again beside another program that writes it
COMPARED_SECONDS = 1.0  # how long searches tell the number of missing sessions without comparing all again
PASSES = 3
SHARED_BYTES = 30_000_000  # what is worth another process: about two seconds of reading
WORN_FROM = 10_000  # removed messages; fewer are never worth building the index again


def always() -> bool:
    """Return True: work goes on until it is done."""
    return True


class BuildResult(NamedTuple):
    """How many sessions an index lacks after a build; it `is_whole` if their files cannot be opened.

    Each build has its own: two threads may complete an index at once, and one of them be stopped.
    """

    missing: int
    is_whole: bool


class _Behind(NamedTuple):
    """How many sessions a search found missing in a version of the index, and until when that counts."""

    version: str
    until: float
    missing: int


class SearchIndex:
    """The search index of one home, in one file. Thread-safe; several processes may have the home open."""

    def __init__(self, config: Config, index: Engine, agents: Agents, file: SearchFile) -> None:
        self._config, self._index, self._agents, self._file = config, index, agents, file
        self.stemmer = Stemmer()
        self._updating = threading.RLock()
        self._changes: deque[FileChange] = deque()
        self._added_words: set[str] = set()  # in the transaction that is open
        self._missing = 0
        self._behind: _Behind | None = None
        self._unreadable: set[str] = set()  # sessions whose files could not be opened of late

    def note(self, change: FileChange) -> None:
        """Queue one of our own writes for `apply_changes`."""
        self._changes.append(change)

    def catch_up(self) -> int:
        """Index what is missing if that is little; return how many sessions are still missing.

        At least one is as long as the words are to be counted: no other form of a word is found before.
        """
        if not self._updating.acquire(timeout=PATIENCE_SECONDS):
            return max(1, self._missing)  # a large file is being indexed
        try:
            stale: list[StaleSession] = []
            if self._changes or not self._is_synced():
                self._file.wait_to_write()
                self.apply_changes()
                if (missing := self._missing_a_moment_ago()) is not None:
                    return missing
                stale = self._compare()
            if len(stale) <= INLINE_FILES and sum(each.size for each in stale) <= INLINE_BYTES:
                for _ in self._index_all(stale):
                    pass
                stale = self._compare() if stale else stale
            self.learn_agents_words()
            is_wordless = self._is_wordless()
        except Locked:
            return max(1, self._missing)  # by a program that writes for long
        finally:
            self._updating.release()
        self._missing = len(stale)
        if len(stale) > INLINE_FILES:
            self._behind = _Behind(self._index_version(), time.monotonic() + COMPARED_SECONDS, len(stale))
        return max(self._missing, int(is_wordless))

    def are_all_unreadable(self, missing: int) -> bool:
        """Whether the files of all sessions that are missing, so many, could not be opened."""
        return 0 < missing <= len(self._unreadable)

    def _missing_a_moment_ago(self) -> int | None:
        """Return how many sessions a search found missing that just compared the same ones; else None.

        While an index is built, each comparison reads all sessions: 0.1 s for 20,000, at every letter typed.
        """
        behind = self._behind
        if behind is None or time.monotonic() > behind.until or self._index_version() != behind.version:
            return None
        return None if self._is_synced() else behind.missing

    def _index_version(self) -> str:
        with database.reading(self._index) as index:
            return index_state.read(index).version

    def _is_wordless(self) -> bool:
        with self._file.reading() as connection:
            return vocabulary.is_counted_later(connection)

    def is_behind(self) -> bool:
        """Whether messages or words are missing; missing titles are indexed at once."""
        if self._compare():
            return True
        with self._file.reading() as connection:
            return vocabulary.is_outdated(connection)

    def is_far_behind(self) -> bool:
        """Whether so much is missing that another process is worth its start."""
        return sum(each.size for each in self._compare()) >= SHARED_BYTES

    def complete(
        self, progress: Progress | None = None, keep_going: Callable[[], bool] = always
    ) -> BuildResult:
        """Index all that is missing, as long as `keep_going()`, and return what is left.

        `progress(done, total)` is called with counts of sessions. Beside another program that indexes the
        same home, both do a part of it. Raises `StorageError`.
        """
        self._unreadable.clear()
        until = time.monotonic() + COMPLETING_SECONDS
        while True:
            try:
                return self._complete(progress, keep_going)
            except Locked:  # for seconds: each transaction of the other may just have begun
                if time.monotonic() > until or not keep_going():
                    raise

    def _complete(self, progress: Progress | None, keep_going: Callable[[], bool]) -> BuildResult:
        self.apply_changes()
        self._rebuild_if_worn()
        stale = self._compare()
        for _ in range(PASSES):
            self._count_words_later(stale)
            for done in self._index_all(stale, keep_going):
                self._missing = len(stale) - done
                if progress:
                    progress(done, len(stale))
                self.apply_changes()
            if not keep_going():
                return BuildResult(self._missing, is_whole=False)
            stale = self._compare()
            if not stale:
                break
        self._missing = len(stale)
        self._count_words()
        return BuildResult(len(stale), all(each.session_id in self._unreadable for each in stale))

    def replace(self) -> None:
        """Set the file aside, which is corrupt; the next use begins a new one. Raises `StorageError`."""
        with self._updating:
            self._file.replace()

    def clear(self) -> None:
        """Remove every message, so that all are read and indexed again."""
        with self._updating:
            with self._writing() as connection:
                tables.clear_messages(connection)
            self._file.known_words.clear()

    def close(self) -> None:
        """Close every connection that is not in use; the next use opens one."""
        self._file.close()
        self.stemmer.close()

    def open(self) -> None:
        """Open the file unless it is open, so that it is as the next use needs it; raise `StorageError`."""
        self._file.open()

    def reading(self) -> AbstractContextManager[Connection]:
        """Return a context that gives out a connection to the search index."""
        return self._file.reading()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Give out a connection in a write transaction; the caller holds `_updating`.

        Words and changes count as known after the commit alone: a full disk takes back a transaction.
        """
        self._added_words.clear()
        with self._file.writing() as connection:
            changes = note_changes(connection)
            yield connection
        self._file.remember(self._added_words, connection.engine)
        common_words_of(connection).remember(changes)

    # ---- what is missing ----------------------------------------------------------------------------------

    def _compare(self) -> list[StaleSession]:
        """Index missing titles, and return the sessions whose messages are missing, oldest first."""
        if self._is_synced():
            return []
        # The sessions are listed while no other process can write here: else what it has just added would be
        # removed again.
        with self._updating, self._writing() as connection:
            before = SyncedState.decode(tables.synced_state(connection))
            with database.reading(self._index) as index:
                now, changed = state_of(index), changed_since(index, before)
                listed = read_listed(index, changed)
            plan = make_plan(listed, _entries(connection, changed))
            _apply_titles(connection, plan)
            titles = [title for _, title in (*plan.added, *plan.retitled)]
            self._add_words(connection, {word for title in titles for word in distinct_words(title)})
            tables.set_synced_state(connection, _next_state(before, now, is_whole=not plan.stale))
        return plan.stale

    def _is_synced(self) -> bool:
        with self._file.reading() as connection:
            synced = SyncedState.decode(tables.synced_state(connection))
        with database.reading(self._index) as index:
            return synced is not None and synced.version == index_state.read(index).version

    def _rebuild_if_worn(self) -> None:
        """Clear the index if most of its texts belong to removed messages."""
        with self._file.reading() as connection:
            removed, present = tables.count_texts(connection)
        if removed > max(WORN_FROM, present):
            self.clear()

    # ---- files --------------------------------------------------------------------------------------------

    def _index_all(
        self, stale: Sequence[StaleSession], keep_going: Callable[[], bool] = always
    ) -> Iterator[int]:
        """Index sessions, given oldest first, from the newest on; yield how many are done."""
        done = 0
        batches = [batch[::-1] for batch in in_batches(stale[::-1])]
        with closing(self._prepared(batches)) as prepared:
            for batch, ready in zip(batches, prepared, strict=True):
                if not keep_going():
                    return
                with self._updating:
                    if is_large(batch):
                        self._index_alone(batch[0], keep_going)
                    else:
                        self._index_small(batch, ready)
                done += len(batch)
                yield done

    def _prepared(self, batches: Sequence[Sequence[StaleSession]]) -> Generator[Sequence[PreparedSession]]:
        """Yield what is to be stored of each batch, but nothing of a large file."""
        prepare_one = partial(prepare, self._config.sessions_dir)
        size = sum(each.size for batch in batches for each in batch)
        if self._config.processes < 2 or size < SHARED_BYTES:
            yield from map(prepare_one, batches)
            return
        # This process stores what the others prepare.
        with Pool(prepare_one, self._config.processes - 1, background=True) as pool:
            yield from pool.results(batches)

    def _index_alone(self, stale: StaleSession, keep_going: Callable[[], bool]) -> None:
        with ExitStack() as stack:
            source = self._open(stack, stale.session_id)
            if source is not None:
                self._index_large(stale, source, keep_going)

    def _open(self, stack: ExitStack, session_id: str) -> Outline | None:
        # A file that cannot be read stays among the missing ones, which the answer of a search counts.
        with suppress(NotFound, Unreadable, StorageError):
            path = path_of(self._config.sessions_dir, session_id)
            return stack.enter_context(outlined(path))
        self._unreadable.add(session_id)
        return None

    def _index_small(self, batch: Sequence[StaleSession], ready: Sequence[PreparedSession]) -> None:
        """Index files that were read, in one transaction."""
        self._unreadable |= {each.session_id for each in batch} - {each.stale.session_id for each in ready}
        with self._writing() as connection:
            added: list[Added] = []
            for each in ready:
                entry = tables.find_entry(connection, each.stale.session_id)
                if entry is not None and entry.signature == each.stale.indexed:  # no process was faster
                    added.append((entry, self._changed(connection, entry, each.messages)))
                    tables.set_signature(connection, entry, each.signature)
            self._add(connection, added)

    def _changed(
        self, connection: Connection, entry: SearchEntry, messages: Sequence[IndexedMessage]
    ) -> Sequence[IndexedMessage]:
        """Remove the messages of a session that have changed, and return those to add."""
        digests = tables.message_digests(connection, entry)
        if not digests:
            return messages
        unchanged = count_unchanged(messages, digests)
        tables.remove_messages_from(connection, entry, unchanged)
        return messages[unchanged:]

    def _index_large(self, stale: StaleSession, source: Outline, keep_going: Callable[[], bool]) -> None:
        """Index one file in several transactions, so that other writers do not wait for all of it."""
        with self._file.reading() as connection:
            entry = tables.find_entry(connection, stale.session_id)
            if entry is None or entry.signature != stale.indexed:
                return
            digests = tables.message_digests(connection, entry)
        unchanged = count_unchanged(messages_of(source, 0), digests)
        with self._writing() as connection:
            if tables.find_entry(connection, stale.session_id) != entry:
                return  # another process was faster
            tables.remove_messages_from(connection, entry, unchanged)
        for chunk in in_chunks(messages_of(source, unchanged)):
            if not keep_going():
                return  # the next pass finds these messages indexed and continues after them
            with self._writing() as connection:
                self._add(connection, [(entry, chunk)])
        with self._writing() as connection:
            tables.set_signature(connection, entry, source.stored.signature)

    def _add(self, connection: Connection, added: Sequence[Added]) -> None:
        """Store messages, and the words that the file does not have yet unless all are counted later."""
        tables.add_messages(connection, added)
        if not vocabulary.is_counted_later(connection):
            texts = (each.content.text for _, messages in added for each in messages)
            self._add_words(connection, {word for text in texts for word in distinct_words(text)})

    def _add_words(self, connection: Connection, words: set[str]) -> None:
        new = words - self._file.known_words - self._added_words
        vocabulary.add_words(connection, new, self.stemmer)
        self._added_words |= new

    # ---- words --------------------------------------------------------------------------------------------

    def _count_words_later(self, stale: Sequence[StaleSession]) -> None:
        """Of many files, count all words at their end: adding those of each takes as long as all else."""
        if sum(each.size for each in stale) > INLINE_BYTES:
            with self._updating, self._writing() as connection:
                vocabulary.count_later(connection)

    def _count_words(self) -> None:
        with self._file.reading() as connection:
            is_outdated = vocabulary.is_outdated(connection)
            if not is_outdated and vocabulary.is_numbered(connection):
                return
        with self._updating, self._writing() as connection:
            if is_outdated:
                self._file.known_words.clear()
                vocabulary.count_words(connection, self.stemmer)
            vocabulary.store_number(connection)

    def _unknown_agent_words(self) -> list[agent_words.Unknown]:
        with self._file.reading() as connection, database.reading(self._index) as index:
            return agent_words.unknown(self._agents, index, vocabulary.known_upto(connection))

    def learn_agents_words(self) -> None:
        """Store the words of agents' messages that came since the last time.

        Only within a call, never in the background: nothing may hold the agents' files after a call.
        """
        for each in self._unknown_agent_words():
            counts = agent_words.read(each)
            if counts is None:
                continue
            with self._updating, self._writing() as connection:
                vocabulary.put_counts(connection, counts, self.stemmer)
                vocabulary.set_known_upto(connection, each.profile, each.upto)

    # ---- our own writes -----------------------------------------------------------------------------------

    def apply_changes(self) -> None:
        """Index the queued writes; several of one session count as one."""
        if not self._changes:
            return
        with self._updating:
            changes: dict[str, FileChange] = {}
            while self._changes:
                change = self._changes.popleft()
                changes[change.session_id] = _joined(changes.get(change.session_id), change)
            for change in changes.values():
                self._apply(change)

    def _apply(self, change: FileChange) -> None:
        """Index one write; if it does not continue the indexed version, it is left to the comparison."""
        if change.after is None:
            with self._writing() as connection:
                entry = tables.find_entry(connection, change.session_id)
                if entry is not None:
                    tables.remove_entry(connection, entry)
        elif change.kept is not None:
            messages = self._added_messages(change.session_id, change.after, change.kept)
            if messages is not None:
                with self._writing() as connection:
                    self._index_change(connection, change, messages)

    def _added_messages(self, session_id: str, version: Signature, kept: int) -> list[IndexedMessage] | None:
        """Return the messages from position `kept` on, None if the file has another version by now."""
        with database.reading(self._index) as connection:
            row = rows.get(connection, session_id)
        if row is None or row.stored.signature != version or row.stored.marks is None:
            return None
        path, count = path_of(self._config.sessions_dir, session_id), row.summary.message_count
        with (
            suppress(NotFound, Unreadable),
            outlined_as_known(path, row.stored, count) as source,
        ):
            return None if source is None else added_messages(source, kept)
        return None

    def _index_change(
        self, connection: Connection, change: FileChange, messages: Sequence[IndexedMessage]
    ) -> None:
        entry = tables.find_entry(connection, change.session_id)
        if change.before != (entry.signature if entry else None) or change.after is None:
            return
        if entry is None:
            entry = tables.add_entry(connection, (WEB_UI, change.session_id), change.title)
        if entry.title != change.title:
            tables.set_title(connection, entry, change.title)
        self._add_words(connection, distinct_words(change.title))
        tables.remove_messages_from(connection, entry, change.kept or 0)
        self._add(connection, [(entry, messages)])
        tables.set_signature(connection, entry, change.after)


def _joined(first: FileChange | None, second: FileChange) -> FileChange:
    """Return what two writes of a session amount to, one after the other."""
    if first is None or second.after is None or first.after != second.before:
        return second
    kept = None if first.kept is None or second.kept is None else min(first.kept, second.kept)
    return second._replace(before=first.before, kept=kept)


def _next_state(before: SyncedState | None, now: SyncedState, *, is_whole: bool) -> str:
    """Return what to store of a comparison: if files are to be read, what changed is compared again."""
    if is_whole:
        return now.encoded
    return "" if before is None else before._replace(version="").encoded


def _entries(connection: Connection, session_ids: Sequence[str] | None) -> Mapping[EntryKey, SearchEntry]:
    """Return entries by their keys, those of some sessions or all."""
    return (
        tables.all_entries(connection) if session_ids is None else tables.entries_of(connection, session_ids)
    )


def _apply_titles(connection: Connection, plan: SearchPlan) -> None:
    for key, title in plan.added:
        tables.add_entry(connection, key, title)
    for entry, title in plan.retitled:
        tables.set_title(connection, entry, title)
    for entry in plan.removed:
        tables.remove_entry(connection, entry)
