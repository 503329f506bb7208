"""The full-text index kept in line with the sessions: by each change of ours, else by comparing versions.

Files are read outside of transactions, and what was read is stored only if no other process was faster.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Engine

from .. import files
from ..config import Config
from ..errors import NotFound, StorageError, Unreadable, storing
from ..index import database, rows
from ..messages import RawMessage, cards_by_message, read_message, read_messages
from ..model import Change, Signature
from ..sidecars import Outline, reading
from . import tables as search
from .indexed_text import NO_TEXT, IndexedText, indexed_text
from .plan import Plan, Stale, listed, plan
from .tables import OWN, Entry, IndexedMessage

# What a search reads itself before it answers; more is left to the background, and the answer says so.
INLINE_BYTES, INLINE_FILES = 4_000_000, 50
BATCH_BYTES = reading.LARGEST_AT_ONCE  # stored at once: a few hundredths of a second
CHUNK = 50  # messages in memory of a larger file
PATIENCE_SECONDS = 0.25  # that a search waits for a file that is being read
PASSES = 3
KNOWN_WORDS = 200_000
RENEW_FROM = 10_000  # messages that are no more, from which on a smaller index is worth making it anew

Progress = Callable[[int, int], None]


class SearchSync:
    """The full-text index of one home. Thread-safe; any number of processes may have one home open."""

    def __init__(self, config: Config, index: Engine) -> None:
        self._config, self._index = config, index
        self._path = config.search_file
        self._engine: Engine | None = None
        self._inode: int | None = None
        self._opening, self._mending = threading.Lock(), threading.RLock()
        self._changes: deque[Change] = deque()
        self._words: set[str] = set()
        self._behind = 0

    # ---- for whoever changes, searches, closes ------------------------------------------------------------

    def note(self, change: Change) -> None:
        """Take note of a change of ours, for `apply_changes`."""
        self._changes.append(change)

    def catch_up(self) -> int:
        """Mend what differs if that is little; return how many sessions are missing still."""
        if not self._mending.acquire(timeout=PATIENCE_SECONDS):
            return max(1, self._behind)  # a large file is being read
        try:
            self.apply_changes()
            stale = self._look()
            if len(stale) <= INLINE_FILES and sum(each.size for each in stale) <= INLINE_BYTES:
                for _ in self._read_all(stale):
                    pass
                stale = self._look() if stale else stale
        finally:
            self._mending.release()
        self._behind = len(stale)
        return len(stale)

    def is_behind(self) -> bool:
        """Whether messages are missing; titles are brought in line meanwhile."""
        return bool(self._look())

    def complete(self, progress: Progress | None = None, goes_on: Callable[[], bool] = lambda: True) -> int:
        """Mend all that differs while it `goes_on`; return how many sessions were not read."""
        self.apply_changes()
        self._renew_if_worn()
        stale = self._look()
        for _ in range(PASSES):
            for done in self._read_all(stale, goes_on):
                self._behind = len(stale) - done
                if progress:
                    progress(done, len(stale))
                self.apply_changes()
            if not goes_on():
                return self._behind
            stale = self._look()
            if not stale:
                break
        self._behind = len(stale)
        return len(stale)

    def start_anew(self) -> None:
        """Throw the file away, which is damaged, and have it made anew."""
        with self._mending, self._opening:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None
            remove(self._path)

    def renew(self) -> None:
        """Have every message read anew."""
        with self._mending, database.writing(self._opened()) as connection:
            search.renew(connection)
        self._words.clear()

    def close(self) -> None:
        """Close every connection that is not in use; the next use opens one."""
        if self._engine is not None:
            self._engine.dispose()

    def reading(self) -> AbstractContextManager[Connection]:
        """Return a context that gives out a connection to the index."""
        return database.reading(self._opened())

    # ---- the file -----------------------------------------------------------------------------------------

    def _opened(self) -> Engine:
        """Return the engine of the file, made anew where it is another format's or was removed."""
        with self._opening:
            if self._engine is not None and _inode(self._path) == self._inode:
                return self._engine
            if self._engine is not None:
                self._engine.dispose()
            engine = database.make_engine(self._path)
            try:
                self._prepare(engine)
            except BaseException:
                engine.dispose()
                raise
            self._engine, self._inode = engine, _inode(self._path)
            self._words.clear()
            return engine

    def _prepare(self, engine: Engine) -> None:
        with database.reading(engine) as connection:
            found = search.format_of(connection)
        if found == search.FORMAT:
            return
        with files.file_lock(self._config.locks_dir / "search-file.lock"):
            if found:
                engine.dispose()
                remove(self._path)
            with database.writing(engine) as connection:
                if search.format_of(connection) == 0:
                    search.create(connection)

    # ---- differences --------------------------------------------------------------------------------------

    def _look(self) -> list[Stale]:
        """Bring titles in line, and return the sessions whose messages are not, the oldest first."""
        if self._agrees():
            return []
        # What is listed is read when nobody else can write here: or what came since would be dropped again.
        with self._mending, database.writing(self._opened()) as connection:
            with database.reading(self._index) as index:
                version, there = rows.state(index).version, listed(index)
            found = plan(there, search.entries(connection))
            _store(connection, found)
            search.put_token(connection, "" if found.stale else version)
        return found.stale

    def _agrees(self) -> bool:
        with self.reading() as connection:
            known = search.token(connection)
        with database.reading(self._index) as index:
            return known == rows.state(index).version

    def _read_all(self, stale: Sequence[Stale], goes_on: Callable[[], bool] = lambda: True) -> Iterator[int]:
        """Read and index these sessions, given oldest first, from the newest on; yield how many are done."""
        done = 0
        for some in _batches(stale[::-1]):
            if not goes_on():
                return
            with self._mending:
                self._read(some[::-1], goes_on)
            done += len(some)
            yield done

    def _read(self, stale: Sequence[Stale], goes_on: Callable[[], bool]) -> None:
        with ExitStack() as stack:
            outlined = [(each, self._outlined(stack, each.session_id)) for each in stale]
            read = [(each, source) for each, source in outlined if source is not None]
            if len(read) == 1:
                self._index_large(*read[0], goes_on)
            elif read:
                self._index_small(read)

    def _outlined(self, stack: ExitStack, session_id: str) -> Outline | None:
        with suppress(NotFound, Unreadable, StorageError):  # it stays among what is missing, which is said
            path = reading.path_of(self._config.sessions_dir, session_id)
            return stack.enter_context(reading.surveyed(path, session_id))
        return None

    def _index_small(self, read: Sequence[tuple[Stale, Outline]]) -> None:
        """Index files, which are in memory, by one transaction."""
        with database.writing(self._opened()) as connection:
            first = search.below(connection, sum(source.total for _, source in read))
            for stale, source in read:
                entry = search.entry(connection, stale.session_id)
                if entry is not None and entry.signature == stale.known:  # else another process was faster
                    kept = _count_same(_messages(source, 0), search.digests(connection, entry.number))
                    search.keep(connection, entry.number, kept)
                    older = entry.signature is None and not kept
                    at = first if older else search.above(connection)
                    for chunk in _chunks(_messages(source, kept)):
                        self._put(connection, entry, chunk, at)
                        at += len(chunk)
                    search.mark(connection, entry.number, source.stored.signature)
                first += source.total

    def _index_large(self, stale: Stale, source: Outline, goes_on: Callable[[], bool]) -> None:
        """Index one file by several transactions, so that nobody waits for all of it, nor is it in memory."""
        with self.reading() as connection:
            entry = search.entry(connection, stale.session_id)
            if entry is None or entry.signature != stale.known:
                return
            known = search.digests(connection, entry.number)
        kept = _count_same(_messages(source, 0), known)
        with database.writing(self._opened()) as connection:
            if search.entry(connection, stale.session_id) != entry:
                return
            search.keep(connection, entry.number, kept)
            older = entry.signature is None and not kept
            at = search.below(connection, source.total) if older else None
        for chunk in _chunks(_messages(source, kept)):
            if not goes_on():
                return  # whoever goes on finds how far this came
            with database.writing(self._opened()) as connection:
                self._put(connection, entry, chunk, search.above(connection) if at is None else at)
            at = None if at is None else at + len(chunk)
        with database.writing(self._opened()) as connection:
            search.mark(connection, entry.number, source.stored.signature)

    def _put(self, connection: Connection, entry: Entry, chunk: Sequence[IndexedMessage], first: int) -> None:
        search.put(connection, entry.number, chunk, first)
        new = search.words_of(chunk) - self._words
        search.put_words(connection, new)
        if len(self._words) + len(new) > KNOWN_WORDS:
            self._words.clear()
        self._words |= new

    def _renew_if_worn(self) -> None:
        with self.reading() as connection:
            garbage, messages = search.garbage(connection)
        if garbage > max(RENEW_FROM, messages):
            with self._mending, database.writing(self._opened()) as connection:
                search.renew(connection)
            self._words.clear()

    # ---- changes of ours ----------------------------------------------------------------------------------

    def apply_changes(self) -> None:
        """Index what was noted; of several changes of one session what they come to together."""
        with self._mending:
            together: dict[str, Change] = {}
            while self._changes:
                change = self._changes.popleft()
                together[change.session_id] = _both(together.get(change.session_id), change)
            for change in together.values():
                self._apply(change)

    def _apply(self, change: Change) -> None:
        """Index a change; one that does not fit what is known of its session is left to the comparison."""
        if change.after is None:
            with database.writing(self._opened()) as connection:
                entry = search.entry(connection, change.session_id)
                if entry is not None:
                    search.drop(connection, entry)
        elif change.kept is not None:
            messages = self._added(change.session_id, change.after, change.kept)
            if messages is not None:
                with database.writing(self._opened()) as connection:
                    self._index_change(connection, change, messages)

    def _added(self, session_id: str, version: Signature, kept: int) -> list[IndexedMessage] | None:
        """Return the messages from `kept` on, the others unread; None if the file is another version."""
        with database.reading(self._index) as connection:
            row = rows.get(connection, session_id)
        if row is None or row.stored.signature != version or row.stored.marks is None:
            return None
        folder, count = self._config.sessions_dir, row.summary.message_count
        with (
            suppress(NotFound, Unreadable),
            reading.remembered(folder, session_id, row.stored, count) as source,
        ):
            if source is not None:
                messages, tool_calls = reading.messages_from(source, kept), reading.tool_calls(source)
                added = read_messages(messages, tool_calls, kept)
                return [search.message(position, indexed_text(message)) for position, message in added]
        return None

    def _index_change(
        self, connection: Connection, change: Change, messages: Sequence[IndexedMessage]
    ) -> None:
        entry = search.entry(connection, change.session_id)
        if change.before != (entry.signature if entry else None) or change.after is None:
            return
        if entry is None:
            number = search.add(connection, OWN, change.session_id, change.title)
            entry = Entry(number, change.title, None)
        if entry.title != change.title:
            search.retitle(connection, entry, change.title)
        search.keep(connection, entry.number, change.kept or 0)
        for chunk in _chunks(iter(messages)):
            self._put(connection, entry, chunk, search.above(connection))
        search.mark(connection, entry.number, change.after)


def _both(first: Change | None, then: Change) -> Change:
    """Return what two changes of a session come to, one after the other."""
    if first is None or then.after is None or first.after != then.before:
        return then
    kept = None if first.kept is None or then.kept is None else min(first.kept, then.kept)
    return then._replace(before=first.before, kept=kept)


def _store(connection: Connection, found: Plan) -> None:
    for (profile, session_id), title in found.added:
        search.add(connection, profile, session_id, title)
    for entry, title in found.retitled:
        search.retitle(connection, entry, title)
    for entry in found.dropped:
        search.drop(connection, entry)


def _chunks(messages: Iterator[IndexedMessage]) -> Iterator[list[IndexedMessage]]:
    while chunk := list(islice(messages, CHUNK)):
        yield chunk


def _messages(source: Outline, first: int) -> Iterator[IndexedMessage]:
    """Yield a file's messages from an index on, some at once: a session of 50 MB is never in memory."""
    cards = _cards(source)
    for start in range(first, source.total, CHUNK):
        texts = reading.texts_between(source, start, min(start + CHUNK, source.total))
        for position, text in enumerate(texts, start):
            yield search.message(position, _indexed_text(source, text, cards.get(position, ())))


def _cards(source: Outline) -> Mapping[int, Sequence[RawMessage]]:
    """Return the calls of the session's own list by the index of their message."""
    try:
        return cards_by_message(reading.tool_calls(source))
    except Unreadable:  # the messages can be searched all the same
        return {}


def _indexed_text(source: Outline, text: memoryview, cards: Sequence[RawMessage]) -> IndexedText:
    """Return what is indexed of a message, nothing of one that cannot be decoded."""
    try:
        return indexed_text(read_message(reading.decode(source, text), cards))
    except Unreadable:
        return NO_TEXT


def _count_same(messages: Iterator[IndexedMessage], digests: Sequence[int]) -> int:
    """Return how many messages at the beginning are those that are indexed."""
    same = 0
    for message, digest in zip(messages, digests, strict=False):
        if message.digest != digest:
            break
        same += 1
    return same


def _batches(stale: Sequence[Stale]) -> Iterator[list[Stale]]:
    """Return the sessions in groups of a few files, a large one alone."""
    some: list[Stale] = []
    size = 0
    for each in stale:
        size += each.size
        if some and size > BATCH_BYTES:
            yield some
            some, size = [], each.size
        some.append(each)
    if some:
        yield some


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def remove(path: Path) -> None:
    """Remove the index's files."""
    with storing("cannot remove the search index"):
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
