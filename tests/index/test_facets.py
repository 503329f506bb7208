"""Facets: how many conversations each filter leaves, as lists count them, read off indexes alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from hermes_sessions import Facets, SessionRepository
from hermes_sessions.index import database, facets

from ..support.agent_db import filled_state
from ..support.make import message


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[SessionRepository]:
    """A home with an agent, two projects, tags, and archived, interrupted and hidden sessions."""
    filled_state(tmp_path / "state.db")
    with SessionRepository.open(hermes_home=tmp_path) as opened:
        yield opened


def _made(sessions: SessionRepository, title: str, project_id: str | None = None) -> str:
    made = sessions.save(sessions.new(title=title, project_id=project_id))
    sessions.append(made.session_id, [message("the heron")])
    return made.session_id


def _counted(sessions: SessionRepository, agent: bool) -> Facets:
    """Return what `count` says of each filter."""
    projects = [each.project_id for each in sessions.projects.list()]
    counted = {each: sessions.count(project_id=each, archived=False, agent=agent) for each in projects}
    tags = {each: sessions.count(tag=each, archived=False, agent=agent) for each in sessions.tags()}
    return Facets(
        total=sessions.count(archived=False, agent=agent),
        archived=sessions.count(archived=True, agent=agent),
        interrupted=sessions.count(interrupted=True, archived=False, agent=agent),
        unassigned=sessions.count(project_id="", archived=False, agent=agent),
        projects={each: count for each, count in counted.items() if count},
        tags={each: count for each, count in tags.items() if count},
    )


@pytest.mark.slow
def test_every_number_is_that_of_a_list_after_each_change(sessions: SessionRepository) -> None:
    def check() -> None:
        for agent in (False, True):
            read, counted = sessions.facets(agent=agent), _counted(sessions, agent)
            for name in ("total", "archived", "interrupted", "unassigned", "tags"):
                assert getattr(read, name) == getattr(counted, name), (name, agent)
            assert {each: count for each, count in read.projects.items() if count} == counted.projects

    check()
    home, work = sessions.projects.create("Home"), sessions.projects.create("Work")
    ids = [_made(sessions, f"Talk {number} #even{number % 2}", home.project_id) for number in range(4)]
    check()
    sessions.update(ids[0], project_id=work.project_id)
    sessions.tag(ids[0], "garden")
    (of_agent, *_) = (each.session_id for each in sessions.list(agent="only"))
    sessions.tag(of_agent, "garden")
    check()
    assert sessions.facets(agent=True).tags == {"even0": 2, "even1": 2, "garden": 2}
    sessions.update(ids[0], archived=True)
    sessions.update(ids[1], pending_user_message="hi", active_stream_id="gone")
    sessions.update(ids[2], project_id=None)
    check()
    sessions.update(ids[1], archived=True)
    sessions.delete(ids[3])
    check()
    latest = sessions.summary(ids[1]).last_message_at
    assert sessions.facets().projects_active_at[home.project_id] == latest


def test_conversations_without_a_project_are_listed(sessions: SessionRepository) -> None:
    home = sessions.projects.create("Home")
    filed, left = _made(sessions, "Filed", home.project_id), _made(sessions, "Left")
    page = sessions.list(project_id="")
    assert left in {each.session_id for each in page}
    assert filed not in {each.session_id for each in page}
    assert page.total == len(page)
    assert any(each.of_agent for each in sessions.list(project_id="", agent=True))
    assert [each.session_id for each in sessions.search("heron project:none")] == [left]
    assert [each.session_id for each in sessions.search("heron", project_id="")] == [left]
    assert sessions.list(project_id="", min_messages=10**6).warnings == ()


@pytest.mark.sqlite("its plans")
def test_the_numbers_are_read_off_indexes(sessions: SessionRepository) -> None:
    seen: list[tuple[str, Any]] = []
    with database.reading(sessions._home.engine) as connection:
        event.listen(connection, "before_cursor_execute", lambda *args: seen.append((args[2], args[3])))
        facets.read(connection, True)
        for statement, parameters in tuple(seen):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            reads = [row[3] for row in rows if row[3].startswith(("SCAN", "SEARCH"))]
            assert all("INDEX" in each for each in reads), reads
            scans = [each for each in reads if each.startswith("SCAN sessions")]
            assert all("COVERING" in each for each in scans), scans
