"""The verb `watch`: changes are printed as they come, by whichever program, and Ctrl+C ends it."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermes_sessions import SessionRepository

from ..support.make import started, write_document
from .running import done, run, start_program


@pytest.fixture
def home(sessions: SessionRepository) -> Path:
    """The home of a repository that stays open beside the verb."""
    return sessions.config.hermes_home


def test_what_changed_since_a_token_is_printed(sessions: SessionRepository, home: Path) -> None:
    token = sessions.changes().token
    kept, gone = started(sessions, title="Kept"), started(sessions, title="Gone")
    sessions.delete(gone)

    assert (
        done(home, "watch", "--since", token, "--timeout", "0") == f"changed  {kept}  Kept\nremoved  {gone}\n"
    )

    line = json.loads(done(home, "watch", "--since", token, "--timeout", "0", "--json"))
    assert (line["changed"], line["removed"], line["complete"]) == ([kept], [gone], True)
    assert done(home, "watch", "--since", line["token"], "--timeout", "0") == ""


def test_a_token_that_is_not_known_says_so(home: Path) -> None:
    result = run(home, "watch", "--since", "x", "--timeout", "0")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "More may have changed. Read the list again.\n"


def test_a_credential_in_a_title_is_masked(sessions: SessionRepository, home: Path) -> None:
    token = sessions.changes().token
    secret = "sk-" + "a1B2c3D4" * 5
    started(sessions, title=f"key {secret}")

    assert secret not in done(home, "watch", "--since", token, "--timeout", "0")
    assert secret in done(home, "watch", "--since", token, "--timeout", "0", "--no-redact")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl+C end a program: one that starts behind `nohup` or in the background would not hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_changes_of_other_programs_come_as_they_are_made_and_ctrl_c_ends_it(
    sessions: SessionRepository, home: Path
) -> None:
    token, one = sessions.changes().token, started(sessions)
    with start_program(home, "watch", "--json", "--since", token, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert json.loads(program.stdout.readline())["changed"] == [one]
        write_document(sessions, "foreign", title="Foreign", messages=[])
        assert json.loads(program.stdout.readline())["changed"] == ["foreign"]
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=60) == 0
        assert program.stdout.read() == b""
