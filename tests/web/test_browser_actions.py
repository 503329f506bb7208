"""Every action of the pages in a real browser: by form, menu and key, for one and for several."""

import json
import os
import re
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from hermes_sessions import SessionRepository
from webapp.pages import rendering

from ..conftest import copy_sample
from ..support.browsing import REFUSED, in_browser, put_session, stored, strict_context, strict_page
from ..support.serving import served

pytestmark = in_browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample of May."""
    return copy_sample("may", tmp_path_factory.mktemp("acts"))


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page over it."""
    with strict_page(browser, url) as page:
        yield page


def row(page: Page, session_id: str) -> Locator:
    return page.locator(f'.row[data-id="{session_id}"]')


def short_time(at: float) -> str:
    return rendering.short_time(datetime.fromtimestamp(at).astimezone(), time.time())


def said(page: Page, words: str) -> Locator:
    toast = page.locator(".toast").last
    expect(toast).to_contain_text(words)
    return toast


def use_menu(page: Page, session_id: str, item: str) -> None:
    row(page, session_id).hover()
    row(page, session_id).locator(".row-menu").click()
    page.get_by_role("menuitem", name=item).click()


@pytest.mark.parametrize(
    "case",
    [
        ("p", "Pin", "pinned", "Pinned."),
        ("e", "Archive", "archived", "Archived."),
        ("#", "Delete", None, "Moved to the trash."),
    ],
    ids=str,
)
def test_an_action_by_key_and_by_menu_can_be_undone(
    page: Page, home: Path, case: tuple[str, str, str | None, str]
) -> None:
    key, item, field, words = case
    session_id = put_session(home, f"act-{item}")
    path = home / f"webui/sessions/{session_id}.json"
    page.goto("/")
    for by_key in (True, False):
        if by_key:
            row(page, session_id).locator(".row-title").focus()
            page.keyboard.press(key)
        else:
            use_menu(page, session_id, item)
        toast = said(page, words)
        assert stored(home, session_id)[field] is True if field else not path.exists()
        # The list follows the act: or else it would show that after the undo is shown to be done.
        is_pinned = row(page, session_id).and_(page.locator("[data-pinned]"))
        expect(is_pinned if item == "Pin" else row(page, session_id)).to_have_count(1 if item == "Pin" else 0)
        if by_key:
            page.keyboard.press("z")
        else:
            toast.get_by_role("button", name="Undo").click()
        said(page, "Undone.")
        assert stored(home, session_id)[field] is False if field else path.exists()
        expect(row(page, session_id).and_(page.locator(":not([data-pinned])"))).to_have_count(1)


@contextmanager
def undone_pin_still_shown(page: Page, session_id: str) -> Iterator[None]:
    """A pin was undone, and during the block the list still shows it."""
    page.goto("/")
    row(page, session_id).locator(".row-title").focus()
    page.keyboard.press("p")
    said(page, "Pinned.")
    expect(row(page, session_id).and_(page.locator("[data-pinned]"))).to_have_count(1)
    held: list[Route] = []
    is_held = True

    def hold(route: Route) -> None:
        if is_held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/sidebar?*", hold)
    page.keyboard.press("z")
    said(page, "Undone.")
    expect(row(page, session_id).and_(page.locator("[data-pinned]"))).to_have_count(1)
    yield
    is_held = False
    for each in held:
        each.continue_()


def test_the_field_for_a_new_tag_stays_below_many_tags(page: Page, home: Path) -> None:
    session_id = put_session(home, "many-tags")
    with SessionRepository.open(hermes_home=home) as sessions:
        for number in range(30):
            sessions.tag(session_id, f"subject-{number}")
        page.set_viewport_size({"width": 768, "height": 1024})
        page.goto("/")
        row(page, session_id).locator(".row-title").focus()
        page.keyboard.press("t")
        dialog = page.get_by_role("dialog", name="Tag")
        expect(dialog.get_by_role("button", name="subject-0", exact=True)).to_be_visible()
        for kept in (dialog.get_by_label("Name of a new tag"), dialog.get_by_role("button", name="Add")):
            expect(kept).to_be_in_viewport(ratio=1)
        dialog.get_by_role("button", name="subject-29").scroll_into_view_if_needed()
        expect(dialog.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")
        for number in range(30):
            sessions.remove_tag(f"subject-{number}")


def test_the_menu_right_after_an_undo_shows_what_the_undo_left(page: Page, home: Path) -> None:
    session_id = put_session(home, "menu-after-undo")
    with undone_pin_still_shown(page, session_id):
        row(page, session_id).hover()
        row(page, session_id).locator(".row-menu").click()
        expect(page.get_by_role("menuitem", name="Unpin")).to_have_count(0)
    expect(page.get_by_role("menuitem", name="Pin", exact=True)).to_be_visible()
    page.get_by_role("menuitem", name="Pin", exact=True).click()
    said(page, "Pinned.")
    assert stored(home, session_id)["pinned"] is True


def test_a_key_right_after_an_undo_acts_on_what_the_undo_left(page: Page, home: Path) -> None:
    session_id = put_session(home, "pinned-again")
    with undone_pin_still_shown(page, session_id):
        page.keyboard.press("p")
        assert stored(home, session_id)["pinned"] is False, "the key waits"
    said(page, "Pinned.")
    expect(row(page, session_id).and_(page.locator("[data-pinned]"))).to_have_count(1)
    assert stored(home, session_id)["pinned"] is True


@pytest.mark.parametrize("hanging", ["**/api/sessions/batch", "**/sidebar?*"])
def test_keys_do_not_wait_for_ever_for_a_change_that_is_never_answered(
    browser: Browser, url: str, home: Path, hanging: str
) -> None:
    session_id = put_session(home, f"hanging-{len(hanging)}")
    with strict_page(browser, url, "/* its clock is moved on */") as page:
        page.clock.install()
        page.goto("/")
        row(page, session_id).locator(".row-title").focus()
        page.route(hanging, lambda _: None)
        with page.expect_request(hanging):
            page.keyboard.press("p")
        for key in "ze":
            page.keyboard.press(key)
        told = page.locator(".toast.bad")
        expect(told).to_have_count(0)
        page.clock.fast_forward(10_000)
        expect(told).to_contain_text(
            "An earlier change has no answer after 10 seconds, so the keys z and e did"
        )
        page.keyboard.press("p")
        expect(told).to_contain_text("so the key p did nothing")
        row(page, session_id).hover()
        row(page, session_id).locator(".row-menu").click()
        expect(told).to_contain_text("so the menu was not opened")
        assert not stored(home, session_id).get("archived")
        page.unroute(hanging)
        with page.expect_navigation():
            told.get_by_role("button", name="Reload").click()
        is_pinned = stored(home, session_id).get("pinned")
        row(page, session_id).locator(".row-title").focus()
        page.keyboard.press("p")
        said(page, "Unpinned." if is_pinned else "Pinned.")


def test_keys_in_a_row_act_one_after_the_other(page: Page, home: Path) -> None:
    session_id = put_session(home, "switched")
    page.goto("/")
    row(page, session_id).locator(".row-title").focus()
    for key in "pzpp":  # pinned, undone, pinned, unpinned
        page.keyboard.press(key)
    said(page, "Unpinned.")
    expect(row(page, session_id).and_(page.locator(":not([data-pinned])"))).to_have_count(1)
    assert stored(home, session_id)["pinned"] is False
    page.keyboard.press("z")
    said(page, "Undone.")
    assert stored(home, session_id)["pinned"] is True


def test_a_title_that_is_being_typed_stays_while_the_session_changes(page: Page, home: Path) -> None:
    session_id = put_session(home, "typing")
    page.goto("/")
    row(page, session_id).locator(".row-title").focus()
    page.keyboard.press("r")
    page.keyboard.type("half")
    page.request.post("/api/session/rename", data={"session_id": session_id, "title": "Elsewhere"})
    expect(row(page, session_id).locator(".row-title")).to_have_count(1)
    put_session(home, "typing-2")
    expect(row(page, "typing-2")).to_have_count(1)
    field = row(page, session_id).locator(".row-edit")
    expect(field).to_be_focused()
    page.keyboard.type(" done")
    expect(field).to_have_value("half done")
    assert stored(home, session_id)["title"] == "Elsewhere"


def test_renaming_in_the_row_changes_the_page_too(page: Page, home: Path) -> None:
    session_id = put_session(home, "rename-me")
    page.goto(f"/session/{session_id}")
    row(page, session_id).locator(".row-title").focus()
    page.keyboard.press("r")
    page.keyboard.type("Never")
    page.keyboard.press("Escape")
    expect(row(page, session_id).locator(".row-title")).to_have_text(session_id)
    page.keyboard.press("r")
    page.keyboard.type("<b>Rent</b> & more")
    page.keyboard.press("Enter")
    said(page, "Renamed.")
    assert stored(home, session_id)["title"] == "<b>Rent</b> & more"
    expect(page.locator("main h1")).to_have_text("<b>Rent</b> & more")
    expect(row(page, session_id).locator(".row-title")).to_be_focused()
    page.keyboard.press("z")
    said(page, "Undone.")
    assert stored(home, session_id)["title"] == session_id


def test_moving_to_an_existing_and_to_a_new_project(page: Page, home: Path) -> None:
    session_id = put_session(home, "move-me")
    page.goto("/")
    row(page, session_id).locator(".row-title").focus()
    page.keyboard.press("m")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Kitchen").click()
    said(page, "Moved to Kitchen.")
    expect(row(page, session_id)).to_contain_text("Kitchen")
    page.keyboard.press("m")
    dialog.get_by_label("Name of a new project").fill("Garden")
    page.keyboard.press("Enter")
    said(page, "Moved to Garden.")
    projects = json.loads((home / "webui/projects.json").read_bytes())
    (garden,) = [each for each in projects if each["name"] == "Garden"]
    assert stored(home, session_id)["project_id"] == garden["project_id"]
    expect(row(page, session_id).locator(".row-title")).to_be_focused()


def selection(page: Page, words: str) -> Locator:
    bar = page.get_by_role("toolbar")
    expect(bar.locator("output")).to_have_text(words)
    return bar


def test_actions_for_several_conversations(page: Page, home: Path) -> None:
    ids = [put_session(home, f"many-{number}") for number in range(4)]
    page.goto("/")
    row(page, ids[0]).locator(".row-title").focus()
    page.keyboard.press("x")
    row(page, ids[1]).click()
    row(page, ids[2]).locator(".row-pick").click()
    bar = selection(page, "3 selected")
    expect(row(page, ids[2]).locator(".row-pick")).to_be_checked()
    bar.get_by_role("button", name="Archive").click()
    toast = said(page, "3 conversations archived.")
    assert [stored(home, each).get("archived", False) for each in ids] == [True, True, True, False]
    toast.get_by_role("button", name="Undo").click()
    said(page, "Undone.")
    assert not any(stored(home, each).get("archived") for each in ids)
    for act, words in (("Pin", "pinned"), ("Move", "moved to Kitchen"), ("Delete", "moved to the trash")):
        page.get_by_role("button", name="Select conversations").click()
        for each in ids[:2]:
            row(page, each).click()
        bar.get_by_role("button", name=act).click()
        if act == "Move":
            page.get_by_role("dialog").get_by_role("button", name="Kitchen").click()
        if act == "Delete":
            dialog = page.get_by_role("dialog", name="Delete 2 conversations?")
            expect(dialog).to_contain_text("The trash keeps them for 30 days.")
            dialog.get_by_role("button", name="Delete").click()
        said(page, f"2 conversations {words}.").get_by_role("button", name="Undo").click()
        said(page, "Undone.")
    assert [stored(home, each).get("project_id") for each in ids[:2]] == [None, None]


def test_several_conversations_are_tagged_and_untagged(page: Page, home: Path) -> None:
    ids = [put_session(home, f"labelled-{number}") for number in range(3)]
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.tag(ids[0], "garden")
    page.goto("/")
    for acts, tagged in (("tagged garden", 1), ("no longer tagged garden", 0)):
        expect(row(page, ids[0]).locator(".tag")).to_have_count(1)
        for each in ids:
            row(page, each).locator(".row-pick").click()
        selection(page, "3 selected").get_by_role("button", name="Tag").click()
        page.get_by_role("dialog", name="Tag").get_by_role("button", name="garden").click()
        said(page, f"3 conversations {acts}.")
        for each in ids:
            expect(row(page, each).locator(".tag")).to_have_count(tagged)
    page.keyboard.press("z")
    said(page, "Undone.")
    for each in ids:
        expect(row(page, each).locator(".tag")).to_have_count(1)


def test_one_undo_brings_back_what_each_conversation_had(page: Page, home: Path) -> None:
    ids = [put_session(home, "fresh"), put_session(home, "already-archived", archived=True)]
    page.goto("/?archived=all")
    for each in ids:
        row(page, each).locator(".row-pick").click()
    selection(page, "2 selected").get_by_role("button", name="Archive").click()
    said(page, "2 conversations archived.").get_by_role("button", name="Undo").click()
    said(page, "Undone.")
    assert [stored(home, each).get("archived", False) for each in ids] == [False, True]


def test_ranges_are_selected_with_shift_and_escape_ends_the_selection(page: Page, home: Path) -> None:
    ids = [put_session(home, f"range-{number}", updated_at=1_900_000_000 - number) for number in range(5)]
    page.goto("/")
    row(page, ids[0]).locator(".row-pick").click()
    row(page, ids[4]).click(modifiers=["Shift"])
    selection(page, "5 selected")
    row(page, ids[2]).click(modifiers=["Shift"])  # a shorter range from the same row
    selection(page, "3 selected")
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar")).to_be_hidden()
    expect(page.locator(".is-picked")).to_have_count(0)
    row(page, ids[1]).locator(".row-title").focus()
    for keys, words in (("Shift+ArrowDown", "2"), ("Shift+ArrowDown", "3"), ("Shift+ArrowUp", "2")):
        page.keyboard.press(keys)
        selection(page, f"{words} selected")
    page.keyboard.press("Escape")


def test_all_that_match_are_exported_and_deleted_in_portions(page: Page, home: Path) -> None:
    ids = {put_session(home, f"portion-{number}", 2, title=f"portion {number}") for number in range(120)}
    page.goto("/?tag=portions")
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.tag_many(ids, "portions")
    page.reload()
    page.get_by_role("button", name="Select conversations").click()
    page.get_by_role("button", name="All shown").click()
    selection(page, "50 selected")
    page.get_by_role("button", name="All matching").click()
    bar = selection(page, "120 selected")
    with page.expect_download() as download:
        bar.get_by_role("button", name="Export").click()
    names = zipfile.ZipFile(download.value.path()).namelist()
    assert len(names) == 120
    assert all(name.endswith(".md") for name in names)
    bar.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    toast = said(page, "120 conversations moved to the trash.")
    assert not (home / "webui/sessions/portion-119.json").exists()
    toast.get_by_role("button", name="Undo").click()
    said(page, "Undone.")
    assert ids <= {path.stem for path in (home / "webui/sessions").glob("portion-*.json")}
    expect(page.locator("#total")).to_contain_text("120 conversations")
    page.get_by_role("button", name="Select conversations").click()
    page.get_by_role("button", name="All matching").click()
    selection(page, "120 selected").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    said(page, "120 conversations moved to the trash.")


def test_a_long_press_selects_on_a_phone(browser: Browser, url: str, home: Path) -> None:
    ids = [put_session(home, f"press-{number}", updated_at=1_910_000_000 - number) for number in range(4)]
    with strict_context(
        browser, url, viewport={"width": 320, "height": 700}, has_touch=True, is_mobile=True
    ) as context:
        page = context.new_page()
        page.goto("/")
        touch = context.new_cdp_session(page)

        def press(session_id: str) -> None:
            row(page, session_id).scroll_into_view_if_needed()
            box = row(page, session_id).bounding_box()
            assert box is not None
            points = [{"x": box["x"] + 90, "y": box["y"] + 20}]
            touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
            page.wait_for_timeout(600)
            touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

        press(ids[0])
        selection(page, "1 selected")
        press(ids[2])
        selection(page, "3 selected")
        row(page, ids[3]).tap()
        bar = selection(page, "4 selected")
        for button in bar.get_by_role("button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
            assert box["x"] + box["width"] <= 320
        assert page.url.endswith("/")
        bar.get_by_role("button", name="Done").tap()
        expect(bar).to_be_hidden()


def test_the_forms_of_a_page_work_in_place(page: Page, home: Path) -> None:
    session_id = put_session(home, "forms", 6)
    page.goto(f"/session/{session_id}")
    page.evaluate("window.stillHere = true")
    acts = page.locator(".actions")
    acts.get_by_role("button", name="Pin", exact=True).click()
    said(page, "Pinned.")
    expect(acts.get_by_role("button", name="Unpin")).to_be_visible()
    acts.get_by_text("More").click()
    acts.get_by_role("button", name="Duplicate").click()
    said(page, "Duplicated. You are viewing the copy.")
    expect(page.locator("main h1")).to_have_text("forms (copy)")
    acts.get_by_text("More").click()
    acts.get_by_role("button", name="Remove last turn").click()
    expect(page.locator("main h1")).to_have_text("Last turn removed")
    page.get_by_role("link", name="Back to the conversation").click()
    expect(page.locator("main h1")).to_have_text("forms (copy)")
    copy_id = page.url.rpartition("/")[2]
    assert len(stored(home, copy_id)["messages"]) == 4
    acts.get_by_text("More").click()
    acts.get_by_role("button", name="Delete").click()
    toast = said(page, "Moved to the trash.")
    toast.get_by_role("button", name="Undo").click()
    said(page, "Restored.")
    expect(page.locator("main h1")).to_have_text("forms (copy)")
    assert page.evaluate("window.stillHere")


@pytest.fixture
def refused(browser: Browser, url: str) -> Iterator[Page]:
    """A page that is refused something: the browser says so too."""
    with strict_page(browser, url, allowed=REFUSED) as page:
        yield page


def test_a_refused_change_is_explained_and_changes_nothing(refused: Page, home: Path) -> None:
    page, session_id = refused, put_session(home, "gone")
    page.goto(f"/session/{session_id}")
    (home / f"webui/sessions/{session_id}.json").unlink()
    page.locator(".actions").get_by_role("button", name="Archive").click()
    with_words = page.locator(".toast.bad")
    expect(with_words).to_contain_text("gone")
    with_words.get_by_role("button", name="Close").click()
    expect(page.locator(".toast")).to_have_count(0)


def test_export_and_import(page: Page, home: Path, tmp_path: Path) -> None:
    session_id = put_session(home, "carried", 6)
    page.goto("/")
    row(page, session_id).hover()
    row(page, session_id).locator(".row-menu").click()
    with page.expect_download() as started:
        page.get_by_role("menuitem", name="Export as JSON").click()
    file = tmp_path / "carried.json"
    started.value.save_as(file)
    page.get_by_role("link", name="Import").click()
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Import").click()
    said(page, "Imported")
    new_id = page.url.rpartition("/")[2]
    assert new_id != session_id
    assert stored(home, new_id)["messages"] == stored(home, session_id)["messages"]


def test_importing_a_file_that_is_not_a_conversation_is_refused(refused: Page, tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text("[]")
    refused.goto("/import")
    refused.get_by_label("File", exact=True).set_input_files(file)
    refused.get_by_role("button", name="Import").click()
    expect(refused.locator(".toast.bad")).to_contain_text("Accepted are the JSON exports")


def test_a_conflict_offers_to_reload(refused: Page, home: Path) -> None:
    session_id = put_session(home, "twice")
    refused.goto(f"/session/{session_id}")
    refused.keyboard.press("#")
    said(refused, "Moved to the trash.")
    put_session(home, session_id, title="Came again")
    refused.keyboard.press("z")
    toast = refused.locator(".toast.bad")
    expect(toast).to_contain_text("There is a session twice")
    toast.get_by_role("button", name="Reload").click()
    expect(row(refused, session_id)).to_contain_text("Came again")


def test_restore_from_the_trash_and_empty_it(page: Page, home: Path) -> None:
    session_id = put_session(home, "thrown")
    page.goto(f"/session/{session_id}")
    page.keyboard.press("#")
    said(page, "Moved to the trash.")
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("button", name="Restore thrown").click()
    said(page, "Restored.")
    assert (home / f"webui/sessions/{session_id}.json").exists()
    page.keyboard.press("#")
    said(page, "Moved to the trash.")
    page.get_by_role("link", name="Trash").click()
    selected = page.locator("#selected")
    page.locator(".trashed").get_by_label("Select thrown").check()
    selected.get_by_role("button", name="Restore").click()
    said(page, "1 conversation restored.").get_by_role("button", name="Undo").click()
    said(page, "1 conversation moved to the trash.")
    page.locator(".trashed").get_by_label("Select thrown").check()
    selected.get_by_role("button", name="Delete permanently…").click()
    expect(page.get_by_role("heading", name="Delete 1 conversation permanently?")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_text("Empty trash").click()
    page.get_by_role("button", name="Delete all permanently").click()
    said(page, "Deleted permanently.")
    expect(page.locator("main")).to_contain_text("The trash is empty.")


@pytest.mark.parametrize("script", [True, False])
def test_delete_one_conversation_of_several_permanently(browser: Browser, may: Path, script: bool) -> None:
    now = time.time()
    trash = may / "webui/trash"
    with SessionRepository.open(hermes_home=may) as sessions:
        for name in ("kept", "unwanted"):
            sessions.sync()
            sessions.delete(put_session(may, name))
    text = (
        trash / next(path.name for path in trash.iterdir() if path.name.startswith("unwanted"))
    ).read_text()
    (trash / f"unwanted.{int((now - 29.5 * 86_400) * 1e9)}.rescued.json").write_text(text)
    with served(may) as url, strict_page(browser, url, java_script_enabled=script) as page:
        # A server that starts erases what is old; this becomes so afterwards.
        (trash / f"99c859cb54b3.{int((now - 31 * 86_400) * 1e9)}.replaced.json").write_text(
            '{"messages": []}'
        )
        page.goto("/trash")
        rows = page.locator(".items > li")
        expect(rows).to_have_count(3)
        goes, stays = rows.filter(has_text="unwanted"), rows.nth(2)
        expect(goes.locator(".facts").nth(0)).to_contain_text(
            re.compile(r"Deleted\s+\d\d:\d\d\s+4 messages\s+Deleted permanently in 30 days")
        )
        expect(goes.locator(".facts").nth(1)).to_contain_text(
            f"Written by another program {short_time(now - 29.5 * 86_400)}"
        )
        expect(goes.locator(".facts").nth(1)).to_contain_text("Deleted permanently in 1 day")
        expect(stays.locator(".facts").nth(0)).to_contain_text(
            f"Earlier version, replaced {short_time(now - 31 * 86_400)}"
        )
        expect(stays.locator(".facts").nth(0)).to_contain_text(
            "Deleted permanently when the server next starts"
        )
        expect(stays).to_contain_text("The conversation itself is not deleted.")
        expect(stays.get_by_role("button", name="Restore")).to_have_count(0)
        goes.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(goes).to_contain_text("This deletes all 2 versions permanently.")
        goes.get_by_role("button", name="Delete permanently").click()
        said(page, "Deleted permanently.")
        expect(rows).to_have_count(2)
        assert not list(trash.glob("unwanted.*"))
        assert len(list(trash.iterdir())) == 2


def test_problems_are_shown_and_repaired(page: Page, home: Path) -> None:
    page.goto("/check")  # the server has started, and has cleaned up
    debris = home / "webui/sessions/x.json.tmp.1.1"
    debris.write_text("{")

    os.utime(debris, (1_700_000_000, 1_700_000_000))
    page.goto("/check")
    page.get_by_text("Mended by itself").click()
    expect(page.locator("main")).to_contain_text("An interrupted write left a file")
    page.get_by_role("button", name="Repair now").click()
    said(page, "1 repaired, 2 left: interrupted turn.")
    assert "mended" not in page.url, "a reload does not say it again"
    assert not debris.exists()
    expect(page.locator("main")).to_contain_text("A message waits for an answer that nobody is writing")
    expect(page.get_by_text("Mended by itself")).to_have_count(0)
    stop = page.get_by_role("button", name="Stop waiting")
    expect(stop).to_have_count(2)
    kept = page.locator("a[href*='6e9160d23644']")  # for the test that closes it on its own page
    page.locator("li", has_not=kept).get_by_role("button", name="Stop waiting").click()
    said(page, "Interrupted turn closed.")
    expect(stop).to_have_count(1)


def test_an_interrupted_turn_can_be_closed(page: Page, home: Path) -> None:
    page.goto("/session/6e9160d23644")
    page.get_by_role("button", name="Stop waiting").click()
    said(page, "Interrupted turn closed.")
    assert stored(home, "6e9160d23644")["pending_user_message"] is None


def test_keyboard_shortcuts_are_listed_and_work(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next or previous conversation")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search titles and messages")).to_be_focused()
    page.keyboard.press("Escape")
    for key in "jjjk":
        page.keyboard.press(key)
    expect(page.locator(".row-title").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/session/*")
    expect(page.locator(".row-title").nth(1)).to_have_attribute("aria-current", "page")


def test_a_batch_says_what_is_deleted_from_the_agent(page: Page, home: Path) -> None:
    own = put_session(home, "own", updated_at=1_900_000_000)
    (home / "webui/settings.json").write_text('{"show_cli_sessions": true}')
    page.goto("/")
    agents = page.locator(".row[data-agent][data-held]").first.get_attribute("data-id")
    assert agents is not None
    page.get_by_role("button", name="Select conversations").click()
    row(page, own).click()
    row(page, agents).click()
    selection(page, "2 selected").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete 2 conversations?")
    expect(dialog).to_contain_text("1 of them belongs to the agent and is deleted there too.")
    dialog.get_by_role("button", name="Delete").click()
    words = (
        "2 conversations moved to the trash, 1 of them deleted from the agent too. The trash keeps copies."
    )
    said(page, words).get_by_role("button", name="Restore here").click()
    said(page, "Restored here. The agent no longer has 1 of them.")
    expect(row(page, agents)).to_be_visible()
