"""How tests are run: one that kills its worker or hangs is run once, and those after it by another worker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = """
import pytest
from tests.support import hanging, schedule

hanging.LIMIT_SECONDS = 1.0
hanging.LATEST_SECONDS = 1.0

def pytest_xdist_make_scheduler(config, log):
    return schedule.Scheduling(config, log)

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    hanging.watch(item)
"""
TESTS = """
import os, signal, threading
from greenlet import greenlet
from pathlib import Path

def test_before(): pass

def test_ends_its_worker():
    with Path("run").open("a") as file:
        file.write("once ")
    {how}

def test_after(): pass
"""
OTHER_FILE = "def test_of_another_file(): pass"


def run(folder: Path, how: str, other_file: str = OTHER_FILE, workers: int = 1) -> str:
    """Run two files of tests in so many workers at a time, the first with one that does `how`.

    Returns what was printed.
    """
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_one.py").write_text(TESTS.format(how=how))
    (folder / "test_two.py").write_text(other_file)
    command = f"-m pytest -q -p no:cacheprovider -p no:schemathesis -n {workers} --dist loadfile".split()
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("how", ["os.kill(os.getpid(), signal.SIGKILL)", "threading.Event().wait()"])
def test_a_test_that_ends_its_worker_is_run_once(tmp_path: Path, how: str) -> None:
    printed = run(tmp_path, how)
    assert "1 failed, 3 passed" in printed, printed
    assert "crashed while running 'test_one.py::test_ends_its_worker'" in printed
    assert (tmp_path / "run").read_text() == "once "


@pytest.mark.slow
def test_two_workers_that_end_at_once_are_both_replaced(tmp_path: Path) -> None:
    meet = "Path(f'at-{os.getpid()}').touch(); here = Path().glob"
    how = f"{meet}\n    while len([*here('at-*')]) < 2: pass\n    os.kill(os.getpid(), signal.SIGKILL)"
    printed = run(tmp_path, how, TESTS.format(how=how), workers=2)
    assert "2 failed, 4 passed" in printed, printed
    assert (tmp_path / "run").read_text() == "once once "


@pytest.mark.slow
def test_a_test_that_hangs_says_where(tmp_path: Path) -> None:
    waiting = "greenlet(lambda: greenlet.getcurrent().parent.switch()).switch()"
    printed = run(tmp_path, f"kept = greenlet(threading.Event().wait); {waiting}; kept.switch()")
    told = printed.partition("A greenlet that waits")[2]
    assert "in test_ends_its_worker\n" in told, printed
