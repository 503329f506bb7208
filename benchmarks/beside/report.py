"""What the comparison found, as Markdown tables and as the panels of the chart."""

from collections.abc import Mapping, Sequence

from ..table import amount, line
from .charts import Panel
from .operations import OPERATIONS, Operation
from .run import FLOORS, OURS, Row

TITLE = "Time by number of sessions; both axes are logarithmic"
WANTED = 20  # times as fast as each version, for what happens at every poll or click
TABLED = 5000  # sessions


def tables(rows: Sequence[Row]) -> str:
    """Return a table of one size with all figures, and one of how many times as fast each size is."""
    sizes = sorted({row.sessions for row in rows})
    size = TABLED if TABLED in sizes else sizes[-1]
    return "\n".join(
        [f"With {size:,} sessions, medians:", "", *_figures(rows, size), "", *_factors(rows, sizes)]
    )


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Return a panel for each operation: ours first, then the floor, then each version of the web UI."""
    return [Panel(each.title, _lines(rows, each)) for each in OPERATIONS if _of(rows, each)]


def _lines(rows: Sequence[Row], operation: Operation) -> dict[str, Mapping[int, float]]:
    found = _of(rows, operation)
    names = [OURS, FLOORS, *_versions(rows)]
    return {name: {row.sessions: row.times[name] for row in found} for name in names}


def _of(rows: Sequence[Row], operation: Operation) -> list[Row]:
    return [row for row in rows if row.operation == operation]


def _versions(rows: Sequence[Row]) -> list[str]:
    return [name for name in rows[0].times if name not in (OURS, FLOORS)]


def _figures(rows: Sequence[Row], size: int) -> list[str]:
    versions = _versions(rows)
    head = ["operation", "ours", "", "floor", "web UI", *versions, *(f"times, {each}" for each in versions)]
    lines = [line(*head), line("---", "--:", "---", "--:", "---", *("--:" for _ in range(2 * len(versions))))]
    for row in rows:
        if row.sessions == size:
            operation, times = row.operation, row.times
            lines.append(
                line(
                    operation.title,
                    amount(times[OURS], "ms"),
                    operation.ours,
                    amount(times[FLOORS], "ms"),
                    operation.theirs,
                    *(amount(times[each], "ms") for each in versions),
                    *(_factor(row, each) for each in versions),
                )
            )
    return lines


def _factors(rows: Sequence[Row], sizes: Sequence[int]) -> list[str]:
    versions = _versions(rows)
    head = [f"{size:,}, {name}" for size in sizes for name in versions]
    lines = [line("how many times as fast", *head), line("---", *("--:" for _ in head))]
    for operation in OPERATIONS:
        found = {row.sessions: row for row in _of(rows, operation)}
        cells = [_factor(found[size], name) if size in found else "" for size in sizes for name in versions]
        lines.append(line(operation.title, *cells))
    return lines


def _factor(row: Row, version: str) -> str:
    """Return how many times as long a version takes, in bold where a hot operation is not fast enough."""
    factor = row.times[version] / row.times[OURS]
    told = f"{factor:,.0f}" if factor >= 10 else f"{factor:.1f}"
    return f"**{told}**" if row.operation.is_hot and factor < WANTED else told
