"""The verbs `export` and `import`."""

import json
from pathlib import Path
from typing import Any

from hermes_sessions import Session, SessionRepository

from ..support.make import message, turns, write
from .running import NASTY, OBEYED, done, parsed, run


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
    """Return what an export carries into another home; only a copy beside its original names it."""
    extra = {name: value for name, value in session.extra.items() if name != "copied_from"}
    return session.title, session.messages, session.tool_calls, extra


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


def test_an_import_says_what_does_not_exist_here(home: Path, tmp_path: Path) -> None:
    exported = tmp_path / "exported.json"
    exported.write_text(json.dumps({"messages": turns(2), "project_id": "gone", "profile": "other"}))
    imported = run(home, "import", str(exported))
    assert imported.exit_code == 0
    assert "no project gone here" in imported.stderr
    assert "no profile other here" in imported.stderr
