"""JSON text: what is read and written beyond the standard, and how the rest is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import InvalidValue
from hermes_sessions.json_text import Malformed, decode, encode

READ: dict[str, tuple[bytes | str, Any]] = {
    "an object": (b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
    "a text": ('"caf\u00e9"', "caf\u00e9"),
    "a byte order mark": (b"\xef\xbb\xbf[1]", [1]),
    "UTF-16, as PowerShell writes it": ('{"a": "\u00e9"}'.encode("utf-16"), {"a": "\u00e9"}),
    "half a surrogate pair": (b'"\\ud800"', "\ud800"),
    "half a surrogate pair, not escaped": ('"\ud800"', "\ud800"),
    "infinity": (b"[-Infinity]", [-math.inf]),
    "a long integer": (b"1" * 4000, int("1" * 4000)),
}
REFUSED: dict[str, tuple[bytes | str, str]] = {
    "nothing": (b"", "Expecting value"),
    "words": ("not JSON", "Expecting value"),
    "a cut text": (b'{"a": ', "Expecting value"),
    "bytes that are not UTF-8": (b'"\xff"', "invalid start byte"),
    "bytes of half a surrogate pair": (b'"\xed\xa0\x80"', "invalid continuation byte"),
    "too long an integer": (b"1" * 5000, "4300"),
    "endless depth": (b"[" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize("name", READ)
def test_json_is_read(name: str) -> None:
    text, value = READ[name]
    assert decode(text) == value
    if isinstance(text, bytes):
        assert decode(memoryview(text)) == value


def test_no_number_is_read() -> None:
    assert math.isnan(decode(b"NaN"))


@pytest.mark.parametrize("name", REFUSED)
def test_json_is_refused(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(Malformed, match=reason):
        decode(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES | st.characters(categories=["Cs"]))
def test_what_is_written_is_read_again_and_laid_out_as_python_does(value: Any) -> None:
    text = encode(value, "value")
    assert decode(text) == value
    assert text == json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")


def test_a_part_of_a_document_is_indented_as_it_stands_there() -> None:
    assert encode({"a": [1]}, "value", depth=1) == b'{\n    "a": [\n      1\n    ]\n  }'


@pytest.mark.parametrize("value", [object(), {1j: 2}, b"bytes"])
def test_what_json_cannot_hold_is_named(value: object) -> None:
    with pytest.raises(InvalidValue, match="the title cannot be written as JSON"):
        encode(value, "the title")
