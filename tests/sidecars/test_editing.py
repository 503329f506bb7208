"""Edits of a sidecar: what is refused before anything is written, and whole sessions over their files."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import InvalidValue
from hermes_sessions.json_text import decode, encode
from hermes_sessions.model import Signature
from hermes_sessions.sidecars import Loaded, document, editing, outline_of, reading

from ..support.efforts import examples

VALUES = st.recursive(
    st.sampled_from(
        [None, True, False, 0, 1, 1.0, 0.0, -0.0, 1e16, math.nan, math.inf, 1 << 70, "", "\ud800"]
    )
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
MESSAGES = st.dictionaries(st.sampled_from(["role", "content", "x"]), VALUES, max_size=3)
LISTS = st.lists(MESSAGES, max_size=4)
LAYOUTS: dict[str, Callable[[Sequence[Any]], bytes]] = {
    "usual": lambda items: document.array_of(encode(item, "item", depth=2) for item in items),
    "compact": lambda items: json.dumps(items, separators=(",", ":")).encode(),
    "wide": lambda items: json.dumps(items, indent=4, ensure_ascii=False).encode("utf-8", "backslashreplace"),
}


def test_metadata_has_a_limit() -> None:
    with pytest.raises(InvalidValue, match="notes must be at most 1,000,000 bytes"):
        editing.encoded({"notes": "x" * 1_000_000})


@given(LISTS, LISTS, st.integers(0, 3), st.sampled_from(sorted(LAYOUTS)))
@examples(2)
def test_a_file_reads_the_same_beside_messages_that_are_given(
    held: list[Any], others: list[Any], kept: int, layout: str
) -> None:
    loaded = _loaded(LAYOUTS[layout](held))
    read = reading.session(loaded).messages
    for same in (read, held):
        beside = reading.session(loaded, [*same[:kept], *others]).messages
        assert repr(beside) == repr(read)


@given(LISTS, LISTS, st.integers(0, 4), st.integers(0, 4), st.sampled_from(sorted(LAYOUTS)))
@examples(2)
def test_a_save_writes_what_all_messages_anew_would_be(
    held: list[Any], others: list[Any], kept: int, after: int, layout: str
) -> None:
    loaded = _loaded(LAYOUTS[layout](held))
    whole = reading.session(loaded)
    new = [*whole.messages[:kept], *others, *whole.messages[after:]]
    old = reading.session(loaded, new)
    session = replace(old, messages=new)
    edits = editing.saved(outline_of(loaded), old, session, editing.unchanged_messages(old, session), {})
    written = _applied(loaded.data, edits)
    assert repr(decode(written)["messages"]) == repr(new)
    if layout == "usual":
        assert written == _document(LAYOUTS[layout](new))


@pytest.mark.parametrize("value", [math.nan, math.inf, (1, 2), {1: "x"}, 1.5])
def test_what_another_value_has_the_text_of_is_not_taken_for_it(value: object) -> None:
    text = document.array_of([encode({"content": {"x": None}}, "item", depth=2)])
    loaded = _loaded(text)
    read = reading.session(loaded, [{"content": {"x": value}}]).messages
    assert read == [{"content": {"x": None}}]


def _loaded(messages: bytes) -> Loaded:
    data = _document(messages)
    version = Signature(len(data), 1_700_000_000_000_000_000, 1)
    return Loaded("one", Path("one.json"), data, version, document.members(data))


def _document(messages: bytes) -> bytes:
    return document.new_document([("title", b'"One"'), ("messages", messages), ("tool_calls", b"[]")])


def _applied(data: bytes, edits: Sequence[document.Edit]) -> bytes:
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text + data[end:]
    return data
