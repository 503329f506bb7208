"""The JSON route that searches: list entries, each with where and how it matches."""

from typing import Any, Unpack, cast

from flask import Blueprint, Response, current_app

from hermes_sessions.hits import Hit, Hits

from ..kept_answers import Subject, keep, state_of
from ..request_context import active_profile, chosen_profile, is_client_there, sessions, settings
from . import routing, search_schemas
from .arguments import LenientNumber
from .encoding import json_response
from .entries import list_entry
from .filters import FilterArguments, filters_of

blueprint = Blueprint("search", __name__)

HITS_A_PAGE = 50
MATCH_FIELDS = ("snippet", "message_index", "segment_id", "score", "marked_title")


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
) -> search_schemas.SearchResult | Response:
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
        entries = [cast(search_schemas.SearchHit, list_entry(summary)) for summary in page]
        return _result(q, entries, Hits(warnings=page.warnings, total=page.total))
    state = state_of(current_app, Subject.SEARCHES)
    hits = sessions().search(
        q,
        filters=filters,
        limit=limit,
        offset=offset,
        scope="all" if content else "title",
        role=role,
        depth=None if depth is None else max(0, depth),
        redact=settings().mask_credentials,
        is_wanted=is_client_there(),
    )
    answer = json_response(_result(q, [_hit(hit) for hit in hits], hits))
    return keep(answer, None if hits.missing or hits.warnings else state)


@routing.get(blueprint, "/api/suggestions")
def suggest(*, text: str = "", at: int | None = None) -> search_schemas.Suggestions:
    """Suggest what can be typed next into a search: operators, then the values that an operator can have.

    `at` is where the cursor stands, in characters; the end by default. Each suggestion has the `text` to put
    into the query from `start` to `end`.
    """
    found = sessions().suggest(text, at, redact=settings().mask_credentials)
    return {
        "start": found.start,
        "end": found.end,
        "takes_date": found.takes_date,
        "suggestions": [
            {"text": each.text, "label": each.label, "meaning": each.meaning} for each in found.items
        ],
    }


def _scope(all_profiles: bool | None) -> str | None:
    """Return the profile to search, None for all of them."""
    if all_profiles is None:
        return chosen_profile()
    return None if all_profiles else active_profile()


def _result(query: str, entries: list[search_schemas.SearchHit], hits: Hits) -> search_schemas.SearchResult:
    return {
        "sessions": entries,
        "query": query,
        "count": len(entries),
        "total": hits.total,
        "partial": hits.partial,
        "missing": hits.missing,
        "warnings": list(hits.warnings),
        "corrections": [list(each) for each in hits.corrections],
    }


def _hit(hit: Hit) -> search_schemas.SearchHit:
    match: dict[str, Any] = {name: getattr(hit, name) for name in MATCH_FIELDS}
    match |= {"missing_words": list(hit.missing), "forms": [list(each) for each in hit.forms]}
    if hit.match == "content":
        match["match_preview"] = hit.preview
    return cast(search_schemas.SearchHit, list_entry(hit.summary) | {"match_type": hit.match} | match)
