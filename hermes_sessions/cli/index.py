"""The verbs for the index: sync, rebuild, index-json, and db for its schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from ..repository import upgrades
from ..results import SyncReport
from .base import exit_with, json_option
from .groups import OrderedGroup
from .home import SelectedHome
from .terminal import Bar, report, warn


@click.command()
@json_option
@click.pass_obj
def sync(home: SelectedHome, as_json: bool) -> None:
    """Update the index from the files."""
    # Opening syncs, and would leave nothing to report.
    with home.open_without_sync() as sessions:
        changes = sessions.sync()
        unreadable = sessions.list(limit=1).warnings
    report_sync(changes, unreadable, as_json)


@click.command()
@json_option
@click.pass_obj
def rebuild(home: SelectedHome, as_json: bool) -> None:
    """Rebuild the index from the files.

    Every file is read, and sessions whose file no longer exists are removed from the index.
    """
    # Opening refuses a folder that lost all its files, which is one reason to rebuild.
    with home.open_without_sync() as sessions:
        with Bar("Reading sessions") as bar:
            changes = sessions.rebuild(progress=bar)
        unreadable = sessions.list(limit=1).warnings
    report_sync(changes, unreadable, as_json)


def report_sync(changes: SyncReport, unreadable: Sequence[str], as_json: bool) -> None:
    """Print what a sync changed; exit with 1 if there are files that it could not read."""
    counts = asdict(changes)
    report(counts, ", ".join(f"{count} {name}" for name, count in counts.items()), as_json)
    warn(unreadable)
    exit_with(changes.unreadable)


@click.command("index-json")
@json_option
@click.pass_obj
def index_json(home: SelectedHome, as_json: bool) -> None:
    """Write the web UI's own index, _index.json.

    Needed before going back to a web UI without hermes-sessions.
    """
    with home.open() as sessions:
        count = sessions.write_web_ui_index()
    report({"sessions": count}, f"_index.json lists {count} sessions", as_json)


# ---- the schema -----------------------------------------------------------------------------------------


@click.group(cls=OrderedGroup)
def db() -> None:
    """Show and change the schema revision of the index."""


@db.command("upgrade")
@json_option
@click.pass_obj
def upgrade_index(home: SelectedHome, as_json: bool) -> None:
    """Upgrade the index to the newest revision, as opening it does."""
    upgrades.upgrade_index(home.config())
    report_revision(home, as_json)


@db.command("downgrade")
@json_option
@click.pass_obj
def downgrade_index(home: SelectedHome, as_json: bool) -> None:
    """Remove all tables of the index; opening it reads the files again."""
    upgrades.downgrade_index(home.config())
    report_revision(home, as_json)


@db.command("current")
@json_option
@click.pass_obj
def current_revision(home: SelectedHome, as_json: bool) -> None:
    """Print the revision of the index."""
    report_revision(home, as_json)


@db.command("history")
@json_option
def revision_history(as_json: bool) -> None:
    """Print the revisions that this program knows, oldest first."""
    known = upgrades.revisions()
    report({"revisions": known}, "\n".join(known), as_json)


def report_revision(home: SelectedHome, as_json: bool) -> None:
    """Print the revision of the index."""
    revision = upgrades.revision(home.config())
    report({"revision": revision}, revision or "none", as_json)
