"""The places in a real browser: one click filters, dragging moves and tags, and all can be undone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from hermes_sessions import SessionRepository

from ..conftest import copy_sample
from ..support.browsing import in_browser, put_session, stored, strict_page
from ..support.serving import served

pytestmark = in_browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample of May, with two tags."""
    home = copy_sample("may", tmp_path_factory.mktemp("places"))
    with SessionRepository.open(hermes_home=home) as sessions:
        first, second, *_ = (each.session_id for each in sessions.list(limit=3))
        sessions.tag_many([first, second], "garden")
        sessions.tag(first, "work")
    return home


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page over it."""
    with strict_page(browser, url, viewport={"width": 1440, "height": 900}) as page:
        page.goto("/")
        yield page


def place(page: Page, name: str) -> Locator:
    return page.locator(f'.place[data-name="{name}"]')


def number(page: Page, name: str) -> int:
    return int(place(page, name).locator(".place-count").inner_text().replace(",", ""))


def row(page: Page, session_id: str) -> Locator:
    return page.locator(f'.row[data-id="{session_id}"]')


def said(page: Page, words: str) -> Locator:
    toast = page.locator(".toast").last
    expect(toast).to_contain_text(words)
    return toast


def undo(page: Page) -> None:
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    said(page, "Undone.")


def menu(page: Page, name: str, item: str) -> None:
    place(page, name).hover()
    place(page, name).locator(".place-menu").click()
    page.get_by_role("menuitem", name=item).click()


def projects(home: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((home / "webui/projects.json").read_bytes())
    return listed


def test_one_click_shows_a_place_and_another_leaves_it(page: Page) -> None:
    page.goto("/session/df8748bd091c")
    everything = page.locator("#total").inner_text()
    for name in ("Kitchen", "No project", "garden"):
        link = place(page, name).locator(".place-link")
        count = number(page, name)
        link.click()
        expect(link).to_have_attribute("aria-current", "true")
        expect(page.locator("#total")).to_contain_text(f"{count} conversation")
        expect(page.locator(".views [aria-current]")).to_have_count(0)
        assert page.url.partition("?")[0].endswith("/session/df8748bd091c"), "the page beside the list stays"
        link.click()
        expect(page.locator("#total")).to_have_text(everything)
    views = page.locator(".views a")
    views.filter(has_text="Interrupted").click()
    expect(page.locator("#total")).to_have_text("2 conversations")
    views.filter(has_text="All").click()
    expect(page.locator("#total")).to_have_text(everything)


def test_dragging_moves_and_tags_one_and_several(page: Page, home: Path) -> None:
    ids = [put_session(home, f"drag-{each}") for each in range(3)]
    page.goto("/")
    before = number(page, "Kitchen")
    row(page, ids[0]).drag_to(place(page, "Kitchen"))
    said(page, "Moved to Kitchen.")
    expect(place(page, "Kitchen").locator(".place-count")).to_have_text(str(before + 1))
    kitchen = stored(home, ids[0])["project_id"]
    assert kitchen in {each["project_id"] for each in projects(home)}

    for each in ids:
        row(page, each).locator(".row-title").focus()
        page.keyboard.press("x")
    row(page, ids[1]).drag_to(place(page, "Kitchen"))
    said(page, "moved to Kitchen")
    assert {stored(home, each)["project_id"] for each in ids} == {kitchen}
    undo(page)
    assert [stored(home, each).get("project_id") for each in ids] == [kitchen, None, None]

    row(page, ids[0]).drag_to(place(page, "No project"))
    page.keyboard.press("Escape")
    said(page, "Removed from its project.")
    expect(place(page, "Kitchen").locator(".place-count")).to_have_text(str(before))
    row(page, ids[0]).drag_to(place(page, "garden"))
    said(page, "Tagged garden.")
    expect(row(page, ids[0]).locator(".tag")).to_contain_text("garden")
    undo(page)
    expect(row(page, ids[0]).locator(".tag")).to_have_count(0)


def test_a_project_is_created_renamed_recoloured_and_deleted_in_place(page: Page, home: Path) -> None:
    field = page.get_by_role("textbox", name="New project", exact=True)
    field.click()
    page.keyboard.type("Attic")
    page.keyboard.press("Enter")
    said(page, "Project created.")
    expect(field).to_have_value("")
    expect(place(page, "Attic")).to_be_visible()
    made = projects(home)[-1]
    session_id = put_session(home, "in-attic", project_id=made["project_id"])
    expect(place(page, "Attic").locator(".place-count")).to_have_text("1")

    menu(page, "Attic", "Rename")
    page.keyboard.type("Cellar")
    page.keyboard.press("Enter")
    said(page, "Project renamed.")
    expect(place(page, "Cellar").locator(".place-link")).to_be_visible()
    expect(row(page, session_id)).to_contain_text("Cellar")
    menu(page, "Cellar", "Colour…")
    page.get_by_role("menuitem", name="Pink").click()
    said(page, "Colour changed.")
    assert projects(home)[-1] == made | {"name": "Cellar", "color": "#db2777"}

    place(page, "Cellar").locator(".place-link").click()
    expect(place(page, "Cellar").locator("[aria-current]")).to_be_visible()
    menu(page, "Cellar", "Delete")
    said(page, "Project deleted. Its conversations were kept.")
    expect(page.locator(".views [aria-current]")).to_contain_text("All")
    expect(place(page, "Cellar")).to_have_count(0)
    assert stored(home, session_id)["project_id"] is None
    undo(page)
    expect(place(page, "Cellar").locator(".place-count")).to_have_text("1")
    assert stored(home, session_id)["project_id"] == made["project_id"]


SLOW_ANSWER = """() => {
    const { fetch } = window;
    const gone = () => !document.querySelector(".place[data-name=Brief]");
    window.fetch = async (...asked) => {
        const answer = await fetch(...asked);
        const isDeletion = String(asked[0]).includes("/api/projects/delete");
        while (isDeletion && !gone()) await new Promise(requestAnimationFrame);
        return answer;
    };
}"""


def test_the_list_leaves_a_deleted_project_even_if_its_row_goes_first(page: Page, home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        brief = sessions.projects.create("Brief").project_id
    put_session(home, "in-brief", project_id=brief)
    page.goto("/")
    page.evaluate(SLOW_ANSWER)
    place(page, "Brief").locator(".place-link").click()
    expect(place(page, "Brief").locator("[aria-current]")).to_be_visible()
    menu(page, "Brief", "Delete")
    said(page, "Project deleted.")
    expect(page.locator(".views [aria-current]")).to_contain_text("All")


def test_a_tag_is_added_by_menu_renamed_merged_and_deleted(page: Page, home: Path) -> None:
    session_id = put_session(home, "tagged-by-menu")
    page.goto("/")
    for choice in ("garden", None):
        row(page, session_id).hover()
        row(page, session_id).locator(".row-menu").click()
        page.get_by_role("menuitem", name="Tag…").click()
        dialog = page.get_by_role("dialog", name="Tag")
        if choice:
            dialog.get_by_role("button", name=choice).click()
        else:
            dialog.get_by_label("Name of a new tag").fill("spring")
            page.keyboard.press("Enter")
        said(page, f"Tagged {choice or 'spring'}.")
    tags = home / "webui/tags.json"
    expect(place(page, "spring")).to_be_visible()
    before = json.loads(tags.read_bytes())
    place(page, "spring").locator(".place-link").click()
    expect(place(page, "spring").locator("[aria-current]")).to_be_visible()
    menu(page, "spring", "Rename")
    page.keyboard.type("garden")
    page.keyboard.press("Enter")
    said(page, "Merged with garden.")
    expect(place(page, "garden").locator("[aria-current]")).to_have_count(1)
    expect(place(page, "spring")).to_have_count(0)
    undo(page)
    expect(place(page, "spring").locator(".place-count")).to_have_text("1")
    assert json.loads(tags.read_bytes()) == before
    menu(page, "garden", "Delete")
    said(page, "Tag deleted.")
    expect(place(page, "garden")).to_have_count(0)
    undo(page)
    assert json.loads(tags.read_bytes()) == before


def test_places_fold_and_stay_folded_and_keys_reach_all(page: Page) -> None:
    toggle = page.locator("#places-groups > summary")
    expect(place(page, "Kitchen")).to_be_visible()
    assert page.locator("#places").bounding_box()["height"] <= 200  # type: ignore[index]  # it is on the page
    toggle.focus()
    page.keyboard.press("Enter")
    expect(place(page, "Kitchen")).to_be_hidden()
    page.reload()
    expect(place(page, "Kitchen")).to_be_hidden()
    page.locator("#places-groups > summary").focus()
    page.keyboard.press("Enter")
    place(page, "Kitchen").locator(".place-menu").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Colour…")).to_be_focused()
    page.keyboard.press("Escape")
    expect(place(page, "Kitchen").locator(".place-menu")).to_be_focused()


def test_many_places_scroll_inside_themselves(browser: Browser, tmp_path: Path) -> None:
    home = copy_sample("may", tmp_path)
    made = [{"project_id": f"p{each}", "name": f"Project {each} {'long ' * 20}"} for each in range(200)]
    (home / "webui/projects.json").write_text(json.dumps(made))
    with SessionRepository.open(hermes_home=home) as sessions:
        (first, *_) = (each.session_id for each in sessions.list(limit=1))
        for start in range(0, 100, 50):
            sessions.tag(first, *(f"tag {start + each}" for each in range(50)))
    with (
        served(home) as address,
        strict_page(browser, address, viewport={"width": 320, "height": 700}) as page,
    ):
        page.goto("/")
        page.locator("#places-groups > summary").click()
        expect(page.locator(".place")).to_have_count(10)
        page.get_by_role("link", name="Show all 200 projects").click()
        expect(page.locator('.place[data-kind="project"]')).to_have_count(201)
        expect(page.locator('.place[data-kind="tag"]')).to_have_count(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert page.locator("#places").bounding_box()["height"] < 500  # type: ignore[index]  # it is on the page
        put_session(home, "meanwhile")
        expect(row(page, "meanwhile")).to_be_visible()
        expect(page.locator('.place[data-kind="project"]')).to_have_count(201)
        page.get_by_role("link", name="Show fewer").first.click()
        expect(page.locator(".place")).to_have_count(10)
