"""What a handler needs of its application and its request: the repository, and the web UI's settings."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import Flask, current_app, g, request

from hermes_sessions.config import Config, is_profile
from hermes_sessions.errors import StorageError, Unreadable
from hermes_sessions.file_value import FileValue
from hermes_sessions.repository import SessionRepository
from hermes_sessions.results import RestrictionKind
from hermes_sessions.settings import active_profile as home_profile
from hermes_sessions.settings import read_settings, settings_file

REPOSITORY, SETTINGS = "hermes_sessions", "hermes_settings"  # the names of extensions
PROFILE_COOKIE = "hermes_profile"
BACKGROUND = ("cron", "webhook", "kanban")


@dataclass(frozen=True, slots=True)
class WebUISettings:
    """The settings of the web UI that are followed here.

    `show_agents` is whether lists include the agents' conversations, None if the settings do not say.
    `shown_background` and `previous_messaging` are those of `SidebarRequest`.
    `problem` says why the settings cannot be read; credentials are masked then.
    """

    mask_credentials: bool = True
    show_agents: bool | None = None
    shown_background: frozenset[str] = frozenset()
    previous_messaging: bool = False
    problem: str | None = None

    def includes_agents(self, asked: bool | None) -> bool:
        """Whether an API's list includes the agents' conversations: as asked, else by the settings."""
        return self.show_agents is True if asked is None else asked


def register(app: Flask, repository: SessionRepository) -> None:
    """Give the requests of `app` their repository, and the settings of its home."""
    config = repository.config
    app.extensions[REPOSITORY] = repository
    app.extensions[SETTINGS] = FileValue(settings_file(config), partial(_read_settings, config))


def repository_of(app: Flask) -> SessionRepository:
    """Return the repository of an application."""
    repository: SessionRepository = app.extensions[REPOSITORY]
    return repository


def sessions() -> SessionRepository:
    """Return the repository of this application."""
    return repository_of(current_app)


def is_client_there() -> Callable[[], bool]:
    """Return a function that says whether the client of this request still waits, as far as servers tell."""
    is_gone: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)
    return lambda: not is_gone()


def admit() -> None:
    """Note that this request has passed all checks, so that an error page may show the list beside it."""
    g.is_admitted = True


def forbid_list() -> None:
    """Show the error page of this request without the list, which may be what fails."""
    g.shows_list = False


def shows_list() -> bool:
    """Whether a page of this request has the list beside it."""
    return is_admitted() and g.get("shows_list", True) is True


def is_admitted() -> bool:
    """Whether whoever sent this request may see the conversations."""
    return g.get("is_admitted", False) is True


def reference() -> str:
    """Return what names this request in the log and on its error page."""
    if "reference" not in g:
        g.reference = secrets.token_hex(4)
    name: str = g.reference
    return name


def chosen_profile() -> str | None:
    """Return the profile that the client has switched to, as its cookie says; None if it never did.

    The web UI sets the cookie, and signs it if it has a password. Here it chooses what is listed and protects
    nothing, so the signature is ignored.
    """
    chosen = request.cookies.get(PROFILE_COOKIE, "").partition(".")[0]
    return chosen if is_profile(chosen) else None


def active_profile() -> str:
    """Return the profile that the client sees: the one that it has switched to, or else that of the home."""
    return chosen_profile() or home_profile(sessions().config)


def open_streams() -> int:
    """Return how many event streams of this application are open."""
    count: int = current_app.extensions["hermes_live"].open_streams
    return count


def is_read_only(repository: SessionRepository) -> bool:
    """Whether nothing at all can be changed in a home, not even its trash."""
    restriction = repository.restriction
    return restriction is not None and restriction.kind is RestrictionKind.READ_ONLY


def settings() -> WebUISettings:
    """Return the web UI's settings, which are the same all through a request."""
    if "settings" not in g:
        g.settings = home_settings(current_app)
    known: WebUISettings = g.settings
    return known


def home_settings(app: Flask) -> WebUISettings:
    """Return the web UI's settings as they are now."""
    settings_of: FileValue[WebUISettings] = app.extensions[SETTINGS]
    try:
        return settings_of.get()
    except (Unreadable, StorageError) as error:
        return WebUISettings(problem=str(error))


def warnings() -> list[str]:
    """Return the warning about the settings as a list, empty if they can be read."""
    problem = settings().problem
    return [] if problem is None else [problem]


def _read_settings(config: Config) -> WebUISettings:
    stored = read_settings(config)
    show_agents = stored.get("show_cli_sessions")
    return WebUISettings(
        shown_background=frozenset(
            source for source in BACKGROUND if stored.get(f"show_{source}_sessions") is True
        ),
        previous_messaging=stored.get("show_previous_messaging_sessions") is True,
        mask_credentials=stored.get("api_redact_enabled") is not False,
        show_agents=show_agents if isinstance(show_agents, bool) else None,
    )
