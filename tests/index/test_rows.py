"""Tests the engine of the index, rows that are read as they were stored, and queries read off indexes."""

import itertools
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from hermes_sessions import Filters, InvalidValue, SessionRepository, Signature, StorageError, Summary
from hermes_sessions.config import resolve
from hermes_sessions.fields import LARGEST_INTEGER, other_keys, read_metadata
from hermes_sessions.findings import FindingKind
from hermes_sessions.index import database, index_state, lists, rows, schema, shown, upgrades
from hermes_sessions.index.list_queries import FIGURES, ListRequest
from hermes_sessions.index.row_values import Indexed, Place, place_of
from hermes_sessions.messages import mask
from hermes_sessions.model import FolderTimes, Stored

VERSION = Signature(10, 20, 30)
SOURCES = ("webui", "cli", "cron", "telegram")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine over one index for the whole module: `fill` replaces its rows."""
    yield from _new_index(tmp_path_factory.mktemp("index"))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Engine]:
    """An engine over a new index."""
    yield from _new_index(tmp_path)


def _new_index(folder: Path) -> Iterator[Engine]:
    config = resolve(folder)
    engine = database.make_engine(config.index)
    upgrades.upgrade(config, engine)
    yield engine
    engine.dispose()


def indexed(session_id: str, *, draft: bool = False, stored: Stored | None = None, **values: Any) -> Indexed:
    """Return the row of a session with these values; `at` is the time of its last message."""
    at, count = values.pop("at", 1.0), values.pop("messages", 1)
    metadata = read_metadata(session_id, values, at)
    summary = Summary(**metadata, extra=other_keys(values), message_count=count, last_message_at=at)
    return Indexed(summary, stored or Stored(VERSION, (1, 2), at), draft)


def page(connection: Connection, filters: Filters, after: Place | None, limit: int | None) -> list[Summary]:
    """Return a part of a list."""
    return lists.read_summaries(connection, ListRequest(filters, after=after, limit=limit))


def fill(engine: Engine, only: list[Indexed]) -> None:
    """Make these the only rows of the index."""
    with database.writing(engine) as connection:
        connection.execute(sa.delete(schema.SESSIONS))
        rows.put(connection, only)


# ---- the engine -------------------------------------------------------------------------------------------


def _pragma(connection: Connection, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


@pytest.mark.sqlite("its connections and errors")
def test_every_connection_has_the_pragmas(index: Engine) -> None:
    with index.connect() as one, index.connect() as two, database.writing(index) as three:
        for connection in (one, two, three):
            assert _pragma(connection, "journal_mode") == "wal"
            assert _pragma(connection, "busy_timeout") == database.BUSY_MS
            assert _pragma(connection, "synchronous") == 1
            assert _pragma(connection, "foreign_keys") == 1


def test_other_engines_of_the_process_are_not_changed(index: Engine, tmp_path: Path) -> None:
    statements = []
    other = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    event.listen(other, "before_cursor_execute", lambda *args: statements.append(args[2]))
    with other.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
        assert _pragma(connection, "journal_mode") == "delete"
        assert _pragma(connection, "foreign_keys") == 0
    other.dispose()
    assert statements[0] == "CREATE TABLE t (a)"
    assert not any("BEGIN" in statement for statement in statements)


def test_a_file_in_another_journal_mode_is_switched_to_wal_by_the_first_write(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as own:
        own.execute("CREATE TABLE t (a)")
    own.close()
    before = path.read_bytes()
    engine = database.make_engine(path)
    with database.reading(engine) as connection:
        assert _pragma(connection, "journal_mode") == "delete"
    assert path.read_bytes() == before
    with database.writing(engine) as connection:
        assert _pragma(connection, "journal_mode") == "wal"
    engine.dispose()


@pytest.mark.sqlite("its connections and errors")
def test_a_write_begins_immediate_and_a_reader_does_not_wait(index: Engine) -> None:
    own = sqlite3.connect(index.url.database or "", timeout=0, isolation_level=None)
    with database.writing(index) as connection:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            own.execute("BEGIN IMMEDIATE")
        rows.put(connection, [indexed("a")])
        with database.reading(index) as reader:
            assert lists.count(reader, Filters()) == 0
    own.execute("BEGIN IMMEDIATE")
    own.close()
    with database.reading(index) as reader:
        assert lists.count(reader, Filters()) == 1


def test_a_read_sees_one_state(index: Engine) -> None:
    with database.reading(index) as reader:
        assert lists.count(reader, Filters()) == 0
        with database.writing(index) as connection:
            rows.put(connection, [indexed("a")])
        assert lists.count(reader, Filters()) == 0


def test_an_index_in_memory_serves_threads(tmp_path: Path) -> None:
    with SessionRepository.open(tmp_path, database_url="sqlite://") as sessions:
        session_id = sessions.new().session_id

        def work() -> None:
            for _ in range(10):
                sessions.append(session_id, [{"role": "user", "content": "hello"}])
                sessions.list()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sessions.summary(session_id).message_count == 40
        assert sessions.count() == 1


def test_a_second_writer_waits(index: Engine) -> None:
    start = threading.Barrier(8, timeout=60)

    def work(name: int) -> None:
        start.wait()
        for number in range(10):
            with database.writing(index) as connection:
                before = lists.count(connection, Filters())
                rows.put(connection, [indexed(f"{name}-{number}")])
                assert lists.count(connection, Filters()) == before + 1

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.reading(index) as connection:
        assert lists.count(connection, Filters()) == 80


def test_an_error_rolls_the_write_back(index: Engine) -> None:
    def fail() -> None:
        with database.writing(index) as connection:
            rows.put(connection, [indexed("a")])
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    with database.reading(index) as connection:
        assert lists.count(connection, Filters()) == 0


@pytest.mark.sqlite("its connections and errors")
def test_an_error_of_the_database_becomes_a_storage_error(index: Engine) -> None:
    with pytest.raises(StorageError, match="no such table: nowhere"), database.reading(index) as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")


def test_a_wrong_statement_does_not_become_a_storage_error(index: Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.writing(index) as connection:
        connection.exec_driver_sql("INSERT INTO sessions (session_id) VALUES ('a')")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "://",
        "nosuch://host/x",
        "sqlite+nosuch:///x.db",
        "postgresql+nosuch://host/x",
        "postgresql://host:port/x",
        "sqlite://host/x.db",
        "sqlite:///x.db?timeout=long",
        7,
        None,
    ],
)
def test_a_wrong_url(url: Any) -> None:
    with pytest.raises(InvalidValue, match="database_url must be an SQLAlchemy URL"):
        database.make_engine(url)


@pytest.mark.sqlite("its file")
@pytest.mark.parametrize("name", ["a?b", "50%25 off", "a#b", "a:b@c", "Übung", "file:x"])
def test_a_state_folder_of_any_name_holds_its_index(tmp_path: Path, name: str) -> None:
    with SessionRepository.open(tmp_path / name):
        pass
    assert (tmp_path / name / "sessions.db").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == [name]


# ---- rows -------------------------------------------------------------------------------------------------


def _round_trip(engine: Engine, row: Indexed) -> Indexed:
    with database.writing(engine) as connection:
        rows.put(connection, [row])
    with database.reading(engine) as connection:
        found = rows.get(connection, row.summary.session_id)
    assert found
    return found


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"title": "作业", "pinned": True, "archived": True, "project_id": "p", "profile": "work"},
        {
            "input_tokens": LARGEST_INTEGER,
            "output_tokens": LARGEST_INTEGER,
            "context_length": LARGEST_INTEGER,
        },
        {"estimated_cost": 0.1 + 0.2, "created_at": 1777000000.123456, "updated_at": 1.0},
        {"theirs": 10**30, "more": {"b": [1, None, {"a": 1.5}], "a": "\ud800\0"}, "none": None},
        {"pending_attachments": [{"name": "a"}], "enabled_toolsets": ["x"], "personality": ""},
        {"source_tag": "telegram", "is_cli_session": True, "parent_session_id": "b"},
        {"compression_anchor_visible_idx": 0, "compression_anchor_message_key": {"role": "user"}},
        {"other": {"a": 1}, "unpinned": 7, "size": "their key, not our column"},
    ],
)
def test_a_row_is_read_as_it_was_stored(engine: Engine, values: dict[str, Any]) -> None:
    row = indexed("a", **values)
    assert _round_trip(engine, row) == row
    with database.reading(engine) as connection:
        assert page(connection, Filters(hidden=True), None, None) == [row.summary]


@pytest.mark.parametrize(
    "stored",
    [
        Stored(Signature(0, 0, 0)),
        Stored(Signature(2**40, 2**62, LARGEST_INTEGER), (0, 2**40), 1.0),
        Stored(VERSION, None, 1.0),
    ],
)
@pytest.mark.parametrize("draft", [True, False])
def test_the_data_about_a_file_is_read_as_it_was_stored(engine: Engine, stored: Stored, draft: bool) -> None:
    row = indexed("a", stored=stored, draft=draft)
    assert _round_trip(engine, row)[1:] == (stored, draft)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\ud800", "\ufffd"),
        ("a\udfffb", "a\ufffdb"),
        ("a\0b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("😀\u2028\x1b", "😀\u2028\x1b"),
    ],
)
def test_text_that_databases_do_not_take_is_replaced(engine: Engine, text: str, kept: str) -> None:
    row = indexed("a", title=text, workspace=text, profile=text, project_id=text)
    fill(engine, [row._replace(summary=row.summary.displayable())])
    with database.reading(engine) as connection:
        for filters in (Filters(), Filters(profile=text), Filters(project_id=text), Filters(profile=kept)):
            (found,) = page(connection, filters, None, None)
            assert found.title == found.workspace == found.profile == kept
            assert lists.count(connection, filters) == 1
    with pytest.raises(InvalidValue, match="source"):
        Filters(source=text)  # type: ignore[arg-type]  # which is what is tested


@pytest.mark.slow
def test_more_ids_than_databases_take_parameters(engine: Engine) -> None:
    many = [f"id-{number}" for number in range(40_001)]
    fill(engine, [indexed("first"), indexed("last"), indexed("stays")])
    with database.writing(engine) as connection:
        rows.put_unreadable(connection, "bad", VERSION, "why")
        wanted = ["first", *many, "bad", "last"]
        assert rows.signatures(connection, wanted) == dict.fromkeys(("first", "bad", "last"), VERSION)
        rows.drop(connection, wanted)
        assert rows.signatures(connection) == {"stays": VERSION}
        assert rows.unreadable(connection) == []


def test_a_file_is_stored_as_readable_or_as_unreadable(engine: Engine) -> None:
    fill(engine, [])
    with database.writing(engine) as connection:
        for _ in range(2):
            rows.put(connection, [indexed("a", title="Plans")])
            assert (lists.count(connection, Filters()), rows.unreadable(connection)) == (1, [])
            rows.put_unreadable(connection, "a", VERSION, "why \ud800")
            assert lists.count(connection, Filters()) == 0
            assert rows.unreadable(connection) == [rows.UnreadableRow("a", "Plans", "why \ufffd")]
        rows.drop(connection, ["a"])


def test_a_damaged_file_is_named_by_the_title_that_it_had(sessions: SessionRepository) -> None:
    key = "sk-ant-api03-" + "k7Qz" * 8
    session = sessions.new(title=f"Budget {key}")
    sessions.append(session.session_id, [{"role": "user", "content": "hello"}])
    path = sessions.config.sessions_dir / f"{session.session_id}.json"
    whole = path.read_bytes()
    for damaged in (whole[:-9], whole[:-19], b""):
        path.write_bytes(damaged)
        sessions.sync()  # which looks at every file
        (warning,) = sessions.list().warnings
        assert warning.startswith(f'{session.session_id}.json ("Budget {mask(key)}") cannot be read: ')
        assert key not in warning
        (finding,) = (each for each in sessions.check() if each.kind is FindingKind.UNREADABLE_FILE)
        assert (finding.session_id, finding.meaning) == (session.session_id, warning)
        sessions.rebuild()
    path.write_bytes(whole)
    sessions.sync()
    page = sessions.list()
    assert ([each.title for each in page.items], page.warnings) == ([session.title], ())


def test_a_file_whose_name_is_not_utf_8_is_only_a_warning(sessions: SessionRepository) -> None:
    session = sessions.new()
    sessions.append(session.session_id, [{"role": "user", "content": "hello"}])
    path = sessions.config.sessions_dir / os.fsdecode(b"caf\xe9.json")
    path.write_text("{}")
    for _ in range(2):
        page = sessions.list()
        assert [found.session_id for found in page.items] == [session.session_id]
        assert page.warnings == (r"caf\xe9.json cannot be read: its name is not a session id",)
        assert sessions.sync().unreadable == 1
    path.unlink()
    assert sessions.list().warnings == ()


def test_old_drafts(engine: Engine) -> None:
    def row(name: str, at: int, draft: bool) -> Indexed:
        return indexed(name, draft=draft, stored=Stored(Signature(0, at, 0)), at=float(at))

    fill(engine, [row("old", 99, True), row("new", 100, True), row("session", 1, False)])
    with database.reading(engine) as connection:
        assert rows.old_drafts(connection, 100) == ["old"]


# ---- lists ------------------------------------------------------------------------------------------------

_NAMES = ("profile", "project_id", "source", "archived")
_WANTED: dict[str, Any] = {"profile": "work", "project_id": "p1", "source": "messaging", "archived": True}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine over an index of 3,000 sessions of which no statistics were gathered."""
    for engine in _new_index(tmp_path_factory.mktemp("full")):
        fill(engine, [_some_session(number) for number in range(3000)])
        yield engine


@cache
def _some_session(number: int) -> Indexed:
    return indexed(
        f"s{number:04}",
        at=float(number % 1000),
        title="Untitled",
        messages=number % 7,  # none, and the sidebar hides it
        pinned=number % 50 == 0,
        archived=number % 5 == 0,
        profile=("default", "work")[number % 2],
        project_id=(None, "p1", "p2")[number % 3],
        source_tag=SOURCES[number % 4],
        model=(None, "hermes-4", "opus")[number % 3],
        estimated_cost=(None, 0.0, 0.5, 2.0)[number % 4],
        pending_user_message=(None, "", "Hi")[number % 9 % 3],
        active_stream_id=(None, "stream", "", "other")[number % 4],
    )


# What no index has in the order of lists: the rows of another one are tested.
_MORE: tuple[dict[str, Any], ...] = (
    {"pinned": True},
    {"pinned": False},
    {"model": "opus"},
    {"model": "none"},
    {"since": 500.0},
    {"until": 500.0},
    {"since": 400.0, "until": 401.0},
    {"min_cost": 0.0},
    {"min_cost": 0.5},
    {"min_messages": 5},
    {"interrupted": True},
    {"interrupted": False},
    {"pinned": True, "since": 500.0, "min_messages": 2},
)


def _filters() -> Iterator[Filters]:
    for count in range(len(_NAMES) + 1):
        for names in itertools.combinations(_NAMES, count):
            for hidden in (False, True):
                yield Filters(**{name: _WANTED[name] for name in names}, hidden=hidden)


def _more_filters() -> Iterator[Filters]:
    for more in _MORE:
        yield Filters(**more)
        yield Filters(**more, profile="work")
        yield Filters(**more, hidden=True)


def _matches(row: Indexed, filters: Filters) -> bool:
    summary = row.summary
    return (
        (filters.hidden or not summary.hidden)
        and all(getattr(filters, name) in (None, getattr(summary, name)) for name in (*_NAMES, "model"))
        and filters.pinned in (None, summary.pinned)
        and filters.interrupted in (None, summary.is_interrupted())
        and summary.last_message_at >= (filters.since or 0.0)
        and (filters.until is None or summary.last_message_at < filters.until)
        and (
            filters.min_cost is None
            or (summary.estimated_cost is not None and summary.estimated_cost >= filters.min_cost)
        )
        and summary.message_count >= (filters.min_messages or 0)
    )


def _executed(engine: Engine, work: Callable[[Connection], object]) -> list[tuple[str, Any]]:
    """Return the statements that were executed, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def see(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", see)
    try:
        with database.reading(engine) as connection:
            work(connection)
    finally:
        event.remove(engine, "before_cursor_execute", see)
    return seen


def _plan(engine: Engine, statement: str, parameters: Any) -> list[str]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return [row[3] for row in rows]


def _plan_of(engine: Engine, read: Callable[[Connection, Filters], object], filters: Filters) -> list[str]:
    ((statement, parameters),) = _executed(engine, lambda connection: read(connection, filters))
    return _plan(engine, statement, parameters)


_QUERIES: dict[str, Callable[[Connection, Filters], object]] = {
    "first page": lambda connection, filters: page(connection, filters, None, 51),
    "behind a cursor": lambda connection, filters: page(
        connection, filters, Place(int(not filters.pinned), -500.0, "s"), 51
    ),
    "whole": lambda connection, filters: page(connection, filters, None, None),
    "count": lists.count,
}


# Lists of all sessions but few: see `test_nearly_all_sessions_are_counted_by_pages`.
_NEARLY_ALL = [
    Filters(hidden=hidden, archived=archived) for hidden in (False, True) for archived in (None, False)
]


@pytest.mark.parametrize("query", _QUERIES)
@pytest.mark.parametrize("filters", list(_filters()), ids=str)
def test_every_list_is_read_off_an_index(full: Engine, filters: Filters, query: str) -> None:
    if query == "count" and filters in _NEARLY_ALL:
        return
    executed = _executed(full, lambda connection: _QUERIES[query](connection, filters))
    assert len(executed) == 1
    step, *joined = _plan(full, *executed[0])  # a sort would be a further step
    assert "INDEX" in step
    assert all(each.startswith("SEARCH agent_sessions USING") for each in joined)
    assert len(joined) == (query != "count")
    wanted = [name for name in _NAMES if getattr(filters, name) is not None]
    if wanted:
        assert any(f"({name}=?" in step for name in wanted), step
    elif not filters.hidden:
        assert "(hidden=?" in step
    if query == "behind a cursor":
        assert "(unpinned,age,session_id)>(?,?,?)" in step
    if query == "count" and len(wanted) < 2:
        assert "COVERING INDEX" in step


@pytest.mark.parametrize("filters", _NEARLY_ALL, ids=str)
def test_nearly_all_sessions_are_counted_by_pages(full: Engine, filters: Filters) -> None:
    steps = _plan_of(full, lists.count, filters)
    assert all("USING COVERING INDEX" in each for each in steps if each.startswith(("SCAN s", "SEARCH s")))
    with database.reading(full) as connection:
        few = sum(not _matches(row, filters) for row in map(_some_session, range(3000)))
        taken = _steps_of(connection, lambda: lists.count(connection, filters))
    assert taken < 100 + 10 * few


def _steps_of(connection: Connection, work: Callable[[], object]) -> int:
    """Return how many steps of its virtual machine SQLite takes."""
    driver, steps = cast(sqlite3.Connection, connection.connection.driver_connection), itertools.count()
    driver.set_progress_handler(lambda: next(steps) < 0, 1)
    try:
        work()
    finally:
        driver.set_progress_handler(None, 1)
    return next(steps)


@pytest.mark.parametrize("filters", list(_more_filters()), ids=str)
def test_every_other_filter_keeps_the_order_of_an_index(full: Engine, filters: Filters) -> None:
    has_figure = any(getattr(filters, name) is not None for name in FIGURES)
    for query, read in _QUERIES.items():
        step, *joined = _plan_of(full, read, filters)
        assert all(each.startswith("SEARCH agent_sessions USING") for each in joined), "a sort"
        if query == "count":
            assert "COVERING INDEX" in step
        elif has_figure:
            assert " USING INDEX ix_sessions_all" in step
        if query == "behind a cursor" and filters.pinned is None:
            assert "(unpinned,age,session_id)>(?,?,?)" in step
        if filters.profile and not has_figure:
            assert "(profile=?" in step


@pytest.mark.parametrize("pinned", [True, False])
def test_a_list_of_pinned_sessions_continues_behind_any_cursor(full: Engine, pinned: bool) -> None:
    with database.reading(full) as connection:
        whole = page(connection, Filters(pinned=pinned), None, None)
        middle = place_of(whole[9])
        assert page(connection, Filters(pinned=pinned), middle, None) == whole[10:]
        assert page(connection, Filters(pinned=pinned), middle._replace(unpinned=int(pinned)), None) == (
            [] if pinned else whole
        )


def test_no_statistics_were_gathered(full: Engine) -> None:
    with full.connect() as connection:
        assert not sa.inspect(connection).has_table("sqlite_stat1")


@pytest.mark.parametrize("filters", [*_filters(), *_more_filters(), *_NEARLY_ALL[1::2]], ids=str)
def test_every_list_is_right(full: Engine, filters: Filters) -> None:
    matching = [row.summary for row in map(_some_session, range(3000)) if _matches(row, filters)]
    expected = [summary.session_id for summary in sorted(matching, key=place_of)]
    with database.reading(full) as connection:
        found = page(connection, filters, None, None)
        assert [summary.session_id for summary in found] == expected
        assert lists.count(connection, filters) == len(expected)
        assert sorted(lists.ids(connection, filters)) == sorted(expected)
        if len(found) > 2:
            third = page(connection, filters, place_of(found[2]), 5)
            assert [summary.session_id for summary in third] == expected[3:8]


_ROWS = st.lists(
    st.tuples(
        st.text("abC_-0", min_size=1, max_size=4), st.sampled_from([1.0, 2.0, 2.5, 0.0]), st.booleans()
    ),
    unique_by=lambda row: row[0],
    max_size=12,
)


@given(sample=_ROWS, size=st.integers(1, 13))
def test_pages_together_are_the_whole_list(
    engine: Engine, sample: list[tuple[str, float, bool]], size: int
) -> None:
    """`engine` is of the module: each example replaces its rows."""
    fill(engine, [indexed(session_id, at=at, pinned=pinned) for session_id, at, pinned in sample])
    expected = [row[0] for row in sorted(sample, key=lambda row: (not row[2], -row[1], row[0]))]
    paged: list[str] = []
    after: Place | None = None
    with database.reading(engine) as connection:
        while some := page(connection, Filters(), after, size):
            assert len(some) <= size
            paged += [summary.session_id for summary in some]
            after = place_of(some[-1])
    assert paged == expected


# ---- other databases --------------------------------------------------------------------------------------


def test_every_statement_has_a_postgresql_form(index: Engine) -> None:
    seen: list[Any] = []
    event.listen(index, "before_execute", lambda *args: seen.append(args[1]))
    with database.writing(index) as connection:
        rows.put(connection, [indexed("a"), indexed("b", draft=True)])
        rows.put_unreadable(connection, "c", VERSION, "why")
        rows.get(connection, "a")
        rows.signatures(connection)
        rows.signatures(connection, ["a"])
        rows.unreadable(connection)
        index_state.read(connection)
        rows.inodes(connection)
        rows.is_empty(connection)
        rows.put(connection, [indexed("a")], FolderTimes(1, 2))
        rows.change(connection, indexed("a"), indexed("a", pinned=True))
        index_state.note_scan(connection, 1, 2)
        rows.old_drafts(connection, 1)
        rows.drop(connection, ["a"])
        for filters in (*_filters(), *_more_filters()):
            lists.ids(connection, filters)
            lists.count(connection, filters)
            page(connection, filters, None, None)
            page(connection, filters, Place(1, -1.0, "a"), 5)
    assert len(seen) > 130
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    texts = [str(statement.compile(dialect=dialect)) for statement in seen]
    for table in schema.METADATA.sorted_tables:
        texts.append(str(CreateTable(table).compile(dialect=dialect)))
        texts += [str(CreateIndex(one).compile(dialect=dialect)) for one in table.indexes]
    assert not [text for text in texts if "PRAGMA" in text or "?" in text]


def test_a_change_replaces_only_the_row_it_was_made_from(index: Engine) -> None:
    old, new = indexed("a", title="old"), indexed("a", title="new", pinned=True)
    theirs = Indexed(indexed("a", title="theirs", model="theirs").summary, Stored(Signature(9, 9, 9)), False)
    fill(index, [theirs])
    with database.writing(index) as connection:
        rows.change(connection, old, new)
        assert rows.get(connection, "a") == new, "no column of the other version is left"
        assert lists.count(connection, Filters(hidden=True)) == 1


def test_a_change_of_type_alone_is_stored(index: Engine) -> None:
    old = indexed("a", flag=1)
    fill(index, [old])
    new = old._replace(summary=old.summary.changed({"flag": True}))
    with database.writing(index) as connection:
        rows.change(connection, old, new)
        found = rows.get(connection, "a")
    assert found is not None
    assert found.summary.extra["flag"] is True


# ---- what nobody sees -----------------------------------------------------------------------------------


def row_of(**changes: Any) -> dict[str, Any]:
    """Return the values of the row of a session with two messages, those of a file."""
    places = {"transcript_start": 100, "transcript_end": 300, "tool_calls_start": 320, "tool_calls_end": 322}
    file = {"size": 400, "mtime_ns": 1, "inode": 1, "marks": b"", "draft": False}
    return {"title": "Rent", "message_count": 2, "other": {"one": 1}, **places, **file, **changes}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"mtime_ns": 2, "inode": 2}, True),
        ({"size": 420, "mtime_ns": 2, "inode": 2, "marks": b"1"}, False),
        ({"size": 420, "transcript_start": 150, "transcript_end": 350}, False),
        ({"size": 420, "tool_calls_start": 370, "tool_calls_end": 372}, False),
        ({"size": 420, "tool_calls_start": None, "tool_calls_end": None}, False),
        ({"other": {"one": 1, "composer_draft": {"text": "half a"}}}, False),
        ({"transcript_end": 301}, True),
        ({"tool_calls_end": 330}, True),
        ({"title": "Bills"}, True),
        ({"message_count": 3}, True),
        ({"other": {"one": True}}, True),
        ({"other": {}}, True),
    ],
)
def test_what_a_row_shows(changes: dict[str, Any], expected: bool) -> None:
    assert shown.shows(row_of(), row_of(**changes)) is expected
    assert shown.shows(row_of(**changes), row_of()) is expected
    assert shown.shows(None, row_of(**changes)) is True
