"""Tests how pages and hits show themselves: a short table, whatever the titles hold."""

from pathlib import Path

import pytest

from hermes_sessions import Hits, Page, SessionRepository
from hermes_sessions.display import LONGEST_CELL, MOST_ROWS

from .support.make import message, write_document

HOSTILE = "<script>alert(1)</script>\x1b[31m\r\n" + "x" * 500


@pytest.fixture
def filled(sessions: SessionRepository) -> SessionRepository:
    """A home with more conversations than a table shows."""
    for number in range(MOST_ROWS + 5):
        title = HOSTILE if number == 3 else f"Budget {number}"
        write_document(sessions, f"s{number}", title=title, messages=[message("the heron")])
    return sessions


def test_a_page_is_a_table(filled: SessionRepository) -> None:
    lines = repr(filled.list(limit=MOST_ROWS + 2)).splitlines()
    assert lines[0] == "Page: 22 of 25 conversations; more behind next_cursor"
    assert lines[1].split() == ["last", "active", "messages", "title", "id"]
    assert lines[-1] == "… and 2 more"
    assert len(lines) == MOST_ROWS + 3
    assert all(line.isprintable() and len(line) < LONGEST_CELL + 60 for line in lines)


def test_hits_are_a_table(filled: SessionRepository) -> None:
    filled.complete_search()
    lines = repr(filled.search("heron")).splitlines()
    assert lines[0] == "Hits: 20"
    assert any("the heron" in line and "Budget" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_nothing_is_a_line(sessions: SessionRepository, tmp_path: Path) -> None:
    assert repr(sessions.list()) == "Page: 0 of 0 conversations"
    assert repr(Hits()) == "Hits: 0"
    assert repr(Hits(missing=3, warnings=("No agent.",))) == "Hits: 0; 3 not searched yet; No agent."
    assert "1 of 1" in repr(Page([b"bytes"], None, 1))


def test_html_shows_texts_as_they_are(filled: SessionRepository) -> None:
    for table in (filled.list()._repr_html_(), filled.search("heron")._repr_html_()):
        assert "<script>" not in table
        assert table.count("<tr>") == MOST_ROWS + 1
    assert "&lt;script&gt;" in filled.list()._repr_html_()
