"""In which order several workers run the files of tests: a file at a time, those that take long first."""

import pytest

LONG = ("fault", "browser", "slow")


def arrange(items: list[pytest.Item]) -> None:
    """Order the tests, and name the file of each as the group that one worker of pytest-xdist runs.

    Begun last, a file that takes minutes would leave the other workers without work.
    """
    marked = {_file(item) for item in items if any(item.get_closest_marker(name) for name in LONG)}
    items.sort(key=lambda item: _file(item) not in marked)  # the sort keeps the order within a file
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_file(item)))


def _file(item: pytest.Item) -> str:
    return item.location[0]
