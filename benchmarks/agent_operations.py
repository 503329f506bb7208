"""The operations that need the agent's `state.db`, each with its floors."""

import itertools
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from hermes_sessions import SessionRepository

from . import web
from .agent_floors import AgentFloors
from .agent_homes import THOUSAND, insert, is_indexed, message
from .timing import Case, Figure, Floor, Size, measure

STATS_AND_50 = "stats, SQL, 50 rows"
DESCRIPTORS = "descriptors"


def run(home: Path, work: Path) -> Iterator[list[Figure]]:
    """Measure what concerns the agent of a home of our own; `work` is a folder for what the floors write."""
    state_dir = home / "webui"
    # The index of the files alone: what is measured first is to add the agent.
    with SessionRepository.open(state_dir, hermes_home=work / "nobody") as sessions:
        count = sessions.count(hidden=True)
    with closing(Writer(home / "state.db")) as writer:
        size, floors = writer.size(count), AgentFloors(home, work / "agent floors")
        with closing(floors):
            time.sleep(0.2)  # or the clock of files has not ticked since the copy was made
            yield measure(_first_mirror(home, work, floors), size)
            with SessionRepository.open(state_dir, hermes_home=home, profile="default") as sessions:
                for case in _cases(sessions, floors, writer):
                    yield measure(case, size)
                yield [_descriptors(sessions, writer, size)]


class Writer:
    """The agent's program as it writes: one connection in WAL mode, kept open."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._numbers = itertools.count()
        self.changed = THOUSAND  # the session that was changed last
        self.before = self._newest()  # the newest message before the last change

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def size(self, sidecars: int) -> Size:
        """Return how large the home is."""
        query = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM messages)"
        agent_sessions, agent_messages = self._db.execute(query).fetchone()
        return Size(sidecars, agent_sessions, agent_messages, is_indexed(self._db))

    def say(self, session_id: str) -> None:
        """Add a message to a session."""
        self._begin(session_id)
        insert(self._db, "messages", [self._message(session_id)])
        self._db.execute("UPDATE sessions SET message_count = message_count + 1 WHERE id = ?", (session_id,))
        self._db.execute("COMMIT")

    def rename(self, session_id: str) -> None:
        """Give a session another title."""
        self._begin(session_id)
        title = f"Another title {next(self._numbers)}"
        self._db.execute("UPDATE sessions SET title = ? WHERE id = ?", (title, session_id))
        self._db.execute("COMMIT")

    def start(self) -> None:
        """Begin a session with its first message."""
        session_id = f"20260102_000000_{next(self._numbers):06x}"
        self._begin(session_id)
        values = {"id": session_id, "source": "cli", "started_at": time.time(), "message_count": 1}
        insert(self._db, "sessions", [values])
        insert(self._db, "messages", [self._message(session_id)])
        self._db.execute("COMMIT")

    def _begin(self, session_id: str) -> None:
        self.changed, self.before = session_id, self._newest()
        self._db.execute("BEGIN IMMEDIATE")

    def _newest(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()[0])

    def _message(self, session_id: str) -> dict[str, object]:
        return message(session_id, next(self._numbers), time.time(), "How is the deployment going? " * 8)


def _first_mirror(home: Path, work: Path, floors: AgentFloors) -> Case:
    numbers = itertools.count()
    index = work / "none"

    def prepare() -> None:
        nonlocal index
        index = work / f"mirror{next(numbers)}.db"
        shutil.copyfile(home / "webui" / "sessions.db", index)

    def mirror() -> None:
        url = f"sqlite:///{index}"
        SessionRepository.open(home / "webui", hermes_home=home, profile="default", database_url=url).close()

    bare = [Floor("SQL, every session, messages grouped", floors.everything)]
    return Case("first mirror", mirror, bare, 5, prepare)


def _cases(sessions: SessionRepository, floors: AgentFloors, writer: Writer) -> Iterator[Case]:
    _compare(sessions, floors)
    yield from _lists(sessions, floors)
    yield from _reading(sessions, floors)
    # What writes comes last: from then on an unchanged file is read again each half a minute.
    yield from _changes(sessions, floors, writer)


def _compare(sessions: SessionRepository, floors: AgentFloors) -> None:
    """Hold the floors to the same results."""
    listed = [session.session_id for session in sessions.list(agent=True).items]
    assert listed == [row[0] for row in floors.joint_rows(-1)]
    assert sessions.count(agent=True) == floors.joint_count() == len(listed)
    for page, rows in (
        (sessions.messages(THOUSAND), floors.messages(THOUSAND)()),
        (sessions.messages(THOUSAND, limit=30), floors.last_messages(THOUSAND, 30)()),
    ):
        assert [each["content"] for each in page.messages] == [row[2] for row in rows]


def _lists(sessions: SessionRepository, floors: AgentFloors) -> Iterator[Case]:
    page = [Floor(STATS_AND_50, floors.stats_and_rows)]
    yield Case("list(limit=50, agent=True)", partial(sessions.list, limit=50, agent=True), page, 100)
    every = [Floor("stats, SQL, all rows", floors.stats_and_all_rows)]
    yield Case("list(agent=True), all", partial(sessions.list, agent=True), every, 10)
    yield from web.lists(sessions, Floor("stats", floors.stats), every[0], agent=True)
    counted = [Floor("stats, SQL, count", floors.joint_count)]
    yield Case("count(agent=True)", partial(sessions.count, agent=True), counted, 100)
    both = [Floor("stat of every file, SQL, every session, messages grouped", floors.stats_and_everything)]
    yield Case("sync(), nothing changed", sessions.sync, both, 5)


def _reading(sessions: SessionRepository, floors: AgentFloors) -> Iterator[Case]:
    grouped = [Floor("SQL, messages joined and grouped, 200 rows", floors.latest_sessions)]
    yield Case("agent.sessions()", sessions.agent.sessions, grouped, 10)
    every, last = partial(sessions.messages, THOUSAND), partial(sessions.messages, THOUSAND, limit=30)
    bare = [Floor("SQL, 1,000 messages", floors.messages(THOUSAND))]
    yield Case("messages(), 1,000 of the agent's", every, bare, 20)
    bare = [Floor("SQL, 30 messages", floors.last_messages(THOUSAND, 30))]
    yield Case("messages(limit=30), of the agent's 1,000", last, bare, 50)
    ids = [row["id"] for row in sessions.agent.sessions(limit=50)]
    yield Case("agent.lineage(), 50 ids", partial(sessions.agent.lineage, ids), [], 50)


def _changes(sessions: SessionRepository, floors: AgentFloors, writer: Writer) -> Iterator[Case]:
    page = partial(sessions.list, limit=50, agent=True)
    since, changed = (lambda: writer.before), (lambda: writer.changed)
    news = [
        Floor("SQL, newest messages, one session", floors.news(since, changed)),
        Floor("that, all titles, one row, SQL, count, 50 rows", floors.renewal(since, changed)),
    ]
    ids = [row["id"] for row in sessions.agent.sessions(limit=None)]
    for change, action, times in (
        ("one new message", partial(writer.say, ids[0]), 50),
        ("an edited title", partial(writer.rename, ids[len(ids) // 2]), 20),
        ("a new session", writer.start, 20),
    ):
        yield Case(f"list(limit=50, agent=True) after {change}", page, news, times, action)


def _descriptors(sessions: SessionRepository, writer: Writer, size: Size) -> Figure:
    """Count what is open before and after 500 lists, of which every tenth finds a new message."""
    before = _open_descriptors()
    for number in range(500):
        if number % 10 == 0:
            writer.say(THOUSAND)
        sessions.list(limit=50, agent=True)
    after = _open_descriptors()
    return Figure("500 lists, then open", size, after, after, "open before them", before, DESCRIPTORS)


def _open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208  # there is no path to speak of
