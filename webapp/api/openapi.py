"""The OpenAPI document of the JSON API, made from the routes' signatures and docstrings alone."""

import functools
import inspect
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, get_args

import msgspec
from flask import Blueprint, Response

from ..security.logins import COOKIE
from . import routing, schemas
from .arguments import UNCHANGED, Argument, Schema
from .encoding import JSON, json_response
from .routing import Route

blueprint = Blueprint("openapi", __name__)

DESCRIPTION = """\
Arguments of a `GET` are in the query, those of a `POST` are fields of a JSON object. Errors are JSON
objects with the key `error`. Times are in seconds since the epoch. Credentials in titles and messages are
masked unless the web UI's settings turn that off."""
STATUSES = {
    304: "Nothing has changed since the version that `If-None-Match` names.",
    400: "An argument is missing or invalid; the error names it.",
    401: "Log in first.",
    403: "The host or the origin is not allowed, or the session is read-only.",
    404: "The session or project does not exist.",
    409: "It changed since it was read, or another one is in its place.",
    413: "The body is larger than 20 MB.",
    415: "The body is not JSON.",
    500: "A file cannot be read, or the server has a bug. Asking again does not help.",
    503: "The disk, a lock or an agent's database refused. Asking again may help.",
}
OF_ALL, OF_WRITES = (401, 403, 500, 503), (400, 404, 409, 413, 415)
_NAMES = "#/components/schemas/{name}"
_LOGIN = {
    "type": "apiKey",
    "in": "cookie",
    "name": COOKIE,
    "description": "Needed only if the server has a password.",
}


@routing.get(blueprint, "/api/openapi.json")
def describe_api() -> Response:
    """Return this document."""
    return json_response(document())


@functools.cache
def document() -> dict[str, Any]:
    """Return the document of all routes."""
    routes = sorted(routing.ROUTES, key=lambda route: (route.path, route.method))
    shapes, components = msgspec.json.schema_components(
        [schemas.Error, *(shape for route in routes if (shape := _shape(route)) is not None)],
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
        "info": {
            "title": "Hermes sessions",
            "version": version("hermes-sessions"),
            "description": DESCRIPTION,
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"login": _LOGIN}},
        "security": [{}, {"login": []}],
    }


def _shape(route: Route) -> Any:
    """Return the type of a handler's JSON, None if it answers none."""
    kinds = [kind for kind in (get_args(route.answer) or (route.answer,)) if kind is not Response]
    return kinds[0] if kinds else None


def _operation(route: Route, shape: Schema | None, failure: Schema) -> dict[str, Any]:
    text = inspect.getdoc(route.handler) or ""
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": text.partition("\n")[0],
        "description": text,
    }
    if route.method == "POST":
        operation["requestBody"] = _body(route.arguments)
    elif route.arguments:
        operation["parameters"] = [_parameter(name, argument) for name, argument in route.arguments.items()]
    operation["responses"] = {"200": _response(route, shape)} | {
        str(status): _other_response(status, failure) for status in _statuses(route)
    }
    return operation


def _response(route: Route, shape: Schema | None) -> dict[str, Any]:
    """Return the description of the response with the status 200, in the words of its shape."""
    content = {media: {"schema": shape} if shape and media == JSON else {} for media in route.media}
    answer = inspect.getdoc(_shape(route)) if shape else None
    return {
        "description": answer.partition("\n\n")[0] if answer else "The requested document.",
        "content": content,
    }


def _other_response(status: int, failure: Schema) -> dict[str, Any]:
    content = {} if status < 400 else {"content": {JSON: {"schema": failure}}}
    return {"description": STATUSES[status], **content}


def _statuses(route: Route) -> list[int]:
    """Return the statuses that a route has beside 200."""
    invalid = [400] if route.arguments else []
    missing = [404] if "session_id" in route.arguments else []
    writes = OF_WRITES if route.method == "POST" else ()
    return sorted({*OF_ALL, *invalid, *missing, *writes, *route.statuses})


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


def _with_default(schema: Schema, argument: Argument) -> dict[str, Any]:
    is_described = (
        not argument.required and argument.default is not UNCHANGED and argument.default is not None
    )
    return dict(schema) | ({"default": argument.default} if is_described else {})
