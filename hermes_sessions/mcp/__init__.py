"""A server of the Model Context Protocol, with which agents search and read conversations."""

from typing import TYPE_CHECKING

from ..loading import load_on_use

if TYPE_CHECKING:
    from .home import BackgroundHome
    from .server import create_server, serve

__all__ = ["BackgroundHome", "create_server", "serve"]

_NAMES = {"home": "BackgroundHome", "server": "create_server serve"}
if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = load_on_use(__name__, _NAMES)
