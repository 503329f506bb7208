"""A database for each test of this folder."""

import pytest

from ..support.postgresql import Server


@pytest.fixture
def url(server: Server) -> str:
    """The URL of a new database."""
    return server.new_database()
