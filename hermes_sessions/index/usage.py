"""Sums of sessions, messages, tokens and cost, by day, model, source, project or profile.

Runs portable SQL on a connection that the caller has from `freshness`.
"""

import bisect
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection

from ..results import Filters, Usage, UsageBy
from . import copies
from .list_queries import columns_query, lists_agents
from .schema import AGENT_CONVERSATIONS, SESSIONS

DAY = 86_400
# Times outside this range get no day: they are wrong, such as 0, or milliseconds instead of seconds.
EARLIEST, LATEST = DAY, 4_102_444_800
_EPOCH = date(1970, 1, 1).toordinal()

COLUMNS = {"model": "model", "source": "source", "project": "project_id", "profile": "profile"}
_COUNTS = ("message_count", "input_tokens", "output_tokens")
_HALF = 2**31


def usage(connection: Connection, filters: Filters, by: UsageBy) -> list[Usage]:
    """Return the sums over the conversations that match, for each value of `by`.

    Figures that a copy has in common with another session count once: see `copies`. Days come in order, other
    keys by their tokens, the most first. The key is None for conversations without the value.
    """
    with_agents = lists_agents(filters)
    continued = copies.continued_imports(connection) if with_agents else []
    elsewhere = copies.counted_elsewhere(with_agents=with_agents, continued=continued)
    columns = {name: SESSIONS.c[name] for name in ("age", *({COLUMNS[by]} if by in COLUMNS else ()))}
    columns |= copies.own_figures(elsewhere)
    matching, parameters = columns_query(filters, columns, copies.adds_something(elsewhere))
    selected = matching.subquery()
    key = selected.c[COLUMNS[by]] if by in COLUMNS else _day(connection, selected.c.age)
    found = [_usage(row, by) for row in connection.execute(_sums(selected, key), parameters)]
    if by == "day":
        return sorted(found, key=lambda each: each.key or "")
    return sorted(found, key=lambda each: (-each.total_tokens, -each.messages, each.key or ""))


def _sums(selected: sa.Subquery, key: sa.ColumnElement[Any]) -> sa.Select[Any]:
    # The key has its own query: PostgreSQL does not recognise two expressions with parameters as the same.
    summed = [selected.c[name] for name in ("estimated_cost", *_COUNTS)]
    keyed = sa.select(key.label("key"), *summed).subquery()
    cost = keyed.c.estimated_cost
    counts = [half for name in _COUNTS for half in _halves(keyed.c[name])]
    sums = sa.select(keyed.c.key, sa.func.count(), sa.func.sum(cost), sa.func.count(cost), *counts)
    return sums.group_by(keyed.c.key)


def _halves(count: sa.ColumnElement[int]) -> Iterator[sa.ColumnElement[int]]:
    """Yield the sums of the upper and of the lower bits: the sum of two whole numbers could be too large."""
    upper = count // sa.literal(_HALF, BigInteger)
    yield sa.func.sum(upper)
    yield sa.func.sum(count - upper * sa.literal(_HALF, BigInteger))


def _usage(row: Any, by: str) -> Usage:
    key, sessions, cost, priced, *halves = row
    pairs = zip(halves[::2], halves[1::2], strict=True)
    messages, tokens_in, tokens_out = (int(upper) * _HALF + int(lower) for upper, lower in pairs)
    if by == "day" and key is not None:
        key = date.fromordinal(_EPOCH + key).isoformat()
    return Usage(key, sessions, messages, tokens_in, tokens_out, cost, priced)


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
