"""The page of tokens and costs: over time, and by model, source, project and profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Blueprint, Flask, Response, request

from hermes_sessions.results import Usage, UsageBy, total_usage
from hermes_sessions.sources import Source

from ..masking import masker
from ..query_values import choice
from ..request_context import sessions
from . import charts, rendering, sidebar

blueprint = Blueprint("usage", __name__)

RANGES: Mapping[str, int | None] = {"7": 7, "30": 30, "90": 90, "all": None}  # days
RANGE_WORDS = {"7": "7 days", "30": "30 days", "90": "90 days", "all": "All time"}
DEFAULT_RANGE = "30"
TABLES: Mapping[UsageBy, str] = {
    "model": "Model",
    "source": "Source",
    "project": "Project",
    "profile": "Profile",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its name, what was used, and its share of all tokens in per cent."""

    name: str
    usage: Usage
    share: float


def register(app: Flask) -> None:
    """Give the templates of `app` the formats of figures."""
    app.jinja_env.filters.update(tokens=charts.format_tokens, money=charts.format_money)


@blueprint.get("/usage")
def show() -> Response:
    """Show what was used in the last `days` of the query."""
    days = choice(request.args, "days", RANGES, DEFAULT_RANGE)
    today = datetime.now().astimezone().date()
    first_day = None if days is None else today - timedelta(days=days - 1)
    since = None if first_day is None else _midnight(first_day)
    by_day = sessions().usage(since=since)
    spans = charts.spans_of(by_day, first_day, today)
    total = total_usage(by_day)
    return rendering.page(
        "usage.html",
        chosen=request.args.get("days", DEFAULT_RANGE),
        ranges=RANGE_WORDS,
        total=total,
        charts=charts.charts_of(spans),
        spans=spans,
        day_rows=_day_rows(by_day, spans),
        tables={name: _rows(key, since, total) for key, name in TABLES.items()},
        listed_count=sessions().count(agent=True),
        whole_count=sessions().count(agent=True, hidden=True),
    )


def _day_rows(by_day: Sequence[Usage], spans: Sequence[charts.Span]) -> list[Row]:
    """Return the rows under the charts: newest first, the sessions without a date last."""
    rows = [Row(span.name, span.usage, 0.0) for span in reversed(spans) if span.usage.sessions]
    return rows + [Row("No date", each, 0.0) for each in by_day if each.key is None]


def _midnight(day: date) -> float:
    """Return when a day begins in the server's time zone, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day).astimezone().timestamp()


def _rows(key: UsageBy, since: float | None, total: Usage) -> list[Row]:
    names = _names(key)
    one_per_cent = max(1, total.total_tokens) / 100
    return [
        Row(names.get(each.key or "", each.key or "None"), each, each.total_tokens / one_per_cent)
        for each in sessions().usage(by=key, since=since)
    ]


def _names(key: UsageBy) -> Mapping[str, str]:
    """Return the names that people know for the keys of a table, where they differ."""
    if key == "source":
        return {**sidebar.SOURCE_WORDS, Source.CRON: "Scheduled"}
    if key == "project":
        projects = sidebar.read_projects().by_id.values()
        return {"": "No project"} | {each.project_id: masker()(each.name) for each in projects}
    return {"": "Unknown"}
