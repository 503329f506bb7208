"""A model that asks about the demo home."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.demo import write_home

from .asking import Model, model


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo home with its indexes, for tests that only read."""
    home = tmp_path_factory.mktemp("mcp") / "home"
    write_home(home, sessions=60)
    with SessionRepository.open(hermes_home=home) as sessions:
        sessions.complete_search()
    return home


@pytest.fixture(scope="module")
def agent(demo: Path) -> Iterator[Model]:
    """A model that may read the demo home."""
    with model(demo) as asking:
        yield asking
