"""A real browser over a served home: pages that must neither complain nor ask another host for anything."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, ViewportSize

from .make import turns

# The shell is the same browser without the window that Chromium makes, unseen, for each context: 0.2 seconds
# of the processor's time instead of 1.0.
BROWSERS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((path for path in BROWSERS if path.exists()), BROWSERS[-1])
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
AXE = Path(__file__).parents[1] / "vendor/axe-core/axe.min.js"
WIDTHS = (1280, 390)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

REFUSED = "Failed to load resource: the server responded with a status of 4"
in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]


Script: TypeAlias = str | Path


@contextmanager
def strict_context(
    browser: Browser, url: str, *scripts: Script, allowed: str = "", **options: Any
) -> Iterator[BrowserContext]:
    """Give out a context whose pages are watched: what they complain of or ask elsewhere fails the test.

    `scripts` run in each page before its own. `allowed` is the beginning of complaints that are meant to
    come, such as a refused request.
    """
    kind = _Kind(browser, {"base_url": url, **options}, scripts)
    with _made(kind) as context, _watched(context, url, allowed):
        yield context
        for page in context.pages:
            page.close()


@contextmanager
def strict_page(
    browser: Browser, url: str, *scripts: Script, allowed: str = "", **options: Any
) -> Iterator[Page]:
    """Give out one page of a `strict_context`, which may be that of an earlier test.

    It remembers nothing but the scripts and styles that it loaded: a new page takes half a second of the
    processor's time for them. One that a test failed with is not used again.
    """
    size = SIZE if "is_mobile" in options else options.pop("viewport", SIZE)
    kind = _Kind(browser, {"base_url": url, **options}, scripts)
    page = _taken(kind)
    try:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=options.get("color_scheme", "light"))
        with _watched(page.context, url, allowed):
            yield page
        _leave(page, url)
    except Gone:
        page.context.close()
        return
    except BaseException:
        page.context.close()
        raise
    _idle.append((kind, page))
    if len(_idle) > IDLE_AT_MOST:
        _idle.pop(0)[1].context.close()


class Gone(Exception):
    """The server of a page was stopped."""


class _Kind(NamedTuple):
    """What contexts have in common that can take each other's place."""

    browser: Browser
    options: dict[str, Any]
    scripts: tuple[Script, ...]


SIZE: ViewportSize = {"width": 1280, "height": 720}
IDLE_AT_MOST = 4
_idle: list[tuple[_Kind, Page]] = []


def _made(kind: _Kind) -> BrowserContext:
    context = kind.browser.new_context(**kind.options)
    context.set_default_timeout(15_000)
    for script in kind.scripts:
        context.add_init_script(script if isinstance(script, str) else script.read_text("utf-8"))
    return context


def _taken(kind: _Kind) -> Page:
    """Return an idle page, or a new one."""
    for at, (of, page) in enumerate(_idle):
        if of == kind:
            del _idle[at]
            return page
    return _made(kind).new_page()


def _leave(page: Page, url: str) -> None:
    """End what a page does, and delete what it stored, but not the files that it loaded."""
    for other in page.context.pages:
        if other != page:
            other.close()
    page.unroute_all()
    try:
        page.goto(f"{url}/static/icon.svg")  # of the same site: its process stays
    except Error as error:
        raise Gone from error
    page.mouse.move(-9, -9)
    page.evaluate("sessionStorage.clear()")
    tools = page.context.new_cdp_session(page)
    tools.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    tools.detach()


@contextmanager
def _watched(context: BrowserContext, url: str, allowed: str) -> Iterator[None]:
    complaints: list[str] = []
    asked: set[str] = set()
    listeners: dict[Any, Callable[[Any], None]] = {
        "console": lambda said: complaints.append(said.text),
        "weberror": lambda error: complaints.append(str(error.error)),
        "dialog": lambda dialog: _refuse(dialog, complaints),
        "request": lambda request: asked.add("/".join(request.url.split("/")[:3])),
    }
    for event, listener in listeners.items():
        context.on(event, listener)
    yield
    for event, listener in listeners.items():
        context.remove_listener(event, listener)
    unexpected = [words for words in complaints if not allowed or not words.startswith(allowed)]
    assert unexpected == [], unexpected
    assert asked <= {url}, asked


def _refuse(dialog: Dialog, complaints: list[str]) -> None:
    """Note that a page opened a dialog, and close it: under one that stays open the page does nothing."""
    complaints.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def put_session(home: Path, session_id: str, count: int = 4, **values: Any) -> str:
    """Write a conversation into a served home, as another program does, and return its id."""
    now = time.time()
    given: dict[str, Any] = {"title": session_id, "created_at": now, "updated_at": now} | values
    document = {"session_id": session_id} | given
    if "messages" not in document:
        document["messages"] = turns(count, given["updated_at"] - 60 * count)
    path = home / f"webui/sessions/{session_id}.json"
    temporary = path.with_suffix(".foreign")
    temporary.write_text(json.dumps(document, ensure_ascii=False))
    temporary.replace(path)
    return session_id


def stored(home: Path, session_id: str) -> dict[str, Any]:
    """Return what the file of a conversation holds."""
    document: dict[str, Any] = json.loads((home / f"webui/sessions/{session_id}.json").read_bytes())
    return document


def clipboard(page: Page) -> str:
    """Return the text of the clipboard; fail if the browser gives none: `evaluate` would wait for ever."""
    text: str = page.evaluate(
        """() => Promise.race([
            navigator.clipboard.readText(),
            new Promise((_, fail) => setTimeout(fail, 15_000, new Error("the clipboard gave no answer")))
        ])"""
    )
    return text


def violations(page: Page) -> list[str]:
    """Return what axe finds on a page: the rule, and the first element that breaks it."""
    # Not as an element: the page's policy allows no script of others.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]
