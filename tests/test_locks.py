"""Tests locks: what excludes threads and other programs, and what an error or a long wait leaves."""

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from hermes_sessions import StorageError
from hermes_sessions.locks import STRIPES, FileLocks, SessionLocks, file_lock

from .support.processes import at_once


def test_a_lock_excludes_threads(tmp_path: Path) -> None:
    locks, inside, overlaps = SessionLocks(FileLocks(tmp_path)), [], []
    start = threading.Barrier(8, timeout=60)

    def work(name: int) -> None:
        start.wait()
        for _ in range(20):
            with locks.held("one"):
                inside.append(name)
                overlaps.append(len(inside))
                inside.remove(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert overlaps == [1] * 160


def count_up(folder: Path, counter: Path, times: int) -> None:
    """Count up in a file, which loses steps unless a lock excludes others."""
    locks = SessionLocks(FileLocks(folder))
    for _ in range(times):
        with locks.held("counter"):
            counter.write_text(str(int(counter.read_text()) + 1))


@pytest.mark.slow
def test_a_lock_excludes_processes(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    at_once(count_up, [(tmp_path, counter, 50)] * 4)
    assert counter.read_text() == "200"


def test_a_lock_is_free_after_an_error(tmp_path: Path) -> None:
    locks = SessionLocks(FileLocks(tmp_path))
    with pytest.raises(KeyError, match="mine"), locks.held("one"):
        raise KeyError("mine")
    with locks.held("one"):
        pass


def test_names_share_a_fixed_number_of_lock_files(tmp_path: Path) -> None:
    locks = SessionLocks(FileLocks(tmp_path))
    for number in range(1000):
        with locks.held(f"session-{number}"):
            pass
    assert len(list(tmp_path.iterdir())) <= STRIPES


def test_different_stripes_are_held_together(tmp_path: Path) -> None:
    locks = SessionLocks(FileLocks(tmp_path))
    with ExitStack() as stack:
        stack.enter_context(locks.held("a"))
        stack.enter_context(locks.held("b"))


def test_waiting_too_long_for_a_lock_raises(tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / "a.lock"),
        pytest.raises(StorageError, match=r"another program has held the lock a\.lock for 0 seconds"),
        file_lock(tmp_path / "a.lock", seconds=0.0),
    ):
        pass


def test_a_lock_file_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(StorageError, match=r"cannot lock a\.lock: "),
        file_lock(tmp_path / "file" / "a.lock"),
    ):
        pass
