"""Scans one agent's `state.db` for its mirror: which sessions may have changed, and which are gone.

A small file is read whole. Of a large one, only what its indexes say has changed is read, plus the sessions
that may change without a sign; it is read whole once in `FULL_SCAN_NS`.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from ..fields import clean_text, is_id
from ..index import database
from . import mirror_rows, outlines
from .mirror_rows import MirroredOpening, MirrorState
from .outlines import JoinedOutline, KeptOutline, OutlineChange
from .snapshot import NO_MESSAGES, AgentSession, MessageStats, Snapshot
from .state import Agent, database_inode

# Up to so many sessions are read whole at every change (20 ms); 21,600 with their prompts would take 0.4 s.
FULL_SCAN_UP_TO, FULL_SCAN_NS = 2_000, 30_000_000_000

# Gives out a connection to the index.
OpenIndex = Callable[[], AbstractContextManager[Connection]]


class AgentScan(NamedTuple):
    """What a scan of an agent found.

    `sessions` are those that may have changed, by id, `removed` the ids that are gone, and `state` is the
    mirror's state once both are stored. `full` is whether every session was read.
    """

    sessions: dict[str, AgentSession]
    removed: frozenset[str]
    state: MirrorState
    full: bool = False


class _Scanner(NamedTuple):
    """One scan in progress: the index, the agent's file, and the mirror's state before and after it.

    `kept` is the outline that the last scan read.
    """

    open_index: OpenIndex
    snapshot: Snapshot
    before: MirrorState
    after: MirrorState
    kept: KeptOutline | None


def scan_agent(
    engine: Engine, agent: Agent, before: MirrorState, after: MirrorState, *, full: bool
) -> AgentScan:
    """Return what changed in an agent's file since `before`; `full` reads every session.

    `after` is the mirror's new state so far: which versions of the files are read, and since when. Raises
    `AgentUnavailable`.
    """
    # A connection for each question: within `agent.reading`, an error of the index would pass as the agent's.
    open_index, job_names = partial(database.reading, engine), agent.job_names()
    with agent.reading() as snapshot:
        outline = snapshot.outline(job_names) if snapshot.has_outline_indexes else None
        after = after._replace(
            last_message=snapshot.last_message(),
            fingerprint=None if outline is None else outline.fingerprint(),
            warning=None if snapshot.has_sources else _no_sources(agent),
        )
        scanner = _Scanner(open_index, snapshot, before, after, agent.last_outline)
        restart = full or _is_another_file(before, after)
        if outline is None or restart or _needs_full_scan(before, after):
            result = _scan_all(scanner, restart=restart)
        else:
            result = _scan_changes(scanner, outline)
    agent.last_outline = outlines.to_keep(outline, after.fingerprint)
    return _storable(result, agent, job_names)


def _is_another_file(before: MirrorState, after: MirrorState) -> bool:
    """Whether the file was replaced, or lost its newest messages, so that what is mirrored may not hold."""
    replaced = database_inode(after.versions) != database_inode(before.versions)
    return replaced or after.last_message < before.last_message


def _needs_full_scan(before: MirrorState, after: MirrorState) -> bool:
    due = not 0 <= after.read_at - before.fully_read_at < FULL_SCAN_NS
    return due or before.failed or before.session_count <= FULL_SCAN_UP_TO


def _scan_all(scanner: _Scanner, *, restart: bool) -> AgentScan:
    """Read every session; `restart` counts its messages again, rather than only those that came since."""
    open_index, snapshot, before, after = scanner[:4]
    with open_index() as connection:
        known = mirror_rows.session_ids(connection, before.profile)
    count_all = restart or snapshot.has_message_index or not known
    stats = snapshot.message_stats() if count_all else _added_stats(scanner, known)
    sessions = _with_openings(scanner, snapshot.sessions(stats), restart=restart)
    state = after._replace(fully_read_at=after.read_at, session_count=len(sessions))
    return AgentScan(sessions, frozenset(known - sessions.keys()), state, full=True)


def _scan_changes(scanner: _Scanner, outline: JoinedOutline) -> AgentScan:
    """Read the sessions with new messages, another title or parent, and those that change without a sign."""
    open_index, snapshot, before, after = scanner[:4]
    with open_index() as connection:
        volatile = mirror_rows.volatile_ids(connection, before.profile)
    wanted = {*snapshot.message_stats_since(before.last_message), *volatile}
    removed: frozenset[str] = frozenset()
    if after.fingerprint == before.fingerprint:
        # A session that cannot be listed still exists, although this scan does not come across it.
        after = after._replace(warning=before.warning)
    else:
        changed, removed = _outline_changes(scanner, outline)
        wanted |= changed
        after = after._replace(session_count=outline.ids.rows)
    stats = snapshot.message_stats(wanted) if snapshot.has_message_index else _added_stats(scanner, wanted)
    sessions = _with_openings(scanner, snapshot.sessions(stats, wanted), restart=False)
    return AgentScan(sessions, removed, after)


def _with_openings(
    scanner: _Scanner, sessions: Collection[AgentSession], *, restart: bool
) -> dict[str, AgentSession]:
    """Return sessions by id, those without a title with an `opening`, which is mirrored or read."""
    untitled = {each.segment.id: each for each in sessions if each.stats.messages and not each.segment.title}
    with scanner.open_index() as connection:
        known = {} if restart else mirror_rows.openings(connection, scanner.before.profile, untitled)
    mirrored = {
        session_id: known[session_id].opening
        for session_id, each in untitled.items()
        if session_id in known and _still_opens(known[session_id], each)
    }
    openings = scanner.snapshot.openings(untitled.keys() - mirrored.keys()) | mirrored
    return {each.segment.id: each._replace(opening=openings.get(each.segment.id)) for each in sessions}


def _still_opens(mirrored: MirroredOpening, session: AgentSession) -> bool:
    """Whether a session without a title opens as it did: its first message is the same, and gave the opening.

    If it gave none, a later message may.
    """
    unchanged = mirrored.first_message == session.first_message
    if mirrored.opening is None:
        unchanged = unchanged and mirrored.was_read and mirrored.last_message == session.last_message
    return unchanged


# ---- other titles and parents ---------------------------------------------------------------------------


def _outline_changes(scanner: _Scanner, outline: JoinedOutline) -> tuple[set[str], frozenset[str]]:
    """Return the sessions to read because their titles or parents changed, and those that are gone."""
    snapshot, change = scanner.snapshot, _change_since_kept(scanner, outline)
    if change is None:
        parents, removed = _compare_with_mirror(scanner, outline.job_names)
    else:
        parents = snapshot.parents_in(change.rows)
        removed = change.lost_ids - snapshot.existing(change.lost_ids)
    # A parent ends when its continuation begins, which no outline shows.
    return {*parents, *filter(None, map(_clean, parents.values()))}, removed


def _change_since_kept(scanner: _Scanner, outline: JoinedOutline) -> OutlineChange | None:
    """Return what changed since the outline that was kept, if the mirror has just that one.

    A session that cannot be listed is in no mirror: while there is a warning about some, each scan has to
    count them.
    """
    kept, before = scanner.kept, scanner.before
    if kept is None or kept.fingerprint != before.fingerprint or before.warning is not None:
        return None
    return outlines.difference(kept.outline, outline)


def _compare_with_mirror(
    scanner: _Scanner, job_names: Mapping[str, str]
) -> tuple[dict[str, str | None], frozenset[str]]:
    """Return by id the parents of the sessions that the mirror has otherwise, and the ids that are gone."""
    outline = {
        session_id: (_clean(_title(session_id, title, job_names)), _clean(parent))
        for session_id, (title, parent) in scanner.snapshot.titles_and_parents().items()
    }
    with scanner.open_index() as connection:
        known = mirror_rows.titles_and_parents(connection, scanner.before.profile)
    parents = {
        session_id: values[1] for session_id, values in outline.items() if known.get(session_id) != values
    }
    return parents, frozenset(known.keys() - outline.keys())


# ---- messages of a file without an index on them --------------------------------------------------------


def _added_stats(scanner: _Scanner, session_ids: Collection[str]) -> dict[str, MessageStats]:
    """Return the mirrored stats of these sessions plus those of newer messages: only these are read."""
    new = scanner.snapshot.message_stats_since(scanner.before.last_message)
    with scanner.open_index() as connection:
        known = mirror_rows.sessions(connection, scanner.before.profile, session_ids)
    old = {session_id: each.session.stats for session_id, each in known.items()}
    return {
        session_id: _sum(old.get(session_id, NO_MESSAGES), new.get(session_id, NO_MESSAGES))
        for session_id in {*old, *new}
    }


def _sum(old: MessageStats, new: MessageStats) -> MessageStats:
    times = [at for at in (old.last_activity, new.last_activity) if at is not None]
    return MessageStats(
        old.messages + new.messages,
        max(times, default=None),
        new.first_id if old.first_id is None else old.first_id,
        old.last_id if new.last_id is None else new.last_id,
    )


# ---- what the index can hold ----------------------------------------------------------------------------


def _storable(result: AgentScan, agent: Agent, job_names: Mapping[str, str]) -> AgentScan:
    """Return a scan without the sessions that cannot be listed, and with a warning that counts those."""
    sessions = {session_id: _cleaned(each, job_names) for session_id, each in result.sessions.items()}
    listable = {session_id: each for session_id, each in sessions.items() if is_id(session_id)}
    state = _with_warning(result.state, agent, len(sessions) - len(listable))
    return result._replace(sessions=listable, state=state)


def _with_warning(state: MirrorState, agent: Agent, unlistable: int) -> MirrorState:
    if not unlistable or state.warning:
        return state
    return state._replace(
        warning=f"{unlistable:,} of the sessions in {agent.label} cannot be listed: "
        "an id must be 1 to 128 of A-Z a-z 0-9 _ and -"
    )


def _no_sources(agent: Agent) -> str:
    return (
        f"No session in {agent.label} can be listed, because it has no column sessions.source, "
        "which tells the agent's sessions from the web UI's"
    )


def _cleaned(session: AgentSession, job_names: Mapping[str, str]) -> AgentSession:
    """Return a session with texts that every database accepts, and a scheduled job's name for a title."""
    old = session.segment
    new = old._replace(
        source=_clean(old.source),
        title=_clean(_title(old.id, old.title, job_names)),
        model=_clean(old.model),
        parent_session_id=_clean(old.parent_session_id),
        end_reason=_clean(old.end_reason),
    )
    return session._replace(segment=new, workspace=_clean(session.workspace), opening=_clean(session.opening))


def _clean(text: str | None) -> str | None:
    return None if text is None else clean_text(text)


def _title(session_id: str, title: str | None, job_names: Mapping[str, str]) -> str | None:
    """Return the title; of an untitled session with an id `cron_<job>_<time>`, the name of the job."""
    if title or not session_id.startswith("cron_"):
        return title
    jobs = [job for job in job_names if session_id.startswith(f"cron_{job}_")]
    return job_names[max(jobs, key=len)] if jobs else None
