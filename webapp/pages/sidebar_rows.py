"""How the rows of the sidebar are grouped by day, how a turn stands, and where a match is marked."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from markupsafe import Markup, escape

from hermes_sessions.model import Summary
from hermes_sessions.results import MATCH_END, MATCH_START

from .rendering import local_time

# A stream that is not ours may still write: a turn sent so lately is not called interrupted.
STREAM_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Group:
    """Sessions of one day, or the pinned ones; `key` tells groups apart, `name` is for people."""

    key: str
    name: str
    sessions: list[Summary]


def by_day(summaries: Iterable[Summary], now: float | None = None) -> list[Group]:
    """Group sessions in the order of the list: the pinned ones, then each day; `now` in seconds."""
    today = datetime.fromtimestamp(time.time() if now is None else now).astimezone()
    return [Group(key, _day_name(key, today), list(them)) for key, them in groupby(summaries, _day_key)]


def _day_key(summary: Summary) -> str:
    if summary.pinned:
        return "pinned"
    when = local_time(summary.last_message_at)
    return "" if when is None else when.date().isoformat()


def _day_name(key: str, today: datetime) -> str:
    if key in ("", "pinned"):
        return "Pinned" if key else "Without a date"
    day = datetime.fromisoformat(key).date()
    age = (today.date() - day) // timedelta(days=1)
    if 0 <= age < 7:
        return ("Today", "Yesterday")[age] if age < 2 else day.strftime("%A")
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day.day} {day:%B}{year}"


def state(summary: Summary, now: float | None = None) -> str:
    """Return how a session's turn stands: `streaming`, `interrupted`, `unanswered` or ``."""
    if not summary.active_stream_id:
        return "unanswered" if summary.pending_user_message else ""
    sent = summary.pending_started_at or summary.updated_at
    lately = (time.time() if now is None else now) - sent < STREAM_SECONDS
    return "streaming" if lately or not summary.pending_user_message else "interrupted"


def found_in(snippet: str) -> Markup:
    """Return a hit's snippet as HTML, with its matches marked."""
    before, *parts = snippet.split(MATCH_START)
    marked = (Markup("<mark>{}</mark>{}").format(*part.partition(MATCH_END)[::2]) for part in parts)
    return escape(before.replace(MATCH_END, "")) + Markup("").join(marked)
