"""The agent's own rows of some sessions, every column, as JSON values that lose nothing, and their children.

A text that is not UTF-8 is ``{"text_base64": "…"}``, a blob ``{"blob_base64": "…"}``. Everything else is the
JSON value of the same kind.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypedDict

import sqlalchemy as sa
from sqlalchemy import Connection

from .snapshot import Snapshot

Row = dict[str, Any]


class OriginalSegment(TypedDict):
    """A session's row and those of its messages, also of messages that are not in the transcript."""

    session: Row
    messages: list[Row]


class Originals(NamedTuple):
    """The rows of some sessions, and by id which other sessions name which of them as their parent."""

    segments: list[OriginalSegment]
    children: dict[str, str]


class _InvalidText(bytes):
    """A text of the database that is not UTF-8."""


def read_originals(snapshot: Snapshot, session_ids: Sequence[str]) -> Originals:
    """Return the rows of the sessions with these ids that exist, in this order, and their children."""
    return Originals(_segments(snapshot.connection, session_ids), snapshot.children(session_ids))


def _segments(connection: Connection, session_ids: Sequence[str]) -> list[OriginalSegment]:
    with _exact_texts(connection):
        found = []
        for session_id in session_ids:
            rows = list(_rows(connection, "sessions", "id", "rowid", session_id))
            messages = list(_rows(connection, "messages", "session_id", "id", session_id))
            found += [OriginalSegment(session=row, messages=messages) for row in rows]
        return found


def _rows(connection: Connection, table: str, column: str, order: str, value: str) -> Iterator[Row]:
    query = sa.select(sa.text("*")).select_from(sa.table(table))
    query = query.where(sa.column(column) == value).order_by(sa.column(order))
    result = connection.execute(query)
    names = list(result.keys())
    for row in result:
        yield {name: _json(each) for name, each in zip(names, row, strict=True)}


def _json(value: Any) -> Any:
    if isinstance(value, _InvalidText):
        return {"text_base64": b64encode(value).decode()}
    if isinstance(value, bytes):
        return {"blob_base64": b64encode(value).decode()}
    return value


@contextmanager
def _exact_texts(connection: Connection) -> Iterator[None]:
    """Read texts that are not UTF-8 as their bytes in the block."""
    driver: Any = connection.connection.driver_connection
    usual, driver.text_factory = driver.text_factory, _exact
    try:
        yield
    finally:
        driver.text_factory = usual


def _exact(text: bytes) -> str | _InvalidText:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return _InvalidText(text)
