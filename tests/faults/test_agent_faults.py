"""No handle of the agent's `state.db` outlives a call, only SQLite opens it, only a delete writes to it."""

import gc
import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from hermes_sessions.agent import state
from hermes_sessions.agent.state import Agent
from hermes_sessions.errors import AgentUnavailable, StorageError

from ..support.agent_db import START, add_session, dump, filled_state, handles, locked_elsewhere, writing
from ..support.programs import need_strace

TIMES = 100

CALLS: dict[str, Callable[[Agent], object]] = {
    "sessions": lambda agent: agent.sessions(),
    "messages": lambda agent: agent.messages("a"),
    "lineage": lambda agent: agent.lineage(["a", "b", "c", "sub", "nobody"]),
    "conversation": lambda agent: agent.conversation("c"),
    "delete": lambda agent: agent.delete("nobody"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state.db with a chain, a child and sessions of several sources."""
    return filled_state(tmp_path / "state.db")


# ---- descriptors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_hundred_calls_leave_no_descriptor(tmp_path: Path, name: str, journal: str) -> None:
    path = filled_state(tmp_path / "state.db", journal=journal)
    before = handles()
    with closing(Agent(path)) as agent:
        for _ in range(TIMES):
            CALLS[name](agent)
            assert not [handle for handle in handles() if "state.db" in handle]
        assert handles() == before


def test_calls_of_many_threads_leave_no_descriptor(path: Path) -> None:
    with closing(Agent(path)) as agent, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: None, range(8)))
        before = handles()
        calls = [pool.submit(call, agent) for _ in range(40) for call in CALLS.values()]
        for future in calls:
            future.result()
        assert handles() == before


def view_over_nothing(path: Path) -> None:
    with writing(path) as db:
        db.execute("CREATE TABLE real (id)")
        db.execute("ALTER TABLE sessions RENAME TO kept")
        db.execute("CREATE VIEW sessions AS SELECT * FROM real")
        db.execute("DROP TABLE real")


def rows_that_fail(path: Path) -> None:
    """Make the columns known, and every row an error."""
    with writing(path) as db:
        for table, column in (("sessions", "message_count"), ("messages", "timestamp")):
            columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})") if name != column]
            db.execute(f"ALTER TABLE {table} RENAME TO kept_{table}")
            db.execute(
                f"CREATE VIEW {table} AS SELECT {', '.join(columns)}, "
                f"abs(-9223372036854775807 - (id <> '')) AS {column} FROM kept_{table}"
            )


def page_in_the_middle(path: Path) -> None:
    """Overwrite a page of messages, and drop the indexes, by which it might not be read."""
    with writing(path) as db:
        db.execute("BEGIN")
        for number in range(300):
            add_session(db, f"long {number}", "x" * 400, begun=START + number)
        db.execute("COMMIT")
        for index in ("idx_messages_session", "idx_messages_session_active"):
            db.execute(f"DROP INDEX {index}")
        db.execute("PRAGMA journal_mode = delete")
        db.execute("VACUUM")
        [(size,)] = db.execute("PRAGMA page_size")
    content = path.read_bytes()
    text = [
        number for number in range(0, len(content), size) if b"x" * 400 in content[number : number + size]
    ]
    middle = text[len(text) // 2]
    path.write_bytes(content[:middle] + b"\xff" * size + content[middle + size :])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a view over nothing": view_over_nothing,
    "rows that fail": rows_that_fail,
    "a page in the middle": page_in_the_middle,
    "another format": lambda path: path.write_bytes(b"SQLite format 4\0" + path.read_bytes()[16:]),
}
# What of each damage can still be answered: not every call reads all of the file.
ANSWERED = {"a page in the middle": {"lineage"}}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_hundred_failures_leave_no_descriptor(path: Path, name: str, damage: str) -> None:
    DAMAGES[damage](path)
    before = handles()
    failures = 0
    with closing(Agent(path)) as agent:
        for _ in range(TIMES):
            try:
                CALLS[name](agent)
            except (AgentUnavailable, StorageError):
                failures += 1
            assert not [handle for handle in handles() if "state.db" in handle]
        assert handles() == before
    assert failures == (0 if name in ANSWERED.get(damage, ()) else TIMES)


@pytest.mark.parametrize("name", CALLS)
def test_a_lock_leaves_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(state, "READ_SECONDS", 0.0)
    monkeypatch.setattr(state, "WRITE_SECONDS", 0.0)
    path = filled_state(tmp_path / "state.db", journal="delete")
    with closing(Agent(path)) as agent, locked_elsewhere(path, "BEGIN EXCLUSIVE"):
        before = handles()
        for _ in range(TIMES):
            with pytest.raises((AgentUnavailable, StorageError), match="locked"):
                CALLS[name](agent)
        assert handles() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, GeneratorExit, sqlite3.OperationalError])
def test_a_reading_that_its_caller_breaks_off_leaves_no_descriptor(
    path: Path, error: type[BaseException]
) -> None:
    before = handles()
    with closing(Agent(path)) as agent:
        for _ in range(10):
            with suppress(error, AgentUnavailable), agent.reading() as snapshot:
                snapshot.last_message()
                raise error
        assert handles() == before


@pytest.mark.slow
def test_a_reading_that_is_abandoned_leaves_no_descriptor(path: Path) -> None:
    def walk(agent: Agent) -> Iterator[int]:
        with agent.reading() as snapshot:
            yield from snapshot.message_ids("a")

    before = handles()
    with closing(Agent(path)) as agent:
        for _ in range(10):
            left, halfway = agent.reading(), walk(agent)
            left.__enter__()
            assert next(halfway)
            del left, halfway
            gc.collect()
            assert handles() == before


def test_a_reading_lets_go_of_its_transaction(path: Path) -> None:
    with closing(Agent(path)) as agent:
        for call in CALLS.values():
            call(agent)
        with writing(path) as db:  # which needs the file for itself
            assert db.execute("PRAGMA journal_mode = delete").fetchone() == ("delete",)


# ---- what the system is asked for -----------------------------------------------------------------------

# Before each call a file that is not there is looked for, so that the calls can be told apart.
TRACED = """
import os, sys
from pathlib import Path
from hermes_sessions.agent import Agent
agent = Agent(Path(sys.argv[1]))
def read(query):
    with agent.reading() as snapshot:
        return query(snapshot)
every = [row["id"] for row in agent.sessions(limit=None)]
calls = {
    "sessions": lambda: agent.sessions(),
    "every session": lambda: agent.sessions(limit=None, exclude_sources=None),
    "messages": lambda: agent.messages("chain0_seg0"),
    "lineage": lambda: agent.lineage(every),
    "conversation": lambda: agent.conversation("chain1_seg2"),
    "sessions of some ids": lambda: read(lambda of: of.sessions(of.message_stats(every), every)),
    "outline": lambda: read(lambda snapshot: snapshot.outline({})),
    "titles": lambda: read(lambda snapshot: snapshot.titles_and_parents()),
    "file versions": lambda: agent.file_versions(),
    "delete": lambda: agent.delete("chain1_seg2"),
}
if sys.argv[2] != "with delete":
    del calls["delete"]
for name, call in calls.items():
    os.path.exists("/call/" + name)
    call()
os.path.exists("/call/end")
with os.scandir("/proc/self/fd") as found:
    print([path for each in found if "state.db" in (path := os.readlink(each.path))])
"""
OPENINGS = "open,openat,openat2,creat"
CHANGES = (
    "write,writev,pwrite64,pwritev,ftruncate,truncate,fallocate,rename,renameat,renameat2,unlink,unlinkat"
)


class Opened(NamedTuple):
    """One opening of `state.db` or what lies beside it."""

    name: str
    flags: frozenset[str]


class Trace(NamedTuple):
    """What a program asked the system for: openings by call, and lines that change `state.db` itself."""

    openings: dict[str, list[Opened]]
    changes: list[str]
    output: str


def traced(path: Path, *arguments: str) -> Trace:
    """Run the calls on a file and return what they asked the system for."""
    need_strace()
    log = path.with_name("strace.log")
    watch = f"trace={OPENINGS},{CHANGES},stat,newfstatat,access,faccessat,faccessat2,statx"
    program = [sys.executable, "-c", TRACED, str(path), *(arguments or ("reading",))]
    done = subprocess.run(
        ["strace", "-f", "-y", "-s", "300", "-o", log, "-e", watch, *program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    call, openings, changes = "before", {"before": list[Opened]()}, []
    for line in log.read_text().splitlines():
        if marker := re.search(r'"/call/([^"]+)"', line):
            call = marker[1]
            openings[call] = []
        elif found := re.search(
            r'\bopen(?:at|at2)?\(.*?"([^"]*/state\.db[^"]*)", (?:\{flags=)?([A-Z_|]+)', line
        ):
            openings[call].append(Opened(Path(found[1]).name, frozenset(found[2].split("|"))))
        elif re.search(rf"\b(?:{CHANGES.replace(',', '|')})\(", line) and re.search(r'/state\.db[">]', line):
            changes.append(line)
    assert "end" in openings
    return Trace(openings, changes, done.stdout.strip())


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.fault
@pytest.mark.parametrize("writer", ["no writer", "a live writer"])
def test_reading_opens_the_file_by_sqlite_alone_and_never_to_write(may: Path, writer: str) -> None:
    path = may / "state.db"
    with writing(path) if writer == "a live writer" else nullcontext() as db:
        if db is not None:
            db.execute("UPDATE sessions SET title = 'In the log' WHERE id = 'resumed'")
        before = digest(path)
        trace = traced(path)
        assert digest(path) == before
    opened = [each for found in trace.openings.values() for each in found]
    # Only SQLite asks that no link be followed: it has resolved them itself.
    assert [each for each in opened if "O_NOFOLLOW" not in each.flags] == []
    assert {each.name for each in opened} <= {"state.db", "state.db-wal", "state.db-shm", "state.db-journal"}
    assert {
        frozenset(each.flags) & {"O_RDONLY", "O_RDWR", "O_WRONLY", "O_CREAT"}
        for each in opened
        if each.name == "state.db"
    } == {frozenset({"O_RDONLY"})}
    assert trace.changes == []
    assert trace.output == "[]"


@pytest.mark.fault
def test_each_reading_opens_the_file_once_and_a_look_at_its_version_not_at_all(may: Path) -> None:
    trace = traced(may / "state.db")
    counts = {call: [each.name for each in found].count("state.db") for call, found in trace.openings.items()}
    assert counts.pop("file versions") == counts.pop("end") == 0
    assert trace.openings["file versions"] == []
    assert counts.keys() >= {"sessions", "messages", "lineage", "conversation", "outline", "titles"}
    assert set(counts.values()) == {1}


@pytest.mark.fault
def test_a_delete_opens_the_file_once_to_write(may: Path) -> None:
    path = may / "state.db"
    before = digest(path)
    trace = traced(path, "with delete")
    deleting = [each for each in trace.openings["delete"] if each.name == "state.db"]
    assert [each.flags & {"O_RDONLY", "O_RDWR", "O_WRONLY", "O_CREAT"} for each in deleting] == [{"O_RDWR"}]
    assert all("O_NOFOLLOW" in each.flags for found in trace.openings.values() for each in found)
    assert trace.output == "[]"
    assert digest(path) != before


def test_the_empty_log_of_our_own_reading_is_not_seen_as_a_change(path: Path) -> None:
    log = path.with_name("state.db-wal")
    assert not log.exists()
    with closing(Agent(path)) as agent:
        before = agent.file_versions()
        agent.sessions()
        assert log.stat().st_size == 0  # SQLite leaves one where it may not tidy up
        assert agent.file_versions() == before
        log.unlink()
        assert agent.file_versions() == before


def test_a_log_with_something_in_it_is_seen(path: Path) -> None:
    with closing(Agent(path)) as agent, writing(path) as db:
        before = agent.file_versions()
        db.execute("UPDATE sessions SET title = 'New' WHERE id = 'lone'")
        assert path.with_name("state.db-wal").stat().st_size
        assert agent.file_versions() != before


# ---- a kill during the one change -----------------------------------------------------------------------

DELETE = """
import sys
from pathlib import Path
from hermes_sessions.agent import Agent
Agent(Path(sys.argv[1])).delete("c")
print("done", flush=True)
"""


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """Give out a folder, and empty it."""
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.fault
def test_a_kill_during_a_delete_leaves_all_or_nothing(tmp_path: Path) -> None:
    need_strace()
    made = filled_state(tmp_path / "made.db")
    whole = dump(made)
    with closing(Agent(made)) as agent:
        agent.delete("c")
    deleted = dump(made)
    outcomes = []
    for step in range(1, 200, 5):  # of some forty writes
        with emptied(tmp_path / "home") as home:
            path = filled_state(home / "state.db")
            kill = f"inject=pwrite64:signal=KILL:when={step}"
            strace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", kill]
            program = [sys.executable, "-c", DELETE, str(path)]
            done = subprocess.run([*strace, *program], capture_output=True, text=True, check=False)
            assert "Traceback" not in done.stderr
            outcomes.append(dump(path))  # opens the file as the agent would, and so rolls back
        if "done" in done.stdout:
            break
    assert all(outcome in (whole, deleted) for outcome in outcomes)
    assert outcomes[0] == whole
    assert outcomes[-1] == deleted != whole
