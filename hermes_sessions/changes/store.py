"""Changes of single sessions: the lock, the version compared, the file replaced, then the row.

No transaction is open while a file is read or written. Values have been checked by whoever calls.
"""

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Engine

from .. import json_text
from ..config import Config
from ..errors import Conflict, InvalidValue, NotFound, ReadOnly, StorageError, storing
from ..fields import FIELDS, READ_AS, check_id, check_metadata, is_time, other_keys, read_metadata
from ..files import Locks
from ..index import Indexed, database, rows
from ..model import (
    Change,
    Metadata,
    Moved,
    Session,
    Signature,
    Stored,
    Summary,
    last_message_at,
    message_text,
)
from ..results import Removed
from ..sidecars import Edit, Loaded, Member, Outline, Written, document, editing, reading, trash
from ..sidecars import folder as folders
from . import recovery

PREVIEW = 80
ATTEMPTS = 3
FREE_IN_READ_ONLY = frozenset({"pinned", "archived", "project_id"})
# What a copy does not take over: a turn that runs, and what is the original's alone.
NOTHING_PENDING: Mapping[str, Any] = {
    "active_stream_id": None,
    "pending_user_message": None,
    "pending_attachments": [],
    "pending_started_at": None,
}
UNSHARED: Mapping[str, Any] = {"share_token": None, "share_created_at": None, "read_only": False}

T = TypeVar("T")


class Store(NamedTuple):
    """What a change works on: the places, the index, the sessions' locks, and who is told of a change."""

    config: Config
    engine: Engine
    locks: Locks
    changed: Callable[[Change], None]


# ---- what is stored ------------------------------------------------------------------------------------


def row_of(store: Store, session_id: str) -> Indexed | None:
    """Return a session's row as it is, None without one."""
    with database.reading(store.engine) as connection:
        return rows.get(connection, session_id)


def load(store: Store, session_id: str) -> Loaded | None:
    """Return a session's file, None without one."""
    try:
        return reading.load(store.config.sessions_dir, session_id)
    except NotFound:
        return None


def draft(store: Store, session_id: str) -> Indexed | None:
    """Return the row of a session that has no file, None if it is no draft."""
    row = row_of(store, session_id)
    return row if row is not None and row.draft else None


def current(store: Store, session_id: str) -> Indexed:
    """Return the row of a session in agreement with its file; the caller holds the session's lock."""
    return _in_agreement(store, session_id, row_of(store, session_id))


def _current_to_change(store: Store, session_id: str) -> Indexed:
    """Do as `current`, but raise `StorageError` while the index takes no write: before a file is touched."""
    with database.writing(store.engine) as connection:
        row = rows.get(connection, session_id)
    return _in_agreement(store, session_id, row)


def _in_agreement(store: Store, session_id: str, row: Indexed | None) -> Indexed:
    found = reading.signature(store.config.sessions_dir, session_id)
    if found is None and (row is None or not row.draft):
        raise NotFound(f"no session {session_id}")
    if row is not None and (found is None or row.stored.signature == found):
        return row
    return _read_anew(store, session_id)


def _read_anew(store: Store, session_id: str) -> Indexed:
    path = reading.path_of(store.config.sessions_dir, session_id)
    row = Indexed(*reading.read_summary(path, session_id), draft=False)
    _put(store, row)
    return row


def marked(store: Store, row: Indexed) -> Indexed:
    """Return a row in agreement with its file, with marks of the messages; the caller holds the lock.

    A row lacks them that an earlier version stored, or that was stored when a list of messages was added.
    """
    if row.draft or row.stored.marks is not None:
        return row
    return _read_anew(store, row.summary.session_id)


def apply(store: Store, session_id: str, change: Callable[[Indexed], T]) -> T:
    """Change a session under its lock, anew if a program without our locks replaced the file."""
    with store.locks.held(check_id(session_id)):
        for _ in range(ATTEMPTS - 1):
            with suppress(Conflict):
                return change(_current_to_change(store, session_id))
        return change(_current_to_change(store, session_id))


def check_index(store: Store) -> None:
    """Raise `StorageError` while the index takes no write: before a file is touched."""
    with database.writing(store.engine):
        pass


# ---- creating ------------------------------------------------------------------------------------------


def store_new(store: Store, session: Session) -> Session:
    """Store a session that has no file: as a draft while it has nothing to lose, else as a file."""
    if not session.messages and not session.tool_calls and not session.waiting:
        document.encode_metadata(session.extra)
        version = Signature(0, time.time_ns(), 0)
        _put(store, Indexed(session.summary().displayable(), Stored(version), draft=True))
        return replace(session, signature=version)
    return create(store, session)


def create(store: Store, session: Session) -> Session:
    """Write the file of a session that has none yet."""
    text = editing.new_text(session)
    check_index(store)
    written = editing.create(store.config.sessions_dir, session.session_id, text)
    _record_new(store, session.summary(), written.sent(last_message_at(reversed(session.messages))))
    return replace(session, signature=written.stored.signature)


def adopt(store: Store, session: Session) -> tuple[Session, bool]:
    """Store a session of an agent as a file, or add to its file what came since; return whether it is new.

    A file whose messages are not the first of the agent's was changed here: it is left as it is. Raises
    `Conflict` for one that is in the trash.
    """
    with store.locks.held(session.session_id):
        loaded = load(store, session.session_id)
        if loaded is not None:
            return _extend(store, loaded, session), False
        if trash.newest(session.session_id, store.config.trash_dir):
            raise Conflict(f"session {session.session_id} is in the trash; restore it instead")
        return create(store, session), True


def _extend(store: Store, loaded: Loaded, session: Session) -> Session:
    old = reading.session(loaded)
    if len(old.messages) >= len(session.messages) or not begins_with(session.messages, old.messages):
        return old
    updated_at = max(old.updated_at, session.updated_at)
    grown = [*old.messages, *session.messages[len(old.messages) :]]
    return _write_over(store, loaded, old, replace(old, messages=grown), {"updated_at": updated_at})


def begins_with(messages: Sequence[Any], first: Sequence[Any]) -> bool:
    """Whether the first of `messages` are these, as far as who said what."""
    said = (
        (message.get("role"), message.get("content"))
        == ((old.get("role"), old.get("content")) if isinstance(old, dict) else None)
        for message, old in zip(messages, first, strict=False)
    )
    return len(first) <= len(messages) and all(said)


def copy_to_trash(store: Store, session: Session) -> None:
    """Keep a session that is about to be deleted elsewhere in the trash."""
    text = editing.new_text(session)
    trash.write(session.session_id, text, store.config.trash_dir)


def copy(store: Store, origin: Summary, keep: int | None, values: Mapping[str, Any]) -> Session:
    """Write a copy of a session, of its first `keep` messages (None: all), with these values of its own."""
    now, copy_id = time.time(), new_id()
    fresh = {"pinned": False, "archived": False, "created_at": now, "updated_at": now, **NOTHING_PENDING}
    unshared = {name: value for name, value in UNSHARED.items() if name in origin.extra}
    changes = checked({**fresh, **unshared, **values})
    loaded = load(store, origin.session_id)
    if loaded is None:
        return store_new(store, as_session(origin.changed({**changes, "session_id": copy_id})))
    source = reading.outline(loaded)
    kept = source.total if keep is None else min(keep, source.total)
    encoded = document.encode_metadata({"session_id": copy_id, **changes, "message_count": kept})
    cut = editing.kept_tool_calls(source, kept) if kept < source.total else {}
    edits = [*editing.truncated(source, kept), *editing.set_keys(source, cut | encoded)]
    check_index(store)
    written = editing.copy(source, edits, kept, copy_id)
    with _after_the_file(f"session {copy_id} was saved"):
        copied = reading.load(store.config.sessions_dir, copy_id)
    summary, stored = reading.summary(reading.outline(copied))
    _record_new(store, summary, written._replace(stored=stored))
    return reading.session(copied)


# ---- changing ------------------------------------------------------------------------------------------


def change(
    store: Store, row: Indexed, changes: Mapping[str, Any], lists: Mapping[str, Sequence[Any]], touch: bool
) -> Summary:
    """Set metadata and add to lists of this row's session, in the version that the row was made from."""
    _check_writable(row.summary, changes, bool(lists))
    changes = {**changes, "updated_at": time.time()} if touch else dict(changes)
    messages = lists.get("messages", [])
    if row.draft:
        session = as_session(row.summary.changed(changes))
        tool_calls = list(lists.get("tool_calls", ()))
        return store_new(store, replace(session, messages=list(messages), tool_calls=tool_calls)).summary()
    changes["message_count"] = count = row.summary.message_count + len(messages)
    values = document.encode_metadata(changes)
    with _outlined(store, row, {*values, *lists, *READ_AS}) as source:
        noted = _unsaid_times(source, row.summary, changes)
        values = document.encode_metadata(noted) | values
        written = editing.rewrite(source, editing.append(source, lists, values), count)
    sent_at = last_message_at(reversed(messages)) or row.stored.sent_at
    summary, kept = row.summary.changed(noted | changes), row.summary.message_count
    return _record_change(store, row, summary, written.sent(sent_at), kept)


def _outlined(store: Store, row: Indexed, keys: Collection[str]) -> AbstractContextManager[Outline]:
    count = row.summary.message_count
    return editing.outlined(store.config.sessions_dir, row.summary.session_id, row.stored, count, keys)


def shorten(store: Store, row: Indexed, keep: int, emptied: Mapping[str, Any]) -> Summary:
    """Keep the first `keep` messages, empty these lists, and leave the old file as a backup."""
    if keep >= row.summary.message_count:
        return row.summary
    changes = {"message_count": keep, "updated_at": time.time()}
    _check_writable(row.summary, changes, True)
    row = marked(store, row)
    with _outlined(store, row, {*changes, *emptied, *READ_AS, "tool_calls"}) as source:
        present = {member.key for member in source.members}
        values = document.encode_metadata({**changes, **{key: [] for key in emptied if key in present}})
        noted = _unsaid_times(source, row.summary, changes)
        values = document.encode_metadata(noted) | editing.kept_tool_calls(source, keep) | values
        edits = [*editing.truncated(source, keep), *editing.set_keys(source, values)]
        sent_at = reading.sent_before(source, keep)
        written = editing.rewrite(source, edits, keep, backup=True)
    lists: dict[str, Any] = {key: [] for key in emptied if key in row.summary.extra}
    summary = row.summary.changed({**noted, **changes, **lists})
    return _record_change(store, row, summary, written.sent(sent_at), keep)


def drop_last_turn(store: Store, row: Indexed) -> Removed:
    """Drop the last user message and all after it; raise `InvalidValue` if there is none."""
    row, found = marked(store, row), None
    if not row.draft:
        with _outlined(store, row, ()) as source:
            found = reading.last_user_message(source)
    if found is None:
        raise InvalidValue("there is no user message to go back to")
    index, message = found
    shorten(store, row, index, {})
    said = message_text(message)
    preview = " ".join(said.split())[:PREVIEW]
    return Removed(row.summary.message_count - index, preview, said)


def save(store: Store, session: Session, touch: bool) -> Session:
    """Write a whole session over the version that it was read from; the caller has checked its types."""
    with store.locks.held(session.session_id):
        loaded = load(store, session.session_id)
        if loaded is None:
            return _save_new(store, session, touch)
        if session.signature != loaded.signature:
            raise Conflict(f"session {session.session_id} was changed since it was read")
        return _save_over(store, loaded, session, touch)


def _save_new(store: Store, session: Session, touch: bool) -> Session:
    row = row_of(store, session.session_id)
    if row is not None and row.draft:
        unchanged = session.signature == row.stored.signature
    else:
        never_stored = session.signature is None or session.draft
        unchanged = never_stored and not trash.newest(session.session_id, store.config.trash_dir)
    if not unchanged:
        raise Conflict(f"session {session.session_id} was changed or deleted since it was read")
    given = {name: value for name, value in session.metadata().items() if name in FIELDS} | session.extra
    values = checked(given) | ({"updated_at": time.time()} if touch else {})
    known = read_metadata(session.session_id, values, session.updated_at)
    return store_new(store, replace(session, **known, extra=other_keys(values)))


def _save_over(store: Store, loaded: Loaded, session: Session, touch: bool) -> Session:
    old = reading.session(loaded)
    changes = checked(editing.changed_keys(old, session))
    if touch:
        changes["updated_at"] = time.time()
    _check_writable(old, changes, session.messages != old.messages)
    return _write_over(store, loaded, old, session, changes)


def _write_over(
    store: Store, loaded: Loaded, old: Session, session: Session, changes: Mapping[str, Any]
) -> Session:
    values = {name: document.encode(value, name) for name, value in changes.items()}
    values["message_count"] = document.encode(session.message_count, "message_count")
    source = reading.outline(loaded)
    noted = _unsaid_times(source, old, changes)
    edits = editing.saved(loaded, old, session, document.encode_metadata(noted) | values)
    check_index(store)
    shorter = session.message_count < old.message_count
    written = editing.rewrite(source, edits, session.message_count, backup=shorter)
    known = {name: value for name, value in changes.items() if name in FIELDS}
    extra = {**old.extra, **session.extra, **{name: noted[name] for name in noted.keys() - FIELDS.keys()}}
    new = replace(session, **known, extra=extra, signature=written.stored.signature)
    _record(store, new.summary(), written.sent(last_message_at(reversed(new.messages))))
    return new


def delete(store: Store, session_id: str) -> None:
    """Move a session's file to the trash, or forget a draft; raise `NotFound`."""
    with store.locks.held(check_id(session_id)):
        check_index(store)
        row = row_of(store, session_id)
        try:
            written = trash.put(store.config.sessions_dir, session_id, store.config.trash_dir)
        except NotFound:
            if row is None or not row.draft:
                raise
            _drop(store, session_id)
        else:
            _drop(store, session_id, written.moved)


def restore(store: Store, session_id: str) -> Summary:
    """Give back what was deleted last of a session, or else the backup of one that was shortened."""
    folder = store.config.sessions_dir
    with store.locks.held(check_id(session_id)):
        entry = trash.newest(session_id, store.config.trash_dir)
        backup = folders.backup(folder, session_id)
        if backup is not None and (entry is None or entry.why in trash.BESIDE):
            return _restore_backup(store, backup)
        if entry is None:
            raise NotFound(f"nothing to restore of session {session_id}")
        summary, stored = reading.read_summary(entry.path, session_id)
        check_index(store)
        written = trash.give_back(entry, folder)
        stored = stored._replace(signature=written.stored.signature)
        return _record_new(store, summary, written._replace(stored=stored))


def recover(store: Store, session_id: str, alive: Collection[str]) -> Summary | None:
    """Close a session's interrupted turn, decided under its lock; None if there is none."""
    with store.locks.held(check_id(session_id)):
        loaded = load(store, session_id)
        if loaded is None:
            if draft(store, session_id) is None:
                raise NotFound(f"no session {session_id}")
            return None
        session = reading.session(loaded)
        if not recovery.is_interrupted(session, alive):
            return None
        core = None if session.messages else _core_transcript(store, session)
        closed = recovery.recovered(session, core, time.time(), alive)
        return None if closed is None else _save_over(store, loaded, closed, True).summary()


def _core_transcript(store: Store, session: Session) -> dict[str, Any] | None:
    try:
        return reading.read_object(store.config.core_transcript(session.profile, session.session_id))
    except InvalidValue:  # a profile that cannot be: it has no folder
        return None


def _restore_backup(store: Store, backup: Path) -> Summary:
    """Put a backup in the place of its session's file, which goes to the trash as it is."""
    session_id = backup.name.partition(".")[0]
    kept = reading.load_file(backup, session_id)
    summary, stored = reading.summary(reading.outline(kept))
    loaded = load(store, session_id)
    if loaded is None:
        raise NotFound(f"no session {session_id}")
    source = reading.outline(loaded)
    if summary.message_count <= source.total:
        raise Conflict(f"the backup of session {session_id} has no more messages than the session")
    check_index(store)
    trash.write(session_id, loaded.data, store.config.trash_dir, trash.REPLACED)
    whole = [Edit(0, len(loaded.data), kept.data)]
    written = editing.rewrite(source, whole, summary.message_count)
    stored = stored._replace(signature=written.stored.signature)
    restored = _record(store, summary, written._replace(stored=stored))
    with _after_the_file(f"session {session_id} was restored"), storing("its backup cannot be removed"):
        backup.unlink(missing_ok=True)
    return restored


# ---- the row -------------------------------------------------------------------------------------------


def _record_new(store: Store, summary: Summary, written: Written) -> Summary:
    """Store the row of a file that was just written under an id that had none."""
    recorded = _record(store, summary, written)
    store.changed(Change(recorded.session_id, recorded.title, None, written.stored.signature, 0))
    return recorded


def _record(store: Store, summary: Summary, written: Written) -> Summary:
    """Store the row of a file that was just written."""
    row = _row_of_file(summary, written)
    with (
        _after_the_file(f"session {summary.session_id} was saved"),
        database.writing(store.engine) as connection,
    ):
        rows.put(connection, [row], written.moved)
    return row.summary


def _record_change(store: Store, old: Indexed, summary: Summary, written: Written, kept: int) -> Summary:
    """Store the row of a file that was just written in the place of the row that it was made from.

    `kept` is how many messages at its beginning are as they were.
    """
    row = _row_of_file(summary, written)
    with (
        _after_the_file(f"session {summary.session_id} was saved"),
        database.writing(store.engine) as connection,
    ):
        rows.change(connection, old, row, written.moved)
    session_id, title = row.summary.session_id, row.summary.title
    store.changed(Change(session_id, title, old.stored.signature, row.stored.signature, kept))
    return row.summary


def _row_of_file(summary: Summary, written: Written) -> Indexed:
    last = written.stored.sent_at or summary.updated_at
    small = {name: value for name, value in summary.extra.items() if _is_small(name, value)}
    shown = replace(summary, last_message_at=last, extra=small).displayable()
    return Indexed(shown, written.stored, draft=False)


def _is_small(name: str, value: Any) -> bool:
    return len(document.encode(value, name)) <= reading.LARGEST_INDEXED


def _drop(store: Store, session_id: str, moved: Moved | None = None) -> None:
    with _after_the_file(f"session {session_id} was deleted"), database.writing(store.engine) as connection:
        rows.drop(connection, [session_id], moved)
    store.changed(Change(session_id, "", None, None, None))


def _put(store: Store, row: Indexed) -> None:
    with database.writing(store.engine) as connection:
        rows.put(connection, [row])


@contextmanager
def _after_the_file(done: str) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise StorageError(f"{done}, but {error}; the next sync mends the list") from error


# ---- values --------------------------------------------------------------------------------------------


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as it is stored, or raise `InvalidValue`; a workspace becomes an absolute path."""
    checked = check_metadata(values)
    if checked.get("workspace"):
        checked["workspace"] = reading.resolve_workspace(checked["workspace"])
    return checked


def new_id() -> str:
    """Return an id that no session has: 12 hex digits."""
    return uuid.uuid4().hex[:12]


def as_session(summary: Summary) -> Session:
    """Return a session without messages that says what a summary says."""
    return Session(**summary.metadata(), extra=summary.extra)


def _check_writable(session: Metadata, changes: Collection[str], transcript: bool) -> None:
    if session.extra.get("read_only") is True and (transcript or not FREE_IN_READ_ONLY.issuperset(changes)):
        raise ReadOnly(f"session {session.session_id} is read-only; duplicate it to change it")


def _unsaid_times(source: Outline, session: Metadata, changes: Collection[str]) -> dict[str, float]:
    """Return the times, less those changed, that a file does not say, or not as a number.

    They were read off its `stat`, which a write changes. What it says in some other way stays as it is.
    """
    said = {member.key: member for member in source.members}
    unsaid = {}
    for name in (name for name in READ_AS if name not in changes):
        if name not in said:
            unsaid[name] = getattr(session, name)
        elif READ_AS[name] not in session.extra and not is_time(_value(source, said[name])):
            unsaid[READ_AS[name]] = getattr(session, name)
    return unsaid


def _value(source: Outline, member: Member) -> Any:
    with reading.unreadable(source.path):
        return json_text.decode(source.read(member.value, member.end))
