"""The charts of the usage page: days grouped into bars, the scales, and the formats of figures. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hermes_sessions.results import Usage, total_usage

# Bars of one day are too thin to see beyond the first number of days, bars of a week beyond the second.
MOST_DAYS, MOST_WEEKS = 100, 400
MOST_BARS = 240


@dataclass(frozen=True, slots=True)
class Span:
    """The days of one bar: the first and the last one, and what was used in them."""

    first: date
    last: date
    usage: Usage

    @property
    def name(self) -> str:
        """The days as people write them."""
        first = _day_name(self.first)
        return first if self.first == self.last else f"{first} to {_day_name(self.last)}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart: its height in per cent of the chart's, and its title."""

    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A row of bars over time; `top` is the value of a bar of full height, as text."""

    name: str
    total: str
    top: str
    bars: Sequence[Bar]


def _day_name(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"


def spans_of(by_day: Sequence[Usage], first: date | None, last: date) -> list[Span]:
    """Return the days from `first` to `last`, used or not; without a `first`, from the first day used.

    Too many days are grouped into weeks, then months. Days after `last` are included if they were used.
    """
    used = {date.fromisoformat(each.key): each for each in by_day if each.key is not None}
    start = first or min(used, default=last)
    end = max([*([last] if first or not used else []), *used])
    starts = _starts(start, end)
    ends = [each - timedelta(days=1) for each in starts[1:]] + [end]
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
    step = math.ceil(len(months) / MOST_BARS)  # one wrong date far from the others must not make 1,000 bars
    return [date(month // 12, month % 12 + 1, 1) for month in months[::step]]


def charts_of(spans: Sequence[Span]) -> list[Chart]:
    """Return one chart for each figure; position and label tell them apart, so that no colour has to."""
    return [
        _chart("Input tokens", [(each, each.usage.input_tokens) for each in spans], format_tokens),
        _chart("Output tokens", [(each, each.usage.output_tokens) for each in spans], format_tokens),
        _chart("Cost", [(each, each.usage.estimated_cost or 0.0) for each in spans], format_money),
    ]


def _chart(name: str, values: Sequence[tuple[Span, float]], format_value: Callable[[float], str]) -> Chart:
    top = rounded_up(max((value for _, value in values), default=0.0))
    bars = [
        Bar(max(100 * value / top, 1.5) if value else 0.0, f"{span.name}: {format_value(value)}")
        for span, value in values
    ]
    return Chart(name, format_value(sum(value for _, value in values)), format_value(top), bars)


def rounded_up(value: float) -> float:
    """Return the next number of one or two digits that a scale can end with; 1 for no value."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15) if step * size >= value)


def format_tokens(count: float) -> str:
    """Return a number of tokens as text: `950`, `12.3k`, `4.56M`."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * size:
            return f"{count / size:.3g}{letter}" if count < 999.5 * size else f"{count / size:,.0f}{letter}"
    return f"{count:.3g}"


def format_money(amount: float) -> str:
    """Return an amount of US dollars as text, with four decimals if it is less than a cent."""
    return f"${amount:,.4f}" if 0 < amount < 0.01 else f"${amount:,.2f}"
