"""Tests usage: sums by any key that agree with lists, local days, one scan of each table."""

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from hermes_sessions import InvalidValue, SessionRepository, Summary
from hermes_sessions.cli.main import main
from hermes_sessions.index.usage import offsets
from hermes_sessions.results import UsageBy, total_usage

from ..conftest import copy_sample
from ..support.efforts import examples
from ..support.make import message, write_document
from ..support.web import error, reply

BY: tuple[UsageBy, ...] = tuple(each for each in get_args(UsageBy) if each != "tool")  # see its own tests
# Those that depend on the time zone: the others are the same statements in each.
DATED: tuple[UsageBy, ...] = ("day", "week", "month")

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu")


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local time zone of this process."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


FORMS = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}


def keys_of(summary: Summary, by: str) -> Sequence[str | None]:
    """Return the keys that a session counts for."""
    if by in FORMS:
        return [datetime.fromtimestamp(summary.last_message_at, UTC).astimezone().strftime(FORMS[by])]
    if by == "tag":
        return summary.tags or [None]
    return [getattr(summary, {"project": "project_id"}.get(by, by))]


def added_up(summaries: list[Summary], *by: str) -> dict[tuple[str | None, ...], tuple[Any, ...]]:
    """Return the sums over a list, made without SQL."""
    groups: dict[tuple[str | None, ...], list[Summary]] = defaultdict(list)
    for summary in summaries:
        for keys in itertools.product(*(keys_of(summary, each) for each in by)):
            groups[keys].append(summary)
    return {
        key: (
            len(group),
            sum(each.message_count for each in group),
            sum(each.input_tokens for each in group),
            sum(each.output_tokens for each in group),
            pytest.approx(sum(each.estimated_cost or 0 for each in group)),
            sum(each.estimated_cost is not None for each in group),
        )
        for key, group in groups.items()
    }


def told(
    sessions: SessionRepository, *by: UsageBy, **how: Any
) -> dict[tuple[str | None, ...], tuple[Any, ...]]:
    """Return the sums of the library, in the form of `added_up`."""
    found = sessions.usage(by=by if len(by) > 1 else by[0], **how)
    assert len({each.keys for each in found}) == len(found)
    assert all(each.key == each.keys[0] for each in found)
    assert all((each.estimated_cost is None) == (each.priced == 0) for each in found)
    return {
        each.keys: (
            each.sessions,
            each.messages,
            each.input_tokens,
            each.output_tokens,
            each.estimated_cost or 0,
            each.priced,
        )
        for each in found
    }


@pytest.fixture(scope="module", params=["may", "aug"])
def full(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SessionRepository]:
    """A repository over a sample, which no test changes."""
    home = copy_sample(request.param, tmp_path_factory.mktemp("usage"))
    with SessionRepository.open(hermes_home=home) as repository:
        yield repository


@pytest.mark.parametrize("zone", ZONES, indirect=True)
@pytest.mark.parametrize("agent", [True, False])
@pytest.mark.parametrize("hidden", [True, False])
def test_the_sums_are_those_of_the_list(
    zone: str, agent: bool, hidden: bool, full: SessionRepository
) -> None:
    listed = full.list(agent=agent, hidden=hidden).items
    middle = sorted(each.last_message_at for each in listed)[len(listed) // 2]
    for by in BY if zone == ZONES[0] else DATED:
        assert told(full, by, agent=agent, hidden=hidden) == added_up(listed, by)
        late = [each for each in listed if each.last_message_at >= middle]
        assert told(full, by, agent=agent, hidden=hidden, since=middle) == added_up(late, by)


PAIRS: tuple[tuple[UsageBy, UsageBy], ...] = (("project", "week"), ("month", "model"), ("source", "profile"))


@pytest.mark.parametrize("by", PAIRS, ids=str)
def test_the_sums_of_pairs_are_those_of_the_list(
    by: tuple[UsageBy, UsageBy], full: SessionRepository
) -> None:
    listed = full.list(agent=True, hidden=True).items
    assert told(full, *by) == added_up(listed, *by)
    middle = sorted(each.last_message_at for each in listed)[len(listed) // 2]
    early = [each for each in listed if each.last_message_at < middle]
    assert told(full, *by, until=middle) == added_up(early, *by)


def test_pairs_come_together_and_in_order(full: SessionRepository) -> None:
    by_month = [each.keys for each in full.usage(by=("month", "model"))]
    months = [month or "" for month, _ in by_month]
    assert months == sorted(months)
    by_model = [each.keys for each in full.usage(by=["model", "day"])]
    assert [model for model, _ in itertools.groupby(model for model, _ in by_model)] == [
        each.key for each in full.usage(by="model")
    ]
    for _, days in itertools.groupby(by_model, key=lambda keys: keys[0]):
        assert (found := [day or "" for _, day in days]) == sorted(found)


@pytest.mark.parametrize("by", [[], ["day", "model", "tag"], ["day", "size"], 1, [1]], ids=str)
def test_sums_by_anything_else_are_refused(full: SessionRepository, by: Any) -> None:
    with pytest.raises(InvalidValue, match="by must be one"):
        full.usage(by=by)


def test_a_conversation_counts_for_each_of_its_tags_and_once_in_the_total(
    sessions: SessionRepository,
) -> None:
    for title, tokens in (("One #Home", 10), ("Two #work", 20), ("Three", 40)):
        saved = sessions.save(sessions.new(title=title))
        sessions.update(saved.session_id, input_tokens=tokens)
    sessions.tag(sessions.list()[-1].session_id, "work")
    listed = sessions.list(agent=True, hidden=True).items
    assert told(sessions, "tag") == added_up(listed, "tag")
    assert {each.key: each.input_tokens for each in sessions.usage(by="tag")} == {
        "work": 30,
        "Home": 10,
        None: 40,
    }
    assert told(sessions, "tag", "day") == added_up(listed, "tag", "day")
    assert sessions.usage_total().input_tokens == 70
    assert sessions.usage_total(tag="work").sessions == 2


def test_usage_without_filters_counts_every_session(full: SessionRepository) -> None:
    totals = [total_usage(full.usage(by=by)) for by in BY]
    assert totals[0].sessions == full.count(agent=True, hidden=True)
    for total in totals[1:]:
        assert total.estimated_cost == pytest.approx(totals[0].estimated_cost)
        assert total.as_dict() | {"estimated_cost": 0} == totals[0].as_dict() | {"estimated_cost": 0}
    assert full.usage() == full.usage(by="day")


def test_days_come_in_order_and_other_keys_by_their_tokens(full: SessionRepository) -> None:
    days = [each.key or "" for each in full.usage(by="day")]
    assert days == sorted(days)
    assert len(days) > 3
    tokens = [each.total_tokens for each in full.usage(by="model")]
    assert tokens == sorted(tokens, reverse=True)


def test_usage_reads_each_table_once(full: SessionRepository) -> None:
    statements: list[tuple[str, Any]] = []
    keep = lambda _c, _cursor, statement, parameters, *_: statements.append((statement, parameters))  # noqa: E731
    event.listen(full._home.engine, "before_cursor_execute", keep)
    for by in BY:
        full.usage(by=by)
    event.remove(full._home.engine, "before_cursor_execute", keep)
    sums = [each for each in statements if "GROUP BY" in each[0]]
    assert len(sums) == len(BY)
    with full._home.engine.connect() as connection:
        for statement, parameters in sums:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            steps = [row.detail for row in plan]
            scans = [step.split()[1] for step in steps if step.startswith("SCAN") and "INDEX" not in step]
            assert sorted(name for name in scans if not name.startswith("anon")) == [
                "agent_conversations",
                "sessions",
            ], steps


# ---- what files can say ---------------------------------------------------------------------------------


def test_sums_may_be_larger_than_the_integers_of_the_database(sessions: SessionRepository) -> None:
    for number in range(3):
        write_document(
            sessions,
            f"s{number}",
            title="much",
            messages=[message()],
            input_tokens=2**63 - 1,
            output_tokens=number,
            estimated_cost=float(2**62),
        )
    (found,) = sessions.usage(by="model")
    assert (found.input_tokens, found.output_tokens, found.messages) == (3 * (2**63 - 1), 3, 3)
    assert found.estimated_cost == float(3 * 2**62)
    assert found.key is None


TIMES = {
    "none": (0, None),
    "first": (86_400, "1970-01-02"),
    "last": (4_102_444_799.9, "2099-12-31"),
    "behind": (4_102_444_800, None),
    "milliseconds": (1_777_000_000_000, "2026-04-24"),
    "negative": (-5, None),
    "huge": (9e18, None),
    "late": (1_774_745_999.9995, "2026-03-29"),
}


@pytest.mark.parametrize("zone", ["UTC"], indirect=True)
def test_sessions_with_a_wrong_time_count_without_a_day(zone: str, sessions: SessionRepository) -> None:
    for name, (at, _) in TIMES.items():
        write_document(sessions, name, title=name, messages=[message(at=at)], created_at=0, updated_at=0)
    found = {each.key: each.sessions for each in sessions.usage()}
    days = [day for _, day in TIMES.values()]
    assert found == {day: days.count(day) for day in days}
    assert [each.key for each in sessions.usage()][:2] == [None, "1970-01-02"]


@pytest.mark.parametrize("zone", ["Europe/Berlin"], indirect=True)
def test_a_day_ends_at_local_midnight_also_where_the_clock_changes(
    zone: str, sessions: SessionRepository
) -> None:
    midnights = [
        datetime(2026, month, day, tzinfo=ZoneInfo(zone)).timestamp()
        for month, day in ((3, 29), (3, 30), (10, 25), (10, 26))
    ]
    for number, at in enumerate(midnights):
        for name, seconds in ("before", -1), ("after", 0):
            write_document(sessions, f"{name}{number}", title=name, messages=[message(at=at + seconds)])
    found = {each.key: each.sessions for each in sessions.usage()}
    assert found == {
        "2026-03-28": 1,
        "2026-03-29": 2,
        "2026-03-30": 1,
        "2026-10-24": 1,
        "2026-10-25": 2,
        "2026-10-26": 1,
    }


@pytest.mark.parametrize("zone", ZONES, indirect=True)
def test_offsets_equal_those_of_the_time_zone(zone: str) -> None:
    @examples(0.4)
    @given(st.integers(86_400, 2_000_000_000), st.integers(0, 86_400 * 3000), st.data())
    def holds(first: int, length: int, data: st.DataObject) -> None:
        found = offsets(first, first + length)
        starts = [at for at, _ in found]
        assert starts == sorted(set(starts))
        near = [at + by for at in starts for by in (-1, 0) if first <= at + by <= first + length]
        for at in [*near, data.draw(st.integers(first, first + length))]:
            east = [offset for start, offset in found if start <= at][-1]
            told = datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset()
            assert told is not None
            assert east == told.total_seconds()

    holds()


def test_the_usage_of_an_empty_home_is_empty(sessions: SessionRepository) -> None:
    assert [sessions.usage(by=by) for by in BY] == [[]] * len(BY)
    total = total_usage([])
    assert (total.sessions, total.total_tokens, total.estimated_cost) == (0, 0, None)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"by": "hour"}, "by must be one of day, week, month, model, source, project, profile, tag, tool"),
    ({"by": None}, "by must be one or two of"),
    ({"by": ["day", "hour"]}, "by must be one of"),
    ({"by": ["day", "day"]}, "by must be one or two of"),
    ({"since": -1}, "since must be a number of seconds"),
    ({"since": "2026-01-01"}, "since must be a number of seconds"),
    ({"since": float("nan")}, "since must be a number of seconds"),
    ({"agent": 1}, "agent must be true or false"),
]


@pytest.mark.parametrize(("given", "words"), BAD)
def test_a_wrong_argument_is_named(given: dict[str, Any], words: str, sessions: SessionRepository) -> None:
    with pytest.raises(InvalidValue, match=words):
        sessions.usage(**given)


# ---- the faces ------------------------------------------------------------------------------------------


def test_the_api_answers_with_the_sums_and_their_total(reader: FlaskClient) -> None:
    body = reply(reader.get("/api/usage?by=source"))
    assert body.keys() == {"by", "then", "since", "usage", "total", "warnings"}
    assert (body["by"], body["then"], body["since"]) == ("source", None, None)
    pairs = reply(reader.get("/api/usage?by=project&then=week&archived=0"))
    assert {len(each["keys"]) for each in pairs["usage"]} == {2}
    assert sum(each["sessions"] for each in pairs["usage"]) == pairs["total"]["sessions"]
    assert sum(each["sessions"] for each in body["usage"]) == body["total"]["sessions"]
    listed = reply(reader.get("/api/sessions?agent=1&hidden=1"))["sessions"]
    assert body["total"]["input_tokens"] == sum(each["input_tokens"] for each in listed)
    shown = reply(reader.get("/api/sessions?agent=0"))["sessions"]
    narrow = reply(reader.get("/api/usage?agent=0&hidden=0"))["total"]
    assert narrow["total_tokens"] == sum(each["input_tokens"] + each["output_tokens"] for each in shown)
    late = reply(reader.get("/api/usage?since=1777000000.5"))
    assert 0 < late["total"]["sessions"] < body["total"]["sessions"]
    assert "by must be one of" in error(reader.get("/api/usage?by=hour"), 400)
    for since in ("-1", "nan", "inf", "x", "1e30"):
        assert (
            error(reader.get(f"/api/usage?since={since}"), 400)
            == "since must be a number, 0 or more, or null"
        )


def test_the_command_line_prints_a_table_with_a_total(may: Path) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(
            main, ["--hermes-home", str(may), "usage", *words], catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return result.output

    lines = run("--by", "project", "--by", "month", "--until", "2099-01-01").splitlines()
    assert lines[0].split()[:3] == ["PROJECT", "MONTH", "SESSIONS"]
    assert any(line.startswith("Atlas") and "2026-0" in line for line in lines)
    assert lines[-1].split()[:2] == ["total", "94"]
    lines = run("--by", "project").splitlines()
    assert lines[0].split() == ["PROJECT", "SESSIONS", "MESSAGES", "INPUT", "OUTPUT", "COST"]
    assert any(line.startswith("Atlas") for line in lines)
    assert any(line.startswith("in no project") for line in lines)
    assert lines[-1].split()[:2] == ["total", "94"]
    assert run("--since", "2099-01-01").splitlines()[-1].split() == ["total", "0", "0", "0", "0"]
    assert '"total_tokens"' in run("--json", "--since", "1777000000")
    refused = CliRunner().invoke(main, ["--hermes-home", str(may), "usage", "--since", "soon"])
    assert refused.exit_code == 2
    assert "'soon' is not a date" in refused.output
