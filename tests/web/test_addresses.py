"""Tests addresses of pages: filled in, they are what Flask builds."""

from typing import Any

import pytest
from flask import Flask, url_for

from webapp import static_files
from webapp.pages.addresses import address

Values = dict[str, Any]  # of an address, as Flask takes them
SHOW = "pages.conversation.show"
OF_MESSAGE = "pages.conversation.show_message"
# Endpoint and values: two of a kind each, of which the second is filled in.
CASES: list[tuple[str, Values, Values]] = [
    (SHOW, {"session_id": "one"}, {"session_id": "20260921_two-2"}),
    (SHOW, {"session_id": "one", "at": 1}, {"session_id": "two", "at": 1234567}),
    (SHOW, {"session_id": "1", "at": 0, "_anchor": "m0"}, {"session_id": "2", "at": 10, "_anchor": "m10"}),
    (SHOW, {"session_id": "one", "q": "größe & {0} %"}, {"session_id": "two", "q": "größe & {0} %"}),
    (SHOW, {"session_id": "a b", "q": "x"}, {"session_id": "ü/..", "q": "y"}),
    (SHOW, {"session_id": "one", "project_id": None}, {"session_id": "two", "project_id": None}),
    (SHOW, {"session_id": "one", "q": ""}, {"session_id": "two", "q": ""}),
    (SHOW, {"session_id": "one", "q": "1"}, {"session_id": "two", "q": "two"}),
    (OF_MESSAGE, {"session_id": "one", "index": 3}, {"session_id": "two", "index": 40}),
    ("static", {"filename": "vendor/lucide/icons.svg"}, {"filename": "app.js"}),
    ("pages.list.show", {}, {}),
]


@pytest.mark.parametrize(("endpoint", "first", "second"), CASES)
def test_an_address_is_the_one_that_flask_builds(
    app: Flask, endpoint: str, first: Values, second: Values
) -> None:
    with app.test_request_context("/hermes/list", base_url="http://localhost/hermes"):
        for values in (first, second, first):
            assert address(endpoint, **values) == url_for(endpoint, **values)
            assert address(endpoint, **values).startswith("/hermes/")


def test_texts_and_numbers_of_the_same_digits_are_told_apart(app: Flask) -> None:
    with app.test_request_context():
        assert address(SHOW, session_id="7", at=7, find="7") == url_for(SHOW, session_id="7", at=7, find="7")


def test_an_address_is_below_the_path_and_the_version_of_now(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for root, version in (("", "v1"), ("/hermes", "v1"), ("/hermes", "v2")):
        monkeypatch.setattr(static_files, "version_of", lambda _, version=version: version)
        with app.test_request_context(base_url=f"http://localhost{root}"):
            found.append(address("static", filename="app.js"))
    assert found == ["/static/v/v1/app.js", "/hermes/static/v/v1/app.js", "/hermes/static/v/v2/app.js"]
