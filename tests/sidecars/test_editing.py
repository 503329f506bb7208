"""Edits of a sidecar: what is refused before anything is written."""

import pytest

from hermes_sessions import InvalidValue
from hermes_sessions.sidecars import editing


def test_metadata_has_a_limit() -> None:
    with pytest.raises(InvalidValue, match="notes must be at most 1,000,000 bytes"):
        editing.encoded({"notes": "x" * 1_000_000})
