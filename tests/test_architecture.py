"""Holds the ranks: which module may import what, read from the source with `ast`, nothing imported or run."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("hermes_sessions", "webapp", "migrations")

# ---- the tables -------------------------------------------------------------------------------------------

# Rank 1. A module may use those before it, which is what keeps the rank without cycles.
PURE = (
    *(
        "errors",
        "model",
        "words",
        "query",
        "results",
        "content",
        "document",
        "marks",
        "survey",
        "canonical",
        "drift",
        "redact",
    ),
    *("lineage", "recovery"),
)
IO = ("config", "sidecar", "projects", "tables", "search", "agent_state")
BELOW_REPOSITORY = {
    "exporting",
    "agent_search",
    "search_plan",
    "search_sync",
    "search_thread",
    "searching",
    "mirror_rows",
    "backup",
    "checking",
    "leftovers",
    "explaining",
    "trash",
    "files",
    "folders",
    "database",
    "listing",
    "usage",
    "mirror",
    "agents",
    "indexing",
    "upgrades",
    "writing",
    "paging",
    "adopting",
}
SEARCHING = {"search", "search_plan", "search_sync", "search_thread", "agent_search", "searching"}
# "" is hermes_sessions itself.
CLI = {"cli_base", "cli_search", "cli_text", "cli_agent", "cli_projects", "cli_care", "cli_usage"}
FACE_MAY_USE = {"", "config", "errors", "model", "recovery", "redact", "repository", "results", "upgrades"}

MAY_USE: dict[str, set[str]] = {
    "hermes_sessions": {"config", "errors", "model", "repository", "results"},
    **{f"hermes_sessions.{name}": set(PURE[:at]) for at, name in enumerate(PURE)},
    "hermes_sessions.files": {"errors", "model"},  # the floor of rank 2: bytes and locks, nothing of sessions
    "hermes_sessions.database": {"errors"},  # and of its SQL: connections, no table
    "hermes_sessions.editing": {*PURE, "files", "sidecar"},  # what sidecar reads, changed
    **{f"hermes_sessions.{name}": {*PURE, "files"} for name in IO},
    "hermes_sessions.folders": {*PURE, "files", "sidecar"},  # what lies in a folder of them
    "hermes_sessions.trash": {*PURE, "files", "sidecar"},  # sidecars put aside
    "hermes_sessions.backup": {*PURE, "files", "config", "database", "sidecar", "trash"},
    # The full-text index, kept in line with the sessions; the agent's own; one search over all.
    "hermes_sessions.search": {*PURE, "files", "tables"},
    "hermes_sessions.search_plan": {*PURE, "search", "tables"},
    "hermes_sessions.search_sync": {
        *PURE,
        *("config", "database", "files", "search", "search_plan", "sidecar", "tables"),
    },
    "hermes_sessions.search_thread": {*PURE, "config", "files", "search_sync"},
    "hermes_sessions.agent_search": {*PURE, "agent_snapshot", "search"},
    "hermes_sessions.searching": {*PURE, "agent_search", "agent_snapshot", "agents", "listing", "search"},
    "hermes_sessions.upgrades": {*PURE, "files", "config", "database"},
    # The queries of lists; the agents' databases mirrored; which agents there are, and one session of theirs.
    "hermes_sessions.listing": {*PURE, "database", "tables"},
    "hermes_sessions.usage": {*PURE, "listing", "tables"},
    "hermes_sessions.agent_snapshot": set(PURE),
    "hermes_sessions.agent_state": {*PURE, "agent_snapshot"},
    "hermes_sessions.mirror_rows": {*PURE, "agent_snapshot", "tables"},
    "hermes_sessions.mirror": {*PURE, "agent_snapshot", "agent_state", "database", "mirror_rows", "tables"},
    "hermes_sessions.agents": {
        *PURE,
        "agent_state",
        "config",
        "database",
        "listing",
        "mirror",
        "mirror_rows",
        "trash",
    },
    # A file and its row changed; files and index brought together.
    "hermes_sessions.writing": {
        *PURE,
        "files",
        "config",
        "database",
        "editing",
        "folders",
        "sidecar",
        "tables",
        "trash",
    },
    "hermes_sessions.leftovers": {*PURE, "database", "files", "sidecar", "tables", "trash", "writing"},
    "hermes_sessions.paging": {*PURE, "sidecar", "tables", "writing"},
    # What is wrong with a home; where a session is.
    "hermes_sessions.checking": {*PURE, *IO, *BELOW_REPOSITORY, "agent_snapshot"} - {"adopting", *SEARCHING},
    "hermes_sessions.explaining": {*PURE, *IO, *BELOW_REPOSITORY} - {"adopting", *SEARCHING},
    "hermes_sessions.adopting": {
        *PURE,
        "agents",
        "sidecar",
        "trash",
        "writing",
    },  # an agent's session made ours
    "hermes_sessions.indexing": {*PURE, "files", "folders", "database", "sidecar", "tables", "trash"},
    "hermes_sessions.markdown": set(),  # needs the extra "web", as do the exports that load it
    "hermes_sessions.exporting": {*PURE, "markdown"},
    "hermes_sessions.repository": {*PURE, *IO, *BELOW_REPOSITORY},
    "hermes_sessions.demo": {*FACE_MAY_USE, "demo_agent"},
    "hermes_sessions.demo_agent": set(),
    "hermes_sessions.terminal": {"model", "redact"},
    "hermes_sessions.cli_base": {*FACE_MAY_USE, "terminal"},
    "hermes_sessions.cli_care": {*FACE_MAY_USE, "backup", "cli_base", "terminal"},
    "hermes_sessions.cli_text": {"model", "results", "terminal"},
    "hermes_sessions.cli_search": {*FACE_MAY_USE, *CLI, "query", "terminal"},
    "hermes_sessions.cli_agent": {*FACE_MAY_USE, "cli_base", "cli_text", "terminal"},
    "hermes_sessions.cli_projects": {*FACE_MAY_USE, "cli_base", "terminal"},
    "hermes_sessions.cli_usage": {*FACE_MAY_USE, "cli_base", "cli_projects", "terminal"},
    "hermes_sessions.cli": {*FACE_MAY_USE, *CLI, "demo", "terminal"},
    "webapp": {*FACE_MAY_USE, "content", "markdown"},
    "migrations": set(),
    "migrations.env": {"database", "tables"},
    "migrations.versions": set(),
}

SQL = {"tables", "search", "agent_snapshot", "agent_state", *BELOW_REPOSITORY, "repository", "migrations"}
WEB = {"webapp"}

# What only some may import, by the first parts of its name.
ONLY_IN: dict[str, set[str]] = {
    "sqlite3": {"database", "search", "agent_state", "demo_agent"},
    "sqlalchemy": SQL,
    "alembic": SQL,
    "flask": WEB,
    "werkzeug": WEB,
    "jinja2": WEB,
    "gunicorn": WEB,
    "click": {"cli", *CLI, "terminal"},
    "rich": {"terminal"},
}

# What gives a pure module hands, eyes or a clock.
IMPURE = """
    asyncio concurrent fcntl fileinput ftplib glob http importlib io linecache logging mmap
    multiprocessing os pathlib pickle platform random secrets select shelve shutil signal smtplib socket
    socketserver sqlite3 ssl subprocess sys tempfile threading time urllib.request uuid webbrowser
""".split()
IMPURE_CALLS = ("open", "input", "print", "datetime.now", "datetime.today", "datetime.utcnow", "date.today")
PURE_EXCEPTIONS = {("errors", "pathlib"), ("document", "msgspec")}

MIGRATION_MAY_USE = {"alembic", "sqlalchemy"}


# ---- the walk ---------------------------------------------------------------------------------------------


class Import(NamedTuple):
    """One imported name: where, inside which function, and whether only for annotations."""

    line: int
    target: str
    function: str
    for_types: bool


def _within(target: str, prefix: str) -> bool:
    return target == prefix or target.startswith(prefix + ".")


def _targets(node: ast.AST, package: str) -> list[str]:
    """The full names that a statement or call imports, `from . import x` resolved against its package."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=base, names=names, level=level):
            parents = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            start = ".".join([*parents, *([base] if base else [])])
            return [f"{start}.{alias.name}" for alias in names]
        case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]) if ast.unparse(func) in {
            "__import__",
            "import_module",
            "importlib.import_module",
        }:
            return [name]
    return []


def _imports(node: ast.AST, package: str, function: str = "", for_types: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for target in _targets(child, package):
            yield Import(getattr(child, "lineno", 0), target, function, for_types)
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            body, rest = ast.Module(child.body, []), ast.Module(child.orelse, [])
            yield from _imports(body, package, function, for_types=True)
            yield from _imports(rest, package, function, for_types)
        else:
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else ""
            yield from _imports(child, package, function or inner, for_types)


# ---- the rules --------------------------------------------------------------------------------------------


def _row(module: str) -> str | None:
    """The row of `MAY_USE` for a module: its own, or that of the package which has one row for all."""
    if module in MAY_USE:
        return module
    return next((name for name in ("webapp", "migrations.versions") if _within(module, name)), None)


def _short(module: str) -> str:
    """How the tables name a module: by its own name in the library, by its package elsewhere."""
    top, _, rest = module.partition(".")
    return rest if top == "hermes_sessions" else top


def _library_module(target: str) -> str | None:
    """Which module of the library a name belongs to; `""` for one of the public names."""
    top, _, rest = target.partition(".")
    if top != "hermes_sessions":
        return None
    module, _, name = rest.partition(".")
    return module if name or f"hermes_sessions.{module}" in MAY_USE else ""


def _rank_fault(module: str, row: str, found: Import) -> str | None:
    used = _library_module(found.target)
    if used is not None and used not in MAY_USE[row]:
        return f"may not use {found.target}"
    may_serve = _within(module, "webapp") or (module, found.function) == ("hermes_sessions.cli", "serve")
    if _within(found.target, "webapp") and not may_serve:
        return "may not import webapp: only cli does, inside serve"
    if _within(found.target, "migrations") and not _within(module, "migrations"):
        return "may not import migrations: alembic runs them"
    return None


def _outside_fault(module: str, found: Import) -> str | None:
    top, short = found.target.partition(".")[0], _short(module)
    if top in PACKAGES:
        return None
    if short not in ONLY_IN.get(top, {short}):
        return f"may not import {top}: only {', '.join(sorted(ONLY_IN[top]))} may"
    if short in PURE and (short, top) not in PURE_EXCEPTIONS:
        if top not in sys.stdlib_module_names:
            return f"is pure and may not import {top}"
        if not found.for_types and any(_within(found.target, name) for name in IMPURE):
            return f"is pure and may not import {found.target}"
    if _within(module, "migrations.versions") and top not in MIGRATION_MAY_USE | sys.stdlib_module_names:
        return f"is a migration and may not import {top}"
    return None


def _public_fault(module: str, found: Import) -> str | None:
    name = found.target.rpartition(".")[2]
    if module == "hermes_sessions" and (name == "*" or (name.startswith("_") and name != "__future__")):
        return f"imports public names only, not {found.target}"
    return None


def _impure_calls(module: str, tree: ast.AST) -> Iterator[str]:
    if _short(module) not in PURE:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in IMPURE_CALLS:
            yield f"{module}:{node.lineno} is pure and may not call {name}"


def violations(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """What the source of a module does that its rank forbids, one line each."""
    row = _row(module)
    if row is None:
        return [f"{module} is in no rank: add it to the tables of tests/test_architecture.py"]
    tree = ast.parse(source)
    package = module if is_package else module.rpartition(".")[0]
    found = [
        f"{module}:{each.line} {fault}"
        for each in _imports(tree, package)
        for fault in (
            _rank_fault(module, row, each),
            _outside_fault(module, each),
            _public_fault(module, each),
        )
        if fault
    ]
    return [*found, *_impure_calls(module, tree)]


# ---- the code ---------------------------------------------------------------------------------------------

FILES = sorted(path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_run_downward_only(path: Path) -> None:
    is_package = path.name == "__init__.py"
    module = ".".join((path.parent if is_package else path.with_suffix("")).parts)

    found = violations(module, (ROOT / path).read_text(encoding="utf-8"), is_package=is_package)

    assert not found, "imports run downward only:\n" + "\n".join(found)


# ---- the checker itself -----------------------------------------------------------------------------------

BAD = [
    ("hermes_sessions.newcomer", "", "is in no rank"),
    ("hermes_sessions.model", "import os.path", "is pure and may not import os.path"),
    ("hermes_sessions.model", "from urllib import request", "may not import urllib.request"),
    ("hermes_sessions.model", "def f():\n    import time", "model:2 is pure and may not import time"),
    ("hermes_sessions.model", "import msgspec", "is pure and may not import msgspec"),
    ("hermes_sessions.model", "from .drift import plan", "may not use hermes_sessions.drift.plan"),
    ("hermes_sessions.drift", "x = open('y')", "is pure and may not call open"),
    ("hermes_sessions.recovery", "now = datetime.now()", "is pure and may not call datetime.now"),
    ("hermes_sessions.sidecar", "from .projects import load", "may not use hermes_sessions.projects.load"),
    ("hermes_sessions.sidecar", "from . import tables", "may not use hermes_sessions.tables"),
    (
        "hermes_sessions.sidecar",
        "import hermes_sessions.repository",
        "may not use hermes_sessions.repository",
    ),
    (
        "hermes_sessions.sidecar",
        "from hermes_sessions import NotFound",
        "may not use hermes_sessions.NotFound",
    ),
    ("hermes_sessions.sidecar", "from hermes_sessions.newcomer import x", "may not use"),
    ("hermes_sessions.config", "import sqlite3", "may not import sqlite3"),
    ("hermes_sessions.projects", "from sqlalchemy.orm import Session", "may not import sqlalchemy"),
    ("hermes_sessions.repository", "import sqlite3", "may not import sqlite3"),
    ("hermes_sessions.repository", "import flask", "may not import flask"),
    ("hermes_sessions.repository", "import migrations.env", "may not import migrations"),
    ("hermes_sessions.repository", "if TYPE_CHECKING:\n    from .cli import main", "may not use"),
    ("hermes_sessions.cli", "import webapp", "may not import webapp"),
    ("hermes_sessions.cli", "def other():\n    from webapp import create_app", "may not import webapp"),
    ("hermes_sessions.cli", "from .sidecar import read", "may not use hermes_sessions.sidecar.read"),
    ("hermes_sessions.demo", "importlib.import_module('webapp')", "may not import webapp"),
    ("webapp.api", "from hermes_sessions.tables import SessionRow", "may not use hermes_sessions.tables"),
    ("webapp.api", "from sqlalchemy import select", "may not import sqlalchemy"),
    ("migrations.versions.0001_first", "from hermes_sessions import tables", "may not use"),
    ("migrations.versions.0001_first", "import msgspec", "is a migration and may not import msgspec"),
    ("migrations.versions.0001_first", "import sqlite3", "may not import sqlite3"),
]

GOOD = [
    ("hermes_sessions.errors", "from pathlib import Path"),
    ("hermes_sessions.model", "import re\nfrom datetime import datetime\nfrom .errors import InvalidId"),
    ("hermes_sessions.model", "if TYPE_CHECKING:\n    from pathlib import Path"),
    ("hermes_sessions.document", "import json\nimport msgspec\nfrom . import errors"),
    ("hermes_sessions.search", "import sqlite3\nfrom .tables import SessionRow"),
    ("hermes_sessions.repository", "from . import drift, sidecar, tables\nfrom sqlalchemy import select"),
    ("hermes_sessions.cli", "def serve():\n    from webapp.server import run"),
    ("hermes_sessions.cli", "import click\nfrom hermes_sessions import SessionRepository, demo"),
    ("webapp.api", "import flask\nfrom .auth import check\nfrom hermes_sessions.errors import NotFound"),
    ("migrations.env", "from alembic import context\nfrom hermes_sessions.tables import Base"),
    ("migrations.versions.0001_first", "import json\nimport sqlalchemy as sa\nfrom alembic import op"),
]


@pytest.mark.parametrize(("module", "source", "fault"), BAD)
def test_the_checker_finds(module: str, source: str, fault: str) -> None:
    assert any(fault in line for line in violations(module, source)), violations(module, source)


@pytest.mark.parametrize(("module", "source"), GOOD)
def test_the_checker_allows(module: str, source: str) -> None:
    assert violations(module, source) == []


@pytest.mark.parametrize(
    "source", ["from .model import _clean", "from .model import *", "from .tables import Base"]
)
def test_the_package_imports_public_names_only(source: str) -> None:
    assert violations("hermes_sessions", source, is_package=True)
    assert violations("hermes_sessions", "from .model import Session", is_package=True) == []
