"""The floors of what concerns the agent: bare SQL on its `state.db`, opened for each, and on our tables."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from hermes_sessions.agent import MESSAGE_COLUMNS, SESSION_COLUMNS

from .agent_homes import columns
from .floors import Floors, Rows

# What a list of both depends on.
_LOOKED_AT = ("state.db", "state.db-wal", "cron/jobs.json", "profiles", "webui/sessions", "webui/trash")
_SAID = "session_id, count(*), max(timestamp), min(id), max(id)"
_OF_THE_AGENT = """
    FROM agent_conversations AS c WHERE hidden = 0
    AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.session_id = c.session_id)
    AND NOT EXISTS (SELECT 1 FROM trashed_sessions AS t WHERE t.session_id = c.session_id)
"""


class AgentFloors(Floors):
    """What the floors of the agent work on besides: its file, by a connection for each call."""

    def __init__(self, home: Path, scratch: Path) -> None:
        super().__init__(home / "webui", scratch)
        self._home = home
        self._uri = f"file:{quote(str(home / 'state.db'))}?mode=ro"
        self._joint = self._joint_query()
        with self._agent() as agent:
            present = {table: set(columns(agent, table)) for table in ("sessions", "messages")}
        named = _kept(("id", "title", "parent_session_id"), present["sessions"])
        # Without the condition the index of titles, which has none of what is untitled, is of no use.
        every = "SELECT group_concat({0} || rowid) FROM sessions WHERE {0} IS NOT NULL"
        self._outline = ", ".join(f"({every.format(name)})" for name in named)
        self._session_columns = ", ".join(_kept(SESSION_COLUMNS, present["sessions"]))
        self._message_columns = ", ".join(_kept(["id", *MESSAGE_COLUMNS], present["messages"]))
        self._active = "AND active IS NOT 0" if "active" in present["messages"] else ""

    @contextmanager
    def _agent(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._uri, uri=True, isolation_level=None)) as agent:
            yield agent

    def _joint_query(self) -> str:
        ours, theirs = columns(self._index, "sessions"), set(columns(self._index, "agent_conversations"))
        there = ", ".join(f"c.{name}" if name in theirs else f"NULL AS {name}" for name in ours)
        here = ", ".join(f"sessions.{name}" for name in ours)
        return (
            f"SELECT {here}, a.lineage FROM sessions LEFT JOIN agent_sessions AS a "
            "ON a.session_id = sessions.session_id AND a.profile = 'default' WHERE sessions.hidden = 0 "
            f"UNION ALL SELECT {there}, c.lineage {_OF_THE_AGENT} ORDER BY unpinned, age, session_id LIMIT ?"
        )

    # ---- our tables ----------------------------------------------------------------------------------------

    def joint_rows(self, limit: int = 50) -> Rows:
        """Select the first rows of both in the order of the list; -1 is all."""
        return self._index.execute(self._joint, (limit,)).fetchall()

    def stats(self) -> None:
        """Look at every file and folder that the list depends on."""
        for name in _LOOKED_AT:
            with suppress(FileNotFoundError):
                os.stat(f"{self._home}/{name}")  # noqa: PTH116  # the bare call

    def stats_and_rows(self) -> Rows:
        """Look at the files and select the first 50 rows."""
        self.stats()
        return self.joint_rows()

    def stats_and_all_rows(self) -> Rows:
        """Look at the files and select every row."""
        self.stats()
        return self.joint_rows(-1)

    def joint_count(self) -> int:
        """Look at the files and count the rows that the list shows."""
        self.stats()
        own = "(SELECT count(*) FROM sessions WHERE hidden = 0)"
        found = self._index.execute(f"SELECT {own} + (SELECT count(*) {_OF_THE_AGENT})").fetchone()
        return int(found[0])

    # ---- the agent's tables --------------------------------------------------------------------------------

    def everything(self) -> tuple[Rows, Rows]:
        """Select what is mirrored of every session, and group all messages."""
        with self._agent() as agent:
            said = f"SELECT {_SAID} FROM messages WHERE true {self._active} GROUP BY session_id"
            sessions = agent.execute(f"SELECT {self._session_columns} FROM sessions").fetchall()
            return sessions, agent.execute(said).fetchall()

    def stats_and_everything(self) -> None:
        """Look at every file, and do the same."""
        self.stat_all()
        self.everything()

    def news(self, since: Callable[[], int], session_id: Callable[[], str]) -> Callable[[], Rows]:
        """Prepare to select what came after a message, and one session."""
        # By an expression, or SQLite goes through a whole index to group a few rows.
        said = f"SELECT {_SAID} FROM messages WHERE id > ? {self._active} GROUP BY session_id || ''"
        row = f"SELECT {self._session_columns} FROM sessions WHERE id = ?"

        def run() -> Rows:
            with self._agent() as agent:
                found = agent.execute(said, (since(),)).fetchall()
                return [*found, *agent.execute(row, (session_id(),)).fetchall()]

        return run

    def renewal(self, since: Callable[[], int], session_id: Callable[[], str]) -> Callable[[], Rows]:
        """Prepare to do all that a list has to for a change that it does not know of.

        Besides `news`: go through the ids, titles and parents, commit one row, count, select 50 rows.
        """
        news = self.news(since, session_id)

        def run() -> Rows:
            news()
            with self._agent() as agent:
                agent.execute(f"SELECT {self._outline}").fetchone()
            self._own.execute("REPLACE INTO rows VALUES ('of the agent', random())")
            self.joint_count()
            return self.joint_rows()

        return run

    def latest_sessions(self) -> Rows:
        """Select 200 sessions by their latest message, as the web UI does."""
        query = (
            f"SELECT {_prefixed('s', self._session_columns)}, count(m.id), max(m.timestamp) AS active_at "
            "FROM sessions AS s LEFT JOIN messages AS m ON m.session_id = s.id "
            "WHERE s.source NOT IN ('webui', 'cron') GROUP BY s.id "
            "ORDER BY coalesce(active_at, s.started_at) DESC LIMIT 200"
        )
        with self._agent() as agent:
            return agent.execute(query).fetchall()

    def messages(self, session_id: str) -> Callable[[], Rows]:
        """Prepare to select all messages of a session."""
        query = (
            f"SELECT {self._message_columns} FROM messages WHERE session_id = ? {self._active} ORDER BY id"
        )
        return lambda: self._rows(query, session_id)

    def last_messages(self, session_id: str, count: int) -> Callable[[], Rows]:
        """Prepare to select the last messages of a session."""
        ids = f"SELECT id FROM messages WHERE session_id = ? {self._active} ORDER BY id DESC LIMIT {count}"
        query = f"SELECT {self._message_columns} FROM messages WHERE id IN ({ids}) ORDER BY id"
        return lambda: self._rows(query, session_id)

    def _rows(self, query: str, session_id: str) -> Rows:
        with self._agent() as agent:
            return agent.execute(query, (session_id,)).fetchall()


def _kept(names: Sequence[str], present: set[str]) -> list[str]:
    return [name for name in names if name in present]


def _prefixed(table: str, names: str) -> str:
    return ", ".join(f"{table}.{name}" for name in names.split(", "))
