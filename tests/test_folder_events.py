"""Tests the watch of a folder: it tells of every change that was made, or says that it cannot."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from hermes_sessions import folder_events
from hermes_sessions.folder_events import FolderEvents, is_local

from .support.agent_db import all_handles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files."""
    folder = tmp_path / "watched"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def events(folder: Path) -> Iterator[FolderEvents]:
    """A watch of the folder."""
    if not is_local(folder):
        pytest.skip("the folder of the tests is on no file system that tells of every change")
    with closing(FolderEvents(folder)) as events:
        yield events


def replace(folder: Path) -> None:
    """Replace a file as the web UI does."""
    (folder / "new").write_text("c")
    (folder / "new").rename(folder / "a")


CHANGES: dict[str, tuple[Callable[[Path], object], set[bytes]]] = {
    "a new file": (lambda folder: (folder / "c").write_text("c"), {b"c"}),
    "another content": (lambda folder: (folder / "a").write_text("c"), {b"a"}),
    "a longer one": (lambda folder: (folder / "a").open("a").close(), {b"a"}),
    "another time": (lambda folder: os.utime(folder / "a", (1, 1)), {b"a"}),
    "a file less": (lambda folder: (folder / "a").unlink(), {b"a"}),
    "a replacement": (replace, {b"new", b"a"}),
    "another name": (lambda folder: (folder / "a").rename(folder / "z"), {b"a", b"z"}),
    "a file moved away": (lambda folder: (folder / "a").rename(folder.parent / "a"), {b"a"}),
    "reading": (lambda folder: (folder / "a").read_text(), set()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_files_that_changed_are_named(events: FolderEvents, folder: Path, name: str) -> None:
    change, named = CHANGES[name]
    assert (events.pending(), events.take()) == (False, set())

    change(folder)

    assert events.pending() == bool(named)
    assert events.take() == named
    assert (events.pending(), events.take()) == (False, set())


def delete(folder: Path) -> None:
    shutil.rmtree(folder)


def move(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")


def put_another_in_its_place(folder: Path) -> None:
    parent = folder.parent
    parent.rename(parent.with_name("moved"))
    folder.mkdir(parents=True)


@pytest.mark.parametrize("change", [delete, move, put_another_in_its_place])
def test_of_another_folder_nothing_is_known(
    events: FolderEvents, folder: Path, change: Callable[[Path], None]
) -> None:
    change(folder)

    assert events.take() is None


@pytest.mark.slow
def test_too_many_changes_are_not_known(events: FolderEvents, folder: Path) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(most + 2):
        os.utime(folder / "ab"[number % 2])

    assert events.take() is None


def test_a_child_after_a_fork_learns_nothing_and_takes_nothing(events: FolderEvents, folder: Path) -> None:
    (folder / "a").unlink()
    child = os.fork()
    if not child:
        os._exit(0 if events.take() is None and events.pending() else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert events.take() == {b"a"}


def test_threads_may_ask_at_once(events: FolderEvents, folder: Path) -> None:
    (folder / "a").unlink()

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(lambda: [events.pending() for _ in range(2000)]) for _ in range(8)]

    assert all(all(answer.result()) for answer in answers)


def test_no_descriptor_stays_open(folder: Path) -> None:
    before = all_handles()
    FolderEvents(folder).close()
    with pytest.raises(OSError, match="No such file"):
        FolderEvents(folder / "missing")

    assert all_handles() == before


MOUNTS = b"""1 0 8:1 / / rw - ext4 /dev/sda rw
2 1 0:4 / /home rw shared:1 - nfs4 server:/home rw
3 2 0:5 / /home/me/my\\040disk rw - tmpfs tmpfs rw
4 1 0:6 / /over rw - ext4 /dev/sdb rw
5 4 0:7 / /over rw - fuse.sshfs them rw
"""
TYPES = {
    "/srv/x": "ext4",
    "/home": "nfs4",
    "/home/me": "nfs4",
    "/homework": "ext4",
    "/home/me/my disk/x": "tmpfs",
    "/over/x": "fuse.sshfs",
}


@pytest.mark.parametrize("path", TYPES)
def test_the_type_of_the_file_system_is_that_of_the_nearest_mount(path: str) -> None:
    assert folder_events._type_of(os.fsencode(path), MOUNTS) == TYPES[path]


def test_the_disk_of_another_machine_is_not_watched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_events, "LOCAL", frozenset())

    with pytest.raises(OSError, match="not every change"):
        FolderEvents(folder)
