"""The filters that a query names, declared once for the routes that list and search."""

from typing import TypedDict

from hermes_sessions.results import Filters
from hermes_sessions.sources import SourceName

from ..request_context import settings


class SumArguments(TypedDict, total=False):
    """The filters of the library but `agent` and `hidden`."""

    profile: str | None
    project_id: str | None
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


class FilterArguments(SumArguments, total=False):
    """The filters of the library but `agent`, whose default is a setting."""

    hidden: bool


def filters_of(arguments: FilterArguments, agent: bool | None) -> Filters:
    """Return the filters of a request; `agent` is what it says of the agents' conversations."""
    return Filters(**arguments, agent=settings().includes_agents(agent))
