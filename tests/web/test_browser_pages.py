"""The pages in a real browser, over a served copy of the sample home."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..conftest import copy_sample
from ..interop.test_samples import expected
from ..support.browsing import THEMES, WIDTHS, in_browser, strict_page
from ..support.serving import served

pytestmark = in_browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample of May."""
    return copy_sample("may", tmp_path_factory.mktemp("browser"))


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page over it."""
    with strict_page(browser, url) as page:
        yield page


@pytest.fixture
def plain(browser: Browser, url: str) -> Iterator[Page]:
    """A page without JavaScript."""
    with strict_page(browser, url, java_script_enabled=False) as page:
        yield page


def listed() -> list[str]:
    """Return the titles of the sample's sessions that are not archived, in order."""
    return [entry["title"] for entry in expected("may", "all_sessions") if not entry["archived"]]


def test_find_open_and_rename_a_session(page: Page, home: Path) -> None:
    page.goto("/?source=webui")
    titles = page.locator(".row-title")
    expect(titles).to_have_text(listed())

    page.get_by_role("link", name="Quarterly cost report").first.click()
    page.wait_for_url("**/session/*")
    session_id = page.url.rpartition("/")[2].partition("?")[0]
    expect(page.get_by_role("heading", level=1)).to_have_text("Quarterly cost report")
    expect(page.locator(".message, .result")).to_have_count(16)

    expect(page.locator(".latest")).to_be_attached()  # the page's script has begun
    page.get_by_role("heading", level=1).click()
    title = page.locator(".session-head").get_by_role("textbox", name="Title")
    expect(title).to_have_value("Quarterly cost report")
    title.fill("  Costs of the spring  ")
    title.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Renamed.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Costs of the spring")

    expect(titles.filter(has_text="Costs of the spring")).to_have_count(1)
    sidecar = json.loads((home / f"webui/sessions/{session_id}.json").read_bytes())
    assert sidecar["title"] == "Costs of the spring"


def test_every_form_of_a_conversation_page(page: Page, home: Path) -> None:
    page.goto("/session/99c859cb54b3")
    for act, mark in (("Pin", "Pinned"), ("Archive", "Archived")):
        page.get_by_role("button", name=act, exact=True).click()
        expect(page.locator(".heading .badge", has_text=mark)).to_have_count(1)
    acts = page.locator(".actions")
    acts.get_by_text("Move").first.click()
    acts.get_by_label("Project").select_option(label="Kitchen")
    acts.get_by_role("button", name="Move").click()
    expect(page.locator("main .facts")).to_contain_text("Kitchen")
    acts.get_by_text("More").click()
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Debug OOM in ingest worker (copy)")
    acts.get_by_text("More").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#toasts")).to_contain_text("Moved to the trash.")
    assert len(list((home / "webui/trash").iterdir())) == 1


def test_tool_calls_and_reasoning_unfold(page: Page) -> None:
    page.goto("/session/df8748bd091c")
    fold = page.locator("details.call").first
    arguments = fold.locator("pre").first
    expect(arguments).to_be_hidden()
    fold.locator("summary").click()
    expect(arguments).to_contain_text("pytest -x -q")


def test_the_list_works_with_the_keyboard(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    first = page.locator(".row-title").first
    for _ in range(20):
        page.keyboard.press("Tab")
        if first.evaluate("element => element === document.activeElement"):
            break
    outline = first.evaluate("element => getComputedStyle(element, '::after').outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/session/*")


def test_logging_in(browser: Browser, home: Path) -> None:
    with served(home, HERMES_WEBUI_PASSWORD="correct horse") as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{address}/session/df8748bd091c")
        for password in ("wrong", "correct horse"):
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Explain the borrow checker")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login*")
        page.goto(f"{address}/")
        expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_fit_in_both_themes(page: Page, width: int, theme: str, tmp_path: Path) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for name, path in (("list", "/"), ("session", "/session/c1c46f4f4805"), ("none", "/?profile=nobody")):
        page.goto(path)
        page.screenshot(path=tmp_path / f"{name}.png")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        back = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 25, 27)"}[theme]


def test_the_trash_brings_back_every_segment_of_an_agent_s_conversation(page: Page) -> None:
    page.goto("/session/chain1_seg2")
    title = page.locator("main h1").inner_text()
    acts = page.locator(".actions[data-id]")
    acts.get_by_text("More").click()
    expect(acts).to_contain_text("The agent loses 3 segments with ")
    expect(acts).to_contain_text("restored here, not in the agent")
    acts.get_by_role("button", name="Delete here and from the agent", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Deleted here and from the agent.")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    page.get_by_role("button", name="Restore here").click()
    expect(page.locator("#toasts")).to_contain_text("Restored here. The agent no longer has it.")
    expect(page.locator("main h1")).to_have_text(title)
    expect(page.locator(".session-head")).to_contain_text("3 segments")
    page.goto("/session/chain1_seg2?at=0")
    expect(page.locator("#content")).to_contain_text("The upload test fails one run in ten with a timeout.")
    expect(page.locator("#content")).to_contain_text("Summarise the three CSV files and draw the trend.")
