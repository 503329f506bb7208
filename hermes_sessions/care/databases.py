"""The pages and full-text tables of every database: whether they can be read to their end. Writes nothing."""

from collections.abc import Callable, Iterator

from sqlalchemy import Engine

from ..agent import Agent, Agents, Snapshot
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


def agent_findings(agents: Agents) -> Iterator[Finding]:
    """Check the database of every agent, read-only."""
    for agent in agents.all():
        try:
            with agent.reading() as snapshot:
                findings = list(_agent_findings(agent, snapshot))
        except AgentUnavailable as error:
            if not error.absent:
                yield Finding(FindingKind.AGENT_DAMAGED, None, str(error), _RECOVER)
        else:
            yield from findings


_RECOVER = "stop the agent, keep a copy of state.db, and recover it: sqlite3 state.db .recover"


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
