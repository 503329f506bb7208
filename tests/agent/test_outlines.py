"""What a scan concludes from the outline that the scan before it read, which must never be an older one."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import SessionRepository
from hermes_sessions.agent import mirror_rows, outlines, scan
from hermes_sessions.agent.outlines import JoinedColumn, JoinedOutline, difference

from ..support.agent_db import START, add_session, new_state, writing
from ..support.efforts import examples

Rows = Mapping[int, str]


def column(rows: Rows, encoding: str = "utf-8") -> JoinedColumn:
    """Return the column as SQLite joins it, in the order of an index."""
    values = sorted(f"{value}\x1e{row}" for row, value in rows.items())
    return JoinedColumn("\x1f".join(values).encode(encoding), len(rows))


def outline(titles: Rows, ids: Rows | None = None, jobs: Mapping[str, str] | None = None) -> JoinedOutline:
    return JoinedOutline(
        column(ids or {1: "a", 2: "b", 3: "c"}), column(titles), column({2: "a"}), jobs or {}
    )


# ---- two outlines ---------------------------------------------------------------------------------------

TEXTS = st.text("ab\x1e", max_size=3)


@examples(1)
@given(st.dictionaries(st.integers(1, 6), TEXTS), st.dictionaries(st.integers(1, 6), TEXTS))
def test_the_rows_that_differ_are_found(before: dict[int, str], after: dict[int, str]) -> None:
    change = difference(outline(before), outline(after))
    assert change is not None
    assert change.rows == {row for row in range(1, 7) if before.get(row) != after.get(row)}
    assert change.lost_ids == frozenset()


def test_an_id_that_a_row_had_before_is_lost() -> None:
    change = difference(outline({}, {1: "a", 2: "b"}), outline({}, {1: "other", 3: "new"}))
    assert change == (frozenset({1, 2, 3}), frozenset({"a", "b"}))


UNCLEAR: dict[str, tuple[JoinedOutline, JoinedOutline]] = {
    "names of jobs": (outline({1: "a"}), outline({1: "b"}, jobs={"daily": "Daily"})),
    "the separator of rows before": (outline({1: "a\x1e9\x1fb"}), outline({1: "a"})),
    "the separator of rows after": (outline({1: "a"}), outline({1: "a\x1e9\x1fb"})),
    "another encoding": (
        outline({})._replace(titles=column({1: "a", 2: "b"}, "utf-16-le")),
        outline({})._replace(titles=column({1: "a", 2: "c"}, "utf-16-le")),
    ),
    "many changes": (outline({}), outline(dict.fromkeys(range(outlines.MOST_CHANGED + 1), "x"))),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_an_unclear_difference_is_none(name: str) -> None:
    assert difference(*UNCLEAR[name]) is None


def test_a_huge_outline_is_not_kept() -> None:
    huge = outline({})._replace(ids=JoinedColumn(b"a" * (outlines.KEPT_BYTES + 1), 1))
    assert outlines.to_keep(huge, huge.fingerprint()) is None
    small = outline({})
    assert outlines.to_keep(small, small.fingerprint()) == (small, small.fingerprint())


# ---- what lists show ------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state.db of the home of `sessions`, in which only what its indexes show is read."""
    monkeypatch.setattr(scan, "FULL_SCAN_UP_TO", 0)
    monkeypatch.setattr(mirror_rows, "RECENT", 1)
    (tmp_path / "home").mkdir()
    path = new_state(tmp_path / "home" / "state.db")
    with writing(path) as db:
        for number, name in enumerate(("one", "two", "cron_daily_1", "latest")):
            title = None if name.startswith("cron") else name.title()
            add_session(db, name, "hello", begun=START + number, title=title)
    return path


def rename(path: Path, session_id: str, title: str) -> None:
    with writing(path) as db:
        db.execute("UPDATE sessions SET title = ? WHERE id = ?", (title, session_id))


def titles(sessions: SessionRepository) -> dict[str, str]:
    return {each.session_id: each.title for each in sessions.list(agent=True, hidden=True).items}


def expect(sessions: SessionRepository, **changed: str) -> None:
    """Check that a list has these titles, and all others as a mirror made from nothing."""
    shown = titles(sessions)
    assert shown.items() >= changed.items()
    sessions.rebuild()
    assert titles(sessions) == shown


def test_a_home_that_is_opened_twice_shows_each_change_in_both(
    path: Path, sessions: SessionRepository
) -> None:
    with SessionRepository.open(hermes_home=path.parent) as other:
        for number in range(3):
            for first, second in ((sessions, other), (other, sessions)):
                rename(path, "one", f"One {number} {id(first)}")
                assert titles(first)["one"] == f"One {number} {id(first)}"
                rename(path, "two", f"Two {number} {id(first)}")
                assert titles(second)["two"] == f"Two {number} {id(first)}"
                rename(path, "one", "One")  # the outline of the start, and no longer the mirror's
                assert titles(first)["one"] == "One"
    expect(sessions, one="One")


LIST = """
import sys
from hermes_sessions import SessionRepository
SessionRepository.open(hermes_home=sys.argv[1]).list(agent=True)
"""


@pytest.mark.slow
def test_changes_that_another_process_mirrored_stay(path: Path, sessions: SessionRepository) -> None:
    rename(path, "one", "Kept")
    assert titles(sessions)["one"] == "Kept"
    rename(path, "one", "Mirrored by another")
    subprocess.run([sys.executable, "-c", LIST, str(path.parent)], check=True)
    rename(path, "two", "Changed since")
    expect(sessions, one="Mirrored by another", two="Changed since")


def replace(path: Path, source: Path) -> None:
    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(source, path)


def test_a_replaced_file_is_not_compared_with_the_outline_of_the_old_one(
    path: Path, sessions: SessionRepository
) -> None:
    titles(sessions)
    with sqlite3.connect(path) as db:
        db.execute("VACUUM INTO ?", (str(kept := path.with_name("kept.db")),))
    rename(path, "one", "Changed before")
    assert titles(sessions)["one"] == "Changed before"
    replace(path, kept)
    assert titles(sessions)["one"] == "One"
    rename(path, "two", "Changed since")
    expect(sessions, one="One", two="Changed since")


def add(path: Path) -> None:
    with writing(path) as db:
        add_session(db, "new", "hello", begun=START + 9, title="New")


def delete(path: Path) -> None:
    with writing(path) as db:
        db.execute("DELETE FROM sessions WHERE id = 'two'")


def name_again(path: Path) -> None:
    with writing(path) as db:
        db.execute("UPDATE sessions SET id = 'three' WHERE id = 'two'")


def exchange(path: Path) -> None:
    with writing(path) as db:
        db.execute("UPDATE sessions SET title = NULL")
        db.execute("UPDATE sessions SET title = CASE id WHEN 'one' THEN 'Two' WHEN 'two' THEN 'One' END")


def name_jobs(path: Path) -> None:
    (path.parent / "cron").mkdir(exist_ok=True)
    jobs = json.dumps([{"id": "daily", "name": "Daily report"}])
    (path.parent / "cron" / "jobs.json").write_text(jobs)


CHANGES: dict[str, Callable[[Path], None]] = {
    "added": add,
    "deleted": delete,
    "another id": name_again,
    "exchanged": exchange,
    "jobs": name_jobs,
    "separators": lambda path: rename(path, "one", "a\x1e2\x1fb"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_after_a_scan_that_kept_an_outline_shows(
    path: Path, sessions: SessionRepository, name: str
) -> None:
    titles(sessions)
    rename(path, "one", "Kept")
    titles(sessions)
    CHANGES[name](path)
    before = titles(sessions)
    rename(path, "latest", "Last")
    expect(sessions, **before | {"latest": "Last"})
