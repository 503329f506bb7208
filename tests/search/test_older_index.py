"""A search index of an older format: it answers until a new one is complete, whatever happens in between."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.search import sync, worker
from hermes_sessions.search.generations import REBUILDING
from hermes_sessions.search.sync import BuildResult, SearchIndex
from hermes_sessions.search.tables import FORMAT

from ..support.agent_db import add_session, keep_full_text, new_state, writing
from ..support.make import message, write_document
from ..support.processes import at_once

pytestmark = pytest.mark.sqlite("search.db in the home")

SESSIONS = 12


@pytest.fixture(autouse=True)
def background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what these homes have to the background, and begin with that at once.

    A search waits for what the background is writing, however slow the machine is: without that, it
    answers from what is indexed, and counts one session as missing.
    """
    monkeypatch.setattr(sync, "INLINE_FILES", SESSIONS // 2)
    monkeypatch.setattr(worker, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(sync, "PATIENCE_SECONDS", 60.0)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose search index is complete."""
    home = tmp_path_factory.mktemp("older") / "home"
    with SessionRepository.open(hermes_home=home) as sessions:
        for number in range(SESSIONS):
            messages = [message(f"needle{number:03} runs")]
            write_document(sessions, f"s{number:03}", title=f"Title {number}", messages=messages)
        assert sessions.complete_search() == 0
    return home


@pytest.fixture
def older(indexed: Path, tmp_path: Path) -> Path:
    """A copy of that home whose search index has the format before this one."""
    home = tmp_path / "home"
    shutil.copytree(indexed, home, copy_function=shutil.copy2)
    with SessionRepository.open(hermes_home=home) as sessions:  # copies are other files
        assert sessions.complete_search() == 0
    change(home, f"PRAGMA user_version = {FORMAT - 1}")
    return home


def index_of(home: Path) -> Path:
    """Return the search index of a home."""
    return home / "webui" / "search.db"


def kept(home: Path) -> Path:
    """Return where the older search index of a home is kept."""
    return home / "webui" / "search.db.old"


def change(home: Path, *statements: str, path: Callable[[Path], Path] = index_of) -> None:
    """Change a search index that nobody has open."""
    with closing(sqlite3.connect(path(home))) as db, db:
        for statement in statements:
            db.execute(statement)


def ask(path: Path, statement: str) -> Any:
    """Return the first value that a search index has for a question."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchone()[0]


def found(sessions: SessionRepository, text: str) -> set[str]:
    """Return the ids that a search finds, with all that it could find."""
    return {hit.session_id for hit in sessions.search(text, limit=SESSIONS)}


def check_finished(home: Path) -> None:
    """Check that the new index is complete and that nothing is left of the older one."""
    assert ask(index_of(home), "PRAGMA user_version") == FORMAT
    assert not list(index_of(home).parent.glob("search.db.*"))
    with SessionRepository.open(hermes_home=home) as sessions:
        hits = sessions.search("running", limit=SESSIONS)  # by the stem of a word
        assert (len(hits), hits.partial) == (SESSIONS, False)


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], object]]:
    """Let no index be completed before the function is called that this gives out."""
    barrier = threading.Event()
    complete = SearchIndex.complete

    def waiting(
        self: SearchIndex, progress: Any = None, keep_going: Callable[[], bool] = lambda: True
    ) -> BuildResult:
        while not barrier.wait(0.01):
            if not keep_going():
                return BuildResult(1, is_whole=False)
        return complete(self, progress, keep_going)

    with monkeypatch.context() as patch:
        patch.setattr(SearchIndex, "complete", waiting)
        try:
            yield barrier.set
        finally:
            barrier.set()


def wait_for_the_background(sessions: SessionRepository) -> None:
    """Wait until a search has everything."""
    until = time.monotonic() + 60
    while sessions.search("needle007").partial:
        assert time.monotonic() < until
        time.sleep(0.01)


# ---- which index answers ----------------------------------------------------------------------------------


def test_an_older_index_answers_until_the_new_one_is_complete(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(monkeypatch) as release, SessionRepository.open(hermes_home=older) as sessions:
        for _ in range(2):
            hits = sessions.search("needle007 running")
            assert [hit.session_id for hit in hits] == ["s007"]
            assert (hits.missing, hits.warnings, hits.partial) == (0, (REBUILDING,), True)
        assert ask(kept(older), "PRAGMA user_version") == FORMAT - 1
        assert ask(index_of(older), "SELECT count(*) FROM messages") == 0
        release()
        wait_for_the_background(sessions)
        assert found(sessions, "needle007 running") == {"s007"}
    check_finished(older)


def test_changes_are_found_while_the_older_index_answers(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(monkeypatch) as release, SessionRepository.open(hermes_home=older) as sessions:
        sessions.append("s001", [message("a giraffe")])
        assert found(sessions, "giraffe") == {"s001"}
        sessions.append("s002", [message("a giraffe too")])
        write_document(sessions, "new", title="Another", messages=[message("one more giraffe")])
        sessions.delete("s001")
        assert found(sessions, "giraffe") == {"s002", "new"}
        sessions.update("s003", title="The giraffe house")
        assert found(sessions, "giraffe") == {"s002", "new", "s003"}
        release()
        wait_for_the_background(sessions)
        assert found(sessions, "giraffe") == {"s002", "new", "s003"}
        assert found(sessions, "needle010") == {"s010"}


def test_completing_the_search_builds_the_new_index_with_its_progress(older: Path) -> None:
    calls: list[tuple[int, int]] = []
    with SessionRepository.open(hermes_home=older) as sessions:
        assert sessions.complete_search(progress=lambda done, total: calls.append((done, total))) == 0
        assert not sessions.search("needle007").partial
    check_finished(older)


def test_a_build_that_stops_beside_a_complete_one_keeps_no_older_index(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = SearchIndex.complete

    def beside(
        self: SearchIndex, progress: Any = None, keep_going: Callable[[], bool] = lambda: True
    ) -> BuildResult:
        """Complete the index, while the background thread of this process begins to, and is stopped."""
        done = complete(self, progress, keep_going)
        complete(self, None, lambda: False)
        return done

    with SessionRepository.open(hermes_home=older) as sessions:
        monkeypatch.setattr(SearchIndex, "complete", beside)
        assert sessions.complete_search() == 0
        assert not kept(older).exists()
    check_finished(older)


def test_a_rebuild_trusts_no_older_index(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(monkeypatch) as release, SessionRepository.open(hermes_home=older) as sessions:
        assert sessions.search("needle007").warnings == (REBUILDING,)
        sessions.rebuild()
        hits = sessions.search("needle007")
        assert (hits.missing, hits.warnings) == (SESSIONS, ())
        release()
        wait_for_the_background(sessions)
    check_finished(older)


UNREADABLE = {
    "other tables": ("ALTER TABLE messages RENAME COLUMN length TO size", FORMAT - 1),
    "a newer format": ("SELECT 1", FORMAT + 1),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_index_that_this_version_cannot_read_is_replaced_at_once(
    older: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement, number = UNREADABLE[name]
    change(older, statement, f"PRAGMA user_version = {number}")
    with held(monkeypatch) as release, SessionRepository.open(hermes_home=older) as sessions:
        hits = sessions.search("needle007 OR title", limit=SESSIONS)  # titles are there at once
        assert (len(hits), hits.missing, hits.warnings) == (SESSIONS, SESSIONS, ())
        release()
        wait_for_the_background(sessions)
    check_finished(older)


def test_of_three_formats_the_complete_index_answers(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version between had not finished its own index."""
    shutil.copyfile(index_of(older), kept(older))
    change(older, f"PRAGMA user_version = {FORMAT - 2}", path=kept)
    change(older, "DELETE FROM messages", "UPDATE entries SET size = NULL", "UPDATE state SET token = ''")
    with held(monkeypatch) as release, SessionRepository.open(hermes_home=older) as sessions:
        hits = sessions.search("needle007")
        assert ([hit.session_id for hit in hits], hits.missing) == (["s007"], 0)
        release()
        sessions.complete_search()
    check_finished(older)


@pytest.mark.parametrize("damage", ["torn", "emptied", "no database"])
def test_a_damaged_older_index_is_given_up(older: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(monkeypatch), SessionRepository.open(hermes_home=older) as sessions:
        sessions.search("needle007")
    with kept(older).open("r+b") as file:
        if damage == "emptied":
            file.truncate()
        else:
            file.seek(0 if damage == "no database" else 8_192)
            file.write(b"\xa5" * 65_536)
    for more in ("-wal", "-shm"):
        Path(f"{kept(older)}{more}").unlink(missing_ok=True)
    with held(monkeypatch) as release, SessionRepository.open(hermes_home=older) as sessions:
        hits = sessions.search("needle007 OR title", limit=SESSIONS)
        assert len(hits) == SESSIONS
        assert hits.missing or hits.warnings
        release()
        sessions.complete_search()
    check_finished(older)


# ---- kills, other processes, a full disk ------------------------------------------------------------------

_KILLED = """
import os, signal, sys
from pathlib import Path
from hermes_sessions import SessionRepository
from hermes_sessions.search import index_file, sync, tables, transcripts, vocabulary
home, point = sys.argv[1:]

def die(*_args, **_keywords):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(done, total):
    if point == "half" and done:
        die()

rename, unlink = Path.rename, Path.unlink

def renaming(path, target):
    if point == "log" and path.name == "search.db":
        die()
    rename(path, target)
    if point == "renamed" and path.name == "search.db":
        die()

def unlinking(path, missing_ok=False):
    if point == "whole" and path.name == "search.db.old":
        die()
    unlink(path, missing_ok=missing_ok)
    if point == "removed" and path.name == "search.db.old":
        die()

Path.rename, Path.unlink = renaming, unlinking
if point == "created":
    tables.create_tables = die
if point == "words":  # which are counted at the end of large builds
    sync.INLINE_BYTES, vocabulary.count_words = 0, die
transcripts.BATCH_BYTES = 1
sessions = SessionRepository.open(hermes_home=home)
sessions.complete_search(progress=progress)
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", ["log", "renamed", "created", "half", "words", "whole", "removed"])
def test_a_killed_rebuild_leaves_an_index_that_answers(
    older: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(older), point], check=False)
    assert killed.returncode == -signal.SIGKILL
    with held(monkeypatch) as release, SessionRepository.open(hermes_home=older) as sessions:
        hits = sessions.search("running", limit=SESSIONS)
        assert (len(hits), hits.missing) == (SESSIONS, 0)
        assert hits.warnings == (() if point == "removed" else (REBUILDING,))
        release()
        wait_for_the_background(sessions)
    check_finished(older)


@pytest.mark.slow
def test_a_search_is_partial_until_words_are_counted(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_of(older).unlink()
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(older), "words"], check=False)
    assert killed.returncode == -signal.SIGKILL
    with held(monkeypatch) as release, SessionRepository.open(hermes_home=older) as sessions:
        assert sessions.search("running").missing == 1
        assert found(sessions, "needle007") == {"s007"}
        release()
        wait_for_the_background(sessions)
    check_finished(older)


LOST = {"all": "", "some": "WHERE word = 'runs'", "some of the agent's": "WHERE word = 'swims'"}


@pytest.mark.parametrize("name", LOST)
def test_words_that_were_lost_are_counted_again(older: Path, name: str) -> None:
    new_state(older / "state.db")
    with writing(older / "state.db") as db:
        keep_full_text(db)
        add_session(db, "fish", "a trout swims", title="The fish")
    with SessionRepository.open(hermes_home=older) as sessions:
        sessions.complete_search()
        sessions.complete_search()  # after the agent's words are known
        assert found(sessions, "swimming") == {"fish"}
    change(older, f"DELETE FROM words {LOST[name]}")
    with SessionRepository.open(hermes_home=older) as sessions:
        sessions.complete_search()
        assert len(found(sessions, "running")) == SESSIONS
        assert found(sessions, "swimming") == {"fish"}


def _complete(home: str) -> int:
    with SessionRepository.open(hermes_home=home) as sessions:
        assert len(sessions.search("runs", limit=SESSIONS)) == SESSIONS
        missing = sessions.complete_search()
        assert len(sessions.search("running", limit=SESSIONS)) == SESSIONS
        return missing


@pytest.mark.slow
def test_several_processes_build_one_index(older: Path) -> None:
    assert at_once(_complete, [(str(older),)] * 3) == [0, 0, 0]
    check_finished(older)


_SEARCH = """
import sys
from hermes_sessions import SessionRepository
sessions = SessionRepository.open(hermes_home=sys.argv[1])
for line in sys.stdin:
    hits = sessions.search("running", limit=1_000)
    print(len(hits), hits.missing, hits.partial, flush=True)
"""


@pytest.mark.slow
def test_another_process_turns_to_the_new_index_when_it_is_complete(older: Path) -> None:
    arguments = [sys.executable, "-c", _SEARCH, str(older)]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with (
        subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as other,
        SessionRepository.open(hermes_home=older) as sessions,
    ):
        assert other.stdin
        assert other.stdout

        def answer() -> list[str]:
            print(file=other.stdin, flush=True)
            return other.stdout.readline().split()  # type: ignore[union-attr]  # a pipe, as asked

        first = answer()
        assert first[:2] == [str(SESSIONS), "0"]
        sessions.complete_search()
        assert answer() == [str(SESSIONS), "0", "False"]
        other.stdin.close()
    check_finished(older)


def test_without_room_for_two_the_older_index_stays(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(older)._replace(free=0)
    with SessionRepository.open(hermes_home=older) as sessions:
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: full)
            assert sessions.complete_search() == 0
            hits = sessions.search("needle007")
            assert [hit.session_id for hit in hits] == ["s007"]
            assert "about 1 MB more than the disk has" in hits.warnings[0]
            sessions.append("s001", [message("a giraffe")])
            assert found(sessions, "giraffe") == {"s001"}
            assert kept(older).exists()
        wait_for_the_background(sessions)
    check_finished(older)


# ---- homes that cannot be written ------------------------------------------------------------------------


def test_an_older_index_in_the_cache_of_a_home_answers_too(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERMES_SESSIONS_CACHE_DIR", str(tmp_path / "cache"))
    with SessionRepository.open(hermes_home=indexed, read_only=True) as sessions:
        assert sessions.complete_search() == 0
    (cached,) = tmp_path.glob("cache/*/search.db")
    with closing(sqlite3.connect(cached)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT - 1}")
    with (
        held(monkeypatch) as release,
        SessionRepository.open(hermes_home=indexed, read_only=True) as sessions,
    ):
        hits = sessions.search("needle007 running")
        assert ([hit.session_id for hit in hits], hits.warnings) == (["s007"], (REBUILDING,))
        release()
        wait_for_the_background(sessions)
        sessions.rebuild()
        sessions.complete_search()
        assert found(sessions, "needle007 running") == {"s007"}
        assert found(sessions, "needle007 has:error") == set()
    assert not kept(indexed).exists()


def test_without_room_for_an_index_every_call_about_it_answers(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HERMES_SESSIONS_CACHE_DIR", str(tmp_path / "file"))
    with SessionRepository.open(hermes_home=indexed, read_only=True) as sessions:
        for typed in ("needle007", "running", "has:error", "-needle", "tool:ls", "nedle007", "title:title"):
            hits = sessions.search(typed)
            assert "no room for a search index" in hits.warnings[0]
            assert hits.partial
        assert len(sessions.search("is:pinned OR is:archived")) == 0
        assert len(sessions.search("-is:pinned", limit=SESSIONS)) == SESSIONS
        assert not [each for each in sessions.check(deep=True) if not each.note]
        assert sessions.complete_search() == SESSIONS
        sessions.rebuild()
        assert "no room for a search index" in sessions.search("needle007").warnings[0]
