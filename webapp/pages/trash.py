"""The trash: what is in it, and the forms that restore it or delete it permanently."""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from flask import Blueprint, Response, request, url_for

from hermes_sessions.errors import NotFound, SessionsError
from hermes_sessions.repository import RETENTION_SECONDS
from hermes_sessions.results import Trashed

from .. import actions
from ..request_context import sessions
from . import links, rendering

blueprint = Blueprint("trash", __name__)

# Why a version can be in the trash although nobody deleted its conversation.
OTHER_REASONS = ("replaced", "rescued")


class TrashedSession(NamedTuple):
    """The versions of a session in the trash, latest first; `exists` if it was not deleted itself."""

    session_id: str
    title: str
    versions: Sequence[Trashed]
    exists: bool


@blueprint.get("/trash")
def show() -> Response:
    """Show what is in the trash."""
    return rendering.page(
        "trash.html",
        trash=trashed_sessions(sessions().trash()),
        expired=len(sessions().would_purge()),
        days_left=days_left,
    )


@blueprint.post("/trash/<session_id>/restore")
def restore(session_id: str) -> Response:
    """Restore a conversation and show it."""
    actions.restore(session_id)
    return rendering.see_other(links.session_link(session_id, done="restore"))


@blueprint.post("/trash/<session_id>/erase")
def erase(session_id: str) -> Response:
    """Delete every version of one conversation permanently."""
    sessions().erase(session_id)
    return rendering.see_other(url_for("pages.trash.show", done="purge"))


@blueprint.post("/trash/purge")
def purge() -> Response:
    """Delete permanently what is older than the retention time, with `all=1` everything."""
    sessions().purge(older_than=0.0 if request.form.get("all") == "1" else None)
    return rendering.see_other(url_for("pages.trash.show", done="purge"))


def trashed_sessions(versions: Sequence[Trashed]) -> list[TrashedSession]:
    """Return the versions in the trash grouped by their sessions, in the order of their latest versions."""
    by_session: dict[str, list[Trashed]] = {}
    for version in versions:
        by_session.setdefault(version.session_id, []).append(version)
    return [
        TrashedSession(session_id, group[0].title, group, _may_exist(group) and _exists(session_id))
        for session_id, group in by_session.items()
    ]


def _may_exist(versions: Sequence[Trashed]) -> bool:
    """Whether nobody deleted the session; the question saves the 17 ms that looking for each one takes."""
    return all(version.why in OTHER_REASONS for version in versions)


def _exists(session_id: str) -> bool:
    try:
        return not sessions().summary(session_id).of_agent
    except NotFound:
        return False
    except SessionsError:  # it exists, although it cannot be read
        return True


def days_left(deleted_at: float, now: float | None = None) -> int:
    """Return for how many days more a version is kept, at least 0; times in seconds since the epoch."""
    elapsed = (time.time() if now is None else now) - deleted_at
    return max(0, math.ceil((RETENTION_SECONDS - elapsed) / 86_400))
