"""What a start loads: the help no more than click, and a list nothing that other verbs need."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository

from ..support.make import started
from .running import PROGRAM

# What takes long to import and only some verbs need. SQLAlchemy itself imports asyncio.
HEAVY = {
    "alembic",
    "flask",
    "rich",
    "filelock",
    "jinja2",
    "pygments",
    "markdown_it",
    "gunicorn",
    "waitress",
    "zoneinfo",
}
HEAVIER = {*HEAVY, "sqlalchemy", "msgspec", "sqlite3", "asyncio", "json", "pathlib", "dataclasses"}
# Parts of the library that a list can do without.
UNNEEDED = ("care", "demo", "webapp", "search.sync", "search.run", "changes.change", "changes.adopting")
CLI = {f"hermes_sessions.cli{name}" for name in ("", ".main", ".groups", ".home", ".encoding")} | {
    "hermes_sessions.loading"
}


# Runs the program, and prints which modules it has loaded when it ends.
RUN = """
import atexit, sys
program, sys.argv = sys.argv[1], sys.argv[1:]
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
exec(compile(open(program).read(), program, "exec"))
"""


def loaded(home: Path, *words: str) -> set[str]:
    """Return the modules that the installed program imports for a verb, in a process of its own."""
    command = [sys.executable, "-c", RUN, str(PROGRAM), "--hermes-home", str(home), *words]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(result.stderr.splitlines()[-1].split())


def at_start() -> set[str]:
    """Return the modules that Python imports with click alone, such as for an editable installation."""
    command = [sys.executable, "-c", "import click, re, sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def packages(modules: Iterable[str]) -> set[str]:
    """Return the first parts of the modules' names."""
    return {name.partition(".")[0] for name in modules}


def ours(modules: Iterable[str]) -> set[str]:
    """Return the modules of the library."""
    return {name for name in modules if name.startswith("hermes_sessions.")}


@pytest.mark.parametrize("words", [["--help"], ["-h"]])
def test_help_loads_click_alone(tmp_path: Path, words: list[str]) -> None:
    modules = loaded(tmp_path, *words)

    assert ours(modules) == CLI
    assert packages(modules - at_start()) & HEAVIER == set()


def test_the_version_loads_click_alone(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "--version")

    assert ours(modules) == CLI
    assert packages(modules) & {*HEAVY, "sqlalchemy", "msgspec", "sqlite3", "asyncio"} == set()


@pytest.mark.parametrize("verb", ["list", "search", "serve", "demo", "purge"])
def test_the_help_of_a_verb_loads_no_database(tmp_path: Path, verb: str) -> None:
    modules = loaded(tmp_path, verb, "--help")

    assert packages(modules) & {*HEAVY, "sqlalchemy", "sqlite3", "asyncio"} == set()


@pytest.mark.slow
def test_a_list_loads_only_what_it_needs(sessions: SessionRepository) -> None:
    started(sessions, title="Taxes", project_id=sessions.projects.create("Rent").project_id)
    sessions.close()

    modules = loaded(sessions.config.hermes_home, "list", "--limit", "5")

    assert packages(modules) & HEAVY == set()
    assert "sqlalchemy" in modules
    unneeded = ("sqlalchemy.orm", *(f"hermes_sessions.{name}" for name in UNNEEDED))
    assert not [name for name in modules if name.startswith(unneeded)]
