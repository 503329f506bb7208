"""The HTML pages and their forms; all work without JavaScript."""

from flask import Blueprint

from . import (
    conversation,
    forms,
    health,
    import_file,
    outline,
    places,
    selection,
    session_list,
    trash,
    usage,
)

blueprint = Blueprint("pages", __name__)
for part in (
    session_list,
    selection,
    conversation,
    outline,
    forms,
    import_file,
    trash,
    places,
    health,
    usage,
):
    blueprint.register_blueprint(part.blueprint)
