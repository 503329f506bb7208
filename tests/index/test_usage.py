"""Tests usage: sums by any key that agree with lists, local days, one scan of each table."""

import time
from collections import defaultdict
from collections.abc import Iterator
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

BY: tuple[UsageBy, ...] = get_args(UsageBy)

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu")


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local time zone of this process."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def key_of(summary: Summary, by: str) -> str | None:
    """Return the key that a session counts for."""
    if by == "day":
        return datetime.fromtimestamp(summary.last_message_at, UTC).astimezone().date().isoformat()
    return getattr(summary, {"project": "project_id"}.get(by, by))  # type: ignore[no-any-return]  # by name


def added_up(summaries: list[Summary], by: str) -> dict[str | None, tuple[Any, ...]]:
    """Return the sums over a list, made without SQL."""
    groups: dict[str | None, list[Summary]] = defaultdict(list)
    for summary in summaries:
        groups[key_of(summary, by)].append(summary)
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


def told(sessions: SessionRepository, by: UsageBy, **how: Any) -> dict[str | None, tuple[Any, ...]]:
    """Return the sums of the library, in the form of `added_up`."""
    found = sessions.usage(by=by, **how)
    assert len({each.key for each in found}) == len(found)
    assert all((each.estimated_cost is None) == (each.priced == 0) for each in found)
    return {
        each.key: (
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
    for by in BY:
        assert told(full, by, agent=agent, hidden=hidden) == added_up(listed, by)
        late = [each for each in listed if each.last_message_at >= middle]
        assert told(full, by, agent=agent, hidden=hidden, since=middle) == added_up(late, by)


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
    ({"by": "week"}, "by must be one of day, model, source, project, profile"),
    ({"by": None}, "by must be one of"),
    ({"by": ["day"]}, "by must be one of"),
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
    assert body.keys() == {"by", "since", "usage", "total"}
    assert (body["by"], body["since"]) == ("source", None)
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
