"""One session of an agent: read, exported, imported, not changed, deleted here or everywhere, none lost."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from hermes_sessions import (
    AgentUnavailable,
    Conflict,
    InvalidId,
    NotFound,
    ReadOnly,
    SessionRepository,
    StorageError,
)

from ..support.agent_db import (
    START,
    add_message,
    add_session,
    filled_state,
    locked_elsewhere,
    new_state,
    writing,
)
from ..support.make import message, started

CALLS = [{"id": "call_1", "type": "function", "function": {"name": "terminal", "arguments": "{}"}}]
PARTS = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
WHOLE = ["one", "two", "three", "four", "five"]  # the messages of the chain
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state.db of the home of `sessions`; one of its sessions has all that messages can have."""
    (tmp_path / "home").mkdir()
    path = filled_state(tmp_path / "home" / "state.db")
    with writing(path) as db:
        tokens = {"input_tokens": 7, "output_tokens": 8, "estimated_cost_usd": 0.5, "cwd": "/srv/x"}
        add_session(
            db, "rich", "do it", begun=START + 500, source="telegram", title="Rich", model="m", **tokens
        )
        add_message(
            db,
            "rich",
            None,
            "assistant",
            START + 510,
            tool_calls=json.dumps(CALLS),
            reasoning="why not",
            finish_reason="tool_calls",
        )
        add_message(db, "rich", "done", "tool", START + 520, tool_call_id="call_1", tool_name="terminal")
        add_message(db, "rich", "\0json:" + json.dumps(PARTS), "user", START + 530)
        add_message(db, "rich", f"key {SECRET}", "assistant", START + 540)
        for name in ("a", "b"):
            db.execute("UPDATE sessions SET input_tokens = 10 WHERE id = ?", [name])
    return path


def texts(messages: list[dict[str, Any]]) -> list[Any]:
    return [each["content"] for each in messages]


def ids(sessions: SessionRepository, **how: Any) -> list[str]:
    return [each.session_id for each in sessions.list(agent=True, **how).items]


def digest(path: Path) -> str:
    """Return the content of a file and of its log as one number."""
    log = path.with_name(f"{path.name}-wal")
    return hashlib.sha256(path.read_bytes() + (log.read_bytes() if log.exists() else b"")).hexdigest()


def file_of(sessions: SessionRepository, session_id: str) -> Path:
    return sessions.config.sessions_dir / f"{session_id}.json"


def in_trash(sessions: SessionRepository) -> list[tuple[str, list[Any]]]:
    """Return the id and the texts of each file in the trash."""
    documents = [json.loads(each.read_bytes()) for each in sessions.config.trash_dir.glob("*.json")]
    return sorted((each["session_id"], texts(each["messages"])) for each in documents)


def in_state(path: Path) -> Counter[str]:
    """Return how many messages each session in the agent's file has, and 0 for one without."""
    with writing(path) as db:
        rows = db.execute(
            "SELECT sessions.id, count(messages.id) FROM sessions "
            "LEFT JOIN messages ON messages.session_id = sessions.id GROUP BY 1"
        )
        return Counter(dict(rows.fetchall()))


# ---- reading --------------------------------------------------------------------------------------------


def test_the_summary_of_a_conversation_is_its_list_entry(path: Path, sessions: SessionRepository) -> None:
    listed = sessions.list(agent=True, hidden=True).items
    assert [each.session_id for each in listed] == ["cron_daily_1", "lone", "rich", "c", "sub"]
    for each in listed:
        assert sessions.summary(each.session_id) == each
        whole = sessions.get(each.session_id)
        assert whole.message_count == each.message_count
        assert whole.metadata() == each.metadata()


def test_messages_have_everything_that_the_agent_stores(path: Path, sessions: SessionRepository) -> None:
    assert sessions.get("rich").messages == [
        {"role": "user", "content": "do it", "timestamp": START + 500},
        {
            "role": "assistant",
            "content": None,
            "timestamp": START + 510,
            "tool_calls": CALLS,
            "reasoning": "why not",
            "finish_reason": "tool_calls",
        },
        {
            "role": "tool",
            "content": "done",
            "timestamp": START + 520,
            "tool_call_id": "call_1",
            "tool_name": "terminal",
        },
        {"role": "user", "content": PARTS, "timestamp": START + 530},
        {"role": "assistant", "content": f"key {SECRET}", "timestamp": START + 540},
    ]


@pytest.mark.parametrize("indexed", [True, False])
def test_a_page_of_messages_is_a_part_of_all_messages(
    path: Path, sessions: SessionRepository, indexed: bool
) -> None:
    if not indexed:
        with writing(path) as db:
            for name in ("idx_messages_session", "idx_messages_session_active"):
                db.execute(f"DROP INDEX {name}")
    with writing(path) as db:
        db.execute("UPDATE messages SET active = 0 WHERE content = 'done'")
    whole = sessions.get("rich").messages
    assert len(whole) == 4
    for before in (None, 0, 1, 3, 4, 99):
        for limit in (None, 0, 1, 2, 4, 99):
            end = len(whole) if before is None else min(before, len(whole))
            start = 0 if limit is None else max(0, end - limit)
            page = sessions.messages("rich", before=before, limit=limit)
            assert (page.messages, page.offset, page.total) == (whole[start:end], start, len(whole))
    for after in (0, 1, 3, 4, 99):
        for limit in (None, 0, 1, 2, 99):
            start = min(after, len(whole))
            page = sessions.messages("rich", after=after, limit=limit)
            assert (page.messages, page.offset) == (whole[start:][:limit], start)
    assert sessions.messages("rich", after=1, before=3).messages == whole[1:3]


@pytest.mark.parametrize(
    ("session_id", "title", "contents"),
    [("a", "Chain", ["one", "two"]), ("b", "Chain", ["three"]), ("c", "Chain", ["four", "five"])],
)
def test_each_segment_is_read_by_its_own_id(
    path: Path, sessions: SessionRepository, session_id: str, title: str, contents: list[str]
) -> None:
    assert sessions.summary(session_id).title == title
    assert sessions.summary(session_id).message_count == len(contents)
    assert texts(sessions.get(session_id).messages) == contents
    assert texts(sessions.messages(session_id, limit=1).messages) == contents[-1:]


def test_the_agent_s_copy_of_a_web_session_is_read_if_the_web_ui_has_no_file(
    path: Path, sessions: SessionRepository
) -> None:
    assert "web" not in ids(sessions, hidden=True)
    assert texts(sessions.get("web").messages) == texts(sessions.messages("web").messages) == ["hi"]
    assert sessions.summary("web").message_count == 1


def test_a_session_without_messages_does_not_exist(path: Path, sessions: SessionRepository) -> None:
    with writing(path) as db:
        add_session(db, "empty")
    for ask in (sessions.summary, sessions.get, sessions.messages, sessions.export):
        for session_id in ("empty", "nobody"):
            with pytest.raises(NotFound, match=f"no session {session_id}"):
                ask(session_id)
        with pytest.raises(InvalidId):
            ask("no/id")


def test_an_export_can_be_imported_as_a_new_session(path: Path, sessions: SessionRepository) -> None:
    masked = sessions.export("rich")
    assert SECRET not in masked
    whole = json.loads(sessions.export("rich", redact=False))
    session = sessions.get("rich")
    assert whole["messages"] == session.messages
    assert whole["title"] == "Rich"
    copied = sessions.import_document(whole)
    assert copied.session_id != "rich"
    assert sessions.get(copied.session_id).messages == session.messages


# ---- importing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session_id", ["rich", "c", "sub", "web", "cron_daily_1"])
def test_an_import_keeps_the_agent_s_messages_and_metadata(
    path: Path, sessions: SessionRepository, session_id: str
) -> None:
    before, agent_file = sessions.get(session_id), digest(path)
    parts = [sessions.get(each).messages for each in sessions.segments(session_id) or [session_id]]
    imported, new = sessions.import_agent_session(session_id)
    assert new
    document = json.loads(file_of(sessions, session_id).read_bytes())
    assert document["messages"] == imported.messages == [each for part in parts for each in part]
    stored = sessions.get(session_id)
    assert stored == imported
    assert not sessions.summary(session_id).of_agent
    kept = {name: value for name, value in before.metadata().items() if name != "project_id"}
    assert {name: value for name, value in stored.metadata().items() if name != "project_id"} == kept
    assert stored.extra["raw_source"] == before.extra["raw_source"]
    assert ids(sessions, hidden=True).count(session_id) == 1
    sessions.rebuild()
    assert sessions.get(session_id) == imported
    assert digest(path) == agent_file


def test_an_import_has_the_values_of_the_whole_conversation(path: Path, sessions: SessionRepository) -> None:
    chain, _ = sessions.import_agent_session("c")
    assert (chain.title, chain.created_at, chain.updated_at) == ("Chain", START, START + 210)
    assert chain.input_tokens == 20
    assert chain.parent_session_id is None
    child, _ = sessions.import_agent_session("sub")
    assert (child.parent_session_id, child.source_tag) == ("a", "tool")
    rich, _ = sessions.import_agent_session("rich")
    assert (rich.model, rich.workspace, rich.is_cli_session) == ("m", "/srv/x", True)
    assert (rich.source_tag, rich.session_source, rich.source_label) == ("telegram", "messaging", "Telegram")
    assert (rich.input_tokens, rich.output_tokens, rich.estimated_cost) == (7, 8, 0.5)


def test_an_import_is_listed_once_and_can_be_changed(path: Path, sessions: SessionRepository) -> None:
    before = ids(sessions)
    sessions.import_agent_session("lone")
    assert ids(sessions) == before
    assert sessions.update("lone", title="Ours", pinned=True, touch=False).title == "Ours"
    sessions.append("lone", [message("more")])
    sessions.truncate("lone", 1)
    assert ids(sessions)[0] == "lone"
    assert sessions.count(agent=True) == len(before)
    with writing(path) as db:
        assert db.execute("SELECT title FROM sessions WHERE id = 'lone'").fetchone() == ("Lone",)


def test_a_second_import_changes_nothing(path: Path, sessions: SessionRepository) -> None:
    def version() -> tuple[int, ...]:  # all but the time of the last reading, which reading changes
        stat = file_of(sessions, "rich").stat()
        return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_mode

    first, _ = sessions.import_agent_session("rich")
    stored = version()
    assert sessions.import_agent_session("rich") == (first, False)
    assert version() == stored


def test_importing_again_adds_what_the_agent_wrote_since(path: Path, sessions: SessionRepository) -> None:
    sessions.import_agent_session("rich")
    sessions.update("rich", title="Ours", pinned=True, extra={"theirs": {"kept": [1]}})
    before = sessions.get("rich").messages
    with writing(path) as db:
        db.execute("UPDATE sessions SET title = 'Theirs' WHERE id = 'rich'")
        add_message(db, "rich", "and more", timestamp=2 * START)
    grown, new = sessions.import_agent_session("rich")
    assert not new
    assert grown.messages == [*before, {"role": "user", "content": "and more", "timestamp": 2 * START}]
    assert (grown.title, grown.pinned, grown.extra["theirs"]) == ("Ours", True, {"kept": [1]})
    assert grown.updated_at == 2 * START
    assert sessions.get("rich") == grown
    summary = sessions.summary("rich")
    assert (summary.message_count, summary.last_message_at) == (6, 2 * START)
    assert sessions.list().items[0] == summary


def change_a_message(sessions: SessionRepository) -> None:
    session = sessions.get("lone")
    session.messages[0]["content"] = "edited"
    sessions.save(session)


@pytest.mark.parametrize(
    "change",
    [
        lambda sessions: sessions.append("lone", [message("ours")]),
        change_a_message,
        lambda sessions: sessions.append("lone", [message("ours"), message("all"), message("alone")]),
    ],
    ids=["a message more", "a message edited", "more messages than the agent's"],
)
def test_importing_again_leaves_a_session_changed_here_as_it_is(
    path: Path, sessions: SessionRepository, change: Callable[[SessionRepository], object]
) -> None:
    sessions.import_agent_session("lone")
    change(sessions)
    before = file_of(sessions, "lone").read_bytes()
    with writing(path) as db:
        add_message(db, "lone", "theirs", timestamp=START + 9000)
    session, new = sessions.import_agent_session("lone")
    assert not new
    assert file_of(sessions, "lone").read_bytes() == before
    assert session == sessions.get("lone")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM messages WHERE content = 'world'",
        "UPDATE messages SET content = 'another' WHERE content = 'hello'",
        "UPDATE messages SET active = 0 WHERE content = 'hello'",
    ],
)
def test_importing_again_keeps_messages_that_the_agent_changed_or_deleted(
    path: Path, sessions: SessionRepository, change: str
) -> None:
    sessions.import_agent_session("lone")
    before = file_of(sessions, "lone").read_bytes()
    with writing(path) as db:
        db.execute(change)
    assert sessions.import_agent_session("lone")[1] is False
    assert file_of(sessions, "lone").read_bytes() == before


def test_a_read_only_import_gets_new_messages_and_stays_read_only(
    path: Path, sessions: SessionRepository
) -> None:
    sessions.import_agent_session("lone")
    sessions.update("lone", extra={"read_only": True})
    with writing(path) as db:
        add_message(db, "lone", "theirs", timestamp=START + 9000)
    grown, _ = sessions.import_agent_session("lone")
    assert texts(grown.messages) == ["hello", "world", "theirs"]
    assert grown.extra["read_only"] is True
    with pytest.raises(ReadOnly, match="read-only"):
        sessions.append("lone", [message()])


def test_imports_of_scheduled_jobs_go_into_one_project(path: Path, sessions: SessionRepository) -> None:
    with writing(path) as db:
        add_session(db, "cron_daily_2", "tock", source="cron")
    imported = [sessions.import_agent_session(name)[0] for name in ("cron_daily_1", "cron_daily_2")]
    (project,) = sessions.projects.list()
    assert (project.name, project.color) == ("Cron Jobs", "#6366f1")
    assert {session.project_id for session in imported} == {project.project_id}
    assert sorted(ids(sessions, project_id=project.project_id, hidden=True)) == [
        "cron_daily_1",
        "cron_daily_2",
    ]
    sessions.update("cron_daily_1", project_id=None)
    assert sessions.import_agent_session("cron_daily_1")[0].project_id is None
    assert len(sessions.projects.list()) == 1


@pytest.mark.parametrize("session_id", ["lone", "cron_daily_1"])
def test_a_session_in_the_trash_is_not_imported(
    path: Path, sessions: SessionRepository, session_id: str
) -> None:
    sessions.import_agent_session(session_id)
    for project in sessions.projects.list():
        sessions.projects.delete(project.project_id)
    sessions.delete(session_id)
    with pytest.raises(Conflict, match="in the trash; restore it"):
        sessions.import_agent_session(session_id)
    assert not file_of(sessions, session_id).exists()
    assert sessions.projects.list() == []


def test_importing_a_session_that_does_not_exist(path: Path, sessions: SessionRepository) -> None:
    own = started(sessions, 2)
    for session_id in ("nobody", own):
        with pytest.raises(NotFound, match=f"no session {session_id}"):
            sessions.import_agent_session(session_id)
    with pytest.raises(InvalidId):
        sessions.import_agent_session("no/id")
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(AgentUnavailable, match="not a database"):
        sessions.import_agent_session("lone")
    path.unlink()
    with pytest.raises(NotFound):
        sessions.import_agent_session("lone")


def test_of_a_session_in_two_profiles_the_one_active_last_is_imported(
    path: Path, sessions: SessionRepository
) -> None:
    work = path.parent / "profiles" / "work"
    work.mkdir(parents=True)
    with writing(new_state(work / "state.db")) as db:
        add_session(db, "lone", "at work", begun=START + 9000, title="Work")
        add_session(db, "theirs", "only there", begun=START)
    assert sessions.import_agent_session("lone")[0].profile == "work"
    assert texts(sessions.import_agent_session("theirs")[0].messages) == ["only there"]


# ---- changing -------------------------------------------------------------------------------------------

REFUSED: dict[str, Callable[[SessionRepository, str], object]] = {
    "update": lambda sessions, name: sessions.update(name, model="x"),
    "rename": lambda sessions, name: sessions.update(name, title="x"),
    "pin": lambda sessions, name: sessions.update(name, pinned=True, touch=False),
    "append": lambda sessions, name: sessions.append(name, [message()]),
    "truncate": lambda sessions, name: sessions.truncate(name, 1),
    "clear": lambda sessions, name: sessions.clear(name),
    "undo": lambda sessions, name: sessions.undo(name),
    "fork": lambda sessions, name: sessions.fork(name, keep=1),
    "duplicate": lambda sessions, name: sessions.duplicate(name),
}


@pytest.mark.parametrize("name", REFUSED)
def test_changing_an_agent_s_session_is_refused_with_advice_to_import_it(
    path: Path, sessions: SessionRepository, name: str
) -> None:
    before, files = digest(path), list(sessions.config.sessions_dir.iterdir())
    for session_id in ("lone", "a", "c"):
        with pytest.raises(
            ReadOnly, match=f"session {session_id} belongs to the agent: import it to change it"
        ):
            REFUSED[name](sessions, session_id)
    with pytest.raises(NotFound):
        REFUSED[name](sessions, "nobody")
    assert digest(path) == before
    assert list(sessions.config.sessions_dir.iterdir()) == files == []
    sessions.import_agent_session("lone")
    REFUSED[name](sessions, "lone")


# ---- deleting here --------------------------------------------------------------------------------------


def test_a_deleted_conversation_is_hidden_with_every_segment_in_the_trash(
    path: Path, sessions: SessionRepository
) -> None:
    before = digest(path)
    sessions.delete("c")
    assert in_trash(sessions) == [("c", WHOLE)]
    assert ids(sessions) == ["lone", "rich", "sub"]
    assert sessions.count(agent=True) == 3
    for session_id in ("a", "b", "c"):
        for ask in (sessions.summary, sessions.get, sessions.messages, sessions.delete):
            with pytest.raises(NotFound):
                ask(session_id)
    assert len(in_trash(sessions)) == 1
    sessions.rebuild()
    assert ids(sessions) == ["lone", "rich", "sub"]
    assert digest(path) == before


def test_a_copy_in_the_trash_is_complete(path: Path, sessions: SessionRepository) -> None:
    session = sessions.get("rich")
    sessions.delete("rich")
    (kept,) = sessions.config.trash_dir.glob("rich.*.json")
    kept.rename(file_of(sessions, "rich"))
    restored = sessions.get("rich")
    assert restored.messages == session.messages
    assert restored.metadata() == session.metadata()


def test_a_deleted_import_hides_the_agent_s_copy_too(path: Path, sessions: SessionRepository) -> None:
    sessions.import_agent_session("lone")
    sessions.delete("lone")
    assert "lone" not in ids(sessions)
    assert in_trash(sessions) == [("lone", ["hello", "world"])]
    with pytest.raises(NotFound):
        sessions.get("lone")


@pytest.mark.parametrize("delete", [SessionRepository.delete, SessionRepository.delete_everywhere])
def test_a_session_that_does_not_exist_cannot_be_deleted(
    path: Path, sessions: SessionRepository, delete: Callable[[SessionRepository, str], None]
) -> None:
    before = digest(path)
    with pytest.raises(NotFound, match="no session nobody"):
        delete(sessions, "nobody")
    with pytest.raises(InvalidId):
        delete(sessions, "no/id")
    assert digest(path) == before
    path.write_bytes(b"no database" * 1000)
    for session_id in ("nobody", "lone"):
        with pytest.raises(AgentUnavailable, match="not a database"):
            delete(sessions, session_id)
    path.unlink()
    for session_id in ("nobody", "lone"):
        with pytest.raises(NotFound):
            delete(sessions, session_id)
    assert in_trash(sessions) == []


# ---- deleting everywhere --------------------------------------------------------------------------------


def test_a_conversation_is_in_the_trash_before_it_is_deleted_everywhere(
    path: Path, sessions: SessionRepository
) -> None:
    in_trash_before: list[list[tuple[str, list[Any]]]] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith(("DELETE FROM messages", "DELETE FROM sessions WHERE sessions.id")):
            in_trash_before.append(in_trash(sessions))

    event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        sessions.delete_everywhere("c")
    finally:
        event.remove(sa.Engine, "before_cursor_execute", note)
    kept = [("c", WHOLE)]
    assert in_trash(sessions) == kept
    assert in_trash_before == [kept, kept]
    assert in_state(path) == {"sub": 1, "lone": 2, "rich": 5, "cron_daily_1": 1, "web": 1}
    assert ids(sessions) == ["lone", "rich", "sub"]
    assert sessions.summary("sub").lineage["_parent_lineage_root_id"] is None


def test_of_a_complete_import_only_one_copy_goes_to_the_trash(
    path: Path, sessions: SessionRepository
) -> None:
    sessions.import_agent_session("lone")
    sessions.append("lone", [message("ours")])
    sessions.delete_everywhere("lone")
    assert in_trash(sessions) == [("lone", ["hello", "world", "ours"])]
    assert "lone" not in in_state(path)
    assert not file_of(sessions, "lone").exists()


def test_messages_that_only_the_agent_has_of_an_import_go_to_the_trash(
    path: Path, sessions: SessionRepository
) -> None:
    sessions.import_agent_session("c")
    sessions.truncate("c", 1)
    sessions.append("c", [message("ours")])
    with writing(path) as db:
        add_message(db, "c", "theirs", timestamp=START + 9000)
    sessions.delete_everywhere("c")
    assert in_trash(sessions) == [("c", ["one", "ours"]), ("c", [*WHOLE, "theirs"])]
    assert in_state(path).keys() == {"sub", "lone", "rich", "cron_daily_1", "web"}
    assert "c" not in ids(sessions)


def test_deleting_a_web_session_everywhere_deletes_the_agent_s_copy(
    path: Path, sessions: SessionRepository
) -> None:
    sessions.import_agent_session("web")
    sessions.delete_everywhere("web")
    assert "web" not in in_state(path)
    own = started(sessions, 2)
    sessions.delete_everywhere(own)
    assert [name for name, _ in in_trash(sessions)] == sorted(["web", own])


def test_a_session_in_two_profiles_is_deleted_only_where_it_is_listed(
    path: Path, sessions: SessionRepository
) -> None:
    work = path.parent / "profiles" / "work"
    work.mkdir(parents=True)
    with writing(new_state(work / "state.db")) as db:
        add_session(db, "lone", "at work", begun=START + 9000)
    before = digest(path)
    sessions.delete_everywhere("lone")
    assert in_trash(sessions) == [("lone", ["at work"])]
    assert in_state(work / "state.db") == {}
    assert digest(path) == before
    assert "lone" not in ids(sessions), "what is in the trash is hidden, whoever has it"


def test_deleting_everywhere_without_an_agent_moves_a_session_to_the_trash(
    sessions: SessionRepository,
) -> None:
    own = started(sessions, 2)
    sessions.delete_everywhere(own)
    assert [name for name, _ in in_trash(sessions)] == [own]
    with pytest.raises(NotFound):
        sessions.delete_everywhere(own)


@pytest.mark.slow
def test_an_error_while_deleting_says_what_was_done_and_what_was_not(
    path: Path, sessions: SessionRepository
) -> None:
    before = in_state(path)
    with locked_elsewhere(path):
        words = (
            "Session lone is in the trash, but not deleted from the agent. "
            "The agent's state.db refused to delete session lone: database is locked"
        )
        with pytest.raises(StorageError, match=words):
            sessions.delete_everywhere("lone")
    assert in_state(path) == before
    assert in_trash(sessions) == [("lone", ["hello", "world"])]
    assert "lone" not in ids(sessions)


@pytest.mark.slow
def test_nothing_is_lost_when_a_lock_ends_between_the_copy_and_the_delete(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    path = filled_state(tmp_path / "home" / "state.db", journal="delete")
    with SessionRepository.open(hermes_home=path.parent) as sessions, ExitStack() as lock:
        sessions.import_agent_session("c")

        def end_the_lock(_: object, __: object, statement: str, *___: object) -> None:
            if statement == "PRAGMA foreign_keys = ON":  # the first statement of the agent's delete
                lock.close()

        lock.enter_context(locked_elsewhere(path, "BEGIN EXCLUSIVE"))
        event.listen(sa.Engine, "before_cursor_execute", end_the_lock)
        try:
            with suppress(AgentUnavailable):
                sessions.delete_everywhere("c")
        finally:
            event.remove(sa.Engine, "before_cursor_execute", end_the_lock)
        lock.close()
        kept = {(name, *texts) for name, texts in in_trash(sessions)}
        assert ("c", *WHOLE) in kept or {"a", "b", "c"} <= in_state(path).keys()


def test_saving_a_session_that_only_the_agent_has_is_refused(may: Path) -> None:
    with SessionRepository.open(hermes_home=may) as sessions:
        session = sessions.get("resumed")
        with pytest.raises(ReadOnly, match="import"):
            sessions.save(session)
        assert sessions.summary("resumed").of_agent


def test_messages_that_the_agent_writes_during_a_delete_are_copied_too(may: Path) -> None:
    path = may / "state.db"
    with SessionRepository.open(hermes_home=may) as sessions:
        written = False

        def write_meanwhile(_: object, __: object, statement: str, *___: object) -> None:
            nonlocal written
            if statement == "PRAGMA foreign_keys = ON" and not written:  # the agent's delete begins
                written = True
                with writing(path) as db:
                    add_message(db, "resumed", "one more")

        event.listen(sa.Engine, "before_cursor_execute", write_meanwhile)
        try:
            sessions.delete_everywhere("resumed")
        finally:
            event.remove(sa.Engine, "before_cursor_execute", write_meanwhile)
        assert written
        assert sessions.restore("resumed").message_count == 5
        assert sessions.get("resumed").messages[-1]["content"] == "one more"
