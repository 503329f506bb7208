"""The sessions folder or the trash cannot be read: the rest is listed, found and opened, with a warning."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from hermes_sessions import NotFound, SessionRepository, StorageError
from hermes_sessions.findings import FindingKind
from webapp import create_app

from ..support.agent_db import add_session, new_state, writing
from ..support.make import started
from ..support.rights import modes_count
from ..support.web import reply

LISTED = "Its conversations are listed as they were last read."


@contextmanager
def without_rights(folder: Path, mode: int) -> Iterator[str]:
    before = folder.stat().st_mode
    folder.chmod(mode)
    try:
        with modes_count():
            yield "Permission denied"
    finally:
        folder.chmod(before)


@contextmanager
def replaced(folder: Path, make: Callable[[], object], reason: str) -> Iterator[str]:
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    make()
    try:
        yield reason
    finally:
        folder.unlink()
        elsewhere.rename(folder)


FAULTS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "no rights": lambda folder: without_rights(folder, 0),
    "only the right to list it": lambda folder: without_rights(folder, 0o600),
    "only the right to open its files": lambda folder: without_rights(folder, 0o100),
    "a file in its place": lambda folder: replaced(folder, folder.touch, "Not a directory"),
    "a link to itself": lambda folder: replaced(
        folder, lambda: folder.symlink_to(folder.name), "Too many levels of symbolic links"
    ),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with three conversations of the web UI, and three of an agent."""
    home = tmp_path / "home"
    home.mkdir()
    with writing(new_state(home / "state.db")) as db:
        for name in ("one", "two", "three"):
            add_session(db, f"agent{name}", f"a heron of {name}", "I see it", title=f"Agent {name}")
    with SessionRepository.open(hermes_home=home) as sessions:
        for name in ("four", "five", "six"):
            sessions.append(
                started(sessions, 2, title=f"Own {name}"), [{"role": "user", "content": f"a heron of {name}"}]
            )
        sessions.complete_search()
    return home


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, home: Path) -> Callable[[], AbstractContextManager[str]]:
    """What makes the sessions folder unreadable for a block, which gets the reason."""
    return lambda: FAULTS[request.param](home / "webui/sessions")


Fault = Callable[[], AbstractContextManager[str]]


def test_a_list_is_as_it_was_last_read_and_says_so(home: Path, fault: Fault) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        before = sessions.list(agent=True)
        with fault() as reason:
            page = sessions.list(agent=True)
            assert page.items == before.items
            assert page.warnings == (f"The sessions folder cannot be read: {reason}. {LISTED}",)
            assert sessions.list().warnings == page.warnings
            assert page.version == sessions.version() != before.version, "or a client would keep its list"
            assert not sessions.list(agent=True, unless=lambda version: version == before.version).unchanged
        assert sessions.list(agent=True) == before


def test_an_agent_goes_on_and_its_new_conversations_are_listed(home: Path, fault: Fault) -> None:
    with SessionRepository.open(hermes_home=home) as sessions, fault():
        assert sessions.count(agent=True) == 6
        with writing(home / "state.db") as db:
            add_session(db, "agentnew", "another heron", "Yes", title="Agent new")
        assert "agentnew" in [each.session_id for each in sessions.list(agent=True)]
        assert sessions.messages("agentnew").total == 2
        sessions.tag("agentnew", "birds")
        assert sessions.list(agent=True, tag="birds").items[0].session_id == "agentnew"


def test_a_home_can_be_opened(home: Path, fault: Fault) -> None:
    with fault() as reason, SessionRepository.open(hermes_home=home) as sessions:
        page = sessions.list(agent=True)
        assert len(page) == 6
        assert reason in page.warnings[0]
        assert sessions.restriction is None
        assert sessions.get("agentone").title == "Agent one"


def test_a_home_without_an_index_can_be_opened_for_what_its_agent_has(home: Path, fault: Fault) -> None:
    for path in (home / "webui").glob("*.db*"):
        path.unlink()
    with fault() as reason, SessionRepository.open(hermes_home=home) as sessions:
        page = sessions.list(agent=True)
        assert {each.title for each in page} == {"Agent one", "Agent two", "Agent three"}
        assert reason in page.warnings[0]
        assert sessions.messages("agentone").total == 2
    with SessionRepository.open(hermes_home=home) as sessions:
        assert sessions.count(agent=True) == 6


def test_conversations_of_the_agent_are_opened_and_of_others_it_is_not_said_that_there_are_none(
    home: Path, fault: Fault
) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        own = sessions.list().items[0].session_id
        with fault():
            assert sessions.summary("agentone").title == "Agent one"
            assert len(sessions.get("agentone").messages) == 2
            assert sessions.messages("agentone", limit=1).total == 2
            with pytest.raises(StorageError):
                sessions.get("unknown")
            with pytest.raises(StorageError):
                sessions.update(own, title="new")
        assert sessions.get(own).title.startswith("Own")
        with pytest.raises(NotFound):
            sessions.get("unknown")


def test_a_search_finds_what_is_indexed_and_cites_nobody_unknown(home: Path, fault: Fault) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        before = sessions.search("heron", passages=3)
        with fault() as reason:
            hits = sessions.search("heron", passages=3)
            assert {hit.session_id for hit in hits} == {hit.session_id for hit in before}
            assert reason in hits.warnings[0]
            cited = [passage for hit in hits for passage in hit.passages]
            assert all(passage.snippet and passage.author for passage in cited)
            assert {hit.session_id for hit in hits if hit.passages} >= {"agentone", "agenttwo", "agentthree"}
        assert sessions.search("heron", passages=3) == before


def test_a_file_without_the_right_to_read_it_is_a_result_without_a_passage(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        own = sessions.list().items[0].session_id
        sessions.search("heron")
        (home / f"webui/sessions/{own}.json").chmod(0)
        with modes_count():
            hits = sessions.search("heron", passages=3)
        assert [hit.passages for hit in hits if hit.session_id == own] == [()]
        assert f"cannot read session {own}: Permission denied" in hits.warnings[-1]


def test_the_check_names_the_folder_beside_what_else_it_finds(home: Path, fault: Fault) -> None:
    (home / "webui/projects.json").write_text("no JSON")
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.list()
        for deep in (False, True):
            with fault() as reason:
                found = {each.kind: each.meaning for each in sessions.check(deep=deep)}
            assert found[FindingKind.UNREADABLE_FOLDER] == f"The sessions folder cannot be read: {reason}"
            assert found.keys() == {FindingKind.UNREADABLE_FOLDER, FindingKind.UNREADABLE_PROJECTS}


def test_the_check_asks_once_for_a_disk_that_is_not_mounted(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        folder = home / "webui/sessions"
        (home / "webui/gone").mkdir()
        shutil.move(folder, home / "webui/gone")
        [finding] = sessions.check()
        assert finding.kind is FindingKind.UNREADABLE_FOLDER
        assert "Is a disk not mounted?" in finding.meaning
        client = create_app(sessions).test_client()
        page = client.get("/check")
        assert page.status_code == 200
        assert "The folder of the conversations cannot be read" in page.text
        assert client.get("/session/agentone").status_code == 200


def test_the_pages_say_so_and_show_the_rest(home: Path, fault: Fault) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        client = create_app(sessions).test_client()
        tag = client.get("/sidebar").headers["ETag"]
        with fault() as reason:
            warning = f"The sessions folder cannot be read: {reason}."
            for path in (
                "/",
                "/?q=heron",
                "/check",
                "/check?deep=1",
                "/session/agentone",
                "/usage",
                "/trash",
            ):
                answer = client.get(path)
                assert (path, answer.status_code, warning in answer.text) == (path, 200, True)
            assert "Unknown" not in client.get("/?q=heron").text.partition("<main")[2]
            assert "The folder of the conversations cannot be read" in client.get("/check").text
            assert client.get("/sidebar", headers={"If-None-Match": tag}).status_code == 200
            assert warning in reply(client.get("/api/sessions?show_agents=1"))["warnings"][0]
            assert client.get("/api/session?session_id=agentone").status_code == 200


def test_the_page_of_a_conversation_that_cannot_be_read_says_why(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        client, own = create_app(sessions).test_client(), sessions.list().items[0].session_id
        with without_rights(home / "webui/sessions", 0):
            answer = client.get(f"/session/{own}")
        assert answer.status_code == 503
        assert f"Cannot read session {own}: Permission denied" in answer.text
        assert "Agent one" in answer.text


# ---- the trash --------------------------------------------------------------------------------------------


@pytest.fixture(params=[name for name in FAULTS if not name.startswith("a ")])
def trash_fault(request: pytest.FixtureRequest, home: Path) -> Fault:
    """What makes the trash unreadable for a block, with a conversation of each store in it."""
    with SessionRepository.open(hermes_home=home) as sessions:
        own = next(each.session_id for each in sessions.list() if each.title == "Own four")
        sessions.delete(own)
        sessions.import_agent_session("agentone")
        sessions.delete("agentone")
    return lambda: FAULTS[request.param](home / "webui/trash")


def test_all_but_the_trash_is_listed_found_and_opened(home: Path, trash_fault: Fault) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        before = sessions.list(agent=True)
        assert len(before) == 4
        deleted = sessions.trash()
    for _ in range(2):
        with trash_fault() as reason, SessionRepository.open(hermes_home=home) as sessions:
            page = sessions.list(agent=True)
            assert page.items == before.items
            expected = (
                f"The trash cannot be read: {reason}. Until it can be, nothing can be deleted or restored."
            )
            assert page.warnings == (expected,)
            assert {hit.session_id for hit in sessions.search("heron")} == {
                each.session_id for each in before
            }
            for each in before:
                assert sessions.messages(each.session_id).total == each.message_count
            with pytest.raises(NotFound, match="in the trash"):
                sessions.get("agentone")
            for call in (sessions.trash, lambda: sessions.delete(before[0].session_id)):
                with pytest.raises(StorageError):
                    call()
            assert sessions.get(before[0].session_id).title == before[0].title
    with SessionRepository.open(hermes_home=home) as sessions:
        assert sessions.list(agent=True) == before
        assert sessions.trash() == deleted


def test_the_check_names_the_trash_beside_what_else_it_finds(home: Path, trash_fault: Fault) -> None:
    (home / "webui/projects.json").write_text("no JSON")
    with SessionRepository.open(hermes_home=home) as sessions:
        for deep in (False, True):
            with trash_fault() as reason:
                found = {each.kind: each.meaning for each in sessions.check(deep=deep)}
            assert found[FindingKind.UNREADABLE_TRASH] == f"The trash cannot be read: {reason}"
            assert found.keys() == {FindingKind.UNREADABLE_TRASH, FindingKind.UNREADABLE_PROJECTS}
