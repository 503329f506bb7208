"""The pages and full-text tables of every database: whether they can be read to their end. Writes nothing."""

from collections.abc import Callable, Iterator

from sqlalchemy import Engine

from ..agent import SESSION_COLUMNS, Agent, MirrorState, Snapshot, never_existed
from ..config import Config
from ..errors import AgentUnavailable, Damaged, storing
from ..findings import Finding, FindingKind
from ..index import damage, database


def index_findings(config: Config, engine: Engine, check_search: Callable[[], None]) -> Iterator[Finding]:
    """Check the two indexes, and yield what is kept of those that were damaged.

    `check_search` sets a damaged search index aside. Raises `Damaged` for the index of sessions.
    """
    path = database.file_of(engine)
    reason = None if path is None else damage.diagnose(path)
    if path is not None and reason is not None:
        raise Damaged(path.name, reason)
    check_search()
    with storing("cannot list the state folder"):
        folder = config.index_dir
        kept = [] if folder is None else sorted(each.name for each in folder.glob("*.damaged"))
    for name in kept:
        meaning = f"{name} was damaged, and was built again from the files"
        yield Finding(
            FindingKind.DAMAGED_INDEX, None, meaning, "delete it once you do not need it", note=True
        )


_RECOVER = "stop the agent, keep a copy of state.db, and recover it: sqlite3 state.db .recover"


def agent_findings(agent: Agent) -> list[Finding]:
    """Read the database of an agent to its end, read-only."""
    try:
        with agent.reading() as snapshot:
            findings = list(_agent_findings(agent, snapshot))
    except AgentUnavailable as error:
        return [] if error.absent else [_unreadable(error)]  # `quick_findings` say whether it is missed
    if all(each.kind is not FindingKind.AGENT_DAMAGED for each in findings):
        agent.met_damage = None  # it was recovered in its place
    return findings


def quick_findings(agent: Agent, state: MirrorState | None) -> Iterator[Finding]:
    """Read of the database of an agent what lists read, and say what else met damage in it.

    That is half a second of 5,000 sessions with 130,000 messages; to read every page takes two to four times
    as long from memory, and much longer from a disk. `state` is that of the mirror.
    """
    try:
        with agent.reading() as snapshot:
            schema = list(_schema_findings(agent.profile, snapshot))
            snapshot.last_message()
            snapshot.sessions(snapshot.message_stats())
    except AgentUnavailable as error:
        if not (error.absent and never_existed(state)):
            yield _unreadable(error)
        return
    if agent.damage is not None:
        yield Finding(FindingKind.AGENT_DAMAGED, None, agent.damage, _RECOVER)
    elif state is not None and state.warning and state.failed:
        if state.versions == agent.file_versions().encoded:
            yield Finding(FindingKind.AGENT_UNAVAILABLE, None, state.warning, _REPAIR)
    elif state is not None and state.warning:
        remedy = "read them with the agent itself"
        yield Finding(FindingKind.AGENT_NOT_LISTED, None, state.warning, remedy, note=True)
    yield from schema


_REPAIR = "repair the file, or end what locks it"


def _unreadable(error: AgentUnavailable) -> Finding:
    if _is_damage(error):
        return Finding(FindingKind.AGENT_DAMAGED, None, str(error), _RECOVER)
    remedy = "start the agent once" if error.absent else _REPAIR
    return Finding(FindingKind.AGENT_UNAVAILABLE, None, str(error), remedy, note=error.absent)


def _is_damage(error: AgentUnavailable) -> bool:
    """Whether an error is about pages of a database, and not about what is none, or cannot be opened."""
    return error.__cause__ is not None and database.is_corrupt_page(error.__cause__)


def _schema_findings(profile: str, snapshot: Snapshot) -> Iterator[Finding]:
    missing = [name for name in SESSION_COLUMNS if not snapshot.has_column(name)]
    if missing:
        meaning = f"the agent's state.db ({profile}) has no column {', '.join(missing)}"
        note = "source" not in missing
        yield Finding(FindingKind.AGENT_COLUMN_MISSING, None, meaning, "update the agent", note=note)
    if not snapshot.has_message_index:
        meaning = f"the agent's state.db ({profile}) has no index on messages by session"
        yield Finding(FindingKind.AGENT_INDEX_MISSING, None, meaning, "start the agent, which makes it")


_REBUILD = "INSERT INTO {0} ({0}) VALUES ('rebuild');"


def _agent_findings(agent: Agent, snapshot: Snapshot) -> Iterator[Finding]:
    # For `_why_unusable`: what is temporary is in memory, and nothing is written to the agent's file.
    snapshot.connection.exec_driver_sql("PRAGMA temp_store = MEMORY")
    result = str(snapshot.connection.exec_driver_sql("PRAGMA main.quick_check(1)").scalar())
    if result != "ok":
        meaning = f"{agent.label} is damaged: {' '.join(result.split())}"
        yield Finding(FindingKind.AGENT_DAMAGED, None, meaning, _RECOVER)
    for table in _full_text_tables(snapshot):
        reason = _why_unusable(snapshot, table)
        if reason:
            meaning = f"the full-text table {table} of {agent.label} is damaged: {reason}"
            remedy = f"stop the agent, and run in sqlite3: {_REBUILD.format(table)}"
            yield Finding(FindingKind.AGENT_FULL_TEXT_DAMAGED, None, meaning, remedy)


def _full_text_tables(snapshot: Snapshot) -> list[str]:
    tables = snapshot.connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%USING fts5%'"
    )
    return [str(name) for name in tables.scalars() if str(name).isidentifier()]


def _why_unusable(snapshot: Snapshot, table: str) -> str | None:
    """Search a full-text table, and read all its words: a search alone reads few of its pages."""
    connection = snapshot.connection
    try:
        connection.exec_driver_sql(f"SELECT rowid FROM {table} WHERE {table} MATCH 'the' LIMIT 1").all()  # noqa: S608
        connection.exec_driver_sql(
            f"CREATE VIRTUAL TABLE temp.words_{table} USING fts5vocab (main, {table}, row)"
        )
        connection.exec_driver_sql(f"SELECT sum(doc) FROM temp.words_{table}").all()  # noqa: S608
    except (*database.DATABASE_ERRORS, UnicodeDecodeError) as error:
        return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else database.driver_text(error)
    return None
