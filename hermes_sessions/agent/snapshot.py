"""Queries over one state of the agent's `state.db`: its sessions, their messages, and the one deletion.

Written for SQLite and for every release of the agent: a column that the file lacks is never named in a query.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..fields import clean_text, count_of, text_of
from ..index import database
from ..json_text import Malformed, decode
from ..messages import title_from
from . import lineage, statements
from .lineage import Segment
from .outlines import JoinedColumn, JoinedOutline
from .statements import MESSAGE_COLUMNS, Schema
from .transcripts import is_summary

JSON_CONTENT = "\0json:"  # the agent's prefix for content that is a list of parts

BASIC_KEYS = ("role", "content", "timestamp")  # of every message, even where the value is None
JSON_COLUMNS = frozenset("tool_calls reasoning_details codex_reasoning_items codex_message_items".split())


class MessageStats(NamedTuple):
    """What a session's messages add up to: their number, the time of the latest, the first and last id.

    `last_activity` is in seconds since the epoch.
    """

    messages: int = 0
    last_activity: float | None = None
    first_id: int | None = None
    last_id: int | None = None


NO_MESSAGES = MessageStats()


class AgentSession(NamedTuple):
    """One session as the agent stores it.

    `estimated_cost` is in US dollars. `first_message` and `last_message` are ids of messages. `opening` is
    the title that the first message of the user gives a session without one; None if there is none.
    """

    segment: Segment
    archived: bool = False
    workspace: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_cost: float | None = None
    first_message: int | None = None
    last_message: int | None = None
    opening: str | None = None

    @property
    def stats(self) -> MessageStats:
        """What its messages added up to when it was read."""
        segment = self.segment
        return MessageStats(
            segment.message_count, segment.last_activity, self.first_message, self.last_message
        )


class ConversationIds(NamedTuple):
    """The ids of a conversation: its latest segment with messages, and all its segments, oldest first."""

    latest: str
    segments: list[str]


class Snapshot:
    """Queries over one state of the file, on one connection in one read transaction."""

    def __init__(self, connection: Connection, schema: Schema) -> None:
        self.connection, self.schema = connection, schema
        self._sessions, self._messages = schema.sessions, schema.messages

    @property
    def has_sources(self) -> bool:
        """Whether sessions record their source, without which the web UI's cannot be told apart."""
        return self.has_column("source")

    def has_column(self, name: str) -> bool:
        """Whether the table of sessions has a column."""
        return name in self._sessions.c

    @property
    def has_outline_indexes(self) -> bool:
        """Whether indexes hold ids, titles and parents, so that no row with its long prompt is read."""
        return {"id", "title", "parent_session_id"} <= self.schema.indexed_sessions

    @property
    def has_message_index(self) -> bool:
        """Whether an index finds the messages of one session."""
        return "session_id" in self.schema.indexed_messages

    # ---- sessions ---------------------------------------------------------------------------------------

    def sessions(
        self, stats: Mapping[str, MessageStats], session_ids: Collection[str] | None = None
    ) -> list[AgentSession]:
        """Return the sessions with these ids (None: all), with their entries of `stats`."""
        if session_ids is None:
            return list(self._load(statements.sessions(self._sessions), stats))
        query = statements.sessions_by_id(self._sessions)
        return [row for ids in database.chunks(session_ids) for row in self._load(query, stats, ids=ids)]

    def _load(
        self, query: sa.Select[Any], stats: Mapping[str, MessageStats], **parameters: Any
    ) -> Iterator[AgentSession]:
        for values in self._read(query, **parameters):
            if isinstance(values[0], str):
                yield _session(values, stats.get(values[0], NO_MESSAGES))

    def _read(self, query: sa.Select[Any], **parameters: Any) -> list[tuple[Any, ...]]:
        return database.driver_tuples(self.connection.execute(query, parameters))

    def family(self, session_ids: Collection[str]) -> dict[str, Segment]:
        """Return by id every session connected with these through parents, without its messages."""
        if not self.has_column("parent_session_id"):
            return {each.segment.id: each.segment for each in self.sessions({}, session_ids)}
        segments: dict[str, Segment] = {}
        query = statements.family(self._sessions)
        for ids in database.chunks(map(clean_text, session_ids)):
            segments |= {each.segment.id: each.segment for each in self._load(query, {}, ids=ids)}
        return segments

    def children(self, session_ids: Sequence[str]) -> dict[str, str]:
        """Return the ids of other sessions that name one of these as their parent, each with this parent."""
        if not self.has_column("parent_session_id"):
            return {}
        sessions, own = self._sessions.c, set(session_ids)
        query = sa.select(sessions.id, sessions.parent_session_id).order_by(sessions.id)
        found = (
            row
            for ids in database.chunks(session_ids)
            for row in self._read(query.where(sessions.parent_session_id.in_(ids)))
        )
        return {child: parent for child, parent in found if isinstance(child, str) and child not in own}

    def conversation(self, session_id: str) -> list[str]:
        """Return the ids of a conversation's segments if `session_id` is its latest, else that id alone."""
        whole = self.whole_conversation(session_id)
        return whole.segments if whole.latest == session_id else [session_id]

    def whole_conversation(self, session_id: str) -> ConversationIds:
        """Return the conversation to which a session belongs, which may be it alone."""
        family = {each.id: each for each in self.family([session_id]).values() if lineage.is_listed(each)}
        stats = self.message_stats(family)
        counted = {
            key: each._replace(message_count=stats.get(key, NO_MESSAGES).messages)
            for key, each in family.items()
        }
        for chain in lineage.chains(counted):
            ids = [segment.id for segment in chain.segments]
            if chain.tip is not None and session_id in ids:
                return ConversationIds(chain.tip.id, ids)
        return ConversationIds(session_id, [session_id])

    # ---- what changed in a large file -------------------------------------------------------------------

    def outline(self, job_names: Mapping[str, str]) -> JoinedOutline:
        """Return the ids, titles and parents of all sessions.

        They are read from indexes alone: in 9 ms for 21,600 sessions, where reading every row takes 108.
        """
        ids, titles, parents = map(self._joined, statements.joined_columns(self._sessions))
        return JoinedOutline(ids, titles, parents, job_names)

    def _joined(self, query: sa.Select[Any]) -> JoinedColumn:
        joined, rows = self.connection.execute(query).one()
        return JoinedColumn(joined or b"", rows)

    def titles_and_parents(self) -> dict[str, tuple[str | None, str | None]]:
        """Return the title and the parent of every session by id, read from indexes alone."""
        titles, parents, ids = map(self._read, statements.title_and_parent_columns(self._sessions))
        title_of, parent_of = dict(titles), dict(parents)
        return {
            session_id: (text_of(title_of.get(rowid)), text_of(parent_of.get(rowid)))
            for rowid, session_id in ids
            if isinstance(session_id, str)
        }

    def parents_in(self, rows: Collection[int]) -> dict[str, str | None]:
        """Return the parent of each session in these rows, by session id."""
        query = statements.parents_by_row(self._sessions)
        return {
            session_id: text_of(parent)
            for some in database.chunks(rows)
            for session_id, parent in self._read(query, ids=some)
            if isinstance(session_id, str)
        }

    def existing(self, session_ids: Collection[str]) -> set[str]:
        """Return which of these sessions there are."""
        return {session_id for (session_id,) in self.session_values((), session_ids)}

    # ---- messages ---------------------------------------------------------------------------------------

    def last_message(self) -> int:
        """Return the id of the newest message, 0 if there are no messages; ids only grow."""
        return int(self.connection.execute(statements.last_message(self._messages)).scalar() or 0)

    def message_stats(self, session_ids: Collection[str] | None = None) -> dict[str, MessageStats]:
        """Return what the messages of these sessions (None: all) add up to, by session id."""
        if session_ids is None or not self.has_message_index:
            return self._stats(statements.stats(self._messages))
        stats: dict[str, MessageStats] = {}
        for ids in database.chunks(session_ids):
            stats |= self._stats(statements.stats_by_session(self._messages), ids=ids)
        return stats

    def message_stats_since(self, message_id: int) -> dict[str, MessageStats]:
        """Return what the messages after this one add up to, by session id."""
        return self._stats(statements.stats_since(self._messages), message_id=message_id)

    def _stats(self, query: sa.Select[Any], **parameters: Any) -> dict[str, MessageStats]:
        return {
            name: MessageStats(count, _number(last_activity), first, last)
            for name, count, last_activity, first, last in self._read(query, **parameters)
        }

    def message_ids(self, session_id: str, between: tuple[int, int] | None = None) -> list[int]:
        """Return the ids of a session's messages in order.

        `between` is the first and the last of them: without an index, only the messages between are read.
        """
        query = statements.message_ids(self._messages)
        if between is not None and not self.has_message_index:
            query = query.where(self._messages.c.id.between(*between))
        return sorted(message_id for (message_id,) in self._read(query, session_id=clean_text(session_id)))

    def positions_of(self, message_ids: Collection[int]) -> dict[int, int]:
        """Return the positions of the messages that exist in their sessions, from 0, by id.

        One that is not in the transcript, since it was summarised away, has that of a message beside it.
        """
        query = statements.positions(self._messages)
        return {
            message_id: max(0, min(before or 0, count - 1))
            for ids in database.chunks(message_ids)
            for message_id, count, before in self._read(query, ids=ids)
        }

    def messages(self, message_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return the messages with these ids, in this order; see `messages_by_id`."""
        by_id = self.messages_by_id(message_ids)
        return [by_id[message_id] for message_id in message_ids]

    def messages_by_id(self, message_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return the messages with these ids that exist, by id.

        Each has the keys of `BASIC_KEYS`, and of the other `MESSAGE_COLUMNS` those with a value.
        """
        query = statements.messages_by_id(self._messages)
        return {
            message_id: _message(values)
            for ids in database.chunks(message_ids)
            for message_id, *values in self._read(query, ids=ids)
        }

    def user_messages(self, session_ids: Collection[str]) -> dict[str, int]:
        """Return by session id how many messages a person sent; sessions with none are left out.

        Every message counts if the file does not say who sent it.
        """
        messages = self._messages.c
        query = sa.select(messages.session_id, sa.func.count()).group_by(messages.session_id)
        for name, condition in (("role", "user"), ("active", 1)):
            if name in messages:
                query = query.where(sa.func.coalesce(messages[name], condition) == condition)
        counts: dict[str, int] = {}
        for ids in database.chunks(session_ids):
            counts |= dict(self._read(query.where(messages.session_id.in_(ids))))
        return counts

    def session_values(self, names: Sequence[str], session_ids: Collection[str]) -> list[tuple[Any, ...]]:
        """Return the id and these columns of each session; None for a column that the file lacks."""
        query = sa.select(self._sessions.c.id, *statements.columns_of(self._sessions, names))
        return [
            row
            for ids in database.chunks(session_ids)
            for row in self._read(query.where(self._sessions.c.id.in_(ids)))
        ]

    def openings(self, session_ids: Collection[str]) -> dict[str, str]:
        """Return the titles that the first messages of the user would give these sessions, by session id."""
        if not {"role", "content"} <= set(self._messages.c.keys()):
            return {}
        return {
            session_id: title
            for session_id in session_ids
            if (title := title_from([self._first_of_user(session_id)], ""))
        }

    def _first_of_user(self, session_id: str) -> dict[str, Any] | None:
        query = statements.first_of_user(self._messages)
        row = self.connection.execute(query, {"session_id": session_id}).first()
        if row is None:
            return None
        message = {"role": "user", "content": _decoded("content", row[0])}
        return None if is_summary(message) else message

    # ---- the only change --------------------------------------------------------------------------------

    def delete(self, session_ids: Sequence[str]) -> int:
        """Delete sessions with their messages, and return how many sessions there were."""
        sessions, deleted = self._sessions, 0
        for ids in database.chunks(session_ids):
            if self.has_column("parent_session_id"):
                children = sa.update(sessions).where(sessions.c.parent_session_id.in_(ids))
                self.connection.execute(children.values(parent_session_id=None))
            self.connection.execute(sa.delete(self._messages).where(self._messages.c.session_id.in_(ids)))
            deleted += self.connection.execute(sa.delete(sessions).where(sessions.c.id.in_(ids))).rowcount
        return deleted


# ---- values ---------------------------------------------------------------------------------------------
# SQLite stores any type in any column: a value of an unexpected type is read as absent.


def _session(values: Sequence[Any], stats: MessageStats) -> AgentSession:
    """Return the session of a row of `SESSION_COLUMNS`."""
    session_id, source, title, model, parent, started_at, ended_at, end_reason, counted, *rest = values
    archived, workspace, input_tokens, output_tokens, estimated_cost = rest
    segment = Segment(
        id=session_id,
        source=text_of(source),
        title=text_of(title),
        model=text_of(model),
        parent_session_id=text_of(parent),
        started_at=_number(started_at),
        ended_at=_number(ended_at),
        end_reason=text_of(end_reason),
        counted=count_of(counted),
        message_count=stats.messages,
        last_activity=stats.last_activity,
    )
    return AgentSession(
        segment,
        archived=bool(count_of(archived)),
        workspace=text_of(workspace),
        input_tokens=count_of(input_tokens),
        output_tokens=count_of(output_tokens),
        estimated_cost=_number(estimated_cost),
        first_message=stats.first_id,
        last_message=stats.last_id,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e18 else None


def _message(values: Sequence[Any]) -> dict[str, Any]:
    """Return the message of a row of `MESSAGE_COLUMNS`."""
    decoded = ((name, _decoded(name, value)) for name, value in zip(MESSAGE_COLUMNS, values, strict=True))
    return {name: value for name, value in decoded if value is not None or name in BASIC_KEYS}


def _decoded(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return value
    if name == "content":
        return content_of(value)
    return _parsed(value, value) if name in JSON_COLUMNS else value


def content_of(text: str) -> Any:
    """Return the content of a message from how the agent stores it: a text, or a list of parts."""
    return _parsed(text.removeprefix(JSON_CONTENT), text) if text.startswith(JSON_CONTENT) else text


def _parsed(text: str, default: str) -> Any:
    """Return the value of a JSON text, or `default` if it is not JSON, so that nothing is lost."""
    try:
        return decode(text)
    except Malformed:
        return default
