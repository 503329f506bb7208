"""Holds the layout: which package may import which, through which names, read from the source with `ast`."""

import ast
import configparser
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = "hermes_sessions"
LONGEST_FILE = 500

# ---- the tables -------------------------------------------------------------------------------------------

# The modules at the top of the library: everybody may import them. Each may import those named before it.
VALUES = (
    "loading",
    "errors",
    "suggestions",
    "json_text",
    "csv_text",
    "sources",
    "control_characters",
    "fields",
    "tag_names",
    "title_keys",
    "origins",
    "metadata",
    "times",
    "model",
    "naming",
    "modes",
    "files",
    "folder_events",
    "file_value",
    "locks",
    "processes",
    "display",
    "results",
    "sums",
    "findings",
    "lost_words",
    "finding_words",
    "pruning",
    "hits",
    "message_range",
    "feed",
    "config",
    "settings",
    "webui_values",
    "query_help",
    "announcement",
    "completions",
)

# One row per package: which packages it may import, beside the modules at the top.
BELOW_CHANGES = {"messages", "sidecars", "index", "agent"}
BELOW_REPOSITORY = {*BELOW_CHANGES, "search", "changes", "care", "formats", "exports"}
FACE = {"repository", "messages"}
MAY_IMPORT: dict[str, set[str]] = {
    "messages": set(),
    "sidecars": {"messages"},
    "index": {"sidecars", "messages"},
    "agent": {"index", "sidecars", "messages"},
    "search": {"agent", "index", "sidecars", "messages"},
    "changes": BELOW_CHANGES,
    "care": {*BELOW_CHANGES, "changes"},
    "formats": {"messages"},
    "exports": {"messages", "sidecars"},
    "home": {*BELOW_CHANGES, "changes", "search"},
    "access": {"changes", "home", "index"},
    "webui": {*BELOW_CHANGES, "access", "changes", "home"},
    "repository": {*BELOW_REPOSITORY, "access", "home", "webui"},
    "demo": {"messages"},
    "aio": {"agent", "changes", "repository"},
    "mcp": FACE,
    "cli": {*FACE, "demo", "mcp"},
    "webapp": FACE,
    "migrations": {"index"},
}

# Imports of other packages' parts that wait for a front door of their own.
PENDING: set[str] = set()

# Files that wait for their package to be divided by subject, and names that stand twice.
LONG_FOR_NOW: set[str] = set()
TWICE_ON_PURPOSE = {"SessionRepository"}  # the asynchronous one has the public name, too

# What only some modules or packages may import, by the first part of its name.
SQL = {*BELOW_REPOSITORY, "home", "repository", "migrations", "webui"} - {"messages", "sidecars", "formats"}
ONLY_IN: dict[str, set[str]] = {
    "sqlite3": {"index.database", "search.tables", "agent.state", "demo.agent", "completions"},
    "psycopg": {"completions"},
    "sqlalchemy": SQL,
    "alembic": SQL,
    "flask": {"webapp"},
    "werkzeug": {"webapp"},
    "jinja2": {"webapp"},
    "gunicorn": {"webapp"},
    "waitress": {"webapp"},
    "mcp": {"mcp.server"},
    "anyio": {"mcp.server"},
    "click": {"cli"},
    "rich": {"cli.terminal"},
}

# Modules that decide and do nothing else: values in, values out.
PURE = {
    *(
        "errors",
        "suggestions",
        "json_text",
        "sources",
        "control_characters",
        "fields",
        "metadata",
        "tag_names",
        "title_keys",
        "model",
        "naming",
        "origins",
        "display",
        "results",
        "sums",
        "pruning",
        "hits",
        "message_range",
        "feed",
        "query_help",
    ),
    *("messages.content", "messages.answers", "messages.pictures", "messages.redact", "search.indexed_text"),
    *("sidecars.document", "sidecars.marks", "sidecars.layout"),
    *(
        "index.drift",
        "agent.lineage",
        "changes.recovery",
        *(
            "webui.branches",
            "webui.contacts",
            "webui.continuations",
            "webui.entries",
            "webui.lineage_report",
            "webui.sidebar",
        ),
        "search.emoji",
        "search.language",
        "search.words",
        "search.ranking",
        "search.snippets",
    ),
}
# What gives a pure module hands, eyes or a clock.
IMPURE = """
    asyncio concurrent fcntl fileinput ftplib glob http importlib io linecache logging mmap
    multiprocessing os pathlib pickle platform random secrets select shelve shutil signal smtplib socket
    socketserver sqlite3 ssl subprocess sys tempfile threading time urllib.request uuid webbrowser
""".split()
IMPURE_CALLS = ("open", "input", "print", "datetime.now", "datetime.today", "datetime.utcnow", "date.today")
PURE_EXCEPTIONS = {
    ("errors", "pathlib"),
    ("sidecars.document", "msgspec"),
    ("json_text", "msgspec"),
    ("messages.redact", "re2"),
}

MIGRATION_MAY_USE = {"alembic", "sqlalchemy"}

# ---- reading the source -----------------------------------------------------------------------------------


class Import(NamedTuple):
    """One imported name: where, inside which function, and whether only for annotations."""

    line: int
    target: str
    function: str = ""
    for_types: bool = False


class Module(NamedTuple):
    """A module of the project: its dotted name, its file, and whether it is a package's `__init__`."""

    name: str
    path: Path
    is_package: bool

    @property
    def tree(self) -> ast.Module:
        """The parsed source."""
        return _parsed(self.path)

    @property
    def package(self) -> str:
        """The dotted name that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _module(path: Path) -> Module:
    is_package = path.name == "__init__.py"
    parts = path.relative_to(ROOT).with_suffix("").parts
    return Module(".".join(parts[:-1] if is_package else parts), path, is_package)


MODULES = {
    module.name: module
    for top in (LIBRARY, "webapp", "migrations")
    for module in map(_module, sorted((ROOT / top).rglob("*.py")))
}


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def _targets(node: ast.AST, package: str) -> list[str]:
    """Return the full names that a statement or call imports, relative ones resolved against the package."""
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


def imports(node: ast.AST, package: str, function: str = "", for_types: bool = False) -> Iterator[Import]:
    """Yield every import below `node`."""
    for child in ast.iter_child_nodes(node):
        for target in _targets(child, package):
            yield Import(getattr(child, "lineno", 0), target, function, for_types)
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            body, rest = ast.Module(child.body, []), ast.Module(child.orelse, [])
            yield from imports(body, package, function, for_types=True)
            yield from imports(rest, package, function, for_types)
        else:
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else ""
            yield from imports(child, package, function or inner, for_types)


def front_door(package: str) -> set[str]:
    """Return the names that a package of the library offers: the `__all__` of its `__init__`."""
    for node in MODULES[f"{LIBRARY}.{package}"].tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def room(name: str) -> str:
    """Return the row of the table for a dotted name: a package, a module at the top, "" for the library.

    `hermes_sessions.webapp` is how the front end is called once it is installed: its row is `webapp` too.
    """
    top, _, rest = name.partition(".")
    return top if top != LIBRARY else rest.partition(".")[0]


def _short(module: str) -> str:
    return module.removeprefix(LIBRARY + ".")


# ---- the rules --------------------------------------------------------------------------------------------


def _package_fault(module: str, found: Import) -> str | None:
    """Say which row of `MAY_IMPORT` an import of the library breaks."""
    here, there = room(module), room(found.target)
    if not _within(found.target, LIBRARY) or here == there:
        return None
    if module == LIBRARY:
        return None
    if here in VALUES:
        return None if there in VALUES[: VALUES.index(here)] else "may not import"
    if there in VALUES or there == "webapp":  # `_face_fault` says who may import the front end
        return None
    is_public = not there or there not in MAY_IMPORT
    if is_public:
        return (
            None
            if here in {"cli", "webapp", "demo"}
            else "may not import the public names, which import all:"
        )
    return None if there in MAY_IMPORT.get(here, set()) else "may not import"


def _door_fault(module: str, found: Import) -> str | None:
    """Say that an import goes past the front door of another package."""
    here, there = room(module), room(found.target)
    if here == there or f"{LIBRARY}.{there}" not in MODULES or not MODULES[f"{LIBRARY}.{there}"].is_package:
        return None
    name = found.target.removeprefix(f"{LIBRARY}.{there}").removeprefix(".")
    is_door = not name  # mypy holds the names that are used of it to those it offers
    return None if is_door or name in front_door(there) else "goes past the front door:"


def _face_fault(module: str, found: Import) -> str | None:
    serves = _within(module, "webapp") or (found.function == "serve" and _within(module, f"{LIBRARY}.cli"))
    if room(found.target) == "webapp" and not serves:
        return "may not import webapp, only the verb `serve` may:"
    if _within(found.target, "migrations") and not _within(module, "migrations"):
        return "may not import migrations, which Alembic runs:"
    return None


def _outside_fault(module: str, found: Import) -> str | None:
    top, short = found.target.partition(".")[0], _short(module)
    if top in {LIBRARY, "webapp", "migrations"}:
        return None
    allowed = ONLY_IN.get(top)
    if allowed is not None and not any(_within(short, name) for name in allowed):
        return f"may not import, only {', '.join(sorted(allowed))} may:"
    if short in PURE and (short, top) not in PURE_EXCEPTIONS:
        if top not in sys.stdlib_module_names:
            return "is pure and may not import"
        if not found.for_types and any(_within(found.target, name) for name in IMPURE):
            return "is pure and may not import"
    if _within(module, "migrations.versions") and top not in MIGRATION_MAY_USE | sys.stdlib_module_names:
        return "is a migration and may not import"
    return None


def _migration_fault(module: str, found: Import) -> str | None:
    if _within(module, "migrations.versions") and _within(found.target, LIBRARY):
        return "is a migration and may not import"
    return None


def _private_fault(module: str, found: Import) -> str | None:
    name = found.target.rpartition(".")[2]
    if not _within(found.target, LIBRARY):
        return None
    if name == "*" or (name.startswith("_") and not name.startswith("__")):
        return "may not import private names:"
    return None


RULES = (_package_fault, _door_fault, _face_fault, _outside_fault, _migration_fault, _private_fault)


def violations(module: str, source: str | ast.Module, *, is_package: bool = False) -> list[str]:
    """Return what the source of a module imports or calls against the rules, a line each."""
    if room(module) not in {*MAY_IMPORT, *VALUES, ""}:
        return [f"{module} is in no package of MAY_IMPORT: add a row, or move it"]
    tree = ast.parse(source) if isinstance(source, str) else source
    package = module if is_package else module.rpartition(".")[0]
    found = [
        f"{module} {fault} {each.target}"
        for each in imports(tree, package)
        for rule in RULES
        if (fault := rule(module, each))
    ]
    return [*dict.fromkeys(found), *_impure_calls(module, tree)]


@cache
def _violations_of(module: Module) -> list[str]:
    return violations(module.name, module.tree, is_package=module.is_package)


def _impure_calls(module: str, tree: ast.AST) -> Iterator[str]:
    if _short(module) not in PURE:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in IMPURE_CALLS:
            yield f"{module} is pure and may not call {name}"


def circles(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the circles of a graph of imports, each once, as `a -> b -> a`."""
    found, done = [], set[str]()

    def visit(node: str, path: list[str]) -> None:
        if node in path:
            found.append(" -> ".join([*path[path.index(node) :], node]))
        elif node not in done:
            for other in sorted(graph.get(node, ())):
                visit(other, [*path, node])
            done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return found


def _defining_module(target: str) -> str | None:
    """Return the module that an imported name comes from, through the front door of its package."""
    package, _, name = target.rpartition(".")
    if target in MODULES:
        return target
    if package not in MODULES:
        return None
    if MODULES[package].is_package and package != LIBRARY:
        for each in imports(MODULES[package].tree, package):
            if each.target.rpartition(".")[2] == name:
                return _defining_module(each.target)
    return package


# ---- the code ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES.values(), ids=lambda module: module.name)
def test_imports_follow_the_table_of_packages(module: Module) -> None:
    found = set(_violations_of(module))

    assert found <= PENDING, "see the tables of this file:\n" + "\n".join(sorted(found - PENDING))


def test_no_exception_is_kept_longer_than_it_is_needed() -> None:
    found = {fault for module in MODULES.values() for fault in _violations_of(module)}

    assert found >= PENDING, "no longer needed:\n" + "\n".join(sorted(PENDING - found))


@pytest.mark.slow
def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module.name: {
            defined
            for each in imports(module.tree, module.package)
            if (defined := _defining_module(each.target)) and defined != module.name
        }
        for module in MODULES.values()
        if not module.is_package
    }

    assert not circles(graph)


def test_no_class_name_stands_twice_in_the_library() -> None:
    where = defaultdict(list)
    for module in MODULES.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and _within(module.name, LIBRARY):
                where[node.name.lstrip("_")].append(module.name)

    twice = {name: places for name, places in where.items() if len(places) > 1}

    assert twice.keys() == TWICE_ON_PURPOSE, twice


@pytest.mark.parametrize("module", MODULES.values(), ids=lambda module: module.name)
def test_a_file_says_first_what_it_owns(module: Module) -> None:
    first = (ast.get_docstring(module.tree) or "").partition("\n")[0]

    assert len(first) > 15, f"no first line: {first!r}"


@pytest.mark.parametrize("module", MODULES.values(), ids=lambda module: module.name)
def test_no_file_is_too_long_to_read(module: Module) -> None:
    is_long = len(module.path.read_text("utf-8").splitlines()) > LONGEST_FILE

    assert is_long == (_short(module.name) in LONG_FOR_NOW)


def test_every_package_of_the_table_has_a_front_door() -> None:
    packages = {room(name) for name, module in MODULES.items() if name.count(".") == 1 and module.is_package}

    assert packages - {"migrations"} <= MAY_IMPORT.keys()
    assert all(front_door(name) for name in packages if f"{LIBRARY}.{name}" in MODULES)


# ---- the checker itself -----------------------------------------------------------------------------------

BAD = [
    ("hermes_sessions.newcomer.part", "", "is in no package"),
    ("hermes_sessions.model", "import os.path", "is pure and may not import os.path"),
    ("hermes_sessions.model", "from urllib import request", "may not import urllib.request"),
    ("hermes_sessions.model", "def f():\n    import time", "is pure and may not import time"),
    ("hermes_sessions.model", "import msgspec", "is pure and may not import msgspec"),
    ("hermes_sessions.model", "from .results import Page", "may not import hermes_sessions.results.Page"),
    ("hermes_sessions.files", "from .sidecars import trash", "may not import hermes_sessions.sidecars.trash"),
    ("hermes_sessions.index.drift", "x = open('y')", "is pure and may not call open"),
    ("hermes_sessions.changes.recovery", "now = datetime.now()", "is pure and may not call datetime.now"),
    ("hermes_sessions.sidecars.reading", "from ..index import rows", "may not import"),
    ("hermes_sessions.sidecars.reading", "from ..sidecars import _x", "may not import private names"),
    ("hermes_sessions.sidecars.reading", "import hermes_sessions.repository", "may not import"),
    ("hermes_sessions.sidecars.reading", "from hermes_sessions import NotFound", "may not import"),
    ("hermes_sessions.index.sync", "from ..sidecars.layout import survey", "goes past the front door"),
    ("hermes_sessions.index.sync", "from ..sidecars import layout", "goes past the front door"),
    ("hermes_sessions.index.sync", "import hermes_sessions.sidecars.marks", "goes past the front door"),
    ("hermes_sessions.search.plan", "from ..changes import Store", "may not import"),
    ("hermes_sessions.config", "import sqlite3", "may not import, only"),
    ("hermes_sessions.sidecars.reading", "from sqlalchemy.orm import Session", "may not import, only"),
    ("hermes_sessions.repository.base", "import sqlite3", "may not import, only"),
    ("hermes_sessions.repository.base", "import flask", "may not import, only"),
    ("hermes_sessions.repository.base", "import migrations.env", "may not import migrations"),
    ("hermes_sessions.repository.care", "if TYPE_CHECKING:\n    from ..cli import main", "may not import"),
    ("hermes_sessions.cli.main", "import webapp", "may not import webapp"),
    ("hermes_sessions.cli.main", "def other():\n    from webapp import create_app", "may not import webapp"),
    ("hermes_sessions.cli.main", "from hermes_sessions import webapp", "may not import webapp"),
    ("hermes_sessions.repository.care", "from ..webapp import create_app", "may not import webapp"),
    ("hermes_sessions.cli.main", "from ..sidecars import reading", "may not import"),
    ("hermes_sessions.demo.home", "importlib.import_module('webapp')", "may not import webapp"),
    ("webapp.api.sessions", "from hermes_sessions.index import SessionRow", "may not import"),
    ("webapp.api.sessions", "from sqlalchemy import select", "may not import, only"),
    ("migrations.versions.0001_first", "from hermes_sessions.index import rows", "is a migration"),
    ("migrations.versions.0001_first", "import msgspec", "is a migration and may not import msgspec"),
    ("migrations.versions.0001_first", "import sqlite3", "may not import, only"),
    ("hermes_sessions", "from .model import _clean", "may not import private names"),
    ("hermes_sessions", "from .model import *", "may not import private names"),
]

GOOD = [
    ("hermes_sessions.errors", "from pathlib import Path"),
    ("hermes_sessions.model", "import re\nfrom datetime import datetime\nfrom .errors import InvalidId"),
    ("hermes_sessions.model", "if TYPE_CHECKING:\n    from pathlib import Path"),
    ("hermes_sessions.sidecars.document", "import json\nimport msgspec\nfrom .. import errors"),
    ("hermes_sessions.search.tables", "import sqlite3\nfrom ..index import SESSIONS"),
    ("hermes_sessions.repository.deleting", "from ..sidecars import trash\nfrom sqlalchemy import select"),
    ("hermes_sessions.cli.main", "def serve():\n    import_module('hermes_sessions.webapp')"),
    ("hermes_sessions.cli.main", "import click\nfrom hermes_sessions import SessionRepository"),
    (
        "webapp.api.sessions",
        "import flask\nfrom ..security import access\nfrom hermes_sessions import errors",
    ),
    ("migrations.env", "from alembic import context\nfrom hermes_sessions.index import models"),
    ("migrations.versions.0001_first", "import json\nimport sqlalchemy as sa\nfrom alembic import op"),
]


@pytest.mark.parametrize(("module", "source", "fault"), BAD)
def test_the_checker_reports(module: str, source: str, fault: str) -> None:
    found = violations(module, source, is_package=module == LIBRARY)

    assert any(fault in line for line in found), found


@pytest.mark.parametrize(("module", "source"), GOOD)
def test_the_checker_allows(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_the_checker_reports_a_circle() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == ["a -> b -> c -> a"]
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_every_package_is_installed() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    listed = set(settings["options"]["packages"].split())
    found = {path.parent.relative_to(ROOT) for path in (ROOT / LIBRARY).rglob("__init__.py")}
    of_front_end = {path.parent.relative_to(ROOT) for path in (ROOT / "webapp").rglob("__init__.py")}
    migrations = {Path("migrations"), Path("migrations/versions")}
    assert listed == {".".join(each.parts) for each in found} | {
        ".".join((LIBRARY, *each.parts)) for each in of_front_end | migrations
    }
