"""Times as text: dates and ages, and what a user may type for a date."""

from datetime import UTC, datetime

import pytest

from hermes_sessions.errors import InvalidValue
from hermes_sessions.fields import read_time
from hermes_sessions.times import ago, has_unreadable_time, local_minute, parse_time, sent_at

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
        ("2026-01", datetime(2026, 1, 1).astimezone()),
        ("2026", datetime(2026, 1, 1).astimezone()),
        ("yesterday", datetime(2026, 4, 23).astimezone()),
        ("7d", datetime(2026, 4, 17).astimezone()),
        ("2026-01-31T09:30", datetime(2026, 1, 31, 9, 30).astimezone()),
        ("2026-01-31 09:30+00:00", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
    ],
)
def test_a_date_that_is_typed(text: str, when: datetime) -> None:
    assert parse_time(text, NOW) == when.timestamp()


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "-5", "1.5", "9" * 400, "2026-01-31T25:00"])
def test_a_text_that_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="is not a date"):
        parse_time(text, NOW)


# ---- times in files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1_777_000_000, 1_777_000_000),
        (1_777_000_000.5, 1_777_000_000.5),
        (1_777_000_000_500, 1_777_000_000.5),
        (1_777_000_000_500_000, 1_777_000_000.5),
        (1_777_000_000_500_000_000, 1_777_000_000.5),
        (100_000_000_000, 100_000_000_000),
        ("1777000000", 1_777_000_000),
        (" 1777000000.25 ", 1_777_000_000.25),
        ("1777000000500", 1_777_000_000.5),
        ("2026-04-24T03:06:40Z", 1_777_000_000),
        ("2026-04-24T05:06:40+02:00", 1_777_000_000),
        ("2026-04-24 03:06:40.500000+00:00", 1_777_000_000.5),
        ("2026-04-24", datetime(2026, 4, 24).astimezone().timestamp()),
        (0, 0),
    ],
)
def test_a_time_of_a_file(value: object, seconds: float) -> None:
    assert read_time(value) == pytest.approx(seconds, abs=1e-3)


NO_TIMES: list[object] = [
    *("", "soon", "1e9", "-5", "nan", "\u0661" * 10, "9" * 5000, "0001-01-01"),
    *(None, True, -1, float("nan"), float("inf"), [], {}, 2**70),
]


@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
def test_no_time_of_a_file(value: object) -> None:
    assert read_time(value) is None


@pytest.mark.parametrize(
    ("message", "at"),
    [
        ({"timestamp": "2026-04-24T03:06:40Z"}, 1_777_000_000),
        ({"timestamp": 1_777_000_000_000}, 1_777_000_000),
        ({"_ts": "1777000000", "timestamp": 5}, 1_777_000_000),
        ({"_ts": "soon", "timestamp": 5}, 5),
        ({"_ts": 0, "timestamp": ""}, None),
        ({}, None),
    ],
)
def test_when_a_message_was_sent(message: dict[str, object], at: float | None) -> None:
    assert sent_at(message) == at


@pytest.mark.parametrize(
    ("message", "is_unreadable"),
    [
        ({"timestamp": "soon"}, True),
        ({"_ts": 5, "timestamp": "soon"}, True),
        ({"_ts": [5]}, True),
        ({"_ts": None, "timestamp": 0}, False),
        ({"timestamp": "2026-04-24"}, False),
        ({}, False),
        ("no message", False),
    ],
)
def test_a_message_with_an_unreadable_time(message: object, is_unreadable: bool) -> None:
    assert has_unreadable_time(message) == is_unreadable
