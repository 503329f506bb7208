"""Sums of sessions, messages, tokens and cost: by time, model, source, project, profile or tag.

Runs portable SQL on a connection that the caller has from `freshness`.
"""

import bisect
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection

from ..results import Filters, Usage, UsageBy, rounded_cost, total_usage
from . import copies
from .list_queries import columns_query, lists_agents
from .row_values import divided
from .schema import AGENT_CONVERSATIONS, SESSIONS

DAY = 86_400
# Times outside this range get no day: they are wrong, such as 0, or milliseconds instead of seconds.
EARLIEST, LATEST = DAY, 4_102_444_800
_EPOCH = date(1970, 1, 1).toordinal()

PERIODS = ("day", "week", "month")  # all are made of days
COLUMNS = {"model": "model", "source": "source", "project": "project_id", "profile": "profile", "tag": "tags"}
_COUNTS = ("message_count", "input_tokens", "output_tokens")
_HALF = 2**31


def usage(connection: Connection, filters: Filters, by: Sequence[UsageBy]) -> list[Usage]:
    """Return the sums over the conversations that match, for each value of `by`, or for each pair of values.

    Figures that a copy has in common with another session count once: see `copies`. Days, weeks and months
    come in order, other keys by their tokens, the most first. A key is None for conversations without the
    value; one with several tags counts for each of them.
    """
    sums: dict[tuple[str | None, ...], Usage] = {}
    for row in _grouped(connection, filters, by):
        for keys in product(*map(_keys, by, row)):
            found = _usage(keys, row[len(by) :])
            sums[keys] = _added(sums[keys], found) if keys in sums else found
    return _in_order(list(sums.values()), by)


def total(connection: Connection, filters: Filters) -> Usage:
    """Return the sums over all conversations that match, with the key None."""
    return total_usage(usage(connection, filters, ["day"]))


def _grouped(connection: Connection, filters: Filters, by: Sequence[UsageBy]) -> Sequence[sa.Row[Any]]:
    """Return the sums for each day or value of a column, which several keys can share."""
    with_agents = lists_agents(filters)
    continued = copies.continued_imports(connection) if with_agents else []
    elsewhere = copies.counted_elsewhere(with_agents=with_agents, continued=continued)
    names = dict.fromkeys(["age", *(COLUMNS[each] for each in by if each in COLUMNS)])
    columns = {name: SESSIONS.c[name] for name in names} | copies.own_figures(elsewhere)
    matching, parameters = columns_query(filters, columns, copies.adds_something(elsewhere))
    selected = matching.subquery()
    keys = [selected.c[COLUMNS[each]] if each in COLUMNS else _day(connection, selected.c.age) for each in by]
    return connection.execute(_sums(selected, keys), parameters).all()


def _keys(by: UsageBy, value: Any) -> Sequence[str | None]:
    """Return the keys of a value of a column: several for several tags, None for no value."""
    if value is None:
        return [None]
    if by == "tag":
        return divided(value)
    return [_period(by, date.fromordinal(_EPOCH + value)) if by in PERIODS else value]


def _period(by: UsageBy, day: date) -> str:
    if by == "week":
        year, week, _ = day.isocalendar()
        return f"{year:04}-W{week:02}"
    return day.isoformat() if by == "day" else day.isoformat()[:7]


def _usage(keys: tuple[str | None, ...], sums: Sequence[Any]) -> Usage:
    sessions, cost, priced, *halves = sums
    pairs = zip(halves[::2], halves[1::2], strict=True)
    messages, tokens_in, tokens_out = (int(upper) * _HALF + int(lower) for upper, lower in pairs)
    dollars = None if cost is None else rounded_cost(cost)
    return Usage(keys[0], sessions, messages, tokens_in, tokens_out, dollars, priced, keys)


def _added(one: Usage, other: Usage) -> Usage:
    return replace(total_usage([one, other]), key=one.key, keys=one.keys)


def _in_order(sums: list[Usage], by: Sequence[UsageBy]) -> list[Usage]:
    """Return the sums of each first key together: by their time, or the most tokens first."""
    of_first: dict[str | None, int] = defaultdict(int)
    for each in sums:
        of_first[each.key] += each.total_tokens

    def place(each: Usage) -> tuple[Any, ...]:
        first = () if by[0] in PERIODS else (-of_first[each.key],)
        rest = () if by[-1] in PERIODS else (-each.total_tokens, -each.messages)
        return (first, each.key or "", rest, each.keys[-1] or "")

    if len(by) == 1 and by[0] not in PERIODS:
        return sorted(sums, key=lambda each: (-each.total_tokens, -each.messages, each.key or ""))
    return sorted(sums, key=place)


def _sums(selected: sa.Subquery, keys: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    # The keys have their own query: PostgreSQL takes two expressions with parameters for different ones.
    summed = [selected.c[name] for name in ("estimated_cost", *_COUNTS)]
    names = [f"key{at}" for at, _ in enumerate(keys)]
    labelled = (key.label(name) for key, name in zip(keys, names, strict=True))
    keyed = sa.select(*labelled, *summed).subquery()
    cost, columns = keyed.c.estimated_cost, [keyed.c[name] for name in names]
    counts = [half for name in _COUNTS for half in _halves(keyed.c[name])]
    sums = sa.select(*columns, sa.func.count(), sa.func.sum(cost), sa.func.count(cost), *counts)
    return sums.group_by(*columns)


def _halves(count: sa.ColumnElement[int]) -> Iterator[sa.ColumnElement[int]]:
    """Yield the sums of the upper and of the lower bits: the sum of two whole numbers could be too large."""
    upper = count // sa.literal(_HALF, BigInteger)
    yield sa.func.sum(upper)
    yield sa.func.sum(count - upper * sa.literal(_HALF, BigInteger))


# ---- days -----------------------------------------------------------------------------------------------


def _day(connection: Connection, age: sa.ColumnElement[float]) -> sa.ColumnElement[Any]:
    """Return the local day of a last activity, in days since 1970-01-01; NULL for a time that is wrong."""
    first, last = connection.execute(_FIRST_AND_LAST).one()
    if first is None:
        return sa.null()
    earliest, *later = offsets(int(first), int(last))
    offset: sa.ColumnElement[int] = sa.literal(earliest[1], BigInteger)
    if later:
        changes = ((age <= -at, sa.literal(east, BigInteger)) for at, east in reversed(later))
        offset = sa.case(*changes, else_=offset)
    # Whole milliseconds first: a cast to a whole number truncates on SQLite and rounds on PostgreSQL.
    passed = sa.cast(-age * 1000, BigInteger) + offset * 1000
    return sa.case((_dated(age), passed // sa.literal(DAY * 1000, BigInteger)))


def _dated(age: sa.ColumnElement[float]) -> sa.ColumnElement[bool]:
    return sa.and_(age <= -EARLIEST, age > -LATEST)


# Of all conversations: restricting it to those that match would read these twice.
_AGES = sa.union_all(sa.select(SESSIONS.c.age), sa.select(AGENT_CONVERSATIONS.c.age)).subquery()
_FIRST_AND_LAST = sa.select(-sa.func.max(_AGES.c.age), -sa.func.min(_AGES.c.age)).where(_dated(_AGES.c.age))


def offsets(first: int, last: int) -> list[tuple[int, int]]:
    """Return the offsets of local time between two times: (first second, seconds east of UTC), in order."""
    found = [(first, _offset(first))]
    for day in range(first, last, DAY):
        before = _offset(day)
        if _offset(day + DAY) != before:
            hours = range(day, day + DAY + 1)
            at = hours[bisect.bisect_left(hours, True, key=lambda second: _offset(second) != before)]
            found.append((at, _offset(at)))
    return found


def _offset(at: int) -> int:
    return time.localtime(at).tm_gmtoff
