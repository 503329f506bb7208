"""Tests exports of all conversations into a folder: only what has changed is written, what is gone goes."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions import InvalidValue, SessionRepository, StorageError
from hermes_sessions.exports import tree
from hermes_sessions.exports.manifest import FORMAT, NAME
from hermes_sessions.exports.names import LONGEST_TITLE, file_name, is_file_name
from hermes_sessions.exports.tree import LOCK, TEMPORARY
from hermes_sessions.results import ExportFormat

from ..cli.running import done, parsed
from ..support.agent_db import START, add_message, filled_state, writing
from ..support.efforts import examples
from ..support.make import message, write, write_document


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SessionRepository]:
    """A home with three sessions and the agent's conversations."""
    (tmp_path / "home").mkdir()
    filled_state(tmp_path / "home" / "state.db")
    with SessionRepository.open(hermes_home=tmp_path / "home") as sessions:
        for number, title in enumerate(("Budget 2026", "Ärger & Co. / Umzug", "")):
            created = START + number * 86_400
            write_document(
                sessions,
                f"w{number}",
                title=title,
                created_at=created,
                updated_at=created,
                messages=[message(f"text {number}", at=created)],
            )
        yield sessions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where exports go; it is not there yet."""
    return tmp_path / "out" / "conversations"


def exported(folder: Path) -> dict[str, str]:
    """Return the text of each exported file by its name."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def everything(sessions: SessionRepository) -> set[str]:
    return {each.session_id for each in sessions.list(agent=True, hidden=True)}


def test_each_conversation_becomes_a_private_file(home: SessionRepository, folder: Path) -> None:
    report = home.export_all(folder)
    files = exported(folder)
    assert set(report.written) == everything(home)
    assert (report.unchanged, report.removed, report.failed) == (0, (), {})
    assert len(files) == len(report.written)
    (name,) = (each for each in files if each.endswith("-w1.md"))
    assert name.split("/")[1][2:] == "-ärger-co-umzug-w1.md"
    assert files[name] == home.export("w1", "markdown")
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_second_run_writes_only_what_has_changed(home: SessionRepository, folder: Path) -> None:
    first = home.export_all(folder)
    before = {path: path.stat().st_ino for path in folder.rglob("*.md")}
    again = home.export_all(folder)
    assert (again.written, again.unchanged, again.removed) == ((), len(first.written), ())
    assert {path: path.stat().st_ino for path in folder.rglob("*.md")} == before
    home.append("w0", [message("another")])
    home.tag("w1", "work")
    with writing(home.config.hermes_home / "state.db") as connection:
        add_message(connection, "lone", "one more", timestamp=START + 10_000)
    third = home.export_all(folder)
    assert {"w0", "lone"} <= set(third.written) <= {"w0", "w1", "lone"}
    assert any("another" in text for text in exported(folder).values())


def test_a_file_keeps_its_name_when_the_title_changes(home: SessionRepository, folder: Path) -> None:
    home.export_all(folder)
    names = set(exported(folder))
    home.update("w0", title="Something else")
    assert home.export_all(folder).written == ("w0",)
    assert set(exported(folder)) == names
    assert any(text.startswith("# Something else") for text in exported(folder).values())


def test_what_is_gone_is_removed_and_nothing_else(home: SessionRepository, folder: Path) -> None:
    home.export_all(folder)
    (folder / "README.md").write_text("mine")
    mine = next(folder.glob("2*")) / "notes.md"
    mine.write_text("mine too")
    home.delete("w0")
    report = home.export_all(folder)
    assert report.removed == ("w0",)
    assert not list(folder.rglob("*w0.md"))
    assert mine.read_text() == "mine too"
    home.restore("w0")
    assert home.export_all(folder).written == ("w0",)
    narrower = home.export_all(folder, agent=False, hidden=True)
    assert set(narrower.removed) == everything(home) - {"w0", "w1", "w2"}
    assert (folder / "README.md").read_text() == "mine"


def test_nothing_is_removed_while_a_store_cannot_be_read(home: SessionRepository, folder: Path) -> None:
    first = home.export_all(folder)
    (home.config.hermes_home / "state.db").write_bytes(b"no database at all" * 100)
    report = home.export_all(folder)
    assert report.removed == ()
    assert report.warnings
    assert len(exported(folder)) == len(first.written)


def test_a_conversation_that_cannot_be_read_fails_alone(home: SessionRepository, folder: Path) -> None:
    home.export_all(folder)
    before = exported(folder)
    home.append("w1", [message("new")])
    home.list()
    path = home.config.sessions_dir / "w0.json"
    kept = path.stat()
    path.write_bytes(b"{" + b" " * (kept.st_size - 1))
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    report = home.export_all(folder)
    assert "w1" in report.written
    assert len(exported(folder)) == len(before)


def test_what_is_deleted_in_the_meantime_is_not_unchanged(home: SessionRepository, folder: Path) -> None:
    report = home.export_all(folder, progress=lambda done, _: home.delete("w0") if done == 0 else None)
    assert (report.unchanged, report.removed, report.failed) == (0, (), {})
    assert {*report.written, "w0"} == everything(home) | {"w0"}


@pytest.mark.parametrize("format", ["json", "jsonl", "text", "html", "markdown"])
def test_every_format_has_its_ending(home: SessionRepository, folder: Path, format: ExportFormat) -> None:
    home.export_all(folder)
    report = home.export_all(folder, format=format)
    assert len(report.written) == (0 if format == "markdown" else len(everything(home)))
    ending = {"markdown": "md", "text": "txt"}.get(format, format)
    assert {name.rsplit(".", 1)[1] for name in exported(folder)} == {ending}
    assert len(exported(folder)) == len(everything(home))


def test_credentials_are_masked_unless_asked_for(home: SessionRepository, folder: Path) -> None:
    secret = "sk-ant-" + "a1B2" * 12
    home.append("w0", [message(f"key {secret}")])
    home.export_all(folder, redact=False)
    assert any(secret in text for text in exported(folder).values())
    home.export_all(folder)
    assert not any(secret in text for text in exported(folder).values())


DAMAGED: dict[str, bytes] = {
    "no json": b"{",
    "another format": b'{"format": 9, "how": {}, "files": {}}',
    "a list": b"[]",
    "a path outside": b'{"format": 2, "how": {}, "files": {"w0": ["../../victim", "", 6, false]}}',
    "an absolute path": b'{"format": 2, "how": {}, "files": {"w0": ["/etc/hostname", "", 6, false]}}',
    "a number for a name": b'{"format": 2, "how": {}, "files": {"w0": [1, "", 6, false]}}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_hostile_manifest_is_not_followed(
    home: SessionRepository, folder: Path, name: str
) -> None:
    folder.mkdir(parents=True)
    victim = folder.parent.parent / "victim"
    victim.write_text("victim")
    (folder / NAME).write_bytes(DAMAGED[name])
    report = home.export_all(folder)
    assert set(report.written) == everything(home)
    assert victim.read_text() == "victim"
    assert home.export_all(folder).written == ()


def test_a_manifest_cannot_have_other_files_removed(home: SessionRepository, folder: Path) -> None:
    (folder / "2026-09").mkdir(parents=True)
    mine = folder / "2026-09" / "notes.md"
    mine.write_text("mine")
    listed = {"gone": ["2026-09/notes.md", "", 4, False]}
    (folder / NAME).write_text(json.dumps({"format": FORMAT, "how": {}, "files": listed}))
    assert home.export_all(folder).removed == ()
    assert mine.read_text() == "mine"


def test_a_month_that_is_a_link_is_not_followed(home: SessionRepository, folder: Path) -> None:
    """A folder that was cloned can have a link, and a manifest of files to remove behind it."""
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(parents=True)
    (elsewhere / "notes-gone.md").write_text("mine")
    folder.mkdir()
    (folder / "2026-04").symlink_to(elsewhere)
    listed = {"gone": ["2026-04/notes-gone.md", "", 4, False]}
    (folder / NAME).write_text(json.dumps({"format": FORMAT, "how": {}, "files": listed}))
    with pytest.raises(StorageError, match="2026-04 in it is not a folder"):
        home.export_all(folder)
    assert [path.read_text() for path in elsewhere.iterdir()] == ["mine"]


def test_what_is_in_the_way_of_a_file_is_named(home: SessionRepository, folder: Path) -> None:
    home.export_all(folder)
    one = next(folder.rglob("*.md"))
    one.unlink()
    one.mkdir()
    with pytest.raises(StorageError, match=f"{one.name} in it is a folder"):
        home.export_all(folder)
    assert not (folder / TEMPORARY).exists()


def test_a_planted_link_is_not_written_through(home: SessionRepository, folder: Path) -> None:
    folder.mkdir(parents=True)
    victim = folder.parent / "victim"
    victim.write_text("victim")
    (folder / TEMPORARY).symlink_to(victim)
    (folder / NAME).symlink_to(victim)
    assert set(home.export_all(folder).written) == everything(home)
    assert victim.read_text() == "victim"


@pytest.mark.parametrize("place", ["sessions", "sessions/_trash", ".", "sessions/../new"])
def test_the_folders_of_the_home_are_refused(home: SessionRepository, place: str) -> None:
    before = sorted(home.config.state_dir.rglob("*"))
    with pytest.raises(InvalidValue, match="outside of the state folder"):
        home.export_all(home.config.state_dir / place)
    assert sorted(home.config.state_dir.rglob("*")) == before


@pytest.mark.parametrize("place", ["a\0b", "a\ud800b", None])
def test_a_path_that_cannot_be_is_refused(home: SessionRepository, place: Any) -> None:
    with pytest.raises(InvalidValue, match="folder"):
        home.export_all(place)


def test_unchanged_files_behind_many_new_ones_store_no_manifest(
    home: SessionRepository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.export_all(folder)
    home.append("w0", [message("new", at=START + 9e6)])
    monkeypatch.setattr(tree, "SAVED_EVERY", 1)
    stored: list[Path] = []
    monkeypatch.setattr(tree, "write_manifest", lambda where, _: stored.append(where))
    assert home.export_all(folder).written == ("w0",)
    assert len(stored) == 2  # for the file, and at the end


def test_a_credential_in_a_title_is_not_in_the_name(home: SessionRepository, folder: Path) -> None:
    secret = "sk-ant-" + "a1b2" * 12
    home.update("w0", title=f"key {secret}")
    home.export_all(folder, redact=False)
    assert any(secret in name for name in exported(folder))
    home.export_all(folder)
    assert not any(secret in name for name in exported(folder))
    assert len(exported(folder)) == len(everything(home))


def test_files_go_though_there_is_no_agent(tmp_path: Path, folder: Path) -> None:
    with SessionRepository.open(hermes_home=tmp_path / "alone") as sessions:
        for number in range(2):
            write_document(sessions, f"w{number}", title="x", messages=[message(at=START)])
        assert len(sessions.export_all(folder).written) == 2
        sessions.delete("w0")
        report = sessions.export_all(folder)
        assert report.removed == ("w0",)
        assert not report.warnings  # there never was an agent


def test_the_files_of_an_agent_stay_while_it_cannot_be_read(home: SessionRepository, folder: Path) -> None:
    home.export_all(folder)
    (home.config.hermes_home / "state.db").unlink()
    home.delete("w0")
    assert home.export_all(folder).removed == ("w0",)
    assert list(folder.rglob("*lone.md"))


def test_no_file_goes_while_a_session_or_the_filter_cannot_be_understood(
    home: SessionRepository, folder: Path
) -> None:
    home.export_all(folder, agent=False, hidden=True)
    assert home.export_all(folder, agent=False, project_id="unknown").removed == ()
    write(home, "w0", "{")
    home.delete("w1")
    assert home.export_all(folder, agent=False, hidden=True).removed == ()


def test_a_kill_costs_only_what_was_not_stored(
    home: SessionRepository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "SAVED_EVERY", 2)
    seen: list[int] = []

    def stop(done: int, total: int) -> None:
        seen.append(total)
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.export_all(folder, progress=stop)
    assert len(exported(folder)) == 3
    rest = home.export_all(folder)
    assert len(rest.written) == seen[0] - 3
    assert rest.unchanged == 3


def test_a_changed_or_missing_file_is_written_again(home: SessionRepository, folder: Path) -> None:
    home.export_all(folder)
    one, two, *_ = sorted(folder.rglob("*.md"))
    one.unlink()
    two.write_text("edited")
    assert len(home.export_all(folder).written) == 2
    assert one.exists() and two.read_text() != "edited"  # noqa: PT018  # both are of one call


def test_a_folder_that_cannot_be_written_is_named(home: SessionRepository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write into out"):
        home.export_all(tmp_path / "file" / "out")
    with pytest.raises(InvalidValue, match="format must be one of"):
        home.export_all(tmp_path / "out", format="pdf")  # type: ignore[arg-type]  # wrong on purpose
    assert not (tmp_path / "out").exists()


def test_the_lock_and_the_manifest_are_no_conversations(home: SessionRepository, folder: Path) -> None:
    home.export_all(folder)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {LOCK, NAME}
    stored = json.loads((folder / NAME).read_bytes())
    assert set(stored["files"]) == everything(home)


def test_the_command_line_exports_all(home: SessionRepository, folder: Path) -> None:
    words = ("export-all", str(folder))
    written = len(everything(home))
    assert done(home.config.hermes_home, *words) == f"{written} written, 0 unchanged, 0 removed\n"
    assert done(home.config.hermes_home, *words) == f"0 written, {written} unchanged, 0 removed\n"
    found = parsed(home.config.hermes_home, *words, "--no-agent", "--format", "jsonl")
    assert set(found["written"]) == {"w0", "w1", "w2"}
    assert set(found["removed"]) == everything(home) - {"w0", "w1", "w2"}


# ---- names ----------------------------------------------------------------------------------------------

NAMES: dict[tuple[str, str, float], str] = {
    ("ab12", "Budget: Q3/2026", START): "-budget-q3-2026-ab12.md",
    ("ab12", "", START): "-ab12.md",
    ("a/../b", "x", START): "-x-a____b-",
    ("ab12", "日本語 の 会話", START): "-日本語-の-会話-ab12.md",
    ("ab12", "日" * 40, START): f"-{'日' * 26}-ab12.md",
    ("AB12", "x", START): "-x-AB12-",
}


@pytest.mark.parametrize(("session_id", "title", "at"), NAMES)
def test_a_name_has_the_day_the_title_and_the_id(session_id: str, title: str, at: float) -> None:
    month, name = file_name(session_id, title, at, "md").split("/")
    assert month == "2026-04"
    assert name[2:].startswith(NAMES[session_id, title, at])


@pytest.mark.parametrize("at", [0, -1, 1e13, float("nan")])
def test_a_wrong_date_has_a_folder_of_its_own(at: float) -> None:
    assert file_name("ab12", "Budget", at, "md") == "no-date/budget-ab12.md"


@examples(1)
@given(session_id=st.text(min_size=1), title=st.text(), at=st.floats())
def test_every_name_stays_in_the_folder(session_id: str, title: str, at: float) -> None:
    name = file_name(session_id, title, at, "md")
    assert is_file_name(name, session_id)
    assert len(os.fsencode(name.split("/")[1])) < 256
    assert len(name) < LONGEST_TITLE + 170


# ---- all messages ---------------------------------------------------------------------------------------


def test_all_messages_of_both_stores_come_in_order(
    home: SessionRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hermes_sessions.repository.exporting.MESSAGES_AT_ONCE", 3)
    home.append("w0", [message(f"more {number}") for number in range(8)])
    found: dict[str, list[tuple[int, Any]]] = {}
    for summary, index, said in home.iter_messages():
        found.setdefault(summary.session_id, []).append((index, said))
    expected = {
        each.session_id: list(enumerate(home.messages(each.session_id).messages))
        for each in home.list(agent=True, hidden=True)
        if each.message_count
    }
    assert found == expected
    assert list(found) == list(expected)
    assert {each.session_id for each, _, _ in home.iter_messages(agent=False)} == {"w0", "w1", "w2"}


def test_a_conversation_deleted_in_the_meantime_is_left_out(home: SessionRepository) -> None:
    messages = home.iter_messages(agent=False)
    first, *_ = next(messages)
    (other,) = {"w0", "w1"} - {first.session_id} if first.session_id != "w2" else {"w1"}
    home.delete(other)
    assert other not in {each.session_id for each, _, _ in messages}


def test_a_wrong_filter_is_refused_before_the_first_message(home: SessionRepository) -> None:
    with pytest.raises(InvalidValue, match="Did you mean archived"):
        home.iter_messages(archivd=True)  # type: ignore[call-arg]  # wrong on purpose
