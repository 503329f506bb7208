"""The verbs `agent ...`: the agent's own conversations listed, shown, imported."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from ..errors import NotFound
from ..results import MessagePage
from .base import Home, Verbs, json_option, redact_option
from .terminal import ago, masked, print_json, print_table, report
from .text import print_messages


@click.group(cls=Verbs)
def agent() -> None:
    """Read the agent's own conversations, and import them."""


@agent.command("list")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="At most so many.")
@click.option("--cron", is_flag=True, help="Also those of scheduled jobs.")
@redact_option
@json_option
@click.pass_obj
def list_agent_sessions(home: Home, limit: int, cron: bool, redact: bool, as_json: bool) -> None:
    """List the conversations of the profile's agent, the newest activity first."""
    with home.open() as sessions:
        rows = sessions.agent.sessions(limit, () if cron else ("cron",))
    if as_json:
        print_json(masked(rows, redact))
        return
    print_table(AGENT_LISTED, [agent_row(row, redact) for row in rows])


AGENT_LISTED = ("ID", "ACTIVE", "MESSAGES", "SEGMENTS", "SOURCE", "TITLE")


def agent_row(row: Mapping[str, Any], redact: bool) -> tuple[str, ...]:
    """Return a conversation's cells for the columns of `AGENT_LISTED`."""
    at = row["last_activity"] or row["started_at"]
    return (
        row["id"],
        ago(at, time.time()) if at else "",
        str(row["actual_message_count"]),
        str(row.get("_compression_segment_count", "")),
        row["source_label"],
        masked(row["title"] or "", redact),
    )


@agent.command("show")
@click.argument("session_id", metavar="ID")
@redact_option
@json_option
@click.pass_obj
def show_agent_session(home: Home, session_id: str, redact: bool, as_json: bool) -> None:
    """Show the messages that the profile's agent has of a session."""
    with home.open() as sessions:
        found = sessions.agent.messages(session_id)
    if not found:
        raise NotFound(f"the agent has no session {session_id}")
    if as_json:
        print_json(masked(found, redact))
    else:
        print_messages(MessagePage(found, 0, len(found)), redact)


@agent.command("import")
@click.argument("session_id", metavar="ID")
@json_option
@click.pass_obj
def import_agent_session(home: Home, session_id: str, as_json: bool) -> None:
    """Store an agent's session as one that can be changed, or add what came since it was imported."""
    with home.open() as sessions:
        session, new = sessions.import_agent_session(session_id)
    said = "imported" if new else "was here already"
    words = f"{session.session_id} {said}: {session.message_count} messages"
    report(
        {"session_id": session.session_id, "imported": new, "message_count": session.message_count},
        words,
        as_json,
    )
