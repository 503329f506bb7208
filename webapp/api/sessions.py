"""The JSON routes that read: the list, one session in whole or in part, its export."""

import hashlib
import time
from functools import partial
from typing import Any, Literal, cast

from flask import Blueprint, Response, request

from hermes_sessions.model import pending

from ..request_context import (
    entry_of,
    masked,
    masked_all,
    redacting,
    sessions,
    settings_problem,
    showing_agents,
)
from . import routing as wire
from . import schemas as answers
from .routing import SessionId

api = Blueprint("api", __name__)
get = partial(wire.get, api)

EXPORTS = {"json": ("json", wire.JSON), "markdown": ("md", "text/markdown"), "html": ("html", "text/html")}
STATUS_FIELDS = (
    "session_id title workspace model model_provider profile created_at updated_at last_message_at "
    "message_count active_stream_id pending_user_message"
).split()
USAGE_FIELDS = (
    "session_id title model model_provider profile message_count input_tokens output_tokens estimated_cost "
    "context_length threshold_tokens last_prompt_tokens cache_read_tokens cache_write_tokens"
).split()


@get("/api/sessions", statuses=[304])
def list_sessions(
    *,
    limit: int | None = None,
    cursor: str | None = None,
    profile: str | None = None,
    project_id: str | None = None,
    source: str | None = None,
    archived: bool | None = None,
    agent: bool | None = None,
    hidden: bool = False,
) -> answers.SessionList | Response:
    tag = _list_tag()  # before the list is read: a change meanwhile makes the next request ask again
    if request.if_none_match.contains_weak(tag):
        return _tagged(Response(status=304), tag)
    of_agents = 0

    def encoded(entries: list[dict[str, Any]]) -> bytes:
        nonlocal of_agents
        of_agents += sum(entry["is_cli_session"] for entry in entries)
        return wire.encode(masked_all(entries))[1:-1]

    page = sessions().entries(
        encoded,
        limit=limit,
        cursor=cursor,
        profile=profile,
        project_id=project_id,
        source=source,
        archived=archived,
        agent=showing_agents() if agent is None else agent,
        hidden=hidden,
    )
    rest = {
        "cli_count": of_agents,
        "server_time": time.time(),
        "server_tz": time.strftime("%z"),
        "next_cursor": page.next_cursor,
        "total": page.total,
        "warnings": [*page.warnings, *filter(None, [settings_problem()])],
    }
    body = b'{"sessions":[' + b",".join(page.items) + b"]," + wire.encode(rest)[1:]
    return _tagged(Response(body, mimetype="application/json"), tag)


def _list_tag() -> str:
    """Return what a list depends on, as an entity tag: the store, the query and the settings in effect."""
    query = sorted(request.args.items(multi=True))
    settings = (redacting(), showing_agents(), settings_problem())
    return hashlib.sha256(repr((sessions().version(), query, settings)).encode()).hexdigest()[:32]


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)  # weak: the answer also holds the server's time
    return response


@get("/api/session")
def show_session(
    session_id: SessionId, messages: bool = True, msg_limit: int | None = None, msg_before: int | None = None
) -> answers.OpenedSession | Response:
    if not messages:
        summary = sessions().summary(session_id)
        return {"session": masked(summary.as_dict() | pending(summary))}
    if msg_limit is None and msg_before is None:
        whole = sessions().get(session_id).as_dict()
        return {"session": masked(whole) | {"_messages_truncated": False, "_messages_offset": 0}}
    return {"session": _page(session_id, msg_limit, msg_before)}


def _page(session_id: str, limit: int | None, before: int | None) -> answers.Opened:
    summary = sessions().summary(session_id)
    page = sessions().messages(session_id, before=before, limit=limit)
    transcript = {"messages": page.messages, "tool_calls": page.tool_calls}
    entry = masked(summary.as_dict() | pending(summary) | transcript)
    place = {"_messages_truncated": page.offset > 0, "_messages_offset": page.offset}
    return cast(answers.Opened, entry | place)


@get("/api/session/status")
def show_status(session_id: SessionId) -> answers.Status:
    entry = entry_of(sessions().summary(session_id))
    told = {name: entry[name] for name in STATUS_FIELDS} | {"agent_running": entry["is_streaming"]}
    return cast(answers.Status, told)


@get("/api/session/usage")
def show_usage(session_id: SessionId) -> answers.SessionUsage:
    entry = entry_of(sessions().summary(session_id))
    total = entry["input_tokens"] + entry["output_tokens"]
    told = {name: entry.get(name) for name in USAGE_FIELDS} | {"total_tokens": total}
    return cast(answers.SessionUsage, told)


@get("/api/session/export", media=[media for _, media in EXPORTS.values()])
def export_session(session_id: SessionId, format: Literal["json", "markdown", "html"] = "json") -> Response:
    text = sessions().export(session_id, format, redact=redacting())
    ending, media = EXPORTS[format]
    body = wire.encode_text(text) if format == "json" else text.encode()
    response = Response(body, mimetype=media)
    response.headers.set("Content-Disposition", "attachment", filename=f"hermes-{session_id}.{ending}")
    return response
