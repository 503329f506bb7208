"""JSON text in and out: `msgspec` first, `json` for what it cannot hold.

Beyond RFC 8259, NaN, Infinity and half surrogate pairs are read and written, as Python's `json` does.
"""

import json
import math
from itertools import chain
from typing import Any

import msgspec

from .errors import InvalidValue, SessionsError

_TEXT = frozenset({str})
_EXACT = frozenset({str, int, bool, float, dict, list, type(None)})


class Malformed(SessionsError, ValueError):
    """The text is not JSON, or not JSON of the expected shape; the message says why."""


def decode(text: bytes | memoryview | str) -> Any:
    """Return the value of a JSON text; raise `Malformed`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        pass  # `json` accepts more than msgspec does, and its errors are easier to understand
    except RecursionError:
        raise Malformed("nested too deeply") from None
    try:
        return json.loads(text if isinstance(text, str) else _characters(bytes(text)))
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as error:  # syntax, invalid UTF-8, integers of more than 4,300 digits
        raise Malformed(str(error)) from None


def _characters(text: bytes) -> str:
    """Return the characters of a JSON text in UTF-8, UTF-16 or UTF-32, with or without a byte order mark."""
    return text.decode(json.detect_encoding(text))


def encode(value: Any, name: str, depth: int = 0) -> bytes:
    """Return a value as JSON: UTF-8, an indent of 2, characters beyond ASCII not escaped.

    `depth` is how many levels deep the text will stand in another one: its lines are indented by as many.
    Raises `InvalidValue` that names `name` if JSON cannot hold the value.
    """
    text = encode_line(value, name)
    if not isinstance(value, dict | list | tuple):  # one line, whatever the depth
        return text
    try:
        laid_out = _laid_out(b"[" * depth + text + b"]" * depth)
    except (ValueError, RecursionError) as error:
        raise _cannot_write(name, error) from error
    lead = sum(2 + 2 * level for level in range(1, depth + 1))
    return laid_out[lead : len(laid_out) - sum(2 + 2 * level for level in range(depth))]


def encode_line(value: Any, name: str) -> bytes:
    """Return a value as JSON on one line; otherwise as `encode`."""
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
    except (TypeError, ValueError, RecursionError) as error:
        raise _cannot_write(name, error) from error


def encode_exact(value: Any) -> bytes | None:
    """Return a value as JSON with an indent of 2, by msgspec alone; None unless a reader gets the same value.

    Several times as fast as `encode`, from which it differs only in how it writes some numbers.
    """
    try:
        text = msgspec.json.encode(value)
        return msgspec.json.format(text, indent=2) if _is_exact(value) else None
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        return None


def _is_exact(value: Any) -> bool:
    """Whether JSON has exactly this value, without cycles: msgspec writes NaN as null, dates as text.

    All values of one depth at once: a call for each would take as long as encoding them.
    """
    level = [value]
    while level:
        kinds = set(map(type, level))
        if not kinds <= _EXACT:
            return False
        if float in kinds and not all(map(math.isfinite, [each for each in level if type(each) is float])):
            return False
        objects = [each for each in level if type(each) is dict] if dict in kinds else []
        if not _TEXT.issuperset(map(type, chain.from_iterable(objects))):
            return False
        lists = [each for each in level if type(each) is list] if list in kinds else []
        level = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(lists)]
    return True


def _cannot_write(name: str, error: Exception) -> InvalidValue:
    return InvalidValue(f"{name} cannot be written as JSON: {error}")


def _laid_out(text: bytes) -> bytes:
    try:
        return msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, RecursionError):  # NaN, half surrogate pairs: 10 times slower, and rare
        laid_out = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        return laid_out.encode("utf-8", "backslashreplace")
