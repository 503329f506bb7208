"""In which order several workers run the files of tests, and what the death of a worker costs."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

LONG = ("fault", "browser", "slow")


def arrange(items: list[pytest.Item]) -> None:
    """Order the tests: begun last, a file that takes minutes would leave the other workers without work."""
    marked = {_file(item) for item in items if any(item.get_closest_marker(name) for name in LONG)}
    items.sort(key=lambda item: _file(item) not in marked)  # the sort keeps the order within a file


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # as above
    """Gives each worker a file of tests at a time, and the rest of the file to another if the worker dies.

    pytest-xdist gives the next worker also the test that the first died of, and so on until eight are dead.
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
