"""A search does not find the question that it was asked by a tool, nor what that tool answered."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hermes_sessions import SessionRepository

from ..support.agent_db import START, add_message, add_session, keep_full_text, new_state, writing
from ..support.make import message

OWN = "mcp__hermes-sessions__search_conversations"
ARGUMENTS = json.dumps({"query": "walrus 数据库"}, ensure_ascii=False)
BRIDGED = json.dumps({"name": OWN, "arguments": {"query": "walrus 数据库"}}, ensure_ascii=False)


def _call(name: str, arguments: str = ARGUMENTS) -> dict[str, Any]:
    return {"id": f"id of {name}", "type": "function", "function": {"name": name, "arguments": arguments}}


# What an assistant calls: each repeats the walrus of another conversation, and nothing else says the word.
CALLS: dict[str, list[dict[str, Any]]] = {
    "the agent's own": [_call("session_search")],
    "ours, as Claude Code names it": [_call(OWN)],
    "ours, as the agent names it": [_call(OWN.replace("-", "_"))],
    "ours, as the agent named it": [_call("mcp_hermes_sessions_search_conversations")],
    "ours, by a third tool": [_call("mcp__hermes_sessions__usage")],
    "ours, by the bridge": [_call("tool_call", BRIDGED)],
    "by its bare name": [_call("search_conversations")],
    "without an id": [{"name": "session_search", "arguments": ARGUMENTS}],
    "with a second call": [_call("session_search"), _call("terminal", '{"command": "gnu --lemur"}')],
}


@pytest.fixture(scope="module", params=["web UI", "agent", "agent without full text"])
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SessionRepository]:
    """A conversation for each of `CALLS`, with and without a text of the message, in one of the stores."""
    folder = tmp_path_factory.mktemp("echoes")
    chats = {f"{name}, {kind}": _chat(TEXTS[kind], CALLS[name]) for name in CALLS for kind in TEXTS}
    chats["source"] = [message("A walrus in the 数据库管理 of the zoo")]
    if request.param != "web UI":
        _write_agent(folder, chats, full_text=request.param == "agent")
    with SessionRepository.open(folder / "webui", hermes_home=folder) as sessions:
        for title in chats if request.param == "web UI" else ():
            sessions.append(sessions.new(title=title).session_id, chats[title])
        sessions.complete_search()
        yield sessions


TEXTS = {"says nothing": "", "says something": "Let me look, señor: quokka"}


def _chat(text: str, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    (first, *_), answer = calls, "The walrus 数据库 said in another chat"
    name = first.get("function", first)["name"]
    answered = OWN if name == "tool_call" else name
    result = message(answer, "tool", tool_call_id=first.get("id"), name=answered)
    return [message("Where was it?"), message(text, "assistant", tool_calls=calls), result]


def _write_agent(folder: Path, chats: dict[str, list[dict[str, Any]]], *, full_text: bool) -> None:
    new_state(folder / "state.db")
    with writing(folder / "state.db") as db:
        if full_text:
            keep_full_text(db)
        for number, (title, messages) in enumerate(chats.items()):
            session_id = f"chat{number}"
            add_session(db, session_id, title=title)
            for at, each in enumerate(messages):
                calls = {"tool_calls": json.dumps(each["tool_calls"])} if "tool_calls" in each else {}
                result = {"tool_name": each["name"]} if "name" in each else {}
                values = {**calls, **result, "tool_call_id": each.get("tool_call_id")}
                add_message(db, session_id, each["content"], each["role"], START + at, **values)


def _found(home: SessionRepository, query: str) -> set[str]:
    return {hit.title for hit in home.search(query, limit=100)}


@pytest.mark.parametrize("query", ["walrus", "walru*", "数据库", "walrus zoo", "another OR walrus"])
def test_only_the_conversation_that_says_it_is_found(home: SessionRepository, query: str) -> None:
    hits = home.search(query)
    assert [hit.title for hit in hits] == ["source"]
    assert hits.total == 1


@pytest.mark.parametrize("query", ["walrus role:tool", "walrus role:assistant", "another role:tool"])
def test_nor_is_it_found_by_the_role_of_its_messages(home: SessionRepository, query: str) -> None:
    assert _found(home, query) == set()


@pytest.mark.parametrize("query", ["quokka", "señor", '"let me look"', "quokka role:assistant"])
def test_a_message_with_words_of_its_own_is_found_by_these(home: SessionRepository, query: str) -> None:
    assert _found(home, query) == {f"{name}, says something" for name in CALLS}
    assert all("walrus" not in hit.snippet for hit in home.search(query, limit=100))


def test_the_other_calls_of_a_message_are_found(
    home: SessionRepository, request: pytest.FixtureRequest
) -> None:
    expected = {f"with a second call, {kind}" for kind in TEXTS}
    if "without full text" in request.node.name:  # texts alone are searched there
        expected = set()
    assert _found(home, "lemur") == expected


@pytest.mark.parametrize("name", ["session_search", OWN])
def test_who_asks_for_the_tool_finds_who_used_it_and_not_by_its_words(
    home: SessionRepository, name: str
) -> None:
    found = _found(home, f"tool:{name}")
    assert {f"{call}, {kind}" for call in USERS[name] for kind in TEXTS} == found
    assert _found(home, f"walrus tool:{name}") == set()


USERS = {
    "session_search": ["the agent's own", "without an id", "with a second call"],
    OWN: ["ours, as Claude Code names it", "ours, by the bridge"],
}
