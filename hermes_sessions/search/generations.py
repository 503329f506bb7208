"""The search index of one home, and beside it the one of an older format while that is replaced."""

import shutil
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Engine

from ..agent import Agents
from ..config import Config
from ..errors import Damaged, StorageError
from ..index import Progress
from ..model import FileChange
from .index_file import CurrentFile, OlderFile, diagnose, size_of
from .sync import SearchIndex, always

REBUILDING = "The search index is being rebuilt for this version. Until then, the older one answers."
NO_ROOM = (
    "The search index cannot be rebuilt for this version: that takes about {:,} MB more than the disk has. "
    "Until there is room, the older one answers."
)
LARGER = 1.25  # times the size of the older index that a new one may have, with its log


class SearchIndexes:
    """The `current` index, and an older one that answers until the current one is complete. Thread-safe.

    Both are kept in line with the sessions; only the current one is completed.
    """

    def __init__(self, config: Config, index: Engine, agents: Agents) -> None:
        locks = config.search_locks_dir
        lock_file = None if locks is None else locks / "search-file.lock"
        self._place = config.search_file
        self._older_file = OlderFile(self._place, lock_file)
        self.current = SearchIndex(config, index, agents, CurrentFile(self._place, lock_file))
        self._older = SearchIndex(config, index, agents, self._older_file)

    # ---- searches ---------------------------------------------------------------------------------------

    def answering(self) -> SearchIndex:
        """Return the index to search: the older one if there is one that can be; raise `Damaged`."""
        try:
            self.current.open()
        except StorageError as error:  # such as a full disk, which whoever uses the index meets again
            if isinstance(error, Damaged):
                raise
        return self._older if self._has_older() else self.current

    def _has_older(self) -> bool:
        """Whether an older index can be searched; one that never can is removed."""
        if not self._older_file.exists:
            return False
        try:
            self._older.open()
        except Damaged:
            with suppress(StorageError):
                self._older_file.discard()
            return False
        except StorageError:
            return False
        return True

    def note_of(self, index: SearchIndex) -> str | None:
        """Return what is to be said of the answers of an index, None of those of the current one."""
        if index is self.current:
            return None
        return NO_ROOM.format(self._lacking() // 1_000_000 + 1) if self._lacking() else REBUILDING

    def _lacking(self) -> int:
        """Return how many bytes the disk lacks for a new index of the size of the older one."""
        if self._place is None:
            return 0
        needed = LARGER * self._older_file.size - size_of(self._place)
        return max(0, int(needed) - shutil.disk_usage(self._place.parent).free)

    # ---- updates ----------------------------------------------------------------------------------------

    def note(self, change: FileChange) -> None:
        """Queue one of our own writes for `apply_changes`."""
        self.current.note(change)
        if self._older_file.exists:
            self._older.note(change)

    def apply_changes(self) -> None:
        """Index the queued writes."""
        self.current.apply_changes()
        if self._older_file.exists:
            self._older.apply_changes()

    def is_behind(self) -> bool:
        """Whether the current index lacks messages or words, or an older one still answers."""
        return self._older_file.exists or self.current.is_behind()

    def is_far_behind(self) -> bool:
        """Whether what the current index lacks is worth another process."""
        return self.current.is_far_behind()

    def complete(self, progress: Progress | None = None, keep_going: Callable[[], bool] = always) -> int:
        """Complete the current index as `SearchIndex.complete` does, and remove the older one then.

        Returns how many sessions are still missing. Without room for both, the older one stays.
        """
        self.current.open()
        if self._has_older() and self._lacking():
            return self._older.catch_up()
        done = self.current.complete(progress, keep_going)
        if done.is_whole:
            self._older_file.discard()
        return done.missing

    def clear(self) -> None:
        """Forget every message, so that all are read and indexed again."""
        self.current.clear()
        self._older_file.discard()

    # ---- damage -----------------------------------------------------------------------------------------

    def replace(self, error: Damaged) -> None:
        """Begin a new file in the place of the corrupt one, or do without it if that is the older one.

        Raises the error if it is about another file, and `StorageError`.
        """
        if self._place is not None and error.file == self._place.name:
            self.current.replace()
        elif error.file == self._older_file.name:
            self._older_file.discard()
        else:
            raise error

    def check(self) -> None:
        """Read every index whole, and replace those that are corrupt."""
        if self._place is not None and diagnose(self._place) is not None:
            self.current.replace()
        if self._older_file.exists and self._older_file.is_corrupt:
            self._older_file.discard()

    def close(self) -> None:
        """Close every connection that is not in use; the next use opens one."""
        self.current.close()
        self._older.close()
