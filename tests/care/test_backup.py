"""Backups: what is in one, beside programs that write, on a disk that refuses; and every damage of one."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import InvalidValue, NotFound, SessionRepository, StorageError
from hermes_sessions.care import create_backup, verify_backup
from hermes_sessions.findings import BackupReport
from hermes_sessions.index import Progress, database

from ..support.make import folder_of, message, snapshot, started, turns, write, write_document
from ..support.programs import need_strace

pytestmark = pytest.mark.sqlite("a copy of its file")

DAY = 86_400 * 10**9


def made(sessions: SessionRepository, folder: Path, progress: Progress | None = None) -> BackupReport:
    """Back up a repository's state folder."""
    engine = database.make_engine(sessions.config.index)
    try:
        return create_backup(sessions.config, engine, folder, progress)
    finally:
        engine.dispose()


def verify(folder: Path) -> list[str]:
    """Return what is wrong with a backup."""
    return list(verify_backup(folder).problems)


def notes(folder: Path) -> list[str]:
    """Return what a backup without a problem lacks."""
    return list(verify_backup(folder).notes)


def names(folder: Path) -> set[str]:
    """Return the relative path of everything in a folder that is not a folder."""
    found = [path for path in folder.rglob("*") if not path.is_dir()]
    # Less the index of words and its locks, which a thread keeps beside whatever is tested.
    return {str(path.relative_to(folder)) for path in found if not path.name.startswith("search")}


def leftovers(folder: Path) -> list[str]:
    """Return what a backup that failed has left beside where it was to be."""
    return [path.name for path in folder.parent.iterdir() if path.name.startswith(folder.name)]


def manifest(folder: Path) -> Any:
    """Return the manifest of a backup."""
    return json.loads((folder / "manifest.json").read_bytes())


@pytest.fixture
def full(sessions: SessionRepository) -> SessionRepository:
    """A repository with a bit of everything that a backup has."""
    write_document(sessions, "one", title="One", messages=turns(4))
    write_document(sessions, "two", title="Two", messages=turns(2))
    write_document(sessions, "gone", title="Gone", messages=turns(1))
    sessions.delete("gone")
    sessions.truncate("one", 2)
    sessions.projects.create("Work")
    sessions.tag("two", "kept")
    write(sessions, "_index", "[]")
    (folder_of(sessions) / "one.json.bak").write_text('{"title": "The web UI\'s", "messages": []}')
    state = sessions.config.state_dir
    (state / "settings.json").write_text("{}")
    (state / "last_workspace.txt").write_text("/tmp")
    (state / "logs.txt").write_text("not ours")
    (folder_of(sessions) / "notes.txt").write_text("not ours")
    (sessions.config.trash_dir / "half.tmp.1.2").write_text("being written")
    return sessions


@pytest.fixture
def good(full: SessionRepository, tmp_path: Path) -> Path:
    """A backup in which nothing is wrong yet."""
    made(full, tmp_path / "backup")
    return tmp_path / "backup"


# ---- what is in one ---------------------------------------------------------------------------------------


def test_a_backup_holds_what_is_the_users(full: SessionRepository, tmp_path: Path) -> None:
    folder, trashed = tmp_path / "backup", next(full.config.trash_dir.glob("gone.*")).name
    longer, changes = next(full.config.backups_dir.glob("one.*.json")).name, "one.changes.jsonl"
    report = made(full, folder)
    sidecars = {"one.json", "one.json.bak", "two.json", "_index.json"}
    single = {"projects.json", "tags.json", "last_workspace.txt", "settings.json", "sessions.db"}
    kept = {f"trash/{trashed}", f"backups/{longer}", f"backups/{changes}"}
    wanted = {*(f"sessions/{name}" for name in sidecars), *kept, *single}
    assert names(folder) == {*wanted, "manifest.json"}
    assert report == BackupReport(
        len(wanted), sum((folder / name).stat().st_size for name in wanted), (), index=True
    )
    for name in wanted - {"sessions.db"}:
        assert (folder / name).read_bytes() == (full.config.state_dir / name).read_bytes()
    assert verify(folder) == []
    assert notes(folder) == []


def test_the_manifest_says_what_each_file_is(good: Path) -> None:
    found = manifest(good)
    assert found["format"] == 1
    assert isinstance(found["created_at"], float)
    assert {entry["path"] for entry in found["files"]} == names(good) - {"manifest.json"}
    for entry in found["files"]:
        data = (good / entry["path"]).read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    readable = {entry["path"]: entry["readable"] for entry in found["files"] if "readable" in entry}
    assert readable == {"sessions/one.json": True, "sessions/two.json": True}


def test_times_are_kept_and_modes_are_the_owners(full: SessionRepository, tmp_path: Path) -> None:
    state, folder = full.config.state_dir, tmp_path / "backup"
    state.chmod(0o750)
    folder_of(full).chmod(0o710)
    (state / "sessions.db").chmod(0o640)
    one = folder_of(full) / "one.json"
    one.chmod(0o404)
    os.utime(one, ns=(DAY, 2 * DAY + 123_456_789))
    made(full, folder)
    modes = [(folder / name).stat().st_mode & 0o777 for name in ("", "sessions", "sessions.db")]
    assert modes == [0o700, 0o700, 0o600]
    copy = (folder / "sessions" / "one.json").stat()
    assert (copy.st_mode & 0o777, copy.st_mtime_ns) == (0o400, 2 * DAY + 123_456_789)


@pytest.mark.parametrize("index", [True, False])
def test_a_backup_that_is_copied_back_gives_the_same_lists(sample: Path, tmp_path: Path, index: bool) -> None:
    state = sample / "webui"
    with SessionRepository.open(hermes_home=sample) as sessions:
        sessions.delete(sessions.list().items[0].session_id)
        draft = sessions.new(model="a draft") if index else None
        before, beside = sessions.list(hidden=True), sessions.list(agent=True)
        transcripts = {
            each.session_id: sessions.get(each.session_id).messages for each in sessions.list().items
        }
        made(sessions, tmp_path / "backup")
    assert verify(tmp_path / "backup") == []
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "backup", state)
    if not index:
        (state / "sessions.db").unlink()
    with SessionRepository.open(hermes_home=sample) as restored:
        assert restored.list(hidden=True) == before
        assert restored.list(agent=True) == beside
        assert draft is None or restored.get(draft.session_id).model == "a draft"
        for session_id, messages in transcripts.items():
            assert restored.get(session_id).messages == messages


def test_a_home_without_anything_is_backed_up(sessions: SessionRepository, tmp_path: Path) -> None:
    sessions.config.trash_dir.rmdir()
    report = made(sessions, tmp_path / "backup")
    assert (report.files, report.index) == (1, True)
    assert verify(tmp_path / "backup") == []


def test_a_missing_sessions_folder_is_a_disk_not_mounted(full: SessionRepository, tmp_path: Path) -> None:
    folder_of(full).rename(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="cannot list sessions"):
        made(full, tmp_path / "backup")
    assert leftovers(tmp_path / "backup") == []


def test_an_index_that_lies_elsewhere_is_copied(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    with SessionRepository.open(tmp_path / "state", database_url=url) as sessions:
        started(sessions, 2)
        engine = database.make_engine(url)
        assert create_backup(sessions.config, engine, tmp_path / "backup").index
        engine.dispose()
    assert verify(tmp_path / "backup") == []


def test_progress_counts_the_files(full: SessionRepository, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    made(full, tmp_path / "backup", lambda done, total: calls.append((done, total)))
    assert [done for done, _ in calls] == list(range(1, len(calls) + 1))
    assert all(done <= total for done, total in calls)
    assert calls[-1] == (11, 11)


def test_a_file_is_never_held_as_a_whole(full: SessionRepository, tmp_path: Path) -> None:
    large = full.config.trash_dir / "large.1.deleted.json"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    try:
        made(full, tmp_path / "backup")
        assert verify(tmp_path / "backup") == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


# ---- where it may lie -------------------------------------------------------------------------------------


@pytest.mark.parametrize("existing", [False, True])
def test_a_new_or_empty_folder_is_taken(full: SessionRepository, tmp_path: Path, existing: bool) -> None:
    folder = tmp_path / "a % of ? & ü \udcff"  # what means something in a URL, and what is no UTF-8
    if existing:
        folder.mkdir()
        folder.chmod(0o700)
    made(full, folder)
    assert verify(folder) == []
    if existing:
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_to_an_empty_folder_is_followed(full: SessionRepository, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    made(full, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert verify(tmp_path / "real") == []


BAD_FOLDERS: dict[str, Callable[[SessionRepository, Path], Path]] = {
    "the state folder": lambda sessions, _: sessions.config.state_dir,
    "one in it": lambda sessions, _: sessions.config.state_dir / "backup",
    "one in it by dots": lambda _, folder: folder / ".." / "home" / "webui" / "x",
    "one in the sessions folder": lambda sessions, _: folder_of(sessions) / "backup",
    "one with a file": lambda _, folder: folder / "used",
    "a file": lambda _, folder: folder / "used" / "file",
    "one without a parent": lambda _, folder: folder / "missing" / "backup",
    "one in a file": lambda _, folder: folder / "used" / "file" / "backup",
    "one around the state folder": lambda sessions, _: sessions.config.hermes_home,
    "a loop of links": lambda _, folder: folder / "loop",
    "a NUL": lambda _, folder: folder / "a\0b",
    "the root": lambda *_: Path("/"),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_another_folder_is_refused_and_nothing_changes(
    full: SessionRepository, tmp_path: Path, name: str
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("kept")
    (tmp_path / "loop").symlink_to("loop")
    before = names(tmp_path)
    with pytest.raises(InvalidValue, match=r"folder|path"):
        made(full, BAD_FOLDERS[name](full, tmp_path))
    assert names(tmp_path) == before


def test_a_folder_inside_the_linked_sessions_folder_is_refused(
    full: SessionRepository, tmp_path: Path
) -> None:
    folder_of(full).rename(tmp_path / "real")
    folder_of(full).symlink_to(tmp_path / "real")
    with pytest.raises(InvalidValue, match="outside"):
        made(full, tmp_path / "real" / "backup")


@pytest.mark.fault
def test_the_root_of_a_disk_is_refused(full: SessionRepository, disk: Path) -> None:
    with pytest.raises(InvalidValue, match="name a new folder in it"):
        made(full, disk)
    made(full, disk / "backup")
    assert verify(disk / "backup") == []


def test_a_second_backup_into_the_same_folder_is_refused(full: SessionRepository, good: Path) -> None:
    before = manifest(good)
    with pytest.raises(InvalidValue, match="new or empty"):
        made(full, good)
    assert manifest(good) == before
    assert verify(good) == []


def test_two_at_once_leave_one_whole(full: SessionRepository, tmp_path: Path) -> None:
    folder, inner = tmp_path / "backup", iter([True])

    def another(_done: int, _total: int) -> None:
        if next(inner, False):
            made(full, folder)

    with pytest.raises(StorageError, match="not empty"):
        made(full, folder, another)
    assert leftovers(folder) == ["backup"]
    assert verify(folder) == []


def test_what_progress_raises_passes_and_nothing_is_left(full: SessionRepository, tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(full, tmp_path / "backup", interrupt)
    assert leftovers(tmp_path / "backup") == []


# ---- beside other programs --------------------------------------------------------------------------------


@pytest.fixture
def many(sessions: SessionRepository) -> SessionRepository:
    """A repository with ten sessions."""
    for number in range(10):
        write_document(sessions, f"s{number}", title=f"{number}", messages=turns(2))
    sessions.sync()
    return sessions


def test_what_is_deleted_meanwhile_is_in_the_trash_of_the_backup(
    many: SessionRepository, tmp_path: Path
) -> None:
    def delete(done: int, _total: int) -> None:
        if done < 6:
            many.delete(f"s{9 - done}")

    made(many, tmp_path / "backup", delete)
    assert verify(tmp_path / "backup") == []
    kept = {path.name.partition(".")[0] for path in (tmp_path / "backup").glob("*/*")}
    assert kept == {f"s{number}" for number in range(10)}


def test_what_is_taken_out_of_the_trash_meanwhile_is_among_the_sessions(
    many: SessionRepository, tmp_path: Path
) -> None:
    many.delete("s4")

    def take_out(done: int, _total: int) -> None:
        for path in many.config.trash_dir.glob("s4.*"):
            path.rename(folder_of(many) / "s4.json")

    made(many, tmp_path / "backup", take_out)
    assert verify(tmp_path / "backup") == []
    assert {path.stem for path in (tmp_path / "backup" / "sessions").iterdir()} == {
        f"s{n}" for n in range(10)
    }


def test_a_draft_that_gets_a_file_meanwhile_is_kept(sessions: SessionRepository, tmp_path: Path) -> None:
    started(sessions, 1)
    draft = sessions.new(model="a draft").session_id

    def append(done: int, _total: int) -> None:
        if done == 1:
            sessions.append(draft, turns(1))

    made(sessions, tmp_path / "backup", append)
    with SessionRepository.open(tmp_path / "backup") as restored:
        assert restored.get(draft).model == "a draft"


WRITER = """
import itertools, sys
from hermes_sessions import SessionRepository
with SessionRepository.open(sys.argv[1]) as sessions:
    for step in itertools.count():
        for name in ("grows", "grows-too"):
            count = sessions.messages(name, limit=1).total
            sessions.append(name, [{"role": "user", "content": f"message {count}", "padding": "x" * 5000}])
            if count > 60:
                sessions.truncate(name, 1)
        message = {"role": "user", "content": "message 0"}
        sessions.import_document({"title": "Short-lived", "messages": [message]})
        if step % 3 == 2:
            for each in sessions.list().items:
                if each.title == "Short-lived":
                    sessions.delete(each.session_id)
        if step == 2:
            print("writing", flush=True)
"""


@contextmanager
def writing(sessions: SessionRepository) -> Iterator["subprocess.Popen[str]"]:
    """Let another process append to sessions, and make and delete others, for the block."""
    program = [sys.executable, "-c", WRITER, str(sessions.config.state_dir)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        try:
            yield writer
        finally:
            writer.kill()


@pytest.mark.slow
def test_beside_a_program_that_writes_each_session_is_one_whole_version(
    many: SessionRepository, tmp_path: Path
) -> None:
    untouched = snapshot(many)
    for name in ("grows", "grows-too"):
        write_document(many, name, title=name, messages=[message("message 0")])
    with writing(many) as writer:
        for number in range(8):
            made(many, tmp_path / f"backup{number}")
        assert writer.poll() is None
    for number in range(8):
        folder = tmp_path / f"backup{number}"
        assert verify(folder) == []
        assert notes(folder) == []
        copies = {path.name: path.read_bytes() for path in (folder / "sessions").glob("*.json")}
        assert untouched.items() <= copies.items()
        assert {"grows.json", "grows-too.json"} <= copies.keys()
        for name in copies.keys() - untouched.keys():
            texts = [each["content"] for each in json.loads(copies[name])["messages"]]
            assert texts == [f"message {at}" for at in range(len(texts))]


# ---- what is no file, and what cannot be read -------------------------------------------------------------


def make_socket(path: Path) -> None:
    """Leave a socket's name behind."""
    with chdir(path.parent), socket.socket(socket.AF_UNIX) as server:  # its path has at most 108 bytes
        server.bind(path.name)


STRANGE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": make_socket,
    "a folder": Path.mkdir,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link through a file": lambda path: path.symlink_to("s0.json/x"),
    "a loop of links": lambda path: path.symlink_to(path.name),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}
PLACES = (
    "sessions/x.json",
    "sessions/x.json.bak",
    "sessions/_index.json",
    "trash/x.1.deleted.json",
    "backups/x.1.shortened.json",
    "projects.json",
    "tags.json",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_file_is_skipped_and_named(
    many: SessionRepository, tmp_path: Path, kind: str, place: str
) -> None:
    STRANGE[kind](many.config.state_dir / place)
    report = made(many, tmp_path / "backup")
    assert report.skipped == (place,)
    assert report.files == 11
    assert verify(tmp_path / "backup") == []
    assert notes(tmp_path / "backup") == [f"{place} was not copied: not a file"]


def test_a_link_to_a_file_is_copied_as_one(many: SessionRepository, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"title": "Linked"}')
    (folder_of(many) / "linked.json").symlink_to(tmp_path / "elsewhere")
    made(many, tmp_path / "backup")
    copy = tmp_path / "backup" / "sessions" / "linked.json"
    assert not copy.is_symlink()
    assert copy.read_text() == '{"title": "Linked"}'
    assert verify(tmp_path / "backup") == []


@pytest.mark.parametrize("name", ["no-utf8-\udcff", "new\nline", "ü", "-rf", ".hidden", "a b", "x" * 250])
def test_any_name_is_copied(many: SessionRepository, tmp_path: Path, name: str) -> None:
    (folder_of(many) / f"{name}.json").write_text("{}")
    assert made(many, tmp_path / "backup").files == 12
    copy = tmp_path / "backup" / "sessions" / f"{name}.json"
    assert verify(tmp_path / "backup") == []
    copy.write_text("{ }")
    (fault,) = verify(tmp_path / "backup")
    assert fault.encode()  # it can be shown
    assert fault.endswith("has 3 bytes instead of 2")


def test_a_session_that_could_not_be_read_before_is_only_noted(
    many: SessionRepository, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    for name, text in {"broken": b'{"title": "Bro', "empty": b"", "_index": b"nonsense"}.items():
        write(many, name, text)
    made(many, folder)
    assert verify(folder) == []
    assert notes(folder) == [
        f"sessions/{name}.json could not be read as a session when it was copied either"
        for name in ("broken", "empty")
    ]
    (folder / "sessions" / "broken.json").write_bytes(b'{"title": "bro')
    assert verify(folder) == ["sessions/broken.json has another checksum"]


# ---- what is wrong with one -------------------------------------------------------------------------------


def flip(path: Path, at: int) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def rewrite(folder: Path, change: Callable[[Any], object]) -> None:
    """Change the manifest of a backup."""
    found = manifest(folder)
    change(found)
    (folder / "manifest.json").write_text(json.dumps(found))


def agree(folder: Path, name: str) -> None:
    """Make the manifest agree with a file that was damaged."""
    data = (folder / name).read_bytes()
    new = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    rewrite(folder, lambda found: [entry.update(new) for entry in found["files"] if entry["path"] == name])


def replace_by_pipe(path: Path) -> None:
    """Put a pipe in the place of a file."""
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def replace_by_link(path: Path) -> None:
    """Put a link to the file in its place."""
    path.rename(path.parent.parent.parent / "moved")
    path.symlink_to("../../moved")


def damage_the_index(folder: Path) -> None:
    """Make the index another one than was copied, whole by its checksum."""
    with (folder / "sessions.db").open("rb+") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    agree(folder, "sessions.db")


def replace_index(folder: Path, data: bytes) -> None:
    """Make something else of the index, whole by its checksum."""
    (folder / "sessions.db").write_bytes(data)
    agree(folder, "sessions.db")


def link_the_trash(folder: Path) -> None:
    """Put a link to the trash in its place."""
    (folder / "trash").rename(folder.parent / "moved")
    (folder / "trash").symlink_to("../moved")


def cut_a_session(folder: Path) -> None:
    """Cut a session's file, whole by its checksum."""
    path = folder / "sessions" / "one.json"
    path.write_bytes(path.read_bytes()[:-5])
    agree(folder, "sessions/one.json")


DAMAGE: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), ["manifest.json is missing"]),
    "a cut manifest": (
        lambda folder: os.truncate(folder / "manifest.json", 100),
        ["manifest.json cannot be read: "],
    ),
    "an empty manifest": (
        lambda folder: (folder / "manifest.json").write_bytes(b""),
        ["manifest.json cannot be read: "],
    ),
    "a binary manifest": (
        lambda folder: (folder / "manifest.json").write_bytes(b"\xff\x00"),
        ["manifest.json cannot be read: "],
    ),
    "a deep manifest": (
        lambda folder: (folder / "manifest.json").write_text("[" * 100_000),
        ["manifest.json cannot be read: "],
    ),
    "a manifest that is a list": (
        lambda folder: (folder / "manifest.json").write_text("[]"),
        ["manifest.json cannot be read: "],
    ),
    "a manifest without files": (
        lambda folder: rewrite(folder, lambda found: found.pop("files")),
        ["manifest.json cannot be read: "],
    ),
    "a manifest with a wrong size": (
        lambda folder: rewrite(folder, lambda found: found["files"][0].update(size="1")),
        ["manifest.json cannot be read: "],
    ),
    "a manifest of a later format": (
        lambda folder: rewrite(folder, lambda found: found.update(format=2)),
        ["manifest.json cannot be read: not of a format that this version knows"],
    ),
    "a manifest that is a pipe": (
        lambda folder: replace_by_pipe(folder / "manifest.json"),
        ["manifest.json cannot be read: not a file"],
    ),
    "a manifest that is a folder": (
        lambda folder: replace_by_folder(folder / "manifest.json"),
        ["manifest.json cannot be read: not a file"],
    ),
    "a manifest that names files elsewhere": (
        lambda folder: rewrite(
            folder,
            lambda found: [
                found["files"].append({"path": path, "size": 0, "sha256": ""})
                for path in ("../outside", "/etc/passwd", "sessions/../../x", "\ud800", "a\0b")
            ],
        ),
        [
            f"{name} is missing"
            for name in ("../outside", "/etc/passwd", "\\ud800", "a\0b", "sessions/../../x")
        ],
    ),
    "a missing file": (
        lambda folder: (folder / "sessions" / "one.json").unlink(),
        ["sessions/one.json is missing"],
    ),
    "a missing index": (lambda folder: (folder / "sessions.db").unlink(), ["sessions.db is missing"]),
    "a missing folder": (
        lambda folder: shutil.rmtree(folder / "sessions"),
        [f"sessions/{name} is missing" for name in ("_index.json", "one.json", "one.json.bak", "two.json")],
    ),
    "a folder that is a link": (
        link_the_trash,
        ["trash is not part of the backup", "trash/gone."],
    ),
    "a file more": (
        lambda folder: (folder / "sessions" / "three.json").write_text("{}"),
        ["sessions/three.json is not part of the backup"],
    ),
    "a folder more": (
        lambda folder: (folder / "sessions" / "deep" / "deeper").mkdir(parents=True),
        ["sessions/deep is not part of the backup"],
    ),
    "a journal beside the index": (
        lambda folder: (folder / "sessions.db-wal").write_bytes(b"x"),
        ["sessions.db-wal is not part of the backup"],
    ),
    "a cut file": (
        lambda folder: os.truncate(folder / "projects.json", 5),
        ["projects.json has 5 bytes instead of "],
    ),
    "a longer file": (
        lambda folder: (folder / "last_workspace.txt").write_text("/tmp/x"),
        ["last_workspace.txt has 6 bytes instead of 4"],
    ),
    "a flipped byte": (
        lambda folder: flip(folder / "projects.json", 10),
        ["projects.json has another checksum"],
    ),
    "a session that is none any more": (
        lambda folder: flip(folder / "sessions" / "one.json", 30),
        ["sessions/one.json cannot be read as a session: ", "sessions/one.json has another checksum"],
    ),
    "a cut session with its checksum": (cut_a_session, ["sessions/one.json cannot be read as a session: "]),
    "a damaged index with its checksum": (damage_the_index, ["sessions.db is damaged: "]),
    "an index that is none": (
        lambda folder: replace_index(folder, b"x" * 5000),
        ["sessions.db is damaged: file is not a database"],
    ),
    "a file that is a pipe": (
        lambda folder: replace_by_pipe(folder / "projects.json"),
        ["projects.json is not a file"],
    ),
    "a file that is a link": (
        lambda folder: replace_by_link(folder / "sessions" / "two.json"),
        ["sessions/two.json is not a file"],
    ),
    "an index that is a pipe": (
        lambda folder: replace_by_pipe(folder / "sessions.db"),
        ["sessions.db is not a file"],
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(good: Path, name: str) -> None:
    damage, wanted = DAMAGE[name]
    damage(good)
    before = names(good)
    faults = verify(good)
    assert len(faults) == len(wanted), faults
    for fault, start in zip(faults, wanted, strict=True):
        assert fault.startswith(start)
        assert str(good) not in fault
    assert names(good) == before  # looking leaves nothing behind


@pytest.mark.slow
def test_a_flip_of_any_page_of_the_index_is_found(good: Path) -> None:
    index = good / "sessions.db"
    whole = index.read_bytes()
    for at in range(0, len(whole), 1021):
        flip(index, at)
        assert "sessions.db has another checksum" in verify(good), at
        index.write_bytes(whole)
    assert verify(good) == []


def test_verifying_what_is_no_backup(full: SessionRepository, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verify(tmp_path / "missing")
    with pytest.raises(InvalidValue):
        verify(full.config.state_dir / "projects.json")
    assert verify(full.config.state_dir) == ["manifest.json is missing"]
    (tmp_path / "manifest.json").write_text("{}")
    assert verify(tmp_path) == ["manifest.json cannot be read: not of a format that this version knows"]


# ---- faults -----------------------------------------------------------------------------------------------


@pytest.mark.fault
@pytest.mark.parametrize("large", ["index", "session", "trash"])
def test_a_full_disk_leaves_no_half_backup(full: SessionRepository, disk: Path, large: str) -> None:
    if large == "index":
        for number in range(20):
            draft = full.new(model=f"{number}")
            full.update(draft.session_id, extra={"text": "x" * 100_000})
    elif large == "session":
        write_document(full, "large", messages=[message("x" * 2_000_000)])
    else:
        (full.config.trash_dir / "large.1.deleted.json").write_bytes(b"x" * 2_000_000)
    before = snapshot(full)
    with pytest.raises(StorageError, match=r"No space left|disk is full") as refused:
        made(full, disk / "backup")
    assert str(disk) not in str(refused.value)
    assert list(disk.iterdir()) == []
    assert snapshot(full) == before


@pytest.mark.fault
def test_a_read_only_disk_refuses(full: SessionRepository, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(StorageError, match="cannot make the backup: Read-only file system"):
        made(full, disk / "backup")


DONE, REFUSED = 0, 3
PROGRAM = """
import sys
from pathlib import Path
from hermes_sessions import StorageError, config
from hermes_sessions.care import create_backup
from hermes_sessions.index import database
found = config.resolve(sys.argv[1])
try:
    create_backup(found, database.make_engine(found.index), Path(sys.argv[2]))
except StorageError:
    sys.exit(3)
"""
KILL, REFUSE = "signal=KILL", "error=EIO"


def with_fault(sessions: SessionRepository, folder: Path, call: str, fault: str) -> int:
    """Make a backup in a process whose system call of this name fails, and return how it ended."""
    words = ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{fault}"]
    program = [sys.executable, "-c", PROGRAM, str(sessions.config.state_dir), str(folder)]
    done = subprocess.run([*words, *program], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "call"),
    [
        *((KILL, call) for call in ("fsync", "rename")),
        *((REFUSE, call) for call in ("fsync", "rename", "mkdir", "write", "fchmod", "utimensat")),
    ],
)
def test_a_fault_at_any_call_leaves_a_whole_backup_or_none(
    sessions: SessionRepository, tmp_path: Path, call: str, fault: str
) -> None:
    need_strace()
    started(sessions, 2)
    sessions.delete(started(sessions, 1))
    before, folder, ended = snapshot(sessions), tmp_path / "backup", REFUSED
    for step in range(1, 50):
        ended = with_fault(sessions, folder, call, f"{fault}:when={step}")
        assert snapshot(sessions) == before
        whole = folder.exists()
        assert not whole or verify(folder) == []
        if ended == REFUSED:
            assert leftovers(folder) == [folder.name] * whole
        if ended == DONE:
            break
        for name in leftovers(folder):
            shutil.rmtree(tmp_path / name)
    assert ended == DONE, "a fault at every one of 49 steps"
    assert step > 1, "no fault at all"
    assert leftovers(folder) == [folder.name]
