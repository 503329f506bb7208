"""The usage page: its charts as pure functions, and its figures compared with the list."""

import csv
import html
import io
import itertools
import json
import re
import time
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient

from hermes_sessions import SessionRepository
from hermes_sessions.results import Usage
from webapp.pages import charts, usage_ranges

from ..support.make import started, turns, write, write_document
from ..support.web import KEY, check_inert, reply
from ..support.web_ui import OpenSession

NOW = date(2026, 4, 30)


def day(key: str | None, tokens: int = 10, cost: float | None = 0.5) -> Usage:
    return Usage(key, 1, 2, tokens, tokens // 2, cost, int(cost is not None))


SPANS: list[tuple[str, list[str], date | None, int, tuple[str, str]]] = [
    ("a week", ["2026-04-25", "2026-04-30"], date(2026, 4, 24), 7, ("24 Apr 2026", "30 Apr 2026")),
    ("nothing", [], date(2026, 4, 24), 7, ("24 Apr 2026", "30 Apr 2026")),
    ("nothing ever", [], None, 1, ("30 Apr 2026", "30 Apr 2026")),
    ("from first to last", ["2026-04-01", "2026-04-05"], None, 5, ("1 Apr 2026", "5 Apr 2026")),
    ("yet to come", [], date(2027, 4, 24), 1, ("24 Apr 2027", "24 Apr 2027")),
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


def of_model(key: str, model: str, tokens: int, cost: float | None) -> Usage:
    return Usage(key, 1, 2, tokens, 0, cost, int(cost is not None), (key, model))


def test_charts_are_stacked_to_a_round_scale_and_show_the_smallest_use() -> None:
    parts = [of_model("2026-04-29", "a", 1, None), of_model("2026-04-30", "a", 3_000_000, 0.5)]
    parts.append(of_model("2026-04-30", "b", 700_000, 0.25))
    spans = charts.spans_of(parts, None, NOW)
    rows = [Usage("a", 2, 4, 3_000_001, 0, 0.5, 1), Usage("b", 1, 2, 700_000, 0, 0.25, 1)]
    series = charts.series_of(rows, lambda key: f"model {key}")
    cost, tokens = charts.charts_of(spans, series)
    assert (tokens.name, tokens.total, tokens.top) == ("Tokens", "3.7M", "4M")
    assert [[(part.series, part.height) for part in bar] for bar in tokens.bars] == [
        [(1, 1.5)],
        [(1, 75), (2, 17.5)],
    ]
    assert [part.top for part in tokens.bars[1]] == [25, 7.5], "the second part stands on the first one"
    assert tokens.bars[1][1].title == "30 Apr 2026, model b: 700k"
    assert [row.total for row in tokens.rows] == ["3,700,000", "1"]
    assert (cost.unit, cost.total) == ("US$", "$0.75")
    assert [(row.name, row.total, row.amounts) for row in cost.rows] == [
        ("30 Apr 2026", "0.75", ["0.50", "0.25"]),
        ("29 Apr 2026", "0.00", ["0.00", "0.00"]),
    ]


@pytest.mark.parametrize(
    ("count", "names"), [(0, []), (2, ["0", "1"]), (6, [*"012345"]), (9, [*"01234", "Other (4)"])]
)
def test_charts_tell_few_series_apart(count: int, names: list[str]) -> None:
    rows = [Usage(str(number), 1, 1, 1, 1, None, 0) for number in range(count)]
    assert [each.name for each in charts.series_of(rows, str)] == names


def test_no_chart_of_a_cost_that_is_unknown() -> None:
    spans = charts.spans_of([of_model("2026-04-30", "a", 5, None)], None, NOW)
    series = charts.series_of([Usage("a", 1, 2, 5, 0, None, 0)], str)
    assert [chart.name for chart in charts.charts_of(spans, series)] == ["Tokens"]


RANGES: list[tuple[dict[str, str], str, str, str]] = [
    ({}, "30 days", "2026-04-01", ""),
    ({"days": "7"}, "7 days", "2026-04-24", ""),
    ({"days": "all"}, "All time", "", ""),
    ({"month": "2026-02"}, "Feb 2026", "2026-02-01", "2026-02-28"),
    ({"month": "2024-12"}, "Dec 2024", "2024-12-01", "2024-12-31"),
    ({"month": "9999-12"}, "Dec 9999", "9999-12-01", "9999-12-31"),
    ({"from": "2026-04-03", "to": "2026-04-05"}, "3 Apr 2026 to 5 Apr 2026", "2026-04-03", "2026-04-05"),
    ({"from": "2026-04-03", "to": "2026-04-03"}, "3 Apr 2026", "2026-04-03", "2026-04-03"),
    ({"from": "2026-04-03", "to": ""}, "Since 3 Apr 2026", "2026-04-03", ""),
    ({"from": "", "to": "2026-04-05"}, "Until 5 Apr 2026", "", "2026-04-05"),
    ({"from": "", "to": "", "month": "2026-02"}, "Feb 2026", "2026-02-01", "2026-02-28"),
]


@pytest.mark.parametrize(("given", "words", "first", "last"), RANGES)
def test_ranges_of_days(given: dict[str, str], words: str, first: str, last: str) -> None:
    found = usage_ranges.read_range(given, NOW)
    assert (found.words, *(each.isoformat() if each else "" for each in (found.first, found.last))) == (
        words,
        first,
        last,
    )
    assert usage_ranges.read_range(found.query, NOW) == found, "the links of the page keep it"


WRONG_RANGES = [
    (
        {"from": "2026-04-05", "to": "2026-04-03"},
        "The first day, 5 Apr 2026, is after the last one, 3 Apr 2026.",
    ),
    ({"from": "yesterday"}, "“yesterday” is not a date. Write it as 2026-01-31."),
    ({"to": "2026-02-30"}, "“2026-02-30” is not a date."),
    ({"month": "2026-13"}, "“2026-13” is not a month. Write it as 2026-01."),
    ({"days": "1"}, "“1” is not a number of days to choose: 7, 30, 90, all."),
]


@pytest.mark.parametrize(("given", "words"), WRONG_RANGES)
def test_a_wrong_range_says_so(given: dict[str, str], words: str, client: FlaskClient) -> None:
    answer = client.get("/usage", query_string=given)
    assert (answer.status_code, words in answer.text) == (400, True)
    assert client.get("/usage.csv", query_string=given).status_code == 400


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
    """Return the figures of the last row of every table: cost, input, output, conversations, messages."""
    rows = re.findall(r"<tfoot[^>]*>(.*?)</tfoot>", page, re.DOTALL)
    return [re.findall(r'<td class="number[^>]*>([^<]*)', row) for row in rows]


@pytest.mark.slow
def test_the_sums_of_every_table_equal_those_of_the_list(filled: FlaskClient) -> None:
    repository: SessionRepository = filled.application.extensions["hermes_sessions"]
    listed = repository.list(agent=True, hidden=True).items
    wanted = [
        f"{sum(each.estimated_cost or 0 for each in listed):,.2f}",
        f"{sum(each.input_tokens for each in listed):,}",
        f"{sum(each.output_tokens for each in listed):,}",
        f"{len(listed):,}",
        f"{sum(each.message_count for each in listed):,}",
    ]
    for by in ("model", "source", "project", "profile", "tag"):
        page = filled.get(f"/usage?days=all&by={by}").text
        check_inert(page)
        assert sums(page) == [wanted] * 2
        parts = csv.DictReader(io.StringIO(filled.get(f"/usage.csv?days=all&by={by}").text))
        if by != "tag":
            assert sum(int(row["sessions"]) for row in parts) == len(listed)
    page = filled.get("/usage?days=all").text
    assert f"The list shows {repository.count(agent=True)} of these {len(listed)}." in page
    page = filled.get("/usage?days=all&by=tool").text
    called = repository.usage(by="tool")
    assert re.findall(r'data-label="Calls">([^<]*)', page) == [f"{each.calls:,}" for each in called]


def test_a_range_excludes_older_sessions(sessions: SessionRepository, client: FlaskClient) -> None:
    now = time.time()
    for number, age in enumerate((0, 5, 20, 60, 200)):
        messages = turns(2, now - age * 86_400)
        write_document(sessions, f"s{number}", title="t", messages=messages, input_tokens=100)
    for days, count in (("7", 2), ("30", 3), ("90", 4), ("all", 5)):
        assert {row[3] for row in sums(client.get(f"/usage?days={days}").text)} == {str(count)}
    assert {row[3] for row in sums(client.get("/usage").text)} == {"3"}


def write_costs(sessions: SessionRepository) -> None:
    """Write sessions of two months: a cheap one with many tokens, and expensive ones."""
    september, august = (date(2026, month, 15) for month in (9, 8))
    written = [
        ("a", september, "mini", 0.01, 900),
        ("b", september, "opus", 2.5, 30),
        ("c", august, "opus", 4.0, 7),
    ]
    for name, day, model, cost, tokens in written:
        messages = turns(2, time.mktime(day.timetuple()))
        figures = {"model": model, "estimated_cost": cost, "input_tokens": tokens}
        write_document(sessions, name, title=f"<i>{name}", messages=messages, **figures)


def test_a_month_by_model_is_a_link_away_and_the_most_expensive_is_first(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write_costs(sessions)
    start = client.get("/usage").text
    months = re.findall(r'<a href="(/usage\?[^"]*)"[^>]*>((?:Aug|Sep) 2026)</a>', start)
    assert [words for _, words in months] == ["Sep 2026", "Aug 2026"], "each month that has use"
    page = client.get(months[0][0].replace("&amp;", "&")).text
    check_inert(page)
    assert re.findall(r'<th scope="row" role="rowheader"><bdi>([^<]*)', page) == ["opus", "mini"]
    assert [row[0] for row in sums(page)] == ["2.51"] * 2
    assert re.findall(r'href="(/session/[^"]*)"><bdi>([^<]*)', page[page.index("Most expensive") :]) == [
        ("/session/b", "&lt;i&gt;b"),
        ("/session/a", "&lt;i&gt;a"),
    ]


def test_the_csv_file_has_the_figures_of_the_page_and_no_formula(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    write_costs(sessions)
    started(sessions, model="=HYPERLINK(1)")
    answer = client.get("/usage.csv?month=2026-09&by=model")
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="usage-model-2026-09.csv"'
    assert answer.text.split("\r\n") == [
        "model,estimated_cost,input_tokens,output_tokens,sessions,messages",
        "opus,2.5,30,0,1,2",
        "mini,0.01,900,0,1,2",
        "",
    ]
    assert "\r\n'=HYPERLINK(1)," in client.get("/usage.csv?days=all").text


def test_a_csv_file_that_is_incomplete_says_so_outside_of_its_figures(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    started(sessions, title="Rent", model="opus")
    whole = client.get("/usage.csv?days=all")
    assert "Hermes-Warnings" not in whole.headers
    assert ">CSV</a>" in client.get("/usage?days=all").text.replace("</svg>", ">")
    (sessions.config.hermes_home / "state.db").write_bytes(b"no database" * 999)
    write(sessions, "br\u00f6ken", "{")
    answer = client.get("/usage.csv?days=all")
    name = 'attachment; filename="usage-model-all-incomplete.csv"'
    assert answer.headers["Content-Disposition"] == name
    assert answer.text == whole.text, "no row of words among the figures"
    warnings = json.loads(answer.headers["Hermes-Warnings"])
    assert [each.partition(" cannot be read: ")[0] for each in warnings] == [
        "br\u00f6ken.json",
        "The agent's state.db",
    ]
    assert "CSV, incomplete</a>" in client.get("/usage?days=all").text


def test_a_change_that_was_overwritten_makes_no_sum_incomplete(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    session_id = started(sessions, title="Theirs")
    theirs = OpenSession(sessions.config.sessions_dir / f"{session_id}.json")
    sessions.update(session_id, title="Mine")
    theirs.save()
    assert len(sessions.list().warnings) == 1
    assert list(sessions.usage().warnings) == []
    assert "incomplete" not in client.get("/usage.csv?days=all").headers["Content-Disposition"]


def test_the_page_names_what_could_not_be_read_once(sessions: SessionRepository, client: FlaskClient) -> None:
    started(sessions, title="Rent")
    write(sessions, "broken", "{")
    (sessions.config.hermes_home / "state.db").write_bytes(b"no database" * 999)
    named = ("broken.json cannot be read: ", "The agent's state.db cannot be read: ")
    for path in ("/usage", "/usage?by=project", "/usage?by=tool"):
        page = html.unescape(client.get(path).text)
        main = page[page.index("<main") :]
        assert [main.count(each) for each in named] == [1, 1], path
    warnings = reply(client.get("/api/usage"))["warnings"]
    assert [each.startswith(words) for each, words in zip(warnings, named, strict=True)] == [True, True]
    assert warnings == list(sessions.list(agent=True, hidden=True).warnings)


def test_an_empty_range_says_so(sessions: SessionRepository, client: FlaskClient) -> None:
    assert "No conversations yet." in client.get("/usage").text
    write_document(sessions, "s1", title="t", messages=turns(2))
    page = client.get("/usage?days=7").text
    assert "No activity in this period." in page
    assert "/usage?by=model&amp;days=all" in page


@pytest.mark.parametrize(
    "query",
    ["from=1960-01-01&to=1969-12-31", "month=1965-03", "from=2200-01-01", "month=9999-12", "to=9999-12-31"],
)
def test_a_range_can_lie_before_all_use_or_after_it(query: str, reader: FlaskClient) -> None:
    assert reader.get(f"/usage?{query}").status_code == 200
    assert reader.get(f"/usage.csv?{query}").status_code == 200


def test_names_on_the_usage_page_are_escaped_and_masked(
    sessions: SessionRepository, client: FlaskClient
) -> None:
    project = sessions.projects.create(f"<b>{KEY}")
    started(sessions, model="<img src=x onerror=alert(1)>", profile="work")
    moved = started(sessions)
    sessions.update(moved, project_id=project.project_id)
    assert "&lt;img src=x" in client.get("/usage?days=all").text
    page = client.get("/usage?days=all&by=project").text
    check_inert(page)
    assert "&lt;b&gt;sk-abc...wxyz" in page
    assert "No project" in page
    assert KEY not in client.get("/usage.csv?days=all&by=project").text
