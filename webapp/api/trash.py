"""JSON routes of the trash."""

from collections.abc import Iterable
from functools import partial
from typing import cast

from flask import Blueprint

from hermes_sessions.errors import InvalidValue
from hermes_sessions.results import Trashed

from ..request_context import sessions
from . import routing, schemas
from .arguments import SessionId

blueprint = Blueprint("trash", __name__)
get, post = partial(routing.get, blueprint), partial(routing.post, blueprint)


@get("/api/trash")
def list_trash(limit: int | None = None, cursor: str | None = None) -> schemas.Trash:
    """List what is in the trash, latest first: every version, those of one session together if in pages.

    `limit` is the largest number of sessions to return, by default all; `cursor` is the `next_cursor` of the
    page before. An answer to one of them has `next_cursor`, null after the last page, and `total`, a number
    of sessions.
    """
    if limit is None and cursor is None:
        return {"trash": _described(sessions().trash())}
    page = sessions().trashed(limit=limit, cursor=cursor)
    versions = [version for each in page for version in each.versions]
    return {"trash": _described(versions), "next_cursor": page.next_cursor, "total": page.total}


def _described(versions: Iterable[Trashed]) -> list[schemas.TrashedVersion]:
    return [cast(schemas.TrashedVersion, each.as_dict()) for each in versions]


@post("/api/trash/purge")
def purge_trash(session_id: SessionId | None = None, all: bool = False) -> schemas.Purged:
    """Delete permanently what is in the trash: every version of one session, or with `all` everything."""
    if all == (session_id is not None):
        raise InvalidValue("send either session_id, or all: true")
    purged = sessions().purge(older_than=0) if session_id is None else sessions().erase(session_id)
    return {"ok": True, "purged": purged}
