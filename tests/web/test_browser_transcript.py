"""The conversation and the usage page in a real browser: reading, finding, changing, safety."""

import base64
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from hermes_sessions import SessionRepository

from ..support.browsing import REFUSED, THEMES, WIDTHS, clipboard, in_browser, strict_page, violations
from ..support.make import message, turns, write_document
from ..support.payloads import PAYLOADS
from ..support.web import KEY
from .test_transcript import PICTURE, answer, call

pytestmark = in_browser

LONG, CODE = 5_000, "def double(x):\n    return 2 * x\n"
RICH = [
    message("Compare the two, please: see https://example.org/a\n\n> quoted", attachments=["plan.pdf"]),
    message(
        f"# Heading\n\n- one\n- two `code`\n\n```python\n{CODE}```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n"
        f"![a dot]({PICTURE})\n\n" + "| wide " * 40 + "|\n" + "|---" * 40 + "|\n" + "| cell " * 40 + "|",
        "assistant",
        reasoning="First one, then the other.",
        tool_calls=[call(), call("read", {"path": "a"}, "c2")],
    ),
    answer("total 0\nneedle.txt"),
    answer("a file", "c2"),
    message("قارن بين الخطتين من حيث السعر والذاكرة.\n\n数据库 ✅ 👩‍🚀"),
    message("**It failed.**", "assistant", _error=True, _unsent="what was typed"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of long, rich and hostile conversations."""
    path = tmp_path_factory.mktemp("home") / "hermes"
    with SessionRepository.open(hermes_home=path) as repository:
        said = turns(LONG)
        for index in (3, 2_500, 4_990):
            said[index]["content"] = f"there is a needle here ({index})"
        said[4_991]["reasoning"] = "because of this"
        write_document(repository, "long", title="A long one", messages=said)
        write_document(repository, "rich", title="A rich one", messages=RICH, model="hermes-4-70b")
        write_document(
            repository, "huge", title="A huge one", messages=[message("word " * 200_000), message("end")]
        )
        for name in ("fork", "cut", "back", "live"):
            write_document(repository, name, title=f"To {name}", messages=turns(8))
        write_document(
            repository,
            "torn",
            title="A torn one",
            messages=turns(2),
            pending_user_message="and then?",
            pending_started_at=1_777_000_200.0,
            active_stream_id="gone",
            unsent_message=f"typed before {KEY}",
        )
        write_document(repository, "tools", title="Tools that failed", messages=with_failures(120))
        write_document(repository, "hostile", title=PAYLOADS[0], messages=hostile())
    return path


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page that must not complain."""
    with strict_page(browser, url) as page:
        yield page


@pytest.fixture
def repository(home: Path) -> Iterator[SessionRepository]:
    """The same home, changed by somebody else."""
    with SessionRepository.open(hermes_home=home) as opened:
        yield opened


def with_failures(count: int) -> list[dict[str, Any]]:
    """Return messages of which the 3rd, and each 30th after it, says that its call failed."""
    said = turns(count)
    for index in range(2, count, 30):
        said[index - 1] = message("", "assistant", tool_calls=[call()])
        said[index] = answer('{"output": "", "exit_code": 2}')
    return said


def hostile() -> list[dict[str, Any]]:
    """Return messages that hold every payload in every place that there is."""
    said = []
    for number, payload in enumerate(PAYLOADS):
        arguments = json.dumps({payload: payload})
        said += [
            message(payload, attachments=[payload, {"name": payload}]),
            {
                "role": "assistant",
                "content": [{"type": "text", "text": payload}, {"type": payload, "text": payload}],
                "reasoning": payload,
                "tool_calls": [call(payload, arguments, f"c{number}"), call("x", payload, payload)],
            },
            answer(payload, f"c{number}", name=payload),
            answer(payload, "none", tool_name=payload),
            message(payload, payload, _unsent=payload, _error=True),
        ]
    return said


def position(page: Page, index: int) -> float:
    """Return how far below the top of the window a message is, in pixels."""
    top: float = page.locator(f"#m{index}").evaluate("each => each.getBoundingClientRect().top")
    return top


def indexes(page: Page) -> list[int]:
    """Return which messages are on the page; they follow each other."""
    found = page.locator(".messages > article").evaluate_all("all => all.map(each => +each.id.slice(1))")
    assert found == list(range(found[0], found[0] + len(found)))
    return [int(index) for index in found]


# ---- reading --------------------------------------------------------------------------------------------


def test_a_conversation_opens_at_its_end_and_loading_older_messages_keeps_the_position(page: Page) -> None:
    page.goto("/session/long")
    expect(page.locator(f"#m{LONG - 1}")).to_be_in_viewport()
    for _ in range(3):
        before = indexes(page)[0]
        page.evaluate("document.querySelector('.messages > article').scrollIntoView({block: 'center'})")
        place = position(page, before)
        expect(page.locator(f"#m{before - 50}")).to_be_attached()
        assert abs(position(page, before) - place) < 1


def test_far_messages_are_unloaded_and_come_back_unchanged(page: Page) -> None:
    page.goto("/session/long")
    wait_for_script(page)
    page.locator("#m4991 summary", has_text="Reasoning").click()
    last = page.locator(f"#m{LONG - 1}")
    last.focus()
    while (before := indexes(page)[0]) > 4_650:
        page.evaluate("document.querySelector('.messages > article').scrollIntoView({block: 'center'})")
        place = position(page, before)
        expect(page.locator(f"#m{before - 50}")).to_be_attached()
        assert abs(position(page, before) - place) < 1
        assert len(indexes(page)) <= 200
    expect(last).to_have_count(0)
    expect(page.locator(".tail")).to_have_count(0)
    expect(page.locator(".paging.newer")).to_contain_text(f"{LONG - indexes(page)[-1] - 1} later")
    assert page.evaluate("document.activeElement.matches('.messages > article')")
    while (before := indexes(page)[-1]) < LONG - 1:
        page.evaluate("document.querySelector('.messages > article:last-child').scrollIntoView()")
        place = position(page, before)
        expect(page.locator(f"#m{before + 1}")).to_be_attached()
        assert abs(position(page, before) - place) < 1
        assert len(indexes(page)) <= 200
    expect(page.locator(".tail")).to_be_visible()
    expect(page.locator(".paging.newer")).to_be_hidden()
    expect(page.get_by_text("because of this")).to_be_visible()


def test_selected_text_is_not_unloaded(page: Page) -> None:
    page.goto("/session/long")
    wait_for_script(page)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#m4999 .text'))")
    while (before := indexes(page)[0]) > 4_700:
        page.evaluate("document.querySelector('.messages > article').scrollIntoView()")
        expect(page.locator(f"#m{before - 50}")).to_be_attached()
    assert page.evaluate("String(getSelection())") == "message 4999"


def test_both_ends_can_be_reached_from_the_middle(page: Page) -> None:
    page.goto("/session/long?at=2500#m2500")
    expect(page.locator("#m2500")).to_be_in_viewport()
    expect(page.locator("#m2500")).to_have_class(re.compile(r"\bat\b"))
    page.evaluate("document.querySelector('.messages > article:last-child').scrollIntoView()")
    expect(page.locator("#m2540")).to_be_attached()
    page.evaluate("document.querySelector('.messages > article').scrollIntoView()")
    expect(page.locator("#m2450")).to_be_attached()
    page.get_by_role("button", name="Latest").click()
    expect(page.locator(f"#m{LONG - 1}")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Latest")).to_be_hidden()


def test_without_scripts_links_lead_to_older_and_newer_messages(browser: Browser, url: str) -> None:
    with strict_page(browser, url, java_script_enabled=False) as page:
        page.goto("/session/long")
        page.get_by_role("link", name="Older messages").click()
        expect(page.locator("#m4949")).to_be_attached()
        page.get_by_role("link", name="First messages").click()
        expect(page.locator("#m0")).to_be_in_viewport()
        page.get_by_role("link", name="Newer messages").click()
        expect(page.locator(".messages > article").first).to_have_id("m26")
        page.get_by_role("searchbox", name="Find in this conversation").fill("needle")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="there is a needle here (2500)").click()
        expect(page.locator("#m2500")).to_be_in_viewport()
        page.goto("/session/cut")
        page.get_by_label("Actions for message 6").click()
        page.get_by_role("link", name="Remove later messages").click()
        expect(page.get_by_role("button", name="Remove 2 messages")).to_be_visible()


def test_code_is_copied_and_calls_unfold(browser: Browser, url: str) -> None:
    with strict_page(browser, url, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto("/session/rich")
        copy = page.get_by_role("button", name="Copy", exact=True)
        bottom = copy.evaluate("each => each.getBoundingClientRect().bottom")
        code = page.locator(".code pre").evaluate("each => each.getBoundingClientRect().top")
        assert bottom <= code + 1, "it stands above the code"
        copy.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert clipboard(page) == CODE
        result = page.locator("#m2")
        expect(result).to_be_hidden()
        page.locator("summary", has_text="terminal").click()
        expect(result).to_contain_text("needle.txt")
        page.get_by_label("Actions for message 5").click()
        page.get_by_role("link", name="Copy link").click()
        expect(page.locator(".toast")).to_contain_text("Link copied.")
        assert clipboard(page) == f"{url}/session/rich?at=4#m4"
        page.get_by_label("Actions for message 1", exact=True).click()
        page.get_by_role("link", name="Copy as Markdown").click()
        expect(page.locator(".toast")).to_contain_text("Markdown copied.")
        assert clipboard(page).startswith("Compare the two, please: see")
        assert page.locator("img.picture").evaluate("each => each.naturalWidth") == 1


def test_a_link_to_a_tools_answer_unfolds_it(page: Page) -> None:
    page.goto("/session/rich#m2")
    expect(page.locator("#m2")).to_be_in_viewport()


def test_a_very_long_message_is_shortened_and_can_be_opened_whole(page: Page) -> None:
    page.goto("/session/huge?at=0")
    assert len(page.locator("#m0").inner_text()) < 25_000
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Show all 1,000,000 characters").click()
    assert opened.value.url.endswith("/session/huge/messages/0")
    assert len(opened.value.locator("pre").inner_text()) == 1_000_000


def test_keys_and_buttons_jump_in_a_conversation(page: Page) -> None:
    page.goto("/session/tools")
    failed = page.get_by_role("button", name="4 failed")
    expect(failed).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator("#m0")).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("#m4")).to_be_focused()
    page.keyboard.press("Shift+u")
    expect(page.locator("#m0")).to_be_focused()
    failed.click()
    expect(page.locator("#m2")).to_be_visible()
    expect(page.locator("details.failed[open] > summary")).to_contain_text("Failed")
    expect(page.locator("details.failed[open] > summary")).to_be_in_viewport()
    for key, index in (("n", 32), ("Shift+n", 2), ("Shift+n", 92)):
        page.keyboard.press(key)
        expect(page.locator(f"article:has(#m{index})")).to_be_focused()
    expect(page.locator("#m48")).to_be_attached()  # added above, which moves the page and not the reader
    page.keyboard.press("n")
    expect(page.locator("article:has(#m2)")).to_be_focused()
    page.keyboard.press("Shift+g")
    expect(page.locator("#m119")).to_be_in_viewport()


def test_the_outline_leads_to_the_users_messages(page: Page) -> None:
    page.goto("/session/long?at=2500#m2500")
    wait_for_script(page)
    outline = page.get_by_role("complementary", name="Your messages")
    expect(outline).to_be_hidden()
    page.keyboard.press("o")
    expect(outline.locator("[aria-current]")).to_be_focused()
    expect(outline.locator("[aria-current]")).to_contain_text("there is a needle here (2500)")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(outline).to_be_hidden()
    expect(page.get_by_role("button", name="Outline")).to_be_focused()
    page.keyboard.press("o")
    outline.get_by_role("link", name="Earlier messages").click()
    outline.get_by_role("link", name="message 1000 ", exact=False).click()
    expect(page.locator("#m1000")).to_be_focused()
    expect(outline).to_be_hidden()
    page.set_viewport_size({"width": 1900, "height": 900})
    page.goto("/session/long")
    expect(outline.locator("[aria-current]")).to_be_in_viewport()  # beside the text


def test_pictures_open_in_place(browser: Browser, url: str, repository: SessionRepository) -> None:
    said = [message(f"![first]({PICTURE})\n\n![second]({PICTURE})", "assistant")]
    write_document(repository, "pictures", title="Pictures", messages=said)
    with strict_page(browser, url) as page:
        page.goto("/session/pictures")
        wait_for_script(page)
        page.get_by_role("link", name="first", exact=True).click()
        dialog = page.get_by_role("dialog", name="Picture")
        expect(dialog).to_contain_text("first · 1 of 2")
        assert violations(page) == []
        page.keyboard.press("ArrowRight")
        expect(dialog.get_by_role("img")).to_have_attribute("alt", "second")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("link", name="second", exact=True)).to_be_focused()
    with strict_page(browser, url, java_script_enabled=False) as plain:
        plain.goto("/session/pictures")
        plain.get_by_role("link", name="second").click()
        assert plain.url.endswith("/session/pictures/messages/0/pictures/1")


def drawn(width: int, height: int) -> str:
    """Return a grey picture of this size as an address."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head, lines = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), (b"\0" + b"\x80" * width) * height
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(PNG + parts).decode()}"


PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_picture_is_shown_whole_and_a_broken_one_says_so(
    browser: Browser, url: str, repository: SessionRepository, width: int
) -> None:
    broken = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    shown = {"tall": drawn(60, 4000), "long name " * 30: drawn(200, 100), "broken": broken}
    text = "\n\n".join(f"![{name}]({address})" for name, address in shown.items())
    write_document(repository, "odd", title="Odd", messages=[message(text, "assistant")])
    with strict_page(browser, url, viewport={"width": width, "height": 800}) as page:
        page.goto("/session/odd?at=0")
        wait_for_script(page)
        page.locator("a:has(img.picture)").first.click()
        dialog = page.get_by_role("dialog", name="Picture")
        picture = dialog.locator("img")
        assert 0 < box(picture)["width"] < 20
        picture.click()
        assert (box(picture)["width"], box(picture)["height"]) == (60, 4000)
        assert box(dialog)["height"] <= 800
        expect(dialog.get_by_role("button", name="Close")).to_be_in_viewport()
        assert violations(page) == []
        dialog.get_by_role("button", name="Fit").click()
        assert box(picture)["width"] < 20
        page.keyboard.press("ArrowRight")
        expect(dialog.get_by_text("2 of 3")).to_be_in_viewport(ratio=1)
        expect(picture).to_have_js_property("naturalWidth", 200)
        assert box(dialog)["width"] < 300
        expect(dialog.get_by_role("button", name="Full size")).to_be_hidden()
        page.keyboard.press("ArrowRight")
        expect(dialog).to_contain_text("broken: cannot be shown, because it is missing or damaged")
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="broken: cannot be shown")).to_be_focused()


def box(element: Locator) -> dict[str, float]:
    """Return the size in which an element is shown."""
    found = element.bounding_box()
    assert found
    return {"width": found["width"], "height": found["height"]}


# ---- find -----------------------------------------------------------------------------------------------


def test_find_scrolls_to_messages_that_are_not_loaded(page: Page) -> None:
    page.goto("/session/long")
    expect(page.locator(f"#m{LONG - 1}")).to_be_in_viewport()  # the page's script has begun
    page.keyboard.press("f")
    field = page.get_by_role("searchbox", name="Find in this conversation")
    expect(field).to_be_focused()
    page.keyboard.type("NEEDLE")
    count = page.locator(".find .count")
    expect(count).to_have_text("3 found")
    for index, words in ((4990, "3 of 3"), (3, "1 of 3"), (2500, "2 of 3")):
        page.keyboard.press("Enter")
        expect(count).to_have_text(words)
        expect(page.locator(f"#m{index}")).to_be_in_viewport()
    assert page.evaluate("[...CSS.highlights.get('found')].map(String)") == ["needle"]
    page.get_by_role("button", name="Previous match").click()
    expect(page.locator("#m3")).to_be_in_viewport()
    field.fill("zqx")
    expect(count).to_have_text("0 found")
    field.press("Escape")
    expect(count).to_have_text("")
    field.press("Escape")
    expect(field).not_to_be_focused()


def test_find_takes_any_text_also_while_the_list_is_filtered(
    page: Page, repository: SessionRepository
) -> None:
    text = "a well-known [bracket] (and more)"
    write_document(repository, "signs", title="Signs", messages=[message(text)])
    page.goto("/session/signs?source=webui")
    expect(page.locator(".latest")).to_be_attached()  # the page's script has begun
    page.keyboard.press("f")
    page.keyboard.type("well-known [bracket] (")
    expect(page.locator(".find .count")).to_have_text("1 found")
    assert page.evaluate("[...CSS.highlights.get('found')].map(String)") == ["well-known [bracket] ("]


def test_find_unfolds_calls_and_results(page: Page) -> None:
    page.goto("/session/rich?find=needle")
    expect(page.locator(".find .count")).to_have_text("1 found")
    page.get_by_role("button", name="Next match").click()
    expect(page.locator("#m2")).to_be_in_viewport()


# ---- changing -------------------------------------------------------------------------------------------


def test_fork_from_a_message(page: Page, repository: SessionRepository) -> None:
    page.goto("/session/fork")
    page.get_by_label("Actions for message 3").click()
    page.get_by_role("button", name="Fork from here").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("To fork (fork)")
    expect(page.locator(".toast")).to_contain_text("Forked. You are viewing the new conversation.")
    expect(page.locator(".message")).to_have_count(3)
    made = page.url.rpartition("/")[2].partition("?")[0]
    assert repository.summary(made).parent_session_id == "fork"
    page.get_by_role("link", name="To fork", exact=True).last.click()
    expect(page.locator(".message")).to_have_count(8)


def test_removing_later_messages_asks_first_and_can_be_undone(
    page: Page, repository: SessionRepository
) -> None:
    page.goto("/session/cut")
    wait_for_script(page)
    page.get_by_label("Actions for message 5").click()
    page.get_by_role("link", name="Remove later messages").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 messages after message 5")
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_have_count(0)
    page.get_by_label("Actions for message 5").click()
    page.get_by_role("link", name="Remove later messages").click()
    page.get_by_role("button", name="Remove 3 messages").click()
    expect(page.locator(".message")).to_have_count(5)
    assert repository.summary("cut").message_count == 5
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".message")).to_have_count(8)
    assert repository.summary("cut").message_count == 8


def test_removing_the_last_turn_shows_its_text(page: Page, repository: SessionRepository) -> None:
    page.goto("/session/back")
    expect(page.locator(".tail")).not_to_contain_text("Remove")
    take_back(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Last turn removed")
    expect(page.locator("#content pre")).to_have_text("message 6")
    assert repository.summary("back").message_count == 6
    page.get_by_role("link", name="Back to the conversation").click()
    expect(page.locator(".message")).to_have_count(6)


def test_an_interrupted_turn_can_be_closed(page: Page, repository: SessionRepository) -> None:
    page.goto("/session/torn")
    expect(page.locator(".pending")).to_contain_text("and then?")
    expect(page.get_by_text("typed before sk-abc...wxyz")).to_be_visible()
    page.get_by_role("button", name="Stop waiting").click()
    expect(page.locator(".toast")).to_contain_text("Interrupted turn closed.")
    expect(page.locator("#m2")).to_contain_text("Previous turn did not complete.")
    expect(page.locator("#m2")).to_contain_text("and then?")
    assert repository.summary("torn").pending_user_message is None


def wait_for_script(page: Page) -> None:
    """Wait until the script of a transcript, which is loaded after the page, listens to clicks."""
    expect(page.locator(".latest")).to_be_attached()


def truncate(page: Page) -> None:
    page.get_by_label("Actions for message 2").click()
    page.get_by_role("link", name="Remove later messages").click()


def take_back(page: Page) -> None:
    page.locator(".actions summary", has_text="More").click()
    page.locator(".actions").get_by_role("button", name="Remove last turn").click()


def fork(page: Page) -> None:
    page.get_by_label("Actions for message 8").click()
    page.get_by_role("button", name="Fork from here").click()


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("act", [truncate, take_back, fork])
def test_a_form_for_an_outdated_transcript_is_refused_and_the_page_can_be_reloaded(
    browser: Browser, url: str, repository: SessionRepository, act: Callable[[Page], None], scripts: bool
) -> None:
    name = f"raced-{act.__name__}-{scripts}"
    write_document(repository, name, title="Raced", messages=turns(8))
    options: dict[str, Any] = {"java_script_enabled": scripts, "allowed": REFUSED}
    with strict_page(browser, url) as first, strict_page(browser, url, **options) as second:
        # As on a machine that the news did not reach yet.
        second.route("**/sessions/events", lambda _: None)
        for page in (first, second):
            page.goto(f"/session/{name}")
            expect(page.locator(".message")).to_have_count(8)
        first.get_by_label("Actions for message 6").click()
        first.get_by_role("link", name="Remove later messages").click()
        first.get_by_role("button", name="Remove 2 messages").click()
        expect(first.locator(".message")).to_have_count(6)
        if scripts:
            wait_for_script(second)
        act(second)
        if scripts:
            refused = second.locator(".toast.bad")
            expect(refused).to_contain_text("nothing was done")
            expect(second.locator(".message")).to_have_count(8)
            refused.get_by_role("button", name="Reload").click()
        else:
            expect(second.get_by_role("heading", level=1)).to_have_text("Not done")
            second.get_by_role("link", name="Reload").click()
        expect(second.locator(".message")).to_have_count(6)
        assert [each["content"] for each in repository.get(name).messages] == [
            f"message {index}" for index in range(6)
        ]
        assert repository.count() == repository.count(source="webui")


def test_an_open_dialog_does_not_remove_messages_that_arrived_later(
    browser: Browser, url: str, repository: SessionRepository
) -> None:
    write_document(repository, "waits", title="Waits", messages=turns(4))
    with strict_page(browser, url, allowed=REFUSED) as page:
        page.goto("/session/waits")
        wait_for_script(page)
        truncate(page)
        remove = page.get_by_role("button", name="Remove 2 messages")
        expect(remove).to_be_visible()
        repository.append("waits", turns(2))
        expect(page.locator("#m5")).to_be_attached()
        remove.click()
        expect(page.locator(".toast.bad")).to_contain_text("nothing was done")
        assert repository.summary("waits").message_count == 6


def test_a_turn_that_arrived_while_the_page_was_open_can_be_removed(
    page: Page, repository: SessionRepository
) -> None:
    write_document(repository, "grows", title="Grows", messages=turns(4))
    with page.expect_response("**/sessions/events"):
        page.goto("/session/grows")
    repository.append("grows", turns(2))
    expect(page.locator("#m5")).to_be_attached()
    take_back(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Last turn removed")
    assert repository.summary("grows").message_count == 4


# ---- beside the list ------------------------------------------------------------------------------------

BESIDE = "archived=all&q=message&source=webui"


def filters_of(page: Page) -> str:
    query = parse_qs(urlsplit(page.url).query)
    names = ("archived", "q", "source")
    return "&".join(f"{name}={query[name][0]}" for name in names if name in query)


@pytest.mark.parametrize("scripts", [True, False])
def test_navigating_in_a_conversation_keeps_the_filters_of_the_list(
    browser: Browser, url: str, scripts: bool
) -> None:
    with strict_page(browser, url, java_script_enabled=scripts) as page:
        page.goto(f"/session/long?at=2000&{BESIDE}")
        for name in ("First messages", "Latest messages"):
            page.get_by_role("link", name=name).click()
            expect(page.get_by_role("link", name=name)).to_be_hidden()
            assert filters_of(page) == BESIDE
        page.locator(".actions").get_by_role("button", name="Pin").click()
        expect(page.locator(".actions").get_by_role("button", name="Unpin")).to_be_visible()
        page.locator(".actions").get_by_role("button", name="Unpin").click()
        expect(page.locator(".heading .badge", has_text="Pinned")).to_have_count(0)
        assert filters_of(page) == BESIDE
        field = page.get_by_role("searchbox", name="Find in this conversation")
        field.fill("needle")
        field.press("Enter")
        if not scripts:
            page.get_by_role("link", name="there is a needle here (2500)").click()
        expect(page.locator(":is(#m2500, #m4990)")).to_be_in_viewport()
        assert filters_of(page) == BESIDE


def test_filters_set_while_a_conversation_is_open_are_kept(page: Page) -> None:
    page.goto("/session/long?at=2000&source=webui")
    with page.expect_response("**/sidebar?*q=message*"):
        page.locator("#q").fill("message")
    link = page.get_by_role("link", name="First messages")
    expect(link).to_have_attribute("href", "/session/long?at=0&q=message&source=webui")
    link.click()
    expect(page.locator("#m0")).to_be_in_viewport()
    assert filters_of(page) == "q=message&source=webui"


# ---- news -----------------------------------------------------------------------------------------------


def test_new_messages_appear_and_are_followed_at_the_end(page: Page, repository: SessionRepository) -> None:
    with page.expect_response("**/sessions/events"):
        page.goto("/session/live")
    expect(page.locator("#m7")).to_be_in_viewport()
    asked = message("", "assistant", tool_calls=[call()])
    repository.append("live", [message("what is there?\n" * 40), asked])
    expect(page.locator("#m9")).to_be_in_viewport()
    page.locator("summary", has_text="terminal").click()
    repository.append("live", [answer("a late answer")])
    expect(page.locator("#m10")).to_contain_text("a late answer")
    page.evaluate("scrollTo(0, 0)")
    repository.append("live", [message("done", "assistant")])
    expect(page.get_by_role("button", name="New messages")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    repository.truncate("live", 4)
    expect(page.locator(".message")).to_have_count(4)


# ---- the head -------------------------------------------------------------------------------------------


def head_ends(page: Page) -> float:
    bottom: float = page.locator(".session-head").evaluate("each => each.getBoundingClientRect().bottom")
    return bottom


@pytest.mark.parametrize("width", WIDTHS)
def test_the_sticky_head_does_not_cover_the_target_of_a_link(browser: Browser, url: str, width: int) -> None:
    with strict_page(browser, url, viewport={"width": width, "height": 844}) as page:
        page.goto("/session/long?at=2500#m2500")
        expect(page.locator("#m2500")).to_be_in_viewport()
        page.evaluate("scrollBy(0, 40)")
        page.evaluate("document.getElementById('m2500').scrollIntoView()")
        assert 0 < head_ends(page) < 120
        assert head_ends(page) <= position(page, 2500) < head_ends(page) + 60
        if width < 800:
            expect(page.get_by_role("link", name="All conversations")).to_be_in_viewport(ratio=1)
            page.mouse.move(width / 2, 400)
            page.mouse.wheel(0, 100)
            expect(page.locator(".actions")).to_be_hidden()  # until the reader turns back
            page.mouse.wheel(0, -100)
        expect(page.get_by_role("heading", level=1)).to_be_in_viewport(ratio=1)
        for name in ("Move", "Tags", "More"):
            summary = page.locator(".actions summary", has_text=name)
            expect(summary).to_be_in_viewport(ratio=1)
            summary.click()
            expect(summary.locator("xpath=following-sibling::*")).to_be_in_viewport(ratio=1)
        page.keyboard.press("f")
        page.keyboard.type("needle")
        expect(page.locator(".find .count")).to_have_text("3 found")
        page.keyboard.press("Enter")
        page.keyboard.press("Shift+Enter")
        expect(page.locator("#m3")).to_be_in_viewport()
        assert head_ends(page) <= position(page, 3)
        page.locator("#m20").focus()
        for _ in range(12):
            page.keyboard.press("Shift+Tab")
            top: float = page.evaluate("document.activeElement.getBoundingClientRect().top")
            assert top >= head_ends(page)


def test_code_is_left_to_right_in_a_right_to_left_message(page: Page, repository: SessionRepository) -> None:
    text = "الخطة الأولى أرخص.\n\n```python\nx = 1\n```"
    write_document(repository, "rtl", title="الخطة", messages=[message(text, "assistant")])
    page.goto("/session/rtl")
    direction = "each => getComputedStyle(each).direction"
    assert page.locator(".text").evaluate(direction) == "rtl"
    assert page.locator(".text pre").evaluate(direction) == "ltr"


# ---- safety and looks -----------------------------------------------------------------------------------


def test_messages_do_not_run_as_scripts(browser: Browser, url: str) -> None:
    # Without the pages' policy, which would stop what was let through.
    trap = "window.pwned = () => { window.ran = true; document.title = 'pwned'; }"
    with strict_page(browser, url, trap, bypass_csp=True) as page:
        total = len(hostile())
        for path in [f"/session/hostile?before={before}" for before in range(total, 0, -50)] + [
            "/session/hostile/find?words=pwned",
            "/session/hostile/truncate?keep=3",
            "/session/hostile/messages/0",
            "/session/hostile/messages?before=50",
        ]:
            page.goto(path)
            page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            assert page.evaluate("window.ran") is None, path
            assert "pwned()" in page.content()
        for payload in PAYLOADS[:8]:
            page.goto(f"/session/hostile/find?{urlencode({'words': payload})}")
            assert page.evaluate("window.ran") is None


@pytest.mark.parametrize("theme", THEMES)
def test_conversation_and_usage_pages_are_accessible(browser: Browser, url: str, theme: str) -> None:
    options: dict[str, Any] = {"color_scheme": theme, "reduced_motion": "reduce", "bypass_csp": True}
    with strict_page(browser, url, **options) as page:
        for path in (
            "/session/rich",
            "/session/long?at=2500#m2500",
            "/session/rich/find?words=needle",
            "/session/cut/truncate?keep=2",
            "/usage?days=all",
            "/usage?days=7",
        ):
            page.goto(path)
            page.evaluate("for (const each of document.querySelectorAll('.fold, .days')) each.open = true")
            assert violations(page) == [], path


@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_fit(browser: Browser, url: str, width: int) -> None:
    with strict_page(browser, url, viewport={"width": width, "height": 844}) as page:
        for path in ("/session/rich", "/session/long", "/session/hostile", "/usage?days=all"):
            page.goto(path)
            page.evaluate("for (const each of document.querySelectorAll('.fold, .days')) each.open = true")
            assert page.evaluate("document.documentElement.scrollWidth") == width, path
        for other in (320, 480, 600, 768, 834, 900, 1024, 1920):  # of the usage page: its tables become cards
            page.set_viewport_size({"width": other, "height": 844})
            clipped = (
                "[...document.querySelectorAll('.figures')].filter((e) => e.scrollWidth > e.clientWidth)"
            )
            assert page.evaluate(f"{clipped}.length") == 0, other
            assert page.evaluate("document.documentElement.scrollWidth") == other
