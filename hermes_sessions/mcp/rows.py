"""Conversations, hits and sums as lines of an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from ..hits import MATCH_END, MATCH_START, Hit
from ..model import Summary, state_words
from ..results import Project, Usage, UsageBy, usage_words
from ..sources import Source, source_label
from ..times import local_minute
from .budget import Budget
from .text import LONGEST_TITLE, line, listed, name, plural, quoted

Item = TypeVar("Item")

MOST_TAGS = 6
RESERVED_TOKENS = 80  # for the lines after the rows
_WITHOUT_MARKS = str.maketrans("", "", MATCH_START + MATCH_END)


def conversation(summary: Summary, projects: Mapping[str, str]) -> str:
    """Return a conversation as one line; `projects` has the names of projects by id."""
    project = summary.project_id and projects.get(summary.project_id, summary.project_id)
    parts = [
        f"id {line(summary.session_id, 128)}",
        local_minute(summary.last_message_at),
        plural(summary.message_count, "message"),
        project and f"project {name(project)}",
        summary.model and f"model {line(summary.model, 40)}",
        _source(summary),
        summary.tags and "tags " + ", ".join(line(tag, 30) for tag in summary.tags[:MOST_TAGS]),
        " ".join(state_words(summary, time.time())),
    ]
    return f"{name(summary.title, LONGEST_TITLE)}, " + ", ".join(part for part in parts if part)


def _source(summary: Summary) -> str:
    if summary.source is Source.WEBUI:
        return ""
    return f"from {line(summary.source_label or source_label(summary.source_tag), 30)}"


def hit(number: int, found: Hit, projects: Mapping[str, str]) -> str:
    """Return a conversation that a search found, where in it, and what that message says."""
    lines = [f"{number}. {conversation(found.summary, projects)}"]
    if found.message_index is not None:
        segment = f" of id {line(found.segment_id, 128)}" if found.segment_id != found.session_id else ""
        snippet = quoted(line(found.snippet.translate(_WITHOUT_MARKS), 300))
        lines.append(f"   message {found.message_index}{segment}: {snippet}")
    if found.missing:
        lines.append("   without " + ", ".join(line(each, 40) for each in found.missing))
    return listed(lines)


def project_row(project: Project, count: int) -> str:
    """Return a project as one line."""
    return f"{name(project.name)}, id {line(project.project_id, 128)}, {plural(count, 'conversation')}"


def fitting(items: Iterable[Item], show: Callable[[Item], str], most: int) -> list[str]:
    """Return the rows of as many items as an answer of `most` tokens has room for, at least one."""
    budget, rows = Budget(most - RESERVED_TOKENS), list[str]()
    for item in items:
        row = show(item)
        if not budget.take(row) and rows:
            break
        rows.append(row)
    return rows


def more(shown: int, offset: int, total: int) -> str:
    """Return how to go on after the rows of a page, nothing at the end."""
    return f"More: offset={offset + shown}" if shown and offset + shown < total else ""


# ---- usage ----------------------------------------------------------------------------------------------


def usage_table(by: Sequence[UsageBy], parts: Sequence[Usage], projects: Mapping[str, str]) -> Iterator[str]:
    """Yield sums as lines with bars between the cells, after a heading."""
    if "tool" in by:
        yield "tool | conversations | calls | failed"
        yield from (f"{_key(by, part, projects)} | {_tool_cells(part)}" for part in parts)
        return
    yield f"{' | '.join(by)} | conversations | messages | input tokens | output tokens | cost"
    yield from (f"{_key(by, part, projects)} | {usage_cells(part)}" for part in parts)


def _key(by: Sequence[UsageBy], part: Usage, projects: Mapping[str, str]) -> str:
    return " | ".join(line(word.replace("|", "/"), 60) for word in usage_words(by, part, projects))


def _tool_cells(part: Usage) -> str:
    return f"{part.sessions:,} | {part.calls or 0:,} | {part.failed_calls or 0:,}"


def usage_cells(part: Usage) -> str:
    """Return sums as cells; no cost is `unknown`."""
    cost = "unknown" if part.estimated_cost is None else f"${part.estimated_cost:,.2f}"
    counts = (part.sessions, part.messages, part.input_tokens, part.output_tokens)
    return " | ".join([*(f"{count:,}" for count in counts), cost])
