"""The web UI's own page in Chromium, behind a proxy that sends what is about stored conversations to us.

Its jobs are done with the mouse. No request that we answer fails, and the page complains of none of them.
"""

import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, expect
from playwright.sync_api import Page as BrowserPage

from ..support.agent_db import add_session, new_state, writing
from ..support.browsing import in_browser, put_session, stored
from ..support.make import message, turns
from ..support.serving import served
from . import proxy
from .webui import beside_the_webui, is_head, running

pytestmark = [*beside_the_webui, *in_browser]

QUIET_SECONDS = 1.0


class Client:
    """The page, what it complained of, and what the proxy passed on."""

    def __init__(self, page: BrowserPage, home: Path, log: list[str], pictures: Path) -> None:
        self.page, self.home, self.log, self.pictures = page, home, log, pictures
        self.complaints: list[str] = []
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def hear(self, said: ConsoleMessage) -> None:
        """Keep an error, unless it is about an answer of the web UI itself, or of a host of fonts."""
        path = urlsplit(said.location["url"]).path
        is_load = said.text.startswith(("Failed to load resource", "Refused to apply style"))
        if said.type == "error" and (proxy.is_ours(path) or not is_load):
            self.complaints.append(f"{said.text} {path}")

    def settle(self) -> None:
        """Wait until the page asks for nothing: each answer lets it draw its list again, and close menus."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if len(self.log) != seen:
                seen, since = len(self.log), time.monotonic()
            self.page.wait_for_timeout(50)

    def picture(self, name: str) -> None:
        """Take a picture, for people to look at."""
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def row(self, title: str) -> Locator:
        """Return the row of a conversation in the list."""
        return self.page.locator(".session-item").filter(has_text=title).first

    def titles(self) -> str:
        """Return the text of the list."""
        return "\n".join(self.page.locator(".session-item").all_inner_texts())

    def choose(self, title: str, action: str) -> None:
        """Choose an action from the menu of a conversation."""
        self.settle()
        self.row(title).hover()
        self.row(title).locator(".session-actions-trigger").click()
        self.page.locator(".session-action-opt").filter(has_text=action).first.click()

    def rename(self, title: str, new: str) -> None:
        """Rename a conversation where its title is."""
        if is_head():
            self.choose(title, "Rename")
        else:
            self.row(title).locator(".session-title").dblclick()
        field = self.page.locator(".session-title-input")
        field.fill(new)
        field.press("Enter")

    def wait_for(self, name: str, **values: Any) -> None:
        """Wait until the file of a conversation has these values."""
        end = time.monotonic() + 15
        while any(stored(self.home, name).get(key) != value for key, value in values.items()):
            assert time.monotonic() < end, (name, values, self.log[-20:])
            self.page.wait_for_timeout(50)

    def asked(self, words: str) -> bool:
        """Return whether we answered a request whose line has these words."""
        return any(words in line for line in self.log if line.startswith("ours"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with conversations of both profiles and of the agent."""
    home = tmp_path / "home"
    (home / "webui/sessions").mkdir(parents=True)
    (home / "profiles/work").mkdir(parents=True)
    (home / "profiles/work/config.yaml").touch()
    settings = {"show_cli_sessions": True, "onboarding_completed": True}
    (home / "webui/settings.json").write_text(json.dumps(settings))
    for number, title in enumerate(("Alpha", "Bravo", "Charlie", "Delta", "Echo")):
        put_session(home, title.lower(), title=title, updated_at=time.time() - 60 * number)
    long = [message("of zebras", at=time.time() - 21_000), *turns(120, time.time() - 20_000)]
    put_session(home, "long", title="Long talk", messages=long)
    put_session(home, "other", title="Of the other profile", profile="work")
    with writing(new_state(home / "state.db")) as db:
        add_session(db, "agent", "hello agent", "hello", title="Agent talk", begun=time.time() - 500)
    return home


@contextmanager
def proxied(ours: str, theirs: str, table: str = "") -> Iterator[tuple[str, list[str]]]:
    """Run the proxy for the block, which gets its address and the requests as they come."""
    command = [sys.executable, str(proxy.__file__), "0", ours, theirs, table]
    log: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout
        address = lines.readline().split()[-1]
        reader = threading.Thread(target=lambda: log.extend(line.strip() for line in lines))
        reader.start()
        try:
            yield address, log
        finally:
            process.terminate()
            reader.join()


@pytest.fixture
def client(browser: Browser, home: Path, tmp_path: Path) -> Iterator[Client]:
    """The page over both servers, loaded; at the end nothing may have failed."""
    yield from loaded(browser, home, tmp_path)


@pytest.fixture
def narrow(browser: Browser, home: Path, tmp_path: Path) -> Iterator[Client]:
    """The same behind the table of `docs/migrating.md`: what changes messages goes to the web UI."""
    text = (Path(__file__).parents[2] / "docs/migrating.md").read_text()
    (table,) = re.findall(r"location ~ \^(.*)\$ \{", text)
    yield from loaded(browser, home, tmp_path, table)


def loaded(browser: Browser, home: Path, tmp_path: Path, table: str = "") -> Iterator[Client]:
    """Give out the page over both servers; at the end nothing may have failed."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with running(home) as theirs, served(home) as ours, proxied(ours, theirs.url, table) as (url, log):
        context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
        context.set_default_timeout(20_000)
        client = Client(context.new_page(), home, log, pictures)
        client.page.goto("/")
        expect(client.row("Alpha")).to_be_visible()
        yield client
        context.close()
    assert [line for line in log if line.startswith("ours") and int(line.split()[1]) >= 400] == []
    assert client.complaints == []


def test_the_list_and_its_menu(client: Client) -> None:
    assert "Of the other profile" not in client.titles() or not is_head()
    client.rename("Alpha", "Renamed in their page")
    client.wait_for("alpha", title="Renamed in their page")
    client.choose("Bravo", "Pin")
    client.wait_for("bravo", pinned=True)
    client.choose("Charlie", "Archive")
    client.wait_for("charlie", archived=True)
    expect(client.row("Charlie")).to_have_count(0)
    client.choose("Delta", "Duplicate")
    expect(client.row("Delta (copy)")).to_be_visible()
    client.choose("Echo", "Delete")
    client.page.locator("#appDialogConfirm").click()
    expect(client.row("Echo")).to_have_count(0)
    client.settle()
    assert not (client.home / "webui/sessions/echo.json").exists()
    client.picture("list")
    client.page.reload()
    expect(client.row("Renamed in their page")).to_be_visible()
    expect(client.page.locator(".session-item").first).to_contain_text("Bravo")
    client.picture("list-reloaded")


def test_projects(client: Client) -> None:
    client.choose("Alpha", "Move to project")
    client.page.locator(".project-picker-create").click()
    client.picture("project-new")
    field = client.page.locator(".project-create-input, #appDialogInput").locator("visible=true")
    field.fill("Boats")
    field.press("Enter")
    chip = client.page.locator(".project-chip").filter(has_text="Boats")
    expect(chip).to_be_visible()
    projects = json.loads((client.home / "webui/projects.json").read_text())
    assert [each["name"] for each in projects] == ["Boats"]
    client.wait_for("alpha", project_id=projects[0]["project_id"])
    client.choose("Bravo", "Move to project")
    client.page.locator(".project-picker-item").filter(has_text="Boats").click()
    client.wait_for("bravo", project_id=projects[0]["project_id"])
    chip.click()
    expect(client.page.locator(".session-item")).to_have_count(2)
    client.picture("project")


def test_deleting_a_project(client: Client) -> None:
    project = {
        "project_id": "boats",
        "name": "Boats",
        "color": "#123456",
        "created_at": 1,
        "profile": "default",
    }
    (client.home / "webui/projects.json").write_text(json.dumps([project]))
    put_session(client.home, "alpha", title="Alpha", project_id="boats")
    client.page.reload()
    chip = client.page.locator(".project-chip").filter(has_text="Boats")
    chip.click(button="right")
    client.page.locator("body > div").get_by_text("Delete", exact=True).last.click()
    client.picture("project-delete")
    client.page.locator("#appDialogConfirm").click()
    expect(chip).to_have_count(0)
    client.wait_for("alpha", project_id=None)
    assert json.loads((client.home / "webui/projects.json").read_text()) == []
    expect(client.row("Alpha")).to_be_visible()
    client.picture("project-deleted")


def test_unarchiving_and_unpinning(client: Client) -> None:
    put_session(client.home, "charlie", title="Charlie", archived=True)
    put_session(client.home, "echo", title="Echo", pinned=True)
    client.page.reload()
    expect(client.page.locator(".session-item").first).to_contain_text("Echo")
    client.choose("Echo", "Unpin")
    client.wait_for("echo", pinned=False)
    expect(client.row("Charlie")).to_have_count(0)
    client.page.get_by_text("Show 1 archived").click()
    expect(client.row("Charlie")).to_be_visible()
    client.picture("archived")
    client.choose("Charlie", "Restore")
    client.wait_for("charlie", archived=False)
    client.page.reload()
    expect(client.row("Charlie")).to_be_visible()
    client.picture("unarchived")


def test_an_export_as_html(client: Client, tmp_path: Path) -> None:
    if not is_head():  # which has no button for it
        return
    client.row("Alpha").click()
    expect(client.page.get_by_text("message 3")).to_be_visible()
    with client.page.expect_download() as download:
        client.page.locator("#btnExportHTML").evaluate(
            "button => { button.disabled = false; button.click() }"
        )
    path = tmp_path / "export.html"
    download.value.save_as(path)
    assert "message 3" in path.read_text()
    assert client.asked("/api/session/export?session_id=alpha&format=html")
    client.page.set_content(path.read_text())
    client.picture("exported")


def test_a_messaging_conversation(client: Client) -> None:
    with writing(client.home / "state.db") as db:
        add_session(
            db, "chat", "hello from afar", "hi", title="Chat", source="telegram", begun=time.time() - 50
        )
    client.page.reload()
    client.row("Chat").click()
    expect(client.page.get_by_text("hello from afar")).to_be_visible()
    client.picture("messaging")
    client.settle()
    if is_head():  # whose menu does not delete it, and whose page asks again for what is open
        client.row("Alpha").click()
        expect(client.page.get_by_text("message 3", exact=True)).to_be_visible()
        client.page.evaluate(
            """api("/api/session/delete", {method: "POST", body: '{"session_id": "chat"}'})"""
        )
    else:
        client.choose("Chat", "Delete")
        client.page.locator("#appDialogConfirm").click()
        expect(client.row("Chat")).to_have_count(0)
    client.page.reload()
    expect(client.row("Alpha")).to_be_visible()
    expect(client.row("Chat")).to_have_count(0)
    client.picture("messaging-deleted")
    with closing(sqlite3.connect(client.home / "state.db")) as db:  # the agent goes on with it
        assert db.execute("SELECT count(*) FROM messages WHERE session_id = 'chat'").fetchone() == (2,)


def test_messages_are_removed_by_the_web_ui_behind_its_table(narrow: Client) -> None:
    narrow.row("Alpha").click()
    expect(narrow.page.get_by_text("message 3", exact=True)).to_be_visible()
    narrow.page.evaluate("cmdUndo()")
    expect(narrow.page.get_by_text("message 3", exact=True)).to_have_count(0)
    narrow.wait_for("alpha", messages=stored(narrow.home, "alpha")["messages"][:2])
    narrow.page.evaluate("cmdRetry()")
    expect(narrow.page.get_by_text("message 1", exact=True)).to_have_count(0)
    narrow.picture("removed")
    narrow.row("Bravo").click()
    expect(narrow.page.get_by_text("message 3", exact=True)).to_be_visible()
    truncate = """api("/api/session/truncate", {method: "POST",
        body: JSON.stringify({session_id: S.session.session_id, keep_count: 1})})"""
    assert len(narrow.page.evaluate(truncate)["session"]["messages"]) == 1
    narrow.row("Delta").click()
    expect(narrow.page.get_by_text("message 3", exact=True)).to_be_visible()
    narrow.page.evaluate("void clearConversation()")
    narrow.page.locator("#appDialogConfirm").click()
    expect(narrow.page.get_by_text("message 3", exact=True)).to_have_count(0)
    for name in ("undo", "retry", "truncate", "clear"):
        assert any(line.startswith(f"theirs 200 POST /api/session/{name}") for line in narrow.log)
    narrow.rename("Bravo", "Renamed here")
    narrow.wait_for("bravo", title="Renamed here")
    assert len(stored(narrow.home, "bravo")["messages"]) == 1
    narrow.page.reload()
    narrow.row("Renamed here").click()
    expect(narrow.page.get_by_text("message 0", exact=True)).to_be_visible()
    expect(narrow.page.get_by_text("message 3", exact=True)).to_have_count(0)
    narrow.picture("renamed")


def test_reading_searching_and_older_messages(client: Client) -> None:
    client.row("Long talk").click()
    expect(client.page.get_by_text("message 119", exact=True)).to_be_visible()
    expect(client.page.get_by_text("message 75", exact=True)).to_have_count(0)
    client.picture("open")
    client.settle()
    client.page.locator("#loadOlderIndicator").evaluate("element => element.click()")
    expect(client.page.get_by_text("message 75", exact=True)).to_be_attached()
    assert client.asked("msg_limit=60" if is_head() else "msg_before=91")
    client.picture("older")
    client.page.locator("#sessionSearch").fill("zebra")
    expect(client.page.locator(".session-item")).to_have_count(1)
    expect(client.row("Long talk")).to_be_visible()
    assert client.asked("/api/sessions/search?q=zebra")
    client.picture("search")


def test_export_and_import(client: Client, tmp_path: Path) -> None:
    client.row("Alpha").click()
    expect(client.page.get_by_text("message 3")).to_be_visible()
    with client.page.expect_download() as download:
        client.page.locator("#btnExportJSON").evaluate(
            "button => { button.disabled = false; button.click() }"
        )
    path = tmp_path / "export.json"
    download.value.save_as(path)
    exported = json.loads(path.read_text())
    assert exported["messages"] == stored(client.home, "alpha")["messages"]
    path.write_text(json.dumps(exported | {"title": "Brought back"}))
    client.page.locator("#importFileInput").set_input_files(path)
    expect(client.row("Brought back")).to_be_visible()
    client.picture("imported")


def test_a_conversation_of_the_agent(client: Client) -> None:
    if is_head():
        client.page.get_by_text("CLI sessions (1)").click()
    client.row("Agent talk").click()
    expect(client.page.get_by_text("hello agent")).to_be_visible()
    client.picture("agent")
    assert client.asked("POST /api/session/import_cli")
    client.choose("Agent talk", "Archive")
    client.wait_for("agent", archived=True)


def test_another_profile(client: Client) -> None:
    # Its menu of profiles needs the agent's own program, which is not here; this is what the menu asks for.
    switch = """fetch("/api/profile/switch", {method: "POST", body: '{"name": "work"}',
        headers: {"Content-Type": "application/json"}}).then(answer => answer.json())"""
    assert client.page.evaluate(switch)["active"] == "work"
    client.page.reload()
    expect(client.row("Of the other profile")).to_be_visible()
    expect(client.row("Alpha")).to_have_count(0)
    client.picture("profile")
