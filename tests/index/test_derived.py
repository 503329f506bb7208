"""Rows that an earlier program derived are derived again once, without reading a file."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hermes_sessions import SessionRepository
from hermes_sessions.index import database, derived
from hermes_sessions.index.schema import AGENT_CONVERSATIONS, INDEX_STATE, SESSIONS

from ..support.agent_db import add_session, new_state, writing
from ..support.make import started

WRONG: dict[str, Any] = {"hidden": True, "source": "cron", "unpinned": 0, "age": 5.0, "copy_of": "nobody"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a session and an agent's conversation."""
    home = tmp_path / "home"
    home.mkdir()
    with writing(new_state(home / "state.db")) as db:
        add_session(db, "shell", "one", "two", title="Shell")
    with SessionRepository.open(hermes_home=home) as sessions:
        started(sessions, 2, title="Rent")
    return home


def columns(sessions: SessionRepository) -> dict[str, Any]:
    with database.reading(sessions._home.engine) as connection:
        return dict(connection.execute(sa.select(SESSIONS)).mappings().one())


def spoil(sessions: SessionRepository, derivation: int) -> None:
    """Make the rows those of a program with other rules."""
    with database.writing(sessions._home.engine) as connection:
        connection.execute(sa.update(SESSIONS).values(WRONG))
        connection.execute(sa.update(AGENT_CONVERSATIONS).values(hidden=True))
        connection.execute(sa.update(INDEX_STATE).values(derivation=derivation))


def test_an_upgraded_index_lists_what_the_new_rules_list(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        right, listed, version = columns(sessions), sessions.list(agent=True), sessions.version()
        assert [each.title for each in listed] == ["Rent", "Shell"]
        spoil(sessions, derived.DERIVATION - 1)
        assert len(sessions.list(agent=True)) == 0
    with SessionRepository.open(hermes_home=home) as sessions:
        assert list(sessions.list(agent=True)) == list(listed)
        assert columns(sessions) == right
        assert sessions.version() != version
        assert sessions.check(deep=True) == []


def test_it_is_done_once(home: Path) -> None:
    with SessionRepository.open(hermes_home=home) as sessions:
        spoil(sessions, derived.DERIVATION)
        wrong = columns(sessions)
    with SessionRepository.open(hermes_home=home) as sessions:
        assert columns(sessions) == wrong
        assert {name: wrong[name] for name in WRONG} == WRONG


def test_what_is_derived_names_columns_that_need_no_file() -> None:
    assert {"hidden", "interrupted", "source", "unpinned", "age", "copy_of"} <= set(derived.DERIVED)
    assert not {"size", "mtime_ns", "inode", "session_id", "other", "marks"}.intersection(derived.DERIVED)
