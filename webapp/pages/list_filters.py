"""The filters that the address of a page names, as values of the library and in words."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import request

from hermes_sessions.errors import InvalidValue
from hermes_sessions.results import Filters, Sort
from hermes_sessions.sources import Source
from hermes_sessions.times import parse_time

from ..query_values import amount, choice, whole_number
from ..request_context import settings

ARCHIVED: Mapping[str, bool | None] = {"0": False, "1": True, "all": None}
SOURCES: Mapping[str, Source | None] = {"": None, **{str(each): each for each in Source}}
NO_PROJECT = "none"  # in an address, where an empty value is no filter
EITHER: Mapping[str, bool | None] = {"": None, "1": True, "0": False}
# Those that have no field in the form: their names, and how a value is said.
FURTHER: Mapping[str, str] = {
    "model": "Model {}",
    "tag": "Tag {}",
    "pinned": "Pinned: {}",
    "interrupted": "Interrupted: {}",
    "since": "Since {}",
    "until": "Before {}",
    "min_cost": "From ${}",
    "min_messages": "At least {} messages",
}
SORT_WORDS: Mapping[Sort, str] = {
    "activity": "Latest activity",
    "created": "Newest",
    "title": "Title",
    "messages": "Most messages",
    "cost": "Highest cost",
    "latest": "Latest activity, pinned or not",
}
SORTS: Mapping[str, Sort] = {sort: sort for sort in SORT_WORDS}
_YES = {"1": "yes", "0": "no"}


def read_filters() -> Filters:
    """Return the filters of the query; raise `InvalidValue`."""
    values: dict[str, Any] = {name: read() for name, read in _READ.items()}
    return Filters(**values, agent=settings().show_agents is not False)


def read_sort() -> Sort:
    """Return the order that the query asks for; raise `InvalidValue`."""
    return choice(request.args, "sort", SORTS, "activity")


def unreadable_filters() -> dict[str, str]:
    """Return why filters of the query, or its order, cannot be read, by their names."""
    problems = {}
    for name, read in {**_READ, "sort": read_sort}.items():
        try:
            read()
        except InvalidValue as error:
            problems[name] = str(error)
    return problems


def further_filters() -> dict[str, str]:
    """Return what the query asks for beyond the fields of the form: words by the names of the filters."""
    given = {name: request.args.get(name) for name in FURTHER}
    return {
        name: FURTHER[name].format(_YES.get(value, value) if name in ("pinned", "interrupted") else value)
        for name, value in given.items()
        if value
    }


def _project_id(text: str | None) -> str | None:
    return "" if text == NO_PROJECT else text or None


def _time(name: str) -> float | None:
    """Return the time that a date of the query names, in seconds since the epoch; raise `InvalidValue`."""
    text = request.args.get(name)
    try:
        return parse_time(text, time.time()) if text else None
    except InvalidValue as error:
        raise InvalidValue(f"{name}: {error}") from error


# How each filter is read from the query.
_READ: Mapping[str, Callable[[], Any]] = {
    "profile": lambda: request.args.get("profile") or None,
    "project_id": lambda: _project_id(request.args.get("project_id")),
    "source": lambda: choice(request.args, "source", SOURCES, ""),
    "archived": lambda: choice(request.args, "archived", ARCHIVED, "0"),
    "pinned": lambda: choice(request.args, "pinned", EITHER, ""),
    "model": lambda: request.args.get("model") or None,
    "tag": lambda: request.args.get("tag") or None,
    "since": lambda: _time("since"),
    "until": lambda: _time("until"),
    "min_cost": lambda: amount(request.args, "min_cost"),
    "min_messages": lambda: whole_number(request.args, "min_messages"),
    "interrupted": lambda: choice(request.args, "interrupted", EITHER, ""),
}
