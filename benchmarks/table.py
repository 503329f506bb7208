"""The figures as a Markdown table and as JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from .timing import Figure

HEAD = (
    "| operation | sessions | ours, median | ours, p90 | floor | its median | ratio |\n"
    "|---|--:|--:|--:|---|--:|--:|"
)


def row(figure: Figure) -> str:
    """Return a figure as a row of the table."""
    cells = [
        figure.operation,
        f"{figure.sessions:,}",
        _amount(figure.ours, figure.unit),
        _amount(figure.ours_p90, figure.unit),
        figure.floor_name,
        _amount(figure.floor, figure.unit),
        f"{figure.ratio:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _amount(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f} {unit}"


def as_json(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return the figures as JSON values, each with its ratio."""
    return [asdict(figure) | {"ratio": figure.ratio} for figure in figures]
