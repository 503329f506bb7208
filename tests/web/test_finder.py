"""Finding on the pages: chips for the operators of a search, the order, totals, and the results."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository

from ..support.make import message, write_document
from ..support.web import KEY


@pytest.fixture
def pages(sessions: SessionRepository, client: FlaskClient) -> FlaskClient:
    """A client of a home with sixty sessions about rent, the first of which is tagged."""
    for number in range(60):
        said = [message(f"rent {number}", timestamp=1_700_000_000.0 + number), message(f"<b>rent</b> {KEY}")]
        write_document(
            sessions, f"s{number:02}", title=f"Flat {number:02}", messages=said, estimated_cost=number / 10
        )
    sessions.sync()
    sessions.complete_search()
    sessions.tag("s00", "work")
    return client


def chips(page: str) -> dict[str, str]:
    """Return the chips of a page, each with the address that removes it."""
    return {
        unescape(words): unescape(href)
        for href, words in re.findall(r'<a class="chip" href="([^"]*)">([^<]*)<', page)
    }


def total(page: str) -> str:
    """Return what a page says about how many conversations it has."""
    found = re.search(r'id="total"[^>]*>([^<]*)<', page)
    assert found
    return unescape(found[1])


def test_the_operators_of_a_search_are_chips_that_remove_them(pages: FlaskClient) -> None:
    page = pages.get("/?q=rent+tag:work+-tag:done&archived=all").text
    assert chips(page) == {
        "tag:work": "/?archived=all&q=rent+-tag:done",
        "-tag:done": "/?archived=all&q=rent+tag:work",
        "All": "/?q=rent+tag:work+-tag:done",
    }
    assert chips(pages.get("/?q=tag:work").text) == {"tag:work": "/"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "60 conversations"),
        ("?q=rent", "60 results"),
        ("?q=rent&offset=50", "Results 51 to 60 of 60"),
        ("?q=rent+tag:work", "1 result"),
        ("?q=zebra", "0 results"),
        ("?q=tag:work", "1 conversation"),  # operators alone list
        ("?q=tag:none", "0 results"),
    ],
)
def test_the_total_is_said(pages: FlaskClient, query: str, words: str) -> None:
    assert total(pages.get(f"/{query}").text) == words


def test_a_list_has_an_order_and_a_search_has_the_best_first(pages: FlaskClient) -> None:
    page = pages.get("/?q=-is:archived&sort=cost").text
    assert re.findall(r'data-id="(s\d\d)"', page)[0] == "s59"
    assert '<a class="menu-item" href="/?q=-is:archived">Latest activity' in unescape(page)
    assert 'id="sort"' not in pages.get("/?q=rent").text
    assert 'rel="next"' in page
    for address in ("/?sort=", "/sidebar?sort=&archived=", "/api/sessions?sort="):
        assert pages.get(address).status_code == 200


def test_the_results_cite_messages_that_match_and_mask_credentials(pages: FlaskClient) -> None:
    page = pages.get("/?q=rent").text
    results = page[page.index('id="results"') :]
    assert results.count('class="result"') == 50
    assert results.count('class="result-link passage"') == 100
    assert re.search(r'href="/session/s\d\d\?q=rent&amp;at=1&amp;find=rent#m1"', results)
    assert '<span class="who">You</span>' in results
    assert "&lt;b&gt;<mark>rent</mark>&lt;/b&gt;" in results
    assert KEY not in page


def test_the_list_for_the_script_has_the_results_where_they_are_wanted(pages: FlaskClient) -> None:
    assert 'id="results"' not in pages.get("/sidebar?q=rent").text
    assert pages.get("/sidebar?q=rent&results=1").text.count('class="result"') == 50
    assert 'id="results" aria-label="Search results" hidden' in pages.get("/sidebar?results=1").text
    assert 'id="results" aria-label="Search results" hidden' in pages.get("/").text


def test_the_examples_of_the_help_are_searches(pages: FlaskClient) -> None:
    page = unescape(pages.get("/?archived=all").text)
    assert '<a class="example" href="/?archived=all&q=project:garden"><code>project:garden</code></a>' in page
