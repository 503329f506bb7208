"""What pages say when something is wrong with the home or the server, in a real browser."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from hermes_sessions import SessionRepository

from ..conftest import copy_sample
from ..support.browsing import REFUSED, in_browser, strict_page
from ..support.serving import served
from .test_states import fail

pytestmark = in_browser
FAILED = "Failed to load resource: the server responded with a status of 500"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample of May."""
    return copy_sample("may", tmp_path_factory.mktemp("states"))


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page over it, whose requests may fail."""
    with strict_page(browser, url, allowed=FAILED) as page:
        yield page


def test_a_bug_in_an_act_is_told_with_its_name_in_the_log(page: Page, app: Flask) -> None:
    app.add_url_rule("/fails", "fails", fail)
    answer = app.test_client().get("/fails")
    name = answer.text.partition("look for <code>")[2][:8]
    page.goto("/check")
    page.route(
        "**/check/repair", lambda route: route.fulfill(status=500, body=answer.data, content_type="text/html")
    )
    page.evaluate(
        "document.querySelector('#content').insertAdjacentHTML("
        "'beforeend', '<form method=post action=/check/repair><button>Repair</button></form>')"
    )
    page.get_by_role("button", name="Repair", exact=True).click()
    toast = page.locator(".toast.bad")
    expect(toast).to_contain_text("An unexpected error occurred. Nothing was lost.")
    expect(toast).to_contain_text(f"look for {name} in the server’s log.")
    expect(toast).not_to_contain_text("All conversations")


def test_a_page_whose_list_fails_too_has_a_way_on(
    page: Page, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.add_url_rule("/fails", "fails", fail)
    monkeypatch.setitem(app.jinja_env.globals, "sidebar", fail)
    answer = app.test_client().get("/fails")
    page.route(
        "**/usage", lambda route: route.fulfill(status=500, body=answer.data, content_type="text/html")
    )
    page.goto("/usage")
    expect(page.get_by_role("link", name="Try again")).to_be_visible()
    page.get_by_role("link", name="All conversations").click()
    expect(page.locator(".row").first).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(
    ("query", "named"), [("since=zzz", "'zzz' is not a date"), ("sort=zzz", "sort must be one of")]
)
def test_a_filter_that_cannot_be_read_is_told_once_with_a_way_on(
    browser: Browser, url: str, query: str, named: str, width: int
) -> None:
    size: ViewportSize = {"width": width, "height": 844}
    with strict_page(browser, url, viewport=size, allowed=REFUSED) as page:
        for path in ("/usage", "/trash", "/check", "/session/nobody"):
            page.goto(f"{path}?{query}")
            expect(page.get_by_text(re.compile(named, re.IGNORECASE)).locator("visible=true")).to_have_count(
                1
            )
            page.get_by_role("link", name="Show the list without it").locator("visible=true").click()
            expect(page.locator(".row").first).to_be_visible()
        page.goto(f"/?{query}")
        expect(page.get_by_text(re.compile(named, re.IGNORECASE)).locator("visible=true")).to_have_count(1)
        page.get_by_role("link", name="All conversations").click()
        expect(page.locator(".row").first).to_be_visible()


@pytest.mark.fault
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_a_home_that_cannot_be_written_says_so_once(browser: Browser, disk: Path, width: int) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    shutil.copytree(copy_sample("may", disk.parent), disk / "home")
    with SessionRepository.open(hermes_home=disk / "home") as sessions:
        (first, *_) = sessions.list(limit=1)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with (
        served(disk / "home", HERMES_SESSIONS_CACHE_DIR=str(disk.parent / "cache")) as url,
        strict_page(browser, url, viewport={"width": width, "height": 844}) as page,
    ):
        for path in ("/", f"/session/{first.session_id}", "/"):
            page.goto(path)
            banner = page.locator(".note:visible", has_text="read-only")
            expect(banner).to_have_count(1)
            expect(banner).to_be_in_viewport(ratio=1)
            if path != "/":
                check_head_below(page, banner)
                for key in ("Home", "PageDown", "End"):
                    page.keyboard.press(key)
                    check_head_below(page, banner)


def check_head_below(page: Page, banner: Locator) -> None:
    """Check that a banner is in sight, and that it covers neither the head nor what a jump leads to."""
    expect(banner).to_be_in_viewport(ratio=1)
    # The script of the page puts the head below the banner when it has its height.
    page.wait_for_function(
        """([banner, head]) => {
            const [note, heading] = [banner.getBoundingClientRect(), head.getBoundingClientRect()];
            return note.bottom <= heading.top && heading.bottom <= innerHeight;
        }""",
        arg=[banner.element_handle(), page.locator(".session-head h1").element_handle()],
    )


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_what_sums_lack_is_said_once_on_the_usage_page(browser: Browser, tmp_path: Path, width: int) -> None:
    home = copy_sample("may", tmp_path)
    for name in ("sessions/broken.json", "projects.json", "tags.json", "settings.json"):
        (home / "webui" / name).write_text("{")
    for name in ("state.db", "profiles/work/state.db"):
        (home / name).write_bytes(b"no database" * 999)
    with (
        served(home) as url,
        strict_page(browser, url, viewport={"width": width, "height": 844}) as page,
    ):
        for path in ("/usage", "/usage?by=tool&days=all", "/usage?q=rent"):
            page.goto(path)
            expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
            notes = "\n".join(page.locator(".note:visible").all_inner_texts())
            told = re.findall(r"^(.*) cannot be read: ", notes, re.MULTILINE)
            assert len(told) == len(set(told)), path
            assert {"broken.json", "tags.json", "The agent's state.db"} <= set(told), path
        page.goto("/")
        said = page.locator(".note:visible", has_text="broken.json cannot be read")
        if width >= 720:
            page.locator("#side").get_by_role("link", name="Usage").click()
            expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
            expect(said).to_have_count(1)
        expect(said.locator("visible=true")).to_have_count(1)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_ranges_of_the_usage_page_stand_apart_from_its_dates(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with (
        served(home) as url,
        strict_page(browser, url, viewport={"width": width, "height": 768}) as page,
    ):
        page.goto("/usage")
        boxes = [page.locator(each).bounding_box() for each in (".ranges", ".between", "#content .empty p")]
        places = [(box["y"], box["y"] + box["height"]) for box in boxes if box]
        (_, ranges_end), (dates, dates_end), (words, _) = places
        assert min(dates - ranges_end, words - dates_end) >= 10
