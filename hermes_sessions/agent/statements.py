"""The statements that read an agent's `state.db`, by the columns that it has.

Each is made once for all files with the same columns: SQLAlchemy takes longer to make one than SQLite to
execute it. Where a statement takes ids, they are the parameter `ids`, at most `database.IDS_PER_QUERY`.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from .outlines import ROW_END, VALUE_END

# The columns that are read, as far as the agent's release has them.
SESSION_COLUMNS = (
    "id source title model parent_session_id started_at ended_at end_reason message_count "
    "archived cwd input_tokens output_tokens estimated_cost_usd"
).split()
MESSAGE_COLUMNS = (
    "role content timestamp tool_calls tool_call_id tool_name finish_reason reasoning reasoning_content "
    "reasoning_details codex_reasoning_items codex_message_items platform_message_id"
).split()
# Named without a check, so that SQLite reports a table of messages without ids as an error.
UNCHECKED_COLUMNS = {"sessions": "rowid", "messages": "id"}
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)


class Schema(NamedTuple):
    """The file's two tables with their columns, and the columns that the indexes of each begin with."""

    sessions: sa.TableClause
    messages: sa.TableClause
    indexed_sessions: frozenset[str]
    indexed_messages: frozenset[str]


def read_schema(connection: Connection) -> Schema:
    """Return the columns of the file, and those that its indexes begin with."""
    tables, indexed = [], []
    for table in ("sessions", "messages"):
        columns = connection.exec_driver_sql("SELECT name FROM pragma_table_info(?)", (table,))
        tables.append(_table(table, frozenset({UNCHECKED_COLUMNS[table], *columns.scalars()})))
        first_columns = connection.exec_driver_sql(
            # A partial index over titles has every title; a partial one over messages misses some of them.
            "SELECT i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i "
            "WHERE i.seqno = 0 AND NOT (l.partial AND i.name = 'session_id')",
            (table,),
        )
        indexed.append(frozenset(first_columns.scalars()))
    return Schema(tables[0], tables[1], indexed[0], indexed[1])


@lru_cache(maxsize=32)  # a machine has the columns of a few releases; the tests have those of many
def _table(name: str, columns: frozenset[str]) -> sa.TableClause:
    return sa.table(name, *map(sa.column, columns))


_of_schema = lru_cache(maxsize=32)


def columns_of(table: sa.TableClause, names: Iterable[str]) -> list[sa.ColumnElement[Any]]:
    """Return columns of a table, NULL in place of those that it lacks."""
    return [table.c[name] if name in table.c else sa.null().label(name) for name in names]


def in_transcript(messages: sa.FromClause) -> Iterator[sa.ColumnElement[bool]]:
    """Leave out messages that were rewound or compressed, which the agent keeps with `active = 0`."""
    if "active" in messages.c:
        yield messages.c.active.is_distinct_from(0)


# ---- sessions -------------------------------------------------------------------------------------------


@_of_schema
def sessions(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of every session's `SESSION_COLUMNS`."""
    return sa.select(*columns_of(table, SESSION_COLUMNS))


@_of_schema
def sessions_by_id(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of the `SESSION_COLUMNS` of the sessions `ids`."""
    return sessions(table).where(table.c.id.in_(_IDS))


@_of_schema
def family(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of the `SESSION_COLUMNS` of every session connected with `ids` through parents."""
    up = sa.select(table.c.id).where(table.c.id.in_(_IDS)).cte("up", recursive=True)
    up = up.union(
        sa.select(table.c.parent_session_id)
        .join(up, table.c.id == up.c.id)
        .where(table.c.parent_session_id.is_not(None))
    )
    down = sa.select(up.c.id).cte("down", recursive=True)
    down = down.union(sa.select(table.c.id).join(down, table.c.parent_session_id == down.c.id))
    return sessions(table).where(table.c.id.in_(sa.select(down.c.id)))


@_of_schema
def joined_columns(table: sa.TableClause) -> list[sa.Select[Any]]:
    """Return the queries of all ids, titles and parents, each joined to one value, and of their number."""
    return [_joined(table, column) for column in (table.c.id, table.c.title, table.c.parent_session_id)]


def _joined(table: sa.TableClause, column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    value = column.concat(VALUE_END.decode()).concat(table.c.rowid)
    # As bytes: decoding half a megabyte of text only to hash it takes as long as the query.
    joined = sa.cast(sa.func.group_concat(value, ROW_END.decode()), sa.LargeBinary)
    values: list[sa.ColumnElement[Any]] = [joined, sa.func.count()]
    # The agent's index over titles leaves out NULL: SQLite uses it only for a query that does too.
    return sa.select(*values).where(column.is_not(None))


@_of_schema
def title_and_parent_columns(table: sa.TableClause) -> list[sa.Select[Any]]:
    """Return the queries of the titles, the parents and the ids, each with its row."""
    columns = (table.c.title, table.c.parent_session_id, table.c.id)
    return [sa.select(table.c.rowid, column).where(column.is_not(None)) for column in columns]


@_of_schema
def parents_by_row(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of the id and the parent of the sessions in the rows `ids`."""
    return sa.select(table.c.id, table.c.parent_session_id).where(table.c.rowid.in_(_IDS))


# ---- messages -------------------------------------------------------------------------------------------


@_of_schema
def positions(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of the messages `ids`, with how many are in their transcript, and how many before."""
    of_session = table.alias("of_session")
    is_before = sa.func.sum(sa.cast(of_session.c.id < table.c.id, sa.Integer))
    within = sa.and_(of_session.c.session_id == table.c.session_id, *in_transcript(of_session))
    return (
        sa.select(table.c.id, sa.func.count(of_session.c.id), is_before)
        .select_from(table.outerjoin(of_session, within))
        .where(table.c.id.in_(_IDS))
        .group_by(table.c.id)
    )


@_of_schema
def last_message(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of the id of the newest message."""
    return sa.select(sa.func.max(table.c.id))


@_of_schema
def stats(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of what the messages of each session add up to."""
    return _stats(table, sa.true(), table.c.session_id)


@_of_schema
def stats_by_session(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of what the messages of each of the sessions `ids` add up to."""
    return _stats(table, table.c.session_id.in_(_IDS), table.c.session_id)


@_of_schema
def stats_since(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of what the messages after `message_id` add up to, for each session."""
    # Grouped by an expression: for the column, SQLite walks a whole index instead of sorting a few rows.
    return _stats(table, table.c.id > sa.bindparam("message_id"), table.c.session_id.concat(""))


def _stats(
    table: sa.TableClause, condition: sa.ColumnElement[bool], session_id: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    sent_at = table.c.timestamp if "timestamp" in table.c else sa.null()
    ids = table.c.id
    return (
        sa.select(session_id, sa.func.count(), sa.func.max(sent_at), sa.func.min(ids), sa.func.max(ids))
        .where(condition, *in_transcript(table))
        .group_by(session_id)
    )


@_of_schema
def message_ids(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of the ids of the messages of `session_id`, in any order."""
    of_session = table.c.session_id == sa.bindparam("session_id")
    return sa.select(table.c.id).where(of_session, *in_transcript(table))


@_of_schema
def messages_by_id(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of the id and the `MESSAGE_COLUMNS` of the messages `ids`."""
    return sa.select(table.c.id, *columns_of(table, MESSAGE_COLUMNS)).where(table.c.id.in_(_IDS))


@_of_schema
def first_of_user(table: sa.TableClause) -> sa.Select[Any]:
    """Return the query of the content of the first message of the user in `session_id`."""
    of_session = table.c.session_id == sa.bindparam("session_id")
    query = sa.select(table.c.content).where(of_session, table.c.role == "user", *in_transcript(table))
    return query.order_by(table.c.id).limit(1)
