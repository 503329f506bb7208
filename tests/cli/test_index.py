"""The verbs for the index."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository

from ..support.make import started, turns, write, write_document
from .running import done, parsed, run


def test_sync_reports_what_changed(home: Path, sessions: SessionRepository) -> None:
    kept_id, gone_id = started(sessions), started(sessions)
    write_document(sessions, kept_id, title="Changed elsewhere", messages=[])
    write_document(sessions, "new", messages=turns(2))
    (sessions.config.sessions_dir / f"{gone_id}.json").unlink()

    assert done(home, "sync") == "1 added, 1 changed, 1 removed, 0 unreadable\n"
    assert parsed(home, "sync") == {"added": 0, "changed": 0, "removed": 0, "unreadable": 0}


def test_sync_finds_problems(home: Path, sessions: SessionRepository) -> None:
    started(sessions)
    write(sessions, "broken", "{")

    for verb in ("sync", "rebuild"):
        result = run(home, verb)
        assert result.exit_code == 1
        assert "1 unreadable" in result.stdout
        assert result.stderr.startswith("Warning: broken.json cannot be read: ")


def test_rebuild_forgets_what_has_no_file(home: Path, sessions: SessionRepository) -> None:
    started(sessions)
    started(sessions)
    shutil.rmtree(sessions.config.sessions_dir)

    refused = run(home, "list")
    assert refused.exit_code == 1
    assert "rebuild" in refused.stderr
    assert parsed(home, "rebuild") == {"added": 0, "changed": 0, "removed": 2, "unreadable": 0}
    assert parsed(home, "list")["total"] == 0


def test_index_json_is_what_the_web_ui_reads(may: Path) -> None:
    index = may / "webui/sessions/_index.json"
    before = json.loads(index.read_text("utf-8"))
    done(may, "list")
    assert json.loads(index.read_text("utf-8")) == before
    index.unlink()

    assert done(may, "index-json") == f"_index.json lists {len(before)} sessions\n"
    assert parsed(may, "index-json") == {"sessions": len(before)}
    after = json.loads(index.read_text("utf-8"))
    assert {entry["session_id"] for entry in after} == {entry["session_id"] for entry in before}


@pytest.mark.slow
def test_db(may: Path) -> None:
    newest = done(may, "db", "history").splitlines()[-1]
    listed = parsed(may, "list")

    assert done(may, "db", "current") == f"{newest}\n"
    assert parsed(may, "db", "downgrade") == {"revision": None}
    assert done(may, "db", "current") == "none\n"
    assert parsed(may, "db", "upgrade") == {"revision": newest}
    assert parsed(may, "list") == listed
    assert parsed(may, "db", "history")["revisions"][-1] == newest


@pytest.mark.sqlite("its file")
def test_a_newer_database_is_refused(may: Path) -> None:
    done(may, "list")
    with sqlite3.connect(may / "webui/sessions.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()

    for words in (["list"], ["db", "upgrade"], ["db", "downgrade"], ["rebuild"]):
        result = run(may, *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "9999" in result.stderr
