"""The agents of all profiles of a home: their mirrors kept up to date, and single sessions read from them.

Writes nothing but the mirrors.
"""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from ..config import Config
from ..errors import AgentUnavailable, NotFound
from ..index import Lifetime, MirrorStatus, database, find_conversation, trash_rows
from ..message_range import MessageRange
from ..model import Session, Summary
from ..origins import COPIED, SEGMENTS, STARTED_BY, Copied
from ..results import MessagePage
from ..settings import agent_profiles, last_workspace
from ..sidecars import trash
from . import mirror, mirror_rows, transcripts
from .lineage import Segment
from .mirror import mirror_warnings, mirrors_are_current
from .mirror_rows import find_agent_session, mirror_states
from .originals import Originals, read_originals
from .state import Agent, FileVersions, database_inode


class WholeConversation(NamedTuple):
    """A conversation of an agent with the messages of all its segments, and the agent's own rows of it."""

    session: Session
    originals: Originals


class Agents:
    """The agents of every profile of one home."""

    def __init__(self, config: Config, engine: Engine, lifetime: Lifetime) -> None:
        self._config, self._engine, self._lifetime = config, engine, lifetime
        self._refreshing = threading.Lock()
        self._known: dict[str, Agent] = {}
        self.active = self.of_profile(config.profile)

    def of_profile(self, profile: str) -> Agent:
        """Return the agent of a profile, which need not have a `state.db`."""
        agent = self._known.get(profile)
        if agent is None:
            path, nothing = self._config.state_db(profile), self._config.is_indexed_elsewhere
            agent = Agent(path, profile, self._lifetime, leaves_nothing=nothing)
            agent = self._known.setdefault(profile, agent)
        return agent

    def all(self) -> list[Agent]:
        """Return the agent of every profile that may have one."""
        return [self.of_profile(profile) for profile in agent_profiles(self._config)]

    def close(self) -> None:
        """Dispose of every engine."""
        for agent in list(self._known.values()):
            agent.close()

    # ---- the mirrors ------------------------------------------------------------------------------------

    def file_versions(self) -> dict[str, FileVersions]:
        """Return the versions of each agent's files, by profile."""
        return {agent.profile: agent.file_versions() for agent in self.all()}

    def status(self, connection: Connection, versions: Mapping[str, FileVersions]) -> MirrorStatus:
        """Compare the mirrors with the versions of the agents' files."""
        states = mirror_states(connection)
        return MirrorStatus(mirrors_are_current(states, versions), mirror_warnings(states))

    def refresh(self, *, full: bool = False) -> None:
        """Bring the mirror of every agent up to date; `full` reads every session."""
        with self._refreshing:  # of several threads that see a change, one reads it
            agents = self.all()
            has_any = any(database_inode(agent.file_versions().encoded) is not None for agent in agents)
            for agent in agents:
                mirror.refresh(self._engine, agent, full=full, is_expected=has_any)
            self._forget_all_but({agent.profile for agent in agents})

    def rebuild(self) -> None:
        """Delete the mirror of every agent and build it again."""
        self._forget_all_but(set())
        self.refresh()

    def wrongly_mirrored(self) -> list[Agent]:
        """Return the agents whose mirrors seem current and differ from what their files hold."""
        return [agent for agent in self.all() if mirror.is_wrong(self._engine, agent)]

    @contextmanager
    def reading_mirrors(self) -> Iterator[Connection]:
        """Give out a connection to the index, with the mirrors up to date."""
        self.refresh()
        with database.reading(self._engine) as connection:
            yield connection

    def _forget_all_but(self, profiles: Collection[str]) -> None:
        with database.reading(self._engine) as connection:
            gone = mirror_states(connection).keys() - set(profiles)
        for profile in gone:
            mirror.forget(self._engine, profile)

    # ---- one session ------------------------------------------------------------------------------------

    def owner(self, connection: Connection, session_id: str) -> Agent:
        """Return the agent whose mirror has a session, the active agent if no mirror has it."""
        summary = _find(connection, session_id)
        return self.active if summary is None else self.of_profile(summary.profile)

    def segment_ids(self, session_id: str) -> list[str]:
        """Return the segments of a session's conversation that have messages, oldest first.

        The list is empty if there are fewer than two.
        """
        with self.reading_mirrors() as connection:
            profile = self.owner(connection, session_id).profile
            return mirror_rows.segment_ids(connection, profile, session_id)

    def chain(self, session_id: str) -> Sequence[Segment]:
        """Return all segments of a session's conversation, oldest first; none if no agent has it."""
        with self.reading_mirrors() as connection:
            profile = self.owner(connection, session_id).profile
            return mirror_rows.chain_of(connection, profile, session_id)

    def next_segments(self, session_ids: Collection[str]) -> dict[str, str]:
        """Return which segments continue those sessions that an agent has; see `mirror_rows`."""
        with database.reading(self._engine) as connection:
            return mirror_rows.next_segments(connection, session_ids)

    def summary(self, connection: Connection, session_id: str, profile: str | None = None) -> Summary:
        """Return a session of an agent, unless it is in the trash; raises as `summary_of_original`."""
        if self._is_in_trash(connection, session_id):
            raise trash.deleted(session_id)
        return self.summary_of_original(connection, session_id, profile)

    def _is_in_trash(self, connection: Connection, session_id: str) -> bool:
        """Whether a session is in the trash; if that cannot be read, as the index last read it."""
        trash_dir = self._config.trash_dir
        if trash.problem(trash_dir) is None:
            return trash.newest(session_id, trash_dir) is not None
        return session_id in trash_rows.trashed(connection)

    def summary_of_original(
        self, connection: Connection, session_id: str, profile: str | None = None
    ) -> Summary:
        """Return a session of the agent of a profile (None: of any), even if a copy of it is in the trash.

        Raises `NotFound`, or `AgentUnavailable` if an agent that may have the session cannot be read.
        """
        summary = self._summary(connection, session_id, profile)
        if not summary.message_count:
            raise NotFound(f"no session {session_id}")
        return summary

    def _summary(self, connection: Connection, session_id: str, profile: str | None) -> Summary:
        summary = _find(connection, session_id, profile)
        searched = profile if summary is None else summary.profile
        for state in mirror_states(connection).values():
            if state.failed and searched in (None, state.profile):
                raise AgentUnavailable(str(state.warning))
        if summary is None:
            raise NotFound(f"no session {session_id}")
        return summary if summary.workspace else replace(summary, workspace=last_workspace(self._config))

    def session(self, connection: Connection, summary: Summary) -> Session:
        """Return a session with its messages; raise `AgentUnavailable`."""
        page = self.page(connection, summary, MessageRange())
        return Session(**summary.metadata(), extra=summary.extra, messages=page.messages)

    def whole(self, connection: Connection, session_id: str, profile: str | None = None) -> WholeConversation:
        """Return the whole conversation to which an agent's session belongs, which may be without messages.

        It has the id of its latest segment. Without a `profile`, that of the agent where it was active last.
        Raises `NotFound`, `AgentUnavailable`.
        """
        summary = self._summary(connection, session_id, profile)
        with self.of_profile(summary.profile).reading() as snapshot:
            latest, ids = snapshot.whole_conversation(session_id)
            transcript = transcripts.joined(
                {each: snapshot.messages(snapshot.message_ids(each)) for each in ids}
            )
            originals = read_originals(snapshot, ids)
        if latest != session_id:
            summary = self._summary(connection, latest, summary.profile)
        session = Session(**summary.metadata(), messages=transcript.messages)
        origin = {SEGMENTS: transcript.counts, COPIED: Copied.of(session)._asdict()}
        if started_by := summary.lineage.get("_parent_lineage_root_id"):
            origin[STARTED_BY] = started_by
        return WholeConversation(replace(session, extra={**summary.extra, **origin}), originals)

    def page(self, connection: Connection, summary: Summary, wanted: MessageRange) -> MessagePage:
        """Return some messages of a session; raise `AgentUnavailable`."""
        message_range = mirror_rows.message_range(connection, summary.profile, summary.session_id)
        with self.of_profile(summary.profile).reading() as snapshot:
            ids = snapshot.message_ids(summary.session_id, message_range)
            start, end = wanted.bounds(len(ids))
            return MessagePage(snapshot.messages(ids[start:end]), start, len(ids))


def _find(connection: Connection, session_id: str, profile: str | None = None) -> Summary | None:
    conversation = find_conversation(connection, session_id, profile)
    return conversation or find_agent_session(connection, session_id, profile)
