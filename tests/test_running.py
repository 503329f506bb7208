"""How the tests are run: one that kills its worker is run once, and those after it are run by another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = """
from tests.support.schedule import Scheduling

def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)
"""
TESTS = """
import os
from pathlib import Path

def test_before(): pass

def test_kills_its_worker():
    with Path("killed").open("a") as file:
        file.write("once ")
    os.kill(os.getpid(), 9)

def test_after(): pass
"""


@pytest.mark.slow
def test_a_test_that_kills_its_worker_is_run_once(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_one.py").write_text(TESTS)
    command = "-m pytest -q -p no:cacheprovider -p no:schemathesis -n 1 --dist loadfile".split()
    run = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 2 passed" in run.stdout, run.stdout + run.stderr
    assert "crashed while running 'test_one.py::test_kills_its_worker'" in run.stdout
    assert (tmp_path / "killed").read_text() == "once "
