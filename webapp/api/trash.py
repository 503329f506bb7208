"""JSON routes of the trash."""

from functools import partial
from typing import cast

from flask import Blueprint

from hermes_sessions.errors import InvalidValue

from ..request_context import sessions
from . import routing, schemas
from .arguments import SessionId

blueprint = Blueprint("trash", __name__)
get, post = partial(routing.get, blueprint), partial(routing.post, blueprint)


@get("/api/trash")
def list_trash() -> schemas.Trash:
    """List what is in the trash, latest first."""
    versions = [each.as_dict() for each in sessions().trash()]
    return {"trash": [cast(schemas.TrashedVersion, version) for version in versions]}


@post("/api/trash/purge")
def purge_trash(session_id: SessionId | None = None, all: bool = False) -> schemas.Purged:
    """Delete permanently what is in the trash: every version of one session, or with `all` everything."""
    if all == (session_id is not None):
        raise InvalidValue("send either session_id, or all: true")
    purged = sessions().purge(older_than=0) if session_id is None else sessions().erase(session_id)
    return {"ok": True, "purged": purged}
