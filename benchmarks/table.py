"""The figures as Markdown tables and as JSON: all of them, those with an aim, and how they grow."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .timing import Figure

HEAD = (
    "| operation | sessions | median | p90 | floor | floor's median | ratio | aim | |\n"
    "|---|--:|--:|--:|---|--:|--:|--:|---|"
)


def row(figure: Figure) -> str:
    """Return a figure as a row of the table."""
    return line(
        figure.operation,
        str(figure.size),
        amount(figure.ours, figure.unit),
        amount(figure.ours_p90, figure.unit),
        figure.floor_name,
        amount(figure.floor, figure.unit),
        "" if figure.ratio is None else f"{figure.ratio:.1f}",
        _aim(figure),
        {True: "met", False: "**not met**", None: ""}[figure.met],
    )


def aims(figures: Iterable[Figure]) -> str:
    """Return the table of the figures that have an aim."""
    return "\n".join([HEAD, *(row(figure) for figure in figures if figure.met is not None)])


def growth(figures: Sequence[Figure]) -> str:
    """Return our medians by operation and number of sessions."""
    sizes = list(dict.fromkeys(figure.size for figure in figures))
    if len(sizes) < 2:
        return ""
    found = {(figure.operation, figure.size): figure for figure in figures}
    lines = [line("operation", *map(str, sizes)), line("---", *("--:" for _ in sizes))]
    for operation in dict.fromkeys(figure.operation for figure in figures):
        cells = (found.get((operation, size)) for size in sizes)
        lines.append(line(operation, *(amount(cell.ours, cell.unit) if cell else "" for cell in cells)))
    return "\n".join(lines)


def whole(figures: Iterable[Figure]) -> str:
    """Return the table of all figures."""
    return "\n".join([HEAD, *map(row, figures)])


def filled(text: str, parts: Mapping[str, str]) -> str:
    """Return a Markdown text with each part between its marks: ``<!-- name -->`` and ``<!-- /name -->``."""
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text = pattern.sub(lambda _, block=f"{begin}\n{part}\n{end}": block, text)  # type: ignore[misc]  # no default
    return text


def line(*cells: str) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _aim(figure: Figure) -> str:
    said = (
        "" if figure.aim is None else f"{figure.aim:g}",
        "" if figure.most is None else f"{figure.most:g} {figure.unit}",
    )
    return ", ".join(filter(None, said))


def amount(value: float | None, unit: str) -> str:
    """Return an amount with three significant digits, nothing for None."""
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
    return size | values | {"ratio": figure.ratio, "met": figure.met}
