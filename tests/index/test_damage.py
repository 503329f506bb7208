"""Corrupt databases: each store keeps to itself, and the two indexes are made again without asking."""

import os
import random
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import NewerDatabase, SessionRepository, StorageError
from hermes_sessions.index import damage, database, upgrades
from hermes_sessions.search.index_file import SearchFile

from ..cli.running import run
from ..support.agent_db import FULL_TEXT, add_session, keep_full_text, new_state, writing
from ..support.efforts import examples
from ..support.make import message, turns, write_document

pytestmark = pytest.mark.sqlite("corrupt files")

WEB = {"one", "two", "three"}
AGENT = {"lone", "other"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with sessions of the web UI and of the agent, all indexed."""
    home = tmp_path_factory.mktemp("sound") / "home"
    with SessionRepository.open(hermes_home=home) as sessions:
        for name in sorted(WEB):
            content = f"marmalade in {name} " + "and some more words " * 40
            write_document(sessions, name, title=name, messages=[message(content=content), *turns(30)])
        new_state(home / "state.db")
        with writing(home / "state.db") as db:
            for name in sorted(AGENT):
                add_session(
                    db, name, f"marmalade of {name}", *(f"answer {at} " * 20 for at in range(30)), title=name
                )
        sessions.complete_search()
        assert listed(sessions) == WEB | AGENT == hits(sessions)
    return home


@pytest.fixture
def home(sound: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    home = copy(sound, tmp_path / "home")
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.sync()  # a copy has other inodes: a later sync would replace the rows that a test damages
    return home


def copy(home: Path, into: Path) -> Path:
    shutil.copytree(home, into)
    return into


def listed(sessions: SessionRepository) -> set[str]:
    return {each.session_id for each in sessions.list(agent=True)}


def hits(sessions: SessionRepository) -> set[str]:
    return {hit.session_id for hit in sessions.search("marmalade", agent=True, limit=50)}


def flip(path: Path, places: list[int], seed: int = 0) -> None:
    """Change the bytes at these places, each to another value."""
    content, drawn = bytearray(path.read_bytes()), random.Random(seed)
    for place in places:
        content[place % len(content)] ^= drawn.randrange(1, 256)
    path.write_bytes(content)


# ---- a corrupt index of sessions or of words ------------------------------------------------------------


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all " * 500)


def header(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)


def pages(path: Path) -> None:
    flip(
        path,
        [place for start in range(4096, path.stat().st_size, 4096) for place in range(start, start + 60)],
    )


def log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"\x37\x7f\x06\x82" + b"\xff" * 9000)
    pages(path)


def text(path: Path) -> None:
    with sqlite3.connect(path) as db:
        table, column = ("sessions", "title") if path.name == "sessions.db" else ("entries", "title")
        db.execute(f"UPDATE {table} SET {column} = CAST(x'c3ff41' AS TEXT)")  # names of this test
    db.close()


def schema(path: Path) -> None:
    name = b"pinned" if path.name == "sessions.db" else b"position"
    path.write_bytes(path.read_bytes().replace(name, name.upper()[::-1]))


DAMAGES: list[Callable[[Path], None]] = [garbage, header, pages, log, text, schema]


@pytest.mark.parametrize("harm", DAMAGES)
@pytest.mark.parametrize("name", ["sessions.db", "search.db"])
def test_a_corrupt_index_is_set_aside_and_made_again(
    home: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(home / "webui" / name)
    with SessionRepository.open(hermes_home=home) as sessions:
        assert listed(sessions) == WEB | AGENT
        sessions.complete_search()
        assert hits(sessions) == WEB | AGENT
        assert sessions.search("marmalade", agent=True).warnings == ()
        assert damage.diagnose(home / "webui/sessions.db") is None
    aside = list((home / "webui").glob(f"{name}.*.damaged"))
    assert len(aside) == 1
    assert stat.S_IMODE(aside[0].stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["sessions.db", "search.db"])
def test_an_index_that_is_damaged_while_it_is_open_is_made_again(home: Path, name: str) -> None:
    with (
        SessionRepository.open(hermes_home=home) as sessions,
        SessionRepository.open(hermes_home=home) as other,
    ):
        assert listed(sessions) == WEB | AGENT == listed(other)
        with sqlite3.connect(home / "webui" / name) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        garbage(home / "webui" / name)
        for each in (sessions, other):
            assert listed(each) == WEB | AGENT
            assert hits(each) == WEB | AGENT
        write_document(other, "four", title="four", messages=[message(content="marmalade")])
        assert "four" in listed(sessions) & listed(other)
        assert sessions.append("four", [message()]).message_count == 2
        assert other.summary("four").message_count == 2


def test_drafts_that_can_be_read_survive(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        draft = sessions.new(title="Not sent yet")
    with sqlite3.connect(home / "webui/sessions.db") as db:
        db.execute("UPDATE sessions SET title = CAST(x'c3ff41' AS TEXT) WHERE session_id = 'one'")
    db.close()
    with SessionRepository.open(hermes_home=home) as sessions:
        assert listed(sessions) >= WEB | AGENT
        assert sessions.get(draft.session_id).title == "Not sent yet"


def test_drafts_on_both_sides_of_a_corrupt_page_survive(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        for number in range(60):
            sessions.new(workspace=f"/draft {number} " + "w" * 250)
    path = home / "webui/sessions.db"
    with writing(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    middle = content.index(b"draft 30 ") // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    path.write_bytes(content)
    with SessionRepository.open(hermes_home=home) as sessions:
        workspaces = [each.workspace or "" for each in sessions.list(hidden=True)]
        drafts = {each.split()[1] for each in workspaces if each.startswith("/draft ")}
        assert {"0", "1", "58", "59"} <= drafts
        assert "30" not in drafts
        assert listed(sessions) >= WEB | AGENT


@pytest.mark.parametrize(
    ("table", "asked"), [*zip(FULL_TEXT, ("marmalade", "橘子酱"), strict=True)], ids=[*FULL_TEXT]
)
def test_a_corrupt_full_text_table_of_the_agent_is_named_and_hides_nothing(
    home: Path, table: str, asked: str
) -> None:
    with writing(home / "state.db") as db:
        keep_full_text(db)
        for each in FULL_TEXT:
            db.execute(f"INSERT INTO {each} (rowid, content) SELECT id, content FROM messages")
        db.execute(f"DELETE FROM {table}_data WHERE id > 10")
    with SessionRepository.open(hermes_home=home) as sessions:
        assert hits(sessions) == WEB | AGENT
        warnings = sessions.search(asked, agent=True).warnings
        assert any("the agent's state.db" in each and table in each for each in warnings)


def test_a_search_index_that_cannot_be_opened_hides_nothing_of_the_agent(home: Path) -> None:
    for each in (home / "webui").glob("search.db*"):
        each.unlink()
    (home / "webui/search.db").mkdir()
    with SessionRepository.open(hermes_home=home) as sessions:
        assert hits(sessions) == AGENT
        assert any("search.db" in each for each in sessions.search("marmalade", agent=True).warnings)


def test_words_of_a_transaction_that_failed_are_stored_by_the_next(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = SearchFile.writing

    @contextmanager
    def failing(self: SearchFile) -> Iterator[object]:
        with write(self) as connection:
            yield connection
            raise StorageError("search.db failed: database or disk is full")

    with SessionRepository.open(hermes_home=home) as sessions:
        assert hits(sessions) == WEB | AGENT
        monkeypatch.setattr(SearchFile, "writing", failing)
        write_document(sessions, "four", title="four", messages=[message("an ornithorhynchus swims")])
        found = sessions.search("marmalade", agent=True)
        assert {hit.session_id for hit in found} == WEB | AGENT
        assert any("disk is full" in each for each in found.warnings)
        monkeypatch.undo()
        sessions.complete_search()
        assert [hit.session_id for hit in sessions.search("nithorhyn")] == ["four"]


@pytest.mark.parametrize("act", ["check", "repair"])
def test_check_and_repair_make_a_corrupt_index_again(home: Path, act: str) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        pages(home / "webui/sessions.db")
        getattr(sessions, act)()
        assert listed(sessions) == WEB | AGENT


@pytest.mark.parametrize("words", [["check", "--deep"], ["repair", "--apply"], ["list"], ["sync"]])
def test_commands_make_a_corrupt_index_again(home: Path, words: list[str]) -> None:
    garbage(home / "webui/sessions.db")

    assert "corrupt" not in run(home, *words).stderr
    assert len(list((home / "webui").glob("sessions.db.*.damaged"))) == 1
    assert damage.diagnose(home / "webui/sessions.db") is None


def test_a_locked_index_is_not_set_aside(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.list()
        with sqlite3.connect(home / "webui/sessions.db") as db:
            db.execute("BEGIN IMMEDIATE")
            assert listed(sessions) == WEB | AGENT
            db.rollback()
        db.close()
    assert not list((home / "webui").glob("*.damaged"))


# ---- any byte of any database ---------------------------------------------------------------------------


@pytest.mark.slow
@given(
    name=st.sampled_from(["webui/sessions.db", "webui/search.db", "state.db"]),
    places=st.lists(st.integers(0, 2**31), min_size=1, max_size=60),
)
@examples(2, shares_fixtures=True)
def test_flipped_bytes_lose_nothing_of_the_other_stores(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, name: str, places: list[int]
) -> None:
    home = copy(sound, tmp_path_factory.mktemp("flipped") / "home")
    flip(home / name, places)
    with SessionRepository.open(hermes_home=home) as sessions:
        expect_others(sessions, name)
        sessions.check(deep=True)
        sessions.repair(apply=True)
        expect_others(sessions, name)
    shutil.rmtree(home)


def expect_others(sessions: SessionRepository, name: str) -> None:
    """Expect of lists and searches what the stores other than the flipped one hold."""
    present, found = listed(sessions), hits(sessions)
    assert present >= (WEB if name == "state.db" else set())
    if name == "state.db":
        assert found >= WEB
    else:
        assert found >= AGENT


# ---- a new index that was not finished, and revisions ---------------------------------------------------


@pytest.mark.parametrize("content", [b"", None], ids=["empty", "only a revision"])
def test_an_index_without_tables_is_finished_while_it_is_open(home: Path, content: bytes | None) -> None:
    path = home / "webui" / "sessions.db"
    with SessionRepository.open(hermes_home=home) as sessions:
        for name in ("sessions.db", "sessions.db-wal", "sessions.db-shm"):
            path.with_name(name).unlink(missing_ok=True)
        path.touch()
        if content is None:
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            db.close()
        assert listed(sessions) == WEB | AGENT
    assert not list(path.parent.glob("sessions.db.*.damaged"))


def test_a_new_index_that_cannot_be_made_is_made_by_the_next_call(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("no space left on device")

    path = home / "webui" / "sessions.db"
    with SessionRepository.open(hermes_home=home) as sessions:
        garbage(path)
        with monkeypatch.context() as patched:
            patched.setattr(upgrades, "upgrade", full)
            with pytest.raises(StorageError):
                sessions.list()
        assert listed(sessions) == WEB | AGENT
    assert len(list(path.parent.glob("sessions.db.*.damaged"))) == 1, "the one that was corrupt"


REVISION = upgrades.revisions()[-1]


@pytest.mark.parametrize(
    "revision",
    [
        f"{REVISION[:at]}{chr(ord(REVISION[at]) ^ 1 << bit)}{REVISION[at + 1 :]}"
        for at in (0, 3)
        for bit in range(7)
    ],
    ids=ascii,
)
def test_a_flipped_bit_in_the_revision_is_damage(home: Path, revision: str) -> None:
    path = home / "webui" / "sessions.db"
    set_revision(path, revision)
    with SessionRepository.open(hermes_home=home) as sessions:
        assert listed(sessions) == WEB | AGENT


def set_revision(path: Path, revision: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alembic_version SET version_num = ?", [revision])
    db.close()


@pytest.mark.parametrize("revision", upgrades.revisions()[:-1])
def test_an_older_revision_of_the_newest_tables_is_damage(home: Path, revision: str) -> None:
    set_revision(home / "webui" / "sessions.db", revision)
    with SessionRepository.open(hermes_home=home) as sessions:
        assert listed(sessions) == WEB | AGENT


def test_the_next_revision_is_newer_if_it_has_a_column_that_is_not_known(home: Path) -> None:
    path = home / "webui" / "sessions.db"
    set_revision(path, f"{int(REVISION) + 1:04}")
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE sessions ADD COLUMN later TEXT")
    db.close()
    before = path.read_bytes()
    with pytest.raises(NewerDatabase):
        SessionRepository.open(hermes_home=home)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.damaged"))


@pytest.mark.parametrize("name", ["webui/sessions.db", "webui/search.db", "state.db"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_database_that_was_cut_short_loses_nothing_of_the_others(
    home: Path, name: str, is_open: bool
) -> None:
    size = (home / name).stat().st_size
    for place in random.Random(name).sample(range(1, size), 3):
        changed = copy(home, home.parent / f"{place}")
        opened = SessionRepository.open(hermes_home=changed) if is_open else None
        os.truncate(changed / name, place)
        with opened or SessionRepository.open(hermes_home=changed) as sessions:
            assert listed(sessions) >= WEB
            sessions.complete_search()
            assert hits(sessions) >= WEB
            if name != "state.db":
                assert listed(sessions) == WEB | AGENT == hits(sessions)
        shutil.rmtree(changed)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS])
def test_a_short_read_is_no_passing_trouble(code: int) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    assert not database.is_passing(error)
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert database.is_passing(error)
