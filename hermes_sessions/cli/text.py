"""Sessions and messages as text for a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import click

from ..messages import Message, number_pictures, read_messages
from ..model import Summary
from ..results import MessagePage
from .terminal import masked, minute, visible, visible_text, when

TOOL_LINES = 8

LIST_COLUMNS = ("ID", "ACTIVE", "MESSAGES", "PROFILE", "SOURCE", "PROJECT", "STATE", "TAGS", "TITLE")


def list_row(summary: Summary, projects: Mapping[str, str], redact: bool) -> tuple[str, ...]:
    """Return a session's cells for the `LIST_COLUMNS`; a default value is an empty cell."""
    states = {"pinned": summary.pinned, "archived": summary.archived, "waiting": summary.waiting}
    return (
        summary.session_id,
        when(summary.last_message_at, time.time()),
        str(summary.message_count),
        "" if summary.profile == "default" else summary.profile,
        "" if summary.source == "webui" else summary.source,
        masked(projects.get(summary.project_id or "", summary.project_id or ""), redact),
        " ".join(name for name, holds in states.items() if holds),
        masked(", ".join(summary.tags), redact),
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
        "tags": ", ".join(summary.tags),
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
    messages, tool_calls = masked(page.messages, redact), masked(page.tool_calls, redact)
    for _, message in read_messages(messages, tool_calls, page.offset):
        role = visible(message.stated_role or "?")
        at = f", {minute(message.sent_at)}" if message.sent_at else ""
        click.secho(f"\n{role}{at}", fg="cyan")
        click.echo(visible_text("\n".join(message_lines(message))))


def message_lines(message: Message) -> Iterator[str]:
    """Yield everything in a message as text; of a tool's result only the first lines."""
    for thought in message.reasoning:
        yield f"[reasoning] {thought}"
    if message.texts:
        yield number_pictures(message.text)[0]
    yield from (f"[attached {name}]" for name in message.attachments)
    yield from ("[picture]" for _ in message.part_pictures)
    for call in message.calls:
        yield f"[calls {call.name or 'tool'} {call.arguments_line}]"
        if call.snippet:
            yield _first_lines(call.snippet)
    for result in message.results:
        if result.text:
            yield _first_lines(number_pictures(result.text)[0])
    if message.unsent:
        yield f"[typed and not answered] {message.unsent}"


def _first_lines(text: str) -> str:
    lines = text.splitlines()
    if len(lines) <= TOOL_LINES:
        return text
    return "\n".join([*lines[:TOOL_LINES], f"[{len(lines) - TOOL_LINES} more lines]"])
