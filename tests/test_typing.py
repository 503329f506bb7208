"""Tests the types of the public calls: what mypy and pyright find in a script of somebody else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from hermes_sessions import Source
from hermes_sessions.sources import SourceName

# A line that ends with `# wrong` is an error for both; no other line is.
SCRIPT = """\
from hermes_sessions import Filters, Source, SessionRepository

with SessionRepository.open() as sessions:
    sessions.update("one", title="x", pinned=True, project_id=None, extra={"mine": [1]}, remove=["old"])
    sessions.update("one", titel="x")  # wrong
    sessions.update("one", pinned="yes")  # wrong
    sessions.update("one", title=None)  # wrong
    sessions.append("one", [{"role": "user", "content": "x"}], modle="x")  # wrong
    sessions.clear("one", titel="x")  # wrong
    sessions.new(titel="x")  # wrong
    sessions.new(title="x", enabled_toolsets=["web"], pinned=True)
    sessions.update_many(["one"], dry_run=True, archived=True)
    sessions.update_many(Filters(source="cli"), archive=True)  # wrong
    sessions.delete_many(archived=True, everywhere=True).done
    sessions.delete_many(archive=True)  # wrong
    sessions.prune(older_than=90 * 86_400.0, fewer_than=3, source=Source.CLI)
    sessions.prune(older_then=1.0)  # wrong
    for summary in sessions.list(source="cli", archived=None, sort="cost", limit=5):
        print(summary.title, summary.message_count)
        print(summary.titel)  # wrong
    sessions.list(sorce="cli")  # wrong
    sessions.list(source="clli")  # wrong
    sessions.list(sort="newest")  # wrong
    sessions.count(pinned=1)  # wrong
    sessions.search("x", source="clli")  # wrong
    sessions.usage(by="modell")  # wrong
    Filters(source="clli")  # wrong
    Filters(model="x", min_cost=0.5, agent="only")
    sessions.export("one", "markdown")
    sessions.export("one", "markdwon")  # wrong
    sessions.tag("one", 7)  # wrong
"""
ROOT = Path(__file__).parent.parent
WRONG = [number for number, line in enumerate(SCRIPT.splitlines(), 1) if line.endswith("# wrong")]


def mypy(script: Path) -> list[int]:
    """Return the lines in which mypy finds an error."""
    output = _run(script, "mypy", "--strict", "--output", "json", "--cache-dir", "/dev/null", script.name)
    errors = [json.loads(line) for line in output.splitlines()]
    assert {each["file"] for each in errors} == {script.name}
    return sorted({each["line"] for each in errors if each["severity"] == "error"})


def pyright(script: Path) -> list[int]:
    """Return the lines in which pyright finds an error."""
    script.with_name("pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    output = _run(script, "pyright", "--outputjson", "--pythonpath", sys.executable)
    errors = json.loads(output)["generalDiagnostics"]
    return sorted({each["range"]["start"]["line"] + 1 for each in errors if each["severity"] == "error"})


def _run(script: Path, module: str, *words: str) -> str:
    """Run a program of this environment on a script that imports the library, and return its output."""
    command = [sys.executable, "-m", module, *words]
    given = os.environ | {"MYPYPATH": str(ROOT)}  # neither program finds what is installed as editable
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300, env=given, cwd=script.parent
    ).stdout


@pytest.mark.slow
@pytest.mark.parametrize("check", [mypy, pyright], ids=lambda check: check.__name__)
def test_a_type_checker_finds_what_is_wrong_in_a_script(
    tmp_path: Path, check: Callable[[Path], list[int]]
) -> None:
    if check is pyright and not shutil.which("node"):
        pytest.skip("Node.js is not installed")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    assert check(script) == WRONG


def test_the_names_of_sources_are_typed() -> None:
    assert set(get_args(SourceName)) == {str(each) for each in Source}
