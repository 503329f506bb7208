"""A home moves from the web UI to us and back: every message, title and pin is as it was left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hermes_sessions import SessionRepository

from ..support.agent_db import add_message, add_session, new_state, writing
from ..support.browsing import stored
from ..support.make import message, turns
from ..support.serving import served
from .webui import Client, Refused, beside_the_webui, running, workspace

pytestmark = beside_the_webui

START = 1_777_000_000.0
Change = Callable[[Client, SessionRepository, str], Any]


def post(path: str, **body: Any) -> Change:
    """Return a change by HTTP."""
    return lambda client, _, name: client.post(path, session_id=name, **body)


def written_on(change: Change) -> Change:
    """Return a change after which the conversation goes on: fewer messages than before it, but new ones."""

    def both(client: Client, sessions: SessionRepository, name: str) -> None:
        change(client, sessions, name)
        sessions.append(name, [message("written since", at=START + 900_000)])

    return both


def there_and_back(sessions: SessionRepository, name: str) -> None:
    """Move a conversation to the trash and back."""
    sessions.delete(name)
    sessions.restore(name)


CHANGES: dict[str, Change] = {
    "undone": post("/api/session/undo"),
    "retried": post("/api/session/retry"),
    "truncated": post("/api/session/truncate", keep_count=2),
    "cleared": post("/api/session/clear"),
    "undone, then written on": written_on(post("/api/session/undo")),
    "truncated, then written on": written_on(post("/api/session/truncate", keep_count=1)),
    "cleared, then written on": written_on(post("/api/session/clear")),
    "appended": lambda _, sessions, name: sessions.append(name, [message("more", at=START + 900_000)]),
    "renamed": post("/api/session/rename", title="Named by us"),
    "pinned": post("/api/session/pin", pinned=True),
    "archived": post("/api/session/archive", archived=True),
    "moved": lambda client, _, name: client.post(
        "/api/session/move", session_id=name, project_id=project(client)
    ),
    "deleted": post("/api/session/delete"),
    "deleted and restored": lambda _, sessions, name: there_and_back(sessions, name),
    "untouched": lambda *_: None,
}


def project(client: Client) -> str:
    """Return the id of the one project, created when it is first asked for."""
    projects = client.get("/api/projects")["projects"]
    made = projects[0] if projects else client.post("/api/projects/create", name="Ours")["project"]
    return str(made["project_id"])


class Left(NamedTuple):
    """What a conversation has in it."""

    title: str
    pinned: bool
    archived: bool
    project_id: str | None
    texts: list[str]


def left(document: dict[str, Any]) -> Left:
    """Return what a sidecar, or the web UI's answer, has in it."""
    texts = [each["content"] for each in document["messages"]]
    return Left(document["title"], document["pinned"], document["archived"], document["project_id"], texts)


def shortened_before(client: Client, name: str) -> None:
    """Let the web UI shorten a conversation, after which it keeps the longer version beside the file."""
    client.post("/api/session/truncate", session_id=name, keep_count=6)


@pytest.fixture(params=["", "shortened before", "kept by the agent too", "both"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A home that the web UI used, and its conversations by the change that is made to each."""
    home = tmp_path / "home"
    names: dict[str, str] = {}
    (home / "webui").mkdir(parents=True)
    with running(home) as theirs:
        for number, what in enumerate(CHANGES):
            talk = turns(8, START + 1000 * number)
            given = {"title": what, "messages": talk, "workspace": str(workspace(home))}
            names[what] = theirs.post("/api/session/import", **given)["session"]["session_id"]
        if request.param in ("kept by the agent too", "both"):
            keep_in_the_agent(home, names)
        if request.param in ("shortened before", "both"):
            for name in names.values():
                shortened_before(theirs, name)
    return home, names


def keep_in_the_agent(home: Path, names: dict[str, str]) -> None:
    """Let `state.db` have the conversations as well, as it has all that the web UI's own agent answered."""
    with writing(new_state(home / "state.db")) as db:
        for name in names.values():
            talk = stored(home, name)["messages"]
            add_session(db, name, source="webui", title=stored(home, name)["title"], message_count=len(talk))
            for each in talk:
                add_message(db, name, each["content"], each["role"], each["timestamp"])


def test_what_we_left_is_what_the_web_ui_finds(home: tuple[Path, dict[str, str]]) -> None:
    folder, names = home
    with served(folder) as url, SessionRepository.open(hermes_home=folder) as sessions:
        for what, change in CHANGES.items():
            change(Client(url), sessions, names[what])
    gone = names.pop("deleted")
    expected = {what: left(stored(folder, name)) for what, name in names.items()}
    with running(folder) as theirs:
        shown = {
            what: left(theirs.get("/api/session", session_id=name)["session"]) for what, name in names.items()
        }
        assert shown == expected
        entries = {
            entry["session_id"] for entry in theirs.get("/api/sessions", include_archived=1)["sessions"]
        }
        assert gone not in entries
        assert entries >= {name for what, name in names.items() if what != "cleared"}
        with pytest.raises(Refused, match="404"):
            theirs.get("/api/session", session_id=gone)
    assert {what: left(stored(folder, name)) for what, name in names.items()} == expected
    with SessionRepository.open(hermes_home=folder) as sessions:
        assert sessions.list().warnings == ()
