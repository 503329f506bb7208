"""The agents of a home's profiles: which there are, their mirrors kept up to date, single sessions read.

Writes nothing but the mirror; what is imported or deleted is `writing`'s and `agent_state`'s.
"""

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, Engine

from ..config import Config, agent_profiles, last_workspace
from ..errors import AgentUnavailable, NotFound
from ..index import database, lists
from ..model import Session, Summary
from ..results import MessagePage
from ..sidecars import trash
from . import mirror, mirror_rows
from .mirror import Home
from .state import Agent, Seen


class Agents:
    """The agents of every profile of one home."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self._config, self._engine = config, engine
        self._refreshing = threading.Lock()
        self._known: dict[str, Agent] = {}
        self.active = self.of(config.profile)

    def of(self, profile: str) -> Agent:
        """Return the agent of a profile, whether it has a `state.db` or not."""
        agent = self._known.get(profile)
        if agent is None:
            agent = self._known.setdefault(profile, Agent(self._config.state_db(profile), profile))
        return agent

    def all(self) -> list[Agent]:
        """Return the agent of every profile that may have one."""
        return [self.of(profile) for profile in agent_profiles(self._config)]

    def close(self) -> None:
        """Dispose of every engine."""
        for agent in list(self._known.values()):
            agent.close()

    # ---- the mirror -------------------------------------------------------------------------------------

    def seen(self) -> dict[str, Seen]:
        """Return what `stat` says of the files of each agent."""
        return {agent.profile: agent.seen() for agent in self.all()}

    def refresh(self, *, whole: bool = False) -> None:
        """Bring the mirror of every agent up to date; `whole` reads every session anew."""
        with self._refreshing:  # of many threads that notice, one reads
            agents = self.all()
            for agent in agents:
                mirror.refresh(self._engine, agent, whole=whole)
            self._forget_all_but({agent.profile for agent in agents})

    def rebuild(self) -> None:
        """Forget the mirror of every agent and read all of them anew."""
        self._forget_all_but(set())
        self.refresh()

    @contextmanager
    def mirrored(self) -> Iterator[Connection]:
        """Give out a connection that sees the mirrors up to date."""
        self.refresh()
        with database.reading(self._engine) as connection:
            yield connection

    def _forget_all_but(self, profiles: Collection[str]) -> None:
        with database.reading(self._engine) as connection:
            gone = mirror.homes(connection).keys() - set(profiles)
        for profile in gone:
            mirror.forget(self._engine, profile)

    def holder(self, connection: Connection, session_id: str) -> Agent:
        """Return the agent that has a session as far as the mirror knows, else the active one."""
        found = lists.conversation(connection, session_id) or mirror_rows.segment(connection, session_id)
        return self.active if found is None else self.of(found.profile)

    # ---- one session ------------------------------------------------------------------------------------

    def summary(self, connection: Connection, session_id: str) -> Summary:
        """Return a session of an agent, unless it was deleted here; errors as of `found`."""
        if trash.newest(session_id, self._config.trash_dir) is not None:
            raise NotFound(f"no session {session_id}")
        return self.found(connection, session_id)

    def found(self, connection: Connection, session_id: str) -> Summary:
        """Return a session of an agent; raise `NotFound`, or `AgentUnavailable` if it cannot be known."""
        found = lists.conversation(connection, session_id) or mirror_rows.segment(connection, session_id)
        homes = mirror.homes(connection)
        asked = [home for home in homes.values() if found is None or home.profile == found.profile]
        failed = next((home for home in asked if home.failed), None)
        if failed is not None:
            raise AgentUnavailable(str(failed.warning))
        if found is None or not found.message_count:
            raise NotFound(f"no session {session_id}")
        return found if found.workspace else replace(found, workspace=last_workspace(self._config))

    def session(self, connection: Connection, summary: Summary) -> Session:
        """Return a session with its messages; raise `NotFound`, `AgentUnavailable`."""
        page = self.page(connection, summary, None, None)
        return Session(**summary.metadata(), extra=summary.extra, messages=page.messages)

    def page(
        self, connection: Connection, summary: Summary, before: int | None, limit: int | None
    ) -> MessagePage:
        """Return the `limit` messages of a session before index `before`; None is all, and the end."""
        between = mirror_rows.between(connection, summary.profile, summary.session_id)
        with self.of(summary.profile).reading() as snapshot:
            found = snapshot.message_ids(summary.session_id, between)
            end = len(found) if before is None else min(before, len(found))
            start = 0 if limit is None else max(0, end - limit)
            return MessagePage(snapshot.messages(found[start:end]), start, len(found))


def are_current(homes: Mapping[str, Home], seen: Mapping[str, Seen]) -> bool:
    """Whether the mirror has what the files of all agents hold, as far as `stat` tells."""
    now = time.time_ns()
    return homes.keys() == seen.keys() and all(
        mirror.is_current(homes[profile], files, now) for profile, files in seen.items()
    )


def warnings(homes: Mapping[str, Home]) -> tuple[str, ...]:
    """Return in words what a list of the agents' conversations cannot show."""
    return tuple(home.warning for _, home in sorted(homes.items()) if home.warning)
