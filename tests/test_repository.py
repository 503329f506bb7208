"""The repository as its users call it: lists, one session, creating, changing, deleting."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import Conflict, InvalidId, InvalidValue, NotFound, ReadOnly, Session, SessionRepository
from hermes_sessions.fields import with_clean_title
from hermes_sessions.index import sync as index_sync
from hermes_sessions.sidecars import editing, load, outline_of
from hermes_sessions.sidecars.document import Edit

from .support.efforts import examples
from .support.make import folder_of, message, snapshot, started, turns, write, write_document

SHORTENED = ("intentional_shrink_generation", "truncation_watermark", "truncation_boundary")
WRONG_IDS: list[Any] = [
    "../x",
    "",
    "a" * 129,
    "a\0b",
    "a/b",
    "ü",
    "a b",
    "a.b",
    "a\n",
    None,
    7,
    b"abc",
    ["a"],
]


def without_cut(*given: Session) -> None:
    """Remove from sessions what they say of being shortened."""
    for session in given:
        for name in SHORTENED:
            session.extra.pop(name, None)


def many(sessions: SessionRepository) -> None:
    """Store thirty sessions that differ in all that lists filter and sort by, with ties."""
    for index in range(30):
        write_document(
            sessions,
            f"s{index:02}",
            title=f"Session {index}" if index % 7 else "Untitled",
            pinned=index % 5 == 0,
            archived=index % 3 == 0,
            profile=[None, "default", "work"][index % 3],
            project_id=["p1", None][index % 2],
            source_tag=[None, "cli", "telegram", "cron"][index % 4],
            messages=[message(at=1_777_000_000 + index // 4)] if index % 6 else [],
        )


@pytest.fixture(scope="module")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionRepository]:
    """A repository of the sessions of `many`, which no test changes."""
    with SessionRepository.open(hermes_home=tmp_path_factory.mktemp("thirty")) as repository:
        many(repository)
        yield repository


# ---- lists ----------------------------------------------------------------------------------------------


FILTERS: list[dict[str, Any]] = [
    {},
    {"hidden": True},
    {"profile": "work"},
    {"profile": "default", "hidden": True},
    {"project_id": "p1"},
    {"source": "webui"},
    {"source": "messaging"},
    {"source": "cron", "hidden": True},
    {"archived": True},
    {"archived": False, "hidden": True},
    {"profile": "work", "project_id": "p1", "source": "messaging", "archived": False, "hidden": True},
]


@pytest.mark.parametrize("filters", FILTERS)
def test_a_list_is_what_filtering_and_sorting_all_would_give(
    thirty: SessionRepository, filters: dict[str, Any]
) -> None:
    everything = thirty.list(hidden=True).items
    assert len(everything) == 30
    wanted = [
        summary
        for summary in everything
        if (filters.get("hidden") or not summary.hidden)
        and all(
            getattr(summary, name) == filters[name]
            for name in ("profile", "project_id", "source", "archived")
            if name in filters
        )
    ]
    wanted.sort(key=lambda summary: (not summary.pinned, -summary.last_message_at, summary.session_id))
    page = thirty.list(**filters)
    assert page.items == wanted
    assert (page.total, page.next_cursor, page.warnings) == (len(wanted), None, ())
    assert thirty.count(**filters) == len(wanted)
    assert wanted, "the filter should match something"


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("limit", [1, 2, 7, 29, 30, 31])
def test_every_cursor_goes_on_where_the_page_ended(
    thirty: SessionRepository, filters: dict[str, Any], limit: int
) -> None:
    found, cursor = [], None
    while True:
        page = thirty.list(limit=limit, cursor=cursor, **filters)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.items) == limit
    assert found == thirty.list(**filters).items


def test_a_cursor_survives_what_happens_to_the_session_it_names(sessions: SessionRepository) -> None:
    many(sessions)
    page = sessions.list(limit=5)
    rest = sessions.list().items[5:]
    sessions.delete(page.items[-1].session_id)
    assert sessions.list(cursor=page.next_cursor).items == rest


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": True},
        {"limit": "5"},
        {"limit": 100_001},
        {"cursor": ""},
        {"cursor": "x"},
        {"cursor": 5},
        {"cursor": "W10="},
        {"cursor": "WzEsIDIsICIuLi94Il0="},
        {"profile": 5},
        {"project_id": []},
        {"source": b"cli"},
        {"archived": "yes"},
        {"hidden": 1},
    ],
)
def test_a_wrong_argument_of_list_is_named(sessions: SessionRepository, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match=next(iter(arguments))):
        sessions.list(**arguments)


def test_nan_is_no_cursor(sessions: SessionRepository) -> None:
    with pytest.raises(InvalidValue, match="cursor"):
        sessions.list(cursor="WzEsIE5hTiwgImEiXQ==")


@pytest.mark.parametrize(
    ("values", "hidden"),
    [
        ({}, True),
        ({"title": "Named"}, False),
        ({"messages": [message()]}, False),
        ({"active_stream_id": "stream"}, False),
        ({"pending_user_message": "waiting"}, False),
        ({"title": "Job", "source_tag": "cron", "messages": [message()]}, True),
        ({"title": "Job", "source": "cron", "messages": [message()]}, True),
        ({"title": "Job", "source_tag": "cli", "messages": [message()]}, False),
    ],
)
def test_what_the_sidebar_hides(sessions: SessionRepository, values: dict[str, Any], hidden: bool) -> None:
    write_document(sessions, "one", **values)
    assert sessions.count() == (0 if hidden else 1)
    assert sessions.count(hidden=True) == 1


def test_a_scheduled_session_is_hidden_by_its_id(sessions: SessionRepository) -> None:
    write_document(sessions, "cron_nightly_1", title="Nightly", messages=[message()])
    assert sessions.count() == 0
    assert sessions.list(hidden=True).items[0].source == "cron"


def test_streaming_is_what_the_caller_says_is_alive(sessions: SessionRepository) -> None:
    write_document(sessions, "one", title="One", active_stream_id="stream")
    summary = sessions.summary("one")
    assert summary.as_dict()["is_streaming"] is False
    assert summary.as_dict(active_streams={"stream"})["is_streaming"] is True
    assert sessions.get("one").as_dict(active_streams=["other"])["is_streaming"] is False


def test_the_version_changes_with_every_change_and_not_without(sessions: SessionRepository) -> None:
    seen = [sessions.version()]
    session_id = started(sessions)
    seen.append(sessions.version())
    sessions.update(session_id, pinned=True)
    seen.append(sessions.version())
    write_document(sessions, "foreign", title="Foreign")
    seen.append(sessions.version())
    sessions.delete(session_id)
    seen.append(sessions.version())
    assert len(set(seen)) == len(seen)
    assert sessions.version() == seen[-1]


def test_opening_again_changes_no_version(sessions: SessionRepository) -> None:
    started(sessions)
    sessions.new()
    version = sessions.version()
    with SessionRepository.open(sessions.config.state_dir) as other:
        assert other.version() == version


# ---- one session ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", WRONG_IDS)
def test_a_wrong_id_is_refused_by_every_call(sessions: SessionRepository, wrong: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: sessions.summary(wrong),
        lambda: sessions.get(wrong),
        lambda: sessions.messages(wrong),
        lambda: sessions.export(wrong),
        lambda: sessions.update(wrong, title="x"),
        lambda: sessions.append(wrong, [message()]),
        lambda: sessions.truncate(wrong, 0),
        lambda: sessions.clear(wrong),
        lambda: sessions.undo(wrong),
        lambda: sessions.retry(wrong),
        lambda: sessions.fork(wrong),
        lambda: sessions.duplicate(wrong),
        lambda: sessions.delete(wrong),
        lambda: sessions.save(replace(sessions.new(), session_id=wrong)),
    ]
    for call in calls:
        with pytest.raises(InvalidId, match="session_id must be 1 to 128"):
            call()
    assert snapshot(sessions) == {}


@pytest.mark.parametrize("unknown", ["missing", "a" * 128, "_index"])
def test_an_unknown_id_is_not_found_by_every_call(sessions: SessionRepository, unknown: str) -> None:
    (folder_of(sessions) / "_index.json").write_text("[]")
    calls: list[Callable[[], object]] = [
        lambda: sessions.summary(unknown),
        lambda: sessions.get(unknown),
        lambda: sessions.messages(unknown),
        lambda: sessions.export(unknown),
        lambda: sessions.update(unknown, title="x"),
        lambda: sessions.append(unknown, [message()]),
        lambda: sessions.truncate(unknown, 0),
        lambda: sessions.clear(unknown),
        lambda: sessions.undo(unknown),
        lambda: sessions.fork(unknown),
        lambda: sessions.duplicate(unknown),
        lambda: sessions.delete(unknown),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="no session"):
            call()
    assert snapshot(sessions) == {"_index.json": b"[]"}


def test_a_session_is_a_value(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    session = sessions.get(session_id)
    with pytest.raises(FrozenInstanceError):
        session.title = "x"  # type: ignore[misc]  # the point of the test
    session.messages.clear()
    assert sessions.get(session_id).message_count == 4


@pytest.mark.parametrize(
    ("before", "limit", "expected"),
    [
        (None, None, (0, 10)),
        (None, 3, (7, 10)),
        (7, 3, (4, 7)),
        (2, 3, (0, 2)),
        (0, 3, (0, 0)),
        (99, 3, (7, 10)),
        (None, 0, (10, 10)),
        (4, None, (0, 4)),
    ],
)
def test_a_page_of_messages(
    sessions: SessionRepository, before: int | None, limit: int | None, expected: tuple[int, int]
) -> None:
    session_id = started(sessions, 10)
    page = sessions.messages(session_id, before=before, limit=limit)
    start, end = expected
    assert page.messages == turns(10)[start:end]
    assert (page.offset, page.total) == (start, 10)


def test_pages_go_on_both_ways(sessions: SessionRepository) -> None:
    session_id, total = started(sessions, 10), 10
    middle = sessions.messages(session_id, after=4, limit=3)
    assert (middle.messages, middle.offset, middle.end) == (turns(10)[4:7], 4, 7)
    assert sessions.messages(session_id, after=middle.end, limit=2).messages == turns(10)[7:9]
    assert sessions.messages(session_id, before=middle.offset, limit=2).messages == turns(10)[2:4]
    behind = sessions.messages(session_id, after=99, limit=3)
    assert (behind.messages, behind.offset, behind.end, behind.total) == ([], total, total, total)
    assert sessions.messages(session_id, after=6, before=2).messages == []


@pytest.mark.parametrize(
    "wrong",
    [{"before": -1}, {"limit": -1}, {"limit": "3"}, {"before": 1.0}, {"limit": True}, {"after": -1}],
)
def test_a_wrong_page_of_messages_is_named(sessions: SessionRepository, wrong: dict[str, Any]) -> None:
    session_id = started(sessions)
    with pytest.raises(InvalidValue, match=next(iter(wrong))):
        sessions.messages(session_id, **wrong)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([message(at=5), message(role="tool", at=9)], 5),
        ([message(at=5), message(at=None)], 5),
        ([message(at=None)], 50),
        ([message(at=None, _ts=7, timestamp=3)], 7),
        ([message(at=None, _ts=0, timestamp=3)], 3),
        ([message(at=None, timestamp="9")], 9),
        ([message(at=None, timestamp="nine")], 50),
        ([message(at=None, timestamp=True)], 50),
        (["text", None, 3], 50),
        ([], 50),
    ],
)
def test_when_the_last_message_was_sent(
    sessions: SessionRepository, messages: list[Any], expected: float
) -> None:
    write_document(sessions, "one", title="One", updated_at=50, messages=messages)
    assert sessions.summary("one").last_message_at == expected
    assert sessions.get("one").last_message_at == expected


def test_wrong_values_read_as_defaults(sessions: SessionRepository) -> None:
    wrong = {
        "created_at": 1,
        "updated_at": 2,
        "title": 5,
        "pinned": "yes",
        "input_tokens": -1,
        "output_tokens": 2**70,
        "estimated_cost": "1",
        "profile": [],
    }
    path = write_document(
        sessions, "one", **wrong, model_provider="  OpenRouter ", messages=[message()], tool_calls={"a": 1}
    )
    session = sessions.get("one")
    assert (session.title, session.pinned, session.input_tokens, session.output_tokens) == (
        "Untitled",
        False,
        0,
        0,
    )
    assert (session.estimated_cost, session.profile, session.tool_calls) == (None, "default", [])
    assert session.model_provider == "openrouter"
    before = json.loads(path.read_bytes())
    sessions.save(session, touch=False)
    assert json.loads(path.read_bytes()) == before | {"message_count": 1}


def test_the_count_is_that_of_the_messages_whatever_the_head_says(sessions: SessionRepository) -> None:
    write_document(sessions, "one", message_count=0, messages=turns(3))
    assert sessions.list().items[0].message_count == 3
    sessions.update("one", title="One")
    assert json.loads((folder_of(sessions) / "one.json").read_bytes())["message_count"] == 3


# ---- creating -------------------------------------------------------------------------------------------


def test_a_draft_is_hidden_has_no_file_and_is_found_by_others(sessions: SessionRepository) -> None:
    draft = sessions.new(model="m", model_provider=" OpenAI ", enabled_toolsets=["web"])
    sessions.update(draft.session_id, extra={"made_up": {"a": 1}})
    draft = sessions.get(draft.session_id)
    assert snapshot(sessions) == {}
    assert sessions.count() == 0
    assert sessions.count(hidden=True) == 1
    with SessionRepository.open(sessions.config.state_dir) as other:
        assert other.get(draft.session_id) == draft
        assert other.messages(draft.session_id).total == 0
        assert other.update(draft.session_id, model="n").model == "n"
    assert snapshot(sessions) == {}
    sessions.append(draft.session_id, [message()])
    written = json.loads((folder_of(sessions) / f"{draft.session_id}.json").read_bytes())
    assert written["model"] == "n"
    assert written["model_provider"] == "openai"
    assert written["made_up"] == {"a": 1}
    assert sessions.count() == 1


@pytest.mark.parametrize("waiting", [{"pending_user_message": "please"}, {"active_stream_id": "s"}])
def test_a_draft_that_waits_for_its_answer_has_a_file(
    sessions: SessionRepository, waiting: dict[str, Any]
) -> None:
    draft = sessions.new()
    sessions.update(draft.session_id, **waiting)
    assert len(snapshot(sessions)) == 1
    assert sessions.count() == 1


def test_a_draft_is_dropped_after_an_unused_day(
    sessions: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = sessions.new(updated_at=1, created_at=1)
    with SessionRepository.open(sessions.config.state_dir) as other:
        assert other.get(draft.session_id) == draft
    monkeypatch.setattr(index_sync, "DRAFT_SECONDS", 0)
    with SessionRepository.open(sessions.config.state_dir) as other, pytest.raises(NotFound):
        other.get(draft.session_id)


def test_drafts_saved_from_two_sides_conflict(sessions: SessionRepository) -> None:
    draft = sessions.new()
    sessions.update(draft.session_id, title="By another")
    with pytest.raises(Conflict):
        sessions.save(replace(draft, messages=[message()]))
    sessions.save(replace(sessions.get(draft.session_id), messages=[message()]))
    with pytest.raises(Conflict):
        sessions.save(replace(draft, messages=[message()]))


def test_a_new_session_starts_in_the_workspace_chosen_last(
    sessions: SessionRepository, tmp_path: Path
) -> None:
    assert sessions.new().workspace == str(Path.home())
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    sessions.update(started(sessions), workspace=str(chosen))
    assert sessions.new().workspace == str(chosen)
    chosen.rmdir()
    assert sessions.new().workspace == str(Path.home())


def test_a_workspace_is_expanded_and_resolved(sessions: SessionRepository, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert sessions.new(workspace=f"{tmp_path}/link/../x").workspace == str(tmp_path.parent / "x")
    assert sessions.new(workspace="~/y").workspace == str(Path.home() / "y")


def test_fork_keeps_the_beginning_and_names_its_parent(sessions: SessionRepository) -> None:
    cards: list[dict[str, Any]] = [
        {"tid": "a", "assistant_msg_idx": 1},
        {"tid": "b", "assistant_msg_idx": 3},
        {"tid": "c"},
    ]
    session_id = started(sessions, 5, title="Plan", model="m", profile="work", input_tokens=7)
    sessions.update(session_id, extra={"made_up": [1]})
    sessions.append(session_id, [], tool_calls=cards)
    sessions.update(session_id, pinned=True, archived=True, pending_user_message="?", active_stream_id="s")
    fork = sessions.fork(session_id, keep=3)
    assert fork.title == "Plan (fork)"
    assert fork.parent_session_id == session_id
    assert fork.messages == turns(5)[:3]
    assert [card["tid"] for card in fork.tool_calls] == ["a", "c"]
    assert (fork.pinned, fork.archived, fork.waiting, fork.input_tokens) == (False, False, False, 0)
    assert (fork.model, fork.profile, fork.extra["made_up"]) == ("m", "work", [1])
    assert sessions.get(fork.session_id) == fork
    assert sessions.summary(fork.session_id).as_dict()["parent_session_id"] == session_id
    assert sessions.fork(session_id, title="Other", keep=99).message_count == 5
    assert sessions.fork(session_id, keep=0).messages == []


@pytest.mark.parametrize("keep", [-1, "2", 1.5, True])
def test_a_wrong_keep_is_named(sessions: SessionRepository, keep: Any) -> None:
    session_id = started(sessions)
    before = snapshot(sessions)
    for call in (sessions.fork, sessions.truncate):
        with pytest.raises(InvalidValue, match="keep"):
            call(session_id, keep=keep)
    assert snapshot(sessions) == before


def test_duplicate_is_a_copy_that_shares_nothing(sessions: SessionRepository) -> None:
    session_id = started(sessions, 3, title="Plan", input_tokens=7)
    sessions.update(session_id, pinned=True, archived=True, extra={"share_token": "t"})
    copy = sessions.duplicate(session_id)
    assert copy.title == "Plan (copy)"
    assert (copy.pinned, copy.archived, copy.extra["share_token"], copy.input_tokens) == (
        False,
        False,
        None,
        7,
    )
    assert copy.messages == turns(3)
    assert sessions.get(session_id).message_count == 3


@pytest.mark.parametrize("title", ["x" * 500, "x" * 700])
def test_a_long_title_is_cut_for_what_a_copy_is_called(sessions: SessionRepository, title: str) -> None:
    write_document(sessions, "one", title=title, messages=turns(1))
    assert sessions.fork("one").title == "x" * 73 + " (fork)"
    assert sessions.duplicate("one").title == "x" * 73 + " (copy)"


def test_a_title_is_given_by_one_rule(sessions: SessionRepository) -> None:
    long, cut = "  " + "x" * 100, "x" * 80
    session_id = started(sessions)

    assert sessions.new(title=long).title == cut
    assert sessions.update(session_id, title=long).title == cut
    assert sessions.append(session_id, [message()], title=" \n").title == "Untitled"
    assert sessions.fork(session_id, title=long).title == cut
    assert sessions.get(session_id).title == "Untitled"


@pytest.mark.parametrize("change", [{"pinned": True}, {"title": "y" * 500}])
def test_a_longer_title_of_a_file_is_kept(sessions: SessionRepository, change: dict[str, Any]) -> None:
    path = write_document(sessions, "one", title="x" * 500, messages=turns(1))
    session = sessions.get("one")

    saved = sessions.save(replace(session, **change))

    title = change.get("title", "x" * 500)
    assert session.title == "x" * 500
    assert (saved.title, sessions.summary("one").title) == (title, title)
    assert json.loads(path.read_bytes())["title"] == title


@pytest.mark.parametrize("project_id", ["no-such", " "])
def test_a_session_is_put_into_no_project_that_does_not_exist(
    sessions: SessionRepository, project_id: str
) -> None:
    session_id, before = started(sessions), snapshot(sessions)
    changes: list[Callable[[], Any]] = [
        lambda: sessions.new(project_id=project_id),
        lambda: sessions.update(session_id, project_id=project_id),
        lambda: sessions.append(session_id, [message()], project_id=project_id),
    ]

    for change in changes:
        with pytest.raises(NotFound, match=f"^no project {project_id}$"):
            change()
    assert sessions.count(hidden=True) == 1
    assert snapshot(sessions).keys() == before.keys()


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_session_is_taken_out_of_its_project(sessions: SessionRepository, nothing: str | None) -> None:
    project_id = sessions.projects.create("Work").project_id
    session_id = sessions.new(project_id=project_id).session_id

    assert sessions.update(session_id, project_id=nothing).project_id is None
    assert sessions.new(project_id=nothing).project_id is None


def test_a_copy_of_a_draft_has_a_title_and_so_a_file(sessions: SessionRepository) -> None:
    draft = sessions.new(model="m")
    copy = sessions.duplicate(draft.session_id)
    assert (copy.title, copy.model, copy.session_id != draft.session_id) == ("Untitled (copy)", "m", True)
    assert snapshot(sessions).keys() == {f"{copy.session_id}.json"}
    assert sessions.list().items == [sessions.summary(copy.session_id)]


@pytest.mark.parametrize(
    "given", [{"title": "Plan"}, {"pinned": True}, {"archived": True}, {"project_id": "p"}]
)
@pytest.mark.parametrize("later", [False, True])
def test_a_session_without_messages_is_real_once_somebody_arranged_it(
    sessions: SessionRepository, given: dict[str, Any], later: bool
) -> None:
    if "project_id" in given:
        given = {"project_id": sessions.projects.create("Atlas").project_id}
    session_id = sessions.new(**({} if later else given)).session_id
    if later:
        assert snapshot(sessions) == {}
        sessions.update(session_id, **given)
    assert snapshot(sessions).keys() == {f"{session_id}.json"}
    assert [each.session_id for each in sessions.list()] == [session_id]
    assert sessions.why(session_id)
    sessions.rebuild()
    assert sessions.count() == 1
    assert [found for found in sessions.check(deep=True) if not found.note] == []


@pytest.mark.slow
def test_an_export_imports_as_a_new_session_with_the_same_content(sample: Path) -> None:
    with SessionRepository.open(hermes_home=sample) as sessions:
        for summary in sessions.list(hidden=True).items:
            original = sessions.get(summary.session_id)
            copy = sessions.import_document(json.loads(sessions.export(summary.session_id, redact=False)))
            assert copy.session_id != original.session_id
            assert copy.signature is not None
            assert copy.signature.inode, "an import is never a draft, which would be dropped after a day"
            same = {
                "pending_user_message",
                "active_stream_id",
                "messages",
                "tool_calls",
                "title",
                "created_at",
                "updated_at",
                "model",
                "pinned",
            }
            assert all(getattr(copy, name) == getattr(original, name) for name in same)
            assert copy.extra.pop("copied_from")["session_id"] == original.session_id
            assert copy.extra == original.extra


@pytest.mark.parametrize(
    ("doc", "named"),
    [
        ([], "JSON object"),
        ("{}", "JSON object"),
        ({1: 2}, "JSON object"),
        ({}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["text"]}, "messages have no role"),
        ({"messages": ["text"], "session_id": "s"}, r"messages\[0\]"),
        ({"messages": [], "tool_calls": "x"}, "tool_calls"),
        ({"messages": [], "title": 5}, "title"),
        ({"messages": [], "pinned": 2}, "pinned"),
        ({"messages": [], "created_at": "yesterday"}, "created_at"),
    ],
)
def test_a_wrong_import_is_named_and_stores_nothing(
    sessions: SessionRepository, doc: Any, named: str
) -> None:
    with pytest.raises(InvalidValue, match=named):
        sessions.import_document(doc)
    assert snapshot(sessions) == {}
    assert sessions.count(hidden=True) == 0


def test_a_message_as_deep_as_can_be_read_is_exported(sessions: SessionRepository) -> None:
    deep = "[" * 700 + '"sk-aaaaaaaaaaaaaaaaaaaa"' + "]" * 700
    write(sessions, "one", f'{{"messages": [{{"role": "user", "content": {deep}}}]}}')
    assert "[[[[" in "".join(sessions.export("one").split())


def test_an_export_masks_secrets_unless_told_otherwise(sessions: SessionRepository) -> None:
    secret = "sk-" + "a1B2" * 8
    session_id = started(sessions, 1, title=f"Use {secret}")
    sessions.append(session_id, [message(f"API_KEY={secret}", tool_calls=[{"arguments": secret}])])
    assert secret not in sessions.export(session_id)
    assert (
        json.loads(sessions.export(session_id, redact=False))["messages"][1]["content"] == f"API_KEY={secret}"
    )
    unknown: Any = "pdf"
    with pytest.raises(InvalidValue, match="format must be one of json, markdown, html"):
        sessions.export(session_id, format=unknown)


# ---- changing -------------------------------------------------------------------------------------------

WRONG: dict[str, list[Any]] = {
    "title": [None, 5, b"x", ["x"]],
    "workspace model model_provider profile personality": [5, [], {}, True],
    "project_id parent_session_id source_tag session_source source_label": [5, "x" * 129],
    "active_stream_id pending_user_message": [5, False, []],
    "pinned archived is_cli_session": [None, 1, "true"],
    "created_at updated_at": [None, "now", -1, True, float("nan"), float("inf"), 10**400],
    "input_tokens output_tokens": [None, -1, 1.5, "1", True, 2**63],
    "context_length threshold_tokens last_prompt_tokens": [-1, 1.5, "1", 2**63],
    "estimated_cost": ["1", True, float("nan"), []],
    "pending_attachments": [None, "x", {}],
    "pending_started_at": ["x", -1],
    "enabled_toolsets": ["web", [], [1], [""], {}],
    "messages tool_calls message_count last_message_at is_streaming": [1],
    "made_up": [{1, 2}, "x" * 1_000_000],
}
WRONG_VALUES = [
    (name, value) for names, values in WRONG.items() for name in names.split() for value in values
]


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SessionRepository, str, str]]:
    """A repository of a session and a draft, with their ids, for calls that are refused."""
    with SessionRepository.open(hermes_home=tmp_path_factory.mktemp("unchanged")) as repository:
        yield repository, started(repository, 2), repository.new().session_id


@pytest.mark.parametrize(("name", "value"), WRONG_VALUES, ids=lambda value: repr(value)[:20])
def test_a_wrong_value_is_named_and_changes_nothing(
    unchanged: tuple[SessionRepository, str, str], name: str, value: Any
) -> None:
    sessions, session_id, draft_id = unchanged
    before, listed = snapshot(sessions), sessions.list(hidden=True)
    with pytest.raises(InvalidValue, match=name):
        sessions.update(session_id, **{name: value})
    with pytest.raises(InvalidValue, match=name):
        sessions.update(draft_id, **{name: value})
    with pytest.raises((InvalidValue, TypeError), match=name):
        sessions.append(session_id, [message()], **{name: value})
    with pytest.raises((InvalidValue, TypeError), match=name):
        sessions.new(**({"title": "x"} | {name: value}))
    assert snapshot(sessions) == before
    assert sessions.list(hidden=True) == listed


@pytest.mark.parametrize("wrong", [None, "text", {"role": "user"}, [message(), "text"], [[]], 5])
def test_wrong_messages_are_named_and_change_nothing(sessions: SessionRepository, wrong: Any) -> None:
    session_id = started(sessions, 2)
    before = snapshot(sessions)
    with pytest.raises(InvalidValue, match="messages"):
        sessions.append(session_id, wrong)
    with pytest.raises(InvalidValue, match="messages"):
        sessions.save(replace(sessions.get(session_id), messages=wrong))
    with pytest.raises(InvalidValue, match="messages"):
        sessions.append(session_id, [message(more={1, 2})])
    assert snapshot(sessions) == before


def test_save_takes_a_session(sessions: SessionRepository) -> None:
    with pytest.raises(InvalidValue, match="Session"):
        sessions.save({"session_id": "x"})  # type: ignore[arg-type]  # the point of the test


def test_update_touches_unless_told_otherwise(sessions: SessionRepository) -> None:
    write_document(sessions, "one", title="One", updated_at=5, messages=turns(1))
    assert sessions.update("one", touch=False, pinned=True).updated_at == 5
    assert sessions.update("one", title="Two").updated_at > 5
    assert sessions.update("one", touch=False, updated_at=9).updated_at == 9


def test_a_rename_leaves_the_place_in_the_list(sessions: SessionRepository) -> None:
    many(sessions)
    order = [summary.session_id for summary in sessions.list().items]
    sent = [name for name in order if sessions.summary(name).message_count]
    sessions.update(sent[-1], title="Renamed")
    assert [summary.session_id for summary in sessions.list().items] == order


def test_undo_drops_the_last_turn_and_says_what_it_was(sessions: SessionRepository) -> None:
    session_id = started(sessions, 2)
    asked = [{"type": "text", "text": "first\n line"}, {"type": "image"}, {"type": "text", "text": "x" * 100}]
    sessions.append(
        session_id, [{"role": "user", "content": asked}, message("no", "assistant"), message("out", "tool")]
    )
    removed = sessions.undo(session_id)
    assert (removed.count, removed.text) == (3, "first\n line " + "x" * 100)
    assert removed.preview == ("first line " + "x" * 100)[:80]
    assert sessions.get(session_id).messages == turns(2)
    assert sessions.retry(session_id).text == "message 0"
    with pytest.raises(InvalidValue, match="no user message"):
        sessions.undo(session_id)
    with pytest.raises(InvalidValue, match="no user message"):
        sessions.undo(sessions.new().session_id)


def test_shrinking_leaves_a_backup_of_the_file(sessions: SessionRepository) -> None:
    session_id = started(sessions, 6)
    before = b""
    for shrink in (
        lambda: sessions.truncate(session_id, 5),
        lambda: sessions.undo(session_id),
        lambda: sessions.save(replace(sessions.get(session_id), messages=turns(2))),
        lambda: sessions.clear(session_id),
    ):
        before = (folder_of(sessions) / f"{session_id}.json").read_bytes()
        shrink()
        assert latest_backup(sessions, session_id) == before
    sessions.append(session_id, turns(1))
    assert latest_backup(sessions, session_id) == before


def latest_backup(sessions: SessionRepository, session_id: str) -> bytes:
    return max(sessions.config.backups_dir.glob(f"{session_id}.*.json")).read_bytes()


def test_clear_empties_the_transcript_and_keeps_the_rest(sessions: SessionRepository) -> None:
    write_document(
        sessions,
        "one",
        title="One",
        messages=turns(3),
        tool_calls=[{"a": 1}],
        context_messages=turns(1),
        last_usage={"n": 1},
    )
    assert sessions.clear("one").message_count == 0
    session = sessions.get("one")
    assert (session.title, session.messages, session.tool_calls) == ("One", [], [])
    assert len(session.extra.pop("intentional_shrink_generation")) == 32
    assert [session.extra.pop(name) for name in ("truncation_watermark", "truncation_boundary")] == [0.0, 0.0]
    assert session.extra == {"context_messages": [], "last_usage": {"n": 1}}
    assert sessions.count() == 1


@pytest.mark.parametrize(("title", "is_manual"), [("New", True), ("Untitled", False), (" ", False)])
@pytest.mark.parametrize("verb", ["update", "clear"])
def test_a_title_that_somebody_gave_is_marked_where_the_web_ui_marks_it(
    sessions: SessionRepository, verb: str, title: str, is_manual: bool
) -> None:
    marks = {"manual_title": not is_manual, "llm_title_generated": True}
    write_document(sessions, "marked", title="Old", messages=turns(2), **marks)
    write_document(sessions, "plain", title="Old", messages=turns(2))
    for name in ("marked", "plain"):
        getattr(sessions, verb)(name, title=title)
    marked, plain = sessions.get("marked"), sessions.get("plain")
    assert sessions.summary("marked").extra == marked.extra
    without_cut(marked, plain)
    assert marked.extra == {"manual_title": is_manual, "llm_title_generated": False}
    assert plain.extra == {}


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
def test_tool_calls_go_with_their_messages(sessions: SessionRepository, keep: int) -> None:
    cards: list[dict[str, Any]] = [{"assistant_msg_idx": 0}, {"name": "loose"}, {"assistant_msg_idx": 2}]
    for name in ("truncated", "cleared", "forked"):
        write_document(sessions, name, title=name, messages=turns(3), tool_calls=cards, last=1)
    sessions.truncate("truncated", keep)
    fork = sessions.fork("forked", keep=keep)
    write_document(sessions, "loose", title="x", messages=turns(1), tool_calls=cards)
    assert sessions.duplicate("loose").tool_calls == cards
    wanted = [card for card in cards if card.get("assistant_msg_idx", -1) < keep]
    for session in (sessions.get("truncated"), fork):
        without_cut(session)
        assert (session.messages, session.tool_calls) == (turns(3)[:keep], wanted)
        assert session.extra.pop("copied_from", {"session_id": "forked"})["session_id"] == "forked"
        assert session.extra == {"last": 1}
    sessions.clear("cleared")
    cleared = sessions.get("cleared")
    without_cut(cleared)
    assert (cleared.messages, cleared.tool_calls, cleared.extra) == ([], [], {"last": 1})


def test_truncating_to_more_than_there_is_changes_nothing(sessions: SessionRepository) -> None:
    session_id = started(sessions, 3)
    before = snapshot(sessions)
    assert sessions.truncate(session_id, 3).message_count == 3
    assert snapshot(sessions) == before


def test_a_stale_save_is_refused(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    first, second = sessions.get(session_id), sessions.get(session_id)
    saved = sessions.save(replace(first, title="first"))
    with pytest.raises(Conflict):
        sessions.save(replace(second, title="second"))
    assert sessions.save(replace(saved, title="again")).title == "again"
    write_document(sessions, session_id, title="foreign", messages=turns(9))
    with pytest.raises(Conflict):
        sessions.save(saved)
    assert sessions.get(session_id).title == "foreign"


def test_versions_hold_across_a_rebuilt_index(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    session = sessions.get(session_id)
    sessions.rebuild()
    assert sessions.save(replace(session, title="still mine")).title == "still mine"


def test_a_deleted_session_is_not_brought_back_by_a_save(sessions: SessionRepository) -> None:
    session_id = started(sessions)
    session = sessions.get(session_id)
    sessions.delete(session_id)
    for stale in (session, replace(session, signature=None)):
        with pytest.raises(Conflict):
            sessions.save(stale)
    assert snapshot(sessions) == {}


def test_a_save_keeps_the_keys_that_the_session_does_not_have(sessions: SessionRepository) -> None:
    write_document(sessions, "one", title="One", unknown={"a": [1.50]}, messages=turns(1), more=1)
    saved = sessions.save(replace(sessions.get("one"), extra={"more": 2, "new": None}))
    assert saved.extra == {"unknown": {"a": [1.50]}, "more": 2, "new": None}
    assert sessions.get("one") == saved


def test_a_save_keeps_the_bytes_of_unchanged_messages(sessions: SessionRepository) -> None:
    odd = '{"role": "user", "role": "user", "content": "\\u00e9", "n": 1.0E+2, "big": 1e400, "score": NaN}'
    write(sessions, "one", f'{{"title": "One", "messages": [{odd}, {odd}], "x": [ 1.0 ]}}')
    session = sessions.get("one")
    changed = [session.messages[0], {**session.messages[1], "content": "changed"}]
    sessions.save(replace(session, messages=changed))
    text = (folder_of(sessions) / "one.json").read_text()
    assert odd in text
    assert '"x": [ 1.0 ]' in text
    assert sessions.get("one").messages[1]["content"] == "changed"


def test_a_save_keeps_the_tags_and_the_row_that_the_file_gives(sessions: SessionRepository) -> None:
    write_document(sessions, "one", title="One", messages=turns(2))
    sessions.tag("one", "work")
    session = sessions.get("one")
    for changed in (
        replace(session, messages=[*session.messages, *turns(1)]),
        replace(session, title="Other", messages=session.messages[:1]),
        replace(session, extra={"agent_segments": {"one": 1, "other": 1}}),
    ):
        sessions.save(replace(changed, signature=sessions.get("one").signature))
        assert sessions.list()[0].tags == ("work",)
        assert all(finding.note for finding in sessions.check(deep=True))
    listed = sessions.list()
    sessions.rebuild()
    assert sessions.list() == listed


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), (0.0, -0.0), ("1", 1)])
def test_a_save_sees_a_change_of_type(sessions: SessionRepository, old: Any, new: Any) -> None:
    write_document(sessions, "one", messages=[message(flag=old)], extra_key={"x": old})
    session = sessions.get("one")
    sessions.save(replace(session, messages=[message(flag=new)], extra={"extra_key": {"x": new}}))
    again = sessions.get("one")
    assert repr(again.messages[0]["flag"]) == repr(new)
    assert repr(again.extra["extra_key"]["x"]) == repr(new)


def test_what_is_read_only_can_only_be_tidied_away(sessions: SessionRepository) -> None:
    path = write_document(sessions, "one", title="One", read_only=True, messages=turns(2))
    before = path.read_bytes()
    session = sessions.get("one")
    for change in (
        lambda: sessions.update("one", title="x"),
        lambda: sessions.append("one", turns(1)),
        lambda: sessions.truncate("one", 1),
        lambda: sessions.clear("one"),
        lambda: sessions.undo("one"),
        lambda: sessions.save(replace(session, title="x")),
        lambda: sessions.save(replace(session, messages=[])),
    ):
        with pytest.raises(ReadOnly):
            change()
    assert path.read_bytes() == before
    project_id = sessions.projects.create("Work").project_id
    assert sessions.update("one", touch=False, pinned=True, archived=True, project_id=project_id).pinned
    copy = sessions.duplicate("one")
    assert sessions.update(copy.session_id, title="free").title == "free"
    sessions.delete("one")


def test_edits_that_overlap_write_nothing(sessions: SessionRepository) -> None:
    path = write_document(sessions, "one", title="One", messages=turns(1))
    before = path.read_bytes()
    source = outline_of(load(path))
    with pytest.raises(ValueError, match="overlap"):
        editing.rewrite(source, [Edit(5, 9, b"a"), Edit(8, 12, b"b")], 1)
    assert snapshot(sessions) == {"one.json": before}


# ---- deleting -------------------------------------------------------------------------------------------


def test_delete_moves_the_file_to_the_trash(sessions: SessionRepository) -> None:
    session_id, other = started(sessions, 2), started(sessions, 3)
    file = folder_of(sessions) / f"{session_id}.json"
    before, kept = file.read_bytes(), (folder_of(sessions) / f"{other}.json").read_bytes()
    sessions.delete(session_id)
    assert [path.read_bytes() for path in sessions.config.trash_dir.iterdir()] == [before]
    assert snapshot(sessions) == {f"{other}.json": kept}
    assert [summary.session_id for summary in sessions.list(hidden=True).items] == [other]
    with pytest.raises(NotFound):
        sessions.delete(session_id)


def test_the_same_id_can_be_deleted_again(sessions: SessionRepository) -> None:
    for text in ("first", "second"):
        write_document(sessions, "one", title=text)
        sessions.delete("one")
    assert len(list(sessions.config.trash_dir.iterdir())) == 2


def test_a_draft_is_deleted(sessions: SessionRepository) -> None:
    draft = sessions.new()
    sessions.delete(draft.session_id)
    assert sessions.count(hidden=True) == 0
    with pytest.raises(NotFound):
        sessions.delete(draft.session_id)


def test_an_unreadable_file_can_be_deleted(sessions: SessionRepository) -> None:
    write(sessions, "broken", "{")
    assert len(sessions.list().warnings) == 1
    sessions.delete("broken")
    assert sessions.list().warnings == ()
    assert [path.read_text() for path in sessions.config.trash_dir.iterdir()] == ["{"]


# ---- together -------------------------------------------------------------------------------------------


def test_going_back_to_the_web_ui_loses_nothing(sample: Path) -> None:
    index = sample / "webui/sessions/_index.json"
    with SessionRepository.open(hermes_home=sample) as sessions:
        before = {entry["session_id"]: entry for entry in json.loads(index.read_bytes())}
        session_id = started(sessions, 2, title="Written here")
        assert sessions.write_web_ui_index() == len(before) + 1
        entries = json.loads(index.read_bytes())
    after = {entry["session_id"]: entry for entry in entries}
    assert after.pop(session_id)["message_count"] == 2
    assert after.keys() == before.keys()
    unset = {
        "profile",
        "message_count",
        "last_message_at",
        "is_streaming",
        "session_source",
        "source_tag",
        "raw_source",
        "source_label",
        "user_message_count",
        "cache_hit_percent",
        "has_pending_user_message",
    }
    for name, entry in before.items():
        assert {k: v for k, v in entry.items() if k not in unset} == {
            k: after[name][k] for k in entry if k not in unset
        }
    updated = [entry["updated_at"] for entry in entries]
    assert updated == sorted(updated, reverse=True)


@pytest.mark.slow
def test_threads_share_one_repository_and_lose_no_append(sessions: SessionRepository) -> None:
    ids = [started(sessions, 1) for _ in range(3)]
    errors: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for step in range(10):
                sessions.append(ids[step % 3], [message(f"{worker}-{step}")])
                sessions.list(limit=2)
        except BaseException as error:  # noqa: BLE001  # shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    said = [sent["content"] for name in ids for sent in sessions.get(name).messages[1:]]
    assert sorted(said) == sorted(f"{worker}-{step}" for worker in range(6) for step in range(10))
    assert sessions.list().items == list_after_rebuild(sessions)


def list_after_rebuild(sessions: SessionRepository) -> list[Any]:
    sessions.rebuild()
    return sessions.list().items


TEXTS = st.text(max_size=12) | st.sampled_from(["\ud800", "\x00", "</script>", "\u202e", "𝔘"])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("update"),
            st.dictionaries(st.sampled_from(["title", "model", "notes", "personality"]), TEXTS),
        ),
        st.tuples(
            st.just("append"),
            st.lists(st.builds(message, TEXTS, at=st.none() | st.floats(0, 2e9)), max_size=3),
        ),
        st.tuples(st.just("remove"), st.sets(st.sampled_from(["notes", "absent"]))),
        st.tuples(st.just("truncate"), st.integers(0, 6)),
        st.tuples(st.sampled_from(["clear", "undo"]), st.none()),
        st.tuples(
            st.just("cards"),
            st.lists(
                st.fixed_dictionaries({}, optional={"assistant_msg_idx": st.integers(0, 4)}), max_size=3
            ),
        ),
        st.tuples(st.just("save"), st.lists(st.builds(message, TEXTS), max_size=3)),
        st.tuples(st.just("foreign"), st.integers(0, 3)),
    ),
    max_size=6,
)


def shorten(model: dict[str, Any], keep: int) -> None:
    """Do to what a file should say as shortening its transcript does."""
    if keep < len(model["messages"]):
        model["messages"] = model["messages"][:keep]
        model["tool_calls"] = [
            each for each in model["tool_calls"] if each.get("assistant_msg_idx", -1) < keep
        ]


@given(
    STEPS,
    st.sampled_from([None, 0, 2]),
    st.permutations(["session_id", "title", "messages", "tool_calls", "odd"]),
)
@examples(0.75, shares_fixtures=True)
def test_any_sequence_of_writes_keeps_what_json_reads(
    sessions: SessionRepository, steps: list[tuple[str, Any]], indent: int | None, order: list[str]
) -> None:
    values = {
        "session_id": "one",
        "title": "One",
        "messages": turns(2),
        "tool_calls": [],
        "odd": {"x": [1, {}]},
    }
    model: dict[str, Any] = {name: values[name] for name in order}
    write(sessions, "one", json.dumps(model, indent=indent))
    for verb, argument in steps:
        if verb == "update":
            others = {name: argument[name] for name in argument.keys() & {"notes"}}
            known = {name: argument[name] for name in argument.keys() - {"notes"}}
            sessions.update("one", touch=False, extra=others, **known)
            model |= with_clean_title(argument)
        elif verb == "remove":
            sessions.update("one", touch=False, remove=argument)
            model = {name: value for name, value in model.items() if name not in argument}
        elif verb == "append":
            sessions.append("one", argument)
            model["messages"] = model["messages"] + argument
        elif verb == "cards":
            sessions.append("one", [], tool_calls=argument)
            model["tool_calls"] = model["tool_calls"] + argument
        elif verb == "truncate":
            sessions.truncate("one", argument)
            shorten(model, argument)
        elif verb == "clear":
            sessions.clear("one")
            if model["messages"]:
                model |= {"messages": [], "tool_calls": []}
        elif verb == "undo":
            asked = [at for at, sent in enumerate(model["messages"]) if sent["role"] == "user"]
            if asked:
                sessions.undo("one")
                shorten(model, asked[-1])
        elif verb == "save":
            sessions.save(replace(sessions.get("one"), messages=argument), touch=False)
            model["messages"] = argument
        else:
            model["odd"] = argument
            text = json.loads((folder_of(sessions) / "one.json").read_bytes()) | {"odd": argument}
            write(sessions, "one", json.dumps(text, indent=indent))
    after = json.loads((folder_of(sessions) / "one.json").read_bytes())
    assert {key: after[key] for key in model} == model
    assert [key for key in after if key in order] == order
    assert after.keys() - model.keys() <= {"message_count", "created_at", "updated_at", *SHORTENED}
    written = sessions.summary("one")
    sessions.rebuild()
    assert sessions.summary("one") == written


@pytest.mark.parametrize(
    "form", ["2025-06-01T12:00:00Z", "1748779200", 1_748_779_200_000, 1_748_779_200_000_000]
)
def test_a_time_in_another_form_is_read_and_keeps_its_form(sessions: SessionRepository, form: Any) -> None:
    write_document(sessions, "newer", title="newer", updated_at=1_748_779_201, messages=[message(at=None)])
    sent = {**message("hello"), "timestamp": form}
    path = write_document(sessions, "one", title="t", created_at=form, updated_at=form, messages=[sent])
    write_document(sessions, "older", title="older", updated_at=1_748_779_199, messages=[message(at=None)])
    assert [each.session_id for each in sessions.list()] == ["newer", "one", "older"]
    for found in (sessions.summary("one"), sessions.get("one")):
        assert (found.created_at, found.updated_at, found.last_message_at) == (1_748_779_200,) * 3
    sessions.save(replace(sessions.get("one"), title="renamed"), touch=False)
    said = json.loads(path.read_bytes())
    assert (said["created_at"], said["updated_at"], said["messages"][0]["timestamp"]) == (form,) * 3
    assert {finding.session_id for finding in sessions.check(deep=True)} <= {None}


ODD_TIMES = ["yesterday", None, -1, True, [2026], {"at": 1}, float("nan"), 10**400]


@pytest.mark.parametrize("odd", ODD_TIMES)
@pytest.mark.parametrize("change", ["update", "append", "truncate", "save"])
def test_a_time_in_other_words_stays_and_what_it_reads_as_does_not_move(
    sessions: SessionRepository, odd: Any, change: str
) -> None:
    path = write_document(sessions, "one", created_at=odd, updated_at=odd, title="t", messages=turns(3))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert sessions.get("one").created_at == 1_700_000_000
    for step in range(2):
        match change:
            case "update":
                sessions.update("one", touch=False, title=f"title {step}")
            case "append":
                sessions.append("one", turns(1))
            case "truncate":
                sessions.truncate("one", 2 - step)
            case _:
                sessions.save(replace(sessions.get("one"), title=f"title {step}"), touch=False)
        assert sessions.summary("one").created_at == sessions.get("one").created_at == 1_700_000_000
        if change in ("update", "save"):
            assert sessions.summary("one").updated_at == sessions.get("one").updated_at == 1_700_000_000
    written = sessions.summary("one")
    sessions.rebuild()
    assert sessions.summary("one") == written
    said = json.loads(path.read_bytes())
    assert repr(said["created_at"]) == repr(odd)
    assert said["created_at_read_as"] == 1_700_000_000
    sessions.update("one", created_at=5)
    assert sessions.get("one").created_at == 5
    assert json.loads(path.read_bytes())["created_at"] == 5
