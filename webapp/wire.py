"""JSON in and out: arguments checked by a handler's own signature, values encoded as browsers read them."""

import functools
import inspect
import json
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec
from flask import Blueprint, Response, abort, request

from hermes_sessions.errors import InvalidValue
from hermes_sessions.model import LARGEST_INTEGER, clean_text

Handler = TypeVar("Handler", bound=Callable[..., Any])
Answer = dict[str, Any] | Response

DIGITS = 19
FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


# ---- arguments ------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What an argument of one type may be: in words, as a JSON value, and parsed from text (`ValueError`)."""

    words: str
    accepts: Callable[[Any], bool]
    parse: Callable[[str], Any]


class Argument(NamedTuple):
    """One argument of a handler."""

    kind: Kind
    required: bool


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_INTEGER


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LARGEST_INTEGER  # so neither NaN nor infinite


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) and name for name in value)


def _parse_whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS):
        raise ValueError(text)
    return int(text)


def _parse_flag(text: str) -> bool:
    if text.lower() not in FLAGS:
        raise ValueError(text)
    return FLAGS[text.lower()]


def _or_null(kind: Kind) -> Kind:
    return Kind(f"{kind.words}, or null", lambda value: value is None or kind.accepts(value), kind.parse)


_TEXT = Kind("text", lambda value: isinstance(value, str), str)
_FLAG = Kind("true or false", lambda value: isinstance(value, bool), _parse_flag)
_WHOLE = Kind("a whole number, 0 or more", _is_whole, _parse_whole)
_NUMBER = Kind("a number, 0 or more", _is_number, float)
_NAMES = Kind("a non-empty list of names", _is_names, str.split)
KINDS: Mapping[type | types.UnionType, Kind] = {
    str: _TEXT,
    bool: _FLAG,
    int: _WHOLE,
    str | None: _or_null(_TEXT),
    bool | None: _or_null(_FLAG),
    int | None: _or_null(_WHOLE),
    float | None: _or_null(_NUMBER),
    list[str]: _NAMES,
    list[str] | None: _or_null(_NAMES),
}


def _arguments(handler: Callable[..., Any]) -> dict[str, Argument]:
    """Read from a handler's signature which arguments it takes: one without a default is required."""
    parameters = inspect.signature(handler).parameters.values()
    return {each.name: Argument(KINDS[each.annotation], each.default is each.empty) for each in parameters}


def _from_query(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    values = {name: request.args[name] for name in arguments if request.args.get(name)}
    return _checked(arguments, {name: _parsed(name, arguments[name], text) for name, text in values.items()})


def _parsed(name: str, argument: Argument, text: str) -> Any:
    try:
        return argument.kind.parse(text)
    except ValueError:
        raise InvalidValue(f"{name} must be {argument.kind.words}") from None


def _from_body(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    body = json_body()
    return _checked(arguments, {name: body[name] for name in arguments if name in body})


def _checked(arguments: Mapping[str, Argument], values: dict[str, Any]) -> dict[str, Any]:
    for name, argument in arguments.items():
        if name not in values:
            if argument.required:
                raise InvalidValue(f"{name} is missing")
        elif not argument.kind.accepts(values[name]):
            raise InvalidValue(f"{name} must be {argument.kind.words}")
    return values


def json_body() -> dict[str, Any]:
    """Return the request's JSON object, an empty one for no body; 415 for another type, `InvalidValue`."""
    data = request.get_data()
    if not data:
        return {}
    if not request.is_json:
        abort(415, "the body must be JSON, and its Content-Type application/json")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidValue("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise InvalidValue("the body must be a JSON object")
    return body


# ---- routes ---------------------------------------------------------------------------------------------


def get(blueprint: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """Serve a handler's answer under `path`; its arguments come from the query, as its signature says."""
    return functools.partial(_route, blueprint, path, "GET", _from_query)


def post(blueprint: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """As `get`, for `POST`, with the arguments from the body; fields without an argument are ignored."""
    return functools.partial(_route, blueprint, path, "POST", _from_body)


def _route(
    blueprint: Blueprint,
    path: str,
    method: str,
    read: Callable[[Mapping[str, Argument]], dict[str, Any]],
    handler: Handler,
) -> Handler:
    arguments = _arguments(handler)

    def view() -> Response:
        given = handler(**read(arguments))
        return given if isinstance(given, Response) else answer(given)

    blueprint.add_url_rule(path, handler.__name__, view, methods=[method])
    return handler


# ---- answers --------------------------------------------------------------------------------------------


def answer(value: Any, status: int = 200) -> Response:
    """Return `value` as a JSON response."""
    return Response(encode(value), status, mimetype="application/json")


def encode(value: Any) -> bytes:
    """Return JSON that every browser reads: NaN and Infinity as null, half a surrogate pair as U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(value))


def encode_text(text: str) -> bytes:
    """Return a text of Python's `json` as JSON that browsers read; a lone surrogate becomes an escape."""
    if "NaN" in text or "Infinity" in text:
        return msgspec.json.format(encode(json.loads(text)), indent=2)
    return text.encode("utf-8", "backslashreplace")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value
