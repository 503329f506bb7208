"""Tests that a conversation of several segments is imported, deleted and restored as a whole."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import Conflict, NotFound, SessionRepository
from hermes_sessions.agent.originals import read_originals
from hermes_sessions.agent.transcripts import joined

from ..support.agent_db import START, add_message, add_session, dump, filled_state, writing
from ..support.make import message, started

WHOLE = ["one", "two", "three", "four", "five"]
COUNTS = {"a": 2, "b": 1, "c": 2}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state.db of the home of `sessions`, with a chain of three segments: a, b, c."""
    (tmp_path / "home").mkdir()
    path = filled_state(tmp_path / "home" / "state.db")
    with writing(path) as db:
        db.execute("UPDATE sessions SET input_tokens = 10, output_tokens = 1, estimated_cost_usd = 0.5")
        db.execute("UPDATE sessions SET system_prompt = 'be kind' WHERE id = 'a'")
    return path


def texts(sessions: SessionRepository, session_id: str) -> list[Any]:
    return [each["content"] for each in sessions.get(session_id).messages]


def files(sessions: SessionRepository) -> dict[str, bytes]:
    """Return everything in the sessions folder and the trash."""
    folders = (sessions.config.sessions_dir, sessions.config.trash_dir)
    return {each.name: each.read_bytes() for folder in folders for each in folder.glob("*.json")}


def rows(path: Path, *names: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return the agent's rows of these sessions, every column."""
    with writing(path) as db:
        found = []
        for name in names:
            cursor = db.execute("SELECT * FROM sessions WHERE id = ?", [name])
            columns = [each[0] for each in cursor.description]
            session = dict(zip(columns, cursor.fetchone(), strict=True))
            cursor = db.execute("SELECT * FROM messages WHERE session_id = ? ORDER BY id", [name])
            columns = [each[0] for each in cursor.description]
            found.append((session, [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]))
        return found


def kept_rows(sessions: SessionRepository, session_id: str) -> list[tuple[Any, Any]]:
    kept = sessions.get(session_id).extra["agent_rows"]
    return [(each["session"], each["messages"]) for each in kept]


# ---- importing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session_id", ["a", "b", "c"])
def test_an_import_of_any_segment_is_the_whole_conversation(
    path: Path, sessions: SessionRepository, session_id: str
) -> None:
    before = dump(path)
    imported, new = sessions.import_agent_session(session_id)
    assert (imported.session_id, new) == ("c", True)
    assert texts(sessions, "c") == WHOLE
    assert imported.extra["agent_segments"] == COUNTS
    assert (imported.title, imported.input_tokens, imported.estimated_cost) == ("Chain", 30, 1.5)
    assert sessions.segments("c") == ["a", "b", "c"]
    assert dump(path) == before
    stored = files(sessions)
    assert sessions.import_agent_session(session_id) == (imported, False)
    assert files(sessions) == stored


def test_importing_again_adds_what_a_later_segment_brought(path: Path, sessions: SessionRepository) -> None:
    sessions.import_agent_session("c")
    sessions.update("c", title="Ours", pinned=True)
    with writing(path) as db:
        db.execute(
            "UPDATE sessions SET end_reason = 'compression', ended_at = ? WHERE id = 'c'", [START + 300]
        )
        add_session(
            db, "d", "six", begun=START + 300, parent_session_id="c", input_tokens=5, estimated_cost_usd=0.25
        )
    grown, new = sessions.import_agent_session("d")
    assert (grown.session_id, new) == ("c", False)
    assert texts(sessions, "c") == [*WHOLE, "six"]
    assert (grown.title, grown.pinned, grown.extra["agent_segments"]) == ("Ours", True, {**COUNTS, "d": 1})
    assert (grown.input_tokens, grown.estimated_cost) == (35, 1.75)
    listed = [each.session_id for each in sessions.list(agent=True)]
    assert "c" in listed
    assert "d" not in listed, "the session here holds it"
    sessions.rebuild()
    assert [each.session_id for each in sessions.list(agent=True)] == listed
    sessions.delete("c")
    assert "d" not in [each.session_id for each in sessions.list(agent=True)]
    sessions.restore("d")
    assert texts(sessions, "c") == [*WHOLE, "six"]


SUMMARY = "[CONTEXT COMPACTION — REFERENCE ONLY] What was said before."


def test_what_the_agent_copies_between_segments_is_in_the_transcript_once() -> None:
    def at(time: int, content: str, role: str = "user") -> dict[str, Any]:
        return {"role": role, "content": content, "timestamp": START + time}

    first = [at(1, "task"), at(2, "done", "assistant"), at(3, "yes"), at(4, "yes")]
    second = [at(1, "task"), at(9, SUMMARY), at(4, "yes"), at(10, "yes"), {"role": "user", "content": "yes"}]
    third = [at(20, SUMMARY), at(21, SUMMARY + " More."), at(22, "end")]
    found = joined({"a": first, "b": second, "c": third})
    contents = ["task", "done", "yes", "yes", SUMMARY, "yes", "yes", SUMMARY + " More.", "end"]
    assert [each["content"] for each in found.messages] == contents
    assert found.counts == {"a": 4, "b": 3, "c": 2}
    assert joined({"a": first}).messages == first


# ---- deleting and restoring -----------------------------------------------------------------------------


@pytest.mark.parametrize("session_id", ["b", "c"])
@pytest.mark.parametrize("everywhere", [True, False])
def test_what_is_restored_is_the_whole_conversation(
    path: Path, sessions: SessionRepository, session_id: str, everywhere: bool
) -> None:
    before, summary = rows(path, "a", "b", "c"), sessions.summary("c")
    (sessions.delete_everywhere if everywhere else sessions.delete)(session_id)
    assert "c" not in [each.session_id for each in sessions.list(agent=True)]
    restored = sessions.restore(session_id)
    assert (restored.session_id, restored.message_count) == ("c", 5)
    assert texts(sessions, "c") == WHOLE
    assert kept_rows(sessions, "c") == before
    same = ("title", "created_at", "updated_at", "model", "archived", "input_tokens", "output_tokens")
    assert [getattr(restored, name) for name in same] == [getattr(summary, name) for name in same]
    assert (restored.estimated_cost, restored.parent_session_id) == (1.5, None)
    assert sessions.segments("c") == ["a", "b", "c"]
    (listed,) = [each for each in sessions.list(agent=True) if each.session_id == "c"]
    chain = {"_lineage_root_id": "a", "_lineage_tip_id": "c", "_compression_segment_count": 3}
    assert chain.items() <= listed.as_dict().items()
    assert sessions.summary("c") == listed
    assert sessions.complete_search() == 0  # a search waits only briefly for what the background is writing
    for word in ("one", "three", "five"):
        assert "c" in [hit.session_id for hit in sessions.search(word)]
    exported = json.loads(sessions.export("c", redact=False))
    assert [each["content"] for each in exported["messages"]] == WHOLE
    stored = files(sessions)
    with pytest.raises((NotFound, Conflict)):
        sessions.restore("c")
    assert files(sessions) == stored
    if everywhere:
        sessions.delete_everywhere("c")
        assert sessions.restore("c").message_count == 5
        assert kept_rows(sessions, "c") == before


def test_a_child_of_another_conversation_keeps_its_parent(path: Path, sessions: SessionRepository) -> None:
    assert sessions.summary("sub").parent_session_id == "a"
    sessions.delete_everywhere("sub")
    assert sessions.restore("sub").parent_session_id == "a"


def test_an_import_comes_back_with_its_flags_and_the_agent_s_rows(
    path: Path, sessions: SessionRepository
) -> None:
    before = rows(path, "a", "b", "c")
    project = sessions.projects.create("Work")
    sessions.import_agent_session("c")
    sessions.update("c", title="Ours", pinned=True, archived=True, project_id=project.project_id)
    sessions.update("c", extra={"note": [1]})
    sessions.append("c", [message("ours")])
    summary = sessions.summary("c")
    sessions.delete_everywhere("c")
    with writing(path) as db:
        assert db.execute("SELECT count(*) FROM sessions WHERE id IN ('a', 'b', 'c')").fetchone() == (0,)
    restored = sessions.restore("c")
    assert restored.metadata() == summary.metadata()
    assert restored.extra["note"] == [1]
    assert texts(sessions, "c") == [*WHOLE, "ours"]
    assert kept_rows(sessions, "c") == before


def test_what_would_be_deleted_from_the_agent_is_known_before(
    path: Path, sessions: SessionRepository
) -> None:
    for session_id in ("a", "c"):
        assert sessions.agent_share(session_id) == (3, 5)
    sessions.import_agent_session("c")
    assert sessions.agent_share("c") == (3, 5)
    started(sessions)
    assert held(sessions) == with_share(sessions) >= {"c"}
    assert sessions.agent_share(started(sessions)) == sessions.agent_share("nobody") == (0, 0)
    with writing(path) as db:
        db.execute(
            "UPDATE sessions SET end_reason = 'compression', ended_at = ? WHERE id = 'c'", [START + 300]
        )
        add_session(db, "d", "six", begun=START + 300, parent_session_id="c")
    assert sessions.agent_share("c") == (0, 0)
    assert sessions.agent_share("d") == (4, 6)
    assert held(sessions) == with_share(sessions) >= {"d"}


def held(sessions: SessionRepository) -> set[str]:
    """Return the ids of the listed sessions of which the agent has something too."""
    return set(sessions.held_by_agent(sessions.list(agent=True)))


def with_share(sessions: SessionRepository) -> set[str]:
    """Return the same, asked one by one."""
    listed = (each.session_id for each in sessions.list(agent=True))
    return {session_id for session_id in listed if sessions.agent_share(session_id).segments}


def test_a_file_of_an_earlier_segment_does_not_take_the_conversation_with_it(
    path: Path, sessions: SessionRepository
) -> None:
    sessions.import_agent_session("c")
    with writing(path) as db:
        db.execute(
            "UPDATE sessions SET end_reason = 'compression', ended_at = ? WHERE id = 'c'", [START + 300]
        )
        add_session(db, "d", "six", begun=START + 300, parent_session_id="c")
    before = dump(path)
    sessions.delete_everywhere("c")
    assert dump(path) == before, "the conversation goes on in d"
    assert "d" in [each.session_id for each in sessions.list(agent=True)]
    sessions.restore("c")
    assert texts(sessions, "c") == WHOLE


def test_rows_are_kept_whatever_is_in_them(path: Path, sessions: SessionRepository) -> None:
    with writing(path) as db:
        db.execute("ALTER TABLE messages ADD COLUMN later")
        db.execute("UPDATE messages SET later = ? WHERE content = 'one'", [b"\xff\x00"])
        db.execute("UPDATE messages SET tool_name = CAST(x'636166e9' AS TEXT) WHERE content = 'one'")
        db.execute("UPDATE messages SET timestamp = 9e999, later = ? WHERE content = 'two'", [2**63 - 1])
        add_message(db, "a", "rewound", active=0)
    sessions.delete_everywhere("c")
    sessions.restore("c")
    (_, messages), *_ = kept_rows(sessions, "c")
    one, two, rewound = messages
    assert base64.b64decode(one["later"]["blob_base64"]) == b"\xff\x00"
    assert base64.b64decode(one["tool_name"]["text_base64"]) == b"caf\xe9"
    assert (two["timestamp"], two["later"]) == (float("inf"), 2**63 - 1)
    assert (rewound["content"], rewound["active"]) == ("rewound", 0)
    assert texts(sessions, "c") == WHOLE


def test_rows_without_a_message_are_kept_too(path: Path, sessions: SessionRepository) -> None:
    with writing(path) as db:
        db.execute("UPDATE messages SET active = 0 WHERE session_id = 'lone'")
    before = rows(path, "lone")
    sessions.delete_everywhere("lone")
    assert sessions.restore("lone").message_count == 0
    assert kept_rows(sessions, "lone") == before


def test_what_is_kept_can_be_read_by_its_owner_alone(path: Path, sessions: SessionRepository) -> None:
    sessions.delete_everywhere("c")
    (kept,) = sessions.config.trash_dir.glob("c.*")
    assert kept.stat().st_mode & 0o777 == 0o600
    sessions.restore("c")
    assert (sessions.config.sessions_dir / "c.json").stat().st_mode & 0o777 == 0o600


# Ends the process, as a kill does, before or after the agent's rows are deleted.
KILLED = """
import os, sys
import sqlalchemy as sa
from hermes_sessions import SessionRepository

_, home, when, imported = sys.argv
with SessionRepository.open(hermes_home=home) as sessions:
    if imported == "imported":
        sessions.import_agent_session("c")
    def end(_, __, statement, *___):
        if statement == "COMMIT" and deleting:
            os._exit(9)
    def note(_, __, statement, *___):
        if statement.startswith("DELETE FROM sessions"):
            deleting.append(statement)
    deleting = []
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    sa.event.listen(sa.Engine, when, end)
    sessions.delete_everywhere("c")
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before_cursor_execute", "after_cursor_execute"])
@pytest.mark.parametrize("imported", ["imported", "agent's"])
def test_a_kill_between_the_copy_and_the_delete_loses_nothing(path: Path, when: str, imported: str) -> None:
    before = rows(path, "a", "b", "c")
    ran = subprocess.run([sys.executable, "-c", KILLED, path.parent, when, imported], check=False)
    assert ran.returncode == 9
    with writing(path) as db:
        (left,) = db.execute("SELECT count(*) FROM sessions WHERE id IN ('a', 'b', 'c')").fetchone()
    assert left == (3 if when.startswith("before") else 0)
    with SessionRepository.open(hermes_home=path.parent) as sessions:
        if imported == "agent's":
            sessions.restore("c")
        assert texts(sessions, "c") == WHOLE
        assert kept_rows(sessions, "c") == before
        sessions.delete_everywhere("c")
        assert sessions.restore("c").message_count == 5
        assert kept_rows(sessions, "c") == before


# ---- children and long chains ---------------------------------------------------------------------------

PARENT = {"parent_session_id": "a", "relationship_type": "child_session", "_parent_lineage_root_id": "a"}


def entry(sessions: SessionRepository, session_id: str) -> dict[str, Any]:
    """Return what a list says of a session, by a full entry and by a summary, which are the same."""
    entries = [each for some in sessions.entries(list, agent=True) for each in some]
    (made,) = [each for each in entries if each["session_id"] == session_id]
    (listed,) = [each for each in sessions.list(agent=True) if each.session_id == session_id]
    assert made == listed.as_dict()
    return made


def links(sessions: SessionRepository, session_id: str) -> dict[str, Any]:
    return {name: value for name, value in entry(sessions, session_id).items() if name in PARENT and value}


@pytest.mark.parametrize("imported", [True, False])
def test_a_child_finds_its_parent_again(path: Path, sessions: SessionRepository, imported: bool) -> None:
    with writing(path) as db:  # the child continues in another segment
        db.execute("UPDATE sessions SET end_reason = 'compression', ended_at = ? WHERE id = 'sub'", [START])
        add_session(db, "sub2", "later", begun=START, parent_session_id="sub")
    before = links(sessions, "sub2")
    assert before == PARENT
    if imported:
        sessions.import_agent_session("c")
    sessions.delete_everywhere("c")
    assert links(sessions, "sub2") == {}, "its parent is in the trash"
    sessions.restore("c")
    assert links(sessions, "sub2") == before
    assert sessions.summary("sub2").parent_session_id == "a"
    with writing(path) as db:
        assert db.execute("SELECT parent_session_id FROM sessions WHERE id = 'sub'").fetchone() == (None,)
    sessions.rebuild()
    assert links(sessions, "sub2") == before
    assert sessions.import_agent_session("sub2")[0].parent_session_id == "a"
    assert links(sessions, "sub2") == before
    sessions.delete_everywhere("sub2")
    sessions.delete("c")
    sessions.restore("sub2")
    sessions.restore("c")
    assert links(sessions, "sub2") == before


def test_what_is_deleted_with_its_children_comes_back_with_their_links(
    path: Path, sessions: SessionRepository
) -> None:
    before = links(sessions, "sub")
    assert before == PARENT
    for session_id in ("sub", "c"):
        sessions.delete_everywhere(session_id)
    for session_id in ("sub", "c"):
        sessions.restore(session_id)
    assert links(sessions, "sub") == before
    assert "relationship_type" not in entry(sessions, sessions.duplicate("sub").session_id)


def test_a_child_that_came_in_between_is_not_deleted_from_its_parent(
    path: Path, sessions: SessionRepository
) -> None:
    agent = sessions.agent
    with agent.reading() as snapshot:
        copied = read_originals(snapshot, ["a", "b", "c"])
    with writing(path) as db:
        add_session(db, "late", "x", begun=START + 900, parent_session_id="b")
    with pytest.raises(Conflict):
        agent.delete("c", copied)
    with agent.reading() as snapshot:
        assert read_originals(snapshot, ["a", "b", "c"]).children == {"late": "b", "sub": "a"}


def test_the_id_of_a_segment_names_the_session_that_holds_it(path: Path, sessions: SessionRepository) -> None:
    sessions.delete_everywhere("c")
    with pytest.raises(NotFound):
        sessions.summary("a")
    sessions.restore("c")
    assert sessions.summary("a") == sessions.summary("c")
    assert sessions.get("b") == sessions.get("c")
    assert sessions.messages("a", limit=2) == sessions.messages("c", limit=2)


@pytest.mark.slow
def test_a_chain_of_500_segments_is_one_conversation_everywhere(
    path: Path, sessions: SessionRepository
) -> None:
    names = [f"20260101_000000_{number:06}" for number in range(500)]
    with writing(path) as db:
        for number, name in enumerate(names):
            at = START + number
            values = {"parent_session_id": names[number - 1]} if number else {"title": "Long"}
            ended = {"end_reason": "compression", "ended_at": at + 1}
            add_session(db, name, f"word{number}", begun=at, **ended, **values)
        db.execute("UPDATE sessions SET end_reason = NULL, ended_at = NULL WHERE id = ?", [names[-1]])
        for number in range(300):
            add_session(db, f"child{number}", "x", begun=START + 599, parent_session_id=names[-1])
    chain: dict[str, Any]
    chain = {"_lineage_root_id": names[0], "_lineage_tip_id": names[-1], "_compression_segment_count": 500}
    sessions.import_agent_session(names[7])
    for _ in range(2):
        assert chain.items() <= entry(sessions, names[-1]).items()
        assert sessions.segments(names[-1]) == names
        sessions.update(names[-1], pinned=True)
        sessions.rebuild()
    with writing(path) as db:  # as an agent that continues it
        db.execute(
            "UPDATE sessions SET end_reason = 'compression', ended_at = ? WHERE id = ?",
            [START + 600, names[-1]],
        )
        add_session(db, "later", "more", begun=START + 600, parent_session_id=names[-1])
    sessions.import_agent_session("later")
    assert "later" not in [each.session_id for each in sessions.list(agent=True)]
    sessions.delete_everywhere(names[-1])
    listed = {each.session_id for each in sessions.list(agent=True)}
    assert not listed & {*names, "later"}
    restored = sessions.restore(names[3])
    assert (restored.session_id, restored.message_count) == (names[-1], 501)
    assert sessions.segments(names[-1]) == [*names, "later"]
    assert entry(sessions, "child299")["_parent_lineage_root_id"] == names[0]
    assert sessions.summary(names[250]).session_id == names[-1]
