"""Messages that another program has overwritten, or has written again, put back as this program left them."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import NotFound, Unreadable
from ..index import Indexed, Judgement, Theirs, database, judge, own_changes
from ..model import Session, Summary
from ..sidecars import TranscriptChange, backups, journal, load, reading
from ..times import last_message_at
from .change import change_metadata, refuse_read_only, shortened, title_origin
from .context import CONTEXT
from .mending import indexes_back, mended, without
from .retry import retry_conflicts
from .save import write_over
from .store import Store
from .undoing import undoable


def put_back_messages(store: Store, session_id: str, values: Mapping[str, Any]) -> Summary:
    """Make lost changes of a transcript again, and set checked metadata; the version before is kept.

    Raises `NotFound`, `ReadOnly`, `Conflict`, `Unreadable`, `StorageError`.
    """
    with store.lock(session_id):
        summary = retry_conflicts(lambda: _put_back(store, session_id, values))
    if summary is None:
        with database.writing(store.engine) as connection:
            own_changes.forget(connection, session_id, [own_changes.MESSAGES])
        return put_back_fields(store, session_id, values)
    return summary


def put_back_fields(store: Store, session_id: str, values: Mapping[str, Any]) -> Summary:
    """Set checked metadata again, which does not count as activity; raises as `put_back_messages`."""

    def put(row: Indexed) -> Summary:
        with undoable(store, session_id, None if row.draft else row.stored.signature):
            return change_metadata(store, row, values)

    return store.change(session_id, put)


def _put_back(store: Store, session_id: str, values: Mapping[str, Any]) -> Summary | None:
    """Return the session, None if no message of it is lost any more."""
    loaded = store.load(session_id)
    if loaded is None:
        raise NotFound(f"no session {session_id}")
    old = reading.session(loaded)
    refuse_read_only(old, values, transcript=True)
    with database.reading(store.engine) as connection:
        known = own_changes.remembered(connection, [session_id]).get(session_id)
    changes = journal.read(session_id, store.backups_dir, known.since) if known else []
    judgement = judge(changes, _theirs(old, changes), known.lost) if known else Judgement()
    if not judgement.is_lost:
        return None
    lengths = {change.at: _length_back(store, old, change) for change in judgement.back}
    messages, calls = mended(old.messages, old.tool_calls, judgement, lengths, changes)
    new = replace(old, messages=messages, tool_calls=calls)
    changed = {**values, **title_origin(old, values), "updated_at": time.time()}
    if judgement.back:
        changed |= shortened(last_message_at(reversed(new.messages)))
        changed |= _context(old, indexes_back(judgement, lengths))
    with undoable(store, session_id, loaded.signature):
        summary = store.saved(write_over(store, loaded, old, new, changed, keep_in=store.backups_dir))
        with database.writing(store.engine) as connection:
            own_changes.settle(connection, session_id, Judgement())
    return summary


def _theirs(session: Session, changes: Sequence[TranscriptChange]) -> Theirs:
    start = min((change.start for change in changes), default=0)
    marks = [journal.mark_of(message) for message in session.messages]
    return Theirs(min(start, len(marks)), marks[start:], lambda: marks[:start])


def _context(session: Session, gone: Collection[int]) -> dict[str, Any]:
    """Return what the model is given without the messages that go, where the file has it."""
    context = session.extra.get(CONTEXT)
    return {CONTEXT: without(context, session.messages, gone)} if isinstance(context, list) else {}


def _length_back(store: Store, session: Session, change: TranscriptChange) -> int:
    """Return how many of the messages that a change removed are in a session again.

    The version before the change says it. Without that version, the first ones do, which the change names: if
    these are, all are, and what follows them is newer.
    """
    present = [journal.mark_of(message) for message in session.messages[change.start :]][: change.removed]
    before = _before(store, session.session_id, change) or change.marks
    pairs = zip(before, present, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if not one.is_same(other)), len(present))


def _before(store: Store, session_id: str, change: TranscriptChange) -> list[journal.Mark] | None:
    """Return the marks of the messages that a change removed, None if no version has them any more."""
    end = change.start + change.removed
    for backup in backups.of_session(store.path_of(session_id), store.backups_dir):
        try:
            messages = reading.session(load(backup.path, session_id)).messages[change.start : end]
        except (NotFound, Unreadable):  # removed since, or damaged: another version may do
            continue
        marks = [journal.mark_of(message) for message in messages]
        if len(marks) == change.removed and all(map(journal.Mark.is_same, change.marks, marks)):
            return marks
    return None
