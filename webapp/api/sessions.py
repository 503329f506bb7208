"""JSON routes that read sessions: the list, one session in whole or in part, its status, usage and export."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import Any, Literal, NamedTuple, Unpack, cast

from flask import Blueprint, Response, current_app, request

from hermes_sessions.model import Metadata, Summary, pending
from hermes_sessions.results import ExportFormat, MessagePage, Sort
from hermes_sessions.webui_values import SidebarRequest

from ..kept_answers import SessionSubject, Subject, clock, keep, state_of
from ..request_context import active_profile, chosen_profile, sessions, settings, warnings
from . import feed_schemas, routing, schemas
from .arguments import LenientNumber, SessionId
from .encoding import JSON, encode, encode_lines, encode_plain, encode_text, json_response, masked_json
from .entries import list_entry, sidebar_answer, whole_session
from .filters import FilterArguments, filters_of

blueprint = Blueprint("sessions", __name__)
get = partial(routing.get, blueprint)


class FileType(NamedTuple):
    """The ending and the media type of an exported file, and how its text is encoded."""

    ending: str
    media: str
    encode: Callable[[str], bytes] = encode_plain


EXPORTS: Mapping[ExportFormat, FileType] = {
    "json": FileType("json", JSON, encode_text),
    "markdown": FileType("md", "text/markdown"),
    "html": FileType("html", "text/html"),
    "text": FileType("txt", "text/plain"),
    "jsonl": FileType("jsonl", "application/x-ndjson", encode_lines),
}
SIDEBAR_ARGUMENTS = frozenset(
    "all_profiles sidebar_source exclude_hidden include_archived archived_limit archived_offset".split()
)
SIDEBAR_SOURCES: Mapping[str, Literal["webui", "cli"]] = {"webui": "webui", "cli": "cli"}
MOST_VISIBLE = 500  # messages in a page of visible ones; the web UI's client asks for all if it needs more
STATUS_FIELDS = (
    "session_id title workspace model model_provider profile created_at updated_at last_message_at "
    "message_count active_stream_id pending_user_message personality "
    "input_tokens output_tokens estimated_cost"
).split()
USAGE_FIELDS = (
    "session_id title model model_provider profile message_count input_tokens output_tokens estimated_cost "
    "context_length threshold_tokens last_prompt_tokens cache_read_tokens cache_write_tokens"
).split()


@get("/api/sessions", statuses=[304])
def list_sessions(
    *,
    sort: Sort = "activity",
    limit: int | None = None,
    cursor: str | None = None,
    agent: bool | None = None,
    all_profiles: bool = False,
    sidebar_source: str = "",
    exclude_hidden: bool = False,
    include_archived: bool = False,
    archived_limit: LenientNumber = None,
    archived_offset: LenientNumber = None,
    **given: Unpack[FilterArguments],
) -> schemas.SessionList | Response:
    """List the sessions that match, pinned ones first, then by latest activity.

    Another `sort` is `created` (the newest first), `title` (in alphabetical order), `messages` or `cost`
    (the most first), or `latest` (by activity); pinned ones are then among the others. `limit` is the
    largest number of sessions to return, by default all; `cursor` is the `next_cursor` of the page before.
    `archived`, `pinned` and `interrupted` are true or false to list only such sessions or only the others;
    in an interrupted one, a message still waits for its answer. `since` and `until` are about the last
    activity, in seconds since the epoch. `min_cost` (dollars) and `min_messages` are the least that a session
    has. `agent` includes the agents' conversations; the default is the web UI's setting. `hidden` includes
    the sessions that the sidebar hides: empty ones and scheduled runs. The answer has an `ETag`: a request
    that sends it back as `If-None-Match` gets the status 304 if nothing changed.

    With one of the arguments for it, the answer is the sidebar of the web UI of August, and all others are
    ignored. It has the sessions of the active profile unless `all_profiles`, of one of its lists if
    `sidebar_source` is `webui` or `cli`, no filed ones of scheduled runs if `exclude_hidden`, and archived
    ones only if `include_archived`: at most `archived_limit`, after the first `archived_offset`.

    Without any argument, as the web UI of May sends it, a client that has switched profiles gets of the
    agents' conversations those of its profile.
    """
    if not SIDEBAR_ARGUMENTS.isdisjoint(request.args):
        wanted = SidebarRequest(
            active_profile=active_profile(),
            all_profiles=all_profiles,
            source=SIDEBAR_SOURCES.get(sidebar_source.strip().lower()),
            show_agents=settings().includes_agents(None),
            exclude_hidden=exclude_hidden,
            include_archived=include_archived,
            archived_limit=None if archived_limit is None else max(0, archived_limit),
            archived_offset=max(0, archived_offset or 0),
            shown_background=settings().shown_background,
            previous_messaging=settings().previous_messaging,
        )
        return sidebar_answer(sessions().webui.sidebar(wanted), wanted)
    state = state_of(current_app, Subject.LISTS)
    filters = filters_of(given, agent)
    agent_count = 0

    def encoded(entries: list[dict[str, Any]]) -> bytes:
        nonlocal agent_count
        agent_count += sum(map(itemgetter("is_cli_session"), entries))
        return masked_json(entries)[1:-1]

    if not request.args and filters.agent and (chosen := chosen_profile()):
        page = sessions().webui.entries(encoded, agents_of=chosen, unless=_client_has)
    else:
        page = sessions().entries(encoded, filters, sort=sort, limit=limit, cursor=cursor, unless=_client_has)
    if page.unchanged:
        return keep(_with_etag(Response(status=304), page.version), state)
    now, rest = clock(), {"next_cursor": page.next_cursor, "total": page.total}
    before = b'{"sessions":[' + b",".join(page.items) + b'],"cli_count":%d,' % agent_count
    after = masked_json({**rest, "warnings": [*page.warnings, *warnings()]})[1:]
    response = Response(b"".join((before, now, b",", after)), mimetype=JSON)
    if not page.total:  # then projects that do not exist are looked for, of which `state` knows nothing
        state = None
    return keep(_with_etag(response, page.version), state, slice(len(before), len(before) + len(now)))


@get("/api/sessions/changes")
def list_changes(since: str | None = None) -> feed_schemas.SessionChanges | Response:
    """Return which sessions changed since an earlier answer, and which no list shows any longer.

    `since` is the `token` of that answer. The ids are of all sessions, hidden ones and the agents' included.
    Without `since`, or if too much has changed, `complete` is false: keep the token, and read the list again.
    """
    changes = sessions().changes(since)
    return Response(encode(changes.as_dict()), mimetype=JSON)  # unmasked: a token looks like a credential


def _client_has(version: str) -> bool:
    """Whether the client has the list of this version of the store already."""
    return request.if_none_match.contains_weak(_etag(version))


def _etag(version: str) -> str:
    """Return the entity tag of the list: it depends on the store, the query, the settings, the profile."""
    asked = (sorted(request.args.items(multi=True)), chosen_profile())
    return hashlib.sha256(repr((version, asked, settings())).encode()).hexdigest()[:32]


def _with_etag(response: Response, version: str) -> Response:
    response.set_etag(_etag(version), weak=True)  # weak: the answer also holds the server's time
    return response


@get("/api/session")
def show_session(
    session_id: SessionId,
    messages: bool = True,
    msg_limit: LenientNumber = None,
    msg_before: LenientNumber = None,
    expand_renderable: bool = False,
) -> schemas.OneSession | Response:
    """Return one session with its messages.

    With `messages=false`, only the metadata. With `msg_limit` or `msg_before`, a page of the messages: at
    most `msg_limit`, the last ones before the index `msg_before`. Text that is no whole number is ignored.
    With `expand_renderable`, `msg_limit` (at most 500) does not count the results of tools; a page then has
    only the entries of `tool_calls` that belong to it, and their indexes count from its first message.
    """
    state = state_of(current_app, SessionSubject(session_id))
    limit = None if msg_limit is None else max(1, msg_limit)
    before = None if msg_before is None else max(0, msg_before)
    webui = sessions().webui
    if messages and limit is None and before is None:
        session = webui.session(session_id)
        return {"session": _opened(session, {**whole_session(session)}, 0)}
    summary, page = webui.summary(session_id), MessagePage([], 0, 0)
    if messages and expand_renderable and limit is not None:
        page = webui.visible_messages(session_id, before=before, limit=min(limit, MOST_VISIBLE))
    elif messages:
        page = webui.messages(session_id, before=before, limit=limit)
    opened = _opened(summary, _with_transcript(summary, page), page.offset)
    return keep(json_response({"session": opened}), state)


def _with_transcript(summary: Summary, page: MessagePage) -> dict[str, Any]:
    transcript = {"messages": page.messages, "tool_calls": page.tool_calls}
    return summary.as_dict() | pending(summary) | transcript


def _opened(session: Metadata, entry: dict[str, Any], offset: int) -> schemas.WholeSession:
    """Complete the entry of an open session, whose first message has the index `offset`, and return it."""
    entry |= {
        "_messages_truncated": offset > 0,
        "_messages_offset": offset,
        "_msg_limit_max": MOST_VISIBLE,
    }
    continuation = sessions().webui.continuation(session)
    if continuation is not None:
        entry["continuation_session_id"] = continuation
    return cast(schemas.WholeSession, entry)


@get("/api/session/status")
def show_status(session_id: SessionId) -> schemas.SessionStatus:
    """Return a session's metadata and tokens, and whether its agent is running, according to its file."""
    entry: Mapping[str, Any] = list_entry(sessions().summary(session_id))
    status = {name: entry[name] for name in STATUS_FIELDS} | _total_tokens(entry)
    status |= {"agent_running": bool(entry["active_stream_id"]), "hermes_home": entry["profile"]}
    return cast(schemas.SessionStatus, status)


@get("/api/session/usage")
def show_usage(session_id: SessionId) -> schemas.SessionUsage:
    """Return the tokens and the cost of a session."""
    entry: Mapping[str, Any] = list_entry(sessions().summary(session_id))
    usage = {name: entry.get(name) for name in USAGE_FIELDS} | _total_tokens(entry)
    return cast(schemas.SessionUsage, usage)


def _total_tokens(entry: Mapping[str, Any]) -> dict[str, int]:
    return {"total_tokens": entry["input_tokens"] + entry["output_tokens"]}


@get("/api/session/lineage/report")
def show_lineage(session_id: SessionId) -> schemas.LineageReport:
    """Return which of the agent's sessions a session continues, and which were begun from them."""
    return cast(schemas.LineageReport, sessions().webui.lineage_report(session_id).as_dict())


@get("/api/session/export", media=[file.media for file in EXPORTS.values()])
def export_session(session_id: SessionId, format: ExportFormat = "json") -> Response:
    """Download a session as a file.

    `json` can be imported again; `jsonl` has one message per line; `markdown` and `text` are for reading, and
    `html` is one page that needs nothing else.
    """
    text = sessions().export(session_id, format, redact=settings().mask_credentials)
    file = EXPORTS[format]
    response = Response(file.encode(text), mimetype=file.media)
    response.headers.set("Content-Disposition", "attachment", filename=f"hermes-{session_id}.{file.ending}")
    return response
