"""Reads what a sidebar is made of: the list, what the agents know beside it, and the contacts of the gateway.

What was read from an agent's `state.db` is kept for the same question until the index or a file is another.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from .. import files, json_text
from ..access import HomeAccess
from ..agent import FileVersions, Segment, Snapshot
from ..errors import AgentUnavailable
from ..home import OpenHome
from ..index import (
    AGENT_CONVERSATIONS,
    AGENT_SESSIONS,
    CurrentIndex,
    ListRequest,
    database,
    listed_once,
    listed_summaries,
    lists,
)
from ..results import Filters
from ..webui_values import SidebarRequest
from .branches import Branch, branch_of, freshest_branches
from .contacts import NOBODY, Contact, gateway_contacts
from .entries import Entry, messaging_source, named_source
from .lineage_report import continues_here
from .originals import can_have_more
from .sidebar import AgentFacts, Key, Original, Rows, in_doubt

CONTACT_COLUMNS = ("session_key", "chat_type", "chat_id", "thread_id", "user_id", "end_reason")
OTHER_NAMES = {"chat_id": "origin_chat_id", "user_id": "origin_user_id"}


class _Question(NamedTuple):
    """Of which conversations the agents' databases are asked, of which version of the index and of the files.

    The figures of the index tell nothing of a contact, which an agent can change alone.
    """

    version: str
    filters: Filters
    has_background: bool
    files: Mapping[str, FileVersions]


class _Knowledge(NamedTuple):
    """What the agents' databases say of the conversations of a question; None if that may not be kept."""

    asked: _Question | None
    user_turns: Mapping[Key, int]
    contacts: Mapping[Key, Contact]


class SidebarReader:
    """Reads the rows of sidebars of one home. Thread-safe."""

    def __init__(self, access: HomeAccess) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._known = _Knowledge(None, {}, {})

    @property
    def _home(self) -> OpenHome:
        return self._access.home

    def rows(self, index: CurrentIndex, request: SidebarRequest) -> Rows:
        """Return the rows of a sidebar."""
        filters = Filters(
            profile=None if request.all_profiles else request.active_profile, agent=request.show_agents
        )
        connection = index.connection
        entries = self._entries(connection, filters)
        if request.show_agents:
            _name_sources(connection, entries)
            entries = freshest_branches(entries, _continued(connection, entries))
        background = self._background(index.connection, filters, request)
        facts = _facts(index.connection, filters) if request.show_agents else {}
        known = self._knowledge(index.version, filters, entries, background, facts)
        return Rows(
            entries,
            background,
            facts,
            known.user_turns,
            _merged(known.contacts, self._gateway(request.active_profile)),
            self._originals(connection, entries) if request.show_agents else {},
            0 if request.all_profiles else self._elsewhere(index, request.active_profile),
        )

    def _entries(self, connection: Connection, filters: Filters) -> list[Entry]:
        request = ListRequest(filters, self._home.view(filters))
        return [entry for block in lists.read_entries(connection, request) for entry in block]

    def _background(self, connection: Connection, filters: Filters, request: SidebarRequest) -> list[Entry]:
        """Return the scheduled conversations, which lists hide, if the request can show any."""
        if request.exclude_hidden and "cron" not in request.shown_background:
            return []
        scheduled = Filters(profile=filters.profile, agent=filters.agent, source="cron", hidden=True)
        return self._entries(connection, scheduled)

    def _originals(self, connection: Connection, entries: Iterable[Entry]) -> dict[str, Original]:
        """Return the agents' originals of the imported messaging conversations."""
        imported = [entry["session_id"] for entry in entries if messaging_source(entry)]
        summaries = listed_summaries(connection, self._home.view(Filters()), imported)
        own = [name for name, each in summaries.items() if not each.of_agent and can_have_more(each)]
        sessions = AGENT_SESSIONS.c
        query = sa.select(sessions.session_id, sessions.message_count, sessions.last_activity)
        return {
            session_id: Original(count, last_activity or 0.0)
            for ids in database.chunks(own)
            for session_id, count, last_activity in connection.execute(
                query.where(sessions.session_id.in_(ids)).order_by(sessions.message_count)
            ).all()
        }

    def _elsewhere(self, index: CurrentIndex, profile: str) -> int:
        count = self._home.lists.count
        return count(index, Filters()) - count(index, Filters(profile=profile))

    def _gateway(self, profile: str) -> dict[str, Contact]:
        """Return the contacts that the gateway of a profile names; none if its file cannot be read."""
        path = self._home.config.state_db(profile).parent / "sessions/sessions.json"
        try:
            return gateway_contacts(json_text.decode(files.read(path)))
        except (OSError, json_text.Malformed):
            return {}  # the conversations are listed all the same, each platform as one contact

    # ---- what the agents know ---------------------------------------------------------------------------

    def _knowledge(
        self,
        version: str,
        filters: Filters,
        entries: list[Entry],
        background: list[Entry],
        facts: Mapping[Key, AgentFacts],
    ) -> _Knowledge:
        now, versions = time.time_ns(), self._home.agents.file_versions()  # before the files are opened
        asked = _Question(version, filters, bool(background), versions)
        with self._lock:
            known = self._known
        if known.asked != asked:
            may_keep = all(each.show_all_commits(now) for each in versions.values())
            known = self._read(asked if may_keep else None, [*entries, *background], facts)
            with self._lock:
                self._known = known
        return known

    def _read(
        self, asked: _Question | None, entries: list[Entry], facts: Mapping[Key, AgentFacts]
    ) -> _Knowledge:
        doubtful = _by_profile(in_doubt(entries, facts))
        messaging = _by_profile(
            (entry["profile"], entry["session_id"]) for entry in entries if messaging_source(entry)
        )
        turns: dict[Key, int] = {}
        contacts: dict[Key, Contact] = {}
        for name in doubtful.keys() | messaging.keys():
            try:
                with self._home.agents.of_profile(name).reading() as snapshot:
                    found = snapshot.user_messages(doubtful[name])
                    turns |= {(name, each): found.get(each, 0) for each in doubtful[name]}
                    contacts |= {(name, each): c for each, c in _contacts(snapshot, messaging[name])}
            except AgentUnavailable:
                continue  # the list warns about it, and hides nothing for it
        return _Knowledge(asked, turns, contacts)


def _by_profile(keys: Iterable[Key]) -> defaultdict[str, list[str]]:
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for profile, session_id in keys:
        ids[profile].append(session_id)
    return ids


def _contacts(snapshot: Snapshot, session_ids: Collection[str]) -> Iterable[tuple[str, Contact]]:
    names = (*CONTACT_COLUMNS, *OTHER_NAMES.values())
    for session_id, *values in snapshot.session_values(names, session_ids):
        texts = {name: str(value) for name, value in zip(names, values, strict=True) if value}
        given: dict[str, Any] = {
            name: texts.get(name) or texts.get(OTHER_NAMES.get(name, ""), "") for name in CONTACT_COLUMNS
        }
        yield session_id, NOBODY._replace(**given)


def _merged(stored: Mapping[Key, Contact], gateway: Mapping[str, Contact]) -> dict[str, Contact]:
    """Return the contacts by session id; what the gateway says comes before what the database says."""
    by_id = {session_id: contact for (_, session_id), contact in stored.items()}
    merged = dict(by_id)
    for session_id, contact in gateway.items():
        other = by_id.get(session_id, NOBODY)
        missing = {name: value for name, value in other._asdict().items() if not getattr(contact, name)}
        merged[session_id] = contact._replace(**missing)
    return merged


def _facts(connection: Connection, filters: Filters) -> dict[Key, AgentFacts]:
    """Return what the mirror has of the latest segment of each listed conversation of an agent."""
    conversation, tip = AGENT_CONVERSATIONS.c, AGENT_SESSIONS.c
    same = sa.and_(tip.session_id == conversation.session_id, tip.profile == conversation.profile)
    given = () if filters.profile is None else ("profile",)
    columns: list[sa.ColumnElement[Any]] = [conversation.profile, conversation.session_id]
    columns += [tip.counted, tip.title, tip.ended_at, tip.end_reason]
    query = sa.select(*columns).join_from(AGENT_CONVERSATIONS, AGENT_SESSIONS, same)
    query = query.where(*listed_once(given))
    if filters.profile is not None:
        query = query.where(conversation.profile == filters.profile)
    return {
        (profile, session_id): AgentFacts(counted, title, ended_at is not None or bool(end_reason))
        for profile, session_id, counted, title, ended_at, end_reason in connection.execute(query).all()
    }


def _continued(connection: Connection, entries: Iterable[Entry]) -> dict[Branch, Branch]:
    """Return which branches continue a conversation that other segments continue too, and which one."""
    children = [entry for entry in entries if entry.get("_parent_lineage_root_id")]
    parents = _parents(connection, {str(entry.get("parent_session_id")) for entry in children})
    return {
        branch_of(entry): Branch(entry["profile"], entry["_parent_lineage_root_id"])
        for entry in children
        if (parent := parents.get((entry["profile"], str(entry.get("parent_session_id"))))) is not None
        and continues_here(parent, _first_segment(entry))
    }


def _first_segment(entry: Entry) -> Segment:
    return Segment(branch_of(entry).root_id, entry["source_tag"], started_at=entry["created_at"])


def _parents(connection: Connection, ids: Collection[str]) -> dict[Key, Segment]:
    sessions = AGENT_SESSIONS.c
    columns = (sessions.profile, sessions.session_id, sessions.source, sessions.ended_at, sessions.end_reason)
    return {
        (profile, session_id): Segment(session_id, source, ended_at=ended_at, end_reason=end_reason)
        for some in database.chunks(ids)
        for profile, session_id, source, ended_at, end_reason in connection.execute(
            sa.select(*columns).where(sessions.session_id.in_(some))
        ).all()
    }


def _name_sources(connection: Connection, entries: Iterable[Entry]) -> None:
    """Name the source of early imports, which do not, after the agent's session of the same id."""
    nameless = {
        entry["session_id"]: entry
        for entry in entries
        if entry["is_cli_session"] and not (entry["source_tag"] or entry["session_source"])
    }
    sessions = AGENT_SESSIONS.c
    query = sa.select(sessions.session_id, sessions.source).where(sessions.source.is_not(None))
    for ids in database.chunks(nameless):
        for session_id, source in connection.execute(query.where(sessions.session_id.in_(ids))).all():
            nameless[session_id].update(named_source(source))
