"""Many conversations of the list at once: which they are, beyond its first page, and their archive."""

from collections.abc import Sequence
from typing import TypedDict

from flask import Blueprint, Response, request

from hermes_sessions.errors import InvalidValue
from hermes_sessions.model import Summary

from .. import actions
from ..api.encoding import json_response
from ..request_context import sessions, settings
from . import links, list_filters
from .lost import shown_notices

blueprint = Blueprint("selection", __name__)

ARCHIVE_NAME = "conversations.zip"


@blueprint.get("/selection")
def show() -> Response:
    """Return what the page's script knows of each selected conversation, of all that the list would show."""
    page = actions.matching(links.search_text(), list_filters.read_filters())
    held = sessions().held_by_agent(page)
    chosen = [_described(each, held=each.session_id in held) for each in page]
    return json_response({"sessions": chosen, "warnings": shown_notices(page.warnings)[0]})


class _Described(TypedDict):
    session_id: str
    project_id: str | None
    tags: Sequence[str]
    held: bool
    pinned: bool
    archived: bool


def _described(summary: Summary, *, held: bool) -> _Described:
    return {
        "session_id": summary.session_id,
        "project_id": summary.project_id,
        "tags": summary.tags,
        "held": held,
        "pinned": summary.pinned,
        "archived": summary.archived,
    }


@blueprint.post("/export.zip")
def export() -> Response:
    """Send the conversations of the form's field `session_ids`, ids apart by spaces, as Markdown files."""
    parts = sessions().export_zip(_chosen(), redact=settings().mask_credentials)
    headers = {"Content-Disposition": f"attachment; filename={ARCHIVE_NAME}", "Cache-Control": "no-store"}
    return Response(parts, mimetype="application/zip", headers=headers)


def _chosen() -> list[str]:
    ids = request.form.get("session_ids", "").split()
    if not ids:
        raise InvalidValue("session_ids is missing")
    return list(dict.fromkeys(ids))
