"""Tests a change of metadata: the types of the fields, keywords that are none, and the other keys."""

import itertools
import types
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from hermes_sessions import InvalidValue
from hermes_sessions.fields import FIELDS
from hermes_sessions.metadata import MetadataFields, check_fields, check_others

SAMPLES: list[Any] = [None, "x", 1, 1.5, True, ["a"], [1], {"a": 1}]


def fits(value: object, hint: Any) -> bool:
    """Whether a value has a type as mypy sees it: an int is a float, and here true is not an int."""
    if hint is Any:
        return True
    if isinstance(hint, types.UnionType):
        return any(fits(value, each) for each in get_args(hint))
    if get_origin(hint) is list:
        (item,) = get_args(hint)
        return isinstance(value, list) and all(fits(each, item) for each in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_accepts_the_values_of_its_type_and_no_others(name: str) -> None:
    hint, rule = get_type_hints(MetadataFields)[name], FIELDS[name]
    for value in SAMPLES:
        accepted = rule.accepts(value) or (value is None and not rule.required)
        assert accepted == fits(value, hint), value


def test_every_field_has_a_type() -> None:
    assert get_type_hints(MetadataFields).keys() == FIELDS.keys()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("titel", r"titel is not a field of a session\. Did you mean title\? .*extra="),
        ("project", r"Did you mean project_id\?"),
        ("tuch", r"Did you mean touch\?"),
        ("pined", r"Did you mean pinned\?"),
        ("zz", r'zz is not a field of a session\. To store another key, use update\(\.\.\., extra={"zz": '),
        ("messages", r"messages cannot be set or removed: change the transcript with append"),
        ("message_count", r"message_count cannot be set or removed: it follows"),
    ],
)
def test_a_keyword_that_is_no_field_is_refused(name: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        check_fields({"title": "x", name: "x"})


OWNED = [
    *("session_id", "message_count", "last_message_at", "is_streaming", "messages", "tool_calls"),
    *("created_at_read_as", "updated_at_read_as"),
    *("agent_segments", "agent_rows", "agent_parent", "agent_children", "copied_from"),
]


@pytest.mark.parametrize(("name", "remove"), list(itertools.product(OWNED, (False, True))))
def test_what_the_library_owns_is_neither_set_nor_removed(name: str, remove: bool) -> None:
    with pytest.raises(InvalidValue, match=f"^{name} cannot be set or removed: "):
        check_others({} if remove else {name: 1}, [name] if remove else [])


@pytest.mark.parametrize(("name", "remove"), list(itertools.product(FIELDS, (False, True))))
def test_a_field_is_set_by_its_keyword_alone(name: str, remove: bool) -> None:
    with pytest.raises(InvalidValue, match=rf"^{name} is a field of a session: set it as update\(\.\.\., "):
        check_others({} if remove else {name: 1}, [name] if remove else [])


@pytest.mark.parametrize(
    ("extra", "remove", "message"),
    [
        (7, [], "extra must be a dict"),
        ({1: 2}, [], "extra must be a dict"),
        ({}, "note", r'remove must be a list of keys, such as \["note"\]'),
        ({}, [1], "remove must be a list of keys"),
        ({}, None, "remove must be a list of keys"),
        ({"a": 1}, ["a"], "a is both in extra and in remove"),
    ],
)
def test_wrong_other_keys(extra: object, remove: object, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        check_others(extra, remove)


def test_other_keys() -> None:
    change = check_others({"note": {"a": [1]}}, {"old", "older"})
    assert change.values == {"note": {"a": [1]}}
    assert change.removed == frozenset({"old", "older"})
    assert check_others(None, ()).is_empty
