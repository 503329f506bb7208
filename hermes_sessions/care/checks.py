"""What is wrong with a home, and what would mend it: looked for without a change, mended when told to."""

from collections.abc import Iterator
from pathlib import Path

from ..agent import SESSION_COLUMNS, Agents, mirror_states
from ..changes import Projects, Store, find_leftovers, is_interrupted, settle_leftovers
from ..errors import AgentUnavailable, NotFound, Unreadable
from ..files import Aside
from ..index import database, sync, upgrades
from ..index import rows as tables
from ..results import Finding, TrashReason
from ..sidecars import Loaded, folder, load, reading, trash

# Kinds that can be mended without asking: the index follows the files, debris is nobody's, and what is
# somebody's goes to the trash.
MENDED_BY_SYNC = frozenset({"row without file", "file without row", "stale row", "no index yet"})
MENDED_BY_REBUILD = frozenset({"wrong count in the index"})
SETTLED = frozenset({"debris", "unseen version", "copy in the trash"})
MENDABLE = MENDED_BY_SYNC | MENDED_BY_REBUILD | SETTLED

SYNC, REBUILD = "hermes-sessions sync", "hermes-sessions rebuild"


def findings(
    store: Store, agents: Agents, projects: Projects, trash_before: int, *, deep: bool
) -> list[Finding]:
    """Return all that is wrong; `deep` reads and parses every file. `trash_before` is in nanoseconds."""
    return [
        *_of_files(store),
        *(_of_contents(store) if deep else ()),
        *_of_leftovers(store),
        *_of_turns(store),
        *_of_projects(store, projects),
        *_of_agents(store, agents),
        *_of_trash(store, trash_before),
        *_of_schema(store),
    ]


def is_mendable(finding: Finding) -> bool:
    """Whether `mend` does something about it."""
    return finding.kind in MENDABLE


def mend(store: Store, found: list[Finding]) -> None:
    """Mend what can be mended without asking, after a copy of the index."""
    kinds = {finding.kind for finding in found}
    upgrades.keep_copy(store.config, store.engine)
    if kinds & MENDED_BY_REBUILD:
        sync.rebuild(store.engine, store.config.sessions_dir)
    elif kinds & MENDED_BY_SYNC:
        sync.sync(store.engine, store.config.sessions_dir)
    if kinds & SETTLED:
        settle_leftovers(store)


# ---- files and rows -------------------------------------------------------------------------------------


def _of_files(store: Store) -> Iterator[Finding]:
    files = folder.scan(store.config.sessions_dir)
    with database.reading(store.engine) as connection:
        rows, unreadable = tables.signatures(connection), tables.unreadable(connection)
    for name, reason in unreadable:
        yield Finding(
            "unreadable file",
            Path(name).stem,
            f"{name} cannot be read: {reason}",
            "mend the file by hand, or move it away; it is never overwritten",
        )
    if files and not rows:
        yield Finding("no index yet", None, f"none of the {len(files)} files is in the index", SYNC)
        return
    for name in sorted(rows.keys() - files.keys()):
        yield Finding("row without file", name, "the index lists a session whose file is gone", SYNC)
    for name in sorted(files.keys() - rows.keys()):
        yield Finding("file without row", name, "a file is not in the index", SYNC)
    for name in sorted(name for name in rows.keys() & files.keys() if rows[name] != files[name]):
        yield Finding("stale row", name, "the file changed since it was indexed", SYNC)


def _of_contents(store: Store) -> Iterator[Finding]:
    for name in sorted(folder.scan(store.config.sessions_dir)):
        try:
            loaded = load(store.path_of(name))
            yield from _of_content(store, loaded)
        except (Unreadable, NotFound, ValueError):
            continue  # `_of_files` tells of it, or it went meanwhile


def _of_content(store: Store, loaded: Loaded) -> Iterator[Finding]:
    whole = reading.session(loaded)
    with database.reading(store.engine) as connection:
        row = tables.get(connection, loaded.session_id)
    if row is not None and row.stored.signature == loaded.signature:
        known = row.summary.message_count
        if known != whole.message_count:
            yield Finding(
                "wrong count in the index",
                whole.session_id,
                f"the index says {known} messages, the file has {whole.message_count}",
                REBUILD,
            )
    said_id, said_count = reading.stated(loaded)
    if said_count is not None and said_count != whole.message_count:
        yield Finding(
            "wrong count in the file",
            whole.session_id,
            f"its message_count says {said_count}, it has {whole.message_count} messages",
            "the next change of the session writes the right one",
        )
    if said_id is not None and said_id != whole.session_id:
        yield Finding(
            "id differs",
            whole.session_id,
            f"the file says that it is session {said_id}",
            "rename the file or its session_id, whichever is wrong",
        )


def _of_leftovers(store: Store) -> Iterator[Finding]:
    found = find_leftovers(store)
    for path in found.debris:
        words = f"{path.name} was left by a write that did not end"
        yield Finding("debris", None, words, "repair removes it")
    for aside in found.only_copies:
        yield from _of_unseen(store, aside)
    for entry in found.moved:
        words = "it is in its place, and the same in the trash: a move did not end"
        yield Finding("copy in the trash", entry.session_id, words, "repair removes it from the trash")
    for path in folder.backups(store.config.sessions_dir):
        yield from _of_backup(store, path)


def _of_unseen(store: Store, aside: Aside) -> Iterator[Finding]:
    words = f"{aside.path.name} is what another program wrote while a write of ours was broken off"
    if aside.path.parent == store.config.sessions_dir:
        yield Finding("unseen version", aside.stem, words, "repair moves it to the trash")
    else:
        remedy = f"compare it with {aside.stem}.json, then remove it"
        yield Finding("unseen projects", None, words, remedy)


def _of_backup(store: Store, path: Path) -> Iterator[Finding]:
    name = path.name.removesuffix(".json.bak")
    restore = f"hermes-sessions restore {name}"
    try:
        kept = reading.message_count(load(path, name))
        present = reading.message_count(load(store.path_of(name)))
    except NotFound:
        yield Finding("backup without session", name, f"{path.name} is all that is left of it", restore)
    except (Unreadable, ValueError) as error:
        yield Finding("unreadable backup", name, str(error), "mend or remove the file")
    else:
        if kept > present:
            words = f"its backup has {kept} messages, the session {present}"
            yield Finding(
                "backup has more", name, words, f"if that is no wish of yours: {restore}", note=True
            )


def _of_turns(store: Store) -> Iterator[Finding]:
    with database.reading(store.engine) as connection:
        waiting = tables.with_pending_message(connection)
    for summary in waiting:
        if is_interrupted(summary):
            yield Finding(
                "interrupted turn",
                summary.session_id,
                "a message waits for the answer of a stream",
                f"if that stream is dead: hermes-sessions recover {summary.session_id}",
            )


# ---- what lies beside them ------------------------------------------------------------------------------


def _of_projects(store: Store, projects: Projects) -> Iterator[Finding]:
    try:
        known = {project.project_id for project in projects.list()}
    except Unreadable as error:
        yield Finding(
            "unreadable projects", None, str(error), "mend projects.json by hand; it is never overwritten"
        )
        return
    with database.reading(store.engine) as connection:
        assigned = tables.project_ids(connection)
    for session_id, project_id in assigned:
        if project_id not in known:
            yield Finding(
                "unknown project",
                session_id,
                f"it is in project {project_id}, which is not in projects.json",
                f"hermes-sessions move {session_id} another project, or none",
            )


def _of_agents(store: Store, agents: Agents) -> Iterator[Finding]:
    with database.reading(store.engine) as connection:
        states = mirror_states(connection)
    for agent in agents.all():
        try:
            with agent.reading() as snapshot:
                missing = [name for name in SESSION_COLUMNS if not snapshot.has_column(name)]
                indexed = snapshot.has_message_index
        except AgentUnavailable as error:
            remedy = "start the agent once" if error.absent else "mend the file, or end what locks it"
            yield Finding("agent unavailable", None, str(error), remedy, note=error.absent)
            continue
        known = states.get(agent.profile)
        if known is not None and known.warning and not known.failed:
            yield Finding(
                "agent's sessions not listed",
                None,
                known.warning,
                "read them with the agent itself",
                note=True,
            )
        yield from _of_schema_of(agent.profile, missing, indexed)


def _of_schema_of(profile: str, missing: list[str], indexed: bool) -> Iterator[Finding]:
    if missing:
        words = f"the agent's state.db ({profile}) has no column {', '.join(missing)}"
        yield Finding("agent's column missing", None, words, "update the agent", note="source" not in missing)
    if not indexed:
        words = f"the agent's state.db ({profile}) has no index on messages by session"
        yield Finding("agent's index missing", None, words, "start the agent, which makes it")


def _of_trash(store: Store, before: int) -> Iterator[Finding]:
    for entry in trash.entries(store.config.trash_dir):
        if entry.why is TrashReason.RESCUED:
            words = f"trash/{entry.path.name} is a version of it that another program wrote meanwhile"
            remedy = f"if it has what the session lacks: hermes-sessions import trash/{entry.path.name}"
            yield Finding("rescued version", entry.session_id, words, remedy, note=True)
    old = trash.deleted_before(store.config.trash_dir, before)
    if old:
        words = f"{len(old)} deleted sessions are older than they need be kept"
        yield Finding("trash over its age", None, words, "hermes-sessions purge", note=True)


def _of_schema(store: Store) -> Iterator[Finding]:
    revision, newest = upgrades.revision(store.config), upgrades.revisions()[-1]
    if revision != newest:
        words = f"the index is of revision {revision}, this program's is {newest}"
        yield Finding("old revision", None, words, "hermes-sessions db upgrade")
