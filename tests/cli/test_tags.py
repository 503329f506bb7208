"""The verbs `tag`, `untag` and `tags ...`."""

from pathlib import Path

from hermes_sessions import SessionRepository

from ..support.make import started
from .running import done, parsed, run


def test_tags(home: Path, sessions: SessionRepository) -> None:
    one, other = started(sessions, title="One"), started(sessions, title="Other #home")
    assert done(home, "tag", one, "#work", "in progress") == f"{one}: work, in progress\n"
    entries = [{"session_id": one, "tags": ["work", "in progress"]}]
    entries += [{"session_id": other, "tags": ["WORK".lower(), "home"]}]
    assert parsed(home, "tag", one, "WORK", "--to", other) == {"sessions": entries, "failed": {}}
    assert parsed(home, "tags") == {"work": 2, "home": 1, "in progress": 1}
    assert done(home, "tags").split() == ["SESSIONS", "TAG", "2", "work", "1", "home", "1", "in", "progress"]
    assert "work, in progress" in done(home, "list")
    assert "tags       work, home\n" in done(home, "show", other)
    assert [each["tags"] for each in parsed(home, "list", "--tag", "in progress")["sessions"]] == [
        ["work", "in progress"]
    ]
    ids = [each["session_id"] for each in parsed(home, "list", "--tag", "work", "--tag=-home")["sessions"]]
    assert ids == [one]
    assert [each["session_id"] for each in parsed(home, "search", "message", "--tag", "home")["hits"]] == [
        other
    ]
    assert done(home, "untag", one, "in progress", "--from", other) == f"{one}: work\n{other}: work, home\n"
    assert done(home, "untag", one, "work") == f"{one}: no tags\n"
    warned = run(home, "list", "--tag", "nothing")
    assert (warned.exit_code, warned.stderr) == (0, "Warning: No conversation has the tag nothing.\n")


def test_what_fails_is_named_and_the_rest_is_done(home: Path, sessions: SessionRepository) -> None:
    one = started(sessions, title="One #fixed")
    result = run(home, "tag", "unknown", "a", "--to", one)
    assert (result.exit_code, result.stdout) == (1, f"{one}: a, fixed\n")
    assert result.stderr == "Error: unknown: no session unknown\n"
    result = run(home, "untag", one, "fixed")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "#fixed stands in the title; rename the conversation" in result.stderr
    wrong = run(home, "tag", one, "a,b")
    assert (wrong.exit_code, "a tag must be text of 1 to 50 characters" in wrong.stderr) == (2, True)
    assert run(home, "tag", one).exit_code == 2


def test_a_tag_is_renamed_and_removed(home: Path, sessions: SessionRepository) -> None:
    one, other = started(sessions, title="One"), started(sessions, title="Other #old")
    sessions.tag(one, "old")
    result = run(home, "tags", "rename", "old", "new")
    assert (result.exit_code, result.stdout) == (1, "old is now new in 1 session\n")
    assert result.stderr == f"Error: {other}: #old stands in the title; rename the conversation\n"
    assert parsed(home, "tags", "remove", "new", "--yes") == {"done": [one], "failed": {}, "agents": []}
    assert parsed(home, "tags") == {"old": 1}


def test_tags_are_masked(home: Path, sessions: SessionRepository) -> None:
    secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
    one = started(sessions, title="One")
    outputs = [run(home, "tag", one, secret), run(home, "tag", one, secret, "--json")]
    outputs += [run(home, *verb) for verb in (("tags",), ("tags", "--json"), ("list",), ("list", "--json"))]
    outputs += [run(home, "show", one), run(home, "tags", "rename", secret, f"{secret}x")]
    assert all(secret not in each.stdout + each.stderr for each in outputs)
    assert secret in run(home, "tags", "--no-redact").stdout
