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
from .base import (
    apply_to_each,
    exit_with,
    filter_options,
    json_option,
    no_agent_option,
    redact_option,
    time_option,
)
from .chosen import find_id, id_argument
from .home import SelectedHome
from .projects import find_project_id
from .terminal import Bar, escaped, report, visible, visible_text, warn

if TYPE_CHECKING:
    from ..repository import SessionRepository


@click.command()
@id_argument
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option(
    "--format", "kind", type=click.Choice(get_args(ExportFormat)), default="json", show_default=True
)
@click.option("--force", is_flag=True, help="Overwrite the file if there is one.")
@redact_option
@click.pass_obj
def export(
    home: SelectedHome,
    /,
    *,
    session_id: str,
    output: Path | None,
    kind: ExportFormat,
    force: bool,
    redact: bool,
) -> None:
    """Print a session as JSON, Markdown or HTML.

    The verb import reads the JSON. The HTML is one file that needs no other.
    """
    if output is not None and output.is_file() and not force:
        raise click.ClickException(f"{visible(str(output))} exists. Add --force to overwrite it.")
    with home.open() as sessions:
        text = sessions.export(find_id(sessions, session_id), kind, redact=redact)
    text = escaped(text) + "\n" if kind == "json" else text
    if output is None:
        click.echo((text if kind == "json" else visible_text(text)).encode(), nl=False)
        return
    mode = "w" if output.exists() else "x"  # what is there may be a pipe
    with (
        storing(f"cannot write {output}"),
        open(output, mode, encoding="utf-8", opener=modes.create_file) as file,  # for the opener
    ):
        file.write(text)


@click.command("export-all")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--format", "kind", type=click.Choice(get_args(ExportFormat)), default="markdown", show_default=True
)
@filter_options
@time_option("--since", help="Only sessions last active at or after this date.")
@time_option("--until", help="Only sessions last active before this date.")
@no_agent_option
@click.option("--hidden/--no-hidden", default=True, help="Include hidden sessions.  [default: include]")
@redact_option
@json_option
@click.pass_obj
def export_all(
    home: SelectedHome,
    /,
    *,
    folder: Path,
    kind: ExportFormat,
    project: str | None,
    redact: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Write each session into a file of a folder.

    Run again for the same DIR, it writes only what has changed, and removes the files of sessions that are
    gone or that the filters leave out. A file keeps its name when the title of its session changes.
    """
    with home.open() as sessions, Bar("Writing") as bar:
        filters["project_id"] = find_project_id(sessions, project)
        made = sessions.export_all(folder, format=kind, redact=redact, progress=bar, **filters)
    warn(made.warnings)
    counts = f"{len(made.written):,} written, {made.unchanged:,} unchanged, {len(made.removed):,} removed"
    report(made.as_dict(), counts, as_json)
    warn(f"{session_id}: {reason}" for session_id, reason in made.failed.items())
    exit_with(made.failed)


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
