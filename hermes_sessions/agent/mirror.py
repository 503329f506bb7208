"""The agents' conversations in tables of ours: looked at when `stat` says so, renewed where they changed.

Reads an agent outside of our transactions; a look that another process overtook is taken anew.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from ..errors import AgentUnavailable, StorageError
from ..fields import clean_text, is_id
from ..index import AGENT_CONVERSATIONS, AGENT_HOMES, AGENT_SESSIONS, database, is_settled
from ..index import rows as tables
from . import lineage, mirror_rows
from .mirror_rows import Known
from .snapshot import NOTHING, Row, Said, Snapshot
from .state import Agent, Seen

# A home of so many sessions is read as a whole at every change (20 ms); of a larger one only what the indexes
# tell, and as a whole once in so long: to read 21,600 rows with their prompts takes 0.4 s.
WHOLE_UP_TO, WHOLE_NS = 2_000, 30_000_000_000
RETRY_NS = 2_000_000_000  # a lock leaves no trace in `stat`
ATTEMPTS = 3

# Gives out a connection to our own index.
Index = Callable[[], AbstractContextManager[Connection]]


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
            known = frozenset(mirror_rows.ids(connection, looked.profile))
        looked = Home(looked.profile, looked.revision, looked.seen, looked.looked_at, looked.looked_at)
    return Look({}, known, looked._replace(warning=str(error), failed=not error.absent))


def _look(engine: Engine, agent: Agent, home: Home, looked: Home, whole: bool) -> Look:
    index = partial(database.reading, engine)  # anew for each question: its errors are not the agent's
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
        known = mirror_rows.ids(connection, home.profile)
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
        restless = mirror_rows.restless(connection, home.profile)
    wanted = {*snapshot.said_since(home.last_message), *restless}
    gone: frozenset[str] = frozenset()
    if looked.fingerprint != home.fingerprint:
        outline = {
            name: (_clean(_title(name, title, names)), _clean(parent))
            for name, (title, parent) in snapshot.outline().items()
        }
        with index() as connection:
            known = mirror_rows.outline(connection, home.profile)
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
        known = mirror_rows.rows(connection, home.profile, session_ids)
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
        for some in database.chunks(stale):
            connection.execute(
                sa.delete(table).where(table.c.profile == profile, table.c.session_id.in_(some))
            )
        if fresh:
            connection.execute(sa.insert(table), fresh)


def _change(connection: Connection, look: Look) -> Change | None:
    """Return what follows from the rows that differ, for them and for their families; None if none does."""
    profile = look.home.profile
    known = mirror_rows.rows(connection, profile, None if look.whole else {*look.rows, *look.gone})
    changed = {name: row for name, row in look.rows.items() if name not in known or known[name].row != row}
    gone = look.gone & known.keys()
    if not changed and not gone:
        return None
    affected = _families_of(connection, profile, changed, gone, known) if known else {}
    rows = {name: each.row for name, each in affected.items() if name not in gone} | changed
    related = _related(rows)
    return Change(
        [name for name, row in affected.items() if related.get(name) != row],
        [
            mirror_rows.session_values(profile, row)
            for name, row in related.items()
            if row != affected.get(name)
        ],
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
    names.update(
        each.family for each in mirror_rows.rows(connection, profile, parents - changed.keys()).values()
    )
    return mirror_rows.rows_where(connection, profile, AGENT_SESSIONS.c.family, {*names, *changed, *parents})


def _related(rows: Mapping[str, Row]) -> dict[str, Known]:
    segments = {name: row.segment for name, row in rows.items()}
    told, families = lineage.metadata(segments), lineage.families(segments)
    return {name: Known(row, families[name], told.get(name)) for name, row in rows.items()}


def _conversations(profile: str, rows: Mapping[str, Row]) -> list[dict[str, Any]]:
    listed = {name: row.segment for name, row in rows.items() if lineage.is_listed(row.segment)}
    return [
        mirror_rows.conversation_values(mirror_rows.summary_of(each, rows, profile))
        for each in lineage.conversations(listed)
    ]


def forget(engine: Engine, profile: str) -> None:
    """Forget everything of a profile whose folder is gone, or of which all is to be read anew."""
    with database.writing(engine) as connection:
        for table in (AGENT_SESSIONS, AGENT_CONVERSATIONS, AGENT_HOMES):
            connection.execute(sa.delete(table).where(table.c.profile == profile))
        tables.next_generation(connection)
