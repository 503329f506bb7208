"""Homes for the tests of the command line."""

from pathlib import Path

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.demo import write_home


@pytest.fixture
def home(sessions: SessionRepository) -> Path:
    """The home of the fixture `sessions`, so that a test can look at what a verb did."""
    return sessions.config.hermes_home


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A home of 300 sessions that nobody has opened."""
    write_home(tmp_path / "crowd", sessions=300)
    return tmp_path / "crowd"
