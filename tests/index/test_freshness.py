"""Tests freshness: a call asks once whether the index is current, and reads only what changed."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from hermes_sessions import Filters, SessionRepository

from ..support.make import message, started, write_document

CALLS: dict[str, Callable[[SessionRepository], Any]] = {
    "list": lambda sessions: sessions.list(limit=50),
    "list with agents": lambda sessions: sessions.list(Filters(agent=True), limit=50),
    "entries": lambda sessions: sessions.entries(len),
    "entries of a known version": lambda sessions: sessions.entries(len, unless=lambda _: True),
    "count": lambda sessions: sessions.count(),
    "version": lambda sessions: sessions.version(),
    "changes": lambda sessions: sessions.changes(sessions.config.profile),
    "usage": lambda sessions: sessions.usage(),
}


def statements_of(sessions: SessionRepository, call: Callable[[SessionRepository], Any]) -> list[str]:
    """Return the SQL that a call executes on the index, in this thread: others index in the background."""
    executed: list[str] = []
    thread = threading.get_ident()

    def keep(_: object, __: object, statement: str, *___: object) -> None:
        if threading.get_ident() == thread:
            executed.append(statement)

    event.listen(sessions._home.engine, "before_cursor_execute", keep)
    try:
        call(sessions)
    finally:
        event.remove(sessions._home.engine, "before_cursor_execute", keep)
    return executed


@pytest.mark.parametrize("name", CALLS)
def test_a_call_asks_once_whether_the_index_is_current(sessions: SessionRepository, name: str) -> None:
    started(sessions)
    CALLS[name](sessions)

    executed = statements_of(sessions, CALLS[name])

    assert len([each for each in executed if "FROM index_state" in each]) == 1
    assert len([each for each in executed if "FROM agent_homes" in each]) == 1
    assert not [each for each in executed if not each.startswith("SELECT")]


def test_nothing_but_the_version_is_read_for_a_caller_that_has_it(sessions: SessionRepository) -> None:
    started(sessions)
    sessions.list()

    executed = statements_of(sessions, lambda sessions: sessions.list(unless=lambda _: True))

    assert len(executed) == 2
    assert not [each for each in executed if "FROM sessions" in each]


def test_a_total_is_counted_once_for_a_version(sessions: SessionRepository) -> None:
    started(sessions)
    sessions.count(hidden=True)

    assert not [each for each in statements_of(sessions, lambda s: s.count(hidden=True)) if "count(" in each]
    assert [each for each in statements_of(sessions, lambda s: s.count(hidden=False)) if "count(" in each]


def test_the_totals_kept_are_bounded(sessions: SessionRepository) -> None:
    started(sessions)
    for number in range(250):
        sessions.count(profile=f"profile {number}")

    assert len(sessions._home.lists._totals[1]) <= 100


def test_a_file_of_another_program_gives_the_index_a_new_version(sessions: SessionRepository) -> None:
    started(sessions)
    before = sessions.list()
    write_document(sessions, "other", title="Other", messages=[message()])

    after = sessions.list()

    assert after.version != before.version
    assert len(after) == len(before) + 1
