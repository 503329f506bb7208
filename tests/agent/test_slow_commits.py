"""What an agent commits while its file is being read: the disk takes long, and no file changes after that."""

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.agent import mirror
from hermes_sessions.agent.mirror_rows import MirrorState
from hermes_sessions.agent.state import COMMITTED_NS, FileVersions
from webapp import create_app

from ..support.agent_db import add_session, new_state, writing
from ..support.programs import need_strace
from ..support.threads import wait_until

WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA synchronous = full")
row = "INSERT INTO messages (session_id, role, content, timestamp) VALUES ('a', 'user', 'second', 1777000100)"
db.execute(row)
print("committing", flush=True)
db.commit()
print("committed", flush=True)
sys.stdin.read()  # whoever closes a file last changes it
"""
PAGE = "/api/session?session_id=a&msg_limit=5"


@contextmanager
def committing(path: Path, microseconds: int) -> Iterator[subprocess.Popen[str]]:
    """Commit a message in another process, on a disk that is so slow; the block begins before that ends."""
    need_strace()
    delay = f"inject=fdatasync,fsync:delay_enter={microseconds}"
    strace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", delay]
    program = [*strace, sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "committing\n"
        yield writer
        writer.communicate("")


@pytest.mark.slow
def test_a_commit_that_the_disk_is_slow_to_take_shows_two_seconds_later(tmp_path: Path) -> None:
    path = new_state(tmp_path / "state.db")
    with writing(path) as db:
        add_session(db, "a", "first")
        with SessionRepository.open(hermes_home=tmp_path) as sessions:
            client = create_app(sessions).test_client()

            def counts() -> tuple[int, int]:
                shown = client.get(PAGE).get_json()["session"]["messages"]
                return sessions.list(agent=True)[0].message_count, len(shown)

            assert counts() == (1, 1)
            with committing(path, 800_000) as writer:
                assert writer.stdout is not None
                while not select.select([writer.stdout], [], [], 0.1)[0]:
                    counts()  # the log has grown, and no reader sees the commit
                assert writer.stdout.readline() == "committed\n"
                wait_until(lambda: counts() == (2, 2))
            with SessionRepository.open(hermes_home=tmp_path) as other:
                assert other.list(agent=True)[0].message_count == 2


def test_a_mirror_that_was_read_soon_after_a_change_is_read_once_more() -> None:
    changed_at = 1_777_000_000_000_000_001
    versions, later = FileVersions("[]", changed_at), changed_at + COMMITTED_NS + 1

    def is_current(read_at: int, now: int) -> bool:
        state = MirrorState("default", versions="[]", read_at=read_at, fully_read_at=read_at)
        return mirror.is_current(state, versions, now)

    soon = changed_at + COMMITTED_NS // 4
    assert not is_current(changed_at, soon)
    assert is_current(soon, soon + 1)
    assert not is_current(soon, later)
    assert is_current(later, later + COMMITTED_NS)
