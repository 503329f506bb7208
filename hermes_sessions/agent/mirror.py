"""Keeps the mirror of each agent up to date: a copy, in the index, of its list of conversations.

The agent is read outside of transactions on the index. A result that another process overtook is discarded,
and the agent read again.
"""

import time
from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import Connection, Engine

from ..errors import AgentUnavailable, StorageError
from ..files import is_settled
from ..index import database, index_state, rows, sync
from ..model import Summary
from . import lineage, mirror_rows, scan
from .mirror_rows import MirrorChange, MirroredSession, MirrorState, mirror_states
from .scan import AgentScan
from .snapshot import AgentSession
from .state import Agent, FileVersions, database_inode
from .summaries import summary_of

RETRY_NS = 2_000_000_000  # after which a file that failed is read again: the end of a lock leaves no trace
ATTEMPTS = 3


# ---- is it current? -------------------------------------------------------------------------------------


def is_current(state: MirrorState | None, versions: FileVersions, now: int) -> bool:
    """Whether a mirror has what the agent's files hold, according to `stat`; `now` is in nanoseconds."""
    if state is None or state.versions != versions.encoded:
        return False
    if not is_settled(versions.modified_at, state.read_at):
        return False
    if versions.show_all_commits(now) and not versions.show_all_commits(state.read_at):
        return False  # once more: what was being committed can be read now
    if state.failed:
        return 0 <= now - state.read_at < RETRY_NS
    return state.fully_read_at == state.read_at or 0 <= now - state.fully_read_at < scan.FULL_SCAN_NS


def mirrors_are_current(states: Mapping[str, MirrorState], versions: Mapping[str, FileVersions]) -> bool:
    """Whether the mirrors have what the files of all agents hold, according to `stat`; both by profile."""
    now = time.time_ns()
    return states.keys() == versions.keys() and all(
        is_current(states[profile], files, now) for profile, files in versions.items()
    )


def mirror_warnings(states: Mapping[str, MirrorState]) -> tuple[str, ...]:
    """Return what a list of the agents' conversations should warn about."""
    return tuple(state.warning for _, state in sorted(states.items()) if state.warning)


def never_existed(state: MirrorState | None) -> bool:
    """Whether an agent without a file is one that the home never had, and so nothing that anybody misses."""
    return state is None or (state.warning is None and database_inode(state.versions) is None)


# ---- bringing it up to date -----------------------------------------------------------------------------


def refresh(engine: Engine, agent: Agent, *, full: bool = False, is_expected: bool = True) -> None:
    """Bring the mirror of one agent up to date; `full` reads every session.

    If the agent cannot be read, its mirror stays as it is, with a warning for lists to show. That there is no
    file is only worth a warning if the agent `is_expected` or had sessions before.
    """
    for _ in range(ATTEMPTS):
        if _refresh_once(engine, agent, full, is_expected):
            return


def _refresh_once(engine: Engine, agent: Agent, full: bool, is_expected: bool) -> bool:
    """Scan an agent and store what changed; return False if another process did so in the meantime."""
    versions, now = agent.file_versions(), time.time_ns()
    with database.reading(engine) as connection:
        before = mirror_states(connection).get(agent.profile)
    if not full and is_current(before, versions, now):
        return True
    before = before or MirrorState(agent.profile)
    begun = before._replace(versions=versions.encoded, read_at=now, warning=None, failed=False)
    result = _scan(engine, agent, before, begun, full)
    if not (is_expected or before.warning or result.removed or result.state.failed):  # there never was one
        result = result._replace(state=result.state._replace(warning=None))
    with database.reading(engine) as connection:
        if _state_of(connection, agent.profile) != before:
            return False
        change = _plan(connection, result)
    return _store(engine, before, result.state, change)


def _state_of(connection: Connection, profile: str) -> MirrorState:
    return mirror_states(connection).get(profile, MirrorState(profile))


def _scan(engine: Engine, agent: Agent, before: MirrorState, begun: MirrorState, full: bool) -> AgentScan:
    try:
        return scan.scan_agent(engine, agent, before, begun, full=full)
    except AgentUnavailable as error:
        return _failed_scan(engine, begun, error)


def _failed_scan(engine: Engine, begun: MirrorState, error: AgentUnavailable) -> AgentScan:
    """Return a scan that changes nothing; of a file that does not exist, one that removes every session."""
    if not error.absent:
        return AgentScan({}, frozenset(), begun._replace(warning=str(error), failed=True))
    with database.reading(engine) as connection:
        known = mirror_rows.session_ids(connection, begun.profile)
    empty = MirrorState(begun.profile, begun.revision, begun.versions, begun.read_at, begun.read_at)
    return AgentScan({}, frozenset(known), empty._replace(warning=str(error)))


def _store(engine: Engine, before: MirrorState, after: MirrorState, change: MirrorChange | None) -> bool:
    """Store the result of a scan; return False if another process stored one since `before`."""
    if change is None and after.warning == before.warning:
        # The new state only spares the next call a scan: no list should fail because it cannot be stored.
        with suppress(StorageError):
            _write(engine, before, after, None)
        return True
    return _write(engine, before, after, change)


def _write(engine: Engine, before: MirrorState, after: MirrorState, change: MirrorChange | None) -> bool:
    with database.writing(engine) as connection:
        if _state_of(connection, before.profile).revision != before.revision:
            return False
        changed: set[str] = set()
        if change is not None:
            changed = mirror_rows.apply(connection, before.profile, change)
            changed.update(rows.drop_drafts_of_agents(connection))
        # Revisions are never reused, even if the mirror was deleted and made again in the meantime.
        revision = max(before.revision + 1, after.read_at)
        mirror_rows.put_state(connection, after._replace(revision=revision))
        if change is not None or after.warning != before.warning:
            index_state.next_generation(connection, changed)
    sync.learn_sizes_after(engine, len(change.sessions) if change else 0)
    return True


def is_wrong(engine: Engine, agent: Agent) -> bool:
    """Whether a mirror that seems current differs from what the agent's file holds; reads every session."""
    versions = agent.file_versions()
    with database.reading(engine) as connection:
        state = _state_of(connection, agent.profile)
    if state.failed or state.versions != versions.encoded:
        return False
    try:
        result = scan.scan_agent(engine, agent, state, state, full=True)
    except AgentUnavailable:
        return False  # another check reports it, and the mirror is kept
    expected = _change(agent.profile, {}, result.sessions)
    with database.reading(engine) as connection:
        unchanged = _state_of(connection, agent.profile) == state and agent.file_versions() == versions
        return unchanged and not mirror_rows.has_just(connection, agent.profile, expected)


def forget(engine: Engine, profile: str) -> None:
    """Delete the mirror of a profile, because its folder is gone or because it is to be built again."""
    with database.writing(engine) as connection:
        changed = mirror_rows.forget(connection, profile)
        index_state.next_generation(connection, changed)


# ---- what a scan changes --------------------------------------------------------------------------------


def _plan(connection: Connection, result: AgentScan) -> MirrorChange | None:
    """Return what to change for the sessions that differ and for their families, None if none differs."""
    profile = result.state.profile
    known = _known(connection, result)
    changed = {
        session_id: session
        for session_id, session in result.sessions.items()
        if session_id not in known or known[session_id].session != session
    }
    removed = result.removed & known.keys()
    if not changed and not removed:
        return None
    affected = _affected(connection, profile, changed, removed, known) if known else {}
    kept = {session_id: each.session for session_id, each in affected.items() if session_id not in removed}
    return _change(profile, affected, kept | changed)


def _known(connection: Connection, result: AgentScan) -> dict[str, MirroredSession]:
    """Return what is mirrored of the sessions that a scan is about."""
    if result.full:
        return mirror_rows.all_sessions(connection, result.state.profile)
    return mirror_rows.sessions(connection, result.state.profile, {*result.sessions, *result.removed})


def _affected(
    connection: Connection,
    profile: str,
    changed: Mapping[str, AgentSession],
    removed: Collection[str],
    known: Mapping[str, MirroredSession],
) -> dict[str, MirroredSession]:
    """Return every mirrored session whose family a change touches, before or after it."""
    parents = {parent for each in changed.values() if (parent := each.segment.parent_session_id)}
    families = {known[session_id].family for session_id in (*changed, *removed) if session_id in known}
    other_parents = mirror_rows.sessions(connection, profile, parents - changed.keys())
    families.update(each.family for each in other_parents.values())
    # Sessions whose parent had no row are in a family named after that parent, which may have a row now.
    return mirror_rows.sessions_of_families(connection, profile, {*families, *changed, *parents})


def _change(
    profile: str, before: Mapping[str, MirroredSession], after: Mapping[str, AgentSession]
) -> MirrorChange:
    """Return the change between two states of the same families."""
    mirrored = _with_lineage(after)
    return MirrorChange(
        [session_id for session_id, each in before.items() if mirrored.get(session_id) != each],
        [each for session_id, each in mirrored.items() if each != before.get(session_id)],
        list(before),
        _conversations(profile, after),
    )


def _with_lineage(sessions: Mapping[str, AgentSession]) -> dict[str, MirroredSession]:
    segments = {session_id: each.segment for session_id, each in sessions.items()}
    fields, families = lineage.lineage_fields(segments), lineage.families(segments)
    return {
        session_id: MirroredSession(each, families[session_id], fields.get(session_id))
        for session_id, each in sessions.items()
    }


def _conversations(profile: str, sessions: Mapping[str, AgentSession]) -> list[Summary]:
    listed = {
        session_id: each.segment for session_id, each in sessions.items() if lineage.is_listed(each.segment)
    }
    return [summary_of(each, sessions, profile) for each in lineage.conversations(listed)]
