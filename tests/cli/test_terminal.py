"""Output for terminals, pipes and other encodings."""

import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from hermes_sessions import SessionRepository
from hermes_sessions.cli.terminal import visible, visible_text, when

from ..support.make import started, write
from .running import Completed, parsed, run_program


def test_visible_text() -> None:
    assert visible("a\nb\tc\x1b[1m\x85\u202e") == "a b\\x09c\\x1b[1m\\x85\\u202e"
    assert visible_text("a\r\nb\tc\x07") == "a\nb\tc\\x07"
    assert visible("مرحبا 👩‍👩‍👧 é") == "مرحبا 👩‍👩‍👧 é"


def test_what_json_has_no_number_for_becomes_null(home: Path, sessions: SessionRepository) -> None:
    text = '{"gateway_routing": NaN, "messages": [{"role": "user", "content": "x", "score": -Infinity}]}'
    write(sessions, "s1", text)

    assert parsed(home, "list")["sessions"][0]["gateway_routing"] is None
    assert parsed(home, "show", "s1")["messages"][0]["score"] is None


@pytest.mark.slow
def test_json_is_utf_8_whatever_the_locale(may: Path) -> None:
    plain = run_program(may, "list", "--json", PYTHONIOENCODING="latin-1")
    table = run_program(may, "list", PYTHONIOENCODING="latin-1")

    assert "整理本周会议纪要" in plain.stdout
    assert (table.code, table.stderr) == (0, "")
    assert r"\u6574\u7406" in table.stdout


@pytest.mark.slow
def test_a_bar_shows_on_a_terminal_alone(crowd: Path) -> None:
    first = run_program(crowd, "list", "--json", terminal=["stderr"])
    again = run_program(crowd, "list", "--json", terminal=["stderr"])
    piped = run_program(crowd, "rebuild")
    rebuilt = run_program(crowd, "rebuild", terminal=["stderr"])

    assert json.loads(first.stdout) == json.loads(again.stdout)
    assert "Reading sessions" in first.stderr
    assert "100%" in first.stderr
    assert again == Completed(again.stdout, "", 0)
    assert piped == Completed("300 added, 0 changed, 0 removed, 0 unreadable\n", "", 0)
    assert "Reading sessions" in rebuilt.stderr


@pytest.mark.slow
def test_colour_on_a_terminal_alone(crowd: Path) -> None:
    seen = run_program(crowd, "list", terminal=["stdout"])
    plain = run_program(crowd, "list", terminal=["stdout"], NO_COLOR="1")
    piped = run_program(crowd, "list")

    assert seen.stdout.startswith("\x1b[1mID ")
    assert plain.stdout.startswith("ID ")
    assert "\x1b" not in plain.stdout + piped.stdout


@pytest.mark.slow
def test_a_list_is_cut_to_the_terminal_and_whole_in_a_pipe(home: Path, sessions: SessionRepository) -> None:
    started(sessions, title="整理本周会议纪要" * 10)

    narrow = run_program(home, "list", terminal=["stdout"], columns=61, NO_COLOR="1").stdout.splitlines()
    piped = run_program(home, "list").stdout

    assert narrow[1].endswith("…")
    assert 60 <= cell_len(narrow[1]) <= 61
    assert "整理本周会议纪要" * 10 in piped


# ---- times ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (30 * 86_400 - 1, "4 weeks ago"),
    ],
)
def test_recent_times(seconds: int, words: str) -> None:
    assert when(1_777_000_000 - seconds, 1_777_000_000) == words


def test_other_times_are_dates() -> None:
    now = 1_777_000_000

    assert re.fullmatch(r"2026-03-2\d", when(now - 31 * 86_400, now))
    assert re.fullmatch(r"2026-0[45]-\d\d", when(now + 86_400, now))
    assert when(9e18, now) == "?"
