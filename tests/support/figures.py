"""Figures of tests, such as how many points were tried: printed at the end of a run, of every worker."""

from collections.abc import Iterable
from typing import Any

import pytest

_FIGURES = pytest.StashKey[list[str]]()


def tell(config: pytest.Config, lines: Iterable[str]) -> None:
    """Have these lines printed at the end of the run."""
    config.stash.setdefault(_FIGURES, []).extend(lines)
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is not None:  # of a worker of pytest-xdist: what it sends home when it ends
        output["figures"] = config.stash[_FIGURES]


def told(config: pytest.Config) -> list[str]:
    """Return the lines that this process and its workers were told."""
    return config.stash.get(_FIGURES, [])


def receive(config: pytest.Config, output: dict[str, Any]) -> None:
    """Take over the lines of a worker that ended."""
    config.stash.setdefault(_FIGURES, []).extend(output.get("figures", []))
