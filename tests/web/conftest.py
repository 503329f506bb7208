"""What the tests of pages in a browser share: where a module's home is served."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.serving import served


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    """Where the home of a module is served."""
    with served(home) as address:
        yield address
