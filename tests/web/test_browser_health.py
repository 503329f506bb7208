"""The page of the health in a real browser: each button does what it says, and Undo stays on the page."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from hermes_sessions import SessionRepository

from ..conftest import copy_sample
from ..support.browsing import in_browser, put_session, stored, strict_page
from ..support.web_ui import OpenSession

pytestmark = in_browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample of May."""
    return copy_sample("may", tmp_path_factory.mktemp("health"))


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page over it."""
    with strict_page(browser, url) as page:
        yield page


def came_back(home: Path) -> str:
    session_id = put_session(home, "came-back")
    theirs = OpenSession(home / f"webui/sessions/{session_id}.json")
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.delete(session_id)
    theirs.save()
    return session_id


def in_no_project(home: Path) -> str:
    return put_session(home, "in-no-project", project_id="0123456789ab")


def waits(home: Path) -> str:
    waiting: dict[str, Any] = {"active_stream_id": "gone", "pending_user_message": "Hello?"}
    return put_session(home, "waits", **waiting)


def overwritten(home: Path) -> str:
    session_id = put_session(home, "overwritten")
    theirs = OpenSession(home / f"webui/sessions/{session_id}.json")
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.update(session_id, pinned=True)
    theirs.save(title="overwritten ")
    return session_id


def shortened(home: Path) -> str:
    session_id = put_session(home, "shortened")
    OpenSession(home / f"webui/sessions/{session_id}.json").save(messages=[])
    return session_id


@pytest.mark.parametrize(
    ("harm", "label", "words"),
    [
        (waits, "Stop waiting", "Interrupted turn closed."),
        (overwritten, "Put back", "Put back."),
        (shortened, "Restore", "Restored with all its messages."),
        (came_back, "Delete again", "Moved to the trash again."),
        (in_no_project, "Move out of the project", "Moved out of the project."),
    ],
)
def test_a_button_is_undone_on_the_page(
    page: Page, home: Path, harm: Callable[[Path], str], label: str, words: str
) -> None:
    session_id = harm(home)
    page.goto("/")
    expect(page.locator(f'.row[data-id="{session_id}"]')).to_be_visible()
    before = stored(home, session_id)
    page.goto("/check")
    button = page.get_by_role("button", name=re.compile(f"^{label} ?: {session_id}$"))
    button.click()
    toast = page.locator(".toast").last
    expect(toast).to_contain_text(words)
    expect(button).to_have_count(0)
    path = home / f"webui/sessions/{session_id}.json"
    assert not path.exists() or stored(home, session_id) != before
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast").last).to_contain_text("Undone.")
    expect(page).to_have_url(re.compile("/check$"))
    expect(button).to_be_visible()
    assert stored(home, session_id).items() >= before.items()


def test_an_undo_that_would_lose_a_later_change_says_so(browser: Browser, url: str, home: Path) -> None:
    session_id = waits(home)
    with strict_page(
        browser, url, allowed="Failed to load resource: the server responded with a status of 409"
    ) as page:
        page.goto("/")
        expect(page.locator(f'.row[data-id="{session_id}"]')).to_be_visible()
        page.goto("/check")
        page.get_by_role("button", name=re.compile(f"^Stop waiting ?: {session_id}$")).click()
        toast = page.locator(".toast").last
        expect(toast).to_contain_text("Interrupted turn closed.")
        with SessionRepository.open(hermes_home=home) as sessions:
            sessions.update(session_id, title="Changed since")
        toast.get_by_role("button", name="Undo").click()
        expect(page.locator(".toast").last).to_contain_text("was changed since; nothing was undone")
    assert stored(home, session_id)["title"] == "Changed since"


def test_a_turn_closed_on_the_page_of_its_conversation_is_undone_there(page: Page, home: Path) -> None:
    session_id = waits(home)
    before = stored(home, session_id)
    page.goto(f"/session/{session_id}")
    page.get_by_role("button", name="Stop waiting").click()
    toast = page.locator(".toast").last
    expect(toast).to_contain_text("Interrupted turn closed.")
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast").last).to_contain_text("Undone.")
    expect(page.get_by_role("button", name="Stop waiting")).to_be_visible()
    assert stored(home, session_id) == before


def test_moving_from_a_project_that_does_not_exist_is_undone(page: Page, home: Path) -> None:
    session_id = put_session(home, "moved", project_id="ba9876543210")
    page.goto("/")
    page.locator(f'.row[data-id="{session_id}"] .row-title').focus()
    page.keyboard.press("m")
    page.get_by_role("dialog").get_by_role("button", name="Kitchen").click()
    expect(page.locator(".toast").last).to_contain_text("Moved to Kitchen.")
    page.keyboard.press("z")
    expect(page.locator(".toast").last).to_contain_text("Undone.")
    assert stored(home, session_id)["project_id"] == "ba9876543210"


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_a_lost_change_does_not_cover_the_message_that_is_jumped_to(
    browser: Browser, url: str, home: Path, width: int
) -> None:
    session_id = put_session(home, "covered", 60)
    theirs = OpenSession(home / f"webui/sessions/{session_id}.json")
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.update(session_id, title="Mine", pinned=True)
    theirs.save()
    window: ViewportSize = {"width": width, "height": 844}
    with strict_page(browser, url, viewport=window) as page:
        page.goto(f"/session/{session_id}")
        expect(page.get_by_role("button", name="Put back")).to_be_in_viewport()
        page.get_by_role("link", name="First", exact=True).click()
        first = page.locator("#m0")
        expect(first).to_be_in_viewport(ratio=1)
        expect(page.locator(".session-head.collapsed")).to_be_visible()
        top = first.evaluate("each => each.getBoundingClientRect().top")
        assert page.locator(".session-head").evaluate("each => each.getBoundingClientRect().bottom") <= top
        if width == 390:
            page.mouse.move(200, 400)
            page.mouse.wheel(0, -100)
            expect(page.locator(".session-head:not(.collapsed)")).to_be_visible()
            page.wait_for_timeout(300)  # it stays: what the browser scrolls by itself does not count
        expect(page.get_by_role("button", name="Put back")).to_be_in_viewport()
