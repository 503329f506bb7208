"""What the usage page and its CSV file show: the sums of a range by one key, and the parts of its charts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hermes_sessions.csv_text import as_csv
from hermes_sessions.results import Usage, UsageBy, total_usage
from hermes_sessions.sources import Source

from ..masking import masker
from ..request_context import sessions
from . import sidebar
from .usage_ranges import UsageRange

KEYS: Mapping[str, UsageBy] = {
    each: each for each in ("model", "source", "project", "profile", "tag", "tool")
}
KEY_WORDS: Mapping[UsageBy, str] = {
    "model": "Model",
    "source": "Source",
    "project": "Project",
    "profile": "Profile",
    "tag": "Tag",
    "tool": "Tool",
}
DEFAULT_KEY = "model"
# A conversation counts for each of its tags and of its tools, so these do not add up to the total.
_OVERLAPPING: frozenset[UsageBy] = frozenset({"tag", "tool"})
_WITHOUT: Mapping[UsageBy, str] = {"project": "No project", "tag": "No tag"}
_SUMS = ("estimated_cost", "input_tokens", "output_tokens", "sessions", "messages")
_CALLS = ("calls", "failed_calls", "sessions")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its name, the sums, and its share of the cost in per cent, or else of the tokens."""

    name: str
    usage: Usage
    share: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of a range by a key, the most expensive first, and by `charted` for each day, in `parts`.

    `warnings` name what could not be read.
    """

    by: UsageBy
    rows: Sequence[Row]
    total: Usage
    charted: UsageBy
    chart_rows: Sequence[Usage]
    parts: Sequence[Usage]
    warnings: Sequence[str]

    @property
    def shares_cost(self) -> bool:
        """Whether the shares are of the cost, not of the tokens."""
        return bool(self.total.estimated_cost)


def read_figures(by: UsageBy, chosen: UsageRange) -> Figures:
    """Read the sums: one query for the table and the charts unless the key overlaps."""
    charted = "model" if by in _OVERLAPPING else by
    parts = sessions().usage(by=("day", charted), since=chosen.since, until=chosen.until)
    total, chart_rows = total_usage(parts), _most_expensive(_by_last_key(parts))
    sums: Sequence[Usage] = chart_rows
    warnings = parts.warnings
    if by in _OVERLAPPING:
        overlapping = sessions().usage(by=by, since=chosen.since, until=chosen.until)
        sums = overlapping if by == "tool" else _most_expensive(overlapping)
        warnings = tuple(dict.fromkeys([*warnings, *overlapping.warnings]))
    names = names_of(by)
    rows = [Row(names(each.key), each, _share(each, total)) for each in sums]
    return Figures(by, rows, total, charted, chart_rows, parts, warnings)


def _by_last_key(parts: Sequence[Usage]) -> list[Usage]:
    grouped: dict[str | None, list[Usage]] = {}
    for each in parts:
        grouped.setdefault(each.keys[-1], []).append(each)
    return [replace(total_usage(group), key=key) for key, group in grouped.items()]


def _most_expensive(sums: Sequence[Usage]) -> list[Usage]:
    """Return sums in the order of the tables, whose first figure is the cost."""
    return sorted(
        sums,
        key=lambda each: (-(each.estimated_cost or 0), -each.total_tokens, -each.messages, each.key or ""),
    )


def _share(usage: Usage, total: Usage) -> float:
    if total.estimated_cost:
        return 100 * (usage.estimated_cost or 0) / total.estimated_cost
    return 100 * usage.total_tokens / max(1, total.total_tokens)


def names_of(by: UsageBy) -> Callable[[str | None], str]:
    """Return the function that gives the name that people know for a key, masked."""
    names: Mapping[str, str] = {}
    if by == "source":
        names = {**sidebar.SOURCE_WORDS, Source.CRON: "Scheduled"}
    elif by == "project":
        names = {each.project_id: each.name for each in sidebar.read_projects().by_id.values()}
    mask, missing = masker(), _WITHOUT.get(by, "Unknown")
    return lambda key: str(mask(names.get(key, key))) if key else missing


def figures_as_csv(figures: Figures) -> str:
    """Return the table as CSV, with the names and the figures that the page shows."""
    columns = _CALLS if figures.by == "tool" else _SUMS
    rows = ([row.name, *(getattr(row.usage, name) for name in columns)] for row in figures.rows)
    return as_csv([figures.by, *columns], rows)
