"""The agent's verbs of the command line, and the lists that they share with the others."""

import hashlib
import json
from pathlib import Path

from ..interop.test_samples import expected
from .running import done, ids, parsed, run


def rows(name: str) -> list[str]:
    """Return the ids of the reference's rows."""
    return [row["id"] for row in expected("may", name)]


def test_agent_list_is_the_references(may: Path) -> None:
    assert [row["id"] for row in parsed(may, "agent", "list")] == rows("agent_rows_default")
    assert [row["id"] for row in parsed(may, "agent", "list", "--cron")] == rows("agent_rows_all_sources")
    assert [row["id"] for row in parsed(may, "agent", "list", "--limit", "7")] == rows("agent_rows_limit_7")
    lines = done(may, "agent", "list").splitlines()
    assert lines[0].split() == ["ID", "ACTIVE", "MESSAGES", "SEGMENTS", "SOURCE", "TITLE"]
    assert [line.split()[0] for line in lines[1:]] == rows("agent_rows_default")


def test_agent_show_prints_the_messages(may: Path) -> None:
    for session_id, messages in expected("may", "agent_messages").items():
        assert parsed(may, "agent", "show", session_id) == messages
    assert "Lisbon" in done(may, "agent", "show", "chain1_seg2")
    missing = run(may, "agent", "show", "nobody")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "nobody" in missing.stderr


def test_agent_import_makes_a_session_that_can_be_changed(may: Path) -> None:
    before = hashlib.sha256((may / "state.db").read_bytes()).digest()
    assert parsed(may, "agent", "import", "resumed") == {
        "session_id": "resumed",
        "imported": True,
        "message_count": 4,  # of both segments
    }
    assert "already imported" in done(may, "agent", "import", "resumed")
    done(may, "rename", "resumed", "mine")
    assert json.loads((may / "webui/sessions/resumed.json").read_bytes())["title"] == "mine"
    assert hashlib.sha256((may / "state.db").read_bytes()).digest() == before


def test_lists_include_the_agents_conversations(may: Path) -> None:
    assert len(ids(parsed(may, "list", "--agent"))) == 88
    assert len(ids(parsed(may, "list", "--agent", "--profile", "work", "--source", "cli"))) == 5
    assert "SOURCE" in done(may, "list", "--agent").splitlines()[0]
    assert "Long refactor 1" in done(may, "show", "chain1_seg2")
    refused = run(may, "rename", "chain1_seg2", "x")
    assert refused.exit_code == 1
    assert "import" in refused.stderr


def test_the_profile_before_the_verb_chooses_the_agent(may: Path) -> None:
    assert "wresumed" in [row["id"] for row in parsed(may, "--profile", "work", "agent", "list")]
    assert "wresumed" not in [row["id"] for row in parsed(may, "agent", "list")]
    wrong = run(may, "--profile", "../work", "agent", "list")
    assert wrong.exit_code == 2


def test_an_agent_that_cannot_be_read_is_said(may: Path) -> None:
    (may / "state.db").unlink()
    refused = run(may, "agent", "list")
    assert refused.exit_code == 1
    assert "state.db cannot be read: there is no such file" in refused.stderr
    listed = run(may, "list", "--agent")
    assert listed.exit_code == 0
    assert "there is no such file" in listed.stderr
    assert "Untitled" in listed.stdout
