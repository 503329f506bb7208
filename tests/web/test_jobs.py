"""Twenty jobs that people do with the pages every day, and the clicks that each takes: by mouse, on a phone.

Typing and pressing keys are no clicks; a drag, a long press and a choice from a list are one each.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from hermes_sessions import SessionRepository
from hermes_sessions.demo import write_home

from ..support.browsing import clipboard, in_browser, put_session, stored, strict_context
from ..support.make import message
from ..support.serving import served

pytestmark = in_browser

Device: TypeAlias = Literal["mouse", "phone"]
DEVICES: tuple[Device, ...] = ("mouse", "phone")
OPTIONS: dict[Device, dict[str, Any]] = {
    "mouse": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
SESSIONS = 170
OLD = "before:60d"  # at least a hundred of them
LONG = "Port the test suite to the new fixtures"  # 466 messages
PICTURE = "worker runs out of memory"  # has a picture, code, and a command that failed
ANSWER = "**So:**\n\n```python\nprint(1)\n```"
FORGET = "try { localStorage.clear() } catch {}"
AMOUNT = re.compile(r"^\d+\.\d\d")
DOCS = Path(__file__).parents[2] / "docs/web.md"


class Hands:
    """Somebody at a page, whose clicks are counted."""

    def __init__(self, page: Page, device: Device, home: Path, sessions: SessionRepository) -> None:
        self.page, self.device, self.home, self.sessions = page, device, home, sessions
        self.clicks = 0

    @property
    def on_phone(self) -> bool:
        """Whether there is neither a mouse nor, for anything but text, a keyboard."""
        return self.device == "phone"

    def click(self, target: Locator) -> None:
        """Click or tap once."""
        self.clicks += 1
        if self.on_phone:
            target.tap()
        else:
            target.click()

    def type(self, text: str) -> None:
        """Type into the focused field, and press Enter."""
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def search(self, text: str) -> None:
        """Search, by the key with a keyboard, and by a tap on the field without one."""
        if self.on_phone:
            self.click(self.page.get_by_role("combobox", name="Search titles and messages"))
        else:
            self.page.keyboard.press("/")
        self.type(text)

    def select(self, first: Locator, last: Locator) -> None:
        """Select rows from one to another: by Shift, or by long presses."""
        if self.on_phone:
            self._hold(first)
            self._hold(last)
            return
        self.clicks += 2
        first.locator(".row-pick").click()
        last.locator(".row-pick").click(modifiers=["Shift"])

    def _hold(self, row: Locator) -> None:
        """Press a row with a finger until it is selected."""
        self.clicks += 1
        box = row.locator(".row-title").bounding_box()
        assert box is not None
        touch = self.page.context.new_cdp_session(self.page)
        point = {"x": box["x"] + 40, "y": box["y"] + box["height"] / 2}
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        expect(row).to_have_class(re.compile("is-picked"))
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        touch.detach()

    def drag(self, source: Locator, target: Locator) -> None:
        """Drag something onto something else."""
        self.clicks += 1
        source.drag_to(target)

    def open(self, title: str) -> str:
        """Begin with an open conversation; return its id."""
        session_id = self.find(title)
        self.page.goto(f"/session/{session_id}")
        self.settled()
        return session_id

    def open_own(self, job: str) -> str:
        """Begin with a conversation that only this job changes, open; return its id."""
        session_id = self.own(job)
        self.page.goto(f"/session/{session_id}")
        self.settled()
        return session_id

    def settled(self) -> None:
        """Wait until the script of the conversation's page has started."""
        expect(self.page.locator("button.copy").first).to_be_attached()

    def find(self, title: str) -> str:
        """Return the id of the conversation with this in its title."""
        return next(each.session_id for each in self.sessions.list() if title in each.title)

    def own(self, job: str, **values: Any) -> str:
        """Write a conversation that only this job changes, the newest of the list; return its id."""
        messages = [message("How?", at=time.time()), message(ANSWER, "assistant", at=time.time())]
        return put_session(self.home, f"{job}-{self.device}", messages=messages, **values)

    def row(self, session_id: str) -> Locator:
        return self.page.locator(f'.row[data-id="{session_id}"]')

    def place(self, name: str) -> Locator:
        """Return a project, a tag or a state above the list, which a phone has folded."""
        if self.on_phone:
            self.click(self.page.locator("#places-groups:not([open]) > summary"))
        return self.page.locator(f'.place[data-name="{name}"]')

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    def ids(self) -> list[str]:
        """Return the ids of the rows that are on the page."""
        rows = self.page.locator(".row")
        listed: list[str] = rows.evaluate_all("rows => rows.map((row) => row.dataset.id)")
        return listed

    def said(self, words: str) -> None:
        expect(self.page.locator(".toast").last).to_contain_text(words)

    def message_menu(self, item: str) -> None:
        """Choose what is done with the last message."""
        self.click(self.page.locator("article.message .message-menu > summary").last)
        self.click(self.page.locator("details[open]").get_by_text(item, exact=True))


class Job(NamedTuple):
    """Something that people do: what it is called, how it is done, and how many clicks it takes at most."""

    name: str
    do: Callable[[Hands], None]
    mouse: int
    phone: int


# ---- finding --------------------------------------------------------------------------------------------


def find_and_copy_code(hands: Hands) -> None:
    session_id = hands.find(PICTURE)
    hands.page.goto("/")
    hands.search("bounded cache duplicates")
    hands.click(hands.page.locator(f'a[href*="{session_id}"]:visible').first)
    hands.settled()
    block = hands.page.locator(".code", has_text="seen.update(batch.keys)")
    hands.click(block.locator("button.copy"))
    expect(block.locator("button.copy")).to_have_text("Copied")
    assert clipboard(hands.page).startswith("seen: set[str] = set()\n\nfor batch in queue:")


def only_interrupted(hands: Hands) -> None:
    hands.page.goto("/")
    hands.click(hands.page.get_by_role("link", name="Interrupted"))
    expect(hands.page.locator(".row")).to_have_count(
        hands.sessions.count(interrupted=True, archived=False, agent=True)
    )
    expect(hands.page.locator(".row .badge.waiting, .row .badge.streaming").first).to_be_visible()


def one_project(hands: Hands) -> None:
    hands.page.goto("/")
    hands.click(hands.place("Thesis").locator("a"))
    expect(hands.page).to_have_url(re.compile("project_id="))
    found = hands.sessions.list(project_id=project_id(hands, "Thesis"), archived=False, agent=True)
    expect(hands.page.locator(".row")).to_have_count(len(found))
    assert hands.ids() == [each.session_id for each in found]


def one_tag(hands: Hands) -> None:
    hands.page.goto("/")
    hands.click(hands.place("database").locator("a"))
    expect(hands.page).to_have_url(re.compile("tag=database"))
    found = hands.sessions.list(tag="database", archived=False, agent=True)
    expect(hands.page.locator(".row")).to_have_count(len(found))
    assert hands.ids() == [each.session_id for each in found]


def sort_by_cost(hands: Hands) -> None:
    hands.page.goto("/")
    hands.click(hands.page.locator("#sort > summary"))
    hands.click(hands.page.locator("#sort").get_by_role("link", name="Cost"))
    expect(hands.page).to_have_url(re.compile("sort=cost"))
    dearest = [
        each.session_id for each in hands.sessions.list(sort="cost", limit=8, archived=False, agent=True)
    ]
    expect(hands.page.locator(".row").first).to_have_attribute("data-id", dearest[0])
    assert hands.ids()[:8] == dearest


def cost_of_a_month(hands: Hands) -> None:
    hands.page.goto("/")
    hands.click(hands.link("Usage"))
    month = hands.page.get_by_role("navigation", name="Months").locator("a").nth(1)
    name = month.inner_text()
    hands.click(month)
    expect(hands.page.locator(".range-name")).to_have_text(name)
    table = hands.page.get_by_role("table", name="By model")
    expect(table.get_by_role("row", name="claude-sonnet").get_by_role("cell").first).to_have_text(AMOUNT)


# ---- the list -------------------------------------------------------------------------------------------


def clean_up_old(hands: Hands) -> None:
    """Afterwards all of it comes back, for the other device."""
    folder = hands.home / "webui/sessions"
    before = {path.name for path in folder.glob("*.json")}
    hands.page.goto("/")
    hands.search(OLD)
    expect(hands.page.locator("#total")).not_to_contain_text("of")
    hands.click(hands.button("Select conversations"))
    hands.click(hands.button("All matching"))
    hands.click(hands.button("Delete"))
    hands.click(hands.page.locator("#confirm-delete").get_by_role("button", name="Delete"))
    hands.said("moved to the trash")
    count = int(hands.page.locator(".toast").last.inner_text().split()[0])
    left = {path.name for path in folder.glob("*.json")}
    assert count >= 100
    assert len(before) - len(left) <= count
    assert len(hands.sessions.trash()) >= count
    # Whoever deletes them first also takes those of the agent from it, which come back here.
    hands.page.locator(".toast").last.get_by_role("button").first.click()
    expect(hands.page.locator(".toast").last).to_contain_text(re.compile(r"Undone\.|Restored here\."))
    assert before <= {path.name for path in folder.glob("*.json")}


def move_five(hands: Hands) -> None:
    moved = [hands.own(f"move{each}") for each in range(5)]
    hands.page.goto("/")
    shown = [each for each in hands.ids() if each in moved]
    hands.select(hands.row(shown[0]), hands.row(shown[-1]))
    expect(hands.page.locator("#picked output")).to_have_text("5 selected")
    if hands.on_phone:
        hands.click(hands.button("Move"))
        hands.click(hands.page.locator("#choose").get_by_role("button", name="House"))
    else:
        hands.drag(hands.row(shown[0]), hands.place("House"))
    hands.said("moved to House")
    assert {stored(hands.home, each)["project_id"] for each in moved} == {project_id(hands, "House")}


def pin_from_the_list(hands: Hands) -> None:
    pinned = hands.own("pin")
    hands.page.goto("/")
    if not hands.on_phone:
        hands.row(pinned).hover()
    hands.click(hands.row(pinned).locator(".row-menu"))
    hands.click(hands.page.get_by_role("menuitem", name="Pin"))
    hands.said("Pinned.")
    assert stored(hands.home, pinned)["pinned"] is True


def create_a_project(hands: Hands) -> None:
    hands.page.goto("/")
    hands.place("No project")
    hands.click(hands.page.get_by_role("textbox", name="New project", exact=True))
    hands.type(f"Attic {hands.device}")
    hands.said("Project created.")
    assert project_id(hands, f"Attic {hands.device}")
    expect(hands.page.locator(f'.place[data-name="Attic {hands.device}"]')).to_be_visible()
    hands.button("Undo").click()  # only four projects are shown
    hands.said("Undone.")


# ---- a conversation -------------------------------------------------------------------------------------


def first_message(hands: Hands) -> None:
    session_id = hands.open(LONG)
    hands.click(hands.link("First"))
    expect(hands.page.locator("#m0")).to_be_in_viewport()
    assert hands.sessions.summary(session_id).message_count == 466


def next_failure(hands: Hands) -> None:
    hands.open(PICTURE)
    hands.click(hands.page.locator(".failures"))
    expect(hands.page.locator("details.failed[open]")).to_be_in_viewport()
    expect(hands.page.locator("details.failed[open]")).to_contain_text("ModuleNotFoundError")


def open_a_picture(hands: Hands) -> None:
    hands.open(PICTURE)
    hands.click(hands.page.locator("img.picture").first)
    picture = hands.page.get_by_role("dialog", name="Picture").locator("img")
    expect(picture).to_be_in_viewport()
    assert picture.evaluate("image => image.naturalWidth") > 100


def tag_the_open_conversation(hands: Hands) -> None:
    tagged = hands.open_own("tag")
    hands.click(hands.page.locator(".actions .more > summary", has_text="Tags"))
    expect(hands.page.get_by_role("textbox", name="Add tags")).to_be_focused()
    hands.type("quotes")
    expect(hands.page.locator(".session-facts .tag")).to_contain_text("quotes")
    assert hands.sessions.summary(tagged).tags == ("quotes",)


def rename_the_open_conversation(hands: Hands) -> None:
    renamed = hands.open_own("rename")
    hands.click(hands.page.locator("#content h1"))
    hands.type("Called otherwise")
    hands.said("Renamed.")
    assert stored(hands.home, renamed)["title"] == "Called otherwise"


def copy_a_link(hands: Hands) -> None:
    session_id = hands.open_own("link")
    hands.message_menu("Copy link")
    hands.said("Link copied.")
    assert re.fullmatch(rf"http://[^/]*/session/{session_id}\?at=1#m1", clipboard(hands.page))


def copy_markdown(hands: Hands) -> None:
    hands.open_own("markdown")
    hands.message_menu("Copy as Markdown")
    hands.said("Markdown copied.")
    assert clipboard(hands.page).strip() == ANSWER


def export_markdown(hands: Hands) -> None:
    hands.open_own("export")
    hands.click(hands.page.locator(".actions .more > summary", has_text="More"))
    with hands.page.expect_download() as download:
        hands.click(hands.link("Export as Markdown"))
    assert ANSWER in download.value.path().read_text("utf-8")


# ---- looking after it -----------------------------------------------------------------------------------


def restore(hands: Hands) -> None:
    deleted = hands.own("restore")
    hands.sessions.delete(deleted)
    hands.page.goto("/")
    hands.click(hands.link("Trash"))
    hands.click(hands.button(f"Restore {deleted}"))
    hands.said("Restored.")
    assert stored(hands.home, deleted)["title"] == deleted


def mend_a_finding(hands: Hands) -> None:
    lost = hands.own("lost", project_id="0123456789ab")
    hands.page.goto("/")
    hands.click(hands.link("Health"))
    hands.click(hands.page.get_by_role("button", name=re.compile(f"^Move out of the project.*{lost}")))
    hands.said("Moved out of the project.")
    assert stored(hands.home, lost)["project_id"] is None


def project_id(hands: Hands, name: str) -> str:
    return next(each.project_id for each in hands.sessions.projects.list() if each.name == name)


JOBS = (
    Job("Find a conversation by its words, open it and copy its code", find_and_copy_code, 2, 3),
    Job("See what each model cost in a month", cost_of_a_month, 2, 2),
    Job("Delete a hundred old conversations", clean_up_old, 4, 5),
    Job("Move five conversations to a project", move_five, 3, 4),
    Job("Restore a conversation from the trash", restore, 2, 2),
    Job("See the interrupted conversations alone", only_interrupted, 1, 1),
    Job("Go to the first of 466 messages", first_message, 1, 1),
    Job("See the conversations of a project", one_project, 1, 2),
    Job("See the conversations with a tag", one_tag, 1, 2),
    Job("Create a project", create_a_project, 1, 2),
    Job("Tag the open conversation", tag_the_open_conversation, 1, 1),
    Job("Rename the open conversation", rename_the_open_conversation, 1, 1),
    Job("Pin a conversation in the list", pin_from_the_list, 2, 2),
    Job("Copy the link to a message", copy_a_link, 2, 2),
    Job("Copy a message as Markdown", copy_markdown, 2, 2),
    Job("Export a conversation as Markdown", export_markdown, 2, 2),
    Job("Go to the next tool call that failed", next_failure, 1, 1),
    Job("Mend what the health page found", mend_a_finding, 2, 2),
    Job("Sort the list by cost", sort_by_cost, 2, 2),
    Job("Open a picture in full", open_a_picture, 1, 1),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo home."""
    home = tmp_path_factory.mktemp("jobs") / "home"
    write_home(home, sessions=SESSIONS)
    return home


@pytest.fixture(scope="module")
def sessions(home: Path) -> Iterator[SessionRepository]:
    """The conversations in it, as another program sees them."""
    with SessionRepository.open(hermes_home=home) as sessions:
        yield sessions


@pytest.fixture(scope="module")
def url(home: Path, sessions: SessionRepository) -> Iterator[str]:
    """Where it is served, once it is indexed."""
    with served(home) as address:
        yield address


@pytest.fixture(scope="module", params=DEVICES)
def screen(request: pytest.FixtureRequest, browser: Browser, url: str) -> Iterator[tuple[Device, Page]]:
    """A page on each device, which all jobs use one after the other; a browser that remembers nothing."""
    device: Device = request.param
    permissions = ["clipboard-read", "clipboard-write"]
    with strict_context(browser, url, FORGET, permissions=permissions, **OPTIONS[device]) as context:
        yield device, context.new_page()


@pytest.fixture
def hands(screen: tuple[Device, Page], home: Path, sessions: SessionRepository) -> Hands:
    """Somebody with the device in the hand."""
    device, page = screen
    return Hands(page, device, home, sessions)


@pytest.mark.parametrize("job", [pytest.param(job, id=job.do.__name__) for job in JOBS])
def test_a_job_takes_few_clicks(job: Job, hands: Hands) -> None:
    job.do(hands)
    assert hands.clicks == (job.phone if hands.on_phone else job.mouse)


def test_the_documentation_has_the_same_table() -> None:
    rows = [f"| {job.name} | {job.mouse} | {job.phone} |" for job in JOBS]
    assert "\n".join(["| job | mouse | phone |", "|---|---|---|", *rows, ""]) in DOCS.read_text("utf-8")
