"""The verbs around the trash."""

import json
from pathlib import Path

from hermes_sessions import SessionRepository

from ..support.make import started
from .running import done, ids, parsed, run


def test_delete_goes_on_after_a_failure(home: Path, sessions: SessionRepository) -> None:
    first, second = started(sessions), started(sessions)

    result = run(home, "delete", first, "unknown", second, "--yes")

    assert result.exit_code == 1
    assert result.stdout == f"{first}: moved to the trash\n{second}: moved to the trash\n"
    assert result.stderr == "Error: unknown: no session unknown\n"
    assert sessions.count() == 0
    assert len(list(sessions.config.trash_dir.iterdir())) == 2


def test_delete_prints_json(home: Path, sessions: SessionRepository) -> None:
    session_id = started(sessions)

    assert parsed(home, "delete", session_id, "--yes") == {"deleted": [session_id], "failed": {}}
    failed = run(home, "delete", session_id, "--yes", "--json")
    assert failed.exit_code == 1
    problem = f"session {session_id} is in the trash. Restore it first"
    assert json.loads(failed.stdout) == {"deleted": [], "failed": {session_id: problem}}


def test_a_deleted_session_is_in_the_trash_and_comes_back(may: Path) -> None:
    done(may, "delete", "51f22612416e", "--yes")
    (kept,) = parsed(may, "trash")
    assert (kept["session_id"], kept["message_count"], kept["why"]) == ("51f22612416e", 34, "deleted")
    assert done(may, "trash").splitlines()[0].split() == ["ID", "DELETED", "MESSAGES", "WHY", "TITLE"]
    assert "51f22612416e" not in ids(parsed(may, "list"))
    assert parsed(may, "restore", "51f22612416e") == {"restored": ["51f22612416e"], "failed": {}}
    assert "51f22612416e" in ids(parsed(may, "list"))
    again = run(may, "restore", "51f22612416e")
    assert again.exit_code == 1
    assert "nothing to restore" in again.stderr


def test_the_trash_is_listed_in_pages(may: Path) -> None:
    for session_id in ("51f22612416e", "df8748bd091c"):
        done(may, "delete", session_id, "--yes")
    first = run(may, "trash", "--limit", "1", "--ids")
    assert first.stdout.split() == ["df8748bd091c"]
    words, _, cursor = first.stderr.strip().rpartition(" ")
    assert words == "1 of 2 sessions. For more, add: --cursor"
    last = run(may, "trash", "--limit", "1", "--ids", "--cursor", cursor)
    assert (last.stdout.split(), last.stderr) == (["51f22612416e"], "")


def test_purge_says_first(may: Path) -> None:
    done(may, "delete", "51f22612416e", "--yes")
    assert parsed(may, "purge", "--yes") == {"purged": 0}
    (would,) = parsed(may, "purge", "--older-than", "0", "--dry-run")
    assert would["session_id"] == "51f22612416e"
    assert len(parsed(may, "trash")) == 1
    assert parsed(may, "purge", "--older-than", "0", "--yes") == {"purged": 1}
    assert parsed(may, "trash") == []


def test_sessions_are_erased_by_name(may: Path) -> None:
    done(may, "delete", "51f22612416e", "--yes")
    assert parsed(may, "purge", "51f22612416e", "--yes") == {"purged": 1, "failed": {}}
    assert parsed(may, "trash") == []
    again = run(may, "purge", "51f22612416e", "--yes")
    assert again.exit_code == 1
    assert "no session 51f22612416e in the trash" in again.stderr
    assert run(may, "purge", "51f22612416e", "--dry-run").exit_code == 2
