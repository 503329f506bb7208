"""Which files of the sessions folder to compare with the index, in a process that watches the folder.

The watch begins with a scan, or where the folder's time says that the index is in line with it. A scan stays
the judge of what it says: when events were lost, after an error, and with the first change after ten minutes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..folder_events import FolderEvents
from .index_state import IndexState

JUDGED_SECONDS = 600.0
MOST_NAMES = 500  # more files are faster to scan


class FolderWatch:
    """What changed in a folder since the index was last in line with it.

    Any thread may ask whether something is `pending`; only one at a time may call `forget`, `names` and
    `note`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started = False
        self._taking = False
        self._events: FolderEvents | None = None
        self._trial: FolderEvents | None = None
        self._names: set[bytes] = set()  # of files that changed, and were not compared with the index yet
        self._known: IndexState | None = None  # the index when it was last in line, None if it is not known
        self._scanned_at = float("-inf")

    def start(self) -> None:
        """Watch the folder from now on, where that is possible; the next change is found by a scan."""
        self.started = True

    def trial(self) -> FolderEvents | None:
        """Return what tells of the changes from now on, for `adopt`; None where that is not possible.

        It is kept until it is adopted, and tells of the changes since the first call: to end one takes the
        system as long as a list.
        """
        if self._trial is None:
            self._trial = self._events_from_now()
        return self._trial

    @property
    def tried(self) -> FolderEvents | None:
        """What `trial` returned last, unless it was adopted."""
        return self._trial

    def adopt(self, trial: FolderEvents, state: IndexState) -> None:
        """Go on with a trial: since it began, the index of this state was once in line with the folder."""
        if not self.started:
            self._known, self._scanned_at = state, time.monotonic()
            self.started, self._events, self._trial = True, trial, None

    def close(self) -> None:
        """End the watch."""
        self.started, self._trial = False, None
        self._end()

    @property
    def pending(self) -> bool:
        """Whether a file may have changed since the index was last in line with the folder.

        What another thread takes from the queue is in its hands before the queue is empty, and among the
        names before it lets go: so it is looked for in this order.
        """
        events = self._events  # read once: another thread may end the watch
        if events is None:
            return self._taking
        return events.pending() or self._taking or bool(self._names) or self._known is None

    def vouches(self, state: IndexState, folder_time: int) -> bool:
        """Whether an index that is said to agree with the folder's time does, since nothing is `pending`.

        Without a watch, the time of a write of this program must be confirmed by a comparison.
        """
        known = self._known
        if self._events is None or known is None or state.folder_time != folder_time:
            return False
        return _continues(known, state)

    def knows_another(self, state: IndexState) -> bool:
        """Whether the index was in another state when the watch last knew it."""
        known = self._known  # read once: another thread may replace it
        return known is not None and known.version != state.version

    def note(self, state: IndexState) -> None:
        """Note that the index of this state was in line with the folder, and nothing was pending.

        Else an older index that is put back later could pass for one that goes on from the state known here,
        and a file that another process had read in between would never be read again.
        """
        if self._known is not None and _continues(self._known, state) and not self.pending:
            self._known = state

    @property
    def is_possible(self) -> bool:
        """Whether the folder is being watched, and not on the disk of another machine."""
        return self._events is not None

    def forget(self, are_indexed: Callable[[set[str]], bool]) -> bool:
        """Forget the changes that the index knows, such as those that this program made; say whether all are.

        `are_indexed` says it of the ids of sessions.
        """
        self._taking = True
        try:
            ids = self._changed_ids() if self._known is not None else None
            if ids is None or not are_indexed(ids):
                return False
            self._names.clear()
            return True
        finally:
            self._taking = False

    def _changed_ids(self) -> set[str] | None:
        names = None if self._events is None else self._events.take()
        if names is None:
            self._known = None
            return None
        self._names |= names
        return _ids(self._names)

    @contextmanager
    def names(self, state: IndexState, folder_time: int) -> Iterator[set[str] | None]:
        """Give out the ids of the sessions whose files changed; None if all are to be compared.

        `state` is that of the index. Unless it raises, the block brings the index in line with the folder as
        it was at its modification time `folder_time`.
        """
        self._taking = True
        try:
            names = self._take(state)
            yield names
            self._known = state._replace(folder_time=folder_time)
            self._names.clear()
            if names is None:
                self._scanned_at = time.monotonic()
        except BaseException:
            self._known = None
            raise
        finally:
            self._taking = False

    def _take(self, state: IndexState) -> set[str] | None:
        continues = self._known is not None and _continues(self._known, state)
        ids = self._changed_ids()
        if self._known is None:
            self._begin()
            return None
        is_due = time.monotonic() - self._scanned_at >= JUDGED_SECONDS
        return ids if continues and not is_due else None

    def _begin(self) -> None:
        self._end()
        self._events, self._trial = self._events_from_now(), None  # without them every list scans

    def _events_from_now(self) -> FolderEvents | None:
        with suppress(OSError):
            return FolderEvents(self._folder)
        return None

    def _end(self) -> None:
        events, self._events, self._known = self._events, None, None
        self._names.clear()
        if events is not None:
            events.close()


def _continues(known: IndexState, state: IndexState) -> bool:
    """Whether an index goes on from where it was, and is not another one, or an older version put back."""
    if state.folder_time is None or known.folder_time is None:
        return False
    store, _, number = known.version.rpartition("-")
    its_store, _, its_number = state.version.rpartition("-")
    is_later = int(its_number) >= int(number) and state.folder_time >= known.folder_time
    return store == its_store and is_later


def _ids(names: set[bytes]) -> set[str] | None:
    """Return the ids of the sessions among some files; None if a scan is faster, or must read a name."""
    ids = {name.removesuffix(b".json") for name in names if _is_session(name)}
    if len(ids) > MOST_NAMES or not all(map(bytes.isascii, ids)):
        return None
    return {each.decode("ascii") for each in ids}


def _is_session(name: bytes) -> bool:
    return name.endswith(b".json") and not name.startswith((b"_", b"."))
