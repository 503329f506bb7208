"""The command line: arguments into one call of the repository, its answer into text. No rule lives here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import click

from ..config import resolve_server
from ..demo import home as demonstration
from ..errors import Unreadable, storing
from ..fields import UNTITLED
from ..index import upgrades
from ..messages import mask_all
from ..model import Summary, pending
from ..repository import SessionRepository
from ..results import SyncReport
from . import care
from .agent import agent
from .base import Home, Verbs, each, json_option, off_option, redact_option
from .projects import find_project, project_names, projects
from .search import search
from .terminal import Bar, escaped, masked, print_json, print_table, report, visible, visible_text, warn
from .text import LISTED, SOURCES, list_row, print_heading, print_messages
from .usage import usage

FORMATS = ("json", "markdown", "html")


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hermes-sessions")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    help="The web UI's folder.  [default: $HERMES_WEBUI_STATE_DIR, or webui in the Hermes home]",
)
@click.option("--hermes-home", type=click.Path(path_type=Path), help="[default: $HERMES_HOME, or ~/.hermes]")
@click.option("--profile", help="The active profile.  [default: $HERMES_PROFILE, or default]")
@click.pass_context
def main(
    context: click.Context, state_dir: Path | None, hermes_home: Path | None, profile: str | None
) -> None:
    """Every Hermes conversation: list, read, sort, export and serve them.

    Exit codes: 0 done, 1 not found or a problem, 2 wrong use.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a TextIOWrapper in a program
    context.obj = Home(state_dir, hermes_home, profile)


# ---- lists and sessions ---------------------------------------------------------------------------------


@main.command("list")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--cursor", help="Go on where a list with --limit ended.")
@click.option("--profile", help="Only sessions of this profile.")
@click.option("--project", help="Only sessions of this project, by its id or name.")
@click.option("--source", type=click.Choice(SOURCES), help="Only sessions that began there.")
@click.option("--archived/--no-archived", default=None, help="Only archived ones, or none of them.")
@click.option("--agent", is_flag=True, help="Also the agents' conversations: command line, messengers, ...")
@click.option("--hidden", is_flag=True, help="Also what the sidebar hides: empty ones, scheduled jobs.")
@redact_option
@json_option
@click.pass_obj
def list_sessions(home: Home, /, *, project: str | None, redact: bool, as_json: bool, **filters: Any) -> None:
    """List the sessions, pinned ones first, then the newest activity."""
    with home.open() as sessions:
        project_id = None if project is None else find_project(sessions, project).project_id
        page = sessions.list(project_id=project_id, **filters)
        names = {} if as_json else project_names(sessions)
    warn(page.warnings)
    if as_json:
        entries = masked([summary.as_dict() for summary in page.items], redact)
        rest = {"next_cursor": page.next_cursor, "total": page.total, "warnings": page.warnings}
        print_json({"sessions": entries, **rest})
        return
    print_table(LISTED, [list_row(summary, names, redact) for summary in page.items])
    if page.next_cursor:
        of = f"{len(page.items)} of {page.total} sessions"
        click.echo(f"{of}; go on with --cursor {page.next_cursor}", err=True)


@main.command()
@click.argument("session_id", metavar="ID")
@click.option("--messages", "limit", type=click.IntRange(0), help="Only the last so many messages.")
@click.option("--before", type=click.IntRange(0), help="Only messages before this index.")
@redact_option
@json_option
@click.pass_obj
def show(home: Home, /, *, session_id: str, redact: bool, as_json: bool, **range_: Any) -> None:
    """Show one session with its messages."""
    with home.open() as sessions:
        summary = sessions.summary(session_id)
        page = sessions.messages(session_id, **range_)
        names = {} if as_json else project_names(sessions)
    if as_json:
        place = {"_messages_offset": page.offset, "_messages_truncated": page.offset > 0}
        shown = summary.as_dict() | pending(summary) | {"messages": page.messages}
        print_json(masked(shown, redact) | place)
        return
    print_heading(summary, names, redact)
    print_messages(page, redact)
    if summary.waiting:
        said = masked(summary.pending_user_message or "", redact)
        click.echo(f"\nwaiting for an answer to: {visible_text(said)}")


# ---- changes --------------------------------------------------------------------------------------------


@main.command()
@click.argument("session_id", metavar="ID")
@click.argument("title")
@json_option
@click.pass_obj
def rename(home: Home, session_id: str, title: str, as_json: bool) -> None:
    """Give a session a title."""
    with home.open() as sessions:
        summary = sessions.update(session_id, title=title.strip() or UNTITLED)
    report_change(summary, f"is now {summary.title}", as_json)


@main.command()
@click.argument("session_id", metavar="ID")
@off_option
@json_option
@click.pass_obj
def pin(home: Home, session_id: str, off: bool, as_json: bool) -> None:
    """Keep a session at the top of the list."""
    with home.open() as sessions:
        summary = sessions.update(session_id, touch=False, pinned=not off)
    report_change(summary, "pinned" if summary.pinned else "no longer pinned", as_json)


@main.command()
@click.argument("session_id", metavar="ID")
@off_option
@json_option
@click.pass_obj
def archive(home: Home, session_id: str, off: bool, as_json: bool) -> None:
    """Put a session aside."""
    with home.open() as sessions:
        summary = sessions.update(session_id, touch=False, archived=not off)
    report_change(summary, "archived" if summary.archived else "no longer archived", as_json)


@main.command()
@click.argument("session_id", metavar="ID")
@click.argument("project", required=False)
@click.option("--none", "nowhere", is_flag=True, help="Take it out of its project.")
@json_option
@click.pass_obj
def move(home: Home, session_id: str, project: str | None, nowhere: bool, as_json: bool) -> None:
    """Put a session into a PROJECT, named by its id or name."""
    if (project is None) != nowhere:
        raise click.UsageError("name a PROJECT, or say --none")
    with home.open() as sessions:
        found = None if project is None else find_project(sessions, project)
        summary = sessions.update(session_id, touch=False, project_id=found and found.project_id)
    report_change(summary, f"moved to {found.name}" if found else "in no project", as_json)


def report_change(summary: Summary, said: str, as_json: bool) -> None:
    """Print what became of a session."""
    report(mask_all(summary.as_dict()), f"{summary.session_id}: {said}", as_json)


@main.command()
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
@json_option
@click.pass_obj
def delete(home: Home, session_ids: Sequence[str], as_json: bool) -> None:
    """Move sessions to the trash."""
    with home.open() as sessions:
        deleted, failed = each(session_ids, str, sessions.delete)
    said = "\n".join(f"{session_id}: moved to the trash" for session_id in deleted)
    report({"deleted": list(deleted), "failed": failed}, said, as_json)
    sys.exit(1 if failed else 0)


for verb in (care.restore, care.trash, care.purge):
    main.add_command(verb)


@main.command()
@click.argument("session_id", metavar="ID")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="json", show_default=True)
@redact_option
@click.pass_obj
def export(home: Home, session_id: str, output: Path | None, kind: str, redact: bool) -> None:
    """Print a session as JSON, as import takes it, as Markdown, or as one HTML file."""
    with home.open() as sessions:
        text = sessions.export(session_id, kind, redact=redact)
    text = escaped(text) + "\n" if kind == "json" else text
    if output is None:
        click.echo((text if kind == "json" else visible_text(text)).encode(), nl=False)
        return
    with storing(f"cannot write {output}"):
        output.write_text(text, "utf-8")


@main.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.File("rb"))
@json_option
@click.pass_obj
def import_files(home: Home, files: Sequence[IO[bytes]], as_json: bool) -> None:
    """Store JSON exports as new sessions with new ids; - is standard input."""
    with home.open() as sessions:
        done, failed = each(files, file_name, partial(import_file, sessions))
    said = "\n".join(
        f"{name}: {entry['session_id']} {visible(entry['title'])}" for name, entry in done.items()
    )
    report({"imported": list(done.values()), "failed": failed}, said, as_json)
    sys.exit(1 if failed else 0)


def file_name(file: IO[bytes]) -> str:
    """Return what to call a file that was named on the command line."""
    return str(getattr(file, "name", "-"))  # a pipe need not have one


def import_file(sessions: SessionRepository, file: IO[bytes]) -> dict[str, Any]:
    """Store one JSON export and return its list entry."""
    try:
        document = json.loads(file.read())
    except (ValueError, RecursionError) as error:
        raise Unreadable(Path(file_name(file)), str(error)) from error
    entry: dict[str, Any] = mask_all(sessions.import_document(document).summary().as_dict())
    return entry


for verb in (search, agent, projects, usage):
    main.add_command(verb)


# ---- the index ------------------------------------------------------------------------------------------


@main.command()
@json_option
@click.pass_obj
def sync(home: Home, as_json: bool) -> None:
    """Make the index agree with the files."""
    # Not opened: opening syncs, and would leave nothing to report.
    with SessionRepository(home.config()) as sessions:
        done = sessions.sync()
        unreadable = sessions.list(limit=1).warnings
    report_sync(done, unreadable, as_json)


@main.command()
@json_option
@click.pass_obj
def rebuild(home: Home, as_json: bool) -> None:
    """Read every file anew, and forget the sessions that have none."""
    # Not opened: opening refuses a folder that lost all its files, which is what this is for.
    with SessionRepository(home.config()) as sessions:
        with Bar("Reading sessions") as bar:
            done = sessions.rebuild(progress=bar)
        unreadable = sessions.list(limit=1).warnings
    report_sync(done, unreadable, as_json)


def report_sync(done: SyncReport, unreadable: Sequence[str], as_json: bool) -> None:
    """Print what a sync did; leave with 1 if it met files that it could not read."""
    counts = asdict(done)
    report(counts, ", ".join(f"{count} {name}" for name, count in counts.items()), as_json)
    warn(unreadable)
    sys.exit(1 if done.unreadable else 0)


@main.command("index-json")
@json_option
@click.pass_obj
def index_json(home: Home, as_json: bool) -> None:
    """Write the web UI's own _index.json anew, for going back to it."""
    with home.open() as sessions:
        count = sessions.write_web_ui_index()
    report({"sessions": count}, f"_index.json lists {count} sessions", as_json)


@main.group(cls=Verbs)
def db() -> None:
    """Look at the revision of the index, and change it."""


@db.command("upgrade")
@json_option
@click.pass_obj
def upgrade_index(home: Home, as_json: bool) -> None:
    """Bring the index to the newest revision, as every opening does."""
    upgrades.upgrade_index(home.config())
    report_revision(home, as_json)


@db.command("downgrade")
@json_option
@click.pass_obj
def downgrade_index(home: Home, as_json: bool) -> None:
    """Take the index back to nothing; the files stay, and the next opening reads them anew."""
    upgrades.downgrade_index(home.config())
    report_revision(home, as_json)


@db.command("current")
@json_option
@click.pass_obj
def current_revision(home: Home, as_json: bool) -> None:
    """Print the revision of the index."""
    report_revision(home, as_json)


@db.command("history")
@json_option
def revision_history(as_json: bool) -> None:
    """Print the revisions that this program knows, oldest first."""
    known = upgrades.revisions()
    report({"revisions": known}, "\n".join(known), as_json)


def report_revision(home: Home, as_json: bool) -> None:
    """Print the revision of the index."""
    revision = upgrades.revision(home.config())
    report({"revision": revision}, revision or "none", as_json)


for verb in (care.check, care.repair, care.why, care.recover, care.backup):
    main.add_command(verb)


# ---- a home to try, and the web pages -------------------------------------------------------------------


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--sessions", default=60, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same home.")
@json_option
def demo(folder: Path, sessions: int, seed: int, as_json: bool) -> None:
    """Write a made-up Hermes home into DIR, to try things on."""
    with Bar("Writing sessions") as bar:
        demonstration.write_home(folder, sessions=sessions, seed=seed, progress=bar)
    said = f"{sessions} sessions are in {folder}; look at them with --hermes-home {folder}"
    report({"hermes_home": str(folder), "sessions": sessions}, said, as_json)


@main.command()
@click.option("--host", help="[default: $HERMES_WEBUI_HOST, or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="[default: $HERMES_WEBUI_PORT, or 8787]")
@click.option(
    "--hosts",
    multiple=True,
    help="Another name it is reached by, behind a proxy.  [also: $HERMES_WEBUI_HOSTS]",
)
@click.option("--workers", type=click.IntRange(1, 32), default=1, show_default=True, help="Processes.")
@click.option("--access-log", metavar="FILE", help="Log requests into this file; - is standard output.")
@click.option("--set-password", is_flag=True, help="Ask for a password, keep its hash, and end.")
@click.pass_obj
def serve(home: Home, /, *, host: str | None, port: int | None, set_password: bool, **how: Any) -> None:
    """Serve the web pages and the HTTP API until interrupted."""
    config, server = home.config(), resolve_server(host, port, **how)
    try:
        webapp = import_module("hermes_sessions.webapp")  # mypy knows it as `webapp`
        if set_password:
            webapp.set_password(config.state_dir, new_password())
            click.echo("The password is set: servers of this home that start now ask for it.")
            return
        home.open().close()  # a first import shows its bar here, the server has none
        webapp.serve(config, server)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "hermes_sessions":
            raise
        raise click.ClickException(
            f"{error.name} is missing; the web server needs: pip install 'hermes-sessions[web]'"
        ) from error


def new_password() -> str:
    """Ask for a password twice, unseen; where nobody can be asked, read a line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
