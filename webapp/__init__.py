"""The web front end: a thin Flask application over one repository, and the server that runs it."""

from .app import create_app
from .security.logins import set_password
from .server import serve

__all__ = ["create_app", "serve", "set_password"]
