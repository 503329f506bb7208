"""The tests' own server leaves nothing behind: it lies in memory, beside the files of all tests."""

import os
import signal
import subprocess
import sys
import tempfile
import time
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
    names = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'home%'"
    with server.index():
        pass  # the template stays
    before = server.sql("postgres", names)
    with server.index(), server.database():
        assert len(server.sql("postgres", names).split()) == len(before.split()) + 2
    assert server.sql("postgres", names) == before


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
        assert _runs(int(pid))
        monkeypatch.setattr(tempfile, "tempdir", place)
        with running() as server:
            assert [each.name for each in Path(place).iterdir()] == [server.folder.name]
        assert list(Path(place).iterdir()) == []
    while _runs(int(pid)):  # until it is told of its end, which removed its files first
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
