"""The web UI's views of a home, as one object that a repository gives out."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar, Unpack

from .. import changes
from ..access import HomeAccess
from ..errors import NotFound, ReadOnly
from ..fields import check_bindable, check_whole
from ..home import OpenHome
from ..index import Entries, public_calls, sessions_with_parents, survived
from ..message_range import MessageRange
from ..messages import calls_of_page, visible_page
from ..metadata import MetadataChange, MetadataFields
from ..model import Metadata, Session, Summary
from ..pruning import check_ids
from ..results import BulkReport, Composed, Filters, MessagePage, Page, Reversal
from ..sidecars import reading, trash
from ..webui_values import LineageReport, Sidebar, SidebarRequest
from . import fingerprints
from .continuations import is_snapshot, newest_continuation
from .lineage_report import lineage_report
from .originals import longer_original, original_page
from .reading import SidebarReader
from .sidebar import make_sidebar

T = TypeVar("T")

READS = (
    "sidebar entries fingerprint search_fingerprint summary session messages visible_messages".split()
    + "lineage_report continuation composed".split()
)
HARMLESS = [*READS, "update_many"]  # the last on a dry run


class _Updated(NamedTuple):
    """A session after a change, and whether it was imported for that."""

    summary: Summary
    is_imported: bool = False


def _imported(outcomes: changes.Outcomes) -> tuple[str, ...]:
    """Return the ids of the sessions that were imported in order to be changed."""
    updated = (each for each in outcomes.results.values() if isinstance(each, _Updated))
    return tuple(each.summary.session_id for each in updated if each.is_imported)


@public_calls(HARMLESS)
@survived(READS)
class WebUI:
    """What the web UI's own server would answer about this home. Thread-safe."""

    def __init__(self, access: HomeAccess) -> None:
        self._access, self._lifetime = access, access.lifetime
        self._reader = SidebarReader(access)

    @property
    def _home(self) -> OpenHome:
        return self._access.home

    def sidebar(self, request: SidebarRequest) -> Sidebar:
        """Return the list of the web UI of August, with its rules; raise `StorageError`.

        Of several continuations of a conversation the one that was active last is listed. A conversation of
        the command line without a title of its own that ended after one message of a person is not.
        """
        with self._home.freshness.current() as index:
            rows = self._reader.rows(index, request)
            warnings = index.warnings(agents=request.show_agents)
        return replace(make_sidebar(rows, request), warnings=warnings)

    def entries(
        self,
        make: Callable[[Entries], T],
        *,
        agents_of: str | None,
        unless: Callable[[str], bool] | None = None,
    ) -> Page[T]:
        """Return the list of the web UI of May: its sessions, and the conversations of one profile's agent.

        `agents_of` is that profile, None for no agent's conversations; the rest is that of
        `SessionRepository.entries`.
        """
        request = self._home.list_request(Filters(agent=agents_of is not None), None, None)
        request = request._replace(view=request.view._replace(agents_of=agents_of))
        with self._home.freshness.current() as index:
            return self._home.lists.entries(index, request, unless, make, ())

    def fingerprint(self, session_id: str | None = None) -> object:
        """Return what is equal to an earlier one only if nobody changed a list since, or this session.

        Reads no content. None if that cannot be told, for example of a file that was changed a moment ago.
        Raises `InvalidId`, `StorageError`.
        """
        if session_id is None:
            return fingerprints.of_lists(self._home)
        return fingerprints.of_session(self._home, session_id)

    def search_fingerprint(self) -> object:
        """Return what is equal to an earlier one only if the answer to a complete search still holds.

        Brings the index up to date first. None if that cannot be told. Raises `StorageError`.
        """
        return fingerprints.of_searches(self._home)

    # ---- one session ------------------------------------------------------------------------------------
    # An imported messaging conversation has the messages of the agent's original if that has more.

    def summary(self, session_id: str) -> Summary:
        """Return a session without its messages; raises as `SessionRepository.summary`."""
        own = self._home.summary(session_id)
        original = longer_original(self._home, own, own.message_count)
        if original is None:
            return own
        latest = max(own.last_message_at, original.last_message_at)
        return replace(own, message_count=original.message_count, last_message_at=latest)

    def session(self, session_id: str) -> Session:
        """Return a session with its messages, to be shown, not saved; raises as `SessionRepository.get`."""
        own = self._home.session(session_id)
        original = longer_original(self._home, own, own.message_count)
        if original is None:
            return own
        page = original_page(self._home, original, MessageRange())
        return replace(own, messages=page.messages, tool_calls=[], signature=None)

    def messages(
        self, session_id: str, *, before: int | None = None, limit: int | None = None
    ) -> MessagePage:
        """Return the last `limit` messages before an index; None is no limit, and the end.

        Raises as `SessionRepository.messages`.
        """
        return self._page_reader(session_id)(MessageRange(before, limit).checked())

    def visible_messages(self, session_id: str, *, before: int | None = None, limit: int) -> MessagePage:
        """Return the last messages before an index (None: the end) of which `limit` are visible.

        The results of tools are not visible by themselves. `tool_calls` has only those of the page, and their
        `assistant_msg_idx` counts from its first message. Raises as `messages`.
        """
        if before is not None:
            check_whole("before", before)
        check_whole("limit", limit, 1)
        read = self._page_reader(session_id)
        page = visible_page(lambda end, most: read(MessageRange(end, most)), before, limit)
        return replace(page, tool_calls=calls_of_page(page))

    def _page_reader(self, session_id: str) -> Callable[[MessageRange], MessagePage]:
        own = self._home.summary(session_id)
        original = longer_original(self._home, own, own.message_count)
        if original is None:
            return partial(self._home.messages, session_id)
        return partial(original_page, self._home, original)

    def lineage_report(self, session_id: str) -> LineageReport:
        """Return which of the agent's sessions a session continues, and which were begun from them.

        Raises `NotFound` if no agent has the session, `AgentUnavailable`, `InvalidValue`.
        """
        check_bindable("session_id", session_id)
        agents = self._home.agents
        with agents.reading_mirrors() as connection:
            agent = agents.owner(connection, session_id)
        with agent.reading() as snapshot:
            family = snapshot.family([session_id])
        if session_id not in family:
            raise NotFound(f"no session {session_id} in {agent.label}")
        return lineage_report(session_id, family)

    def continuation(self, session: Metadata) -> str | None:
        """Return the id of the latest session that continues one which the web UI set aside, if it did.

        Raises `StorageError`.
        """
        if not is_snapshot(session):
            return None
        with self._home.freshness.current() as index:
            return newest_continuation(session, sessions_with_parents(index.connection))

    # ---- changing ---------------------------------------------------------------------------------------

    def update(self, session_id: str, *, touch: bool = True, **metadata: Unpack[MetadataFields]) -> Summary:
        """Set fields as `SessionRepository.update` does, of an agent's conversation after importing it."""
        return self._updated(session_id, self._home.checked_change(metadata), touch=touch).summary

    def update_many(
        self,
        session_ids: Iterable[str],
        *,
        dry_run: bool = False,
        touch: bool = True,
        any_project: bool = False,
        **metadata: Unpack[MetadataFields],
    ) -> BulkReport:
        """Set fields of many sessions as `SessionRepository.update_many` does, importing agents' first."""
        change = self._home.checked_change(metadata, any_project=any_project)
        ids, home = check_ids(session_ids), self._home
        before: Sequence[Summary] = ()
        if dry_run:
            outcomes = changes.each_alone(ids, partial(self._would_update, change=change, touch=touch))
        else:
            self._lifetime.check_change(frees_room=False)
            before, _ = home.chosen(ids)
            outcomes = changes.each_together(
                home.store, ids, partial(home.update_if_needed, change=change, touch=touch)
            )
            for session_id in outcomes.failed_with(ReadOnly):
                outcomes.again(session_id, partial(self._updated, session_id, change, touch=touch))
        undo = changes.earlier_values(before, outcomes.changed, metadata, home.projects)
        imported = _imported(outcomes)
        undo += (Reversal(imported, unimport=True),) if imported else ()
        return replace(BulkReport.of(outcomes.changed, outcomes.failed), undo=undo)

    def unimport_many(self, session_ids: Iterable[str]) -> BulkReport:
        """Delete the files of imported agents' conversations in which nothing was changed since.

        Those in which something was changed, or of which the agent no longer has everything, are left alone.
        This takes back what `update_many` imports.
        """
        home = self._home
        unimport = partial(changes.take_import_away, home.store, home.agents, home.projects)
        outcomes = changes.each_alone(check_ids(session_ids), unimport)
        return BulkReport.of(outcomes.changed, outcomes.failed)

    def _updated(self, session_id: str, change: MetadataChange, *, touch: bool) -> _Updated:
        home = self._home
        try:
            return _Updated(home.update(home.store, session_id, change, touch=touch))
        except ReadOnly:
            if not home.summary(session_id).of_agent:
                raise
        imported, is_new = self._import(session_id)
        summary = changes.update_session(home.store, imported.session_id, change, touch=touch)
        return _Updated(summary, is_new)

    def _would_update(self, session_id: str, change: MetadataChange, *, touch: bool) -> bool:
        home = self._home
        of_agent = home.summary(session_id).of_agent
        return of_agent or home.would_update(home.store, session_id, change, touch=touch)

    def import_agent_session(self, session_id: str, profile: str) -> tuple[Session, bool]:
        """Import a conversation of the agent of this profile; return it, and whether it is new here.

        One in the trash is restored. One that the agent no longer has is returned unchanged.
        Raises as `SessionRepository.import_agent_session`, and `NotFound` for another profile's.
        """
        try:
            summary, is_new = self._known(session_id, profile), False
        except NotFound:
            summary, is_new = self._trashed(session_id), True
        if summary.profile != profile:
            raise NotFound(f"no session {session_id} in the profile {profile}")
        if is_new:
            summary = changes.restore_session(self._home.store, session_id)
        try:
            imported, is_imported = self._import(session_id, profile)
        except NotFound:
            return self._home.store.session(summary.session_id), is_new
        return imported, is_new or is_imported

    def composed(self, session_id: str) -> Composed:
        """Return what the web UI's composer holds for a session; raise `NotFound` for one of the agent."""
        return changes.read_composed(self._home.store, session_id)

    def compose(
        self, session_id: str, *, text: str | None = None, files: Sequence[Any] | None = None
    ) -> tuple[Composed, bool]:
        """Store what the web UI's composer holds for a session; return it, and whether it changed.

        What is None stays; text is cut to 50,000 characters, files to 50. No time of the session changes.
        Raises `NotFound` for a session of the agent, `InvalidValue`, `StorageError`.
        """
        return changes.save_composed(self._home.store, session_id, text, files)

    def _trashed(self, session_id: str) -> Summary:
        entry = trash.newest(session_id, self._home.config.trash_dir)
        if entry is None:
            raise NotFound(f"no session {session_id}")
        return reading.read_summary(entry.path, entry.session_id)[0]

    def _known(self, session_id: str, profile: str) -> Summary:
        """Return a session; of agents' conversations with the same id, that of this profile if it has one."""
        known, agents = self._home.summary(session_id), self._home.agents
        if not known.of_agent or known.profile == profile:
            return known
        with suppress(NotFound), agents.reading_mirrors() as connection:
            return agents.summary(connection, session_id, profile)
        return known

    def _import(self, session_id: str, profile: str | None = None) -> tuple[Session, bool]:
        home = self._home
        return changes.import_agent_session(home.store, home.agents, home.projects, session_id, profile)
