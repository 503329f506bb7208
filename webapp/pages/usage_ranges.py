"""The range of the usage page: some days back from today, a month, or from one date to another. Pure."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hermes_sessions.errors import InvalidValue

DAYS: Mapping[str, int | None] = {"7": 7, "30": 30, "90": 90, "all": None}
DAY_WORDS = {"7": "7 days", "30": "30 days", "90": "90 days", "all": "All time"}
DEFAULT_DAYS = "30"
MONTHS_SHOWN = 12  # the others are folded


@dataclass(frozen=True, slots=True)
class UsageRange:
    """The days from `first` to `last`, both included; None is no limit.

    `query` is what an address says for it, and `words` what people say.
    """

    query: Mapping[str, str]
    words: str
    first: date | None
    last: date | None

    @property
    def since(self) -> float | None:
        """When the first day begins in the server's time zone, in seconds since the epoch, 0 if before."""
        return None if self.first is None else max(0.0, _midnight(self.first))

    @property
    def until(self) -> float | None:
        """When the last day ends."""
        if self.last is None or self.last == date.max:
            return None
        return max(0.0, _midnight(self.last + timedelta(days=1)))


@dataclass(frozen=True, slots=True)
class RangeLink:
    """A range that can be chosen: its name, what its address says, and whether it is chosen."""

    words: str
    query: Mapping[str, str]
    chosen: bool


def read_range(given: Mapping[str, str], today: date) -> UsageRange:
    """Return the range that a query asks for; raise `InvalidValue` for one that is none, in words."""
    if given.get("from") or given.get("to"):
        return _between(given.get("from", ""), given.get("to", ""))
    if "month" in given:
        return _of_month(given["month"])
    return _of_days(given.get("days", DEFAULT_DAYS), today)


def default_range(today: date) -> UsageRange:
    """Return the range of an address that names none."""
    return _of_days(DEFAULT_DAYS, today)


def _between(first_text: str, last_text: str) -> UsageRange:
    first, last = (_day(text) if text else None for text in (first_text, last_text))
    if first and last and last < first:
        raise InvalidValue(f"The first day, {day_name(first)}, is after the last one, {day_name(last)}.")
    query = {name: text for name, text in (("from", first_text), ("to", last_text)) if text}
    words = " to ".join(day_name(each) for each in (first, last) if each)
    if first is None or last is None:
        words = f"Since {words}" if first else f"Until {words}"
    elif first == last:
        words = day_name(first)
    return UsageRange(query, words, first, last)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
        _midnight(day)
    except (ValueError, OverflowError, OSError):
        raise InvalidValue(f"“{text[:40]}” is not a date. Write it as 2026-01-31.") from None
    return day


def _of_month(text: str) -> UsageRange:
    try:
        first = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007  # a date has no zone
        _midnight(first)
    except (ValueError, OverflowError, OSError):
        raise InvalidValue(f"“{text[:40]}” is not a month. Write it as 2026-01.") from None
    return UsageRange({"month": month_key(first)}, month_name(first), first, _last_of_month(first))


def _last_of_month(first: date) -> date:
    return first.replace(day=monthrange(first.year, first.month)[1])


def _of_days(text: str, today: date) -> UsageRange:
    if text not in DAYS:
        raise InvalidValue(f"“{text[:40]}” is not a number of days to choose: {', '.join(DAYS)}.")
    days = DAYS[text]
    first = None if days is None else today - timedelta(days=days - 1)
    return UsageRange({"days": text}, DAY_WORDS[text], first, None)


def quick_links(chosen: UsageRange, today: date) -> list[RangeLink]:
    """Return the ranges that most people want."""
    this_month = today.replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    named = [
        ("This month", {"month": month_key(this_month)}),
        ("Last month", {"month": month_key(last_month)}),
        *((words, {"days": days}) for days, words in DAY_WORDS.items()),
    ]
    return [RangeLink(words, query, query == chosen.query) for words, query in named]


def month_links(chosen: UsageRange, months: Sequence[str]) -> list[RangeLink]:
    """Return the months that have use, the latest first."""
    links = ((month_name(date.fromisoformat(f"{each}-01")), {"month": each}) for each in reversed(months))
    return [RangeLink(words, query, query == chosen.query) for words, query in links]


def month_key(day: date) -> str:
    """Return a month as an address has it: `2026-09`."""
    return day.isoformat()[:7]


def month_name(day: date) -> str:
    """Return a month as people write it."""
    return f"{day:%b} {day.year}"


def day_name(day: date) -> str:
    """Return a day as people write it."""
    return f"{day.day} {day:%b} {day.year}"


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day).astimezone().timestamp()
