"""The arguments of a JSON route: read from the query or the body, and checked by the handler's signature."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from flask import abort, current_app, request

from hermes_sessions import json_text
from hermes_sessions.errors import InvalidValue
from hermes_sessions.fields import LARGEST_INTEGER

from ..query_values import parse_any_whole_number, parse_whole_number

UNCHANGED: Any = object()  # the default of an argument that leaves a field as it is
_UNREADABLE: Any = object()  # the value of a lenient argument that cannot be read
FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

Schema = Mapping[str, Any]  # a JSON Schema


class Kind(NamedTuple):
    """What an argument of one type may be.

    `words` completes "must be ..." in an error, `accepts` tests a JSON value, and `parse` reads a query's
    text; it raises `ValueError`. Of a `lenient` kind, text that cannot be read counts as missing.
    `parses_body` is whether text in a body is read by `parse` too.
    """

    words: str
    accepts: Callable[[Any], bool]
    parse: Callable[[str], Any]
    schema: Schema
    lenient: bool = False
    parses_body: bool = False


class Argument(NamedTuple):
    """One argument of a handler; `default` is `UNCHANGED` where the document describes none."""

    kind: Kind
    required: bool
    default: Any


# ---- kinds ----------------------------------------------------------------------------------------------


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_INTEGER


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LARGEST_INTEGER  # so neither NaN nor infinite


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) and name for name in value)


def _parse_flag(text: str) -> bool:
    if text.lower() not in FLAGS:
        raise ValueError(text)
    return FLAGS[text.lower()]


def _or_null(kind: Kind) -> Kind:
    return Kind(
        f"{kind.words}, or null",
        lambda value: value is None or kind.accepts(value),
        kind.parse,
        {"anyOf": [*kind.schema.get("anyOf", [kind.schema]), {"type": "null"}]},
        parses_body=kind.parses_body,
    )


def _one_of(names: tuple[str, ...]) -> Kind:
    words = f"one of {', '.join(names)}"
    return Kind(words, lambda value: value in names, str, {"type": "string", "enum": list(names)})


_TEXT = Kind("text", lambda value: isinstance(value, str), str, {"type": "string"})
# The library refuses an invalid id, in its own words.
_ID = _TEXT._replace(schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"})
_FLAG = Kind("true or false", lambda value: isinstance(value, bool), _parse_flag, {"type": "boolean"})
_LENIENT_NUMBER = Kind(
    "a whole number", lambda _: True, parse_any_whole_number, {"type": "integer"}, lenient=True
)
_WHOLE_NUMBER = Kind(
    "a whole number, 0 or more",
    _is_whole_number,
    parse_whole_number,
    {"type": "integer", "minimum": 0, "maximum": LARGEST_INTEGER},
)
# One client keeps the number in an attribute of its page, and sends the attribute's text.
_COUNT = _WHOLE_NUMBER._replace(
    schema={"anyOf": [_WHOLE_NUMBER.schema, {"type": "string", "pattern": "^[0-9]{1,18}$"}]}, parses_body=True
)
_NUMBER = Kind(
    "a number, 0 or more", _is_number, float, {"type": "number", "minimum": 0, "maximum": LARGEST_INTEGER}
)
_NAMES = Kind(
    "a non-empty list of names",
    _is_names,
    str.split,
    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
)
_LIST = Kind("a list", lambda value: isinstance(value, list), str.split, {"type": "array"})
_OBJECT = Kind("an object", lambda value: isinstance(value, dict), str, {"type": "object"})

SessionId = Annotated[str, "the id of a session"]
Count = Annotated[int, "a number, also as the text of its digits"]
Document = Annotated[dict[str, Any], "the whole body"]
# A number that the web UI's clients send: its own server takes the default for any other text.
LenientNumber = Annotated[int | None, "a whole number"]

KINDS: Mapping[Any, Kind] = {
    SessionId: _ID,
    Count: _COUNT,
    Document: _OBJECT,
    str: _TEXT,
    bool: _FLAG,
    int: _WHOLE_NUMBER,
    LenientNumber: _LENIENT_NUMBER,
    list[str]: _NAMES,
    SessionId | None: _or_null(_ID),
    str | None: _or_null(_TEXT),
    bool | None: _or_null(_FLAG),
    int | None: _or_null(_WHOLE_NUMBER),
    Count | None: _or_null(_COUNT),
    float | None: _or_null(_NUMBER),
    list[str] | None: _or_null(_NAMES),
    list[Any] | None: _or_null(_LIST),
}


def _kind(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return _one_of(get_args(annotation))
    if annotation in KINDS:
        return KINDS[annotation]
    chosen, _ = get_args(annotation)  # one of some texts, or null
    return _or_null(_one_of(get_args(chosen)))


def arguments_of(handler: Callable[..., Any]) -> dict[str, Argument]:
    """Return the arguments that a handler's signature declares; one without a default is required.

    None of those is that `**arguments` of a TypedDict declare: the handler gets the ones that were given.
    """
    hints = get_type_hints(handler, include_extras=True)
    arguments: dict[str, Argument] = {}
    for each in inspect.signature(handler).parameters.values():
        if each.kind is each.VAR_KEYWORD:
            (fields,) = get_args(hints[each.name])
            arguments |= {
                name: Argument(_kind(hint), False, None) for name, hint in get_type_hints(fields).items()
            }
        else:
            arguments[each.name] = Argument(_kind(hints[each.name]), each.default is each.empty, each.default)
    return arguments


# ---- reading --------------------------------------------------------------------------------------------


def read_query(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    """Return the arguments that the request's query holds; raise `InvalidValue`."""
    values = {
        name: _parsed(name, arguments[name], text)
        for name, text in request.args.items()
        if name in arguments and text
    }
    return _checked(arguments, {name: value for name, value in values.items() if value is not _UNREADABLE})


def read_body(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    """Return the arguments in the request's JSON body; raise `InvalidValue`, or abort with 413 or 415."""
    body = _json_body()
    if whole := [name for name, argument in arguments.items() if argument.kind is _OBJECT]:
        return dict.fromkeys(whole, body)
    given = {name: body[name] for name in arguments if name in body}
    return _checked(arguments, {name: _of_body(name, arguments[name], given[name]) for name in given})


def _of_body(name: str, argument: Argument, value: Any) -> Any:
    return _parsed(name, argument, value) if argument.kind.parses_body and isinstance(value, str) else value


def _parsed(name: str, argument: Argument, text: str) -> Any:
    try:
        return argument.kind.parse(text)
    except ValueError:
        if argument.kind.lenient:
            return _UNREADABLE
        raise InvalidValue(f"{name} must be {argument.kind.words}") from None


def _checked(arguments: Mapping[str, Argument], values: dict[str, Any]) -> dict[str, Any]:
    for name, argument in arguments.items():
        if name not in values:
            if argument.required:
                raise InvalidValue(f"{name} is missing")
        elif not argument.kind.accepts(values[name]):
            raise InvalidValue(f"{name} must be {argument.kind.words}")
    return values


def _json_body() -> dict[str, Any]:
    """Return the request's JSON object, an empty one if there is no body.

    A body without a Content-Type is read as JSON: some clients send it like that.
    """
    data = request.get_data()
    if request.content_length is None and len(data) >= current_app.config["MAX_CONTENT_LENGTH"]:
        abort(413)  # a chunked body, of which Werkzeug reads only the beginning
    if not data:
        return {}
    if request.mimetype and not request.is_json:
        abort(415, "The body must be JSON, with Content-Type application/json.")
    try:
        body = json_text.decode(data)
    except json_text.Malformed:
        raise InvalidValue("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise InvalidValue("the body must be a JSON object")
    return body
