"""The pages in a real browser, over a really served home."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .serving import served
from .test_samples import expected

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
WIDTHS = (1280, 390)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def url(may: Path) -> Iterator[str]:
    """Where a copy of the sample of May is served."""
    with served(may) as address:
        yield address


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page that must neither complain nor ask another host for anything."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    complaints: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
    yield page
    context.close()
    assert complaints == []
    assert asked == {url}


def listed() -> list[str]:
    """Return the titles of the sample's sessions that are not archived, in order."""
    return [entry["title"] for entry in expected("may", "all_sessions") if not entry["archived"]]


def test_a_session_is_found_opened_and_renamed(page: Page, may: Path) -> None:
    page.goto("/?source=webui")
    titles = page.locator(".row-title")
    expect(titles).to_have_text(listed())

    page.get_by_role("link", name="Quarterly cost report").first.click()
    session_id = page.url.rpartition("/")[2].partition("?")[0]
    expect(page.get_by_role("heading", level=1)).to_have_text("Quarterly cost report")
    expect(page.locator(".message, .result")).to_have_count(16)

    acts = page.locator(".acts")
    acts.get_by_text("Rename").first.click()
    acts.get_by_label("Title").fill("  Costs of the spring  ")
    acts.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("status")).to_have_text("Renamed.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Costs of the spring")

    expect(titles.filter(has_text="Costs of the spring")).to_have_count(1)
    sidecar = json.loads((may / f"webui/sessions/{session_id}.json").read_bytes())
    assert sidecar["title"] == "Costs of the spring"


def test_every_form_of_a_session(page: Page, may: Path) -> None:
    page.goto("/session/99c859cb54b3")
    for act, mark in (("Pin", "Pinned"), ("Archive", "Archived")):
        page.get_by_role("button", name=act, exact=True).click()
        expect(page.locator(".heading .mark", has_text=mark)).to_have_count(1)
    acts = page.locator(".acts")
    acts.get_by_text("Move").first.click()
    acts.get_by_label("Project").select_option(label="Kitchen")
    acts.get_by_role("button", name="Move").click()
    expect(page.locator("main .facts")).to_contain_text("Kitchen")
    acts.get_by_text("More").click()
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Debug OOM in ingest worker (copy)")
    acts.get_by_text("More").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("Moved to the trash.")
    assert len(list((may / "webui/trash").iterdir())) == 1


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
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    first = page.locator(".row-title").first
    for _ in range(20):
        page.keyboard.press("Tab")
        if first.evaluate("element => element === document.activeElement"):
            break
    outline = first.evaluate("element => getComputedStyle(element, '::after').outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/session/*")


def test_logging_in(browser: Browser, may: Path) -> None:
    with served(may, HERMES_WEBUI_PASSWORD="correct horse") as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{address}/session/df8748bd091c")
        for password in ("wrong", "correct horse"):
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Explain the borrow checker")
        page.get_by_role("button", name="Log out").click()
        page.goto(f"{address}/")
        expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
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
