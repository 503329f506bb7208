"""Times as text: dates and ages, and what a user may type for a date."""

from datetime import UTC, datetime

import pytest

from hermes_sessions.errors import InvalidValue
from hermes_sessions.times import ago, local_minute, parse_time

NOW = 1_777_000_000


def test_a_minute_is_local() -> None:
    expected = datetime.fromtimestamp(NOW, UTC).astimezone().strftime("%Y-%m-%d %H:%M")

    assert local_minute(NOW) == expected


@pytest.mark.parametrize("at", [None, 9e18, -9e18, float("nan"), float("inf")])
def test_no_date_is_an_empty_text(at: float | None) -> None:
    assert local_minute(at) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-61, "in the future"),
        (-59, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (8 * 86_400, "1 week ago"),
        (40 * 86_400, "1 month ago"),
        (800 * 86_400, "2 years ago"),
    ],
)
def test_an_age_in_words(seconds: int, words: str) -> None:
    assert ago(NOW - seconds, NOW) == words


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1777000000", datetime.fromtimestamp(NOW, UTC)),
        ("2026-01-31", datetime(2026, 1, 31).astimezone()),
        ("2026-01-31T09:30", datetime(2026, 1, 31, 9, 30).astimezone()),
        ("2026-01-31 09:30+00:00", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
    ],
)
def test_a_date_that_is_typed(text: str, when: datetime) -> None:
    assert parse_time(text) == when.timestamp()


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "-5", "1.5", "9" * 400, "2026-01-31T25:00"])
def test_a_text_that_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="is not a date"):
        parse_time(text)
