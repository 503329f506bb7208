"""The agents' conversations in tables of ours: looked at when `stat` says so, renewed where they changed.

Reads an agent outside of our transactions; a look that another process overtook is taken anew.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from . import database, lineage, tables
from .agent_snapshot import NOTHING, Row, Said, Snapshot
from .agent_state import Agent, Seen
from .drift import is_settled
from .errors import AgentUnavailable, StorageError
from .lineage import Conversation, Segment
from .model import Summary, clean_text, is_id, read_metadata, source_class, source_label
from .tables import AGENT_CONVERSATIONS, AGENT_HOMES, AGENT_SESSIONS

# A home of so many sessions is read as a whole at every change (20 ms); of a larger one only what the indexes
# tell, and as a whole once in so long: to read 21,600 rows with their prompts takes 0.4 s.
WHOLE_UP_TO, WHOLE_NS = 2_000, 30_000_000_000
# Rows that change in place without a word: the latest, whose model and tokens follow their messages.
RECENT = 64
RETRY_NS = 2_000_000_000  # a lock leaves no trace in `stat`
ATTEMPTS = 3

# Gives out a connection to our own index.
Index = Callable[[], AbstractContextManager[Connection]]

_SEGMENT_COLUMNS = [AGENT_SESSIONS.c["session_id" if name == "id" else name] for name in Segment._fields]
_ROW_COLUMNS = [AGENT_SESSIONS.c[name] for name in Row._fields if name != "segment"]
_KNOWN_COLUMNS = [*_SEGMENT_COLUMNS, *_ROW_COLUMNS, AGENT_SESSIONS.c.family, AGENT_SESSIONS.c.lineage]


class Home(NamedTuple):
    """How far the mirror of one profile is; see `tables.AgentHome`."""

    profile: str
    revision: int = 0
    seen: str = ""
    looked_at: int = 0
    whole_at: int = 0
    sessions: int = 0
    last_message: int = 0
    fingerprint: str | None = None
    warning: str | None = None
    failed: bool = False


class Known(NamedTuple):
    """A session's row as the mirror has it, with its family and what lineage says of it."""

    row: Row
    family: str
    lineage: dict[str, Any] | None


class Look(NamedTuple):
    """What a look at an agent found: rows that may have changed, ids that are gone, and how far it saw.

    `whole` is whether it looked at every row.
    """

    rows: dict[str, Row]
    gone: frozenset[str]
    home: Home
    whole: bool = False


class Change(NamedTuple):
    """What a look changes in the tables: ids to forget in each, and rows to put there."""

    stale_sessions: list[str]
    sessions: list[dict[str, Any]]
    stale_conversations: list[str]
    conversations: list[dict[str, Any]]


# ---- how far it is --------------------------------------------------------------------------------------

_HOMES = sa.select(*(AGENT_HOMES.c[name] for name in Home._fields))


def homes(connection: Connection) -> dict[str, Home]:
    """Return how far the mirror of each profile is."""
    return {home.profile: home for home in (Home(*row) for row in connection.execute(_HOMES))}


def is_current(home: Home | None, seen: Seen, now: int) -> bool:
    """Whether the mirror has what the agent's files hold, as far as `stat` tells (`now` in nanoseconds)."""
    if home is None or home.seen != seen.versions or not is_settled(seen.changed_at, home.looked_at):
        return False
    if home.failed:
        return 0 <= now - home.looked_at < RETRY_NS
    return home.whole_at == home.looked_at or 0 <= now - home.whole_at < WHOLE_NS


# ---- looking --------------------------------------------------------------------------------------------


def refresh(engine: Engine, agent: Agent, *, whole: bool = False) -> None:
    """Bring the mirror of one agent up to date; why it cannot be read is kept for the lists to say."""
    for _ in range(ATTEMPTS):
        seen, now = agent.seen(), time.time_ns()
        with database.reading(engine) as connection:
            home = homes(connection).get(agent.profile)
        if not whole and is_current(home, seen, now):
            return
        home = home or Home(agent.profile)
        looked = home._replace(seen=seen.versions, looked_at=now, warning=None, failed=False)
        try:
            look = _look(engine, agent, home, looked, whole)
        except AgentUnavailable as error:
            look = _no_look(engine, looked, error)
        with database.reading(engine) as connection:
            if homes(connection).get(agent.profile, Home(agent.profile)) != home:
                continue
            change = _change(connection, look)
        if change is None and look.home.warning == home.warning:
            with suppress(StorageError):  # only spares the next look: no reason to refuse a list
                _store(engine, home, look.home, None)
            return
        if _store(engine, home, look.home, change):
            return


def _no_look(engine: Engine, looked: Home, error: AgentUnavailable) -> Look:
    """Keep what is known of a file that cannot be read; nothing is left of one that is gone."""
    known: frozenset[str] = frozenset()
    if error.absent:
        with database.reading(engine) as connection:
            known = frozenset(_known_ids(connection, looked.profile))
        looked = Home(looked.profile, looked.revision, looked.seen, looked.looked_at, looked.looked_at)
    return Look({}, known, looked._replace(warning=str(error), failed=not error.absent))


def _look(engine: Engine, agent: Agent, home: Home, looked: Home, whole: bool) -> Look:
    index = partial(
        database.reading, engine
    )  # anew for each question: an error of its own is not the agent's
    with agent.reading() as snapshot:
        looked = looked._replace(
            last_message=snapshot.last_message(),
            fingerprint=snapshot.fingerprint() if snapshot.is_outlined else None,
            warning=None if snapshot.has_sources else NO_SOURCES,
        )
        anew = whole or _is_another(home, looked)
        if anew or _needs_whole(home, looked):
            look = _look_at_all(index, snapshot, home, looked, anew)
        else:
            look = _look_at_changes(index, snapshot, home, looked, agent.job_names())
    names = agent.job_names()
    rows = {name: _storable(row, names) for name, row in look.rows.items()}
    odd = sorted(name for name in rows if not is_id(name))
    return look._replace(
        rows={name: row for name, row in rows.items() if is_id(name)}, home=_warned(look.home, odd)
    )


NO_SOURCES = (
    "the agent's state.db has no column source: its sessions cannot be told from the web UI's, none is listed"
)


def _warned(home: Home, odd: Sequence[str]) -> Home:
    if not odd or home.warning:
        return home
    return home._replace(
        warning=f"{len(odd)} of the agent's sessions cannot be listed: their ids are none here"
    )


def _is_another(home: Home, looked: Home) -> bool:
    """Whether the file was replaced, or lost its newest messages: what is known of them may not hold."""
    return looked.last_message < home.last_message or _inode(looked.seen) != _inode(home.seen)


def _inode(seen: str) -> int | None:
    file = json.loads(seen)[0] if seen else None
    return file[2] if file else None


def _needs_whole(home: Home, looked: Home) -> bool:
    due = not 0 <= looked.looked_at - home.whole_at < WHOLE_NS
    return due or home.failed or home.sessions <= WHOLE_UP_TO or looked.fingerprint is None


def _look_at_all(index: Index, snapshot: Snapshot, home: Home, looked: Home, anew: bool) -> Look:
    with index() as connection:
        known = _known_ids(connection, home.profile)
    countable = anew or snapshot.has_message_index or not known
    said = snapshot.said() if countable else _added(index, snapshot, home, known)
    rows = {row.segment.id: row for row in snapshot.rows(said)}
    gone = frozenset(known - rows.keys())
    seen_all = looked._replace(whole_at=looked.looked_at, sessions=len(rows))
    return Look(rows, gone, seen_all, whole=True)


def _look_at_changes(
    index: Index, snapshot: Snapshot, home: Home, looked: Home, names: Mapping[str, str]
) -> Look:
    with index() as connection:
        restless = _restless(connection, home.profile)
    wanted = {*snapshot.said_since(home.last_message), *restless}
    gone: frozenset[str] = frozenset()
    if looked.fingerprint != home.fingerprint:
        outline = {
            name: (_clean(_title(name, title, names)), _clean(parent))
            for name, (title, parent) in snapshot.outline().items()
        }
        with index() as connection:
            known = _outline(connection, home.profile)
        changed = {name for name, told in outline.items() if known.get(name) != told}
        # With its continuation a session ends, which the outline does not tell.
        wanted |= changed | {parent for name in changed if (parent := outline[name][1])}
        gone = frozenset(known.keys() - outline.keys())
        looked = looked._replace(sessions=len(outline))
    else:  # a session that cannot be listed is still there, though it was not looked at
        looked = looked._replace(warning=home.warning)
    said = snapshot.said(wanted) if snapshot.has_message_index else _added(index, snapshot, home, wanted)
    rows = {row.segment.id: row for row in snapshot.rows(said, wanted)}
    return Look(rows, gone, looked)


def _added(index: Index, snapshot: Snapshot, home: Home, session_ids: Collection[str]) -> dict[str, Said]:
    """Return what is known of these sessions' messages and what came since: where no index finds them all."""
    new = snapshot.said_since(home.last_message)
    with index() as connection:
        known = _known(connection, home.profile, session_ids)
    said = {name: _said(each.row) for name, each in known.items()}
    return {name: _sum(said.get(name, NOTHING), new.get(name, NOTHING)) for name in {*said, *new}}


def _said(row: Row) -> Said:
    return Said(row.segment.message_count, row.segment.last_activity, row.first, row.last)


def _sum(old: Said, new: Said) -> Said:
    times = [at for at in (old.last_activity, new.last_activity) if at is not None]
    return Said(
        old.messages + new.messages,
        max(times, default=None),
        new.first if old.first is None else old.first,
        old.last if new.last is None else new.last,
    )


def _storable(row: Row, names: Mapping[str, str]) -> Row:
    """Return a row with texts that every database takes, and a scheduled job's name where it has no title."""
    old = row.segment
    new = old._replace(
        source=_clean(old.source),
        title=_clean(_title(old.id, old.title, names)),
        model=_clean(old.model),
        parent_session_id=_clean(old.parent_session_id),
        end_reason=_clean(old.end_reason),
    )
    return row._replace(segment=new, workspace=_clean(row.workspace))


def _clean(text: str | None) -> str | None:
    return None if text is None else clean_text(text)


def _title(session_id: str, title: str | None, names: Mapping[str, str]) -> str | None:
    """Return the title, else of `cron_<job>_<stamp>` the name of the job."""
    if title or not session_id.startswith("cron_"):
        return title
    jobs = [job for job in names if session_id.startswith(f"cron_{job}_")]
    return names[max(jobs, key=len)] if jobs else None


# ---- what is known --------------------------------------------------------------------------------------


def _of(profile: str) -> sa.ColumnElement[bool]:
    return AGENT_SESSIONS.c.profile == profile


def _known_ids(connection: Connection, profile: str) -> set[str]:
    return set(connection.execute(sa.select(AGENT_SESSIONS.c.session_id).where(_of(profile))).scalars())


def _outline(connection: Connection, profile: str) -> dict[str, tuple[str | None, str | None]]:
    columns = (AGENT_SESSIONS.c[name] for name in ("session_id", "title", "parent_session_id"))
    found: Any = connection.execute(sa.select(*columns).where(_of(profile))).cursor
    # The driver's tuples: half the time that rows of SQLAlchemy's take.
    return {name: (title, parent) for name, title, parent in found.fetchall()}


def _restless(connection: Connection, profile: str) -> set[str]:
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


def _known(connection: Connection, profile: str, session_ids: Collection[str] | None) -> dict[str, Known]:
    """Return the rows of these ids, or all."""
    if session_ids is not None:
        return _where(connection, profile, AGENT_SESSIONS.c.session_id, session_ids)
    found = map(_of_row, connection.execute(sa.select(*_KNOWN_COLUMNS).where(_of(profile))).all())
    return {known.row.segment.id: known for known in found}


def _where(
    connection: Connection, profile: str, column: sa.ColumnElement[Any], values: Iterable[str]
) -> dict[str, Known]:
    query = sa.select(*_KNOWN_COLUMNS).where(_of(profile))
    return {
        found.row.segment.id: found
        for some in tables.chunks(values)
        for found in map(_of_row, connection.execute(query.where(column.in_(some))).all())
    }


def _of_row(row: Sequence[Any]) -> Known:
    split = len(_SEGMENT_COLUMNS)
    return Known(Row(Segment(*row[:split]), *row[split:-2]), row[-2], row[-1])


# ---- storing --------------------------------------------------------------------------------------------


def _store(engine: Engine, before: Home, after: Home, change: Change | None) -> bool:
    """Store a change, unless another process stored one since `before`; return whether it was stored."""
    with database.writing(engine) as connection:
        present = homes(connection).get(before.profile, Home(before.profile))
        if present.revision != before.revision:
            return False
        if change is not None:
            _apply(connection, before.profile, change)
        # Never the number of an earlier one, though the mirror was forgotten and made anew since.
        _put_home(connection, after._replace(revision=max(before.revision + 1, after.looked_at)))
        if change is not None or after.warning != before.warning:
            tables.next_generation(connection)
    return True


def _put_home(connection: Connection, home: Home) -> None:
    connection.execute(sa.delete(AGENT_HOMES).where(AGENT_HOMES.c.profile == home.profile))
    connection.execute(sa.insert(AGENT_HOMES).values(home._asdict()))


def _apply(connection: Connection, profile: str, change: Change) -> None:
    for table, stale, fresh in (
        (AGENT_SESSIONS, change.stale_sessions, change.sessions),
        (AGENT_CONVERSATIONS, change.stale_conversations, change.conversations),
    ):
        for some in tables.chunks(stale):
            connection.execute(
                sa.delete(table).where(table.c.profile == profile, table.c.session_id.in_(some))
            )
        if fresh:
            connection.execute(sa.insert(table), fresh)


def _change(connection: Connection, look: Look) -> Change | None:
    """Return what follows from the rows that differ, for them and for their families; None if none does."""
    profile = look.home.profile
    known = _known(connection, profile, None if look.whole else {*look.rows, *look.gone})
    changed = {name: row for name, row in look.rows.items() if name not in known or known[name].row != row}
    gone = look.gone & known.keys()
    if not changed and not gone:
        return None
    affected = _families_of(connection, profile, changed, gone, known) if known else {}
    rows = {name: each.row for name, each in affected.items() if name not in gone} | changed
    related = _related(rows)
    return Change(
        [name for name, row in affected.items() if related.get(name) != row],
        [_session_values(profile, row) for name, row in related.items() if row != affected.get(name)],
        list(affected),
        _conversations(profile, rows),
    )


def _families_of(
    connection: Connection,
    profile: str,
    changed: Mapping[str, Row],
    gone: Collection[str],
    known: Mapping[str, Known],
) -> dict[str, Known]:
    """Return every known row that hangs together with one that changed, before or after the change."""
    parents = {parent for row in changed.values() if (parent := row.segment.parent_session_id)}
    names = {known[name].family for name in (*changed, *gone) if name in known}
    names.update(each.family for each in _known(connection, profile, parents - changed.keys()).values())
    return _where(connection, profile, AGENT_SESSIONS.c.family, {*names, *changed, *parents})


def _related(rows: Mapping[str, Row]) -> dict[str, Known]:
    segments = {name: row.segment for name, row in rows.items()}
    told, families = lineage.metadata(segments), lineage.families(segments)
    return {name: Known(row, families[name], told.get(name)) for name, row in rows.items()}


def _conversations(profile: str, rows: Mapping[str, Row]) -> list[dict[str, Any]]:
    listed = {name: row.segment for name, row in rows.items() if lineage.is_listed(row.segment)}
    return [_conversation_values(summary_of(each, rows, profile)) for each in lineage.conversations(listed)]


def forget(engine: Engine, profile: str) -> None:
    """Forget everything of a profile whose folder is gone, or of which all is to be read anew."""
    with database.writing(engine) as connection:
        for table in (AGENT_SESSIONS, AGENT_CONVERSATIONS, AGENT_HOMES):
            connection.execute(sa.delete(table).where(table.c.profile == profile))
        tables.next_generation(connection)


def _session_values(profile: str, known: Known) -> dict[str, Any]:
    segment = known.row.segment._asdict()
    rest = known.row._asdict()
    del rest["segment"]
    values = {"session_id": segment.pop("id"), "profile": profile, **segment, **rest}
    return values | {"family": known.family, "lineage": known.lineage}


def _conversation_values(summary: Summary) -> dict[str, Any]:
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
    root = _known(connection, profile, [root_id]).get(root_id) if root_id else None
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
    known = _known(connection, profile, [session_id]).get(session_id)
    if known is None:
        return []
    family = _where(connection, profile, AGENT_SESSIONS.c.family, [known.family])
    for chain in lineage.chains({name: each.row.segment for name, each in family.items()}):
        if any(segment.id == session_id for segment in chain.segments):
            spoken = [segment.id for segment in chain.segments if segment.message_count]
            return spoken if len(spoken) > 1 else []
    return []
