"""Sessions and messages as text for a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import click

from ..model import Summary, message_text, message_time
from ..results import MessagePage
from .terminal import masked, minute, visible, visible_text, when

TOOL_LINES = 8

LIST_COLUMNS = ("ID", "ACTIVE", "MESSAGES", "PROFILE", "SOURCE", "PROJECT", "STATE", "TITLE")


def list_row(summary: Summary, projects: Mapping[str, str], redact: bool) -> tuple[str, ...]:
    """Return a session's cells for the `LIST_COLUMNS`; a default value is an empty cell."""
    states = {"pinned": summary.pinned, "archived": summary.archived, "waiting": summary.waiting}
    return (
        summary.session_id,
        when(summary.last_message_at, time.time()),
        str(summary.message_count),
        "" if summary.profile == "default" else summary.profile,
        "" if summary.source == "webui" else summary.source,
        projects.get(summary.project_id or "", summary.project_id or ""),
        " ".join(name for name, holds in states.items() if holds),
        masked(summary.title, redact),
    )


def print_heading(summary: Summary, projects: Mapping[str, str], redact: bool) -> None:
    """Print the metadata of a session."""
    click.secho(visible(masked(summary.title, redact)), bold=True)
    metadata = {
        "id": summary.session_id,
        "messages": str(summary.message_count),
        "created": minute(summary.created_at),
        "active": minute(summary.last_message_at),
        "model": summary.model,
        "workspace": summary.workspace,
        "project": projects.get(summary.project_id or "", summary.project_id),
        "profile": summary.profile,
        "source": summary.source_label or summary.source,
        "parent": summary.parent_session_id,
        "state": " ".join(name for name in ("pinned", "archived") if getattr(summary, name)),
    }
    for name, value in metadata.items():
        if value:
            click.echo(f"{name:10} {visible(masked(value, redact))}")


def print_messages(page: MessagePage, redact: bool) -> None:
    """Print messages, each under its role and time."""
    if page.offset:
        click.echo(f"\n[{page.offset} earlier messages]")
    for message in masked(page.messages, redact):
        said = message if isinstance(message, dict) else {"content": message}
        at = message_time(said)
        role = visible(str(said.get("role") or "?"))
        click.secho(f"\n{role}" + (f", {minute(at)}" if at else ""), fg="cyan")
        click.echo(visible_text("\n".join(message_lines(said))))


def message_lines(message: Mapping[str, Any]) -> Iterable[str]:
    """Return a message's text and tool calls; of a tool's answer the first lines."""
    text = message_text(message)
    lines = text.splitlines()
    if message.get("role") == "tool" and len(lines) > TOOL_LINES:
        yield "\n".join([*lines[:TOOL_LINES], f"[{len(lines) - TOOL_LINES} more lines]"])
    elif text:
        yield text
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield f"[calls {function.get('name')} {function.get('arguments')}]"
