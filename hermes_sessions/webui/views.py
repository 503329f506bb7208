"""The web UI's views of a home, as one object that a repository gives out."""

from dataclasses import replace
from functools import partial

from ..errors import NotFound
from ..fields import check_bindable, check_whole
from ..home import OpenHome
from ..index import damage, database, public_calls, sessions_with_parents
from ..messages import calls_of_page, visible_page
from ..model import Metadata
from ..results import MessagePage
from ..webui_values import LineageReport, Sidebar, SidebarRequest
from .continuations import is_snapshot, newest_continuation
from .lineage_report import lineage_report
from .reading import SidebarReader
from .sidebar import make_sidebar


@public_calls
@damage.survived(["messages", "continuation", "lineage_report", "sidebar"])
class WebUI:
    """What the web UI's own server would answer about this home. Thread-safe."""

    def __init__(self, home: OpenHome) -> None:
        self._home, self._lifetime = home, home.lifetime
        self._reader = SidebarReader(home)

    def sidebar(self, request: SidebarRequest) -> Sidebar:
        """Return the list of the web UI of August, with its rules; raise `StorageError`.

        A conversation of the command line without a title of its own that ended after one message of a person
        is not listed.
        """
        with self._home.freshness.current() as index:
            rows = self._reader.rows(index, request)
            warnings = index.warnings(agents=request.show_agents)
        return replace(make_sidebar(rows, request), warnings=warnings)

    def messages(self, session_id: str, *, before: int | None = None, limit: int) -> MessagePage:
        """Return the last messages before an index (None: the end) of which `limit` are visible.

        The results of tools are not visible by themselves. `tool_calls` has only those of the page, and their
        `assistant_msg_idx` counts from its first message. Raises as `SessionRepository.messages`.
        """
        if before is not None:
            check_whole("before", before)
        check_whole("limit", limit, 1)
        page = visible_page(partial(self._home.messages, session_id), before, limit)
        return replace(page, tool_calls=calls_of_page(page))

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
        with database.reading(self._home.engine) as connection:
            return newest_continuation(session, sessions_with_parents(connection))
