"""Tests what an unknown name may have been meant to be."""

import pytest

from hermes_sessions.suggestions import did_you_mean

KNOWN = ("title", "project_id", "source", "pinned")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("titel", " Did you mean title?"),
        ("Title", " Did you mean title?"),
        ("project", " Did you mean project_id?"),
        ("pined", " Did you mean pinned?"),
        ("zz", ""),
        ("", ""),
        (7, ""),
    ],
)
def test_the_closest_known_name_is_suggested(name: object, expected: str) -> None:
    assert did_you_mean(name, KNOWN) == expected
