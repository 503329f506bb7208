"""Tests files: replaced completely or not at all, moved without loss."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from hermes_sessions import SessionRepository, files
from hermes_sessions.changes.leftovers import DEBRIS_SECONDS


def writes(data: bytes) -> Callable[[IO[bytes]], object]:
    """Return a function that writes `data`, as `replace` takes it."""
    return lambda file: file.write(data)


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return [path.name for path in folder.iterdir()]


# ---- replace ----------------------------------------------------------------------------------------------


def test_replace_creates_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.replace(path, writes(b"one"))
    inode = path.stat().st_ino
    replaced = files.replace(path, writes(b"two"))
    assert path.read_bytes() == b"two"
    assert replaced.stat.st_ino == path.stat().st_ino != inode
    assert replaced.folder_after == files.folder_time(tmp_path) >= replaced.folder_before
    assert names(tmp_path) == ["a.json"]


class Stopped(BaseException):
    """An error that is not an `Exception`, as from Ctrl-C."""


@pytest.mark.parametrize("error", [ValueError("no"), OSError(28, "No space left on device"), Stopped()])
@pytest.mark.parametrize("when", ["write", "prepare"])
def test_a_failed_replacement_changes_nothing(tmp_path: Path, error: BaseException, when: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    known = files.signature_of(path.stat())

    def write(file: IO[bytes]) -> None:
        file.write(b"half of the n")
        if when == "write":
            raise error

    def prepare() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        files.replace_version(path, known, write, prepare)
    assert caught.value is error
    assert names(tmp_path) == ["a.json"]
    assert path.read_bytes() == b"old"
    assert files.signature_of(path.stat()) == known


@pytest.mark.parametrize("error", [ValueError("no"), OSError(28, "No space left on device"), Stopped()])
@pytest.mark.parametrize("make", [files.replace, files.create])
def test_a_failed_write_creates_nothing(
    tmp_path: Path, error: BaseException, make: Callable[..., object]
) -> None:
    def write(file: IO[bytes]) -> None:
        file.write(b"half of the n")
        raise error

    with pytest.raises(type(error)) as caught:
        make(tmp_path / "a.json", write)
    assert caught.value is error
    assert names(tmp_path) == []


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    seen = []

    def write(file: IO[bytes]) -> None:
        file.write(b"new")
        file.flush()
        seen.append(path.read_bytes())

    known = files.signature_of(path.stat())
    files.replace_version(path, known, write, lambda: seen.append(path.read_bytes()))
    assert [*seen, path.read_bytes()] == [b"old", b"old", b"new"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o400])
def test_replace_keeps_what_only_the_owner_may(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    path.chmod(mode)
    files.replace(path, writes(b"new"))
    assert stat.S_IMODE(path.stat().st_mode) == mode & 0o600


def test_replace_reports_that_another_program_changed_the_folder(tmp_path: Path) -> None:
    os.utime(tmp_path, ns=(0, 0))

    def write(file: IO[bytes]) -> None:
        (tmp_path / "other").write_bytes(b"")
        os.utime(tmp_path, ns=(1, 1))  # whatever the clock's tick

    assert files.replace(tmp_path / "a.json", write).folder_after is None


def test_create_overwrites_no_file_that_another_program_creates(tmp_path: Path) -> None:
    path = tmp_path / "a.json"

    def write(file: IO[bytes]) -> None:
        file.write(b"ours")
        path.write_bytes(b"theirs")

    with pytest.raises(FileExistsError):
        files.create(path, write)
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["a.json"]
    path.unlink()
    created = files.create(path, writes(b"ours"))
    assert (path.read_bytes(), created.stat.st_ino) == (b"ours", path.stat().st_ino)
    assert created.folder_after == files.folder_time(tmp_path)
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("theirs", [b"theirs", None])
def test_a_version_written_by_another_program_during_the_call_is_kept(
    tmp_path: Path, theirs: bytes | None
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    known = files.signature_of(path.stat())

    def write(file: IO[bytes]) -> None:
        file.write(b"ours")
        path.unlink()
        if theirs is not None:
            path.write_bytes(theirs)

    with pytest.raises(files.Changed):
        files.replace_version(path, known, write)
    assert names(tmp_path) == ([] if theirs is None else ["a.json"])
    if theirs is not None:
        assert path.read_bytes() == theirs


# ---- move -------------------------------------------------------------------------------------------------


def test_move_is_a_rename(tmp_path: Path) -> None:
    path, target = tmp_path / "a.json", tmp_path / "trash" / "b.json"
    target.parent.mkdir()
    path.write_bytes(b"data")
    inode = path.stat().st_ino
    files.move(path, target)
    assert (target.read_bytes(), target.stat().st_ino, path.exists()) == (b"data", inode, False)


def test_move_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.move(tmp_path / "a.json", tmp_path / "b.json")


@pytest.mark.fault
def test_move_to_another_disk(tmp_path: Path, disk: Path) -> None:
    path, target = tmp_path / "a.json", disk / "b.json"
    path.write_bytes(b"data")
    path.chmod(0o600)
    files.move(path, target)
    assert (target.read_bytes(), path.exists()) == (b"data", False)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert names(disk) == ["b.json"]


@pytest.mark.fault
def test_move_to_a_full_disk_leaves_the_file(tmp_path: Path, disk: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * 2_000_000)
    with pytest.raises(OSError, match="No space left"):
        files.move(path, disk / "b.json")
    assert path.read_bytes() == b"x" * 2_000_000
    assert names(disk) == []


@pytest.mark.fault
def test_delete_with_the_trash_on_another_disk(tmp_path: Path, disk: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "trash").symlink_to(disk)
    with SessionRepository.open(state) as sessions:
        kept, gone = sessions.new(), sessions.new()
        for session in (kept, gone):
            sessions.append(session.session_id, [{"role": "user", "content": "hello"}])
        sessions.delete(gone.session_id)
        assert [found.session_id for found in sessions.list().items] == [kept.session_id]
    assert [name.split(".")[0] for name in names(disk)] == [gone.session_id]


# ---- debris -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "age", "stays"),
    [
        ("abc.tmp.1.2", DEBRIS_SECONDS + 60, False),
        ("abc.tmp.1.2", DEBRIS_SECONDS - 60, True),
        ("abc.tmp.1.2", -60, True),
        ("_index.tmp.1.2", DEBRIS_SECONDS + 60, False),
        ("abc.json.bak", DEBRIS_SECONDS * 24, True),
        ("abc.json", DEBRIS_SECONDS * 24, True),
        ("tmp.json", DEBRIS_SECONDS * 24, True),
    ],
)
def test_temporary_files_are_deleted_after_an_hour(
    tmp_path: Path, sessions: SessionRepository, name: str, age: float, stays: bool
) -> None:
    path = sessions.config.sessions_dir / name
    path.write_text('{"title": "t", "messages": []}')
    at = path.stat().st_mtime - age
    os.utime(path, (at, at))
    SessionRepository.open(sessions.config.state_dir).close()
    assert path.exists() is stays
