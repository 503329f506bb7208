"""A database for each test of this folder."""

from collections.abc import Iterator

import pytest

from ..support.postgresql import Server


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """The URL of a new database."""
    with server.database() as new:
        yield new
