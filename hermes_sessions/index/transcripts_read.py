"""Reads as much of files as it takes to judge what became of messages that this program added or removed."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine

from ..config import BACKUPS
from ..errors import SessionsError
from ..sidecars import Mark, Outline, TranscriptChange, journal, outlined_as_known, path_of, reading
from . import database, own_changes, own_transcripts, rows
from .own_changes import Judged, Remembered
from .own_transcripts import Judgement, Theirs
from .row_values import Indexed

IN_PROGRESS = 60.0  # seconds, after which a change that was noted and not stored was broken off
AT_ONCE = 1000  # messages


def judged(engine: Engine, sessions_dir: Path, read: Mapping[str, Indexed]) -> dict[str, Judged]:
    """Return what became of transcripts in files that were read, by id.

    Sessions that are not watched cost one query in all. No transaction is open while files are read.
    """
    with database.reading(engine) as connection:
        known = own_changes.remembered(connection, read)
        foreign = [name for name in known if _is_foreign(connection, read[name])]
    found = {name: _judged(sessions_dir, read[name], known[name]) for name in foreign}
    return {name: each for name, each in found.items() if each is not None}


def still_lost(sessions_dir: Path, row: Indexed, known: Remembered) -> Judgement | None:
    """Return what is lost of a transcript after a change of this program, None if that is unknown."""
    found = None if row.stored.marks is None else _judged(sessions_dir, row, known)
    return None if found is None else found.judgement


def _is_foreign(connection: Connection, read: Indexed) -> bool:
    row = rows.get(connection, read.summary.session_id)
    return row is None or row.stored.signature != read.stored.signature


def _judged(sessions_dir: Path, read: Indexed, known: Remembered) -> Judged | None:
    """Return the outcome, None if it is for the next reading to find."""
    if known.read is not None:
        return Judged(None, 0)  # the other program has read everything, and has written again
    session_id = read.summary.session_id
    try:
        changes = journal.read(session_id, sessions_dir.parent / BACKUPS, known.since)
        if not changes or _is_in_progress(changes[-1], known):
            return None
        path, count = path_of(sessions_dir, session_id), read.summary.message_count
        with outlined_as_known(path, read.stored, count) as source:
            if source is None:  # it has been replaced since
                return None
            judgement = own_transcripts.judge(changes, _theirs(source, changes), known.lost)
            return Judged(judgement, changes[-1].at)
    except SessionsError:  # of the journal: the session was read, and a list shows it
        return None


def _is_in_progress(latest: TranscriptChange, known: Remembered) -> bool:
    """Whether a change is about to be stored, so that the file that was read may have it or not."""
    is_stored = latest.at / 1e9 <= known.changed_at + 1e-6
    return not is_stored and time.time() - latest.at / 1e9 < IN_PROGRESS


def _theirs(source: Outline, changes: Sequence[TranscriptChange]) -> Theirs:
    start = min(*(change.start for change in changes), source.total)
    return Theirs(start, list(_marks(source, start, source.total)), lambda: _marks(source, 0, start))


def _marks(source: Outline, start: int, end: int) -> Iterator[Mark]:
    for first in range(start, end, AT_ONCE):
        for text in reading.texts_between(source, first, min(first + AT_ONCE, end)):
            yield journal.mark_of(source.decoded(text))
