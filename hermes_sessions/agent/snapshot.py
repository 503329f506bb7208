"""One state of an agent's `state.db`: the queries over it, and what its rows say.

Speaks SQLite to whatever release of the agent wrote the file: columns that are not there are not named.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..fields import clean_text
from ..index import database
from ..json_text import Malformed, decode
from . import lineage
from .lineage import Segment

JSON_CONTENT = "\0json:"  # how the agent marks content that is a list of parts

# What is read, where the agent's release has the column.
SESSION_COLUMNS = (
    "id source title model parent_session_id started_at ended_at end_reason message_count "
    "archived cwd input_tokens output_tokens estimated_cost_usd"
).split()
MESSAGE_COLUMNS = (
    "role content timestamp tool_calls tool_call_id tool_name finish_reason reasoning reasoning_content "
    "reasoning_details codex_reasoning_items codex_message_items platform_message_id"
).split()
# What is named without a look: a table of messages without ids is said to be damaged.
ALWAYS_THERE = {"sessions": "rowid", "messages": "id"}
ALWAYS_SAID = ("role", "content", "timestamp")
JSON_COLUMNS = frozenset("tool_calls reasoning_details codex_reasoning_items codex_message_items".split())


class Row(NamedTuple):
    """One session as the agent has it; the cost in dollars, `first` and `last` the ids of its messages."""

    segment: Segment
    archived: bool = False
    workspace: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_cost: float | None = None
    first: int | None = None
    last: int | None = None


class Said(NamedTuple):
    """What the messages of a session amount to: how many, when the last was sent, the first and last id."""

    messages: int = 0
    last_activity: float | None = None
    first: int | None = None
    last: int | None = None


NOTHING = Said()


class Schema(NamedTuple):
    """The two tables with the columns that are there, and the columns of each that an index begins with."""

    sessions: sa.TableClause
    messages: sa.TableClause
    indexed_sessions: frozenset[str]
    indexed_messages: frozenset[str]


def look_up(connection: Connection) -> Schema:
    """Return the columns of the file and what its indexes begin with."""
    tables, indexed = [], []
    for table in ("sessions", "messages"):
        found = connection.exec_driver_sql("SELECT name FROM pragma_table_info(?)", (table,))
        tables.append(sa.table(table, *map(sa.column, {ALWAYS_THERE[table], *found.scalars()})))
        begin = connection.exec_driver_sql(
            # An index of a part of the titles has all there are; one of a part of the messages finds not all.
            "SELECT i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i "
            "WHERE i.seqno = 0 AND NOT (l.partial AND i.name = 'session_id')",
            (table,),
        )
        indexed.append(frozenset(begin.scalars()))
    return Schema(tables[0], tables[1], indexed[0], indexed[1])


class Snapshot:
    """Queries over one state of the file; they name only columns that are there."""

    def __init__(self, connection: Connection, schema: Schema) -> None:
        self.connection, self.schema = connection, schema
        self._sessions, self._messages = schema.sessions, schema.messages

    @property
    def has_sources(self) -> bool:
        """Whether the agent's own sessions can be told from the web UI's."""
        return "source" in self._sessions.c

    def has_column(self, name: str) -> bool:
        """Whether the table of sessions has this column."""
        return name in self._sessions.c

    @property
    def is_outlined(self) -> bool:
        """Whether ids, titles and parents lie in indexes: a row also holds a prompt of many kilobytes."""
        return {"id", "title", "parent_session_id"} <= self.schema.indexed_sessions

    @property
    def has_message_index(self) -> bool:
        """Whether the messages of one session are found without reading those of all."""
        return "session_id" in self.schema.indexed_messages

    # ---- sessions

    def rows(self, said: Mapping[str, Said], session_ids: Collection[str] | None = None) -> list[Row]:
        """Return the sessions of these ids, or all, with what `said` tells of their messages."""
        return [row for query in self._by_id(session_ids) for row in self._rows(query, said)]

    def _rows(self, query: sa.Select[Any], said: Mapping[str, Said]) -> Iterator[Row]:
        for values in self._read(query):
            if isinstance(values[0], str):
                yield _row(values, said.get(values[0], NOTHING))

    def _read(self, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
        return database.driver_tuples(self.connection.execute(query))

    def _by_id(self, session_ids: Collection[str] | None) -> Iterator[sa.Select[Any]]:
        query = sa.select(*self._columns(self._sessions, SESSION_COLUMNS))
        if session_ids is None:
            yield query
        else:
            yield from (query.where(self._sessions.c.id.in_(some)) for some in database.chunks(session_ids))

    @staticmethod
    def _columns(table: sa.TableClause, wanted: Iterable[str]) -> list[sa.ColumnElement[Any]]:
        return [table.c[name] if name in table.c else sa.null().label(name) for name in wanted]

    def family(self, session_ids: Collection[str]) -> dict[str, Segment]:
        """Return all sessions that hang together with these by their parents, without their messages."""
        if "parent_session_id" not in self._sessions.c:
            return {row.segment.id: row.segment for row in self.rows({}, session_ids)}
        found: dict[str, Segment] = {}
        for some in database.chunks(map(clean_text, session_ids)):
            found |= {row.segment.id: row.segment for row in self._rows(self._family(some), {})}
        return found

    def _family(self, session_ids: Sequence[str]) -> sa.Select[Any]:
        sessions = self._sessions
        up = sa.select(sessions.c.id).where(sessions.c.id.in_(session_ids)).cte("up", recursive=True)
        up = up.union(
            sa.select(sessions.c.parent_session_id)
            .join(up, sessions.c.id == up.c.id)
            .where(sessions.c.parent_session_id.is_not(None))
        )
        down = sa.select(up.c.id).cte("down", recursive=True)
        down = down.union(sa.select(sessions.c.id).join(down, sessions.c.parent_session_id == down.c.id))
        return sa.select(*self._columns(sessions, SESSION_COLUMNS)).where(
            sessions.c.id.in_(sa.select(down.c.id))
        )

    def conversation(self, session_id: str) -> list[str]:
        """Return the ids of all segments if `session_id` is a conversation's latest, else it alone."""
        family = {each.id: each for each in self.family([session_id]).values() if lineage.is_listed(each)}
        said = self.said(family)
        spoken = {
            key: each._replace(message_count=said.get(key, NOTHING).messages) for key, each in family.items()
        }
        for chain in lineage.chains(spoken):
            if chain.tip is not None and chain.tip.id == session_id:
                return [segment.id for segment in chain.segments]
        return [session_id]

    def fingerprint(self) -> str:
        """Return what changes when a session comes or goes, or gets another title or parent.

        Read from indexes alone: 6 ms at 21,600 sessions, where to read every row takes 108.
        """
        sessions = self._sessions.c
        digest = blake2b(digest_size=16)
        for column in (sessions.id, sessions.title, sessions.parent_session_id):
            told = column.concat("\x1e").concat(sessions.rowid)
            # As bytes: to make a text of half a megabyte only to hash it takes as long as the query.
            joined = sa.cast(sa.func.group_concat(told, "\x1f"), sa.LargeBinary)
            # The agent's index on titles holds only those that are not NULL: without this it is not used.
            found = self.connection.execute(sa.select(joined).where(column.is_not(None))).scalar()
            digest.update(found or b"")
        return digest.hexdigest()

    def outline(self) -> dict[str, tuple[str | None, str | None]]:
        """Return the title and the parent of every session by id, read from indexes alone."""
        sessions = self._sessions.c
        titles, parents, ids = (
            self._read(sa.select(sessions.rowid, column).where(column.is_not(None)))
            for column in (sessions.title, sessions.parent_session_id, sessions.id)
        )
        title_of, parent_of = dict(titles), dict(parents)
        return {
            name: (_text(title_of.get(rowid)), _text(parent_of.get(rowid)))
            for rowid, name in ids
            if isinstance(name, str)
        }

    # ---- messages

    def last_message(self) -> int:
        """Return the id of the newest message, 0 without one; ids only grow."""
        return int(self.connection.execute(sa.select(sa.func.max(self._messages.c.id))).scalar() or 0)

    def said(self, session_ids: Collection[str] | None = None) -> dict[str, Said]:
        """Return what the messages of these sessions, or of all, amount to."""
        if session_ids is None or not self.has_message_index:
            return self._said(sa.true(), self._messages.c.session_id)
        found: dict[str, Said] = {}
        for some in database.chunks(session_ids):
            found |= self._said(self._messages.c.session_id.in_(some), self._messages.c.session_id)
        return found

    def said_since(self, message_id: int) -> dict[str, Said]:
        """Return what the messages after this one amount to, by session."""
        # By an expression: by the column, SQLite would go through a whole index rather than sort a few rows.
        return self._said(self._messages.c.id > message_id, self._messages.c.session_id.concat(""))

    def _said(self, condition: sa.ColumnElement[bool], session_id: sa.ColumnElement[Any]) -> dict[str, Said]:
        messages = self._messages
        sent_at = messages.c.timestamp if "timestamp" in messages.c else sa.null()
        query = (
            sa.select(
                session_id,
                sa.func.count(),
                sa.func.max(sent_at),
                sa.func.min(messages.c.id),
                sa.func.max(messages.c.id),
            )
            .where(condition, *self._in_transcript())
            .group_by(session_id)
        )
        return {
            name: Said(count, _number(last_activity), first, last)
            for name, count, last_activity, first, last in self._read(query)
        }

    def _in_transcript(self) -> Iterator[sa.ColumnElement[bool]]:
        """A message that was taken back or summed up is kept with `active = 0`."""
        if "active" in self._messages.c:
            yield self._messages.c.active.is_distinct_from(0)

    def message_ids(self, session_id: str, between: tuple[int, int] | None = None) -> list[int]:
        """Return the ids of a session's messages in order, `between` two where no index finds them."""
        messages = self._messages
        named = messages.c.session_id == clean_text(session_id)
        query = sa.select(messages.c.id).where(named, *self._in_transcript())
        if between is not None and not self.has_message_index:
            query = query.where(messages.c.id.between(*between))
        return sorted(number for (number,) in self._read(query))

    def index_of(self, session_id: str, message_id: int) -> int:
        """Return how many messages of a session come before one of them."""
        messages = self._messages
        query = sa.select(sa.func.count()).where(
            messages.c.session_id == clean_text(session_id),
            messages.c.id < message_id,
            *self._in_transcript(),
        )
        return int(self.connection.execute(query.select_from(messages)).scalar_one())

    def messages(self, message_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return these messages in this order, with every key that says something."""
        found = self.messages_by_id(message_ids)
        return [found[number] for number in message_ids]

    def messages_by_id(self, message_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return those of these messages that there are, by id."""
        query = sa.select(self._messages.c.id, *self._columns(self._messages, MESSAGE_COLUMNS))
        return {
            number: _message(dict(zip(MESSAGE_COLUMNS, values, strict=True)))
            for some in database.chunks(message_ids)
            for number, *values in self._read(query.where(self._messages.c.id.in_(some)))
        }

    # ---- the one change

    def delete(self, session_ids: Sequence[str]) -> int:
        """Delete these sessions with their messages, and return how many there were."""
        sessions, deleted = self._sessions, 0
        for some in database.chunks(session_ids):
            if "parent_session_id" in self._sessions.c:
                orphaned = sa.update(sessions).where(sessions.c.parent_session_id.in_(some))
                self.connection.execute(orphaned.values(parent_session_id=None))
            self.connection.execute(sa.delete(self._messages).where(self._messages.c.session_id.in_(some)))
            deleted += self.connection.execute(sa.delete(sessions).where(sessions.c.id.in_(some))).rowcount
        return deleted


# ---- values ---------------------------------------------------------------------------------------------
# SQLite keeps any type in any column: what is of another than expected reads as absent.


def _row(values: Sequence[Any], said: Said) -> Row:
    """Return the session of a row of `SESSION_COLUMNS`."""
    name, source, title, model, parent, started_at, ended_at, end_reason, counted, *rest = values
    archived, workspace, input_tokens, output_tokens, estimated_cost = rest
    segment = Segment(
        id=name,
        source=_text(source),
        title=_text(title),
        model=_text(model),
        parent_session_id=_text(parent),
        started_at=_number(started_at),
        ended_at=_number(ended_at),
        end_reason=_text(end_reason),
        counted=_count(counted),
        message_count=said.messages,
        last_activity=said.last_activity,
    )
    return Row(
        segment,
        archived=bool(_count(archived)),
        workspace=_text(workspace),
        input_tokens=_count(input_tokens),
        output_tokens=_count(output_tokens),
        estimated_cost=_number(estimated_cost),
        first=said.first,
        last=said.last,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e18 else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _message(values: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: _decoded(name, value) for name, value in values.items()}
    return {name: value for name, value in said.items() if value is not None or name in ALWAYS_SAID}


def _decoded(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return value
    if name == "content":
        return _json(value.removeprefix(JSON_CONTENT), value) if value.startswith(JSON_CONTENT) else value
    return _json(value, value) if name in JSON_COLUMNS else value


def _json(text: str, otherwise: str) -> Any:
    """Return what a text says as JSON; one that is none stays as it is, rather than be lost."""
    try:
        return decode(text)
    except Malformed:
        return otherwise
