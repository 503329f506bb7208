"""The sidebar of the web UI of August: its rules as tables, and the stores that it reads."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.settings import active_profile
from hermes_sessions.webui.sidebar import (
    AgentFacts,
    Rows,
    archived_ancestors,
    continued_snapshots,
    make_sidebar,
)
from hermes_sessions.webui_values import Sidebar, SidebarRequest

from ..support.agent_db import add_message, add_session, new_state, writing
from ..support.make import turns, write_document

Entry = dict[str, Any]


def entry(name: str, **values: Any) -> Entry:
    known = {"title": name, "archived": False, "project_id": None, "profile": "default", "message_count": 2}
    known |= {"is_cli_session": False, "pending_user_message": None, "workspace": "/w", "pinned": False}
    known |= {"last_message_at": 1.0}
    return {"session_id": name, **known, **values}


def agents(name: str, **values: Any) -> Entry:
    return entry(name, **{"is_cli_session": True, "session_source": "cli", "source_tag": "cli", **values})


def ids(entries: list[Entry]) -> list[str]:
    return [each["session_id"] for each in entries]


def sidebar_of(*entries: Entry, background: tuple[Entry, ...] = (), **asked: Any) -> Sidebar:
    rows = Rows(list(entries), list(background), {}, {}, {}, {}, 0)
    return make_sidebar(rows, SidebarRequest(active_profile="default", **asked))


# ---- lists and counts -----------------------------------------------------------------------------------


LISTED = (entry("a"), agents("b"), entry("c", archived=True), agents("d", archived=True), entry("e"))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "a b e"),
        ({"source": "webui"}, "a e"),
        ({"source": "cli"}, "b"),
        ({"include_archived": True}, "a b c d e"),
        ({"include_archived": True, "source": "cli"}, "b d"),
        ({"include_archived": True, "archived_limit": 1}, "a b e c"),
        ({"include_archived": True, "archived_limit": 5, "archived_offset": 1}, "a b e d"),
        ({"include_archived": True, "archived_limit": 0}, "a b e"),
        ({"archived_limit": 9}, "a b e"),
    ],
)
def test_a_request_chooses_a_list_and_archived_ones(asked: dict[str, Any], expected: str) -> None:
    sidebar = sidebar_of(*map(dict, LISTED), **asked)
    assert ids(sidebar.sessions) == expected.split()
    counts = (3, 2) if asked.get("include_archived") else (2, 1)
    assert (sidebar.webui_count, sidebar.cli_count) == counts, "whatever the list"
    assert (sidebar.archived_webui_count, sidebar.archived_cli_count) == (1, 1)


def test_scheduled_conversations_are_listed_when_they_are_filed_or_asked_for() -> None:
    background = (
        entry("cron_1", source_tag="cron", project_id="p"),
        entry("cron_2", source_tag="cron"),
        entry("cron_3", source_tag="cron", project_id="p", message_count=0),
    )
    hook = entry("h", source_tag="webhook")

    def listed(**asked: Any) -> list[str]:
        copies = tuple(map(dict, background))
        return ids(sidebar_of(entry("a"), dict(hook), background=copies, **asked).sessions)

    assert listed() == ["a", "cron_1"]
    assert listed(exclude_hidden=True) == ["a"]
    everything = listed(exclude_hidden=True, shown_background=frozenset({"cron", "webhook"}))
    assert everything == ["a", "h", "cron_1", "cron_2", "cron_3"]
    (filed,) = (each for each in sidebar_of(background=background).sessions)
    assert filed["default_hidden"] is True


def test_a_session_set_aside_is_listed_only_if_nothing_continues_it() -> None:
    aside = {"pre_compression_snapshot": True}
    chain = [
        entry("one", **aside),
        entry("two", parent_session_id="one", **aside),
        entry("three", parent_session_id="two"),
        entry("lone", **aside),
        entry("fork", parent_session_id="three"),
        entry("x", parent_session_id="y", **aside),
        entry("y", parent_session_id="x", **aside),
    ]
    assert continued_snapshots(chain) == {"one", "two"}
    assert ids(sidebar_of(*chain).sessions) == ["three", "lone", "fork", "x", "y"]


def test_archived_ancestors_are_references() -> None:
    archived = [entry("root"), entry("child", parent_session_id="root"), entry("other")]
    shown = [entry("leaf", parent_session_id="child"), entry("leaf2", parent_session_id="child")]
    shown.append(entry("top", parent_session_id="nobody"))
    assert ids(archived_ancestors(shown, archived)) == ["child", "root"]
    loop = [entry("p", parent_session_id="q"), entry("q", parent_session_id="p")]
    assert ids(archived_ancestors([entry("s", parent_session_id="p")], loop)) == ["p", "q"]


# ---- agents' conversations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "facts", "turns", "listed"),
    [
        ({}, (2, None, True), 1, False),
        ({}, (2, None, True), 2, True),
        ({}, (2, None, False), 1, True),
        ({}, (2, None, False), 0, False),
        ({}, (2, "Plans", True), 1, True),
        ({}, (2, "Cli Session", True), 1, False),
        ({"title": "The first words"}, (2, None, True), 1, False),
        ({"source_tag": "tui"}, (2, None, True), 1, True),
        ({"source_tag": "acp"}, (2, None, True), 1, True),
        ({"source_tag": "acp"}, (2, None, True), 0, False),
        ({"_lineage_root_id": "r"}, (2, None, True), 1, True),
        ({"session_source": "messaging", "source_tag": "slack"}, (2, None, True), 0, True),
        ({}, (2, None, True), None, True),
    ],
)
def test_short_conversations_without_a_title_are_left_out(
    values: dict[str, Any], facts: tuple[int, str | None, bool], turns: int | None, listed: bool
) -> None:
    key = ("default", "a")
    known = {} if turns is None else {key: turns}
    rows = Rows([agents("a", **values)], [], {key: AgentFacts(*facts)}, known, {}, {}, 0)
    assert bool(make_sidebar(rows, SidebarRequest(active_profile="default")).sessions) is listed


@pytest.mark.parametrize(("counted", "expected"), [(9, 9), (0, 2)])
def test_the_agents_own_count_comes_first(counted: int, expected: int) -> None:
    rows = Rows([agents("a")], [], {("default", "a"): AgentFacts(counted, "T", False)}, {}, {}, {}, 0)
    (only,) = make_sidebar(rows, SidebarRequest(active_profile="default")).sessions
    assert only["message_count"] == expected


# ---- the stores -----------------------------------------------------------------------------------------


def asked(**values: Any) -> SidebarRequest:
    return SidebarRequest(**{"active_profile": "default", "show_agents": True, **values})


def test_the_profiles_stores_are_read(sessions: SessionRepository) -> None:
    for name, profile in (("a", None), ("b", "work"), ("c", "work")):
        write_document(sessions, name, title=name, profile=profile, messages=turns(2))
    work = sessions.config.state_db("work")
    work.parent.mkdir(parents=True)
    for path, name in ((sessions.config.state_db("default"), "mine"), (new_state(work), "theirs")):
        if name == "mine":
            new_state(path)
        with writing(path) as db:
            add_session(db, name, "one", "two", title=name.title(), message_count=7)
    sessions.sync()
    here = sessions.webui.sidebar(asked())
    assert set(ids(here.sessions)) == {"a", "mine"}
    assert (here.webui_count, here.cli_count, here.other_profile_count) == (1, 1, 2)
    assert {each["session_id"]: each["message_count"] for each in here.sessions} == {"a": 2, "mine": 7}
    there = sessions.webui.sidebar(asked(active_profile="work", source="webui"))
    assert (set(ids(there.sessions)), there.cli_count, there.other_profile_count) == ({"b", "c"}, 1, 1)
    everywhere = sessions.webui.sidebar(asked(all_profiles=True))
    assert (len(everywhere.sessions), everywhere.other_profile_count) == (5, 0)
    assert ids(sessions.webui.sidebar(asked(show_agents=False)).sessions) == ["a"]


def test_turns_and_contacts_come_from_the_agents_database(sessions: SessionRepository) -> None:
    path = new_state(sessions.config.state_db("default"))
    with writing(path) as db:
        db.execute("ALTER TABLE sessions ADD COLUMN user_id TEXT")
        ended: dict[str, Any] = {"ended_at": 1_777_000_900.0, "end_reason": "exit"}
        add_session(db, "short", "one", "answer", **ended)
        add_session(db, "longer", "one", "answer", "two", **ended)
        add_session(db, "undone", "one", "answer", **ended)
        add_message(db, "undone", "taken back", active=0)
        for number, user in enumerate("xyx"):
            begun = 1_777_001_000.0 + 100 * number
            add_session(
                db, f"t{number}", "hi", begun=begun, source="telegram", user_id=user, title=f"T{number}"
            )
    shown = sessions.webui.sidebar(asked())
    assert set(ids(shown.sessions)) == {"longer", "t2", "t1"}
    assert shown.cli_count == 1
    everything = sessions.webui.sidebar(asked(previous_messaging=True))
    assert set(ids(everything.sessions)) == {"longer", "t2", "t1", "t0"}


def test_a_setting_that_another_process_changes_changes_what_the_agents_are_asked(
    sessions: SessionRepository,
) -> None:
    path = new_state(sessions.config.state_db("default"))
    with writing(path) as db:
        add_session(db, "short", "one", "answer", ended_at=1_777_000_900.0, end_reason="exit")
        add_session(db, "longer", "one", "answer", "two")
    for each in path.parent.glob("state.db*"):
        os.utime(each, (1_777_000_000, 1_777_000_000))
    assert ids(sessions.webui.sidebar(asked(show_agents=False)).sessions) == []
    assert ids(sessions.webui.sidebar(asked()).sessions) == ["longer"]


def test_a_contact_that_the_agent_changes_alone_is_read_again(sessions: SessionRepository) -> None:
    path = new_state(sessions.config.state_db("default"))
    with writing(path) as db:
        db.execute("ALTER TABLE sessions ADD COLUMN user_id TEXT")
        for number, user in enumerate("xy"):
            begun = 1_777_001_000.0 + 100 * number
            add_session(
                db, f"t{number}", "hi", begun=begun, source="telegram", user_id=user, title=f"T{number}"
            )
    for each in path.parent.glob("state.db*"):
        os.utime(each, (1_777_000_000, 1_777_000_000))
    assert ids(sessions.webui.sidebar(asked()).sessions) == ["t1", "t0"]
    with writing(path) as db:
        db.execute("UPDATE sessions SET user_id = 'y'")
    assert ids(sessions.webui.sidebar(asked()).sessions) == ["t1"]


def test_the_gateways_file_names_the_current_conversation(sessions: SessionRepository) -> None:
    path = new_state(sessions.config.state_db("default"))
    with writing(path) as db:
        for number in range(3):
            begun = 1_777_001_000.0 + 100 * number
            add_session(db, f"t{number}", "hi", begun=begun, source="telegram", title=f"T{number}")
    gateway = path.parent / "sessions/sessions.json"
    gateway.parent.mkdir()
    origin = {"platform": "telegram", "chat_id": "7"}
    gateway.write_text(json.dumps({"k": {"session_id": "t1", "session_key": "k", "origin": origin}}))
    assert ids(sessions.webui.sidebar(asked()).sessions) == ["t1"]
    gateway.write_text("no JSON")
    assert ids(sessions.webui.sidebar(asked()).sessions) == ["t2"]


def test_of_several_continuations_the_one_that_was_active_last_is_listed(sessions: SessionRepository) -> None:
    with writing(new_state(sessions.config.state_db("default"))) as db:
        begun, ended = 1_777_000_000.0, {"end_reason": "compression"}
        add_session(db, "root", "one", title="Plans", begun=begun, ended_at=begun + 50, **ended)
        older = {"parent_session_id": "root", **ended}
        add_session(db, "old", "two", begun=begun + 100, ended_at=begun + 150, **older)
        add_session(db, "tip", "three", "four", begun=begun + 9000, parent_session_id="old")
        add_session(db, "new", "five", begun=begun + 200, parent_session_id="root")
        add_session(db, "kid", "six", begun=begun + 20, parent_session_id="root", title="Helper")
    assert {each.session_id for each in sessions.list(agent=True)} == {"tip", "new", "kid"}
    shown = {each["session_id"]: each for each in sessions.webui.sidebar(asked()).sessions}
    assert shown.keys() == {"tip", "kid"}
    tip = shown["tip"]
    assert (tip["title"], tip["created_at"], tip["_lineage_root_id"]) == ("Plans", begun, "root")
    assert (tip["_lineage_tip_id"], tip["_compression_segment_count"]) == ("tip", 4)
    assert tip["relationship_type"] is None
    assert (shown["kid"]["relationship_type"], shown["kid"]["_parent_lineage_root_id"]) == (
        "child_session",
        "root",
    )


def test_an_imported_messaging_conversation_has_what_was_written_since(sessions: SessionRepository) -> None:
    path = new_state(sessions.config.state_db("default"))
    with writing(path) as db:
        add_session(db, "chat", "one", "two", source="telegram", title="Chat", message_count=9)
        add_session(db, "shell", "one", "two", title="Shell")
    for name in ("chat", "shell"):
        sessions.import_agent_session(name)
    with writing(path) as db:
        for name in ("chat", "shell"):
            add_message(db, name, "three", timestamp=1_777_009_000.0)
    shown = {each["session_id"]: each for each in sessions.webui.sidebar(asked()).sessions}
    assert (shown["chat"]["message_count"], shown["chat"]["last_message_at"]) == (3, 1_777_009_000.0)
    assert shown["shell"]["message_count"] == 2, "its file is what people go on writing in"
    webui = sessions.webui
    assert [each["content"] for each in webui.session("chat").messages] == ["one", "two", "three"]
    assert (webui.summary("chat").message_count, webui.summary("shell").message_count) == (3, 2)
    assert [each["content"] for each in webui.messages("chat", limit=1).messages] == ["three"]
    assert webui.visible_messages("chat", limit=2).offset == 1
    assert sessions.get("chat").message_count == 2, "what is saved is the file"
    sessions.update("chat", extra={"intentional_shrink_generation": "0" * 32})
    assert webui.summary("chat").message_count == 2, "somebody removed messages on purpose"


def test_an_early_import_is_of_the_source_of_its_original(sessions: SessionRepository) -> None:
    with writing(new_state(sessions.config.state_db("default"))) as db:
        add_session(db, "chat", "one", "two", "three", source="weixin", title="Chat")
        add_session(db, "later", "one", begun=1_777_009_000.0, source="weixin", title="Later")
    write_document(sessions, "chat", title="Chat", is_cli_session=True, messages=turns(1))
    everything = sessions.webui.sidebar(asked(previous_messaging=True))
    (chat,) = (each for each in everything.sessions if each["session_id"] == "chat")
    assert (chat["source_tag"], chat["session_source"], chat["is_cli_session"]) == (
        "weixin",
        "messaging",
        False,
    )
    assert (chat["source_label"], chat["message_count"]) == ("Weixin", 3)
    assert ids(sessions.webui.sidebar(asked()).sessions) == ["later"]
    assert sessions.webui.summary("chat").message_count == 3


def test_an_agent_that_cannot_be_read_hides_nothing_of_the_others(sessions: SessionRepository) -> None:
    write_document(sessions, "a", title="a", messages=turns(2))
    sessions.config.state_db("default").write_text("no database")
    sidebar = sessions.webui.sidebar(asked())
    assert ids(sidebar.sessions) == ["a"]
    assert any("state.db" in warning for warning in sidebar.warnings)


def test_the_active_profile_is_the_homes_or_the_agents(tmp_path: Path) -> None:
    named = tmp_path / "active_profile"
    with SessionRepository.open(hermes_home=tmp_path) as sessions:
        assert active_profile(sessions.config) == "default"
        for text, expected in ((" work\n", "work"), ("", "default"), ("a/b", "default"), ("\xff", "\xff")):
            named.write_text(text)
            assert active_profile(sessions.config) == expected
        named.write_bytes(b"\xff")
        assert active_profile(sessions.config) == "default"
    with SessionRepository.open(hermes_home=tmp_path, profile="other") as sessions:
        assert active_profile(sessions.config) == "other"
