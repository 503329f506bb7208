"""Importing a conversation from an exported file."""

from flask import Blueprint, Response, request

from hermes_sessions.errors import InvalidValue

from ..request_context import sessions
from . import links, rendering

blueprint = Blueprint("import", __name__)


@blueprint.get("/import")
def show() -> Response:
    """Ask for a file."""
    return rendering.page("import.html")


@blueprint.post("/import")
def import_file() -> Response:
    """Store the conversations of the form's file and show it, or the list if there are several."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidValue("Choose a file to import.")
    imported = sessions().import_export(file.stream.read())
    changed = "-changed" if imported.warnings else ""
    if len(imported) > 1:
        return rendering.see_other(links.list_link(done=f"import-many{changed}"))
    return rendering.see_other(links.session_link(imported[0].session_id, done=f"import{changed}"))
