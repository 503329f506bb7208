"""What conversations cost, as a page: tokens and cost over time, by model, source, project and profile."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Blueprint, Flask, Response, request

from hermes_sessions.errors import InvalidValue
from hermes_sessions.results import Usage, UsageBy, total_usage

from ..request_context import masker, sessions
from . import rendering as render
from . import sidebar

spending = Blueprint("spending", __name__)

RANGES: Mapping[str, int | None] = {"7": 7, "30": 30, "90": 90, "all": None}
RANGE_WORDS = {"7": "7 days", "30": "30 days", "90": "90 days", "all": "All time"}
DEFAULT_RANGE = "30"
KEYS: Mapping[UsageBy, str] = {
    "model": "Model",
    "source": "Source",
    "project": "Project",
    "profile": "Profile",
}
# Bars of a day are too thin to be seen beyond the first, bars of a week beyond the second.
MOST_DAYS, MOST_WEEKS = 100, 400
MOST_BARS = 240


@dataclass(frozen=True, slots=True)
class Span:
    """Some days that are one bar: the first and the last one, and what was used in them."""

    first: date
    last: date
    usage: Usage

    @property
    def name(self) -> str:
        """The days as people write them."""
        begin = f"{self.first.day} {self.first:%b} {self.first.year}"
        return (
            begin
            if self.first == self.last
            else f"{begin} to {self.last.day} {self.last:%b} {self.last.year}"
        )


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart: its height in hundredths of the chart's, and what it says."""

    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One row of bars over time; `top` is what a bar of the full height stands for, in words."""

    name: str
    total: str
    top: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its name, what was used, and its share of all tokens in hundredths."""

    name: str
    usage: Usage
    share: float


def register(app: Flask) -> None:
    """Give the templates of `app` the words for figures."""
    app.jinja_env.filters.update(tokens=tokens, money=money)


# ---- the page -------------------------------------------------------------------------------------------


@spending.get("/usage")
def show() -> Response:
    """Show what was used in the days of the query."""
    chosen = request.args.get("days", DEFAULT_RANGE)
    if chosen not in RANGES:
        raise InvalidValue(f"days must be one of {', '.join(RANGES)}")
    today = datetime.now().astimezone().date()
    begin = _begin(RANGES[chosen], today)
    since = None if begin is None else _midnight(begin)
    by_day = sessions().usage(since=since)
    spans = spans_of(by_day, begin, today)
    total = total_usage(by_day)
    return render.page(
        "usage.html",
        chosen=chosen,
        ranges=RANGE_WORDS,
        total=total,
        charts=charts_of(spans),
        spans=spans,
        dated=_dated(by_day, spans),
        tables={name: _rows(key, since, total) for key, name in KEYS.items()},
        listed=sessions().count(agent=True),
        everything=sessions().count(agent=True, hidden=True),
    )


def _dated(by_day: Sequence[Usage], spans: Sequence[Span]) -> list[Row]:
    """Return the rows under the charts: newest first, those without a date last."""
    rows = [Row(span.name, span.usage, 0.0) for span in reversed(spans) if span.usage.sessions]
    return rows + [Row("Without a date", each, 0.0) for each in by_day if each.key is None]


def _begin(days: int | None, today: date) -> date | None:
    return None if days is None else today - timedelta(days=days - 1)


def _midnight(day: date) -> float:
    """Return when a day begins here, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day).astimezone().timestamp()


def _rows(key: UsageBy, since: float | None, total: Usage) -> list[Row]:
    names = _names(key)
    found = sessions().usage(by=key, since=since)
    shares = 100 / max(1, total.total_tokens)
    return [
        Row(names.get(each.key or "", each.key or "None"), each, each.total_tokens * shares) for each in found
    ]


def _names(key: str) -> Mapping[str, str]:
    """Return what people call the keys of a table, where that is something else."""
    if key == "source":
        return {**sidebar.CLASSES, "cron": "Scheduled"}
    if key == "project":
        projects, _ = sidebar.read_projects()
        return {"": "No project"} | {each.project_id: masker()(each.name) for each in projects.values()}
    return {"": "Unknown"}


# ---- charts, pure ---------------------------------------------------------------------------------------


def spans_of(by_day: Sequence[Usage], begin: date | None, end: date) -> list[Span]:
    """Return the days from `begin` to `end`, used or not; without a `begin`, from the first used to the last.

    They become weeks, then months, where there are too many. Days after `end` are shown too.
    """
    used = {date.fromisoformat(each.key): each for each in by_day if each.key is not None}
    first = begin or min(used, default=end)
    last = max([*([end] if begin or not used else []), *used])
    starts = _starts(first, last)
    ends = [each - timedelta(days=1) for each in starts[1:]] + [last]
    within: dict[date, list[Usage]] = {each: [] for each in starts}
    place = 0
    for day in sorted(used):
        while place + 1 < len(starts) and starts[place + 1] <= day:
            place += 1
        within[starts[place]].append(used[day])
    return [Span(start, stop, total_usage(within[start])) for start, stop in zip(starts, ends, strict=True)]


def _starts(first: date, last: date) -> list[date]:
    days = (last - first).days + 1
    if days <= MOST_DAYS:
        return [first + timedelta(days=day) for day in range(days)]
    if days <= MOST_WEEKS:
        monday = first - timedelta(days=first.weekday())
        return [monday + timedelta(days=day) for day in range(0, (last - monday).days + 1, 7)]
    months = range(12 * first.year + first.month - 1, 12 * last.year + last.month)
    step = math.ceil(len(months) / MOST_BARS)  # a time far from the others must not make a thousand bars
    return [date(month // 12, month % 12 + 1, 1) for month in months[::step]]


def charts_of(spans: Sequence[Span]) -> list[Chart]:
    """Return one chart for each figure: read by place and label, so that no colour has to be told apart."""
    return [
        _chart("Input tokens", [(each, each.usage.input_tokens) for each in spans], tokens),
        _chart("Output tokens", [(each, each.usage.output_tokens) for each in spans], tokens),
        _chart("Cost", [(each, each.usage.estimated_cost or 0.0) for each in spans], money),
    ]


def _chart(name: str, values: Sequence[tuple[Span, float]], words: Callable[[float], str]) -> Chart:
    top = rounded_up(max((value for _, value in values), default=0.0))
    bars = [
        Bar(max(100 * value / top, 1.5) if value else 0.0, f"{span.name}: {words(value)}")
        for span, value in values
    ]
    return Chart(name, words(sum(value for _, value in values)), words(top), bars)


def rounded_up(value: float) -> float:
    """Return the next number of one or two digits that a scale may end with; 1 for nothing."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15) if step * size >= value)


def tokens(count: float) -> str:
    """Return a number of tokens as it is said: `950`, `12.3k`, `4.56M`."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * size:
            return f"{count / size:.3g}{letter}" if count < 999.5 * size else f"{count / size:,.0f}{letter}"
    return f"{count:.3g}"


def money(amount: float) -> str:
    """Return an amount of US dollars, with two more digits where it is less than a cent."""
    return f"${amount:,.4f}" if 0 < amount < 0.01 else f"${amount:,.2f}"
