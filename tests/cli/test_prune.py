"""The verb `prune`: it shows what it would delete, asks, and refuses where nobody can be asked."""

import os
import pty
import time
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository

from ..support.make import message, snapshot, write_document
from .running import done, parsed, run, start_program

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def aged(sessions: SessionRepository) -> SessionRepository:
    """A home with an old session, a new one and a pinned old one."""
    for name, days, pinned in (("old", 20, False), ("new", 1, False), ("pinned", 20, True)):
        at = time.time() - days * 86_400
        messages = [message("hello", at=at)]
        write_document(sessions, name, title=f"{name} {KEY}", pinned=pinned, created_at=at, messages=messages)
    sessions.sync()
    return sessions


def test_it_shows_and_deletes_what_the_rule_says(home: Path, aged: SessionRepository) -> None:
    shown = done(home, "prune", "--older-than", "10", "--dry-run")
    assert "old" in shown
    assert KEY not in shown
    assert len(shown.splitlines()) == 2
    assert KEY in done(home, "prune", "--older-than", "10", "--dry-run", "--no-redact")
    assert parsed(home, "prune", "--older-than", "10", "--dry-run") == {
        "done": ["old"],
        "failed": {},
        "agents": [],
    }
    assert aged.count() == 3

    deleted = done(home, "prune", "--older-than", "10", "--yes")

    assert "1 moved to the trash. `hermes-sessions restore ID` brings one back." in deleted
    assert [each.session_id for each in aged.trash()] == ["old"]
    assert parsed(home, "prune", "--older-than", "10", "-y") == {"done": [], "failed": {}, "agents": []}
    assert parsed(home, "prune", "--pinned", "-y")["done"] == ["pinned"]


def test_nothing_to_delete_is_said(home: Path, aged: SessionRepository) -> None:
    assert done(home, "prune", "--older-than", "100", "--yes").endswith("Nothing to delete.\n")


@pytest.mark.parametrize("words", [["--older-than", "10"], ["--older-than", "10", "--json"]])
def test_without_a_terminal_it_refuses(home: Path, aged: SessionRepository, words: list[str]) -> None:
    before = snapshot(aged)
    result = run(home, "prune", *words, stdin="y\n")
    assert result.exit_code == 2
    assert "Nobody can be asked here. Add --yes, or --dry-run" in result.stderr
    assert snapshot(aged) == before


def test_it_needs_a_rule(home: Path, aged: SessionRepository) -> None:
    result = run(home, "prune", "--yes")
    assert result.exit_code == 2
    assert "say what to delete" in result.stderr
    assert aged.count() == 3


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "end"), [("n", (1, 3)), ("y", (0, 2))])
def test_it_asks_on_a_terminal(
    home: Path, aged: SessionRepository, answer: str, end: tuple[int, int], tmp_path: Path
) -> None:
    keyboard, terminal = pty.openpty()
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = start_program(home, "prune", "--older-than", "10", stdin=terminal, stdout=out, stderr=err)
        os.close(terminal)
        os.write(keyboard, f"{answer}\n".encode())
        code = process.wait(timeout=60)
    os.close(keyboard)
    assert "Move 1 session to the trash? [y/N]" in (tmp_path / "err").read_text()
    assert "old" in (tmp_path / "out").read_text()
    assert (code, aged.count()) == end
