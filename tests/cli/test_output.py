"""CSV, ids alone, narrow terminals, and what is said of nothing."""

import csv
import io
import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from hermes_sessions import SessionRepository
from hermes_sessions.cli.output import csv_cell, utc

from ..support.make import message, started, turns, write, write_document
from .running import NASTY, OBEYED, done, parsed, run, run_program

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("Rent", "Rent"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\\x09x"),
        ("a=b", "a=b"),
        ("", ""),
        ("a\x1b[31m", "a\\x1b[31m"),
        (-1.5, -1.5),
        (7, 7),
        (None, None),
        (True, "true"),
        (False, "false"),
    ],
)
def test_a_cell(value: object, cell: object) -> None:
    assert csv_cell(value) == cell


def test_times_are_of_the_calendar_or_empty() -> None:
    assert utc(1_777_000_000.5) == "2026-04-24T03:06:40+00:00"
    assert {utc(at) for at in (1e300, float("nan"), float("inf"), -1e18)} == {""}


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV text, of which every line ends as RFC 4180 has it."""
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def raw(home: Path, *words: str) -> str:
    """Return what a verb prints, with its ends of lines."""
    result = run(home, *words)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout_bytes.decode()


@pytest.fixture
def hostile(sessions: SessionRepository) -> SessionRepository:
    """A home whose titles, projects and tags are made to harm."""
    project = sessions.projects.create('=cmd|"x", y').project_id
    started(sessions, title='=1+1, "quoted"', project_id=project)
    started(sessions, title=f"Key {KEY}")
    write(sessions, "nasty1", json.dumps({"title": NASTY, "messages": [message(NASTY)]}))
    sessions.tag("nasty1", "=sum")
    sessions.delete(started(sessions, title="@deleted"))
    return sessions


def test_csv_of_lists(home: Path, hostile: SessionRepository) -> None:
    found = rows(raw(home, "list", "--csv"))
    listed = parsed(home, "list")["sessions"]
    assert [each["session_id"] for each in found] == [each["session_id"] for each in listed]
    by_title = {each["title"]: each for each in found}
    formula = by_title['\'=1+1, "quoted"']
    assert (formula["project"], formula["message_count"]) == ('\'=cmd|"x", y', "4")
    assert formula["last_message_at"].endswith("+00:00")
    assert "Key sk-abc...6789" in by_title
    assert not OBEYED.search("".join(value for each in found for value in each.values()))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tags"], {"tag": "'=sum", "sessions": "1"}),
        (["trash"], {"title": "'@deleted", "why": "deleted", "message_count": "4"}),
        (["projects", "list"], {"name": '\'=cmd|"x", y', "sessions": "1", "color": ""}),
        (["usage", "--by", "project"], {"project": '\'=cmd|"x", y', "sessions": "1"}),
        (["search", "quoted"], {"match": "title", "title": '\'=1+1, "quoted"'}),
    ],
)
def test_csv_of_others(
    home: Path, hostile: SessionRepository, words: list[str], expected: dict[str, str]
) -> None:
    found = rows(raw(home, *words, "--csv"))
    assert any(expected.items() <= each.items() for each in found), found


def test_sums_that_are_incomplete_say_so_beside_the_csv(home: Path, hostile: SessionRepository) -> None:
    whole = raw(home, "usage", "--by", "model", "--csv")
    (home / "state.db").write_bytes(b"no database" * 999)
    result = run(home, "usage", "--by", "model", "--csv")
    assert result.exit_code == 0
    assert result.stdout_bytes.decode() == whole
    assert "state.db cannot be read" in result.stderr


@pytest.mark.parametrize(
    ("words", "key"), [(["list"], "sessions"), (["search", "message"], "hits"), (["trash"], "")]
)
def test_ids_alone(home: Path, hostile: SessionRepository, words: list[str], key: str) -> None:
    listed = parsed(home, *words)
    entries = listed[key] if key else listed
    assert done(home, *words, "--ids").split("\n") == [*(each["session_id"] for each in entries), ""]


def test_an_empty_table_has_headers_in_a_pipe(home: Path, sessions: SessionRepository) -> None:
    assert raw(home, "tags", "--csv") == "tag,sessions\r\n"
    assert done(home, "list", "--ids") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["list"], ["tags"], ["trash"], ["projects", "list"], ["search", "nothing"]]
)
def test_nothing_is_said_on_a_terminal_alone(
    home: Path, sessions: SessionRepository, words: list[str]
) -> None:
    shown = run_program(home, *words, terminal=("stdout", "stderr"))
    assert (shown.stdout, shown.stderr) == ("", "Nothing found.\n")
    piped = run_program(home, *words)
    assert "Nothing found" not in piped.stdout + piped.stderr


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 60, 80, 160])
def test_columns_give_way_to_the_title(home: Path, sessions: SessionRepository, columns: int) -> None:
    project = sessions.projects.create("A project with a long name").project_id
    title = "How the ledger worker ran out of memory"
    write_document(
        sessions, "20260101_120000_abcdef", title=title, messages=turns(2), profile="work", pinned=True
    )
    sessions.update("20260101_120000_abcdef", project_id=project)
    header, row = run_program(home, "list", terminal=("stdout",), columns=columns).stdout.splitlines()[:2]
    assert header.split()[0].endswith("ID")
    assert "TITLE" in header
    assert title[:15] in row
    assert cell_len(row) <= columns
    assert (title in row) == (columns == 160)
    assert ("PROJECT" in header) == (columns == 160)


def test_an_export_overwrites_nothing_unasked(
    home: Path, sessions: SessionRepository, tmp_path: Path
) -> None:
    session_id, target = started(sessions, title="Rent"), tmp_path / "rent.json"
    target.write_text("mine")
    result = run(home, "export", session_id, "-o", str(target))
    assert (result.exit_code, target.read_text()) == (1, "mine")
    assert result.stderr == f"Error: {target} exists. Add --force to overwrite it.\n"
    assert done(home, "export", session_id, "-o", str(target), "--force") == ""
    assert json.loads(target.read_text())["title"] == "Rent"
