"""The contents of session files, each read once: what is wrong in them, for `check` and `repair`."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ..changes import Store
from ..errors import NotFound, Unreadable
from ..index import database, rows
from ..model import Signature, Stored, Summary
from ..results import Finding, FindingKind
from ..sidecars import Loaded, load, outline_of, reading

REBUILD = "hermes-sessions rebuild"


class Contents:
    """The files of one home that were read so far: their findings, and how many messages each has."""

    def __init__(self, store: Store) -> None:
        self.findings: list[Finding] = []
        self._store = store
        self._indexed = _message_counts(store)
        self._counts: dict[str, tuple[Signature, int]] = {}
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
            return self._counts[session_id][1]
        return reading.message_count(load(self._store.path_of(session_id)))

    @property
    def wrongly_indexed(self) -> list[str]:
        """The ids of the sessions that the index has in this version, with another number of messages."""
        return [session_id for session_id in self._counts if self._is_wrong(session_id)]

    def index_findings(self) -> Iterator[Finding]:
        """Compare the message counts with the index as it is now."""
        self._indexed = _message_counts(self._store)
        for session_id in self.wrongly_indexed:
            known, count = self._indexed[session_id][1], self._counts[session_id][1]
            meaning = f"the index says {known} messages, the file has {count}"
            yield Finding(FindingKind.WRONG_COUNT_IN_INDEX, session_id, meaning, REBUILD)

    def _is_wrong(self, session_id: str) -> bool:
        version, count = self._counts[session_id]
        known_version, known_count = self._indexed.get(session_id, (None, 0))
        return known_version == version and known_count != count

    def _examine(self, loaded: Loaded) -> None:
        session_id, count = loaded.session_id, reading.session(loaded).message_count
        self._counts[session_id] = loaded.signature, count
        self.findings.extend(_findings(loaded, count))
        if self._is_wrong(session_id):  # to be stored again
            self._summaries[loaded.path] = reading.summary(outline_of(loaded))


def _message_counts(store: Store) -> dict[str, tuple[Signature, int]]:
    with database.reading(store.engine) as connection:
        return rows.message_counts(connection)


def _findings(loaded: Loaded, count: int) -> Iterator[Finding]:
    stated = reading.stated(loaded)
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
