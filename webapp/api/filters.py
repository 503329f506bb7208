"""The filters that a query names, declared once for the routes that list and search."""

from typing import TypedDict, cast

from hermes_sessions.results import Filters
from hermes_sessions.sources import SourceName

from ..request_context import settings


class ConditionArguments(TypedDict, total=False):
    """The filters of the library but `project_id`, `agent` and `hidden`."""

    profile: str | None
    source: SourceName
    archived: bool | None
    pinned: bool | None
    model: str | None
    tag: str | None
    since: float | None
    until: float | None
    min_cost: float | None
    min_messages: int | None
    interrupted: bool | None


class SumArguments(ConditionArguments, total=False):
    """The filters of the library but `agent` and `hidden`."""

    project_id: str | None


class ChosenArguments(ConditionArguments, total=False):
    """The filters of the library for a request that has another use for `project_id`."""

    in_project: str | None


class FilterArguments(SumArguments, total=False):
    """The filters of the library but `agent`, whose default is a setting."""

    hidden: bool


def filters_of(arguments: FilterArguments, agent: bool | None) -> Filters:
    """Return the filters of a request; `agent` is what it says of the agents' conversations."""
    return Filters(**arguments, agent=settings().includes_agents(agent))


def chosen_filters(arguments: ChosenArguments) -> Filters:
    """Return the filters of a request that chooses sessions to change."""
    conditions = {name: value for name, value in arguments.items() if name != "in_project"}
    given = {**conditions, "project_id": arguments.get("in_project")}
    return filters_of(cast(FilterArguments, given), None)
