"""JSON routes of tags: which there are, those of a session, and changes of a tag everywhere."""

from functools import partial

from flask import Blueprint

from .. import actions
from ..request_context import sessions
from . import routing, schemas
from .arguments import SessionId
from .entries import list_entry, report_of

blueprint = Blueprint("tags", __name__)
get, post = partial(routing.get, blueprint), partial(routing.post, blueprint)


@get("/api/tags")
def list_tags() -> schemas.Tags:
    """List the tags, the most frequent first, and how many sessions have each, the agents' among them."""
    return {"tags": [{"name": name, "count": count} for name, count in sessions().tags().items()]}


@post("/api/session/tags")
def tag_session(
    session_id: SessionId, add: list[str] | None = None, remove: list[str] | None = None
) -> schemas.SuccessWithSession:
    """Remove tags from a session, of the web UI or of the agent, and add others.

    A tag that stands in the title, as a word with `#` before it, cannot be removed.
    """
    return {"ok": True, "session": list_entry(actions.tag(session_id, add or [], remove or []))}


@post("/api/tags/rename")
def rename_tag(old: str, new: str) -> schemas.ManyChanged:
    """Give a tag another name everywhere, or merge it with the tag of that name.

    Sessions in whose titles it stands are among the `failed`.
    """
    return report_of(sessions().rename_tag(actions.known_tag(old), new))


@post("/api/tags/remove")
def remove_tag(name: str) -> schemas.ManyChanged:
    """Remove a tag from all sessions. Those in whose titles it stands are among the `failed`."""
    return report_of(sessions().remove_tag(actions.known_tag(name)))


@post("/api/tags/restore")
def restore_tag(name: str) -> schemas.ManyChanged:
    """Take back the latest renaming or removal of a tag, of the last 30 days, also in the trash."""
    return report_of(actions.restore_tag(name))
