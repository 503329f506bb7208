"""JSON in and out: arguments checked by a handler's own signature, values encoded as browsers read them."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from flask import Blueprint, Response, abort, current_app, request

from hermes_sessions import json_text
from hermes_sessions.errors import InvalidValue
from hermes_sessions.fields import LARGEST_INTEGER, clean_text

Handler = TypeVar("Handler", bound=Callable[..., Any])
Answer = dict[str, Any] | Response

JSON = "application/json"
UNCHANGED: Any = object()  # the default of an argument whose absence means that nothing is set
DIGITS = 19
FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


# ---- arguments ------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What an argument of one type may be: in words, as a JSON value, parsed from text, and as JSON Schema.

    `parse` raises `ValueError`.
    """

    words: str
    accepts: Callable[[Any], bool]
    parse: Callable[[str], Any]
    schema: Mapping[str, Any]


class Argument(NamedTuple):
    """One argument of a handler; `default` is `UNCHANGED` where there is none to tell of."""

    kind: Kind
    required: bool
    default: Any


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
    return Kind(
        f"{kind.words}, or null",
        lambda value: value is None or kind.accepts(value),
        kind.parse,
        {"anyOf": [kind.schema, {"type": "null"}]},
    )


def _one_of(names: tuple[str, ...]) -> Kind:
    words = f"one of {', '.join(names)}"
    return Kind(words, lambda value: value in names, str, {"type": "string", "enum": list(names)})


_TEXT = Kind("text", lambda value: isinstance(value, str), str, {"type": "string"})
# The library refuses what is no id, in its own words.
_ID = _TEXT._replace(schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"})
_FLAG = Kind("true or false", lambda value: isinstance(value, bool), _parse_flag, {"type": "boolean"})
_WHOLE = Kind(
    "a whole number, 0 or more",
    _is_whole,
    _parse_whole,
    {"type": "integer", "minimum": 0, "maximum": LARGEST_INTEGER},
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
_OBJECT = Kind("an object", lambda value: isinstance(value, dict), str, {"type": "object"})

SessionId = Annotated[str, "the id of a session"]
Document = Annotated[dict[str, Any], "the whole body"]

KINDS: Mapping[Any, Kind] = {
    SessionId: _ID,
    Document: _OBJECT,
    str: _TEXT,
    bool: _FLAG,
    int: _WHOLE,
    list[str]: _NAMES,
    SessionId | None: _or_null(_ID),
    str | None: _or_null(_TEXT),
    bool | None: _or_null(_FLAG),
    int | None: _or_null(_WHOLE),
    float | None: _or_null(_NUMBER),
    list[str] | None: _or_null(_NAMES),
}


def _kind(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return _one_of(get_args(annotation))
    return KINDS[annotation]


def _arguments(handler: Callable[..., Any]) -> dict[str, Argument]:
    """Read from a handler's signature which arguments it takes: one without a default is required."""
    hints = get_type_hints(handler, include_extras=True)
    return {
        each.name: Argument(_kind(hints[each.name]), each.default is each.empty, each.default)
        for each in inspect.signature(handler).parameters.values()
    }


def _from_query(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    values = {name: request.args[name] for name in arguments if request.args.get(name)}
    return _checked(arguments, {name: _parsed(name, arguments[name], text) for name, text in values.items()})


def _parsed(name: str, argument: Argument, text: str) -> Any:
    try:
        return argument.kind.parse(text)
    except ValueError:
        raise InvalidValue(f"{name} must be {argument.kind.words}") from None


def _from_body(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    body = _json_body()
    if whole := [name for name, argument in arguments.items() if argument.kind is _OBJECT]:
        return dict.fromkeys(whole, body)
    return _checked(arguments, {name: body[name] for name in arguments if name in body})


def _checked(arguments: Mapping[str, Argument], values: dict[str, Any]) -> dict[str, Any]:
    for name, argument in arguments.items():
        if name not in values:
            if argument.required:
                raise InvalidValue(f"{name} is missing")
        elif not argument.kind.accepts(values[name]):
            raise InvalidValue(f"{name} must be {argument.kind.words}")
    return values


def _json_body() -> dict[str, Any]:
    """Return the request's JSON object, an empty one for no body; 415 for another type, `InvalidValue`."""
    data = request.get_data()
    if request.content_length is None and len(data) >= current_app.config["MAX_CONTENT_LENGTH"]:
        abort(413)  # a chunked body, of which Werkzeug gives the beginning
    if not data:
        return {}
    if not request.is_json:
        abort(415, "the body must be JSON, and its Content-Type application/json")
    try:
        body = json_text.decode(data)
    except json_text.Malformed:
        raise InvalidValue("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise InvalidValue("the body must be a JSON object")
    return body


# ---- routes ---------------------------------------------------------------------------------------------


class Route(NamedTuple):
    """What a handler declares of itself, by its signature and where it is served; `openapi` tells it on.

    `answer` is the type of what it returns, `media` the types of that where it is no JSON, and `statuses` are
    those that it has beside what every route of its kind has.
    """

    path: str
    method: str
    handler: Callable[..., Any]
    arguments: Mapping[str, Argument]
    answer: Any
    media: Sequence[str]
    statuses: Sequence[int]


ROUTES: dict[str, Route] = {}  # by endpoint


def get(
    blueprint: Blueprint, path: str, *, media: Sequence[str] = (JSON,), statuses: Sequence[int] = ()
) -> Callable[[Handler], Handler]:
    """Serve a handler's answer under `path`; its arguments come from the query, as its signature says."""
    return lambda handler: _serve(blueprint, _declared(path, "GET", handler, media, statuses), _from_query)


def post(blueprint: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """As `get`, for `POST`, with the arguments from the body; fields without an argument are ignored."""
    return lambda handler: _serve(blueprint, _declared(path, "POST", handler, (JSON,), ()), _from_body)


def _declared(
    path: str, method: str, handler: Callable[..., Any], media: Sequence[str], statuses: Sequence[int]
) -> Route:
    answer = get_type_hints(handler, include_extras=True)["return"]
    return Route(path, method, handler, _arguments(handler), answer, media, statuses)


def _serve(
    blueprint: Blueprint, route: Route, read: Callable[[Mapping[str, Argument]], dict[str, Any]]
) -> Any:
    def view() -> Response:
        given = route.handler(**read(route.arguments))
        return given if isinstance(given, Response) else answer(given)

    name = route.handler.__name__
    ROUTES[f"{blueprint.name}.{name}"] = route
    blueprint.add_url_rule(route.path, name, view, methods=[route.method])
    return route.handler


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
