"""Permissions: whatever the umask is, only the owner can read or lock what this program creates."""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_sessions import SessionRepository, modes
from hermes_sessions.cli.main import main
from webapp import create_app, set_password

from .support.figures import tell
from .support.make import folder_of, message, started, write_document
from .support.serving import address, start, stop


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let whatever creates a file decide its mode by itself."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes_below(folder: Path) -> dict[str, int]:
    """Return the permissions of everything in a folder, and of the folder itself."""
    return {str(each.relative_to(folder)): _mode(each) for each in (folder, *folder.rglob("*"))}


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def command(home: Path, *arguments: str) -> None:
    done = CliRunner().invoke(main, ["--hermes-home", str(home), *arguments])
    assert done.exit_code == 0, (arguments, done.output)


def tour_of_the_library(home: Path, elsewhere: Path) -> None:
    """Use what creates files: sessions, projects, the trash, copies, both databases, backups."""
    with SessionRepository.open(hermes_home=home) as sessions:
        first, second = started(sessions), started(sessions, title="Other")
        project = sessions.projects.create("One")
        sessions.update(first, project_id=project.project_id)
        sessions.append(first, [message("more")])
        sessions.save(replace(sessions.get(first), title="Again"))
        sessions.truncate(first, 2)
        sessions.fork(first)
        sessions.duplicate(first)
        sessions.delete(second)
        sessions.restore(second)
        sessions.delete(second)
        sessions.search("more")
        for conversation in sessions.list(agent=True, limit=3):
            if conversation.of_agent:
                sessions.import_agent_session(conversation.session_id)
        sessions.backup(elsewhere / "backup")
        (folder_of(sessions) / "leftover.tmp.1.2").write_text("{}")
        (folder_of(sessions) / "leftover.tmp.1.2").chmod(0o600)
        sessions.check(deep=True)
        sessions.repair(apply=True)
        sessions.rebuild()


def tour_of_the_command_line(home: Path, elsewhere: Path) -> None:
    """Use the verbs that create files."""
    command(home, "demo", str(elsewhere / "demo"), "--sessions", "5")
    with SessionRepository.open(hermes_home=home) as sessions:
        one = started(sessions)
    for kind in ("json", "markdown", "html"):
        command(home, "export", one, "--format", kind, "--output", str(elsewhere / f"export.{kind}"))
    command(home, "import", str(elsewhere / "export.json"))
    command(home, "index-json")
    command(home, "backup", str(elsewhere / "second"))
    command(home, "db", "upgrade")
    command(elsewhere / "demo", "list")


def tour_of_the_server(home: Path) -> None:
    """Log in and fail to."""
    set_password(home / "webui", "correct horse")
    with SessionRepository.open(hermes_home=home) as sessions:
        client = create_app(sessions).test_client()
        assert client.post("/login", data={"password": "wrong"}).status_code == 401
        assert client.post("/login", data={"password": "correct horse"}).status_code == 303
        assert client.post("/login", data={"password": "wrong"}).status_code == 401


@pytest.mark.slow
@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("sample", [False, True])
def test_only_the_owner_can_use_what_a_tour_creates(
    tmp_path: Path, may: Path, sample: bool, pytestconfig: pytest.Config
) -> None:
    elsewhere, home = tmp_path / "elsewhere", tmp_path / "home"
    elsewhere.mkdir(0o700)
    if sample:
        shutil.copytree(may, home)
    before = modes_below(home) if sample else {}
    tour_of_the_library(home, elsewhere)
    tour_of_the_command_line(home, elsewhere)
    tour_of_the_server(home)
    after = modes_below(home)
    created = {name: mode for name, mode in after.items() if name not in before}
    for log in [name for name in created if name.endswith(("state.db-wal", "state.db-shm"))]:
        assert created.pop(log) == after[log[:-4]], "the agent must be able to use the logs of its database"
    created |= {f"elsewhere/{name}": mode for name, mode in modes_below(elsewhere).items()}
    assert {name: oct(mode) for name, mode in created.items() if mode & ~modes.FOLDER} == {}
    files = {name: oct(mode) for name, mode in created.items() if mode & 0o100 and not _is_folder(home, name)}
    assert files == {}
    wanted = ("webui/sessions.db", "webui/search.db", "webui/locks/upgrade.lock", "webui/web.key")
    assert set(wanted) <= created.keys()
    tell(pytestconfig, [f"a tour under umask 000 created {len(created)} files and folders, all private"])


def _is_folder(home: Path, name: str) -> bool:
    return (home / name).is_dir() or (home.parent / name).is_dir()


def test_databases_are_private_while_they_are_open(open_umask: None, tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path / "home") as sessions:
        started(sessions)
        sessions.search("hello")
        found = {path.name: _mode(path) for path in sessions.config.state_dir.glob("*.db*")}
    assert {"sessions.db", "sessions.db-wal", "sessions.db-shm"} <= found.keys()
    assert set(found.values()) == {0o600}


def test_files_of_an_earlier_version_are_made_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with SessionRepository.open(hermes_home=home) as sessions:
        deleted = started(sessions)
        sessions.delete(deleted)
        started(sessions)
        sessions.search("hello")
    state = home / "webui"
    copy = state / "sessions.db.20260101T000000.abcdef.bak"
    copy.write_bytes(b"")
    for path in (state / "sessions.db", state / "search.db", copy, *(state / "locks").iterdir()):
        path.chmod(0o666)
    for folder in (state / "locks", state / "trash"):
        folder.chmod(0o777)
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.update(started(sessions), title="x")
        sessions.search("hello")
    assert {_mode(state / name) for name in ("sessions.db", "search.db", copy.name)} == {0o600}
    assert {_mode(state / name) for name in ("locks", "trash")} == {0o700}
    assert _mode(state / "locks/upgrade.lock") in (0o600, 0o666), "in a folder that nobody else can enter"


@pytest.mark.slow
def test_files_of_other_programs_keep_their_modes(may: Path) -> None:
    names = ("state.db", "webui/projects.json", "webui/sessions/51f22612416e.json", "webui/sessions", "webui")
    for name in names:
        (may / name).chmod(0o755 if (may / name).is_dir() else 0o644)
    before = {name: _mode(may / name) for name in names}
    with SessionRepository.open(hermes_home=may) as sessions:
        sessions.list()
        sessions.search("hello")
    assert {name: _mode(may / name) for name in names} == before


def test_a_session_that_another_program_shared_becomes_private_when_it_changes(
    sessions: SessionRepository,
) -> None:
    path = write_document(sessions, "shared", messages=[message("a")])
    for mode, wanted in ((0o664, 0o600), (0o400, 0o400)):
        path.chmod(mode)
        sessions.update("shared", title=f"now {mode}")
        assert _mode(path) == wanted
    path.chmod(0o644)
    sessions.delete("shared")
    assert _mode(sessions.config.trash_dir) == 0o700
    sessions.restore("shared")
    assert _mode(path) == 0o644, "restored as it was"


@pytest.mark.slow
@pytest.mark.usefixtures("open_umask")
def test_the_access_log_is_private(may: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    server = start(may, "--port", "0", "--access-log", str(log))
    try:
        address(server)
    finally:
        stop(server)
    assert _mode(log) == 0o600


def test_what_is_no_file_keeps_its_mode(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # as of /dev/null, to which an access log or a stranger's link may lead
    (tmp_path / "pipe").chmod(0o666)
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    modes.keep_private(tmp_path / "link")
    modes.keep_private(tmp_path / "pipe")
    assert _mode(tmp_path / "pipe") == 0o666
