"""The charts of the usage page: days grouped into stacked bars, scales, formats of figures. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hermes_sessions.results import Usage, total_usage

from .usage_ranges import day_name

# Bars of one day are too thin to see beyond the first number of days, bars of a week beyond the second.
MOST_DAYS, MOST_WEEKS = 100, 400
MOST_BARS = 240
MOST_SERIES = 5  # as many colours as people tell apart; what is left is "Other"
LEAST_HEIGHT = 1.5  # per cent of the chart: less would not be seen


@dataclass(frozen=True, slots=True)
class Measure:
    """What a chart shows: its name, the unit of its table's cells, and how amounts are got and written."""

    name: str
    unit: str
    amount: Callable[[Usage], float]
    as_text: Callable[[float], str]
    as_cell: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Span:
    """The days of one bar: the first and the last one, and what was used in them, by series."""

    first: date
    last: date
    parts: Sequence[Usage]

    @property
    def usage(self) -> Usage:
        """The sum of the parts."""
        return total_usage(self.parts)

    @property
    def name(self) -> str:
        """The days as people write them."""
        first = day_name(self.first)
        return first if self.first == self.last else f"{first} to {day_name(self.last)}"


@dataclass(frozen=True, slots=True)
class Series:
    """A colour of the charts, by its number, and the keys that it stands for: several for "Other"."""

    number: int
    name: str
    keys: frozenset[str | None]


@dataclass(frozen=True, slots=True)
class Part:
    """A coloured part of a bar: where it begins and its height, in per cent of the chart's."""

    series: int
    top: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class ChartRow:
    """What the bar of some days shows, as texts: in all, and of each series."""

    name: str
    total: str
    amounts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Chart:
    """A row of bars over time; `top` is the value of a bar of full height, as text.

    The amounts of the rows are in `unit`, which they do not repeat.
    """

    name: str
    unit: str
    total: str
    top: str
    bars: Sequence[Sequence[Part]]
    rows: Sequence[ChartRow]


def spans_of(by_day: Sequence[Usage], first: date | None, last: date) -> list[Span]:
    """Return the days from `first` to `last`, from the first that was used if it is None.

    The key of each sum is its day. More than `MOST_DAYS` days are grouped into weeks, then months. Days after
    `last` are included if they were used.
    """
    used: dict[date, list[Usage]] = {}
    for each in by_day:
        if each.key is not None:
            used.setdefault(date.fromisoformat(each.key), []).append(each)
    start = first or min(used, default=last)
    end = max([start, *([last] if first or not used else []), *used])  # the first day can be yet to come
    starts = _starts(start, end)
    ends = [each - timedelta(days=1) for each in starts[1:]] + [end]
    within: dict[date, list[Usage]] = {each: [] for each in starts}
    place = 0
    for day in sorted(used):
        while place + 1 < len(starts) and starts[place + 1] <= day:
            place += 1
        within[starts[place]] += used[day]
    return [Span(start, stop, within[start]) for start, stop in zip(starts, ends, strict=True)]


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


def series_of(rows: Iterable[Usage], names: Callable[[str | None], str]) -> list[Series]:
    """Return the first rows, which the charts tell apart, and "Other" for the rest of them."""
    keys = [each.key for each in rows]
    shown = MOST_SERIES if len(keys) > MOST_SERIES + 1 else len(keys)
    series = [Series(number, names(key), frozenset([key])) for number, key in enumerate(keys[:shown], 1)]
    if len(keys) > shown:
        series.append(Series(shown + 1, f"Other ({len(keys) - shown})", frozenset(keys[shown:])))
    return series


def charts_of(spans: Sequence[Span], series: Sequence[Series]) -> list[Chart]:
    """Return a chart of the cost, if any is known, and one of the tokens."""
    tokens = _chart(_TOKENS, spans, series)
    if all(part.estimated_cost is None for span in spans for part in span.parts):
        return [tokens]
    return [_chart(_COST, spans, series), tokens]


def _chart(measure: Measure, spans: Sequence[Span], series: Sequence[Series]) -> Chart:
    by_key = {key: place for place, each in enumerate(series) for key in each.keys}
    amounts = [_amounts(span, by_key, len(series), measure) for span in spans]
    totals = [math.fsum(each) for each in amounts]
    top = rounded_up(max(totals, default=0.0))

    def title(span: Span, each: Series, value: float) -> str:
        return f"{span.name}, {each.name}: {measure.as_text(value)}"

    bars = [
        _stacked(
            [(each.number, value, title(span, each, value)) for each, value in _used(series, values)], top
        )
        for span, values in zip(spans, amounts, strict=True)
    ]
    rows = [
        ChartRow(span.name, measure.as_cell(total), [*map(measure.as_cell, values)])
        for span, total, values in zip(spans, totals, amounts, strict=True)
        if span.parts
    ]
    whole = measure.as_text(math.fsum(totals))
    return Chart(measure.name, measure.unit, whole, measure.as_text(top), bars, rows[::-1])


def _amounts(span: Span, by_key: Mapping[str | None, int], count: int, measure: Measure) -> list[float]:
    sums = [0.0] * count
    for part in span.parts:
        sums[by_key[part.keys[-1]]] += measure.amount(part)
    return sums


def _used(series: Sequence[Series], values: Sequence[float]) -> Iterable[tuple[Series, float]]:
    return ((each, value) for each, value in zip(series, values, strict=True) if value > 0)


def _stacked(amounts: Sequence[tuple[int, float, str]], top: float) -> list[Part]:
    """Return the parts of one bar, the first series lowest; a bar with anything in it can be seen."""
    whole = 100 * math.fsum(value for _, value, _ in amounts) / top
    scale = max(whole, LEAST_HEIGHT) / whole if whole else 0.0
    parts, reached = [], 0.0
    for number, value, title in amounts:
        height = scale * 100 * value / top
        reached += height
        parts.append(Part(number, 100 - reached, height, title))
    return parts


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
    return f"${format_amount(amount)}"


def format_amount(amount: float) -> str:
    """Return an amount of money without its unit, with four decimals if it is less than a cent."""
    return f"{amount:,.4f}" if 0 < amount < 0.01 else f"{amount:,.2f}"


def _count(amount: float) -> str:
    return f"{amount:,.0f}"


_COST = Measure("Cost", "US$", lambda usage: usage.estimated_cost or 0.0, format_money, format_amount)
_TOKENS = Measure("Tokens", "tokens", lambda usage: usage.total_tokens, format_tokens, _count)
