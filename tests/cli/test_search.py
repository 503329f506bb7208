"""Searches from the command line: words that begin with a minus are no options."""

from pathlib import Path

import pytest

from hermes_sessions import SessionRepository

from ..support.make import message
from .running import run


@pytest.fixture(scope="module")
def orchard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two conversations about fruit."""
    home = tmp_path_factory.mktemp("orchard")
    with SessionRepository.open(hermes_home=home) as sessions:
        for title, text in (("Red", "an apple and a hat"), ("Yellow", "a pear and --agnet")):
            sessions.append(sessions.new(title=title).session_id, [message(text)])
    return home


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-apple"], ["Yellow"]),
        (["and", "-apple"], ["Yellow"]),
        (["-apple", "and", "--limit", "5"], ["Yellow"]),
        (["-hat"], ["Yellow"]),  # though -h is an option
        (["-pear", "--scope", "content", "--no-redact"], ["Red"]),
        (["--limit=1", "-pear"], ["Red"]),
        (["--", "-pear"], ["Red"]),
        (["and", "--", "-pear"], ["Red"]),
        (["--", "--agnet"], ["Yellow"]),
        (["apple", "OR", "pear", "-hat"], ["Yellow"]),
    ],
)
def test_one_dash_excludes_a_word(orchard: Path, words: list[str], found: list[str]) -> None:
    result = run(orchard, "search", *words)
    assert result.exit_code == 0, result.output
    assert [line for line in result.stdout.splitlines() if not line.startswith(" ")] == found


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["and", "--agnet"], "--agent"),
        (["and", "--limitt", "5"], "--limit"),
        (["and", "--limit"], "requires an argument"),
        (["and", "--limit", "-5"], "--limit"),
        ([], "TEXT"),
        (["--hidden"], "TEXT"),
    ],
)
def test_a_misspelt_option_is_refused(orchard: Path, words: list[str], told: str) -> None:
    result = run(orchard, "search", *words)
    assert result.exit_code == 2
    assert told in result.stderr


def test_one_letter_still_asks_for_help(orchard: Path) -> None:
    assert "one dash always excludes a word" in " ".join(run(orchard, "search", "-h").stdout.split())
