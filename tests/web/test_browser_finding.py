"""Finding in a real browser: the suggestions of the search box, and the results beside the list."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..conftest import copy_sample
from ..support.browsing import AXE, in_browser, put_session, strict_page, violations
from ..support.make import message
from ..support.serving import served

pytestmark = in_browser


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a copy of the sample of May is served."""
    home: Path = copy_sample("may", tmp_path_factory.mktemp("finding"))
    for name in ("one", "two"):
        put_session(
            home, name, messages=[message(f"the zebra of {name}"), message("another zebra", "assistant")]
        )
    with served(home) as address:
        yield address


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page that is wide enough for results beside the list."""
    with strict_page(browser, url, AXE, viewport={"width": 1280, "height": 800}) as page:
        yield page


def answered(page: Page) -> None:
    """Wait for the answers to what was typed: what is shown may be that of a letter before."""
    expect(page.locator("[aria-busy]")).to_have_count(0)


def test_a_query_is_composed_by_keys_and_its_chips_remove_it(page: Page) -> None:
    page.goto("/")
    box, options = page.locator("#q"), page.locator("#suggestions [role=option]")
    page.keyboard.press("/")
    page.keyboard.type("proj")
    expect(options).to_have_count(1)
    answered(page)
    assert violations(page) == []
    page.keyboard.press("Tab")
    expect(box).to_have_value("project:")
    page.keyboard.type("kit")
    expect(options).to_have_text(["Kitchen"])
    answered(page)
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-0")
    page.keyboard.press("Enter")
    expect(box).to_have_value("project:Kitchen ")
    expect(page.locator(".chip")).to_have_count(1)
    page.keyboard.type("before:")
    expect(options.last).to_have_text("Pick a date…")
    answered(page)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.locator("#suggest-date").fill("2030-01-02")
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(box).to_have_value("project:Kitchen before:2030-01-02 ")
    expect(page.locator(".chip")).to_have_count(2)
    page.locator(".chip").first.click()
    expect(page.locator(".chip")).to_have_count(1)
    expect(box).to_have_value("before:2030-01-02")
    page.locator(".chip").click()
    expect(box).to_have_value("")
    expect(page.locator(".chip")).to_have_count(0)
    page.locator("#sort summary").click()
    page.locator("#sort").get_by_text("Highest cost").click()
    page.wait_for_url("**/?sort=cost")
    expect(page.locator("#sort summary")).to_be_focused()


def test_results_are_read_beside_the_list_and_searches_remembered(page: Page) -> None:
    page.goto("/")
    box, results = page.locator("#q"), page.locator("#results")
    box.fill("zebra")
    expect(results.locator(".result").first).to_be_visible()
    expect(results.locator("mark").first).to_be_visible()
    assert violations(page) == []
    box.press("Enter")
    links = results.locator(".result-link")
    expect(links.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    page.set_viewport_size({"width": 1000, "height": 800})
    expect(results).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 800})
    links.nth(1).click()
    page.wait_for_url("**/session/**")
    page.goto("/")
    box.click()
    recent = page.locator("#recent")
    expect(recent.locator(".recent-search")).to_have_text(["zebra"])
    assert violations(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("zebra")
    expect(results.locator(".result").first).to_be_visible()
    box.fill("")
    recent.get_by_role("button", name="Remove zebra").click()
    expect(recent).to_be_hidden()
    expect(results).to_be_hidden()


def test_keys_of_a_text_that_is_being_composed_do_nothing_else(page: Page) -> None:
    page.goto("/")
    box = page.locator("#q")
    box.focus()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    keyboard = page.context.new_cdp_session(page)
    keyboard.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
    for key in ("Escape", "ArrowDown"):
        box.dispatch_event("keydown", {"key": key, "isComposing": True, "bubbles": True})
    expect(box).to_have_value("ni")
    expect(box).to_be_focused()
    keyboard.send("Input.insertText", {"text": "斑马"})
    expect(page.locator(".list .empty")).to_contain_text("No matches")
    assert not [each for each in asked if "=ni" in each]
    page.goto("/session/one")
    page.keyboard.press("r")
    field = page.locator(".row-edit")
    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    expect(field).to_be_focused()
