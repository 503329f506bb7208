"""The repository: every conversation through one object, files as the truth and the index beside them.

A write is always: the session's lock, the version compared, the file replaced, then the row. No transaction
is open while a file is read or written.
"""

from __future__ import annotations

import base64
import builtins
import json
import math
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from . import config as configuration
from . import document, files, indexing, sidecar, tables, upgrades
from .config import Config
from .errors import Conflict, InvalidId, InvalidValue, NotFound, ReadOnly, StorageError, storing
from .model import (
    FIELDS,
    MessagePage,
    Metadata,
    Page,
    Removed,
    Session,
    Signature,
    Stored,
    Summary,
    SyncReport,
    check_document,
    check_flag,
    check_id,
    check_messages,
    check_metadata,
    check_text,
    check_whole,
    last_message_at,
    message_text,
    other_keys,
    read_metadata,
)
from .projects import Projects
from .redact import mask_all
from .sidecar import Loaded, Outline, Written
from .tables import Filters, Indexed, Place

DRAFT_SECONDS = 86_400
PREVIEW = 80
ATTEMPTS = 3
LARGEST_PAGE = 100_000
TIMES = ("created_at", "updated_at")
FREE_IN_READ_ONLY = frozenset({"pinned", "archived", "project_id"})
# What a copy does not take over: a turn that runs; for a fork, what was used; what is the original's alone.
NOTHING_PENDING: Mapping[str, Any] = {
    "active_stream_id": None,
    "pending_user_message": None,
    "pending_attachments": [],
    "pending_started_at": None,
}
UNUSED: Mapping[str, Any] = {
    "input_tokens": 0,
    "output_tokens": 0,
    "estimated_cost": None,
    "context_length": None,
    "last_prompt_tokens": None,
}
UNSHARED: Mapping[str, Any] = {"share_token": None, "share_created_at": None, "read_only": False}

T = TypeVar("T")

_Progress = Callable[[int, int], None]


class SessionRepository:
    """Every conversation of one Hermes home. Thread-safe; any number of processes may have one home open."""

    def __init__(self, config: Config) -> None:
        """Create or upgrade the index of `config`, without comparing it with the files; `open` does both."""
        self.config = config
        self._locks = files.Locks(config.locks_dir)
        self._catching_up = threading.Lock()
        self._engine = tables.make_engine(config.index)
        self.projects = Projects(
            config.projects_file, config.locks_dir / "projects.lock", self._unassign_project
        )
        try:
            upgrades.upgrade(config, self._engine)
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls,
        state_dir: str | Path | None = None,
        *,
        hermes_home: str | Path | None = None,
        profile: str | None = None,
        database_url: str | None = None,
        progress: _Progress | None = None,
    ) -> Self:
        """Open a home, creating and upgrading its index and bringing it up to date with the files.

        Defaults: `HERMES_WEBUI_STATE_DIR` or `<hermes home>/webui`; `HERMES_HOME` or `~/.hermes`;
        `sqlite:///<state dir>/sessions.db`. `progress(done, total)` is called with counts of files while a
        first import reads them. Raises `StorageError`, `NewerDatabase`, `InvalidValue` (the URL).
        """
        config = configuration.resolve(
            state_dir, hermes_home=hermes_home, profile=profile, database_url=database_url
        )
        repository = cls(config)
        try:
            repository._start(progress)
        except BaseException:
            repository.close()
            raise
        return repository

    def _start(self, progress: _Progress | None) -> None:
        self._expect_sessions_folder()
        self._catch_up(progress)
        sidecar.remove_debris(self.config.sessions_dir)
        with tables.reading(self._engine) as connection:
            unused = tables.old_drafts(connection, time.time_ns() - DRAFT_SECONDS * 1_000_000_000)
        if unused:
            with tables.writing(self._engine) as connection:
                tables.drop(connection, unused)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. The repository must not be used afterwards."""
        self._engine.dispose()

    # ---- lists ------------------------------------------------------------------------------------------

    def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        profile: str | None = None,
        project_id: str | None = None,
        source: str | None = None,
        archived: bool | None = None,
        hidden: bool = False,
    ) -> Page:
        """Return the sessions that match, pinned first, then the newest activity.

        `limit` is the most to return (None: all) and `cursor` a `Page.next_cursor` to go on from. `source` is
        a source class such as ``"cli"``; `archived=None` is both; `hidden` adds what the sidebar hides.
        Raises `InvalidValue` for an argument, `StorageError` when files or index cannot be read.
        """
        filters = _filters(profile, project_id, source, archived, hidden)
        after = None if cursor is None else _place(cursor)
        if limit is not None:
            check_whole("limit", limit, 1, LARGEST_PAGE)
        self._catch_up()
        with tables.reading(self._engine) as connection:
            found = tables.page(connection, filters, after, None if limit is None else limit + 1)
            total = tables.count(connection, filters)
            unreadable = tables.unreadable(connection)
        more = limit is not None and len(found) > limit
        items = found[:limit]
        return Page(items, _cursor(items[-1]) if more else None, total, tuple(map(_warning, unreadable)))

    def count(
        self,
        *,
        profile: str | None = None,
        project_id: str | None = None,
        source: str | None = None,
        archived: bool | None = None,
        hidden: bool = False,
    ) -> int:
        """Return how many sessions `list` with the same filters has."""
        filters = _filters(profile, project_id, source, archived, hidden)
        self._catch_up()
        with tables.reading(self._engine) as connection:
            return tables.count(connection, filters)

    def version(self) -> str:
        """Return an opaque token that changes whenever a list could have changed."""
        self._catch_up()
        with tables.reading(self._engine) as connection:
            return tables.state(connection).version

    # ---- one session ------------------------------------------------------------------------------------

    def summary(self, session_id: str) -> Summary:
        """Return a session without messages; raise `NotFound`, `InvalidId`, `Unreadable`, `StorageError`."""
        found = sidecar.signature(self.config.sessions_dir, session_id)
        row = self._row(session_id)
        if row and (row.stored.signature == found if found else row.draft):
            return row.summary
        with self._locks.held(session_id):
            return self._current(session_id).summary

    def get(self, session_id: str) -> Session:
        """Return a whole session; raise `NotFound`, `InvalidId`, `Unreadable`, `StorageError`."""
        loaded = self._load(session_id)
        if loaded is not None:
            return sidecar.session(loaded)
        row = self._draft(session_id)
        return replace(_as_session(row.summary), signature=row.stored.signature)

    def messages(
        self, session_id: str, *, before: int | None = None, limit: int | None = None
    ) -> MessagePage:
        """Return the `limit` messages that end before index `before`; None is all of them, and the end.

        No other message is decoded. Errors as of `get`, and `InvalidValue`.
        """
        if before is not None:
            check_whole("before", before)
        if limit is not None:
            check_whole("limit", limit)
        loaded = self._load(session_id)
        if loaded is not None:
            return sidecar.page(loaded, before, limit)
        self._draft(session_id)
        return MessagePage([], 0, 0)

    def export(self, session_id: str, format: str = "json", *, redact: bool = True) -> str:  # fixed name
        """Return a session as text to keep elsewhere, credentials masked unless `redact=False`.

        The only `format` so far is ``"json"``: every key of the sidecar, as `import_document` takes it.
        """
        if format != "json":
            raise InvalidValue('format must be "json"')
        session = self.get(session_id)
        whole = {
            **session.metadata(),
            "messages": session.messages,
            "tool_calls": session.tool_calls,
            **session.extra,
        }
        return json.dumps(mask_all(whole) if redact else whole, ensure_ascii=False, indent=2)

    # ---- creating ---------------------------------------------------------------------------------------

    def new(
        self,
        *,
        title: str = "Untitled",
        workspace: str | None = None,
        model: str | None = None,
        model_provider: str | None = None,
        profile: str | None = None,
        **metadata: Any,
    ) -> Session:
        """Return a new draft: hidden, without a file until it has a message, dropped after an unused day.

        Raises `InvalidValue` for a field, `StorageError`.
        """
        given = {
            "title": title,
            "workspace": workspace,
            "model": model,
            "model_provider": model_provider,
            "profile": profile,
        }
        now = time.time()
        values = {"created_at": now, "updated_at": now} | self._checked(given | metadata)
        values["workspace"] = values["workspace"] or configuration.last_workspace(self.config)
        values["model"] = values["model"] or self.config.default_model
        values["profile"] = values["profile"] or self.config.profile
        return self._store_new(Session(**read_metadata(_new_id(), values, now), extra=other_keys(values)))

    def import_document(self, doc: Mapping[str, Any]) -> Session:
        """Store a JSON export as a new session with a new id; raise `InvalidValue`, `StorageError`.

        An interrupted session stays one. A missing time reads as now.
        """
        doc = check_document(doc)
        messages = check_messages(doc.get("messages"))
        tool_calls = check_messages(doc.get("tool_calls") or [], "tool_calls")
        values = self._checked({name: doc[name] for name in FIELDS if doc.get(name) is not None})
        known = read_metadata(_new_id(), values, time.time())
        return self._create(Session(**known, extra=other_keys(doc), messages=messages, tool_calls=tool_calls))

    def fork(self, session_id: str, *, keep: int | None = None, title: str | None = None) -> Session:
        """Store a new session with the first `keep` messages of another (None: all), its parent from now on.

        Its title is, unless given, the other's with " (fork)". Raises `NotFound`, `InvalidId`,
        `InvalidValue`, `Unreadable`, `StorageError`.
        """
        if keep is not None:
            check_whole("keep", keep)
        origin = self.summary(session_id)
        named = f"{origin.title} (fork)" if title is None else title
        return self._copy(origin, keep, {**UNUSED, "title": named, "parent_session_id": session_id})

    def duplicate(self, session_id: str) -> Session:
        """Store a copy, titled "... (copy)", neither pinned nor archived; errors as of `fork`."""
        origin = self.summary(session_id)
        return self._copy(origin, None, {"title": f"{origin.title} (copy)", "parent_session_id": None})

    def _copy(self, origin: Summary, keep: int | None, values: Mapping[str, Any]) -> Session:
        now, copy_id = time.time(), _new_id()
        fresh = {"pinned": False, "archived": False, "created_at": now, "updated_at": now, **NOTHING_PENDING}
        unshared = {name: value for name, value in UNSHARED.items() if name in origin.extra}
        changes = self._checked({**fresh, **unshared, **values})
        loaded = self._load(origin.session_id)
        if loaded is None:
            return self._store_new(_as_session(origin.changed({**changes, "session_id": copy_id})))
        count = sidecar.message_count(loaded)
        kept = count if keep is None else min(keep, count)
        encoded = document.encode_metadata({"session_id": copy_id, **changes, "message_count": kept})
        source = sidecar.outline(loaded)
        edits = [*sidecar.truncated(loaded, kept), *sidecar.set_keys(source, encoded)]
        self._check_index()
        written = sidecar.copy(source, edits, copy_id)
        copied = sidecar.load(self.config.sessions_dir, copy_id)
        summary, stored = sidecar.summary(copied)
        self._record(summary, written._replace(stored=stored))
        return sidecar.session(copied)

    def _store_new(self, session: Session) -> Session:
        """Store a session that has no file: as a draft while it has nothing to lose, else as a file."""
        if not session.messages and not session.tool_calls and not session.waiting:
            document.encode_metadata(session.extra)
            version = Signature(0, time.time_ns(), 0)
            self._put(Indexed(session.summary().displayable(), Stored(version), draft=True))
            return replace(session, signature=version)
        return self._create(session)

    def _create(self, session: Session) -> Session:
        """Write the file of a session that has none yet."""
        text = sidecar.new_text(session)
        self._check_index()
        written = sidecar.create(self.config.sessions_dir, session.session_id, text)
        self._record(session.summary(), written.sent(last_message_at(reversed(session.messages))))
        return replace(session, signature=written.stored.signature)

    # ---- changing ---------------------------------------------------------------------------------------

    def save(self, session: Session, *, touch: bool = True) -> Session:
        """Store a whole session over the version that it was read from, and return it with its new version.

        `touch` sets `updated_at`. A key of the file that `session.extra` lacks stays. Raises `Conflict` if
        the file changed or went since, `ReadOnly`, `InvalidId`, `InvalidValue`, `Unreadable`, `StorageError`.
        """
        if not isinstance(session, Session):
            raise InvalidValue("save takes a Session")
        if check_id(session.session_id).startswith("_"):
            raise InvalidId("session_id must not begin with _")
        check_messages(session.messages)
        check_messages(session.tool_calls, "tool_calls")
        with self._locks.held(session.session_id):
            loaded = self._load(session.session_id)
            if loaded is None:
                return self._save_new(session, touch)
            if session.signature != loaded.signature:
                raise Conflict(f"session {session.session_id} was changed since it was read")
            return self._save_over(loaded, session, touch)

    def _save_new(self, session: Session, touch: bool) -> Session:
        row = self._row(session.session_id)
        if row is not None and row.draft:
            unchanged = session.signature == row.stored.signature
        else:
            never_stored = session.signature is None or session.signature.inode == 0
            unchanged = never_stored and not sidecar.in_trash(session.session_id, self.config.trash_dir)
        if not unchanged:
            raise Conflict(f"session {session.session_id} was changed or deleted since it was read")
        given = {name: value for name, value in session.metadata().items() if name in FIELDS} | session.extra
        values = self._checked(given) | ({"updated_at": time.time()} if touch else {})
        known = read_metadata(session.session_id, values, session.updated_at)
        return self._store_new(replace(session, **known, extra=other_keys(values)))

    def _save_over(self, loaded: Loaded, session: Session, touch: bool) -> Session:
        old = sidecar.session(loaded)
        changes = self._checked(sidecar.changed_keys(old, session))
        if touch:
            changes["updated_at"] = time.time()
        _check_writable(old, changes, session.messages != old.messages)
        values = {name: document.encode(value, name) for name, value in changes.items()}
        values["message_count"] = document.encode(session.message_count, "message_count")
        source = sidecar.outline(loaded)
        edits = sidecar.saved(loaded, old, session, _unsaid_times(source, old) | values)
        self._check_index()
        written = sidecar.rewrite(source, edits, backup=session.message_count < old.message_count)
        known = {name: value for name, value in changes.items() if name in FIELDS}
        new = replace(
            session, **known, extra={**old.extra, **session.extra}, signature=written.stored.signature
        )
        self._record(new.summary(), written.sent(last_message_at(reversed(new.messages))))
        return new

    def update(self, session_id: str, *, touch: bool = True, **metadata: Any) -> Summary:
        """Set metadata, known or not, leaving the messages' bytes as they are; `touch` sets `updated_at`.

        Raises `InvalidValue` for a field, `NotFound`, `InvalidId`, `ReadOnly`, `Unreadable`, `StorageError`.
        """
        changes = self._checked(metadata)
        document.encode_metadata(changes)
        summary = self._apply(session_id, lambda row: self._change(row, changes, {}, touch))
        if changes.get("workspace"):
            configuration.remember_workspace(self.config, changes["workspace"])
        return summary

    def append(
        self,
        session_id: str,
        messages: Sequence[dict[str, Any]],
        *,
        tool_calls: Sequence[dict[str, Any]] | None = None,
        **metadata: Any,
    ) -> Summary:
        """Add messages, and entries of `tool_calls`, to the end, and set metadata; errors as of `update`.

        The messages already there are not read.
        """
        lists = {"messages": check_messages(messages)}
        if tool_calls:
            lists["tool_calls"] = check_messages(tool_calls, "tool_calls")
        changes = self._checked(metadata)
        return self._apply(session_id, lambda row: self._change(row, changes, lists, touch=True))

    def _change(
        self, row: Indexed, changes: Mapping[str, Any], lists: Mapping[str, Sequence[Any]], touch: bool
    ) -> Summary:
        """Set metadata and add to lists of this row's session, in the version that the row was made from."""
        _check_writable(row.summary, changes, bool(lists))
        changes = {**changes, "updated_at": time.time()} if touch else dict(changes)
        messages = lists.get("messages", [])
        if row.draft:
            session = _as_session(row.summary.changed(changes))
            tool_calls = builtins.list(lists.get("tool_calls", ()))
            return self._store_new(
                replace(session, messages=builtins.list(messages), tool_calls=tool_calls)
            ).summary()
        changes["message_count"] = row.summary.message_count + len(messages)
        values = document.encode_metadata(changes)
        keys = {*values, *lists, *TIMES}
        with sidecar.opened(self.config.sessions_dir, row.summary.session_id, row.stored, keys) as source:
            values = _unsaid_times(source, row.summary) | values
            written = sidecar.rewrite(source, sidecar.append(source, lists, values))
        sent_at = last_message_at(reversed(messages)) or row.stored.sent_at
        return self._record(row.summary.changed(changes), written.sent(sent_at))

    def truncate(self, session_id: str, keep: int) -> Summary:
        """Keep the first `keep` messages and leave the old file as a backup; errors as of `update`."""
        check_whole("keep", keep)
        return self._apply(session_id, lambda row: self._shorten(row, keep, {}))

    def clear(self, session_id: str) -> Summary:
        """Remove every message and what belongs to them, leaving a backup; errors as of `update`."""
        emptied: Mapping[str, Any] = {"tool_calls": [], "context_messages": []}
        return self._apply(session_id, lambda row: self._shorten(row, 0, emptied))

    def undo(self, session_id: str) -> Removed:
        """Drop the last user message and all after it, leaving a backup; `InvalidValue` if there is none."""
        return self._apply(session_id, self._drop_last_turn)

    def retry(self, session_id: str) -> Removed:
        """Do as `undo`, for whoever sends the text of the dropped message again."""
        return self.undo(session_id)

    def _drop_last_turn(self, row: Indexed) -> Removed:
        loaded = None if row.draft else self._load(row.summary.session_id)
        found = None if loaded is None else sidecar.last_user_message(loaded)
        if found is None:
            raise InvalidValue("there is no user message to go back to")
        index, message = found
        self._shorten(row, index, {})
        said = message_text(message)
        preview = " ".join(said.split())[:PREVIEW]
        return Removed(row.summary.message_count - index, preview, said)

    def _shorten(self, row: Indexed, keep: int, emptied: Mapping[str, Any]) -> Summary:
        if keep >= row.summary.message_count:
            return row.summary
        changes = {"message_count": keep, "updated_at": time.time()}
        _check_writable(row.summary, changes, True)
        loaded = sidecar.load(self.config.sessions_dir, row.summary.session_id)
        if loaded.signature != row.stored.signature:
            raise Conflict(f"session {loaded.session_id} was changed by another program")
        present = {member.key for member in loaded.members}
        values = document.encode_metadata({**changes, **{key: [] for key in emptied if key in present}})
        source = sidecar.outline(loaded)
        values = _unsaid_times(source, row.summary) | values
        edits = [*sidecar.truncated(loaded, keep), *sidecar.set_keys(source, values)]
        written = sidecar.rewrite(source, edits, backup=True)
        return self._record(row.summary.changed(changes), written.sent(sidecar.sent_before(loaded, keep)))

    def delete(self, session_id: str) -> None:
        """Move a session to the trash; raise `NotFound`, `InvalidId`, `StorageError`."""
        check_id(session_id)
        with self._locks.held(session_id):
            self._check_index()
            row = self._row(session_id)
            try:
                written = sidecar.to_trash(self.config.sessions_dir, session_id, self.config.trash_dir)
            except NotFound:
                if row is None or not row.draft:
                    raise
                self._drop(session_id)
            else:
                self._drop(session_id, written)

    def _drop(self, session_id: str, written: Written | None = None) -> None:
        with _after_the_file(f"session {session_id} was deleted"), tables.writing(self._engine) as connection:
            tables.drop(connection, [session_id])
            if written:
                tables.moved_folder(connection, written.folder_before, written.folder_after)

    def write_web_ui_index(self) -> int:
        """Write the web UI's own `_index.json`, for going back to it; return how many sessions it lists."""
        summaries = sorted(self.list(hidden=True).items, key=lambda summary: -summary.updated_at)
        sidecar.write_list(self.config.sessions_dir, [summary.as_dict() for summary in summaries])
        return len(summaries)

    def _unassign_project(self, project_id: str) -> None:
        self._catch_up()
        with tables.reading(self._engine) as connection:
            assigned = tables.ids(connection, Filters(project_id=project_id, hidden=True))
        for session_id in assigned:
            with suppress(NotFound):  # deleted since: it is in no project
                self.update(session_id, touch=False, project_id=None)

    # ---- the index --------------------------------------------------------------------------------------

    def sync(self, *, progress: _Progress | None = None) -> SyncReport:
        """Make the index agree with the files; raise `StorageError`, also if every file seems gone."""
        self._expect_sessions_folder()
        return indexing.sync(self._engine, self.config.sessions_dir, progress)

    def rebuild(self, *, progress: _Progress | None = None) -> SyncReport:
        """Read every file anew and forget what has no file; `progress` as of `open`."""
        self._create_sessions_folder()
        return indexing.rebuild(self._engine, self.config.sessions_dir, progress)

    def _catch_up(self, progress: _Progress | None = None) -> None:
        folder = self.config.sessions_dir
        if indexing.is_current(self._engine, folder):
            return
        with self._catching_up:  # of many threads that notice, one reads
            if not indexing.is_current(self._engine, folder):
                indexing.sync(self._engine, folder, progress)

    def _expect_sessions_folder(self) -> None:
        """Create the folder of a new home; where sessions are known, a missing one is an unmounted disk."""
        with tables.reading(self._engine) as connection:
            known = tables.count(connection, Filters(hidden=True))
        if not known:
            self._create_sessions_folder()

    def _create_sessions_folder(self) -> None:
        with storing("cannot create the sessions folder"):
            self.config.sessions_dir.mkdir(parents=True, exist_ok=True)

    def _apply(self, session_id: str, change: Callable[[Indexed], T]) -> T:
        """Change a session under its lock, anew if a program without our locks replaced the file."""
        with self._locks.held(check_id(session_id)):
            self._check_index()
            for _ in range(ATTEMPTS - 1):
                with suppress(Conflict):
                    return change(self._current(session_id))
            return change(self._current(session_id))

    def _current(self, session_id: str) -> Indexed:
        """Return the row of a session in agreement with its file; the caller holds the session's lock."""
        found = sidecar.signature(self.config.sessions_dir, session_id)
        row = self._row(session_id)
        if found is None and (row is None or not row.draft):
            raise NotFound(f"no session {session_id}")
        if row is not None and (found is None or row.stored.signature == found):
            return row
        summary, stored = sidecar.summary(sidecar.load(self.config.sessions_dir, session_id))
        row = Indexed(summary, stored, draft=False)
        self._put(row)
        return row

    def _row(self, session_id: str) -> Indexed | None:
        with tables.reading(self._engine) as connection:
            return tables.get(connection, session_id)

    def _load(self, session_id: str) -> Loaded | None:
        """Return a session's file, None without one."""
        try:
            return sidecar.load(self.config.sessions_dir, session_id)
        except NotFound:
            return None

    def _draft(self, session_id: str) -> Indexed:
        """Return the row of a session that has no file; raise `NotFound` if it is no draft."""
        row = self._row(session_id)
        if row is None or not row.draft:
            raise NotFound(f"no session {session_id}")
        return row

    def _check_index(self) -> None:
        """Raise `StorageError` while the index takes no write: before a file is touched."""
        with tables.writing(self._engine):
            pass

    def _put(self, row: Indexed) -> None:
        with tables.writing(self._engine) as connection:
            tables.put(connection, [row])

    def _record(self, summary: Summary, written: Written) -> Summary:
        """Store the row of a file that was just written."""
        last = written.stored.sent_at or summary.updated_at
        shown = replace(summary, last_message_at=last).displayable()
        with (
            _after_the_file(f"session {summary.session_id} was saved"),
            tables.writing(self._engine) as connection,
        ):
            tables.put(connection, [Indexed(shown, written.stored, draft=False)])
            tables.moved_folder(connection, written.folder_before, written.folder_after)
        return shown

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        checked = check_metadata(values)
        if checked.get("workspace"):
            checked["workspace"] = sidecar.resolve_workspace(checked["workspace"])
        return checked


@contextmanager
def _after_the_file(done: str) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise StorageError(f"{done}, but {error}; the next sync mends the list") from error


def _new_id() -> str:
    return uuid.uuid4().hex[:12]


def _as_session(summary: Summary) -> Session:
    return Session(**summary.metadata(), extra=summary.extra)


def _check_writable(session: Metadata, changes: Collection[str], transcript: bool) -> None:
    if session.extra.get("read_only") is True and (transcript or not FREE_IN_READ_ONLY.issuperset(changes)):
        raise ReadOnly(f"session {session.session_id} is read-only; duplicate it to change it")


def _unsaid_times(source: Outline, session: Metadata) -> dict[str, bytes]:
    """Return the times that a file does not say: they were read off its `stat`, which a write changes."""
    said = {member.key for member in source.members}
    return document.encode_metadata({name: getattr(session, name) for name in TIMES if name not in said})


def _warning(unreadable: tuple[str, str]) -> str:
    name, reason = unreadable
    return f"{name} cannot be read: {reason}"


def _filters(
    profile: str | None, project_id: str | None, source: str | None, archived: bool | None, hidden: bool
) -> Filters:
    return Filters(
        profile=check_text("profile", profile),
        project_id=check_text("project_id", project_id),
        source=check_text("source", source),
        archived=check_flag("archived", archived),
        hidden=bool(check_flag("hidden", hidden)),
    )


def _cursor(summary: Summary) -> str:
    return base64.urlsafe_b64encode(json.dumps(tables.place_of(summary)).encode()).decode()


def _place(cursor: str) -> Place:
    try:
        unpinned, age, session_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        place = Place(check_whole("cursor", unpinned, 0, 1), float(age), check_id(session_id))
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidValue("cursor must be the next_cursor of a page") from error
    if not math.isfinite(place.age):
        raise InvalidValue("cursor must be the next_cursor of a page")
    return place
