"""What every handler asks of the store: the repository, the web UI's settings, and masked entries."""

from collections.abc import Callable
from typing import Any

from flask import current_app, g

from hermes_sessions.config import read_settings
from hermes_sessions.errors import StorageError, Unreadable
from hermes_sessions.messages import mask_all
from hermes_sessions.model import Session, Summary
from hermes_sessions.repository import SessionRepository

# What people and models wrote. Ids, paths and models stay as they are: the client sends them back.
WRITTEN = (
    "title",
    "parent_title",
    "pending_user_message",
    "pending_attachments",
    "messages",
    "tool_calls",
    "composer_draft",
    "compression_anchor_summary",
)


def sessions() -> SessionRepository:
    """Return the repository of this application."""
    repository: SessionRepository = current_app.extensions["hermes_sessions"]
    return repository


def settings_problem() -> str | None:
    """Return in words why the web UI's settings cannot be read, None if they can."""
    return _settings()[1]


def redacting() -> bool:
    """Whether credentials are masked: unless the settings say otherwise, so also if they cannot be read."""
    return _settings()[0].get("api_redact_enabled") is not False


def showing_agents() -> bool:
    """Whether the web UI's list has the agents' conversations: only if the settings say so."""
    return _settings()[0].get("show_cli_sessions") is True


def hiding_agents() -> bool:
    """Whether the settings say that the agents' conversations are not wanted."""
    return _settings()[0].get("show_cli_sessions") is False


def masker() -> Callable[[Any], Any]:
    """Return what makes a value safe to show: credentials masked, or the value as it is."""
    return mask_all if redacting() else lambda value: value


def masked(entry: dict[str, Any]) -> Any:
    """Return an object with what people and models wrote in it made safe to show; `answers` names shapes."""
    return masked_all([entry])[0]


def masked_all(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of sessions as `masked` does."""
    return [_masked(entry) for entry in entries] if redacting() else entries


def _masked(entry: dict[str, Any]) -> dict[str, Any]:
    written = {key: value for key in WRITTEN if (value := entry.get(key))}
    safe = {key: mask_all(value) for key, value in written.items()}
    return entry if safe == written else entry | safe


def entry_of(session: Summary | Session) -> Any:
    """Return the list entry of a session, safe to show, an `answers.Entry`."""
    summary = session if isinstance(session, Summary) else session.summary()
    return masked(summary.as_dict())


def _settings() -> tuple[dict[str, Any], str | None]:
    """Read the settings once a request."""
    if "settings" not in g:
        try:
            g.settings = (read_settings(sessions().config), None)
        except (Unreadable, StorageError) as error:
            g.settings = ({}, str(error))
    found: tuple[dict[str, Any], str | None] = g.settings
    return found
