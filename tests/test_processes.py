"""Child processes that share work: in order, without loss when one dies, and gone when their parent is."""

import os
import resource
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository, processes
from hermes_sessions.processes import Pool
from hermes_sessions.sidecars import summaries

from .support.children import doubled, killed_at, repeated, waiting_for
from .support.make import message, write_document
from .support.processes import is_running

pytestmark = pytest.mark.slow  # starting an interpreter takes a tenth of a second


def test_results_come_in_order_from_all_children() -> None:
    with Pool(doubled, 2) as pool:
        found = list(pool.results(range(20)))
    assert [number for number, _ in found] == [2 * number for number in range(20)]
    assert len({process for _, process in found}) == 2
    assert os.getpid() not in {process for _, process in found}


def test_what_a_killed_child_was_to_do_is_done_here() -> None:
    with Pool(partial(killed_at, os.getpid()), 2) as pool:
        assert list(pool.results(range(20))) == list(range(20))
    with Pool(partial(killed_at, os.getpid()), 2) as pool:
        assert sorted(pool.results_as_they_come(range(20))) == list(range(20))


def test_no_child_waits_for_the_result_of_another(tmp_path: Path) -> None:
    others = tmp_path / "others"
    os.mkfifo(others)
    with Pool(partial(waiting_for, others), 2) as pool:
        results = pool.results_as_they_come(["first", *map(str, range(20))])
        found = list(islice(results, 18))
        assert "first" not in found
        others.write_bytes(b"")  # the first one ends only now
        assert sorted([*found, *results]) == sorted(["first", *map(str, range(20))])


def test_results_larger_than_a_pipe_come_whole() -> None:
    with Pool(repeated, 2) as pool:
        sizes = [300_000, 1, 2_000_000, 65_536, 0]
        assert sorted(map(len, pool.results_as_they_come(sizes))) == sorted(sizes)


@pytest.mark.fault
def test_a_program_with_many_open_files_can_have_children() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2048), hard))
    try:
        with ExitStack() as files:
            for _ in range(1024):
                files.enter_context(Path(os.devnull).open())
            with Pool(doubled, 2) as pool:
                assert {number for number, _ in pool.results_as_they_come(range(6))} == {0, 2, 4, 6, 8, 10}
                assert not any(child.is_ready() for child in pool.children)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_an_interpreter_everything_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Pool(doubled, 2) as pool:
        assert list(pool.results([1, 2])) == [(2, os.getpid()), (4, os.getpid())]
        assert list(pool.results_as_they_come([1, 2])) == [(2, os.getpid()), (4, os.getpid())]


# Given on standard input, so that there is no main module to import again.
SCRIPT = """
import os, sys, time
from hermes_sessions.processes import Pool
with Pool(abs, 2) as pool:
    print(*(child.number for child in pool.children), flush=True)
    for _ in pool.results([-1, -2, -3]):
        print("done", flush=True)
        time.sleep(60)
"""


@pytest.mark.fault
def test_children_end_with_their_parent() -> None:
    command = [sys.executable, "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(SCRIPT)
        parent.stdin.close()
        children = [int(number) for number in parent.stdout.readline().split()]
        assert parent.stdout.readline() == "done\n"
        assert all(is_running(child) for child in children)
        parent.kill()
    assert len(children) == 2
    until = time.monotonic() + 20
    while any(map(is_running, children)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(map(is_running, children))


def test_a_first_import_in_processes_stores_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "MANY_FILES", 10)
    monkeypatch.setattr(summaries, "AT_ONCE", 3)
    home = tmp_path / "home"
    with SessionRepository.open(hermes_home=home) as sessions:
        for number in range(20):
            write_document(sessions, f"s{number}", title=f"Title {number}", messages=[message()] * number)
        (sessions.config.sessions_dir / "damaged.json").write_text('{"messages": [', encoding="utf-8")
        sessions.sync()
    expected = stored(home)
    used: list[int] = []
    monkeypatch.setattr(processes.Child, "receive", counting(used))
    for path in (home / "webui").glob("*.db*"):
        path.unlink()
    with SessionRepository.open(hermes_home=home, processes=2) as sessions:
        assert sessions.count() == 20
    assert used
    assert stored(home) == expected


def counting(used: list[int]) -> object:
    """Return `Child.receive`, with its calls counted."""
    receive = processes.Child.receive

    def counted(child: processes.Child) -> object:
        used.append(1)
        return receive(child)

    return counted


def stored(home: Path) -> list[list[tuple[object, ...]]]:
    """Return the rows of an index that come from files, without their revisions."""
    columns = "session_id, title, message_count, marks, transcript_start, transcript_end, size, inode, other"
    with closing(sqlite3.connect(home / "webui" / "sessions.db")) as index:
        return [
            index.execute(f"SELECT {columns} FROM sessions ORDER BY session_id").fetchall(),
            index.execute("SELECT session_id, reason FROM unreadable_files").fetchall(),
        ]
