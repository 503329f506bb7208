"""The rows of the mirror: what is known of the agents' sessions, and how lists and pages show them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from ..fields import read_metadata
from ..index import AGENT_CONVERSATIONS, AGENT_SESSIONS, database
from ..index import rows as tables
from ..model import Summary
from ..sources import source_class, source_label
from . import lineage
from .lineage import Conversation, Segment
from .snapshot import Row

# Rows that change in place without a word: the latest, whose model and tokens follow their messages.
RECENT = 64

_SEGMENT_COLUMNS = [AGENT_SESSIONS.c["session_id" if name == "id" else name] for name in Segment._fields]
_ROW_COLUMNS = [AGENT_SESSIONS.c[name] for name in Row._fields if name != "segment"]
_KNOWN_COLUMNS = [*_SEGMENT_COLUMNS, *_ROW_COLUMNS, AGENT_SESSIONS.c.family, AGENT_SESSIONS.c.lineage]


class Known(NamedTuple):
    """A session's row as the mirror has it, with its family and what lineage says of it."""

    row: Row
    family: str
    lineage: dict[str, Any] | None


# ---- what is known --------------------------------------------------------------------------------------


def _of(profile: str) -> sa.ColumnElement[bool]:
    return AGENT_SESSIONS.c.profile == profile


def ids(connection: Connection, profile: str) -> set[str]:
    """Return the ids of a profile\'s sessions."""
    return set(connection.execute(sa.select(AGENT_SESSIONS.c.session_id).where(_of(profile))).scalars())


def outline(connection: Connection, profile: str) -> dict[str, tuple[str | None, str | None]]:
    """Return the title and the parent of each session by id."""
    columns = (AGENT_SESSIONS.c[name] for name in ("session_id", "title", "parent_session_id"))
    found = database.driver_tuples(connection.execute(sa.select(*columns).where(_of(profile))))
    return {name: (title, parent) for name, title, parent in found}


def restless(connection: Connection, profile: str) -> set[str]:
    """Return the ids whose rows change without a sign: the latest, and parents that may yet be continued."""
    recent = sa.select(AGENT_SESSIONS.c.session_id).where(_of(profile))
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


def rows(connection: Connection, profile: str, session_ids: Collection[str] | None) -> dict[str, Known]:
    """Return the rows of these ids, or all, by id."""
    if session_ids is not None:
        return rows_where(connection, profile, AGENT_SESSIONS.c.session_id, session_ids)
    found = map(_of_row, connection.execute(sa.select(*_KNOWN_COLUMNS).where(_of(profile))).all())
    return {known.row.segment.id: known for known in found}


def rows_where(
    connection: Connection, profile: str, column: sa.ColumnElement[Any], values: Iterable[str]
) -> dict[str, Known]:
    """Return the rows whose `column` has one of these values, by id."""
    query = sa.select(*_KNOWN_COLUMNS).where(_of(profile))
    return {
        found.row.segment.id: found
        for some in database.chunks(values)
        for found in map(_of_row, connection.execute(query.where(column.in_(some))).all())
    }


def _of_row(row: Sequence[Any]) -> Known:
    split = len(_SEGMENT_COLUMNS)
    return Known(Row(Segment(*row[:split]), *row[split:-2]), row[-2], row[-1])


def session_values(profile: str, known: Known) -> dict[str, Any]:
    """Return a row as `agent_sessions` stores it."""
    segment = known.row.segment._asdict()
    rest = known.row._asdict()
    del rest["segment"]
    values = {"session_id": segment.pop("id"), "profile": profile, **segment, **rest}
    return values | {"family": known.family, "lineage": known.lineage}


def conversation_values(summary: Summary) -> dict[str, Any]:
    """Return a conversation as `agent_conversations` stores it."""
    values = {name: getattr(summary, name) for name in _CONVERSATION_FIELDS}
    return values | {"source": summary.source, "hidden": summary.hidden, **tables.place_of(summary)._asdict()}


_CONVERSATION_FIELDS = [
    column.name
    for column in AGENT_CONVERSATIONS.c
    if column.name not in ("source", "hidden", "unpinned", "age")
]


# ---- sessions -------------------------------------------------------------------------------------------

# What an entry of an agent's session has beside the fields of any session, as the web UI's reader gives it.
_NO_LINEAGE: Mapping[str, Any] = dict.fromkeys(
    "parent_session_id parent_title parent_source relationship_type _parent_lineage_root_id _lineage_root_id "
    "_lineage_tip_id _compression_segment_count".split()
)


def summary_of(conversation: Conversation, rows: Mapping[str, Row], profile: str) -> Summary:
    """Return a conversation as a list shows it; tokens and cost are those of all its segments."""
    head, tip, last = conversation.head, conversation.tip, rows[conversation.tip.id]
    parts = [rows[segment.id] for segment in conversation.segments]
    costs = [part.estimated_cost for part in parts if part.estimated_cost is not None]
    source = head.source or "cli"
    known = {
        "title": head.title or f"{source.title()} Session",
        "workspace": last.workspace,
        "model": tip.model,
        "created_at": head.started_at or conversation.active_at,
        "updated_at": conversation.active_at,
        "archived": last.archived,
        "profile": profile,
        "input_tokens": sum(part.input_tokens for part in parts),
        "output_tokens": sum(part.output_tokens for part in parts),
        "estimated_cost": sum(costs) if costs else None,
        "parent_session_id": head.parent_session_id,
        "is_cli_session": True,
        "source_tag": source,
        "session_source": source_class(source),
        "source_label": source_label(source),
    }
    return Summary(
        **read_metadata(tip.id, known, conversation.active_at),
        extra={"raw_source": source},
        message_count=tip.message_count,
        last_message_at=conversation.active_at,
        of_agent=True,
        lineage={**_NO_LINEAGE, "parent_session_id": head.parent_session_id, **conversation.lineage()},
    )


def segment(connection: Connection, session_id: str) -> Summary | None:
    """Return a session of an agent that is no conversation of its own, such as an earlier segment; or None.

    Without a title it has that of the conversation that it belongs to.
    """
    query = sa.select(*_KNOWN_COLUMNS, AGENT_SESSIONS.c.profile)
    query = query.where(AGENT_SESSIONS.c.session_id == session_id)
    order = (AGENT_SESSIONS.c.last_activity.desc(), AGENT_SESSIONS.c.profile)
    row = connection.execute(query.order_by(*order)).first()
    if row is None:
        return None
    *columns, profile = row
    known = _of_row(columns)
    own = known.row.segment
    root_id = (known.lineage or {}).get("_lineage_root_id")
    root = rows(connection, profile, [root_id]).get(root_id) if root_id else None
    titled = own._replace(title=own.title or (root.row.segment.title if root else None))
    found = summary_of(Conversation((titled,)), {own.id: known.row}, profile)
    return replace(found, lineage={**found.lineage, **(known.lineage or {})})


def between(connection: Connection, profile: str, session_id: str) -> tuple[int, int] | None:
    """Return the ids of a session's first and last message, None if they are not known."""
    query = sa.select(AGENT_SESSIONS.c.first, AGENT_SESSIONS.c.last)
    query = query.where(_of(profile), AGENT_SESSIONS.c.session_id == session_id)
    found = connection.execute(query).first()
    return None if found is None or None in found else (found.first, found.last)


def segments(connection: Connection, profile: str, session_id: str) -> list[str]:
    """Return the ids of a conversation's segments with messages, oldest first, if there are several."""
    known = rows(connection, profile, [session_id]).get(session_id)
    if known is None:
        return []
    family = rows_where(connection, profile, AGENT_SESSIONS.c.family, [known.family])
    for chain in lineage.chains({name: each.row.segment for name, each in family.items()}):
        if any(segment.id == session_id for segment in chain.segments):
            spoken = [segment.id for segment in chain.segments if segment.message_count]
            return spoken if len(spoken) > 1 else []
    return []
