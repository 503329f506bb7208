"""The SQL of tags: those of `tags.json` by id, and which each session and conversation has, with its title's.

Runs portable SQL on a connection that the caller has from `database`.

A conversation has the tags of its own id and of every segment of it, so that it keeps them while the agent
continues it under new ids, and once it is imported; and those in its title.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from ..fields import clean_text
from ..model import Summary
from ..origins import segments_of
from ..tag_names import tag_key, title_tags, unique
from .among import Among
from .database import chunks
from .row_values import divided, joined
from .schema import (
    AGENT_CONVERSATIONS,
    AGENT_SESSIONS,
    CONVERSATION_TAGS,
    FILE_TAGS,
    HELD_SEGMENTS,
    INDEX_STATE,
    SESSIONS,
)

Names = tuple[str, ...]
ROOT_ID = "_lineage_root_id"  # in a lineage: the id of the first segment
OF_WEB_UI = ""  # in the place of a profile: a session of the web UI
LONGEST_ID = 128


# ---- of the file ----------------------------------------------------------------------------------------


def file_tags(connection: Connection) -> dict[str, list[str]]:
    """Return the tags of `tags.json` by id, as they were last read."""
    return {row.session_id: list(divided(row.names)) for row in connection.execute(sa.select(FILE_TAGS))}


def put_file_tags(connection: Connection, found: Mapping[str, Sequence[str]]) -> list[str]:
    """Store what `tags.json` has for these ids, and return the conversations whose tags that changed."""
    storable = {each: names for each, names in found.items() if is_storable(each)}
    for some in chunks(storable):
        connection.execute(sa.delete(FILE_TAGS).where(Among(FILE_TAGS.c.session_id)), {"ids": some})
    rows = [{"session_id": each, "names": joined(names)} for each, names in storable.items() if names]
    if rows:
        connection.execute(sa.insert(FILE_TAGS), rows)
    changed = _refresh_sessions(connection, [*storable, *_holders(connection, storable)])
    for profile, session_ids in relatives(connection, storable).items():
        changed += refresh_conversations(connection, profile, session_ids)
    return changed


def is_storable(session_id: str) -> bool:
    """Whether a session or a conversation can have an id."""
    return len(session_id) <= LONGEST_ID and clean_text(session_id) == session_id


def note_file(connection: Connection, version: str | None, warning: str | None) -> None:
    """Store which version of `tags.json` the index agrees with, and why it cannot be read, if so."""
    connection.execute(sa.update(INDEX_STATE).values(tags_version=version, tags_warning=warning))


def _holders(connection: Connection, segment_ids: Iterable[str]) -> list[str]:
    """Return the sessions that hold these segments of an agent."""
    query = sa.select(HELD_SEGMENTS.c.session_id).where(Among(HELD_SEGMENTS.c.segment_id))
    return _scalars(connection, query, segment_ids)


def _scalars(connection: Connection, query: sa.Select[Any], ids: Iterable[str]) -> list[str]:
    return [
        value for some in chunks(ids) for value in connection.execute(query, {"ids": some}).scalars().all()
    ]


def relatives(connection: Connection, segment_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the sessions of the agents that are of one family with these, by profile."""
    columns = AGENT_SESSIONS.c
    query = sa.select(columns.profile, columns.family).where(Among(columns.session_id))
    families: dict[str, set[str]] = defaultdict(set)
    for some in chunks(segment_ids):
        for profile, family in connection.execute(query, {"ids": some}).all():
            families[profile].add(family)
    of_family = sa.select(columns.session_id).where(Among(columns.family))
    return {
        profile: _scalars(connection, of_family.where(columns.profile == profile), names)
        for profile, names in families.items()
    }


_FILE_TAGS_OF = sa.select(FILE_TAGS).where(Among(FILE_TAGS.c.session_id))


def _names_by_id(connection: Connection, ids: Iterable[str]) -> dict[str, Names]:
    return {
        session_id: divided(names)
        for some in chunks(ids)
        for session_id, names in connection.execute(_FILE_TAGS_OF, {"ids": some}).all()
    }


# ---- of sessions ----------------------------------------------------------------------------------------


def held_ids(summary: Summary) -> list[str]:
    """Return the ids whose tags a session has: its own, then those of the segments that it holds."""
    segments = {clean_text(each[:LONGEST_ID]) for each in segments_of(summary.extra)}
    return [summary.session_id, *sorted(segments - {summary.session_id})]


def tags_of_sessions(connection: Connection, summaries: Iterable[Summary]) -> dict[str, Names]:
    """Return the tags of sessions of the web UI, by id, for their rows to hold."""
    held = {summary.session_id: (summary.title, held_ids(summary)) for summary in summaries}
    return _combined(connection, held)


def are_same(old: Summary, new: Summary) -> bool:
    """Whether a change of a session leaves its tags as they were."""
    return title_tags(old.title) == title_tags(new.title) and held_ids(old) == held_ids(new)


def put_of_sessions(connection: Connection, summaries: Sequence[Summary]) -> None:
    """Store the tags of these sessions for filters, in the place of those that were known."""
    replace_tags(connection, OF_WEB_UI, {each.session_id: each.tags for each in summaries})


def _combined(connection: Connection, held: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, Names]:
    names = _names_by_id(connection, {each for _, ids in held.values() for each in ids})
    return {
        session_id: tuple(unique((*_all_of(names, ids), *title_tags(title))))
        for session_id, (title, ids) in held.items()
    }


def _all_of(names: Mapping[str, Names], ids: Iterable[str]) -> Iterator[str]:
    for each in ids:
        yield from names.get(each, ())


def _refresh_sessions(connection: Connection, session_ids: Collection[str]) -> list[str]:
    """Give sessions the tags that the file now has for them, and return those that had others."""
    rows: list[Any] = []
    held: dict[str, list[str]] = defaultdict(list)
    of_sessions = sa.select(SESSIONS.c.session_id, SESSIONS.c.title, SESSIONS.c.tags)
    of_segments = sa.select(HELD_SEGMENTS).order_by(HELD_SEGMENTS.c.segment_id)
    for some in chunks(dict.fromkeys(session_ids)):
        rows += connection.execute(of_sessions.where(Among(SESSIONS.c.session_id)), {"ids": some}).all()
        held_by = of_segments.where(Among(HELD_SEGMENTS.c.session_id))
        for session_id, segment_id in connection.execute(held_by, {"ids": some}).all():
            held[session_id].append(segment_id)
    combined = _combined(
        connection, {row.session_id: (row.title, [row.session_id, *held[row.session_id]]) for row in rows}
    )
    known = {row.session_id: divided(row.tags) for row in rows}
    return _store(connection, SESSIONS, OF_WEB_UI, known, combined)


# ---- of the agents' conversations -----------------------------------------------------------------------


def refresh_conversations(connection: Connection, profile: str, session_ids: Collection[str]) -> list[str]:
    """Give conversations of an agent their tags, and return those that had others.

    Ids of other sessions are ignored.
    """
    columns = AGENT_CONVERSATIONS.c
    query = sa.select(columns.session_id, columns.title, columns.tags, columns.lineage)
    query = query.where(columns.profile == profile, Among(columns.session_id))
    rows = [row for some in chunks(session_ids) for row in connection.execute(query, {"ids": some}).all()]
    continued = [row.session_id for row in rows if ROOT_ID in (row.lineage or {})]
    segments = segments_of_sessions(connection, profile, continued)
    held = {row.session_id: (row.title, [row.session_id, *segments.get(row.session_id, ())]) for row in rows}
    known = {row.session_id: divided(row.tags) for row in rows}
    return _store(connection, AGENT_CONVERSATIONS, profile, known, _combined(connection, held))


def segments_of_sessions(
    connection: Connection, profile: str, session_ids: Collection[str]
) -> dict[str, list[str]]:
    """Return the other segments of the conversations of which these are segments, by id."""
    roots, members = _roots_and_members(connection, profile, session_ids)
    return {
        session_id: sorted(set(members[roots[session_id]]) - {session_id})
        for session_id in session_ids
        if session_id in roots
    }


def _roots_and_members(
    connection: Connection, profile: str, session_ids: Collection[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the first segment of each session's conversation, and the segments of each by the first."""
    columns = AGENT_SESSIONS.c
    query = sa.select(columns.session_id, columns.family, columns.lineage).where(columns.profile == profile)
    by_id, by_family = query.where(Among(columns.session_id)), query.where(Among(columns.family))
    families = {
        row.family for some in chunks(session_ids) for row in connection.execute(by_id, {"ids": some}).all()
    }
    roots: dict[str, str] = {}
    members: dict[str, list[str]] = defaultdict(list)
    for some in chunks(families):
        for row in connection.execute(by_family, {"ids": some}).all():
            root = (row.lineage or {}).get(ROOT_ID, row.session_id)
            roots[row.session_id] = root
            members[root].append(row.session_id)
    return roots, members


def tags_of_segment(connection: Connection, summary: Summary) -> Names:
    """Return the tags of the conversation to which a session of an agent belongs."""
    session_id = summary.session_id
    others = segments_of_sessions(connection, summary.profile, [session_id]).get(session_id, [])
    return _combined(connection, {session_id: (summary.title, [session_id, *others])})[session_id]


def used_ids(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return those of the ids that sessions, segments that they hold, or sessions of the agents have."""
    columns = (SESSIONS.c.session_id, HELD_SEGMENTS.c.segment_id, AGENT_SESSIONS.c.session_id)
    return {
        each
        for column in columns
        for each in _scalars(connection, sa.select(column).where(Among(column)), ids)
    }


# ---- storing --------------------------------------------------------------------------------------------


def _store(
    connection: Connection,
    table: sa.Table,
    profile: str,
    known: Mapping[str, Names],
    combined: Mapping[str, Names],
) -> list[str]:
    """Store the tags that changed, in the table of the conversations and in the table of tags.

    Returns the ids of the conversations.
    """
    changed = {each: names for each, names in combined.items() if names != known[each]}
    if not changed:
        return []
    statement = sa.update(table).where(table.c.session_id == sa.bindparam("id"))
    if table is AGENT_CONVERSATIONS:
        statement = statement.where(table.c.profile == profile)
    values = [{"id": each, "names": joined(names)} for each, names in changed.items()]
    connection.execute(statement.values(tags=sa.bindparam("names")), values)
    replace_tags(connection, profile, changed)
    return list(changed)


def are_stored_twice(connection: Connection) -> bool:
    """Whether both places hold the same tags: the rows of conversations, and the table for filters."""
    rows = {
        (each.profile, each.session_id, name)
        for each in connection.execute(_EVERY_ROW)
        for name in divided(each.tags)
    }
    columns = CONVERSATION_TAGS.c
    filtered = sa.select(columns.profile, columns.session_id, columns.name)
    return rows == {tuple(each) for each in connection.execute(filtered)}


def store_again(connection: Connection) -> None:
    """Make the table for filters from the rows of conversations."""
    connection.execute(sa.delete(CONVERSATION_TAGS))
    by_profile: dict[str, dict[str, Names]] = defaultdict(dict)
    for each in connection.execute(_EVERY_ROW).all():
        by_profile[each.profile][each.session_id] = divided(each.tags)
    for profile, known in by_profile.items():
        replace_tags(connection, profile, known)


_EVERY_ROW = sa.union_all(
    *(
        sa.select(profile.label("profile"), table.c.session_id, table.c.tags).where(table.c.tags.is_not(None))
        for table, profile in (
            (SESSIONS, sa.literal(OF_WEB_UI)),
            (AGENT_CONVERSATIONS, AGENT_CONVERSATIONS.c.profile),
        )
    )
)


def replace_tags(connection: Connection, profile: str, tags: Mapping[str, Names]) -> None:
    """Store which tags these conversations have, for filters."""
    forget(connection, profile, tags)
    rows = [
        {"profile": profile, "session_id": session_id, "tag": tag_key(name), "name": name}
        for session_id, names in tags.items()
        for name in names
    ]
    if rows:
        connection.execute(sa.insert(CONVERSATION_TAGS), rows)


_OF_CONVERSATIONS = sa.and_(
    CONVERSATION_TAGS.c.profile == sa.bindparam("of_profile"), Among(CONVERSATION_TAGS.c.session_id)
)
_FORGET = sa.delete(CONVERSATION_TAGS).where(_OF_CONVERSATIONS)


def forget(connection: Connection, profile: str, session_ids: Iterable[str]) -> None:
    """Forget which tags conversations have that are gone."""
    for some in chunks(session_ids):
        connection.execute(_FORGET, {"of_profile": profile, "ids": some})


def forget_profile(connection: Connection, profile: str) -> None:
    """Forget the tags of all conversations of an agent."""
    connection.execute(sa.delete(CONVERSATION_TAGS).where(CONVERSATION_TAGS.c.profile == profile))
