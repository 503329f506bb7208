"""Tests lists of a process that watches the sessions folder: they read what changed, and scan nothing."""

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository, StorageError, files
from hermes_sessions.folder_events import FolderEvents, is_local
from hermes_sessions.index import Freshness, database, drift, folder_watch
from hermes_sessions.index.database import make_engine, writing
from hermes_sessions.repository import follow_files
from hermes_sessions.sidecars import folder as folders

from ..support.agent_db import all_handles
from ..support.make import folder_of, started, turns, write, write_document

Change = Callable[[SessionRepository], object]


class Scans:
    """Counts the scans of the folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for name in ("scan", "scan_inodes"):
            monkeypatch.setattr(folders, name, self._counted(getattr(folders, name)))

    def _counted(self, call: Callable[[Path], object]) -> Callable[[Path], object]:
        def counted(folder: Path) -> object:
            self.count += 1
            return call(folder)

        return counted


def write_two(sessions: SessionRepository) -> None:
    """Write two sessions; skip the test where the folder does not tell of every change."""
    if not is_local(folder_of(sessions)):
        pytest.skip("the folder of the tests is on no file system that tells of every change")
    for name in ("one", "two"):
        write_document(sessions, name, title=name, messages=turns(1))


def without_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the folder's time tell of every change, as with a clock that never shows the same time twice."""
    monkeypatch.setattr(files, "TICK_NS", 0)
    monkeypatch.setattr(files, "COARSE_TICK_NS", 0)


@pytest.fixture
def followed(sessions: SessionRepository) -> SessionRepository:
    """A repository with two sessions that watches its folder."""
    write_two(sessions)
    follow_files(sessions)
    return sessions


@pytest.fixture
def scans(followed: SessionRepository, monkeypatch: pytest.MonkeyPatch) -> Scans:
    """The scans that follow."""
    return Scans(monkeypatch)


def titles(sessions: SessionRepository) -> dict[str, str]:
    return {each.session_id: each.title for each in sessions.list()}


def overwrite(sessions: SessionRepository) -> None:
    document = {"session_id": "one", "title": "Overwritten", "messages": turns(1)}
    (folder_of(sessions) / "one.json").write_text(json.dumps(document))


def remove_all(sessions: SessionRepository) -> None:
    for path in folder_of(sessions).glob("*.json"):
        path.unlink()


BOTH = {"one": "one", "two": "two"}
CHANGES: dict[str, tuple[Change, dict[str, str]]] = {
    "new": (lambda s: write_document(s, "new", title="New", messages=turns(1)), {**BOTH, "new": "New"}),
    "replaced": (
        lambda s: write_document(s, "one", title="Replaced", messages=turns(2)),
        {**BOTH, "one": "Replaced"},
    ),
    "overwritten in place": (overwrite, {**BOTH, "one": "Overwritten"}),
    "removed": (lambda s: (folder_of(s) / "one.json").unlink(), {"two": "two"}),
    "all removed": (remove_all, {}),
    "moved": (
        lambda s: (folder_of(s) / "one.json").rename(folder_of(s) / "moved.json"),
        {"two": "two", "moved": "one"},
    ),
    "damaged": (lambda s: write(s, "one", "{"), {"two": "two"}),
    "another file": (lambda s: (folder_of(s) / "_index.json").write_text("[]"), BOTH),
    "our own": (lambda s: s.update("one", title="Ours"), {**BOTH, "one": "Ours"}),
    "nothing": (lambda _: None, BOTH),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_list_reads_what_changed(followed: SessionRepository, scans: Scans, name: str) -> None:
    change, expected = CHANGES[name]
    assert titles(followed) == BOTH

    change(followed)

    assert titles(followed) == expected
    if name != "all removed":  # then it is asked whether the disk is there
        assert scans.count == 0
    followed.sync()
    assert titles(followed) == expected


def test_a_list_after_a_change_of_our_own_reads_nothing(
    followed: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.list()
    followed.update("one", title="Ours")
    monkeypatch.setattr(Freshness, "catch_up", lambda *_: pytest.fail("read what it wrote itself"))

    assert titles(followed) == {**BOTH, "one": "Ours"}


def test_beside_a_change_of_our_own_another_is_read(followed: SessionRepository, scans: Scans) -> None:
    followed.update("one", title="Ours")
    write_document(followed, "two", title="Theirs", messages=turns(1))

    assert titles(followed) == {"one": "Ours", "two": "Theirs"}
    assert scans.count == 0


def test_a_second_process_reads_it_too(followed: SessionRepository, scans: Scans) -> None:
    with SessionRepository.open(hermes_home=followed.config.hermes_home) as other:
        write_document(other, "new", title="New", messages=turns(1))
        assert titles(followed) == titles(other) == {**BOTH, "new": "New"}


def other_folder(sessions: SessionRepository) -> None:
    """Put another folder in the place of the sessions folder, with one file changed."""
    folder = folder_of(sessions)
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)
    write_document(sessions, "one", title="Elsewhere", messages=turns(1))


def other_index(sessions: SessionRepository) -> None:
    """Put an older version of the index in the place of the index."""
    index = sessions.config.state_dir / "sessions.db"
    sessions._home.engine.dispose()
    copy = index.with_name("older")
    shutil.copyfile(index, copy)
    write_document(sessions, "one", title="Elsewhere", messages=turns(1))
    sessions.list()
    sessions._home.engine.dispose()
    copy.rename(index)
    write_document(sessions, "two", title="two", messages=turns(2))


def strange_name(sessions: SessionRepository) -> None:
    """Write a file whose name is no text."""
    Path(os.fsdecode(os.fsencode(folder_of(sessions)) + b"/\xff.json")).write_text("{}")
    write_document(sessions, "one", title="Elsewhere", messages=turns(1))


def due(sessions: SessionRepository) -> None:
    """Let the time come at which a scan judges the watch."""
    sessions._home.freshness._watch._scanned_at = float("-inf")
    write_document(sessions, "one", title="Elsewhere", messages=turns(1))


@pytest.mark.parametrize("change", [other_folder, other_index, strange_name, due])
def test_a_scan_reads_what_the_watch_cannot_tell(
    followed: SessionRepository, scans: Scans, change: Callable[[SessionRepository], None]
) -> None:
    assert titles(followed) == BOTH

    change(followed)

    assert titles(followed) == {**BOTH, "one": "Elsewhere"}
    assert scans.count > 0


def test_no_list_of_any_thread_is_older_than_a_write_before_it(followed: SessionRepository) -> None:
    written = 0

    def number() -> int:
        listed = titles(followed)["one"]
        return int(listed) if listed.isdigit() else 0

    def lists() -> list[tuple[int, int]]:
        found = []
        while written < 60:
            before = written
            found.append((before, number()))
        return found

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(lists) for _ in range(3)]
        for count in range(1, 61):
            write_document(followed, "one", title=str(count), messages=turns(1))
            written = count
        pairs = [pair for reader in readers for pair in reader.result(timeout=60)]

    assert [pair for pair in pairs if pair[1] < pair[0]] == []
    assert number() == 60


def test_many_changes_are_scanned(
    followed: SessionRepository, scans: Scans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_watch, "MOST_NAMES", 2)
    for name in "abc":
        write_document(followed, name, title=name, messages=turns(1))

    assert titles(followed) == {**BOTH, "a": "a", "b": "b", "c": "c"}
    assert scans.count == 1


def test_after_an_error_everything_is_scanned(followed: SessionRepository, scans: Scans) -> None:
    folder = folder_of(followed)
    folder.rename(folder.with_name("away"))
    with pytest.raises(StorageError):
        followed.list()
    write_document_in(folder.with_name("away"), "one")
    folder.with_name("away").rename(folder)

    assert titles(followed) == {**BOTH, "one": "Away"}


def write_document_in(folder: Path, session_id: str) -> None:
    """Write a file into a folder that is not at its place."""
    (folder / "temporary").write_text(json.dumps({"title": "Away", "messages": turns(1)}))
    (folder / "temporary").rename(folder / f"{session_id}.json")


def test_without_a_watch_lists_scan(sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hermes_sessions.folder_events.LOCAL", frozenset())
    follow_files(sessions)
    one = started(sessions)
    write_document(sessions, "new", title="New", messages=turns(1))

    assert titles(sessions).keys() == {one, "new"}


@pytest.fixture
def plain(sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch) -> SessionRepository:
    """A repository with two sessions that nobody asked to watch its folder, as it is after two lists."""
    write_two(sessions)
    sessions.sync()
    an_hour_ago = folder_of(sessions).stat().st_mtime_ns - 3600 * 10**9
    os.utime(folder_of(sessions), ns=(an_hour_ago, an_hour_ago))
    for _ in range(2):
        sessions.list()
    return sessions


@pytest.mark.parametrize("name", ["new", "overwritten in place", "removed", "moved", "our own"])
def test_a_program_that_lists_twice_scans_nothing_from_then_on(
    plain: SessionRepository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scans = Scans(monkeypatch)
    change, expected = CHANGES[name]

    change(plain)

    assert titles(plain) == expected
    assert scans.count == 0


def inotify_descriptors() -> list[str]:
    """Return the process's watches, also those of homes open for other tests."""
    return [each for each in all_handles() if "inotify" in each]


def listed_after_own_writes(sessions: SessionRepository) -> int:
    """List after each of a few changes of our own, and return how many watches that began."""
    begun: list[Path] = []

    def counted(folder: Path) -> FolderEvents:
        begun.append(folder)
        return FolderEvents(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_watch, "FolderEvents", counted)
        for number in range(5):
            sessions.update("one", title=f"Ours {number}")
            assert titles(sessions) == {"one": f"Ours {number}", "two": "two"}
    return len(begun)


@pytest.fixture
def unproven(sessions: SessionRepository) -> SessionRepository:
    """A repository whose folder changed too lately for its time to prove anything."""
    write_two(sessions)
    sessions.list()
    return sessions


def test_one_watch_is_tried_until_the_folder_has_been_at_rest(unproven: SessionRepository) -> None:
    before = len(inotify_descriptors())
    assert listed_after_own_writes(unproven) <= 1
    assert len(inotify_descriptors()) - before <= 1

    unproven.close()
    assert len(inotify_descriptors()) <= before


def test_a_watch_that_is_adopted_late_tells_of_later_changes(
    unproven: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed_after_own_writes(unproven)
    without_ticks(monkeypatch)
    unproven.sync()
    unproven.list()
    scans = Scans(monkeypatch)
    write_document(unproven, "two", title="Theirs", messages=turns(1))

    assert titles(unproven) == {"one": "Ours 4", "two": "Theirs"}
    assert scans.count == 0


def test_changes_of_our_own_that_are_seconds_apart_need_one_comparison(
    unproven: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "GRACE_NS", 0)
    scans, counts = Scans(monkeypatch), []
    for number in range(4):
        unproven.update("one", title=f"Ours {number}")
        assert titles(unproven) == {"one": f"Ours {number}", "two": "two"}
        counts.append(scans.count)
    write_document(unproven, "two", title="Theirs", messages=turns(1))

    assert titles(unproven) == {"one": "Ours 3", "two": "Theirs"}
    assert counts == [1, 1, 1, 1]
    assert scans.count == 1


def set_back(sessions: SessionRepository, change: Change) -> None:
    """Change a file so that the folder keeps its time, as within one tick of the clock."""
    before = folder_of(sessions).stat().st_mtime_ns
    change(sessions)
    os.utime(folder_of(sessions), ns=(before, before))


@pytest.mark.parametrize("session_id", ["one", "two"])
def test_after_a_change_of_our_own_no_scan_is_needed_to_find_another_of_the_same_tick(
    plain: SessionRepository, monkeypatch: pytest.MonkeyPatch, session_id: str
) -> None:
    scans = Scans(monkeypatch)
    monkeypatch.setattr(drift, "GRACE_NS", 0)
    plain.update("one", title="Ours")
    assert titles(plain) == {"one": "Ours", "two": "two"}

    set_back(plain, lambda s: write_document(s, session_id, title="Theirs", messages=turns(1)))

    assert titles(plain) == {"one": "Ours", "two": "two"} | {session_id: "Theirs"}
    assert scans.count == 0


def test_what_the_watch_knows_spares_other_processes_a_comparison(
    plain: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "GRACE_NS", 0)
    without_ticks(monkeypatch)
    plain.update("one", title="Ours")
    plain.list()
    scans = Scans(monkeypatch)

    with SessionRepository.open(hermes_home=plain.config.hermes_home) as other:
        assert titles(other) == {"one": "Ours", "two": "two"}
    assert scans.count == 0


def test_a_lock_of_another_program_does_not_delay_a_list_after_a_change_of_our_own(
    plain: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "GRACE_NS", 0)
    monkeypatch.setattr(files, "TICK_NS", 0)
    plain.update("one", title="Ours")
    waited: list[int] = []
    monkeypatch.setattr(database, "wait_to_write", waited.append)

    with writing(make_engine(plain.config.state_dir / "sessions.db")):
        assert titles(plain) == {"one": "Ours", "two": "two"}
    assert waited == []


def test_closing_ends_the_watch(followed: SessionRepository) -> None:
    watches = inotify_descriptors()
    followed.close()
    assert len(inotify_descriptors()) == len(watches) - 1
