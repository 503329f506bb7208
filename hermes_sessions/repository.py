"""The repository: every conversation through one object, files as the truth and the index beside them.

Owns what callers see: arguments checked, lists, single sessions. `writing` changes files, `indexing` heals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, get_args

from . import config as configuration
from . import files
from .agent import Agent, Agents
from .care import Report, backup, checks, why
from .changes import (
    Projects,
    Store,
    append_messages,
    checked_metadata,
    clear_session,
    delete_everywhere,
    delete_here,
    duplicate_session,
    fork_session,
    import_agent_session,
    import_document,
    new_session,
    read_message,
    read_page,
    recover_session,
    refuse_agent_session,
    remove_last_turn,
    restore_session,
    save_session,
    settle_leftovers,
    truncate_session,
    update_session,
)
from .config import Config
from .errors import InvalidId, InvalidValue, NotFound
from .fields import (
    check_choice,
    check_document,
    check_id,
    check_messages,
    check_seconds,
    check_whole,
    with_clean_title,
)
from .index import (
    LARGEST_PAGE,
    Entries,
    Freshness,
    ListRequest,
    Lists,
    Progress,
    View,
    database,
    list_request,
    lists,
    sync,
    upgrades,
    usage,
)
from .messages import check_format, export_session, mask
from .model import Session, Summary
from .results import (
    FilterFields,
    Filters,
    Finding,
    Hits,
    MessagePage,
    Page,
    Removed,
    Scope,
    SyncReport,
    Trashed,
    Usage,
    UsageBy,
    Verification,
    combined_filters,
)
from .search import HitOptions, Searcher, message_filter, search_request
from .settings import last_workspace
from .sidecars import folder, trash

RETENTION_SECONDS = 30 * 86_400
T = TypeVar("T")


class SessionRepository:
    """Every conversation of one Hermes home. Thread-safe; any number of processes may have one home open."""

    def __init__(self, config: Config) -> None:
        """Create or upgrade the index of `config`, without comparing it with the files; `open` does both."""
        self.config = config
        self._engine = database.make_engine(config.index)
        self._agents = Agents(config, self._engine)
        self._searcher = Searcher(config, self._engine, self._agents)
        self._store = Store(config, self._engine, files.Locks(config.locks_dir), self._searcher.note)
        self._freshness = Freshness(self._engine, config.sessions_dir, config.trash_dir, self._agents)
        self._lists = Lists()
        self.projects = Projects(config.projects_file, config.projects_lock, self._unassign_project)
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
        progress: Progress | None = None,
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

    def _start(self, progress: Progress | None) -> None:
        sync.expect_folder(self._engine, self.config.sessions_dir)
        self._freshness.catch_up(progress)
        settle_leftovers(self._store)
        sync.drop_unused_drafts(self._engine)
        self._searcher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. The repository must not be used afterwards."""
        self._searcher.close()
        self._agents.close()
        self._engine.dispose()

    @property
    def agent(self) -> Agent:
        """The agent of the active profile."""
        return self._agents.active

    # ---- lists ------------------------------------------------------------------------------------------

    def list(
        self,
        filters: Filters | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        unless: Callable[[str], bool] | None = None,
        **fields: Unpack[FilterFields],
    ) -> Page[Summary]:
        """Return the conversations that match, pinned ones first, then by latest activity.

        `filters` are given as a `Filters`, as keywords of the same names, or as both: a keyword replaces the
        field of `filters`. `limit` is the most to return (None: all); `cursor` is the `next_cursor` of the
        page before. If `unless(version)` is true for the version of the index, nothing more is read, and the
        page is empty and `unchanged`. An agent that cannot be read is among the page's warnings. Raises
        `InvalidValue`, `StorageError`.
        """
        request = self._request(combined_filters(filters, fields), limit, cursor)
        with self._freshness.current() as index:
            if unless is not None and unless(index.version):
                return Page.not_modified(index.version)
            return self._lists.summaries(index, request)

    def entries(
        self,
        make: Callable[[Entries], T],
        filters: Filters | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        unless: Callable[[str], bool] | None = None,
        active_streams: Collection[str] = (),
        **fields: Unpack[FilterFields],
    ) -> Page[T]:
        """Return a page of what `make` returns for the list entries, of which it gets some hundred at a time.

        The entries equal `Summary.as_dict(active_streams)` of the summaries in `list`, and are made in a
        third of the time; `make` may change and keep them. It is called while the index is being read, so it
        should only compute. The other arguments and the errors are those of `list`.
        """
        request = self._request(combined_filters(filters, fields), limit, cursor)
        with self._freshness.current() as index:
            if unless is not None and unless(index.version):
                return Page.not_modified(index.version)
            return self._lists.entries(index, request, make, active_streams)

    def count(self, filters: Filters | None = None, **fields: Unpack[FilterFields]) -> int:
        """Return how many conversations `list` returns for the same filters; errors as of `list`."""
        chosen = combined_filters(filters, fields)
        with self._freshness.current() as index:
            return self._lists.count(index, chosen)

    def usage(
        self,
        *,
        since: float | None = None,
        by: UsageBy = "day",
        filters: Filters | None = None,
        **fields: Unpack[FilterFields],
    ) -> Sequence[Usage]:
        """Return sums of sessions, messages, tokens and cost by day, model, source, project or profile.

        The conversations are those that `list` returns for the same filters; without filters all of them,
        since hidden ones cost money too. Each counts whole, on the local day of its last activity, if that
        was at or after `since` (seconds since the epoch). Days come in order, other keys by their tokens,
        the most first. Raises `InvalidValue`, `StorageError`.
        """
        chosen = combined_filters(filters, fields, default=Filters(agent=True, hidden=True))
        check_choice("by", by, get_args(UsageBy))
        begin = None if since is None else check_seconds("since", since)
        with self._freshness.current() as index:
            return usage.usage(index.connection, chosen, begin, by)

    def version(self) -> str:
        """Return an opaque text that changes whenever a list could have changed; raise `StorageError`."""
        with self._freshness.current() as index:
            return index.version

    def _request(self, filters: Filters, limit: int | None, cursor: str | None) -> ListRequest:
        return list_request(filters, self._view(filters), limit, cursor)

    def _view(self, filters: Filters) -> View:
        workspace = last_workspace(self.config) if filters.agent else ""
        return View(self.config.profile, workspace)

    # ---- searching ----------------------------------------------------------------------------------------

    def search(
        self,
        text: str,
        *,
        filters: Filters | None = None,
        limit: int = 20,
        offset: int = 0,
        scope: Scope = "all",
        role: str | None = None,
        since: float | None = None,
        until: float | None = None,
        depth: int | None = None,
        redact: bool = True,
        **fields: Unpack[FilterFields],
    ) -> Hits:
        """Return the conversations that contain these words, one hit for each, the best first.

        Any text is a query: words, "phrases", `-without`, `begin*`, parts of identifiers, scripts without
        spaces. `scope` searches titles, messages or both. The filters are those of `list`, but include the
        agents' conversations unless they are given. `role`, `since` and `until` (seconds since the epoch)
        limit the messages that match, `depth` how many messages at the beginning of a session are searched.
        Credentials are masked unless `redact=False`. Raises `InvalidValue`, `StorageError`.
        """
        chosen = combined_filters(filters, fields, default=Filters(agent=True))
        wanted = message_filter(role, since, until, depth)
        request = search_request(text, scope, chosen, wanted)
        check_whole("limit", limit, 1, LARGEST_PAGE)
        check_whole("offset", offset)
        if request.is_empty:
            return Hits()
        options = HitOptions(partial(read_message, self._store), mask if redact else str, self._view(chosen))
        with self._freshness.current() as current:
            unreadable = current.warnings(agents=False)
        hits = self._searcher.search(request, options, offset, limit)
        return Hits(hits, hits.missing, (*unreadable, *hits.warnings))

    def complete_search(self, *, progress: Progress | None = None) -> int:
        """Make every message searchable now, and return how many sessions could not be read.

        Otherwise this is done in the background. `progress(done, total)` counts sessions. Raises
        `StorageError`.
        """
        with self._freshness.current():
            pass
        return self._searcher.complete(progress)

    # ---- one session ------------------------------------------------------------------------------------

    def summary(self, session_id: str) -> Summary:
        """Return a session without messages, the web UI's or an agent's.

        Raises `NotFound`, `InvalidId`, `Unreadable`, `StorageError`, `AgentUnavailable`.
        """
        try:
            return self._store.summary(session_id)
        except NotFound:
            with self._agents.reading_mirrors() as connection:
                return self._agents.summary(connection, session_id)

    def get(self, session_id: str) -> Session:
        """Return a whole session, the web UI's or an agent's; errors as of `summary`."""
        try:
            return self._store.session(session_id)
        except NotFound:
            with self._agents.reading_mirrors() as connection:
                return self._agents.session(connection, self._agents.summary(connection, session_id))

    def messages(
        self, session_id: str, *, before: int | None = None, limit: int | None = None
    ) -> MessagePage:
        """Return the `limit` messages that end before index `before`; None is all of them, and the end.

        Where they are in the file is known beside the row: little more than their own bytes is read.
        Errors as of `get`, and `InvalidValue`.
        """
        if before is not None:
            check_whole("before", before)
        if limit is not None:
            check_whole("limit", limit)
        with suppress(NotFound):
            return read_page(self._store, session_id, before, limit)
        if self._store.draft(session_id) is not None:
            return MessagePage([], 0, 0)
        with self._agents.reading_mirrors() as connection:
            summary = self._agents.summary(connection, session_id)
            return self._agents.page(connection, summary, before, limit)

    def segments(self, session_id: str) -> Sequence[str]:
        """Return the ids of the agent's segments of the conversation that a session belongs to, oldest first.

        Empty for a session that is no part of a chain, or of which no agent knows.
        """
        return self._agents.segment_ids(session_id)

    def export(self, session_id: str, format: str = "json", *, redact: bool = True) -> str:  # fixed name
        """Return a session as text to keep elsewhere, credentials masked unless `redact=False`.

        `format` is ``"json"`` (every key of the sidecar, as `import_document` takes it), ``"markdown"``, or
        ``"html"``: one file that fetches nothing and runs nothing. Errors as of `get`, `InvalidValue`, and
        `SessionsError` for HTML without the libraries of the extra ``web``.
        """
        name = check_format(format)
        return export_session(self.get(session_id), name, redact)

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

        The title is trimmed and cut to 80 characters. Raises `InvalidValue` for a field, `NotFound` for a
        project that does not exist, `StorageError`.
        """
        given = {
            "title": title,
            "workspace": workspace,
            "model": model,
            "model_provider": model_provider,
            "profile": profile,
        }
        return new_session(self._store, self._checked(given | metadata))

    def import_document(self, doc: Mapping[str, Any]) -> Session:
        """Store a JSON export as a new session with a new id; raise `InvalidValue`, `StorageError`.

        An interrupted session stays one. A missing time reads as now.
        """
        doc = check_document(doc)
        check_messages(doc.get("messages"))
        check_messages(doc.get("tool_calls") or [], "tool_calls")
        return import_document(self._store, doc)

    def fork(self, session_id: str, *, keep: int | None = None, title: str | None = None) -> Session:
        """Store a new session with the first `keep` messages of another (None: all), its parent from now on.

        Its title is, unless given, the other's with " (fork)". Raises `NotFound`, `InvalidId`,
        `InvalidValue`, `Unreadable`, `StorageError`.
        """
        if keep is not None:
            check_whole("keep", keep)
        return fork_session(self._store, self._own_summary(session_id), keep, title)

    def duplicate(self, session_id: str) -> Session:
        """Store a copy, titled "... (copy)", neither pinned nor archived; errors as of `fork`."""
        return duplicate_session(self._store, self._own_summary(session_id))

    def import_agent_session(self, session_id: str) -> tuple[Session, bool]:
        """Store an agent's session as one of ours, with its id, and return it and whether it is new.

        One that was imported before gets what the agent has added since, unless it was changed here. A
        scheduled job's goes into the project of those. Raises `NotFound`, `AgentUnavailable`, `Conflict` for
        one that is in the trash, `StorageError`.
        """
        return import_agent_session(self._store, self._agents, self.projects, session_id)

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
        if session.signature is None and session.is_cli_session:
            refuse_agent_session(self._agents, session.session_id)
        return save_session(self._store, session, touch=touch)

    def update(self, session_id: str, *, touch: bool = True, **metadata: Any) -> Summary:
        """Set metadata, known or not, leaving the messages' bytes as they are; `touch` sets `updated_at`.

        A title is trimmed and cut to 80 characters; an empty one becomes `Untitled`. `project_id` None or
        "" takes the session out of its project. Raises `InvalidValue` for a field, `NotFound` for the
        session or the project, `InvalidId`, `ReadOnly`, `Unreadable`, `StorageError`.
        """
        changes = self._checked(metadata)
        with self._agents_refused(session_id):
            return update_session(self._store, session_id, changes, touch=touch)

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
        with self._agents_refused(session_id):
            return append_messages(self._store, session_id, lists, changes)

    def truncate(self, session_id: str, keep: int) -> Summary:
        """Keep the first `keep` messages and leave the old file as a backup; errors as of `update`."""
        check_whole("keep", keep)
        with self._agents_refused(session_id):
            return truncate_session(self._store, session_id, keep)

    def clear(self, session_id: str) -> Summary:
        """Remove every message and what belongs to them, leaving a backup; errors as of `update`."""
        with self._agents_refused(session_id):
            return clear_session(self._store, session_id)

    def undo(self, session_id: str) -> Removed:
        """Drop the last user message and all after it, leaving a backup; `InvalidValue` if there is none."""
        with self._agents_refused(session_id):
            return remove_last_turn(self._store, session_id)

    def retry(self, session_id: str) -> Removed:
        """Do as `undo`, for whoever sends the text of the dropped message again."""
        return self.undo(session_id)

    def delete(self, session_id: str) -> None:
        """Move a session to the trash; raise `NotFound`, `InvalidId`, `StorageError`, `AgentUnavailable`.

        Of an agent's conversation a copy goes there, which hides it: `agent.delete` removes the original.
        """
        delete_here(self._store, self._agents, session_id)

    def delete_everywhere(self, session_id: str) -> None:
        """Move a session to the trash and delete the agent's copy of it; errors as of `delete`.

        What only the agent has of it, such as earlier segments of a conversation, goes to the trash first.
        """
        delete_everywhere(self._store, self._agents, session_id)

    def trash(self) -> Sequence[Trashed]:
        """Return what lies in the trash, the latest first; raise `StorageError`."""
        return [trash.describe(entry) for entry in trash.entries(self.config.trash_dir)]

    def restore(self, session_id: str) -> Summary:
        """Give back a deleted session, or the backup of one that was shortened, which goes to the trash.

        Raises `NotFound` if there is neither, `Conflict` if a session of that id came since, `Unreadable`,
        `StorageError`.
        """
        return restore_session(self._store, session_id)

    def purge(self, *, older_than: float | None = None) -> int:
        """Erase for good what was deleted more than `older_than` seconds ago (None: 30 days).

        Returns how many; raises `InvalidValue`, `StorageError`.
        """
        return sum(1 for _ in trash.purge(self.config.trash_dir, _before(older_than)))

    def erase(self, session_id: str) -> int:
        """Erase for good all that lies in the trash of one session, however new; return how many files.

        Raises `NotFound` if that is nothing, `InvalidId`, `StorageError`.
        """
        return trash.erase(self.config.trash_dir, session_id)

    def would_purge(self, *, older_than: float | None = None) -> Sequence[Trashed]:
        """Return what `purge` would erase."""
        return [
            trash.describe(entry)
            for entry in trash.deleted_before(self.config.trash_dir, _before(older_than))
        ]

    def recover(self, session_id: str, *, alive: Collection[str] = ()) -> Summary | None:
        """Close an interrupted turn, unless its stream is among those `alive`; None if there is none.

        An empty session gets the transcript of the agent's core, else the message that waited. Raises
        `NotFound`, `InvalidId`, `Unreadable`, `ReadOnly`, `StorageError`.
        """
        return recover_session(self._store, session_id, alive)

    # ---- looking after a home ---------------------------------------------------------------------------

    def backup(self, folder: str | Path, *, progress: Progress | None = None) -> Report:
        """Copy everything into `folder`, new or empty, while others may go on writing; all of it or nothing.

        `progress(done, total)` counts files. Raises `InvalidValue` for the folder, `StorageError`.
        """
        return backup.create(self.config, self._engine, Path(folder), progress)

    @staticmethod
    def verify_backup(folder: str | Path) -> Verification:
        """Read a backup made by `backup`, and return what is wrong with it."""
        problems = backup.verify(Path(folder))
        return Verification(tuple(problems), () if problems else tuple(backup.notes(Path(folder))))

    def why(self, session_id: str) -> Sequence[str]:
        """Return in words where a session is, whether the lists show it, and which rule hides it."""
        return why.why(self._store, self._agents, session_id)

    def check(self, *, deep: bool = False) -> Sequence[Finding]:
        """Return what is wrong, changing nothing; `deep` also reads and parses every file."""
        return checks.findings(self._store, self._agents, self.projects, _before(None), deep=deep)

    def repair(self, *, apply: bool = False) -> Sequence[Finding]:
        """Return what could be mended without asking; with `apply` mend it and return what is still wrong.

        Only the index and debris are touched, after a copy of the index. Raises `StorageError`.
        """
        mendable = [finding for finding in self.check(deep=True) if checks.is_mendable(finding)]
        if not apply:
            return mendable
        checks.mend(self._store, mendable)
        return self.check(deep=True)

    def write_web_ui_index(self) -> int:
        """Write the web UI's own `_index.json`, for going back to it; return how many sessions it lists."""
        summaries = sorted(self.list(hidden=True).items, key=lambda summary: -summary.updated_at)
        folder.write_index_file(self.config.sessions_dir, [summary.as_dict() for summary in summaries])
        return len(summaries)

    @contextmanager
    def _agents_refused(self, session_id: str) -> Iterator[None]:
        """Raise `ReadOnly` if the block does not find a session because only an agent has it."""
        try:
            yield
        except NotFound:
            refuse_agent_session(self._agents, session_id)
            raise

    def _checked(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return metadata that a caller sets as it is stored; raise `InvalidValue`, `NotFound`."""
        checked = checked_metadata(with_clean_title(metadata))
        if checked.get("project_id"):
            self.projects.check(checked["project_id"])
        return checked

    def _own_summary(self, session_id: str) -> Summary:
        summary = self.summary(session_id)
        if summary.of_agent:
            refuse_agent_session(self._agents, session_id)
        return summary

    def _unassign_project(self, project_id: str) -> None:
        self._freshness.catch_up()
        with database.reading(self._engine) as connection:
            assigned = lists.ids(connection, Filters(project_id=project_id, hidden=True))
        for session_id in assigned:
            with suppress(NotFound):  # deleted since: it is in no project
                self.update(session_id, touch=False, project_id=None)

    # ---- the schema of the index ------------------------------------------------------------------------

    # These take the configuration of a home that is not open, since opening it upgrades the index.

    @staticmethod
    def revisions() -> Sequence[str]:
        """Return the revisions of the schema that this program knows, oldest first."""
        return upgrades.revisions()

    @staticmethod
    def revision(config: Config) -> str | None:
        """Return the revision of the index of a home, None if there is no index; raise `StorageError`."""
        return upgrades.revision(config)

    @staticmethod
    def upgrade(config: Config) -> None:
        """Upgrade the index of a home to the newest revision; raise `NewerDatabase`, `StorageError`."""
        upgrades.upgrade_index(config)

    @staticmethod
    def downgrade(config: Config) -> None:
        """Remove all tables from the index of a home, which the next opening fills from the files again.

        Raises `NewerDatabase`, `StorageError`.
        """
        upgrades.downgrade_index(config)

    @staticmethod
    def outdated(config: Config) -> Finding | None:
        """Return a finding if the index of a home has an older revision than the newest, else None.

        `check` and `repair` need an index of the newest revision. Raises `StorageError`.
        """
        return upgrades.outdated(config)

    # ---- the index --------------------------------------------------------------------------------------

    def sync(self, *, progress: Progress | None = None) -> SyncReport:
        """Make the index agree with the files; raise `StorageError`, also if every file seems gone."""
        sync.expect_folder(self._engine, self.config.sessions_dir)
        report = sync.sync(self._engine, self.config.sessions_dir, progress)
        settle_leftovers(self._store)
        sync.sync_trash(self._engine, self.config.trash_dir)
        self._agents.refresh(full=True)
        return report

    def rebuild(self, *, progress: Progress | None = None) -> SyncReport:
        """Read every file anew and forget what has no file; `progress` as of `open`."""
        sync.create_folder(self.config.sessions_dir)
        report = sync.rebuild(self._engine, self.config.sessions_dir, progress)
        sync.sync_trash(self._engine, self.config.trash_dir)
        self._agents.rebuild()
        self._searcher.rebuild()
        return report


def _before(older_than: float | None) -> int:
    """Return the time so many seconds ago, in nanoseconds since the epoch."""
    seconds = check_seconds("older_than", RETENTION_SECONDS if older_than is None else older_than)
    return time.time_ns() - int(seconds * 1e9) + 1
