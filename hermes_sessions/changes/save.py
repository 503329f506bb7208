"""Whole sessions written over the version that they were read from, and interrupted turns closed that way."""

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Conflict, InvalidValue
from ..fields import FIELDS, check_new_messages, other_keys, read_metadata, read_profile
from ..index import Indexed
from ..model import Session, Summary
from ..sidecars import Loaded, backups, editing, journal, outline_of, reading, trash
from ..times import last_message_at
from . import recovery
from .change import refuse_read_only, shortened, title_origin
from .create import store_new
from .projects import Projects
from .store import Store, checked_metadata
from .undoing import undoable


def save_session(store: Store, projects: Projects, session: Session, *, touch: bool) -> Session:
    """Write a session, whose lists were checked, over the version that it was read from.

    What it says that the file does not say is checked: another program may have written the rest.
    """
    with store.lock(session.session_id):
        loaded, row = store.load_indexed(session.session_id)
        if loaded is None:
            check_new_messages(session.messages)
            projects.check(session.project_id)
            return _save_without_file(store, session, touch=touch)
        if session.signature != loaded.signature:
            raise Conflict(f"session {session.session_id} was changed since it was read; nothing was saved")
        old = reading.session(loaded, session.messages)
        unchanged = editing.unchanged_messages(old, session)
        check_new_messages(session.messages, old.messages, unchanged)
        if session.project_id != old.project_id:
            projects.check(session.project_id)
        return _save_over(store, loaded, old, session, unchanged, touch=touch, row=row)


def _save_without_file(store: Store, session: Session, *, touch: bool) -> Session:
    if not _is_still_without_file(store, session):
        raise Conflict(f"session {session.session_id} was changed or deleted since it was read")
    given = {name: value for name, value in session.metadata().items() if name in FIELDS} | session.extra
    values = checked_metadata(given) | ({"updated_at": time.time()} if touch else {})
    known = read_metadata(session.session_id, values, session.updated_at)
    return store_new(store, replace(session, **known, extra=other_keys(values)))


def _is_still_without_file(store: Store, session: Session) -> bool:
    """Whether a session without a file is still the draft that was read, or was never stored."""
    row = store.row(session.session_id)
    if row is not None and row.draft:
        return session.signature == row.stored.signature
    never_stored = session.signature is None or session.draft
    return never_stored and not trash.newest(session.session_id, store.trash_dir)


def _save_over(
    store: Store,
    loaded: Loaded,
    old: Session,
    session: Session,
    unchanged: int,
    *,
    touch: bool,
    row: Indexed | None = None,
) -> Session:
    changes = checked_metadata(editing.changed_keys(old, session))
    changes |= title_origin(old, changes)
    if touch:
        changes["updated_at"] = time.time()
    differ = not unchanged == old.message_count == session.message_count
    refuse_read_only(old, changes, transcript=differ)
    return write_over(store, loaded, old, session, changes, unchanged=unchanged, row=row)


def write_over(
    store: Store,
    loaded: Loaded,
    old: Session,
    session: Session,
    changes: Mapping[str, Any],
    *,
    unchanged: int | None = None,
    keep_in: Path | None = None,
    row: Indexed | None = None,
) -> Session:
    """Write a session over its file, which reads as `old`; `changes` are the checked metadata that differ.

    The caller holds the session's lock. `unchanged` is how many messages at the beginning are the same, where
    that is known, and `row` that of the file's version. A file that gets shorter is kept as a backup, any
    with `keep_in`.
    """
    source = outline_of(loaded)
    if unchanged is None:
        unchanged = editing.unchanged_messages(old, session)
    noted = editing.unstated_times(source, old, changes)
    shorter = session.message_count < old.message_count
    last_at = last_message_at(reversed(session.messages))
    changes = {**changes, **shortened(last_at)} if shorter else changes
    texts = {name: editing.encode(value, name) for name, value in changes.items()}
    texts["message_count"] = editing.encode(session.message_count, "message_count")
    edits = editing.saved(source, old, session, unchanged, editing.encoded(noted) | texts)
    store.check_index()
    keep_in = store.backups_dir if shorter else keep_in
    if keep_in is not None:
        backups.put_aside(source.path, store.backups_dir)
    transcript = journal.between(old.messages, session.messages, _added_calls(old, session), unchanged)
    with store.noting(session.session_id, transcript):
        written = editing.rewrite(source, edits, session.message_count, keep_in=keep_in)
    known = {name: value for name, value in changes.items() if name in FIELDS}
    extra = {**old.extra, **session.extra, **other_keys({**noted, **changes})}
    if "profile" in known:
        known["profile"] = read_profile(known["profile"])
    new = replace(session, **known, extra=extra, signature=written.stored.signature)
    store.record(new.summary(), written.sent(last_at), old, transcript, row)
    return new


def _added_calls(old: Session, new: Session) -> list[Any]:
    """Return the calls that were added to the end of a session's own list."""
    count = len(old.tool_calls)
    return new.tool_calls[count:] if new.tool_calls[:count] == old.tool_calls else []


# ---- interrupted turns ----------------------------------------------------------------------------------


def recover_session(store: Store, session_id: str, alive: Collection[str]) -> Summary | None:
    """Close a session's interrupted turn, decided under its lock; return None if there is none.

    `alive` are the ids of streams that still run.
    """
    with store.lock(session_id):
        loaded = store.load(session_id)
        if loaded is None:
            if store.draft(session_id) is None:
                raise trash.not_found(session_id, store.trash_dir)
            return None
        session = reading.session(loaded)
        if not session.is_interrupted(alive):
            return None
        core = None if session.messages else _core_transcript(store, session)
        closed = recovery.recovered(session, core, time.time(), alive)
        if closed is None:
            return None
        unchanged = editing.unchanged_messages(session, closed)
        with undoable(store, session_id, loaded.signature):
            return store.saved(_save_over(store, loaded, session, closed, unchanged, touch=True))


def _core_transcript(store: Store, session: Session) -> dict[str, Any] | None:
    try:
        path = store.config.core_transcript(session.profile, session.session_id)
    except InvalidValue:  # a profile that cannot exist has no folder
        return None
    return reading.read_agent_transcript(path)
