"""Importing a conversation from an exported file."""

from typing import Any

from flask import Blueprint, Response, request

from hermes_sessions import json_text
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
    """Store the form's file, a JSON export, as a new conversation and show it."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidValue("Choose a file to import.")
    session = sessions().import_document(_document(file.stream.read()))
    return rendering.see_other(links.session_link(session.session_id, done="import"))


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json_text.decode(content)
    except json_text.Malformed:
        document = None
    if not isinstance(document, dict):
        raise InvalidValue("This file is not an exported conversation: it does not contain a JSON object.")
    return document
