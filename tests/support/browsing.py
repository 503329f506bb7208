"""A real browser over a served home: pages that must neither complain nor ask another host for anything."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

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


@contextmanager
def strict_context(
    browser: Browser, url: str, *, allowed: str = "", **options: Any
) -> Iterator[BrowserContext]:
    """Give out a context whose pages are watched: what they complain of or ask elsewhere fails the test.

    `allowed` is the beginning of complaints that are meant to come, such as a refused request.
    """
    context = browser.new_context(base_url=url, **options)
    context.set_default_timeout(15_000)
    complaints: list[str] = []
    asked: set[str] = set()
    context.on("console", lambda said: complaints.append(said.text))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    context.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
    yield context
    context.close()
    unexpected = [words for words in complaints if not allowed or not words.startswith(allowed)]
    assert unexpected == [], unexpected
    assert asked <= {url}, asked


@contextmanager
def strict_page(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Give out one page of a `strict_context`."""
    with strict_context(browser, url, **options) as context:
        yield context.new_page()


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


def violations(page: Page) -> list[str]:
    """Return what axe finds on a page: the rule, and the first element that breaks it."""
    # Not as an element: the page's policy allows no script of others.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]
