"""A copy of the index that is put back: what follows is never taken for what anybody has kept."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.repository import follow_files
from webapp import create_app

from ..support.make import started, turns, write_document

pytestmark = pytest.mark.sqlite("copies of its file")


def copy(source: Path, target: Path) -> None:
    """Replace a closed index by a copy of another one."""
    target.unlink(missing_ok=True)
    shutil.copy2(source, target)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two conversations, whose search index is complete."""
    home = tmp_path / "home"
    with SessionRepository.open(hermes_home=home) as sessions:
        for title in ("one", "two"):
            started(sessions, title=title)
        sessions.complete_search()
        sessions.list()
    return home


def test_another_change_after_an_old_index_was_put_back_is_found(home: Path, tmp_path: Path) -> None:
    index, kept = home / "webui/sessions.db", tmp_path / "kept.db"
    shutil.copy2(index, kept)
    for title in ("zebra", "giraffe", "gnu"):
        copy(kept, index)
        with SessionRepository.open(hermes_home=home) as sessions:
            write_document(sessions, "other", title=title, messages=turns(2))
            sessions.complete_search()
            assert [each.title for each in sessions.search(title)] == [title]


def test_a_watch_reads_again_what_another_process_had_read_into_an_index_that_was_put_back(
    home: Path, tmp_path: Path
) -> None:
    index, kept = home / "webui/sessions.db", tmp_path / "kept.db"
    with SessionRepository.open(hermes_home=home) as sessions:
        follow_files(sessions)
        write_document(sessions, "seen", title="before", messages=turns(2))
        assert "before" in {each.title for each in sessions.list()}
        with closing(sqlite3.connect(index)) as source, closing(sqlite3.connect(kept)) as target:
            source.backup(target)
        write_document(sessions, "seen", title="after", messages=turns(2))
        with SessionRepository.open(hermes_home=home) as other:
            assert "after" in {each.title for each in other.list()}
        assert "after" in {each.title for each in sessions.list()}
        for each in index.parent.glob("sessions.db?*"):
            each.unlink()
        copy(kept, index)
        titles = {each.title for each in sessions.list()}
        assert "after" in titles
        assert "before" not in titles


def test_a_client_that_knows_a_list_from_before_a_home_was_put_back_gets_the_new_one(
    home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home, tmp_path / "kept")
    tag, seen = "", []
    for old, new in (("one", "zebra"), ("two", "giraffe")):
        shutil.rmtree(home)
        shutil.copytree(tmp_path / "kept", home)
        with SessionRepository.open(hermes_home=home) as sessions:
            sessions.list()  # the copied files have other inodes
            sessions.update(sessions.find(old).session_id, title=new)
            client = create_app(sessions).test_client()
            answer = client.get("/api/sessions", headers={"If-None-Match": tag})
            seen.append({each["title"] for each in answer.get_json()["sessions"]})
            tag = answer.headers["ETag"]
    assert seen == [{"zebra", "two"}, {"one", "giraffe"}]
