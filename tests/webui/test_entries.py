"""Which of the web UI's two lists a conversation is in, and what kind its source makes it."""

from typing import Any

import pytest

from hermes_sessions.webui.entries import (
    background_source,
    has_default_title,
    is_command_line,
    messaging_source,
)


def entry(**values: Any) -> dict[str, Any]:
    return {"session_id": "s", "title": "A title", "is_cli_session": True, **values}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"session_source": "cli", "source_tag": "cli"}, True),
        ({"session_source": "other", "source_tag": "tui"}, True),
        ({"session_source": "other", "raw_source": "ACP"}, True),
        ({"session_source": "external_agent"}, True),
        ({"session_source": "messaging", "source_tag": "telegram"}, False),
        ({"source_tag": "telegram"}, False),
        ({"session_source": "cli", "source_label": "WebUI"}, False),
        ({"source_tag": "cron"}, False),
        ({"source_tag": "tool"}, False),
        ({"source_tag": "subagent"}, False),
        ({"source_tag": "zed"}, False),
        ({"source_tag": "cli", "raw_source": ["telegram"]}, True),
        ({"source_tag": "zed", "title": "Zed Session"}, True),
        ({"title": "Untitled"}, True),
        ({"title": "Untitled", "is_cli_session": False}, False),
        ({}, False),
    ],
)
def test_which_conversations_are_the_command_lines(values: dict[str, Any], expected: bool) -> None:
    assert is_command_line(entry(**values)) is expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (None, True),
        ("", True),
        (" untitled ", True),
        ("CLI", True),
        ("Cli Session", True),
        ("Zed Session", True),
        ("Other Session", False),
        ("session", False),
        ("Plans", False),
    ],
)
def test_which_titles_a_program_gave(title: str | None, expected: bool) -> None:
    assert has_default_title(title, {"zed"}) is expected


def test_the_kinds_of_sources() -> None:
    assert background_source(entry(session_id="cron_daily_1")) == "cron"
    assert background_source(entry(source_tag="webhook")) == "webhook"
    assert background_source(entry(source_tag="cli")) is None
    assert messaging_source(entry(source_tag="Telegram")) == "telegram"
    assert messaging_source(entry(raw_source="weixin", source_tag="cli")) == "weixin"
    assert messaging_source(entry(source_tag="cli")) is None
