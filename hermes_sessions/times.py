"""Times: when messages were sent, times as text in the local time zone, and dates that a user types."""

from __future__ import annotations

import re
import time
from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from .errors import InvalidValue
from .fields import is_unreadable_time, read_time

_UNITS = (
    (31_557_600, "year"),
    (2_629_800, "month"),
    (604_800, "week"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)
_DATE = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?", re.ASCII)
_BEFORE_NOW = re.compile(r"(\d{1,5})([dwmy])", re.ASCII)
_DAY_WORDS = {"today": 0, "yesterday": 1}
SENT_AT_KEYS = ("_ts", "timestamp")  # of a message; the first that says wins


def sent_at(message: Mapping[str, Any]) -> float | None:
    """Return when a message was sent, in seconds since the epoch; None if it does not say."""
    for name in SENT_AT_KEYS:
        at = read_time(message.get(name))
        if at:
            return at
    return None


def has_unreadable_time(message: object) -> bool:
    """Whether a message states when it was sent in a form that means no time."""
    return isinstance(message, dict) and any(is_unreadable_time(message.get(name)) for name in SENT_AT_KEYS)


def last_message_at(messages: Iterable[Any]) -> float | None:
    """Return the time of the last message that has one, in seconds since the epoch; None without any.

    `messages` come newest first. Results of tools do not count, as in the web UI's lists.
    """
    for message in messages:
        if isinstance(message, dict) and message.get("role") != "tool":
            at = sent_at(message)
            if at is not None:
                return at
    return None


def local_minute(at: float | None) -> str:
    """Return a time as local date and minute: ``2026-01-31 09:30``.

    `at` is in seconds since the epoch. Returns an empty text for None, and for a number that is no date of
    the calendar: a file can hold any number.
    """
    try:
        return "" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
    except (OverflowError, OSError, ValueError):
        return ""


def ago(at: float, now: float) -> str:
    """Return how long ago a time was: ``3 hours ago``, ``just now``, ``in the future``.

    `at` and `now` are in seconds since the epoch. Clocks of two machines differ: up to a minute ahead is now.
    """
    seconds = now - at
    for size, unit in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now" if seconds > -60 else "in the future"


def parse_time(text: str, now: float) -> float:
    """Return a date as seconds since the epoch: the beginning of one that `read_period` reads.

    Also a date with a time, which is local without a time zone, or seconds. Raises `InvalidValue`.
    """
    if period := read_period(text, now):
        return period.start
    try:
        return float(int(text)) if text.isdecimal() else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise InvalidValue(
            f"{text!r} is not a date; write it as 2026-01-31, 2026-01-31T09:30 or 2026-01, or as 7d for the "
            "day seven days ago"
        ) from None


class Period(NamedTuple):
    """A day, a month or a year: from `start` on and before `end`, in seconds since the epoch."""

    start: float
    end: float


def read_period(text: str, now: float) -> Period | None:
    """Return the period that a date names in local time; None if the text is no such date.

    A date is `2026-09-01`, `2026-09`, `2026`, `today`, `yesterday`, or the day that lies a number of days,
    weeks, months or years before `now`: `7d`, `2w`, `3m`, `1y`. A period that began before 1970 starts at 0.
    """
    try:
        first, after = _days_of(text.lower(), date(*time.localtime(now)[:3]))
        return Period(_midnight(first), _midnight(after))
    except (ValueError, OverflowError, OSError):  # no date, or none that the system's calendar has
        return None


def _midnight(day: date) -> float:
    return max(0.0, time.mktime((*day.timetuple()[:8], -1)))


def _days_of(text: str, today: date) -> tuple[date, date]:
    if written := _DATE.fullmatch(text):
        year, month, day = (int(part) if part else None for part in written.groups())
        first = date(year or 0, month or 1, day or 1)
        if day is None:
            return first, _months_later(first, 12 if month is None else 1)
    else:
        first = _day_before(text, today)
    return first, first + timedelta(days=1)


def _day_before(text: str, today: date) -> date:
    if text in _DAY_WORDS:
        return today - timedelta(days=_DAY_WORDS[text])
    relative = _BEFORE_NOW.fullmatch(text)
    if not relative:
        raise ValueError(text)
    count, unit = int(relative[1]), relative[2]
    if unit in "dw":
        return today - timedelta(days=count * (7 if unit == "w" else 1))
    return _months_later(today, -count * (12 if unit == "y" else 1))


def _months_later(day: date, months: int) -> date:
    """Return the same day of another month, or that month's last day if it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))
