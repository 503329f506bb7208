"""Every public call: which errors leave it when the system or SQLite fails, and after `close`."""

import dataclasses
import inspect
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import (
    BulkReport,
    Closed,
    Filters,
    InvalidValue,
    Session,
    SessionRepository,
    SessionsError,
    StorageError,
    locks,
)
from hermes_sessions.agent import Agent
from hermes_sessions.changes import LostUpdates, Projects
from hermes_sessions.webui import WebUI
from hermes_sessions.webui_values import SidebarRequest

from .support import figures
from .support.agent_db import filled_state
from .support.injected import (
    DRIVER_FAULTS,
    ERRNOS,
    SYSTEM_CALLS,
    Counter,
    driver_fault,
    system_fault,
)
from .support.make import folder_of, message, started, turns
from .support.web_ui import OpenSession

Call = Callable[[SessionRepository, str], object]

# Each call gets a session of four messages, made for it.
CALLS: dict[str, Call] = {
    "list": lambda sessions, _: sessions.list(agent=True, hidden=True),
    "entries": lambda sessions, _: sessions.entries(len, limit=3, agent=True),
    "count": lambda sessions, _: sessions.count(agent=True),
    "usage": lambda sessions, _: sessions.usage(by="model"),
    "usage_total": lambda sessions, _: sessions.usage_total(),
    "version": lambda sessions, _: sessions.version(),
    "changes": lambda sessions, _: sessions.changes(sessions.changes().token),
    "watch": lambda sessions, _: next(sessions.watch("none", timeout=0)),
    "search": lambda sessions, _: sessions.search("message"),
    "suggest": lambda sessions, _: sessions.suggest("project:"),
    "listing_of": lambda sessions, _: sessions.listing_of("project:kept model:x", Filters()),
    "complete_search": lambda sessions, _: sessions.complete_search(),
    "summary": lambda sessions, one: sessions.summary(one),
    "find": lambda sessions, one: sessions.find(one[:8]),
    "find_many": lambda sessions, one: sessions.find_many([one, "unknown"]),
    "find_deleted": lambda sessions, one: sessions.find_deleted(one),
    "matching": lambda sessions, _: sessions.matching("message is:pinned"),
    "cursor_after": lambda sessions, one: sessions.cursor_after(one, sort="title"),
    "get": lambda sessions, one: sessions.get(one),
    "messages": lambda sessions, one: sessions.messages(one, limit=2),
    "segments": lambda sessions, _: sessions.segments("c"),
    "export": lambda sessions, one: sessions.export(one, "markdown"),
    "iter_messages": lambda sessions, _: list(sessions.iter_messages()),
    "export_zip": lambda sessions, one: list(sessions.export_zip([one])),
    "export_all": lambda sessions, _: sessions.export_all(sessions.config.hermes_home / "exported"),
    "new": lambda sessions, _: sessions.new(title="new"),
    "import_document": lambda sessions, _: sessions.import_document({"messages": turns(2)}),
    "import_export": lambda sessions, _: sessions.import_export(json.dumps({"messages": turns(2)}).encode()),
    "fork": lambda sessions, one: sessions.fork(one, keep=1),
    "duplicate": lambda sessions, one: sessions.duplicate(one),
    "import_agent_session": lambda sessions, _: sessions.import_agent_session("lone"),
    "save": lambda sessions, one: sessions.save(replace(sessions.get(one), title="saved", messages=turns(1))),
    "update": lambda sessions, one: sessions.update(one, title="new", workspace="/tmp"),
    "tags": lambda sessions, _: sessions.tags(),
    "facets": lambda sessions, _: sessions.facets(agent=True),
    "tag": lambda sessions, one: sessions.tag(one, "work", "home"),
    "untag": lambda sessions, one: sessions.untag(one, "work"),
    "tag_many": lambda sessions, one: sessions.tag_many([one], "work"),
    "untag_many": lambda sessions, one: sessions.untag_many([one], "work"),
    "rename_tag": lambda sessions, one: sessions.rename_tag(tagged(sessions, one), "new"),
    "remove_tag": lambda sessions, one: sessions.remove_tag(tagged(sessions, one)),
    "restore_tag": lambda sessions, one: sessions.restore_tag(removed_tag(sessions, one)),
    "removed_masked_tags": lambda sessions, _: sessions.removed_masked_tags(),
    "append": lambda sessions, one: sessions.append(one, turns(2)),
    "truncate": lambda sessions, one: sessions.truncate(one, 1),
    "clear": lambda sessions, one: sessions.clear(one),
    "undo": lambda sessions, one: sessions.undo(one),
    "retry": lambda sessions, one: sessions.retry(one),
    "recover": lambda sessions, one: sessions.recover(interrupted(sessions, one)),
    "change_to_undo": lambda sessions, one: sessions.change_to_undo(one),
    "undo_change": lambda sessions, one: sessions.undo_change(one, recovered(sessions, one)),
    "delete": lambda sessions, one: sessions.delete(one),
    "delete_everywhere": lambda sessions, _: sessions.delete_everywhere("lone"),
    "delete_empty": lambda sessions, _: sessions.delete_empty(arranged=True),
    "update_many": lambda sessions, one: raising(sessions.update_many([one], title="new")),
    "delete_many": lambda sessions, one: raising(sessions.delete_many([one])),
    "restore_many": lambda sessions, one: raising(sessions.restore_many([deleted(sessions, one)])),
    "prune": lambda sessions, _: raising(sessions.prune(fewer_than=1, hidden=True)),
    "agent_share": lambda sessions, _: sessions.agent_share("c"),
    "held_by_agent": lambda sessions, _: sessions.held_by_agent(sessions.list(agent=True)),
    "restore": lambda sessions, one: sessions.restore(deleted(sessions, one)),
    "trash": lambda sessions, one: (deleted(sessions, one), sessions.trash()),
    "trashed": lambda sessions, one: (deleted(sessions, one), sessions.trashed("x", limit=1)),
    "erase_many": lambda sessions, one: sessions.erase_many([deleted(sessions, one)]),
    "purge": lambda sessions, one: (deleted(sessions, one), sessions.purge(older_than=0)),
    "would_purge": lambda sessions, one: (deleted(sessions, one), sessions.would_purge(older_than=0)),
    "erase": lambda sessions, one: sessions.erase(deleted(sessions, one)),
    "backup": lambda sessions, one: sessions.backup(sessions.config.hermes_home / f"backup-{one}"),
    "verify_backup": lambda sessions, _: sessions.verify_backup(sessions.config.hermes_home / "kept"),
    "why": lambda sessions, one: sessions.why(one),
    "check": lambda sessions, _: sessions.check(deep=True),
    "repair": lambda sessions, _: sessions.repair(apply=True),
    "write_web_ui_index": lambda sessions, _: sessions.write_web_ui_index(),
    "sync": lambda sessions, _: sessions.sync(),
    "rebuild": lambda sessions, _: sessions.rebuild(),
    "projects.list": lambda sessions, _: sessions.projects.list(),
    "projects.find": lambda sessions, _: sessions.projects.find("kept"),
    "projects.check": lambda sessions, _: sessions.projects.check(sessions.projects.list()[0].project_id),
    "projects.create": lambda sessions, one: sessions.projects.create(f"name {one}"),
    "projects.rename": lambda sessions, _: sessions.projects.rename(
        sessions.projects.list()[0].project_id, "kept", "#123456"
    ),
    "projects.delete": lambda sessions, one: sessions.projects.delete(
        sessions.projects.create(f"gone {one}").project_id
    ),
    "projects.restore": lambda sessions, one: sessions.projects.restore(deleted_project(sessions, one)),
    "projects.ensure_cron": lambda sessions, _: sessions.projects.ensure_cron(),
    "agent.sessions": lambda sessions, _: sessions.agent.sessions(),
    "agent.messages": lambda sessions, _: sessions.agent.messages("c"),
    "agent.lineage": lambda sessions, _: sessions.agent.lineage(["c"]),
    "agent.conversation": lambda sessions, _: sessions.agent.conversation("c"),
    "agent.delete": lambda sessions, _: sessions.agent.delete("sub"),
    "agent.reading": lambda sessions, _: entered(sessions.agent.reading()),
    "agent.file_versions": lambda sessions, _: sessions.agent.file_versions(),
    "agent.errors": lambda sessions, _: entered(sessions.agent.errors()),
    "webui.summary": lambda sessions, one: sessions.webui.summary(one),
    "webui.session": lambda sessions, one: sessions.webui.session(one),
    "webui.messages": lambda sessions, one: sessions.webui.messages(one, limit=2),
    "webui.visible_messages": lambda sessions, one: sessions.webui.visible_messages(one, limit=2),
    "webui.lineage_report": lambda sessions, _: sessions.webui.lineage_report("c"),
    "webui.sidebar": lambda sessions, _: sessions.webui.sidebar(
        SidebarRequest(active_profile="default", show_agents=True)
    ),
    "webui.fingerprint": lambda sessions, one: sessions.webui.fingerprint(one),
    "webui.search_fingerprint": lambda sessions, _: sessions.webui.search_fingerprint(),
    "webui.entries": lambda sessions, _: sessions.webui.entries(len, agents_of="default"),
    "webui.update": lambda sessions, one: sessions.webui.update(one, title="new"),
    "webui.update_many": lambda sessions, one: raising(sessions.webui.update_many([one], title="new")),
    "webui.unimport_many": lambda sessions, one: raising(sessions.webui.unimport_many([one])),
    "webui.composed": lambda sessions, one: sessions.webui.composed(one),
    "webui.compose": lambda sessions, one: sessions.webui.compose(one, text="to be sent"),
    "webui.import_agent_session": lambda sessions, one: sessions.webui.import_agent_session(one, "default"),
    "webui.continuation": lambda sessions, one: sessions.webui.continuation(set_aside(sessions, one)),
    "lost.list": lambda sessions, one: sessions.lost.list(one),
    "lost.put_back": lambda sessions, one: sessions.lost.put_back(overwritten(sessions, one)),
    "lost.keep_theirs": lambda sessions, one: sessions.lost.keep_theirs(overwritten(sessions, one)),
    "agent.job_names": lambda sessions, _: sessions.agent.job_names(),
}
SURFACES: dict[str, type] = {
    "": SessionRepository,
    "projects.": Projects,
    "agent.": Agent,
    "webui.": WebUI,
    "lost.": LostUpdates,
}
NO_CALLS = {"close", "open", "agent.close"}  # `open` has a test of its own; `close` is allowed at any time
WITHOUT_STATE = {"verify_backup"}
WITHOUT_IO = {*WITHOUT_STATE, "agent.errors"}  # which no fault of the system can meet


def interrupted(sessions: SessionRepository, one: str) -> str:
    """Return the session, with a message that waits for an answer that will not come."""
    sessions.update(one, pending_user_message="hi", active_stream_id="gone")
    return one


def recovered(sessions: SessionRepository, one: str) -> str:
    """Return the change that closed an interrupted turn of the session, to be undone."""
    sessions.recover(interrupted(sessions, one))
    return sessions.change_to_undo(one) or ""


def set_aside(sessions: SessionRepository, one: str) -> Session:
    """Return the session as the web UI sets it aside when it compresses the conversation."""
    sessions.update(one, extra={"pre_compression_snapshot": True})
    return sessions.get(one)


def overwritten(sessions: SessionRepository, one: str) -> str:
    """Return the session, whose title another program has overwritten unless a fault met that."""
    with suppress(OSError):
        theirs = OpenSession(folder_of(sessions) / f"{one}.json")
        sessions.update(one, title="Mine")
        theirs.save()
    sessions.list()
    return one


def tagged(sessions: SessionRepository, one: str) -> str:
    """Give a session a tag, and return it."""
    sessions.tag(one, "old")
    return "old"


def removed_tag(sessions: SessionRepository, one: str) -> str:
    """Return a tag that the session had."""
    sessions.remove_tag(tagged(sessions, one))
    return "old"


def deleted_project(sessions: SessionRepository, one: str) -> str:
    """Return the id of a deleted project."""
    project_id = sessions.projects.create(f"was {one}").project_id
    sessions.projects.delete(project_id)
    return project_id


def deleted(sessions: SessionRepository, one: str) -> str:
    """Return the session, which is in the trash now."""
    sessions.delete(one)
    return one


def raising(report: BulkReport) -> BulkReport:
    """Return a report without failures, or raise the first of them, as the call for one session does."""
    for error in report.errors.values():
        raise error
    return report


def entered(context: Any) -> None:
    """Enter and leave a context."""
    with context:
        pass


def public_calls() -> set[str]:
    """Return the name of every public call, found by introspection."""
    return {
        f"{prefix}{name}"
        for prefix, surface in SURFACES.items()
        for name, member in inspect.getmembers_static(surface)
        if not name.startswith("_") and not isinstance(member, property)
    } - NO_CALLS


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a project, an agent, a session and a backup, made once to be copied."""
    home = tmp_path_factory.mktemp("calls") / "home"
    (home / "cron").mkdir(parents=True)
    (home / "cron/jobs.json").write_text('{"jobs": [{"id": "daily", "name": "Daily"}]}')
    filled_state(home / "state.db")
    with SessionRepository.open(hermes_home=home) as sessions:
        started(sessions, title="kept")
        sessions.projects.create("kept")
        sessions.backup(home / "kept")
    return home


@pytest.fixture
def home(made_home: Path, tmp_path: Path) -> Path:
    """A copy of the home with a project, an agent, a session and a backup."""
    return shutil.copytree(made_home, tmp_path / "home")


@pytest.fixture
def opened(home: Path) -> Iterator[SessionRepository]:
    with SessionRepository.open(hermes_home=home) as sessions:
        yield sessions


def test_the_table_has_every_public_call() -> None:
    assert set(CALLS) == public_calls()


@pytest.mark.slow
def test_every_call_works(opened: SessionRepository) -> None:
    for name, call in CALLS.items():
        if name == "agent.delete":
            opened.agent.delete("web")  # or a row above has deleted everything
        try:
            call(opened, started(opened))
        except SessionsError as error:  # a fault must not find a call that never gets far
            pytest.fail(f"{name}: {error!r}")


def test_after_close_every_call_raises_closed(opened: SessionRepository) -> None:
    one = started(opened)
    session, agent, projects = opened.get(one), opened.agent, opened.projects
    opened.close()
    opened.close()
    for name in sorted(public_calls() - WITHOUT_STATE):
        prefix, _, short = name.rpartition(".")
        owner = {
            "": opened,
            "projects": projects,
            "agent": agent,
            "webui": opened.webui,
            "lost": opened.lost,
        }[prefix]
        arguments = _arguments(getattr(owner, short), session)
        with pytest.raises(Closed, match=r"closed.*SessionRepository\.open"):
            getattr(owner, short)(*arguments)
    with pytest.raises(Closed), opened:
        pass
    with SessionRepository.open(hermes_home=opened.config.hermes_home) as again:
        assert again.get(one) == session


def _arguments(call: Callable[..., object], session: Session) -> list[object]:
    """Return something for each argument that must be given."""
    needed = [
        each
        for each in inspect.signature(call).parameters.values()
        if each.default is inspect.Parameter.empty
    ]
    positional = [each for each in needed if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return [session if each.name == "session" else session.session_id for each in positional]


# ---- faults -----------------------------------------------------------------------------------------------

SPARED = (0,)  # uses that work before the fault


def usable(sessions: SessionRepository) -> SessionRepository:
    """Return the repository, opened again if it cannot be used.

    A fault can look like damage, and then prevent the index from being made again.
    """
    try:
        sessions.list()
    except StorageError:
        sessions.close()
        return SessionRepository.open(hermes_home=sessions.config.hermes_home)
    return sessions


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_no_fault_lets_another_error_out(
    opened: SessionRepository,
    home: Path,
    name: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.02)  # a lock that cannot be taken is waited for
    tried, refused, hit = 0, 0, 0
    first = list(CALLS).index(name) % len(ERRNOS)  # so that all calls together meet every error everywhere
    errors = itertools.islice(itertools.cycle(ERRNOS), first, None)
    texts: list[str] = []
    engines = (opened._home.engine, opened.agent._engine)
    contexts: list[tuple[Any, Counter]] = []
    for spared in SPARED:
        for call in SYSTEM_CALLS:
            if spared and call == "fcntl.flock":
                continue  # filelock would lose the descriptor of a lock that it cannot release
            counter = Counter(spared)
            contexts.append((system_fault(home, call, next(errors), counter), counter))
        for fault in DRIVER_FAULTS:
            counter = Counter(spared)
            contexts.append((driver_fault(engines, fault, counter), counter))
    for context, counter in contexts:
        one = opened.import_document({"messages": turns(4)}).session_id  # at once: `started` writes twice
        with context:
            try:
                CALLS[name](opened, one)
            except SessionsError as error:
                refused += 1
                texts.append(str(error))
        tried, hit = tried + 1, hit + bool(counter.failed)
        opened = usable(opened)
    assert hit > 0 or name in WITHOUT_IO
    assert [text for text in texts if str(home) in text or not text.strip()] == []
    opened.sync()
    assert any(each.title == "kept" for each in opened.list())
    opened.close()
    line = f"public calls times faults: {name}: {tried} tried, {hit} met, {refused} refused, 0 escaped"
    figures.tell(request.config, [line])


# ---- values that cannot be stored -------------------------------------------------------------------------


def nested(levels: int) -> list[Any]:
    """Return a list in a list, so many levels deep."""
    return [] if levels == 0 else [nested(levels - 1)]


VALUES: dict[str, Any] = {
    "None": None,
    "true": True,
    "a number": 7,
    "a negative number": -1,
    "a number of 400 digits": 10**400,
    "a number of 64 bits": 2**63,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a word": "x",
    "no text": "",
    "half a character": "a\ud800b",
    "NUL": "a\0b",
    "a list": [1],
    "a list of half characters": ["\udfff"],
    "an object": {"a": 1},
    "an object with a number as key": {1: 2},
    "a tuple": (1, 2),
    "a set": {1},
    "bytes": b"x",
    "any object": object(),
    "nested": nested(300),
}
FIELDS = [field.name for field in dataclasses.fields(Session)]


@pytest.mark.parametrize("field", FIELDS)
def test_what_cannot_be_stored_is_refused_before_the_file_is_written(
    sessions: SessionRepository, field: str
) -> None:
    makers: list[Callable[[], str]] = [
        lambda: started(sessions, 1),
        lambda: sessions.new(title="a draft").session_id,
    ]
    for make in makers:
        one = make()
        for label, value in VALUES.items():
            path = sessions.config.sessions_dir / f"{one}.json"
            before = path.read_bytes() if path.exists() else None
            try:
                saved = sessions.save(replace(sessions.get(one), **{field: value}))
            except SessionsError:
                assert (path.read_bytes() if path.exists() else None) == before, label
            else:
                read = sessions.get(saved.session_id)
                assert sessions.summary(saved.session_id).message_count == read.message_count, label
                assert read.messages == saved.messages, label
                one = make()


def test_a_profile_of_none_is_the_default_one(sessions: SessionRepository) -> None:
    one = started(sessions, profile="work")
    saved = sessions.save(replace(sessions.get(one), profile=None))  # type: ignore[arg-type]  # the reference's
    assert saved.profile == "default"
    assert sessions.get(one) == saved
    assert b'"profile": null' in (sessions.config.sessions_dir / f"{one}.json").read_bytes()
    assert [each.session_id for each in sessions.list(profile="default")] == [one]


@pytest.mark.parametrize("extra", [None, 7, "x", [1], {1: 2}])
def test_other_keys_must_be_an_object(sessions: SessionRepository, extra: Any) -> None:
    session = sessions.get(started(sessions))
    with pytest.raises(InvalidValue, match="extra must be"):
        sessions.save(replace(session, extra=extra))
    assert sessions.get(session.session_id) == session


@pytest.mark.slow
def test_any_argument_of_any_type_is_refused_with_an_error_of_the_library(opened: SessionRepository) -> None:
    for value in VALUES.values():
        for call in argument_calls(opened, value):
            one = started(opened, 1)
            with suppress(SessionsError):
                call(one)
            opened.list(hidden=True, agent=True)


def argument_calls(sessions: SessionRepository, value: Any) -> Iterator[Callable[[str], object]]:
    """Yield calls that get this value where it need not belong."""
    yield lambda one: sessions.append(one, [message(value)])
    yield lambda one: sessions.append(one, [{"role": "user", "content": "x", "zz": value}])
    yield lambda one: sessions.append(one, [], tool_calls=[{"assistant_msg_idx": value}])
    yield lambda _: sessions.import_document({"messages": value, "title": value, "zz": value})
    yield lambda _: sessions.import_export(value)
    yield lambda one: sessions.update(one, extra={"zz": value})
    yield lambda one: sessions.update(one, extra=value)
    yield lambda one: sessions.update(one, remove=value)
    yield lambda one: sessions.update(one, remove=[value])
    yield lambda one: sessions.update(one, model=value)
    yield lambda _: sessions.new(title=value)
    yield lambda _: sessions.list(project_id=value)
    yield lambda _: sessions.list(tag=value)
    yield lambda one: sessions.tag(one, value)
    yield lambda one: sessions.untag(one, value)
    yield lambda _: sessions.tag_many(value, "x")
    yield lambda one: sessions.untag_many([one, value], value)
    yield lambda _: sessions.rename_tag("a", value)
    yield lambda _: sessions.remove_tag(value)
    yield lambda _: sessions.list(limit=value, cursor=value)
    yield lambda _: sessions.search(value)
    yield lambda _: sessions.search("x", role=value)
    yield lambda _: sessions.search("x", since=value, wait=value)
    yield lambda _: sessions.usage(by=value)
    yield lambda _: sessions.segments(value)
    yield lambda _: sessions.why(value)
    yield lambda one: sessions.messages(one, before=value, limit=value, after=value)
    yield lambda one: sessions.fork(one, keep=value)
    yield lambda one: sessions.export(one, value)
    yield lambda _: sessions.would_purge(older_than=value)
    yield lambda _: sessions.verify_backup(value)
    yield lambda _: sessions.projects.create(value, value)
    yield lambda _: sessions.projects.find(value)
    yield lambda _: sessions.agent.sessions(value, value)
    yield lambda _: sessions.agent.messages(value)
    yield lambda _: sessions.agent.lineage(value)
    yield lambda _: sessions.agent.lineage([value])
    yield lambda _: sessions.agent.conversation(value)
    yield lambda _: sessions.agent.delete(value)
