"""The rows of the sidebar: grouped by period, and the marks in a snippet. Pure."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup, escape

from hermes_sessions.hits import MATCH_END, MATCH_START
from hermes_sessions.model import Summary

from .rendering import counted, local_time


@dataclass(frozen=True, slots=True)
class DayGroup:
    """The sessions of a period, or the pinned ones; `key` identifies the group, `name` is for people."""

    key: str
    name: str
    sessions: list[Summary]


def by_day(summaries: Iterable[Summary], now: float | None = None) -> list[DayGroup]:
    """Group sessions in the list's order: pinned ones, then by period; `now` in seconds since the epoch."""
    today = datetime.fromtimestamp(time.time() if now is None else now).astimezone().date()
    groups = groupby(summaries, lambda summary: _period(summary, today))
    return [DayGroup(period.key, period.name, list(group)) for period, group in groups]


def in_order(summaries: Iterable[Summary], name: str) -> list[DayGroup]:
    """Return sessions that are not in the order of their days as one group with this name."""
    return [DayGroup("order", name, listed)] if (listed := list(summaries)) else []


class _Period(NamedTuple):
    key: str
    name: str


_LATEST = (  # the greatest age in days, from the latest on
    (0, _Period("today", "Today")),
    (1, _Period("yesterday", "Yesterday")),
    (7, _Period("week", "Previous 7 days")),
    (30, _Period("month", "Previous 30 days")),
)


def _period(summary: Summary, today: date) -> _Period:
    """Return where a session stands; what is yet to come, by another clock, is of today."""
    when = local_time(summary.last_message_at)
    if summary.pinned:
        return _Period("pinned", "Pinned")
    if when is None:
        return _Period("", "No date")
    age = (today - when.date()).days
    month = _Period(f"{when:%Y-%m}", f"{when:%B}" if when.year == today.year else f"{when:%B} {when.year}")
    return next((period for most, period in _LATEST if age <= most), month)


def count_of_results(offset: int, shown: int, total: int) -> str:
    """Return in words how many results there are, and on a later page which of them it has.

    The page's script adds the later ones to the first.
    """
    if offset:
        return f"Results {offset + 1:,} to {offset + shown:,} of {total:,}"
    return counted(total, "result")


def marked_snippet(snippet: str) -> Markup:
    """Return a hit's snippet as HTML, with its matches in `mark` elements."""
    before, *parts = snippet.split(MATCH_START)
    marked: list[str] = [escape(before.replace(MATCH_END, ""))]
    for part in parts:
        match, _, after = part.partition(MATCH_END)
        marked.append(f"<mark>{escape(match)}</mark>{escape(after)}")
    return Markup("".join(marked))  # noqa: S704  # every part is escaped
