"""Routes of the JSON API: a handler's signature says which arguments it takes and what it answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, get_type_hints

from flask import Blueprint, Response

from .arguments import Argument, arguments_of, read_body, read_query
from .encoding import JSON, json_response

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Route(NamedTuple):
    """A handler, where it is served, and what `openapi` describes of it.

    `answer` is the type that it returns, `media` are the media types of its responses, and `statuses` those
    statuses that it has beside the ones of every route of its method.
    """

    path: str
    method: str
    handler: Callable[..., Any]
    arguments: Mapping[str, Argument]
    answer: Any
    media: Sequence[str]
    statuses: Sequence[int]


ROUTES: list[Route] = []


def get(
    blueprint: Blueprint, path: str, *, media: Sequence[str] = (JSON,), statuses: Sequence[int] = ()
) -> Callable[[Handler], Handler]:
    """Serve what a handler returns under `path`, for `GET`; its arguments come from the query."""
    return lambda handler: _serve(blueprint, _route(path, "GET", handler, media, statuses), read_query)


def post(blueprint: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """Serve what a handler returns under `path`, for `POST`; its arguments are fields of the JSON body.

    Fields that are not arguments are ignored.
    """
    return lambda handler: _serve(blueprint, _route(path, "POST", handler, (JSON,), ()), read_body)


def _route(
    path: str, method: str, handler: Callable[..., Any], media: Sequence[str], statuses: Sequence[int]
) -> Route:
    answer = get_type_hints(handler, include_extras=True)["return"]
    return Route(path, method, handler, arguments_of(handler), answer, media, statuses)


def _serve(
    blueprint: Blueprint, route: Route, read: Callable[[Mapping[str, Argument]], dict[str, Any]]
) -> Any:
    def view() -> Response:
        answer = route.handler(**read(route.arguments))
        return answer if isinstance(answer, Response) else json_response(answer)

    ROUTES.append(route)
    blueprint.add_url_rule(route.path, route.handler.__name__, view, methods=[route.method])
    return route.handler
