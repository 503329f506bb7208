"""In which order several workers run the files of tests, and what the death of a worker costs."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

LONG = ("fault", "browser", "slow")
# Roughly, with every marker but `long`. Only the order depends on it: files that are not here take less.
SECONDS = {
    "faults/test_crashes.py": 150,
    "web/test_browser_safety_and_accessibility.py": 100,
    "test_public_calls.py": 70,
    "web/test_browser_transcript.py": 65,
    "sidecars/test_corpus.py": 60,
    "web/test_browser_list.py": 50,
    "web/test_live.py": 45,
    "care/test_backup.py": 40,
    "web/test_browser_actions.py": 40,
    "web/test_jobs.py": 40,
    "changes/test_many_writers.py": 35,
    "index/test_upgrades.py": 30,
    "web/test_server.py": 30,
    "agent/test_mirror.py": 30,
    "changes/test_leftovers.py": 28,
    "changes/test_message_pages.py": 25,
    "web/test_openapi.py": 22,
    "cli/test_encoding.py": 20,
    "mcp/test_hostile.py": 16,
    "web/test_browser_places.py": 16,
    "web/test_browser_pages.py": 16,
    "index/test_drift.py": 15,
    "faults/test_faults.py": 15,
    "web/test_browser_finding.py": 10,
}


def arrange(items: list[pytest.Item]) -> None:
    """Order the tests: begun last, a file that takes minutes would leave the other workers without work."""
    marked = {_file(item) for item in items if any(item.get_closest_marker(name) for name in LONG)}

    def place(item: pytest.Item) -> tuple[int, bool]:
        file = _file(item)
        return (-SECONDS.get(file.removeprefix("tests/"), 0) if file in marked else 0, file not in marked)

    items.sort(key=place)  # the sort keeps the order within a file


def workers(processors: int, markers: str) -> int:
    """Return how many workers run the tests that these markers choose.

    Those that wait for a browser, a lock or a server left a quarter of the processors' time unused.
    """
    return processors if "not slow" in markers else processors + (processors + 1) // 2


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # as above
    """Gives each worker a file of tests at a time, and the rest of the file to another if the worker dies.

    pytest-xdist itself gives the next worker also the test that the first died of, and so on until eight
    are dead.
    """

    def remove_node(self, node: Any) -> str | None:
        """Take out a worker; return the test that it died of, which then counts as run."""
        units: list[dict[str, bool]] = list(self.assigned_work[node].values())
        pending = ((unit, test) for unit in units for test, completed in unit.items() if not completed)
        unit, test = next(pending, ({}, None))
        if test is not None:
            unit[test] = True
        super().remove_node(node)
        return test

    def _reschedule(self, node: Any) -> None:
        """Give a worker two tests at least, or say that there are no more.

        A worker begins a test when it knows which comes after it. With one, the rest of a dead worker's
        file, it would wait for ever, and the run for it.
        """
        if node not in self.registered_collections:  # it replaces a dead one, and still collects its tests
            return
        super()._reschedule(node)
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)
