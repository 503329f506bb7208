"""The verbs `agent ...`: the agent's own conversations listed, shown and imported."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from ..errors import NotFound
from ..fields import is_id
from ..results import MessagePage
from .base import json_option, redact_option
from .chosen import find_id, id_argument, id_or_name
from .groups import OrderedGroup
from .home import SelectedHome
from .terminal import masked, print_json, print_table, report, when
from .text import print_messages

SPARE_COLUMNS = ("SOURCE", "SEGMENTS", "MESSAGES", "ACTIVE")
AGENT_COLUMNS = ("ID", "ACTIVE", "MESSAGES", "SEGMENTS", "SOURCE", "TITLE")


@click.group(cls=OrderedGroup)
def agent() -> None:
    """List, show and import the agent's conversations.

    The agent is that of the active profile.
    """


@agent.command("list")
@click.option(
    "--limit", type=click.IntRange(1), default=200, show_default=True, help="List at most this many."
)
@click.option("--cron", is_flag=True, help="Include those of scheduled jobs.")
@redact_option
@json_option
@click.pass_obj
def list_agent_sessions(home: SelectedHome, limit: int, cron: bool, redact: bool, as_json: bool) -> None:
    """List the agent's conversations, last active first."""
    with home.open() as sessions:
        agent = sessions.agent
        rows = agent.sessions(limit, exclude_sources=None) if cron else agent.sessions(limit)
    if as_json:
        print_json(masked(rows, redact))
        return
    print_table(AGENT_COLUMNS, [agent_row(row, redact) for row in rows], SPARE_COLUMNS)


def agent_row(row: Mapping[str, Any], redact: bool) -> tuple[str, ...]:
    """Return a conversation's cells for `AGENT_COLUMNS`."""
    at = row["last_activity"] or row["started_at"]
    return (
        row["id"],
        when(at, time.time()) if at else "",
        str(row["actual_message_count"]),
        str(row.get("_compression_segment_count", "")),
        row["source_label"],
        masked(row["title"] or "", redact),
    )


@agent.command("show")
@id_argument
@redact_option
@json_option
@click.pass_obj
def show_agent_session(home: SelectedHome, session_id: str, redact: bool, as_json: bool) -> None:
    """Show the messages that the agent has of a session."""
    with home.open() as sessions:
        messages = sessions.agent.messages(session_id) if is_id(session_id) else []
        if not messages:
            messages = sessions.agent.messages(find_id(sessions, session_id))
    if not messages:
        raise NotFound(f"the agent has no session {session_id}")
    if as_json:
        print_json(masked(messages, redact))
    else:
        print_messages(MessagePage(messages, 0, len(messages)), redact)


@agent.command("import")
@id_argument
@json_option
@click.pass_obj
def import_agent_session(home: SelectedHome, session_id: str, as_json: bool) -> None:
    """Import a session of the agent, so that you can change it.

    A session that was imported before gets the messages that the agent has added since.
    """
    with home.open() as sessions:
        session, new = sessions.import_agent_session(id_or_name(sessions, session_id))
    outcome = "imported" if new else "already imported"
    report(
        {"session_id": session.session_id, "imported": new, "message_count": session.message_count},
        f"{session.session_id}: {outcome}, {session.message_count} messages",
        as_json,
    )
