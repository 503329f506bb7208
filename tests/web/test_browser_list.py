"""The list in a real browser: thousands of sessions, filters, search while typing, live updates."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from webapp.live import MOST_STREAMS

from ..conftest import copy_sample
from ..support.browsing import in_browser, put_session, strict_context, strict_page, violations
from ..support.make import message
from ..support.serving import address, served, start, stop

pytestmark = in_browser

LIST_SIZES = [4_000, pytest.param(20_000, marks=pytest.mark.long)]
FULL = "Failed to load resource: the server responded with a status of 503"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample of May."""
    return copy_sample("may", tmp_path_factory.mktemp("list"))


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page over it."""
    with strict_page(browser, url) as page:
        yield page


# ---- how it looks here ------------------------------------------------------------------------------------


def shifts(page: Page) -> float:
    """Return how far parts of the page moved while it was loaded."""
    return float(page.evaluate("() => window.shifts ?? 0"))


WATCH_SHIFTS = """new PerformanceObserver((seen) => {
  for (const { value } of seen.getEntries()) window.shifts = (window.shifts ?? 0) + value;
}).observe({ type: "layout-shift", buffered: true })"""


@pytest.fixture
def wide(browser: Browser, url: str) -> Iterator[Page]:
    """A wide page, which notes how far its parts move while it is loaded."""
    with strict_page(browser, url, WATCH_SHIFTS, viewport={"width": 1440, "height": 900}) as page:
        yield page


def test_the_width_and_the_density_are_kept_and_set_before_the_page_is_shown(wide: Page) -> None:
    page = wide
    page.goto("/")
    edge, side = page.get_by_role("separator", name="Width of the list"), page.locator("#side")
    default = side.evaluate("element => element.offsetWidth")
    edge.focus()
    page.keyboard.press("End")
    widest = int(edge.get_attribute("aria-valuenow") or 0)
    assert widest == int(edge.get_attribute("aria-valuemax") or 0) > default
    page.keyboard.press("ArrowLeft")
    assert side.evaluate("element => element.offsetWidth") == widest - 16
    place = edge.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 4, 400)
    page.mouse.down()
    page.mouse.move(place["x"] - 96, 400, steps=3)
    page.mouse.up()
    dragged = side.evaluate("element => element.offsetWidth")
    assert dragged == widest - 116
    high = page.locator(".row").first.evaluate("row => row.offsetHeight")
    page.get_by_role("button", name="Compact").click()
    assert page.locator(".row").first.evaluate("row => row.offsetHeight") < high < 60
    page.reload()
    expect(page.get_by_role("button", name="Compact")).to_have_attribute("aria-pressed", "true")
    assert side.evaluate("element => element.offsetWidth") == dragged
    assert shifts(page) < 0.05  # a width that came late moves everything: 0.3
    visible = """list => [...list.querySelectorAll(".row")].filter((row) => {
      const [box, edge] = [row.getBoundingClientRect(), list.getBoundingClientRect()];
      return box.top >= edge.top && box.bottom <= edge.bottom;
    }).length"""
    assert page.locator("#list").evaluate(visible) >= 16
    edge.dblclick()
    assert side.evaluate("element => element.offsetWidth") == default


FACTS = """facts => [...facts.children].filter((each) => {
  const [box, line] = [each.getBoundingClientRect(), facts.getBoundingClientRect()];
  return box.width > 0 && box.top < line.bottom - 1;
}).map((each) => each.textContent.trim().split(/\\s+/)[0])"""


def test_the_facts_of_a_row_give_way_from_the_last_on(page: Page, home: Path) -> None:
    facts: dict[str, Any] = {
        "model": "acme/one-model-with-a-long-name",
        "profile": "work",
        "pending_user_message": "And?",
    }
    title = "Shrinks #first #second #third"
    session_id = put_session(home, "shrinks", title=title, pending_started_at=1.0, **facts)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/")
    shown, edge = page.locator(f'.row[data-id="{session_id}"] .row-facts'), page.locator("#side-edge")
    edge.focus()
    everything = None
    for density in ("comfortable", "compact"):
        page.keyboard.press("End")
        widest = shown.evaluate(FACTS)
        everything = everything or widest
        page.keyboard.press("Home")
        narrowest = shown.evaluate(FACTS)
        assert len(narrowest) < len(widest) <= len(everything)
        assert everything[: len(widest)] == widest
        assert everything[: len(narrowest)] == narrowest
        assert narrowest[0] in ("Interrupted", "Unanswered")
        if density == "comfortable":
            page.get_by_role("button", name="Compact").click()
            edge.focus()
    assert page.locator(f'.row[data-id="{session_id}"]').evaluate("row => row.offsetHeight") < 32


def test_one_tab_stop_leads_to_all_of_a_row(page: Page, home: Path) -> None:
    name = "A title that is much too long for one row of the list, whatever its width may be"
    long = put_session(home, "longtitle", title=name, tags=[])
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/")
    row = page.locator(f'.row[data-id="{long}"]')
    expect(row).to_be_visible()
    expect(page.locator("#list [tabindex='0']")).to_have_count(1)
    title = row.locator(".row-title")
    title.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(title).to_be_focused()
    tip = page.get_by_role("tooltip")
    expect(tip).to_have_text(name)
    box, side = tip.bounding_box(), page.locator("#side").bounding_box()
    assert box is not None
    assert side is not None
    assert box["x"] >= side["width"]  # beside the list: it covers no row
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    other = put_session(home, "other", title="The list is renewed under the hidden title")
    expect(page.locator(f'.row[data-id="{other}"]')).to_be_visible()
    expect(tip).to_be_hidden()
    title.focus()
    page.keyboard.press("ArrowLeft")
    expect(row.locator(".row-pick")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(row.get_by_role("button", name=f"Actions for {name}")).to_be_focused()
    page.keyboard.press("End")
    expect(title).not_to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#list') === null")


def test_a_conversation_that_changed_since_it_was_opened_here_is_marked(page: Page, home: Path) -> None:
    opened, other = put_session(home, "opened"), put_session(home, "neveropened")
    page.goto("/")
    page.get_by_role("link", name="opened", exact=True).click()
    expect(page.locator("h1")).to_have_text("opened")
    page.get_by_role("link", name="neveropened").wait_for()
    page.goto("/trash")
    for each in (opened, other):
        put_session(home, each, 6)
    row = page.locator(f'.row[data-id="{opened}"]')
    expect(row).to_have_class(re.compile("has-news"))
    expect(row.get_by_role("link")).to_have_accessible_description("New messages since you opened it")
    expect(page.locator(".has-news")).to_have_count(1)
    row.get_by_role("link").click()
    expect(page.locator(".has-news")).to_have_count(0)
    page.reload()
    expect(page.locator(".has-news")).to_have_count(0)


# ---- thousands ------------------------------------------------------------------------------------------


def go_further(page: Page) -> None:
    """Go to the end of what is loaded, by key, and wait for the page of the list after it."""
    chunks = page.locator(".chunk").count()
    page.keyboard.press("End")
    page.wait_for_function(f"() => document.querySelectorAll('.chunk').length > {chunks}")


@pytest.mark.slow
@pytest.mark.parametrize("size", LIST_SIZES)
def test_scrolling_through_thousands_of_sessions(browser: Browser, tmp_path: Path, size: int) -> None:
    (tmp_path / "webui/sessions").mkdir(parents=True)
    for number in range(size):  # an hour apart
        put_session(tmp_path, f"s{number:05}", 1, updated_at=1_790_000_000 - 3600 * number, created_at=1)
    with served(tmp_path) as url, strict_page(browser, url) as page:
        page.goto("/")
        expect(page.locator("#total")).to_have_text(f"{size:,} conversations")
        page.locator("#list").focus()
        rows, last = page.locator(".row"), page.locator(f'.row[data-id="s{size - 1:05}"]')
        while not last.count():
            go_further(page)
            assert rows.count() < 1000
        page.keyboard.press("End")
        last.locator(".row-title").focus()
        page.keyboard.press("k")
        expect(page.locator(f'.row[data-id="s{size - 2:05}"] .row-title')).to_be_focused()
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.locator("#picked output")).to_have_text("2 selected")
        put_session(tmp_path, "news", title="Came meanwhile")
        expect(page.locator("#total")).to_have_text(f"{size + 1:,} conversations")
        expect(last.locator(".row-title")).to_be_focused()
        expect(page.locator(".is-picked")).to_have_count(2)
        assert violations(page) == []
        page.keyboard.press("Escape")
        last.locator(".row-title").click()
        expect(page.locator("main h1")).to_have_text(f"s{size - 1:05}")
        page.locator("#list").evaluate("element => element.scrollTo(0, 0)")
        expect(page.locator('.row[data-id="news"]')).to_be_in_viewport()
        assert rows.count() < 1000
        ids = rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
        assert ids == ["news", *sorted(set(ids) - {"news"})]


# ---- filters --------------------------------------------------------------------------------------------


def test_filters_are_kept_in_the_address(page: Page) -> None:
    page.goto("/session/df8748bd091c")
    page.locator("#q").fill("project:kitchen ")
    expect(page.locator(".chip")).to_have_count(1)
    page.locator("#filters summary").click()
    page.locator("#filters").get_by_label("Status").select_option(label="All")
    expect(page.locator(".chip")).to_have_count(2)
    for project in page.locator(".row-project").all():
        expect(project).to_have_text("Kitchen")
    query = page.url.partition("?")[2]
    assert set(query.split("&")) >= {"archived=all"}
    assert "/session/df8748bd091c?" in page.url
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator(".chip")).to_have_count(2)
    page.locator(".row-title").first.click()
    page.wait_for_url(re.compile("archived=all"))
    expect(page.locator(".chip")).to_have_count(2)
    for left in (1, 0):
        expect(page.locator("[aria-busy]")).to_have_count(0)
        page.locator(".chip").first.click()
        expect(page.locator(".chip")).to_have_count(left)
    page.go_back()
    expect(page.locator(".chip")).to_have_count(2)


# ---- search ---------------------------------------------------------------------------------------------


def test_search_while_typing_and_open_a_hit_at_its_message(page: Page, home: Path) -> None:
    said = [message(f"message {number}", at=1_777_000_000.0 + number) for number in range(300)]
    said[40] = message("the zebrafish swims", at=1_777_000_040.0)
    put_session(home, "deep", title="A long one", messages=said)
    put_session(home, "titled", title="Zebrafish & co")
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("zebrafish", delay=20)
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator('.row[data-id="titled"] .row-title mark')).to_have_text("Zebrafish")
    hit = page.locator('.row[data-id="deep"]')
    expect(hit.locator(".row-snippet mark")).to_have_text("zebrafish")
    assert "q=zebrafish" in page.url
    hit.locator(".row-title").click()
    page.wait_for_url("**/session/deep*at=40*#m40")
    expect(page.locator("#m40")).to_be_in_viewport()
    expect(page.locator(".row")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.get_by_placeholder("Search", exact=True)).to_have_value("")
    expect(page.locator("#total")).to_contain_text("conversations")


def test_a_search_without_matches_says_so(page: Page) -> None:
    page.goto("/?q=qqqqqqqq")
    expect(page.locator("#list")).to_contain_text("No matches.")


def test_search_and_paging_work_without_javascript(browser: Browser, url: str, home: Path) -> None:
    put_session(home, "plain", title="Axolotl in the pond")
    with strict_page(browser, url, java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_placeholder("Search", exact=True).fill("axolotl")
        page.keyboard.press("Enter")
        page.locator(".row-title").first.click()
        expect(page.locator("main h1")).to_have_text("Axolotl in the pond")
        expect(page.locator(".row")).to_have_count(1)
        page.goto("/")
        page.get_by_role("link", name="Next page").click()
        expect(page.get_by_role("link", name="First page")).to_be_visible()


# ---- live -----------------------------------------------------------------------------------------------


def test_new_and_changed_sessions_appear_in_every_tab(browser: Browser, url: str, home: Path) -> None:
    with strict_context(browser, url) as context:
        tabs = [context.new_page() for _ in range(3)]
        streams: list[str] = []
        context.on("request", lambda asked: streams.append(asked.url))
        for tab in tabs:
            tab.goto("/")
        put_session(home, "live-1", title="Came by itself")
        for tab in tabs:
            expect(tab.locator('.row[data-id="live-1"]')).to_contain_text("Came by itself")
        put_session(home, "live-1", title="Changed by itself")
        for tab in tabs:
            expect(tab.locator('.row[data-id="live-1"]')).to_contain_text("Changed by itself")
        assert len([each for each in streams if "/sessions/events" in each]) == 1
        tabs[0].close()  # another tab takes over
        put_session(home, "live-2", title="After the first tab")
        for tab in tabs[1:]:
            expect(tab.locator('.row[data-id="live-2"]')).to_have_count(1)


@pytest.mark.slow
def test_quick_reloads_do_not_use_up_the_streams(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "webui/sessions").mkdir(parents=True)
    put_session(tmp_path, "first")
    with served(tmp_path) as url, strict_page(browser, url) as page:
        page.goto("/")
        for _ in range(MOST_STREAMS + 16):
            with page.expect_request("**/sessions/events"):
                page.reload()
        put_session(tmp_path, "reloaded", title="After many reloads")
        expect(page.locator('.row[data-id="reloaded"]')).to_have_count(1)


LISTEN = """path => new Promise(resolve => {
    window.titles = [];
    const source = new EventSource(path);
    source.addEventListener("sessions_changed", event => {
        window.titles.push(...JSON.parse(event.data).sessions.map(session => session.title));
        resolve();
    });
})"""


@pytest.mark.parametrize("path", ["/api/sessions/events", "/api/sessions/gateway/stream"])
def test_a_page_that_listens_as_the_web_ui_does_receives_a_rename(page: Page, home: Path, path: str) -> None:
    name = put_session(home, path.rpartition("/")[2], title="Before")
    page.goto("/")
    page.evaluate(LISTEN, path)
    page.evaluate(
        """id => fetch("/api/session/rename", {
            method: "POST", headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ session_id: id, title: `${id} after` }),
        })""",
        name,
    )
    page.wait_for_function("title => window.titles.includes(title)", arg=f"{name} after", timeout=10_000)


def pass_half_minutes(page: Page, done: Callable[[], bool]) -> None:
    """Move the page's clock on until something is done: a poll is timed only when the last was answered."""
    for _ in range(100):
        page.clock.fast_forward(30_000)
        page.wait_for_timeout(300)
        if done():
            return
    pytest.fail("the page did not do it")


def test_a_page_without_a_stream_polls_and_gets_a_stream_later(browser: Browser, may: Path) -> None:
    answers: list[Response] = []

    def keep(response: Response) -> None:
        answers.append(response)

    def answered(path: str) -> list[Response]:
        return [each for each in answers if path in each.url]

    with served(may) as url, strict_page(browser, url, allowed=FULL) as page:
        page.on("response", keep)
        with ExitStack() as opened:
            for _ in range(MOST_STREAMS):
                opened.enter_context(urlopen(f"{url}/api/sessions/events"))
            page.clock.install()
            page.goto("/")
            pass_half_minutes(page, lambda: len(answered("/sidebar?limit=1")) > 1)
            first, second = answered("/sidebar?limit=1")[:2]
            assert second.request.headers["if-none-match"] == first.headers["etag"]
            put_session(may, "polled", title="Asked for")
            pass_half_minutes(page, lambda: page.locator('.row[data-id="polled"]').count() == 1)
            expect(page.locator("#offline")).to_be_hidden()
        pass_half_minutes(page, lambda: any(each.ok for each in answered("/events")))
        put_session(may, "told", title="Told of")
        expect(page.locator('.row[data-id="told"]')).to_have_count(1)


def test_the_visible_rows_stay_in_place_when_the_list_grows(page: Page, home: Path) -> None:
    page.goto("/")
    page.locator("#list").evaluate("element => element.scrollTo(0, 900)")
    row = page.locator(".row").nth(20)
    row.locator(".row-title").focus()
    before = row.bounding_box()
    marked = row.get_attribute("data-id")
    put_session(home, "grows", title="Above")
    expect(page.locator('.row[data-id="grows"]')).to_have_count(1)
    same = page.locator(f'.row[data-id="{marked}"]')
    after = same.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 2
    expect(same.locator(".row-title")).to_be_focused()


@pytest.mark.parametrize("pressed", ["changed", "unchanged"])
def test_a_click_is_not_lost_when_the_list_is_renewed_before_the_release(
    page: Page, home: Path, pressed: str
) -> None:
    ids = {each: put_session(home, each) for each in ("changed", "unchanged")}
    page.goto("/")
    row = page.locator(f'.row[data-id="{ids[pressed]}"]')
    row.locator(".row-pick").hover()
    page.mouse.down()
    with page.expect_response(re.compile(r"/sidebar\?.*limit=")):
        put_session(home, ids["changed"], title="New title")
    page.wait_for_timeout(100)  # the page would show the news by now
    page.mouse.up()
    expect(row.locator(".row-pick")).to_be_checked()
    expect(page.get_by_role("toolbar").locator("output")).to_have_text("1 selected")
    expect(page.locator('.row[data-id="changed"] .row-title')).to_have_text("New title")


CROSSING = """() => {
    const { fetch } = window;
    const until = async (is) => { while (!is()) await new Promise(requestAnimationFrame); };
    let isRenewing = false;
    window.fetch = async (...asked) => {
        const address = new URL(asked[0], location.href);
        const isOther = address.searchParams.get("archived") === "1";
        const isList = address.pathname === "/sidebar" && address.searchParams.get("limit") !== "1";
        if (!isList) return fetch(...asked);
        if (!isOther) isRenewing = true;
        const answer = await fetch(...asked);
        if (isOther) await until(() => isRenewing);
        else await until(() => location.search.includes("archived=1"));
        if (!isOther) document.documentElement.dataset.crossed = "";
        return answer;
    };
}"""


def test_a_list_that_was_asked_for_stays_when_the_earlier_one_is_renewed_late(page: Page, home: Path) -> None:
    put_session(home, "put-away", archived=True)
    page.goto("/")
    expect(page.locator(".views")).to_contain_text("Archived")
    page.evaluate(CROSSING)
    page.locator(".views a", has_text="Archived").click()
    put_session(home, "not-put-away")
    expect(page.locator("html[data-crossed]")).to_be_attached()
    page.wait_for_timeout(200)  # the page would show the earlier list by now
    expect(page.locator(".views [aria-current]")).to_contain_text("Archived")
    expect(page.locator('.row[data-id="put-away"]')).to_be_visible()
    expect(page.locator('.row[data-id="not-put-away"]')).to_have_count(0)


def test_a_press_that_lasts_does_not_keep_news_back(page: Page, home: Path) -> None:
    put_session(home, "held")
    page.goto("/")
    page.locator('.row[data-id="held"] .row-title').hover()
    page.mouse.down()
    put_session(home, "newer")
    expect(page.locator('.row[data-id="newer"]')).to_be_visible()
    page.mouse.up()


def test_a_lost_connection_is_shown_until_the_server_is_back(browser: Browser, tmp_path: Path) -> None:
    home = copy_sample("may", tmp_path)
    server = start(home, "--port", "0")
    url = address(server)
    with strict_page(browser, url, allowed="Failed to load resource: net::") as page:
        page.goto("/session/df8748bd091c")
        expect(page.locator("#offline")).to_be_hidden()
        other = page.locator('.row:not([data-id="df8748bd091c"])').first.get_attribute("data-id")
        title = page.locator(f'.row[data-id="{other}"] .row-title')
        asked = title.text_content() or ""
        stop(server)
        expect(page.locator("#offline")).to_be_visible()
        pin = page.locator(".actions").get_by_role("button", name=re.compile("^(Pin|Unpin)$"))
        expect(pin).to_have_attribute("aria-disabled", "true")
        expect(pin).to_have_attribute("title", "Not possible while the connection is lost")
        pin.click(force=True)
        title.focus()
        page.keyboard.press("p")
        title.click()
        expect(page.locator("#offline")).to_have_class(re.compile("insisting"))
        expect(page.locator(".toast")).to_have_count(0)
        expect(page.locator("main h1")).to_have_text("Explain the borrow checker")
        put_session(home, "meanwhile", title="Meanwhile")
        again = start(home, "--port", url.rpartition(":")[2])
        try:
            address(again)
            expect(page.locator("#offline")).to_be_hidden(timeout=30_000)
            expect(page.locator('.row[data-id="meanwhile"]')).to_have_count(1)
            expect(page.locator("main h1")).to_have_text(asked)
            expect(pin).not_to_have_attribute("aria-disabled", "true")
            expect(page.locator(".toast")).to_have_count(0)
        finally:
            stop(again)


def test_a_lost_connection_is_shown_on_a_phone(browser: Browser, may: Path) -> None:
    server = start(may, "--port", "0")
    look: dict[str, Any] = {
        "viewport": {"width": 390, "height": 844},
        "allowed": "Failed to load resource: net::",
    }
    with strict_page(browser, address(server), **look) as page:
        page.goto("/import")
        stop(server)
        expect(page.locator("#offline")).to_be_in_viewport()
        assert violations(page) == []
