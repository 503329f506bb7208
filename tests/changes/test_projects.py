"""Projects: kept in their file as others wrote it, changed by several at once, refused when unreadable."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import InvalidValue, NotFound, Project, SessionRepository, StorageError, Unreadable
from hermes_sessions.changes import Projects
from hermes_sessions.config import resolve
from hermes_sessions.locks import FileLocks
from hermes_sessions.results import BulkReport

from ..support.make import started, write_document
from ..support.processes import at_once


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the projects are kept."""
    return tmp_path / "projects.json"


@pytest.fixture
def projects(file: Path) -> Projects:
    """The projects of a new folder."""
    return _projects(file)


class NoMembers:
    """The sessions of a folder without any; it notes whose were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def of(self, project_id: str) -> list[str]:
        """Return none."""
        self.asked.append(project_id)
        return []

    def move(self, session_ids: Sequence[str], before: str | None, after: str | None) -> BulkReport:
        """Move none."""
        del session_ids, before, after
        return BulkReport()


def _projects(file: Path, members: NoMembers | None = None) -> Projects:
    config = resolve(file.parent, hermes_home=file.parent)
    return Projects(config, members or NoMembers(), FileLocks(config.locks_dir))


def _write(file: Path, *entries: dict[str, Any]) -> None:
    file.write_text(json.dumps(entries))


def test_a_project_s_life(projects: Projects, file: Path) -> None:
    assert projects.list() == []
    work, home = projects.create("Work", "#fff"), projects.create("Home")
    assert (work.name, work.color, home.color) == ("Work", "#fff", None)
    assert work.project_id != home.project_id
    assert projects.list() == [work, home]
    renamed = projects.rename(work.project_id, "Job")
    assert renamed == Project(work.project_id, "Job", "#fff", work.created_at, "default")
    assert projects.list() == [renamed, home]
    projects.delete(work.project_id)
    assert projects.list() == [home]
    (stored,) = json.loads(file.read_text())
    assert stored | {"profile": "default"} == home.as_dict()
    assert "profile" not in stored


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "#123456"), ({"color": None}, None), ({"color": "#ABCDEF12"}, "#ABCDEF12")],
)
def test_rename_changes_the_color_only_if_told(
    projects: Projects, given: dict[str, Any], expected: str | None
) -> None:
    project = projects.create("Work", "#123456")
    assert projects.rename(project.project_id, "Work", **given).color == expected
    assert projects.list()[0].color == expected


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x", "x"),
        ("  x y ", "x y"),
        ("x" * 128, "x" * 128),
        ("x" * 200, "x" * 128),
        ("作业 \ud800", "作业 \ud800"),
    ],
)
def test_names(projects: Projects, name: str, kept: str) -> None:
    assert projects.create(name).name == kept
    assert projects.list()[0].name == kept


@pytest.mark.parametrize("name", ["", "  ", None, 7, b"x", ["x"]])
def test_a_wrong_name(projects: Projects, file: Path, name: Any) -> None:
    project = projects.create("Work")
    before = file.read_bytes()
    with pytest.raises(InvalidValue, match=r"^name .*1 to 128 characters"):
        projects.create(name)
    with pytest.raises(InvalidValue, match=r"^name .*1 to 128 characters"):
        projects.rename(project.project_id, name)
    assert file.read_bytes() == before


@pytest.mark.parametrize("color", ["", "red", "#12", "#123456789", "#12345g", "#123\n", "fff", 7, ["#fff"]])
def test_a_wrong_color(projects: Projects, file: Path, color: Any) -> None:
    project = projects.create("Work")
    before = file.read_bytes()
    with pytest.raises(InvalidValue, match=r"^color .*3 to 8 hex digits"):
        projects.create("Home", color)
    with pytest.raises(InvalidValue, match=r"^color .*3 to 8 hex digits"):
        projects.rename(project.project_id, "Work", color)
    assert file.read_bytes() == before


@pytest.mark.parametrize("project_id", ["", "no-such", None, 7])
def test_an_unknown_project(projects: Projects, file: Path, project_id: Any) -> None:
    projects.create("Work")
    before = file.read_bytes()
    with pytest.raises(NotFound, match="no project"):
        projects.rename(project_id, "Home")
    with pytest.raises(NotFound, match="no project"):
        projects.delete(project_id)
    assert file.read_bytes() == before


def test_ensure_cron(projects: Projects, file: Path) -> None:
    found = projects.ensure_cron()
    assert (found.name, found.color) == ("Cron Jobs", "#6366f1")
    before = file.stat().st_ino
    assert projects.ensure_cron() == found
    assert file.stat().st_ino == before  # nothing to write, nothing written


# ---- what others wrote ------------------------------------------------------------------------------------


def test_what_is_not_known_survives(projects: Projects, file: Path) -> None:
    theirs: list[dict[str, Any]] = [
        {"icon": "🎓", "project_id": "b", "name": "B", "big": 10**30, "nested": {"z": [1], "a": None}},
        {"project_id": "a", "color": 7, "name": "", "created_at": "yesterday"},
        {"name": "C", "project_id": "c", "color": None},
    ]
    _write(file, *theirs)
    projects.create("New")
    projects.rename("c", "C2", "#abc")
    projects.delete(projects.list()[-1].project_id)
    theirs[2] |= {"name": "C2", "color": "#abc"}
    assert json.dumps(json.loads(file.read_text())) == json.dumps(theirs)


def test_odd_values_read_as_defaults(projects: Projects, file: Path) -> None:
    _write(file, {"project_id": "a", "name": "A", "color": 7, "created_at": "yesterday"})
    assert projects.list() == [Project("a", "A", None, 0.0, "default")]


def test_a_project_keeps_the_profile_it_was_made_in(projects: Projects, file: Path) -> None:
    made = projects.create("A", profile="work")
    assert made.profile == projects.rename(made.project_id, "B").profile == "work"
    (stored,) = json.loads(file.read_text())
    assert stored["profile"] == "work"
    for wrong in ("", "a/b", "..", 5):
        with pytest.raises(InvalidValue, match="profile must be"):
            projects.create("C", profile=wrong)  # type: ignore[arg-type]  # what a client may send
    assert len(projects.list()) == 1


def test_a_rename_to_the_same_writes_nothing(projects: Projects, file: Path) -> None:
    _write(file, {"project_id": "a", "name": "A"})
    before = file.stat()
    projects.rename("a", "A")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'[{"project_id": "a", "name": "A"',
        b"{}",
        b"null",
        b"[1]",
        b'[{"project_id": "a"}]',
        b'[{"name": "A"}]',
        b'[{"project_id": 1, "name": "A"}]',
        b'[{"project_id": "a", "name": "\xff"}]',
        b"\0\0\0\0",
        b"[" * 100_000,
        b'[{"project_id": "a", "name": "A", "n": ' + b"1" * 5000 + b"}]",
    ],
    ids=range(12),
)
@pytest.mark.parametrize(
    "call",
    [
        lambda projects: projects.list(),
        lambda projects: projects.create("New"),
        lambda projects: projects.rename("a", "New"),
        lambda projects: projects.delete("a"),
        lambda projects: projects.ensure_cron(),
    ],
    ids=["list", "create", "rename", "delete", "ensure_cron"],
)
def test_an_unreadable_file_is_an_error_and_stays(
    file: Path, data: bytes, call: Callable[[Projects], object]
) -> None:
    members = NoMembers()
    file.write_bytes(data)
    with pytest.raises(Unreadable, match=r"projects\.json") as caught:
        call(_projects(file, members))
    assert caught.value.path == file
    assert file.read_bytes() == data
    assert members.asked == []


def test_a_folder_in_its_place(projects: Projects, file: Path) -> None:
    file.mkdir()
    with pytest.raises(StorageError, match="projects"):
        projects.list()
    with pytest.raises(StorageError, match="projects"):
        projects.create("New")


# ---- bringing one back -----------------------------------------------------------------------------------


def test_a_deleted_project_is_brought_back_with_its_sessions(sessions: SessionRepository) -> None:
    file = sessions.config.projects_file
    _write(
        file, *({"project_id": each, "name": each, "icon": "leaf"} for each in ("first", "garden", "last"))
    )
    ids = [started(sessions, project_id="garden") for _ in range(5)]
    sessions.update(ids[0], archived=True)
    moved, thrown, gone = ids[2:]
    before, stored = json.loads(file.read_text()), [sessions.summary(each) for each in ids[:2]]
    sessions.delete(thrown)
    sessions.projects.delete("garden")
    assert [each.name for each in sessions.projects.list()] == ["first", "last"]
    assert {sessions.summary(each).project_id for each in (*ids[:2], moved, gone)} == {None}
    sessions.update(moved, project_id="last")
    sessions.delete(gone)
    report = sessions.projects.restore("garden")
    assert (set(report.done), report.failed) == (set(ids[:2]), {})
    assert json.loads(file.read_text()) == before
    assert [sessions.summary(each) for each in ids[:2]] == stored
    assert sessions.summary(moved).project_id == "last"
    assert sessions.restore(thrown).project_id == "garden"
    with pytest.raises(NotFound, match="no deleted project garden"):
        sessions.projects.restore("garden")


def test_a_deletion_that_stopped_half_way_is_brought_back_whole(sessions: SessionRepository) -> None:
    project_id = sessions.projects.create("Garden").project_id
    one, other = (started(sessions, project_id=project_id) for _ in range(2))
    path = sessions.config.sessions_dir / f"{other}.json"
    text = path.read_bytes()
    path.write_bytes(b"{")
    with pytest.raises(Unreadable):
        sessions.projects.delete(project_id)
    path.write_bytes(text)
    sessions.projects.delete(project_id)
    assert sessions.count(project_id="") == 2
    sessions.projects.restore(project_id)
    assert {each.session_id for each in sessions.list(project_id=project_id)} == {one, other}


def test_a_project_whose_name_is_in_use_is_not_brought_back(sessions: SessionRepository) -> None:
    project_id = sessions.projects.create("Garden").project_id
    session_id = started(sessions, project_id=project_id)
    sessions.projects.delete(project_id)
    other = sessions.projects.create("garden")
    with pytest.raises(InvalidValue, match="there is a project named garden already"):
        sessions.projects.restore(project_id)
    assert sessions.summary(session_id).project_id is None
    sessions.projects.rename(other.project_id, "Attic")
    sessions.projects.restore(project_id)
    assert sessions.summary(session_id).project_id == project_id


def test_notes_expire(sessions: SessionRepository) -> None:
    one, other = (sessions.projects.create(name).project_id for name in ("One", "Other"))
    sessions.projects.delete(one)
    (note,) = sessions.config.undo_dir.iterdir()
    old = time.time() - 31 * 86_400
    os.utime(note, (old, old))
    sessions.projects.delete(other)
    with pytest.raises(NotFound):
        sessions.projects.restore(one)
    sessions.projects.restore(other)


# ---- several at once --------------------------------------------------------------------------------------


def create_some(file: Path, prefix: str, count: int) -> None:
    """Create projects, as one of several processes."""
    for number in range(count):
        _projects(file).create(f"{prefix}{number}")


def ensure(file: Path) -> str:
    """Return the id of the project of scheduled jobs."""
    return _projects(file).ensure_cron().project_id


@pytest.mark.slow
def test_processes_that_create_lose_none(file: Path, projects: Projects) -> None:
    at_once(create_some, [(file, prefix, 20) for prefix in "abc"])
    names = [project.name for project in projects.list()]
    assert sorted(names) == sorted(f"{prefix}{number}" for prefix in "abc" for number in range(20))


@pytest.mark.slow
def test_processes_that_need_the_cron_project_create_one(file: Path, projects: Projects) -> None:
    found = at_once(ensure, [(file,)] * 4)
    assert [project.project_id for project in projects.list()] == [found[0]]
    assert set(found) == {found[0]}


# ---- and their sessions -----------------------------------------------------------------------------------


def test_delete_takes_its_sessions_out_without_touching_them(sessions: SessionRepository) -> None:
    going, staying = sessions.projects.create("Going"), sessions.projects.create("Staying")
    drafts = {name: sessions.new(project_id=going.project_id) for name in ("draft", "session", "archived")}
    drafts["elsewhere"] = sessions.new(project_id=staying.project_id)
    for name in ("session", "archived", "elsewhere"):
        sessions.append(drafts[name].session_id, [{"role": "user", "content": name, "kept": 1.50}])
    sessions.update(drafts["archived"].session_id, archived=True, extra={"read_only": True})
    before = {name: sessions.get(draft.session_id) for name, draft in drafts.items()}

    sessions.projects.delete(going.project_id)

    assert sessions.projects.list() == [staying]
    for name, draft in drafts.items():
        after = sessions.get(draft.session_id)
        assert after.project_id == (staying.project_id if name == "elsewhere" else None)
        assert after.messages == before[name].messages
        assert after.updated_at == before[name].updated_at
    assert sessions.count(project_id=going.project_id, hidden=True) == 0
    assert sessions.get(drafts["elsewhere"].session_id).signature == before["elsewhere"].signature


def test_delete_finds_sessions_that_another_program_assigned(sessions: SessionRepository) -> None:
    project = sessions.projects.create("Going")
    session = sessions.new()
    sessions.append(session.session_id, [{"role": "user", "content": "hello"}])
    path = sessions.config.sessions_dir / f"{session.session_id}.json"
    document = json.loads(path.read_text()) | {"project_id": project.project_id}
    path.with_suffix(".new").write_text(json.dumps(document))
    path.with_suffix(".new").replace(path)
    sessions.projects.delete(project.project_id)
    assert json.loads(path.read_text())["project_id"] is None


def test_deleting_an_unknown_project_unassigns_nothing(sessions: SessionRepository) -> None:
    write_document(sessions, "one", project_id="gone", messages=[])
    with pytest.raises(NotFound):
        sessions.projects.delete("gone")
    assert sessions.get("one").project_id == "gone"
