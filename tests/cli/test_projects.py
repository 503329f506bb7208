"""The verbs `projects ...`."""

import json
from pathlib import Path

from hermes_sessions import SessionRepository

from ..support.make import started
from .running import done, parsed, run


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
    assert done(home, "projects", "delete", "Boreas", "--yes") == f"{created['project_id']}: deleted Boreas\n"
    assert sessions.summary(session_id).project_id is None
    assert parsed(home, "projects", "list") == []


def test_names_of_projects_are_masked(home: Path, sessions: SessionRepository) -> None:
    secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
    created = run(home, "projects", "create", f"Key {secret}").stdout
    started(sessions, project_id=sessions.projects.list()[0].project_id)
    for verb in (("projects", "list"), ("list",)):
        assert secret not in run(home, *verb).stdout
        assert secret in run(home, *verb, "--no-redact").stdout
    assert secret not in created + run(home, "projects", "list", "--json").stdout


def test_projects_of_one_name_need_an_id(home: Path, sessions: SessionRepository) -> None:
    records = [{"project_id": name, "name": "Atlas"} for name in ("first", "second")]  # of another program
    (sessions.config.state_dir / "projects.json").write_text(json.dumps(records))

    result = run(home, "projects", "delete", "Atlas", "--yes")

    assert result.exit_code == 2
    assert "first, second" in result.stderr
    assert parsed(home, "projects", "delete", "second", "--yes") == {"deleted": "second"}
