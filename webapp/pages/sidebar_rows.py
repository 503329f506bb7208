"""The rows of the sidebar: grouped by day, and the marks in a snippet. Pure."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from markupsafe import Markup, escape

from hermes_sessions.hits import MATCH_END, MATCH_START
from hermes_sessions.model import Summary

from .rendering import local_time


@dataclass(frozen=True, slots=True)
class DayGroup:
    """The sessions of one day, or the pinned ones; `key` identifies the group, `name` is for people."""

    key: str
    name: str
    sessions: list[Summary]


def by_day(summaries: Iterable[Summary], now: float | None = None) -> list[DayGroup]:
    """Group sessions in the list's order: pinned ones, then each day; `now` in seconds since the epoch."""
    today = datetime.fromtimestamp(time.time() if now is None else now).astimezone()
    return [DayGroup(key, _day_name(key, today), list(group)) for key, group in groupby(summaries, _day_key)]


def in_order(summaries: Iterable[Summary], name: str) -> list[DayGroup]:
    """Return sessions that are not in the order of their days as one group with this name."""
    return [DayGroup("order", name, listed)] if (listed := list(summaries)) else []


def _day_key(summary: Summary) -> str:
    if summary.pinned:
        return "pinned"
    when = local_time(summary.last_message_at)
    return "" if when is None else when.date().isoformat()


def _day_name(key: str, today: datetime) -> str:
    if key in ("", "pinned"):
        return "Pinned" if key else "No date"
    day = datetime.fromisoformat(key).date()
    age = (today.date() - day) // timedelta(days=1)
    if 0 <= age < 7:
        return ("Today", "Yesterday")[age] if age < 2 else day.strftime("%A")
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day.day} {day:%B}{year}"


def marked_snippet(snippet: str) -> Markup:
    """Return a hit's snippet as HTML, with its matches in `mark` elements."""
    before, *parts = snippet.split(MATCH_START)
    marked = (Markup("<mark>{}</mark>{}").format(*part.partition(MATCH_END)[::2]) for part in parts)
    return escape(before.replace(MATCH_END, "")) + Markup("").join(marked)
