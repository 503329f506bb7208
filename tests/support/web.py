"""What the tests of the web front end share: answers read strictly, pages held to do nothing of their own."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from werkzeug.test import TestResponse

from hermes_sessions import SessionRepository

KEY = "sk-abcdefghijklmnopqrstuvwxyz"
POSTS = [
    *(f"/api/session/{name}" for name in "new rename update pin archive move toolsets delete clear".split()),
    *(f"/api/session/{name}" for name in "truncate branch duplicate retry undo import import_cli".split()),
    *(f"/api/session/{name}" for name in ("restore", "recover", "draft", "recovery/repair-safe")),
    *(f"/api/session/{name}" for name in ("put_back", "keep_theirs", "undo_change")),
    *(f"/api/projects/{name}" for name in ("create", "rename", "delete", "restore")),
    *(f"/api/sessions/{name}" for name in ("cleanup", "cleanup_zero_message", "batch")),
    *("/api/session/tags", "/api/tags/rename", "/api/tags/remove", "/api/tags/restore"),
    "/api/settings",
    "/api/trash/purge",
    "/api/repair",
]


def reply(response: TestResponse, status: int = 200) -> Any:
    """Return the JSON of a response after its status and type were compared."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    return json.loads(response.data, parse_constant=pytest.fail)


def error(response: TestResponse, status: int) -> str:
    """Return the words of a refusal."""
    body = reply(response, status)
    assert body.keys() == {"error"}
    assert isinstance(body["error"], str)
    return str(body["error"])


def settings(sessions: SessionRepository, text: str) -> None:
    """Write the web UI's settings."""
    (sessions.config.state_dir / "settings.json").write_text(text)


class Page(HTMLParser):
    """The elements of a page and their attributes, as a browser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def check_inert(text: str) -> None:
    """Hold that a page has no element or attribute that acts, and takes nothing from elsewhere."""
    elements = Page(text).elements
    assert elements
    for tag, attributes in elements:
        assert tag not in {"style", "iframe", "object", "embed", "base", "textarea"}
        if tag == "img":
            assert re.fullmatch(r"/session/[^/]+/messages/[0-9]+/pictures/[0-9]+", attributes["src"] or "")
        if tag == "script":
            assert attributes.keys() == {"type", "src"}
            assert str(attributes["src"]).startswith("/static/")
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
        for name in {"href", "src", "action", "formaction", "xlink:href"} & attributes.keys():
            address = attributes[name] or ""
            assert re.match(r"/(?![/\\])|#", address) or (tag, address[:8]) == ("a", "https://"), address
