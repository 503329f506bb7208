"""The JSON route of tokens and costs."""

from typing import Unpack, cast

from flask import Blueprint

from hermes_sessions.results import Filters, UsageBy

from ..request_context import sessions
from . import routing, schemas
from .filters import SumArguments

blueprint = Blueprint("usage", __name__)


@routing.get(blueprint, "/api/usage")
def add_up_usage(
    by: UsageBy = "day",
    then: UsageBy | None = None,
    agent: bool = True,
    hidden: bool = True,
    **given: Unpack[SumArguments],
) -> schemas.Usage:
    """Add up sessions, messages, tokens and costs for each day, model and so on, and in each for each `then`.

    The other arguments are the filters of the list of sessions: `since` leaves out sessions whose last
    activity was before that time, in seconds since the epoch, and `until` those from then on. Agents'
    conversations and hidden sessions are counted unless `agent` or `hidden` is false. The total counts each
    session once, also one with several tags. `warnings` name what could not be read, whose figures are as it
    was last read. The page's `/usage.csv` has them as a list in JSON in the header `Hermes-Warnings`.
    """
    filters = Filters(**given, agent=agent, hidden=hidden)
    usage = sessions().usage(by=[by] if then is None else [by, then], filters=filters)
    total = sessions().usage_total(filters)
    summed, *sums = [cast(schemas.UsageSums, each.as_dict()) for each in (total, *usage)]
    return {
        "by": by,
        "then": then,
        "since": filters.since,
        "usage": sums,
        "total": summed,
        "warnings": list(usage.warnings),
    }
