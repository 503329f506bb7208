"""The command line as a shell sees it: output, errors, exit codes, pipes and terminals."""

import json
import os
import pty
import re
import socket
import sqlite3
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from hermes_sessions import Session, SessionRepository
from hermes_sessions.cli.base import Home
from hermes_sessions.cli.main import main
from hermes_sessions.cli.terminal import ago, visible, visible_text
from hermes_sessions.cli.text import LISTED
from hermes_sessions.demo.home import write_home

from ..support.make import message, started, turns, write, write_document

PROGRAM = Path(sys.executable).with_name("hermes-sessions")
NASTY = "\x1b]0;evil\x07\x9b31m\u202ertl[bold red]x[/] :smile:\r\x00\u2028\ud800"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
SECRET = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


def run(home: Path, *words: str, stdin: str | None = None) -> Result:
    """Run a verb in this process."""
    return CliRunner().invoke(main, ["--hermes-home", str(home), *words], input=stdin)


def done(home: Path, *words: str) -> str:
    """Run a verb that must succeed without a word on standard error, and return what it printed."""
    result = run(home, *words)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def parsed(home: Path, *words: str) -> Any:
    """Run a verb with --json, and return the value that it printed."""
    return json.loads(done(home, *words, "--json"), parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def ids(listed: Any) -> list[str]:
    """Return the ids of a list printed as JSON."""
    return [entry["session_id"] for entry in listed["sessions"]]


@pytest.fixture
def home(sessions: SessionRepository) -> Path:
    """The home of the fixture `sessions`, so that a test can look at what a verb did."""
    return sessions.config.hermes_home


# ---- lists ----------------------------------------------------------------------------------------------


def test_list_is_the_oracles(may: Path) -> None:
    oracle = Path(__file__).parents[1] / "samples/webui-may-2026/expected/all_sessions.json"
    expected = [entry["session_id"] for entry in json.loads(oracle.read_text("utf-8"))]

    lines = done(may, "list").splitlines()
    listed = parsed(may, "list")

    assert lines[0].split() == ["ID", "ACTIVE", "MESSAGES", "PROFILE", "PROJECT", "STATE", "TITLE"]
    assert [line.split()[0] for line in lines[1:]] == ids(listed) == expected
    assert (listed["total"], listed["next_cursor"], listed["warnings"]) == (len(expected), None, [])


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ([], {}),
        (["--profile", "work"], {"profile": "work"}),
        (["--project", "Atlas"], {"project_id": "dda173cf256d"}),
        (["--project", "dda173cf256d"], {"project_id": "dda173cf256d"}),
        (["--source", "webui"], {"source": "webui"}),
        (["--source", "cli"], {"source": "cli"}),
        (["--archived"], {"archived": True}),
        (["--no-archived"], {"archived": False}),
        (["--hidden"], {"hidden": True}),
        (["--limit", "3"], {"limit": 3}),
        (
            ["--profile", "work", "--archived", "--hidden"],
            {"profile": "work", "archived": True, "hidden": True},
        ),
    ],
)
def test_list_filters(may: Path, words: list[str], filters: dict[str, Any]) -> None:
    listed = parsed(may, "list", *words)

    with SessionRepository.open(hermes_home=may) as sessions:
        page = sessions.list(**filters)
    assert ids(listed) == [summary.session_id for summary in page.items]
    assert listed["total"] == page.total


def test_list_goes_on_where_it_ended(may: Path) -> None:
    listed = parsed(may, "list", "--limit", "20")
    found = ids(listed)
    while listed["next_cursor"]:
        listed = parsed(may, "list", "--limit", "20", "--cursor", listed["next_cursor"])
        found += ids(listed)

    assert found == ids(parsed(may, "list"))
    result = run(may, "list", "--limit", "20")
    assert "20 of 47 sessions; go on with --cursor " in result.stderr
    assert len(result.stdout.splitlines()) == 21


def put_into_lost_project(sessions: SessionRepository, session_id: str, project_id: str) -> None:
    """Put a session into a project that does not exist, as another program can."""
    sessions.save(replace(sessions.get(session_id), project_id=project_id))


def test_list_names_projects_and_states(home: Path, sessions: SessionRepository) -> None:
    project = sessions.projects.create("Büro / 事務所")
    started(sessions, title="Rent", pinned=True, archived=True, project_id=project.project_id, profile="work")
    put_into_lost_project(sessions, started(sessions, title="Lost"), "gone")

    rows = [re.split(r"  +", line) for line in done(home, "list").splitlines()]

    assert rows[0][3:] == ["PROFILE", "PROJECT", "STATE", "TITLE"]
    assert rows[1][2:] == ["4", "work", "Büro / 事務所", "pinned archived", "Rent"]
    assert rows[2][3:] == ["gone", "Lost"]


def test_list_aligns_wide_characters(home: Path, sessions: SessionRepository) -> None:
    for name in ("事務所", "Atlas"):
        started(sessions, title="x", project_id=sessions.projects.create(name).project_id)

    lines = done(home, "list").splitlines()

    assert len({cell_len(line) - cell_len("TITLE" if "TITLE" in line else "x") for line in lines}) == 1


def test_list_of_nothing(tmp_path: Path) -> None:
    assert done(tmp_path / "new", "list").split() == list(LISTED)
    assert parsed(tmp_path / "new", "list")["sessions"] == []


def test_list_says_what_it_cannot_show(home: Path, sessions: SessionRepository) -> None:
    write(sessions, "broken", "{")

    result = run(home, "list", "--json")

    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: broken.json cannot be read: ")
    assert len(json.loads(result.stdout)["warnings"]) == 1


def test_list_goes_on_without_names_of_projects(home: Path, sessions: SessionRepository) -> None:
    put_into_lost_project(sessions, started(sessions, title="Rent"), "p1")
    sessions.config.projects_file.write_text("[")

    result = run(home, "list")

    assert result.exit_code == 0
    assert "p1" in result.stdout
    assert result.stderr.startswith("Warning: projects.json cannot be read")


# ---- one session ----------------------------------------------------------------------------------------


def test_show_prints_messages_tools_and_what_waits(home: Path, sessions: SessionRepository) -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "terminal", "arguments": '{"command": "ls"}'},
    }
    long = "\n".join(f"line {number}" for number in range(20))
    messages = [
        message("List it", at=1_777_000_000),
        message("", "assistant", tool_calls=[call, "odd"]),
        message(long, "tool", tool_call_id="c1"),
        message([{"type": "text", "text": "Done."}], "assistant"),  # type: ignore[arg-type]  # as models send it
    ]
    write_document(
        sessions,
        "s1",
        title="Files",
        pending_user_message="And now?",
        parent_session_id="s0",
        messages=messages,
    )

    shown = done(home, "show", "s1")

    assert shown.startswith("Files\nid         s1\nmessages   4\n")
    assert re.search(r"^parent     s0$", shown, re.MULTILINE)
    assert re.search(r"^user, 2026-04-2\d \d\d:\d\d\nList it$", shown, re.MULTILINE)
    assert '[calls terminal {"command": "ls"}]' in shown
    assert "line 7\n[12 more lines]\n" in shown
    assert shown.endswith("Done.\n\nwaiting for an answer to: And now?\n")


def test_show_takes_a_part(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions, 10)

    shown = parsed(home, "show", session_id, "--messages", "2", "--before", "6")

    assert [each["content"] for each in shown["messages"]] == ["message 4", "message 5"]
    assert (shown["message_count"], shown["_messages_offset"], shown["_messages_truncated"]) == (10, 4, True)
    assert "\n[8 earlier messages]\n" in done(home, "show", session_id, "--messages", "2")
    whole = parsed(home, "show", session_id)
    assert whole["messages"] == turns(10)
    assert (whole["_messages_truncated"], whole["pending_attachments"]) == (False, [])


def test_show_survives_odd_messages(home: Path, sessions: SessionRepository) -> None:
    write_document(sessions, "s1", title="Odd", messages=["text", 7, {"content": None}, {"tool_calls": {}}])

    assert "\n?\ntext\n\n?\n7\n\n?\n\n" in done(home, "show", "s1")


def test_what_json_has_no_number_for_becomes_null(home: Path, sessions: SessionRepository) -> None:
    text = '{"gateway_routing": NaN, "messages": [{"role": "user", "content": "x", "score": -Infinity}]}'
    write(sessions, "s1", text)

    assert parsed(home, "list")["sessions"][0]["gateway_routing"] is None
    assert parsed(home, "show", "s1")["messages"][0]["score"] is None


# ---- text of strangers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show", "s1"], ["show", "s1", "--json"]])
def test_nothing_of_a_session_reaches_the_terminal_raw(
    home: Path, sessions: SessionRepository, words: list[str]
) -> None:
    session = {"title": NASTY, "workspace": f"/{NASTY}", "project_id": NASTY, "source_label": NASTY}
    said = [message(NASTY, NASTY, tool_calls=[{"function": {"name": NASTY, "arguments": NASTY}}])]
    text = json.dumps({**session, "pending_user_message": NASTY, "messages": said})
    write(sessions, "s1", text)
    write(sessions, f"odd{NASTY[:-4]}".replace("/", "").replace("\0", ""), "{")

    result = run(home, *words)

    assert result.exit_code == 0
    assert not OBEYED.search(result.stdout + result.stderr)
    assert "[bold red]x[/] :smile:" in result.stdout


def test_nothing_in_an_error_or_a_report_reaches_the_terminal_raw(
    home: Path, sessions: SessionRepository
) -> None:
    session_id = started(sessions)
    sessions.projects.create("\x1b[31m")
    nasty_file = home / "\x1b[2J.json"
    nasty_file.write_text("{")

    results = [
        run(home, "rename", session_id, "\x1b[31mred"),
        run(home, "move", session_id, "\x1b[31m"),
        run(home, "projects", "list"),
        run(home, "projects", "create", "\x1b[32m"),
        run(home, "projects", "rename", "\x1b[31m", "\x1b[33m"),
        run(home, "projects", "delete", "\x1b[33m"),
        run(home, "list", "--project", "\x1b[34m"),
        run(home, "import", str(nasty_file)),
        run(home, "delete", "\x1b[35m"),
    ]

    assert [result.exit_code for result in results] == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    assert not OBEYED.search("".join(result.stdout + result.stderr for result in results))


def test_visible_text() -> None:
    assert visible("a\nb\tc\x1b[1m\x85\u202e") == "a b\\x09c\\x1b[1m\\x85\\u202e"
    assert visible_text("a\r\nb\tc\x07") == "a\nb\tc\\x07"
    assert visible("مرحبا 👩‍👩‍👧 é") == "مرحبا 👩‍👩‍👧 é"


def test_secrets_are_masked_unless_asked_for(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions, 0)
    sessions.append(session_id, [message(f"my key is {SECRET}")], title=f"Key {SECRET}")
    changed = run(home, "rename", session_id, f"Key {SECRET}", "--json").stdout

    verbs = [
        ["list"],
        ["list", "--json"],
        ["show", session_id],
        ["show", session_id, "--json"],
        ["export", session_id],
    ]

    for words in verbs:
        masked, whole = done(home, *words), done(home, *words, "--no-redact")
        assert SECRET not in masked
        assert "sk-abc...6789" in masked
        assert SECRET in whole
    assert SECRET not in changed


# ---- changes --------------------------------------------------------------------------------------------


def test_rename(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions)

    assert done(home, "rename", session_id, "  Taxes 2026 ") == f"{session_id}: is now Taxes 2026\n"
    assert sessions.summary(session_id).title == "Taxes 2026"
    assert parsed(home, "rename", session_id, " ")["title"] == "Untitled"


@pytest.mark.parametrize(
    ("verb", "field", "word"), [("pin", "pinned", "pinned"), ("archive", "archived", "archived")]
)
def test_pin_and_archive(home: Path, sessions: SessionRepository, verb: str, field: str, word: str) -> None:
    session_id = started(sessions)
    before = sessions.summary(session_id)

    assert done(home, verb, session_id) == f"{session_id}: {word}\n"
    after = sessions.summary(session_id)
    assert (getattr(after, field), after.updated_at) == (True, before.updated_at)
    assert done(home, verb, session_id, "--off") == f"{session_id}: no longer {word}\n"
    assert parsed(home, verb, session_id, "--off")[field] is False


def test_move(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions)
    project = sessions.projects.create("Atlas")

    assert done(home, "move", session_id, "Atlas") == f"{session_id}: moved to Atlas\n"
    assert parsed(home, "move", session_id, project.project_id)["project_id"] == project.project_id
    assert done(home, "move", session_id, "--none") == f"{session_id}: in no project\n"
    assert sessions.summary(session_id).project_id is None


def test_delete_goes_on_after_a_failure(home: Path, sessions: SessionRepository) -> None:
    first, second = started(sessions), started(sessions)

    result = run(home, "delete", first, "unknown", second)

    assert result.exit_code == 1
    assert result.stdout == f"{first}: moved to the trash\n{second}: moved to the trash\n"
    assert result.stderr == "Error: unknown: no session unknown\n"
    assert sessions.count() == 0
    assert len(list(sessions.config.trash_dir.iterdir())) == 2


def test_delete_prints_json(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions)

    assert parsed(home, "delete", session_id) == {"deleted": [session_id], "failed": {}}
    failed = run(home, "delete", session_id, "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout) == {"deleted": [], "failed": {session_id: f"no session {session_id}"}}


def test_export_and_import_keep_everything(sample: Path, tmp_path: Path) -> None:
    listed = parsed(sample, "list")["sessions"]
    chosen = [entry["session_id"] for entry in listed if entry["message_count"]][:5]
    files = [tmp_path / f"{session_id}.json" for session_id in chosen]
    for session_id, file in zip(chosen, files, strict=True):
        assert done(sample, "export", session_id, "--no-redact", "--output", str(file)) == ""

    imported = parsed(sample, "import", *map(str, files))["imported"]

    with SessionRepository.open(hermes_home=sample) as sessions:
        for session_id, entry in zip(chosen, imported, strict=True):
            old, new = sessions.get(session_id), sessions.get(entry["session_id"])
            assert old.session_id != new.session_id
            assert kept(old) == kept(new)


def kept(session: Session) -> Any:
    """Return what an export carries into another home."""
    return session.title, session.messages, session.tool_calls, session.extra


def test_export_prints_what_python_reads(home: Path, sessions: SessionRepository) -> None:
    write(sessions, "s1", json.dumps({"title": NASTY, "messages": [message(NASTY)]}))

    printed = done(home, "export", "s1")

    assert not OBEYED.search(printed)
    assert json.loads(printed)["title"] == NASTY


def test_import_from_a_pipe(home: Path, sessions: SessionRepository) -> None:
    document = json.dumps({"title": "Piped", "messages": turns(2)})

    result = run(home, "import", "-", stdin=document)

    found = sessions.list().items[0]
    assert (result.exit_code, result.stdout) == (0, f"-: {found.session_id} Piped\n")
    assert found.message_count == 2


def test_import_goes_on_after_a_failure(home: Path, sessions: SessionRepository, tmp_path: Path) -> None:
    texts = {"no.json": "{", "list.json": "[]", "empty.json": "{}", "deep.json": "[" * 200_000}
    texts["good.json"] = json.dumps({"messages": turns(1)})
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    result = run(home, "import", "--json", *(str(tmp_path / name) for name in texts))

    assert result.exit_code == 1
    assert [Path(name).name for name in json.loads(result.stdout)["failed"]] == list(texts)[:-1]
    assert result.stderr.count("Error: ") == 4
    assert "Traceback" not in result.stderr
    assert sessions.count(hidden=True) == 1


# ---- projects -------------------------------------------------------------------------------------------


def test_projects(home: Path, sessions: SessionRepository) -> None:
    created = parsed(home, "projects", "create", "Atlas", "--color", "#22c55e")
    session_id = started(sessions, project_id=created["project_id"])

    assert parsed(home, "projects", "list") == [created | {"sessions": 1}]
    assert done(home, "projects", "list").split() == [
        *["ID", "SESSIONS", "COLOUR", "NAME"],
        *[created["project_id"], "1", "#22c55e", "Atlas"],
    ]
    renamed = parsed(home, "projects", "rename", "Atlas", "Zephyr", "--color", "#fff")
    assert renamed == created | {"name": "Zephyr", "color": "#fff"}
    assert parsed(home, "projects", "rename", created["project_id"], "Boreas")["color"] == "#fff"
    assert done(home, "projects", "delete", "Boreas") == f"{created['project_id']}: deleted Boreas\n"
    assert sessions.summary(session_id).project_id is None
    assert parsed(home, "projects", "list") == []


def test_projects_of_one_name_need_an_id(home: Path, sessions: SessionRepository) -> None:
    first, second = sessions.projects.create("Atlas"), sessions.projects.create("Atlas")

    result = run(home, "projects", "delete", "Atlas")

    assert result.exit_code == 2
    assert f"{first.project_id}, {second.project_id}" in result.stderr
    assert parsed(home, "projects", "delete", second.project_id) == {"deleted": second.project_id}


# ---- the index ------------------------------------------------------------------------------------------


def test_sync_reports_what_changed(home: Path, sessions: SessionRepository) -> None:
    kept_id, gone_id = started(sessions), started(sessions)
    write_document(sessions, kept_id, title="Changed elsewhere", messages=[])
    write_document(sessions, "new", messages=turns(2))
    (sessions.config.sessions_dir / f"{gone_id}.json").unlink()

    assert done(home, "sync") == "1 added, 1 changed, 1 removed, 0 unreadable\n"
    assert parsed(home, "sync") == {"added": 0, "changed": 0, "removed": 0, "unreadable": 0}


def test_sync_finds_problems(home: Path, sessions: SessionRepository) -> None:
    started(sessions)
    write(sessions, "broken", "{")

    for verb in ("sync", "rebuild"):
        result = run(home, verb)
        assert result.exit_code == 1
        assert "1 unreadable" in result.stdout
        assert result.stderr.startswith("Warning: broken.json cannot be read: ")


def test_rebuild_forgets_what_has_no_file(home: Path, sessions: SessionRepository) -> None:
    for session_id in (started(sessions), started(sessions)):
        (sessions.config.sessions_dir / f"{session_id}.json").unlink()

    refused = run(home, "list")
    assert refused.exit_code == 1
    assert "rebuild" in refused.stderr
    assert parsed(home, "rebuild") == {"added": 0, "changed": 0, "removed": 2, "unreadable": 0}
    assert parsed(home, "list")["total"] == 0


def test_index_json_is_what_the_web_ui_reads(may: Path) -> None:
    index = may / "webui/sessions/_index.json"
    before = json.loads(index.read_text("utf-8"))
    done(may, "list")
    assert json.loads(index.read_text("utf-8")) == before
    index.unlink()

    assert done(may, "index-json") == f"_index.json lists {len(before)} sessions\n"
    assert parsed(may, "index-json") == {"sessions": len(before)}
    after = json.loads(index.read_text("utf-8"))
    assert {entry["session_id"] for entry in after} == {entry["session_id"] for entry in before}


def test_db(may: Path) -> None:
    newest = done(may, "db", "history").splitlines()[-1]
    listed = parsed(may, "list")

    assert done(may, "db", "current") == f"{newest}\n"
    assert parsed(may, "db", "downgrade") == {"revision": None}
    assert done(may, "db", "current") == "none\n"
    assert parsed(may, "db", "upgrade") == {"revision": newest}
    assert parsed(may, "list") == listed
    assert parsed(may, "db", "history")["revisions"][-1] == newest


def test_a_newer_database_is_refused(may: Path) -> None:
    done(may, "list")
    with sqlite3.connect(may / "webui/sessions.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()

    for words in (["list"], ["db", "upgrade"], ["db", "downgrade"], ["rebuild"]):
        result = run(may, *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "9999" in result.stderr


# ---- exit codes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ["--help"]),
        (0, ["--version"]),
        (0, ["list", "-h"]),
        (1, ["show", "unknown"]),
        (1, ["rename", "unknown", "x"]),
        (1, ["pin", "unknown"]),
        (1, ["archive", "unknown"]),
        (1, ["move", "unknown", "--none"]),
        (1, ["move", "unknown", "no such project"]),
        (1, ["delete", "unknown"]),
        (1, ["export", "unknown"]),
        (1, ["list", "--project", "unknown"]),
        (1, ["projects", "rename", "unknown", "x"]),
        (1, ["projects", "delete", "unknown"]),
        (2, []),
        (2, ["unknown"]),
        (2, ["list", "--unknown"]),
        (2, ["list", "--limit", "0"]),
        (2, ["list", "--cursor", "x"]),
        (2, ["list", "--source", "x"]),
        (2, ["show"]),
        (2, ["show", "../x"]),
        (2, ["show", "x" * 129]),
        (2, ["show", ""]),
        (2, ["show", "x", "--messages", "-1"]),
        (2, ["rename", "x"]),
        (2, ["move", "x"]),
        (2, ["move", "x", "y", "--none"]),
        (2, ["delete"]),
        (2, ["import"]),
        (2, ["import", "no such file"]),
        (2, ["projects"]),
        (2, ["projects", "create", " "]),
        (2, ["projects", "create", "x", "--color", "red"]),
        (2, ["db"]),
        (2, ["db", "unknown"]),
        (2, ["demo"]),
        (2, ["demo", ".", "--sessions", "0"]),
        (2, ["serve", "--port", "65536"]),
    ],
)
def test_exit_codes(home: Path, code: int, words: list[str]) -> None:
    result = run(home, *words)

    assert result.exit_code == code
    assert bool(result.stderr) == bool(code)
    assert "Traceback" not in result.stderr


def test_too_long_a_title_is_cut(home: Path, sessions: SessionRepository) -> None:
    assert parsed(home, "rename", started(sessions), "x" * 501)["title"] == "x" * 80


def test_what_the_disk_refuses_is_a_problem(home: Path, sessions: SessionRepository, tmp_path: Path) -> None:
    session_id = started(sessions)
    (tmp_path / "file").write_text("")

    assert run(home, "export", session_id, "--output", str(tmp_path / "none" / "x.json")).exit_code == 1
    assert run(tmp_path / "file", "list").exit_code == 1
    assert run(home, "demo", str(tmp_path / "file" / "x")).exit_code == 1


def test_state_dir_and_profile(tmp_path: Path) -> None:
    state = tmp_path / "elsewhere"
    runner = CliRunner()
    document = json.dumps({"title": "Here", "messages": turns(1)})
    words = ["--state-dir", str(state), "--hermes-home", str(tmp_path / "home"), "--profile", "work"]

    assert runner.invoke(main, [*words, "import", "-"], input=document).exit_code == 0
    assert "Here" in runner.invoke(main, [*words, "list"]).stdout
    assert (state / "sessions.db").exists()
    assert not (tmp_path / "home").exists()
    assert Home(None, tmp_path, "work").config().profile == "work"


# ---- the demo home --------------------------------------------------------------------------------------


def test_demo_is_the_same_for_the_same_arguments(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 1), ("other", 2)):
        write_home(tmp_path / name, sessions=30, seed=seed)

    one, two, other = (contents(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one != other


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_demo_has_some_of_everything(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    assert (
        run(tmp_path, "demo", str(demo), "--json").stdout
        == json.dumps({"hermes_home": str(demo), "sessions": 60}, indent=2) + "\n"
    )

    with SessionRepository.open(hermes_home=demo) as sessions:
        summaries = sessions.list(hidden=True).items
        joint = sessions.list(agent=True, hidden=True)
        whole = [sessions.get(summary.session_id) for summary in summaries]
        assert len(whole) == 60
        assert {summary.project_id for summary in summaries} - {None} == {
            project.project_id for project in sessions.projects.list()
        }
    assert {summary.source for summary in summaries} == {"webui", "cli", "messaging", "cron"}
    assert {summary.profile for summary in summaries} == {"default", "work"}
    assert any(summary.pinned for summary in summaries)
    assert any(summary.archived for summary in summaries)
    agents = {summary.source for summary in joint.items if summary.of_agent}
    assert agents == {"cli", "messaging", "cron", "tool"}
    assert joint.warnings == ()
    lineages = [summary.lineage for summary in joint.items]
    assert any(lineage.get("_compression_segment_count") for lineage in lineages)
    assert any(lineage.get("relationship_type") for lineage in lineages)
    assert any(summary.waiting and not summary.message_count for summary in summaries)
    assert max(summary.message_count for summary in summaries) > 400
    assert all(
        card["assistant_msg_idx"] < len(session.messages) for session in whole for card in session.tool_calls
    )
    assert any("reasoning" in said for session in whole for said in session.messages)
    assert all("{{" not in str(said["content"]) for session in whole for said in session.messages)


def test_demo_is_laid_out_as_the_web_ui_writes(tmp_path: Path, may: Path) -> None:
    write_home(tmp_path / "demo", sessions=3)
    index, *files = sorted((tmp_path / "demo/webui/sessions").iterdir(), key=lambda path: path.name[0] != "_")
    theirs = next(path for path in (may / "webui/sessions").iterdir() if path.name[0] != "_")

    for path in (index, *files):
        text = path.read_text("utf-8")
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    ours = list(json.loads(files[0].read_text("utf-8")))
    assert list(json.loads(theirs.read_text("utf-8")))[: len(ours)] == ours
    assert len(json.loads(index.read_text("utf-8"))) == 3


def test_demo_refuses_what_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")

    for folder in (tmp_path, tmp_path / "file"):
        result = run(tmp_path, "demo", str(folder))
        assert result.exit_code == 2
        assert "not an empty folder" in result.stderr
    assert contents(tmp_path) == {"file": b"kept"}


# ---- the web pages --------------------------------------------------------------------------------------


def test_serve_without_flask_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("webapp", "hermes_sessions.webapp"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flask", None)

    result = run(home, "serve")

    assert result.exit_code == 1
    assert "pip install 'hermes-sessions[web]'" in result.stderr


def test_serve_answers_until_it_is_stopped(may: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start(may, "serve", "--port", str(port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        answer = fetched(f"http://127.0.0.1:{port}/api/sessions", server)
    finally:
        server.terminate()
        server.communicate(timeout=30)

    assert len(answer["sessions"]) == 47


def fetched(url: str, server: subprocess.Popen[bytes]) -> Any:
    """Return the JSON at `url` as soon as the server listens."""
    for _ in range(200):
        assert server.poll() is None, server.communicate()[0].decode()
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


# ---- a real process -------------------------------------------------------------------------------------


def start(home: Path, *words: str, **more: Any) -> subprocess.Popen[bytes]:
    """Start the installed program."""
    return subprocess.Popen([PROGRAM, "--hermes-home", home, *words], **more)


class Seen(NamedTuple):
    """What a process printed, where standard output or error is a terminal, and how it ended."""

    stdout: str
    stderr: str
    code: int


def ran(
    home: Path, *words: str, terminal: Sequence[str] = (), columns: int = 100, **environment: str
) -> Seen:
    """Run the installed program with the streams named in `terminal` connected to one."""
    streams = {name: Stream(name in terminal, columns) for name in ("stdout", "stderr")}
    given = {"TERM": "xterm", **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}}
    ends = {name: stream.writer for name, stream in streams.items()}
    process = start(home, *words, env=given | environment, stdin=subprocess.DEVNULL, **ends)
    for stream in streams.values():
        stream.read()
    code = process.wait(timeout=60)
    return Seen(streams["stdout"].text(), streams["stderr"].text(), code)


class Stream:
    """A pipe, or a terminal so many columns wide, read to its end."""

    def __init__(self, terminal: bool, columns: int) -> None:
        self._reader, self.writer = pty.openpty() if terminal else os.pipe()
        if terminal:
            termios.tcsetwinsize(self.writer, (40, columns))
        self._found = b""
        self._thread = threading.Thread(target=self._collect)

    def read(self) -> None:
        """Begin to read; the process has its own copy of the other end."""
        os.close(self.writer)
        self._thread.start()

    def _collect(self) -> None:
        try:
            while some := os.read(self._reader, 65_536):
                self._found += some
        except OSError:  # how a terminal ends on Linux
            pass
        os.close(self._reader)

    def text(self) -> str:
        """Return all that was read."""
        self._thread.join()
        return self._found.decode(errors="replace").replace("\r\n", "\n")


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A home of 300 sessions that nobody has opened."""
    write_home(tmp_path / "crowd", sessions=300)
    return tmp_path / "crowd"


def test_a_bar_shows_on_a_terminal_alone(crowd: Path) -> None:
    first = ran(crowd, "list", "--json", terminal=["stderr"])
    again = ran(crowd, "list", "--json", terminal=["stderr"])
    piped = ran(crowd, "rebuild")
    rebuilt = ran(crowd, "rebuild", terminal=["stderr"])

    assert json.loads(first.stdout) == json.loads(again.stdout)
    assert "Reading sessions" in first.stderr
    assert "100%" in first.stderr
    assert again == Seen(again.stdout, "", 0)
    assert piped == Seen("300 added, 0 changed, 0 removed, 0 unreadable\n", "", 0)
    assert "Reading sessions" in rebuilt.stderr


def test_colour_on_a_terminal_alone(crowd: Path) -> None:
    seen = ran(crowd, "list", terminal=["stdout"])
    plain = ran(crowd, "list", terminal=["stdout"], NO_COLOR="1")
    piped = ran(crowd, "list")

    assert seen.stdout.startswith("\x1b[1mID ")
    assert plain.stdout.startswith("ID ")
    assert "\x1b" not in plain.stdout + piped.stdout


def test_a_list_is_cut_to_the_terminal_and_whole_in_a_pipe(home: Path, sessions: SessionRepository) -> None:
    started(sessions, title="整理本周会议纪要" * 10)

    narrow = ran(home, "list", terminal=["stdout"], columns=61, NO_COLOR="1").stdout.splitlines()
    piped = ran(home, "list").stdout

    assert narrow[1].endswith("…")
    assert 60 <= cell_len(narrow[1]) <= 61
    assert "整理本周会议纪要" * 10 in piped


@pytest.mark.parametrize(
    "words", [["list"], ["list", "--json"], ["show", "{id}"], ["export", "{id}"], ["--help"]]
)
def test_a_closed_pipe_ends_quietly(may: Path, words: list[str]) -> None:
    session_id = ids(parsed(may, "list"))[0]
    reader, writer = os.pipe()
    os.close(reader)

    process = start(
        may, *(word.format(id=session_id) for word in words), stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)

    assert process.communicate(timeout=60)[1] == b""


def test_head_ends_a_long_list_quietly(crowd: Path) -> None:
    command = f"set -o pipefail; '{PROGRAM}' --hermes-home '{crowd}' list --json | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert (result.stdout, result.stderr) == ("{\n", "")


def test_exit_codes_of_the_process(may: Path) -> None:
    assert ran(may, "list").code == 0
    missing = ran(may, "show", "unknown")
    assert missing == Seen("", "Error: no session unknown\n", 1)
    assert ran(may, "show", "../x").code == 2


def test_json_is_utf_8_whatever_the_locale(may: Path) -> None:
    plain = ran(may, "list", "--json", PYTHONIOENCODING="latin-1")
    table = ran(may, "list", PYTHONIOENCODING="latin-1")

    assert "整理本周会议纪要" in plain.stdout
    assert (table.code, table.stderr) == (0, "")
    assert r"\u6574\u7406" in table.stdout


# ---- times ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (59, "now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86_399, "23 h ago"),
        (86_400, "1 d ago"),
        (30 * 86_400 - 1, "29 d ago"),
    ],
)
def test_recent_times(seconds: int, words: str) -> None:
    assert ago(1_777_000_000 - seconds, 1_777_000_000) == words


def test_other_times_are_dates() -> None:
    now = 1_777_000_000

    assert re.fullmatch(r"2026-03-2\d", ago(now - 31 * 86_400, now))
    assert re.fullmatch(r"2026-0[45]-\d\d", ago(now + 86_400, now))
    assert ago(9e18, now) == "?"
