"""Tests the public names: which there are, where they come from, and what importing them loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hermes_sessions

SOURCE = Path(hermes_sessions.__file__)
HEAVY = ("sqlalchemy", "alembic", "msgspec", "click", "rich", "flask")


def run(code: str) -> str:
    """Run Python code in a new process and return its output."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.mark.parametrize(
    "statement",
    [
        "import hermes_sessions",
        "import hermes_sessions; dir(hermes_sessions)",
        "from hermes_sessions import NotFound, Page, Session, Summary",
    ],
)
def test_sqlalchemy_is_loaded_only_for_a_repository(statement: str) -> None:
    loaded = run(f"{statement}; import sys; print(*[name for name in {HEAVY} if name in sys.modules])")

    assert loaded.split() == []


def test_the_repository_is_found_when_it_is_used() -> None:
    code = "from hermes_sessions import SessionRepository as found; print(found.__module__, found.__name__)"

    assert run(code).split() == ["hermes_sessions.repository", "SessionRepository"]


def test_every_public_name_is_declared_once_for_people_and_once_for_type_checkers() -> None:
    [block] = [node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If)]
    declared = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert hermes_sessions.__all__ == sorted(hermes_sessions.__all__)
    assert declared == hermes_sessions._MODULE_OF
    assert set(declared) == set(hermes_sessions.__all__)
    for name in hermes_sessions.__all__:
        assert getattr(hermes_sessions, name).__name__ == name
        assert name in dir(hermes_sessions)


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hermes_sessions.nothing
