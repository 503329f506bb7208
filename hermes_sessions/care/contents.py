"""The contents of session files, each read once: what is wrong in them, for `check` and `repair`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any, NamedTuple

from ..changes import Store
from ..errors import NotFound, Unreadable
from ..findings import Finding, FindingKind
from ..index import Indexed, database, rows
from ..model import Stored, Summary
from ..sidecars import Loaded, load, outline_of, reading
from ..times import has_unreadable_time

REBUILD, REPAIR = "hermes-sessions rebuild", "hermes-sessions repair --apply"


class _Wrong(NamedTuple):
    """What the row of a session should be, and marks that it has, which are right as well."""

    expected: Indexed
    right_marks: bytes | None


class Contents:
    """The files of one home that were read so far: their findings, and how many messages each has."""

    def __init__(self, store: Store) -> None:
        self.findings: list[Finding] = []
        self._store = store
        self._counts: dict[str, int] = {}
        self._wrong: dict[str, _Wrong] = {}
        self._summaries: dict[Path, tuple[Summary, Stored]] = {}

    def read_all(self, session_ids: Iterable[str]) -> None:
        """Read the files of these sessions; one that cannot be read is reported by the scan of the folder."""
        for session_id in session_ids:
            with suppress(Unreadable, NotFound, ValueError):
                self._examine(load(self._store.path_of(session_id)))

    def read_summary(self, path: Path) -> tuple[Summary, Stored]:
        """Return what the index keeps of a file, which is read unless it was; errors as of `load`."""
        known = self._summaries.pop(path, None)
        if known is not None:
            return known
        loaded = load(path)
        with suppress(Unreadable, ValueError):
            self._examine(loaded)
        return reading.summary(outline_of(loaded))

    def message_count(self, session_id: str) -> int:
        """Return how many messages a session has, reading its file unless it was; errors as of `load`."""
        if session_id in self._counts:
            return self._counts[session_id]
        return reading.message_count(load(self._store.path_of(session_id)))

    @property
    def wrongly_indexed(self) -> list[str]:
        """The ids of the sessions whose rows differ from what the same version of their files gives."""
        return list(self._wrong)

    def index_findings(self) -> Iterator[Finding]:
        """Read the index again, and yield a finding for each row that differs from its file."""
        for session_id, (expected, right_marks) in self._wrong.items():
            with database.reading(self._store.engine) as connection:
                columns = rows.wrong_columns(connection, expected, partial(eq, right_marks))
            yield from _row_findings(session_id, columns, expected.summary.message_count)

    def _examine(self, loaded: Loaded) -> None:
        messages = reading.session(loaded).messages
        session_id, count = loaded.session_id, len(messages)
        self._counts[session_id] = count
        self.findings.extend(_findings(loaded, messages))
        expected, right_marks = Indexed(*reading.summary(outline_of(loaded)), draft=False), list[bytes]()

        def marks_hold(packed: bytes) -> bool:
            if reading.marks_hold(loaded, packed):
                right_marks.append(packed)
            return bool(right_marks)

        with database.reading(self._store.engine) as connection:
            wrong = rows.wrong_columns(connection, expected, marks_hold)
        if wrong:
            self._wrong[session_id] = _Wrong(expected, right_marks[0] if right_marks else None)
            self._summaries[loaded.path] = expected.summary, expected.stored  # to be stored again


def _row_findings(session_id: str, wrong: Mapping[str, Any], count: int) -> Iterator[Finding]:
    if "message_count" in wrong:
        meaning = f"the index says {wrong['message_count']} messages, the file has {count}"
        yield Finding(FindingKind.WRONG_COUNT_IN_INDEX, session_id, meaning, REBUILD)
    others = ", ".join(name for name in wrong if name != "message_count")
    if others:
        meaning = f"its row in the index differs from the file: {others}"
        yield Finding(FindingKind.WRONG_ROW, session_id, meaning, f"`{REPAIR}` reads the file again")


def _findings(loaded: Loaded, messages: Sequence[Any]) -> Iterator[Finding]:
    stated, count = reading.stated(loaded), len(messages)
    if stated.message_count not in (None, count):
        yield Finding(
            FindingKind.WRONG_COUNT_IN_FILE,
            loaded.session_id,
            f"its message_count says {stated.message_count}, but it has {count} messages",
            "the next change of the session corrects it",
        )
    if stated.session_id not in (None, loaded.session_id):
        yield Finding(
            FindingKind.ID_DIFFERS,
            loaded.session_id,
            f"the file says that it is session {stated.session_id}",
            "rename the file, or correct its session_id",
        )
    unreadable = [*stated.unreadable_times, *_messages_without(messages)]
    if unreadable:
        yield Finding(
            FindingKind.UNREADABLE_TIME,
            loaded.session_id,
            f"it states no time that can be read: {', '.join(unreadable)}",
            "write seconds since the epoch, or a date and time as in 2026-01-31T09:30:00Z",
            note=True,
        )


def _messages_without(messages: Sequence[Any]) -> list[str]:
    """Return the words for the messages whose time cannot be read."""
    indexes = [index for index, message in enumerate(messages) if has_unreadable_time(message)]
    if not indexes:
        return []
    return [f"message {indexes[0]}" + (f" and {len(indexes) - 1} more" if len(indexes) > 1 else "")]
