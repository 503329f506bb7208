"""The server beside an older SDK, as the agent pins it: it says what is wrong, and what to do."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_sessions.cli import mcp as verb
from hermes_sessions.cli.main import main


def test_an_older_sdk_is_an_error_in_words(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "version", lambda _: "1.26.0")
    result = CliRunner().invoke(main, ["--hermes-home", str(demo), "mcp"])
    assert result.exit_code == 1
    assert "needs version 2 of the package mcp, and 1.26.0 is installed" in result.output
    assert "pipx install" in result.output
