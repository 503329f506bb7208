"""Metadata before it is stored: what is refused, and what a session keeps of it."""

import pytest

from hermes_sessions import InvalidValue
from hermes_sessions.changes.metadata import encoded_metadata


def test_metadata_has_a_limit() -> None:
    with pytest.raises(InvalidValue, match="notes must be at most 1,000,000 bytes"):
        encoded_metadata({"notes": "x" * 1_000_000})
