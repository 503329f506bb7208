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
        str(figure.size),
        _amount(figure.ours, figure.unit),
        _amount(figure.ours_p90, figure.unit),
        figure.floor_name,
        _amount(figure.floor, figure.unit),
        "" if figure.ratio is None else f"{figure.ratio:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if isinstance(value, int):  # a count
        return f"{value:,} {unit}"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f} {unit}"


def as_json(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return the figures as JSON values, each with its ratio and the size of its home."""
    return [_as_json(figure) for figure in figures]


def _as_json(figure: Figure) -> dict[str, Any]:
    values = asdict(figure)
    size: dict[str, Any] = values.pop("size")
    return size | values | {"ratio": figure.ratio}
