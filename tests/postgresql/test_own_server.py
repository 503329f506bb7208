"""The tests' own server leaves nothing behind: it lies in memory, beside the files of all tests."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ..support.postgresql import PREFIX, Server, running

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal
from tests.support.postgresql import running
with running() as server:
    print(server.folder, (server.folder / "data/postmaster.pid").read_text().split()[0], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_databases_go_with_their_tests(server: Server) -> None:
    names = "SELECT string_agg(datname, ' ' ORDER BY oid) FROM pg_database WHERE datname LIKE 'home%'"
    with server.index():
        *before, first = server.sql("postgres", names).split()  # the template of indexes stays
    with server.index(), server.database():
        assert len(server.sql("postgres", names).split()) == len(before) + 2
    assert first not in before
    assert server.sql("postgres", names).split() == before


@pytest.mark.slow
def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as place:
        Path(place).chmod(0o755)  # the server's user enters it
        killed = subprocess.run(
            [sys.executable, "-c", KILLED],
            check=False,
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, "TMPDIR": place},
        )
        assert killed.returncode == -signal.SIGKILL
        left, pid = killed.stdout.split()
        assert Path(left).name.startswith(PREFIX)
        ended = os.pidfd_open(int(pid))  # can be read when the process has ended
        monkeypatch.setattr(tempfile, "tempdir", place)
        with running() as server:
            assert [each.name for each in Path(place).iterdir()] == [server.folder.name]
        assert list(Path(place).iterdir()) == []
    select.select([ended], [], [])
    os.close(ended)
