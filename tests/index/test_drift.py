"""Tests drift: its decisions as tables of cases, and changes by other programs in lists."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hermes_sessions import NotFound, SessionRepository, Signature, StorageError, SyncReport, Unreadable
from hermes_sessions.index import drift
from hermes_sessions.index.sync import FILES_PER_COMMIT

from ..support.make import folder_of, message, started, turns, wait_for_tick, write, write_document

SECOND = 1_000_000_000
NOW = 1_777_000_000 * SECOND + 123_456_789
WHOLE = 1_777_000_000 * SECOND


@pytest.mark.parametrize(
    ("folder", "known", "scanned", "now", "current"),
    [
        (NOW, None, 0, NOW + SECOND, False),
        (NOW, NOW - 1, NOW + SECOND, NOW + 2 * SECOND, False),
        (NOW, NOW, NOW + SECOND, NOW + 9 * SECOND, True),
        (NOW, NOW, NOW + 1_000_000, NOW + 9 * SECOND, False),  # scanned within the clock's tick
        (NOW, NOW, NOW, NOW + 1, False),
        (NOW, NOW, NOW - SECOND, NOW + SECOND, True),  # our own write, lately
        (NOW, NOW, NOW - SECOND, NOW + 3 * SECOND, False),  # our own write, to be confirmed
        (NOW, NOW, NOW - SECOND, NOW - 1, False),  # the file server's clock is ahead
        (WHOLE, WHOLE, WHOLE + SECOND, WHOLE + 9 * SECOND, False),  # a disk that keeps whole seconds
        (WHOLE, WHOLE, WHOLE + 3 * SECOND, WHOLE + 9 * SECOND, True),
    ],
)
def test_the_time_of_the_folder_tells_whether_the_index_is_current(
    folder: int, known: int | None, scanned: int, now: int, current: bool
) -> None:
    assert drift.is_current(folder, known, scanned, now) is current


VERSIONS = st.builds(Signature, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
FOLDERS = st.dictionaries(st.text("abc", min_size=1, max_size=2), VERSIONS, max_size=6)


@given(FOLDERS, FOLDERS)
def test_a_plan_makes_the_rows_equal_to_the_files(
    files: dict[str, Signature], rows: dict[str, Signature]
) -> None:
    if rows and not files:
        with pytest.raises(StorageError, match="not mounted"):
            drift.plan_sync(files, rows)
    plan = drift.plan_sync(files, rows, may_be_empty=True)
    after = {name: version for name, version in rows.items() if name not in plan.removed}
    after |= {name: files[name] for name in plan.added + plan.changed}
    assert after == files
    assert set(plan.added).isdisjoint(rows)
    assert all(rows[name] != files[name] for name in plan.changed)
    assert set(plan.removed) == rows.keys() - files.keys()


# ---- other programs' changes ----------------------------------------------------------------------------


def titles(sessions: SessionRepository) -> list[str]:
    return sorted(summary.title for summary in sessions.list().items)


def test_a_file_added_replaced_removed_restored_shows_in_the_next_list(
    sessions: SessionRepository, tmp_path: Path
) -> None:
    write_document(sessions, "kept", title="kept")
    path = write_document(sessions, "one", title="one")
    assert titles(sessions) == ["kept", "one"]
    write_document(sessions, "one", title="replaced", messages=turns(3))
    assert titles(sessions) == ["kept", "replaced"]
    assert sessions.summary("one").message_count == 3
    path.rename(tmp_path / "away.json")
    assert titles(sessions) == ["kept"]
    (tmp_path / "away.json").rename(path)
    assert titles(sessions) == ["kept", "replaced"]


def test_every_change_by_another_program_between_two_writes_is_listed(sessions: SessionRepository) -> None:
    mine = started(sessions, 1, title="mine")
    for step in range(20):
        sessions.append(mine, [message(str(step))])
        wait_for_tick(folder_of(sessions).parent)
        write_document(sessions, "other", title=f"other {step}")
        assert f"other {step}" in titles(sessions)


def test_a_change_by_another_program_within_a_clock_tick_is_listed_after_the_grace_time(
    sessions: SessionRepository,
) -> None:
    mine = started(sessions, 1, title="mine")
    sessions.list()
    sessions.append(mine, [message("x")])
    written = folder_of(sessions).stat()
    write_document(sessions, "other", title="other")
    os.utime(folder_of(sessions), ns=(written.st_atime_ns, written.st_mtime_ns))  # as if in the same tick
    past = written.st_mtime_ns - 3 * SECOND
    os.utime(folder_of(sessions), ns=(past, past))  # and some seconds later
    assert "other" in titles(sessions)


def test_a_total_is_counted_again_after_a_write_by_another_program(
    sessions: SessionRepository,
) -> None:
    write_document(sessions, "one", title="one", profile="work")
    assert (sessions.count(), sessions.count(profile="work"), sessions.list(limit=1).total) == (1, 1, 1)
    with SessionRepository.open(sessions.config.state_dir) as other:
        other.append(other.new(profile="work").session_id, [message()])
        assert (sessions.count(), sessions.count(profile="work"), sessions.list(limit=1).total) == (2, 2, 2)
        other.update("one", archived=True, touch=False)
        assert (sessions.count(archived=True), sessions.list(limit=1, archived=True).total) == (1, 1)
        other.update("one", archived=False, touch=False)
        assert (sessions.count(archived=True), sessions.list(limit=1, archived=True).total) == (0, 0)
    write_document(sessions, "two", title="two")
    assert (sessions.count(), sessions.list(limit=1).total) == (3, 3)


def test_a_session_is_compared_with_its_file_even_if_the_folder_is_unchanged(
    sessions: SessionRepository,
) -> None:
    path = write_document(sessions, "one", title="one")
    assert titles(sessions) == ["one"]
    path.write_text('{"session_id": "one", "title": "in place", "messages": []}')
    assert sessions.summary("one").title == "in place"
    assert sessions.update("one", pinned=True).title == "in place"
    path.unlink()
    with pytest.raises(NotFound):
        sessions.summary("one")


def test_a_sync_reports_what_it_did(sessions: SessionRepository) -> None:
    for name in ("a", "b", "c"):
        write_document(sessions, name, title=name)
    assert sessions.sync() == SyncReport(added=3, changed=0, removed=0, unreadable=0)
    assert sessions.sync() == SyncReport(0, 0, 0, 0)
    write_document(sessions, "a", title="again")
    (folder_of(sessions) / "b.json").unlink()
    write(sessions, "c", "{broken")
    write_document(sessions, "d", title="d")
    assert sessions.sync() == SyncReport(added=1, changed=1, removed=1, unreadable=1)
    assert sessions.rebuild() == SyncReport(added=2, changed=0, removed=0, unreadable=1)
    write_document(sessions, "c", title="mended")
    assert sessions.sync() == SyncReport(added=0, changed=1, removed=0, unreadable=0)


def test_an_unmounted_disk_raises_and_the_index_is_kept(tmp_path: Path) -> None:
    index = f"sqlite:///{tmp_path}/elsewhere.db"
    with SessionRepository.open(tmp_path / "state", database_url=index) as sessions:
        write_document(sessions, "one", title="one")
        before = sessions.list()
        folder = folder_of(sessions)
        folder.rename(tmp_path / "unmounted")
        for look in (sessions.list, sessions.count, sessions.sync, sessions.version):
            with pytest.raises(StorageError):
                look()
        folder.mkdir()
        for look in (sessions.list, sessions.sync):
            with pytest.raises(StorageError, match="not mounted"):
                look()
        with pytest.raises(StorageError, match="not mounted"):
            SessionRepository.open(sessions.config.state_dir, database_url=index)
        folder.rmdir()
        (tmp_path / "unmounted").rename(folder)
        assert sessions.list() == before


@pytest.mark.parametrize("beside", ["projects.json", "sessions.db", "sessions/_index.json"])
def test_an_empty_folder_of_a_home_is_an_empty_list(tmp_path: Path, beside: str) -> None:
    index = f"sqlite:///{tmp_path}/elsewhere.db"
    with SessionRepository.open(tmp_path / "state", database_url=index) as sessions:
        path = write_document(sessions, "one", title="one")
        assert sessions.count() == 1
        (sessions.config.state_dir / beside).write_text("[]")
        path.unlink()
        assert sessions.list().items == []
        assert sessions.sync() == SyncReport(0, 0, 0, 0)
    with SessionRepository.open(tmp_path / "state", database_url=index) as again:
        assert again.list().items == []


def test_a_rebuild_of_an_empty_folder_forgets_every_session(sessions: SessionRepository) -> None:
    path = write_document(sessions, "one", title="one")
    draft = sessions.new()
    sessions.list()
    path.unlink()
    assert sessions.rebuild() == SyncReport(0, 0, 1, 0)
    assert sessions.list().items == []
    assert sessions.get(draft.session_id) == draft


def test_a_home_restored_from_a_copy_with_its_index_is_read_again(
    sessions: SessionRepository, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        write_document(sessions, name, title=name)
    before = sessions.list()
    sessions.close()
    copy = tmp_path / "copy"
    shutil.copytree(sessions.config.state_dir, copy)
    with SessionRepository.open(copy) as restored:
        assert restored.list() == before
        assert restored.update("one", title="on").title == "on"


def test_temporary_files_of_a_crash_are_deleted_after_an_hour(sessions: SessionRepository) -> None:
    for folder in (folder_of(sessions), sessions.config.state_dir):
        old, young = folder / "one.tmp.1.2", folder / "two.tmp.1.2"
        for path in (old, young):
            path.write_text("half")
        os.utime(old, (time.time() - 3601,) * 2)
    with SessionRepository.open(sessions.config.state_dir):
        pass
    for folder in (folder_of(sessions), sessions.config.state_dir):
        assert sorted(path.name for path in folder.glob("*.tmp.*")) == ["two.tmp.1.2"]


@pytest.mark.slow
def test_two_processes_list_the_writes_of_each_other(sessions: SessionRepository) -> None:
    session_id = started(sessions, 1, title="one")
    program = (
        "import sys; from hermes_sessions import SessionRepository\n"
        "with SessionRepository.open(sys.argv[1]) as sessions:\n"
        "    print(sessions.summary(sys.argv[2]).title, sessions.count())\n"
        "    sessions.update(sys.argv[2], title='two')\n"
        "    sessions.append(sessions.new().session_id, [{'role': 'user', 'content': 'x'}])\n"
    )
    arguments = [sys.executable, "-c", program, str(sessions.config.state_dir), session_id]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["one", "1"]
    assert titles(sessions) == ["Untitled", "two"]


class TwoPrograms(RuleBasedStateMachine):
    """A repository and a program without its locks change one folder; every list equals the files."""

    names = st.sampled_from(["a", "b", "c"])

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.sessions = SessionRepository.open(hermes_home=self.home)
        self.truth: dict[str, tuple[str, int] | None] = {}
        write_document(self.sessions, "always", title="always")
        self.truth["always"] = ("always", 0)

    def teardown(self) -> None:
        self.sessions.close()
        shutil.rmtree(self.home)

    @contextmanager
    def foreign_change(self) -> Iterator[None]:
        """Take turns as two programs do: a file system in memory fits a change of each into one tick."""
        wait_for_tick(self.home)
        yield
        wait_for_tick(self.home)

    @rule(name=names, title=st.sampled_from(["x", "y"]), count=st.integers(0, 2))
    def foreign_write(self, name: str, title: str, count: int) -> None:
        with self.foreign_change():
            write_document(self.sessions, name, title=title, messages=turns(count))
        self.truth[name] = (title, count)

    @rule(name=names)
    def foreign_delete(self, name: str) -> None:
        with self.foreign_change():
            (folder_of(self.sessions) / f"{name}.json").unlink(missing_ok=True)
        self.truth.pop(name, None)

    @rule(name=names)
    def foreign_damage(self, name: str) -> None:
        with self.foreign_change():
            write(self.sessions, name, '{"title": ')
        self.truth[name] = None

    @rule(name=names, title=st.sampled_from(["x", "y", "z"]))
    def rename(self, name: str, title: str) -> None:
        known = self.truth.get(name)
        if known:
            self.sessions.update(name, title=title)
            self.truth[name] = (title, known[1])
        else:
            with pytest.raises((NotFound, Unreadable)):
                self.sessions.update(name, title=title)

    @rule(name=names)
    def append(self, name: str) -> None:
        known = self.truth.get(name)
        if known:
            self.sessions.append(name, [message()])
            self.truth[name] = (known[0], known[1] + 1)

    @rule(name=names)
    def delete(self, name: str) -> None:
        if name in self.truth:
            self.sessions.delete(name)
            del self.truth[name]

    @rule()
    def sync(self) -> None:
        self.sessions.sync()

    @invariant()
    def the_list_is_the_truth(self) -> None:
        page = self.sessions.list(hidden=True)
        listed = {summary.session_id: (summary.title, summary.message_count) for summary in page.items}
        assert listed == {name: known for name, known in self.truth.items() if known}
        # The other program also overwrites titles and writes deleted sessions again, which is said too.
        unreadable = [each for each in page.warnings if "another program" not in each]
        assert len(unreadable) == sum(known is None for known in self.truth.values())


TestTwoPrograms = pytest.mark.slow(TwoPrograms.TestCase)


IMPORT = """
import sys
from hermes_sessions import SessionRepository

def progress(done, total):
    print(done, total, flush=True)
    sys.stdin.readline()

SessionRepository.open(hermes_home=sys.argv[1], progress=progress).close()
"""


@pytest.mark.fault
def test_a_first_import_that_was_killed_is_continued(tmp_path: Path) -> None:
    home, count = tmp_path / "home", 2 * FILES_PER_COMMIT + 10
    with SessionRepository.open(hermes_home=home) as sessions:
        for number in range(count):
            write_document(sessions, f"s{number}", title=f"Title {number}", messages=[message()])
        for path in sessions.config.state_dir.glob("*.db*"):
            path.unlink()
    command = [sys.executable, "-c", IMPORT, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline().split() == [str(FILES_PER_COMMIT), str(count)]
        first.kill()
    seen: list[tuple[int, int]] = []
    with SessionRepository.open(hermes_home=home, progress=lambda *told: seen.append(told)) as sessions:
        assert seen == [
            (FILES_PER_COMMIT, count - FILES_PER_COMMIT),
            (count - FILES_PER_COMMIT, count - FILES_PER_COMMIT),
        ]
        assert {each.title for each in sessions.list().items} == {
            f"Title {number}" for number in range(count)
        }
