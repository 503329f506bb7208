"""The verbs that look after a home: the trash, findings, interrupted turns."""

import hashlib
import json
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig

from hermes_sessions import SessionRepository
from hermes_sessions.findings import Finding, FindingKind, repair_text
from hermes_sessions.index import upgrades

from ..support.make import started, turns, write_document
from ..support.web_ui import OpenSession
from .running import done, parsed, run


def test_check_leaves_with_1_if_something_is_wrong(may: Path) -> None:
    done(may, "list")
    found = run(may, "check")
    assert found.exit_code == 1
    assert "interrupted turn: 01f133aceefe" in found.stdout
    for session_id in ("01f133aceefe", "6e9160d23644"):
        assert "recovered" in done(may, "recover", session_id)
    assert done(may, "check", "--deep") == "No problems found.\n"


@pytest.mark.sqlite("the copy of its file")
def test_repair_says_first_and_then_does(may: Path) -> None:
    done(may, "list")
    (may / "webui/sessions/51f22612416e.json").unlink()
    said = run(may, "repair")
    assert said.exit_code == 1
    assert "row without file: 51f22612416e" in said.stdout
    after = run(may, "repair", "--apply")
    assert after.stdout.splitlines()[0] == "1 repaired, 2 left: interrupted turn"
    assert "row without file" not in after.stdout
    assert "interrupted turn: " in after.stdout
    assert list((may / "webui").glob("sessions.db.*.bak")), "a copy of the index"


@pytest.mark.parametrize(
    ("count", "kinds", "words"),
    [
        (0, [], "nothing to repair, nothing left"),
        (1200, [], "1,200 repaired, nothing left"),
        (1, ["old revision", "id differs", "old revision"], "1 repaired, 3 left: id differs, old revision"),
        (0, ["id differs"], "nothing to repair, 1 left: id differs"),
    ],
)
def test_what_a_repair_did_is_said_in_a_line(count: int, kinds: list[str], words: str) -> None:
    left = [Finding(FindingKind(kind), str(number), "", "") for number, kind in enumerate(kinds)]
    note = Finding(FindingKind.OLD_TRASH, None, "", "", note=True)
    assert repair_text(count, [*left, note]) == words


def test_check_names_a_conversation_by_its_title_or_its_file(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        write_document(sessions, "filed", title="Rent", messages=turns(2), project_id="0123456789ab")
        (sessions.config.sessions_dir / "odd.json").write_text("[")
        sessions.sync()
    said = run(tmp_path, "check").stdout
    assert "unknown project: filed (Rent): it is in project 0123456789ab" in said
    assert "unreadable file: odd: odd.json cannot be read" in said


def test_two_lost_fields_of_a_session_are_one_sentence(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        session_id = started(sessions, title="Theirs")
        theirs = OpenSession(sessions.config.sessions_dir / f"{session_id}.json")
        sessions.update(session_id, title="Mine", pinned=True)
        theirs.save()
        sessions.sync()
        fields = {finding.field for finding in sessions.check()}
    said = run(tmp_path, "check").stdout
    assert said.count(" overwritten by another program\n") == 1
    assert fields == {each["field"] for each in json.loads(run(tmp_path, "check", "--json").stdout)}
    (lost,) = (line for line in done(tmp_path, "why", session_id).splitlines() if line.startswith("lost: "))
    assert lost.endswith(
        f" were overwritten by another program; to put it back: `hermes-sessions put-back {session_id}`"
    )
    assert 'your title "Mine"' in lost
    assert "your pin" in lost


def test_why_tells_where_a_session_is(may: Path) -> None:
    assert "shown with `agent`" in done(may, "why", "resumed")
    assert parsed(may, "why", "nobody")["session_id"] == "nobody"
    assert run(may, "why", "../x").exit_code == 2


@pytest.mark.sqlite("the copy of its file")
def test_a_backup_is_verified_and_said_to_be_damaged(may: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    made = parsed(may, "backup", str(folder))
    assert made["index"]
    assert made["files"] >= 48
    assert parsed(may, "backup", "--verify", str(folder)) == {"problems": []}
    (folder / "sessions/51f22612416e.json").write_text("{}")
    damaged = run(may, "backup", "--verify", str(folder))
    assert damaged.exit_code == 1
    assert "51f22612416e" in damaged.stdout
    assert run(may, "backup", str(folder)).exit_code == 2


@pytest.mark.slow
def test_an_index_of_an_older_program_is_said_and_not_upgraded(
    may: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(may, "list")
    index = may / "webui/sessions.db"
    script = AlembicConfig()
    script.set_main_option("script_location", str(upgrades.migrations_folder()))
    monkeypatch.setenv("HERMES_SESSIONS_DATABASE_URL", f"sqlite:///{index}")
    command.downgrade(script, "0001")
    before = hashlib.sha256(index.read_bytes()).digest()
    for verb in ("check", "repair"):
        (found,) = json.loads(run(may, verb, "--json").stdout)
        assert found["kind"] == "old revision"
        assert "0001" in found["meaning"]
    assert hashlib.sha256(index.read_bytes()).digest() == before
    done(may, "db", "upgrade")
    assert "old revision" not in run(may, "check").stdout
