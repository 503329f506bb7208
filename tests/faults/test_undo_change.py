"""Undos of changes on a full disk and in a read-only home: they are refused, or whole."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import ReadOnly, SessionRepository, StorageError

from ..changes.test_undoing import (
    CASES,
    Case,
    change_to_undo,
    everything,
    only_a_backup,
    removed_messages,
    shortened_here,
)
from ..support.injected import Counter, system_fault
from .test_faults import fill

pytestmark = pytest.mark.fault
PAGE = 4096  # bytes that a disk gives at once
CALLS = "write os.open os.rename os.replace files._rename os.unlink os.link os.fsync".split()


@pytest.fixture
def on_disk(disk: Path) -> Iterator[SessionRepository]:
    """A repository whose home is on a small disk, also its index."""
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    with SessionRepository.open(hermes_home=disk / "home") as sessions:
        yield sessions


class Made:
    """A change of session s1, with what was there before it and after it."""

    def __init__(self, sessions: SessionRepository, prepare: Case) -> None:
        self.sessions, self.change = sessions, prepare(sessions)
        sessions.sync()
        self.before = everything(sessions)
        self.make()

    def make(self) -> None:
        """Make the change, once more after it was undone."""
        self.change()
        self.after, self.token = everything(self.sessions), change_to_undo(self.sessions)

    def undo(self) -> StorageError | None:
        """Undo the change; return why that failed."""
        try:
            self.sessions.undo_change("s1", self.token)
        except StorageError as error:
            return error
        return None

    def check(self, failure: StorageError | None) -> None:
        """Check that nothing is half done now that the fault is gone, and that the undo can be completed."""
        self.sessions.repair(apply=True)  # what a sync does, and files that could not be deleted
        now = without_times(everything(self.sessions))
        assert now in [without_times(each) for each in (self.before, self.after)], failure
        is_told = failure is None or "is as it was" in str(failure) or "was made" in str(failure)
        assert (now == without_times(self.before)) == is_told, failure
        if self.sessions.change_to_undo("s1") is not None:
            self.sessions.undo_change("s1", self.token)
            self.sessions.repair(apply=True)
        assert without_times(everything(self.sessions)) == without_times(self.before)


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    """Return everything but when a lost change was noticed."""
    return found | {"lost": [replace(each, lost_at=0) for each in found["lost"]]}


@pytest.mark.parametrize("spare", [0, 2, 4, 6, 10])
@pytest.mark.parametrize("prepare", CASES)
def test_an_undo_on_a_full_disk_is_refused_or_whole(
    on_disk: SessionRepository, disk: Path, prepare: Case, spare: int
) -> None:
    made = Made(on_disk, prepare)
    filler = fill(disk)
    os.truncate(filler, filler.stat().st_size - spare * PAGE)
    failure = made.undo()
    filler.unlink()
    made.check(failure)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let a folder be read-only, for programs that have nothing open in it."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("name", ["hermes_home", "sessions_dir", "backups_dir", "trash_dir", "undo_dir"])
@pytest.mark.parametrize("prepare", CASES)
def test_an_undo_in_a_read_only_folder_is_refused_or_whole(
    on_disk: SessionRepository, prepare: Case, name: str
) -> None:
    made = Made(on_disk, prepare)
    with read_only(getattr(on_disk.config, name)):
        failure = made.undo()
    assert name in ("backups_dir", "trash_dir") or "Read-only file system" in str(failure)
    made.check(failure)


def test_an_undo_in_a_read_only_home_is_refused(disk: Path) -> None:
    with SessionRepository.open(hermes_home=disk / "home") as sessions:
        made = Made(sessions, removed_messages)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with SessionRepository.open(hermes_home=disk / "home") as sessions:
        with pytest.raises(ReadOnly, match="Nothing was changed"):
            sessions.undo_change("s1", made.token)
        assert everything(sessions) == made.after
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    with SessionRepository.open(hermes_home=disk / "home") as sessions:
        sessions.undo_change("s1", made.token)
        assert everything(sessions) == made.before


class Once(Counter):
    """Counts the uses of a function of which one fails."""

    def fails(self) -> bool:
        """Whether this use fails."""
        self.spared -= 1
        self.failed += self.spared == -1
        return self.spared == -1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("prepare", [shortened_here, only_a_backup, removed_messages])
def test_an_undo_that_the_system_refuses_at_any_step_is_refused_or_whole(
    sessions: SessionRepository, prepare: Case, call: str
) -> None:
    refuse_each_step(Made(sessions, prepare), call)


@pytest.mark.parametrize("folder", ["trash_dir", "undo_dir", "sessions_dir"])
def test_an_undo_over_two_disks_is_refused_or_whole(
    sessions: SessionRepository, disk: Path, folder: str
) -> None:
    place: Path = getattr(sessions.config, folder)
    place.mkdir(exist_ok=True)
    place.rmdir()
    place.symlink_to(disk)
    refuse_each_step(Made(sessions, shortened_here), "files._rename")


def refuse_each_step(made: Made, call: str) -> None:
    """Undo a change that is made again and again, each time without the next one of a system call."""
    for spared in range(40):
        counter = Once(spared)
        with system_fault(made.sessions.config.state_dir, call, errno.ENOSPC, counter):
            failure = made.undo()
        made.check(failure)
        if not counter.failed:
            return
        made.make()
    pytest.fail("it never worked")
