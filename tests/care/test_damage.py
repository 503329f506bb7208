"""What `check --deep` finds in the databases: damage, and values that differ from the files."""

import collections
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import AgentUnavailable, SessionRepository
from hermes_sessions.findings import Finding, FindingKind
from webapp import create_app

from ..support import figures
from ..support.agent_db import add_session, filled_state, handles, keep_full_text, new_state, writing
from ..support.efforts import examples
from ..support.make import message, started, turns

pytestmark = pytest.mark.sqlite("corrupt files")

OF_AGENT = {FindingKind.AGENT_DAMAGED, FindingKind.AGENT_FULL_TEXT_DAMAGED, FindingKind.AGENT_UNAVAILABLE}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with sessions, one of them long and one in the trash, and an agent with full-text tables."""
    home = tmp_path_factory.mktemp("sound") / "home"
    home.mkdir()
    with writing(new_state(home / "state.db")) as db:
        keep_full_text(db)
        for name in ("one", "two", "three"):
            add_session(db, name, *(f"a heron of {name}, number {at} " * 9 for at in range(20)), title=name)
    with SessionRepository.open(hermes_home=home) as sessions:
        for number in range(5):
            started(sessions, 6, title=f"session {number}", workspace="/tmp", model="hermes-4")
        long = started(sessions, 2, title="long")
        for _ in range(5):
            sessions.append(long, [message("word " * 4000), *turns(3)])
        sessions.update(long, title="longer", pinned=True)
        sessions.delete(started(sessions, 1, title="gone"))
        sessions.complete_search()
        assert sessions.check(deep=True) == []
    with closing(sqlite3.connect(home / "webui/sessions.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home


@pytest.fixture
def home(sound: Path, tmp_path: Path) -> Path:
    return copied(sound, tmp_path)


def copied(sound: Path, folder: Path) -> Path:
    """Copy the sound home, with indexes of the copy, into a folder."""
    shutil.copytree(sound, folder / "home")
    with SessionRepository.open(hermes_home=folder / "home") as sessions:
        sessions.sync()  # a copy has other inodes, in a folder of the same time
        sessions.complete_search()
    return folder / "home"


def problems(sessions: SessionRepository) -> list[Finding]:
    return [each for each in sessions.check(deep=True) if not each.note]


def state_of(home: Path) -> dict[str, tuple[bytes, int]]:
    """Return the content and the modification time of the agent's files, without those of readers."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in home.glob("state.db*")
        if path.stat().st_size and not path.name.endswith("-shm")
    }


# ---- the agent's database -------------------------------------------------------------------------------


def zero_pages(path: Path, like: str) -> None:
    """Overwrite the first pages of the tables and indexes with such names."""
    with writing(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        roots = db.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE ?", (like,)).fetchall()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        for root in {root for (root,) in roots if root}:
            file.seek((root - 1) * size)
            file.write(bytes(size))


def spoil_words(path: Path, table: str) -> None:
    """Overwrite the words of a full-text table, whose pages stay sound."""
    with writing(path) as db:
        for number, size in db.execute(
            f"SELECT id, length(block) FROM {table}_data WHERE id > 10"
        ).fetchall():
            db.execute(f"UPDATE {table}_data SET block = ? WHERE id = ?", (b"\xff" * size, number))


DAMAGES: dict[str, tuple[FindingKind, str, Callable[[Path], None]]] = {
    "an index": (FindingKind.AGENT_DAMAGED, "damaged", lambda p: zero_pages(p, "idx_messages_session")),
    "a title index": (FindingKind.AGENT_DAMAGED, "damaged", lambda p: zero_pages(p, "idx_sessions_title%")),
    "words": (FindingKind.AGENT_FULL_TEXT_DAMAGED, "messages_fts ", lambda p: spoil_words(p, "messages_fts")),
    "trigrams": (
        FindingKind.AGENT_FULL_TEXT_DAMAGED,
        "messages_fts_trigram",
        lambda p: spoil_words(p, "messages_fts_trigram"),
    ),
}


@pytest.mark.parametrize("like", ["idx_messages_session%", "sessions"])
def test_the_quick_check_finds_damage_where_lists_read(home: Path, like: str) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        assert sessions.check() == []
        zero_pages(home / "state.db", like)
        for deep in (False, True):
            [finding] = sessions.check(deep=deep)
            assert finding.kind is FindingKind.AGENT_DAMAGED
            assert "state.db" in finding.meaning


def damage_messages(path: Path) -> None:
    """Overwrite the pages that hold the texts of messages, which lists do not read."""
    with writing(path) as db:
        db.execute("PRAGMA journal_mode = delete")
        [(size,)] = db.execute("PRAGMA page_size")
    content = path.read_bytes()
    for at in range(0, len(content), size):
        if content[at] == 0x0D and b"a heron of one" in content[at : at + size]:
            content = content[:at] + b"\xff" * size + content[at + size :]
    with path.open("r+b") as file:
        file.write(content)


def test_the_quick_check_names_damage_that_was_met_until_the_file_is_sound(home: Path) -> None:
    state = home / "state.db"
    with SessionRepository.open(hermes_home=home) as sessions:
        sound = state.read_bytes()
        damage_messages(state)
        assert sessions.check() == []
        with pytest.raises(AgentUnavailable, match="malformed"):
            sessions.get("one")
        assert sessions.get("three").messages
        [finding] = sessions.check()
        assert (finding.kind, "malformed" in finding.meaning) == (FindingKind.AGENT_DAMAGED, True)
        page = create_app(sessions).test_client().get("/check").text
        assert "The agent’s database is damaged" in page
        with writing(state) as db:
            db.execute("PRAGMA user_version = 7")
        assert sessions.check() == [finding], "another write leaves it damaged"
        state.write_bytes(sound)
        assert sessions.check(deep=True) == []
        assert sessions.check() == [], "it was recovered in its place"


def test_a_file_in_the_place_of_a_damaged_one_is_not_called_damaged(home: Path) -> None:
    state, spare = home / "state.db", home / "spare.db"
    with SessionRepository.open(hermes_home=home) as sessions:
        shutil.copy(state, spare)
        damage_messages(state)
        with pytest.raises(AgentUnavailable):
            sessions.get("one")
        spare.replace(state)
        assert sessions.check() == []


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_database_of_the_agent_is_found_and_not_touched(home: Path, name: str) -> None:
    kind, words, harm = DAMAGES[name]
    harm(home / "state.db")
    before = state_of(home)
    with SessionRepository.open(hermes_home=home) as sessions:
        found = problems(sessions)
        assert not [each for each in handles() if "state.db" in each]
        assert any(
            each.kind is kind and words in each.meaning and "state.db" in each.meaning for each in found
        )
        assert all("stop the agent" in each.remedy for each in found if each.kind in OF_AGENT)
        assert str(home) not in str(found)
    assert state_of(home) == before


def test_the_agent_of_another_profile_is_checked_too(home: Path) -> None:
    path = home / "profiles/work/state.db"
    path.parent.mkdir(parents=True)
    with writing(filled_state(path)) as db:
        keep_full_text(db)
        add_session(db, "herons", *(f"a heron called number{at} " * 9 for at in range(60)))
    spoil_words(path, "messages_fts")
    with SessionRepository.open(hermes_home=home) as sessions:
        found = problems(sessions)
        assert [each.kind for each in found] == [FindingKind.AGENT_FULL_TEXT_DAMAGED], found
        assert "profile work" in found[0].meaning


# ---- our indexes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sessions.db", "search.db"])
def test_a_damaged_index_is_built_again_and_the_old_one_named(home: Path, name: str) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        zero_pages(home / "webui" / name, "ix_sessions_%" if name == "sessions.db" else "words_of_stem")
        found = sessions.check(deep=True)
        assert [each.kind for each in found] == [FindingKind.DAMAGED_INDEX], found
        assert name in found[0].meaning
        assert found[0].note
        sessions.complete_search()
        assert len(sessions.search("message")) == 6


# ---- values that differ from the files ------------------------------------------------------------------

CHANGES = {
    "title": "UPDATE sessions SET title = 'other' WHERE title = 'longer'",
    "hidden": "UPDATE sessions SET hidden = 1 WHERE title = 'longer'",
    "order": "UPDATE sessions SET age = age + 1 WHERE title = 'longer'",
    "marks": "UPDATE sessions SET marks = x'0100000002000000' WHERE title = 'longer'",
    "transcript": "UPDATE sessions SET transcript_start = transcript_start + 1 WHERE title = 'longer'",
    "count": "UPDATE sessions SET message_count = 99 WHERE title = 'longer'",
    "other": """UPDATE sessions SET other = '{"colour": 1}' WHERE title = 'longer'""",
    "draft": "UPDATE sessions SET draft = 1 WHERE title = 'longer'",
    "id": "UPDATE sessions SET session_id = 'abc' WHERE title = 'longer'",
    "inode": "UPDATE sessions SET inode = inode + 1 WHERE title = 'longer'",
    "trash": "UPDATE trashed_sessions SET session_id = 'abc'",
    "agent's session": "UPDATE agent_sessions SET title = 'other' WHERE title = 'two'",
    "agent's conversation": "UPDATE agent_conversations SET hidden = 1 WHERE title = 'two'",
    "agent's message": "UPDATE agent_sessions SET first = first + 1 WHERE title = 'two'",
}


@pytest.fixture(scope="module")
def mended(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionRepository]:
    """A repository over a copy of the sound home, for tests that mend what they damage."""
    with SessionRepository.open(hermes_home=copied(sound, tmp_path_factory.mktemp("mended"))) as sessions:
        yield sessions


@pytest.mark.parametrize("name", CHANGES)
def test_a_value_that_differs_from_the_file_is_found_and_mended(mended: SessionRepository, name: str) -> None:
    before = content(mended)
    with writing(mended.config.state_dir / "sessions.db") as db:
        assert db.execute(CHANGES[name]).rowcount
    found = problems(mended)
    assert found
    assert all(each.kind.is_repairable for each in found)
    assert mended.repair(apply=True).repaired
    assert problems(mended) == []
    assert content(mended) == before


def content(sessions: SessionRepository) -> object:
    """Return what lists say, and a page of each session."""
    listed = sessions.list(agent=True, hidden=True).items
    return listed, [sessions.messages(each.session_id, before=3, limit=2) for each in listed]


@pytest.mark.slow
def test_a_sound_home_has_no_findings_after_any_change(sample: Path) -> None:
    with SessionRepository.open(hermes_home=sample) as sessions:
        sessions.complete_search()
        wrong = {FindingKind.WRONG_ROW, FindingKind.WRONG_MIRROR, FindingKind.WRONG_COUNT_IN_INDEX, *OF_AGENT}

        def expect_none() -> None:
            assert [each for each in sessions.check(deep=True) if each.kind in wrong] == []

        expect_none()
        for summary in sessions.list(hidden=True):
            one = summary.session_id
            sessions.update(one, title="renamed", pinned=True, extra={"other_key": {"a": [1.5, True, None]}})
            sessions.append(one, turns(3), tool_calls=[{"name": "x"}])
        expect_none()
        for summary in sessions.list(hidden=True).items[:3]:
            sessions.fork(summary.session_id)
            sessions.append(summary.session_id, [message("x" * 50_000) for _ in range(4)])
            sessions.truncate(summary.session_id, 2)
            sessions.clear(sessions.duplicate(summary.session_id).session_id)
        expect_none()


@pytest.mark.slow
@given(places=st.lists(st.integers(0, 2**31), min_size=1, max_size=8), seed=st.integers(0, 255))
@examples(1, shares_fixtures=True)
def test_flipped_bytes_of_the_index_are_found_and_mended(
    sound: Path,
    tmp_path_factory: pytest.TempPathFactory,
    flipped: collections.Counter[str],
    places: list[int],
    seed: int,
) -> None:
    home = tmp_path_factory.mktemp("flipped") / "home"
    shutil.copytree(sound, home)
    path, drawn = home / "webui/sessions.db", random.Random(seed)
    content = bytearray(path.read_bytes())
    for place in places:
        content[place % len(content)] ^= drawn.randrange(1, 256)
    path.write_bytes(content)
    with SessionRepository.open(hermes_home=home) as sessions:
        found = sessions.check(deep=True)
        sessions.repair(apply=True)
        assert problems(sessions) == []
        assert sorted(each.title for each in sessions.list(agent=True)) == TITLES
    flipped.update(runs=1, bytes=len(places), found=bool(found))
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def flipped(pytestconfig: pytest.Config) -> Iterator[collections.Counter[str]]:
    """Counts the runs of the test, the bytes flipped, and the runs that found something."""
    counts = collections.Counter[str]()
    yield counts
    words = f"{counts['runs']} runs, {counts['bytes']} bytes flipped, {counts['found']} with findings"
    figures.tell(pytestconfig, [f"check --deep on a flipped sessions.db: {words}"])


TITLES = sorted([*(f"session {number}" for number in range(5)), "longer", "one", "two", "three"])
