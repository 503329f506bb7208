"""JSON routes of those settings of the web UI that are followed here."""

from functools import partial

from flask import Blueprint, g

from hermes_sessions.settings import change_settings

from ..request_context import sessions, settings
from . import routing, schemas
from .arguments import UNCHANGED

blueprint = Blueprint("settings", __name__)
get, post = partial(routing.get, blueprint), partial(routing.post, blueprint)


@get("/api/settings")
def show_settings() -> schemas.Settings:
    """Return the web UI's settings that are followed here.

    These are `show_cli_sessions`, whether lists include the agents' conversations, and `api_redact_enabled`,
    whether credentials are masked. They are the defaults if the settings cannot be read.
    """
    return {
        "show_cli_sessions": settings().includes_agents(None),
        "api_redact_enabled": settings().mask_credentials,
    }


@post("/api/settings")
def save_settings(
    show_cli_sessions: bool = UNCHANGED, api_redact_enabled: bool = UNCHANGED
) -> schemas.Settings:
    """Change the settings that are sent, in the web UI's file, and return them. Its other settings stay."""
    sent = {"show_cli_sessions": show_cli_sessions, "api_redact_enabled": api_redact_enabled}
    changes = {name: on for name, on in sent.items() if on is not UNCHANGED}
    change_settings(sessions().config, sessions().locks, changes)
    g.pop("settings", None)  # the answer to this request follows the new ones
    return show_settings()
