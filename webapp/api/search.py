"""The JSON route that searches: list entries, each with where and how it matches."""

from collections.abc import Sequence
from typing import Any, Unpack, cast

from flask import Blueprint

from hermes_sessions.results import Hit

from ..request_context import active_profile, chosen_profile, sessions, settings
from . import routing, schemas
from .arguments import LenientNumber
from .entries import list_entry
from .filters import FilterArguments, filters_of

blueprint = Blueprint("search", __name__)

HITS_A_PAGE = 50
MATCH_FIELDS = ("snippet", "message_index", "segment_id", "score")


@routing.get(blueprint, "/api/sessions/search")
def search_sessions(
    *,
    q: str = "",
    content: bool = True,
    depth: LenientNumber = None,
    limit: int | None = None,
    offset: int = 0,
    agent: bool | None = None,
    all_profiles: bool | None = None,
    role: str | None = None,
    **given: Unpack[FilterArguments],
) -> schemas.SearchResult:
    """Search titles and messages, best matches first. Without words in `q`, list the sessions.

    `content=false` searches titles only. `depth` is how many messages at the beginning of each session are
    searched. `limit` (50 by default) and `offset` select a page. `role`, `since` and `until` restrict the
    messages that can match; times are in seconds since the epoch. The other filters are those of the list.
    Without a `profile`, a client that sends `all_profiles=0`, or has switched profiles, finds what the active
    profile has, and with `all_profiles` everything.
    """
    filters = filters_of({**given, "profile": given.get("profile") or _scope(all_profiles)}, agent)
    limit = limit or HITS_A_PAGE
    if not q.strip():
        page = sessions().list(filters, limit=limit)
        entries = [cast(schemas.SearchHit, list_entry(summary)) for summary in page]
        return _result(q, entries, 0, page.warnings)
    hits = sessions().search(
        q,
        filters=filters,
        limit=limit,
        offset=offset,
        scope="all" if content else "title",
        role=role,
        depth=None if depth is None else max(0, depth),
        redact=settings().mask_credentials,
    )
    return _result(q, [_hit(hit) for hit in hits], hits.missing, hits.warnings)


def _scope(all_profiles: bool | None) -> str | None:
    """Return the profile to search, None for all of them."""
    if all_profiles is None:
        return chosen_profile()
    return None if all_profiles else active_profile()


def _result(
    query: str, hits: list[schemas.SearchHit], missing: int, warnings: Sequence[str]
) -> schemas.SearchResult:
    return {
        "sessions": hits,
        "query": query,
        "count": len(hits),
        "partial": bool(missing or warnings),
        "missing": missing,
        "warnings": list(warnings),
    }


def _hit(hit: Hit) -> schemas.SearchHit:
    match: dict[str, Any] = {name: getattr(hit, name) for name in MATCH_FIELDS}
    if hit.match == "content":
        match["match_preview"] = hit.preview
    return cast(schemas.SearchHit, list_entry(hit.summary) | {"match_type": hit.match} | match)
