"""Times as text in the local time zone: a date and minute, an age in words, and a date typed by a user."""

from __future__ import annotations

import time
from datetime import datetime

from .errors import InvalidValue

_UNITS = (
    (31_557_600, "year"),
    (2_629_800, "month"),
    (604_800, "week"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)


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


def parse_time(text: str) -> float:
    """Return a date such as ``2026-01-31``, a date with a time, or seconds, as seconds since the epoch.

    A date without a time zone is local. Raises `InvalidValue`.
    """
    try:
        return float(int(text)) if text.isdecimal() else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise InvalidValue(f"{text!r} is not a date; write it as 2026-01-31 or 2026-01-31T09:30") from None
