"""The repository: one object for every conversation of a home, which checks arguments and delegates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, get_args

from . import changes, fields, formats, hits, messages, results, search
from .access import HomeAccess
from .agent import Agent
from .config import Config, check_path, resolve
from .home import FREEING, HARMLESS, READS, RETENTION_SECONDS, OpenHome, existing, trash_limit
from .index import Entries, Progress, only_sessions_errors, public_calls, survived, upgrades, usage
from .model import Session, Summary, check_session
from .results import FilterFields, Filters, Imported, combined_filters
from .sidecars import folder, trash
from .webui import WebUI

__all__ = ["RETENTION_SECONDS", "SessionRepository", "existing", "upgrades"]

if TYPE_CHECKING:
    from .care import Checks  # at run time only where it is used: most programs never do

T = TypeVar("T")


@public_calls(HARMLESS, freeing=FREEING)
@survived(READS)
class SessionRepository:
    """Every conversation of one Hermes home. Thread-safe; several processes may have one home open."""

    def __init__(self, config: Config, *, read_only: bool = False) -> None:
        """Create or upgrade the index of a home, without reading the files; `open` does both."""
        self.config = config
        with only_sessions_errors():
            self._access = access = HomeAccess(config, read_only=read_only)
        self._lifetime, self.projects, self.lost = access.lifetime, access.projects, access.lost
        self.webui = WebUI(access)

    @property
    def _home(self) -> OpenHome:
        return self._access.home

    @classmethod
    def open(
        cls,
        state_dir: str | Path | None = None,
        *,
        hermes_home: str | Path | None = None,
        profile: str | None = None,
        database_url: str | None = None,
        create: bool = True,
        read_only: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        """Open a home: create or upgrade its index, and bring it in line with the files.

        Defaults: `HERMES_WEBUI_STATE_DIR` or `<hermes home>/webui`; `HERMES_HOME` or `~/.hermes`;
        `sqlite:///<state dir>/sessions.db`. `progress(done, total)` counts the files that the first opening
        reads. A home that is `read_only`, or cannot be written, is not changed: see `restriction`. Raises
        `StorageError`, `NewerDatabase`, `InvalidValue`; `NotFound` for no home if not `create`.
        """
        config = resolve(state_dir, hermes_home=hermes_home, profile=profile, database_url=database_url)
        with only_sessions_errors():
            places = config if create and not read_only else existing(config)
            repository = cls(places, read_only=read_only)
            repository._access.start(progress)
        return repository

    def __enter__(self) -> Self:
        self._lifetime.check()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. Every later call raises `Closed`, but `close` itself."""
        self._access.close()

    @property
    def restriction(self) -> results.Restriction | None:
        """Why the home is open read-only, or why nothing can be saved; None if it can be written as usual."""
        return self._lifetime.restriction

    @property
    def own_folder(self) -> Path:
        """The folder of what a server keeps: the state folder, unless it cannot be written."""
        return self._home.config.index_dir or self.config.state_dir

    @property
    def agent(self) -> Agent:
        """The agent of the active profile."""
        return self._home.agents.active

    # ---- lists ------------------------------------------------------------------------------------------

    def list(
        self,
        filters: Filters | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        unless: Callable[[str], bool] | None = None,
        **keywords: Unpack[FilterFields],
    ) -> results.Page[Summary]:
        """Return the conversations that match, pinned ones first, then by latest activity.

        `filters` are given as a `Filters`, as keywords of the same names, or as both: a keyword replaces the
        field of `filters`. `limit` is the most to return (None: all); `cursor` is the `next_cursor` of the
        page before. If `unless(version)` is true for the index's version, the page is empty and `unchanged`.
        An agent that cannot be read is among the page's warnings. Raises `InvalidValue`, `StorageError`.
        """
        request = self._home.list_request(combined_filters(filters, keywords), limit, cursor)
        with self._home.freshness.current() as index:
            page = self._home.lists.summaries(index, request, unless)
        return self._home.explained(page, request.filters)

    def entries(
        self,
        make: Callable[[Entries], T],
        filters: Filters | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        unless: Callable[[str], bool] | None = None,
        active_streams: Collection[str] = (),
        **keywords: Unpack[FilterFields],
    ) -> results.Page[T]:
        """Return a page of what `make` returns for the list entries, of which it gets some hundred at a time.

        The entries equal `Summary.as_dict(active_streams)` of the summaries in `list`, and are made in a
        third of the time; `make` may change and keep them. It is called while the index is being read, so it
        should only compute. The other arguments and the errors are those of `list`.
        """
        request = self._home.list_request(combined_filters(filters, keywords), limit, cursor)
        with self._home.freshness.current() as index:
            page = self._home.lists.entries(index, request, unless, make, active_streams)
        return self._home.explained(page, request.filters)

    def count(self, filters: Filters | None = None, **keywords: Unpack[FilterFields]) -> int:
        """Return how many conversations `list` returns for the same filters; errors as of `list`."""
        chosen = combined_filters(filters, keywords)
        with self._home.freshness.current() as index:
            return self._home.lists.count(index, chosen)

    def usage(
        self,
        *,
        by: results.UsageBy = "day",
        filters: Filters | None = None,
        **keywords: Unpack[FilterFields],
    ) -> Sequence[results.Usage]:
        """Return sums of sessions, messages, tokens and cost by day, model, source, project or profile.

        The conversations are those that `list` returns for the same filters; without filters all of them,
        since hidden ones cost money too. Each counts whole, on the local day of its last activity. Days come
        in order, other keys by their tokens, the most first. Raises `InvalidValue`, `StorageError`.
        """
        chosen = combined_filters(filters, keywords, default=Filters(agent=True, hidden=True))
        fields.check_choice("by", by, get_args(results.UsageBy))
        with self._home.freshness.current() as index:
            return usage.usage(index.connection, chosen, by)

    def version(self) -> str:
        """Return an opaque text that changes whenever a list could have changed; raise `StorageError`."""
        with self._home.freshness.current() as index:
            return index.version

    # ---- searching ----------------------------------------------------------------------------------------

    def search(
        self,
        text: str,
        *,
        filters: Filters | None = None,
        limit: int = 20,
        offset: int = 0,
        scope: hits.Scope = "all",
        role: str | None = None,
        depth: int | None = None,
        redact: bool = True,
        **keywords: Unpack[FilterFields],
    ) -> hits.Hits:
        """Return the conversations that contain these words, one hit for each, the best first.

        Any text is a query: words, "phrases", `-without`, `begin*`, parts of identifiers, scripts without
        spaces. `scope` searches titles, messages or both. The filters are those of `list`, but include the
        agents' conversations unless they are given. Of the messages that match, `since` and `until` limit
        the times, `role` the role, and `depth` how far into a session they are; the times of a title are
        those of the last activity. Credentials are masked unless `redact=False`. Raises `InvalidValue`,
        `StorageError`.
        """
        chosen = combined_filters(filters, keywords, default=Filters(agent=True))
        within = search.message_filter(role, chosen.since, chosen.until, depth)
        request = search.search_request(text, scope, replace(chosen, since=None, until=None), within)
        return self._home.search(request, redact, offset, limit)

    def complete_search(self, *, progress: Progress | None = None) -> int:
        """Index every message now, not in the background; return how many sessions could not be read.

        `progress(done, total)` counts sessions. Raises `StorageError`.
        """
        with self._home.freshness.current():
            pass
        return self._home.searcher.complete(progress)

    # ---- one session ------------------------------------------------------------------------------------

    def summary(self, session_id: str) -> Summary:
        """Return a session without its messages, the web UI's or an agent's.

        Raises `NotFound`, `InvalidId`, `Unreadable`, `StorageError`, `AgentUnavailable`.
        """
        return self._home.summary(session_id)

    def get(self, session_id: str) -> Session:
        """Return a whole session, the web UI's or an agent's; raises as `summary`."""
        return self._home.session(session_id)

    def messages(
        self, session_id: str, *, before: int | None = None, limit: int | None = None
    ) -> results.MessagePage:
        """Return the last `limit` messages before index `before`; None is no limit, and the end.

        Reads little more than these messages from the file. Raises as `summary`, and `InvalidValue`.
        """
        for name, value in (("before", before), ("limit", limit)):
            if value is not None:
                fields.check_whole(name, value)
        return self._home.messages(session_id, before, limit)

    def segments(self, session_id: str) -> Sequence[str]:
        """Return the ids of the agent's segments of a conversation, oldest first; none for fewer than two."""
        return self._home.segments(fields.check_bindable("session_id", session_id))

    def export(self, session_id: str, format: results.ExportFormat = "json", *, redact: bool = True) -> str:
        """Return a session as text, with credentials masked unless `redact=False`.

        ``"json"`` has every key of the sidecar, as `import_document` takes it; ``"html"`` is one file that
        loads nothing and runs nothing. Raises as `summary`, `InvalidValue`, and `SessionsError` for HTML if
        the libraries of the extra ``web`` are missing.
        """
        fields.check_choice("format", format, get_args(results.ExportFormat))
        return messages.export_session(self.get(session_id), format, redact)

    # ---- creating ---------------------------------------------------------------------------------------

    def new(
        self,
        *,
        title: str = fields.UNTITLED,
        workspace: str | None = None,
        model: str | None = None,
        model_provider: str | None = None,
        profile: str | None = None,
        **metadata: Any,
    ) -> Session:
        """Return a new session. Untitled, and in no project, it is a draft.

        A draft is hidden, has no file until it has a message, and is forgotten after an unused day. The title
        is trimmed and cut to 80 characters. Raises `InvalidValue` for a field, `NotFound` for the project,
        `StorageError`.
        """
        given = {"title": title, "workspace": workspace, "model": model, "profile": profile}
        given |= {"model_provider": model_provider}
        return changes.new_session(self._home.store, self._home.checked_metadata(given | metadata))

    def import_document(self, doc: Mapping[str, Any]) -> Session:
        """Store an exported conversation as a session with a new id; raise `InvalidValue`, `StorageError`.

        `doc` is an export of the web UI, of this library or of the agent. A missing time becomes the current
        time. A project that does not exist is left out; the home's profile replaces one that does not.
        """
        return self.import_export(doc)[0]

    def import_export(self, content: bytes | Mapping[str, Any], *, profile: str | None = None) -> Imported:
        """Store all conversations of a file, or one, as `import_document` does; none if one is refused.

        `profile` (None: the home's) replaces one that does not exist.
        """
        documents = formats.read_documents(content)
        return changes.import_documents(self._home.store, self.projects, documents, profile)

    def fork(self, session_id: str, *, keep: int | None = None, title: str | None = None) -> Session:
        """Store a new session with the first `keep` messages of another (None: all), which is its parent.

        Without a title it gets that of its parent and " (fork)". Raises as `summary`, `InvalidValue`.
        """
        if keep is not None:
            fields.check_whole("keep", keep)
        return changes.fork_session(self._home.store, self._home.web_ui_summary(session_id), keep, title)

    def duplicate(self, session_id: str) -> Session:
        """Store a copy, titled "... (copy)", neither pinned nor archived; raises as `fork`."""
        return changes.duplicate_session(self._home.store, self._home.web_ui_summary(session_id))

    def import_agent_session(self, session_id: str) -> tuple[Session, bool]:
        """Store an agent's whole conversation as a sidecar; return it, and whether it is new here.

        One imported before gets the messages that the agent added since, unless it was changed here. Jobs get
        their project. Raises `NotFound`, `AgentUnavailable`, `StorageError`, `Conflict` for one in the trash.
        """
        return changes.import_agent_session(self._home.store, self._home.agents, self.projects, session_id)

    # ---- changing ---------------------------------------------------------------------------------------

    def save(self, session: Session, *, touch: bool = True) -> Session:
        """Store a whole session over the version that was read, and return it with its new version.

        `touch` sets `updated_at`. Keys that `session.extra` lacks are kept. Raises `Conflict` if the file was
        changed or deleted since, `ReadOnly`, `InvalidId`, `InvalidValue`, `Unreadable`, `StorageError`.
        """
        check_session(session)
        if session.signature is None and session.is_cli_session:
            changes.refuse_agent_session(self._home.agents, session.session_id)
        return changes.save_session(self._home.store, session, touch=touch)

    def update(self, session_id: str, *, touch: bool = True, **metadata: Any) -> Summary:
        """Set metadata, known fields or not, without changing a byte of the messages.

        `touch` sets `updated_at`. The title is trimmed and cut to 80 characters, and an empty one becomes
        `Untitled`. `project_id` None or "" takes the session out of its project. Raises `InvalidValue`,
        `NotFound` for the session or the project, `InvalidId`, `ReadOnly`, `Unreadable`, `StorageError`.
        """
        values = self._home.checked_metadata(metadata)
        with self._home.web_ui_only(session_id) as store:
            return changes.update_session(store, session_id, values, touch=touch)

    def append(
        self,
        session_id: str,
        messages: Sequence[dict[str, Any]],
        *,
        tool_calls: Sequence[dict[str, Any]] | None = None,
        **metadata: Any,
    ) -> Summary:
        """Add messages, and entries of `tool_calls`, without reading the others; set metadata as `update`."""
        added = {"messages": fields.check_messages(messages)}
        if tool_calls:
            added["tool_calls"] = fields.check_messages(tool_calls, "tool_calls")
        values = self._home.checked_metadata(metadata)
        with self._home.web_ui_only(session_id) as store:
            return changes.append_messages(store, session_id, added, values)

    def truncate(self, session_id: str, keep: int) -> Summary:
        """Keep the first `keep` messages, and the old file as a backup; raises as `update`."""
        fields.check_whole("keep", keep)
        with self._home.web_ui_only(session_id) as store:
            return changes.truncate_session(store, session_id, keep)

    def clear(self, session_id: str, **metadata: Any) -> Summary:
        """Remove all messages and what belongs to them, set metadata, keep a backup; raises as `update`."""
        values = self._home.checked_metadata(metadata)
        with self._home.web_ui_only(session_id) as store:
            return changes.clear_session(store, session_id, values)

    def undo(self, session_id: str) -> results.Removed:
        """Remove the last message of the user and all that follow it, and keep a backup.

        Raises as `update`, and `InvalidValue` if the user has sent no message.
        """
        with self._home.web_ui_only(session_id) as store:
            return changes.remove_last_turn(store, session_id)

    def retry(self, session_id: str) -> results.Removed:
        """Do the same as `undo`, so that the caller can send the text of the removed message again."""
        return self.undo(session_id)

    def recover(self, session_id: str, *, alive: Collection[str] = ()) -> Summary | None:
        """Close an interrupted turn; return None if there is none, or its stream is among those `alive`.

        A session without messages gets the transcript of the agent's core, or else the message that waits
        for its answer. Raises `NotFound`, `InvalidId`, `Unreadable`, `ReadOnly`, `StorageError`.
        """
        return changes.recover_session(self._home.store, session_id, alive)

    # ---- deleting ---------------------------------------------------------------------------------------

    def delete(self, session_id: str) -> None:
        """Move a session to the trash; raise `NotFound`, `InvalidId`, `StorageError`, `AgentUnavailable`.

        Of an agent's conversation a copy is moved there, which hides the original; see `agent.delete`.
        """
        changes.delete_here(self._home.store, self._home.agents, session_id)

    def delete_everywhere(self, session_id: str) -> None:
        """Move a session to the trash, and delete the agent's copy of it; raises as `delete`.

        What only the agent has, such as earlier segments, is copied to the trash first: see `agent_share`.
        """
        changes.delete_everywhere(self._home.store, self._home.agents, session_id)

    def delete_empty(self, *, arranged: bool = False) -> int:
        """Move sessions in which nothing was written to the trash, but drafts, and return how many.

        Those that somebody titled, pinned, archived or filed stay, unless `arranged`. Raises `StorageError`.
        """
        return changes.delete_empty_sessions(self._home.store, self.list(hidden=True), arranged=arranged)

    def agent_share(self, session_id: str) -> results.AgentShare:
        """Return what `delete_everywhere` would delete from the agent; raise `InvalidId`, `StorageError`."""
        return changes.agent_share(self._home.store, self._home.agents, session_id)

    def held_by_agent(self, summaries: Sequence[Summary]) -> Collection[str]:
        """Return the ids of those sessions of which `delete_everywhere` deletes something from the agent."""
        return changes.held_by_agent(self._home.agents, summaries)

    def restore(self, session_id: str) -> Summary:
        """Restore a deleted session, or else the backup of one that was shortened, which goes to the trash.

        Raises `NotFound` if there is neither, `Conflict` if the id is in use, `Unreadable`, `StorageError`.
        """
        return changes.restore_session(self._home.store, session_id)

    def trash(self) -> Sequence[results.Trashed]:
        """Return the sessions in the trash, latest first; raise `StorageError`."""
        return [trash.describe(entry) for entry in trash.entries(self.config.trash_dir)]

    def purge(self, *, older_than: float | None = None) -> int:
        """Delete what has been in the trash for `older_than` seconds, None for 30 days; return how many."""
        return changes.purge(self._home.store, trash_limit(older_than))

    def would_purge(self, *, older_than: float | None = None) -> Sequence[results.Trashed]:
        """Return what `purge` would delete; raises as `purge`."""
        return list(map(trash.describe, changes.expired(self._home.store, trash_limit(older_than))))

    def erase(self, session_id: str) -> int:
        """Delete permanently what the trash has of a session; return how many files; raise `NotFound`."""
        return changes.erase(self._home.store, session_id)

    # ---- care -------------------------------------------------------------------------------------------

    def backup(self, folder: str | Path, *, progress: Progress | None = None) -> results.BackupReport:
        """Copy the home into a new or empty folder, completely or not at all, while others may write to it.

        `progress(done, total)` counts files. Raises `InvalidValue` for the folder, `StorageError`.
        """
        from .care import create_backup

        return create_backup(self.config, self._home.engine, check_path("folder", folder), progress)

    @staticmethod
    @only_sessions_errors()
    def verify_backup(folder: str | Path) -> results.Verification:
        """Return what is wrong with a backup that `backup` made."""
        from .care import verify_backup

        return verify_backup(check_path("folder", folder))

    def why(self, session_id: str) -> Sequence[str]:
        """Return sentences that say where a session is, whether lists show it, and which rule hides it."""
        from .care import explain_session

        return explain_session(self._home.store, self._home.agents, session_id)

    def check(self, *, deep: bool = False) -> Sequence[results.Finding]:
        """Return what is wrong with the home, changing nothing; `deep` also reads every file and database."""
        return self._checks().all(deep=deep)

    def repair(self, *, apply: bool = False) -> results.RepairReport:
        """Report what can be repaired without a decision, and with `apply` repair it.

        Changes only the index, after a copy of it, and files left by interrupted writes. Raises
        `StorageError`.
        """
        from .care import apply_repair, plan_repair

        if not apply:
            return plan_repair(self._checks())
        self._lifetime.check_change(frees_room=False)
        return apply_repair(self._checks())

    def _checks(self) -> Checks:
        from .care import Checks

        home = self._home
        return Checks(home.store, home.agents, self.projects, home.searcher.check, trash_limit(None))

    def write_web_ui_index(self) -> int:
        """Write the web UI's `_index.json`, for a return to it; return how many sessions it lists."""
        return folder.write_index_file(self.config.sessions_dir, self.list(hidden=True))

    def sync(self, *, progress: Progress | None = None) -> results.SyncReport:
        """Bring the index in line with the files; raise `StorageError`, also if every file is gone."""
        return self._home.sync(progress)

    def rebuild(self, *, progress: Progress | None = None) -> results.SyncReport:
        """Read every file again, and forget sessions without one; raise `StorageError`."""
        return self._home.rebuild(progress)
