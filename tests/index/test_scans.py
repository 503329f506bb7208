"""What concerns one conversation reads its rows by an index: no statement goes through a whole table."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from hermes_sessions import SessionRepository
from hermes_sessions.index import database
from hermes_sessions.repository import follow_files

from ..support.agent_db import add_message, add_session, new_state, writing
from ..support.make import message, started, write_document

# Tables with a row for each conversation, session or tagged file.
LARGE = "sessions agent_sessions agent_conversations file_tags conversation_tags trashed".split()
_SCAN = re.compile(rf"SCAN (?:{'|'.join(LARGE)})(?: AS \w+)?$")

Call = Callable[[SessionRepository, str], object]


def _written(sessions: SessionRepository, one: str) -> None:
    write_document(sessions, one, title="Of another program", messages=[message("anew")])
    sessions.list(limit=5)


def _said(sessions: SessionRepository, _: str) -> None:
    with writing(sessions.config.hermes_home / "state.db") as db:
        add_message(db, "agent_1", "one more")
    sessions.list(limit=5, agent=True)


def _deleted_and_restored(sessions: SessionRepository, one: str) -> None:
    sessions.delete(one)
    sessions.restore(one)


CALLS: dict[str, Call] = {
    "summary": lambda sessions, one: sessions.summary(one),
    "messages": lambda sessions, one: sessions.messages(one, limit=5),
    "of an agent": lambda sessions, _: sessions.messages("agent_1", limit=5),
    "update": lambda sessions, one: sessions.update(one, title="New"),
    "append": lambda sessions, one: sessions.append(one, [message("more")]),
    "tag": lambda sessions, one: sessions.tag(one, "urgent"),
    "fork": lambda sessions, one: sessions.fork(one),
    "delete": _deleted_and_restored,
    "list after another program's write": _written,
    "list after the agent's write": _said,
}


@pytest.fixture
def home(tmp_path: Path) -> SessionRepository:
    """An open home with sessions of the web UI and of an agent, all of them indexed."""
    with writing(new_state(tmp_path / "state.db")) as db:
        for number in range(5):
            add_session(db, f"agent_{number}", "asked", "answered", title=f"Agent {number}")
    return SessionRepository.open(hermes_home=tmp_path)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_about_one_conversation_scans_no_table_of_all(home: SessionRepository, name: str) -> None:
    with home as sessions:
        follow_files(sessions)
        ids = [started(sessions, 2, title=f"Title {number}") for number in range(5)]
        sessions.tag(ids[1], "urgent")
        sessions.list(agent=True)
        engine = sessions._home.store.engine
        executed: dict[str, Any] = {}

        def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
            if threading.current_thread() is not threading.main_thread():
                return  # the search index, which compares all sessions
            if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
                executed[statement] = parameters[0] if isinstance(parameters, list) else parameters

        event.listen(engine, "before_cursor_execute", note)
        CALLS[name](sessions, ids[0])
        event.remove(engine, "before_cursor_execute", note)
        with database.reading(engine) as connection:
            plans = {
                statement: [
                    str(row[3])
                    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                ]
                for statement, parameters in executed.items()
            }
    scans = {statement: plan for statement, plan in plans.items() if any(map(_SCAN.match, plan))}
    assert plans
    assert scans == {}
