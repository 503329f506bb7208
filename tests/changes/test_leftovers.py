"""No version of another program is lost in the moments of a change, wherever that is broken off.

A program is stopped by strace between two of its own system calls, another one's write is made there, and it
goes on or is killed.
"""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hermes_sessions import Conflict, NotFound, SessionRepository, files
from hermes_sessions.config import resolve
from hermes_sessions.model import Signature

from ..support.make import folder_of, started, turns, write_document
from ..support.programs import need_strace

PROGRAM = """
import os, sys
from hermes_sessions import SessionRepository
with SessionRepository.open(hermes_home=sys.argv[1]) as sessions:
    print(os.getpid(), flush=True)
    {act}
"""
UPDATE = """sessions.update("one", extra={"ours": 1})"""
CREATE = """sessions.projects.create("ours")"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the session that is changed, and another."""
    home = tmp_path / "home"
    with SessionRepository.open(hermes_home=home) as sessions:
        for name in ("one", "other"):
            write_document(sessions, name, title=name, messages=turns(2))
        sessions.sync()
    return home


class Held:
    """A program that changes the session, and is stopped or killed at its renames."""

    def __init__(self, path: Path, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.path = path
        self._process, self._pid = process, int(process.stdout.readline())

    def wait_until_ready(self) -> None:
        """Wait until it is stopped with the new file aside."""
        while not self.asides():
            os.sched_yield()
        self._wait_until_stopped()

    def wait_until_swapped(self) -> None:
        """Wait until it is stopped with the new file in place."""
        while not self._is_in_place():
            os.sched_yield()
        self._wait_until_stopped()

    def _is_in_place(self) -> bool:
        return b'"ours"' in self.path.read_bytes()

    def asides(self) -> list[Path]:
        """Return what lies aside."""
        return list(self.path.parent.glob("*.swap.*"))

    def _wait_until_stopped(self) -> None:
        while Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()[0] not in "Tt":
            os.sched_yield()

    def write(self, title: str) -> bytes:
        """Write another version without a lock, as the web UI does, and return it."""
        document = {"session_id": "one", "title": title, "messages": turns(3), "theirs": 1}
        return self.write_value(document)

    def write_value(self, value: object) -> bytes:
        """Write another file without a lock, and return it."""
        text = json.dumps(value).encode()
        temporary = self.path.with_suffix(".foreign")
        temporary.write_bytes(text)
        temporary.replace(self.path)
        return text

    def go_on(self) -> None:
        """Let it go on."""
        os.kill(self._pid, signal.SIGCONT)

    def end(self) -> str:
        """Wait until it has ended, and return what it said of an error."""
        _, said = self._process.communicate()
        return said


@contextmanager
def held(home: Path, *injections: str, act: str = UPDATE) -> Iterator[Held]:
    """Run the program with these faults put in."""
    changed = "sessions/one.json" if act == UPDATE else "projects.json"
    need_strace()
    faults = [word for injection in injections for word in ("-e", f"inject={injection}")]
    strace = ["strace", "-f", "-o", os.devnull, "-e", "trace=rename,renameat2", *faults]
    program = [sys.executable, "-B", "-c", PROGRAM.format(act=act), str(home)]
    with subprocess.Popen(
        [*strace, *program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield Held(home / "webui" / changed, process)


READY, SWAPPED, KILLED_SWAPPING, KILLED_SWAPPED = (
    "rename:signal=STOP:when=1",
    "renameat2:signal=STOP:when=1",
    "renameat2:signal=KILL:when=1",
    "renameat2:signal=KILL:when=2",
)


@pytest.mark.fault
def test_what_comes_between_the_last_look_and_the_change_is_kept_and_changed(home: Path) -> None:
    with held(home, READY) as program:
        program.wait_until_ready()
        theirs = json.loads(program.write("theirs"))
        program.go_on()
        assert program.end() == ""
        left = json.loads(program.path.read_bytes())
    assert {name: left[name] for name in theirs if name != "updated_at"} == theirs
    assert left["ours"] == 1
    assert not program.asides()


@pytest.mark.fault
@pytest.mark.parametrize("settle", ["open", "sync", "repair"])
def test_killed_with_their_version_aside_it_is_in_the_trash_whole(home: Path, settle: str) -> None:
    with held(home, READY, KILLED_SWAPPED) as program:
        program.wait_until_ready()
        theirs = program.write("theirs")
        program.go_on()
        program.end()
    (aside,) = program.asides()
    assert aside.read_bytes() == theirs
    ours = program.path.read_bytes()
    with SessionRepository(resolve(hermes_home=home)) as sessions:
        (finding,) = [each for each in sessions.check() if each.kind == "unseen version"]
        assert finding.session_id == "one"
        assert aside.read_bytes() == theirs, "a check changes nothing"
        if settle == "repair":
            assert [each.kind for each in sessions.repair().repairable] == ["stale row", "unseen version"]
            sessions.repair(apply=True)
        elif settle == "sync":
            sessions.sync()
    with SessionRepository.open(hermes_home=home) as sessions:
        assert not program.asides()
        (kept,) = sessions.config.trash_dir.iterdir()
        assert kept.read_bytes() == theirs
        (told,) = sessions.trash()
        assert (told.session_id, told.title, told.message_count, told.why) == ("one", "theirs", 3, "rescued")
        assert sorted(each.session_id for each in sessions.list(hidden=True).items) == ["one", "other"]
        (note,) = [each for each in sessions.check() if each.kind == "rescued version"]
        assert note.note
        with pytest.raises(Conflict, match="there is a session one"):
            sessions.restore("one")
        assert program.path.read_bytes() == ours
        sessions.delete("one")
        assert sessions.restore("one").title == "one", "what was deleted goes before what was rescued"
        assert sessions.purge(older_than=0) == 1


@pytest.mark.fault
def test_killed_before_the_change_their_version_has_its_place_and_ours_goes(home: Path) -> None:
    with held(home, READY, KILLED_SWAPPING) as program:
        program.wait_until_ready()
        theirs = program.write("theirs")
        program.go_on()
        program.end()
    assert len(program.asides()) == 1
    with SessionRepository.open(hermes_home=home) as sessions:
        assert sessions.trash() == []
        assert sessions.summary("one").title == "theirs"
    assert not program.asides()
    assert program.path.read_bytes() == theirs


@pytest.mark.fault
def test_of_two_versions_of_theirs_the_newest_has_the_place_and_the_other_is_kept(home: Path) -> None:
    with held(home, READY, SWAPPED) as program:
        program.wait_until_ready()
        first = program.write("first")
        program.go_on()
        program.wait_until_swapped()
        second = json.loads(program.write("second"))
        program.go_on()
        assert program.end() == ""
    left = json.loads(program.path.read_bytes())
    assert (left["title"], left["messages"], left["ours"]) == ("second", second["messages"], 1)
    (aside,) = program.asides()
    assert aside.read_bytes() == first
    with SessionRepository.open(hermes_home=home) as sessions:
        assert [(each.title, each.why) for each in sessions.trash()] == [("first", "rescued")]
    assert not program.asides()


@pytest.mark.fault
def test_a_session_that_they_remove_meanwhile_is_gone_and_their_last_version_kept(home: Path) -> None:
    with held(home, READY, SWAPPED) as program:
        program.wait_until_ready()
        program.write("theirs")
        program.go_on()
        program.wait_until_swapped()
        program.path.unlink()
        program.go_on()
        assert "no session one" in program.end()
    with SessionRepository.open(hermes_home=home) as sessions:
        assert [(each.title, each.why) for each in sessions.trash()] == [("theirs", "rescued")]
        with pytest.raises(NotFound):
            sessions.get("one")
        assert sessions.restore("one").title == "theirs"


THEIRS = [{"project_id": "theirs", "name": "theirs", "of": "theirs"}]


@pytest.fixture
def with_projects(home: Path) -> Path:
    """The home with one project."""
    (home / "webui" / "projects.json").write_text('[{"project_id": "old", "name": "old"}]')
    return home


@pytest.mark.fault
def test_projects_that_come_between_the_last_look_and_the_change_are_kept(with_projects: Path) -> None:
    with held(with_projects, READY, act=CREATE) as program:
        program.wait_until_ready()
        program.write_value(THEIRS)
        program.go_on()
        assert program.end() == ""
    left = json.loads(program.path.read_bytes())
    assert left[0] == THEIRS[0]
    assert [each["name"] for each in left] == ["theirs", "ours"]
    assert not program.asides()


@pytest.mark.fault
def test_killed_with_their_projects_aside_these_stay_and_are_told(with_projects: Path) -> None:
    with held(with_projects, READY, KILLED_SWAPPED, act=CREATE) as program:
        program.wait_until_ready()
        theirs = program.write_value(THEIRS)
        program.go_on()
        program.end()
    (aside,) = program.asides()
    with SessionRepository.open(hermes_home=with_projects) as sessions:
        sessions.repair(apply=True)
        assert [each.name for each in sessions.projects.list()] == ["old", "ours"]
        (finding,) = [each for each in sessions.check() if each.kind == "unseen projects"]
        assert aside.name in finding.meaning
        assert aside.read_bytes() == theirs
        assert sessions.trash() == []
        program.write_value(THEIRS)
        sessions.repair(apply=True)
        assert not aside.exists(), "it is in its place, byte for byte"


# ---- where files cannot change places ---------------------------------------------------------------------


@pytest.mark.fault
@pytest.mark.parametrize("error", ["ENOSYS", "EINVAL", "EOPNOTSUPP", "EPERM"])
def test_without_an_exchange_the_change_is_made_by_renaming(home: Path, error: str) -> None:
    assert getattr(errno, error) in files.NO_FLAGS
    with held(home, f"renameat2:error={error}") as program:
        assert program.end() == ""
    assert json.loads(program.path.read_bytes())["ours"] == 1
    assert {each.name for each in program.path.parent.iterdir()} == {"one.json", "other.json"}


@pytest.mark.fault
def test_without_an_exchange_what_comes_before_the_last_look_is_kept(home: Path) -> None:
    with held(home, READY, "renameat2:error=ENOSYS") as program:
        program.wait_until_ready()
        theirs = json.loads(program.write("theirs"))
        program.go_on()
        assert program.end() == ""
    left = json.loads(program.path.read_bytes())
    assert (left["title"], left["messages"], left["ours"]) == ("theirs", theirs["messages"], 1)


# ---- what lies aside --------------------------------------------------------------------------------------


def test_a_name_says_what_may_be_erased(tmp_path: Path) -> None:
    known = Signature(3, 4, 5)
    name = tmp_path / "one-_2.swap.1.2.3.4.5"
    assert files.parse_aside(name) == files.Aside(name, "one-_2", 2, known)
    for other in (
        "one.json",
        "one.tmp.1.2",
        "one.swap.1.2.3.4",
        "a.b.swap.1.2.3.4.5",
        "one.swap.1.2.3.4.5.6",
    ):
        assert files.parse_aside(tmp_path / other) is None


def test_what_lies_aside_goes_or_stays_by_its_name(sessions: SessionRepository) -> None:
    started(sessions)
    folder = folder_of(sessions)

    def put(text: bytes) -> os.stat_result:
        (folder / "new").write_bytes(text)
        return (folder / "new").stat()

    ours = put(b"ours")
    (folder / "new").rename(folder / f"a.swap.1.{ours.st_ino}.0.0.0")
    known = put(b"known")
    (folder / "new").rename(folder / f"b.swap.1.1.{known.st_size}.{known.st_mtime_ns}.{known.st_ino}")
    inode = put(b"unseen, in the same inode").st_ino
    (folder / "new").rename(folder / f"c.swap.1.1.5.{known.st_mtime_ns}.{inode}")
    sessions.sync()
    assert not list(folder.glob("*.swap.*"))
    assert [(each.session_id, each.why) for each in sessions.trash()] == [("c", "rescued")]


def test_what_lies_aside_and_is_elsewhere_too_is_not_kept_twice(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    path = folder_of(sessions) / f"{session_id}.json"
    shutil.copy(path, path.with_name(f"{session_id}.swap.1.0.0.0.0"))
    sessions.sync()
    assert sessions.trash() == []
    text = path.read_bytes()
    sessions.delete(session_id)
    path.with_name(f"{session_id}.swap.2.0.0.0.0").write_bytes(text)
    sessions.sync()
    assert [each.why for each in sessions.trash()] == ["deleted"]
    assert sessions.list(hidden=True).total == 0
    assert not list(path.parent.glob("*.swap.*"))


# ---- moves between two disks ------------------------------------------------------------------------------

ACTS = {
    "delete": """sessions.delete("one")""",
    "restore": """sessions.restore("deleted")""",
}
MOVE = """
import sys
from hermes_sessions import SessionRepository
with SessionRepository.open(hermes_home=sys.argv[1]) as sessions:
    print("ready", flush=True)
    sys.stdin.readline()
    {act}
"""


@pytest.fixture
def two_disks(home: Path, disk: Path) -> Path:
    """The home with its trash on another disk, and a session in it."""
    trash = home / "webui" / "trash"
    if trash.exists():
        trash.rmdir()
    trash.symlink_to(disk)
    with SessionRepository.open(hermes_home=home) as sessions:
        write_document(sessions, "deleted", title="deleted", messages=turns(5))
        sessions.delete("deleted")
    return home


def killed_at(home: Path, act: str, call: str, number: int) -> bool:
    """Make a move, killed at its `number`th system call of a kind on the way; return whether it was."""
    program = [sys.executable, "-B", "-c", MOVE.format(act=ACTS[act]), str(home)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        kill = f"inject={call}:signal=KILL:when={number}"
        strace = ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", kill, "-p", str(process.pid)]
        with subprocess.Popen(strace, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            if "attached" not in tracer.stderr.readline():
                process.kill()
                pytest.skip("strace may not attach to a process here")
            process.communicate("go\n")
            tracer.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.fault
@pytest.mark.parametrize(
    ("act", "calls", "least"),
    [
        ("delete", ("rename", "renameat2", "unlink", "fsync"), 6),
        ("restore", ("renameat2", "unlink", "fsync"), 5),
    ],
)
def test_a_move_to_another_disk_killed_anywhere_leaves_the_session_in_one_place(
    two_disks: Path, act: str, calls: tuple[str, ...], least: int, tmp_path: Path
) -> None:
    need_strace()
    kept = {name: tmp_path / f"kept {name}" for name in ("sessions", "trash")}
    for name, folder in kept.items():
        shutil.copytree(two_disks / "webui" / name, folder)
    kills = 0
    for call in calls:
        number = 1
        while killed_at(two_disks, act, call, number):
            with SessionRepository(resolve(hermes_home=two_disks)) as sessions:
                if number % 2:
                    sessions.repair(apply=True)
            check_places(two_disks, "one" if act == "delete" else "deleted")
            put_back(two_disks, kept)
            number += 1
            kills += 1
        put_back(two_disks, kept)
    assert kills >= least


def check_places(home: Path, moved: str) -> None:
    """See that each session is in one place, and nothing is left."""
    with SessionRepository.open(hermes_home=home) as sessions:
        listed = [each.session_id for each in sessions.list(hidden=True).items]
        trashed = [each.session_id for each in sessions.trash()]
        assert (listed.count(moved), trashed.count(moved)) in ((1, 0), (0, 1))
        assert sorted(listed + trashed) == ["deleted", "one", "other"]
        assert {each.kind for each in sessions.check()} <= {"agent unavailable", "rescued version"}
        assert not list((home / "webui").rglob("*.swap.*"))


def put_back(home: Path, kept: dict[str, Path]) -> None:
    """Make the folders of a home what they were."""
    for name, folder in kept.items():
        for path in (home / "webui" / name).iterdir():
            path.unlink()
        for path in folder.iterdir():
            shutil.copy2(path, home / "webui" / name)


@pytest.mark.fault
def test_a_full_disk_of_the_trash_leaves_the_session_where_it_is(two_disks: Path) -> None:
    with SessionRepository.open(hermes_home=two_disks) as sessions:
        write_document(sessions, "large", title="x" * 2_000_000, messages=turns(2))
        before = sessions.get("large")
        with pytest.raises(Exception, match="No space left"):
            sessions.delete("large")
        assert sessions.get("large").messages == before.messages
        assert {path.name for path in folder_of(sessions).iterdir()} == {
            "large.json",
            "one.json",
            "other.json",
        }


@pytest.mark.fault
def test_what_is_in_both_places_is_told_and_dropped_from_the_trash(two_disks: Path) -> None:
    with SessionRepository.open(hermes_home=two_disks) as sessions:
        (entry,) = sessions.config.trash_dir.iterdir()
        shutil.copy(entry, folder_of(sessions) / "deleted.json")
        sessions.list()
        (finding,) = [each for each in sessions.check() if each.kind == "copy in the trash"]
        assert finding.session_id == "deleted"
        assert [each.kind for each in sessions.repair().repairable] == ["copy in the trash"]
        assert len(sessions.trash()) == 1, "saying is not doing"
        sessions.repair(apply=True)
        assert sessions.trash() == []
        assert sessions.summary("deleted").message_count == 5


@pytest.mark.parametrize("hours", [0.5, 2])
def test_temporary_files_in_the_trash_go_after_an_hour(sessions: SessionRepository, hours: float) -> None:
    sessions.config.trash_dir.mkdir(exist_ok=True)
    path = sessions.config.trash_dir / "one.1.agent.tmp.2.3"
    path.write_text("{")
    at = path.stat().st_mtime - hours * 3600
    os.utime(path, (at, at))
    assert [each.kind for each in sessions.repair().repairable] == (["debris"] if hours > 1 else [])
    sessions.sync()
    assert path.exists() is (hours < 1)
