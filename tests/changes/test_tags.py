"""Tags: kept in their file as others wrote it, with their conversations wherever these go, and indexed."""

import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import (
    BulkReport,
    Filters,
    InvalidValue,
    NotFound,
    ReadOnly,
    SessionRepository,
    Unreadable,
)
from hermes_sessions.index import database, sync
from hermes_sessions.sidecars import signature

from ..support.agent_db import START, add_session, filled_state, writing
from ..support.make import started, turns, write_document
from ..support.processes import at_once


@pytest.fixture
def one(sessions: SessionRepository) -> str:
    """A session with a title and messages."""
    return started(sessions, title="One")


@pytest.fixture
def with_agent(tmp_path: Path) -> Iterator[SessionRepository]:
    """A repository over a home whose agent has a chain of three segments: a, b, c."""
    (tmp_path / "home").mkdir(exist_ok=True)
    filled_state(tmp_path / "home" / "state.db")
    with SessionRepository.open(hermes_home=tmp_path / "home") as sessions:
        yield sessions


def stored(sessions: SessionRepository) -> dict[str, list[str]]:
    """Return what the file has."""
    document = json.loads(sessions.config.tags_file.read_text())
    assert isinstance(document["tags"], dict)
    return document["tags"]


def shown(sessions: SessionRepository, **filters: Any) -> dict[str, tuple[str, ...]]:
    """Return the tags of every conversation that a list shows and that has any."""
    return {
        each.session_id: each.tags for each in sessions.list(agent=True, hidden=True, **filters) if each.tags
    }


# ---- adding and removing --------------------------------------------------------------------------------


def test_a_tag_s_life(sessions: SessionRepository, one: str) -> None:
    before, file = sessions.get(one), sessions.config.sessions_dir / f"{one}.json"
    content, version = file.read_bytes(), sessions.version()
    tagged = sessions.tag(one, "#Work", "in progress", "work")
    assert tagged.tags == sessions.summary(one).tags == ("Work", "in progress")
    assert tagged.as_dict()["tags"] == ["Work", "in progress"]
    assert sessions.tags() == {"in progress": 1, "Work": 1}
    assert stored(sessions) == {one: ["Work", "in progress"]}
    assert sessions.version() != version
    assert (file.read_bytes(), sessions.get(one)) == (content, before)  # only lists show tags

    assert sessions.untag(one, "WORK", "unknown").tags == ("in progress",)
    assert sessions.untag(one, "in progress").tags == ()
    assert (sessions.tags(), stored(sessions)) == ({}, {})


def test_nothing_is_written_where_nothing_changes(sessions: SessionRepository, one: str) -> None:
    assert sessions.tag(one).tags == sessions.untag(one, "a").tags == ()
    assert not sessions.config.tags_file.exists()
    sessions.tag(one, "a")
    before, version = signature(sessions.config.tags_file), sessions.version()
    assert sessions.tag(one, "A", "#a").tags == ("a",)
    assert signature(sessions.config.tags_file) == before
    assert sessions.version() == version


def test_the_spelling_in_use_is_kept(sessions: SessionRepository, one: str) -> None:
    other = started(sessions, title="Other")
    sessions.tag(one, "Straße")
    assert sessions.tag(other, "STRASSE").tags == ("Straße",)
    assert sessions.tags() == {"Straße": 2}


@pytest.mark.parametrize("names", [("a,b",), ("ok", "x" * 51), ("",), ("-x",), ("a\nb",), (None,), (3,)])
def test_a_wrong_name_changes_nothing(sessions: SessionRepository, one: str, names: Any) -> None:
    for call in (sessions.tag, sessions.untag):
        with pytest.raises(InvalidValue, match="a tag must be text"):
            call(one, *names)
    assert sessions.tags() == {}


def test_a_conversation_has_at_most_a_hundred_tags(sessions: SessionRepository, one: str) -> None:
    sessions.tag(one, *map(str, range(100)))
    with pytest.raises(InvalidValue, match="at most 100 tags"):
        sessions.tag(one, "one more")
    assert len(sessions.summary(one).tags) == 100


@pytest.mark.parametrize("session_id", ["unknown", "../x", ""])
def test_an_unknown_conversation_is_not_tagged(sessions: SessionRepository, session_id: str) -> None:
    for call in (sessions.tag, sessions.untag):
        with pytest.raises((NotFound, InvalidValue, ValueError)):
            call(session_id, "a")
    assert not sessions.config.tags_file.exists()


def test_the_file_is_its_owner_s_alone(sessions: SessionRepository, one: str) -> None:
    sessions.tag(one, "a")
    assert stat.S_IMODE(sessions.config.tags_file.stat().st_mode) == 0o600


# ---- titles ---------------------------------------------------------------------------------------------


def test_words_of_a_title_count_as_tags(sessions: SessionRepository) -> None:
    one = started(sessions, title="Fix #bug in #Core")
    assert sessions.summary(one).tags == ("bug", "Core")
    assert sessions.tags() == {"bug": 1, "Core": 1}
    assert [each.session_id for each in sessions.list(tag="core")] == [one]
    assert sessions.tag(one, "urgent", "core").tags == ("urgent", "core", "bug")
    with pytest.raises(InvalidValue, match="#bug stands in the title; rename the conversation"):
        sessions.untag(one, "urgent", "bug")
    assert sessions.update(one, title="Fixed #done").tags == ("urgent", "core", "done")
    assert sessions.tags() == {"core": 1, "done": 1, "urgent": 1}
    assert sessions.list(tag="bug").warnings == ("No conversation has the tag bug.",)


def test_a_title_that_another_program_writes_gives_tags(sessions: SessionRepository) -> None:
    write_document(sessions, "foreign", title="Look #here", messages=turns(2))
    assert shown(sessions) == {"foreign": ("here",)}
    write_document(sessions, "foreign", title="Look there", messages=turns(2))
    assert shown(sessions) == {}


# ---- filters --------------------------------------------------------------------------------------------


def test_lists_are_filtered_by_tags(sessions: SessionRepository) -> None:
    a, b, c = (started(sessions, title=title) for title in ("A", "B #x", "C"))
    sessions.tag(a, "x", "y")
    sessions.tag(c, "y")

    def found(tag: str) -> set[str]:
        assert sessions.count(tag=tag) == len(sessions.list(tag=tag))
        return {each.session_id for each in sessions.list(tag=tag)}

    assert found("x") == found("#X") == {a, b}
    assert found("x,y") == {a}
    assert found("y,-x") == {c}
    assert found("-x") == {c}
    assert found("-unknown") == {a, b, c}
    page = sessions.list(tag="x", limit=1)
    rest = sessions.list(tag="x", limit=1, cursor=page.next_cursor)
    assert {page[0].session_id, rest[0].session_id} == {a, b}
    assert rest.next_cursor is None
    assert [row.sessions for row in sessions.usage(tag="x")] == [2]
    entries = sessions.entries(lambda some: some, tag="x,y")
    assert entries.items[0][0]["tags"] == ["x", "y"]


# ---- where conversations go -----------------------------------------------------------------------------


def test_copies_take_the_tags_of_the_original(sessions: SessionRepository, one: str) -> None:
    sessions.update(one, title="One #title")
    sessions.tag(one, "a")
    fork, copy = sessions.fork(one, keep=2), sessions.duplicate(one)
    assert shown(sessions) == dict.fromkeys((one, fork.session_id, copy.session_id), ("a", "title"))
    sessions.untag(one, "a")
    assert sessions.tags() == {"title": 3, "a": 2}


def test_a_deleted_conversation_comes_back_with_its_tags(sessions: SessionRepository, one: str) -> None:
    sessions.tag(one, "a")
    sessions.delete(one)
    assert sessions.tags() == {}
    assert sessions.restore(one).tags == ("a",)
    assert sessions.tags() == {"a": 1}


def test_what_is_deleted_for_good_loses_its_tags(sessions: SessionRepository, one: str) -> None:
    other = started(sessions, title="Other")
    for each in (one, other):
        sessions.tag(each, "a")
    sessions.truncate(other, 1)
    sessions.delete(one)
    assert sessions.purge(older_than=0) == 1
    assert stored(sessions) == {other: ["a"]}
    sessions.delete(other)
    sessions.erase(other)
    assert stored(sessions) == {}


def test_a_session_without_messages_stays_when_it_has_a_tag(sessions: SessionRepository) -> None:
    write_document(sessions, "empty", title="Untitled", messages=[])
    write_document(sessions, "tagged", title="Untitled", messages=[])
    sessions.tag("tagged", "keep")
    assert sessions.delete_empty() == 1
    assert shown(sessions) == {"tagged": ("keep",)}


def test_an_agent_s_conversation_keeps_its_tags_while_it_goes_on(with_agent: SessionRepository) -> None:
    assert with_agent.tag("c", "later").tags == ("later",)
    assert with_agent.tag("a", "earlier", "LATER").tags == ("earlier", "later")  # its own come first
    assert shown(with_agent) == {"c": ("later", "earlier")}
    assert [each.session_id for each in with_agent.list(tag="earlier", agent=True)] == ["c"]
    assert with_agent.summary("b").tags == ("earlier", "later")
    with writing(with_agent.config.state_db("default")) as db:
        db.execute(
            "UPDATE sessions SET ended_at = ?, end_reason = 'compression' WHERE id = 'c'", [START + 900]
        )
        add_session(db, "d", "six", begun=START + 901, parent_session_id="c")
    assert set(shown(with_agent)["d"]) == {"later", "earlier"}
    assert with_agent.untag("d", "later").tags == ("earlier",)
    assert with_agent.tags() == {"earlier": 1}


def test_an_imported_conversation_keeps_the_tags_of_all_its_segments(with_agent: SessionRepository) -> None:
    with_agent.tag("a", "first")
    with_agent.tag("c", "last")
    session, _ = with_agent.import_agent_session("c")
    assert set(with_agent.summary(session.session_id).tags) == {"first", "last"}
    assert with_agent.untag(session.session_id, "first").tags == ("last",)
    with_agent.delete_everywhere(session.session_id)
    assert with_agent.tags() == {}
    assert with_agent.restore(session.session_id).tags == ("last",)
    with_agent.delete(session.session_id)
    with_agent.erase(session.session_id)
    assert stored(with_agent) == {}


def test_two_profiles_share_the_tags_of_one_id(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in (home, home / "profiles" / "other"):
        folder.mkdir(parents=True)
        filled_state(folder / "state.db")
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.tag("c", "both")
        for profile in ("default", "other"):
            page = sessions.list(tag="both", agent=True, profile=profile)
            assert [(each.session_id, each.profile, each.tags) for each in page] == [
                ("c", profile, ("both",))
            ]
        assert sessions.tags() == {"both": 1}


# ---- the file is the truth ------------------------------------------------------------------------------


def test_another_program_s_edit_is_seen_at_the_next_call(sessions: SessionRepository, one: str) -> None:
    file = sessions.config.tags_file
    sessions.tag(one, "a")
    version = sessions.version()
    document = {"note": {"by": "hand"}, "tags": {one: ["#A", "b"], "elsewhere": ["c"]}, "z": 1}
    file.write_text(json.dumps(document))
    assert sessions.version() != version
    assert sessions.summary(one).tags == ("A", "b")
    assert sessions.tags() == {"A": 1, "b": 1}
    sessions.tag(one, "d")
    assert json.loads(file.read_text()) == document | {"tags": {one: ["#A", "b", "d"], "elsewhere": ["c"]}}
    file.unlink()
    assert (sessions.tags(), sessions.summary(one).tags) == ({}, ())


def test_an_edit_in_place_of_the_same_size_is_seen(sessions: SessionRepository, one: str) -> None:
    file = sessions.config.tags_file
    file.write_text(json.dumps({"tags": {one: ["aa"]}}))
    for name in ("bb", "cc"):
        status = file.stat()
        with file.open("r+b") as opened:
            opened.write(json.dumps({"tags": {one: [name]}}).encode())
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # in the same tick of the clock
        assert sessions.tags() == {name: 1}


@pytest.mark.sqlite("its file")
def test_the_index_is_rebuilt_from_the_file(with_agent: SessionRepository, tmp_path: Path) -> None:
    one = started(with_agent, title="One #title")
    with_agent.tag(one, "a")
    with_agent.tag("a", "b")
    before = (shown(with_agent), with_agent.tags())
    assert before[0] == {one: ("a", "title"), "c": ("b",)}
    with_agent.rebuild()
    assert (shown(with_agent), with_agent.tags()) == before
    with_agent.sync()
    assert (shown(with_agent), with_agent.tags()) == before
    with_agent.close()
    (tmp_path / "home/webui/sessions.db").unlink()
    with SessionRepository.open(hermes_home=tmp_path / "home") as anew:
        assert (shown(anew), anew.tags()) == before


def test_names_that_no_tag_can_have_stay_in_the_file(sessions: SessionRepository, one: str) -> None:
    kept = ["a,b", "x" * 99, "ok", "", "-x", "\u202e"]
    sessions.config.tags_file.write_text(json.dumps({"tags": {one: kept, "../x": ["y"], "n" * 999: ["z"]}}))
    assert shown(sessions) == {one: ("ok",)}
    assert sessions.tag(one, "new").tags == ("ok", "new")
    assert stored(sessions) == {one: [*kept, "new"], "../x": ["y"], "n" * 999: ["z"]}
    assert sessions.untag(one, "ok", "new").tags == ()
    assert stored(sessions)[one] == [name for name in kept if name != "ok"]


@pytest.mark.parametrize(
    "text",
    [
        *('{"tags": ', "", "[]", "null", "3", '"x"', '{"tags": []}', '{"tags": {"a": "b"}}'),
        *('{"tags": {"a": [1]}}', '{"tags": {"a": null}}', '{"tags": {"a": {"b": []}}}', "[" * 5000),
        '{"tags": {"a": ["\\ud800"], "b": 3}}',
    ],
)
def test_a_damaged_file_is_reported_and_left_alone(sessions: SessionRepository, one: str, text: str) -> None:
    sessions.tag(one, "a")
    file = sessions.config.tags_file
    file.write_text(text)
    page = sessions.list()
    assert [each.tags for each in page] == [("a",)]
    (warning,) = page.warnings
    assert warning.startswith("tags.json cannot be read: ")
    assert warning.endswith(". Tags are as they were last read")
    for change in (sessions.tag, sessions.untag):
        with pytest.raises(Unreadable, match=r"tags\.json cannot be read"):
            change(one, "b")
    with pytest.raises(Unreadable):
        sessions.fork(one)
    assert sessions.fork(started(sessions, title="Without #tags")).title == "Without #tags (fork)"
    assert file.read_text() == text
    file.write_text(json.dumps({"tags": {one: ["b"]}}))
    assert (sessions.list().warnings, sessions.summary(one).tags) == ((), ("b",))


def test_half_a_character_in_the_file_is_no_tag(sessions: SessionRepository, one: str) -> None:
    text = json.dumps({"tags": {one: ["\ud800", "a"], "\ud800": ["b"]}})
    sessions.config.tags_file.write_text(text)
    assert shown(sessions) == {one: ("a",)}
    sessions.tag(one, "c")
    assert stored(sessions) == json.loads(text)["tags"] | {one: ["\ud800", "a", "c"]}


# ---- several at once ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_eight_processes_that_tag_and_untag_none_loses_anything(
    sessions: SessionRepository, one: str
) -> None:
    home, other = sessions.config.hermes_home, started(sessions, title="Other")
    sessions.tag(one, *(f"old{number}" for number in range(8)))
    at_once(tag_and_untag, [(home, one, other, number) for number in range(8)])
    expected = {f"new{number}-{turn}" for number in range(8) for turn in range(5)}
    assert set(sessions.summary(one).tags) == expected
    assert set(sessions.summary(other).tags) == {f"other{number}" for number in range(8)}
    assert {name: set(names) for name, names in stored(sessions).items()} == {
        one: expected,
        other: {f"other{number}" for number in range(8)},
    }


def tag_and_untag(home: Path, one: str, other: str, number: int) -> None:
    """Add and remove tags of two sessions, in a process of its own."""
    with SessionRepository.open(hermes_home=home) as sessions:
        for turn in range(5):
            sessions.tag(one, f"new{number}-{turn}", f"passing{number}")
            sessions.untag(one, f"old{number}", f"passing{number}")
        sessions.tag(other, f"other{number}")


# ---- searching ------------------------------------------------------------------------------------------


def test_a_search_is_narrowed_by_tags_in_both_stores(with_agent: SessionRepository) -> None:
    one, other = (started(with_agent, title=title) for title in ("One", "Other #x"))
    with_agent.tag(one, "x", "y")
    with_agent.tag("a", "x")
    with_agent.tag("lone", "y")

    def found(text: str) -> set[str]:
        hits = with_agent.search(text, limit=100)
        assert not hits.warnings
        return {hit.summary.session_id for hit in hits}

    for word in ("", "message OR four OR hello "):
        assert found(f"{word}tag:x") == {one, other, "c"}
        assert found(f"{word}tag:#X tag:y") == {one}
        assert found(f"{word}tag:x -tag:y") == {other, "c"}
        assert found(f"{word}-tag:x -tag:unknown") >= {"lone"}
        assert found(f"{word}-tag:x").isdisjoint({one, other, "c"})
    hits = with_agent.search("message tag:unknown")
    assert (list(hits), hits.warnings) == ([], ("No conversation has the tag unknown.",))
    assert found("tag:a,b") == set()  # no tag, so it is text


# ---- many at once ---------------------------------------------------------------------------------------


def test_many_conversations_are_tagged_with_one_write(
    with_agent: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, titled = started(with_agent, title="One"), started(with_agent, title="Two #x")
    gone = started(with_agent, title="Gone")
    with_agent.delete(gone)
    with_agent.delete("lone")
    with_agent.tag(one, "y")
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr("hermes_sessions.changes.tags.NOTED", 1)
    wanted = [one, titled, "c", "b", "unknown", gone, "lone", "../x", one]
    dry = with_agent.tag_many(wanted, "x", "Y", dry_run=True)
    assert shown(with_agent) == {one: ("y",), titled: ("x",)}
    report = with_agent.tag_many(wanted, "x", "Y", progress=lambda *call: calls.append(call))
    assert report == dry == BulkReport((one, titled, "c"), report.failed)  # b is a segment of c
    assert report.failed.keys() == {"unknown", gone, "lone", "../x"}
    assert report.failed["unknown"] == "no session unknown"
    assert shown(with_agent) == {one: ("y", "x"), titled: ("x", "y"), "c": ("x", "y")}
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert with_agent.tag_many(wanted, "x").done == ()

    report = with_agent.untag_many(Filters(tag="y", agent=True), "X", "y")
    assert report.failed == {titled: "#x stands in the title; rename the conversation to remove it"}
    assert set(report.done) == {one, "c"}
    assert shown(with_agent) == {titled: ("x", "y")}


def test_a_bulk_call_keeps_to_the_most_tags_of_one(sessions: SessionRepository, one: str) -> None:
    sessions.tag(one, *map(str, range(100)))
    other = started(sessions, title="Other")
    report = sessions.tag_many([one, other], "more")
    assert report.done == (other,)
    assert "at most 100 tags" in report.failed[one]


def test_a_tag_is_renamed_merged_and_removed_everywhere(with_agent: SessionRepository) -> None:
    one, both = started(with_agent, title="One"), started(with_agent, title="Both")
    titled, gone = started(with_agent, title="Titled #old"), started(with_agent, title="Gone")
    with_agent.tag_many([one, both, "c", gone], "Old", "z")
    with_agent.tag(both, "new")
    with_agent.delete(gone)
    reason = {titled: "#old stands in the title; rename the conversation"}

    report = with_agent.rename_tag("old", "NEW")
    assert (set(report.done), report.failed) == ({one, both, "c"}, reason)
    assert shown(with_agent) == {
        one: ("new", "z"),
        both: ("new", "z"),
        "c": ("new", "z"),
        titled: ("old",),
    }
    assert with_agent.restore(gone).tags == ("new", "z")
    report = with_agent.remove_tag("z")
    assert (set(report.done), report.failed) == ({one, both, "c", gone}, {})
    assert with_agent.tags() == {"new": 4, "old": 1}
    assert with_agent.remove_tag("old") == BulkReport((), reason)
    assert with_agent.rename_tag("unknown", "x") == BulkReport((), {})
    assert with_agent.rename_tag("new", "New").failed == {}
    assert with_agent.tags() == {"New": 4, "old": 1}
    for wrong in ("", "a,b"):
        with pytest.raises(InvalidValue):
            with_agent.rename_tag("new", wrong)


# ---- care -----------------------------------------------------------------------------------------------


def findings(sessions: SessionRepository) -> list[tuple[str, str]]:
    """Return the problems of a home: their kinds and meanings."""
    return [(each.kind, each.meaning) for each in sessions.check(deep=True) if not each.note]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM conversation_tags",
        "UPDATE conversation_tags SET name = 'x'",
        "DELETE FROM file_tags",
        "UPDATE file_tags SET names = 'x'",
        "UPDATE sessions SET tags = 'x'",
        "UPDATE sessions SET tags = NULL",
    ],
)
def test_wrong_tags_of_the_index_are_found_and_repaired(
    sessions: SessionRepository, one: str, damage: str
) -> None:
    sessions.tag(one, "a", "b")
    assert findings(sessions) == []
    with database.writing(sessions._home.engine) as connection:
        connection.exec_driver_sql(damage)
    assert findings(sessions)
    assert sessions.repair(apply=True).left == tuple(sessions.check(deep=True))
    assert findings(sessions) == []
    assert shown(sessions, tag="a,b") == {one: ("a", "b")}


def test_a_damaged_file_is_a_finding(sessions: SessionRepository, one: str) -> None:
    sessions.tag(one, "a")
    sessions.config.tags_file.write_text("{")
    ((kind, meaning),) = findings(sessions)
    assert kind == "unreadable tags"
    assert meaning.startswith("tags.json cannot be read")
    assert sessions.repair(apply=True).repaired == ()
    assert shown(sessions) == {one: ("a",)}


# ---- drafts, and homes that are not written --------------------------------------------------------------


def test_a_draft_keeps_its_tags_and_is_kept_for_them(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged, other = sessions.new().session_id, sessions.new().session_id
    assert sessions.tag(tagged, "later").tags == ("later",)
    assert sessions.summary(sessions.duplicate(tagged).session_id).tags == ("later",)
    assert sessions.tags() == {"later": 2}
    later = time.time_ns() + 2 * 86_400 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    sync.forget_old(sessions._home.engine)
    monkeypatch.undo()
    with pytest.raises(NotFound):
        sessions.summary(other)
    assert sessions.append(tagged, turns(2)).tags == ("later",)
    assert shown(sessions)[tagged] == ("later",)


def test_tags_of_a_home_that_is_only_read_are_shown(sessions: SessionRepository, one: str) -> None:
    sessions.tag(one, "a")
    with SessionRepository.open(hermes_home=sessions.config.hermes_home, read_only=True) as reader:
        assert (reader.tags(), reader.summary(one).tags) == ({"a": 1}, ("a",))
        sessions.tag(one, "b")
        assert [each.tags for each in reader.list(tag="b")] == [("a", "b")]
        with pytest.raises(ReadOnly):
            reader.tag(one, "c")


def test_ids_and_names_of_any_kind_can_be_tagged_in_bulk(sessions: SessionRepository, one: str) -> None:
    odd = ["x" * 999, "\x00", "ä", "\ud800", ""]
    report = sessions.tag_many((each for each in [one, *odd]), "a")
    assert (report.done, sorted(report.failed)) == ((one,), sorted(odd))
    wrong: Any
    for wrong in (one, b"ab", 3, None, [3], {one: 1}):
        with pytest.raises(InvalidValue, match="give a list of ids, or Filters"):
            sessions.tag_many(wrong, "a")


# ---- bringing a tag back ---------------------------------------------------------------------------------


def test_a_changed_tag_is_brought_back_as_it_was_in_the_trash_too(
    sessions: SessionRepository, one: str
) -> None:
    both, thrown = started(sessions), started(sessions)
    sessions.tag(one, "a", "work", "z")
    sessions.tag(both, "job", "work")
    sessions.tag(thrown, "work")
    sessions.delete(thrown)
    before = sessions.config.tags_file.read_bytes()
    changes: list[Callable[[], object]] = [
        lambda: sessions.remove_tag("work"),
        lambda: sessions.rename_tag("work", "job"),
        lambda: sessions.rename_tag("Work", "WORK"),
    ]
    for change in changes:
        change()
        assert sessions.config.tags_file.read_bytes() != before
        assert set(sessions.restore_tag("work").done) == {one, both, thrown}
        assert sessions.config.tags_file.read_bytes() == before
    assert sessions.summary(both).tags == ("job", "work")
    assert sessions.restore(thrown).tags == ("work",)
    with pytest.raises(NotFound, match="no deleted tag work"):
        sessions.restore_tag("work")


def test_other_changes_since_stay(sessions: SessionRepository, one: str) -> None:
    sessions.tag(one, "work", "old")
    sessions.rename_tag("work", "job")
    sessions.tag(one, "new")
    sessions.untag(one, "old")
    sessions.restore_tag("work")
    assert sorted(sessions.summary(one).tags) == ["new", "work"]


def test_a_damaged_note_is_an_error_and_changes_nothing(sessions: SessionRepository, one: str) -> None:
    sessions.tag(one, "work")
    sessions.remove_tag("work")
    (note,) = sessions.config.undo_dir.iterdir()
    for text in ("{", "[]", '{"key": "work"}', '{"key": "work", "names": {"x": [["a"]]}}'):
        note.write_text(text)
        with pytest.raises(Unreadable):
            sessions.restore_tag("work")
    assert sessions.tags() == {}
