"""The usage page: its charts as pure functions, and its figures compared with the list."""

import itertools
import re
import time
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.results import Usage
from webapp.pages import charts

from ..support.make import started, turns, write_document
from ..support.web import KEY, check_inert

NOW = date(2026, 4, 30)


def day(key: str | None, tokens: int = 10, cost: float | None = 0.5) -> Usage:
    return Usage(key, 1, 2, tokens, tokens // 2, cost, int(cost is not None))


SPANS: list[tuple[str, list[str], date | None, int, tuple[str, str]]] = [
    ("a week", ["2026-04-25", "2026-04-30"], date(2026, 4, 24), 7, ("24 Apr 2026", "30 Apr 2026")),
    ("nothing", [], date(2026, 4, 24), 7, ("24 Apr 2026", "30 Apr 2026")),
    ("nothing ever", [], None, 1, ("30 Apr 2026", "30 Apr 2026")),
    ("from first to last", ["2026-04-01", "2026-04-05"], None, 5, ("1 Apr 2026", "5 Apr 2026")),
    ("after today", ["2026-05-02"], date(2026, 4, 29), 4, ("29 Apr 2026", "2 May 2026")),
    (
        "weeks",
        ["2026-01-01", "2026-04-30"],
        None,
        18,
        ("29 Dec 2025 to 4 Jan 2026", "27 Apr 2026 to 30 Apr 2026"),
    ),
    (
        "months",
        ["2024-02-29", "2026-04-30"],
        None,
        27,
        ("1 Feb 2024 to 29 Feb 2024", "1 Apr 2026 to 30 Apr 2026"),
    ),
    (
        "a day long ago",
        ["1970-01-02", "2026-04-30"],
        None,
        226,
        ("1 Jan 1970 to 31 Mar 1970", "1 Apr 2026 to 30 Apr 2026"),
    ),
]


@pytest.mark.parametrize("case", SPANS, ids=[case[0] for case in SPANS])
def test_days_are_grouped_into_bars(case: tuple[str, list[str], date | None, int, tuple[str, str]]) -> None:
    _, days, begin, count, ends = case
    spans = charts.spans_of([*map(day, days), day(None)], begin, NOW)
    assert len(spans) == count
    assert (spans[0].name, spans[-1].name) == ends
    assert sum(span.usage.sessions for span in spans) == len(days)
    for before, after in itertools.pairwise(spans):
        assert before.last + timedelta(days=1) == after.first


def test_charts_have_a_round_scale_and_show_the_smallest_use() -> None:
    spans = charts.spans_of([day("2026-04-29", 1), day("2026-04-30", 3_700_000, None)], None, NOW)
    tokens, output, cost = charts.charts_of(spans)
    assert (tokens.name, tokens.total, tokens.top) == ("Input tokens", "3.7M", "4M")
    assert [bar.height for bar in tokens.bars] == [1.5, 92.5]
    assert tokens.bars[1].title == "30 Apr 2026: 3.7M"
    assert [bar.height for bar in output.bars] == [0, 92.5]
    assert [bar.height for bar in cost.bars] == [100, 0]


@pytest.mark.parametrize(
    ("value", "scale"), [(0, 1), (1, 1), (1.2, 1.5), (99, 100), (101, 150), (0.031, 0.04), (7e12, 8e12)]
)
def test_scales_end_with_a_round_number(value: float, scale: float) -> None:
    assert charts.rounded_up(value) == pytest.approx(scale)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (999, "999"), (1000, "1k"), (12_345, "12.3k"), (999_999, "1M"), (5e15, "5,000T")],
)
def test_numbers_of_tokens_as_text(count: float, words: str) -> None:
    assert charts.format_tokens(count) == words


@pytest.mark.parametrize(("amount", "words"), [(0, "$0.00"), (0.0042, "$0.0042"), (1234.5, "$1,234.50")])
def test_amounts_of_money_as_text(amount: float, words: str) -> None:
    assert charts.format_money(amount) == words


def sums(page: str) -> list[list[str]]:
    """Return the figures of the last row of every table: input, output, cost, conversations, messages."""
    rows = re.findall(r"<tfoot>(.*?)</tfoot>", page, re.DOTALL)
    return [re.findall(r'<td class="number">([^<]*)', row) for row in rows]


@pytest.mark.slow
def test_the_sums_of_every_table_equal_those_of_the_list(
    filled: FlaskClient, sessions: SessionRepository
) -> None:
    page = filled.get("/usage?days=all").text
    check_inert(page)
    repository: SessionRepository = filled.application.extensions["hermes_sessions"]
    listed = repository.list(agent=True, hidden=True).items
    wanted = [
        f"{sum(each.input_tokens for each in listed):,}",
        f"{sum(each.output_tokens for each in listed):,}",
        f"${sum(each.estimated_cost or 0 for each in listed):,.2f} ",
        f"{len(listed):,}",
        f"{sum(each.message_count for each in listed):,}",
    ]
    assert sums(page) == [wanted] * 5
    assert f"The list shows {repository.count(agent=True)} of these {len(listed)}." in page


def test_a_range_excludes_older_sessions(sessions: SessionRepository, client: FlaskClient) -> None:
    now = time.time()
    for number, age in enumerate((0, 5, 20, 60, 200)):
        messages = turns(2, now - age * 86_400)
        write_document(sessions, f"s{number}", title="t", messages=messages, input_tokens=100)
    for days, count in (("7", 2), ("30", 3), ("90", 4), ("all", 5)):
        assert {row[3] for row in sums(client.get(f"/usage?days={days}").text)} == {str(count)}
    assert {row[3] for row in sums(client.get("/usage").text)} == {"3"}
    for wrong in ("1", "x", ""):
        assert client.get(f"/usage?days={wrong}").status_code == 400


def test_an_empty_range_says_so(sessions: SessionRepository, client: FlaskClient) -> None:
    assert "No conversations yet." in client.get("/usage").text
    write_document(sessions, "s1", title="t", messages=turns(2))
    page = client.get("/usage?days=7").text
    assert "No activity in this period." in page
    assert "/usage?days=all" in page


def test_names_on_the_usage_page_are_escaped_and_masked(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    project = sessions.projects.create(f"<b>{KEY}")
    started(sessions, model="<img src=x onerror=alert(1)>", profile="work")
    moved = started(sessions)
    sessions.update(moved, project_id=project.project_id)
    page = client.get("/usage?days=all").text
    check_inert(page)
    assert "&lt;b&gt;sk-abc...wxyz" in page
    assert "&lt;img src=x" in page
    assert "No project" in page
