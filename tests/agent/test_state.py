"""The agent's `state.db` through `Agent`: what each release wrote, odd values, live writers, failures."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from hermes_sessions.agent import state
from hermes_sessions.agent.snapshot import AgentSession, MessageStats, Snapshot
from hermes_sessions.agent.state import Agent
from hermes_sessions.errors import AgentUnavailable, StorageError

from ..conftest import SAMPLES, copy_sample
from ..support.agent_db import (
    MESSAGES,
    SESSIONS,
    START,
    add_message,
    add_session,
    dump,
    filled_state,
    handles,
    locked_elsewhere,
    new_state,
    writing,
)

Reading = Callable[[Agent], object]

READINGS: dict[str, Reading] = {
    "sessions": lambda agent: agent.sessions(),
    "all sessions": lambda agent: agent.sessions(limit=None, exclude_sources=None),
    "messages": lambda agent: agent.messages("a"),
    "lineage": lambda agent: agent.lineage(["a", "b", "c", "sub", "lone"]),
    "conversation": lambda agent: agent.conversation("c"),
    "titles and parents": lambda agent: read(agent, lambda snapshot: snapshot.titles_and_parents()),
    "fingerprint": lambda agent: read(agent, lambda snapshot: snapshot.outline({}).fingerprint()),
    "message stats": lambda agent: read(agent, lambda snapshot: snapshot.message_stats_since(0)),
    "last message": lambda agent: read(agent, lambda snapshot: snapshot.last_message()),
}


def read(agent: Agent, query: Callable[[Snapshot], Any]) -> Any:
    """Return the result of a query over one state of the file."""
    with agent.reading() as snapshot:
        return query(snapshot)


def ids(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def expected(month: str, name: str) -> Any:
    return json.loads((SAMPLES / f"webui-{month}-2026" / "expected" / f"{name}.json").read_bytes())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state.db with a chain, a child and sessions of several sources."""
    return filled_state(tmp_path / "state.db")


@pytest.fixture
def agent(path: Path) -> Iterator[Agent]:
    """The agent of that file."""
    with closing(Agent(path)) as opened_agent:
        yield opened_agent


def opened(path: Path, **values: Any) -> Any:
    return closing(Agent(path, **values))


# ---- the samples ----------------------------------------------------------------------------------------

CALLS: dict[str, dict[str, Any]] = {
    "agent_rows_default": {},
    "agent_rows_all_sources": {"exclude_sources": None},
    "agent_rows_limit_7": {"limit": 7},
}


@pytest.mark.parametrize("name", CALLS)
def test_sessions_equal_those_of_the_reference_in_every_field_and_in_order(may: Path, name: str) -> None:
    theirs = expected("may", name)
    for row in theirs:
        if row["source"] == "matrix":  # which that release did not know
            row["session_source"] = "messaging"
    with opened(may / "state.db") as agent:
        assert agent.sessions(**CALLS[name]) == theirs


def test_lineage_equals_that_of_the_reference(may: Path) -> None:
    with writing(may / "state.db") as db:
        every = [session_id for (session_id,) in db.execute("SELECT id FROM sessions")]
    with opened(may / "state.db") as agent:
        assert agent.lineage(every) == expected("may", "lineage")
        assert agent.lineage([*every, "unknown"]) == expected("may", "lineage")
        for session_id, fields in expected("may", "lineage").items():
            assert agent.lineage([session_id]) == {session_id: fields}


def test_messages_equal_those_of_the_reference(sample: Path) -> None:
    month = "may" if (sample / "webui/sessions/0089b5292e96.json").exists() else "aug"
    with opened(sample / "state.db") as agent:
        for session_id, theirs in expected(month, "agent_messages").items():
            wanted = [{key: each.get(key) for key in ("role", "content", "timestamp")} for each in theirs]
            assert agent.messages(session_id) == wanted


@pytest.mark.parametrize("name", CALLS)
def test_sessions_of_the_later_sample_equal_the_reference_s_except_the_web_ui_s(
    tmp_path: Path, name: str
) -> None:
    theirs = [row for row in expected("aug", name) if row["source"] != "webui"]
    with opened(copy_sample("aug", tmp_path) / "state.db") as agent:
        ours = agent.sessions(**CALLS[name])
    assert ids(ours) == ids(theirs)
    for row, wanted in zip(ours, theirs, strict=True):
        assert row == {key: wanted[key] for key in row}
    left_out = len(expected("aug", name)) - len(theirs)
    assert left_out == (name == "agent_rows_all_sources")


def test_messages_of_tools_keep_everything_that_the_agent_stores(tmp_path: Path) -> None:
    with opened(copy_sample("aug", tmp_path) / "state.db") as agent:
        for session_id, theirs in expected("aug", "agent_messages").items():
            with agent.reading() as snapshot:
                ours = snapshot.messages(snapshot.message_ids(session_id))
            for message, wanted in zip(ours, theirs, strict=True):
                assert {key: message[key] for key in wanted} == wanted


def test_the_file_of_an_early_release_is_read(tmp_path: Path) -> None:
    path = Path(shutil.copyfile(SAMPLES / "agent-0.13" / "state.db", tmp_path / "state.db"))
    with writing(path) as db:
        stored = db.execute(
            "SELECT session_id, role, content, timestamp FROM messages ORDER BY id"
        ).fetchall()
        sources = dict(db.execute("SELECT id, source FROM sessions"))
    with opened(path) as agent:
        listed = agent.sessions(limit=None, exclude_sources=None)
        assert listed
        assert {row["source"] for row in listed} == set(sources.values()) - {"webui"}
        for session_id in sources:
            wanted = [tuple(row[1:]) for row in stored if row[0] == session_id]
            assert [tuple(message.values()) for message in agent.messages(session_id)] == wanted


# ---- columns that come and go ---------------------------------------------------------------------------

OPTIONAL = [
    *(f"sessions.{name}" for name in SESSIONS if name != "id"),
    *(f"messages.{name}" for name in MESSAGES if name not in ("id", "session_id")),
]
# What each column says of a session, where it is one of those that say something; else nothing changes.
TOLD_BY: dict[str, set[str]] = {
    "sessions.model": {"model"},
    "sessions.title": {"title"},
    "sessions.message_count": {"message_count"},
    "sessions.started_at": {"started_at"},
    "sessions.ended_at": {"ended_at"},
    "sessions.end_reason": {"end_reason"},
    "sessions.parent_session_id": {"parent_session_id"},
    "messages.timestamp": {"last_activity"},
}


@pytest.mark.parametrize("column", OPTIONAL)
def test_if_a_column_is_missing_the_rest_is_read(tmp_path: Path, path: Path, column: str) -> None:
    lacking = filled_state(tmp_path / "lacking.db", without={column})
    with opened(path) as whole, opened(lacking) as agent:
        messages = {"messages.role": "role", "messages.content": "content", "messages.timestamp": "timestamp"}
        blank = {messages[column]: None} if column in messages else {}
        assert agent.messages("a") == [message | blank for message in whole.messages("a")]
        lone, wanted = ([row for row in each.sessions() if row["id"] == "lone"] for each in (agent, whole))
        if column == "sessions.source":
            assert agent.sessions(exclude_sources=None) == []
            assert agent.conversation("c") == ["c"]
        else:
            assert lone == [row | dict.fromkeys(TOLD_BY.get(column, ())) | counted(column) for row in wanted]
        for reading in ("lineage", "conversation", "message stats", "last message"):
            READINGS[reading](agent)
        assert agent.delete("lone")
        assert agent.messages("lone") == []


def counted(column: str) -> dict[str, Any]:
    return {"message_count": 0} if column == "sessions.message_count" else {}


def test_without_a_parent_column_every_segment_is_a_separate_session(tmp_path: Path) -> None:
    path = filled_state(tmp_path / "state.db", without={"sessions.parent_session_id"})
    with opened(path) as agent:
        assert ids(agent.sessions()) == ["lone", "c", "b", "sub", "a"]
        assert agent.lineage(["a", "b", "c"]) == {}
        assert agent.conversation("c") == ["c"]


def test_without_any_index_the_answers_are_the_same(tmp_path: Path, path: Path) -> None:
    with opened(path) as indexed, opened(filled_state(tmp_path / "bare.db", indexed=False)) as bare:
        for name in READINGS.keys() - {"fingerprint"}:
            assert READINGS[name](bare) == READINGS[name](indexed)
        with bare.reading() as snapshot:
            assert not snapshot.has_message_index
            assert not snapshot.has_outline_indexes
            assert snapshot.message_stats(["a", "c"]).keys() >= {"a", "c"}
            first, last = snapshot.message_stats()["c"].first_id, snapshot.message_stats()["c"].last_id
            assert first is not None
            assert last is not None
            assert snapshot.message_ids("c", (first, last)) == snapshot.message_ids("c") == [first, last]


def test_an_index_over_only_some_messages_is_not_used(path: Path, agent: Agent) -> None:
    with writing(path) as db:
        db.execute("DROP INDEX idx_messages_session")
        db.execute("DROP INDEX idx_messages_session_active")
        db.execute(
            "CREATE INDEX idx_messages_platform_msg_id ON messages(session_id, platform_message_id) "
            "WHERE platform_message_id IS NOT NULL"
        )
    assert not read(agent, lambda snapshot: snapshot.has_message_index)


def test_a_column_that_a_live_writer_adds_is_read_at_once(tmp_path: Path) -> None:
    lacking = {"sessions.title", "messages.active"}
    path = filled_state(tmp_path / "state.db", without=lacking)
    with opened(path) as agent, writing(path) as db:
        assert agent.sessions()[0]["title"] is None
        assert len(agent.messages("lone")) == 2
        db.execute("ALTER TABLE sessions ADD COLUMN title TEXT")
        db.execute("ALTER TABLE messages ADD COLUMN active INTEGER DEFAULT 1")
        db.execute("UPDATE sessions SET title = 'Named since' WHERE id = 'lone'")
        db.execute("UPDATE messages SET active = 0 WHERE content = 'world'")
        assert agent.sessions()[0]["title"] == "Named since"
        assert [message["content"] for message in agent.messages("lone")] == ["hello"]


def test_a_column_that_a_live_writer_drops_is_no_longer_read(path: Path, agent: Agent) -> None:
    assert agent.sessions()[0]["model"] == "hermes-4"
    with writing(path) as db:
        db.execute("ALTER TABLE sessions DROP COLUMN model")
        assert agent.sessions()[0]["model"] is None
        db.execute("ALTER TABLE sessions DROP COLUMN source")
        assert agent.sessions() == []
        assert len(agent.messages("lone")) == 2


def test_a_file_that_replaces_another_is_read_by_its_own_columns(tmp_path: Path) -> None:
    path = filled_state(tmp_path / "state.db", without={"sessions.title"}, journal="delete")
    other = filled_state(tmp_path / "other.db", without={"sessions.cwd"}, journal="delete", indexed=True)
    with writing(other) as db:
        db.execute("DROP INDEX idx_sessions_title_unique")
    with writing(path) as db:  # as many changes of the schema in both
        db.execute("CREATE TABLE one (x)")
        db.execute("DROP TABLE one")
    versions = []
    for each in (path, other):
        with writing(each) as db:
            versions.append(db.execute("PRAGMA schema_version").fetchone())
    assert versions[0] == versions[1]
    with opened(path) as agent:
        assert agent.sessions()[0]["title"] is None
        other.replace(path)
        assert agent.sessions()[0]["title"] == "Lone"


# ---- values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("active", "kept"), [(1, True), (0, False), (None, True), (2, True), ("x", True)])
def test_only_messages_that_are_not_active_are_left_out(
    path: Path, agent: Agent, active: Any, kept: bool
) -> None:
    with writing(path) as db:
        add_message(db, "lone", "again", timestamp=START + 9_000, active=active)
    assert [message["content"] for message in agent.messages("lone")] == ["hello", "world", "again"][
        : 3 if kept else 2
    ]
    lone = agent.sessions()[0]
    assert lone["actual_message_count"] == (3 if kept else 2)
    assert lone["last_activity"] == (START + 9_000 if kept else START + 1_010)


def test_a_session_without_active_messages_is_not_listed(path: Path, agent: Agent) -> None:
    with writing(path) as db:
        db.execute("UPDATE messages SET active = 0 WHERE session_id IN ('lone', 'c')")
    rows = agent.sessions()
    assert "lone" not in ids(rows)
    assert [(row["id"], row["_compression_segment_count"]) for row in rows if "_lineage_tip_id" in row] == [
        ("b", 2)
    ]


PARTS = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:,"}}]


@pytest.mark.parametrize(
    ("stored", "content"),
    [
        ("\0json:" + json.dumps(PARTS), PARTS),
        ("\0json:null", None),
        ("\0json:", "\0json:"),
        ("\0json:{broken", "\0json:{broken"),
        ("\0json:" + "[" * 100_000, "\0json:" + "[" * 100_000),
        ("\0json:" + "9" * 5_000, "\0json:" + "9" * 5_000),
        ("json:[1]", "json:[1]"),
        ("[1]", "[1]"),
        ("a\0b", "a\0b"),
        ("", ""),
        (None, None),
        (b"\xff bytes", "\ufffd bytes"),
    ],
)
def test_content_is_a_text_or_the_parts_that_the_agent_encoded(
    path: Path, agent: Agent, stored: Any, content: Any
) -> None:
    with writing(path) as db:
        add_session(db, "parts")
        add_message(db, "parts", stored)
    assert agent.messages("parts") == [{"role": "user", "content": content, "timestamp": START}]


def test_a_message_has_every_key_with_a_value(path: Path, agent: Agent) -> None:
    calls = [{"id": "call_1", "function": {"name": "grep", "arguments": "{}"}}]
    with writing(path) as db:
        add_session(db, "tools")
        add_message(db, "tools", "", "assistant", tool_calls=json.dumps(calls), reasoning="hm")
        add_message(db, "tools", "found", "tool", tool_call_id="call_1", tool_name="grep")
        add_message(db, "tools", "odd", tool_calls="{broken", reasoning_details="[1]")
    messages = read(agent, lambda snapshot: snapshot.messages(snapshot.message_ids("tools")))
    assert messages == [
        {"role": "assistant", "content": "", "timestamp": START, "tool_calls": calls, "reasoning": "hm"},
        {
            "role": "tool",
            "content": "found",
            "timestamp": START,
            "tool_call_id": "call_1",
            "tool_name": "grep",
        },
        {
            "role": "user",
            "content": "odd",
            "timestamp": START,
            "tool_calls": "{broken",
            "reasoning_details": [1],
        },
    ]


# As SQL: each is another type or an edge of one.
ODD = [
    "NULL",
    "'text'",
    "''",
    "'a' || char(0) || 'b'",
    "x'00ff'",
    "CAST(x'ff41' AS TEXT)",
    "CAST(x'eda080' AS TEXT)",
    "0",
    "-1",
    "9223372036854775807",
    "2.5",
    "9e999",
    "-9e999",
    "zeroblob(0)",
]


@pytest.mark.parametrize(
    "column", [*(f"sessions.{name}" for name in SESSIONS), *OPTIONAL[len(SESSIONS) - 1 :]]
)
def test_a_value_of_an_unexpected_type_affects_no_other_session(
    path: Path, agent: Agent, column: str
) -> None:
    table, name = column.split(".")
    key = "id" if table == "sessions" else "session_id"
    others = agent.sessions(exclude_sources=None)
    messages = agent.messages("a")
    odd = {f"odd{number}": value for number, value in enumerate(ODD)}
    with writing(path) as db:
        db.execute("BEGIN")
        for session_id, value in odd.items():
            add_session(db, session_id, "hello", "world", begun=START + 1000)
            [(rowid,)] = db.execute(f"SELECT min(rowid) FROM {table} WHERE {key} = '{session_id}'")
            db.execute(f"UPDATE {table} SET {name} = {value} WHERE rowid = {rowid}")
        db.execute("COMMIT")
    for reading in READINGS.values():
        reading(agent)
    rows = agent.sessions(exclude_sources=None)
    assert [row for row in rows if row["id"] in ids(others)] == others
    assert agent.messages("a") == messages
    for session_id in odd:
        json.dumps([agent.messages(session_id), agent.lineage([session_id])])
    json.dumps([rows, agent.lineage(ids(rows))])


def test_a_time_or_count_of_another_type_reads_as_absent(path: Path, agent: Agent) -> None:
    with writing(path) as db:
        db.execute(
            "UPDATE sessions SET started_at = 'noon', ended_at = x'00', title = x'4142', model = 5.5, "
            "message_count = 'many', archived = 'no' WHERE id = 'lone'"
        )
    [lone] = [row for row in agent.sessions() if row["id"] == "lone"]
    blank = {"started_at": None, "ended_at": None, "title": None, "message_count": 0, "model": "5.5"}
    assert {key: value for key, value in lone.items() if key in blank} == blank
    assert [row.archived for row in all_rows(agent) if row.segment.id == "lone"] == [False]
    with writing(path) as db:
        db.execute(
            "UPDATE sessions SET started_at = 9e999, ended_at = -1e300, message_count = -1 WHERE id = 'lone'"
        )
    [lone] = [row for row in agent.sessions() if row["id"] == "lone"]
    assert (lone["started_at"], lone["ended_at"], lone["message_count"]) == (None, None, 0)


def all_rows(agent: Agent) -> list[AgentSession]:
    rows: list[AgentSession] = read(agent, lambda snapshot: snapshot.sessions(snapshot.message_stats()))
    return rows


def test_the_last_activity_ignores_values_that_are_not_times(path: Path, agent: Agent) -> None:
    with writing(path) as db:
        db.execute("UPDATE messages SET timestamp = 'noon' WHERE content = 'hello'")
    [lone] = [row for row in agent.sessions() if row["id"] == "lone"]
    assert lone["last_activity"] in (None, START + 1_010)


def test_children_whose_ids_are_not_text_are_left_out(tmp_path: Path) -> None:
    path = new_state(tmp_path / "state.db")
    with writing(path) as db:
        add_session(db, "a", "one", end_reason="compression")
        for odd in (b"b", b"a", None, "text"):
            add_session(db, odd, "two", parent_session_id="a")  # type: ignore[arg-type]
    with opened(path) as agent:
        assert ids(agent.sessions()) == ["text"]
        assert agent.lineage(["a", "text"]).keys() == {"text"}
        assert agent.conversation("text") == ["a", "text"]
        assert read(agent, lambda snapshot: snapshot.titles_and_parents()).keys() == {"a", "text"}


@pytest.mark.parametrize("unknown", ["", "nobody", "a' OR 1=1 --", "%", "a\0", "🙂", "x" * 100_000])
def test_an_unknown_id_has_no_messages_and_no_lineage(path: Path, agent: Agent, unknown: str) -> None:
    before = dump(path)
    assert agent.messages(unknown) == []
    assert agent.lineage([unknown]) == {}
    assert agent.conversation(unknown) == [unknown]
    assert agent.delete(unknown) is False
    assert dump(path) == before


# ---- lists ----------------------------------------------------------------------------------------------


def test_sessions_are_those_of_the_agent_newest_first(agent: Agent) -> None:
    assert ids(agent.sessions()) == ["lone", "c", "sub"]
    assert ids(agent.sessions(exclude_sources=None)) == ["cron_daily_1", "lone", "c", "sub"]
    assert ids(agent.sessions(exclude_sources=("cron", "tool"))) == ["lone", "c"]
    assert agent.sessions()[2]["_parent_lineage_root_id"] == "a"


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (3, 3), (4, 3), (None, 3)])
def test_the_limit_counts_conversations(agent: Agent, limit: int | None, count: int) -> None:
    assert len(agent.sessions(limit=limit)) == count


def test_by_default_at_most_two_hundred_sessions_are_listed(tmp_path: Path) -> None:
    path = new_state(tmp_path / "state.db")
    with writing(path) as db:
        db.execute("BEGIN")
        for number in range(250):
            add_session(db, f"s{number:03}", "hi", begun=START + number)
        db.execute("COMMIT")
    with opened(path) as agent:
        assert ids(agent.sessions()) == [f"s{number:03}" for number in range(249, 49, -1)]
        assert len(agent.sessions(limit=None)) == 250


def test_lineage_of_more_ids_than_one_statement_takes(tmp_path: Path) -> None:
    path = new_state(tmp_path / "state.db")
    with writing(path) as db:
        db.execute("BEGIN")
        add_session(db, "root", "hi")
        for number in range(2_500):
            add_session(db, f"s{number:04}", parent_session_id="root")
        db.execute("COMMIT")
    with opened(path) as agent:
        every = [f"s{number:04}" for number in range(2_500)]
        sizes = []
        sa.event.listen(agent._engine, "before_cursor_execute", lambda *about: sizes.append(len(about[3])))
        fields = agent.lineage(every)
        assert list(fields) == every
        assert max(sizes) <= 999  # what a SQLite of before 2020 takes
        assert {each["_parent_lineage_root_id"] for each in fields.values()} == {"root"}
        assert agent.lineage([f"unknown {number}" for number in range(2_500)]) == {}
        assert agent.lineage([]) == {}


def test_a_long_chain_with_a_cycle_is_read(tmp_path: Path) -> None:
    path = new_state(tmp_path / "state.db")
    with writing(path) as db:
        db.execute("BEGIN")
        for number in range(1_200):
            parent = f"s{number - 1:04}" if number else "s1199"
            add_session(
                db,
                f"s{number:04}",
                "hi",
                parent_session_id=parent,
                end_reason="compression",
                begun=START + number,
            )
        db.execute("COMMIT")
    chain = [f"s{number:04}" for number in range(1_200)]
    with opened(path) as agent:
        [only] = agent.sessions()
        assert (only["id"], only["_compression_segment_count"]) == ("s1199", 1_200)
        assert agent.conversation("s1199") == chain
        assert len(agent.lineage(chain)) == 1_199
        assert agent.delete("s1199")
        assert agent.sessions() == []


# ---- writers at the same time ---------------------------------------------------------------------------


@pytest.mark.parametrize("journal", ["delete", "truncate", "persist", "wal"])
def test_every_kind_of_journal_is_read(tmp_path: Path, journal: str) -> None:
    with opened(filled_state(tmp_path / "state.db", journal=journal)) as agent:
        assert ids(agent.sessions()) == ["lone", "c", "sub"]
        assert agent.delete("lone")
        assert ids(agent.sessions()) == ["c", "sub"]


def test_a_writer_in_a_transaction_is_read_up_to_its_last_commit(path: Path, agent: Agent) -> None:
    with writing(path) as db:
        db.execute("BEGIN IMMEDIATE")
        add_session(db, "new", "hi", begun=START + 5_000)
        assert ids(agent.sessions()) == ["lone", "c", "sub"]
        db.execute("COMMIT")
        assert ids(agent.sessions()) == ["new", "lone", "c", "sub"]
        db.execute("BEGIN EXCLUSIVE")
        assert ids(agent.sessions()) == ["new", "lone", "c", "sub"]


def test_one_reading_sees_one_state_and_does_not_block_the_writer(path: Path, agent: Agent) -> None:
    with writing(path) as db, agent.reading() as snapshot:
        before = snapshot.message_stats()
        add_message(db, "lone", "later")
        db.execute("DELETE FROM messages WHERE session_id = 'a'")
        assert snapshot.message_stats() == before
        assert snapshot.message_stats_since(0) == before
        assert len(snapshot.message_ids("a")) == 2
    assert agent.messages("a") == []


def test_stats_since_a_message_count_only_later_messages(path: Path, agent: Agent) -> None:
    with agent.reading() as snapshot:
        assert snapshot.message_stats_since(0) == snapshot.message_stats()
        last = snapshot.last_message()
        assert snapshot.message_stats_since(last) == {}
    with writing(path) as db:
        add_message(db, "lone", "new", timestamp=START + 7)
    with agent.reading() as snapshot:
        stats = snapshot.message_stats_since(last)
        assert stats == {"lone": MessageStats(1, START + 7, last + 1, last + 1)}
        assert snapshot.last_message() == last + 1


@pytest.mark.slow
def test_threads_that_share_an_agent_do_not_interfere(agent: Agent) -> None:
    wanted = ids(agent.sessions())
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def fail() -> None:
        with pytest.raises(AgentUnavailable), agent.reading():
            raise sqlite3.OperationalError("no such column: gone")

    try:
        with ThreadPoolExecutor(4) as pool:
            failing = [pool.submit(fail) for _ in range(400)]
            reading = [pool.submit(agent.sessions) for _ in range(200)]
            assert all(future.result() is None for future in failing)
            assert {tuple(ids(future.result())) for future in reading} == {tuple(wanted)}
    finally:
        sys.setswitchinterval(interval)


# ---- deleting -------------------------------------------------------------------------------------------


def stored(path: Path) -> tuple[set[str], dict[str, str | None], dict[str, int]]:
    """Return the ids, the parents and the numbers of messages in a file."""
    with writing(path) as db:
        parents = dict(db.execute("SELECT id, parent_session_id FROM sessions"))
        counts = dict(db.execute("SELECT session_id, count(*) FROM messages GROUP BY 1"))
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    return set(parents), parents, counts


def test_deleting_a_conversation_by_its_latest_segment_deletes_every_segment(
    path: Path, agent: Agent
) -> None:
    assert agent.conversation("c") == ["a", "b", "c"]
    assert agent.delete("c") is True
    present, parents, counts = stored(path)
    assert present == {"sub", "lone", "cron_daily_1", "web"}
    assert parents["sub"] is None  # a child that is no segment stays
    assert counts == {"sub": 1, "lone": 2, "cron_daily_1": 1, "web": 1}
    assert ids(agent.sessions()) == ["lone", "sub"]
    assert agent.delete("c") is False


@pytest.mark.parametrize("one", ["a", "b"])
def test_deleting_an_inner_segment_deletes_only_that(path: Path, agent: Agent, one: str) -> None:
    before = stored(path)
    assert agent.conversation(one) == [one]
    assert agent.delete(one) is True
    present, parents, counts = stored(path)
    assert present == before[0] - {one}
    assert parents == {id: None if parent == one else parent for id, parent in before[1].items() if id != one}
    assert counts == {id: count for id, count in before[2].items() if id != one}


def test_deleting_a_conversation_deletes_the_empty_segments_after_its_latest_message(
    path: Path, agent: Agent
) -> None:
    with writing(path) as db:
        db.execute("UPDATE sessions SET end_reason = 'compression' WHERE id = 'c'")
        add_session(db, "empty", parent_session_id="c", begun=START + 900)
    assert agent.conversation("empty") == ["empty"]
    assert agent.conversation("c") == ["a", "b", "c", "empty"]
    assert agent.delete("c")
    assert stored(path)[0] == {"sub", "lone", "cron_daily_1", "web"}


def test_a_delete_removes_exactly_one_conversation_from_the_list(path: Path, agent: Agent) -> None:
    listed = ids(agent.sessions(exclude_sources=None))
    while listed:
        assert agent.delete(listed.pop())
        assert ids(agent.sessions(exclude_sources=None)) == listed
    assert stored(path)[0] == {"web"}


def test_deleting_an_unknown_session_changes_nothing(path: Path, agent: Agent) -> None:
    before = dump(path)
    assert agent.delete("nobody") is False
    assert dump(path) == before


def test_deleting_from_a_real_file_keeps_its_search_index_intact(may: Path) -> None:
    path = may / "state.db"
    with writing(path) as db:
        db.execute("INSERT INTO session_model_usage (session_id, model) VALUES ('chain1_seg1', 'm')")
    with opened(path) as agent:
        before = ids(agent.sessions())
        assert agent.delete("chain1_seg2")
        assert ids(agent.sessions()) == [id for id in before if id != "chain1_seg2"]
    present, parents, counts = stored(path)
    assert not {id for id in present if id.startswith("chain1_")}
    assert parents["child_of_chain1"] is None
    with writing(path) as db:
        for table in ("messages_fts", "messages_fts_trigram"):
            db.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (sum(counts.values()),)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a lock no longer than a test can."""
    monkeypatch.setattr(state, "READ_SECONDS", 0.05)
    monkeypatch.setattr(state, "WRITE_SECONDS", 0.05)


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_locked_file_refuses_the_delete_and_keeps_everything(
    impatient: None, tmp_path: Path, journal: str
) -> None:
    path = filled_state(tmp_path / "state.db", journal=journal)
    before = dump(path)
    with opened(path) as agent:
        with writing(path) as db:
            db.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match="locked") as refused:
                agent.delete("c")
        assert str(tmp_path) not in str(refused.value)
        assert dump(path) == before
        assert agent.delete("c")


def test_no_other_program_writes_between_the_reads_and_the_deletes_of_a_delete(
    path: Path, agent: Agent
) -> None:
    refused = []

    def write(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("SELECT"):
            with closing(sqlite3.connect(path, timeout=0)) as db:
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    add_session(db, "new", parent_session_id="b")
                refused.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", write)
    try:
        assert agent.delete("c")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", write)
    assert refused


def test_a_delete_that_fails_midway_keeps_everything(path: Path, agent: Agent) -> None:
    with writing(path) as db:
        db.execute(
            "CREATE TRIGGER refuse BEFORE DELETE ON sessions WHEN old.id = 'b' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    before = dump(path)
    with pytest.raises(StorageError, match="not this one"):
        agent.delete("c")
    assert dump(path) == before


def test_deleting_without_a_file_creates_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "state.db") as agent, pytest.raises(AgentUnavailable) as raised:
        agent.delete("a")
    assert raised.value.absent
    assert list(tmp_path.iterdir()) == []


# ---- where the file lies --------------------------------------------------------------------------------

NAMES = [
    "what?mode=rwc",
    "a#fragment",
    "100%",
    "%41%00",
    "two words",
    "ünïcödé 会話",
    "a&b=c;d",
    "quote'\"",
    "new\nline",
    os.fsdecode(b"\xff\xfe"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_any_name_works_and_no_other_is_created(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    # Python's own SQLite takes no name that is not UTF-8.
    shutil.copyfile(filled_state(tmp_path / "made.db", journal="delete"), folder / "state.db")
    (tmp_path / "made.db").unlink()
    with opened(folder / "state.db") as agent:
        assert ids(agent.sessions()) == ["lone", "c", "sub"]
        assert agent.delete("lone")
        assert agent.messages("lone") == []
    assert [path.name for path in tmp_path.rglob("*")] == [name, "state.db"]


def test_a_link_to_the_file_is_followed(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "home" / "state.db"
    link.parent.mkdir()
    link.symlink_to(path)
    with opened(link) as agent:
        assert ids(agent.sessions()) == ["lone", "c", "sub"]


# ---- unavailable ----------------------------------------------------------------------------------------


def make_folder(path: Path) -> None:
    path.mkdir()


def make_broken_page(path: Path) -> None:
    filled_state(path, journal="delete")
    content = bytearray(path.read_bytes())
    content[100:200] = b"\xff" * 100  # the first page's tree
    path.write_bytes(content)


def without_table(table: str) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        with writing(filled_state(path)) as db:
            db.execute(f"ALTER TABLE {table} RENAME TO gone")

    return make


def make_hot(path: Path) -> None:
    """Make a file whose writer was killed while it changed it, its journal beside it."""
    made = filled_state(path.with_name("made.db"), journal="delete")
    with writing(made) as db:
        db.execute("PRAGMA cache_spill = 1")
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN IMMEDIATE")
        for number in range(200):
            add_session(db, f"new {number}", "x" * 2_000)
        shutil.copyfile(made, path)
        shutil.copyfile(f"{made}-journal", f"{path}-journal")
    assert Path(f"{path}-journal").stat().st_size


UNAVAILABLE: dict[str, tuple[Callable[[Path], object], str | None]] = {
    "absent": (Path.exists, "there is no such file"),
    "its folder is absent": (lambda path: path.parent.rmdir(), "there is no such file"),
    "a folder": (make_folder, "it is not a regular file"),
    "a pipe": (os.mkfifo, "it is not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/null"), "it is not a regular file"),
    "a dangling link": (lambda path: path.symlink_to(path.parent / "nowhere"), "there is no such file"),
    "a link to itself": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "empty": (lambda path: path.touch(), "it is empty"),
    "a text": (lambda path: path.write_text("not a database\n" * 1_000), "file is not a database"),
    "zeros": (lambda path: path.write_bytes(bytes(8_192)), "file is not a database"),
    "a damaged first page": (make_broken_page, "malformed"),
    "no sessions": (without_table("sessions"), "no table sessions"),
    "no messages": (without_table("messages"), "no table messages"),
    "sessions without id": (
        lambda path: new_state(path, without={"sessions.id"}),
        "no table sessions with a column id",
    ),
    "messages without session": (
        lambda path: new_state(path, without={"messages.session_id"}, indexed=False),
        "no table messages with a column session_id",
    ),
    "a writer was killed": (make_hot, None),
}


def check_unavailable(path: Path, reason: str | None, *, profile: str = "default") -> None:
    with opened(path, profile=profile) as agent:
        before = handles()
        for name in ("sessions", "messages", "lineage", "conversation"):
            with pytest.raises(AgentUnavailable, match=reason) as raised:
                READINGS[name](agent)
            text = str(raised.value)
            assert text.startswith("The agent's state.db")
            assert ("(profile work)" in text) is (profile == "work")
            assert raised.value.absent is ("there is no such file" in text)
            assert str(path.parent.parent) not in text
            assert path.parent.name not in text
        assert handles() == before


@pytest.mark.parametrize("case", UNAVAILABLE)
@pytest.mark.parametrize("profile", ["default", "work"])
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, case: str, profile: str) -> None:
    make, reason = UNAVAILABLE[case]
    path = tmp_path / "hermes-home-of-somebody" / "state.db"
    path.parent.mkdir()
    make(path)
    check_unavailable(path, reason, profile=profile)


@pytest.mark.parametrize("size", [1, 16, 99, 100, 511, 512, 4_095, 4_096, 8_192, 0.5, -4_096])
def test_a_file_cut_short_says_so(tmp_path: Path, size: float) -> None:
    folder = tmp_path / "hermes-home-of-somebody"
    folder.mkdir()
    path = filled_state(folder / "state.db", journal="delete")
    whole = path.stat().st_size
    os.truncate(path, int(size * whole) // 4_096 * 4_096 if size == 0.5 else int(size) % whole)
    check_unavailable(path, None)


@pytest.mark.slow
def test_an_exclusively_locked_file_says_so(impatient: None, tmp_path: Path) -> None:
    path = filled_state(tmp_path / "state.db", journal="delete")
    with locked_elsewhere(path, "BEGIN EXCLUSIVE"):
        check_unavailable(path, "database is locked")
    with opened(path) as agent:
        assert ids(agent.sessions()) == ["lone", "c", "sub"]


def test_a_file_that_is_removed_while_it_is_read_says_so(path: Path, agent: Agent) -> None:
    @sa.event.listens_for(agent._engine, "begin")
    def lose(connection: Connection) -> None:
        for each in path.parent.glob("state.db*"):
            each.unlink()

    before = handles()
    with pytest.raises(AgentUnavailable) as raised:
        agent.sessions()
    assert str(path.parent) not in str(raised.value)
    assert handles() == before


def test_messages_without_ids_cannot_be_read(tmp_path: Path) -> None:
    path = filled_state(tmp_path / "state.db", without={"messages.id"})
    with opened(path) as agent:
        for name in ("sessions", "messages"):
            with pytest.raises(AgentUnavailable, match="no such column"):
                READINGS[name](agent)


def test_a_file_that_comes_back_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with opened(path) as agent:
        with pytest.raises(AgentUnavailable):
            agent.sessions()
        filled_state(path)
        assert len(agent.sessions()) == 3
        path.unlink()
        with pytest.raises(AgentUnavailable):
            agent.sessions()


AS_NOBODY = """
import os, sys
from pathlib import Path
from hermes_sessions.agent import Agent
from hermes_sessions.errors import AgentUnavailable
agent = Agent(Path(sys.argv[1]))
os.setgid(65534)
os.setuid(65534)
try:
    print(len(agent.sessions()))
except AgentUnavailable as error:
    print(error)
    print(error.absent)
with os.scandir("/proc/self/fd") as found:
    print([path for each in found if "state.db" in (path := os.readlink(each.path))])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "reason"),
    [
        (0o755, 0o600, "unable to open database file"),
        (0o700, 0o644, "Permission denied"),
    ],
)
def test_a_file_of_another_user_says_so(folder_mode: int, file_mode: int, reason: str) -> None:
    said = read_as_nobody(folder_mode, file_mode)
    assert said == [f"The agent's state.db cannot be read: {reason}", "False", "[]"]


@pytest.mark.slow
def test_a_file_that_another_user_lets_everybody_read_is_read() -> None:
    assert read_as_nobody(0o755, 0o644) == ["3", "[]"]  # no `-shm` can be made in a folder of others


def read_as_nobody(folder_mode: int, file_mode: int) -> list[str]:
    """Return what reading an agent's file as another user prints."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user takes root")
    # Not in `tmp_path`, which no other user can read.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "hermes-home-of-somebody"
        folder.mkdir()
        path = filled_state(folder / "state.db")
        Path(name).chmod(0o755)
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, path], capture_output=True, text=True, check=True
        )
    return done.stdout.splitlines()


# ---- what the mirror relies on --------------------------------------------------------------------------

NOTICED = {
    "a title": "UPDATE sessions SET title = 'New' WHERE id = 'lone'",
    "a title for one without": "UPDATE sessions SET title = 'New' WHERE id = 'sub'",
    "a title taken away": "UPDATE sessions SET title = NULL WHERE id = 'lone'",
    "a parent": "UPDATE sessions SET parent_session_id = 'lone' WHERE id = 'sub'",
    "a parent taken away": "UPDATE sessions SET parent_session_id = NULL WHERE id = 'sub'",
    "a first parent": "UPDATE sessions SET parent_session_id = 'a' WHERE id = 'lone'",
    "a new session": "INSERT INTO sessions (id, source) VALUES ('new', 'cli')",
    "a deleted session": "DELETE FROM sessions WHERE id = 'cron_daily_1'",
    "another id": "UPDATE sessions SET id = 'other' WHERE id = 'cron_daily_1'",
}
UNNOTICED = {
    "a message": "INSERT INTO messages (session_id, role, content) VALUES ('lone', 'user', 'more')",
    "an end": "UPDATE sessions SET ended_at = 5, end_reason = 'compression' WHERE id = 'lone'",
    "figures": "UPDATE sessions SET input_tokens = 9, model = 'm', archived = 1, message_count = 4",
    "another table": "CREATE TABLE other (x)",
    "the same again": "UPDATE sessions SET title = title, parent_session_id = parent_session_id, id = id",
}


@pytest.mark.parametrize("change", NOTICED)
def test_the_fingerprint_changes(path: Path, agent: Agent, change: str) -> None:
    before = fingerprint(agent)
    with writing(path) as db:
        db.execute(NOTICED[change])
    assert fingerprint(agent) != before


@pytest.mark.parametrize("change", UNNOTICED)
def test_the_fingerprint_does_not_change(path: Path, agent: Agent, change: str) -> None:
    before = fingerprint(agent)
    with writing(path) as db:
        db.execute(UNNOTICED[change])
    assert fingerprint(agent) == before


def fingerprint(agent: Agent) -> str:
    return str(read(agent, lambda snapshot: snapshot.outline({}).fingerprint()))


def test_the_fingerprint_distinguishes_titles_that_end_in_digits(tmp_path: Path) -> None:
    path = new_state(tmp_path / "state.db")
    with writing(path) as db:
        for number in range(1, 22):
            add_session(db, f"s{number}")
        db.execute("UPDATE sessions SET title = 'Part 2' WHERE rowid = 1")
        with opened(path) as agent:
            before = fingerprint(agent)
            db.execute("UPDATE sessions SET title = CASE rowid WHEN 21 THEN 'Part ' END")
            assert fingerprint(agent) != before


def test_titles_and_parents_agree_with_the_rows(may: Path) -> None:
    with opened(may / "state.db") as agent:
        outline = read(agent, lambda snapshot: snapshot.titles_and_parents())
        rows = all_rows(agent)
    assert len(rows) == 50
    assert outline == {row.segment.id: (row.segment.title, row.segment.parent_session_id) for row in rows}


def test_the_sessions_of_some_ids_are_the_same_as_among_all(may: Path) -> None:
    with opened(may / "state.db") as agent, agent.reading() as snapshot:
        rows = {row.segment.id: row for row in snapshot.sessions(snapshot.message_stats())}
        for some in (["resumed"], ["chain0_seg0", "nobody", "chain0_seg1"], list(rows), []):
            chosen = {row.segment.id: row for row in snapshot.sessions(snapshot.message_stats(some), some)}
            assert chosen == {id: row for id, row in rows.items() if id in some}
            assert snapshot.message_stats(some) == {
                id: s for id, s in snapshot.message_stats().items() if id in some
            }


QUERIES: dict[str, tuple[Callable[[Snapshot], object], str]] = {
    "message stats of some": (
        lambda snapshot: snapshot.message_stats(["a", "b", "c"]),
        "SEARCH messages USING COVERING INDEX",
    ),
    "message ids": (lambda snapshot: snapshot.message_ids("a"), "SEARCH messages USING "),
    "message stats since": (
        lambda snapshot: snapshot.message_stats_since(200),
        "USING INTEGER PRIMARY KEY (rowid>?)",
    ),
    "messages": (lambda snapshot: snapshot.messages([1, 2, 3]), "USING INTEGER PRIMARY KEY (rowid=?)"),
    "outline": (lambda snapshot: snapshot.outline({}), "sessions USING COVERING INDEX"),
    "titles and parents": (
        lambda snapshot: snapshot.titles_and_parents(),
        "sessions USING COVERING INDEX",
    ),
    "parents in rows": (lambda snapshot: snapshot.parents_in([1, 2]), "USING INTEGER PRIMARY KEY (rowid=?)"),
    "which exist": (lambda snapshot: snapshot.existing(["a", "b"]), "USING COVERING INDEX"),
    "rows of some": (lambda snapshot: snapshot.sessions({}, ["a", "b"]), "SEARCH sessions USING INDEX"),
    "family": (lambda snapshot: snapshot.family(["a", "b"]), "idx_sessions_parent"),
    "last message": (lambda snapshot: snapshot.last_message(), "SEARCH messages"),
}


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("indexed", ["may", "made"])
def test_a_frequent_query_uses_an_index(tmp_path: Path, name: str, indexed: str) -> None:
    path = copy_sample("may", tmp_path) / "state.db" if indexed == "may" else filled_state(tmp_path / "s.db")
    query, wanted = QUERIES[name]
    statements: list[tuple[str, Any]] = []
    with opened(path) as agent, agent.reading() as snapshot:

        @sa.event.listens_for(agent._engine, "before_cursor_execute")
        def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
            statements.append((statement, parameters))

        query(snapshot)
    with writing(path) as db:
        plans = [
            [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in statements
        ]
    assert plans
    assert any(wanted in step for plan in plans for step in plan)
    scans = [step for plan in plans for step in plan if step.startswith(("SCAN sessions", "SCAN messages"))]
    assert [step for step in scans if "COVERING INDEX" not in step] == []


# ---- file versions, and the names of jobs ---------------------------------------------------------------


def test_file_versions_change_with_a_write_and_not_with_a_read(path: Path, agent: Agent) -> None:
    before = agent.file_versions()
    for reading in READINGS.values():
        reading(agent)
    assert agent.file_versions() == before
    with writing(path) as db:
        add_message(db, "lone", "more")
        during = agent.file_versions()
    assert len({before, during, agent.file_versions()}) == 3


def test_file_versions_without_a_file(tmp_path: Path) -> None:
    with opened(tmp_path / "state.db") as agent:
        assert agent.file_versions().modified_at == 0
        before = agent.file_versions()
        filled_state(tmp_path / "state.db")
        assert agent.file_versions() != before


def test_file_versions_change_with_the_names_of_jobs(path: Path, agent: Agent) -> None:
    before = agent.file_versions()
    (path.parent / "cron").mkdir()
    (path.parent / "cron" / "jobs.json").write_text("[]")
    assert agent.file_versions() != before
    assert agent.file_versions().modified_at >= before.modified_at


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ('{"jobs": [{"id": "a", "name": "Daily"}]}', {"a": "Daily"}),
        ('[{"id": "a", "name": "Daily"}, {"id": 7, "name": "Seven"}]', {"a": "Daily", "7": "Seven"}),
        ('[{"id": "a"}, {"name": "Daily"}, {"id": "", "name": "x"}, 5, null]', {}),
        ('{"jobs": {"a": 1}}', {}),
        ("[", {}),
        ("[" * 100_000, {}),
        ("\xff", {}),
        ("", {}),
        ("5", {}),
        (None, {}),
    ],
)
def test_job_names_are_those_that_can_be_read(
    path: Path, agent: Agent, stored: str | None, names: dict[str, str]
) -> None:
    if stored is not None:
        (path.parent / "cron").mkdir()
        (path.parent / "cron" / "jobs.json").write_text(stored, encoding="latin-1")
    assert agent.job_names() == names
