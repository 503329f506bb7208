"""A server for all tests of this folder, and a database for each."""

from collections.abc import Iterator

import pytest

from ..support.postgresql import Server, programs, running


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL, without a database of a home."""
    if programs() is None:
        pytest.skip("PostgreSQL's server is not installed")
    with running() as started:
        yield started


@pytest.fixture
def url(server: Server) -> str:
    """The URL of a new database."""
    return server.new_database()
