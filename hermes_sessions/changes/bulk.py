"""One change made to many sessions, each on its own: one failure does not stop the others.

Sessions that share a lock are changed together, some at a time: the lock is taken once, and their rows are
written in one transaction after their files. An interruption leaves files that are newer than their rows, as
it does between the file and the row of one session, and the next sync stores these rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ..errors import SessionsError
from ..fields import check_id, is_id
from ..index import Indexed, Progress, only_sessions_errors
from ..locks import stripe_of
from ..metadata import MetadataChange
from ..model import FolderTimes, Summary
from ..sidecars import Written
from .retry import retry_conflicts
from .store import ChangedRow, ForgottenRow, Store, changed_row

MOST_TOGETHER = 50  # so that others wait for their lock for a fraction of a second

T = TypeVar("T")


@dataclass
class Outcomes:
    """What became of each session; `step` counts them for `progress(done, total)`."""

    session_ids: Sequence[str]
    progress: Progress | None = None
    failed: dict[str, SessionsError] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    _ended: int = 0

    def attempt(self, session_id: str, act: Callable[[], object]) -> None:
        """Act on one session, and note its result or its error."""
        try:
            with only_sessions_errors():
                self.results[session_id] = act()
        except SessionsError as error:
            self.failed[session_id] = error
        self._ended += 1
        if self.progress is not None:
            self.progress(self._ended, len(self.session_ids))

    def again(self, session_id: str, act: Callable[[], object]) -> None:
        """Act once more on a session that failed, and note what becomes of it instead."""
        del self.failed[session_id]
        self._ended -= 1
        self.attempt(session_id, act)

    def failed_with(self, kind: type[SessionsError]) -> list[str]:
        """Return the ids of the sessions that failed with this kind of error."""
        return [session_id for session_id, error in self.failed.items() if isinstance(error, kind)]

    @property
    def done(self) -> tuple[str, ...]:
        """The ids of the sessions without an error, in the order in which they were given."""
        return tuple(each for each in self.session_ids if each in self.results and each not in self.failed)

    @property
    def changed(self) -> tuple[str, ...]:
        """The ids of those of which `act` returned that there was something to do."""
        return tuple(each for each in self.done if self.results[each])


def each_alone(
    session_ids: Sequence[str], act: Callable[[str], object], progress: Progress | None = None
) -> Outcomes:
    """Act on one session after the other."""
    outcomes = Outcomes(session_ids, progress)
    for session_id in session_ids:
        outcomes.attempt(session_id, partial(act, session_id))
    return outcomes


def each_together(
    store: Store,
    session_ids: Sequence[str],
    act: Callable[[Store, str], object],
    progress: Progress | None = None,
) -> Outcomes:
    """Act on each session, with a store that writes the rows of several at once.

    `act` takes no lock but that of its session, through the store that it gets.
    """
    outcomes = Outcomes(session_ids, progress)
    for group in _groups(session_ids):
        try:
            with only_sessions_errors():
                _change_group(store, group, act, outcomes)
        except SessionsError as error:  # of the lock or of the index: all of the group have it
            for session_id in group:
                outcomes.failed.setdefault(session_id, error)
    return outcomes


def _groups(session_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the ids in groups that share a lock; what is no id by itself."""
    by_stripe: defaultdict[int, list[str]] = defaultdict(list)
    for session_id in session_ids:
        by_stripe[stripe_of(session_id)].append(session_id)
    for some in by_stripe.values():
        for at in range(0, len(some), MOST_TOGETHER):
            yield some[at : at + MOST_TOGETHER]


def _change_group(
    store: Store, session_ids: Sequence[str], act: Callable[[Store, str], object], outcomes: Outcomes
) -> None:
    with store.lock_of_stripe(session_ids[0]):
        store.check_index()
        group = GroupStore(store, store.rows_of([each for each in session_ids if is_id(each)]))
        try:
            for session_id in session_ids:
                outcomes.attempt(session_id, partial(_act, act, group, session_id))
        finally:
            group.store_rows()


def _act(act: Callable[[Store, str], object], store: Store, session_id: str) -> object:
    return act(store, check_id(session_id))


class GroupStore(Store):
    """The store while the lock of some sessions is held: their rows wait until their files are written."""

    def __init__(self, store: Store, rows: Mapping[str, Indexed]) -> None:
        super().__init__(store.config, store.engine, store.locks, store.notify)
        self._rows = dict(rows)
        self._waiting: list[ChangedRow | ForgottenRow] = []

    def lock(self, session_id: str) -> AbstractContextManager[None]:  # noqa: ARG002  # as of `Store`
        """Return a context that does nothing: the caller holds the lock."""
        return nullcontext()

    def check_index(self) -> None:
        """Do nothing: the index was checked for the whole group."""

    def change(self, session_id: str, change: Callable[[Indexed], T]) -> T:
        """Return what `change` does to a session's current row, as `Store.change` does."""
        path = self.path_of(session_id)
        return retry_conflicts(lambda: change(self._matching(path, self.row(session_id))))

    def row(self, session_id: str) -> Indexed | None:
        """Return a session's row, which was read with those of the group."""
        return self._rows.get(session_id) or super().row(session_id)

    def record_change(
        self,
        old: Indexed,
        change: MetadataChange,
        written: Written,
        kept: int | None,
        transcript: Sequence[Any] = (),
    ) -> Summary:
        """Return the session as listed, whose row will be stored with the others."""
        changed = changed_row(old, change, written, kept, transcript)
        self._rows[changed.new.summary.session_id] = changed.new
        self._waiting.append(changed)
        return changed.new.summary

    def forget(self, session_id: str, moved: FolderTimes | None = None) -> None:
        """Drop the row of a session with the others."""
        self._rows.pop(session_id, None)
        self._waiting.append(ForgottenRow(session_id, moved))

    def store_rows(self) -> None:
        """Store the rows that wait; raise `StorageError`, which says that the files are written."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.put_after_files(_what_is_done(waiting), waiting)


def _what_is_done(waiting: Sequence[ChangedRow | ForgottenRow]) -> str:
    """Return a sentence about what a call did to files, for an error that comes after it."""
    first, verb = waiting[0], "deleted" if isinstance(waiting[0], ForgottenRow) else "saved"
    one = first.file_change.session_id
    return f"session {one} was {verb}" if len(waiting) == 1 else f"{len(waiting)} sessions were {verb}"
