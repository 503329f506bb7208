"""Exported files: which are accepted, and what becomes of the names, flags and times in them."""

import json
from typing import Any

import pytest

from hermes_sessions import InvalidValue, SessionRepository
from hermes_sessions.formats import as_document, read_documents

from ..support.make import turns

FIRST: dict[str, Any] = {
    "id": "20260131_093000_ab12",
    "source": "telegram",
    "title": None,
    "model": "opus",
    "started_at": 1_769_850_000.0,
    "ended_at": None,
    "cwd": "/srv/app",
    "archived": 1,
    "input_tokens": 120,
    "output_tokens": 30,
    "estimated_cost_usd": 0.25,
    "chat_id": "c-1",
    "parent_session_id": None,
    "last_active": 1_769_850_009.0,
    "messages": [
        {
            "id": 1,
            "session_id": "x",
            "role": "user",
            "content": "Water the plants",
            "timestamp": 1_769_850_001.0,
        }
        | {"tool_calls": None, "active": 1},
        {"id": 2, "session_id": "x", "role": "user", "content": "taken back", "active": 0},
        {"id": 3, "session_id": "x", "role": "assistant", "content": None, "timestamp": 1_769_850_002.0}
        | {"tool_calls": [{"id": "call_1"}], "reasoning": "Which ones?"},
    ],
}
SECOND = {**FIRST, "id": "20260131_093000_cd34", "title": "Balcony", "archived": 0}
LIBRECHAT = {"conversationId": "l-1", "title": "Elsewhere", "messages": [{"sender": "User", "text": "hello"}]}


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def test_the_agents_export_gets_the_names_of_a_session_file() -> None:
    assert as_document(FIRST) == {
        "session_id": "20260131_093000_ab12",
        "title": "Water the plants",
        "workspace": "/srv/app",
        "model": "opus",
        "created_at": 1_769_850_000.0,
        "updated_at": 1_769_850_002.0,
        "archived": True,
        "input_tokens": 120,
        "output_tokens": 30,
        "estimated_cost": 0.25,
        "parent_session_id": None,
        "is_cli_session": True,
        "source_tag": "telegram",
        "session_source": "messaging",
        "source_label": "Telegram",
        "raw_source": "telegram",
        "source": "telegram",
        "started_at": 1_769_850_000.0,
        "cwd": "/srv/app",
        "estimated_cost_usd": 0.25,
        "chat_id": "c-1",
        "last_active": 1_769_850_009.0,
        "messages": [
            {"role": "user", "content": "Water the plants", "timestamp": 1_769_850_001.0},
            {"role": "assistant", "content": None, "timestamp": 1_769_850_002.0}
            | {"tool_calls": [{"id": "call_1"}], "reasoning": "Which ones?"},
        ],
    }


@pytest.mark.parametrize(
    "content",
    [
        encoded(FIRST) + b"\n" + encoded(SECOND) + b"\n",
        encoded(FIRST) + b"\r\n\r\n" + encoded(SECOND),
        encoded([FIRST, SECOND]),
        encoded({"sessions": [FIRST, SECOND]}),
        json.dumps([FIRST, SECOND], indent=2).encode(),
    ],
    ids=["lines", "lines of Windows", "a list", "an object of sessions", "indented"],
)
def test_several_conversations_in_one_file(content: bytes) -> None:
    assert [each["title"] for each in read_documents(content)] == ["Water the plants", "Balcony"]


@pytest.mark.parametrize(
    ("exported", "read"),
    [
        ({"pinned": 1, "archived": 0}, {"pinned": True, "archived": False}),
        ({"pinned": True}, {"pinned": True}),
        ({"pinned": 2}, {"pinned": 2}),
        ({"created_at": "2026-01-31T09:00:00Z"}, {"created_at": 1_769_850_000.0}),
        ({"created_at": 1_769_850_000_000}, {"created_at": 1_769_850_000.0}),
        ({"updated_at": "soon"}, {"updated_at": "soon"}),
        ({"future_key": 1}, {"future_key": 1}),
    ],
)
def test_the_web_uis_export_keeps_its_keys(exported: dict[str, Any], read: dict[str, Any]) -> None:
    whole = {"session_id": "s1", "messages": turns(1)}
    assert as_document(whole | exported) == whole | read


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (encoded(LIBRECHAT), "another program"),
        (encoded([LIBRECHAT]), "another program"),
        (encoded({"conversations": []}), "no list of messages"),
        (encoded({**FIRST, "messages": "none"}), "no list of messages"),
        (encoded({**FIRST, "messages": [{"content": "x"}]}), "no list of messages with roles"),
        (encoded({**FIRST, "messages": None}), "no list of messages"),
        (encoded("text"), "no JSON object"),
        (encoded([1]), "no JSON object"),
        (encoded([]), "no conversation"),
        (b"", "no conversation"),
        (b"id,role,text\n1,user,hello\n", "not JSON"),
        (b"\x89PNG\r\n\x1a\n", "not JSON"),
        (b"[" * 200_000, "not JSON"),
    ],
)
def test_anything_else_is_refused_in_words_that_name_what_is_accepted(content: bytes, said: str) -> None:
    with pytest.raises(InvalidValue, match=rf"{said}.*Accepted are the JSON exports of the web UI"):
        read_documents(content)


def test_nothing_is_stored_if_one_conversation_is_refused(sessions: SessionRepository) -> None:
    bad = {**SECOND, "messages": [{"role": "user", "content": "x"}], "session_id": "s", "created_at": "soon"}
    with pytest.raises(InvalidValue, match="created_at"):
        sessions.import_export(encoded([FIRST, bad]))
    assert sessions.count(hidden=True) == 0


def test_imported_conversations_are_listed_as_they_were(sessions: SessionRepository) -> None:
    first, second = sessions.import_export(encoded(FIRST) + b"\n" + encoded(SECOND))
    assert sessions.get(first.session_id) == first
    listed = {each.title: each for each in sessions.list()}
    assert (listed["Balcony"].session_id, listed["Balcony"].archived) == (second.session_id, False)
    found = listed["Water the plants"]
    assert (found.archived, found.model, found.message_count) == (True, "opus", 2)
    assert (found.created_at, found.last_message_at) == (1_769_850_000.0, 1_769_850_002.0)
