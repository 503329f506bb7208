"""Tests the public names: which there are, where they come from, and what importing them loads."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hermes_sessions
import hermes_sessions.changes
import hermes_sessions.messages
import hermes_sessions.search

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


@pytest.mark.slow
def test_the_repository_is_found_when_it_is_used() -> None:
    code = "from hermes_sessions import SessionRepository as found; print(found.__module__, found.__name__)"

    assert run(code).split() == ["hermes_sessions.repository", "SessionRepository"]


LAZY = [
    hermes_sessions,
    hermes_sessions.changes,
    hermes_sessions.messages,
    hermes_sessions.search,
]


@pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)
def test_every_name_is_declared_once_for_people_and_once_for_type_checkers(package: Any) -> None:
    tree = ast.parse(Path(package.__file__).read_text())
    [block] = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    declared = {
        alias.name: node.module or ""
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert declared == {name: module for module, names in package._NAMES.items() for name in names.split()}
    assert set(declared) == set(package.__all__)
    for name in package.__all__:
        assert getattr(package, name, None) is not None, name


def test_the_public_names_are_listed() -> None:
    assert set(hermes_sessions.__all__) <= set(dir(hermes_sessions))


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hermes_sessions.nothing  # type: ignore[attr-defined]  # which is what is tested
