"""A repair reads each session file once, whatever is wrong with it."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository
from hermes_sessions.index import database, rows

from ..support.make import folder_of, started, turns, write_document

# A hook cannot be removed, so the repair runs in a process of its own.
PROGRAM = """
import json, sys
from collections import Counter
from pathlib import Path
from hermes_sessions import SessionRepository, config

opened = Counter()
def count(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, Path)) and "sessions" in Path(arguments[0]).parts:
        if "r" in (arguments[1] or "r"):
            opened[Path(arguments[0]).name] += 1

with SessionRepository(config.resolve(sys.argv[1])) as sessions:
    sys.addaudithook(count)
    report = sessions.repair(apply=sys.argv[2] == "apply")
    counts = dict(opened)
print(json.dumps({"opened": counts, "repaired": [each.kind for each in report.repaired]}))
"""


def repaired(state_dir: Path, how: str) -> Any:
    """Repair a home; return how often each file was opened, and the kinds of what was repaired."""
    command = [sys.executable, "-c", PROGRAM, str(state_dir), how]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["apply", "only report"])
def test_a_repair_reads_each_file_once(sessions: SessionRepository, how: str) -> None:
    for name in ("intact", "stale", "miscounted", "shortened"):
        write_document(sessions, name, title=name, messages=turns(4))
    sessions.sync()
    sessions.truncate("shortened", 2)  # which leaves a backup to be compared with
    with database.writing(sessions._home.engine) as connection:
        row = rows.get(connection, "miscounted")
        assert row is not None
        summary = row.summary.changed({"message_count": 40})
        rows.change(connection, row, row._replace(summary=summary))
    write_document(sessions, "stale", title="stale", messages=turns(5), message_count=9)
    write_document(sessions, "new", title="new", messages=turns(1))
    (folder_of(sessions) / "broken.json").write_text("{")

    result = repaired(sessions.config.state_dir, how)

    sidecars = {"intact", "stale", "miscounted", "shortened", "new", "broken"}
    opened = Counter(result["opened"])
    assert {name: opened[f"{name}.json"] for name in sidecars} == dict.fromkeys(sidecars, 1)
    assert Counter(result["repaired"]) == Counter(
        ["stale row", "file without row", "file without row", "wrong count in the index"]
        if how == "apply"
        else []
    )


def test_a_repair_of_an_intact_home_changes_nothing(sessions: SessionRepository) -> None:
    started(sessions, 2)
    version = sessions.version()
    report = sessions.repair(apply=True)
    assert (report.found, report.repaired, report.left) == ((), (), ())
    assert report.text == "nothing to repair, nothing left"
    assert sessions.version() == version
