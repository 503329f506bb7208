"""Tests changes of metadata on real files: typed fields, other keys, roles, and names of projects."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hermes_sessions import InvalidValue, NotFound, ReadOnly, SessionRepository
from hermes_sessions.fields import check_new_messages

from ..support.make import folder_of, message, snapshot, started, turns, write, write_document

MISSPELT: dict[str, Callable[..., object]] = {
    "update": lambda sessions, one: sessions.update(one, titel="x"),
    "append": lambda sessions, one: sessions.append(one, turns(1), titel="x"),
    "clear": lambda sessions, one: sessions.clear(one, titel="x"),
    "new": lambda sessions, _: sessions.new(titel="x"),
    "webui.update": lambda sessions, one: sessions.webui.update(one, titel="x"),
}


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_field_is_refused_before_anything_is_written(
    sessions: SessionRepository, name: str
) -> None:
    one = started(sessions)
    before, version = snapshot(sessions), sessions.version()
    with pytest.raises(InvalidValue, match=r"titel is not a field of a session\. Did you mean title\?"):
        MISSPELT[name](sessions, one)
    assert (snapshot(sessions), sessions.version()) == (before, version)


NOTHING: dict[str, dict[str, Any]] = {
    "no keyword": {},
    "empty ones": {"extra": {}, "remove": []},
    "a key that is not there": {"remove": ["absent"]},
    "another touch": {"touch": False},
}


@pytest.mark.parametrize("case", NOTHING)
@pytest.mark.parametrize("draft", [False, True])
def test_a_change_of_nothing_writes_nothing(sessions: SessionRepository, case: str, draft: bool) -> None:
    one = sessions.new(model="m").session_id if draft else started(sessions)
    summary = sessions.summary(one)
    before, version = snapshot(sessions), sessions.version()
    assert sessions.update(one, **NOTHING[case]) == summary
    assert (snapshot(sessions), sessions.version()) == (before, version)
    assert sessions.summary(one) == summary


def test_a_change_of_nothing_names_a_session_that_is_not_there(sessions: SessionRepository) -> None:
    with pytest.raises(NotFound, match="no session gone"):
        sessions.update("gone")


LAYOUTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "the web UI's": lambda document: json.dumps(document, indent=2),
    "compact": lambda document: json.dumps(document, separators=(",", ":")),
    "spaces": lambda document: json.dumps(document, indent="\t").replace(",", " ,\r\n"),
}
ORDERS = {
    "before": ["one", "two", "title", "messages", "tool_calls"],
    "at the messages": ["title", "one", "two", "messages", "tool_calls"],
    "between": ["title", "messages", "one", "two", "tool_calls"],
    "at the end": ["title", "messages", "tool_calls", "one", "two"],
    "apart": ["one", "messages", "two"],
    "alone": ["one", "two"],
    "no messages": ["title", "one", "two"],
}
VALUES: dict[str, Any] = {
    "title": "T",
    "one": {"a": [1.50, None]},
    "two": "2",
    "messages": turns(3),
    "tool_calls": [{"name": "ls", "assistant_msg_idx": 1}],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("removed", [["one"], ["two"], ["one", "two"]])
def test_keys_are_removed_wherever_they_stand(
    sessions: SessionRepository, order: str, layout: str, removed: list[str]
) -> None:
    document = {name: VALUES[name] for name in ORDERS[order]}
    path = write(sessions, "s", LAYOUTS[layout](document))
    sessions.sync()

    changed = sessions.update("s", remove=[*removed, "absent"], extra={"new": [1]})

    written = json.loads(path.read_text())
    kept = {name: value for name, value in document.items() if name not in removed}
    assert {name: written[name] for name in kept} == kept
    assert written["new"] == [1]
    assert not written.keys() & {*removed, "absent"}
    assert changed.extra.keys() == (kept.keys() & {"one", "two"}) | {"new"} | (
        changed.extra.keys() & {"created_at_read_as", "updated_at_read_as"}
    )
    assert sessions.messages("s").messages == document.get("messages", [])
    appended = sessions.append("s", [message("after")])
    assert appended.message_count == len(document.get("messages", [])) + 1
    listed = sessions.summary("s")
    sessions.rebuild()
    assert sessions.summary("s") == listed


def test_a_draft_loses_keys_too(sessions: SessionRepository) -> None:
    draft = sessions.new(model="m").session_id
    sessions.update(draft, extra={"note": 1, "kept": 2})
    assert sessions.update(draft, remove=["note"]).extra == {"kept": 2}
    assert sessions.get(draft).extra == {"kept": 2}


def test_a_read_only_session_keeps_its_keys(sessions: SessionRepository) -> None:
    write_document(sessions, "one", title="x", read_only=True, note=1, messages=[])
    before = snapshot(sessions)
    with pytest.raises(ReadOnly, match="duplicate it"):
        sessions.update("one", remove=["note"])
    assert snapshot(sessions) == before
    assert sessions.update("one", pinned=True).pinned


# ---- projects and messages --------------------------------------------------------------------------------


def test_save_refuses_a_project_that_does_not_exist_unless_the_file_has_it(
    sessions: SessionRepository,
) -> None:
    write_document(sessions, "one", project_id="gone", messages=[])
    read = sessions.get("one")
    assert sessions.save(replace(read, title="Kept")).project_id == "gone"
    with pytest.raises(NotFound, match="no project other"):
        sessions.save(replace(sessions.get("one"), project_id="other"))
    with pytest.raises(NotFound, match="no project other"):
        sessions.save(replace(sessions.new(), project_id="other"))
    project_id = sessions.projects.create("There").project_id
    assert sessions.save(replace(sessions.get("one"), project_id=project_id)).project_id == project_id


WITHOUT_ROLE: list[Any] = [{"content": "x"}, {"role": "", "content": "x"}, {"role": None}, {"role": 7}]


@pytest.mark.parametrize("bad", WITHOUT_ROLE)
def test_a_message_needs_a_role(sessions: SessionRepository, bad: dict[str, Any]) -> None:
    one = started(sessions, 2)
    before = snapshot(sessions)
    said = r'messages\[1\] has no role\. Give it one, such as "role": "user"'
    with pytest.raises(InvalidValue, match=said):
        sessions.append(one, [message(), bad])
    for session in (sessions.get(one), sessions.new()):
        with pytest.raises(InvalidValue, match=said):
            sessions.save(replace(session, messages=[message(), bad]))
    assert snapshot(sessions) == before


@pytest.mark.parametrize("bad", ["text", None, 7, ["role", "user"]])
def test_a_message_is_a_dict(sessions: SessionRepository, bad: Any) -> None:
    one = started(sessions, 2)
    said = r'messages\[0\] must be an object, such as {"role": "user"'
    with pytest.raises(InvalidValue, match=said):
        sessions.append(one, [bad])
    with pytest.raises(InvalidValue, match=said):
        sessions.save(replace(sessions.get(one), messages=[bad]))


def test_what_another_program_wrote_without_a_role_is_saved_again(sessions: SessionRepository) -> None:
    theirs = [message("a"), {"content": "no role"}, message("b")]
    path = write_document(sessions, "one", title="x", messages=theirs)
    read = sessions.get("one")
    saved = sessions.save(replace(read, title="y", messages=[*read.messages[1:], message("c")]))
    assert saved.message_count == 3
    stored = json.loads(path.read_text())["messages"]
    assert (stored[0], stored[-1]) == ({"content": "no role"}, message("c"))
    assert sessions.append("one", [message("d")]).message_count == 4


def test_known_messages_may_lack_a_role() -> None:
    known = [{"content": "x"}]
    assert check_new_messages([{"content": "x"}], known) == known
    with pytest.raises(InvalidValue, match="no role"):
        check_new_messages([{"content": "y"}], known)


# ---- names of projects ------------------------------------------------------------------------------------


def test_two_projects_never_get_one_name(sessions: SessionRepository) -> None:
    projects = sessions.projects
    road, other = projects.create("Straße"), projects.create("Other")
    before = (folder_of(sessions).parent / "projects.json").read_bytes()
    for name in ("Straße", " STRASSE ", "straße"):
        with pytest.raises(InvalidValue, match=r"there is a project named Straße already\. Choose another"):
            projects.create(name)
        with pytest.raises(InvalidValue, match="there is a project named Straße already"):
            projects.rename(other.project_id, name)
    assert (folder_of(sessions).parent / "projects.json").read_bytes() == before
    assert projects.rename(road.project_id, "STRASSE", "#fff").name == "STRASSE"


def test_projects_of_one_name_in_the_file_stay_as_they_are(sessions: SessionRepository) -> None:
    records = [{"project_id": name, "name": "Same"} for name in ("a", "b")]
    (folder_of(sessions).parent / "projects.json").write_text(json.dumps(records))
    assert [each.name for each in sessions.projects.list()] == ["Same", "Same"]
    assert sessions.projects.rename("b", "same", "#fff").color == "#fff"
    assert sessions.projects.rename("b", "Another").name == "Another"
    with pytest.raises(InvalidValue, match="already"):
        sessions.projects.rename("b", "Same")


def test_the_project_of_jobs_is_the_one_that_has_its_name(sessions: SessionRepository) -> None:
    mine = sessions.projects.create("cron jobs")
    assert sessions.projects.ensure_cron() == mine
