"""The verb `serve`: the web pages and the HTTP API, which need the extra ``web``."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from ..config import resolve_server
from .home import SelectedHome


@click.command()
@click.option("--host", help="Address to listen on.  [default: $HERMES_WEBUI_HOST, or 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port.  [default: $HERMES_WEBUI_PORT, or the first free one from 8787 to 8797]",
)
@click.option(
    "--hosts",
    multiple=True,
    metavar="NAME",
    help="Another host name of this server, such as a proxy's; repeatable.  [also: $HERMES_WEBUI_HOSTS]",
)
@click.option(
    "--trusted-proxy",
    multiple=True,
    metavar="ADDRESS|NETWORK",
    help="Believe X-Forwarded-For of this proxy; repeatable.  [also: $HERMES_WEBUI_TRUSTED_PROXIES]",
)
@click.option(
    "--workers", type=click.IntRange(1, 32), default=1, show_default=True, help="Number of processes."
)
@click.option("--access-log", metavar="FILE", help="Log requests to this file; - is standard output.")
@click.option("--open", "opens_browser", is_flag=True, help="Open the list in the browser.")
@click.option("--set-password", is_flag=True, help="Ask for a new password, store its hash, and exit.")
@click.pass_obj
def serve(
    home: SelectedHome, /, *, host: str | None, port: int | None, set_password: bool, **options: Any
) -> None:
    """Serve the web pages and the HTTP API.

    The server runs until it is interrupted.
    """
    config, server = home.config(), resolve_server(host, port, **options)
    try:
        webapp = import_module("hermes_sessions.webapp")  # mypy knows it as `webapp`
        if set_password:
            webapp.set_password(config.state_dir, new_password())
            click.echo("Password set. Restart a server that is running, so that it asks for it.")
            return
        # With a progress bar for a first import; the server has none.
        home.open().close()
        webapp.serve(config, server)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "hermes_sessions":
            raise
        raise click.ClickException(
            f"The web server needs the package {error.name}. "
            "Install it with: pip install 'hermes-sessions[web]'"
        ) from error


def new_password() -> str:
    """Ask for a password twice without echo; without a terminal, read a line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
