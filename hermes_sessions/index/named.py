"""Conversations found by what people call them, and the place of one in a list.

Runs portable SQL on a connection that the caller has from `freshness`.
"""

import functools
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from ..naming import MOST_CANDIDATES, SHORTEST_BEGINNING
from ..results import Sort
from ..title_keys import title_key
from .list_queries import listed_once
from .orders import KEYS, AnyPlace, SortedPlace, cursor_of
from .row_values import Place
from .schema import AGENT_CONVERSATIONS, SESSIONS

_BEGINNING = sa.bindparam("beginning", type_=sa.String)
_TITLE_KEY = sa.bindparam("title_key", type_=sa.String)
_ID = sa.bindparam("id", type_=sa.String)


def candidates(connection: Connection, text: str) -> list[str]:
    """Return the ids of conversations that begin so or are titled so; some of them if there are many."""
    values = {"title_key": title_key(text), "title": text}
    found = dict.fromkeys(connection.execute(_titled(), values).scalars())
    if len(text) >= SHORTEST_BEGINNING:
        found |= dict.fromkeys(connection.execute(_beginning(), {"beginning": text}).scalars())
    return list(found)


@functools.cache
def _beginning() -> sa.CompoundSelect[Any]:
    """Return the query by the beginning of an id, which reads the index of ids from there on.

    Without an upper bound: which characters come last depends on the database's language.
    """
    return sa.union_all(_beginning_so(SESSIONS), _beginning_so(AGENT_CONVERSATIONS, *listed_once(())))


def _beginning_so(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    session_id = table.c.session_id
    begins = sa.func.substr(session_id, 1, sa.func.length(_BEGINNING)) == _BEGINNING
    query = sa.select(session_id).where(session_id >= _BEGINNING, begins, *conditions)
    return sa.select(query.order_by(session_id).limit(MOST_CANDIDATES + 1).subquery().c.session_id)


@functools.cache
def _titled() -> sa.CompoundSelect[Any]:
    """Return the query by a title, which finds its key in the index of all that lists sort by."""
    return sa.union_all(_with_title(SESSIONS), _with_title(AGENT_CONVERSATIONS, *listed_once(())))


def _with_title(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    columns = table.c
    keyed = sa.select(columns.session_id).where(columns.title_key == _TITLE_KEY)
    query = sa.select(columns.session_id).where(
        columns.session_id.in_(keyed), columns.title == sa.bindparam("title", type_=sa.Text), *conditions
    )
    return sa.select(query.limit(MOST_CANDIDATES + 1).subquery().c.session_id)


def cursor_after(connection: Connection, session_id: str, sort: Sort) -> str | None:
    """Return the cursor that continues a list in this order after a conversation; None if there is none."""
    for table in (SESSIONS, AGENT_CONVERSATIONS):
        row = connection.execute(_place_statement(table, sort), {"id": session_id}).first()
        if row is not None:
            return cursor_of(_place(row, session_id, sort))
    return None


@functools.cache
def _place_statement(table: sa.Table, sort: Sort) -> sa.Select[Any]:
    columns = table.c
    key = columns.age if sort == "activity" else KEYS[sort](columns)
    query = sa.select(columns.unpinned, key.label("key")).where(columns.session_id == _ID)
    return query.order_by(columns.age, columns.profile).limit(1)  # of copied profiles, the listed copy


def _place(row: Any, session_id: str, sort: Sort) -> AnyPlace:
    if sort == "activity":
        return Place(row.unpinned, row.key, session_id)
    return SortedPlace(sort, row.key, session_id)
