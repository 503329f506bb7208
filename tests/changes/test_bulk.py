"""Tests calls about many sessions: reports, dry runs, rules of deletion, several callers at once."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import (
    BulkReport,
    Closed,
    Conflict,
    Filters,
    InvalidId,
    InvalidValue,
    NotFound,
    ReadOnly,
    SessionRepository,
    StorageError,
    Unreadable,
)
from hermes_sessions.changes import bulk
from hermes_sessions.metadata import MetadataFields
from hermes_sessions.pruning import PruneRule, check_ids, prune_rule

from ..support.agent_db import filled_state
from ..support.efforts import examples
from ..support.make import folder_of, message, snapshot, started, turns, write, write_document

DAY = 86_400.0


def many(sessions: SessionRepository, count: int = 12) -> list[str]:
    """Return the ids of so many sessions that are in the index."""
    for number in range(count):
        write_document(sessions, f"s{number}", title=f"T {number}", messages=turns(2), created_at=1.0)
    sessions.sync()
    return [f"s{number}" for number in range(count)]


def kinds(report: BulkReport) -> dict[str, type[Exception]]:
    """Return the kind of each failure."""
    return {session_id: type(error) for session_id, error in report.errors.items()}


# ---- changing ---------------------------------------------------------------------------------------------


def test_one_failure_stops_no_other(sessions: SessionRepository) -> None:
    ids = many(sessions)
    write(sessions, "broken", "{")
    write_document(sessions, "locked", title="x", read_only=True, messages=[])
    given_ids = ["nobody", *ids[:6], "../x", "broken", "locked", *ids[6:], ids[0], "_index"]
    before = snapshot(sessions)
    dry = sessions.update_many(given_ids, title="New", dry_run=True)
    assert snapshot(sessions) == before
    steps: list[tuple[int, int]] = []

    report = sessions.update_many(given_ids, title="New", progress=lambda *step: steps.append(step))

    assert report.done == dry.done == tuple(ids)
    assert kinds(report) == kinds(dry)
    assert kinds(report) == {
        "nobody": NotFound,
        "../x": InvalidId,
        "broken": Unreadable,
        "locked": ReadOnly,
        "_index": NotFound,
    }
    assert {sessions.summary(each).title for each in ids} == {"New"}
    assert steps == [(number, 17) for number in range(1, 18)]
    listed = sessions.list(hidden=True).items
    sessions.rebuild()
    assert sessions.list(hidden=True).items == listed


def test_filters_choose_what_is_changed(sessions: SessionRepository) -> None:
    ids = many(sessions)
    for each in ids[:3]:
        sessions.update(each, pinned=True)
    report = sessions.update_many(Filters(pinned=True), archived=True, extra={"note": 1})
    assert set(report.done) == set(ids[:3])
    assert set(sessions.update_many(Filters(archived=True), remove=["note"]).done) == set(ids[:3])
    assert [each.extra.get("note") for each in sessions.list(archived=True)] == [None] * 3


def test_what_has_the_values_already_is_left_alone(sessions: SessionRepository) -> None:
    ids = many(sessions, 4)
    sessions.update_many(ids[:2], touch=False, pinned=True, title="Same", extra={"note": "x"})
    before, version = snapshot(sessions), sessions.version()
    for values in ({"pinned": True}, {"title": " Same "}, {"pinned": True, "extra": {"note": "x"}}):
        assert sessions.update_many(ids[:2], touch=False, **values) == BulkReport()
    assert sessions.update_many(ids[:2], touch=False, remove=["absent"]) == BulkReport()
    assert sessions.update_many(ids) == BulkReport()
    assert (snapshot(sessions), sessions.version()) == (before, version)
    dry = sessions.update_many(ids, touch=False, pinned=True, dry_run=True)
    assert dry.done == sessions.update_many(ids, touch=False, pinned=True).done == tuple(ids[2:])
    assert sessions.update_many(ids, pinned=True).done == tuple(ids)  # which counts as activity


@pytest.mark.parametrize("value", ["x" * 4096, "a\ufffdb"])
def test_a_text_that_lists_show_in_another_form_is_written(sessions: SessionRepository, value: str) -> None:
    stored = "a\0b" if "\ufffd" in value else "x" * 5000
    write_document(sessions, "one", personality="p", workspace=None, source_label=None, model=stored)
    write_document(sessions, "two", title="x", personality=stored, messages=[])
    sessions.sync()
    assert sessions.update_many(["two"], touch=False, personality=value).done == ("two",)
    assert sessions.get("two").personality == value


WRONG: dict[str, Callable[[SessionRepository], object]] = {
    "a misspelt field": lambda sessions: sessions.update_many(["s0"], titel="x"),  # type: ignore[call-arg]
    "a wrong value": lambda sessions: sessions.update_many(["s0"], pinned=1),  # type: ignore[arg-type]
    "an unknown project": lambda sessions: sessions.update_many(["s0"], project_id="gone"),
    "one id": lambda sessions: sessions.update_many("s0", pinned=True),
    "no ids": lambda sessions: sessions.update_many([7], pinned=True),  # type: ignore[list-item]
    "no selection": lambda sessions: sessions.delete_many(),
    "ids and filters": lambda sessions: sessions.delete_many(["s0"], archived=True),
    "a misspelt filter": lambda sessions: sessions.delete_many(archive=True),  # type: ignore[call-arg]
    "no rule": lambda sessions: sessions.prune(hidden=True),
    "a wrong age": lambda sessions: sessions.prune(older_than=-1),
    "a wrong number": lambda sessions: sessions.prune(fewer_than=-1),
    "a misspelt filter of prune": lambda sessions: sessions.prune(sorce="cli"),  # type: ignore[call-arg]
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_is_refused_before_anything_is_changed(sessions: SessionRepository, case: str) -> None:
    many(sessions, 1)
    before = snapshot(sessions)
    with pytest.raises((InvalidValue, NotFound)):
        WRONG[case](sessions)
    assert snapshot(sessions) == before


# ---- deleting ---------------------------------------------------------------------------------------------


def test_deleted_sessions_come_back_as_they_were(sessions: SessionRepository) -> None:
    ids = [*many(sessions), sessions.new(model="a draft").session_id]
    before = {each: sessions.get(each) for each in ids[:-1]}
    files = snapshot(sessions)
    dry = sessions.delete_many([*ids, "nobody"], dry_run=True)
    assert snapshot(sessions) == files

    report = sessions.delete_many([*ids, "nobody"])

    assert report.done == dry.done == tuple(ids)
    assert kinds(report) == kinds(dry) == {"nobody": NotFound}
    assert sessions.count(hidden=True) == 0
    assert snapshot(sessions) == {}
    restored = sessions.restore_many([*ids, "nobody"])
    assert kinds(restored) == {"nobody": NotFound, ids[-1]: NotFound}
    assert snapshot(sessions) == files
    assert {each: sessions.get(each).messages for each in before} == {
        each: session.messages for each, session in before.items()
    }


@pytest.fixture
def with_agent(tmp_path: Path) -> SessionRepository:
    """A home whose agent has conversations."""
    (tmp_path / "home").mkdir()
    filled_state(tmp_path / "home" / "state.db")
    return SessionRepository.open(hermes_home=tmp_path / "home")


@pytest.mark.parametrize("everywhere", [False, True])
def test_conversations_of_the_agent_are_named_and_come_back(
    with_agent: SessionRepository, everywhere: bool
) -> None:
    with with_agent as sessions:
        one = started(sessions)
        before = sessions.get("c")
        ids = [one, "c", "lone"]
        dry = sessions.delete_many(ids, everywhere=everywhere, dry_run=True)
        report = sessions.delete_many(ids, everywhere=everywhere)
        assert report == dry == BulkReport(tuple(ids), {}, agents=("c", "lone"))
        assert not {"c", "lone"} & {each.session_id for each in sessions.list(agent=True, hidden=True)}
        assert sessions.restore_many(ids).done == tuple(ids)
        assert [each["content"] for each in sessions.get("c").messages][-1] == before.messages[-1]["content"]


def test_an_update_names_the_conversations_of_the_agent(with_agent: SessionRepository) -> None:
    with with_agent as sessions:
        one = started(sessions)
        report = sessions.update_many([one, "lone"], pinned=True)
        assert (report.done, kinds(report)) == ((one,), {"lone": ReadOnly})
        assert sessions.webui.update_many([one, "lone"], pinned=True, dry_run=True).done == (one, "lone")
        assert not sessions.summary("lone").pinned
        assert sessions.webui.update_many([one, "lone"], pinned=True).done == (one, "lone")
        assert sessions.summary("lone").pinned


# ---- by a rule --------------------------------------------------------------------------------------------

NOW = 1_000 * DAY


def aged(sessions: SessionRepository, name: str, days: float, count: int = 2, **values: Any) -> None:
    """Write a session that was last active some days ago."""
    at = time.time() - days * DAY
    messages = [message(f"{number}", at=at) for number in range(count)]
    write_document(sessions, name, title=name, created_at=at, updated_at=at, messages=messages, **values)


RULES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "old": ({"older_than": 10 * DAY}, {"old", "old small"}),
    "small": ({"fewer_than": 3}, {"small", "old small"}),
    "old and small": ({"older_than": 10 * DAY, "fewer_than": 3}, {"old small"}),
    "a filter": ({"archived": True}, {"archived"}),
    "a filter and a limit": ({"archived": True, "fewer_than": 3}, set()),
    "pinned ones": ({"pinned": True, "older_than": 0}, {"pinned"}),
    "interrupted ones": ({"interrupted": True, "older_than": 0}, {"waiting"}),
    "a time": ({"until": 1.0}, set()),
}


@pytest.mark.parametrize("case", RULES)
def test_a_rule_deletes_what_it_says(sessions: SessionRepository, case: str) -> None:
    for name, days, count, values in (
        ("old", 20, 5, {}),
        ("small", 1, 1, {}),
        ("old small", 20, 1, {}),
        ("new", 1, 5, {}),
        ("archived", 5, 5, {"archived": True}),
        ("pinned", 20, 1, {"pinned": True}),
        ("waiting", 20, 1, {"pending_user_message": "?", "active_stream_id": "s"}),
    ):
        aged(sessions, name.replace(" ", "_"), days, count, **values)
    sessions.sync()
    keywords, expected = RULES[case]
    ids = {name.replace(" ", "_") for name in expected}
    assert set(sessions.prune(**keywords, dry_run=True).done) == ids
    report = sessions.prune(**keywords)
    assert (set(report.done), report.failed) == (ids, {})
    assert {each.session_id for each in sessions.trash()} == ids
    assert len(sessions.list()) == 7 - len(ids)


def test_a_session_that_no_longer_fits_is_kept(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged(sessions, "one", 20)
    aged(sessions, "two", 20)
    sessions.sync()
    changing = iter([lambda: aged(sessions, "one", 0, 3)])
    real = bulk.each_together

    def late(*args: Any, **more: Any) -> Any:
        next(changing)()
        return real(*args, **more)

    monkeypatch.setattr("hermes_sessions.changes.each_together", late, raising=False)
    report = sessions.prune(older_than=10 * DAY)
    assert (report.done, kinds(report)) == (("two",), {"one": Conflict})
    assert "it was not deleted" in report.failed["one"]
    assert sessions.get("one").message_count == 3


@pytest.mark.parametrize(
    ("rule", "pinned", "expected"),
    [
        (PruneRule(None, None), False, True),
        (PruneRule(None, None), True, False),
        (PruneRule(None, None, pinned=True), True, True),
        (PruneRule(NOW, None), False, True),
        (PruneRule(NOW - 1, None), False, False),
        (PruneRule(None, 2), False, False),
        (PruneRule(None, 3), False, True),
        (PruneRule(NOW, 2), False, False),
    ],
)
def test_the_rule(sessions: SessionRepository, rule: PruneRule, pinned: bool, expected: bool) -> None:
    summary = sessions.new(title="x", pinned=pinned, created_at=NOW - 1, updated_at=NOW - 1).summary()
    object.__setattr__(summary, "message_count", 2)
    object.__setattr__(summary, "last_message_at", NOW - 1)
    assert rule.applies(summary) is expected


def test_a_rule_says_something() -> None:
    for filters in (Filters(), Filters(agent=True), Filters(hidden=True), Filters(agent="only", hidden=True)):
        with pytest.raises(InvalidValue, match="say what to delete: older_than, fewer_than, or a filter"):
            prune_rule(filters, None, None, NOW)
    assert prune_rule(Filters(source="cli"), None, None, NOW) == PruneRule(None, None)
    assert prune_rule(Filters(), 5.0, 2, NOW) == PruneRule(NOW - 5, 2)


@pytest.mark.parametrize(
    "keywords", [{}, {"project_id": None}, {"archived": None, "tag": None}, {"agent": True}, {"hidden": True}]
)
def test_keywords_without_a_condition_delete_nothing(
    sessions: SessionRepository, keywords: dict[str, Any]
) -> None:
    """A script that finds no project would otherwise delete everything."""
    ids = many(sessions)
    with pytest.raises(InvalidValue, match="say which sessions"):
        sessions.delete_many(**keywords)
    assert sessions.count() == len(ids)


@pytest.mark.parametrize("wrong", ["one", b"one", {"one": 1}, 7, None, [7], [None], [["one"]], [{}]])
def test_ids_are_a_list_of_texts(wrong: Any) -> None:
    with pytest.raises(InvalidValue, match="give a list of ids, or Filters"):
        check_ids(wrong)


# ---- others at the same time ------------------------------------------------------------------------------


def test_an_index_that_fails_is_told_of_each_session_and_the_next_sync_mends_it(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many(sessions)
    failing = ids[3]
    real = bulk.GroupStore.put_after_files

    def broken(self: bulk.GroupStore, done: str, rows: Any) -> Any:
        if failing in {row.old.summary.session_id for row in rows}:
            raise StorageError(f"{done}, but the disk is full")
        return real(self, done, rows)

    monkeypatch.setattr(bulk.GroupStore, "put_after_files", broken)
    report = sessions.update_many(ids, title="New")
    monkeypatch.undo()
    assert failing in report.failed
    assert set(report.done) | set(report.failed) == set(ids)
    assert set(report.done).isdisjoint(report.failed)
    assert {each.title for each in sessions.list()} == {"New"}, "the files are the truth"


def test_a_progress_that_raises_leaves_no_row_behind_its_file(sessions: SessionRepository) -> None:
    ids = many(sessions)

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sessions.update_many(ids, title="New", progress=stop)
    changed = [each for each in ids if b"New" in (folder_of(sessions) / f"{each}.json").read_bytes()]
    assert len(changed) == 5
    assert {each.session_id for each in sessions.list() if each.title == "New"} == set(changed)
    assert [each for each in sessions.check() if not each.note] == []


def test_a_closed_repository_does_nothing(sessions: SessionRepository) -> None:
    sessions.close()
    with pytest.raises(Closed):
        sessions.update_many(["one"], pinned=True)


@pytest.mark.slow
def test_threads_that_change_the_same_sessions_lose_nothing(sessions: SessionRepository) -> None:
    ids = many(sessions, 24)
    failures: list[object] = []

    def work(name: str) -> None:
        for _ in range(3):
            report = sessions.update_many(ids, touch=False, extra={name: name})
            failures.extend(report.failed.values())
        for each in ids[:6]:
            sessions.append(each, [message(name)])

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    for each in ids:
        session = sessions.get(each)
        assert {name: session.extra.get(name) for name in "abc"} == {"a": "a", "b": "b", "c": "c"}
        assert session.message_count == 2 + (3 if each in ids[:6] else 0)
    assert [each for each in sessions.check() if not each.note] == []
    listed = sessions.list().items
    sessions.rebuild()
    assert sessions.list().items == listed


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["pinned", "archived", "title", "delete", "restore", "note"]),
            st.sets(st.integers(0, 6), max_size=5),
            st.booleans(),
        ),
        max_size=6,
    )
)
@examples(0.25, shares_fixtures=True)
def test_many_at_once_are_as_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, set[int], bool]]
) -> None:
    homes = [tmp_path_factory.mktemp("bulk") / "home" for _ in range(2)]
    results = []
    for home, is_bulk in zip(homes, (True, False), strict=True):
        with SessionRepository.open(hermes_home=home) as sessions:
            many(sessions, 7)
            for kind, numbers, value in steps:
                ids = [f"s{number}" for number in numbers]
                apply(sessions, kind, ids if is_bulk else [[each] for each in ids], value)
            listed = {each.session_id: each.as_dict() | {"updated_at": 0} for each in sessions.list()}
            sessions.rebuild()
            again = {each.session_id: each.as_dict() | {"updated_at": 0} for each in sessions.list()}
            assert listed == again
            results.append(listed)
    assert results[0] == results[1]


def apply(sessions: SessionRepository, kind: str, ids: list[Any], value: bool) -> None:
    """Do one thing to sessions: together, or each list of ids after the other."""
    for some in ids if ids and isinstance(ids[0], list) else [ids]:
        if kind == "delete":
            sessions.delete_many(some)
        elif kind == "restore":
            sessions.restore_many(some)
        elif kind == "note":
            sessions.update_many(
                some, touch=False, **({"extra": {"note": 1}} if value else {"remove": ["note"]})
            )
        elif kind == "title":
            sessions.update_many(some, touch=False, title="A" if value else "B")
        elif kind == "pinned":
            sessions.update_many(some, touch=False, pinned=value)
        else:
            sessions.update_many(some, touch=False, archived=value)


def test_a_home_that_is_not_written_still_says_what_would_change(tmp_path: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path / "home") as sessions:
        ids = many(sessions, 3)
    with SessionRepository.open(hermes_home=tmp_path / "home", read_only=True) as sessions:
        assert sessions.update_many(ids, title="New", dry_run=True).done == tuple(ids)
        assert sessions.delete_many(ids, dry_run=True).done == tuple(ids)
        assert sessions.prune(older_than=0, dry_run=True).done
        assert sessions.webui.update_many(ids, pinned=True, dry_run=True).done == tuple(ids)
        calls: list[Callable[[], object]] = [
            lambda: sessions.update_many(ids, title="New"),
            lambda: sessions.delete_many(ids),
            lambda: sessions.delete_many(ids, everywhere=True),
            lambda: sessions.prune(older_than=0),
            lambda: sessions.restore_many(ids),
            lambda: sessions.webui.update_many(ids, pinned=True),
        ]
        for call in calls:
            with pytest.raises(ReadOnly, match="Nothing was changed"):
                call()


def test_a_reversal_says_whether_the_earlier_project_existed(sessions: SessionRepository) -> None:
    kitchen = sessions.projects.create("Kitchen").project_id
    lost, filed, free = (started(sessions) for _ in range(3))
    sessions.update(filed, project_id=kitchen)
    sessions.update_many([lost], project_id="0123456789ab", any_project=True)
    report = sessions.update_many([lost, filed, free], project_id=None, archived=True)
    expected = {lost: ("0123456789ab", True), filed: (kitchen, False), free: (None, False)}
    said = {each.session_ids[0]: (each.values["project_id"], each.any_project) for each in report.undo}
    assert said == expected
    for each in report.undo:
        sessions.update_many(each.session_ids, any_project=each.any_project, **each.values)
    assert {name: sessions.summary(name).project_id for name in expected} == {
        name: project_id for name, (project_id, _) in expected.items()
    }
    assert sessions.update_many([lost], pinned=True).undo[0].any_project is False


def test_a_reversal_can_be_made_field_by_field(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    sessions.update_many([session_id], project_id="0123456789ab", any_project=True)
    (reversal,) = sessions.update_many([session_id], project_id=None, archived=True, pinned=True).undo
    fields: list[MetadataFields] = [{"pinned": False}, {"archived": False}, {"project_id": "0123456789ab"}]
    for values in fields:
        sessions.update_many(reversal.session_ids, any_project=reversal.any_project, **values)
    now = sessions.summary(session_id)
    assert {"pinned": now.pinned, "archived": now.archived, "project_id": now.project_id} == reversal.values


def test_a_move_is_reversed_whole_while_the_projects_cannot_be_read(sessions: SessionRepository) -> None:
    kitchen = sessions.projects.create("Kitchen").project_id
    filed = started(sessions)
    sessions.update(filed, project_id=kitchen)
    sessions.config.projects_file.write_text("{")
    (reversal,) = sessions.update_many([filed], project_id=None).undo
    sessions.update_many(reversal.session_ids, any_project=reversal.any_project, **reversal.values)
    assert sessions.summary(filed).project_id == kitchen
