"""The verb `mcp`: a server with which agents search and read conversations, which needs the extra ``mcp``."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

from .home import SelectedHome

OWN_ENVIRONMENT = "an environment of its own, for example with: pipx install 'hermes-sessions[mcp]'"


@click.command()
@click.option(
    "--allow-changes",
    is_flag=True,
    help="Also let agents rename, file, tag, archive and delete conversations.",
)
@click.pass_obj
def mcp(home: SelectedHome, allow_changes: bool) -> None:
    """Let agents search and read conversations over MCP.

    A client of the Model Context Protocol, such as the Hermes agent, starts this command and speaks to it
    over standard input and output. It ends when the input does. Without --allow-changes, agents can change
    nothing.
    """
    from ..mcp import BackgroundHome

    try:
        from ..mcp import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "hermes_sessions":
            raise
        raise click.ClickException(
            f"The MCP server needs the package mcp. Install it in {OWN_ENVIRONMENT}"
        ) from error
    check_sdk(version("mcp"))
    if sys.stdin.isatty():
        click.echo("Waiting for an MCP client on standard input. Ctrl+C ends the server.", err=True)
    serve(BackgroundHome(lambda progress: home.open(progress=progress)), allow_changes=allow_changes)


def check_sdk(installed: str) -> None:
    """Raise the error for an older SDK, as the Hermes agent brings it into its environment."""
    if installed.partition(".")[0] == "1":
        raise click.ClickException(
            f"The MCP server needs version 2 of the package mcp, and {installed} is installed. Install it in "
            f"{OWN_ENVIRONMENT}"
        )
