"""Sessions and messages as text for a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import click

from ..messages import message_lines, read_messages
from ..model import Summary, state_words
from ..results import MessagePage
from .output import utc
from .terminal import masked, minute, print_table, visible, visible_text, when

TOOL_LINES = 8

LIST_COLUMNS = ("ID", "ACTIVE", "MESSAGES", "PROFILE", "SOURCE", "PROJECT", "STATE", "TAGS", "TITLE")
SPARE_COLUMNS = (
    "SOURCE",
    "PROFILE",
    "PROJECT",
    "TAGS",
    "MESSAGES",
    "STATE",
    "ACTIVE",
)  # in this order
CSV_COLUMNS = (
    *("session_id", "title", "last_message_at", "created_at", "message_count", "profile", "source"),
    *("project_id", "project", "model", "workspace", "input_tokens", "output_tokens", "estimated_cost"),
    *("state", "tags", "of_agent"),
)


def print_sessions(summaries: Sequence[Summary], projects: Mapping[str, str], redact: bool) -> None:
    """Print sessions as a table; `projects` has their names by id."""
    rows = [list_row(summary, projects, redact) for summary in summaries]
    print_table(LIST_COLUMNS, rows, SPARE_COLUMNS)


def delete_question(summaries: Sequence[Summary]) -> str:
    """Return the question before sessions are moved to the trash."""
    agents = sum(summary.of_agent for summary in summaries)
    some = f", {agents} of them the agent's," if agents else ""
    return f"Move {len(summaries)} session{'s' if len(summaries) > 1 else ''}{some} to the trash?"


def states(summary: Summary) -> str:
    """Return the states of a session in the words of the pages."""
    return " ".join(state_words(summary, time.time()))


def list_row(summary: Summary, projects: Mapping[str, str], redact: bool) -> tuple[str, ...]:
    """Return a session's cells for the `LIST_COLUMNS`; a default value is an empty cell."""
    return (
        summary.session_id,
        when(summary.last_message_at, time.time()),
        str(summary.message_count),
        "" if summary.profile == "default" else summary.profile,
        "" if summary.source == "webui" else summary.source,
        masked(projects.get(summary.project_id or "", summary.project_id or ""), redact),
        states(summary),
        masked(", ".join(summary.tags), redact),
        masked(summary.title, redact),
    )


def csv_row(summary: Summary, projects: Mapping[str, str], redact: bool) -> tuple[object, ...]:
    """Return a session's cells for the `CSV_COLUMNS`."""
    return (
        summary.session_id,
        masked(summary.title, redact),
        utc(summary.last_message_at),
        utc(summary.created_at),
        summary.message_count,
        summary.profile,
        summary.source,
        summary.project_id,
        masked(projects.get(summary.project_id or ""), redact),
        summary.model,
        masked(summary.workspace, redact),
        summary.input_tokens,
        summary.output_tokens,
        summary.estimated_cost,
        states(summary),
        masked(", ".join(summary.tags), redact),
        summary.of_agent,
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
        "state": states(summary),
    }
    for name, value in metadata.items():
        if value:
            click.echo(f"{name:10} {visible(masked(value, redact))}")


def print_messages(page: MessagePage, redact: bool) -> None:
    """Print messages, each under its role and time."""
    _print_others(page.offset, "earlier")
    messages, tool_calls = masked(page.messages, redact), masked(page.tool_calls, redact)
    for _, message in read_messages(messages, tool_calls, page.offset):
        role = visible(message.stated_role or "?")
        at = f", {minute(message.sent_at)}" if message.sent_at else ""
        click.secho(f"\n{role}{at}", fg="cyan")
        click.echo(visible_text("\n".join(message_lines(message, _first_lines))))
    _print_others(page.total - page.end, "later")


def _print_others(count: int, place: str) -> None:
    if count:
        click.echo(f"\n[{count} {place} message{'' if count == 1 else 's'}]")


def _first_lines(text: str) -> str:
    lines = text.splitlines()
    if len(lines) <= TOOL_LINES:
        return text
    return "\n".join([*lines[:TOOL_LINES], f"[{len(lines) - TOOL_LINES} more lines]"])
