"""The JSON route of the search: list entries, each with where and how it matched."""

from collections.abc import Iterable
from typing import Any

from flask import Blueprint

from hermes_sessions.results import Hit

from ..request_context import entry_of, redacting, sessions, showing_agents
from . import routing as wire
from . import schemas as answers

searching = Blueprint("searching", __name__)

HITS = 50


@wire.get(searching, "/api/sessions/search")
def search_sessions(
    *,
    q: str = "",
    content: bool = True,
    depth: int | None = None,
    limit: int | None = None,
    offset: int = 0,
    agent: bool | None = None,
    profile: str | None = None,
    project_id: str | None = None,
    source: str | None = None,
    archived: bool | None = None,
    hidden: bool = False,
    role: str | None = None,
    since: float | None = None,
    until: float | None = None,
) -> answers.Hits:
    joint = showing_agents() if agent is None else agent
    filters: dict[str, Any] = {
        "profile": profile,
        "project_id": project_id,
        "source": source,
        "archived": archived,
    }
    if not q.strip():
        listed = sessions().list(limit=limit or HITS, agent=joint, hidden=hidden, **filters)
        return _answer(q, [entry_of(summary) for summary in listed.items], 0, listed.warnings)
    hits = sessions().search(
        q,
        limit=limit or HITS,
        offset=offset,
        scope="all" if content else "title",
        agent=joint,
        hidden=hidden,
        role=role,
        since=since,
        until=until,
        depth=depth,
        redact=redacting(),
        **filters,
    )
    return _answer(q, [_entry(hit) for hit in hits], hits.missing, hits.warnings)


def _answer(typed: str, found: list[Any], missing: int, warnings: Iterable[str]) -> answers.Hits:
    warnings = list(warnings)
    return {
        "sessions": found,
        "query": typed,
        "count": len(found),
        "partial": bool(missing or warnings),
        "missing": missing,
        "warnings": warnings,
    }


def _entry(hit: Hit) -> Any:
    """Return a hit as the client reads it: its list entry, and where the match is."""
    shown = {name: getattr(hit, name) for name in ("snippet", "message_index", "segment_id", "score")}
    return entry_of(hit.summary) | {"match_type": hit.match} | shown
