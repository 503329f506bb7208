"""Sessions as the API answers them."""

import time
from contextlib import suppress
from typing import cast

from hermes_sessions.errors import SessionsError
from hermes_sessions.model import Session, Summary
from hermes_sessions.results import BulkReport
from hermes_sessions.webui_values import Sidebar, SidebarRequest

from ..request_context import sessions, warnings
from .schemas import FailedSession, ManyChanged, SessionEntry, SessionList, WholeSession


def list_entry(session: Summary | Session) -> SessionEntry:
    """Return a session as a list shows it."""
    if isinstance(session, Summary):
        return cast(SessionEntry, session.as_dict())
    return cast(SessionEntry, session.summary().as_dict() | _tags(session))


def whole_session(session: Session) -> WholeSession:
    """Return a session with all its messages."""
    return cast(WholeSession, session.as_dict() | _tags(session))


def _tags(session: Session) -> dict[str, list[str]]:
    """Return the key of an entry with the tags of a session, if it has any."""
    with suppress(SessionsError):  # the session was read, and what says its tags cannot be
        tags = sessions().summary(session.session_id).tags
        return {"tags": list(tags)} if tags else {}
    return {}


def sidebar_answer(sidebar: Sidebar, asked: SidebarRequest) -> SessionList:
    """Return the sidebar of the web UI of August as the API answers it."""
    counts = {
        "webui_session_count": sidebar.webui_count,
        "cli_session_count": sidebar.cli_count,
        "archived_webui_count": sidebar.archived_webui_count,
        "archived_cli_count": sidebar.archived_cli_count,
        "archived_count": sidebar.archived_webui_count + sidebar.archived_cli_count,
    }
    paged = {"archived_limit": asked.archived_limit, "archived_offset": asked.archived_offset}
    answer = {
        "sessions": sidebar.sessions,
        "sidebar_reference_sessions": [
            {**entry, "_sidebar_reference_only": True} for entry in sidebar.references
        ],
        **counts,
        "cli_count": sidebar.cli_count,
        "all_profiles": asked.all_profiles,
        "active_profile": asked.active_profile,
        "other_profile_count": sidebar.other_profile_count,
        "include_archived": asked.include_archived,
        **({} if asked.archived_limit is None else paged),
        "server_time": time.time(),
        "server_tz": time.strftime("%z"),
        "next_cursor": None,
        "total": len(sidebar.sessions),
        "warnings": [*sidebar.warnings, *warnings()],
    }
    return cast(SessionList, answer)


def report_of(report: BulkReport) -> ManyChanged:
    """Return the answer of a route that changed several sessions."""
    failed: list[FailedSession] = [
        {"session_id": each, "error": error} for each, error in report.failed.items()
    ]
    return {"ok": True, "changed": list(report.done), "failed": failed}
