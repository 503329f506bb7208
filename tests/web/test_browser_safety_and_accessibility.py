"""Every page in a real browser: no text runs as a script, and axe finds no barrier."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from ..conftest import copy_sample
from ..support.browsing import (
    AXE,
    REFUSED,
    THEMES,
    in_browser,
    put_session,
    strict_context,
    strict_page,
)
from ..support.make import message
from ..support.payloads import PAYLOADS
from ..support.serving import served

pytestmark = in_browser


TRAP = "window.ran = []; window.pwned = () => window.ran.push(document.activeElement?.outerHTML ?? '')"


# ---- for everybody --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a copy of the sample of May is served, with something in the trash."""
    home = copy_sample("may", tmp_path_factory.mktemp("axe"))
    put_session(home, "words", title="Words for everybody")
    put_session(home, "thrown", title="Thrown away")
    with served(home) as address:
        yield address


PAGES = {
    "list": "/",
    "found": "/?q=words",
    "nothing found": "/?q=qqqqqqq",
    "filtered": "/?source=cli&archived=all",
    "session": "/session/df8748bd091c",
    "session of an agent": "/session/chain1_seg2",
    "find": "/session/df8748bd091c/find?words=the",
    "interrupted": "/session/6e9160d23644",
    "all places": "/?places=all",
    "import": "/import",
    "health": "/check?deep=1",
    "usage": "/usage",
    "trash": "/trash",
    "missing": "/nothing",
    "missing session": "/session/nothing",
}
# At 320 the list and the page are in turn, from 720 on side by side.
OVERFLOW_WIDTHS = (320, 390, 768, 1024, 1440, 1920)
AXE_WIDTHS = frozenset(OVERFLOW_WIDTHS[:-1])
WHOLE_AT = frozenset({390, 1440})  # elsewhere axe leaves out the list, which is the same beside every page
# A list that was not shown has dropped its rows, and fetches them again.
SETTLED = """() => !document.querySelector('[aria-busy=true]')
    && ![...document.querySelectorAll('#list .chunk:empty')].some(
        chunk => chunk.checkVisibility() && chunk.getBoundingClientRect().top < innerHeight)"""
# What a theme alone can change. Where the list is left out, the other rules are checked in one theme.
ONLY_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def violations(page: Page, *, without: str = "", **options: Any) -> list[str]:
    found = page.evaluate(
        "([without, options]) => axe.run(without ? {exclude: [without]} : document, options)",
        [
            without if without and page.locator(without).count() else "",
            {"resultTypes": ["violations"]} | options,
        ],
    )
    return [
        f"{each['id']} ({page.url}): {node['html'][:160]}: {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]


def flaws(page: Page, theme: str) -> list[str]:
    """Return what axe finds on the open page at every width, and where it is wider than the window."""
    found = []
    for width in OVERFLOW_WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_function(SETTLED)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append(f"{page.url} is {wide} pixels wide in a window of {width}")
        if width in WHOLE_AT:
            found += violations(page)
        elif width in AXE_WIDTHS:
            found += violations(page, without="#side", **(ONLY_COLOURS if theme == "dark" else {}))
    return found


@pytest.mark.parametrize("theme", THEMES)
def test_every_page_is_accessible_and_fits_at_every_width(browser: Browser, url: str, theme: str) -> None:
    look = {"color_scheme": theme, "reduced_motion": "reduce"}
    with strict_context(browser, url, AXE, allowed=REFUSED, **look) as context:
        page = context.new_page()
        page.request.post("/api/session/delete", data={"session_id": "thrown"})
        found = []
        for path in PAGES.values():
            page.goto(path)
            found += flaws(page, theme)
        assert found == []


@pytest.mark.parametrize("theme", THEMES)
def test_menus_and_dialogs_are_accessible(browser: Browser, url: str, theme: str) -> None:
    with strict_context(browser, url, AXE, color_scheme=theme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto("/session/df8748bd091c")
        found = []
        title = page.locator('.row[data-id="words"] .row-title')
        title.focus()
        for key, shown in (("?", "#help"), ("m", "#choose"), ("x", "#picked")):
            page.keyboard.press(key)
            expect(page.locator(shown)).to_be_visible()
            found += violations(page)
            page.keyboard.press("Escape")
            expect(page.locator(shown)).to_be_hidden()
            title.focus()
        page.keyboard.press("r")
        found += violations(page)
        page.keyboard.press("Escape")
        page.keyboard.press("p")
        expect(page.locator(".toast")).to_be_visible()
        found += violations(page)
        page.keyboard.press("z")
        page.locator('.row[data-id="words"]').hover()
        page.locator('.row[data-id="words"] .row-menu').click()
        expect(page.get_by_role("menu")).to_be_visible()
        found += violations(page)
        page.keyboard.press("Escape")
        for menu in ("#query-help", "#filters"):
            page.locator(f"{menu} summary").click()
            expect(page.locator(f"{menu} .panel")).to_be_visible()
            found += violations(page)
        expect(page.locator("#query-help .panel")).to_be_hidden()
        assert found == []


def test_the_login_and_the_welcome_are_accessible_and_fit_and_can_be_installed(
    browser: Browser, tmp_path: Path
) -> None:
    with served(tmp_path, HERMES_WEBUI_PASSWORD="correct horse") as url:
        for theme in THEMES:
            with strict_context(browser, url, AXE, color_scheme=theme, allowed=REFUSED) as context:
                page = context.new_page()
                page.goto("/?sort=title#content")
                page.get_by_label("Password").fill("wrong horse")
                page.keyboard.press("Enter")
                expect(page.get_by_role("alert")).to_have_text("Wrong password.")
                assert flaws(page, theme) == []
                page.get_by_label("Password").fill("correct horse")
                page.get_by_role("button", name="Show password").click()
                expect(page.get_by_label("Password")).to_have_attribute("type", "text")
                page.keyboard.press("Enter")
                expect(page.locator("main h1")).to_have_text("Welcome to Hermes")
                assert page.url == f"{url}/?sort=title#content"
                assert flaws(page, theme) == []
                tools = context.new_cdp_session(page)
                assert tools.send("Page.getAppManifest")["errors"] == []
                obstacles = tools.send("Page.getInstallabilityErrors")["installabilityErrors"]
                assert {each["errorId"] for each in obstacles} <= {"in-incognito"}  # as every test is


# ---- no text runs ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose every title, model, project, label, profile and message is a payload."""
    home = copy_sample("may", tmp_path_factory.mktemp("hostile"))
    projects = [
        {"project_id": f"p{at}", "name": text[:128], "color": text, "created_at": 1.0}
        for at, text in enumerate(PAYLOADS)
    ]
    (home / "webui/projects.json").write_text(json.dumps(projects))
    for at, text in enumerate(PAYLOADS):
        put_session(
            home,
            f"h{at:03}",
            title=text,
            model=text,
            profile=text.replace("/", "") if at % 2 else None,
            project_id=f"p{at}",
            source_tag="cli",
            source_label=text,
            pinned=at % 9 == 0,
            messages=[message(f"needle {text} needle"), message(text, "assistant")],
        )
    return home


@pytest.fixture(scope="module")
def hostile_url(hostile: Path) -> Iterator[str]:
    """Where it is served."""
    with served(hostile) as address:
        yield address


@pytest.fixture
def trapped(browser: Browser, hostile_url: str) -> Iterator[Page]:
    """A page in which every payload that runs is caught."""
    with strict_page(browser, hostile_url, TRAP) as page:
        page.on("dialog", lambda dialog: dialog.dismiss())
        yield page
        assert page.evaluate("window.ran") == []


def is_clean(page: Page) -> None:
    assert page.evaluate("window.ran") == []
    assert page.locator("[onerror], [onload], [onfocus], [onclick], [onmouseover]").count() == 0
    assert page.locator("script:not([src^='/static/'])").count() == 0


def test_titles_projects_labels_and_models_do_not_run_as_scripts(trapped: Page) -> None:
    for path in ("/?archived=all&places=all", "/check", "/usage"):
        trapped.goto(path)
        is_clean(trapped)
    trapped.goto("/")
    while trapped.locator(".row").count() < len(PAYLOADS):
        trapped.locator("#list").evaluate("element => element.scrollTo(0, element.scrollHeight)")
        trapped.wait_for_function("() => !document.querySelector('.list-end').ariaBusy")
    shown = trapped.locator(".row-title").all_text_contents()
    assert "<svg onload=pwned()>" in shown
    is_clean(trapped)


def test_texts_in_menus_fields_and_dialogs_do_not_run_as_scripts(trapped: Page) -> None:
    trapped.goto("/")
    for title in trapped.locator(".row-title").all()[:12]:
        title.focus()
        trapped.keyboard.press("r")
        trapped.keyboard.press("Escape")
    trapped.keyboard.press("m")
    expect(trapped.locator("#choose .menu-item").first).to_be_visible()
    is_clean(trapped)
    trapped.keyboard.press("Escape")
    trapped.keyboard.press("x")
    is_clean(trapped)


def test_search_texts_and_snippets_do_not_run_as_scripts(trapped: Page) -> None:
    trapped.goto("/?q=needle")
    expect(trapped.locator(".row-snippet").first).to_be_visible()
    is_clean(trapped)
    field = trapped.get_by_placeholder("Search", exact=True)
    for text in PAYLOADS:
        if text.isprintable():
            field.fill(text)
            with trapped.expect_response("**/sidebar?*"):
                trapped.keyboard.press("Enter")
    is_clean(trapped)


def test_actions_on_hostile_names_run_no_script(trapped: Page, tmp_path: Path) -> None:
    trapped.goto("/")
    for text in PAYLOADS[:: len(PAYLOADS) // 6]:
        trapped.locator(".row:not([data-agent]) .row-title").nth(20).focus()
        trapped.keyboard.press("r")
        trapped.keyboard.insert_text(text)
        trapped.keyboard.press("Enter")
        expect(trapped.locator(".toast").last).to_be_visible()
        file = tmp_path / "".join(each for each in text if each not in "/\0")[:100]
        file.write_text(json.dumps({"title": text, "messages": [message(text)]}))
        trapped.get_by_role("link", name="Import").click()
        trapped.get_by_label("File", exact=True).set_input_files(file)
        trapped.get_by_role("button", name="Import").click()
        expect(trapped.locator(".toast").last).to_contain_text("Imported")
        is_clean(trapped)
    trapped.locator(".actions[data-id]").wait_for()  # the notice may be that of the import before
    trapped.wait_for_load_state()  # the keys work once the scripts have run
    trapped.keyboard.press("#")
    expect(trapped.locator(".toast").last).to_contain_text("trash")
    trapped.get_by_role("link", name="Trash").click()
    expect(trapped.locator("main h1")).to_have_text("Trash")
    is_clean(trapped)


def test_addresses_do_not_run_as_scripts(browser: Browser, hostile_url: str) -> None:
    with strict_page(browser, hostile_url, TRAP, allowed=REFUSED) as page:
        for text in PAYLOADS[::8]:
            for names in ("q profile project_id source done undo", "archived", "cursor"):
                query = urlencode(dict.fromkeys(names.split(), text))
                page.goto(f"/?{query}")
                is_clean(page)
