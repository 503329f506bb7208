"""Values as JSON that every browser reads, and responses that hold it."""

import json
from typing import Any

import msgspec
from flask import Response

from hermes_sessions.fields import clean_text
from hermes_sessions.messages import may_hold_credential

from ..masking import mask_answer

JSON = "application/json"


def json_response(value: Any, status: int = 200) -> Response:
    """Return a response with `value` as its JSON body, with credentials masked."""
    return Response(masked_json(value), status, mimetype=JSON)


def form_response(value: Any) -> Response:
    """Return a response with what a client fills a form with, and saves back: a mask would replace it."""
    return Response(encode(value), mimetype=JSON)


def masked_json(value: Any) -> bytes:
    """Return an answer as JSON with its credentials masked.

    The JSON is searched, not each text in it: most answers hold no credential, and a list of 50 sessions is
    searched in a tenth of a millisecond. What is masked is read from it: a tuple is a list there.
    """
    body = encode(value)
    return encode(mask_answer(msgspec.json.decode(body))) if may_hold_credential(body) else body


def encode(value: Any) -> bytes:
    """Return `value` as JSON: NaN and Infinity become null, a lone surrogate becomes U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(value))


def encode_text(text: str) -> bytes:
    """Return the JSON text of Python's `json` as JSON for browsers; a lone surrogate is escaped."""
    if "NaN" in text or "Infinity" in text:
        return msgspec.json.format(encode(json.loads(text)), indent=2)
    return encode_plain(text)


def encode_lines(text: str) -> bytes:
    """Return lines of JSON, each as `encode_text` makes it, on one line."""
    if "NaN" in text or "Infinity" in text:
        lines = text.removesuffix("\n").split("\n")  # not `splitlines`: JSON may hold U+2028
        return b"".join(encode(json.loads(line)) + b"\n" for line in lines)
    return encode_plain(text)


def encode_plain(text: str) -> bytes:
    """Return a text as UTF-8; a lone surrogate is escaped."""
    return text.encode("utf-8", "backslashreplace")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value
