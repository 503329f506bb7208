"""Times: when messages were sent, times as text in the local time zone, and dates that a user types."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

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


def parse_time(text: str) -> float:
    """Return a date such as ``2026-01-31``, a date with a time, or seconds, as seconds since the epoch.

    A date without a time zone is local. Raises `InvalidValue`.
    """
    try:
        return float(int(text)) if text.isdecimal() else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise InvalidValue(f"{text!r} is not a date; write it as 2026-01-31 or 2026-01-31T09:30") from None
