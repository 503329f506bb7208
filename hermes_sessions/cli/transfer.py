"""The verbs `export` and `import`: a session as a file, and a file as a session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, get_args

import click

from .. import modes
from ..errors import storing
from ..messages import mask_all
from ..results import ExportFormat
from .base import apply_to_each, exit_with, id_argument, json_option, redact_option
from .home import SelectedHome
from .terminal import escaped, report, visible, visible_text

if TYPE_CHECKING:
    from ..repository import SessionRepository


@click.command()
@id_argument
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option(
    "--format", "kind", type=click.Choice(get_args(ExportFormat)), default="json", show_default=True
)
@redact_option
@click.pass_obj
def export(
    home: SelectedHome, session_id: str, output: Path | None, kind: ExportFormat, redact: bool
) -> None:
    """Print a session as JSON, Markdown or HTML.

    The verb import reads the JSON. The HTML is one file that needs no other.
    """
    with home.open() as sessions:
        text = sessions.export(session_id, kind, redact=redact)
    text = escaped(text) + "\n" if kind == "json" else text
    if output is None:
        click.echo((text if kind == "json" else visible_text(text)).encode(), nl=False)
        return
    with (
        storing(f"cannot write {output}"),
        open(output, "w", encoding="utf-8", opener=modes.create_file) as file,  # for the opener
    ):
        file.write(text)


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.File("rb"))
@json_option
@click.pass_obj
def import_files(home: SelectedHome, files: Sequence[IO[bytes]], as_json: bool) -> None:
    """Store exported conversations as new sessions.

    Reads the JSON exports of the web UI and of hermes-sessions, and what the agent's `hermes sessions export`
    writes: one conversation, a list, or one in each line. Each gets a new id. A FILE named - is standard
    input.
    """
    with home.open(create=True) as sessions:
        imported, failed = apply_to_each(files, file_name, partial(import_file, sessions))
    text = "\n".join(
        f"{name}: {entry['session_id']} {visible(entry['title'])}"
        for name, entries in imported.items()
        for entry in entries
    )
    report({"imported": list(chain.from_iterable(imported.values())), "failed": failed}, text, as_json)
    exit_with(failed)


def file_name(file: IO[bytes]) -> str:
    """Return the name of a file of the command line; a pipe has none."""
    return str(getattr(file, "name", "-"))


def import_file(sessions: SessionRepository, file: IO[bytes]) -> list[dict[str, Any]]:
    """Store the conversations of one file and return their list entries; print what the file warns of."""
    imported = sessions.import_export(file.read())
    for warning in imported.warnings:
        click.echo(f"{file_name(file)}: {visible(warning)}", err=True)
    return [mask_all(session.summary().as_dict()) for session in imported]
