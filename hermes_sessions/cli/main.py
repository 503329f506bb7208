"""The command `hermes-sessions`: its own options, and the table of its verbs.

Imports no more than click: help and version must appear at once. No rule lives in this package; a verb turns
its arguments into calls of the repository, and the results into text or JSON.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from .encoding import accept_only_utf8, use_utf8
from .groups import LazyGroup, Verb
from .home import SelectedHome

# The help of each command begins with its summary here: a test compares the two.
VERBS: Mapping[str, Verb] = {
    "list": Verb("sessions:list_sessions", "List sessions, pinned first, then by last activity."),
    "show": Verb("sessions:show", "Show a session with its messages."),
    "rename": Verb("sessions:rename", "Change the title of a session."),
    "pin": Verb("sessions:pin", "Keep sessions at the top of the list."),
    "archive": Verb("sessions:archive", "Move sessions to the archive."),
    "move": Verb("sessions:move", "Move sessions to a project."),
    "tag": Verb("tags:tag", "Add tags to a session, of the web UI or of the agent."),
    "untag": Verb("tags:untag", "Remove tags from a session."),
    "tags": Verb("tags:tags", "List, rename, merge and remove tags."),
    "delete": Verb("trash:delete", "Move sessions to the trash, after showing them."),
    "prune": Verb("prune:prune", "Move sessions to the trash by a rule, after showing them."),
    "restore": Verb("trash:restore", "Restore deleted sessions, or ones that were shortened."),
    "trash": Verb("trash:trash", "List deleted sessions, last deleted first."),
    "purge": Verb("trash:purge", "Delete sessions in the trash permanently, after showing them."),
    "export": Verb("transfer:export", "Print a session as JSON, Markdown or HTML."),
    "export-all": Verb("transfer:export_all", "Write each session into a file of a folder."),
    "import": Verb("transfer:import_files", "Store exported conversations as new sessions."),
    "search": Verb("search:search", "Search titles and messages."),
    "help": Verb("help:show_help", "Explain a verb, or what can be typed to search."),
    "agent": Verb("agent:agent", "List, show and import the agent's conversations."),
    "projects": Verb("projects:projects", "List, create, rename and delete projects."),
    "watch": Verb("watch:watch", "Print changes of sessions as they come, until Ctrl+C."),
    "usage": Verb("usage:usage", "Add up tokens, cost, messages and sessions."),
    "sync": Verb("index:sync", "Update the index from the files."),
    "rebuild": Verb("index:rebuild", "Rebuild the index from the files."),
    "index-json": Verb("index:index_json", "Write the web UI's own index, _index.json."),
    "db": Verb("index:db", "Show and change the schema revision of the index."),
    "check": Verb("care:check", "Report problems, changing nothing but a corrupt index."),
    "repair": Verb("care:repair", "Report problems that can be repaired, or repair them."),
    "put-back": Verb("care:put_back", "Make the changes again that another program has overwritten."),
    "why": Verb("care:why", "Explain where a session is and why lists hide it."),
    "recover": Verb("care:recover", "Close the interrupted turns of sessions."),
    "undo-change": Verb("care:undo_change", "Take back what recover, put-back or restore did to sessions."),
    "backup": Verb("care:backup", "Copy everything to a folder, or verify such a copy."),
    "demo": Verb("demo:demo", "Write a sample Hermes home, dated up to now, to try things on."),
    "open": Verb("opening:open_page", "Open a session in the browser, on a server that is running."),
    "completion": Verb("complete:completion", "Print a script for completion of verbs, ids and names."),
    "serve": Verb("serve:serve", "Serve the web pages and the HTTP API."),
    "mcp": Verb("mcp:mcp", "Let agents search and read conversations over MCP."),
}


class Program(LazyGroup):
    """The whole program: an error of the library ends it with a message and an exit code."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:
        """Run the program, by default with the arguments of this process."""
        if args is None:
            use_utf8()
        return super().main(args, *others, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        from ..errors import InvalidId, InvalidValue, SessionsError
        from .terminal import visible

        try:
            return super().invoke(ctx)
        except (InvalidId, InvalidValue) as error:
            raise click.UsageError(visible(str(error))) from error
        except SessionsError as error:
            raise click.ClickException(visible(str(error))) from error


@click.group(cls=Program, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hermes-sessions")
@click.option(
    "--state-dir",
    type=click.Path(),
    help="Folder of the web UI.  [default: $HERMES_WEBUI_STATE_DIR, or webui in the Hermes home]",
)
@click.option(
    "--hermes-home",
    type=click.Path(),
    help="Hermes home.  [default: $HERMES_HOME, or ~/.hermes]",
)
@click.option("--profile", help="Active profile.  [default: $HERMES_PROFILE, or default]")
@click.option(
    "--database-url",
    metavar="URL",
    help="Database of the index, such as postgresql://USER@HOST/NAME. Without a password: other users of "
    "this machine see it.  [default: $HERMES_SESSIONS_DATABASE_URL, or sessions.db in the web UI's folder]",
)
@click.pass_context
def main(
    context: click.Context,
    state_dir: str | None,
    hermes_home: str | None,
    profile: str | None,
    database_url: str | None,
) -> None:
    """List, read, search, organize and export all your Hermes conversations.

    Exit codes: 0 done, 1 not found or another problem, 2 wrong usage.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a TextIOWrapper in a program
    context.obj = SelectedHome(state_dir, hermes_home, profile, database_url)


accept_only_utf8(main)
