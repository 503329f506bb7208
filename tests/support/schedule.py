"""In which order several workers run the files of tests: those that take long first."""

import pytest

LONG = ("fault", "browser", "slow")


def arrange(items: list[pytest.Item]) -> None:
    """Order the tests: begun last, a file that takes minutes would leave the other workers without work."""
    marked = {_file(item) for item in items if any(item.get_closest_marker(name) for name in LONG)}
    items.sort(key=lambda item: _file(item) not in marked)  # the sort keeps the order within a file


def _file(item: pytest.Item) -> str:
    return item.location[0]
