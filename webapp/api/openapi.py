"""The OpenAPI document of the JSON API, made from what its routes declare and nothing else."""

import functools
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, get_args

import msgspec
from flask import Blueprint, Response

from ..security import access as auth
from . import routing as wire
from . import schemas as answers
from .routing import JSON, Argument, Route

openapi = Blueprint("openapi", __name__)

LARGEST_BODY_WORDS = "the body is larger than 20 MB"
STATUSES = {
    304: "nothing changed since the version that `If-None-Match` names",
    400: "a value that cannot be; the words name the field",
    401: "log in first",
    403: "a host or origin that is not ours, or a session that must not be changed",
    404: "nothing there",
    409: "it changed meanwhile, or something is in its place",
    413: LARGEST_BODY_WORDS,
    415: "the body is not JSON",
    500: "a file that cannot be read, or a bug: asking again will not help",
    503: "the disk, a lock or an agent's database refuses: asking again may help",
}
OF_ALL, OF_WRITES = (401, 403, 500, 503), (400, 404, 409, 413, 415)
_NAMES = "#/components/schemas/{name}"


@wire.get(openapi, "/api/openapi.json")
def describe_api() -> Response:
    """Return this document."""
    return wire.answer(document())


@functools.cache
def document() -> dict[str, Any]:
    """Return the document; its routes are those of all modules that the application has."""
    routes = sorted(wire.ROUTES.values(), key=lambda route: (route.path, route.method))
    shapes, components = msgspec.json.schema_components(
        [answers.Error, *(shape for route in routes if (shape := _shape(route)) is not None)],
        ref_template=_NAMES,
    )
    refs = iter(shapes)
    failure = next(refs)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        shape = next(refs) if _shape(route) is not None else None
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, shape, failure)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hermes sessions", "version": version("hermes-sessions")},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"login": _LOGIN}},
        "security": [{}, {"login": []}],
    }


_LOGIN = {
    "type": "apiKey",
    "in": "cookie",
    "name": auth.COOKIE,
    "description": "if the server has a password",
}


def _shape(route: Route) -> Any:
    """Return the type of a handler's answer, None of one that answers no JSON, or any."""
    kinds = [kind for kind in (get_args(route.answer) or (route.answer,)) if kind is not Response]
    return kinds[0] if kinds else None


def _operation(route: Route, shape: Any, failure: Mapping[str, Any]) -> dict[str, Any]:
    name = route.handler.__name__
    words = (route.handler.__doc__ or "").strip().partition("\n")[0]
    told: dict[str, Any] = {"operationId": name, "summary": words or name.replace("_", " ").capitalize()}
    if route.method == "POST":
        told["requestBody"] = _body(route.arguments)
    elif route.arguments:
        told["parameters"] = [_parameter(name, argument) for name, argument in route.arguments.items()]
    content = {media: {"schema": shape} if shape and media == JSON else {} for media in route.media}
    told["responses"] = {"200": {"description": "done", "content": content}}
    for status in _statuses(route):
        told["responses"][str(status)] = {"description": STATUSES[status]} | (
            {} if status < 400 else {"content": {JSON: {"schema": failure}}}
        )
    return told


def _statuses(route: Route) -> list[int]:
    """Return the statuses beside 200 that can be."""
    asked = [400] if route.arguments else []
    named = [404] if "session_id" in route.arguments else []
    writes = OF_WRITES if route.method == "POST" else ()
    return sorted({*OF_ALL, *asked, *named, *writes, *route.statuses})


def _parameter(name: str, argument: Argument) -> dict[str, Any]:
    schema = argument.kind.schema
    schema = schema["anyOf"][0] if "anyOf" in schema else schema  # a query holds no null
    return {
        "name": name,
        "in": "query",
        "required": argument.required,
        "schema": _with_default(schema, argument),
    }


def _body(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if not any(argument.kind.schema == {"type": "object"} for argument in arguments.values()):
        schema["properties"] = {
            name: _with_default(argument.kind.schema, argument) for name, argument in arguments.items()
        }
        schema["required"] = [name for name, argument in arguments.items() if argument.required]
    return {"required": True, "content": {JSON: {"schema": schema}}}


def _with_default(schema: Mapping[str, Any], argument: Argument) -> dict[str, Any]:
    tells = not argument.required and argument.default is not wire.UNCHANGED and argument.default is not None
    return dict(schema) | ({"default": argument.default} if tells else {})
