"""Of several continuations of a conversation the one that was active last is listed."""

from typing import Any

import pytest

from hermes_sessions.webui.branches import Branch, freshest_branches


def entry(name: str, at: float, **values: Any) -> dict[str, Any]:
    known = {"title": name, "created_at": at, "profile": "default", "last_message_at": at}
    return {"session_id": name, **known, **values}


def branches(**continued: str) -> dict[Branch, Branch]:
    return {Branch("default", a): Branch("default", b) for a, b in continued.items()}


@pytest.mark.parametrize(
    ("continued", "expected"),
    [
        ({}, ["c", "b", "a"]),
        ({"b": "a"}, ["c", "b"]),
        ({"b": "a", "c": "b"}, ["c"]),
        ({"b": "a", "c": "a"}, ["c"]),
        ({"a": "b"}, ["c", "b"]),
        ({"b": "gone"}, ["c", "b", "a"]),
        ({"b": "gone", "c": "gone"}, ["c", "a"]),
        ({"a": "b", "b": "a"}, ["c", "b", "a"]),
    ],
)
def test_one_entry_for_each_conversation(continued: dict[str, str], expected: list[str]) -> None:
    listed = [entry("c", 3), entry("b", 2), entry("a", 1)]
    assert [each["session_id"] for each in freshest_branches(listed, branches(**continued))] == expected


def test_the_entry_has_the_title_of_the_first_and_the_place_of_the_freshest() -> None:
    kid = {"relationship_type": "child_session", "_parent_lineage_root_id": "a", "parent_session_id": "a2"}
    listed = [
        entry("b", 9, **kid, message_count=4),
        entry("a3", 1, _lineage_root_id="a", _compression_segment_count=3, message_count=7),
    ]
    (merged,) = freshest_branches(listed, branches(b="a"))
    assert (merged["session_id"], merged["message_count"], merged["last_message_at"]) == ("b", 4, 9)
    assert (merged["title"], merged["created_at"], merged["_compression_segment_count"]) == ("a3", 1, 4)
    assert (merged["_lineage_root_id"], merged["_lineage_tip_id"], merged["relationship_type"]) == (
        "a",
        "b",
        None,
    )


def test_profiles_are_apart() -> None:
    other = entry("a", 1, profile="work")
    listed = [entry("b", 2), other]
    assert freshest_branches(listed, branches(b="a")) == listed
