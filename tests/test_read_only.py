"""A home that cannot be written: every read answers, every change is refused, and no byte of it changes."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import AgentUnavailable, NotFound, ReadOnly, SessionRepository
from hermes_sessions.agent import Agent
from hermes_sessions.search.agents import AgentMessages

from .support.agent_db import filled_state
from .support.make import started
from .test_public_calls import CALLS, Call, public_calls

# What must raise `ReadOnly`. Whatever is not named here must answer.
CHANGES = set(
    """
    new import_document import_export fork duplicate import_agent_session save update tag untag append
    update_many delete_many restore_many prune webui.update_many webui.unimport_many
    tag_many untag_many rename_tag remove_tag restore_tag truncate clear undo retry recover delete undo_change
    delete_everywhere delete_empty restore purge erase erase_many repair write_web_ui_index
    projects.create projects.rename projects.delete projects.restore projects.ensure_cron agent.delete
    webui.update webui.import_agent_session webui.compose lost.put_back lost.keep_theirs
    """.split()
)
# The rows of the table that would first delete a session to have one in the trash: here is one.
ONLY_READING: dict[str, Call] = {
    "trash": lambda sessions, _: sessions.trash(),
    "trashed": lambda sessions, _: sessions.trashed("x", limit=1),
    "erase_many": lambda sessions, _: sessions.erase_many([sessions.trash()[0].session_id]),
    "would_purge": lambda sessions, _: sessions.would_purge(older_than=0),
    "restore": lambda sessions, _: sessions.restore(sessions.trash()[0].session_id),
    "purge": lambda sessions, _: sessions.purge(older_than=0),
    "erase": lambda sessions, _: sessions.erase(sessions.trash()[0].session_id),
    "webui.continuation": lambda sessions, one: sessions.webui.continuation(sessions.get(one)),
    "recover": lambda sessions, one: sessions.recover(one),
    "undo_change": lambda sessions, one: sessions.undo_change(one, "1"),
    "projects.delete": lambda sessions, _: sessions.projects.delete(sessions.projects.list()[0].project_id),
    "backup": lambda sessions, one: sessions.backup(Path(os.environ["BACKUPS"]) / one),
    "verify_backup": lambda sessions, one: sessions.verify_backup(Path(os.environ["BACKUPS"]) / one),
    "export_all": lambda sessions, one: sessions.export_all(Path(os.environ["BACKUPS"]) / f"all-{one}"),
}


def fill(home: Path) -> str:
    """Fill a home with one of everything, and return the id of a session."""
    home.mkdir(exist_ok=True)
    filled_state(home / "state.db")
    with SessionRepository.open(hermes_home=home) as sessions:
        one = started(sessions, title="kept", project_id=sessions.projects.create("kept").project_id)
        sessions.delete(started(sessions, title="deleted"))
        sessions.list(agent=True)
        sessions.search("message")
    (home / "webui" / "sessions" / "old.tmp.1.1").write_text("left by a killed write")
    os.utime(home / "webui" / "sessions" / "old.tmp.1.1", (1, 1))
    return one


def digest(home: Path) -> dict[str, object]:
    """Return the content, the mode and the modification time of everything in a home."""
    found: dict[str, object] = {}
    for path in (home, *home.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(home))] = (content, status.st_mode, status.st_mtime_ns)
    return found


def check_every_call(home: Path, one: str, *, read_only: bool = False) -> list[str]:
    """Make every public call, and return what is wrong with the answers."""
    wrong = []
    with SessionRepository.open(hermes_home=home, read_only=read_only) as sessions:
        for name, call in (CALLS | ONLY_READING).items():
            try:
                call(sessions, one)
            except ReadOnly as error:
                if name not in CHANGES or home.name not in str(error) or str(home) in str(error):
                    wrong.append(f"{name}: {error}")
            else:
                if name in CHANGES:
                    wrong.append(f"{name} was not refused")
        titles = {each.title for each in sessions.list()}
        if titles != {"kept"} or len(sessions.list(agent=True)) < 3:
            wrong.append(f"listed: {titles}")
        if [hit.summary.title for hit in sessions.search("message", agent=False)] != ["kept"]:
            wrong.append("search finds nothing")
        if sessions.restriction is None:
            wrong.append("nothing says that the home is read-only")
    return wrong


@pytest.fixture(autouse=True)
def backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside of the home for backups."""
    folder = tmp_path / "backups"
    folder.mkdir()
    monkeypatch.setenv("BACKUPS", str(folder))
    return folder


def test_the_table_names_public_calls() -> None:
    assert set(CALLS) == public_calls()
    assert {*CHANGES, *ONLY_READING} <= public_calls()


@pytest.mark.slow
def test_a_home_opened_read_only_does_not_change(tmp_path: Path, cache: Path) -> None:
    home = tmp_path / "home"
    one = fill(home)
    before = digest(home)
    assert check_every_call(home, one, read_only=True) == []
    assert digest(home) == before
    modes = {path.lstat().st_mode & 0o777 for path in cache.rglob("*")}
    assert modes == {0o600, 0o700}


@pytest.mark.fault
def test_a_home_on_a_read_only_disk_does_not_change(disk: Path) -> None:
    subprocess.run(
        ["mount", "-o", "remount,size=32m", disk], check=True
    )  # a home with its logs has over 1 MB
    one = fill(disk / "home")
    before = digest(disk / "home")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert check_every_call(disk / "home", one) == []
    assert digest(disk / "home") == before
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    with SessionRepository.open(hermes_home=disk / "home") as sessions:
        assert sessions.restriction is None
        assert sessions.update(one, title="new").title == "new"


AS_NOBODY = """
import os, sys
from pathlib import Path
from tests.test_read_only import check_every_call
check_every_call(Path(sys.argv[3]), sys.argv[2], read_only=True)  # imports what another user cannot
os.environ["BACKUPS"] = sys.argv[4]
os.setgid(65534)
os.setuid(65534)
print(check_every_call(Path(sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.fault
def test_a_home_of_another_user_does_not_change(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("becoming another user takes root")
    with tempfile.TemporaryDirectory() as name:  # where everybody may go, as not in pytest's own
        home, folders = Path(name, "home"), (Path(name, "cache"), Path(name, "backups"))
        one = fill(home)
        shutil.copytree(home, tmp_path / "copy")
        for path in (Path(name), home, *home.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        for folder in folders:
            folder.mkdir()
            os.chown(folder, 65534, 65534)
        before = digest(home)
        places = {"HERMES_SESSIONS_CACHE_DIR": str(folders[0])}
        paths = [str(home), one, str(tmp_path / "copy"), str(folders[1])]
        command = [sys.executable, "-c", AS_NOBODY, *paths]
        ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | places, check=False)
        assert ran.stdout == "[]\n", ran.stderr
        assert digest(home) == before


OPENED_BY_NOBODY = """
import os, sys
from pathlib import Path
from hermes_sessions import SessionRepository, StorageError
from hermes_sessions.config import resolve
from hermes_sessions.index import upgrades
home, closed = map(Path, sys.argv[1:])

def total():
    with SessionRepository.open(hermes_home=home, read_only=True) as sessions:
        return sessions.list().total

total()  # imports what another user cannot
os.environ["HERMES_SESSIONS_CACHE_DIR"] = str(closed)
os.setgid(65534)
os.setuid(65534)
print(total())
for call in (lambda: SessionRepository.open(hermes_home=closed / "home", create=False),
             lambda: upgrades.revision(resolve(hermes_home=closed / "home"))):
    try:
        call()
    except StorageError as error:
        print(error)
"""


@pytest.mark.fault
def test_a_cache_or_a_home_in_a_folder_that_is_closed_to_this_user(tmp_path: Path) -> None:
    """`sudo` can leave such a cache: the index is in memory. A home in such a folder cannot be opened."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user takes root")
    with tempfile.TemporaryDirectory() as name:
        home, closed = Path(name, "home"), Path(name, "closed")
        fill(home)
        for path in (Path(name), home, *home.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        closed.mkdir(mode=0o700)
        command = [sys.executable, "-c", OPENED_BY_NOBODY, str(home), str(closed)]
        places = {"HERMES_SESSIONS_CACHE_DIR": str(tmp_path)}
        ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | places, check=False)
    denied = ["cannot use home: Permission denied", "cannot use sessions.db: Permission denied"]
    assert ran.stdout.splitlines() == ["1", *denied], ran.stderr


@pytest.mark.fault
def test_a_home_of_an_agent_alone_is_read_from_a_read_only_disk(disk: Path) -> None:
    filled_state(disk / "state.db")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    before = digest(disk)
    with SessionRepository.open(hermes_home=disk) as sessions:
        assert sessions.list().items == []
        assert len(sessions.list(agent=True)) >= 2
        assert sessions.check(deep=True) == []
        with pytest.raises(ReadOnly):
            sessions.new()
    assert digest(disk) == before


def test_a_cache_that_cannot_be_written_leaves_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    one = fill(home)
    before = digest(home)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HERMES_SESSIONS_CACHE_DIR", str(tmp_path / "file"))
    with SessionRepository.open(hermes_home=home, read_only=True) as sessions:
        assert [each.session_id for each in sessions.list()] == [one]
        assert "no room for a search index" in sessions.search("message").warnings[0]
    assert digest(home) == before


def test_the_cached_index_follows_the_files(tmp_path: Path) -> None:
    home = tmp_path / "home"
    one = fill(home)
    with SessionRepository.open(hermes_home=home, read_only=True) as reader:
        versions = {reader.version()}
        with SessionRepository.open(hermes_home=home) as writer:
            versions.add(writer.version())
            writer.update(one, title="new")
            two = started(writer, title="another")
            writer.delete(one)
        assert [each.session_id for each in reader.list()] == [two]
        assert {each.title for each in reader.trash()} == {"new", "deleted"}
        versions.add(reader.version())
    assert len(versions) == 3  # an index that was taken over is not the same
    with SessionRepository.open(hermes_home=home, read_only=True) as reader:
        assert [each.session_id for each in reader.list()] == [two]


def test_two_homes_have_two_indexes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with SessionRepository.open(hermes_home=tmp_path / name) as sessions:
            started(sessions, title=name)
    for name in ("a", "b"):
        with SessionRepository.open(hermes_home=tmp_path / name, read_only=True) as sessions:
            assert [each.title for each in sessions.list()] == [name]


def test_drafts_are_taken_over(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        draft = sessions.new()
    with SessionRepository.open(hermes_home=tmp_path, read_only=True) as sessions:
        assert sessions.get(draft.session_id).title == draft.title


def test_a_home_that_does_not_exist_is_not_made_to_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no Hermes home"):
        SessionRepository.open(hermes_home=tmp_path / "none", read_only=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "backups"]


# ---- the agent's database -------------------------------------------------------------------------------


def test_a_log_of_the_agent_is_read_without_writing(tmp_path: Path) -> None:
    """A `-wal` that holds commits, as while the agent runs: it is read by the shared memory beside it."""
    home = tmp_path / "home"
    fill(home)
    with closing(sqlite3.connect(home / "state.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE sessions SET title = 'in the log' WHERE id = 'lone'")
        assert (home / "state.db-wal").stat().st_size
        before = digest(home)
        with SessionRepository.open(hermes_home=home, read_only=True) as sessions:
            assert "in the log" in {each.title for each in sessions.list(agent=True)}
            db.execute("UPDATE sessions SET title = 'later' WHERE id = 'lone'")
            assert "later" in {each.title for each in sessions.list(agent=True)}
            db.execute("UPDATE sessions SET title = 'in the log' WHERE id = 'lone'")
        changed = {name for name, each in digest(home).items() if before.get(name) != each}
        assert changed <= {"state.db-wal", "state.db-shm"}  # by the agent


def test_a_log_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    home = tmp_path / "home"
    one = fill(home)
    with closing(sqlite3.connect(home / "state.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE sessions SET title = 'in the log' WHERE id = 'lone'")
        log = (home / "state.db-wal").read_bytes()
    for name in ("state.db-wal", "state.db-shm"):
        (home / name).unlink(missing_ok=True)
    (home / "state.db-wal").write_bytes(log)
    before = digest(home)
    with SessionRepository.open(hermes_home=home, read_only=True) as sessions:
        page = sessions.list(agent=True)
        assert one in {each.session_id for each in page}
        assert "state.db-wal" in page.warnings[0]
    assert digest(home) == before


def test_what_changed_while_it_was_read_without_a_lock_is_not_used(tmp_path: Path) -> None:
    path = filled_state(tmp_path / "state.db")
    agent = Agent(path, leaves_nothing=True)
    with ExitStack() as stack:
        assert stack.enter_context(agent.reading()).message_ids("lone")
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE sessions SET title = 'another' WHERE id = 'lone'")
            db.commit()
        with pytest.raises(AgentUnavailable, match="changed while it was read"):
            stack.close()
    assert agent.sessions()
    agent.close()


def test_an_agent_that_changes_while_it_is_searched_hides_no_other_hit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    one = fill(home)

    count = AgentMessages.count

    def search_and_change(*arguments: Any) -> object:
        result = count(*arguments)
        with closing(sqlite3.connect(home / "state.db")) as db, db:
            db.execute("UPDATE sessions SET title = title || '.' WHERE id = 'lone'")
        return result

    monkeypatch.setattr(AgentMessages, "count", search_and_change)
    with SessionRepository.open(hermes_home=home, read_only=True) as sessions:
        hits = sessions.search("message")
    assert one in {hit.session_id for hit in hits}
    assert ["changed while it was read" in warning for warning in hits.warnings] == [True]
