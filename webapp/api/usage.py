"""The JSON route of tokens and costs."""

from typing import cast

from flask import Blueprint

from hermes_sessions.results import UsageBy, total_usage

from ..request_context import sessions
from . import routing, schemas

blueprint = Blueprint("usage", __name__)


@routing.get(blueprint, "/api/usage")
def add_up_usage(
    by: UsageBy = "day", since: float | None = None, agent: bool = True, hidden: bool = True
) -> schemas.Usage:
    """Add up sessions, messages, tokens and costs for each day, model, source, project or profile.

    `since` leaves out sessions whose last activity was before that time, in seconds since the epoch. Agents'
    conversations and hidden sessions are counted unless `agent` or `hidden` is false.
    """
    usage = sessions().usage(by=by, since=since, agent=agent, hidden=hidden)
    total, *sums = [cast(schemas.UsageSums, each.as_dict()) for each in (total_usage(usage), *usage)]
    return {"by": by, "since": since, "usage": sums, "total": total}
