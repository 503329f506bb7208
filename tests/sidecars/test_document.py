"""The JSON text of a sidecar: positions and edits, against Python's own `json`, over made-up documents."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import json_text
from hermes_sessions.errors import InvalidValue
from hermes_sessions.json_text import Malformed
from hermes_sessions.sidecars import document
from hermes_sessions.sidecars.document import Edit, Member, Span

NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False), st.just(10**400))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20))
# Lone surrogates are no text for Hypothesis; programs that cut UTF-16 in the middle write them.
ODD = st.sampled_from(
    [float("nan"), float("inf"), "\ud800", "cut \udc00", "\x00\x7f", "a\u2028b", 2**63, -(2**64)]
)
VALUES = st.recursive(
    SCALARS | ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["session_id", "title", "messages", "tool_calls", "message_count"]) | st.text(
    max_size=10
)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=4) | VALUES, max_size=5)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=8).flatmap(
    lambda base: MESSAGES.map(lambda messages: {**base, "messages": messages} if "messages" in base else base)
)
INDENTS = st.sampled_from([None, 0, 1, 2, "\t"])


def text_of(value: Any, indent: Any, ends: str = "\n", bom: bool = False) -> bytes:
    text = json.dumps(value, ensure_ascii=False, indent=indent).replace("\n", ends)
    return (document.BOM if bom else b"") + text.encode("utf-8", "backslashreplace")


def apply(data: bytes, edits: list[Edit]) -> bytes:
    for edit in sorted(edits, reverse=True):
        data = data[: edit.start] + edit.text + data[edit.end :]
    return data


def same(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)


def by_key(value: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(value.items(), key=lambda item: item[0])


@given(DOCUMENTS, INDENTS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_members_are_where_json_sees_them(value: dict[str, Any], indent: Any, ends: str, bom: bool) -> None:
    data = text_of(value, indent, ends, bom)
    found = document.members(data)
    assert [member.key for member in found] == list(value)
    for member in found:
        assert data[member.start : member.start + 1] == b'"'
        assert same(json_text.decode(data[member.value : member.end]), value[member.key])


@pytest.mark.parametrize("space", ["", " ", "  ", "\t", "\n "])
def test_any_space_may_stand_before_a_value(space: str) -> None:
    data = f'{{\n  "title":{space}"a",\n  "messages":{space}[1]\n}}'.encode()
    found = document.members(data)
    assert [json_text.decode(data[each.value : each.end]) for each in found] == ["a", [1]]
    assert document.head_members(data[: found[-1].value])[:-1] == found[:-1]


@given(DOCUMENTS, st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), INDENTS)
def test_set_keys_changes_those_and_nothing_else(
    value: dict[str, Any], new: dict[str, Any], indent: Any
) -> None:
    data = text_of(value, indent)
    found = document.members(data)
    edits = document.set_keys(
        found, {key: json_text.encode(item, key, 1) for key, item in new.items()}, data.rindex(b"}")
    )
    after = apply(data, edits)
    assert same(by_key(json.loads(after)), by_key({**value, **new}))
    assert [key for key in json.loads(after) if key in value] == list(value)
    for member in found:  # what was not set keeps its very bytes, where `moved` says
        if member.key not in new:
            start, end = document.moved((member.value, member.end), edits)
            assert after[start:end] == data[member.value : member.end]


@given(DOCUMENTS.filter(lambda value: "messages" in value), INDENTS)
def test_head_and_tail_are_the_whole(value: dict[str, Any], indent: Any) -> None:
    data = text_of(value, indent)
    found = document.members(data)
    messages = document.find(found, "messages")
    assert messages is not None
    head = document.head_members(data[: messages.value])
    tail = document.tail_members(data[messages.end :], messages.end)
    assert (*head[:-1], messages, *tail) == found
    assert head[-1] == messages._replace(end=messages.value)


@given(MESSAGES, INDENTS)
def test_items_are_where_json_sees_them(messages: list[Any], indent: Any) -> None:
    data = text_of({"messages": messages}, indent)
    array = document.members(data)[0]
    spans = document.items(data, Span(array.value, array.end))
    assert same([json_text.decode(data[span.start : span.end]) for span in spans], messages)


@given(VALUES, st.integers(1, 3))
def test_encode_is_laid_out_as_json_does_and_reads_back(value: Any, depth: int) -> None:
    nested = value
    for _ in range(depth):
        nested = [nested]
    whole = json.dumps(nested, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")
    encoded = json_text.encode(value, "x", depth)
    assert encoded in whole
    assert same(json.loads(encoded), value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{", "no key"),
        (b'{"a"', "no key"),
        (b'{"a":', "Expecting value"),
        (b'{"a": 1', "no comma"),
        (b'{"a": 1,}', "comma too many"),
        (b'{"a": 1} x', "more text"),
        (b'{"a": tru}', "Expecting value"),
        (b'{"a": "\x01"}', "Invalid control character"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a": 1, "a": 1}', "a key occurs twice"),
        (b'{"a": 1, "a": [22, 3]}', "a key occurs twice"),
        (b'{"a": NaN, "a": 2}', "a key occurs twice"),
        (b'{"a": 1, "\\u0061": 1}', "a key occurs twice"),
        (b'{"a": {"x": 1}, "b": 2, "a": {"b": 2, "x": {"a": 1}}}', "a key occurs twice"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        ("{}".encode("utf-16"), "not UTF-8"),
    ],
)
def test_what_is_no_document_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        document.members(data)


def test_an_integer_that_python_will_not_read_is_malformed_only_where_it_is_decoded() -> None:
    data = b'{"a": ' + b"9" * 5000 + b', "b": NaN}'
    assert [member.key for member in document.members(data)] == ["a", "b"]
    with pytest.raises(Malformed, match="4300"):
        json_text.decode(b"9" * 5000)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), {"a": {("t",): 1}}])
def test_what_json_does_not_have_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InvalidValue, match="tool_calls cannot be written as JSON"):
        json_text.encode(value, "tool_calls")


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidValue, match="Circular"):
        json_text.encode(loop, "extra")


def test_find_without_the_key() -> None:
    assert document.find([Member("a", 0, 1, 2)], "b") is None
