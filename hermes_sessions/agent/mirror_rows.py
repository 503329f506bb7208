"""The tables of the mirror: SQL over the agents' sessions, their conversations, and the mirrors' states."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..index import (
    AGENT_CONVERSATIONS,
    AGENT_HOMES,
    AGENT_SESSIONS,
    Among,
    database,
    links,
    order_values,
    tags,
)
from ..model import Summary
from ..sources import Source, source_class
from . import lineage
from .lineage import Conversation, LineageFields, Segment
from .snapshot import AgentSession
from .summaries import summary_of

# So many of the latest sessions are read at every scan: their models and tokens change without a sign.
RECENT = 64


class MirrorState(NamedTuple):
    """How far the mirror of one profile is. Times are nanoseconds since the epoch.

    `versions` is `FileVersions.encoded` at the last scan, `read_at` when that began, and `fully_read_at` when
    the last scan of every session began. `warning` is what lists should tell the user. `failed` is whether
    the agent could not be read.
    """

    profile: str
    revision: int = 0
    versions: str = ""
    read_at: int = 0
    fully_read_at: int = 0
    session_count: int = 0
    last_message: int = 0
    fingerprint: str | None = None
    warning: str | None = None
    failed: bool = False


class MirroredSession(NamedTuple):
    """A session as the mirror has it, with its family and its lineage fields."""

    session: AgentSession
    family: str
    lineage: LineageFields | None


class MirrorChange(NamedTuple):
    """What to delete from the two tables, by id, and what to insert."""

    stale_sessions: list[str]
    sessions: list[MirroredSession]
    stale_conversations: list[str]
    conversations: list[Summary]


# ---- states ---------------------------------------------------------------------------------------------

_STATE_COLUMNS = (
    "profile revision seen looked_at whole_at sessions last_message fingerprint warning failed"
).split()
_STATES = sa.select(*(AGENT_HOMES.c[name] for name in _STATE_COLUMNS))


def mirror_states(connection: Connection) -> dict[str, MirrorState]:
    """Return how far the mirror of each profile is, by profile."""
    states = (MirrorState(*row) for row in connection.execute(_STATES))
    return {state.profile: state for state in states}


def put_state(connection: Connection, state: MirrorState) -> None:
    """Store how far the mirror of a profile is."""
    connection.execute(sa.delete(AGENT_HOMES).where(AGENT_HOMES.c.profile == state.profile))
    connection.execute(sa.insert(AGENT_HOMES).values(dict(zip(_STATE_COLUMNS, state, strict=True))))


# ---- sessions -------------------------------------------------------------------------------------------

_SEGMENT_COLUMNS = [AGENT_SESSIONS.c["session_id" if name == "id" else name] for name in Segment._fields]
_OTHER_COLUMNS = [
    AGENT_SESSIONS.c[name]
    for name in "archived workspace input_tokens output_tokens estimated_cost first last opening".split()
]
_COLUMNS = [*_SEGMENT_COLUMNS, *_OTHER_COLUMNS, AGENT_SESSIONS.c.family, AGENT_SESSIONS.c.lineage]


def _is_of(profile: str) -> sa.ColumnElement[bool]:
    return AGENT_SESSIONS.c.profile == profile


def session_ids(connection: Connection, profile: str) -> set[str]:
    """Return the ids of a profile's sessions."""
    return set(connection.execute(sa.select(AGENT_SESSIONS.c.session_id).where(_is_of(profile))).scalars())


def titles_and_parents(connection: Connection, profile: str) -> dict[str, tuple[str | None, str | None]]:
    """Return the title and the parent of each session by id."""
    columns = (AGENT_SESSIONS.c[name] for name in ("session_id", "title", "parent_session_id"))
    outlines = database.driver_tuples(connection.execute(sa.select(*columns).where(_is_of(profile))))
    return {session_id: (title, parent) for session_id, title, parent in outlines}


class MirroredOpening(NamedTuple):
    """The opening that is mirrored of a session, and the messages it was read from.

    `was_read` is whether it was looked for: of a session with a title it is not.
    """

    opening: str | None
    was_read: bool
    first_message: int | None
    last_message: int | None


def openings(connection: Connection, profile: str, ids: Iterable[str]) -> dict[str, MirroredOpening]:
    """Return the mirrored openings of these sessions, by session id."""
    columns = (AGENT_SESSIONS.c[name] for name in ("session_id", "opening", "title", "first", "last"))
    query = sa.select(*columns).where(_is_of(profile))
    return {
        session_id: MirroredOpening(opening, not title, first, last)
        for some in database.chunks(ids)
        for session_id, opening, title, first, last in database.driver_tuples(
            connection.execute(query.where(Among(AGENT_SESSIONS.c.session_id)), {"ids": some})
        )
    }


def volatile_ids(connection: Connection, profile: str) -> set[str]:
    """Return the ids of sessions that may change without a sign.

    These are the latest sessions, and parents that have not ended: they may yet be continued by a child.
    """
    recent = sa.select(AGENT_SESSIONS.c.session_id).where(_is_of(profile))
    recent = recent.order_by(AGENT_SESSIONS.c.last_activity.desc()).limit(RECENT)
    child = AGENT_SESSIONS.alias("child")
    open_parents = (
        sa.select(child.c.parent_session_id)
        .join(
            AGENT_SESSIONS,
            (AGENT_SESSIONS.c.session_id == child.c.parent_session_id)
            & (AGENT_SESSIONS.c.profile == child.c.profile),
        )
        .where(
            child.c.profile == profile,
            child.c.parent_session_id.is_not(None),
            AGENT_SESSIONS.c.ended_at.is_(None),
        )
    )
    return {*connection.execute(recent).scalars(), *connection.execute(open_parents).scalars()}


def all_sessions(connection: Connection, profile: str) -> dict[str, MirroredSession]:
    """Return every session of a profile by id."""
    return _by_id(connection.execute(sa.select(*_COLUMNS).where(_is_of(profile))).all())


def sessions(connection: Connection, profile: str, ids: Iterable[str]) -> dict[str, MirroredSession]:
    """Return the sessions with these ids, by id."""
    return _sessions_where(connection, profile, AGENT_SESSIONS.c.session_id, ids)


def sessions_of_families(
    connection: Connection, profile: str, families: Iterable[str]
) -> dict[str, MirroredSession]:
    """Return the sessions of these families, by id."""
    return _sessions_where(connection, profile, AGENT_SESSIONS.c.family, families)


def _sessions_where(
    connection: Connection, profile: str, column: sa.ColumnElement[Any], values: Iterable[str]
) -> dict[str, MirroredSession]:
    query, mirrored = _sessions_by(column), dict[str, MirroredSession]()
    for some in database.chunks(values):
        mirrored |= _by_id(connection.execute(query, {"of_profile": profile, "ids": some}).all())
    return mirrored


@functools.cache
def _sessions_by(column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return the query of the sessions that have one of some values in a column."""
    of_profile = AGENT_SESSIONS.c.profile == sa.bindparam("of_profile", type_=sa.String)
    return sa.select(*_COLUMNS).where(of_profile, Among(column))


def _by_id(rows: Sequence[sa.Row[Any]]) -> dict[str, MirroredSession]:
    return {each.session.segment.id: each for each in map(_mirrored, rows)}


def _mirrored(row: Sequence[Any]) -> MirroredSession:
    """Return the session of a row of `_COLUMNS`."""
    split = len(_SEGMENT_COLUMNS)
    return MirroredSession(AgentSession(Segment(*row[:split]), *row[split:-2]), row[-2], row[-1])


# ---- changes --------------------------------------------------------------------------------------------


def apply(connection: Connection, profile: str, change: MirrorChange) -> set[str]:
    """Carry out a change of a profile's sessions and conversations.

    Returns the ids of the conversations, the web UI's too, that lists may show otherwise than before.
    """
    ids = {*change.stale_conversations, *(each.session_id for each in change.conversations)}
    before = _conversations(connection, profile, ids)
    _replace(connection, profile, change)
    after = _conversations(connection, profile, ids)
    sessions = {*change.stale_sessions, *(each.session.segment.id for each in change.sessions)}
    of_web_ui = links.sessions_among(connection, sessions)  # lists show what the agent knows of their lineage
    return {each for each in ids if before.get(each) != after.get(each)}.union(of_web_ui)


def _conversations(connection: Connection, profile: str, ids: Iterable[str]) -> dict[str, sa.Row[Any]]:
    """Return the rows of these conversations, by id."""
    columns = AGENT_CONVERSATIONS.c
    return {
        row.session_id: row
        for some in database.chunks(ids)
        for row in connection.execute(
            sa.select(AGENT_CONVERSATIONS).where(columns.profile == profile, Among(columns.session_id)),
            {"ids": some},
        ).all()
    }


def _replace(connection: Connection, profile: str, change: MirrorChange) -> None:
    _delete(connection, AGENT_SESSIONS, profile, change.stale_sessions)
    _delete(connection, AGENT_CONVERSATIONS, profile, change.stale_conversations)
    sessions = [_session_values(profile, each) for each in change.sessions]
    database.insert_all(connection, AGENT_SESSIONS, sessions)
    tags.forget(connection, profile, change.stale_conversations)
    if change.conversations:
        values = list(map(_conversation_values, change.conversations))
        database.insert_all(connection, AGENT_CONVERSATIONS, values)
        tags.refresh_conversations(connection, profile, [each.session_id for each in change.conversations])


def _delete(connection: Connection, table: sa.Table, profile: str, ids: Iterable[str]) -> None:
    statement = sa.delete(table).where(table.c.profile == profile, Among(table.c.session_id))
    for some in database.chunks(ids):
        connection.execute(statement, {"ids": some})


def forget(connection: Connection, profile: str) -> list[str]:
    """Delete everything that is mirrored of a profile; return the ids that lists may show otherwise."""
    known = session_ids(connection, profile)
    changed = {*links.conversations_among(connection, known), *links.sessions_among(connection, known)}
    for table in (AGENT_SESSIONS, AGENT_CONVERSATIONS, AGENT_HOMES):
        connection.execute(sa.delete(table).where(table.c.profile == profile))
    tags.forget_profile(connection, profile)
    return list(changed)


_VALUE_NAMES = [column.name for column in _COLUMNS]


def _session_values(profile: str, mirrored: MirroredSession) -> Mapping[str, object]:
    """Return a row of `agent_sessions`."""
    segment, *others = mirrored.session
    values = zip(_VALUE_NAMES, (*segment, *others, mirrored.family, mirrored.lineage), strict=True)
    return {"profile": profile, **dict(values)}


_CONVERSATION_FIELDS = [
    column.name
    for column in AGENT_CONVERSATIONS.c
    if column.name not in ("source", "root_id", "hidden", "unpinned", "age", "tags", "title_key")
]


def _conversation_values(summary: Summary) -> Mapping[str, object]:
    """Return a row of `agent_conversations`."""
    values = {name: getattr(summary, name) for name in _CONVERSATION_FIELDS}
    root_id = summary.lineage.get("_lineage_root_id")
    own = {"source": summary.source, "root_id": root_id, "hidden": summary.hidden}
    return values | own | order_values(summary)


def has_just(connection: Connection, profile: str, change: MirrorChange) -> bool:
    """Whether the mirror of a profile holds just what a change inserts, value by value, but for the tags."""
    sessions = {each.session.segment.id: _session_values(profile, each) for each in change.sessions}
    conversations = {each.session_id: _conversation_values(each) for each in change.conversations}
    return (
        _values_by_id(connection, AGENT_SESSIONS, profile) == sessions
        and _values_by_id(connection, AGENT_CONVERSATIONS, profile) == conversations
    )


def _values_by_id(connection: Connection, table: sa.Table, profile: str) -> dict[str, dict[str, Any]]:
    columns = (column for column in table.c if column.name != "tags")
    stored = connection.execute(sa.select(*columns).where(table.c.profile == profile)).mappings()
    return {row["session_id"]: dict(row) for row in stored}


# ---- one session ----------------------------------------------------------------------------------------


def find_agent_session(connection: Connection, session_id: str, profile: str | None = None) -> Summary | None:
    """Return any session of an agent by its own id, also an earlier segment of a conversation; or None.

    A segment without a title gets the title of its conversation. Without a `profile`, if several have the
    session, the one where it was active last is returned.
    """
    of_profile = {} if profile is None else {"of_profile": profile}
    row = connection.execute(_sessions_of_id(bool(of_profile)), {"id": session_id, **of_profile}).first()
    if row is None:
        return None
    *columns, found_in = row
    return _segment_summary(connection, found_in, _mirrored(columns))


@functools.cache
def _sessions_of_id(of_one_profile: bool) -> sa.Select[Any]:
    """Return the query of the sessions with an id, in all profiles or one, the latest first."""
    columns = AGENT_SESSIONS.c
    query = sa.select(*_COLUMNS, columns.profile).where(columns.session_id == sa.bindparam("id"))
    if of_one_profile:
        query = query.where(columns.profile == sa.bindparam("of_profile"))
    return query.order_by(columns.last_activity.desc(), columns.profile)


def _segment_summary(connection: Connection, profile: str, mirrored: MirroredSession) -> Summary:
    own, fields = mirrored.session.segment, mirrored.lineage or {}
    root_id = fields.get("_lineage_root_id")
    root = sessions(connection, profile, [root_id]).get(root_id) if root_id else None
    of_root = (root.session.segment.title or root.session.opening) if root else None
    titled = own._replace(title=own.title or of_root)
    summary = summary_of(Conversation((titled,)), {own.id: mirrored.session}, profile)
    names = tags.tags_of_segment(connection, summary)
    return replace(summary, lineage={**summary.lineage, **fields}, tags=names)


def message_range(connection: Connection, profile: str, session_id: str) -> tuple[int, int] | None:
    """Return the ids of a session's first and last message, None if they are not known."""
    query = sa.select(AGENT_SESSIONS.c.first, AGENT_SESSIONS.c.last)
    query = query.where(_is_of(profile), AGENT_SESSIONS.c.session_id == session_id)
    row = connection.execute(query).first()
    return None if row is None or None in row else (row.first, row.last)


def segment_ids(connection: Connection, profile: str, session_id: str) -> list[str]:
    """Return the segments of a session's conversation that have messages, oldest first.

    The list is empty if there are fewer than two.
    """
    with_messages = [each.id for each in chain_of(connection, profile, session_id) if each.message_count]
    return with_messages if len(with_messages) > 1 else []


def next_segments(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return the segment that continues each session that is mirrored, itself if none does, by session id.

    Without the messaging conversations, which go on with the agent.
    """
    known: dict[str, str] = {}
    for some in database.chunks(ids):
        found = connection.execute(_WITH_CHILDREN, {"ids": some}).all()
        for session_id, source, fields, child_id, child_fields in found:
            if source_class(source) is not Source.MESSAGING:
                root_id = (fields or {}).get("_lineage_root_id") or session_id
                continues = (child_fields or {}).get("_lineage_root_id") == root_id
                known[session_id] = child_id if continues else known.get(session_id, session_id)
    return known


_CHILD = AGENT_SESSIONS.alias("child")
_IS_CHILD = sa.and_(
    _CHILD.c.profile == AGENT_SESSIONS.c.profile,
    _CHILD.c.parent_session_id == AGENT_SESSIONS.c.session_id,
    _CHILD.c.message_count > 0,
)
_WITH_CHILDREN: sa.Select[Any] = sa.select(
    *(AGENT_SESSIONS.c[name] for name in ("session_id", "source", "lineage")),
    *(_CHILD.c[name] for name in ("session_id", "lineage")),
).outerjoin_from(AGENT_SESSIONS, _CHILD, _IS_CHILD)
_WITH_CHILDREN = _WITH_CHILDREN.where(Among(AGENT_SESSIONS.c.session_id))


def chain_of(connection: Connection, profile: str, session_id: str) -> Sequence[Segment]:
    """Return all segments of a session's conversation, oldest first; none if the agent lacks the session."""
    mirrored = sessions(connection, profile, [session_id]).get(session_id)
    if mirrored is None:
        return ()
    family = sessions_of_families(connection, profile, [mirrored.family])
    for chain in lineage.chains({name: each.session.segment for name, each in family.items()}):
        if any(segment.id == session_id for segment in chain.segments):
            return chain.segments
    return ()
