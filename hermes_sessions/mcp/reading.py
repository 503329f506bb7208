"""The tools that read: they turn arguments into calls of the repository, and the results into text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import cast

from ..errors import NotFound, SessionsError, StorageError, Unreadable
from ..hits import Hit, Hits
from ..model import Summary
from ..repository import SessionRepository
from ..results import FilterFields, UsageBy
from ..sources import SourceName
from ..times import parse_time
from .budget import DEFAULT_TOKENS, tokens
from .conversation import ReadRequest, read
from .rows import conversation, fitting, hit, more, project_row, usage_cells, usage_table
from .text import line, listed, name, plural
from .transcript import Tools

WAIT_SECONDS = 5.0  # for an index that is not complete yet
SOON = 300  # conversations that are searchable within seconds
MOST_LISTED = 100_000  # conversations, the most that the repository lists at once
MOST_NAMED = 40  # projects that an error names
DAYS: tuple[str, ...] = ("day", "week", "month")


class NotCounted(SessionsError):
    """The search index, in which calls of tools are counted, is not complete yet."""


def search_conversations(
    sessions: SessionRepository,
    *,
    query: str,
    limit: int,
    offset: int,
    project: str | None,
    source: SourceName | None,
    role: str | None,
    since: str | None,
    until: str | None,
) -> str:
    """Return the conversations that match a query."""
    filters = filters_of(sessions, project=project, since=since, until=until, source=source)
    hits = sessions.search(query, limit=limit, offset=offset, role=role, wait=WAIT_SECONDS, **filters)
    names = project_names(sessions)
    numbered = enumerate(hits, offset + 1)
    rows = fitting(numbered, lambda each: _hit_row(each, names), DEFAULT_TOKENS)
    return listed([_found(hits, offset), *rows, more(len(rows), offset, hits.total), *_notes(hits)])


def _hit_row(numbered: tuple[int, Hit], names: Mapping[str, str]) -> str:
    number, found = numbered
    return hit(number, found, names)


def _found(hits: Hits, offset: int) -> str:
    if hits:
        return f"{plural(hits.total, 'conversation')} found."
    if hits.missing:
        return "Nothing found so far."
    return "No more." if offset and hits.total else "Nothing found. Try fewer or other words."


def _notes(hits: Hits) -> list[str]:
    when = "in a few seconds" if hits.missing < SOON else "in a minute or two"
    late = f"Not searched yet: {plural(hits.missing, 'conversation')}. Ask again {when}."
    corrected = (f"Nothing has {name(old)}: searched for {name(new)}." for old, new in hits.corrections)
    return [
        late if hits.missing else "",
        *corrected,
        *(line(each, 300) for each in (*hits.notes, *hits.warnings)),
    ]


def list_conversations(
    sessions: SessionRepository,
    *,
    since: str | None,
    until: str | None,
    project: str | None,
    source: SourceName | None,
    tag: str | None,
    archived: bool | None,
    interrupted: bool | None,
    limit: int,
    offset: int,
) -> str:
    """Return conversations by the time of their last message, the newest first."""
    filters = filters_of(sessions, project=project, since=since, until=until, source=source)
    filters |= {"tag": tag, "archived": archived, "interrupted": interrupted}
    page = sessions.list(sort="latest", limit=min(offset + limit, MOST_LISTED), **filters)
    show = partial(conversation, projects=project_names(sessions))
    rows = fitting(page[offset:], show, DEFAULT_TOKENS)
    heading = f"{plural(page.total, 'conversation')}, the newest first." if page.total else "None."
    ending = more(len(rows), offset, page.total) or ("" if rows or not page.total else "No more.")
    warnings = (line(each, 300) for each in page.warnings)
    return listed([heading, *rows, ending, *warnings])


def read_conversation(
    sessions: SessionRepository,
    *,
    id: str,
    at: int | None,
    around: bool,
    max_tokens: int,
    part: int | None,
    tools: Tools,
) -> str:
    """Return messages of a conversation."""
    summary = find_conversation(sessions, id)
    heading = conversation(summary, project_names(sessions))
    return read(sessions, summary, heading, ReadRequest(at, around, part, tools), max_tokens)


def usage(
    sessions: SessionRepository,
    *,
    by: str,
    since: str | None,
    until: str | None,
    project: str | None,
    limit: int,
) -> str:
    """Return sums of conversations, messages, tokens and cost."""
    keys = cast(list[UsageBy], [each.strip().lower() for each in by.split(",")])
    filters = filters_of(sessions, project=project, since=since, until=until)
    filters["hidden"] = True
    if "tool" in keys:
        _count_calls(sessions)
    parts = sessions.usage(by=keys, **filters)
    warnings = [line(each, 300) for each in parts.warnings]
    shown = parts[-limit:] if keys[0] in DAYS else parts[:limit]  # dates come in order
    heading, *rows = usage_table(keys, shown, project_names(sessions))
    rows = fitting(rows, str, DEFAULT_TOKENS - tokens(heading))
    left_off = len(parts) - len(rows)
    others = f"{plural(left_off, 'more row')}: narrow since, until or project." if left_off else ""
    if "tool" in keys:
        return listed([heading, *rows, others or ("" if rows else "None."), *warnings])
    total = sessions.usage_total(**filters)
    unpriced = total.sessions - total.priced
    unknown = f"Without a known cost: {plural(unpriced, 'conversation')}." if unpriced else ""
    last = " | ".join(["total", *("" for _ in keys[1:]), usage_cells(total)])
    return listed([heading, *rows, others, last, unknown, *warnings])


def _count_calls(sessions: SessionRepository) -> None:
    """Complete the search index, in which calls are counted; raise `NotCounted` if that takes long."""
    until = time.monotonic() + WAIT_SECONDS

    def check(done: int, total: int) -> None:
        if time.monotonic() > until:
            left = plural(max(1, total - done), "conversation")
            raise NotCounted(f"the calls of {left} are not counted yet. Ask again in a minute or two")

    try:
        sessions.complete_search(progress=check)
    except NotCounted:
        sessions.search("a", limit=1)  # which lets the index be completed in the background
        raise


def list_projects(sessions: SessionRepository) -> str:
    """Return the projects, and how many conversations each has."""
    rows = (
        project_row(each, sessions.count(project_id=each.project_id, agent=True))
        for each in sessions.projects.list()
    )
    return listed(fitting(rows, str, DEFAULT_TOKENS)) or "There are no projects."


# ---- what several tools share ---------------------------------------------------------------------------


def filters_of(
    sessions: SessionRepository,
    *,
    project: str | None,
    since: str | None,
    until: str | None,
    source: SourceName | None = None,
) -> FilterFields:
    """Return the filters that a model named; raise `InvalidValue`, and `NotFound` for a project."""
    now = time.time()
    return {
        "project_id": None if project is None else find_project(sessions, project),
        "source": source,
        "since": None if since is None else parse_time(since, now),
        "until": None if until is None else parse_time(until, now),
        "agent": True,
    }


def find_conversation(sessions: SessionRepository, text: str) -> Summary:
    """Return the conversation that is called so; an error for none says how to find one."""
    try:
        return sessions.find(text)
    except NotFound as error:
        if _is_deleted(sessions, text):  # which the error says
            raise
        by = "search_conversations or list_conversations"
        raise NotFound(f"{error}. Find its id with {by}") from error


def _is_deleted(sessions: SessionRepository, text: str) -> bool:
    try:
        return bool(sessions.find_deleted(text))
    except SessionsError:
        return False


def find_project(sessions: SessionRepository, project: str) -> str:
    """Return the id of the project that is called so; the error names those that exist."""
    try:
        return sessions.projects.find(project).project_id
    except NotFound as error:
        known = [name(each.name) for each in sessions.projects.list()]
        some = ", ".join(known[:MOST_NAMED]) + (", …" if len(known) > MOST_NAMED else "")
        raise NotFound(f"{error}. Projects: {some or 'none'}") from error


def project_names(sessions: SessionRepository) -> dict[str, str]:
    """Return the names of projects by id, none if their file cannot be read: rows have their ids then."""
    try:
        return {each.project_id: each.name for each in sessions.projects.list()}
    except (Unreadable, StorageError):
        return {}
