"""Tests lists of the web UI's sessions and the agents' conversations: complete, ordered, read off indexes."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event

from hermes_sessions import Filters, Page, SessionRepository, Summary
from hermes_sessions.fields import FIELDS, LATER_LISTED
from hermes_sessions.index import database, lists
from hermes_sessions.index.list_queries import ListRequest, View
from hermes_sessions.index.row_values import Place
from hermes_sessions.messages import title_from
from hermes_sessions.results import FilterFields

from ..conftest import SAMPLES, copy_sample
from ..support.agent_db import START, add_message, add_session, filled_state, new_state, writing
from ..support.make import folder_of, message, started, write_document


class Made(NamedTuple):
    """A session of the home below, as lists should show it."""

    session_id: str
    profile: str
    source: str
    at: float
    archived: bool
    hidden: bool
    pinned: bool = False
    project_id: str | None = None
    agent: bool = False

    @property
    def place(self) -> tuple[bool, float, str]:
        """Its position in lists."""
        return not self.pinned, -self.at, self.session_id


TAGS = {"cli": "cli", "telegram": "messaging", "cron": "cron", "acp": "other"}
TRASHED = ("both6", "a12")
# Only the last is interrupted.
WAITING: tuple[dict[str, str], ...] = (
    {},
    {"pending_user_message": "Hi"},
    {"active_stream_id": "stream"},
    {"pending_user_message": "Hi", "active_stream_id": "stream"},
)


def own(number: int) -> Made:
    """Return a session of the web UI; every third has the id of an agent's session."""
    tag = ("webui", "cli", "telegram", "cron")[number % 4]
    return Made(
        f"both{number}" if number % 3 == 0 else f"o{number}",
        ("default", "work")[number % 2],
        TAGS.get(tag, tag),
        START + number % 7,
        archived=number % 5 == 0,
        hidden=tag == "cron",
        pinned=number % 11 == 0,
        project_id=("p1", None)[number % 2],
    )


def told(number: int, profile: str) -> Made:
    """Return an agent's conversation: `both` are also the web UI's, `shared` those of two profiles."""
    tag = list(TAGS)[number % 4]
    name = {0: "both", 1: "shared"}.get(number % 3, profile[0])
    return Made(
        f"{name}{number}" if number != 12 else "a12",
        profile,
        TAGS[tag],
        START + (number % 7 if profile == "default" else 3),
        archived=number % 5 == 0,
        hidden=tag == "cron",
        agent=True,
    )


OWN = [own(number) for number in range(40)]
TOLD = [
    told(number, profile) for profile, count in (("default", 60), ("work", 30)) for number in range(count)
]


def expected(
    *, agent: bool, hidden: bool, profile: str | None, project_id: str | None, source: str | None,
    archived: bool | None,
) -> list[str]:  # fmt: skip
    """Return the ids that a list should have, in order."""
    known = {each.session_id for each in OWN} | set(TRASHED)
    latest: dict[str, Made] = {}
    for each in sorted(TOLD, key=lambda each: (-each.at, each.profile)):
        if profile in (None, each.profile):
            latest.setdefault(each.session_id, each)
    union = [each for each in OWN if each.session_id not in TRASHED]
    union += [each for each in latest.values() if agent and each.session_id not in known]
    wanted = {"profile": profile, "project_id": project_id, "source": source, "archived": archived}
    shown = [
        each
        for each in union
        if (hidden or not each.hidden)
        and all(value in (None, getattr(each, name)) for name, value in wanted.items())
    ]
    return [each.session_id for each in sorted(shown, key=lambda each: each.place)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with sessions of the web UI and of the agents of two profiles, two of them in the trash."""
    home = tmp_path_factory.mktemp("joint") / "home"
    for profile, folder in (("default", home), ("work", home / "profiles" / "work")):
        folder.mkdir(parents=True)
        with writing(new_state(folder / "state.db")) as db:
            db.execute("BEGIN")
            for number, each in enumerate(each for each in TOLD if each.profile == profile):
                values = {"source": list(TAGS)[number % 4], "archived": int(each.archived)}
                values |= {"model": ("opus", "haiku")[number % 2], "estimated_cost_usd": number % 4}
                add_session(
                    db, each.session_id, "hello", begun=each.at, title=f"{profile} {number}", **values
                )
                add_session(db, f"{profile}-empty{number}", begun=each.at)
            db.execute("COMMIT")
    with SessionRepository.open(hermes_home=home) as sessions:
        for number, each in enumerate(OWN):
            write_document(
                sessions,
                each.session_id,
                title=f"own {number}",
                messages=[message(at=each.at)] * (1 + number % 3),
                profile=each.profile,
                source_tag=("webui", "cli", "telegram", "cron")[number % 4],
                archived=each.archived,
                pinned=each.pinned,
                project_id=each.project_id,
                model=("opus", None)[number % 2],
                estimated_cost=(None, 1.5, 3)[number % 3],
                **WAITING[number % 4],
            )
        for session_id in TRASHED:
            sessions.delete(session_id)
    return home


@pytest.fixture(scope="module")
def full(home: Path) -> Iterator[SessionRepository]:
    """A repository over that home, which no test changes."""
    with SessionRepository.open(hermes_home=home) as repository:
        yield repository


FILTERS = [
    {"profile": profile, "project_id": project_id, "source": source, "archived": archived}
    for profile, project_id, source, archived in itertools.product(
        (None, "default", "work", "nobody"),
        (None, "p1"),
        (None, "cli", "messaging", "webui"),
        (None, True, False),
    )
]


@pytest.mark.parametrize("agent", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_list_is_the_ordered_union_of_both_stores_and_its_count_agrees(
    full: SessionRepository, agent: bool, hidden: bool
) -> None:
    for filters in FILTERS:
        how: dict[str, Any] = {**filters, "agent": agent, "hidden": hidden}
        page = full.list(**how)
        assert [each.session_id for each in page.items] == expected(**how), how
        assert full.count(**how) == page.total == len(page.items)
        for name, value in filters.items():
            assert all(value in (None, getattr(each, name)) for each in page.items)
    assert len(expected(agent=agent, hidden=hidden, **FILTERS[0])) > 20  # type: ignore[arg-type]  # of each a text or None


# Filters, and what they leave of a whole list.
MORE: list[tuple[FilterFields, Callable[[Summary], bool]]] = [
    ({"pinned": True}, lambda each: each.pinned),
    ({"pinned": False}, lambda each: not each.pinned),
    ({"model": "opus"}, lambda each: each.model == "opus"),
    ({"since": START + 3}, lambda each: each.last_message_at >= START + 3),
    ({"until": START + 3}, lambda each: each.last_message_at < START + 3),
    ({"since": START + 2, "until": START + 3.5}, lambda each: 2 <= each.last_message_at - START < 3.5),
    ({"min_cost": 0.0}, lambda each: each.estimated_cost is not None),
    ({"min_cost": 2}, lambda each: (each.estimated_cost or 0) >= 2),
    ({"min_messages": 2}, lambda each: each.message_count >= 2),
    ({"interrupted": True}, lambda each: each.is_interrupted()),
    ({"interrupted": False}, lambda each: not each.is_interrupted()),
    ({"agent": "only"}, lambda each: each.of_agent),
    ({"agent": False}, lambda each: not each.of_agent),
]


@pytest.mark.parametrize(("filters", "matches"), MORE)
def test_every_filter_holds_for_both_stores(
    full: SessionRepository, filters: FilterFields, matches: Callable[[Summary], bool]
) -> None:
    whole = full.list(agent=True, hidden=True)
    joint: FilterFields = {"agent": True, "hidden": True, **filters}
    left = [each for each in whole if matches(each)]

    page = full.list(**joint)

    assert list(page) == left
    assert full.count(**joint) == page.total == len(left)
    first = full.list(**joint, limit=3)
    assert [*first, *full.list(**joint, cursor=first.next_cursor)] == left
    assert 0 < len(left) < len(whole)
    assert sum(each.sessions for each in full.usage(**joint)) <= len(left)


def test_only_the_agents_conversations_of_a_project_are_none(full: SessionRepository) -> None:
    assert list(full.list(agent="only", project_id="p1")) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"hidden": True}, {"profile": "work"}, {"source": "cli"}])
def test_pages_of_any_size_have_each_session_once(full: SessionRepository, how: dict[str, Any]) -> None:
    whole = full.list(agent=True, **how)
    for size in range(1, whole.total + 2):
        paged: list[Any] = []
        cursor: str | None = None
        while cursor or not paged:
            page = full.list(agent=True, limit=size, cursor=cursor, **how)
            assert page.total == whole.total
            assert len(page.items) == size or page.next_cursor is None
            paged += page.items
            cursor = page.next_cursor
        assert paged == whole.items


# ---- entries, made from rows ----------------------------------------------------------------------------

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    1.5,
    "",
    "a b",
    "\ud800",
    [],
    ["x", {"y": [1]}],
    {"z": None},
    float("inf"),
)


def entries_of(page: Page[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the entries of all blocks of a page."""
    return [entry for block in page.items for entry in block]


def same_page(sessions: SessionRepository, **how: Any) -> str | None:
    """Check that a page of entries equals the page of summaries, and return the cursor behind them."""
    streams = how.pop("active_streams", ())
    page, entries = sessions.list(**how), sessions.entries(list, active_streams=streams, **how)
    shown = [summary.as_dict(streams) for summary in page.items]
    # By their JSON: 1 and true are equal in Python, and NaN is not equal to itself.
    assert json.dumps(entries_of(entries), sort_keys=True) == json.dumps(shown, sort_keys=True)
    told = (page.next_cursor, page.total, page.warnings)
    assert (entries.next_cursor, entries.total, entries.warnings) == told
    return page.next_cursor


@pytest.mark.parametrize("how", [{}, {"hidden": True}, {"profile": "work"}, {"source": "cli"}])
@pytest.mark.parametrize("agent", [False, True])
def test_entries_equal_the_summaries_at_any_size_and_cursor(
    full: SessionRepository, how: dict[str, Any], agent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "ROWS_AT_ONCE", 7)  # so that pages end within a block, and at its end
    for size in (None, 1, 6, 7, 8, 14, 1000):
        cursor = same_page(full, limit=size, agent=agent, **how)
        while cursor:
            cursor = same_page(full, limit=size, cursor=cursor, agent=agent, **how)


def test_entries_of_the_samples_equal_the_summaries(sample: Path) -> None:
    with SessionRepository.open(hermes_home=sample) as sessions:
        streams = [each.active_stream_id for each in sessions.list(hidden=True).items]
        for active in ((), streams):
            same_page(sessions, agent=True, hidden=True, active_streams=active)


def test_entries_of_unusual_sidecars_equal_the_summaries(sessions: SessionRepository) -> None:
    keys = sorted({*FIELDS, *LATER_LISTED, "unknown", "last_message_at"})
    for number, (key, value) in enumerate(itertools.product(keys, VALUES)):
        write_document(sessions, f"s{number}", **{key: value}, messages=[message()])
    (folder_of(sessions) / "broken.json").write_text("{")
    same_page(sessions, hidden=True)
    assert sessions.count(hidden=True) == len(keys) * len(VALUES)


# ---- by indexes alone -----------------------------------------------------------------------------------

_NAMES = ("profile", "source", "archived")
_WANTED: dict[str, Any] = {"profile": "work", "source": "messaging", "archived": True}


def _filters() -> Iterator[Filters]:
    for count in range(len(_NAMES) + 1):
        for names in itertools.combinations(_NAMES, count):
            for hidden in (False, True):
                yield Filters(**{name: _WANTED[name] for name in names}, hidden=hidden, agent=True)


_MORE: tuple[dict[str, Any], ...] = (
    {"pinned": False},
    {"model": "opus"},
    {"tag": "work,-done"},
    {"since": START},
    {"until": START, "min_cost": 1},
    {"min_messages": 2},
    {"interrupted": False},
    {"agent": "only"},
)


def plan(sessions: SessionRepository, filters: Filters, after: Place | None, limit: int | None) -> list[str]:
    """Return SQLite's query plan for a list."""
    seen: list[tuple[str, Any]] = []
    engine = sessions._home.engine

    def see(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    with database.reading(engine) as connection:
        event.listen(connection, "before_cursor_execute", see)  # not a search in the background
        try:
            lists.read_summaries(connection, ListRequest(filters, View("default", "/srv"), after, limit))
        finally:
            event.remove(connection, "before_cursor_execute", see)
        ((statement, parameters),) = seen
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        return [row[3] for row in rows]


@pytest.mark.parametrize("after", [None, Place(1, -START, "o5")], ids=["first page", "behind a cursor"])
@pytest.mark.parametrize("filters", list(_filters()), ids=str)
def test_a_joint_page_merges_two_indexes_and_never_sorts(
    full: SessionRepository, filters: Filters, after: Place | None
) -> None:
    for limit in (51, None):
        steps = plan(full, filters, after, limit)
        assert steps[0] == "MERGE (UNION ALL)"
        assert [step for step in steps if "TEMP B-TREE" in step] == []
        reads = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
        assert [step for step in reads if "INDEX" not in step] == []
        for table in ("sessions", "agent_conversations"):
            (scan,) = (step for step in reads if step.split()[1] == table and "(session_id=?" not in step)
            narrowed = [name for name in _NAMES if getattr(filters, name) is not None]
            if narrowed:
                assert any(f"({name}=?" in scan for name in narrowed), scan
            elif not filters.hidden:
                assert "(hidden=?" in scan
            if after:
                assert "(unpinned,age,session_id)>(?,?,?)" in scan


@pytest.mark.parametrize("after", [None, Place(1, -START, "o5")], ids=["first page", "behind a cursor"])
@pytest.mark.parametrize("more", _MORE, ids=str)
def test_no_other_filter_makes_a_joint_page_sort(
    full: SessionRepository, more: dict[str, Any], after: Place | None
) -> None:
    for profile in (None, "work"):
        steps = plan(full, Filters(**{"agent": True, "profile": profile, **more}), after, 51)
        assert steps[0] == "MERGE (UNION ALL)"
        assert [step for step in steps if "TEMP B-TREE" in step] == []
        reads = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
        assert [step for step in reads if "INDEX" not in step] == []


# ---- who is shown ---------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state.db of the home of `sessions`."""
    (tmp_path / "home").mkdir()
    return filled_state(tmp_path / "home" / "state.db")


def ids(sessions: SessionRepository, **how: Any) -> list[str]:
    """Return the ids of a list with the agents' conversations."""
    return [each.session_id for each in sessions.list(agent=True, **how).items]


def test_a_conversation_of_both_stores_is_listed_once_as_the_web_ui_has_it(
    path: Path, sessions: SessionRepository
) -> None:
    assert ids(sessions) == ["lone", "c", "sub"]
    write_document(sessions, "lone", title="Ours", archived=True, messages=[message(at=START)])
    assert ids(sessions) == ["c", "sub", "lone"]
    assert sessions.list(agent=True).items[-1].title == "Ours"
    assert not sessions.summary("lone").of_agent
    assert ids(sessions, archived=False) == ["c", "sub"]
    assert sessions.count(agent=True) == 3
    (sessions.config.sessions_dir / "lone.json").unlink()
    sessions.rebuild()
    assert ids(sessions) == ["lone", "c", "sub"]
    assert sessions.summary("lone").of_agent


def test_a_conversation_in_the_trash_is_not_listed_until_it_leaves_the_trash(
    path: Path, sessions: SessionRepository
) -> None:
    trash = sessions.config.trash_dir
    started(sessions)
    before = ids(sessions)
    sessions.delete("lone")
    for _ in range(2):
        assert ids(sessions) == [name for name in before if name != "lone"]
        assert sessions.count(agent=True) == len(before) - 1
    with SessionRepository.open(hermes_home=path.parent) as other:
        assert "lone" not in ids(other)
    (kept,) = trash.glob("lone.*.json")
    away = kept.rename(path.parent / "away")
    assert ids(sessions) == before
    away.rename(kept)
    assert "lone" not in ids(sessions)
    sessions.rebuild()
    assert "lone" not in ids(sessions)
    kept.unlink()
    assert ids(sessions) == before


def test_a_session_of_copied_profiles_is_listed_once_from_the_one_active_last(
    path: Path, sessions: SessionRepository
) -> None:
    work = path.parent / "profiles" / "work"
    work.mkdir(parents=True)
    with writing(filled_state(work / "state.db")) as db:
        db.execute("DELETE FROM messages WHERE session_id <> 'lone'")
        add_message(db, "lone", "more", timestamp=START + 5000)
        (whole,) = (each for each in sessions.list(agent=True).items if each.session_id == "lone")
        assert (whole.profile, whole.message_count) == ("work", 3)
        assert sessions.count(agent=True) == 3
        for profile, count in (("work", 3), ("default", 2)):
            (one,) = (
                each for each in sessions.list(agent=True, profile=profile).items if each.session_id == "lone"
            )
            assert (one.profile, one.message_count) == (profile, count)
        assert sessions.count(agent=True, profile="work") == 1
        assert len(sessions.get("lone").messages) == sessions.summary("lone").message_count == 3
        db.execute("DELETE FROM messages WHERE content = 'more'")
        (tied,) = (each for each in sessions.list(agent=True).items if each.session_id == "lone")
        assert tied.profile == "default"


def test_agents_conversations_without_messages_and_of_the_web_ui_are_not_listed(
    path: Path, sessions: SessionRepository
) -> None:
    with writing(path) as db:
        add_session(db, "empty", title="Empty")
        add_session(db, "blank", "hi", source="")
        add_session(db, "webs", "hi", source="webui")
        add_session(db, "nobody", "hi", source=None)
    assert ids(sessions, hidden=True) == ["cron_daily_1", "lone", "c", "sub"]


# ---- profiles -------------------------------------------------------------------------------------------


def test_profiles_are_those_that_have_a_state_db(path: Path, sessions: SessionRepository) -> None:
    profiles = path.parent / "profiles"
    for name in ("empty", "größer", "work"):
        (profiles / name).mkdir(parents=True)
    assert ids(sessions) == ["lone", "c", "sub"]
    for name in ("größer", "work"):
        with writing(new_state(profiles / name / "state.db")) as db:
            add_session(db, f"of_{name[0]}", "hi", begun=START + 9000)
    (profiles / "a file").write_text("")
    assert ids(sessions) == ["of_g", "of_w", "lone", "c", "sub"]
    assert sessions.list(agent=True).warnings == ()
    assert ids(sessions, profile="work") == ["of_w"]
    assert ids(sessions, profile="größer") == ["of_g"]
    assert sessions.get("of_g").profile == "größer"


@pytest.mark.parametrize("named", ["by an argument", "by the environment"])
def test_lineage_comes_from_the_agent_of_the_active_profile(
    path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    work = path.parent / "profiles" / "work"
    work.mkdir(parents=True)
    with writing(new_state(work / "state.db")) as db:
        add_session(db, "root", "hi", title="Root")
        add_session(db, "c", "hi", begun=START + 1, parent_session_id="root")
    in_a_chain = {"_lineage_root_id": "a", "_compression_segment_count": 3, "parent_session_id": "b"}
    a_child = {
        "relationship_type": "child_session",
        "parent_session_id": "root",
        "parent_title": "Root",
        "parent_source": "cli",
        "_parent_lineage_root_id": "root",
    }
    for profile, told in ((None, in_a_chain), ("default", in_a_chain), ("work", a_child)):
        if named == "by the environment" and profile:
            monkeypatch.setenv("HERMES_PROFILE", profile)
        argument = profile if named == "by an argument" else None
        with SessionRepository.open(hermes_home=path.parent, profile=argument) as sessions:
            assert sessions.agent.profile == (profile or "default")
            write_document(sessions, "c", title="Ours", messages=[message()])
            for agent in (False, True):
                (entry,) = (
                    each.as_dict() for each in sessions.list(agent=agent).items if each.session_id == "c"
                )
                assert {key: entry.get(key) for key in {**in_a_chain, **a_child}} == {
                    **dict.fromkeys({**in_a_chain, **a_child}),
                    **told,
                }
            assert {"lone", "sub", "root"} < set(ids(sessions)), "the agents of all profiles are listed"


def test_an_active_profile_without_an_agent_is_a_warning(path: Path) -> None:
    with SessionRepository.open(hermes_home=path.parent, profile="new") as sessions:
        page = sessions.list(agent=True)
        assert [each.session_id for each in page.items] == ["lone", "c", "sub"]
        assert page.warnings == ("The agent's state.db (profile new) cannot be read: there is no such file",)
        assert sessions.list().warnings == ()


# ---- what is shown --------------------------------------------------------------------------------------


def test_a_conversation_without_a_workspace_gets_the_last_one_chosen(
    path: Path, sessions: SessionRepository, tmp_path: Path
) -> None:
    def workspaces() -> dict[str, str | None]:
        return {each.session_id: each.workspace for each in sessions.list(agent=True).items}

    with writing(path) as db:
        db.execute("UPDATE sessions SET cwd = '/srv/own' WHERE id = 'lone'")
    fallback = sessions.config.default_workspace
    assert workspaces() == {"lone": "/srv/own", "c": fallback, "sub": fallback}
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    sessions.config.last_workspace_file.write_text(str(chosen))
    assert workspaces() == {"lone": "/srv/own", "c": str(chosen), "sub": str(chosen)}
    assert sessions.summary("c").workspace == sessions.get("c").workspace == str(chosen)
    assert sessions.summary("lone").workspace == "/srv/own"
    assert sessions.list(agent=True).items[1] == sessions.summary("c")


def reference(month: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        (SAMPLES / f"webui-{month}-2026" / "expected" / f"{name}.json").read_bytes()
    )
    return found


def test_the_agents_conversations_equal_those_of_the_reference(may: Path) -> None:
    theirs = reference("may", "cli_sessions")
    for entry in theirs:
        if entry["source_tag"] == "matrix":  # which that release did not know
            entry["session_source"] = "messaging"
        if entry["source_tag"] == "cron":  # whose project it creates while it reads
            entry["project_id"] = None
    with SessionRepository.open(hermes_home=may) as sessions:
        listed = sessions.list(agent=True, hidden=True, profile="default").items
        ours = [each.as_dict() for each in listed if each.of_agent]
        own = [each for each in listed if not each.of_agent]
        assert own == sessions.list(hidden=True, profile="default").items
        for entry in theirs:
            entry["title"] = title_of(sessions, entry)
    assert [entry["session_id"] for entry in ours] == [entry["session_id"] for entry in theirs]
    for entry, wanted in zip(ours, theirs, strict=True):
        assert {key: entry[key] for key in wanted} == wanted


def title_of(sessions: SessionRepository, wanted: dict[str, Any]) -> Any:
    """Return the title of an agent's conversation: for `Cli Session`, its first message says more."""
    if wanted["title"] != f"{wanted['source_tag'].title()} Session":
        return wanted["title"]
    first = wanted.get("_lineage_root_id") or wanted["session_id"]
    return title_from(sessions.get(first).messages, wanted["title"])


def test_the_later_reference_lists_the_same_conversations_with_the_same_counts(tmp_path: Path) -> None:
    kept = ("title", "message_count", "model", "created_at", "updated_at", "source_tag", "session_source")
    theirs = {each["session_id"]: each for each in reference("aug", "cli_sessions")}
    with SessionRepository.open(hermes_home=copy_sample("aug", tmp_path)) as sessions:
        listed = sessions.list(agent=True, hidden=True, profile="default").items
        ours = {each.session_id: each.as_dict() for each in listed if each.of_agent}
        assert sessions.count(agent=True, hidden=True, profile="default") == len(listed)
        for entry in theirs.values():
            entry["title"] = title_of(sessions, entry) if entry["source_tag"] != "webui" else None
    theirs = {name: each for name, each in theirs.items() if each["source_tag"] != "webui"}
    assert ours.keys() == theirs.keys()
    for name, wanted in theirs.items():
        assert {key: ours[name][key] for key in kept} == {key: wanted[key] for key in kept}
        assert wanted["message_count"] == wanted["actual_message_count"] == ours[name]["message_count"]
