"""The mirror of the agents' `state.db`: each change of another program shows in the next list, at a price."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from hermes_sessions import AgentUnavailable, NotFound, SessionRepository
from hermes_sessions.agent import mirror, mirror_rows, scan
from hermes_sessions.index import database, upgrades
from hermes_sessions.index.schema import AGENT_CONVERSATIONS, AGENT_HOMES, AGENT_SESSIONS

from ..support.agent_db import (
    START,
    add_message,
    add_session,
    filled_state,
    locked_elsewhere,
    new_state,
    writing,
)
from ..support.efforts import examples
from ..support.make import started
from ..support.processes import at_once

HOUR_NS = 3_600_000_000_000
Entry = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state.db of the home of `sessions`: a chain of three, a child, an open parent, and more."""
    (tmp_path / "home").mkdir()
    path = filled_state(tmp_path / "home" / "state.db")
    with writing(path) as db:
        add_session(db, "parent", "ask", begun=START + 4000, title="Parent")
        add_session(db, "kid", "sure", begun=START + 4100, title="Kid", parent_session_id="parent")
    return path


@pytest.fixture
def following(path: Path, sessions: SessionRepository) -> SessionRepository:
    """A repository whose mirror has all of `path`."""
    sessions.list(agent=True)
    return sessions


def entries(sessions: SessionRepository) -> dict[str, Entry]:
    """Return the entries of one list, by id."""
    return {each.session_id: each.as_dict() for each in sessions.list(agent=True, hidden=True).items}


def mirrored(sessions: SessionRepository) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the mirror holds, table by table."""
    with database.reading(sessions._home.engine) as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in (AGENT_SESSIONS, AGENT_CONVERSATIONS)
        }


def agrees(sessions: SessionRepository) -> bool:
    """Whether the mirror is what is read from nothing."""
    before = mirrored(sessions)
    sessions.rebuild()
    return mirrored(sessions) == before


def drop_message_index(path: Path) -> None:
    with writing(path) as db:
        for name in ("idx_messages_session", "idx_messages_session_active"):
            db.execute(f"DROP INDEX {name}")


def add_later_sessions(path: Path) -> None:
    """Add as many sessions as the mirror reads at every scan, active after all others."""
    with writing(path) as db:
        db.execute("BEGIN")
        for number in range(mirror_rows.RECENT):
            add_session(db, f"z{number}", "hello", begun=START + 1e6 + number)
        db.execute("COMMIT")


# ---- each change ----------------------------------------------------------------------------------------


class Change(NamedTuple):
    """What another program does, and the keys of list entries that it changes, by id; None if one is removed.

    `announced` is whether a large home shows it at once, `added` whether it takes nothing back.
    """

    make: Callable[[Path], object]
    shows: Mapping[str, Entry | None]
    announced: bool = False
    added: bool = True


def sql(*statements: str) -> Callable[[Path], None]:
    """Return what carries out these statements, one transaction each."""

    def make(path: Path) -> None:
        with writing(path) as db:
            for statement in statements:
                db.execute(statement)

    return make


def new_message(path: Path) -> None:
    with writing(path) as db:
        add_message(db, "lone", "again", timestamp=START + 9000)


def new_session(path: Path) -> None:
    with writing(path) as db:
        add_session(db, "new", "hi", "there", begun=START + 9000, source="telegram", title="Neu")


def new_child(path: Path) -> None:
    with writing(path) as db:
        add_session(db, "new", "hi", begun=START + 150, parent_session_id="b")


def new_segment(path: Path) -> None:
    """End the latest segment and go on, as the agent does, in one transaction."""
    with writing(path) as db:
        db.execute("BEGIN")
        db.execute(
            "UPDATE sessions SET ended_at = ?, end_reason = 'compression' WHERE id = 'c'", [START + 300]
        )
        add_session(db, "d", "six", begun=START + 300, parent_session_id="c", model="next")
        db.execute("COMMIT")


def replace_messages(path: Path) -> None:
    with writing(path) as db:
        db.execute("DELETE FROM messages WHERE session_id = 'lone'")
        add_message(db, "lone", "only", timestamp=START + 1)


def replace_file(path: Path) -> None:
    """Put another file in its place, in which a session of the same name has other messages."""
    with writing(path) as db:
        indexes = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")]
    other = new_state(path.with_name("other.db"))
    if "idx_messages_session" not in indexes:
        drop_message_index(other)
    with writing(other) as db:
        add_session(db, "lone", "other", begun=START + 5000, title="Lone")
        for number in range(200):  # its numbers go on where those of the old file ended
            add_message(db, "nobody", str(number))
    for each in path.parent.glob("state.db-*"):
        each.unlink()
    other.replace(path)


def rename_job(path: Path) -> None:
    (path.parent / "cron").mkdir(exist_ok=True)
    (path.parent / "cron" / "jobs.json").write_text(
        json.dumps({"jobs": [{"id": "daily", "name": "Täglich"}]})
    )


def vacuum(path: Path) -> None:
    """Change the numbers of rows, as VACUUM may according to SQLite's documentation."""
    with writing(path) as db:
        db.execute("UPDATE sessions SET rowid = 1000 - rowid")
        db.execute("VACUUM")


SPLIT: dict[str, Entry | None] = {  # the chain a, b, c without b
    "c": {
        "title": "four",
        "created_at": START + 200,
        "_lineage_root_id": None,
        "_lineage_tip_id": None,
        "_compression_segment_count": None,
    },
    "a": {"title": "Chain", "message_count": 2, "last_message_at": START + 10},
}
EMPTIED = dict.fromkeys(("c", "sub", "cron_daily_1", "parent", "kid"))

CHANGES: dict[str, Change] = {
    "a new message": Change(
        new_message,
        {"lone": {"message_count": 3, "last_message_at": START + 9000, "updated_at": START + 9000}},
        announced=True,
    ),
    "a message after one was taken back": Change(
        sql(
            "INSERT INTO messages (session_id, role, content, timestamp, active) "
            f"VALUES ('lone', 'user', 'x', {START + 8000}, 0), ('lone', 'user', 'y', {START + 9000}, 1)"
        ),
        {"lone": {"message_count": 3, "last_message_at": START + 9000, "updated_at": START + 9000}},
        announced=True,
    ),
    "a new title": Change(
        sql("UPDATE sessions SET title = 'Neu' WHERE id = 'lone'"), {"lone": {"title": "Neu"}}, announced=True
    ),
    "a chain's new title": Change(
        sql("UPDATE sessions SET title = 'Neu' WHERE id = 'a'"), {"c": {"title": "Neu"}}, announced=True
    ),
    "a new session": Change(
        new_session,
        {
            "new": {
                "title": "Neu",
                "message_count": 2,
                "last_message_at": START + 9010,
                "source_tag": "telegram",
                "session_source": "messaging",
            }
        },
        announced=True,
    ),
    "a new child": Change(
        new_child,
        {
            "new": {
                "relationship_type": "child_session",
                "parent_session_id": "b",
                "_parent_lineage_root_id": "a",
            }
        },
        announced=True,
    ),
    "a new segment": Change(
        new_segment,
        {
            "c": None,
            "d": {
                "title": "Chain",
                "model": "next",
                "_lineage_root_id": "a",
                "_lineage_tip_id": "d",
                "_compression_segment_count": 4,
            },
        },
        announced=True,
    ),
    "a parent that ended": Change(
        sql(f"UPDATE sessions SET ended_at = {START + 4100}, end_reason = 'compression' WHERE id = 'parent'"),
        {
            "parent": None,
            "kid": {
                "title": "Parent",
                "created_at": START + 4000,
                "parent_session_id": None,
                "relationship_type": None,
                "_parent_lineage_root_id": None,
                "_lineage_root_id": "parent",
                "_lineage_tip_id": "kid",
                "_compression_segment_count": 2,
            },
        },
        announced=True,
    ),
    "a deleted session": Change(
        sql(
            "DELETE FROM messages WHERE session_id = 'lone'",
            "DELETE FROM sessions WHERE id = 'lone'",
        ),
        {"lone": None},
        announced=True,
    ),
    "a deleted segment whose continuation is orphaned": Change(
        sql(
            "UPDATE sessions SET parent_session_id = NULL WHERE parent_session_id = 'b'",
            "DELETE FROM messages WHERE session_id = 'b'",
            "DELETE FROM sessions WHERE id = 'b'",
        ),
        SPLIT | {"c": {**SPLIT["c"], "parent_session_id": None}} if SPLIT["c"] else {},
        announced=True,
    ),
    "a deleted segment that its continuation still names": Change(
        sql("DELETE FROM messages WHERE session_id = 'b'", "DELETE FROM sessions WHERE id = 'b'"),
        SPLIT | {"c": {**SPLIT["c"], "parent_session_id": "b"}} if SPLIT["c"] else {},
        announced=True,
    ),
    "another parent": Change(
        sql("UPDATE sessions SET parent_session_id = 'c' WHERE id = 'lone'"),
        {
            "lone": {
                "parent_session_id": "c",
                "relationship_type": "child_session",
                "_parent_lineage_root_id": "a",
            }
        },
        announced=True,
    ),
    "a closed session that is opened again": Change(
        sql("UPDATE sessions SET ended_at = NULL, end_reason = NULL WHERE id = 'b'"),
        {
            "b": {
                "title": "Chain",
                "_lineage_root_id": "a",
                "_lineage_tip_id": "b",
                "_compression_segment_count": 2,
            },
            "c": {
                "title": "four",
                "created_at": START + 200,
                "parent_session_id": "b",
                "relationship_type": "child_session",
                "_parent_lineage_root_id": "a",
                "_lineage_root_id": None,
                "_lineage_tip_id": None,
                "_compression_segment_count": None,
            },
        },
    ),
    "another model and more tokens": Change(
        sql(
            "UPDATE sessions SET model = 'next', input_tokens = 9, output_tokens = 8, "
            "estimated_cost_usd = 0.5 WHERE id = 'c'"
        ),
        {"c": {"model": "next", "input_tokens": 9, "output_tokens": 8, "estimated_cost": 0.5}},
    ),
    "tokens of an earlier segment": Change(
        sql("UPDATE sessions SET input_tokens = 9 WHERE id = 'a'"), {"c": {"input_tokens": 9}}
    ),
    "another workspace": Change(
        sql("UPDATE sessions SET cwd = '/srv/x' WHERE id = 'lone'"), {"lone": {"workspace": "/srv/x"}}
    ),
    "another source": Change(sql("UPDATE sessions SET source = 'webui' WHERE id = 'lone'"), {"lone": None}),
    "archived": Change(
        sql("UPDATE sessions SET archived = 1 WHERE id = 'lone'"), {"lone": {"archived": True}}
    ),
    "a scheduled job's new name": Change(rename_job, {"cron_daily_1": {"title": "Täglich"}}),
    "cleared": Change(sql("DELETE FROM messages WHERE session_id = 'lone'"), {"lone": None}, added=False),
    "a cleared segment": Change(
        sql("DELETE FROM messages WHERE session_id = 'c'"),
        {"c": None, "b": {"title": "Chain", "_compression_segment_count": 2, "_lineage_tip_id": "b"}},
        added=False,
    ),
    "messages replaced": Change(
        replace_messages,
        {"lone": {"message_count": 1, "last_message_at": START + 1, "updated_at": START + 1}},
        added=False,
    ),
    "rewound": Change(
        sql("UPDATE messages SET active = 0 WHERE content = 'world'"),
        {"lone": {"message_count": 1, "last_message_at": START + 1000, "updated_at": START + 1000}},
        added=False,
    ),
    "the numbers of its rows": Change(vacuum, {}, announced=True),
    "another file": Change(
        replace_file,
        {
            "lone": {
                "message_count": 1,
                "created_at": START + 5000,
                "last_message_at": START + 5000,
                "updated_at": START + 5000,
                "input_tokens": 0,
            },
            **EMPTIED,
        },
        announced=True,
    ),
}


def check_difference(
    before: Mapping[str, Entry], after: Mapping[str, Entry], expected: Mapping[str, Entry | None]
) -> None:
    """Check that nothing but what is expected changed in a list; of a new entry the keys that are named."""
    assert after.keys() == (before.keys() | expected.keys()) - {
        name for name, entry in expected.items() if entry is None
    }
    for name, entry in after.items():
        new = expected.get(name) or {}
        if name in before:
            changed = {
                key: entry.get(key) for key in entry | before[name] if entry.get(key) != before[name].get(key)
            }
            assert changed == {key: value for key, value in new.items() if before[name].get(key) != value}
        assert {key: entry[key] for key in new} == new


def check_listed(sessions: SessionRepository, before: Mapping[str, Entry], change: Change) -> None:
    """Check that the next list shows a change and nothing else, and that all else agrees with that list."""
    check_difference(before, entries(sessions), change.shows)
    page = sessions.list(agent=True, hidden=True)
    assert sessions.count(agent=True, hidden=True) == page.total == len(page.items)
    for name in change.shows.keys() & entries(sessions).keys():
        assert sessions.summary(name).as_dict() == entries(sessions)[name]
    assert agrees(sessions)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_shows_in_the_next_list(path: Path, following: SessionRepository, name: str) -> None:
    before, version = entries(following), following.version()
    CHANGES[name].make(path)
    assert (following.version() != version) is bool(CHANGES[name].shows)
    check_listed(following, before, CHANGES[name])


# ---- conversations without a title ------------------------------------------------------------------------

PICTURE = [{"type": "text", "text": "look at this"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
OPENINGS: dict[str, tuple[list[tuple[str, Any, int]], str]] = {
    "words": (
        [("assistant", "hello", 1), ("user", "  water the plants ", 1), ("user", "x", 1)],
        "water the plants",
    ),
    "long": ([("user", "word " * 40, 1)], ("word " * 40)[:64].strip()),
    "parts": ([("user", "\0json:" + json.dumps(PICTURE), 1)], "look at this"),
    "rewound": ([("user", "taken back", 0), ("user", "said", 1)], "said"),
    "summary": ([("user", "[CONTEXT COMPACTION] before", 1), ("user", "x", 1)], "Cli Session"),
    "silent": ([("assistant", "hello", 1)], "Cli Session"),
    "number": ([("user", 5, 1)], "5"),
    "bytes": ([("user", b"half \xff", 1)], "half \ufffd"),
}


def test_an_untitled_conversation_is_titled_by_the_first_message_of_the_user(
    path: Path, sessions: SessionRepository
) -> None:
    with writing(path) as db:
        for name, (messages, _) in OPENINGS.items():
            add_session(db, name, begun=START + 7000)
            for role, content, active in messages:
                add_message(db, name, content, role, START + 7000, active=active)
    listed = {each.session_id: each.title for each in sessions.list(agent=True)}
    assert {name: listed[name] for name in OPENINGS} == {name: title for name, (_, title) in OPENINGS.items()}
    for name, (_, title) in OPENINGS.items():
        assert sessions.summary(name).title == title
    assert sessions.import_agent_session("words")[0].title == "water the plants"


def test_a_title_follows_the_first_message_and_gives_way_to_the_agent_s_own(
    path: Path, sessions: SessionRepository
) -> None:
    def title() -> str:
        return sessions.summary("new").title

    with writing(path) as db:
        add_session(db, "new", begun=START + 7000)
        add_message(db, "new", "hello", "assistant", START + 7000)
    assert title() == "Cli Session"
    with writing(path) as db:
        add_message(db, "new", "water the plants", "user", START + 7001)
    assert title() == "water the plants"
    with writing(path) as db:
        add_message(db, "new", "another thing", "user", START + 7002)
    assert title() == "water the plants"
    with writing(path) as db:
        db.execute("UPDATE sessions SET title = 'Plants' WHERE id = 'new'")
    assert title() == "Plants"
    assert not sessions.check(deep=True)


def test_a_conversation_whose_title_is_taken_away_has_that_of_its_first_message(
    path: Path, sessions: SessionRepository
) -> None:
    with writing(path) as db:
        add_session(db, "new", "water the plants", begun=START + 7000, title="Plants")
    assert sessions.summary("new").title == "Plants"
    with writing(path) as db:
        db.execute("UPDATE sessions SET title = NULL WHERE id = 'new'")
    assert sessions.summary("new").title == "water the plants"
    with writing(path) as db:
        add_message(db, "new", "and the trees", "user", START + 7001)
        db.execute("DELETE FROM messages WHERE content = 'water the plants'")
    assert sessions.summary("new").title == "and the trees"


def test_a_chain_without_a_title_has_that_of_its_first_segment(
    path: Path, sessions: SessionRepository
) -> None:
    with writing(path) as db:
        ended = {"ended_at": START + 7100, "end_reason": "compression"}
        add_session(db, "x1", "water the plants", begun=START + 7000, **ended)
        add_session(db, "x2", "later", begun=START + 7100, parent_session_id="x1")
    assert {each.title for each in sessions.list(agent=True) if each.session_id == "x2"} == {
        "water the plants"
    }
    assert sessions.summary("x1").title == "water the plants"


def test_messages_without_roles_give_no_title(path: Path, sessions: SessionRepository) -> None:
    with writing(path) as db:
        add_session(db, "new", "hello", begun=START + 7000)
        db.execute("ALTER TABLE messages RENAME COLUMN role TO speaker")
    assert sessions.summary("new").title == "Cli Session"


def test_changes_that_are_only_in_the_agent_s_log_show_in_the_next_list(
    path: Path, following: SessionRepository
) -> None:
    with writing(path) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        size = path.stat().st_size
        for name in ("a new message", "a new session", "a parent that ended", "archived", "rewound"):
            before = entries(following)
            CHANGES[name].make(path)
            expected = CHANGES[name].shows
            if name == "rewound":  # of the three messages that it has by now
                expected = {"lone": {"message_count": 2}}
            check_difference(before, entries(following), expected)
        assert path.stat().st_size == size
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        check_difference(before := entries(following), entries(following), {})
        assert before["lone"]["message_count"] == 2


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_a_large_home_shows_in_the_next_list_or_after_the_next_full_scan(
    path: Path, sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(mirror_rows, "RECENT", 8)
    add_later_sessions(path)
    monkeypatch.setattr(scan, "FULL_SCAN_UP_TO", 0)
    before = entries(sessions)
    CHANGES[name].make(path)
    if not CHANGES[name].announced:
        sessions.list(agent=True)
        monkeypatch.setattr(scan, "FULL_SCAN_NS", 0)
    shows = dict(CHANGES[name].shows)
    if name == "another file":
        shows |= {session_id: None for session_id in before if session_id.startswith("z")}
    check_listed(sessions, before, CHANGES[name]._replace(shows=shows))


@pytest.mark.parametrize("name", [name for name, change in CHANGES.items() if not change.announced])
def test_any_change_of_a_recent_session_shows_in_the_next_list_of_a_large_home(
    path: Path, sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(scan, "FULL_SCAN_UP_TO", 0)
    before = entries(sessions)
    CHANGES[name].make(path)
    check_listed(sessions, before, CHANGES[name])


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_shows_although_messages_have_no_index(
    path: Path, sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What takes messages back shows after a sync, which reads every message: nothing cheaper tells it."""
    drop_message_index(path)
    monkeypatch.setattr(scan, "FULL_SCAN_UP_TO", 0)
    before = entries(sessions)
    CHANGES[name].make(path)
    if not CHANGES[name].added:
        sessions.sync()
    check_listed(sessions, before, CHANGES[name])


# ---- what a list costs ----------------------------------------------------------------------------------


class Cost(NamedTuple):
    """What was asked of databases: connections, statements, rows that came back, rows that were written."""

    connections: list[Any]
    statements: list[str]
    rows: list[Any]
    written: list[int]


@contextmanager
def counted(engine: Engine) -> Iterator[Cost]:
    """Count what the block does with an engine; rows of its new connections alone."""
    cost = Cost([], [], [], [])

    def row(_: object, values: Any) -> Any:
        cost.rows.append(values)
        return values

    def connect(connection: Any, _: object) -> None:
        cost.connections.append(connection)
        connection.row_factory = row

    def execute(_: object, cursor: Any, statement: str, *rest: object) -> None:
        cost.statements.append(statement)
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            cost.written.append(cursor.rowcount)

    event.listen(engine, "connect", connect)
    event.listen(engine, "after_cursor_execute", execute)
    try:
        yield cost
    finally:
        event.remove(engine, "connect", connect)
        event.remove(engine, "after_cursor_execute", execute)


def age(path: Path) -> None:
    """Set the times of the agent's files to an hour ago."""
    then = time.time_ns() - HOUR_NS
    for each in (path, path.with_name(f"{path.name}-wal")):
        if each.exists():
            os.utime(each, ns=(then, then))


def test_a_second_list_does_not_query_the_agent_s_file(path: Path, sessions: SessionRepository) -> None:
    for name in ("state.db-wal", "state.db-shm"):
        path.with_name(name).unlink()
    age(path)
    with counted(sessions.agent._engine) as cost:
        sessions.list(agent=True)
        assert cost.statements
        cost.statements.clear()
        cost.connections.clear()
        assert path.with_name("state.db-wal").stat().st_size == 0  # which our own reading left
        for read in (sessions.list, sessions.count, sessions.version):
            read()
        sessions.list(agent=True, hidden=True)
        sessions.count(agent=True)
        assert sessions.summary("lone").title == "Lone"
        os.utime(path.with_name("state.db-shm"))
        sessions.list(agent=True)
        path.with_name("state.db-wal").unlink()
        sessions.list(agent=True)
    assert (cost.statements, cost.connections) == ([], [])


def test_reading_by_another_process_is_not_a_change(path: Path, sessions: SessionRepository) -> None:
    age(path)
    sessions.list(agent=True)
    with (
        SessionRepository.open(hermes_home=path.parent) as other,
        counted(other.agent._engine) as theirs,
        counted(sessions.agent._engine) as ours,
    ):
        assert other.list(agent=True) == sessions.list(agent=True)
    assert (theirs.statements, ours.statements) == ([], [])


def test_the_version_changes_only_with_what_lists_show(path: Path, following: SessionRepository) -> None:
    version = following.version()
    with writing(path) as db:
        for irrelevant in (
            "UPDATE sessions SET system_prompt = 'new'",
            "INSERT INTO messages (session_id, role, content, active) VALUES ('lone', 'user', 'x', 0)",
            "CREATE TABLE more (a)",
        ):
            db.execute(irrelevant)
            following.list(agent=True)
            assert following.version() == version
        following.sync()
        assert following.version() == version
        db.execute("UPDATE sessions SET title = 'x' WHERE id = 'lone'")
        assert following.version() != version


@pytest.mark.slow
def test_one_new_message_in_a_large_home_reads_and_writes_few_rows(
    path: Path, sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "FULL_SCAN_UP_TO", 0)
    with writing(path) as db:
        db.execute("BEGIN")
        for number in range(3_000):
            parent = f"many{number - 1}" if number % 10 else None
            ended = {"end_reason": "compression", "ended_at": START} if number % 10 < 9 else {}
            add_session(db, f"many{number}", "a", begun=START + number, parent_session_id=parent, **ended)
        db.execute("COMMIT")
    sessions.list(agent=True)
    new_message(path)
    with counted(sessions.agent._engine) as read, counted(sessions._home.engine) as stored:
        assert sessions.list(agent=True, limit=1).items[0].message_count == 3
    assert len(read.rows) < 200
    assert len(read.statements) < 20
    assert sum(stored.written) < 20
    new_segment(path)
    with counted(sessions._home.engine) as stored:
        sessions.list(agent=True)
    assert sum(stored.written) < 40
    sql("UPDATE sessions SET title = 'Edited' WHERE id = 'lone'")(path)
    with counted(sessions.agent._engine) as read:
        assert entries(sessions)["lone"]["title"] == "Edited"
    assert len(read.rows) < 200
    assert agrees(sessions)


def test_a_warning_about_ids_stays_when_another_session_changes_in_a_large_home(
    path: Path, sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "FULL_SCAN_UP_TO", 0)
    with writing(path) as db:
        add_session(db, "no/id", "hello")
    warnings = sessions.list(agent=True).warnings
    (warning,) = warnings
    assert warning == (
        "1 of the sessions in the agent's state.db cannot be listed: "
        "an id must be 1 to 128 of A-Z a-z 0-9 _ and -"
    )
    for name in ("a new message", "a new title", "a new child", "archived"):
        CHANGES[name].make(path)
        assert sessions.list(agent=True).warnings == warnings
    with writing(path) as db:
        db.execute("DELETE FROM sessions WHERE id = 'no/id'")
    assert sessions.list(agent=True).warnings == ()


# ---- an agent that cannot be read -----------------------------------------------------------------------


def rewrite(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Return what changes the bytes of a file, its log taken in."""

    def damage(path: Path) -> None:
        with writing(path) as db:
            db.execute("PRAGMA journal_mode = delete")
        path.write_bytes(change(path.read_bytes()))

    return damage


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (rewrite(lambda data: data[: len(data) // 2]), "malformed"),
    "not a database": (rewrite(lambda data: b"no database " + data), "file is not a database"),
    "empty": (rewrite(lambda data: data[:0]), "it is empty"),
    "a folder": (make_folder, "it is not a regular file"),
    "without sessions": (sql("DROP TABLE sessions"), "no table sessions"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_conversations_of_an_unreadable_agent_stay_listed_with_a_warning(
    path: Path, sessions: SessionRepository, name: str
) -> None:
    own = started(sessions, 2)
    before = entries(sessions)
    kept = shutil.copy(path, path.with_name("kept.db"))
    damage, reason = DAMAGES[name]
    damage(path)
    page = sessions.list(agent=True, hidden=True)
    assert {each.session_id for each in page.items} == before.keys()
    (warning,) = page.warnings
    assert reason in warning
    assert str(path.parent) not in warning
    assert [each.session_id for each in sessions.list().items] == [own]
    assert sessions.list().warnings == ()
    assert sessions.summary(own).message_count == 2
    for ask in (sessions.summary, sessions.get, sessions.messages):
        for session_id in ("lone", "nobody"):
            with pytest.raises(AgentUnavailable, match=reason):
                ask(session_id)
    if path.is_dir():
        path.rmdir()
    shutil.move(kept, path)
    with writing(path) as db:
        db.execute("UPDATE sessions SET title = 'mended' WHERE id = 'lone'")
    page = sessions.list(agent=True)
    assert page.warnings == ()
    assert "mended" in [each.title for each in page.items]
    assert agrees(sessions)


def test_nothing_is_listed_of_an_agent_whose_file_was_removed(
    path: Path, sessions: SessionRepository
) -> None:
    own = started(sessions, 2)
    before = entries(sessions)
    kept = path.rename(path.with_name("kept.db"))
    page = sessions.list(agent=True, hidden=True)
    assert [each.session_id for each in page.items] == [own]
    assert page.warnings == ("The agent's state.db cannot be read: there is no such file",)
    assert sessions.list().warnings == ()
    assert sessions.search("message").warnings == page.warnings
    assert sessions.search("message", agent=False).warnings == ()
    for ask in (sessions.summary, sessions.get, sessions.messages):
        for session_id in ("lone", "nobody"):
            with pytest.raises(NotFound):
                ask(session_id)
    kept.rename(path)
    assert entries(sessions) == before
    assert sessions.list(agent=True).warnings == ()


def test_nothing_is_listed_without_a_source_column_and_a_warning_says_why(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = filled_state(home / "state.db", without={"sessions.source"})
    with SessionRepository.open(hermes_home=home) as sessions:
        own = started(sessions, 2)
        page = sessions.list(agent=True, hidden=True)
        assert [each.session_id for each in page.items] == [own]
        assert ["no column sessions.source" in warning for warning in page.warnings] == [True]
        assert sessions.list().warnings == ()
        with writing(path) as db:
            db.execute("ALTER TABLE sessions ADD COLUMN source TEXT DEFAULT 'cli'")
        page = sessions.list(agent=True, hidden=True)
        assert {"lone", "c", own} < {each.session_id for each in page.items}
        assert page.warnings == ()
        assert agrees(sessions)


@pytest.mark.slow
def test_a_locked_file_is_read_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = filled_state(home / "state.db", journal="delete")
    with SessionRepository.open(hermes_home=home) as sessions:
        before = entries(sessions)
        with writing(path) as db:
            db.execute("UPDATE sessions SET title = 'unseen' WHERE id = 'lone'")
        age(path)
        monkeypatch.setattr(mirror, "RETRY_NS", HOUR_NS)
        with locked_elsewhere(path, "BEGIN EXCLUSIVE"):
            page = sessions.list(agent=True, hidden=True)
            assert {each.session_id: each.as_dict() for each in page.items} == before
            assert page.warnings == ("The agent's state.db cannot be read: database is locked",)
            with counted(sessions.agent._engine) as cost:
                assert sessions.list(agent=True, hidden=True) == page
                assert sessions.list().warnings == ()
                with pytest.raises(AgentUnavailable, match="locked"):
                    sessions.summary("lone")
                assert not cost.statements
        monkeypatch.setattr(mirror, "RETRY_NS", 0)
        page = sessions.list(agent=True)
        assert page.warnings == ()
        assert "unseen" in [each.title for each in page.items]


AS_NOBODY = """
import os, sys
from pathlib import Path
from hermes_sessions import AgentUnavailable, SessionRepository
home, state = map(Path, sys.argv[1:])
with SessionRepository.open(state, hermes_home=home) as sessions:
    known = sessions.list(agent=True)
(home / "state.db").chmod(0o600)
os.utime(home / "state.db")
for path in (state, *state.rglob("*")):
    os.chown(path, 65534, 65534)
os.setgid(65534)
os.setuid(65534)
with SessionRepository.open(state, hermes_home=home) as sessions:
    page = sessions.list(agent=True)
    print(page.items == known.items, *page.warnings)
    try:
        sessions.get("lone")
    except AgentUnavailable as error:
        print(error)
"""


@pytest.mark.fault
@pytest.mark.sqlite("another user may not enter the folder of the tests' server")
def test_a_file_of_another_user_becomes_a_warning(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("becoming another user takes root")
    with tempfile.TemporaryDirectory() as folder:  # where everybody may go, as not in pytest's own
        Path(folder).chmod(0o755)
        home, state = Path(folder, "home"), Path(folder, "state")
        shutil.copytree(path.parent, home)
        ran = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, home, state], capture_output=True, text=True, check=True
        )
    reason = "The agent's state.db cannot be read: unable to open database file"
    assert ran.stdout.splitlines() == [f"True {reason}", reason]


def test_neither_reading_nor_failing_writes_to_the_agent_s_file(
    path: Path, sessions: SessionRepository
) -> None:
    def digest() -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    before = digest()
    entries(sessions)
    sessions.sync()
    sessions.rebuild()
    sessions.get("lone")
    sessions.messages("c", limit=1)
    assert digest() == before
    DAMAGES["truncated"][0](path)
    before = digest()
    sessions.list(agent=True)
    sessions.sync()
    with pytest.raises(AgentUnavailable):
        sessions.get("lone")
    assert digest() == before


# ---- several at once ------------------------------------------------------------------------------------

LAST = "the last"


def take_part(home: Path, role: str) -> dict[str, Entry]:
    """Write to the agent's file, or list until the last change is listed, and return that list."""
    if role == "write":
        with writing(home / "state.db") as db:
            for number in range(60):
                add_message(db, "lone", "more", timestamp=START + 10_000 + number)
                if number % 5 == 0:
                    add_session(db, f"new{number}", "hi", begun=START + 10_000, parent_session_id="lone")
                if number % 7 == 0:
                    db.execute("DELETE FROM messages WHERE session_id = ?", [f"new{number - 5}"])
                    db.execute("DELETE FROM sessions WHERE id = ?", [f"new{number - 5}"])
            add_session(db, "last", "bye", begun=START + 20_000, title=LAST)
        return {}
    with SessionRepository.open(hermes_home=home) as sessions:
        lists: list[dict[str, Entry]] = []
        threads = [threading.Thread(target=lambda: lists.append(follow(sessions))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(lists) == 3, "a thread failed or does not end"
        assert lists[0] == lists[1] == lists[2]
        return lists[0]


def follow(sessions: SessionRepository) -> dict[str, Entry]:
    """List until the last change is listed, and return that list."""
    until = time.monotonic() + 50
    while time.monotonic() < until:
        listed = entries(sessions)
        if any(entry["title"] == LAST for entry in listed.values()):
            return listed
    raise AssertionError("the last change was never listed")


@pytest.mark.slow
def test_processes_and_threads_that_list_while_the_agent_writes_all_see_its_last_change(path: Path) -> None:
    home = path.parent
    _, one, two = at_once(take_part, [(home, role) for role in ("write", "list", "list")])
    assert one == two
    assert one["lone"]["message_count"] == 62
    with SessionRepository.open(hermes_home=home) as sessions:
        assert entries(sessions) == one
        assert agrees(sessions)


def test_a_scan_that_another_process_overtook_is_repeated(path: Path, sessions: SessionRepository) -> None:
    steps: list[object] = []

    def overtake(_: object, options: Mapping[str, Any]) -> None:
        if options.get("write") and len(steps) == 1:  # the result of the scan is about to be stored
            steps.append(other.rebuild())

    with SessionRepository.open(hermes_home=path.parent) as other:
        other.rebuild()  # so that it has stored the mirror once, as it will have again
        new_child(path)
        event.listen(sessions.agent._engine, "connect", lambda *_: steps.append("looked"))
        event.listen(sessions._home.engine, "set_connection_execution_options", overtake)
        assert "new" in entries(sessions)
        assert len(steps) > 1
    assert agrees(sessions)


# ---- our own tables -------------------------------------------------------------------------------------


def test_the_mirror_s_tables_can_be_emptied_at_any_time(path: Path, following: SessionRepository) -> None:
    before, version = entries(following), following.version()
    with database.writing(following._home.engine) as connection:
        for table in (AGENT_SESSIONS, AGENT_CONVERSATIONS, AGENT_HOMES):
            connection.execute(sa.delete(table))
    assert entries(following) == before
    assert following.version() != version
    assert agrees(following)


def test_lists_without_changes_work_while_the_index_is_locked(
    path: Path, sessions: SessionRepository
) -> None:
    started(sessions, 2)
    age(path)
    before = entries(sessions)
    for folder in (sessions.config.sessions_dir, sessions.config.trash_dir):
        then = time.time_ns() - HOUR_NS
        os.utime(folder, ns=(then, then))
    assert entries(sessions) == before
    index = sessions.config.state_dir / "sessions.db"
    with locked_elsewhere(index), counted(sessions._home.engine) as cost:
        assert entries(sessions) == before
        assert sessions.summary("lone").title == "Lone"
        assert sessions.get("c").message_count == 2
        assert not cost.written


def test_the_conversations_of_a_profile_disappear_with_its_folder(
    path: Path, sessions: SessionRepository
) -> None:
    before = entries(sessions)
    work = path.parent / "profiles" / "work"
    work.mkdir(parents=True)
    with writing(new_state(work / "state.db")) as db:
        add_session(db, "theirs", "hello", title="Theirs")
    after = entries(sessions)
    check_difference(before, after, {"theirs": {"profile": "work", "title": "Theirs"}})
    version = sessions.version()
    shutil.rmtree(work)
    assert sessions.version() != version
    assert entries(sessions) == before
    assert agrees(sessions)


# ---- from the revision before ---------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]


def move(sessions: SessionRepository, revision: str, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """Take the index to a revision by Alembic itself, and return which one it has."""
    url = f"sqlite:///{sessions.config.state_dir / 'sessions.db'}"
    monkeypatch.setenv("HERMES_SESSIONS_DATABASE_URL", url)
    script = AlembicConfig(toml_file=ROOT / "pyproject.toml", stdout=io.StringIO())
    (command.downgrade if revision == "0001" else command.upgrade)(script, revision)
    return upgrades.revision(sessions.config)


@pytest.mark.slow
@pytest.mark.sqlite("its file and its schema")
def test_an_index_of_the_previous_revision_is_upgraded_with_its_rows(
    path: Path, sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("one", "two"):
        started(sessions, 3, title=title)
    sessions.delete(started(sessions, 1))
    before = entries(sessions)
    own = sessions.list()
    sessions.close()
    assert move(sessions, "0001", monkeypatch) == "0001"
    with writing(sessions.config.state_dir / "sessions.db") as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"sessions", "unreadable_files", "index_state", "alembic_version"}
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (2,)
    with SessionRepository.open(hermes_home=path.parent) as upgraded:
        assert upgrades.revision(upgraded.config) == upgrades.revisions()[-1]
        assert upgraded.list() == own
        assert entries(upgraded) == before
        assert agrees(upgraded)
        upgraded.close()
        assert move(upgraded, "0001", monkeypatch) == "0001"
        assert move(upgraded, "head", monkeypatch) == upgrades.revisions()[-1]
    with SessionRepository.open(hermes_home=path.parent) as again:
        assert entries(again) == before


# ---- any sequence of changes ----------------------------------------------------------------------------

NAMES = [f"s{number}" for number in range(6)]
SECONDS = st.integers(0, 9)
some_name = st.sampled_from(NAMES)
parent = st.none() | some_name
end = st.tuples(st.sampled_from(["compression", "cli_close", "user_exit"]), SECONDS) | st.none()
source = st.sampled_from(["cli", "cli", "telegram", "webui", "cron", None])
title = st.none() | st.sampled_from(["One", "Two 2"])

# Changes that even a large home shows at the next list.
ANNOUNCED: dict[str, tuple[st.SearchStrategy[Any], ...]] = {
    "new session": (some_name, parent, SECONDS, end, source, title, st.integers(0, 2)),
    "new message": (some_name, SECONDS | st.none(), st.sampled_from([1, 1, 0, None])),
    "delete": (some_name, st.booleans()),
    "retitle": (some_name, title),
    "move": (some_name, parent),
    "end a parent": (some_name, SECONDS),
    "go on": (some_name, some_name, SECONDS, st.integers(0, 1)),
}
SILENT: dict[str, tuple[st.SearchStrategy[Any], ...]] = {
    "end": (some_name, end),
    "resource": (some_name, source),
    "use": (some_name, st.integers(0, 3)),
    "archive": (some_name, st.integers(0, 1)),
}
TAKEN_BACK: dict[str, tuple[st.SearchStrategy[Any], ...]] = {
    "clear": (some_name,),
    "drop message": (some_name, st.sampled_from(["min", "max"])),
    "rewind": (some_name, st.sampled_from([0, 1])),
}


class Mode(NamedTuple):
    """How the agent's file is looked at, and which changes show in the next list then."""

    whole_up_to: int
    indexed: bool
    changes: dict[str, tuple[st.SearchStrategy[Any], ...]]
    reused: bool = False


MODES = {
    "a small home": Mode(2_000, True, ANNOUNCED | SILENT | TAKEN_BACK, reused=True),
    "a large home": Mode(0, True, ANNOUNCED),
    "a small home without the index": Mode(2_000, False, ANNOUNCED | SILENT),
    "a large home without the index": Mode(0, False, ANNOUNCED),
}


class Program:
    """The agent's program: carries changes out as they were drawn; names stand for ids."""

    def __init__(self, path: Path, mode: Mode) -> None:
        self.path, self.mode = path, mode
        self.ids: dict[str, str] = {}
        self.made = 0
        self.unseen: set[str | None] = set()  # got a parent since the last list
        new_state(path)
        self.stack = ExitStack()
        self.db = self.stack.enter_context(writing(path))
        if not mode.indexed:
            for name in ("idx_messages_session", "idx_messages_session_active"):
                self.db.execute(f"DROP INDEX {name}")
        if not mode.whole_up_to:  # the latest sessions are read at every scan: change others
            for number in range(mirror_rows.RECENT):
                add_session(self.db, f"z{number}", "hello", begun=START + 1e6 + number)

    def reset(self) -> None:
        self.db.execute("DELETE FROM messages WHERE session_id NOT LIKE 'z%'")
        self.db.execute("DELETE FROM sessions WHERE id NOT LIKE 'z%'")
        self.ids, self.unseen = {}, set()

    def id(self, name: str | None) -> str | None:
        return None if name is None else self.ids.get(name, name)

    def carry_out(self, change: str, *values: Any) -> None:
        self.db.execute("BEGIN")
        getattr(self, change.replace(" ", "_"))(*values)
        self.db.execute("COMMIT")

    def new_session(self, name: str, *given: Any) -> None:
        parent, begun, end, source, title, messages = given
        if self.db.execute("SELECT 1 FROM sessions WHERE id = ?", [self.id(name)]).fetchone():
            return
        if not self.mode.reused:
            self.made += 1
            self.ids[name] = f"{name}_{self.made}"
        self.unseen.add(self.id(name))
        reason, ended_at = end or (None, None)
        add_session(
            self.db,
            str(self.id(name)),
            *["text"] * messages,
            begun=START + begun,
            parent_session_id=self.id(parent),
            source=source,
            title=None if title is None else f"{title} {self.id(name)}",
            end_reason=reason,
            ended_at=None if ended_at is None else START + ended_at,
        )

    def new_message(self, name: str, at: int | None, active: int | None) -> None:
        if self.db.execute("SELECT 1 FROM sessions WHERE id = ?", [self.id(name)]).fetchone():
            sent_at: Any = None if at is None else START + at
            add_message(self.db, str(self.id(name)), "more", timestamp=sent_at, active=active)

    def stays(self, name: str) -> bool:
        """Whether a session must not be moved: the end of its parent shows only through its new child."""
        return not self.mode.whole_up_to and self.id(name) in self.unseen

    def delete(self, name: str, orphan: bool) -> None:
        if self.stays(name):
            return
        self.db.execute("DELETE FROM messages WHERE session_id = ?", [self.id(name)])
        self.db.execute("DELETE FROM sessions WHERE id = ?", [self.id(name)])
        if orphan:
            self.update("parent_session_id = NULL WHERE parent_session_id = ?", self.id(name))

    def update(self, change: str, *values: Any) -> None:
        self.db.execute(f"UPDATE sessions SET {change}", values)

    def retitle(self, name: str, title: str | None) -> None:
        full = None if title is None else f"{title} {self.id(name)}"
        self.update("title = ? WHERE id = ?", full, self.id(name))

    def move(self, name: str, parent: str | None) -> None:
        if not self.stays(name):
            self.unseen.add(self.id(name))
            self.update("parent_session_id = ? WHERE id = ?", self.id(parent), self.id(name))

    def end_a_parent(self, name: str, at: int) -> None:
        children = "SELECT 1 FROM sessions WHERE parent_session_id = ?"
        if self.db.execute(children, [self.id(name)]).fetchone():
            self.end_of(name, at)

    def end_of(self, name: str, at: int) -> None:
        closed = "ended_at = ?, end_reason = 'compression' WHERE id = ? AND ended_at IS NULL"
        self.update(closed, START + at, self.id(name))

    def go_on(self, name: str, following: str, at: int, messages: int) -> None:
        """End a session and go on in a new one, at once."""
        if not self.db.execute("SELECT 1 FROM sessions WHERE id = ?", [self.id(following)]).fetchone():
            self.end_of(name, at)
            self.new_session(following, name, at, None, "cli", None, messages)

    def end(self, name: str, end: Any) -> None:
        reason, at = end or (None, None)
        ended_at = None if at is None else START + at
        self.update("ended_at = ?, end_reason = ? WHERE id = ?", ended_at, reason, self.id(name))

    def resource(self, name: str, source: str | None) -> None:
        self.update("source = ? WHERE id = ?", source, self.id(name))

    def use(self, name: str, number: int) -> None:
        self.update("input_tokens = ?, model = ? WHERE id = ?", number, f"m{number}", self.id(name))

    def archive(self, name: str, archived: int) -> None:
        self.update("archived = ? WHERE id = ?", archived, self.id(name))

    def clear(self, name: str) -> None:
        self.db.execute("DELETE FROM messages WHERE session_id = ?", [self.id(name)])

    def drop_message(self, name: str, which: str) -> None:
        chosen = f"SELECT {which}(id) FROM messages WHERE session_id = ?"
        self.db.execute(f"DELETE FROM messages WHERE id = ({chosen})", [self.id(name)])

    def rewind(self, name: str, active: int) -> None:
        self.db.execute("UPDATE messages SET active = ? WHERE session_id = ?", [active, self.id(name)])


class Pair(NamedTuple):
    """A program that changes `state.db`, a repository that follows it, and one that is rebuilt each time."""

    program: Program
    following: SessionRepository
    rebuilt: SessionRepository


@pytest.fixture(scope="module", params=MODES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One home for all examples, which empty it first."""
    folder, mode = tmp_path_factory.mktemp("pair"), MODES[request.param]
    (folder / "home").mkdir()
    program = Program(folder / "home" / "state.db", mode)
    with (
        pytest.MonkeyPatch.context() as patched,
        SessionRepository.open(folder / "following", hermes_home=folder / "home") as following,
        SessionRepository.open(folder / "rebuilt", hermes_home=folder / "home") as rebuilt,
        program.stack,
    ):
        patched.setattr(scan, "FULL_SCAN_UP_TO", mode.whole_up_to)
        yield Pair(program, following, rebuilt)


@pytest.mark.slow
@examples(0.2)
@given(data=st.data())
def test_a_mirror_updated_in_steps_equals_one_built_from_nothing(pair: Pair, data: st.DataObject) -> None:
    pair.program.reset()
    pair.following.rebuild()
    steps = [
        st.tuples(st.just(change), *values) for change, values in sorted(pair.program.mode.changes.items())
    ]
    for changes in data.draw(st.lists(st.lists(st.one_of(steps), min_size=1, max_size=5), max_size=8)):
        for change in changes:
            pair.program.carry_out(*change)
        pair.following.list(agent=True)
        pair.program.unseen.clear()
        pair.rebuilt.rebuild()
        assert mirrored(pair.following) == mirrored(pair.rebuilt)


def damage_messages(path: Path) -> None:
    """Overwrite the table of messages and its indexes: the file opens, and a query fails on its way."""
    with writing(path) as db:
        roots = db.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'messages' AND rootpage > 0")
        pages = [page for (page,) in roots]
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)


def test_corruption_that_a_query_meets_later_is_blamed_on_the_agent_s_file(
    path: Path, following: SessionRepository
) -> None:
    before = entries(following)
    damage_messages(path)
    page = following.list(agent=True)
    (warning,) = page.warnings
    assert "state.db cannot be read: database disk image is malformed" in warning
    assert entries(following) == before
    with pytest.raises(AgentUnavailable, match="malformed"):
        following.agent.sessions()
