"""JSON route of those settings of the web UI that are followed here."""

from flask import Blueprint

from ..request_context import settings
from . import routing, schemas

blueprint = Blueprint("settings", __name__)


@routing.get(blueprint, "/api/settings")
def show_settings() -> schemas.Settings:
    """Return the web UI's settings that are followed here.

    These are `show_cli_sessions`, whether lists include the agents' conversations, and `api_redact_enabled`,
    whether credentials are masked. They are the defaults if the settings cannot be read.
    """
    return {
        "show_cli_sessions": settings().includes_agents(None),
        "api_redact_enabled": settings().mask_credentials,
    }
