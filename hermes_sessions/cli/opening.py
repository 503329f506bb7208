"""The verb `open`: the page of a session in the browser."""

from __future__ import annotations

from urllib.parse import quote

import click

from ..announcement import announced_url
from .chosen import find_id, id_argument
from .home import SelectedHome

NOT_RUNNING = "No server is running over this home. Start one with `hermes-sessions serve`, or give --url."


@click.command("open")
@id_argument
@click.option("--url", help="Address of the server.  [default: that of the server running over this home]")
@click.option("--print", "prints", is_flag=True, help="Print the address of the page, and open nothing.")
@click.pass_obj
def open_page(home: SelectedHome, session_id: str, url: str | None, prints: bool) -> None:
    """Open a session in the browser, on a server that is running."""
    with home.open() as sessions:
        found = find_id(sessions, session_id)
        server = url or announced_url(sessions.own_folder)
    if server is None:
        raise click.ClickException(NOT_RUNNING)
    page = f"{server.rstrip('/')}/session/{quote(found)}"
    click.echo(page)
    if not prints and click.launch(page):
        raise click.ClickException("No browser was found on this machine. Open the address in one.")
