"""An open home: its index, sessions, projects, agents and search, which are opened and closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import Connection

from . import changes, messages, search
from .agent import Agents
from .changes import Projects, Store, TagChange, TagStore
from .config import Config
from .errors import (
    AgentUnavailable,
    Damaged,
    InvalidId,
    InvalidValue,
    NotFound,
    ReadOnly,
    SessionsError,
    StorageError,
    Unreadable,
)
from .feed import Changes
from .fields import check_whole, clean_text, with_clean_title
from .file_value import FileValue
from .hits import Hits
from .index import (
    LARGEST_PAGE,
    Freshness,
    Lifetime,
    ListRequest,
    Lists,
    Progress,
    View,
    damage,
    database,
    derived,
    feed,
    list_request,
    listed_summaries,
    lists,
    ownership,
    placing,
    rows,
    sync,
    tag_counts,
    tag_sync,
    trash_rows,
    upgrades,
    with_lineage,
)
from .locks import HomeLocks, SessionLocks
from .message_range import MessageRange
from .metadata import MetadataChange, check_fields, check_others
from .model import Session, Summary
from .origins import segments_of
from .pruning import check_ids
from .results import BulkReport, Filters, MessagePage, Page, Sort, SyncReport
from .settings import chosen_workspace, existing_workspace
from .sidecars import folder, summaries
from .tag_names import tag_key

if TYPE_CHECKING:  # both are in a package that opening a home does not load
    from .search import KnownNames, SearchRequest

T = TypeVar("T")
Chosen: TypeAlias = Filters | Iterable[str]


def existing(config: Config) -> Config:
    """Return the places of a home; raise `NotFound` if neither the agent nor the web UI has one."""
    if config.hermes_home.is_dir() or config.state_dir.is_dir():
        return config
    raise NotFound(f"no Hermes home at {config.hermes_home}. Check the path, or make the folder")


class OpenHome:
    """The parts of one home that the calls of a repository work on. Thread-safe."""

    def __init__(self, config: Config, lifetime: Lifetime, projects: Projects, locks: HomeLocks) -> None:
        """Create or upgrade the index of a home; `start` brings it in line with the files.

        Whoever gives it the `locks` closes them.
        """
        self.config, self.projects, self.locks = config, projects, locks
        self.engine = database.make_engine(config.index)
        damage.watch(self.engine)
        self.agents = Agents(config, self.engine, lifetime)
        self.searcher = search.Searcher(config, self.engine, self.agents)
        self.store = Store(config, self.engine, SessionLocks(locks), self.searcher.note)
        self._read_files = summaries.read_in_processes(config.processes)
        self.freshness = Freshness(
            self.engine,
            config.sessions_dir,
            config.trash_dir,
            config.tags_file,
            self.agents,
            read=self._read_files,
        )
        self.tags = TagStore(config, self.engine, locks)
        self.lists = Lists()
        self._workspace = FileValue(config.last_workspace_file, partial(chosen_workspace, config))
        try:
            placing.take_over(config, self.engine)
            self._upgrade()
            ownership.claim(config, self.engine)
        except BaseException:
            self.close()
            raise

    def _upgrade(self) -> None:
        try:
            upgrades.upgrade(self.config, self.engine)
        except Damaged as error:
            self.replace_damaged(error)
            upgrades.upgrade(self.config, self.engine)

    def replace_damaged(self, error: Damaged) -> None:
        """Begin a new index if it is the index that is corrupt; else raise the error again."""
        path = database.file_of(self.engine)
        if path is None or error.file != path.name:
            raise error
        damage.replace(self.config, self.engine)

    def rebuild_damaged(self, error: Damaged) -> None:
        """Begin a new index as `replace_damaged` does, and fill it from the files."""
        self.replace_damaged(error)
        self.freshness.catch_up()

    def start(self, progress: Progress | None) -> None:
        """Bring the index in line with the files, tidy up, and begin to index in the background."""
        try:
            self._start(progress)
        except Damaged as error:
            self.replace_damaged(error)
            self._start(progress)

    def _start(self, progress: Progress | None) -> None:
        self._expect_folder()
        derived.derive_again(self.engine)
        self.freshness.catch_up_unless_locked(progress)
        self._tidy_up()
        sync.forget_old(self.engine)
        self.searcher.start()

    def _expect_folder(self) -> None:
        if not self.config.is_indexed_elsewhere:
            sync.expect_folder(self.engine, self.config.sessions_dir)

    def check_folder(self) -> None:
        """Raise the `StorageError` of lists if no session can be reached."""
        sync.check_folder(self.engine, self.config.sessions_dir)

    def _tidy_up(self) -> None:
        """Settle what interrupted writes left, unless the home cannot be written or read: it can wait."""
        if not self.config.is_indexed_elsewhere and not changes.has_unreadable_folder(self.store):
            changes.settle_leftovers(self.store)

    def close(self) -> None:
        """Close every connection."""
        self.freshness.close()
        self.searcher.close()
        self.agents.close()
        self.engine.dispose()

    # ---- the index --------------------------------------------------------------------------------------

    def view(self, filters: Filters) -> View:
        """Return what lists with these filters show from outside the index."""
        workspace = existing_workspace(self.config, self._workspace.get()) if filters.agent else ""
        return View(self.config.profile, workspace)

    def list_request(
        self, filters: Filters, limit: int | None, cursor: str | None, sort: Sort = "activity"
    ) -> ListRequest:
        """Return the checked request for a part of a list; raise `InvalidValue`."""
        return list_request(filters, self.view(filters), limit, cursor, sort)

    def page(
        self,
        filters: Filters,
        limit: int | None = None,
        cursor: str | None = None,
        unless: Callable[[str], bool] | None = None,
        sort: Sort = "activity",
    ) -> Page[Summary]:
        """Return a page of a list, as `SessionRepository.list` describes it."""
        request = self.list_request(filters, limit, cursor, sort)
        with self.freshness.current() as index:
            page = self.lists.summaries(index, request, unless)
        return self.explained(page, filters)

    def explained(self, page: Page[T], filters: Filters) -> Page[T]:
        """Return a page, with a warning if nothing matches because nothing can."""
        if page.total or page.unchanged:
            return page
        found = self.reasons_for_none(filters)
        return replace(page, warnings=(*page.warnings, *found)) if found else page

    def reasons_for_none(self, filters: Filters) -> list[str]:
        """Return why no conversation can match some filters, as warnings; empty if some could."""
        return search.reasons_for_none(filters, self.known_names)

    def changes(self, since: str | None) -> Changes:
        """Return which conversations changed after a token, as `SessionRepository.changes` describes it."""
        view = self.view(Filters(agent=True))
        with self.freshness.current() as index:
            return feed.changes(index, view, since)

    def search(self, request: SearchRequest, redact: bool, offset: int, limit: int) -> Hits:
        """Return the hits of a search, with the files that it cannot show among the warnings.

        Raises `InvalidValue` for `offset` and `limit`.
        """
        check_whole("limit", limit, 1, LARGEST_PAGE)
        check_whole("offset", offset)
        if request.is_empty:
            return Hits()
        request = search.narrow(request, self.known_names)
        if request.warnings:
            return Hits(warnings=request.warnings)
        if request.is_list:
            return self._listed(request, redact, offset, limit)
        reader = partial(changes.message_reader, self.store)
        options = search.HitOptions(reader, messages.mask if redact else str, self.view(request.filters))
        with self.freshness.current() as index:
            known = (*index.gaps(), *(index.agent_warnings if request.filters.agent else ()))
        hits = self.searcher.search(request, options, offset, limit)
        reasons = () if hits.total else self.reasons_for_none(request.list_filters)
        hits.warnings = tuple(dict.fromkeys((*known, *hits.warnings, *reasons)))
        hits.notes = search.operators_as_words(request.query)
        return hits

    @property
    def known_names(self) -> KnownNames:
        """What a name in a query can mean."""
        models, profiles = partial(self._of_index, lists.models), partial(self._of_index, lists.profiles)
        return search.KnownNames(self.projects.list, models, self.tag_counts, profiles)

    def _of_index(self, read: Callable[[Connection], list[str]]) -> list[str]:
        with self.freshness.current() as index:
            return read(index.connection)

    def _listed(self, request: SearchRequest, redact: bool, offset: int, limit: int) -> Hits:
        """Return the conversations that fulfil a query of operators alone, as hits."""
        filters = request.list_filters
        with self.freshness.current() as index:
            summaries = search.listed(index.connection, self.view(filters), filters, offset, limit)
            warnings = index.warnings(agents=bool(filters.agent))
            total = self.lists.count(index, filters, self.view(filters))
        hits = search.listed_hits(summaries, offset, messages.mask if redact else str)
        reasons = () if total else self.reasons_for_none(filters)
        return Hits(hits, 0, (*warnings, *reasons), total=total)

    def sync(self, progress: Progress | None) -> SyncReport:
        """Bring the index in line with the files, the trash and the agents, even if it seems current."""
        self._expect_folder()
        tag_sync.sync(self.engine, self.config.tags_file, again=True)
        report = sync.sync(self.engine, self.config.sessions_dir, progress, read=self._read_files)
        self._tidy_up()
        sync.sync_trash(self.engine, self.config.trash_dir)
        self.agents.refresh(full=True)
        return report

    def rebuild(self, progress: Progress | None) -> SyncReport:
        """Read every file again, and build the mirrors of the agents and the search index again."""
        if not self.config.is_indexed_elsewhere:
            sync.create_folder(self.config.sessions_dir)
        tag_sync.sync(self.engine, self.config.tags_file, again=True)
        report = sync.rebuild(self.engine, self.config.sessions_dir, progress, read=self._read_files)
        sync.sync_trash(self.engine, self.config.trash_dir)
        self.agents.rebuild()
        self.searcher.rebuild()
        return report

    # ---- one session, wherever it is --------------------------------------------------------------------

    def summary(self, session_id: str) -> Summary:
        """Return a session of the web UI, or else of an agent, or else the one that holds it as a segment."""
        self.freshness.catch_up_with_tags()
        return self._read(session_id, self.store.summary, lambda _, summary: summary)

    def listed_summary(self, session_id: str) -> Summary:
        """Return a session as `summary` does, with the lineage that lists show."""
        summary = self.summary(session_id)
        if summary.of_agent:
            return summary
        with database.reading(self.engine) as connection:
            return with_lineage(connection, self.config.profile, summary)

    def session(self, session_id: str) -> Session:
        """Return a whole session, found as by `summary`."""
        return self._read(session_id, self.store.session, self.agents.session)

    def messages(self, session_id: str, wanted: MessageRange) -> MessagePage:
        """Return some messages of a session, found as by `summary`."""
        here, of_agent = (partial(each, wanted=wanted) for each in (self._messages, self.agents.page))
        return self._read(session_id, here, of_agent)

    def _messages(self, session_id: str, wanted: MessageRange) -> MessagePage:
        try:
            return changes.read_page(self.store, session_id, wanted)
        except NotFound:
            if self.store.draft(session_id) is None:
                raise
            return MessagePage([], 0, 0)

    def _read(
        self, session_id: str, here: Callable[[str], T], of_agent: Callable[[Connection, Summary], T]
    ) -> T:
        """Return what `_anywhere` returns for a session, or else for the one that holds it as a segment."""
        try:
            return self._anywhere(session_id, here, of_agent)
        except NotFound:
            with database.reading(self.engine) as connection:
                holder = rows.holder_of(connection, session_id)
            if holder is None:
                raise
            return self._anywhere(holder, here, of_agent)

    def _anywhere(
        self, session_id: str, here: Callable[[str], T], of_agent: Callable[[Connection, Summary], T]
    ) -> T:
        """Return what `here` reads of a session of the web UI, or else what `of_agent` reads of an agent's.

        Of a sessions folder that cannot be read, the index alone tells which sessions are in it.
        """
        unread: StorageError | None = None
        try:
            return here(session_id)
        except NotFound:
            pass
        except StorageError as error:
            if folder.problem(self.config.sessions_dir) is None or self.store.row(session_id) is not None:
                raise
            unread = error
        try:
            with self.agents.reading_mirrors() as connection:
                return of_agent(connection, self.agents.summary(connection, session_id))
        except NotFound:
            if unread is None:
                raise
            raise unread from None

    def segments(self, session_id: str) -> Sequence[str]:
        """Return the agent's segments of a session's conversation, of an agent or as its file names them."""
        row = self.store.row(session_id)
        held = segments_of(row.summary.extra) if row is not None else []
        return self.agents.segment_ids(session_id) or (held if len(held) > 1 else [])

    # ---- tags -------------------------------------------------------------------------------------------

    def tag(self, session_id: str, change: TagChange) -> Summary:
        """Add and remove tags of a session or a conversation, found as by `summary`, and return it."""
        return self.tags.change(self.summary(session_id), change)

    def tag_many(
        self, chosen: Chosen, change: TagChange, progress: Progress | None, *, dry_run: bool
    ) -> BulkReport:
        """Add and remove tags of conversations that are named by their ids, or that filters choose."""
        found, failed = self.chosen(chosen)
        report = self.tags.change_many(found, change, progress, dry_run=dry_run)
        undo = () if dry_run else changes.earlier_tags(found, report.done, change)
        return replace(BulkReport.of(report.done, {**failed, **report.errors}), undo=undo)

    def chosen(self, chosen: Chosen) -> tuple[list[Summary], dict[str, SessionsError]]:
        """Return conversations by their ids or by filters, and why others cannot be found, by id."""
        if isinstance(chosen, Filters):
            with self.freshness.current() as index:
                return lists.read_summaries(index.connection, self.list_request(chosen, None, None)), {}
        ids = check_ids(chosen)
        possible = [each for each in ids if clean_text(each) == each]  # which a database can compare
        with self.freshness.current() as index:
            known = listed_summaries(index.connection, self.view(Filters()), possible)
            in_trash = trash_rows.trashed(index.connection)
        found, failed = dict[str, Summary](), dict[str, SessionsError]()
        for each in ids:
            try:
                is_listed = each in known and not (known[each].of_agent and each in in_trash)
                found[each] = known[each] if is_listed else self.summary(each)
            except (NotFound, InvalidId, ReadOnly, Unreadable, AgentUnavailable) as error:
                failed[each] = error
        return list(found.values()), failed

    def replace_tag(self, old: str, new: str | None) -> BulkReport:
        """Give a tag another name everywhere, or none; those in titles stay and are reported."""
        before = self._with_tag(old)
        self.tags.replace(tag_key(old), new)
        with changes.after_the_file("the change of the tags was saved"):
            after = self._with_tag(old) if new is None or tag_key(new) != tag_key(old) else {}
        reason = f"#{old} stands in the title; rename the conversation"
        done = (each for each in before if each not in after)
        return BulkReport.of(done, dict.fromkeys(after, InvalidValue(reason)))

    def _with_tag(self, name: str) -> dict[str, None]:
        with self.freshness.current() as index:
            tagged = tag_counts.with_tag(index.connection, tag_key(name))
        return dict.fromkeys(each.session_id for each in tagged)

    def tag_counts(self) -> dict[str, int]:
        """Return each tag and how many conversations have it, the most frequent first."""
        with self.freshness.current() as index:
            return dict(tag_counts.counts(index.connection))

    # ---- what changes need ------------------------------------------------------------------------------

    @contextmanager
    def web_ui_only(self, session_id: str) -> Iterator[Store]:
        """Give out the store for a change; raise `ReadOnly` for a session that only an agent has."""
        try:
            yield self.store
        except NotFound:
            changes.refuse_agent_session(self.agents, session_id)
            raise

    def web_ui_summary(self, session_id: str) -> Summary:
        """Return a session of the web UI; raise `ReadOnly` for one that only an agent has."""
        with self.web_ui_only(session_id) as store:
            return store.summary(session_id)

    def update(self, store: Store, session_id: str, change: MetadataChange, *, touch: bool) -> Summary:
        """Change the metadata of a session; raise `ReadOnly` for one that only an agent has."""
        with self.web_ui_only(session_id):
            return changes.update_session(store, session_id, change, touch=touch)

    def would_update(self, store: Store, session_id: str, change: MetadataChange, *, touch: bool) -> bool:
        """Return whether `update` would write a session; raises as that."""
        with self.web_ui_only(session_id):
            return changes.would_update(store, session_id, change, touch=touch)

    def update_if_needed(self, store: Store, session_id: str, change: MetadataChange, *, touch: bool) -> bool:
        """Change the metadata of a session, and return whether that changed anything; raises as `update`."""
        is_needed = self.would_update(store, session_id, change, touch=touch)
        if is_needed:
            self.update(store, session_id, change, touch=touch)
        return is_needed

    def delete_here(
        self, store: Store, session_id: str, only_if: Callable[[Summary], bool] | None = None
    ) -> bool:
        """Move a session to the trash, or a copy of what only an agent has; return whether it was that."""
        return changes.delete_here(store, self.agents, session_id, only_if)

    def delete_everywhere(self, session_id: str) -> bool:
        """Delete a session here and from its agent; return whether an agent had it."""
        share = changes.agent_share(self.store, self.agents, session_id)
        changes.delete_everywhere(self.store, self.agents, session_id)
        return share.segments > 0

    def would_delete(self, session_id: str, *, everywhere: bool) -> bool:
        """Return whether only an agent has a session, or its copy would be deleted; raise `NotFound`."""
        if self.summary(session_id).of_agent:
            return True
        return everywhere and changes.agent_share(self.store, self.agents, session_id).segments > 0

    def checked_change(
        self, metadata: Mapping[str, Any], extra: object = None, remove: object = (), **options: bool
    ) -> MetadataChange:
        """Return the change that a caller asks for: of fields, and of the other keys `extra` and `remove`.

        Raises as `checked_metadata`, and `InvalidValue` for a key that is a field or that the library owns.
        `options` are those of `checked_metadata`.
        """
        others = check_others(extra, remove)
        values = self.checked_metadata(metadata, **options)
        return others._replace(values={**values, **others.values})

    def checked_metadata(self, metadata: Mapping[str, Any], *, any_project: bool = False) -> dict[str, Any]:
        """Return metadata that a caller sets as it is stored.

        Raises `InvalidValue` for a field and for what is no field, `NotFound` for a project that does not
        exist, unless it is `any_project`.
        """
        check_fields(metadata)
        checked = changes.checked_metadata(with_clean_title(metadata))
        if not any_project:
            self.projects.check(checked.get("project_id"))
        return checked
